//! What `session.keepFor` has run out for: ended sessions, and entries of `@keep`, whose chain is written anew without
//! them.

use super::Expired;
use crate::error::{Error, Result};
use crate::git::Edit;
use crate::ops::Context;
use crate::session::{Name, ObjectId, Timestamp};
use crate::store::{Loaded, Snapshot, done, keep, retry};
use std::collections::HashSet;

/// What holds where nothing is said: 90 days.
const DEFAULT: i64 = 90 * 86_400;

/// How long what has ended is kept, in seconds; none for ever.
fn keep_for(ctx: &Context) -> Result<Option<i64>> {
    match ctx.repo.setting("session.keepFor") {
        None => Ok(Some(DEFAULT)),
        Some(text) if text == "never" => Ok(None),
        Some(text) => Timestamp::parse_span(&text).map(Some).ok_or_else(|| {
            Error::refused(format!("The setting `session.keepFor` is '{text}', which is no span of time."))
                .hint("`git config session.keepFor '90 days'`, or `never`.")
        }),
    }
}

/// What has expired. A parent does not expire before its children, and what `@keep` holds of an ended session not before
/// that.
///
/// # Errors
/// Refused, if the setting is no span, or the refs cannot be read.
pub(super) fn plan(ctx: &Context, snapshot: &Snapshot, now: Timestamp) -> Result<Vec<Expired>> {
    let Some(span) = keep_for(ctx)? else { return Ok(Vec::new()) };
    let is_old = |time: Timestamp| time.0.saturating_add(span) <= now.0;
    let ended = done::all(&ctx.repo)?;
    let mut expired: Vec<&Loaded> = ended.iter().filter(|loaded| is_old(loaded.time)).collect();
    loop {
        let going: HashSet<ObjectId> = expired.iter().map(|loaded| loaded.id()).collect();
        let staying = ended.iter().filter(|loaded| !going.contains(&loaded.id())).chain(snapshot.readable());
        let needed: HashSet<ObjectId> = staying.filter_map(|loaded| loaded.record.base.parent()).collect();
        let before = expired.len();
        expired.retain(|loaded| !needed.contains(&loaded.id()));
        if expired.len() == before {
            break;
        }
    }
    let staying: HashSet<ObjectId> =
        ended.iter().map(Loaded::id).filter(|id| !expired.iter().any(|loaded| loaded.id() == *id)).collect();
    let until = |time: Timestamp| Timestamp(time.0.saturating_add(span));
    let mut list: Vec<Expired> = expired
        .iter()
        .map(|loaded| Expired {
            id: loaded.id(),
            name: loaded.name.clone(),
            until: until(loaded.time),
            is_session: true,
        })
        .collect();
    for entry in keep::entries(&ctx.repo)? {
        let is_needed = entry.id.is_some_and(|id| staying.contains(&id));
        if let (true, false, Ok(name)) = (is_old(entry.time), is_needed, Name::parse(&entry.name)) {
            list.push(Expired { id: entry.commit, name, until: until(entry.time), is_session: false });
        }
    }
    Ok(list)
}

/// Lets go of it. What somebody has brought back meanwhile stays.
///
/// # Errors
/// Refused or contended.
pub(super) fn execute(ctx: &Context, expired: &[Expired]) -> Result<()> {
    let repo = &ctx.repo;
    for one in expired.iter().filter(|one| one.is_session) {
        let reference = done::reference(one.id);
        retry(|| match repo.ref_id(&reference)? {
            Some(head) => repo.transact(&[Edit::delete(&reference, head)], "session: expired"),
            None => Ok(()),
        })?;
    }
    let going: HashSet<ObjectId> = expired.iter().filter(|one| !one.is_session).map(|one| one.id).collect();
    if going.is_empty() {
        return Ok(());
    }
    retry(|| {
        let Some(before) = repo.ref_id(keep::REFERENCE)? else { return Ok(()) };
        let mut chain: Option<ObjectId> = None;
        let entries = keep::entries(repo)?;
        for entry in entries.iter().rev().filter(|entry| !going.contains(&entry.commit)) {
            let parents: Vec<ObjectId> = chain.into_iter().chain(entry.holds.iter().copied()).collect();
            chain = Some(repo.with_parents(entry.commit, &parents)?);
        }
        let edit = match chain {
            Some(head) if head == before => return Ok(()),
            Some(head) => Edit::update(keep::REFERENCE, before, head),
            None => Edit::delete(keep::REFERENCE, before),
        };
        repo.transact(&[edit], "session: expired")
    })
}
