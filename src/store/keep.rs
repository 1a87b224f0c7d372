//! `refs/sessions/@keep`: holds what would otherwise be unreachable: salvage, tips of deleted branches.
//!
//! Written once per operation, before anything goes, and run again by itself when the race is lost: inside another
//! transaction it would make that one lose.

use crate::error::Result;
use crate::git::{Edit, Repo};
use crate::session::{Name, ObjectId};
use crate::store::record::Writer;
use crate::store::retry;

/// The ref.
pub const REFERENCE: &str = "refs/sessions/@keep";

/// What is kept of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The session's name.
    pub name: Name,
    /// Its id.
    pub id: ObjectId,
    /// Its worktree's directory.
    pub worktree: Option<String>,
    /// The stash-shaped commit of what was uncommitted.
    pub salvage: Option<ObjectId>,
    /// Further commits: the branch's tip, stages, what only reflogs reached.
    pub tips: Vec<ObjectId>,
}

/// Adds one entry that holds all these commits.
///
/// # Errors
/// Refused or contended: then nothing may be removed.
pub fn add(repo: &Repo, writer: &Writer, kept: &Kept) -> Result<ObjectId> {
    let mut message = format!("[{}] keep: what the session leaves behind\n\n", kept.name);
    message.push_str(&format!("Session-Operation: {}\n", writer.operation));
    message.push_str(&format!("Session-Name: {}\nSession-Id: {}\n", kept.name, kept.id));
    if let Some(worktree) = &kept.worktree {
        message.push_str(&format!("Session-Worktree: {}\n", crate::session::event::one_line(worktree)));
    }
    if let Some(salvage) = kept.salvage {
        message.push_str(&format!("Session-Salvage: {salvage}\n"));
    }
    let draft = repo.draft_by_us(&writer.identity, message);
    let tree = repo.edit_tree(None, [])?;
    retry(|| {
        let before = repo.ref_id(REFERENCE)?;
        let mut parents: Vec<ObjectId> = before.into_iter().collect();
        for tip in kept.salvage.iter().chain(&kept.tips) {
            if !parents.contains(tip) {
                parents.push(*tip);
            }
        }
        let commit = repo.write_commit(&draft, tree, &parents)?;
        repo.transact(&[Edit::put(REFERENCE, before, commit)], &format!("[{}] keep", kept.name))?;
        Ok(commit)
    })
}
