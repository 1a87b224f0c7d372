//! The inverse of `sync`.

use super::{Found, Inverse};
use crate::error::{Error, Result};

/// Old tip, index and files, and the fork as it was: not yet by this program, so that it says who can.
///
/// # Errors
/// Refused, naming the branch's reflog.
pub(super) fn invert(found: &Found) -> Result<Inverse> {
    let (name, branch) = (&found.session.name, found.session.record.branch_short());
    let from = found.event.trailer("Session-From").unwrap_or("<commit>");
    Err(Error::refused(format!("A sync of '{name}' cannot be undone by `undo`."))
        .hint(format!("`git reflog {branch}` shows where its branch was; that stays reachable as long as it shows it."))
        .hint(format!("`git reset --keep {from}` in its worktree goes back there.")))
}
