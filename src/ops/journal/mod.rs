//! The journal: what is under way, and what becomes of it when its process dies.
//!
//! Every operation that touches more than a record claims what it works on (`store::pending`) with its whole plan,
//! moves on in steps that can each be told afterwards, and gives the claim up. A writing verb that meets the claim of a
//! dead process takes it back, or after the commit point completes it; a reading verb only says so.

pub mod base;
pub mod create;
pub mod end;
mod locks;
pub mod relocate;
pub mod resolving;
pub mod restore;
pub mod stopped;
pub mod sync;
mod worktree;

use crate::error::{Context as _, Error, Result};
use crate::git::{Edit, Repo, status};
use crate::host::witness::{Hold, Liveness};
use crate::ops::Context;
use crate::store::pending::{self, Pending, Stage};
use crate::store::{Writer, own, retry};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// What an operation set out to do, as its claim keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Plan {
    /// A session is made.
    Create(create::CreateStep),
    /// A session ends.
    End(end::EndStep),
    /// An ended session comes back.
    Restore(restore::RestoreStep),
    /// A session's name, branch or directory changes.
    Relocate(relocate::RelocateStep),
    /// A live session gets its worktree back: each step may be run again, so that nothing is to be taken back.
    Mend {
        /// The session.
        name: String,
        /// Where its files are written before they come into place, all at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scratch: Option<String>,
    },
    /// A branch that is no session's moves, and its worktree with it.
    Base(base::BaseStep),
    /// A session is put onto its base.
    Sync(sync::SyncStep),
}

impl Plan {
    /// As the claim keeps it.
    ///
    /// # Errors
    /// A bug, if a value has no form in TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::bug("A plan could not be written as TOML.").because(error))
    }

    fn parse(text: &str) -> Result<Plan> {
        toml::from_str(text).map_err(|error| {
            Error::refused("A plan under way cannot be understood; a newer program may have begun it.")
                .because(error)
                .hint("Run the newer `git session`, which can mend it.")
        })
    }
}

/// The file whose lock says that somebody is still at work on an operation: we, or a child that outlives us.
fn hold_path(repo: &Repo, operation: &str) -> PathBuf {
    repo.common_dir().join(format!("session-{operation}.lock"))
}

/// Held while an operation is under way; children inherit it. Its file goes with it.
#[derive(Debug)]
pub struct Held {
    _hold: Hold,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Takes the hold of this operation, once, before its first claim.
///
/// # Errors
/// Refused, if the repository cannot be written to.
pub fn hold(repo: &Repo, writer: &Writer) -> Result<Held> {
    let path = hold_path(repo, writer.operation.as_str());
    let hold = Hold::take(&path)?.ok_or_else(|| Error::bug("Two processes share one operation."))?;
    hold.share_with_children();
    hold.sign().or_refuse(|| format!("'{}' could not be written.", path.display()))?;
    Ok(Held { _hold: hold, path })
}

/// Whether somebody is still at work on an operation.
pub fn is_held(repo: &Repo, operation: &str) -> bool {
    !Hold::is_free(&hold_path(repo, operation))
}

/// Whether whoever began an operation is proved to be gone, with all children. Locks of other hosts may not be seen here:
/// who took it stands in its file.
pub fn is_gone(repo: &Repo, operation: &str) -> bool {
    let path = hold_path(repo, operation);
    Hold::is_free(&path) && Hold::signer(&path).is_none_or(|process| process.liveness() == Liveness::Dead)
}

/// Claims for one plan, or for all of several at once.
///
/// # Errors
/// Contended, naming who holds it.
pub fn claim(
    repo: &Repo,
    writer: &Writer,
    wanted: &[(String, Plan, Vec<crate::session::ObjectId>)],
) -> Result<Vec<Pending>> {
    refuse_held(repo, wanted.iter().map(|(reference, _, _)| reference.as_str()))?;
    own::ensure(repo)?;
    let mut claims = Vec::with_capacity(wanted.len());
    for (reference, plan, holds) in wanted {
        claims.push(pending::draft(repo, writer, reference, Stage::Claimed, &plan.to_toml()?, holds)?);
    }
    pending::claim(repo, &claims)?;
    Ok(claims)
}

/// Refuses where somebody is at work on one of these, before anything is written.
///
/// # Errors
/// Contended, naming who.
pub fn refuse_held<'a>(repo: &Repo, references: impl Iterator<Item = &'a str>) -> Result<()> {
    for reference in references {
        if let Some(held) = pending::find(repo, reference)? {
            return Err(pending::is_held(&held));
        }
    }
    Ok(())
}

