//! Which commits a rebase replays.

use super::landed::Key;
use crate::error::{Context, Result};
use crate::git::{Repo, Worktree};
use crate::session::ObjectId;

/// What is asked: a branch, its base tip, the fork it was recorded to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Where the base stands.
    pub base_tip: ObjectId,
    /// Where the branch stands.
    pub tip: ObjectId,
    /// The base's commit that it started from.
    pub fork: Option<ObjectId>,
}

/// How a branch stands to its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// The base tip is in the branch.
    UpToDate,
    /// The branch is in the base tip.
    Behind,
    /// A chain of commits, oldest first, each with the key of its change; where the histories part.
    Chain {
        /// The commits and their keys.
        commits: Vec<(ObjectId, Key)>,
        /// The newest commit of the chain's history that is the base's or the fork's.
        below: ObjectId,
        /// Whether the base tip is in the branch all the same, and nothing below the fork that the base has no more.
        is_current: bool,
    },
    /// A merge or a beginning is among them: git has to list them. Whether it is current all the same.
    Mixed {
        /// As of a chain.
        is_current: bool,
    },
    /// There is no history in common.
    Unrelated,
}

impl Repo {
    /// How a branch stands to its base. `wants_chain` where that is asked of a branch that is up to date, too.
    ///
    /// # Errors
    /// Refused, if history cannot be read.
    pub fn own_chain(&self, question: Question, wants_chain: bool) -> Result<Own> {
        self.own_chain_from(question, None, wants_chain)
    }

    /// The same; `meeting` is the merge base of branch and base tip, where somebody knows it.
    ///
    /// # Errors
    /// Refused, if history cannot be read.
    pub fn own_chain_from(&self, question: Question, meeting: Option<ObjectId>, wants_chain: bool) -> Result<Own> {
        let Question { base_tip, tip, fork } = question;
        let unreadable = || "History could not be read.";
        let meet = |a: ObjectId, b: ObjectId| -> Result<Option<ObjectId>> {
            Ok(self.inner.merge_base(a, b).or_refuse(unreadable)?.map(gix::Id::detach))
        };
        let known = match meeting {
            Some(base) => Some(base),
            None => match self.chain_beyond(base_tip, tip)? {
                Some((base, _)) => Some(base),
                None => meet(tip, base_tip)?,
            },
        };
        let Some(base) = known else { return Ok(Own::Unrelated) };
        // A fork that the base has changes nothing: what branch and fork have in common is the base's, at or below where the
        // branch parts from it.
        let fork = match fork.filter(|fork| *fork != base && self.has_object(*fork)) {
            Some(fork) if self.is_in_history_of(base_tip, fork)? == Some(true) => None,
            fork => fork,
        };
        // A base that was put back, or is another one now: what the branch has below its fork is foreign to it.
        let is_foreign =
            |fork| -> Result<bool> { Ok(meet(tip, fork)? == Some(fork) && meet(base_tip, fork)? != Some(fork)) };
        let is_current = base == base_tip && !fork.map_or(Ok(false), is_foreign)?;
        if is_current && !wants_chain {
            return Ok(Own::UpToDate);
        }
        if base == tip && base != base_tip {
            return Ok(Own::Behind);
        }
        let mut stops = vec![base];
        if let Some(fork) = fork {
            stops.extend(meet(tip, fork)?);
        }
        let mut commits = Vec::new();
        let mut at = tip;
        while !stops.contains(&at) {
            let commit = self.inner.find_commit(at).or_refuse(unreadable)?;
            let parents: Vec<ObjectId> = commit.parent_ids().map(gix::Id::detach).collect();
            let [parent] = parents.as_slice() else { return Ok(Own::Mixed { is_current }) };
            commits.push((at, self.change_key(at)?));
            at = *parent;
        }
        commits.reverse();
        Ok(Own::Chain { commits, below: at, is_current })
    }

    /// What a rebase replays, oldest first, merges among them where there are any: the own commits, and those empty ones
    /// that the base has too, since `git rebase` does not drop what began empty. What git takes for the same depends on
    /// attributes and submodules as `place` has them, where the rebase would be.
    ///
    /// # Errors
    /// Refused, if git cannot be run or a commit is missing.
    pub fn commits_to_replay(&self, question: Question, place: Option<&Worktree>) -> Result<Vec<ObjectId>> {
        let Question { base_tip, tip, fork } = question;
        let place = place.filter(|worktree| !worktree.is_missing);
        let git = place.map_or_else(|| self.git(), |worktree| self.git_in(&worktree.path));
        let mut command = git
            .args(["rev-list", "--reverse", "--topo-order", "--cherry-mark", "--right-only"])
            .arg(format!("{base_tip}...{tip}"));
        if let Some(fork) = fork.filter(|fork| self.has_object(*fork)) {
            command = command.arg(format!("^{fork}"));
        }
        let output = command.arg("--").run_ok()?;
        let mut commits = Vec::new();
        for line in output.text().lines() {
            let (is_landed, hex) = match line.strip_prefix('=') {
                Some(hex) => (true, hex),
                None => (false, line.strip_prefix('+').unwrap_or(line)),
            };
            let Ok(id) = ObjectId::from_hex(hex.as_bytes()) else { continue };
            if !is_landed || self.is_empty_commit(id)? {
                commits.push(id);
            }
        }
        Ok(commits)
    }

    fn is_empty_commit(&self, id: ObjectId) -> Result<bool> {
        let commit = self.commit(id)?;
        match commit.parents.as_slice() {
            [parent] => Ok(self.commit(*parent)?.tree == commit.tree),
            _ => Ok(false),
        }
    }
}
