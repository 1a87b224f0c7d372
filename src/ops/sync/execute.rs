//! Doing what was planned: several groups at a time, in a group one session after the other.

use super::by_git::merge_message;
use super::{Action, Group, Obstacle, Options, Outcome, Planned, Reason, Row, SyncPlan, Synced};
use crate::error::{Error, Hurdle, Result};
use crate::git::Repo;
use crate::git::merge::Merged;
use crate::ops::Context;
use crate::ops::journal;
use crate::ops::journal::base::{Advanced, BaseStep, Carried};
use crate::ops::journal::sync::{self as steps, SyncStep};
use crate::session::Word as _;
use crate::session::{EventKind, ObjectId};
use crate::store::Writer;
use crate::store::keep::{self, Kept};
use crate::store::pending::Pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many sessions a worker moves before it looks back at them: each holds a directory open meanwhile.
const AT_ONCE: usize = 64;

/// Does it. `progress` is told how many of the sessions that move have.
///
/// # Errors
/// Refused, if nothing could even begin. What goes wrong with one session is a row.
pub fn execute(
    ctx: &Context,
    writer: &Writer,
    plan: SyncPlan,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Synced> {
    let SyncPlan { groups, options } = plan;
    let total = groups.iter().flat_map(|group| &group.sessions).filter(|planned| planned.row.outcome.moves()).count();
    let _held = if total > 0 || options.resolve { Some(journal::hold(&ctx.repo, writer)?) } else { None };
    let workers = rayon::current_num_threads().min(groups.len()).max(1);
    let repos = (0..workers).map(|_| ctx.repo.another()).collect::<Result<Vec<_>>>()?;
    let queue = Mutex::new(groups.into_iter());
    let (done, outcomes, rewritten) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for repo in repos {
            scope.spawn(|| {
                let repo = repo;
                let worker = Worker { repo: &repo, writer, options: &options };
                let tell = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                let next = || queue.lock().ok().and_then(|mut queue| queue.next());
                loop {
                    let (batch_outcomes, batch_rewritten) = worker.run(&next, &tell);
                    if batch_outcomes.is_empty() {
                        break;
                    }
                    if let (Ok(mut outcomes), Ok(mut rewritten)) = (outcomes.lock(), rewritten.lock()) {
                        outcomes.extend(batch_outcomes);
                        rewritten.extend(batch_rewritten);
                    }
                }
            });
        }
    });
    let (mut rows, resolving): (Vec<Row>, Vec<_>) = outcomes.into_inner().unwrap_or_default().into_iter().unzip();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let resolving = resolving.into_iter().flatten().collect();
    let mut warnings = Vec::new();
    if let Err(error) = copy_notes(&ctx.repo, &rewritten.into_inner().unwrap_or_default()) {
        warnings.push(format!("The notes of the old commits were not copied: {}.", error.one_line()));
    }
    Ok(Synced { operation: writer.operation.clone(), rows, resolving, warnings })
}

type Pairs = Vec<(ObjectId, ObjectId)>;

/// `notes.rewriteRef`, as git reads it.
fn copy_notes(repo: &Repo, rewritten: &Pairs) -> Result<()> {
    let is_asked = std::env::var_os("GIT_NOTES_REWRITE_REF").is_some() || repo.setting("notes.rewriteRef").is_some();
    if rewritten.is_empty() || !is_asked {
        return Ok(());
    }
    let pairs: String = rewritten.iter().map(|(old, new)| format!("{old} {new}\n")).collect();
    repo.git().args(["notes", "copy", "--stdin", "--for-rewrite=rebase"]).input(pairs).run_ok().map(drop)
}

/// One thread's work.
pub(super) struct Worker<'a> {
    pub(super) repo: &'a Repo,
    pub(super) writer: &'a Writer,
    pub(super) options: &'a Options,
}

