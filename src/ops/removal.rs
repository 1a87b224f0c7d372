//! What may not be removed: law 1 for every verb that lets go of a worktree.

mod ignored;
mod nested;
mod submodules;

pub use ignored::DISPOSABLE;

use crate::error::{Error, Result};
use crate::git::Worktree;
use crate::ops::Context;

/// Refuses where removing the worktree could lose something that salvage does not hold.
///
/// # Errors
/// Refused or contended, with what is in the way and the command that helps.
pub fn require_removable(ctx: &Context, worktree: &Worktree) -> Result<()> {
    let place = worktree.path.display();
    if worktree.is_main() {
        return Err(Error::refused(format!("'{place}' is the main worktree, which is never removed.")));
    }
    if let Some(why) = &worktree.locked {
        let why = if why.is_empty() { String::new() } else { format!(" ({})", crate::session::event::one_line(why)) };
        return Err(Error::refused(format!("The worktree '{place}' is locked{why}."))
            .hint(format!("`git worktree unlock {place}` unlocks it.")));
    }
    require_proven(worktree)?;
    if worktree.is_missing {
        // What git keeps of it goes, and the repositories of submodules are in there.
        return submodules::refuse_repositories(ctx, worktree);
    }
    if let Some(operation) = worktree.operation() {
        return Err(Error::refused(format!("The worktree '{place}' is in the middle of a {operation}."))
            .hint(format!("`git -C {place} {operation} --continue` or `--abort` ends it.")));
    }
    if worktree.is_busy() {
        return Err(Error::contended(format!("The index of '{place}' is locked: something is being written there."))
            .hint(format!(
                "Run it again when that is done; if no git is running, delete '{}'.",
                worktree.git_dir.join("index.lock").display()
            )));
    }
    nested::refuse(&worktree.path)?;
    submodules::refuse_work(ctx, worktree)?;
    submodules::refuse_repositories(ctx, worktree)?;
    ignored::refuse(ctx, worktree)
}

/// Refuses a directory at a worktree's place that is another's, or nobody's: git would look for a repository around it.
///
/// # Errors
/// Refused, with what mends it.
pub fn require_proven(worktree: &Worktree) -> Result<()> {
    let is_gone = || match worktree.path.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if worktree.is_main() || worktree.is_proven() || worktree.is_missing && is_gone() {
        return Ok(());
    }
    let place = worktree.path.display();
    Err(Error::refused(format!("The directory '{place}' does not say that it is this worktree."))
        .hint(format!("`git worktree repair {place}` mends its `.git` file, if it is."))
        .hint("Else move it away, then run it again."))
}
