//! `show`: one session with its documents, diffstat and timeline.

use crate::error::Result;
use crate::ops::Context;
use crate::ops::list::{self, Row};
use crate::session::{Event, Name};
use crate::store::{Loaded, Snapshot, timeline};

/// All that is known of one session.
#[derive(Debug)]
pub struct Shown {
    /// The row that `list` has.
    pub row: Row,
    /// Name and text of each document.
    pub documents: Vec<(String, String)>,
    /// The timeline, newest first.
    pub timeline: Vec<Event>,
    /// Files, insertions and deletions of the own changes since the fork; absent where there is no branch.
    pub diffstat: Option<(u64, u64, u64)>,
}

/// Looks a session up.
///
/// # Errors
/// Refused, if its record or branch cannot be read.
pub fn show(ctx: &Context, snapshot: &Snapshot, session: &Loaded) -> Result<Shown> {
    let entry: Vec<_> = snapshot.sessions.iter().filter(|entry| entry.name == session.name).collect();
    let mut found = None;
    list::rows(ctx, snapshot, &entry, list::Options { merged: true, ended: false }, &mut |row| {
        found = Some(row);
        Ok(())
    })?;
    let row = found.ok_or_else(|| crate::error::Error::bug("A session without a row."))?;
    let files = ctx.repo.files_at_top(ctx.repo.commit(session.head)?.tree)?;
    let mut documents = Vec::new();
    for (name, id) in files {
        if name.ends_with(".md") {
            documents.push((name, String::from_utf8_lossy(&ctx.repo.blob(id)?).into_owned()));
        }
    }
    let timeline = timeline::events(&ctx.repo, session.head).collect::<Result<Vec<_>>>()?;
    let diffstat =
        match (row.head, row.base.as_ref().and_then(|(_, fork, tip)| tip.as_ref().map(|tip| tip.id).or(*fork))) {
            (Some(head), Some(base)) => ctx.repo.diffstat(base, head)?,
            _ => None,
        };
    Ok(Shown { row, documents, timeline, diffstat })
}

/// Events of several timelines, oldest first, each with its session's name.
///
/// # Errors
/// Refused, if a timeline cannot be read.
pub fn log(ctx: &Context, sessions: &[&Loaded]) -> Result<Vec<(Name, Event)>> {
    let mut events = Vec::new();
    for session in sessions {
        for event in timeline::events(&ctx.repo, session.head) {
            events.push((session.name.clone(), event?));
        }
    }
    events.reverse();
    events.sort_by_key(|(_, event)| event.time);
    Ok(events)
}

/// Streams events as they happen until `sink` says that nobody listens. `names` empty means all sessions.
///
/// # Errors
/// Refused, if refs cannot be read; what `sink` says.
pub fn follow(ctx: &Context, names: &[Name], sink: &mut dyn FnMut(&Name, &Event) -> Result<()>) -> Result<()> {
    use std::collections::{HashMap, HashSet};
    let mut seen: HashMap<String, crate::session::ObjectId> = HashMap::new();
    // Every event is printed once, wherever its timeline lies by then.
    let mut known: HashSet<crate::session::ObjectId> = HashSet::new();
    let mut is_first = true;
    loop {
        let live = ctx.repo.refs_below(crate::session::name::NAMESPACE)?;
        for (reference, target) in live {
            let is_timeline = crate::session::Name::of_ref(&reference).is_some()
                || reference.starts_with(crate::store::done::NAMESPACE);
            let Some(head) = target.object().filter(|_| is_timeline) else { continue };
            let before = seen.insert(reference.clone(), head);
            if before == Some(head) {
                continue;
            }
            let mut fresh = Vec::new();
            for event in timeline::events(&ctx.repo, head) {
                let event = event?;
                if event.id.is_some_and(|id| !known.insert(id)) {
                    break;
                }
                fresh.push(event);
            }
            if is_first {
                continue;
            }
            for event in fresh.into_iter().rev() {
                let Ok(name) = Name::parse(&event.name) else { continue };
                if names.is_empty() || names.contains(&name) {
                    sink(&name, &event)?;
                }
            }
        }
        is_first = false;
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}
