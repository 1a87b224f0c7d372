//! The steps of `rename` and `move`: record, branch and directory, each of which can be told afterwards.

use crate::error::{Error, Result};
use crate::git::{Edit, Repo};
use crate::ops::Context;
use crate::session::{EventKind, Name, ObjectId};
use crate::store::pending::Pending;
use crate::store::{Writer, record, retry};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What changes of a session. From and to are equal where that part stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RelocateStep {
    /// The session's id.
    pub id: String,
    /// The name before and after.
    pub name: (String, String),
    /// The branch before and after, by full name.
    pub branch: (String, String),
    /// git's own directory of its worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_dir: Option<String>,
    /// The directory before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<(String, String)>,
    /// Further trailers of the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trailers: Vec<(String, String)>,
}

impl RelocateStep {
    fn names(&self) -> Result<(Name, Name)> {
        Ok((Name::parse(&self.name.0)?, Name::parse(&self.name.1)?))
    }
}

/// Does what is still to be done, under the claim, which is given up at the end. Each step first looks whether it is
/// done already, so that it may be run again after a kill.
///
/// # Errors
/// Refused or contended; the steps already taken are then taken back by [`reverse`].
pub fn run(repo: &Repo, writer: &Writer, claim: &Pending, step: &RelocateStep) -> Result<()> {
    let (from, to) = step.names()?;
    if step.branch.0 != step.branch.1 && repo.ref_id(&step.branch.1)?.is_none() {
        let short = crate::ops::base::short_name;
        // git's own renaming takes reflog, settings and HEADs along.
        retry(|| {
            let command = repo.git().args(["branch", "-m", short(&step.branch.0), short(&step.branch.1)]);
            let output = command.run()?;
            if output.is_success() {
                return Ok(());
            }
            let error = command.failure(&output);
            Err(if output.stderr.contains(".lock") { Error::contended(error.one_line()) } else { error })
        })?;
    }
    if let Some((old, new)) = &step.path
        && old != new
    {
        let (old, new) = (PathBuf::from(old), PathBuf::from(new));
        if old.exists() && !new.join(".git").exists() {
            if let Some(folder) = new.parent() {
                std::fs::create_dir_all(folder).map_err(|error| {
                    Error::refused(format!("The folder '{}' could not be made.", folder.display())).because(error)
                })?;
            }
            // Into a directory that is there git would move it, and not to its place; only an empty one goes.
            let _ = std::fs::remove_dir(&new);
            repo.git().args(["worktree", "move"]).arg(&old).arg(&new).run_ok()?;
            super::create::remove_empty_parents(repo, &old);
        } else if new.join(".git").exists() {
            // Killed between moving the directory and telling git.
            repo.git().args(["worktree", "repair"]).arg(&new).run_ok()?;
        }
    }
    if from != to
        && let Some(git_dir) = &step.git_dir
    {
        repo.tie(std::path::Path::new(git_dir), &to)?;
    }
    move_record(repo, writer, step, &from, &to)?;
    retry(|| repo.transact(&[claim.release()], "session: relocated"))
}

/// The record from the old name to the new one; where one name is a folder of the other, by way of `@done/<id>`.
fn move_record(repo: &Repo, writer: &Writer, step: &RelocateStep, from: &Name, to: &Name) -> Result<()> {
    let id = ObjectId::from_hex(step.id.as_bytes()).map_err(|error| Error::bug("No id in a plan.").because(error))?;
    let between = crate::store::done::reference(id);
    retry(|| {
        if from != to && record::find(repo, to)?.is_some_and(|loaded| loaded.id() == id) {
            return Ok(());
        }
        let parked = crate::store::done::find(repo, id)?.filter(|_| from != to);
        let before = match record::find(repo, from)?.filter(|loaded| loaded.id() == id) {
            Some(before) => before,
            None => match parked {
                Some(parked) => {
                    let head = parked.head;
                    let message = format!("[{to}] renamed: from {from}");
                    return repo
                        .transact(&[Edit::delete(&between, head), Edit::create(to.reference(), head)], &message);
                }
                None => return Err(Error::refused(format!("The session '{from}' has ended meanwhile."))),
            },
        };
        let mut record = before.record.clone();
        record.branch.clone_from(&step.branch.1);
        let mut event = if from == to {
            writer.event(to, EventKind::Moved, format!("to {}", step.path.as_ref().map_or("", |path| &path.1)))
        } else {
            writer.event(to, EventKind::Renamed, format!("from {from}"))
        };
        let trailer = if from == to { step.path.clone() } else { Some(step.name.clone()) };
        if let Some((old, new)) = trailer {
            event.trailers.push(("Session-From".into(), old));
            event.trailers.push(("Session-To".into(), new));
        }
        event.trailers.extend(step.trailers.iter().cloned());
        event.branch_tip = repo.ref_id(&step.branch.1)?;
        let next = writer.next(repo, &before, &record, &event)?;
        let subject = event.subject();
        if from == to {
            return repo.transact(&[Edit::update(from.reference(), before.head, next)], &subject);
        }
        if from.clashes_with(to) {
            repo.transact(&[Edit::delete(from.reference(), before.head), Edit::create(&between, next)], &subject)?;
            return repo.transact(&[Edit::delete(&between, next), Edit::create(to.reference(), next)], &subject);
        }
        repo.transact(&[Edit::delete(from.reference(), before.head), Edit::create(to.reference(), next)], &subject)
    })
}

/// Takes back the steps that were taken, as far as they can be told, and gives the claim up.
///
/// # Errors
/// Refused, if something cannot be taken back; the claim stays then.
pub fn reverse(repo: &Repo, claim: &Pending, step: &RelocateStep) -> Result<()> {
    let (from, to) = step.names()?;
    if let Some((old, new)) = &step.path
        && old != new
    {
        let (old, new) = (PathBuf::from(old), PathBuf::from(new));
        if new.join(".git").exists() && !old.exists() {
            repo.git().args(["worktree", "repair"]).arg(&new).run_ok()?;
            repo.git().args(["worktree", "move"]).arg(&new).arg(&old).run_ok()?;
        }
    }
    if from != to
        && let Some(git_dir) = &step.git_dir
    {
        repo.tie(std::path::Path::new(git_dir), &from)?;
    }
    if step.branch.0 != step.branch.1
        && repo.ref_id(&step.branch.0)?.is_none()
        && repo.ref_id(&step.branch.1)?.is_some()
    {
        let short = crate::ops::base::short_name;
        repo.git().args(["branch", "-m", short(&step.branch.1), short(&step.branch.0)]).run_ok()?;
    }
    retry(|| repo.transact(&[claim.release()], "session: take back"))
}

/// Completes a `rename` or `move` that was interrupted: each of its steps can be run again.
///
/// # Errors
/// Refused, if it cannot be mended; the claim stays then.
pub fn recover(ctx: &Context, writer: &Writer, claim: &Pending, step: &RelocateStep) -> Result<String> {
    run(&ctx.repo, writer, claim, step)?;
    Ok(if step.name.0 == step.name.1 {
        format!("Completed the interrupted `move {}`.", step.name.0)
    } else {
        format!("Completed the interrupted `rename {} {}`.", step.name.0, step.name.1)
    })
}
