//! What a branch has beyond its trunk.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::ObjectId;
use gix::commitgraph::{Graph, Position};
use std::cell::RefCell;
use std::collections::{BinaryHeap, HashMap, HashSet};

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
        if let Some((base, commits)) = self.chain_beyond(trunk, tip)? {
            return Ok(Beyond { bases: vec![base], commits, is_chain: true });
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

/// How many commits that are not in the commit graph are walked before it is left to git's own way.
const UNGRAPHED_AT_MOST: usize = 4096;

/// The histories of trunks, each as far down as somebody asked. None of one that is not in the commit graph.
pub(in crate::git) type Ancestries = RefCell<HashMap<ObjectId, Option<Ancestry>>>;

/// The history of a commit, by generation as the commit graph has it: a commit of a higher generation is never an
/// ancestor of one of a lower.
#[derive(Debug)]
pub(in crate::git) struct Ancestry {
    /// Commits that are newer than the graph.
    beside: HashSet<ObjectId>,
    seen: HashSet<Position>,
    /// Those whose parents were not looked at.
    open: BinaryHeap<(u32, Position)>,
}

impl Ancestry {
    fn of(repo: &Repo, graph: &Graph, tip: ObjectId) -> Result<Option<Ancestry>> {
        let mut ancestry = Ancestry { beside: HashSet::new(), seen: HashSet::new(), open: BinaryHeap::new() };
        let mut next = vec![tip];
        while let Some(id) = next.pop() {
            if let Some(position) = graph.lookup(id) {
                let generation = graph.commit_at(position).generation();
                if generation == 0 {
                    return Ok(None);
                }
                if ancestry.seen.insert(position) {
                    ancestry.open.push((generation, position));
                }
                continue;
            }
            if ancestry.beside.insert(id) {
                next.extend(repo.commit(id)?.parents);
            }
            if ancestry.beside.len() > UNGRAPHED_AT_MOST {
                return Ok(None);
            }
        }
        Ok(Some(ancestry))
    }

    fn has(&mut self, graph: &Graph, id: ObjectId) -> Result<bool> {
        let Some(position) = graph.lookup(id) else { return Ok(self.beside.contains(&id)) };
        let wanted = graph.commit_at(position).generation();
        while let Some((generation, at)) = self.open.peek().copied().filter(|(generation, _)| *generation > wanted) {
            self.open.pop();
            for parent in graph.commit_at(at).iter_parents() {
                let parent = parent.or_refuse(|| format!("The commit graph is broken at generation {generation}."))?;
                if self.seen.insert(parent) {
                    self.open.push((graph.commit_at(parent).generation(), parent));
                }
            }
        }
        Ok(self.seen.contains(&position))
    }
}

impl Repo {
    /// The commit at which a chain of single parents leaves the history of a trunk, and the chain, newest first. None where
    /// it is no chain, or there is no commit graph that tells.
    ///
    /// What the two have in common then is that commit and its ancestors: it is the one merge base.
    pub(in crate::git) fn chain_beyond(
        &self,
        trunk: ObjectId,
        tip: ObjectId,
    ) -> Result<Option<(ObjectId, Vec<ObjectId>)>> {
        let (mut at, mut commits) = (tip, Vec::new());
        loop {
            match self.is_in_history_of(trunk, at)? {
                None => return Ok(None),
                Some(true) => break,
                Some(false) => commits.push(at),
            }
            let parents = self.commit(at)?.parents;
            let [parent] = parents.as_slice() else { return Ok(None) };
            at = *parent;
        }
        Ok(Some((at, commits)))
    }

    /// Whether a commit is another one or an ancestor of it; none where there is no commit graph that tells.
    ///
    /// # Errors
    /// Refused, if history cannot be read.
    pub(in crate::git) fn is_in_history_of(&self, tip: ObjectId, commit: ObjectId) -> Result<Option<bool>> {
        let Some(graph) = self.commit_graph() else { return Ok(None) };
        let mut ancestries = self.ancestries.borrow_mut();
        let ancestry = match ancestries.entry(tip) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Ancestry::of(self, graph, tip)?),
        };
        ancestry.as_mut().map(|ancestry| ancestry.has(graph, commit)).transpose()
    }
}
