//! What would become of each session, found out in memory and in parallel: nothing is written anywhere.

use super::collide::collisions;
use super::look;
use super::{Action, Group, Obstacle, Options, Outcome, Planned, Reason, Row, SyncPlan};
use crate::error::{Error, Result};
use crate::git::config::Identity;
use crate::git::history::first_line;
use crate::git::merge::{Merged, Scratch};
use crate::git::replay::{Key, Landed, Objects, Own, Question, Replayed, Replayer};
use crate::git::{Repo, Worktree};
use crate::ops::base::{self, Tip};
use crate::ops::{Context, scope};
use crate::session::{BString, Name, ObjectId};
use crate::store::snapshot::BaseNow;
use crate::store::{Loaded, Snapshot};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Plans it.
///
/// # Errors
/// Usage or refused, if an argument means no session or no branch. What is wrong with one session is a row.
pub fn plan(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<SyncPlan> {
    let sessions = scope::many(ctx, snapshot, &options.names)?;
    let chosen = match &options.onto {
        Some(text) => Some(base::named(ctx, snapshot, text)?.ok_or_else(|| base::unknown(text))?),
        None => None,
    };
    let mut tips: HashMap<BaseNow, Option<Tip>> = HashMap::new();
    let mut planned = Vec::with_capacity(sessions.len());
    for session in sessions {
        let base_now = match &chosen {
            Some(chosen) => {
                refuse_circle(ctx, snapshot, session, &chosen.now)?;
                chosen.now.clone()
            }
            None => snapshot.base_ref(&ctx.repo, &session.record),
        };
        let tip = match tips.get(&base_now) {
            Some(tip) => tip.clone(),
            None => {
                let tip = base::tip(&ctx.repo, &base_now)?;
                tips.insert(base_now.clone(), tip.clone());
                tip
            }
        };
        let new_base =
            chosen.as_ref().map(|chosen| chosen.to_base(tip.as_ref().map_or(ctx.repo.null_id(), |tip| tip.id)));
        planned.push(begin(ctx, snapshot, session, base_now, tip, new_base, options)?);
    }
    let identity = ctx.repo.identity()?;
    let mut groups = grouped(planned);
    let workers = rayon::current_num_threads().min(groups.len()).max(1);
    let mut replayers = (0..workers).map(|_| Replayer::new(&ctx.repo)).collect::<Result<Vec<_>>>()?;
    let chains = for_each_group(&mut replayers, &mut groups, |replayer, _, group| {
        Ok(group.sessions.iter_mut().map(|planned| look_at(replayer.repo(), planned)).collect::<Vec<Chain>>())
    })?;
    let landed = landed(&ctx.repo, &groups, &chains, workers)?;
    for_each_group(&mut replayers, &mut groups, |replayer, at, group| {
        let stack = Stack { chains: &chains[at], landed: &landed, identity: &identity, options };
        for n in 0..group.sessions.len() {
            if let Err(error) = stack.decide(replayer, &mut group.sessions, n) {
                fail(&mut group.sessions[n], &error);
            }
        }
        group.objects = replayer.take_objects();
        Ok(())
    })?;
    Ok(SyncPlan { groups, options: options.clone() })
}

/// How a session's own commits lie, as far as that can be told without its parent's new place; none where it is settled.
type Chain = Option<Own>;

fn refuse_circle(ctx: &Context, snapshot: &Snapshot, session: &Loaded, base: &BaseNow) -> Result<()> {
    let mut above = base.parent.clone();
    while let Some(name) = above {
        if name == session.name {
            return Err(Error::refused(format!("'{}' would be stacked on itself.", session.name))
                .hint("`--onto` takes another branch or session."));
        }
        above = snapshot.base_ref(&ctx.repo, &snapshot.require(&name)?.record).parent;
    }
    Ok(())
}

fn begin(
    ctx: &Context,
    snapshot: &Snapshot,
    session: &Loaded,
    base_now: BaseNow,
    tip: Option<Tip>,
    new_base: Option<crate::session::Base>,
    options: &Options,
) -> Result<Planned> {
    let repo = &ctx.repo;
    let worktree = snapshot.worktree_of(session).cloned();
    let from = repo.ref_id(&session.record.branch)?;
    let mut row = Row {
        name: session.name.clone(),
        outcome: Outcome::UpToDate,
        from,
        to: None,
        onto: tip.as_ref().map(|tip| tip.id),
        onto_name: tip.as_ref().map_or_else(|| base_now.short().to_owned(), |tip| tip.from.clone()),
        replayed: 0,
        dropped: 0,
        collisions: Vec::new(),
        commit: None,
        obstacle: None,
        notes: Vec::new(),
        is_named: options.names.iter().any(|name| !name.contains(['*', '?', '['])),
        is_resolving: false,
        is_merge: options.merge,
        again: options.again(&session.name),
    };
    let name = &session.name;
    let obstacle = if from.is_none() {
        Some(Obstacle::new(
            Reason::Missing,
            format!("Its branch '{}' is not here.", session.record.branch_short()),
            format!("git session show {name}"),
        ))
    } else if tip.is_none() {
        Some(Obstacle::new(
            Reason::Missing,
            format!("Its base '{}' is gone.", base_now.short()),
            format!("git session set {name} --base <branch>"),
        ))
    } else {
        let others = || snapshot.worktrees.iter().filter(|other| !other.is_missing);
        let twice = worktree.as_ref().and_then(|own| {
            others().find(|other| {
                other.git_dir != own.git_dir && other.branch().as_deref() == Some(session.record.branch.as_str())
            })
        });
        worktree.as_ref().and_then(|worktree| look::worktree_obstacle(session, worktree, twice))
    };
    if let Some(obstacle) = obstacle {
        skip(&mut row, obstacle);
    }
    Ok(Planned {
        session: session.clone(),
        worktree,
        base_now,
        tip,
        new_base,
        parent: None,
        action: Action::Nothing,
        row,
        dirty: Vec::new(),
        leaves_hooks_out: false,
    })
}

fn skip(row: &mut Row, obstacle: Obstacle) {
    row.outcome = Outcome::Skipped;
    row.obstacle = Some(obstacle);
}

fn fail(planned: &mut Planned, error: &Error) {
    planned.action = Action::Nothing;
    planned.row.outcome = Outcome::Failed;
    planned.row.to = None;
    let remedy = error.hints().first().cloned();
    planned.row.obstacle = Some(Obstacle { reason: None, sentence: error.one_line(), remedy });
}

/// git does it, and the row says why.
fn by_git(planned: &mut Planned, why: &str) -> Result<()> {
    if planned.worktree.is_none() {
        return Err(Error::refused(format!("git has to do it ({why}), and it has no worktree."))
            .hint(format!("git session adopt {}", planned.session.name)));
    }
    planned.action = Action::ByGit;
    planned.row.to = None;
    planned.row.notes.push(format!("by git: {why}"));
    Ok(())
}

/// Sessions with those that stand on them, lower ones first.
fn grouped(planned: Vec<Planned>) -> Vec<Group> {
    let place: HashMap<Name, usize> =
        planned.iter().enumerate().map(|(n, planned)| (planned.session.name.clone(), n)).collect();
    let parent: Vec<Option<usize>> = planned
        .iter()
        .map(|planned| planned.base_now.parent.as_ref().and_then(|name| place.get(name).copied()))
        .collect();
    let depth_and_root = |mut at: usize| {
        let mut depth = 0;
        while let Some(above) = parent[at] {
            (at, depth) = (above, depth + 1);
            if depth > parent.len() {
                break;
            }
        }
        (at, depth)
    };
    let mut order: Vec<usize> = (0..planned.len()).collect();
    order.sort_by_key(|at| depth_and_root(*at));
    let mut taken: Vec<Option<Planned>> = planned.into_iter().map(Some).collect();
    let mut groups: Vec<Group> = Vec::new();
    let mut root_of_last = None;
    let mut within: HashMap<usize, usize> = HashMap::new();
    for at in order {
        let (root, _) = depth_and_root(at);
        if root_of_last != Some(root) {
            groups.push(Group { sessions: Vec::new(), objects: Objects::default() });
            root_of_last = Some(root);
        }
        let (Some(group), Some(mut planned)) = (groups.last_mut(), taken[at].take()) else { continue };
        planned.parent = parent[at].and_then(|above| within.get(&above).copied());
        within.insert(at, group.sessions.len());
        group.sessions.push(planned);
    }
    groups
}

/// Several groups at a time, each by a worker with a context of its own that lasts; the answers in the groups' order.
fn for_each_group<T: Send>(
    replayers: &mut [Replayer],
    groups: &mut [Group],
    work: impl Fn(&mut Replayer, usize, &mut Group) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<(&mut Group, Option<Result<T>>)>> =
        groups.iter_mut().map(|group| Mutex::new((group, None))).collect();
    std::thread::scope(|scope| {
        for replayer in replayers.iter_mut() {
            scope.spawn(|| {
                let replayer = replayer;
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = slots.get(at) else { break };
                    let Ok(mut slot) = slot.lock() else { continue };
                    slot.1 = Some(work(replayer, at, slot.0));
                }
            });
        }
    });
    slots
        .into_iter()
        .map(|slot| match slot.into_inner() {
            Ok((_, Some(outcome))) => outcome,
            _ => Err(Error::bug("A worker died.")),
        })
        .collect()
}