/// A session past its commit point.
struct Moved<'a> {
    group: usize,
    at: usize,
    step: SyncStep,
    advanced: Advanced<'a>,
    tip: ObjectId,
}

impl Worker<'_> {
    /// Moves groups until there are no more, or so many sessions have moved that it is time to look back at them. No rows
    /// where there were no more groups.
    fn run(&self, next: &dyn Fn() -> Option<Group>, tell: &dyn Fn()) -> (Vec<(Row, Option<SyncStep>)>, Pairs) {
        let mut batch: Vec<Group> = Vec::new();
        let mut moved = Vec::new();
        while batch.iter().map(|group| group.sessions.len()).sum::<usize>() < AT_ONCE
            && let Some(mut group) = next()
        {
            self.begin_all(&mut group, batch.len(), &mut moved, tell);
            batch.push(group);
        }
        let mut rewritten = Pairs::new();
        let mut held = Vec::new();
        for Moved { group, at, step, advanced, tip } in moved {
            match self.look_back(advanced) {
                Ok(Some(claim)) => held.push((group, at, step, claim, tip)),
                Ok(None) => put_back(&mut batch[group].sessions[at]),
                Err(error) => batch[group].sessions[at].row.notes.push(error.one_line()),
            }
        }
        let done: Vec<_> = held.iter().map(|(_, _, step, claim, tip)| (step, claim.clone(), *tip)).collect();
        for (outcome, (group, at, ..)) in steps::conclude_all(self.repo, self.writer, &done).into_iter().zip(&held) {
            let planned = &mut batch[*group].sessions[*at];
            match (outcome, &planned.action) {
                (Ok(()), Action::Move { rewritten: pairs, .. }) => rewritten.extend(pairs),
                (Ok(()), _) => {}
                (Err(error), _) => planned.row.notes.push(error.one_line()),
            }
            tell();
        }
        let sessions = batch.into_iter().flat_map(|group| group.sessions);
        (sessions.map(|planned| (planned.row, planned.resolving)).collect(), rewritten)
    }

    /// Moves the sessions of a group, which is to be the `number`-th of the batch.
    fn begin_all<'a>(&'a self, group: &mut Group, number: usize, moved: &mut Vec<Moved<'a>>, tell: &dyn Fn()) {
        let tips: Vec<ObjectId> = group
            .sessions
            .iter()
            .filter_map(|planned| match &planned.action {
                Action::Move { to, .. } => Some((*to, planned.carried)),
                _ => None,
            })
            .flat_map(|(to, carried)| std::iter::once(to).chain(carried.into_iter().flat_map(|(a, b)| [a, b])))
            .collect();
        let stored = self.repo.store_objects(&group.objects, &tips);
        group.objects = crate::git::replay::Objects::default();
        for at in 0..group.sessions.len() {
            let (below, rest) = group.sessions.split_at_mut(at);
            let Some(planned) = rest.first_mut() else { continue };
            let parent = planned.parent.and_then(|at| below.get(at));
            if self.options.resolve && planned.row.outcome == Outcome::Conflict {
                self.resolve(planned, parent);
                continue;
            }
            if planned.row.outcome == Outcome::UpToDate {
                self.set_base(planned, true);
            }
            if !planned.row.outcome.moves() {
                continue;
            }
            let is_stuck =
                parent.is_some_and(|parent| parent.row.outcome != Outcome::UpToDate && !parent.row.outcome.moves());
            if is_stuck {
                block(planned, parent);
                continue;
            }
            let begun = match &stored {
                Err(error) => Err(Error::refused(error.one_line())),
                Ok(()) => self.begin(planned, parent),
            };
            match begun {
                Ok(Some((step, advanced, tip))) => moved.push(Moved { group: number, at, step, advanced, tip }),
                Ok(None) => tell(),
                Err(error) => give_up(planned, &error),
            }
        }
    }

    /// Up to the commit point; none where it is all done.
    fn begin<'a>(
        &'a self,
        planned: &mut Planned,
        parent: Option<&Planned>,
    ) -> Result<Option<(SyncStep, Advanced<'a>, ObjectId)>> {
        let from = planned.row.from.ok_or_else(|| Error::bug("A session without a branch was planned to move."))?;
        if let Some(parent) = parent {
            // What git has rebased, or somebody has moved since.
            planned.row.onto = self.repo.ref_id(&parent.session.record.branch)?;
            if let (Some(expected), Some(now)) = (parent.row.to, planned.row.onto)
                && expected != now
            {
                return Err(Error::contended(format!("'{}' has moved at the same moment.", parent.session.name)));
            }
        }
        let onto = planned.row.onto.ok_or_else(|| Error::bug("A session was planned to move nowhere."))?;
        let to = match &planned.action {
            Action::Nothing => return Ok(None),
            Action::Move { to, .. } => *to,
            Action::Merge => self.merge(planned, from, onto)?,
            Action::ByGit => return self.by_git(planned, from, onto).map(|()| None),
            Action::Aside => match self.aside(planned, from, onto)? {
                Some(to) => to,
                None => return Ok(None),
            },
        };
        let step = self.step(planned, from, to, onto, false);
        let mut holds = vec![from, to, onto];
        if let Some((before, after)) = planned.carried {
            self.keep(planned, vec![before, after])?;
            holds.extend([before, after]);
        }
        let claim = steps::claim(self.repo, self.writer, &step, holds)?;
        let advanced = steps::advance(self.repo, self.writer, &claim, &step)?;
        planned.row.to = Some(to);
        Ok(Some((step, advanced, to)))
    }

    /// What is uncommitted in a file that is about to be replaced stays to be had: `undo` brings it back from there.
    fn keep(&self, planned: &Planned, tips: Vec<ObjectId>) -> Result<()> {
        let session = &planned.session;
        let worktree = planned.worktree.as_ref().map(|tree| tree.path.display().to_string());
        let (name, id) = (session.name.clone(), session.id());
        let kept = Kept { name, id, worktree, salvage: None, tips, config: Vec::new(), sparse: None };
        keep::add(self.repo, self.writer, &kept).map(drop)
    }

    /// The claim, if the move holds.
    fn look_back(&self, advanced: Advanced<'_>) -> Result<Option<Pending>> {
        let (claim, holds) = advanced.look_back()?;
        if holds {
            return Ok(Some(claim));
        }
        steps::release(self.repo, &claim).map(|()| None)
    }

    pub(super) fn step(
        &self,
        planned: &Planned,
        from: ObjectId,
        to: ObjectId,
        onto: ObjectId,
        by_git: bool,
    ) -> SyncStep {
        let row = &planned.row;
        let commits = |count: usize| format!("{count} commit{}", if count == 1 { "" } else { "s" });
        let mut what = format!("onto {} at {}", row.onto_name, self.repo.short(onto));
        match row.outcome {
            Outcome::FastForwarded => what.push_str(", nothing of its own"),
            Outcome::Merged => what.push_str(", merged"),
            _ => what.push_str(&format!(", {}", commits(row.replayed))),
        }
        if row.dropped > 0 {
            what.push_str(&format!(", {} dropped", row.dropped));
        }
        let git_dir = planned.worktree.as_ref().and_then(|tree| tree.git_dir.to_str().map(str::to_owned));
        SyncStep {
            name: planned.session.name.to_string(),
            id: planned.session.id().to_string(),
            what,
            onto: onto.to_string(),
            by_git,
            unit: BaseStep {
                branch: planned.session.record.branch.clone(),
                old: Some(from.to_string()),
                new: to.to_string(),
                operation: git_dir.is_some().then(|| self.writer.operation.to_string()),
                git_dir,
                carried: planned.carried.map(Carried::new),
            },
            base: planned.new_base.clone(),
            undoes: None,
            last_sync: None,
        }
    }

    /// The merge commit that takes the base in.
    fn merge(&self, planned: &Planned, from: ObjectId, onto: ObjectId) -> Result<ObjectId> {
        let tree = match self.repo.merge(None, None, from, onto)? {
            Merged::Clean(tree) => tree,
            Merged::Conflict(_) => return Err(Error::contended("It conflicts since a moment ago.")),
        };
        self.repo.commit_tree(tree, &[from, onto], merge_message(planned).as_bytes(), None)
    }

    /// Another base where the branch does not move by our hand: with the fork that goes with it, or the one that it has.
    pub(super) fn set_base(&self, planned: &mut Planned, has_moved: bool) {
        let Some(base) = &planned.new_base else { return };
        let session = &planned.session;
        let appended = self.writer.append(self.repo, &session.name, session.id(), |before, record| {
            if (&record.base.reference, &record.base.parent) == (&base.reference, &base.parent) {
                return Ok(None);
            }
            let fork = if has_moved { base.fork.clone() } else { record.base.fork.clone() };
            record.base.clone_from(base);
            record.base.fork = fork;
            let mut event = self.writer.event(&before.name, EventKind::Set, format!("base {}", base.short()));
            event.branch_tip = planned.row.from;
            Ok(Some(event))
        });
        match appended {
            Ok(None) => {}
            Ok(Some(_)) => planned.row.notes.push(format!("its base is '{}' from now on", base.short())),
            Err(error) => planned.row.notes.push(error.one_line()),
        }
    }
}

