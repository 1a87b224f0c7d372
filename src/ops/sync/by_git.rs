//! What git does itself in a session's worktree: a rebase or merge from end to end, or one that is left to be resolved.

use super::decide::on_git_s_way;
use super::execute::Worker;
use super::{Obstacle, Options, Outcome, Planned, Reason};
use crate::error::{Error, Result};
use crate::git::{Repo, Worktree};
use crate::ops::base::short_name;
use crate::ops::journal::base::refuse_full_submodules;
use crate::ops::journal::sync::{self as steps, SyncStep};
use crate::ops::journal::{resolving, stopped};
use crate::session::ObjectId;
use crate::session::Word as _;
use crate::store::pending::Pending;

impl Worker<'_> {
    /// git's own rebase or merge in the worktree, the claim held around it.
    pub(super) fn by_git(&self, planned: &mut Planned, from: ObjectId, onto: ObjectId) -> Result<()> {
        let worktree = planned.worktree.clone().ok_or_else(|| Error::bug("git was to work in no worktree."))?;
        let branch = planned.session.record.branch.clone();
        refuse_full_submodules(self.repo, &worktree, from, onto)?;
        let step = self.step(planned, from, from, onto, true);
        let claim = steps::claim(self.repo, self.writer, &step, vec![from, onto])?;
        let git = || {
            let git = self.repo.git_in(&worktree.path);
            if planned.leaves_hooks_out { git.without_hooks() } else { git }
        };
        let is_as_planned = self
            .repo
            .worktree_at_git_dir(&worktree.git_dir)
            .is_some_and(|now| now.branch().as_deref() == Some(branch.as_str()) && now.operation().is_none())
            && self.repo.ref_id(&branch)? == Some(from);
        if !is_as_planned {
            steps::release(self.repo, &claim)?;
            return Err(Error::contended("Its branch or worktree has changed at the same moment."));
        }
        let (command, verb) = if self.options.merge {
            let message = merge_message(planned);
            (git().args(["merge", "--quiet", "--no-edit", "-m", message.trim_end()]).arg(onto.to_string()), "merge")
        } else {
            (rebase(self.repo, git(), planned, from, onto, self.options)?, "rebase")
        };
        let output = command.env("GIT_EDITOR", ":").env("GIT_SEQUENCE_EDITOR", ":").run()?;
        if !output.is_success() {
            let paths = crate::git::status::changed_paths(&worktree.path).unwrap_or_default();
            let stopped = self.repo.worktree_at_git_dir(&worktree.git_dir).and_then(|now| now.operation());
            let is_back = stopped.is_none() || stopped::abort(self.repo, &worktree, verb, true, git())?;
            steps::release(self.repo, &claim)?;
            if !is_back {
                let place = super::look::quoted(&worktree.path);
                let sentence =
                    format!("git stopped in its {verb}, and somebody wrote there meanwhile: it is left as it is.");
                let remedy = format!("git -C {place} {verb} --continue");
                planned.row.outcome = Outcome::Skipped;
                planned.row.obstacle = Some(Obstacle::new(Reason::Operation, sentence, remedy));
                return Ok(());
            }
            let collisions: Vec<_> = paths.into_iter().filter(|change| is_unmerged(change.mark)).collect();
            if collisions.is_empty() {
                said_no(planned, &worktree, verb, self.options.merge.then_some(onto), &output.stderr);
                return Ok(());
            }
            planned.row.outcome = Outcome::Conflict;
            planned.row.collisions =
                collisions.into_iter().map(|change| super::Collision::of_path(change.path)).collect();
            return Ok(());
        }
        let tip = self.repo.ref_id(&branch)?.ok_or_else(|| Error::bug("The branch is gone after a rebase."))?;
        planned.row.to = Some(tip);
        steps::conclude(self.repo, self.writer, &claim, &step, tip)
    }

    /// Starts a rebase where one conflicts, and leaves it to whoever resolves it. What git does is done under the claim.
    pub(super) fn resolve(&self, planned: &mut Planned, parent: Option<&Planned>) {
        let Some(worktree) = planned.worktree.clone() else {
            planned
                .row
                .notes
                .push(format!("`git session adopt {}` gives it a worktree to resolve in", planned.session.name.word()));
            return;
        };
        let onto = match parent {
            Some(parent) => self.repo.ref_id(&parent.session.record.branch).ok().flatten(),
            None => planned.row.onto,
        };
        let (Some(onto), Some(from)) = (onto, planned.row.from) else { return };
        if let Err(error) = self.begin_to_resolve(planned, &worktree, from, onto) {
            planned.row.notes.push(error.one_line());
        }
    }

    fn begin_to_resolve(
        &self,
        planned: &mut Planned,
        worktree: &Worktree,
        from: ObjectId,
        onto: ObjectId,
    ) -> Result<()> {
        let verb = if self.options.merge { "merge" } else { "rebase" };
        if !planned.dirty.is_empty() {
            let place = super::look::quoted(&worktree.path);
            return Err(Error::refused(format!(
                "no {verb} was begun, since there are uncommitted changes: `git -C {place} commit --all` first"
            )));
        }
        refuse_full_submodules(self.repo, worktree, from, onto)?;
        if let Some(obstacle) = on_git_s_way(self.repo, worktree, planned, (from, onto), self.options.merge)? {
            return Err(Error::refused(format!("no {verb} was begun: {}", obstacle.sentence)));
        }
        let step = self.step(planned, from, from, onto, true);
        let claim = steps::claim(self.repo, self.writer, &step, vec![from, onto])?;
        let git = self.repo.git_in(&worktree.path);
        let git = if planned.leaves_hooks_out { git.without_hooks() } else { git };
        let command = if self.options.merge {
            Ok(git.args(["merge", "--no-edit", "-m", merge_message(planned).trim_end()]).arg(onto.to_string()))
        } else {
            rebase(self.repo, git, planned, from, onto, self.options)
        };
        let run = command.and_then(|command| command.env("GIT_EDITOR", ":").env("GIT_SEQUENCE_EDITOR", ":").run());
        if let Ok(output) = &run
            && output.is_success()
        {
            // `rerere` or a hook of the user's had the answer.
            return self.conclude_resolved(planned, &claim, step, from, onto);
        }
        steps::release(self.repo, &claim)?;
        let output = run?;
        // Whether it is taken to its end or not: the fork is that of the commits that are there before.
        self.set_base(planned, false);
        let now = self.repo.worktree_at_git_dir(&worktree.git_dir);
        planned.row.is_resolving = now.is_some_and(|now| now.operation().is_some());
        if planned.row.is_resolving {
            if let Err(error) = resolving::begin(self.repo, &step) {
                planned.row.notes.push(error.one_line());
            }
            planned.resolving = Some(step);
        } else {
            let text = output.stderr.lines().next().unwrap_or("no reason was given");
            planned.row.notes.push(format!("git did not begin: {text}"));
        }
        Ok(())
    }

    fn conclude_resolved(
        &self,
        planned: &mut Planned,
        claim: &Pending,
        step: SyncStep,
        from: ObjectId,
        onto: ObjectId,
    ) -> Result<()> {
        let tip = self.repo.ref_id(&planned.session.record.branch)?;
        let tip = tip.ok_or_else(|| Error::bug("The branch is gone after a rebase."))?;
        planned.row.outcome = if self.options.merge { Outcome::Merged } else { Outcome::Rebased };
        planned.row.to = Some(tip);
        let ahead = self.repo.ahead_behind_of(&tip.to_string(), onto)?.map_or(0, |found| found.ahead);
        planned.row.replayed = usize::try_from(ahead).unwrap_or(0);
        planned.row.collisions.clear();
        planned.row.commit = None;
        let what = self.step(planned, from, tip, onto, true).what;
        steps::conclude(self.repo, self.writer, claim, &SyncStep { what, ..step }, tip)
    }
}

