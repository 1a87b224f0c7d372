//! The steps by which a session is put onto its base: claim, branch with worktree, record. Where git does the rebase
//! itself the claim is held around it.

use crate::error::{Context as _, Error, Hurdle, Result};
use crate::git::{Edit, Repo};
use crate::ops::Context;
use crate::ops::journal::base::{self, Advanced, BaseStep};
use crate::ops::journal::{self, Plan, stopped};
use crate::session::record::LastSync;
use crate::session::{Base, EventKind, Name, ObjectId, Timestamp};
use crate::store::pending::Pending;
use crate::store::{Writer, record, retry};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How a session moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SyncStep {
    /// The session.
    pub name: String,
    /// Its id.
    pub id: String,
    /// What the event says.
    pub what: String,
    /// The base tip it is put onto: the fork from then on.
    pub onto: String,
    /// Whether git does it, so that the new tip is not known beforehand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_git: bool,
    /// Its branch and worktree; of what git does, both ends are the old tip.
    pub unit: BaseStep,
    /// The base, where it is another one from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The operation that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// Of what takes one back: the sync before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<LastSync>,
}

impl SyncStep {
    fn name(&self) -> Result<Name> {
        Name::parse(&self.name)
    }

    fn id(&self) -> Result<ObjectId> {
        ObjectId::from_hex(self.id.as_bytes()).or_refuse(|| "The plan names no session.")
    }

    fn old(&self) -> Option<ObjectId> {
        self.unit.old.as_ref().and_then(|id| ObjectId::from_hex(id.as_bytes()).ok())
    }
}

/// Claims the session. `holds` are commits that must not be pruned meanwhile.
///
/// # Errors
/// Contended, if somebody is at work on it or has ended it.
pub fn claim(repo: &Repo, writer: &Writer, step: &SyncStep, holds: Vec<ObjectId>) -> Result<Pending> {
    let (name, id) = (step.name()?, step.id()?);
    let mut claims = journal::claim(repo, writer, &[(name.pending(), Plan::Sync(step.clone()), holds)])?;
    let claim = claims.pop().ok_or_else(|| Error::bug("One claim was wanted."))?;
    let lives = record::find(repo, &name)?.is_some_and(|loaded| loaded.id() == id);
    if lives {
        return Ok(claim);
    }
    release(repo, &claim)?;
    Err(Error::contended(format!("The session '{name}' has ended or was renamed at the same moment."))
        .met(Hurdle::Changed))
}

/// Gives a claim up, nothing changed.
///
/// # Errors
/// Refused or contended.
pub fn release(repo: &Repo, claim: &Pending) -> Result<()> {
    retry(|| repo.transact(&[claim.release()], "session: take back"))
}

/// Moves branch and worktree, up to the commit point. If nothing has moved the claim is given up.
///
/// # Errors
/// Refused or contended.
pub fn advance<'a>(repo: &'a Repo, writer: &Writer, claim: &Pending, step: &SyncStep) -> Result<Advanced<'a>> {
    // As `git rebase` writes it.
    let message = match &step.undoes {
        Some(_) => format!("session undo: moving to {}", step.unit.new),
        None => format!("rebase (finish): {} onto {}", step.unit.branch, step.onto),
    };
    base::advance(repo, writer, claim, &step.unit, &message).map_err(|error| {
        let now = repo.ref_id(&claim.reference).ok().flatten();
        let is_staged = step
            .unit
            .git_dir
            .as_ref()
            .zip(step.unit.operation.as_ref())
            .is_some_and(|(dir, operation)| super::worktree::stage_of(Path::new(dir), operation).exists());
        if now != Some(claim.commit) || is_staged {
            return error.hint("The next command that writes completes it or takes it back.");
        }
        match release(repo, claim) {
            Ok(()) => error,
            Err(also) => error.hint(format!("The claim could not be given up ({}).", also.one_line())),
        }
    })
}

/// The record says where the session stands now; the claim is given up in the same transaction.
///
/// # Errors
/// Refused or contended; the claim stays then, and the next command completes it.
pub fn conclude(repo: &Repo, writer: &Writer, claim: &Pending, step: &SyncStep, tip: ObjectId) -> Result<()> {
    retry(|| {
        let (edits, message) = last_edits(repo, writer, claim, step, tip)?;
        repo.transact(&edits, &message)
    })
}

