//! Whether a session's work is tested: by the verdict on its tree, or on the tree that a sync made it of.

use super::command::Policy;
use crate::error::Result;
use crate::git::Repo;
use crate::session::{EventKind, ObjectId, Verdict};
use crate::store::notes::Notes;
use crate::store::{Loaded, timeline};

/// What is known of the tests of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tested {
    /// They ran on the tree of its tip.
    OnThisTree(Verdict),
    /// They ran before a sync put the same commits on a newer base.
    BeforeSync(Verdict),
    /// They did not, or not since the last commit.
    Never,
    /// No command is known, or nothing is asked.
    NoCommand,
}

/// Looks it up for a session whose branch stands at `tip`.
///
/// # Errors
/// Refused, if notes or timeline cannot be read.
pub fn tested(
    repo: &Repo,
    notes: &Notes,
    session: &Loaded,
    tip: ObjectId,
    command: Option<&str>,
    policy: Policy,
) -> Result<Tested> {
    let Some(command) = command.filter(|_| policy != Policy::Off) else { return Ok(Tested::NoCommand) };
    if let Some(verdict) = notes.verdict(repo, repo.commit(tip)?.tree, command)? {
        return Ok(Tested::OnThisTree(verdict));
    }
    if *notes == Notes::default() || session.record.last_sync.is_none() {
        return Ok(Tested::Never);
    }
    // From sync to sync, as long as each began where the one before had left the branch.
    let mut at = tip;
    for event in timeline::events(repo, session.head) {
        let Ok(event) = event else { break };
        let id = |key| event.trailer(key).and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok());
        let (Some(from), Some(to)) = (id("Session-From"), id("Session-To")) else { continue };
        if event.kind != EventKind::Synced || to != at {
            break;
        }
        // What a sync replaced may be gone by now.
        let Ok(before) = repo.commit(from) else { break };
        if let Some(verdict) = notes.verdict(repo, before.tree, command)? {
            return Ok(Tested::BeforeSync(verdict));
        }
        at = from;
    }
    Ok(Tested::Never)
}
