//! A rebase or merge that git has stopped in and that somebody takes to its end: that the session is on its base is
//! recorded when it is seen to be, by the next command that writes.
//!
//! What was begun lies beside the worktree's index as `session-resolving`, and goes with the worktree.

use crate::error::{Context as _, Result};
use crate::git::Repo;
use crate::ops::Context;
use crate::ops::journal::sync::{self as steps, SyncStep};
use crate::session::{Name, ObjectId};
use crate::store::{Writer, record};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const FILE: &str = "session-resolving";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Begun {
    /// The fork when it was begun: with another one in the record it has been noted.
    fork: String,
    step: SyncStep,
}

fn file_of(step: &SyncStep) -> Option<PathBuf> {
    step.unit.git_dir.as_ref().map(|git_dir| Path::new(git_dir).join(FILE))
}

/// Remembers that git has stopped in a step.
///
/// # Errors
/// Refused, if that cannot be written down.
pub fn begin(repo: &Repo, step: &SyncStep) -> Result<()> {
    let (Some(file), Some(loaded)) = (file_of(step), record::find(repo, &Name::parse(&step.name)?)?) else {
        return Ok(());
    };
    let begun = Begun { fork: loaded.record.base.fork, step: step.clone() };
    let text = toml::to_string(&begun).or_refuse(|| "What was begun has no form in TOML.")?;
    // Whole or not at all.
    let part = file.with_extension("part");
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, &file))
        .or_refuse(|| format!("'{}' could not be written.", file.display()))
}

/// Writes the record of what somebody has taken to its end. Returns where the branch is then; none where it is not on
/// its base.
///
/// # Errors
/// Refused or contended.
pub fn conclude(repo: &Repo, writer: &Writer, step: &SyncStep, by: &str) -> Result<Option<ObjectId>> {
    let parse = |id: &str| ObjectId::from_hex(id.as_bytes()).ok();
    let git_dir = step.unit.git_dir.as_ref().map(Path::new);
    let is_over = git_dir.and_then(|dir| repo.worktree_at_git_dir(dir)).is_some_and(|now| now.operation().is_none());
    let (Some(tip), Some(onto)) = (repo.ref_id(&step.unit.branch)?, parse(&step.onto)) else { return Ok(None) };
    if !is_over || step.unit.old.as_deref().and_then(parse) == Some(tip) || !repo.is_ancestor(onto, tip)? {
        return Ok(None);
    }
    let _held = super::hold(repo, writer)?;
    let ahead = repo.ahead_behind_of(&tip.to_string(), onto)?.map_or(0, |found| found.ahead);
    let commits = format!("{ahead} commit{}", if ahead == 1 { "" } else { "s" });
    // No name of a branch has a blank in it.
    let whither = step.what.split(", ").next().unwrap_or_default();
    let what = format!("{whither}, {commits}, resolved by {by}");
    let step = SyncStep { what, ..step.clone() };
    let claim = steps::claim(repo, writer, &step, vec![tip, onto])?;
    steps::conclude(repo, writer, &claim, &step, tip)?;
    forget(&step);
    Ok(Some(tip))
}

fn forget(step: &SyncStep) {
    if let Some(file) = file_of(step) {
        let _ = std::fs::remove_file(file);
    }
}

/// Records what was taken to its end since, and forgets what was given up.
pub(super) fn note_all(ctx: &Context, writer: &Writer) {
    let common = ctx.repo.common_dir();
    let linked = common.join("worktrees").read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    for file in linked.chain([common.to_owned()]).map(|git_dir| git_dir.join(FILE)) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        // What a newer program wrote, or half of it: the branch is what it is, and the next `sync` sees it.
        let Ok(begun) = toml::from_str::<Begun>(&text) else { continue };
        match note(&ctx.repo, writer, &begun) {
            Ok(Some(tip)) => {
                ctx.say(format!(
                    "'{}' was resolved by hand; it is recorded at {}.",
                    begun.step.name,
                    ctx.repo.short(tip)
                ));
            }
            Ok(None) => {}
            Err(error) if error.is_contended() => {}
            Err(error) => ctx.say(format!("What '{}' came to is not recorded: {}", begun.step.name, error.one_line())),
        }
    }
}

fn note(repo: &Repo, writer: &Writer, begun: &Begun) -> Result<Option<ObjectId>> {
    let step = &begun.step;
    let git_dir = file_of(step).and_then(|file| file.parent().map(Path::to_owned));
    let Some(worktree) = git_dir.and_then(|dir| repo.worktree_at_git_dir(&dir)) else { return Ok(None) };
    if worktree.is_missing || worktree.operation().is_some() {
        return Ok(None);
    }
    let name = Name::parse(&step.name)?;
    let id = ObjectId::from_hex(step.id.as_bytes()).ok();
    let lives = record::find(repo, &name)?.filter(|loaded| Some(loaded.id()) == id);
    if lives.is_none_or(|loaded| loaded.record.base.fork != begun.fork || loaded.record.branch != step.unit.branch) {
        forget(step);
        return Ok(None);
    }
    let noted = conclude(repo, writer, step, "hand")?;
    if noted.is_none() {
        forget(step);
    }
    Ok(noted)
}
