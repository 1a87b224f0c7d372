//! Looking before a session ends: where it stands, and whether it may end that way.

use super::{FinishPlan, Forecast, MergePlan, Mode, Strategy, Survey};
use crate::error::{Error, Result};
use crate::git::merge::{Merged, Scratch};
use crate::git::{Repo, status};
use crate::ops::journal::base::require_followable;
use crate::ops::{Context, base, removal};
use crate::session::Word as _;
use crate::session::{BString, ObjectId};
use crate::store::{Loaded, Snapshot};

/// Where a session stands, and what merging it would give. Leaves no trace.
///
/// # Errors
/// Refused, if git cannot tell.
pub fn survey(ctx: &Context, snapshot: &Snapshot, session: &Loaded) -> Result<Survey> {
    let repo = &ctx.repo;
    let tip = repo.ref_id(&session.record.branch)?;
    let worktree = snapshot.worktree_of(session);
    worktree.map_or(Ok(()), removal::require_proven)?;
    let dirty = match worktree {
        Some(worktree) if !worktree.is_missing => Some(status::dirty(&worktree.path)?),
        _ => None,
    };
    let now = snapshot.base_ref(repo, &session.record);
    let base_tip = base::tip(repo, &now)?;
    let (mut ahead, mut behind, mut forecast) = (None, None, None);
    if let (Some(tip), Some(base_tip)) = (tip, &base_tip) {
        if let Some(pair) = repo.ahead_behind_of(&tip.to_string(), base_tip.id)? {
            (ahead, behind) = (Some(pair.ahead), Some(pair.behind));
        }
        forecast = Some(if ahead == Some(0) {
            Forecast::Nothing
        } else {
            match repo.merge(Some(&Scratch::new(repo)?), None, base_tip.id, tip)? {
                Merged::Clean(_) => Forecast::Clean,
                Merged::Conflict(paths) => Forecast::Conflict(paths),
            }
        });
    }
    Ok(Survey {
        name: session.name.clone(),
        id: session.id(),
        goal: session.record.goal.clone(),
        branch: session.record.branch.clone(),
        tip,
        worktree: worktree.map(|worktree| (worktree.path.clone(), worktree.git_dir.clone())),
        dirty,
        base: now,
        base_tip: base_tip.map(|tip| (tip.id, tip.from)),
        ahead,
        behind,
        forecast,
        children: snapshot.children(session.id()).into_iter().map(|child| child.name.clone()).collect(),
    })
}

