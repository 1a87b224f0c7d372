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
    let (Some(tip), Some((_, fork, Some(base)))) = (row.head, &row.base) else { return Ok(None) };
    if Some(tip) == *fork {
        return Ok(None);
    }
    proof(&ctx.repo, tip, *fork, base.id, row.counts.is_some_and(|counts| counts.ahead == 0))
}

/// The first of the five proofs that holds for a branch; `is_ancestor` says that the first one does.
///
/// # Errors
/// Refused, if git cannot tell.
pub fn proof(
    repo: &Repo,
    tip: ObjectId,
    fork: Option<ObjectId>,
    base: ObjectId,
    is_ancestor: bool,
) -> Result<Option<Merged>> {
    if is_ancestor {
        return Ok(Some(Merged::Ancestor));
    }
    if repo.own_commits(base, tip, fork)?.is_empty() {
        return Ok(Some(Merged::Empty));
    }
    let base_tree = repo.commit(base)?.tree;
    if repo.commit(tip)?.tree == base_tree {
        return Ok(Some(Merged::SameTree));
    }
    if let Ok(Outcome::Clean(tree)) = repo.merge(Some(&Scratch::new(repo)?), None, base, tip)
        && tree == base_tree
    {
        return Ok(Some(Merged::AddsNothing));
    }
    match start_of(repo, tip, fork, base)? {
        Some(from) if is_squashed(repo, from, base, tip)? => Ok(Some(Merged::PatchId)),
        _ => Ok(None),
    }
}

fn start_of(repo: &Repo, tip: ObjectId, fork: Option<ObjectId>, base: ObjectId) -> Result<Option<ObjectId>> {
    match fork {
        Some(fork) if repo.has_object(fork) => Ok(Some(fork)),
        _ => repo.merge_base(base, tip),
    }
}

/// The commit of the base that says that it reverts the work of a merged branch, or a part of it.
///
/// # Errors
/// Refused, if git cannot tell.
pub fn reverted(repo: &Repo, tip: ObjectId, fork: Option<ObjectId>, base: ObjectId) -> Result<Option<ObjectId>> {
    let Some(from) = start_of(repo, tip, fork, base)? else { return Ok(None) };
    let range = format!("{from}..{base}");
    let search = ["rev-list", "--fixed-strings", "--grep=This reverts commit ", &range, "--"];
    let found = repo.git().args(search).run_ok()?.text();
    if found.is_empty() {
        return Ok(None);
    }
    let own = repo.git().args(["rev-list", &tip.to_string(), &format!("^{from}"), "--"]).run_ok()?.text();
    let own: Vec<ObjectId> = own.lines().filter_map(|line| ObjectId::from_hex(line.as_bytes()).ok()).collect();
    let mut ours = patch_of(repo, from, tip)?;
    ours.extend(patches_in(repo, &[&format!("{from}..{tip}")])?);
    let mut reverts = Vec::new();
    for by in found.lines().filter_map(|line| ObjectId::from_hex(line.as_bytes()).ok()) {
        let message = String::from_utf8_lossy(&repo.commit(by)?.message).into_owned();
        let named = message.split("This reverts commit ").skip(1);
        for hex in named.filter_map(|rest| rest.split(|c: char| !c.is_ascii_hexdigit()).next()) {
            if hex.len() >= 7
                && let Some(id) = repo.resolve_commit(hex)?
            {
                reverts.push((by, id));
            }
        }
    }
    for (by, id) in &reverts {
        // What the branch reverts itself is its own business, and a revert that was reverted is none.
        if own.contains(by) || reverts.iter().any(|(_, reverted)| reverted == by) {
            continue;
        }
        let parents = repo.commit(*id)?.parents;
        let is_ours = own.contains(id)
            || parents.iter().skip(1).any(|parent| own.contains(parent))
            || patches_in(repo, &["--max-count=1", &id.to_string()])?.iter().any(|patch| ours.contains(patch));
        if is_ours {
            return Ok(Some(*by));
        }
    }
    Ok(None)
}

/// The patch id of the difference between two commits; none where there is no difference. By plumbing: settings that are
/// for people change no patch.
fn patch_of(repo: &Repo, from: ObjectId, to: ObjectId) -> Result<Vec<String>> {
    patch_ids(repo, repo.git().args(["diff-tree", "-p", &from.to_string(), &to.to_string()]).run_ok()?.stdout)
}

/// The patch ids of commits, merges left out.
fn patches_in(repo: &Repo, revisions: &[&str]) -> Result<Vec<String>> {
    let commits = repo.git().args(["rev-list", "--no-merges"]).args(revisions).arg("--").run_ok()?.stdout;
    patch_ids(repo, repo.git().args(["diff-tree", "-p", "--root", "--stdin"]).input(commits).run_ok()?.stdout)
}

fn patch_ids(repo: &Repo, patches: Vec<u8>) -> Result<Vec<String>> {
    let output = repo.git().args(["patch-id", "--stable"]).input(patches).run_ok()?;
    Ok(output.text().lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect())
}

/// Whether one commit of the base since the fork has the patch of the whole branch.
fn is_squashed(repo: &Repo, fork: ObjectId, base: ObjectId, tip: ObjectId) -> Result<bool> {
    let Some(wanted) = patch_of(repo, fork, tip)?.into_iter().next() else { return Ok(false) };
    Ok(patches_in(repo, &[&format!("{fork}..{base}")])?.contains(&wanted))
}
