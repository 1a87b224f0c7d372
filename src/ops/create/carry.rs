//! Uncommitted work of the worktree one stands in: it stays, goes onto the stash, or along into the new session.

use super::{Options, Planned, Uncommitted};
use crate::error::{Error, Result};
use crate::git::{Repo, Worktree, status};
use crate::ops::Context;
use crate::session::{ObjectId, OperationId};
use std::path::{Path, PathBuf};

/// Work that goes along into the one session that is made, by way of git's stash.
pub(super) struct Carry {
    from: PathBuf,
    /// Nothing else on the stash has these.
    words: String,
    /// What is to be said where git takes nothing.
    nothing: String,
}

/// What becomes of uncommitted work.
///
/// # Errors
/// Usage, where there is no worktree; refused, where the stash would lose something.
pub(super) fn uncommitted(
    ctx: &Context,
    options: &Options,
    here: Option<&Worktree>,
    warnings: &mut Vec<String>,
) -> Result<Uncommitted> {
    let Some(here) = here.filter(|_| !options.here) else {
        if options.stash || options.carry {
            return Err(Error::usage("`--stash` and `--carry` need a worktree to take uncommitted work from.")
                .hint("`cd` into the one that has the work."));
        }
        return Ok(Uncommitted::Stays);
    };
    let top = here.path.clone();
    if options.stash || options.carry {
        let changed = status::changed_paths(&top)?;
        if changed.iter().all(|change| change.is_in_submodule) {
            if !changed.is_empty() {
                warnings.push(nothing_to_stash(ctx, &top));
            }
            return Ok(Uncommitted::Stays);
        }
        ctx.repo.require_stashable(&top)?;
        return Ok(if options.carry { Uncommitted::Carry(top) } else { Uncommitted::Stash(top) });
    }
    let count = ctx.repo.dirty_tracked(here)?;
    if count > 0 {
        warnings.push(format!(
            "{count} uncommitted change{} in '{}' {} there. `--carry` moves uncommitted work along, `--stash` puts it \
             on the stash.",
            if count == 1 { "" } else { "s" },
            ctx.relative(&top).display(),
            if count == 1 { "stays" } else { "stay" },
        ));
    }
    Ok(Uncommitted::Stays)
}

/// What a worktree has that git's stash does not take.
fn nothing_to_stash(ctx: &Context, top: &Path) -> String {
    format!(
        "All that is uncommitted in '{}' is inside of submodules and stays there: the stash does not take that.",
        ctx.relative(top).display()
    )
}

/// `--stash` puts uncommitted work on the stash; `--carry` is for later, under the session's claim.
pub(super) fn set_aside(
    ctx: &Context,
    operation: &OperationId,
    uncommitted: &Uncommitted,
    sessions: &[Planned],
    warnings: &mut Vec<String>,
) -> Result<Option<Carry>> {
    let names: Vec<&str> = sessions.iter().map(|planned| planned.name.as_str()).collect();
    let words = format!("session {} (operation {})", names.join(" "), operation.short());
    match uncommitted {
        Uncommitted::Stays => {}
        Uncommitted::Carry(top) => {
            return Ok(Some(Carry { from: top.clone(), words, nothing: nothing_to_stash(ctx, top) }));
        }
        Uncommitted::Stash(top) => warnings.push(match ctx.repo.stash_push(top, &words)? {
            None => nothing_to_stash(ctx, top),
            Some(_) => format!(
                "Uncommitted work of '{}' is on the stash; `git stash pop` there brings it back.",
                ctx.relative(top).display()
            ),
        }),
    }
    Ok(None)
}

impl Carry {
    /// As the claim keeps it, so that the work is found again: by what words, and where it comes from.
    pub(super) fn as_planned(&self) -> (String, String) {
        (self.words.clone(), self.from.to_string_lossy().into_owned())
    }

    /// Onto the stash; none where git takes nothing.
    pub(super) fn away(&self, repo: &Repo) -> Result<Option<ObjectId>> {
        repo.stash_push(&self.from, &self.words)
    }

    /// Off the stash, into the new worktree. Where that does not go cleanly it stays there, which is to be said.
    pub(super) fn arrive(&self, repo: &Repo, stash: Option<ObjectId>, target: &Path) -> Option<String> {
        let Some(stash) = stash else { return Some(self.nothing.clone()) };
        repo.stash_pop(target, stash).err()?;
        let _ = repo.git_in(target).args(["reset", "--hard", "--quiet"]).run();
        Some(format!(
            "Your uncommitted work does not fit onto the new base; it is on the stash, and `git stash apply {}` tries \
             again in either worktree.",
            stash.to_hex_with_len(10)
        ))
    }

    /// Back to where it comes from, since the session was not made.
    pub(super) fn put_back(&self, repo: &Repo, stash: Option<ObjectId>, error: Error) -> Error {
        match stash.map_or(Ok(()), |stash| repo.stash_pop(&self.from, stash)) {
            Ok(()) => error,
            Err(_) => error.hint("Your uncommitted work is on the stash; `git stash pop --index` brings it back."),
        }
    }
}
