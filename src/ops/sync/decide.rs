//! What becomes of one session, those it stands on being decided.

mod merging;
mod own;
mod way;

pub(super) use way::{lay_along, on_git_s_way};

use super::collide::collisions;
use super::look;
use super::plan::{Chain, question};
use super::{Action, Obstacle, Options, Outcome, Planned, Reason, Row};
use crate::error::{Error, Result};
use crate::git::config::Identity;
use crate::git::history::first_line;
use crate::git::merge::{BY_SUBMODULE, Stages};
use crate::git::replay::{Landed, Own, Question, Replayed, Replayer};
use crate::git::worktrees::path_of_bytes;
use crate::git::{Repo, Worktree};
use crate::ops::base::{self, Tip};
use crate::session::Word as _;
use crate::session::{BString, ObjectId};
use std::collections::HashMap;

/// Sessions that stand on each other, and what is known of them.
pub(super) struct Stack<'a> {
    pub(super) chains: &'a [Chain],
    pub(super) landed: &'a HashMap<ObjectId, Landed>,
    pub(super) identity: &'a Identity,
    pub(super) options: &'a Options,
}

/// A session whose own commits have to be replayed before it is decided.
pub(super) struct Undecided {
    question: Question,
    own: Vec<ObjectId>,
    git_must: Option<&'static str>,
}

impl Undecided {
    /// Onto what, and which commits, oldest first.
    pub(super) fn replay(&self) -> (ObjectId, &[ObjectId]) {
        (self.question.base_tip, &self.own)
    }
}

