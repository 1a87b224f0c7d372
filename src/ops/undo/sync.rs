//! The inverse of `sync`: old tip, index and files, and the fork as it was.

use super::{Found, Inverse, Operation};
use crate::error::{Error, Result};
use crate::ops::Context;
use crate::ops::journal::base::BaseStep;
use crate::ops::journal::sync::{self as steps, SyncStep};
use crate::ops::sync as forward;
use crate::session::ObjectId;
use crate::store::{Loaded, Snapshot, Writer, record};

/// Plans it.
///
/// # Errors
/// Refused, where the branch has moved on, its old commits are gone, or its worktree cannot follow.
pub(super) fn invert(ctx: &Context, snapshot: &Snapshot, operation: &Operation, found: &Found) -> Result<Inverse> {
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
    if let Some(worktree) = worktree {
        forward::require_free(repo, session, worktree, new)?;
    }
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
        },
        base: Some(earlier.base),
        undoes: Some(operation.id.to_string()),
        last_sync: earlier.last_sync,
    };
    Ok(Inverse::Sync(Box::new(step)))
}

/// Does it.
///
/// # Errors
/// Refused or contended: then nothing has moved, or the next command completes it.
pub(super) fn go_back(ctx: &Context, writer: &Writer, session: &Loaded, mut step: SyncStep) -> Result<()> {
    let repo = &ctx.repo;
    let _held = crate::ops::journal::hold(repo, writer)?;
    step.unit.operation = step.unit.git_dir.is_some().then(|| writer.operation.to_string());
    let ids: Vec<ObjectId> = [step.unit.old.as_deref(), Some(step.unit.new.as_str())]
        .into_iter()
        .flatten()
        .filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok())
        .collect();
    let tip = *ids.last().ok_or_else(|| Error::bug("The plan names no commit."))?;
    let claim = steps::claim(repo, writer, &step, ids)?;
    let (claim, holds) = steps::advance(repo, writer, &claim, &step)?.look_back()?;
    if !holds {
        steps::release(repo, &claim)?;
        return Err(Error::contended(format!("The branch of '{}' was put back at the same moment.", session.name)));
    }
    steps::conclude(repo, writer, &claim, &step, tip)
}