/// Plans the end of a session, refusing whatever would lose something or cannot be merged.
///
/// `will_commit` says that everything uncommitted is committed first (`-m`).
///
/// # Errors
/// Refused, conflicts or contended, with the remedy.
pub fn plan(ctx: &Context, snapshot: &Snapshot, session: &Loaded, mode: Mode, will_commit: bool) -> Result<FinishPlan> {
    let survey = survey(ctx, snapshot, session)?;
    let name = &survey.name;
    if let Some(tree) = snapshot.worktree_of(session)
        && !tree.is_missing
        && let Some(branch) = tree.branch()
        && branch != survey.branch
        && mode != Mode::Abandon
    {
        return Err(Error::refused(format!(
            "The worktree of '{name}' is on the branch '{}', and not on '{}'.",
            base::short_name(&branch),
            base::short_name(&survey.branch)
        ))
        .hint(format!(
            "`git -C {} switch {}` goes back.",
            tree.path.display().to_string().word(),
            base::short_name(&survey.branch).word()
        )));
    }
    if mode != Mode::Abandon && survey.tip.is_none() {
        return Err(Error::refused(format!("The branch '{}' is gone.", base::short_name(&survey.branch)))
            .hint(format!("`git branch {} <commit>` makes it again; `git session finish {name} --abandon` ends the session without it.", base::short_name(&survey.branch).word(), name = name.word())));
    }
    let own = snapshot.worktree_of(session).map(|tree| &tree.path);
    let has_it =
        |tree: &&crate::git::Worktree| Some(&tree.path) != own && tree.branch().as_ref() == Some(&survey.branch);
    if mode != Mode::Keep
        && let Some(other) = snapshot.worktrees.iter().find(has_it)
    {
        let short = base::short_name(&survey.branch);
        return Err(Error::refused(format!("The branch '{short}' is checked out at '{}' too.", other.path.display()))
            .hint(format!(
                "`git -C {} switch --detach` lets go of it there.",
                other.path.display().to_string().word()
            )));
    }
    if let Some(operation) =
        snapshot.worktree_of(session).filter(|tree| !tree.is_missing).and_then(crate::git::Worktree::operation)
    {
        return Err(Error::refused(format!("'{name}' is in the middle of a {operation}."))
            .hint(format!("`git {operation} --continue` or `--abort` in its worktree ends it.")));
    }
    if mode != Mode::Abandon && !will_commit && survey.dirty.is_some_and(status::Dirty::is_uncommitted) {
        return Err(Error::refused(format!(
            "There is uncommitted work in '{name}': {}.",
            survey.dirty.unwrap_or_default()
        ))
        .hint(format!("`git session finish {name} ... -m \"<message>\"` commits all of it first.", name = name.word()))
        .hint("Or commit or stash it yourself, then run it again."));
    }
    if mode == Mode::Abandon && !survey.children.is_empty() {
        let children: Vec<String> = survey.children.iter().map(|child| format!("'{child}'")).collect();
        return Err(Error::refused(format!("Sessions are stacked on '{name}': {}.", children.join(", "))).hint(
            format!(
                "`git session set {} --base {}` gives one another base.",
                survey.children[0].word(),
                survey.base.short().word()
            ),
        ));
    }
    let here_to = here_to(ctx, snapshot, session, &survey)?;
    if let Some(worktree) = snapshot.worktree_of(session) {
        if here_to.is_none() {
            removal::require_removable(ctx, worktree)?;
        } else if mode == Mode::Abandon && survey.dirty.is_some_and(status::Dirty::is_uncommitted) {
            ctx.repo.require_stashable(&worktree.path)?;
        }
    }
    let merge = match mode {
        Mode::Merge(strategy) => Some(merge(ctx, snapshot, session, &survey, strategy, will_commit)?),
        Mode::Keep | Mode::Abandon => None,
    };
    Ok(FinishPlan { survey, mode, here_to, merge, trailers: Vec::new() })
}

/// What a directory that stays is switched to: the base, or detached where that is checked out elsewhere.
fn here_to(ctx: &Context, snapshot: &Snapshot, session: &Loaded, survey: &Survey) -> Result<Option<String>> {
    let Some(worktree) = snapshot.worktree_of(session) else { return Ok(None) };
    if !session.record.here && !worktree.is_main() {
        return Ok(None);
    }
    if let Some(operation) = worktree.operation() {
        return Err(Error::refused(format!("'{}' is in the middle of a {operation}.", worktree.path.display())).hint(
            format!(
                "`git -C {} {operation} --continue` or `--abort` ends it.",
                worktree.path.display().to_string().word()
            ),
        ));
    }
    let reference = &survey.base.reference;
    let is_elsewhere =
        snapshot.worktrees.iter().any(|tree| tree.path != worktree.path && tree.branch().as_ref() == Some(reference));
    if ctx.repo.ref_id(reference)?.is_some() && !is_elsewhere {
        return Ok(Some(reference.clone()));
    }
    let tip = survey.base_tip.as_ref().or(None).map(|(id, _)| *id).or(survey.tip);
    tip.map(|id| Some(id.to_string())).ok_or_else(|| Error::refused("There is no commit to leave the checkout at."))
}

