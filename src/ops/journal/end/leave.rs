//! A checkout that stays when its session ends: it is switched to another branch, and back if that fails.

use super::EndStep;
use crate::error::{Error, Result};
use crate::git::worktrees::Head;
use crate::git::{Repo, Worktree, status};
use crate::session::Word as _;
use crate::session::{Name, ObjectId, State};

/// A checkout that stays is switched to `target`; uncommitted work, where it may be left behind, goes by git's stash.
pub(super) fn leave(repo: &Repo, worktree: &Worktree, step: &EndStep, target: &str) -> Result<Option<ObjectId>> {
    let git = || repo.git_in(&worktree.path);
    let mut salvage = None;
    if step.state == State::Abandoned && status::dirty(&worktree.path)?.is_uncommitted() {
        salvage = repo.stash_push(&worktree.path, &words(step))?;
    }
    let switched = match target.strip_prefix("refs/heads/") {
        Some(short) => git().args(["switch", "--quiet", "--no-overwrite-ignore", "--no-guess", short]).run_ok(),
        None => git().args(["switch", "--quiet", "--no-overwrite-ignore", "--detach", target]).run_ok(),
    };
    if let Err(error) = switched {
        return Err(match salvage.map(|stash| unstash(repo, worktree, stash)) {
            Some(Err(also)) => also.because(error),
            _ => error.hint("Commit, stash or move what is in the way, then run it again."),
        });
    }
    if worktree.tie.is_some() {
        repo.untie(&worktree.git_dir)?;
    }
    Ok(salvage)
}

/// Brings back what git's stash took out of a checkout that stays.
pub(super) fn unstash(repo: &Repo, worktree: &Worktree, stash: ObjectId) -> Result<()> {
    repo.stash_pop(&worktree.path, stash).map_err(|error| {
        Error::refused("Your uncommitted work could not be put back; it is on the stash.")
            .because(error)
            .hint(format!("`git stash apply --index {stash}` brings it back."))
    })
}

/// By what the stash of a session that ends is found again.
fn words(step: &EndStep) -> String {
    format!("session {} ({})", step.name, step.id.get(..8).unwrap_or(&step.id))
}

/// After a kill: a checkout that was left goes back to the session, and what was uncommitted comes back from the stash.
/// Returns what there is to say of that.
pub(super) fn take_back(repo: &Repo, worktree: &Worktree, step: &EndStep, target: &str) -> Result<String> {
    let name = Name::parse(&step.name)?;
    // Between git's switching and ours of the tie the checkout is the session's by name only.
    let has_left = match &worktree.tie {
        None => true,
        Some(tie) => *tie == name && is_at(worktree, target),
    };
    if has_left && step.tip().is_some() && step.tip() == repo.ref_id(&step.branch)? {
        come_back(repo, worktree, step, &name, None)?;
    }
    let stash = match step.state {
        State::Abandoned => repo.stash_of(&worktree.path, &words(step))?,
        _ => None,
    };
    Ok(stash.map(|stash| crate::ops::journal::from_stash(repo, &worktree.path, stash)).unwrap_or_default())
}

fn is_at(worktree: &Worktree, target: &str) -> bool {
    match &worktree.head {
        Head::Branch(branch) => branch == target,
        Head::Detached(id) => ObjectId::from_hex(target.as_bytes()).ok() == Some(*id),
        Head::Unknown => false,
    }
}

/// A checkout that was left goes back to the session, since that lives on.
pub(super) fn come_back(
    repo: &Repo,
    worktree: &Worktree,
    step: &EndStep,
    name: &Name,
    salvage: Option<ObjectId>,
) -> Result<()> {
    let short = crate::ops::base::short_name(&step.branch);
    let switch = ["switch", "--quiet", "--no-overwrite-ignore", "--no-guess", short];
    repo.git_in(&worktree.path).args(switch).run_ok().map_err(|error| {
        let place = worktree.path.display();
        Error::refused(format!("The checkout '{place}' could not be switched back to '{short}'.")).because(error).hint(
            format!(
                "`git -C {place} switch {short}` goes back; the session has not ended.",
                place = place.to_string().word(),
                short = short.word()
            ),
        )
    })?;
    repo.tie(&worktree.git_dir, name)?;
    salvage.map_or(Ok(()), |stash| unstash(repo, worktree, stash))
}
