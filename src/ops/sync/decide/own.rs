//! Which of a session's own commits its base lacks.

use super::Stack;
use crate::error::Result;
use crate::git::Repo;
use crate::git::replay::{Key, Own, Question};
use crate::ops::sync::Planned;
use crate::ops::sync::plan::parting_of;
use crate::session::ObjectId;

impl Stack<'_> {
    /// The own commits without what the base has already.
    pub(super) fn without_landed(
        &self,
        repo: &Repo,
        planned: &Planned,
        below: &[Planned],
        question: Question,
        chain: &[(ObjectId, Key)],
        parent_moves: bool,
    ) -> Result<(Vec<ObjectId>, usize)> {
        let all: Vec<ObjectId> = chain.iter().map(|(id, _)| *id).collect();
        let mut may_have = false;
        // `below` are those before it in its stack, and it comes right after them.
        let (mut root, mut root_at) = (planned, below.len());
        while let Some(above) = root.parent {
            (root, root_at) = (&below[above], above);
            if let Some(Own::Chain { commits, .. }) = &self.chains[above] {
                may_have |= chain.iter().any(|(_, key)| commits.iter().any(|(_, other)| other == key));
            }
        }
        let trunk = root.tip.as_ref().and_then(|tip| self.landed.get(&tip.id));
        if let Some((landed, parting)) = trunk.zip(parting_of(&self.chains[root_at])) {
            for (id, key) in chain {
                may_have = may_have || landed.may_have(repo, parting, *key, *id)?;
            }
        } else {
            // Where the lowest of the stack parts from its base is not known, or that cannot be read without git.
            may_have = true;
        }
        if !may_have {
            return Ok((all, 0));
        }
        let own = self.listed(repo, planned, below, question, parent_moves)?;
        let dropped = all.len().saturating_sub(own.len());
        Ok((own, dropped))
    }

    /// The own commits as git lists them. Of a stack whose lower part moves in this plan git cannot be asked about the new
    /// place: what the trunk and the parent's old place lack is the same.
    pub(super) fn listed(
        &self,
        repo: &Repo,
        planned: &Planned,
        below: &[Planned],
        question: Question,
        parent_moves: bool,
    ) -> Result<Vec<ObjectId>> {
        let mut at = if parent_moves { planned.parent } else { None };
        let Some(tip) = planned.tip.as_ref() else { return Ok(Vec::new()) };
        let place = planned.worktree.as_ref();
        let mut own = repo.commits_to_replay(Question { base_tip: tip.id, ..question }, place)?;
        while let Some(above) = at {
            let lower = &below[above];
            if let Some(tip) = &lower.tip {
                let lacking = repo.commits_to_replay(Question { base_tip: tip.id, ..question }, place)?;
                own.retain(|id| lacking.contains(id));
            }
            at = lower.parent;
        }
        Ok(own)
    }
}