/// As [`is_dead`], but a child that outlived its parent gets a moment to end: it is about to, since nobody listens.
fn is_dead_by_now(repo: &Repo, pending: &Pending) -> bool {
    for _ in 0..60 {
        if is_dead(repo, pending) {
            return true;
        }
        if pending.liveness() != Liveness::Dead {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// Whether an operation can be proved to be dead.
pub fn is_dead(repo: &Repo, pending: &Pending) -> bool {
    let Some(operation) = &pending.operation else { return false };
    pending.liveness() == Liveness::Dead && Hold::is_free(&hold_path(repo, operation.as_str()))
}

/// What a killed command left behind, in words, for reading verbs.
///
/// # Errors
/// Refused, if the claims cannot be read.
pub fn report(ctx: &Context) -> Result<Vec<String>> {
    let dead = pending::all(&ctx.repo)?.into_iter().filter(|pending| is_dead(&ctx.repo, pending));
    Ok(dead
        .map(|pending| {
            format!(
                "A command on '{}' was interrupted; the next command that writes will mend it.",
                pending.name().trim_start_matches("@base/")
            )
        })
        .collect())
}

/// Brings uncommitted work back to a worktree that a killed command had put on the stash; none is there where it got as far
/// as that. Returns what there is to say of it.
fn from_stash(repo: &Repo, top: &std::path::Path, stash: crate::session::ObjectId) -> String {
    let place = crate::ops::shell_quoted(&top.display().to_string());
    match repo.is_on_stash(top, stash) {
        Ok(false) => String::new(),
        // What is there was written since, or is the beginning of that very work.
        Ok(true)
            if status::dirty(top).is_ok_and(|dirty| !dirty.is_uncommitted()) && repo.stash_pop(top, stash).is_ok() =>
        {
            format!(" The uncommitted work that was on the stash is in {place} again.")
        }
        _ => format!(
            " The uncommitted work is on the stash: `git -C {place} stash apply --index {}` brings it back.",
            stash.to_hex_with_len(12)
        ),
    }
}

/// Mends what killed commands left behind: stale locks of ours first, then each claim of a dead process.
///
/// # Errors
/// Refused, if something that was left cannot be mended; it stays as it is then.
pub fn recover(ctx: &Context, writer: &Writer) -> Result<()> {
    let repo = &ctx.repo;
    locks::remove_stale(repo);
    super::sync::sweep(repo);
    for seen in pending::all(repo)? {
        if !is_dead_by_now(repo, &seen) {
            continue;
        }
        // A git that outlived its parent may have taken the claim past its commit point since it was read.
        let Some(dead) = pending::find(repo, &seen.reference)?.filter(|now| is_dead(repo, now)) else { continue };
        locks::remove_of_claim(repo, &dead);
        if let Some(mine) = take_over(repo, writer, &dead)? {
            mend(ctx, writer, &dead, &mine)?;
        }
    }
    resolving::note_all(ctx, writer);
    Ok(())
}

/// Treats the claim of a process that cannot be seen as that of a dead one, since the user says that it is. Where its
/// plan cannot be understood it only goes, and what it held is kept.
///
/// # Errors
/// Contended, if somebody holds on to it after all; refused, if it cannot be mended: it stays as it is then.
pub fn give_up(ctx: &Context, writer: &Writer, pending: &Pending) -> Result<()> {
    let repo = &ctx.repo;
    let is_free = |operation: &crate::session::OperationId| Hold::is_free(&hold_path(repo, operation.as_str()));
    if pending.liveness() == Liveness::Alive || !pending.operation.as_ref().is_none_or(is_free) {
        return Err(Error::contended(format!("Somebody is at work on '{}'.", pending.name())));
    }
    match Plan::parse(&pending.plan) {
        Ok(_) => {
            let mine = take_over(repo, writer, pending)?.ok_or_else(|| pending::is_held(pending))?;
            mend(ctx, writer, pending, &mine)
        }
        Err(_) => {
            let name = pending.name().trim_start_matches("@base/");
            let kept = crate::store::keep::Kept {
                name: crate::session::Name::parse(name)?,
                id: pending.commit,
                worktree: None,
                salvage: None,
                tips: repo.commit(pending.commit)?.parents,
                config: Vec::new(),
                sparse: None,
            };
            if !kept.tips.is_empty() {
                crate::store::keep::add(repo, writer, &kept)?;
            }
            retry(|| repo.transact(&[pending.release()], "session: give up"))
        }
    }
}

/// Whoever swaps the dead claim for his own does the mending; none if somebody else was first.
fn take_over(repo: &Repo, writer: &Writer, dead: &Pending) -> Result<Option<Pending>> {
    let mine =
        pending::draft(repo, writer, &dead.reference, dead.stage, &dead.plan, &repo.commit(dead.commit)?.parents)?;
    match repo.transact(&[Edit::update(&dead.reference, dead.commit, mine.commit)], "session: recover") {
        Err(error) if error.is_contended() => Ok(None),
        outcome => outcome.map(|()| Some(mine)),
    }
}

/// Takes back or completes what a claim names that was taken over.
fn mend(ctx: &Context, writer: &Writer, dead: &Pending, mine: &Pending) -> Result<()> {
    let repo = &ctx.repo;
    let _held = hold(repo, writer)?;
    let said = match Plan::parse(&mine.plan)? {
        Plan::Create(step) => create::recover(ctx, writer, mine, &step)?,
        Plan::End(step) => end::recover(ctx, writer, mine, &step)?,
        Plan::Restore(step) => restore::recover(ctx, writer, mine, &step)?,
        Plan::Relocate(step) => relocate::recover(ctx, writer, mine, &step)?,
        Plan::Mend { name, scratch } => {
            let said = super::revive::recover(repo, &name, scratch.as_deref())?;
            retry(|| repo.transact(&[mine.release()], "session: recovered"))?;
            said
        }
        Plan::Base(step) => base::recover(ctx, writer, mine, &step)?,
        Plan::Sync(step) => sync::recover(ctx, writer, mine, &step)?,
    };
    ctx.say(said);
    if let Some(operation) = &dead.operation {
        let _ = std::fs::remove_file(hold_path(repo, operation.as_str()));
    }
    Ok(())
}
