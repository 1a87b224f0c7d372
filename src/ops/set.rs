//! `set`: changes the facts of a session that `create` set.

use crate::error::{Error, Result};
use crate::ops::{Context, base, scope};
use crate::session::Word as _;
use crate::session::{EventKind, Name, ObjectId, Priority, State};
use crate::store::{Loaded, Snapshot, Writer};
use std::collections::HashSet;

/// What to change. An empty text takes a fact away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What it is for.
    pub goal: Option<String>,
    /// The part of the project it is about.
    pub focus: Option<String>,
    /// Who works on it.
    pub owner: Option<String>,
    /// How urgent.
    pub priority: Option<Priority>,
    /// Sessions that must merge before it.
    pub depends_on: Option<Vec<String>>,
    /// Pathspecs it owns.
    pub own: Option<Vec<String>>,
    /// Pathspecs it may only read.
    pub read_only: Option<Vec<String>>,
    /// The base.
    pub base: Option<String>,
    /// Back to *open*.
    pub open: bool,
}

/// Changes the facts; says what changed, in words. Nothing is written where nothing changes.
///
/// # Errors
/// Usage, refused or contended.
pub fn set(
    ctx: &Context,
    writer: &Writer,
    snapshot: &Snapshot,
    session: &Loaded,
    options: &Options,
) -> Result<Vec<String>> {
    let new_base = match &options.base {
        None => None,
        Some(text) => {
            let chosen = base::named(ctx, snapshot, text)?.ok_or_else(|| base::unknown(text))?;
            if chosen.parent == Some(session.id()) {
                return Err(Error::refused("A session cannot be its own base.")
                    .hint("`--base` takes another branch or session."));
            }
            let mut above = chosen.now.parent.clone();
            while let Some(name) = above {
                let parent = snapshot.require(&name)?;
                if parent.id() == session.id() {
                    return Err(Error::refused(format!("'{text}' is stacked on '{}' itself.", session.name)).hint(
                        format!(
                            "`git session set {text} --base <branch>` gives it another base first.",
                            text = text.word()
                        ),
                    ));
                }
                above = snapshot.base_ref(&ctx.repo, &parent.record).parent;
            }
            if let Some(parent) = chosen.parent.and_then(|id| snapshot.by_id(id))
                && let Some(way) = way_back(ctx, snapshot, parent, session.id())
            {
                return Err(circle(session, &way, "It would stand on what needs it"));
            }
            let tip = ctx.repo.ref_id(&session.record.branch)?;
            let fork = match tip {
                Some(tip) => ctx.repo.merge_base(chosen.tip.id, tip)?.ok_or_else(|| {
                    Error::refused(format!("'{}' and '{text}' have no history in common.", session.name))
                        .hint("`--base` takes a branch that the session's work comes from.")
                })?,
                None => chosen.tip.id,
            };
            Some(chosen.to_base(fork))
        }
    };
    let depends_on = match &options.depends_on {
        None => None,
        Some(names) => {
            let mut ids = Vec::new();
            for name in names.iter().filter(|name| !name.is_empty()) {
                let other = scope::one(ctx, snapshot, Some(name))?;
                if other.id() == session.id() {
                    return Err(Error::usage("A session cannot depend on itself."));
                }
                if let Some(way) = way_back(ctx, snapshot, other, session.id()) {
                    return Err(circle(session, &way, "It would need what needs it"));
                }
                ids.push(other.id().to_string());
            }
            Some(ids)
        }
    };
    // The record has ids; what is said has names.
    let shown = |text: &str| -> String {
        let id = ObjectId::from_hex(text.as_bytes()).ok();
        id.and_then(|id| snapshot.by_id(id)).map_or_else(|| text.to_owned(), |other| other.name.to_string())
    };
    let mut said = Vec::new();
    writer.append(&ctx.repo, &session.name, session.id(), |before, record| {
        said.clear();
        let mut note = |what: &str, value: &str| {
            said.push(if value.is_empty() { format!("{what} taken away") } else { format!("{what} {value}") });
        };
        let mut text = |what: &str, new: &Option<String>, slot: &mut Option<String>| {
            if let Some(value) = new {
                let value = Some(value.clone()).filter(|value| !value.is_empty());
                if *slot != value {
                    note(what, value.as_deref().unwrap_or(""));
                    *slot = value;
                }
            }
        };
        text("goal", &options.goal, &mut record.goal);
        text("focus", &options.focus, &mut record.focus);
        text("owner", &options.owner, &mut record.owner);
        let mut list = |what: &str, new: Option<Vec<String>>, slot: &mut Vec<String>| {
            if let Some(value) = new {
                let value: Vec<String> = value.into_iter().filter(|part| !part.is_empty()).collect();
                if *slot != value {
                    note(what, &value.iter().map(|one| shown(one)).collect::<Vec<_>>().join(" "));
                    *slot = value;
                }
            }
        };
        list("own", options.own.clone(), &mut record.own);
        list("read-only", options.read_only.clone(), &mut record.read_only);
        list("depends-on", depends_on.clone(), &mut record.depends_on);
        if let Some(priority) = options.priority
            && record.priority.unwrap_or_default() != priority
        {
            note("priority", &priority.to_string());
            record.priority = Some(priority);
        }
        if let Some(base) = &new_base
            && (record.base.reference != base.reference || record.base.parent != base.parent)
        {
            note("base", base.short());
            record.base.clone_from(base);
        }
        if options.open && record.state != State::Open {
            note("state", "open");
            record.state = State::Open;
            record.reason = None;
        }
        if said.is_empty() {
            return Ok(None);
        }
        let mut event = writer.event(&before.name, EventKind::Set, said.join(", "));
        event.branch_tip = ctx.repo.ref_id(&record.branch)?;
        Ok(Some(event))
    })?;
    Ok(said)
}

/// How one comes from a session to the one of that id by what each needs or stands on: the names on the way, without the
/// last.
fn way_back<'a>(ctx: &Context, snapshot: &'a Snapshot, from: &'a Loaded, to: ObjectId) -> Option<Vec<&'a Name>> {
    let mut seen: HashSet<ObjectId> = HashSet::from([from.id()]);
    let mut ways: Vec<Vec<&Loaded>> = vec![vec![from]];
    while let Some(way) = ways.pop() {
        let last = way.last()?;
        let parent = snapshot.base_ref(&ctx.repo, &last.record).parent.and_then(|name| snapshot.require(&name).ok());
        let needed = last.record.depends_on.iter().filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok());
        for next in needed.filter_map(|id| snapshot.by_id(id)).chain(parent) {
            if next.id() == to {
                return Some(way.iter().map(|loaded| &loaded.name).collect());
            }
            if seen.insert(next.id()) {
                ways.push(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}

fn circle(session: &Loaded, way: &[&Name], what: &str) -> Error {
    let around: Vec<String> = [&session.name]
        .into_iter()
        .chain(way.iter().copied())
        .chain([&session.name])
        .map(|name| format!("'{name}'"))
        .collect();
    let last = way.last().map_or(&session.name, |name| *name);
    Error::refused(format!("{what}: {}.", around.join(" needs ")))
        .hint(format!("`git session set {last} --depends-on ''` opens the circle there.", last = last.word()))
}