fn merge(
    ctx: &Context,
    snapshot: &Snapshot,
    session: &Loaded,
    survey: &Survey,
    strategy: Strategy,
    will_commit: bool,
) -> Result<MergePlan> {
    let repo = &ctx.repo;
    let base_tip = base::require_tip(repo, &survey.base)?;
    let tip = survey.tip.ok_or_else(|| Error::bug("A branch without a tip was to be merged."))?;
    let (onto, old) = (base_tip.id, base_tip.local);
    let base_worktree = snapshot
        .worktrees
        .iter()
        .find(|tree| tree.branch().as_deref() == Some(&survey.base.reference) && !tree.is_missing)
        // A checkout that stays and now has the session is switched to the base afterwards.
        .filter(|tree| snapshot.worktree_of(session).is_none_or(|own| own.path != tree.path));
    let mut plan = MergePlan {
        strategy,
        old,
        onto,
        own: Vec::new(),
        ready: None,
        base_git_dir: base_worktree.map(|tree| tree.git_dir.clone()),
        base_worktree: base_worktree.map(|tree| tree.path.clone()),
    };
    let scratch = Scratch::new(repo)?;
    let mut new_tree_commit = None;
    let uncommitted = snapshot
        .worktree_of(session)
        .filter(|_| will_commit && survey.dirty.is_some_and(status::Dirty::is_uncommitted));
    if let Some(worktree) = uncommitted {
        // Before it is committed: a commit is not taken back. What comes of it is planned anew.
        let commit = repo.forecast_commit(&scratch, worktree, tip)?;
        forecast(repo, &scratch, session, survey, strategy, onto, tip, commit)?;
        if let (Some(worktree), Some(old)) = (base_worktree, old) {
            follow_exactly(repo, &scratch, worktree, old, onto, commit)?;
        }
        return Ok(plan);
    }
    if repo.is_ancestor(tip, onto)? {
        plan.ready = Some(onto);
    } else {
        match strategy {
            Strategy::Ff => {
                if !repo.is_ancestor(onto, tip)? {
                    return Err(no_fast_forward(survey));
                }
                plan.ready = Some(tip);
                new_tree_commit = Some(tip);
            }
            Strategy::NoFf | Strategy::Squash => match &survey.forecast {
                Some(Forecast::Conflict(paths)) => return Err(conflict(survey, paths, None)),
                _ => plan.own = repo.own_commits(onto, tip, session.record.base.fork())?,
            },
            Strategy::Rebase => {
                plan.own = repo.own_commits(onto, tip, session.record.base.fork())?;
                if let Err((commit, paths)) = replay_in_memory(repo, &scratch, onto, &plan.own)? {
                    return Err(conflict(survey, &paths, Some(commit)));
                }
            }
        }
    }
    // The worktree that follows must be able to: what it touches is what the merge changes.
    if let (Some(worktree), Some(old)) = (base_worktree, old) {
        let merged = match new_tree_commit {
            Some(commit) => commit,
            None if plan.ready.is_some() => onto,
            None => tip,
        };
        require_followable(repo, worktree, old, merged).or_else(|error| {
            // Against a tip that is not merged yet more paths may differ than will change: the last word is at the
            // moment of moving, where the very commit is known.
            if plan.ready.is_some() { Err(error) } else { follow_exactly(repo, &scratch, worktree, old, onto, tip) }
        })?;
    }
    Ok(plan)
}