fn question(planned: &Planned) -> Option<Question> {
    let (base_tip, tip) = (planned.tip.as_ref()?.id, planned.row.from?);
    Some(Question { base_tip, tip, fork: planned.session.record.base.fork() })
}

fn look_at(repo: &Repo, planned: &mut Planned) -> Chain {
    if planned.row.outcome == Outcome::Skipped {
        return None;
    }
    match repo.own_chain(question(planned)?, planned.parent.is_some()) {
        Ok(own) => Some(own),
        Err(error) => {
            fail(planned, &error);
            None
        }
    }
}

/// For each base tip the keys of what it has that the sessions on it may lack.
fn landed(repo: &Repo, groups: &[Group], chains: &[Vec<Chain>], workers: usize) -> Result<HashMap<ObjectId, Landed>> {
    let mut partings: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
    for (planned, chain) in groups.iter().zip(chains).flat_map(|(group, chains)| group.sessions.iter().zip(chains)) {
        let Some(tip) = planned.tip.as_ref().filter(|_| planned.parent.is_none()) else { continue };
        if let Some(Own::Chain { below, .. }) = chain {
            partings.entry(tip.id).or_default().push(*below);
        }
    }
    let mut landed = HashMap::new();
    for (tip, partings) in partings {
        let Ok(commits) = repo.base_commits_since(tip, &partings) else { continue };
        let share = commits.len().div_ceil(workers).max(1);
        let jobs = commits.chunks(share).map(|share| Ok((repo.another()?, share))).collect::<Result<Vec<_>>>()?;
        let keys: Vec<Result<Vec<Key>>> = std::thread::scope(|scope| {
            let running: Vec<_> = jobs
                .into_iter()
                .map(|(repo, share)| scope.spawn(move || share.iter().map(|id| repo.change_key(*id)).collect()))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::bug("A worker died."))))
                .collect()
        });
        // In a shallow or partial clone some are not here: git has to be asked then.
        let Ok(keys) = keys.into_iter().collect::<Result<Vec<Vec<Key>>>>() else { continue };
        landed.insert(tip, Landed::of(keys.into_iter().flatten()));
    }
    Ok(landed)
}

