//! Which ended session is meant, how it ended, and what `@keep` holds of it.

use crate::error::{Error, Result};
use crate::ops::Context;
use crate::session::Word as _;
use crate::session::{Event, EventKind, Name, ObjectId, State};
use crate::store::{Loaded, Snapshot, done, keep, record, timeline};

/// The ended session that a name or the beginning of an id means: of several by that name the newest.
///
/// # Errors
/// Refused, if there is none.
pub fn find(ctx: &Context, snapshot: &Snapshot, what: &str) -> Result<Loaded> {
    let all = done::all(&ctx.repo)?;
    let named = all
        .iter()
        .filter(|loaded| loaded.name.as_str() == what)
        .max_by_key(|loaded| (loaded.time, ctx.repo.ref_touched(&done::reference(loaded.id()))));
    if let Some(found) = named {
        return Ok(found.clone());
    }
    if what.len() >= 4 && what.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let of_id: Vec<&Loaded> = all.iter().filter(|loaded| loaded.id().to_string().starts_with(what)).collect();
        match of_id.as_slice() {
            [] => {}
            [one] => return Ok((*one).clone()),
            several => {
                let ids: Vec<String> = several.iter().map(|loaded| format!("`{}`", loaded.id())).collect();
                return Err(Error::usage(format!("'{what}' means {} sessions.", several.len()))
                    .hint(format!("They are {}.", ids.join(", "))));
            }
        }
    }
    let shown: String = what.chars().filter(|c| !c.is_control()).take(80).collect();
    if snapshot.sessions.iter().any(|entry| entry.name.as_str() == what) {
        return Err(Error::refused(format!("The session '{shown}' has not ended."))
            .hint(format!("`git session path {shown}` says where it is.", shown = shown.word())));
    }
    Err(Error::refused(format!("No session '{shown}' has ended."))
        .hint("`git session list --ended` shows those that ended."))
}

/// The event by which a session ended, and the record right before it.
///
/// # Errors
/// Refused, if the timeline has none.
pub fn end_of(ctx: &Context, ended: &Loaded) -> Result<(Event, Loaded)> {
    let is_end = |kind: &EventKind| matches!(kind, EventKind::Merged | EventKind::Kept | EventKind::Abandoned);
    for event in timeline::events(&ctx.repo, ended.head) {
        let event = event?;
        if let Some(id) = event.id.filter(|_| is_end(&event.kind))
            && let Some(parent) = ctx.repo.commit(id)?.parents.first()
        {
            let before = record::read_at(&ctx.repo, ended.name.clone(), *parent)?;
            return Ok((event, before));
        }
    }
    Err(Error::refused(format!("The record of '{}' does not say how it ended.", ended.name))
        .hint(format!("`git log {}` shows its timeline.", done::reference(ended.id()))))
}

/// What `@keep` holds of a session's last end.
#[derive(Default)]
pub(super) struct Held {
    pub(super) salvage: Option<ObjectId>,
    /// What lies beside the salvage.
    pub(super) kept: Vec<ObjectId>,
    /// The settings of the branch.
    pub(super) config: Vec<String>,
    /// The entry that has patterns.
    pub(super) sparse: Option<ObjectId>,
}

pub(super) fn kept_of(ctx: &Context, ended: &Loaded, end: &Event) -> Result<Held> {
    let mut operations = Vec::new();
    let mut brought_back = Vec::new();
    for event in timeline::events(&ctx.repo, ended.head) {
        let event = event?;
        operations.extend(event.operation.clone());
        if event.kind == EventKind::Restored {
            brought_back.extend(event.trailer("Session-Salvage").map(str::to_owned));
        }
    }
    let mut held = Held::default();
    for entry in keep::entries(&ctx.repo)?.into_iter().filter(|entry| entry.id == Some(ended.id())) {
        let is_ends = entry.operation == end.operation;
        // What was written while it went lies above, by whoever completed the end. Below is an earlier end.
        if !is_ends && entry.operation.as_ref().is_some_and(|operation| operations.contains(operation)) {
            break;
        }
        if !is_ends && entry.salvage.is_some_and(|id| brought_back.contains(&id.to_string())) {
            break;
        }
        if held.salvage.is_none() {
            held.salvage = entry.salvage;
            held.kept = entry.holds;
        }
        if is_ends {
            held.config = entry.config;
            held.sparse = entry.is_sparse.then_some(entry.commit);
            break;
        }
    }
    held.kept.retain(|id| Some(*id) != held.salvage);
    Ok(held)
}

/// The names of ended sessions, newest first, and how each ended: for completion.
///
/// # Errors
/// Refused, if `@done` cannot be read.
pub fn ended_names(ctx: &Context) -> Result<Vec<(Name, State)>> {
    let mut all = done::all(&ctx.repo)?;
    all.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.name.cmp(&b.name)));
    let mut names: Vec<(Name, State)> = Vec::new();
    for loaded in all {
        if !names.iter().any(|(name, _)| *name == loaded.name) {
            names.push((loaded.name, loaded.record.state));
        }
    }
    Ok(names)
}
