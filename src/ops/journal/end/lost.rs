//! What must be kept of a worktree that goes, besides its uncommitted work: commits that only its reflogs reach, and what
//! was written while it went.

use super::EndStep;
use crate::error::Result;
use crate::git::worktrees::Head;
use crate::git::{Repo, Worktree};
use crate::session::{EventKind, Name, ObjectId};
use crate::store::keep::{self, Kept};
use crate::store::{Loaded, Writer, done};

/// Commits that only the reflogs and refs about to go can reach.
pub(super) fn lost_with(
    repo: &Repo,
    worktree: &Worktree,
    branch: Option<&str>,
    kept: &[ObjectId],
) -> Result<Vec<ObjectId>> {
    let mut logged = repo.reflog_ids(&worktree.git_dir, "HEAD")?;
    if let Some(branch) = branch {
        logged.extend(repo.reflog_ids(repo.common_dir(), branch)?);
    }
    if let Head::Detached(id) = worktree.head {
        logged.push(id);
    }
    logged.extend(repo.commits_of_own_refs(&worktree.git_dir)?);
    repo.only_in_reflogs(&logged, kept)
}

/// Keeps what only git's entry of a worktree can reach, whose directory is gone, and which is about to go too.
///
/// # Errors
/// Refused or contended: then the entry may not go.
pub fn keep_entry(repo: &Repo, writer: &Writer, session: &Loaded, worktree: &Worktree) -> Result<()> {
    let mut tips = repo.salvage_index(worktree, &writer.identity)?;
    tips.extend(lost_with(repo, worktree, None, &tips)?);
    if tips.is_empty() {
        return Ok(());
    }
    let place = worktree.path.to_str().map(str::to_owned);
    let (name, id) = (session.name.clone(), session.id());
    let kept = Kept { name, id, worktree: place, salvage: None, tips, config: Vec::new(), sparse: None };
    keep::add(repo, writer, &kept).map(drop)
}

/// Looks once more at a directory that is about to be deleted: a program that stood in it may have written meanwhile.
/// What the salvage does not hold gets an entry of its own in `@keep`.
pub(super) fn look_again(repo: &Repo, writer: &Writer, step: &EndStep, aside: &Worktree) -> Result<Option<ObjectId>> {
    let id = step.id()?;
    let now = repo.worktree_at_git_dir(&aside.git_dir).map_or(Head::Unknown, |worktree| worktree.head);
    if let Head::Detached(commit) = now {
        let kept = repo.ref_id(keep::REFERENCE)?;
        let tips = repo.only_in_reflogs(&[commit], kept.as_slice())?;
        if !tips.is_empty() {
            let name = Name::parse(&step.name)?;
            let place = step.worktree.clone();
            let kept = Kept { name, id, worktree: place, salvage: None, tips, config: Vec::new(), sparse: None };
            keep::add(repo, writer, &kept)?;
        }
    }
    let Some(found) = repo.salvage_at(aside, &writer.identity, step.tip())? else { return Ok(None) };
    if let Some(ended) = done::find(repo, id)? {
        for event in crate::store::timeline::events(repo, ended.head) {
            let event = event?;
            let ends = matches!(event.kind, EventKind::Merged | EventKind::Kept | EventKind::Abandoned);
            let known = event.trailers.into_iter().find(|(key, _)| key == "Session-Salvage");
            if let Some(known) = known.and_then(|(_, hex)| ObjectId::from_hex(hex.as_bytes()).ok()) {
                if repo.salvaged_trees(known)? == repo.salvaged_trees(found.commit)? {
                    return Ok(None);
                }
                break;
            }
            // Before the end there may be salvage that came back.
            if ends {
                break;
            }
        }
    }
    let kept = Kept {
        name: Name::parse(&step.name)?,
        id,
        worktree: step.worktree.clone(),
        salvage: Some(found.commit),
        tips: found.stages,
        config: Vec::new(),
        sparse: None,
    };
    keep::add(repo, writer, &kept)?;
    Ok(Some(found.commit))
}
