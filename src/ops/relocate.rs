//! `rename` and `move`: name, branch and directory together, or the directory alone.

use crate::error::{Error, Result};
use crate::ops::Context;
use crate::ops::create::{place_of, require_free_place};
use crate::ops::journal::relocate::{self, RelocateStep};
use crate::ops::journal::{self, Plan};
use crate::session::Name;
use crate::session::Word as _;
use crate::store::{Loaded, Snapshot, Writer};
use std::path::{Path, PathBuf};

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelocatePlan {
    /// The steps.
    pub step: RelocateStep,
    /// The worktree's directory afterwards.
    pub worktree: Option<PathBuf>,
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| Error::refused(format!("'{}' is not UTF-8.", path.display())))
}

/// Plans a new name. Branch and directory follow only where they still follow from the old name.
///
/// # Errors
/// Usage or refused, with what would do.
pub fn plan_rename(ctx: &Context, snapshot: &Snapshot, session: &Loaded, to: &str) -> Result<RelocatePlan> {
    let to = Name::parse(to)?;
    let from = &session.name;
    if to == *from {
        return Err(Error::usage(format!("'{from}' is its name already.")));
    }
    let others = || snapshot.sessions.iter().map(|entry| &entry.name).filter(|name| *name != from);
    if let Some(taken) = others().find(|name| **name == to || name.clashes_with(&to)) {
        return Err(Error::refused(format!("The session '{taken}' is in the way of the name '{to}'."))
            .hint("Give another name."));
    }
    let worktree = snapshot.worktree_of(session);
    if let Some(operation) = worktree.and_then(crate::git::Worktree::operation) {
        return Err(Error::refused(format!("'{from}' is in the middle of a {operation}."))
            .hint(format!("`git {operation} --continue` or `--abort` in its worktree ends it.")));
    }
    let old_branch = session.record.branch.clone();
    let short = session.record.branch_short();
    // The branch follows where it is the old name, with the prefix of the settings or none; `--branch` chose any other.
    let set = crate::ops::create::branch_prefix(ctx);
    let new_branch = match short.strip_suffix(from.as_str()) {
        Some(prefix) if !session.record.here && (prefix.is_empty() || prefix == set) => {
            format!("refs/heads/{prefix}{to}")
        }
        _ => old_branch.clone(),
    };
    if new_branch != old_branch && ctx.repo.ref_id(&new_branch)?.is_some() {
        return Err(Error::refused(format!(
            "There is a branch '{}' already.",
            crate::ops::base::short_name(&new_branch)
        ))
        .hint("Give another name, or rename that branch first."));
    }
    let path = match worktree {
        Some(worktree) if !worktree.is_main() && !worktree.is_missing => {
            let follows = place_of(ctx, from, &old_branch)? == worktree.path && !session.record.here;
            let new = if follows { place_of(ctx, &to, &new_branch)? } else { worktree.path.clone() };
            if new != worktree.path {
                require_movable(worktree)?;
                // One directory inside the other cannot be moved in one step.
                if new.starts_with(&worktree.path) || worktree.path.starts_with(&new) {
                    return Err(Error::refused(format!(
                        "The directory '{}' cannot go inside itself.",
                        worktree.path.display()
                    ))
                    .hint(format!("`git session move {from} <place>` moves it elsewhere first.", from = from.word())));
                }
                require_free_place(&new)?;
            }
            Some((text(&worktree.path)?, text(&new)?))
        }
        _ => None,
    };
    Ok(RelocatePlan {
        worktree: path.as_ref().map(|(_, new)| PathBuf::from(new)).or_else(|| worktree.map(|tree| tree.path.clone())),
        step: RelocateStep {
            id: session.id().to_string(),
            name: (from.to_string(), to.to_string()),
            branch: (old_branch, new_branch),
            git_dir: worktree.map(|worktree| text(&worktree.git_dir)).transpose()?,
            path,
            trailers: Vec::new(),
        },
    })
}

fn require_movable(worktree: &crate::git::Worktree) -> Result<()> {
    let place = worktree.path.display();
    if worktree.locked.is_some() {
        return Err(Error::refused(format!("The worktree '{place}' is locked."))
            .hint(format!("`git worktree unlock {place}` unlocks it.", place = place.to_string().word())));
    }
    if worktree.is_busy() {
        return Err(Error::contended(format!("The index of '{place}' is locked: something is being written there."))
            .hint("Run it again when that is done."));
    }
    Ok(())
}

/// Plans a new directory.
///
/// # Errors
/// Usage or refused, with what would do.
pub fn plan_move(ctx: &Context, snapshot: &Snapshot, session: &Loaded, to: &Path) -> Result<RelocatePlan> {
    let name = session.name.to_string();
    let worktree = snapshot.worktree_of(session).filter(|worktree| !worktree.is_missing).ok_or_else(|| {
        Error::refused(format!("'{name}' has no worktree."))
            .hint(format!("`git session adopt {name}` gives it one.", name = name.word()))
    })?;
    if worktree.is_main() {
        return Err(Error::refused("The main worktree cannot be moved.")
            .hint("Move its directory by hand; `git worktree repair` there tells the others."));
    }
    require_movable(worktree)?;
    let mut new = crate::ops::create::normal(&ctx.cwd.join(to));
    if new != worktree.path && new.is_dir() {
        // As `mv` and git do it: into a directory that is there, be it empty.
        new = new.join(worktree.path.file_name().unwrap_or_default());
    }
    if new == worktree.path {
        return Err(Error::usage(format!("'{name}' is there already.")));
    }
    if new.starts_with(&worktree.path) {
        return Err(Error::refused(format!("The directory '{}' cannot go inside itself.", worktree.path.display()))
            .hint("Name a place outside of it."));
    }
    require_free_place(&new)?;
    let branch = session.record.branch.clone();
    Ok(RelocatePlan {
        step: RelocateStep {
            id: session.id().to_string(),
            name: (name.clone(), name),
            branch: (branch.clone(), branch),
            git_dir: Some(text(&worktree.git_dir)?),
            path: Some((text(&worktree.path)?, text(&new)?)),
            trailers: Vec::new(),
        },
        worktree: Some(new),
    })
}

/// Does it.
///
/// # Errors
/// Refused or contended: what was done is taken back.
pub fn execute(ctx: &Context, writer: &Writer, plan: &RelocatePlan) -> Result<()> {
    let repo = &ctx.repo;
    let _held = journal::hold(repo, writer)?;
    let (from, to) = (Name::parse(&plan.step.name.0)?, Name::parse(&plan.step.name.1)?);
    let entry = Plan::Relocate(plan.step.clone());
    let mut wanted = vec![(from.pending(), entry.clone(), Vec::new())];
    if to != from && !to.clashes_with(&from) {
        wanted.push((to.pending(), entry, Vec::new()));
    }
    let claims = journal::claim(repo, writer, &wanted)?;
    let outcome = relocate::run(repo, writer, &claims[0], &plan.step);
    if let Some(second) = claims.get(1) {
        let _ = crate::store::retry(|| repo.transact(&[second.release()], "session: relocated"));
    }
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(match relocate::reverse(repo, &claims[0], &plan.step) {
            Ok(()) => error,
            Err(also) => {
                error.hint(format!("Not all could be taken back ({}); the next command tries again.", also.one_line()))
            }
        }),
    }
}