/// Somebody put the branch back where it was at the same moment.
fn put_back(planned: &mut Planned) {
    planned.row.outcome = Outcome::Skipped;
    planned.row.to = None;
    planned.row.obstacle = Some(Obstacle::new(
        Reason::Changed,
        "Its branch was put back at the same moment.",
        format!("git session sync {}", planned.session.name.word()),
    ));
}

fn block(planned: &mut Planned, parent: Option<&Planned>) {
    let name = parent.map_or_else(String::new, |parent| parent.session.name.to_string());
    planned.row.outcome = Outcome::Blocked;
    planned.row.to = None;
    planned.row.obstacle = Some(Obstacle::new(
        Reason::Parent,
        format!("It stands on '{name}', which could not move."),
        format!("git session sync {}", name.word()),
    ));
}

/// A session that changed since the plan was made is skipped; anything else is a failure. Either way it is as it was.
fn give_up(planned: &mut Planned, error: &Error) {
    planned.row.to = None;
    let sentence = error.one_line();
    let reason = match (error.hurdle(), &planned.worktree) {
        (Some(Hurdle::Overlooked(path)), Some(worktree)) => {
            planned.row.outcome = Outcome::Skipped;
            planned.row.obstacle = Some(super::look::overlooked_obstacle(worktree, path));
            return;
        }
        (Some(Hurdle::Full(command)), _) => {
            planned.row.outcome = Outcome::Skipped;
            planned.row.obstacle = Some(Obstacle::new(Reason::Untracked, sentence, command));
            return;
        }
        (Some(Hurdle::Busy), _) => Reason::Busy,
        (Some(Hurdle::Dirty | Hurdle::Overlooked(_)), _) => Reason::Dirty,
        (Some(Hurdle::Untracked), _) => Reason::Untracked,
        (Some(Hurdle::Changed), _) => Reason::Changed,
        (None, _) if error.is_contended() => Reason::Changed,
        (None | Some(Hurdle::Unwritable), _) => {
            planned.row.outcome = Outcome::Failed;
            let remedy = error.hints().first().cloned().unwrap_or_else(|| planned.row.again.clone());
            planned.row.obstacle = Some(Obstacle { reason: None, sentence, remedy: Some(remedy) });
            return;
        }
    };
    planned.row.outcome = Outcome::Skipped;
    planned.row.obstacle = Some(Obstacle::new(reason, sentence, planned.row.again.clone()));
}