/// Whether a path is unmerged, by the two letters of `git status`.
pub(super) fn is_unmerged(mark: [u8; 2]) -> bool {
    mark.contains(&b'U') || mark == *b"AA" || mark == *b"DD"
}

/// git stopped, and nothing collides; `merged` is what it was to merge.
pub(super) fn said_no(planned: &mut Planned, worktree: &Worktree, verb: &str, merged: Option<ObjectId>, words: &str) {
    // What git says last is what came of it; its reason is before that.
    let text = words.trim().lines().next().unwrap_or("no reason was given").to_owned();
    let onto = merged.map_or_else(|| planned.row.onto_name.clone(), |id| id.to_string());
    planned.row.outcome = Outcome::Skipped;
    planned.row.obstacle = Some(Obstacle::new(
        Reason::Hook,
        format!("A hook or git itself said no: {text}"),
        format!("git -C {} {verb} {}", super::look::quoted(&worktree.path), crate::ops::shell_quoted(&onto)),
    ));
}

/// The rebase that git would be asked for: onto the base tip, the fork in the base's history or not.
pub(super) fn rebase(
    repo: &Repo,
    git: crate::host::process::Command,
    planned: &Planned,
    from: ObjectId,
    onto: ObjectId,
    options: &Options,
) -> Result<crate::host::process::Command> {
    let mut command = git.args(["-c", "rebase.updateRefs=false", "rebase", "--quiet", "--no-fork-point"]);
    if options.rebase_merges {
        command = command.arg("--rebase-merges");
    }
    // git's own way of putting changes aside takes along what is being typed meanwhile.
    command = command.arg("--no-autostash");
    let fork = planned.session.record.base.fork().filter(|fork| repo.has_object(*fork));
    let is_plain = match fork {
        Some(fork) => repo.is_ancestor(fork, onto)? || !repo.is_ancestor(fork, from)?,
        None => true,
    };
    Ok(match fork.filter(|_| !is_plain) {
        Some(fork) => command.arg("--onto").arg(onto.to_string()).arg(fork.to_string()),
        None => command.arg(onto.to_string()),
    })
}

pub(super) fn merge_message(planned: &Planned) -> String {
    let branch = planned.session.record.branch_short();
    let from = &planned.row.onto_name;
    let is_remote = from.as_str() != planned.base_now.short();
    let what = if is_remote { "remote-tracking branch" } else { "branch" };
    format!("Merge {what} '{}' into {branch}\n", short_name(from))
}
