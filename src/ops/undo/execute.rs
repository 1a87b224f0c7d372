//! Doing it: a base first, once, then each session as a unit. One that fails stops no other.

use super::{BaseMove, Inverse, Item, Outcome, UndoPlan, Undone};
use crate::error::{Error, Result};
use crate::ops::journal::base::{self as journal_base, BaseStep};
use crate::ops::journal::end::{self, EndStep};
use crate::ops::journal::restore as restore_steps;
use crate::ops::journal::{self, Plan};
use crate::ops::restore::{self, RestorePlan};
use crate::ops::{Context, relocate};
use crate::session::Word as _;
use crate::session::{EventKind, Name, ObjectId, OperationId};
use crate::store::keep::{self, Kept};
use crate::store::pending::Pending;
use crate::store::{Loaded, Writer, retry};
use std::path::PathBuf;

/// Inverts an operation as planned.
///
/// # Errors
/// Refused, if it could not even begin; what happened to each session is in the outcome.
pub fn execute(ctx: &Context, writer: &Writer, plan: UndoPlan) -> Result<Undone> {
    let undoes = plan.operation.id.clone();
    let (mut sessions, mut bases, mut warnings) = (Vec::new(), Vec::new(), plan.warnings);
    for Item { session, inverse } in plan.items {
        let (mut name, mut worktree) = (session.name.clone(), None);
        let result = inverse.and_then(|inverse| match inverse {
            Inverse::End(step, base) => {
                let ended = end(ctx, writer, &session, &step, base.as_ref())?;
                warnings.extend(ended);
                bases.extend(base);
                Ok("ended")
            }
            Inverse::Restore(plan, base) => {
                worktree.clone_from(&plan.worktree);
                warnings.extend(bring_back(ctx, writer, *plan, base.as_ref(), &undoes)?);
                bases.extend(base);
                Ok("restored")
            }
            Inverse::Relocate(plan) => {
                relocate::execute(ctx, writer, &plan)?;
                let is_renamed = plan.step.name.0 != plan.step.name.1;
                name = Name::parse(&plan.step.name.1)?;
                worktree.clone_from(&plan.worktree);
                Ok(if is_renamed { "renamed" } else { "moved" })
            }
            Inverse::Sync(step) => {
                super::sync::go_back(ctx, writer, &session, *step)?;
                Ok("put-back")
            }
            Inverse::Facts(record, what, base) => {
                if let Some(base) = &base {
                    base_alone(ctx, writer, &session, base)?;
                }
                bases.extend(base);
                change(ctx, writer, &session, *record, &what, &undoes)?;
                Ok("changed")
            }
        });
        sessions.push(Outcome { name, result, worktree });
    }
    Ok(Undone { operation: writer.operation.clone(), undoes, sessions, bases, warnings })
}

type Wanted = (String, Plan, Vec<ObjectId>);

fn base_step(base: &BaseMove, writer: &Writer) -> BaseStep {
    BaseStep {
        branch: base.branch.clone(),
        old: Some(base.from.to_string()),
        new: base.to.to_string(),
        git_dir: base.git_dir.as_ref().map(|path: &PathBuf| path.to_string_lossy().into_owned()),
        operation: Some(writer.operation.to_string()),
        carried: None,
    }
}

/// Claims for one session and the base that moves with it.
fn claim(ctx: &Context, writer: &Writer, session: Wanted, base: Option<&BaseMove>) -> Result<Vec<Pending>> {
    let mut wanted = vec![session];
    if let Some(base) = base {
        wanted.push((base.mutex.clone(), Plan::Base(base_step(base, writer)), vec![base.from, base.to]));
    }
    journal::claim(&ctx.repo, writer, &wanted)
}

/// Moves the base of a pair of claims. On failure both are given up.
fn move_base(
    ctx: &Context,
    writer: &Writer,
    session: &Loaded,
    claims: &[Pending],
    base: Option<&BaseMove>,
) -> Result<()> {
    let (Some(base), Some(claimed)) = (base, claims.get(1)) else { return Ok(()) };
    move_claimed(ctx, writer, session, claims, claimed, base)
}

/// A base that goes back while the sessions stay where they are.
fn base_alone(ctx: &Context, writer: &Writer, session: &Loaded, base: &BaseMove) -> Result<()> {
    let _held = journal::hold(&ctx.repo, writer)?;
    let wanted = (base.mutex.clone(), Plan::Base(base_step(base, writer)), vec![base.from, base.to]);
    let claims = journal::claim(&ctx.repo, writer, &[wanted])?;
    if ctx.repo.ref_id(&base.branch)? != Some(base.from) {
        let error = Error::contended(format!("'{}' has moved at the same moment.", base.branch)).hint("Run it again.");
        return Err(give_up(ctx, &claims, error));
    }
    move_claimed(ctx, writer, session, &claims, &claims[0], base)
}

