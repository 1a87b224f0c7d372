//! A rebase or a merge that git was stopped in: what there is of git's own, and what somebody has written since.

use crate::error::Result;
use crate::git::worktrees::Head;
use crate::git::{Repo, Worktree, status};
use crate::host::process::Command;
use crate::session::{BString, ObjectId};
use std::collections::HashSet;

/// Takes back what git was stopped in, which sets the files back: not where somebody has written in the worktree since.
/// `is_fresh` where git has stopped just now, so that what is unmerged is git's own, and what is staged of the paths that
/// it was about. Returns whether it did.
///
/// # Errors
/// Refused, with git's words.
pub fn abort(repo: &Repo, worktree: &Worktree, verb: &str, is_fresh: bool, git: Command) -> Result<bool> {
    let changed: Vec<_> =
        status::changed_paths(&worktree.path)?.into_iter().filter(|change| change.mark[0] != b'?').collect();
    let is_unmerged = |mark: [u8; 2]| mark.contains(&b'U') || mark == *b"AA" || mark == *b"DD";
    let mut step = None;
    for change in &changed {
        let is_somebodys = match change.mark {
            _ if !is_fresh => true,
            mark if is_unmerged(mark) => false,
            mark @ [_, b'.'] => {
                let step = match &step {
                    Some(step) => step,
                    None => step.insert(Step::of(repo, worktree, verb)?),
                };
                !step.has_staged(&change.path, mark[0])
            }
            _ => true,
        };
        if is_somebodys {
            return Ok(false);
        }
    }
    git.args([verb, "--abort"]).run_ok().map(|_| true)
}

/// What git was about to put into the worktree when it stopped.
#[derive(Default)]
struct Step {
    /// The paths that the commit changes; none where it is not known which one that is.
    paths: Option<HashSet<BString>>,
    /// All paths that were there before it.
    before: HashSet<BString>,
}

impl Step {
    fn of(repo: &Repo, worktree: &Worktree, verb: &str) -> Result<Step> {
        let Some((before, after)) = commits(repo, worktree, verb)? else { return Ok(Step::default()) };
        let (before, after) = (before.to_string(), after.to_string());
        let changed = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", &before, &after];
        let all = ["ls-tree", "-r", "-z", "--name-only", &before];
        Ok(Step {
            paths: Some(names(&repo.git().args(changed).run_ok()?.stdout)),
            before: names(&repo.git().args(all).run_ok()?.stdout),
        })
    }

    /// Whether git may have staged this. Where the other side has renamed a file its change is at a path that the commit
    /// knows nothing of.
    fn has_staged(&self, path: &BString, mark: u8) -> bool {
        let Some(paths) = &self.paths else { return true };
        paths.contains(path) || mark != b'A' && !self.before.contains(path)
    }
}

/// The commit that was being picked or merged, after what it is a change of.
fn commits(repo: &Repo, worktree: &Worktree, verb: &str) -> Result<Option<(ObjectId, ObjectId)>> {
    let read = |name: &str| std::fs::read_to_string(worktree.git_dir.join(name)).unwrap_or_default();
    if verb == "merge" {
        let Ok(theirs) = ObjectId::from_hex(read("MERGE_HEAD").trim().as_bytes()) else { return Ok(None) };
        let head = match &worktree.head {
            Head::Branch(branch) => repo.ref_id(branch)?,
            Head::Detached(id) => Some(*id),
            _ => None,
        };
        let Some(head) = head else { return Ok(None) };
        return Ok(repo.merge_bases(head, theirs)?.first().map(|base| (*base, theirs)));
    }
    let done = read("rebase-merge/done");
    let last = done.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let Some(id) = last.split(' ').nth(1).and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()) else {
        return Ok(None);
    };
    Ok(repo.commit(id)?.parents.first().map(|parent| (*parent, id)))
}

fn names(listed: &[u8]) -> HashSet<BString> {
    listed.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(BString::from).collect()
}
