//! What only git can make of a session's commits, while there are uncommitted changes in its worktree: git makes it in a
//! worktree of its own, that is gone afterwards, and the session's own then moves as it does to any commit, with what is
//! uncommitted merged in memory. Until then nothing of the session is touched.
//!
//! Not where hooks run: they are to find the session's own worktree, and what they would find in it is not what git's
//! rebase would have left there.

use super::by_git::{merge_message, rebase, said_no};
use super::decide::lay_along;
use super::execute::Worker;
use super::{Collision, Outcome, Planned};
use crate::error::{Context as _, Error, Result};
use crate::git::replay::Replayer;
use crate::git::{Repo, Worktree, status};
use crate::host::process::Command;
use crate::ops::journal;
use crate::session::{ObjectId, OperationId};
use std::path::{Path, PathBuf};

/// What such a directory is called, before the operation's id.
const PREFIX: &str = "session-aside-";

/// Whether git could do it aside: not with settings of this worktree alone that say where it is.
pub(super) fn is_possible(worktree: &Worktree) -> bool {
    let text = std::fs::read_to_string(worktree.git_dir.join("config.worktree")).unwrap_or_default();
    !text.lines().any(|line| line.trim().to_ascii_lowercase().starts_with("worktree"))
}

impl Worker<'_> {
    /// The new tip, with what is uncommitted merged; none where the row says why not.
    pub(super) fn aside(&self, planned: &mut Planned, from: ObjectId, onto: ObjectId) -> Result<Option<ObjectId>> {
        let worktree = planned.worktree.clone().ok_or_else(|| Error::bug("git was to work beside no worktree."))?;
        let Some(to) = self.made_aside(planned, &worktree, from, onto)? else { return Ok(None) };
        let mut replayer = Replayer::new(self.repo)?;
        let noted = planned.row.notes.len();
        lay_along(&mut replayer, &self.repo.identity()?, planned, (from, to))?;
        if !planned.row.outcome.moves() {
            return Ok(None);
        }
        // The plan has said it already, unless it could not tell.
        let said: Vec<String> = planned.row.notes.drain(noted..).collect();
        for note in said {
            if !planned.row.notes.contains(&note) {
                planned.row.notes.push(note);
            }
        }
        if let Some((before, after)) = planned.carried {
            self.repo.store_objects(&replayer.take_objects(), &[before, after])?;
        }
        Ok(Some(to))
    }

    fn made_aside(
        &self,
        planned: &mut Planned,
        worktree: &Worktree,
        from: ObjectId,
        onto: ObjectId,
    ) -> Result<Option<ObjectId>> {
        let scratch = Aside::new(self.repo, self.writer.operation.as_str(), planned.session.id());
        scratch.make(worktree, from)?;
        let (command, verb) = if self.options.merge {
            let message = merge_message(planned);
            let command = scratch.git().args(["merge", "--quiet", "--no-edit", "-m", message.trim_end()]);
            (command.arg(onto.to_string()), "merge")
        } else {
            (rebase(self.repo, scratch.git(), planned, from, onto, self.options)?, "rebase")
        };
        let output = command.env("GIT_EDITOR", ":").env("GIT_SEQUENCE_EDITOR", ":").run()?;
        if output.is_success() {
            let head = scratch.git().args(["rev-parse", "--verify", "HEAD"]).run_ok()?.text();
            let to = ObjectId::from_hex(head.as_bytes()).or_refuse(|| "git does not say what it has made.")?;
            return Ok(Some(to));
        }
        let unmerged = status::changed_paths(&scratch.path)?;
        let unmerged: Vec<Collision> = unmerged
            .into_iter()
            .filter(|change| super::by_git::is_unmerged(change.mark))
            .map(|change| Collision::of_path(change.path))
            .collect();
        if unmerged.is_empty() {
            said_no(planned, worktree, verb, self.options.merge.then_some(onto), &output.stderr);
        } else {
            planned.row.outcome = Outcome::Conflict;
            planned.row.collisions = unmerged;
        }
        Ok(None)
    }
}

/// The worktree that git does it in.
struct Aside<'a> {
    repo: &'a Repo,
    path: PathBuf,
}

impl<'a> Aside<'a> {
    fn new(repo: &'a Repo, operation: &str, session: ObjectId) -> Aside<'a> {
        let name = format!("{PREFIX}{operation}-{}", session.to_hex_with_len(12));
        Aside { repo, path: repo.common_dir().join(name) }
    }

    /// Without hooks: those of the branch are not to run, and of others there are none.
    fn git(&self) -> Command {
        self.repo.git_in(&self.path).without_hooks()
    }

    /// Checked out at a commit, with the settings that `like` has for itself.
    fn make(&self, like: &Worktree, commit: ObjectId) -> Result<()> {
        let (place, id) = (self.path.to_string_lossy().into_owned(), commit.to_string());
        let add = ["worktree", "add", "--quiet", "--no-checkout", "--detach", &place, &id];
        self.repo.git().without_hooks().args(add).run_ok()?;
        let git_dir = self.git().args(["rev-parse", "--path-format=absolute", "--git-dir"]).run_ok()?.text();
        for name in ["config.worktree", "info/sparse-checkout"] {
            let (from, to) = (like.git_dir.join(name), Path::new(&git_dir).join(name));
            let failed = || format!("'{}' could not be written.", to.display());
            if from.exists() {
                if let Some(folder) = to.parent() {
                    std::fs::create_dir_all(folder).or_refuse(failed)?;
                }
                std::fs::copy(&from, &to).or_refuse(failed)?;
            } else if to.exists() {
                std::fs::remove_file(&to).or_refuse(failed)?;
            }
        }
        self.git().args(["reset", "--hard", "--quiet", "--no-recurse-submodules"]).run_ok().map(drop)
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.repo.remove_scratch(&self.path);
    }
}

/// Removes what processes that are gone have left.
pub(in crate::ops) fn sweep(repo: &Repo) {
    for entry in repo.common_dir().read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((operation, _)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')) else { continue };
        if OperationId::parse(operation).is_some() && journal::is_gone(repo, operation) {
            repo.remove_scratch(&entry.path());
        }
    }
}
