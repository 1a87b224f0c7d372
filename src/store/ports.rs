//! `refs/sessions/@ports/<n>`: who has the block of ports that begins with `n`. The blob names the session by its id, so
//! that renaming changes nothing, and is as unique as that: a claim by creation never takes another's for its own.

use crate::error::Result;
use crate::git::{Edit, Repo};
use crate::session::{ByteSlice, ObjectId};

const FOLDER: &str = "refs/sessions/@ports/";

/// How many ports a block has.
pub const SIZE: u16 = 10;

/// Whether somebody has the block that begins there.
///
/// # Errors
/// Refused, if the ref cannot be read.
pub fn is_taken(repo: &Repo, first: u16) -> Result<bool> {
    Ok(repo.ref_id(&format!("{FOLDER}{first}"))?.is_some())
}

/// Writes the claim of a session on a block; no ref yet.
///
/// # Errors
/// Refused, if the blob cannot be written.
pub fn claim(repo: &Repo, id: ObjectId, first: u16) -> Result<Edit> {
    let host = crate::host::witness::Process::current().host;
    let blob = repo.write_blob(format!("Session: {id}\nHost: {host}\nPorts: {first}+{SIZE}\n").as_bytes())?;
    Ok(Edit::create(format!("{FOLDER}{first}"), blob))
}

/// The blocks of a session, each with the edit that gives it back.
///
/// # Errors
/// Refused, if refs cannot be read.
pub fn of(repo: &Repo, id: ObjectId) -> Result<Vec<(u16, Edit)>> {
    let line = format!("Session: {id}\n");
    let mut found = Vec::new();
    for (name, target) in repo.refs_below(FOLDER)? {
        let (Some(first), Some(blob)) = (name[FOLDER.len()..].parse().ok(), target.object()) else { continue };
        // What is no blob was made by somebody else, and is nobody's claim.
        if repo.blob(blob).is_ok_and(|text| text.starts_with_str(&line)) {
            found.push((first, Edit::delete(name, blob)));
        }
    }
    Ok(found)
}

/// The edits that give all ports of a session back.
///
/// # Errors
/// Refused, if refs cannot be read.
pub fn release(repo: &Repo, id: ObjectId) -> Result<Vec<Edit>> {
    Ok(of(repo, id)?.into_iter().map(|(_, edit)| edit).collect())
}