/// Sessions that stand on each other, and what is known of them.
struct Stack<'a> {
    chains: &'a [Chain],
    landed: &'a HashMap<ObjectId, Landed>,
    identity: &'a Identity,
    options: &'a Options,
}

impl Stack<'_> {
    /// Decides about the `n`-th session; those it stands on are decided.
    fn decide(&self, replayer: &mut Replayer, sessions: &mut [Planned], n: usize) -> Result<()> {
        let (below, rest) = sessions.split_at_mut(n);
        let Some(planned) = rest.first_mut() else { return Ok(()) };
        let Some(own) = &self.chains[n] else { return Ok(()) };
        let (Some(mut question), Some(tip)) = (question(planned), planned.tip.clone()) else { return Ok(()) };
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
                        Some(Obstacle::new(Reason::Parent, sentence, format!("git session sync {name}")));
                    return Ok(());
                }
            }
        }
        let is_current =
            matches!(own, Own::UpToDate | Own::Chain { is_current: true, .. } | Own::Mixed { is_current: true });
        if is_current && !parent_moves {
            return Ok(());
        }
        if let Some(obstacle) = self.obstacle(replayer.repo(), planned, &tip, question.tip)? {
            skip(&mut planned.row, obstacle);
            return Ok(());
        }
        if let Some(worktree) = &planned.worktree {
            planned.leaves_hooks_out = look::hooks_left_out(replayer.repo(), worktree);
            if planned.leaves_hooks_out {
                planned.row.notes.push("hooks that come with the branch did not run".to_owned());
            }
        }
        let git_must = look::git_must(replayer.repo(), planned.worktree.as_ref(), self.options)?;
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
                    return by_git(planned, "what it stands on is rebased by git");
                }
            }
        }
        if *own == Own::Unrelated {
            return Err(Error::refused(format!("It has no history in common with '{}'.", planned.row.onto_name))
                .hint(format!("`git session set {} --base <branch>` gives it another base.", planned.session.name)));
        }
        if self.options.merge && *own != Own::Behind {
            return self.merge(replayer.repo(), planned, question, git_must);
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
                return by_git(planned, "there are merges among its commits");
            }
            skip(
                &mut planned.row,
                Obstacle::new(
                    Reason::MergeCommits,
                    "There are merge commits among its own.",
                    format!("{} --rebase-merges", self.options.again(&planned.session.name)),
                ),
            );
            return Ok(());
        }
        let replayed = replayer.replay(self.identity, question.base_tip, &own)?;
        self.settle(replayer, planned, question, replayed, git_must)
    }

    /// What the replay came to.
    fn settle(
        &self,
        replayer: &mut Replayer,
        planned: &mut Planned,
        question: Question,
        replayed: Replayed,
        git_must: Option<&'static str>,
    ) -> Result<()> {
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
            if upstream.ends_with(planned.session.record.branch_short()) {
                row.notes.push(format!(
                    "it was pushed to {upstream}: `git push --force-with-lease` takes the new commits there"
                ));
            }
        }
        let (before, after) = (repo.commit(question.tip)?.tree, repo.commit(to)?.tree);
        let mut overlap = Vec::new();
        if let Some(worktree) = &planned.worktree {
            let touched = repo.changed_between_trees(before, after)?;
            if let Some(obstacle) = in_the_way(repo, worktree, before, &touched, planned)? {
                skip(&mut planned.row, obstacle);
                planned.row.to = None;
                planned.action = Action::Nothing;
                return Ok(());
            }
            let dirty: HashSet<&BString> = planned.dirty.iter().collect();
            overlap = touched.into_iter().filter(|path| dirty.contains(path)).collect();
        }
        if !overlap.is_empty() {
            if !carries(replayer, planned, question, before, after, &overlap)? {
                let mut obstacle = look::dirty_obstacle(&planned.dirty);
                obstacle.sentence = format!("Uncommitted changes collide with the base: '{}'.", overlap[0]);
                obstacle.remedy =
                    planned.worktree.as_ref().map(|tree| format!("git -C {} commit", look::quoted(&tree.path)));
                skip(&mut planned.row, obstacle);
                planned.row.to = None;
                planned.action = Action::Nothing;
                return Ok(());
            }
            planned.row.to = None;
            by_git(planned, "uncommitted changes are merged")?;
        }
        if let Some(why) = git_must.or(inexact) {
            by_git(planned, why)?;
        }
        Ok(())
    }

    fn obstacle(&self, repo: &Repo, planned: &mut Planned, tip: &Tip, head: ObjectId) -> Result<Option<Obstacle>> {
        if let Some(worktree) = &planned.worktree {
            let dirty = look::dirty_paths(repo, worktree, head)?;
            if !dirty.is_empty() && (!self.options.autostash || self.options.merge) {
                let mut obstacle = look::dirty_obstacle(&dirty);
                obstacle.remedy = Some(if self.options.merge {
                    format!("git -C {} stash", look::quoted(&worktree.path))
                } else {
                    format!("{} --autostash", self.options.again(&planned.session.name))
                });
                return Ok(Some(obstacle));
            }
            planned.dirty = dirty;
        }
        look::base_obstacle(repo, &planned.base_now, tip)
    }

    fn merge(
        &self,
        repo: &Repo,
        planned: &mut Planned,
        question: Question,
        git_must: Option<&'static str>,
    ) -> Result<()> {
        if repo.is_ancestor(question.base_tip, question.tip)? {
            return Ok(());
        }
        let name = &planned.session.name;
        if planned.parent.is_some() && planned.row.onto != planned.tip.as_ref().map(|tip| tip.id) {
            return Err(Error::refused("What it stands on moves in the same sync.")
                .hint(format!("`git session sync {name} --merge` afterwards merges that.")));
        }
        let scratch = Scratch::new(repo)?;
        match repo.merge(Some(&scratch), None, question.tip, question.base_tip)? {
            Merged::Clean(_) => {
                planned.row.outcome = Outcome::Merged;
                planned.action = Action::Merge;
                if let Some(why) = git_must {
                    by_git(planned, why)?;
                }
            }
            Merged::Conflict(paths) => {
                planned.row.outcome = Outcome::Conflict;
                planned.row.collisions = paths.into_iter().map(super::Collision::of_path).collect();
            }
        }
        Ok(())
    }

    /// The own commits without what the base has already.
    fn without_landed(
        &self,
        repo: &Repo,
        planned: &Planned,
        below: &[Planned],
        question: Question,
        chain: &[(ObjectId, Key)],
        parent_moves: bool,
    ) -> Result<(Vec<ObjectId>, usize)> {
        let all: Vec<ObjectId> = chain.iter().map(|(id, _)| *id).collect();
        let mut at = planned.parent;
        let mut may_have = false;
        let mut root = planned;
        while let Some(above) = at {
            root = &below[above];
            if let Some(Own::Chain { commits, .. }) = &self.chains[above] {
                may_have |= chain.iter().any(|(_, key)| commits.iter().any(|(_, other)| other == key));
            }
            at = root.parent;
        }
        let trunk = root.tip.as_ref().and_then(|tip| self.landed.get(&tip.id));
        may_have |= trunk.is_some_and(|landed| chain.iter().any(|(_, key)| landed.may_have(*key)));
        // Nothing is known of a base that parts from no other session here, or cannot be read without git.
        may_have |= trunk.is_none();
        if !may_have {
            return Ok((all, 0));
        }
        let own = self.listed(repo, planned, below, question, parent_moves)?;
        let dropped = all.len().saturating_sub(own.len());
        Ok((own, dropped))
    }

    /// The own commits as git lists them. Of a stack whose lower part moves in this plan git cannot be asked about the new
    /// place: what the trunk and the parent's old place lack is the same.
    fn listed(
        &self,
        repo: &Repo,
        planned: &Planned,
        below: &[Planned],
        question: Question,
        parent_moves: bool,
    ) -> Result<Vec<ObjectId>> {
        let mut at = if parent_moves { planned.parent } else { None };
        let Some(tip) = planned.tip.as_ref() else { return Ok(Vec::new()) };
        let mut own = repo.commits_to_replay(Question { base_tip: tip.id, ..question })?;
        while let Some(above) = at {
            let lower = &below[above];
            if let Some(tip) = &lower.tip {
                let lacking = repo.commits_to_replay(Question { base_tip: tip.id, ..question })?;
                own.retain(|id| lacking.contains(id));
            }
            at = lower.parent;
        }
        Ok(own)
    }
}