impl Stack<'_> {
    /// Decides about the `n`-th session, as far as that can be told without its commits on their new place; those it
    /// stands on are decided.
    pub(super) fn decide(
        &self,
        replayer: &mut Replayer,
        sessions: &mut [Planned],
        n: usize,
    ) -> Result<Option<Undecided>> {
        let (below, rest) = sessions.split_at_mut(n);
        let Some(planned) = rest.first_mut() else { return Ok(None) };
        let Some(own) = &self.chains[n] else { return Ok(None) };
        let (Some(mut question), Some(tip)) = (question(planned), planned.tip.clone()) else { return Ok(None) };
        let parent = planned.parent.and_then(|at| below.get(at));
        let mut parent_moves = false;
        if let Some(parent) = parent {
            let name = &parent.session.name;
            match parent.row.outcome {
                Outcome::UpToDate => {}
                outcome if outcome.moves() => parent_moves = true,
                _ => {
                    planned.row.outcome = Outcome::Blocked;
                    let sentence = format!("It stands on '{name}', which could not move.");
                    planned.row.obstacle =
                        Some(Obstacle::new(Reason::Parent, sentence, format!("git session sync {}", name.word())));
                    return Ok(None);
                }
            }
        }
        let is_current =
            matches!(own, Own::UpToDate | Own::Chain { is_current: true, .. } | Own::Mixed { is_current: true });
        if is_current && !parent_moves {
            return Ok(None);
        }
        if let Some(obstacle) = self.obstacle(replayer.repo(), planned, &tip, question.tip)? {
            skip(&mut planned.row, obstacle);
            return Ok(None);
        }
        if let Some(worktree) = &planned.worktree {
            planned.leaves_hooks_out = look::hooks_left_out(replayer.repo(), worktree);
            if planned.leaves_hooks_out {
                planned.row.notes.push("hooks that come with the branch did not run".to_owned());
            }
        }
        let mut git_must = look::git_must(replayer.repo(), planned.worktree.as_ref(), self.options)?;
        if let Some(worktree) = &planned.worktree
            && look::has_loose_attributes(replayer.repo(), worktree, question.tip)?
        {
            git_must = Some(look::BY_LOOSE_ATTRIBUTES);
        }
        if parent_moves {
            let moved = parent.and_then(|parent| parent.row.to);
            match moved {
                Some(to) => {
                    planned.row.onto = Some(to);
                    question.base_tip = to;
                }
                // Its new tip is not known before git has made it.
                None => {
                    planned.row.outcome = Outcome::Rebased;
                    planned.row.onto = None;
                    let why = "what it stands on is rebased by git";
                    return self.by_git(replayer.repo(), planned, why).map(|()| None);
                }
            }
        }
        if *own == Own::Unrelated {
            return Err(Error::refused(format!("It has no history in common with '{}'.", planned.row.onto_name)).hint(
                format!("`git session set {} --base <branch>` gives it another base.", planned.session.name.word()),
            ));
        }
        if self.options.merge && *own != Own::Behind {
            return self.merge(replayer, planned, question, git_must).map(|()| None);
        }
        let (own, landed) = match own {
            Own::Behind => (Vec::new(), 0),
            Own::Chain { commits, .. } => {
                self.without_landed(replayer.repo(), planned, below, question, commits, parent_moves)?
            }
            _ => (self.listed(replayer.repo(), planned, below, question, parent_moves)?, 0),
        };
        planned.row.dropped = landed;
        for id in &own {
            if replayer.repo().commit(*id)?.parents.len() == 1 {
                continue;
            }
            if self.options.rebase_merges {
                planned.row.outcome = Outcome::Rebased;
                planned.row.replayed = own.len();
                let why = "there are merges among its commits";
                return self.by_git(replayer.repo(), planned, why).map(|()| None);
            }
            skip(
                &mut planned.row,
                Obstacle::new(
                    Reason::MergeCommits,
                    "There are merge commits among its own.",
                    format!("{} --rebase-merges", self.options.again(&planned.session.name)),
                ),
            );
            return Ok(None);
        }
        Ok(Some(Undecided { question, own, git_must }))
    }

    /// Decides about a session by what the replay came to.
    pub(super) fn settle(
        &self,
        replayer: &mut Replayer,
        planned: &mut Planned,
        undecided: &Undecided,
        replayed: Replayed,
    ) -> Result<()> {
        let Undecided { question, git_must, ref own } = *undecided;
        // git may see that otherwise where it would do it.
        let elsewhere = match &replayed {
            Replayed::Conflict { .. } if look::is_about_attributes(git_must) => git_must,
            Replayed::Conflict { files, .. } => {
                let is_submodule = |stages: &Stages| {
                    stages.stages.iter().all(|stage| stage.is_some_and(|(mode, _)| mode == 0o160_000))
                };
                let may_be_clean =
                    files.iter().all(is_submodule) && are_checked_out(planned, files.iter().map(|stages| &stages.path));
                may_be_clean.then_some(BY_SUBMODULE)
            }
            Replayed::Done { .. } => None,
        };
        if let Some(why) = elsewhere {
            planned.row.outcome = Outcome::Rebased;
            planned.row.replayed = own.len();
            return self.by_git(replayer.repo(), planned, why);
        }
        let row = &mut planned.row;
        let (to, rewritten, inexact) = match replayed {
            Replayed::Conflict { commit, files, .. } => {
                row.outcome = Outcome::Conflict;
                row.collisions = collisions(replayer, &files)?;
                row.commit = Some((commit, first_line(&replayer.repo().commit(commit)?.message)));
                return Ok(());
            }
            Replayed::Done { tip, replayed, dropped, rewritten, inexact } => {
                row.replayed = replayed;
                row.dropped += dropped;
                (tip, rewritten, inexact)
            }
        };
        let is_forward = row.replayed == 0
            && row.dropped == 0
            && planned.parent.is_none()
            && replayer.repo().is_ancestor(question.tip, to)?;
        row.outcome = if is_forward { Outcome::FastForwarded } else { Outcome::Rebased };
        row.to = Some(to);
        planned.action = Action::Move { to, rewritten };
        let repo = replayer.repo();
        if let (Outcome::Rebased, Some(upstream)) = (row.outcome, repo.upstream_of(&planned.session.record.branch)) {
            let upstream = base::short_name(&upstream);
            if upstream.ends_with(&format!("/{}", planned.session.record.branch_short())) {
                row.notes.push(format!(
                    "it was pushed to {upstream}: `git push --force-with-lease` takes the new commits there"
                ));
            }
        }
        self.take_along(replayer, planned, (question.tip, to), git_must.or(inexact), inexact.is_none())
    }

    /// git does it, and the row says why: aside, where there are uncommitted changes.
    fn by_git(&self, repo: &Repo, planned: &mut Planned, why: &str) -> Result<()> {
        let Some(worktree) = &planned.worktree else {
            return Err(Error::refused(format!("git has to do it ({why}), and it has no worktree."))
                .hint(format!("git session adopt {}", planned.session.name.word())));
        };
        planned.action = Action::ByGit;
        if !planned.dirty.is_empty() {
            // What else there is that only git can do is done in another place.
            let must_be_here = if look::hooks_run(repo, worktree, self.options) {
                Some("hooks run")
            } else if why == BY_SUBMODULE {
                Some("both sides move a submodule")
            } else if why == look::BY_LOOSE_ATTRIBUTES {
                Some("attributes hold that are not tracked")
            } else {
                (!super::aside::is_possible(worktree)).then_some("the worktree has settings of its own")
            };
            if let Some(why) = must_be_here {
                let sentence =
                    format!("git has to do it there ({why}), and would put uncommitted changes aside meanwhile.");
                leave_dirty(planned, sentence);
                return Ok(());
            }
            planned.action = Action::Aside;
        } else if let Some(obstacle) = in_git_s_way(repo, worktree, planned, self.options.merge)? {
            skip(&mut planned.row, obstacle);
            planned.row.to = None;
            planned.action = Action::Nothing;
            return Ok(());
        }
        planned.row.to = None;
        planned.row.notes.push(format!("by git: {why}"));
        Ok(())
    }

    /// Looks at what lies in the way of the move, and takes uncommitted changes along. Of what git makes itself only the
    /// trees are known, and not even those where that is why it does.
    fn take_along(
        &self,
        replayer: &mut Replayer,
        planned: &mut Planned,
        (old, new): (ObjectId, ObjectId),
        git_must: Option<&'static str>,
        is_exact: bool,
    ) -> Result<()> {
        if is_exact || planned.dirty.is_empty() {
            lay_along(replayer, self.identity, planned, (old, new))?;
        }
        match git_must {
            Some(why) if planned.row.outcome.moves() => {
                planned.carried = None;
                self.by_git(replayer.repo(), planned, why)
            }
            _ => Ok(()),
        }
    }

    /// What cannot be read in a partial clone git fetches on its way; anything else is a failure.
    pub(super) fn give_to_git_or_fail(&self, repo: &Repo, planned: &mut Planned, n: usize, error: &Error) {
        let is_missing = repo.is_partial() && !matches!(self.chains[n], None | Some(Own::Unrelated));
        if !is_missing || self.options.merge {
            return fail(planned, error);
        }
        let is_behind = self.chains[n] == Some(Own::Behind);
        planned.row.outcome = if is_behind { Outcome::FastForwarded } else { Outcome::Rebased };
        if let Some(Own::Chain { commits, .. }) = &self.chains[n] {
            planned.row.replayed = commits.len();
        }
        if let Err(error) = self.by_git(repo, planned, "this is a partial clone, and some of it is not here") {
            fail(planned, &error);
        }
    }

    fn obstacle(&self, repo: &Repo, planned: &mut Planned, tip: &Tip, head: ObjectId) -> Result<Option<Obstacle>> {
        if let Some(worktree) = &planned.worktree {
            let dirty = repo.dirty_paths(worktree, head)?;
            if !dirty.is_empty() && !self.options.autostash {
                let mut obstacle = look::dirty_obstacle(&dirty);
                obstacle.remedy = Some(format!("{} --autostash", self.options.again(&planned.session.name)));
                return Ok(Some(obstacle));
            }
            planned.dirty = dirty;
        }
        look::base_obstacle(repo, &planned.base_now, tip)
    }
}

