//! A worktree of its own for tests: made when the first one runs, gone afterwards. One that a killed process left goes
//! with the next run.

use crate::error::{Context as _, Result};
use crate::git::Repo;
use crate::host::process::Command;
use crate::ops::journal;
use crate::session::{ObjectId, OperationId};
use std::path::{Path, PathBuf};

/// What such a directory is called, before the operation's id.
const PREFIX: &str = "session-integrate-";

/// And what a run prints, behind it.
const PRINTED: &str = ".out";

/// The worktree.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    repo: &'a Repo,
    path: PathBuf,
    is_made: bool,
}

impl<'a> Bench<'a> {
    pub(super) fn new(repo: &'a Repo, operation: &str) -> Bench<'a> {
        Bench { repo, path: repo.common_dir().join(format!("{PREFIX}{operation}")), is_made: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a run prints to.
    pub(super) fn printed(&self) -> PathBuf {
        self.path.with_extension(&PRINTED[1..])
    }

    /// For commands that run there: should they take its link away, the repository that it lies in is not to be found in
    /// its place.
    pub(super) fn ceiling(&self) -> (&'static str, String) {
        ("GIT_CEILING_DIRECTORIES", self.repo.common_dir().to_string_lossy().into_owned())
    }

    fn git(&self) -> Command {
        let (key, value) = self.ceiling();
        self.repo.git_in(&self.path).without_hooks().env(key, value)
    }

    /// Whether it is there, and has its link.
    pub(super) fn is_there(&self) -> bool {
        self.path.join(".git").is_file()
    }

    /// Whether it still is what was checked out: `HEAD`, index and tracked files.
    pub(super) fn is_as_checked_out(&self, commit: ObjectId) -> bool {
        let at = self.git().args(["rev-parse", "--verify", "--quiet", "HEAD"]).run_ok();
        let changed = self.git().args(["status", "--porcelain", "--untracked-files=no"]).run_ok();
        at.is_ok_and(|output| ObjectId::from_hex(output.text().trim().as_bytes()).ok() == Some(commit))
            && changed.is_ok_and(|output| output.text().trim().is_empty())
    }

    /// Puts it onto a commit: tracked files as they are there, untracked ones gone, ignored ones kept for the next build.
    pub(super) fn check_out(&mut self, commit: ObjectId) -> Result<()> {
        let (id, place) = (commit.to_string(), self.path.to_string_lossy().into_owned());
        if self.is_made && !self.is_there() {
            self.repo.remove_scratch(&self.path);
            self.is_made = false;
        }
        if !self.is_made {
            let add = ["worktree", "add", "--quiet", "--force", "--detach", &place, &id];
            self.repo.git().without_hooks().args(add).run_ok()?;
            self.is_made = true;
            return Ok(());
        }
        self.git().args(["checkout", "--quiet", "--force", "--detach", &id]).run_ok()?;
        self.git().args(["clean", "-ffdq"]).run_ok()?;
        Ok(())
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        if self.is_made {
            self.repo.remove_scratch(&self.path);
        }
    }
}

/// Removes what processes that are gone have left.
///
/// # Errors
/// Refused, if the repository cannot be read.
pub fn sweep(repo: &Repo) -> Result<()> {
    let failed = || format!("'{}' could not be read.", repo.common_dir().display());
    for entry in std::fs::read_dir(repo.common_dir()).or_refuse(failed)? {
        let entry = entry.or_refuse(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let operation = rest.strip_suffix(PRINTED).unwrap_or(rest);
        if OperationId::parse(operation).is_none() || journal::is_held(repo, operation) {
            continue;
        }
        if operation == rest {
            repo.remove_scratch(&entry.path());
        } else {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}