/// An untracked file where the new tip has one.
fn in_the_way(
    repo: &Repo,
    worktree: &Worktree,
    before: ObjectId,
    touched: &[BString],
    planned: &Planned,
) -> Result<Option<Obstacle>> {
    for path in touched {
        let inside = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at]);
        for part in inside.chain([path.as_slice()]) {
            let part = BString::from(part);
            let place = worktree.path.join(crate::git::worktrees::path_of_bytes(&part));
            let Ok(found) = place.symlink_metadata() else { break };
            let is_fine = if part == *path { planned.dirty.contains(path) } else { found.is_dir() };
            if is_fine || repo.has_path(before, &part)? {
                continue;
            }
            let what = if found.is_dir() { "directory" } else { "file" };
            let place = look::quoted(&place);
            return Ok(Some(Obstacle::new(
                Reason::Untracked,
                format!("The untracked {what} '{part}' is in the way."),
                format!("mv -n {place} {place}~"),
            )));
        }
    }
    Ok(None)
}

/// Whether uncommitted changes of files that the base changed too merge cleanly.
fn carries(
    replayer: &mut Replayer,
    planned: &Planned,
    question: Question,
    before: ObjectId,
    after: ObjectId,
    paths: &[BString],
) -> Result<bool> {
    let Some(worktree) = &planned.worktree else { return Ok(false) };
    let Some(tree) = replayer.with_files_of(worktree, before, paths)? else { return Ok(false) };
    Ok(replayer.merge_trees(question.base_tip, before, after, tree)?.is_ok())
}
