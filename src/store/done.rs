//! `refs/sessions/@done/<id>`: the records of ended sessions.

use crate::error::Result;
use crate::git::Repo;
use crate::session::{Event, Name, ObjectId};
use crate::store::record::{Loaded, read_at};

/// Where they live.
pub const NAMESPACE: &str = "refs/sessions/@done/";

/// The ref of an ended session.
pub fn reference(id: ObjectId) -> String {
    format!("{NAMESPACE}{id}")
}

/// The ended session of that id; none if there is none.
///
/// # Errors
/// Refused, if its record cannot be understood.
pub fn find(repo: &Repo, id: ObjectId) -> Result<Option<Loaded>> {
    match repo.ref_id(&reference(id))? {
        Some(head) => read(repo, head).map(Some),
        None => Ok(None),
    }
}

/// All ended sessions, those that cannot be read left out.
///
/// # Errors
/// Refused, if the refs cannot be read.
pub fn all(repo: &Repo) -> Result<Vec<Loaded>> {
    let refs = repo.refs_below(NAMESPACE)?;
    Ok(refs.into_iter().filter_map(|(_, target)| read(repo, target.object()?).ok()).collect())
}

/// The name stands in the newest event.
fn read(repo: &Repo, head: ObjectId) -> Result<Loaded> {
    let commit = repo.commit(head)?;
    let event = Event::parse(head, &String::from_utf8_lossy(&commit.message), commit.time, commit.committer);
    let name = Name::parse(&event.name)?;
    read_at(repo, name, head)
}
