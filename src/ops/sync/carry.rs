//! Uncommitted changes in files that the base has changed too: merged in memory, as `git stash` before a rebase and
//! `git stash apply --index` after it would merge them; and where they collide nothing moves.

use super::collide::collisions;
use super::decide::leave_dirty;
use super::{Planned, look};
use crate::error::Result;
use crate::git::Worktree;
use crate::git::config::Identity;
use crate::git::index::{Route, Uncommitted};
use crate::git::merge::Verdict;
use crate::git::replay::Replayer;
use crate::session::{BString, ObjectId};

/// Plans to take along what is uncommitted, of which `overlap` are the files that the base has changed too.
pub(super) fn carry(
    replayer: &mut Replayer,
    identity: &Identity,
    planned: &mut Planned,
    route: Route,
    overlap: &[BString],
) -> Result<()> {
    let Some(worktree) = planned.worktree.clone() else { return Ok(()) };
    let shown = names(overlap);
    if !replayer.repo().are_taken_as_they_are(&worktree, &planned.dirty)? {
        leave_dirty(planned, only_git_can_write(&shown, &worktree));
        return Ok(());
    }
    let (old, new) = (replayer.repo().commit(route.old)?.tree, replayer.repo().commit(route.new)?.tree);
    let Some(before) = replayer.repo().uncommitted(&worktree, old, &planned.dirty)? else {
        let sentence = format!("The base has changed {shown} too, and what is uncommitted cannot be merged with that.");
        leave_dirty(planned, sentence);
        return Ok(());
    };
    let mut merged = |theirs: ObjectId| {
        if theirs == old {
            return Ok(Verdict::Clean(new));
        }
        replayer.merger().merge(route.new, old, new, theirs)
    };
    let files = merged(before.files)?;
    let index = if before.index == before.files { files.clone() } else { merged(before.index)? };
    let after = match (files, index) {
        (Verdict::Clean(files), Verdict::Clean(index)) => Uncommitted { files, index },
        (Verdict::Conflict(files), _) => {
            let paths: Vec<BString> = files.iter().map(|stages| stages.path.clone()).collect();
            leave_dirty(planned, format!("Uncommitted changes collide with what the base did to {}.", names(&paths)));
            planned.row.collisions = collisions(replayer, &files)?;
            return Ok(());
        }
        (_, Verdict::Conflict(files)) => {
            let paths: Vec<BString> = files.iter().map(|stages| stages.path.clone()).collect();
            leave_dirty(planned, format!("What is staged collides with what the base did to {}.", names(&paths)));
            return Ok(());
        }
    };
    let repo = replayer.repo();
    let branch = planned.session.record.branch_short();
    let before = repo.write_stash(identity, branch, route.old, before)?;
    let after = repo.write_stash(identity, branch, route.new, after)?;
    let carried = Some((before, after));
    if repo.plain_changes(&worktree, &Route { carried, ..route })?.is_none() {
        leave_dirty(planned, only_git_can_write(&shown, &worktree));
        return Ok(());
    }
    planned.carried = carried;
    planned.row.notes.push(format!("uncommitted changes in {shown} are merged with the base's"));
    Ok(())
}

fn only_git_can_write(shown: &str, worktree: &Worktree) -> String {
    format!(
        "The base has changed {shown} too, and only git can write the files of '{}' (filters, line ends, a special \
         index).",
        look::quoted(&worktree.path)
    )
}

/// Some paths, for people.
fn names(paths: &[BString]) -> String {
    let shown: Vec<String> = paths.iter().take(3).map(|path| format!("'{path}'")).collect();
    let more = paths.len().saturating_sub(shown.len());
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
