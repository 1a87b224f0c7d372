//! Whether a session's work is in its base, by the first of five ways that holds.

use super::Row;
use crate::error::Result;
use crate::git::Repo;
use crate::git::merge::{Merged as Outcome, Scratch};
use crate::ops::Context;
use crate::session::ObjectId;

/// The proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// The branch is reachable from the base.
    Ancestor,
    /// No own commits are left: each is in the base as another commit.
    Empty,
    /// Branch and base have the same tree.
    SameTree,
    /// Merging gives the base's own tree.
    AddsNothing,
    /// One commit of the base is the whole of it: a squash.
    PatchId,
}

impl Merged {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Merged::Ancestor => "ancestor",
            Merged::Empty => "empty",
            Merged::SameTree => "same-tree",
            Merged::AddsNothing => "adds-nothing",
            Merged::PatchId => "patch-id",
        }
    }
}

/// The proof that a row's work is in its base; none if there is none, or the session is new.
pub(super) fn of(ctx: &Context, row: &Row) -> Result<Option<Merged>> {
    let repo = &ctx.repo;
    let (Some(tip), Some((_, fork, Some(base)))) = (row.head, &row.base) else { return Ok(None) };
    if Some(tip) == *fork {
        return Ok(None);
    }
    if row.counts.is_some_and(|counts| counts.ahead == 0) {
        return Ok(Some(Merged::Ancestor));
    }
    if repo.own_commits(base.id, tip, *fork)?.is_empty() {
        return Ok(Some(Merged::Empty));
    }
    let base_tree = repo.commit(base.id)?.tree;
    if repo.commit(tip)?.tree == base_tree {
        return Ok(Some(Merged::SameTree));
    }
    if let Ok(Outcome::Clean(tree)) = repo.merge(Some(&Scratch::new(repo)?), None, base.id, tip)
        && tree == base_tree
    {
        return Ok(Some(Merged::AddsNothing));
    }
    let from = match fork {
        Some(fork) if repo.has_object(*fork) => Some(*fork),
        _ => repo.merge_base(base.id, tip)?,
    };
    match from {
        Some(from) if is_squashed(repo, from, base.id, tip)? => Ok(Some(Merged::PatchId)),
        _ => Ok(None),
    }
}

/// Whether one commit of the base since the fork has the patch of the whole branch.
fn is_squashed(repo: &Repo, fork: ObjectId, base: ObjectId, tip: ObjectId) -> Result<bool> {
    let whole = repo.git().args(["diff-tree", "-p", &fork.to_string(), &tip.to_string()]).run_ok()?.stdout;
    let id = |patches: Vec<u8>| -> Result<Vec<String>> {
        let output = repo.git().args(["patch-id", "--stable"]).input(patches).run_ok()?;
        Ok(output.text().lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect())
    };
    let Some(wanted) = id(whole)?.into_iter().next() else { return Ok(false) };
    let range = format!("{fork}..{base}");
    let theirs = repo.git().args(["log", "-p", "--no-merges", "--format=commit %H", &range, "--"]).run_ok()?.stdout;
    Ok(id(theirs)?.contains(&wanted))
}
