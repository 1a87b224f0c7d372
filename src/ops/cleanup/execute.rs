//! Letting go, session by session; each is looked at once more right before.

use super::{Cleaned, CleanupPlan, Options, Row, Why, expire, plan};
use crate::error::Result;
use crate::ops::list::Merged;
use crate::ops::{Context, phase, undo};
use crate::session::Word as _;
use crate::store::{Snapshot, Writer};

/// Does what was planned. A session that cannot go after all is kept, and stops no other.
///
/// # Errors
/// Refused, if what has expired cannot be let go of.
pub fn execute(ctx: &Context, writer: &Writer, plan: CleanupPlan) -> Result<Cleaned> {
    let (mut rows, mut errors, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for mut row in plan.rows {
        let Some(end) = row.end.take() else {
            rows.push(row);
            continue;
        };
        let (session, step) = *end;
        let snapshot = Snapshot::read(&ctx.repo)?;
        let now = match snapshot.by_id(session.id()) {
            Some(now) if now.head == session.head => plan::blocker(ctx, &snapshot, now)?,
            _ => Some((Why::Busy, "somebody changed it at the same moment".into(), Some("Run it again.".into()))),
        };
        if let Some((why, proof, remedy)) = now {
            rows.push(Row { why, proof, remedy, merged: None, ..row });
            continue;
        }
        let ended = phase::gate(ctx, &snapshot, &session, false, step.worktree.is_some()).and_then(|gate| {
            gate.before(&ctx.repo)?;
            let mut more = undo::end(ctx, writer, &session, &step, None)?;
            more.extend(gate.after(&ctx.repo));
            more.extend(gate.warnings);
            Ok(more)
        });
        match ended {
            Ok(more) => {
                warnings.extend(more);
                row.end = Some(Box::new((session, step)));
            }
            Err(error) => {
                row = Row { why: Why::Busy, proof: error.one_line(), remedy: error.hints().first().cloned(), ..row };
                errors.push(error);
            }
        }
        rows.push(row);
    }
    expire::execute(ctx, &plan.expired)?;
    Ok(Cleaned { rows, expired: plan.expired, errors, operation: writer.operation.clone(), warnings })
}

/// What `session.autoCleanup` asks for at the end of a command that makes or moves sessions: what the base contains
/// without any doubt goes. Says what went.
///
/// # Errors
/// Refused, if the setting makes no sense, or git cannot tell.
pub fn auto(ctx: &Context) -> Result<Vec<String>> {
    if ctx.repo.switch("session.autoCleanup")? != Some(true) {
        return Ok(Vec::new());
    }
    // An operation of its own: undoing the command that it follows leaves it alone.
    let writer = &Writer::new(&ctx.repo)?;
    let mut plan = plan(ctx, &Snapshot::read(&ctx.repo)?, &Options::default())?;
    plan.rows.retain(|row| row.end.is_some() && matches!(row.merged, Some(Merged::Ancestor | Merged::SameTree)));
    plan.expired.clear();
    let cleaned = execute(ctx, writer, plan)?;
    let gone = cleaned.rows.iter().filter(|row| row.end.is_some());
    let mut said: Vec<String> = gone
        .map(|row| {
            format!(
                "Cleaned up '{}': {}. `git session restore {}` brings it back.",
                row.name,
                row.proof,
                row.name.word()
            )
        })
        .collect();
    said.extend(cleaned.warnings);
    Ok(said)
}
