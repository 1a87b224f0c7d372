//! What would become of each session, found out in memory and in parallel: nothing is written anywhere.

use super::decide::{Stack, fail, skip};
use super::group::{for_each_group, grouped};
use super::look;
use super::{Action, Group, Obstacle, Options, Outcome, Planned, Reason, Row, SyncPlan};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::git::config::Identity;
use crate::git::replay::{Alike, Landed, Own, Question, Replayer, Wanted};
use crate::ops::base::{self, Tip};
use crate::ops::workers::each;
use crate::ops::{Context, scope};
use crate::session::ObjectId;
use crate::session::Word as _;
use crate::store::snapshot::BaseNow;
use crate::store::{Loaded, Snapshot};
use std::collections::HashMap;

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
    let landed = landed(&ctx.repo, &mut replayers, &groups, &chains)?;
    let mut shares: Vec<Vec<(&[Chain], &mut Group)>> = (0..workers).map(|_| Vec::new()).collect();
    for (at, group) in groups.iter_mut().enumerate() {
        shares[at % workers].push((chains[at].as_slice(), group));
    }
    each(&mut replayers, &mut shares, |replayer, _, share| {
        decide_all(replayer, share, &identity, |chains| Stack {
            chains,
            landed: &landed,
            identity: &identity,
            options,
        });
    })?;
    Ok(SyncPlan { groups, options: options.clone() })
}

/// Decides about all sessions of several groups: what git has to be asked for the first of each it is asked at once, then
/// for the second of each.
fn decide_all<'a>(
    replayer: &mut Replayer,
    groups: &mut [(&'a [Chain], &mut Group)],
    identity: &Identity,
    stack: impl Fn(&'a [Chain]) -> Stack<'a>,
) {
    let deepest = groups.iter().map(|(_, group)| group.sessions.len()).max().unwrap_or(0);
    for n in 0..deepest {
        let mut undecided = Vec::new();
        for (at, (chains, group)) in groups.iter_mut().enumerate().filter(|(_, (_, group))| group.sessions.len() > n) {
            let stack = stack(chains);
            match stack.decide(replayer, &mut group.sessions, n) {
                Ok(None) => {}
                Ok(Some(session)) => undecided.push((at, session)),
                Err(error) => stack.give_to_git_or_fail(replayer.repo(), &mut group.sessions[n], n, &error),
            }
        }
        let asked: Vec<(ObjectId, &[ObjectId])> = undecided.iter().map(|(_, session)| session.replay()).collect();
        let replayed = replayer.replay_all(identity, &asked);
        for ((at, session), replayed) in undecided.iter().zip(replayed) {
            let (chains, group) = &mut groups[*at];
            let stack = stack(chains);
            let planned = &mut group.sessions[n];
            if let Err(error) = replayed.and_then(|replayed| stack.settle(replayer, planned, session, replayed)) {
                stack.give_to_git_or_fail(replayer.repo(), planned, n, &error);
            }
        }
    }
    let objects = replayer.take_objects();
    for (_, group) in groups {
        group.objects = objects.clone();
    }
}

/// How a session's own commits lie, as far as that can be told without its parent's new place; none where it is settled.
pub(super) type Chain = Option<Own>;

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
        is_named: options
            .names
            .iter()
            .filter(|name| !name.contains(['*', '?', '[']))
            .any(|name| scope::one(ctx, snapshot, Some(name)).is_ok_and(|found| found.name == session.name)),
        is_resolving: false,
        is_merge: options.merge,
        again: options.again(&session.name),
    };
    let name = &session.name;
    let obstacle = if from.is_none() {
        Some(Obstacle::new(
            Reason::Missing,
            format!("Its branch '{}' is not here.", session.record.branch_short()),
            format!("git session show {}", name.word()),
        ))
    } else if tip.is_none() {
        Some(Obstacle::new(
            Reason::Missing,
            format!("Its base '{}' is gone.", base_now.short()),
            format!("git session set {} --base <branch>", name.word()),
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
        carried: None,
        leaves_hooks_out: false,
        resolving: None,
    })
}

pub(super) fn question(planned: &Planned) -> Option<Question> {
    let (base_tip, tip) = (planned.tip.as_ref()?.id, planned.row.from?);
    Some(Question { base_tip, tip, fork: planned.session.record.base.fork() })
}

fn look_at(repo: &Repo, planned: &mut Planned) -> Chain {
    if planned.row.outcome == Outcome::Skipped {
        return None;
    }
    let question = question(planned)?;
    match repo.own_chain(question, planned.parent.is_some()) {
        Ok(own) => Some(own),
        // What is not here git fetches while it lists them.
        Err(_) if repo.is_partial() => {
            let is_current = repo.is_ancestor(question.base_tip, question.tip).unwrap_or(false);
            Some(Own::Mixed { is_current })
        }
        Err(error) => {
            fail(planned, &error);
            None
        }
    }
}

/// For each base tip what it has that the sessions on it may lack.
fn landed(
    repo: &Repo,
    replayers: &mut [Replayer],
    groups: &[Group],
    chains: &[Vec<Chain>],
) -> Result<HashMap<ObjectId, Landed>> {
    let mut wanted: HashMap<ObjectId, Wanted> = HashMap::new();
    let stacks = groups.iter().zip(chains).map(|(group, chains)| (&group.sessions, chains));
    for (sessions, chains) in stacks {
        for (n, chain) in chains.iter().enumerate() {
            let Some(Own::Chain { commits, below, .. }) = chain else { continue };
            // What a stack's upper part has may have landed where its lowest part stands.
            let Some(root) = std::iter::successors(Some(n), |at| sessions[*at].parent).last() else { continue };
            let Some(tip) = &sessions[root].tip else { continue };
            let parting = if root == n { Some(*below) } else { parting_of(&chains[root]) };
            let Some(parting) = parting else { continue };
            if wanted.entry(tip.id).or_default().add(repo, parting, commits).is_err() {
                return Ok(HashMap::new());
            }
        }
    }
    let mut landed = HashMap::new();
    for (tip, wanted) in wanted {
        let Ok(lacked) = repo.lacked_by(tip, wanted.partings()) else { continue };
        // Neighbours in history go to the same worker: their trees are nearly the same.
        let share = lacked.len().div_ceil(replayers.len()).max(1);
        let alike: Vec<Result<Vec<Alike>>> = std::thread::scope(|scope| {
            let running: Vec<_> = replayers
                .iter_mut()
                .zip(lacked.chunks(share))
                .map(|(replayer, share)| {
                    let wanted = &wanted;
                    scope.spawn(move || replayer.repo().alike(share, wanted))
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::bug("A worker died."))))
                .collect()
        });
        // In a shallow or partial clone some are not here: git has to be asked then.
        let Ok(alike) = alike.into_iter().collect::<Result<Vec<Vec<_>>>>() else { continue };
        landed.insert(tip, Landed::of(wanted, alike.into_iter().flatten()));
    }
    Ok(landed)
}

/// Where a branch parts from its base.
pub(super) fn parting_of(chain: &Chain) -> Option<ObjectId> {
    match chain {
        Some(Own::Chain { below, .. }) => Some(*below),
        _ => None,
    }
}
