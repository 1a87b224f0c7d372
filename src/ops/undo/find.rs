//! Operations, found in the timelines of all sessions, ended ones too.

use super::{Found, Operation};
use crate::error::{Error, Result};
use crate::ops::Context;
use crate::session::{Event, EventKind, OperationId, Timestamp};
use crate::store::{Loaded, Snapshot, done, timeline};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::SystemTime;

/// Whether an event moved a branch or a worktree.
pub(super) fn moves(event: &Event) -> bool {
    let took_back = event.kind == EventKind::Undone && event.trailer("Session-To").is_some();
    took_back
        || matches!(
            event.kind,
            EventKind::Created
                | EventKind::Adopted
                | EventKind::Renamed
                | EventKind::Moved
                | EventKind::Synced
                | EventKind::Merged
                | EventKind::Integrated
                | EventKind::Kept
                | EventKind::Abandoned
                | EventKind::Restored
        )
}

/// Newest first; within one second the place in the timeline tells, and between sessions the moment of writing.
type Order = (Reverse<Timestamp>, usize, Reverse<Option<SystemTime>>);

/// All operations that something is left of, newest first.
///
/// # Errors
/// Refused, if a timeline cannot be read.
pub fn operations(ctx: &Context, snapshot: &Snapshot) -> Result<Vec<Operation>> {
    let mut found: Vec<(Order, Operation)> = Vec::new();
    let mut at: HashMap<OperationId, usize> = HashMap::new();
    let live = snapshot.readable().cloned().map(|loaded| (loaded, false));
    let ended = done::all(&ctx.repo)?.into_iter().map(|loaded| (loaded, true));
    for (session, is_ended) in live.chain(ended) {
        let reference = if is_ended { done::reference(session.id()) } else { session.name.reference() };
        let touched = ctx.repo.ref_touched(&reference);
        for (depth, one) in events_of(ctx, &session, is_ended)?.into_iter().enumerate() {
            let Some(id) = one.event.operation.clone() else { continue };
            let index = *at.entry(id.clone()).or_insert_with(|| {
                let (time, by) = (one.event.time, one.event.by.clone());
                let order = (Reverse(time), depth, Reverse(touched));
                found.push((order, Operation { id, time, by, events: Vec::new() }));
                found.len() - 1
            });
            found[index].1.events.push(one);
        }
    }
    found.sort_by_key(|(order, _)| *order);
    Ok(found.into_iter().map(|(_, operation)| operation).collect())
}

fn events_of(ctx: &Context, session: &Loaded, is_ended: bool) -> Result<Vec<Found>> {
    let mut list: Vec<Found> = Vec::new();
    let mut since = Vec::new();
    for event in timeline::events(&ctx.repo, session.head) {
        // A timeline that is cut off is as long as it is.
        let Ok(event) = event else { break };
        if let Some(newer) = list.last_mut()
            && newer.before.is_none()
        {
            newer.before = event.id;
        }
        // What was copied into a worktree goes with it.
        if event.kind == EventKind::Prepared {
            continue;
        }
        list.push(Found {
            session: session.clone(),
            is_ended,
            event: event.clone(),
            before: None,
            since: since.clone(),
        });
        since.insert(0, event);
    }
    Ok(list)
}

/// The operation that is meant: by the beginning of its id, or else my newest that moved a branch or a worktree.
///
/// # Errors
/// Usage or refused, if there is none.
pub fn choose(operations: Vec<Operation>, what: Option<&str>, me: &str) -> Result<Operation> {
    let list = "`git session undo --list` shows them.";
    let Some(what) = what else {
        let mine =
            |operation: &Operation| operation.by == me && operation.events.iter().any(|found| moves(&found.event));
        return operations
            .into_iter()
            .find(mine)
            .ok_or_else(|| Error::refused("There is no operation of yours to undo.").hint(list));
    };
    let is_id = what.len() >= 4 && what.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut found = operations.into_iter().filter(|operation| is_id && operation.id.as_str().starts_with(what));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Error::usage(format!("'{what}' means several operations.")).hint(list)),
        _ => {
            let shown: String = what.chars().filter(|c| !c.is_control()).take(40).collect();
            Err(Error::refused(format!("There is no operation '{shown}'.")).hint(list))
        }
    }
}
