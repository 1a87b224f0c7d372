//! What lies in the way of a move, and what is to be taken along.

use super::skip;
use crate::error::Result;
use crate::git::config::Identity;
use crate::git::index::Route;
use crate::git::replay::Replayer;
use crate::git::worktrees::path_of_bytes;
use crate::git::{Repo, Worktree};
use crate::ops::sync::{Action, Obstacle, Planned, Reason, carry, look};
use crate::session::{BString, ObjectId};
use std::collections::HashSet;

/// Looks at what lies in the way of a move, and plans to take along what is uncommitted; where that cannot be, the row
/// says so.
pub(in crate::ops::sync) fn lay_along(
    replayer: &mut Replayer,
    identity: &Identity,
    planned: &mut Planned,
    (old, new): (ObjectId, ObjectId),
) -> Result<()> {
    let repo = replayer.repo();
    let (before, after) = (repo.commit(old)?.tree, repo.commit(new)?.tree);
    let Some(worktree) = &planned.worktree else { return Ok(()) };
    let touched = repo.changed_between_trees(before, after)?;
    if let Some(obstacle) = in_the_way(repo, worktree, before, &touched, planned)? {
        skip(&mut planned.row, obstacle);
        planned.row.to = None;
        planned.action = Action::Nothing;
        return Ok(());
    }
    let dirty: HashSet<&BString> = planned.dirty.iter().collect();
    let overlap: Vec<BString> = touched.into_iter().map(|(path, _)| path).filter(|path| dirty.contains(path)).collect();
    if overlap.is_empty() {
        return Ok(());
    }
    carry::carry(replayer, identity, planned, Route { old, new, carried: None }, &overlap)
}

/// What lies where git's own rebase or merge would put a file, if only on its way: what is ignored it writes over, and
/// deletes again with the file that it took it for.
pub(in crate::ops::sync) fn on_git_s_way(
    repo: &Repo,
    worktree: &Worktree,
    planned: &Planned,
    (from, onto): (ObjectId, ObjectId),
    is_merge: bool,
) -> Result<Option<Obstacle>> {
    // A rebase goes by way of each commit.
    let beyond = if is_merge {
        String::new()
    } else {
        repo.git().args(["rev-list", &from.to_string(), &format!("^{onto}")]).run_ok()?.text()
    };
    // The last line asks for what one commit has that the other has not.
    let asked = format!("{beyond}\n{onto} {from}\n");
    let flags = ["diff-tree", "--stdin", "-r", "-m", "-z", "--name-only", "--no-commit-id", "--no-renames"];
    let added = repo.git().args(flags).arg("--diff-filter=A").input(asked.trim_start().to_owned()).run_ok()?.stdout;
    let added: HashSet<&[u8]> = added.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
    let mut touched: Vec<(BString, bool)> = added.into_iter().map(|path| (BString::from(path), false)).collect();
    touched.sort();
    in_the_way(repo, worktree, repo.commit(from)?.tree, &touched, planned)
}

/// An untracked file where the new tip has one, or a directory, or a file where it has a directory.
fn in_the_way(
    repo: &Repo,
    worktree: &Worktree,
    before: ObjectId,
    touched: &[(BString, bool)],
    planned: &Planned,
) -> Result<Option<Obstacle>> {
    for (path, _) in touched.iter().filter(|(_, was_there)| !was_there) {
        let inside = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at]);
        for part in inside.chain([path.as_slice()]) {
            let part = BString::from(part);
            let place = worktree.path.join(path_of_bytes(&part));
            let Ok(found) = place.symlink_metadata() else { break };
            let is_fine = if part == *path { planned.dirty.contains(path) } else { found.is_dir() };
            if is_fine || repo.has_path(before, &part)? {
                continue;
            }
            let what = if found.is_dir() { "directory" } else { "file" };
            let place = look::quoted(&place);
            return Ok(Some(Obstacle::new(
                Reason::Untracked,
                format!("The untracked {what} '{part}' is in the way."),
                format!("mv -n {place} {place}~"),
            )));
        }
    }
    Ok(None)
}
