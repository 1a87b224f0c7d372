//! `refs/sessions/@board`: decisions, interfaces and broadcasts for all sessions.

use crate::error::Result;
use crate::git::{Edit, Repo};
use crate::session::ObjectId;
use crate::store::record::Writer;
use crate::store::retry;

/// The ref.
pub const REFERENCE: &str = "refs/sessions/@board";

/// Sets one document of the board, with one line that says why.
///
/// # Errors
/// Refused or contended.
pub fn put(repo: &Repo, writer: &Writer, path: &str, text: &[u8], what: &str) -> Result<ObjectId> {
    let blob = repo.write_blob(text)?;
    retry(|| {
        let before = repo.ref_id(REFERENCE)?;
        let base = before.map(|head| repo.commit(head).map(|commit| commit.tree)).transpose()?;
        let tree = repo.edit_tree(base, [(path, Some(blob))])?;
        let what = crate::session::event::one_line(what);
        let message = format!("[@board] note: {what}\n\nSession-Operation: {}\n", writer.operation);
        let commit = repo.write_commit(&repo.draft_by_us(&writer.identity, message), tree, before.as_slice())?;
        repo.transact(&[Edit::put(REFERENCE, before, commit)], &format!("[@board] {what}"))?;
        Ok(commit)
    })
}

/// One document of the board; none if there is no board or no such document.
///
/// # Errors
/// Refused, if it cannot be read.
pub fn get(repo: &Repo, path: &str) -> Result<Option<Vec<u8>>> {
    match repo.ref_id(REFERENCE)? {
        Some(head) => repo.blob_at(repo.commit(head)?.tree, path),
        None => Ok(None),
    }
}
