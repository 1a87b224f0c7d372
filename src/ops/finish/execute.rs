//! Ending a session: the base first, once; then the session as a unit.

use super::{FinishPlan, Finished, MergePlan, Mode, integrate};
use crate::error::{Error, Result};
use crate::git::hooks::{self, Ran};
use crate::ops::journal::base::{self as journal_base, BaseStep};
use crate::ops::journal::end::{self, EndStep};
use crate::ops::journal::{self, Plan};
use crate::ops::{Context, base};
use crate::session::Word as _;
use crate::session::{Name, ObjectId, State};
use crate::store::pending;
use crate::store::snapshot::BaseNow;
use crate::store::{Loaded, Snapshot, Writer};

/// The hooks that `git commit` runs.
const COMMIT_HOOKS: [&str; 6] =
    ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-index-change", "reference-transaction"];

/// What [`commit_all`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Whether there was anything to commit.
    pub is_done: bool,
    /// A hook that did not run, since it came with the branch.
    pub left_out: Option<std::path::PathBuf>,
}

/// Commits everything uncommitted in a session's worktree, as `git add -A` and `git commit` do it. Returns whether
/// there was anything.
///
/// # Errors
/// Refused, with git's words.
pub fn commit_all(ctx: &Context, snapshot: &Snapshot, session: &Loaded, message: &str) -> Result<Committed> {
    let nothing = Committed { is_done: false, left_out: None };
    let Some(worktree) = snapshot.worktree_of(session).filter(|worktree| !worktree.is_missing) else {
        return Ok(nothing);
    };
    if !crate::git::status::dirty(&worktree.path)?.is_uncommitted() {
        return Ok(nothing);
    }
    if let Some(operation) = worktree.operation() {
        return Err(Error::refused(format!("'{}' is in the middle of a {operation}.", session.name)).hint(format!(
            "`git -C {} {operation} --continue` or `--abort` ends it.",
            worktree.path.display().to_string().word()
        )));
    }
    let git = || ctx.repo.git_in(&worktree.path);
    git().args(["add", "--all"]).run_ok()?;
    // `core.hooksPath` may lead into the worktree, and what lies there came with the branch.
    let left_out = hooks::left_out(&ctx.repo, &worktree.path, &COMMIT_HOOKS);
    let commit = if left_out.is_some() { git().without_hooks() } else { git() };
    let code = commit.args(["commit", "--quiet", "-m", message]).run_attached(true)?;
    if code == Some(0) {
        return Ok(Committed { is_done: true, left_out });
    }
    Err(Error::refused("git would not commit; what it said is above.").hint(format!(
        "Everything is staged in '{}'; commit it there, then run it again without `-m`.",
        worktree.path.display()
    )))
}

/// Ends a session as planned.
///
/// # Errors
/// Refused, conflicts or contended. Before the base has moved everything is as it was; after it the next command
/// completes what is missing.
pub fn execute(ctx: &Context, writer: &Writer, plan: FinishPlan) -> Result<Finished> {
    let repo = &ctx.repo;
    let survey = &plan.survey;
    journal::refuse_held(repo, [survey.name.pending(), base_claim(&plan)].iter().map(String::as_str))?;
    let _held = journal::hold(repo, writer)?;
    let top = plan
        .merge
        .as_ref()
        .and_then(|merge| merge.base_worktree.clone())
        .or_else(|| survey.worktree.as_ref().map(|(path, _)| path.clone()).filter(|path| path.exists()))
        .unwrap_or_else(|| repo.main_place());
    let mut warnings = Vec::new();
    let new = match (&plan.merge, survey.tip) {
        (Some(merge), Some(tip)) => Some(integrate::result(repo, survey, merge, tip, &top, writer.operation.as_str())?),
        _ => None,
    };
    let step = end_step(&plan, new, repo)?;
    let mut wanted = vec![(survey.name.pending(), Plan::End(step.clone()), survey.tip.into_iter().collect())];
    let base_move = plan.merge.as_ref().zip(new).filter(|(merge, new)| merge.old != Some(*new));
    if let Some((merge, new)) = base_move {
        wanted.push((
            base_claim(&plan),
            Plan::Base(base_step(&plan, merge, new, writer)),
            merge.old.into_iter().chain([new]).collect(),
        ));
    }
    let claims = journal::claim(repo, writer, &wanted)?;
    let release_all = |error: Error| {
        let edits: Vec<_> = claims.iter().map(pending::Pending::release).collect();
        match repo.transact(&edits, "session: take back") {
            Ok(()) => error,
            Err(also) => error.hint(format!("A claim could not be given up ({}).", also.one_line())),
        }
    };
    if repo.ref_id(&survey.branch)? != survey.tip {
        return Err(release_all(
            Error::contended(format!("'{}' got new commits at the same moment.", survey.name)).hint("Run it again."),
        ));
    }
    // The plan was made before the claim: another session may have landed in between.
    if let Some((merge, _)) = base_move
        && repo.ref_id(&survey.base.reference)? != merge.old
    {
        return Err(release_all(
            Error::contended(format!("'{}' has moved at the same moment.", survey.base.short())).hint("Run it again."),
        ));
    }
    if let Some((merge, new)) = base_move {
        let message = format!("session finish: {} of {}", merge.strategy.as_str(), survey.name);
        let moved = journal_base::move_base(repo, writer, &claims[1], &base_step(&plan, merge, new, writer), &message);
        let moved = match moved {
            Ok(moved) => moved,
            Err(error) => return Err(release_all(error)),
        };
        crate::store::retry(|| repo.transact(&[moved.release()], "session: moved"))?;
        if merge.base_worktree.is_some()
            && let Ran::Code(code) = hooks::run(repo, &top, "post-merge", &[squash_flag(merge)], &[])?
            && code != 0
        {
            warnings.push(format!("The hook 'post-merge' ended with {code}."));
        }
    }
    // Asked now: nothing can be found from a directory that is gone.
    let stranded = survey.worktree.as_ref().filter(|(path, _)| plan.here_to.is_none() && ctx.cwd.starts_with(path));
    let stranded = stranded.map(|_| repo.main_place());
    let ended = match end::run(repo, writer, &claims[0], &step) {
        Ok(ended) => ended,
        Err(error) if base_move.is_none() => {
            // Before the commit point: the claim is still the one that was taken.
            let is_claimed = repo.ref_id(&claims[0].reference)? == Some(claims[0].commit);
            return Err(if is_claimed {
                match repo.transact(&[claims[0].release()], "session: take back") {
                    Ok(()) => error,
                    Err(also) => error.hint(format!("The claim could not be given up ({}).", also.one_line())),
                }
            } else {
                error
            });
        }
        Err(error) => {
            return Err(error.hint(format!(
                "Its work is in '{}' already; the next command ends the session.",
                survey.base.short()
            )));
        }
    };
    warnings.extend(ended.warnings);
    let removed = survey.worktree.as_ref().map(|(path, _)| path.clone()).filter(|_| plan.here_to.is_none());
    Ok(Finished {
        name: survey.name.clone(),
        outcome: step.state,
        strategy: plan.merge.as_ref().map(|merge| merge.strategy),
        merged_at: new,
        base: survey.base.short().to_owned(),
        branch: survey.branch.clone(),
        tip: survey.tip,
        salvage: ended.salvage,
        removed,
        branch_removed: step.deletes_branch && survey.tip.is_some(),
        stranded,
        children: survey.children.clone(),
        operation: writer.operation.clone(),
        warnings,
    })
}

