//! A worktree of its own for tests: made when the first one runs, gone afterwards. One that a killed process left goes
//! with the next run.

use crate::error::{Context as _, Result};
use crate::git::Repo;
use crate::ops::journal;
use crate::session::ObjectId;
use std::path::{Path, PathBuf};

/// What such a directory is called, before the operation's id.
const PREFIX: &str = "session-integrate-";

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

    /// Whether it still is what was checked out: `HEAD`, index and tracked files. Not where it is gone.
    pub(super) fn is_as_checked_out(&self, commit: ObjectId) -> bool {
        let git = || self.repo.git_in(&self.path).without_hooks();
        let is_at = git().args(["rev-parse", "--verify", "--quiet", "HEAD"]).run_ok();
        let changed = git().args(["status", "--porcelain", "--untracked-files=no"]).run_ok();
        is_at.is_ok_and(|output| output.text().trim() == commit.to_string())
            && changed.is_ok_and(|output| output.text().trim().is_empty())
    }

    /// Puts it onto a commit: tracked files as they are there, untracked ones gone, ignored ones kept for the next build.
    pub(super) fn check_out(&mut self, commit: ObjectId) -> Result<()> {
        let (id, place) = (commit.to_string(), self.path.to_string_lossy().into_owned());
        if self.is_made && !self.path.join(".git").exists() {
            remove(self.repo, &self.path);
            self.is_made = false;
        }
        if !self.is_made {
            let add = ["worktree", "add", "--quiet", "--force", "--detach", &place, &id];
            self.repo.git().without_hooks().args(add).run_ok()?;
            self.is_made = true;
            return Ok(());
        }
        let git = || self.repo.git_in(&self.path).without_hooks();
        git().args(["checkout", "--quiet", "--force", "--detach", &id]).run_ok()?;
        git().args(["clean", "-ffdq"]).run_ok()?;
        Ok(())
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        if self.is_made {
            remove(self.repo, &self.path);
        }
    }
}

fn remove(repo: &Repo, path: &Path) {
    let place = path.to_string_lossy().into_owned();
    let _ = repo.git().args(["worktree", "remove", "--force", "--force", &place]).run();
    let _ = std::fs::remove_dir_all(path);
    let _ = repo.git().args(["worktree", "prune"]).run();
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
        let Some(operation) = name.strip_prefix(PREFIX) else { continue };
        let is_ours = operation.len() == 32 && operation.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours && entry.path().is_dir() && !journal::is_held(repo, operation) {
            remove(repo, &entry.path());
        }
    }
    Ok(())
}
