//! Timelines: the events of a session, newest first, which is `git log --first-parent` of its record.

use crate::error::Result;
use crate::git::Repo;
use crate::session::{Event, ObjectId};

/// The events from `head` on, newest first, one read at a time.
pub fn events(repo: &Repo, head: ObjectId) -> impl Iterator<Item = Result<Event>> + '_ {
    let mut next = Some(head);
    std::iter::from_fn(move || {
        let id = next.take()?;
        Some(repo.commit(id).map(|commit| {
            next = commit.parents.first().copied();
            Event::parse(id, &String::from_utf8_lossy(&commit.message), commit.time, commit.committer)
        }))
    })
}