fn move_claimed(
    ctx: &Context,
    writer: &Writer,
    session: &Loaded,
    claims: &[Pending],
    claimed: &Pending,
    base: &BaseMove,
) -> Result<()> {
    let repo = &ctx.repo;
    let moved = (|| {
        // What goes away from the base stays reachable.
        let kept = Kept {
            name: session.name.clone(),
            id: session.id(),
            worktree: None,
            salvage: None,
            tips: vec![base.from],
            config: Vec::new(),
            sparse: None,
        };
        keep::add(repo, writer, &kept)?;
        let message = format!("session undo: {}", session.name);
        journal_base::move_base(repo, writer, claimed, &base_step(base, writer), &message)
    })();
    match moved {
        Ok(moved) => retry(|| repo.transact(&[moved.release()], "session: moved")),
        Err(error) => Err(give_up(ctx, claims, error)),
    }
}

fn give_up(ctx: &Context, claims: &[Pending], error: Error) -> Error {
    // A claim that has gone on is mended by the next command.
    let still = claims.iter().filter(|claim| ctx.repo.ref_id(&claim.reference).ok().flatten() == Some(claim.commit));
    let edits: Vec<_> = still.map(Pending::release).collect();
    if edits.is_empty() {
        return error;
    }
    match ctx.repo.transact(&edits, "session: take back") {
        Ok(()) => error,
        Err(also) => error.hint(format!("A claim could not be given up ({}).", also.one_line())),
    }
}

/// Ends a session under its claim, after its base has moved. Returns warnings.
///
/// # Errors
/// Refused or contended: it lives on as it was, unless the commit point is behind; then the next command completes it.
pub(crate) fn end(
    ctx: &Context,
    writer: &Writer,
    session: &Loaded,
    step: &EndStep,
    base: Option<&BaseMove>,
) -> Result<Vec<String>> {
    let tip = step.tip.as_ref().and_then(|tip| ObjectId::from_hex(tip.as_bytes()).ok());
    let _held = journal::hold(&ctx.repo, writer)?;
    let wanted = (session.name.pending(), Plan::End(step.clone()), tip.into_iter().collect());
    let claims = claim(ctx, writer, wanted, base)?;
    if ctx.repo.ref_id(&step.branch)? != tip {
        let error = Error::contended(format!("'{}' got new commits at the same moment.", session.name));
        return Err(give_up(ctx, &claims, error.hint("Run it again.")));
    }
    move_base(ctx, writer, session, &claims, base)?;
    match end::run(&ctx.repo, writer, &claims[0], step) {
        Ok(ended) => Ok(ended.warnings),
        Err(error) => Err(give_up(ctx, &claims[..1], error)),
    }
}

/// Brings a session back under its claim, after its base has gone back. Returns warnings.
fn bring_back(
    ctx: &Context,
    writer: &Writer,
    plan: RestorePlan,
    base: Option<&BaseMove>,
    undoes: &OperationId,
) -> Result<Vec<String>> {
    let _held = journal::hold(&ctx.repo, writer)?;
    let mut trailers = vec![("Session-Undoes".to_owned(), undoes.to_string())];
    if let Some(base) = base {
        trailers.extend(journal_base::trailers(&base.branch, Some(base.from), base.to));
    }
    let mut step = restore::step(ctx, writer, &plan, &trailers)?;
    step.after = base.map(|base| (base.branch.clone(), base.to.to_string()));
    let wanted = (plan.name.pending(), Plan::Restore(step.clone()), restore::holds(&plan, &step));
    let claims = claim(ctx, writer, wanted, base)?;
    move_base(ctx, writer, &plan.ended, &claims, base)?;
    let mut warnings = restore_steps::run(&ctx.repo, &claims[0], &step).map_err(|error| match base {
        Some(base) => error.hint(format!(
            "'{}' has gone back already; `git session restore {}` brings the session back.",
            crate::ops::base::short_name(&base.branch),
            plan.name.word()
        )),
        None => error,
    })?;
    if restore::is_new_worktree(&plan) {
        warnings.extend(restore::furnish(ctx, writer, &plan.name));
    }
    Ok(restore::restored(plan, writer, warnings).warnings)
}

/// Facts as they were.
fn change(
    ctx: &Context,
    writer: &Writer,
    session: &Loaded,
    wanted: crate::session::Record,
    what: &str,
    undoes: &OperationId,
) -> Result<()> {
    let name = &session.name;
    let done = writer.append(&ctx.repo, name, session.id(), |before, record| {
        if before.head != session.head {
            return Err(Error::contended(format!("'{name}' was changed at the same moment.")).hint("Run it again."));
        }
        record.clone_from(&wanted);
        let mut event = writer.event(&before.name, EventKind::Undone, what);
        event.trailers.push(("Session-Undoes".into(), undoes.to_string()));
        event.branch_tip = ctx.repo.ref_id(&record.branch)?;
        Ok(Some(event))
    });
    done.map(drop)
}