fn squash_flag(merge: &MergePlan) -> &'static str {
    if merge.strategy == super::Strategy::Squash { "1" } else { "0" }
}

fn base_claim(plan: &FinishPlan) -> String {
    base_mutex(&plan.survey.base)
}

/// Whose mutex a base's is: that of its session, or its own.
pub fn base_mutex(base: &BaseNow) -> String {
    match &base.parent {
        Some(parent) => Name::pending(parent),
        None => pending::of_branch(&base.reference),
    }
}

fn base_step(plan: &FinishPlan, merge: &MergePlan, new: ObjectId, writer: &Writer) -> BaseStep {
    BaseStep {
        branch: plan.survey.base.reference.clone(),
        old: merge.old.map(|id| id.to_string()),
        new: new.to_string(),
        git_dir: merge.base_git_dir.as_ref().map(|path| path.to_string_lossy().into_owned()),
        operation: Some(writer.operation.to_string()),
        carried: None,
    }
}

fn end_step(plan: &FinishPlan, new: Option<ObjectId>, repo: &crate::git::Repo) -> Result<EndStep> {
    let survey = &plan.survey;
    let short = base::short_name(&survey.branch);
    let (state, what) = match (&plan.merge, new) {
        (Some(merge), Some(new)) => (
            State::Merged,
            format!("into {} at {} ({})", survey.base.short(), repo.short(new), merge.strategy.as_str()),
        ),
        _ if plan.mode == Mode::Keep => (State::Kept, format!("as branch {short}")),
        _ => (
            State::Abandoned,
            match survey.tip {
                Some(tip) => format!("at {}", repo.short(tip)),
                None => "without a branch".into(),
            },
        ),
    };
    let text = |path: &std::path::PathBuf| {
        path.to_str().map(str::to_owned).ok_or_else(|| Error::refused(format!("'{}' is not UTF-8.", path.display())))
    };
    Ok(EndStep {
        name: survey.name.to_string(),
        id: survey.id.to_string(),
        state,
        what,
        merged_at: new.map(|id| id.to_string()),
        base: plan.merge.as_ref().map(|_| survey.base.reference.clone()),
        branch: survey.branch.clone(),
        tip: survey.tip.map(|id| id.to_string()),
        deletes_branch: plan.mode != Mode::Keep && survey.tip.is_some(),
        worktree: survey.worktree.as_ref().map(|(path, _)| text(path)).transpose()?,
        git_dir: survey.worktree.as_ref().map(|(_, git_dir)| text(git_dir)).transpose()?,
        here_to: plan.here_to.clone(),
        unties: None,
        trailers: match (&plan.merge, new) {
            (Some(merge), Some(new)) if merge.old != Some(new) => {
                journal_base::trailers(&survey.base.reference, merge.old, new)
            }
            _ => plan.trailers.clone(),
        },
    })
}
