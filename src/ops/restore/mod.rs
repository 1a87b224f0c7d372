//! `restore`: an ended session comes back as it was: record, branch, worktree, index, and what was uncommitted.

mod ended;

pub use ended::{end_of, ended_names, find};

use crate::error::{Error, Result};
use crate::git::status;
use crate::ops::base::short_name;
use crate::ops::create::{place_of, require_free_place};
use crate::ops::journal::restore::{self as steps, RestoreStep};
use crate::ops::journal::{self, Plan};
use crate::ops::{Context, removal};
use crate::session::Word as _;
use crate::session::{Event, EventKind, Name, ObjectId, OperationId, Record};
use crate::store::{Loaded, Snapshot, Writer, timeline};
use ended::{Held, kept_of};
use std::path::{Path, PathBuf};

/// The return of one session, ready to be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct RestorePlan {
    /// The ended session.
    pub ended: Loaded,
    /// Its name from now on.
    pub name: Name,
    /// Its branch, by full name.
    pub branch: String,
    /// Whether the branch is made, or was kept.
    pub makes_branch: bool,
    /// Where the branch will stand.
    pub tip: ObjectId,
    /// Its directory; none of one that had none.
    pub worktree: Option<PathBuf>,
    /// A checkout that is there: what it is on now.
    pub here_from: Option<String>,
    /// What was uncommitted.
    pub salvage: Option<ObjectId>,
    /// What lies beside the salvage.
    pub kept: Vec<ObjectId>,
    /// Whether anything was uncommitted.
    pub uncommitted: bool,
    /// Settings of the branch.
    pub config: Vec<String>,
    /// The entry of `@keep` that has the patterns of its sparse checkout.
    pub sparse: Option<ObjectId>,
    /// The facts, as they will be.
    pub record: Record,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// A session that is back.