/// Concludes several with one child of git's. An error for each that could not be.
pub fn conclude_all(repo: &Repo, writer: &Writer, done: &[(&SyncStep, Pending, ObjectId)]) -> Vec<Result<()>> {
    let drafted: Result<Vec<Vec<Edit>>> = done
        .iter()
        .map(|(step, claim, tip)| last_edits(repo, writer, claim, step, *tip).map(|(edits, _)| edits))
        .collect();
    let message = format!("session sync: {}", writer.operation);
    let finished = drafted.and_then(|edits| repo.transact_each(&edits, &message)).unwrap_or(0);
    done.iter()
        .enumerate()
        .map(|(n, (step, claim, tip))| if n < finished { Ok(()) } else { conclude(repo, writer, claim, step, *tip) })
        .collect()
}

/// What the last transaction of a step changes, and what it says in the reflog.
fn last_edits(
    repo: &Repo,
    writer: &Writer,
    claim: &Pending,
    step: &SyncStep,
    tip: ObjectId,
) -> Result<(Vec<Edit>, String)> {
    let (name, id) = (step.name()?, step.id()?);
    let Some(before) = record::find(repo, &name)?.filter(|loaded| loaded.id() == id) else {
        return Ok((vec![claim.release()], "session: synced".into()));
    };
    let mut record = before.record.clone();
    if let Some(base) = &step.base {
        record.base = base.clone();
    }
    record.base.fork.clone_from(&step.onto);
    let kind = match &step.undoes {
        Some(_) => {
            record.last_sync.clone_from(&step.last_sync);
            EventKind::Undone
        }
        None => {
            let time = Timestamp(writer.identity.seconds()).rfc3339();
            record.last_sync = Some(LastSync { time, onto: step.onto.clone(), rest: toml::Table::new() });
            EventKind::Synced
        }
    };
    let mut event = writer.event(&name, kind, step.what.clone());
    event.branch_tip = Some(tip);
    if let Some(old) = step.old() {
        event.trailers.push(("Session-From".into(), old.to_string()));
    }
    event.trailers.push(("Session-To".into(), tip.to_string()));
    event.trailers.push(("Session-Base".into(), record.base.reference.clone()));
    if let Some(carried) = &step.unit.carried {
        event.trailers.push(("Session-Carried-From".into(), carried.from.clone()));
        event.trailers.push(("Session-Carried-To".into(), carried.to.clone()));
    }
    if let Some(undoes) = &step.undoes {
        event.trailers.push(("Session-Undoes".into(), undoes.clone()));
    }
    let next = writer.next(repo, &before, &record, &event)?;
    Ok((vec![Edit::update(name.reference(), before.head, next), claim.release()], event.subject()))
}

/// Takes back or completes what was interrupted.
///
/// # Errors
/// Refused, if it cannot be mended; the claim stays then.
pub fn recover(ctx: &Context, writer: &Writer, claim: &Pending, step: &SyncStep) -> Result<String> {
    let repo = &ctx.repo;
    let name = &step.name;
    let taken_back = || format!("Took back the interrupted `sync` of '{name}'.");
    if step.by_git {
        let git_dir = step.unit.git_dir.as_ref().map(Path::new);
        let worktree = git_dir.and_then(|dir| repo.worktree_at_git_dir(dir)).filter(|worktree| !worktree.is_missing);
        let at = worktree.and_then(|worktree| worktree.operation().map(|operation| (worktree, operation)));
        if let Some((worktree, verb @ ("rebase" | "merge"))) = at
            && !stopped::abort(repo, &worktree, verb, false, repo.git_in(&worktree.path))?
        {
            super::resolving::begin(repo, step)?;
            release(repo, claim)?;
            let place = crate::ops::shell_quoted(&worktree.path.display().to_string());
            return Ok(format!(
                "The interrupted {verb} of '{name}' is left as it is, since its files have changed: \
                 `git -C {place} {verb} --continue` or `--abort` ends it."
            ));
        }
        return match repo.ref_id(&step.unit.branch)? {
            Some(tip) if Some(tip) != step.old() => {
                conclude(repo, writer, claim, step, tip)?;
                Ok(format!("Completed the interrupted `sync` of '{name}'."))
            }
            _ => {
                release(repo, claim)?;
                Ok(taken_back())
            }
        };
    }
    let mended = base::mend(repo, claim, &step.unit)?;
    if !mended.has_moved {
        release(repo, claim)?;
        return Ok(taken_back());
    }
    let tip = ObjectId::from_hex(step.unit.new.as_bytes()).or_refuse(|| "The plan names no commit.")?;
    conclude(repo, writer, claim, step, tip)?;
    Ok(if mended.has_followed {
        format!("Completed the interrupted `sync` of '{name}'.")
    } else {
        format!("The branch of '{name}' has moved; its worktree has not followed.")
    })
}