/// Whether a commit that exists in `scratch` only, on top of `tip`, will merge.
#[expect(clippy::too_many_arguments, reason = "a merge and the session it is of")]
fn forecast(
    repo: &Repo,
    scratch: &Scratch,
    session: &Loaded,
    survey: &Survey,
    strategy: Strategy,
    onto: ObjectId,
    tip: ObjectId,
    commit: ObjectId,
) -> Result<()> {
    let merged = match strategy {
        Strategy::Ff if repo.is_ancestor(onto, tip)? => return Ok(()),
        Strategy::Ff => return Err(no_fast_forward(survey)),
        Strategy::NoFf | Strategy::Squash => repo.merge(Some(scratch), None, onto, commit)?,
        Strategy::Rebase => {
            let own = repo.own_commits(onto, tip, session.record.base.fork())?;
            match replay_in_memory(repo, scratch, onto, &own)? {
                Ok(tree) => repo.merge(Some(scratch), Some(tip), tree, commit)?,
                Err((at, paths)) => return Err(conflict(survey, &paths, Some(at))),
            }
        }
    };
    match merged {
        Merged::Clean(_) => Ok(()),
        Merged::Conflict(paths) => {
            Err(conflict(survey, &paths, None).hint("Nothing was committed; what is uncommitted takes part in it."))
        }
    }
}

fn no_fast_forward(survey: &Survey) -> Error {
    Error::refused(format!(
        "'{}' is no fast-forward of '{}': the base has moved by {}.",
        survey.name,
        survey.base.short(),
        commits(survey.behind.unwrap_or(0))
    ))
    .hint(format!(
        "`git session finish {} --merge --strategy rebase` puts its commits on top first.",
        survey.name.word()
    ))
}

/// The check of a worktree against the tree that the merge will really have.
fn follow_exactly(
    repo: &Repo,
    scratch: &Scratch,
    worktree: &crate::git::Worktree,
    old: ObjectId,
    onto: ObjectId,
    tip: ObjectId,
) -> Result<()> {
    match repo.merge(Some(scratch), None, onto, tip)? {
        Merged::Clean(tree) => crate::ops::journal::base::require_followable_tree(repo, scratch, worktree, old, tree),
        Merged::Conflict(_) => Ok(()),
    }
}

/// Replays commits by git's own merges, trees only. The first that conflicts, with its paths.
pub(super) fn replay_in_memory(
    repo: &Repo,
    scratch: &Scratch,
    onto: ObjectId,
    own: &[ObjectId],
) -> Result<std::result::Result<ObjectId, (ObjectId, Vec<BString>)>> {
    let mut head = repo.commit(onto)?.tree;
    for id in own {
        let commit = repo.commit(*id)?;
        match commit.parents.as_slice() {
            [parent] => match repo.merge(Some(scratch), Some(*parent), head, *id)? {
                Merged::Clean(tree) => head = tree,
                Merged::Conflict(paths) => return Ok(Err((*id, paths))),
            },
            [] => return Err(Error::refused("A commit without a parent cannot be replayed.")),
            _ => {
                return Err(Error::refused(format!(
                    "The session has the merge commit {}, which cannot be replayed.",
                    repo.short(*id)
                ))
                .hint("`--strategy no-ff` or `--strategy squash` takes merges as they are."));
            }
        }
    }
    Ok(Ok(head))
}

fn conflict(survey: &Survey, paths: &[BString], commit: Option<ObjectId>) -> Error {
    let shown: Vec<String> = paths.iter().take(5).map(|path| format!("'{path}'")).collect();
    let more = if paths.len() > 5 { format!(" and {} more", paths.len() - 5) } else { String::new() };
    let at = commit.map(|id| format!(", at its commit {}", id.to_hex_with_len(8))).unwrap_or_default();
    let error = Error::conflicts(format!(
        "'{}' conflicts with '{}'{at}: {}{more}.",
        survey.name,
        survey.base.short(),
        shown.join(", ")
    ));
    match &survey.worktree {
        Some((path, _)) => error.hint(format!(
            "`git -C {} rebase {}` starts the resolution in the session's worktree; nothing has changed so far.",
            path.display().to_string().word(),
            survey.base_tip.as_ref().map_or(survey.base.short(), |(_, from)| from).word()
        )),
        None => error.hint(format!("`git session adopt {}` gives it a worktree to resolve in.", survey.name.word())),
    }
}

fn commits(count: u64) -> String {
    format!("{count} commit{}", if count == 1 { "" } else { "s" })
}
