//! The inverse of `sync`: old tip, index and files, and the fork as it was.

use super::{Found, Inverse, Operation};
use crate::error::{Error, Result};
use crate::git::index::Route;
use crate::git::{Repo, Worktree};
use crate::ops::Context;
use crate::ops::journal::base::{BaseStep, Carried};
use crate::ops::journal::sync::{self as steps, SyncStep};
use crate::ops::sync as forward;
use crate::session::ObjectId;
use crate::store::{Loaded, Snapshot, Writer, record};

/// Plans it.
///
/// # Errors
/// Refused, where the branch has moved on, its old commits are gone, or its worktree cannot follow.
pub(super) fn invert(
    ctx: &Context,
    snapshot: &Snapshot,
    operation: &Operation,
    found: &Found,
    warnings: &mut Vec<String>,
) -> Result<Inverse> {
    let repo = &ctx.repo;
    let (session, name) = (&found.session, &found.session.name);
    let id = |key: &str| found.event.trailer(key).and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok());
    let (Some(old), Some(new), Some(before)) = (id("Session-From"), id("Session-To"), found.before) else {
        return Err(Error::bug(format!("The record of '{name}' does not say where its branch was.")));
    };
    let branch = &session.record.branch;
    if repo.ref_id(branch)? != Some(new) {
        return Err(Error::refused(format!("The branch of '{name}' has moved on since.")).hint(format!(
            "`git branch {}-before {}` makes a branch of where it was.",
            session.record.branch_short(),
            repo.short(old)
        )));
    }
    if !repo.has_object(old) {
        return Err(Error::refused(format!("The commits that '{name}' had before are gone: its reflog has expired.")));
    }
    let worktree = snapshot.worktree_of(session);
    let carried = match (worktree, id("Session-Carried-From").zip(id("Session-Carried-To"))) {
        (Some(worktree), Some((before, after))) => {
            let route = Route { old: new, new: old, carried: Some((after, before)) };
            carried_back(repo, session, worktree, route, warnings)?
        }
        (Some(worktree), None) => {
            let route = Route { old: new, new: old, carried: None };
            require_untouched(repo, session, worktree, &route).map(|()| None)?
        }
        (None, _) => None,
    };
    let earlier = record::read_at(repo, name.clone(), before)?.record;
    let git_dir = worktree.and_then(|tree| tree.git_dir.to_str().map(str::to_owned));
    let step = SyncStep {
        name: name.to_string(),
        id: session.id().to_string(),
        what: format!("back to {}", repo.short(old)),
        onto: earlier.base.fork.clone(),
        by_git: false,
        unit: BaseStep {
            branch: branch.clone(),
            old: Some(new.to_string()),
            new: old.to_string(),
            // Filled in by whoever does it.
            operation: None,
            git_dir,
            carried: carried.map(Carried::new),
        },
        base: Some(earlier.base),
        undoes: Some(operation.id.to_string()),
        last_sync: earlier.last_sync,
    };
    Ok(Inverse::Sync(Box::new(step)))
}

/// What is uncommitted stays as it is, if it is in files that do not move.
fn require_untouched(repo: &Repo, session: &Loaded, worktree: &Worktree, route: &Route) -> Result<()> {
    forward::require_still(session, worktree)?;
    let Some((changes, _)) = repo.plain_changes(worktree, route)? else {
        return forward::require_free(repo, session, worktree, route.old);
    };
    match repo.first_unexpected(worktree, route.old, &changes.files)? {
        None => Ok(()),
        Some(path) => {
            let place = crate::ops::shell_quoted(&worktree.path.display().to_string());
            Err(Error::refused(format!("'{}' cannot move: '{path}' has uncommitted changes.", session.name))
                .hint(format!("`git -C {place} stash` puts them aside.")))
        }
    }
}

/// What was uncommitted before comes back where nothing has changed since in the files that it was merged into. Where
/// nothing is uncommitted any more the files go back without it, and it is said where it is.
fn carried_back(
    repo: &Repo,
    session: &Loaded,
    worktree: &Worktree,
    route: Route,
    warnings: &mut Vec<String>,
) -> Result<Option<(ObjectId, ObjectId)>> {
    forward::require_still(session, worktree)?;
    let Some((after, before)) = route.carried.filter(|(a, b)| repo.has_object(*a) && repo.has_object(*b)) else {
        return forward::require_free(repo, session, worktree, route.old).map(|()| None);
    };
    let (name, place) = (&session.name, crate::ops::shell_quoted(&worktree.path.display().to_string()));
    let is_there = format!("`git -C {place} stash apply --index {}` brings it back.", repo.short(before));
    let changes = repo.plain_changes(worktree, &route)?;
    let unexpected = match &changes {
        Some((changes, _)) => repo.first_unexpected(worktree, route.old, &changes.files)?,
        None => None,
    };
    if changes.is_some() && unexpected.is_none() {
        return Ok(Some((after, before)));
    }
    if repo.dirty_paths(worktree, route.old)?.is_empty() {
        warnings.push(format!(
            "What was uncommitted in '{name}' before that sync does not come back by itself: {is_there}"
        ));
        return Ok(None);
    }
    let what = match unexpected {
        Some(path) => format!("'{name}' cannot move: '{path}' has changed since that sync."),
        None => format!("'{name}' cannot move: only git can write its files, and there are uncommitted changes."),
    };
    Err(Error::refused(what)
        .hint(format!("`git -C {place} stash` puts aside what is uncommitted."))
        .hint(format!("What was uncommitted before that sync is kept: {is_there}")))
}

/// Does it.
///
/// # Errors
/// Refused or contended: then nothing has moved, or the next command completes it.
pub(super) fn go_back(ctx: &Context, writer: &Writer, session: &Loaded, mut step: SyncStep) -> Result<()> {
    let repo = &ctx.repo;
    let _held = crate::ops::journal::hold(repo, writer)?;
    step.unit.operation = step.unit.git_dir.is_some().then(|| writer.operation.to_string());
    let parse = |id: &str| ObjectId::from_hex(id.as_bytes()).ok();
    let tip = parse(&step.unit.new).ok_or_else(|| Error::bug("The plan names no commit."))?;
    let carried = step.unit.carried.iter().flat_map(|carried| [carried.from.as_str(), carried.to.as_str()]);
    let ids = step.unit.old.as_deref().into_iter().chain(carried).filter_map(parse).chain([tip]).collect();
    let claim = steps::claim(repo, writer, &step, ids)?;
    let (claim, holds) = steps::advance(repo, writer, &claim, &step)?.look_back()?;
    if !holds {
        steps::release(repo, &claim)?;
        return Err(Error::contended(format!("The branch of '{}' was put back at the same moment.", session.name)));
    }
    steps::conclude(repo, writer, &claim, &step, tip)
}