/// What git, at work in the worktree itself, would write over.
fn in_git_s_way(repo: &Repo, worktree: &Worktree, planned: &Planned, is_merge: bool) -> Result<Option<Obstacle>> {
    if let Some(path) = repo.hidden_edits(&worktree.path)?.first() {
        return Ok(Some(look::overlooked_obstacle(worktree, &path.to_string())));
    }
    // What it stands on may move to a commit that git does not know yet: its base does for both.
    let onto = planned.row.onto.filter(|_| planned.parent.is_none()).or(planned.tip.as_ref().map(|tip| tip.id));
    match planned.row.from.zip(onto) {
        Some(route) => match on_git_s_way(repo, worktree, planned, route, is_merge) {
            // What is not to be had git does not get either, and says so better.
            Err(_) if repo.is_partial() => Ok(None),
            found => found,
        },
        None => Ok(None),
    }
}

/// Whether all of these submodules are checked out in the session's worktree, so that git may see more of them there than
/// elsewhere; not where there are none.
fn are_checked_out<'a>(planned: &Planned, submodules: impl Iterator<Item = &'a BString>) -> bool {
    let Some(worktree) = &planned.worktree else { return false };
    let mut submodules = submodules.peekable();
    submodules.peek().is_some() && submodules.all(|path| worktree.path.join(path_of_bytes(path)).join(".git").exists())
}

pub(super) fn skip(row: &mut Row, obstacle: Obstacle) {
    row.outcome = Outcome::Skipped;
    row.obstacle = Some(obstacle);
}

pub(super) fn fail(planned: &mut Planned, error: &Error) {
    planned.action = Action::Nothing;
    planned.row.outcome = Outcome::Failed;
    planned.row.to = None;
    let remedy = error.hints().first().cloned();
    planned.row.obstacle = Some(Obstacle { reason: None, sentence: error.one_line(), remedy });
}

/// A session whose uncommitted changes cannot be carried stays as it is.
pub(super) fn leave_dirty(planned: &mut Planned, sentence: String) {
    let remedy = planned.worktree.as_ref().map(|tree| format!("git -C {} commit --all", look::quoted(&tree.path)));
    planned.row.to = None;
    planned.action = Action::Nothing;
    skip(&mut planned.row, Obstacle { reason: Some(Reason::Dirty), sentence, remedy });
}