#[derive(Debug, Clone)]
pub struct Restored {
    /// Its name.
    pub name: Name,
    /// Its id.
    pub id: ObjectId,
    /// Its branch, by full name.
    pub branch: String,
    /// Where the branch stands.
    pub tip: ObjectId,
    /// Its directory.
    pub worktree: Option<PathBuf>,
    /// Whether uncommitted work is back.
    pub uncommitted: bool,
    /// The operation.
    pub operation: OperationId,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Plans the return of a session. Reads only.
///
/// # Errors
/// Refused, where name, branch or directory are taken, with the remedy.
pub fn plan(ctx: &Context, snapshot: &Snapshot, ended: Loaded, rename: Option<&str>) -> Result<RestorePlan> {
    let repo = &ctx.repo;
    let (end, before) = end_of(ctx, &ended)?;
    let old = ended.name.clone();
    let name = rename.map_or_else(|| Ok(old.clone()), Name::parse)?;
    let other = |error: Error| {
        let id = ended.id();
        let id = id.to_hex_with_len(8);
        error.hint(format!("`git session restore {id} --as <name>` names session and branch anew."))
    };
    if let Some(taken) =
        snapshot.sessions.iter().map(|entry| &entry.name).find(|taken| **taken == name || taken.clashes_with(&name))
    {
        return Err(other(Error::refused(format!("The session '{taken}' is in the way of the name '{name}'."))));
    }
    let branch = if rename.is_some() { branch_as(ctx, &ended, &name) } else { ended.record.branch.clone() };
    let mut warnings = Vec::new();
    let stands = repo.ref_id(&branch)?;
    let tip = match (end.kind == EventKind::Kept, stands) {
        (true, Some(tip)) if rename.is_none() => tip,
        (_, Some(_)) => {
            return Err(other(Error::refused(format!("There is a branch '{}' already.", short_name(&branch)))));
        }
        (_, None) => last_tip(ctx, &ended, &end, &mut warnings)?,
    };
    let had = end.trailer("Session-Worktree").map(PathBuf::from);
    let has_it = |tree: &&crate::git::Worktree| {
        tree.branch().as_ref() == Some(&branch) && (Some(&tree.path) != had.as_ref() || tree.tie.is_some())
    };
    if let Some(tree) = snapshot.worktrees.iter().find(has_it) {
        let place = tree.path.display();
        return Err(other(
            Error::refused(format!("The branch '{}' is checked out at '{place}'.", short_name(&branch))).hint(format!(
                "`git -C {place} switch --detach` lets go of it there.",
                place = place.to_string().word()
            )),
        ));
    }
    let Held { salvage, kept, config, sparse } = kept_of(ctx, &ended, &end)?;
    let mut record = ended.record.clone();
    record.state = before.record.state;
    record.merged_at.clone_from(&before.record.merged_at);
    record.branch.clone_from(&branch);
    let (worktree, here_from) = match had {
        None => (None, None),
        Some(had) => match here(snapshot, &ended, &had, &branch)? {
            Some(from) => (Some(had), Some(from)),
            None => {
                record.here = false;
                (
                    Some(
                        place(ctx, snapshot, &had, &name, &branch, rename.is_some() || ended.record.here)
                            .map_err(other)?,
                    ),
                    None,
                )
            }
        },
    };
    if ended.record.here && here_from.is_none() && worktree.is_some() {
        warnings.push("It was in a checkout that is in use; it gets a worktree of its own.".into());
    }
    let plan = RestorePlan {
        name,
        makes_branch: stands.is_none(),
        branch,
        tip,
        worktree,
        here_from,
        uncommitted: repo.work_of(salvage, &kept)?.is_some(),
        salvage,
        kept,
        config,
        sparse,
        record,
        warnings,
        ended,
    };
    if plan.worktree.is_none() && plan.salvage.is_some() {
        return Err(Error::bug("There is uncommitted work of a session that had no worktree."));
    }
    Ok(plan)
}

/// The branch of a session that gets another name: as `rename` would have it.
fn branch_as(ctx: &Context, ended: &Loaded, name: &Name) -> String {
    let set = crate::ops::create::branch_prefix(ctx);
    let prefix = ended.record.branch_short().strip_suffix(ended.name.as_str()).unwrap_or(&set);
    format!("refs/heads/{prefix}{name}")
}

/// Where the branch stood at the end; of one that was gone by then, where it was last seen.
fn last_tip(ctx: &Context, ended: &Loaded, end: &Event, warnings: &mut Vec<String>) -> Result<ObjectId> {
    let is_here = |tip: &ObjectId| ctx.repo.has_object(*tip);
    if let Some(tip) = end.branch_tip.filter(is_here) {
        return Ok(tip);
    }
    for event in timeline::events(&ctx.repo, ended.head) {
        if let Some(tip) = event?.branch_tip.filter(is_here) {
            warnings.push(format!(
                "Its branch was gone when it ended; it is at {} now, where the record saw it last.",
                tip.to_hex_with_len(8)
            ));
            return Ok(tip);
        }
    }
    Err(Error::refused(format!("No commit of '{}' is left.", ended.name))
        .hint("What @keep holds expires after `session.keepFor`."))
}

/// Of a session in a checkout that was there before: what that is on now, if it can be switched without losing anything.
fn here(snapshot: &Snapshot, ended: &Loaded, had: &Path, branch: &str) -> Result<Option<String>> {
    let Some(tree) = snapshot.worktrees.iter().find(|tree| tree.path == had && !tree.is_missing) else {
        return Ok(None);
    };
    // A worktree that stayed when the session ended is on its branch still.
    if tree.tie.is_none() && tree.branch().as_deref() == Some(branch) {
        return Ok(Some(branch.to_owned()));
    }
    if !(ended.record.here || tree.is_main())
        || snapshot.session_of(tree).is_some()
        || tree.operation().is_some()
        || tree.is_busy()
        || removal::require_proven(tree).is_err()
        || status::dirty(&tree.path)?.is_uncommitted()
    {
        return Ok(None);
    }
    Ok(match &tree.head {
        crate::git::worktrees::Head::Branch(branch) => Some(branch.clone()),
        crate::git::worktrees::Head::Detached(id) => Some(id.to_string()),
        crate::git::worktrees::Head::Unknown => None,
    })
}

/// Where its worktree goes: the path it had, else what `session.path` says.
fn place(ctx: &Context, snapshot: &Snapshot, had: &Path, name: &Name, branch: &str, anew: bool) -> Result<PathBuf> {
    let is_free = |path: &Path| -> Result<()> {
        if let Some(tree) = snapshot.worktrees.iter().find(|tree| tree.path == *path) {
            let error = Error::refused(format!("The place '{}' is taken: git has a worktree there.", path.display()));
            return Err(if tree.is_missing {
                error.hint("`git worktree prune` forgets one that is gone.")
            } else {
                error
            });
        }
        require_free_place(path)
    };
    if !anew && is_free(had).is_ok() {
        return Ok(had.to_owned());
    }
    let path = place_of(ctx, name, branch)?;
    is_free(&path)?;
    Ok(path)
}

/// The step that the journal keeps, with the record written.
///
/// # Errors
/// Refused, if objects cannot be written, or a path is not UTF-8.
pub fn step(ctx: &Context, writer: &Writer, plan: &RestorePlan, trailers: &[(String, String)]) -> Result<RestoreStep> {
    let repo = &ctx.repo;
    let mut event = writer.event(&plan.name, EventKind::Restored, format!("at {}", repo.short(plan.tip)));
    if plan.name != plan.ended.name {
        event.what = format!("from {} at {}", plan.ended.name, repo.short(plan.tip));
        event.trailers.push(("Session-From".into(), plan.ended.name.to_string()));
        event.trailers.push(("Session-To".into(), plan.name.to_string()));
    }
    event.branch_tip = Some(plan.tip);
    let text = |path: &PathBuf| {
        path.to_str().map(str::to_owned).ok_or_else(|| Error::refused(format!("'{}' is not UTF-8.", path.display())))
    };
    let path = plan.worktree.as_ref().map(text).transpose()?;
    if let Some(path) = &path {
        event.trailers.push(("Session-Worktree".into(), path.clone()));
    }
    if let Some(salvage) = plan.salvage {
        event.trailers.push(("Session-Salvage".into(), salvage.to_string()));
    }
    let made = [
        plan.makes_branch.then_some("branch"),
        (plan.worktree.is_some() && plan.here_from.is_none()).then_some("worktree"),
        plan.here_from.as_ref().filter(|from| **from != plan.branch).map(|_| "switch"),
    ];
    let made: Vec<&str> = made.into_iter().flatten().collect();
    if !made.is_empty() {
        event.trailers.push(("Session-Made".into(), made.join(" ")));
    }
    event.trailers.extend(trailers.iter().cloned());
    let record = writer.next(repo, &plan.ended, &plan.record, &event)?;
    Ok(RestoreStep {
        name: plan.name.to_string(),
        id: plan.ended.id().to_string(),
        done: plan.ended.head.to_string(),
        record: record.to_string(),
        branch: plan.branch.clone(),
        makes_branch: plan.makes_branch,
        tip: plan.tip.to_string(),
        path,
        here_from: plan.here_from.clone(),
        salvage: plan.salvage.map(|id| id.to_string()),
        kept: plan.kept.iter().map(ToString::to_string).collect(),
        config: plan.config.clone(),
        sparse: plan.sparse.map(|id| id.to_string()),
        after: None,
    })
}

/// What must not be pruned while the session is on its way back.
pub fn holds(plan: &RestorePlan, step: &RestoreStep) -> Vec<ObjectId> {
    let record = ObjectId::from_hex(step.record.as_bytes()).ok();
    record
        .into_iter()
        .chain([plan.tip])
        .chain(plan.salvage)
        .chain(plan.sparse)
        .chain(plan.kept.iter().copied())
        .collect()
}

/// Brings a session back as planned.
///
/// # Errors
/// Refused or contended: everything is as it was then.
pub fn execute(ctx: &Context, writer: &Writer, plan: RestorePlan) -> Result<Restored> {
    let _held = journal::hold(&ctx.repo, writer)?;
    let step = step(ctx, writer, &plan, &[])?;
    let wanted = [(plan.name.pending(), Plan::Restore(step.clone()), holds(&plan, &step))];
    let claims = journal::claim(&ctx.repo, writer, &wanted)?;
    let [claim] = claims.as_slice() else { return Err(Error::bug("One claim was wanted.")) };
    let mut warnings = steps::run(&ctx.repo, claim, &step)?;
    if is_new_worktree(&plan) {
        warnings.extend(furnish(ctx, writer, &plan.name));
    }
    Ok(restored(plan, writer, warnings))
}

/// Whether a worktree is made for it.
pub fn is_new_worktree(plan: &RestorePlan) -> bool {
    plan.worktree.is_some() && plan.here_from.is_none()
}

/// A worktree that was made anew gets its block of ports and the copies that a new one gets. It never fails: what goes
/// wrong is said.
pub fn furnish(ctx: &Context, writer: &Writer, name: &Name) -> Vec<String> {
    let furnished = (|| {
        let snapshot = Snapshot::read(&ctx.repo)?;
        let session = snapshot.require(name)?;
        crate::ops::ports::ensure(&ctx.repo, session.id())?;
        let Some(scene) = crate::ops::env::Scene::of(ctx, &snapshot, session)? else { return Ok(Vec::new()) };
        let again = crate::ops::surroundings::plan_again(ctx, &snapshot, session, false)?;
        let prepared = crate::ops::surroundings::make_again(&ctx.repo, writer, &scene, &again, &|_| {});
        Ok(prepared.warnings)
    })();
    furnished.unwrap_or_else(|error: Error| {
        vec![format!("It did not get all that a new worktree gets: {}.", error.one_line())]
    })
}

/// What is said of a session that is back.
pub fn restored(plan: RestorePlan, writer: &Writer, more: Vec<String>) -> Restored {
    let mut warnings = plan.warnings;
    warnings.extend(more);
    Restored {
        id: plan.ended.id(),
        name: plan.name,
        branch: plan.branch,
        tip: plan.tip,
        worktree: plan.worktree,
        uncommitted: plan.uncommitted,
        operation: writer.operation.clone(),
        warnings,
    }
}
