//! Merging the base into a session's branch, for branches that others have too.

use super::{Stack, are_checked_out, leave_dirty};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::git::merge::{BY_SUBMODULE, Merged, Scratch, Verdict};
use crate::git::replay::{Question, Replayer};
use crate::ops::sync::by_git::merge_message;
use crate::ops::sync::{Action, Collision, Outcome, Planned, look};
use crate::session::ObjectId;
use crate::session::Word as _;

impl Stack<'_> {
    /// The base merged into the branch.
    pub(super) fn merge(
        &self,
        replayer: &mut Replayer,
        planned: &mut Planned,
        question: Question,
        git_must: Option<&'static str>,
    ) -> Result<()> {
        let repo = replayer.repo();
        if repo.is_ancestor(question.base_tip, question.tip)? {
            return Ok(());
        }
        let name = &planned.session.name;
        if planned.parent.is_some() && planned.row.onto != planned.tip.as_ref().map(|tip| tip.id) {
            return Err(Error::refused("What it stands on moves in the same sync.")
                .hint(format!("`git session sync {} --merge` afterwards merges that.", name.word())));
        }
        if !planned.dirty.is_empty() {
            return self.merge_with_uncommitted(replayer, planned, question, git_must);
        }
        let scratch = Scratch::new(repo)?;
        let merged = repo.merge(Some(&scratch), None, question.tip, question.base_tip)?;
        let git_must = match &merged {
            Merged::Clean(_) if git_must.is_some() => git_must,
            Merged::Conflict(_) if look::is_about_attributes(git_must) => git_must,
            _ => by_submodule(repo, planned, question, &merged)?,
        };
        match (merged, git_must) {
            (_, Some(why)) => {
                planned.row.outcome = Outcome::Merged;
                self.by_git(repo, planned, why)?;
            }
            (Merged::Clean(_), None) => {
                planned.row.outcome = Outcome::Merged;
                planned.action = Action::Merge;
            }
            (Merged::Conflict(paths), None) => {
                planned.row.outcome = Outcome::Conflict;
                planned.row.collisions = paths.into_iter().map(Collision::of_path).collect();
            }
        }
        Ok(())
    }

    /// The merge commit is made in memory, so that what is uncommitted can be merged with what it changes.
    fn merge_with_uncommitted(
        &self,
        replayer: &mut Replayer,
        planned: &mut Planned,
        question: Question,
        git_must: Option<&'static str>,
    ) -> Result<()> {
        let Question { base_tip, tip, .. } = question;
        let repo = replayer.repo();
        let bases = repo.beyond(base_tip, tip)?.bases;
        let [base] = bases.as_slice() else {
            leave_dirty(planned, "It and its base have been merged crosswise, and only git can merge them.".to_owned());
            return Ok(());
        };
        let tree_of = |id: ObjectId| repo.commit(id).map(|commit| commit.tree);
        let (base, ours, theirs) = (tree_of(*base)?, tree_of(tip)?, tree_of(base_tip)?);
        if !repo.diverged_submodules(base, ours, theirs)?.is_empty() {
            planned.row.outcome = Outcome::Merged;
            return self.by_git(repo, planned, BY_SUBMODULE);
        }
        if let Some(why) = git_must.filter(|why| look::is_about_attributes(Some(why))) {
            planned.row.outcome = Outcome::Merged;
            return self.by_git(repo, planned, why);
        }
        let tree = match replayer.merger().merge(tip, base, ours, theirs)? {
            Verdict::Clean(tree) => tree,
            Verdict::Conflict(files) => {
                planned.row.outcome = Outcome::Conflict;
                planned.row.collisions = files.into_iter().map(|stages| Collision::of_path(stages.path)).collect();
                return Ok(());
            }
        };
        let repo = replayer.repo();
        let draft = repo.draft_by_user(self.identity, merge_message(planned))?;
        let to = repo.write_commit(&draft, tree, &[tip, base_tip])?;
        planned.row.outcome = Outcome::Merged;
        planned.row.to = Some(to);
        planned.action = Action::Move { to, rewritten: Vec::new() };
        self.take_along(replayer, planned, (tip, to), git_must, true)
    }
}

/// Why git has to say it in the worktree, where it is about a submodule: another one may have something else checked out.
fn by_submodule(
    repo: &Repo,
    planned: &Planned,
    Question { base_tip, tip, .. }: Question,
    merged: &Merged,
) -> Result<Option<&'static str>> {
    if planned.worktree.is_none() {
        return Ok(None);
    }
    let tree_of = |id: ObjectId| repo.commit(id).map(|commit| commit.tree);
    let (ours, theirs) = (tree_of(tip)?, tree_of(base_tip)?);
    let mut submodules = Vec::new();
    for base in repo.merge_bases(tip, base_tip)? {
        submodules.extend(repo.diverged_submodules(tree_of(base)?, ours, theirs)?);
    }
    // What else collides does so everywhere.
    let is_it = match merged {
        Merged::Clean(_) => !submodules.is_empty(),
        Merged::Conflict(paths) => {
            paths.iter().all(|path| submodules.contains(path)) && are_checked_out(planned, paths.iter())
        }
    };
    Ok(is_it.then_some(BY_SUBMODULE))
}
