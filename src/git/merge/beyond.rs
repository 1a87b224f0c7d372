//! What a branch has beyond its trunk.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::ObjectId;

/// How a tip lies to a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beyond {
    /// The merge bases, the one first that `git merge-base` names; none of unrelated histories.
    pub bases: Vec<ObjectId>,
    /// The commits that the tip has and the trunk has not, newest first.
    pub commits: Vec<ObjectId>,
    /// Whether they are a chain of single parents down to the one merge base.
    pub is_chain: bool,
}

impl Repo {
    /// The merge bases of two commits, the one first that `git merge-base` names.
    ///
    /// # Errors
    /// Refused, if history cannot be read.
    pub fn merge_bases(&self, a: ObjectId, b: ObjectId) -> Result<Vec<ObjectId>> {
        let bases = self.inner.merge_bases_many(a, &[b]).or_refuse(|| "History could not be read.")?;
        Ok(bases.into_iter().map(gix::Id::detach).collect())
    }

    /// How `tip` lies to `trunk`, both commits.
    ///
    /// # Errors
    /// Refused, if history cannot be read.
    pub fn beyond(&self, trunk: ObjectId, tip: ObjectId) -> Result<Beyond> {
        let unreadable = || "History could not be read.";
        if trunk == tip {
            return Ok(Beyond { bases: vec![tip], commits: Vec::new(), is_chain: true });
        }
        let bases = self.inner.merge_bases_many(tip, &[trunk]).or_refuse(unreadable)?;
        let bases: Vec<ObjectId> = bases.into_iter().map(gix::Id::detach).collect();
        if let [base] = bases.as_slice() {
            let mut commits = Vec::new();
            let mut at = tip;
            while at != *base {
                let commit = self.inner.find_commit(at).or_refuse(unreadable)?;
                let parents: Vec<ObjectId> = commit.parent_ids().map(gix::Id::detach).collect();
                let [parent] = parents.as_slice() else { break };
                commits.push(at);
                at = *parent;
            }
            if at == *base {
                return Ok(Beyond { bases, commits, is_chain: true });
            }
        }
        let output = self.git().args(["rev-list", &tip.to_string(), &format!("^{trunk}"), "--"]).run_ok()?;
        let commits = output.text().lines().filter_map(|line| ObjectId::from_hex(line.as_bytes()).ok()).collect();
        Ok(Beyond { bases, commits, is_chain: false })
    }
}
