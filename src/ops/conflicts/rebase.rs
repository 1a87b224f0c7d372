//! Whether a rebase would stop: `sync` replays commits one by one, which is not what a merge does.

use super::AgainstBase;
use super::memory::Found;
use super::subject::{Gathered, Subject};
use crate::error::Result;
use crate::git::Repo;
use crate::git::config::Identity;
use crate::git::merge::Verdict;
use crate::git::replay::{Key, Landed, Own, Question, Replayed, Replayer, Wanted};
use crate::session::{BString, ObjectId};
use std::collections::{HashMap, HashSet};

/// A session, and what is known of its rebase.
struct Rebase {
    at: usize,
    question: Question,
    /// The commits to replay, as far as they are a plain chain.
    chain: Vec<(ObjectId, Key)>,
    below: Option<ObjectId>,
    is_clean: Option<bool>,
    /// Where its branch would stand.
    tip: Option<ObjectId>,
    /// Whether it matters which of its commits the base has already.
    depends_on_landed: bool,
    was_replayed: bool,
}

/// Sessions that stand on each other, lower ones first.
type Stack = Vec<Rebase>;

/// What the verdict on a rebase depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Depends {
    name: String,
    question: (Option<ObjectId>, Option<ObjectId>, Option<ObjectId>),
    parent: Option<usize>,
    trunk_tip: Option<ObjectId>,
    bases: Vec<ObjectId>,
    /// Whether there is uncommitted work, and whether the merge is clean.
    work: Option<(bool, bool)>,
}

impl Depends {
    fn of(subject: &Subject) -> Depends {
        let side = subject.side.as_ref();
        Depends {
            name: subject.name.clone(),
            question: (subject.base_tip, subject.tip, subject.fork),
            parent: subject.parent,
            trunk_tip: subject.trunk_tip,
            bases: side.map(|side| side.bases.clone()).unwrap_or_default(),
            work: side.map(|side| (side.is_uncommitted, matches!(side.verdict, Some(Verdict::Clean(_))))),
        }
    }
}

/// Fills in whether the rebase of each is clean.
pub(super) fn fill_in(
    replayer: &mut Replayer,
    gathered: &Gathered,
    found: &mut Found,
    rows: &mut [AgainstBase],
) -> Result<()> {
    let key = || gathered.subjects.iter().map(Depends::of).collect();
    let all = found.rebases.of(key, || Ok(verdicts(replayer, gathered)))?;
    if all.iter().any(|(_, is_clean)| is_clean.is_none()) {
        found.rebases.give_up();
    }
    for (name, is_clean) in all {
        if let Some(row) = rows.iter_mut().find(|row| row.name == name) {
            row.rebase = is_clean;
        }
    }
    Ok(())
}

/// Whether the rebase of each is clean; none where that cannot be told.
fn verdicts(replayer: &mut Replayer, gathered: &Gathered) -> Vec<(String, Option<bool>)> {
    let identity = Identity::of_nobody();
    let mut stacks = stacks(gathered);
    level_by_level(replayer, &identity, &mut stacks, |replayer, below, rebase| {
        first_try(replayer, gathered, below, rebase)
    });
    for rebase in stacks.iter_mut().flatten().filter(|rebase| rebase.was_replayed && !rebase.chain.is_empty()) {
        let commits: Vec<ObjectId> = rebase.chain.iter().map(|(id, _)| *id).collect();
        rebase.depends_on_landed =
            rebase.is_clean != Some(true) || share_a_path(replayer.repo(), &commits).unwrap_or(true);
    }
    let landed = landed(replayer.repo(), gathered, &stacks);
    level_by_level(replayer, &identity, &mut stacks, |replayer, below, rebase| {
        with_landed(replayer, gathered, below, rebase, &landed)
    });
    let name = |at: usize| gathered.subjects[at].name.clone();
    stacks.into_iter().flatten().map(|rebase| (name(rebase.at), rebase.is_clean)).collect()
}

/// What is to be replayed, and onto what; none where there is nothing to do.
type Replay = Option<(ObjectId, Vec<ObjectId>)>;

/// Those at the bottom of all stacks first, together; then those that stand on them.
fn level_by_level(
    replayer: &mut Replayer,
    identity: &Identity,
    stacks: &mut [Stack],
    mut look: impl FnMut(&mut Replayer, &[Rebase], &mut Rebase) -> Result<Replay>,
) {
    for level in 0..stacks.iter().map(Vec::len).max().unwrap_or(0) {
        let mut wanted: Vec<(usize, ObjectId, Vec<ObjectId>)> = Vec::new();
        for (at, stack) in stacks.iter_mut().enumerate() {
            let Some((below, rest)) = stack.split_at_mut_checked(level) else { continue };
            let Some(rebase) = rest.first_mut() else { continue };
            match look(replayer, below, rebase) {
                Ok(Some((onto, commits))) => wanted.push((at, onto, commits)),
                Ok(None) => {}
                Err(_) => rebase.is_clean = None,
            }
        }
        let asked: Vec<(ObjectId, &[ObjectId])> =
            wanted.iter().map(|(_, onto, commits)| (*onto, commits.as_slice())).collect();
        for ((at, ..), replayed) in wanted.iter().zip(replayer.replay_all(identity, &asked)) {
            let rebase = &mut stacks[*at][level];
            rebase.was_replayed = true;
            (rebase.is_clean, rebase.tip) = match replayed {
                Ok(Replayed::Done { tip, .. }) => (Some(true), Some(tip)),
                Ok(Replayed::Conflict { .. }) => (Some(false), None),
                Err(_) => (None, None),
            };
        }
    }
}

fn stacks(gathered: &Gathered) -> Vec<Stack> {
    let mut of_root: HashMap<usize, usize> = HashMap::new();
    let mut stacks: Vec<Stack> = Vec::new();
    for (at, subject) in gathered.subjects.iter().enumerate() {
        let (Some(base_tip), Some(tip)) = (subject.base_tip, subject.tip) else { continue };
        let mut root = at;
        while let Some(parent) = gathered.subjects[root].parent {
            root = parent;
        }
        let place = *of_root.entry(root).or_insert_with(|| {
            stacks.push(Vec::new());
            stacks.len() - 1
        });
        stacks[place].push(Rebase {
            at,
            question: Question { base_tip, tip, fork: subject.fork },
            chain: Vec::new(),
            below: None,
            is_clean: None,
            tip: None,
            depends_on_landed: false,
            was_replayed: false,
        });
    }
    stacks
}

/// Where the session that it stands on would be.
fn onto(subject: &Subject, below: &[Rebase], question: Question) -> ObjectId {
    let parent = subject.parent.and_then(|parent| below.iter().find(|rebase| rebase.at == parent));
    parent.and_then(|parent| parent.tip).unwrap_or(question.base_tip)
}

/// As if the base had none of the commits.
fn first_try(replayer: &mut Replayer, gathered: &Gathered, below: &[Rebase], rebase: &mut Rebase) -> Result<Replay> {
    let subject = &gathered.subjects[rebase.at];
    let onto = onto(subject, below, rebase.question);
    let moves = onto != rebase.question.base_tip;
    let bases = subject.side.as_ref().map_or(&[][..], |side| side.bases.as_slice());
    let own = replayer.repo().own_chain_from(rebase.question, bases.first().copied(), moves)?;
    let is_current =
        matches!(own, Own::UpToDate | Own::Chain { is_current: true, .. } | Own::Mixed { is_current: true });
    if is_current && !moves {
        (rebase.is_clean, rebase.tip) = (Some(true), Some(rebase.question.tip));
        return Ok(None);
    }
    match own {
        Own::Behind => {
            (rebase.is_clean, rebase.tip) = (Some(true), Some(onto));
            Ok(None)
        }
        Own::UpToDate | Own::Unrelated => Ok(None),
        Own::Mixed { .. } => {
            let commits = replayer.repo().commits_to_replay(rebase.question, subject.worktree.as_ref())?;
            for id in &commits {
                if replayer.repo().commit(*id)?.parents.len() != 1 {
                    return Ok(None);
                }
            }
            Ok(Some((onto, commits)))
        }
        Own::Chain { commits, below: parting, .. } => {
            let is_alone = commits.len() == 1;
            (rebase.chain, rebase.below) = (commits, Some(parting));
            // Of a single commit the merge says it already, unless there is somebody on top who wants to know where to.
            if is_alone && !moves && merges_cleanly_as_committed(subject, parting) && !has_children(gathered, rebase.at)
            {
                rebase.is_clean = Some(true);
                return Ok(None);
            }
            Ok(Some((onto, rebase.chain.iter().map(|(id, _)| *id).collect())))
        }
    }
}

fn has_children(gathered: &Gathered, at: usize) -> bool {
    gathered.subjects.iter().any(|subject| subject.parent == Some(at))
}

/// Whether the merge that was made is that of the branch as it is committed, over the commit that it parts at.
fn merges_cleanly_as_committed(subject: &Subject, parting: ObjectId) -> bool {
    subject.side.as_ref().is_some_and(|side| {
        !side.is_uncommitted && side.bases == [parting] && matches!(side.verdict, Some(Verdict::Clean(_)))
    })
}

/// Whether two of these commits touch the same path: only then one that is left out is missed by another.
fn share_a_path(repo: &Repo, commits: &[ObjectId]) -> Result<bool> {
    let mut seen: HashSet<BString> = HashSet::new();
    for id in commits {
        let commit = repo.commit(*id)?;
        let Some(parent) = commit.parents.first() else { return Ok(true) };
        for (path, _) in repo.changed_between_trees(repo.commit(*parent)?.tree, commit.tree)? {
            if !seen.insert(path) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What the trunks have that those sessions may lack which depend on it.
fn landed(repo: &Repo, gathered: &Gathered, stacks: &[Stack]) -> HashMap<ObjectId, Option<Landed>> {
    let mut wanted: HashMap<ObjectId, Wanted> = HashMap::new();
    for rebase in stacks.iter().flatten().filter(|rebase| rebase.depends_on_landed) {
        if let (Some(trunk), Some(below)) = (gathered.subjects[rebase.at].trunk_tip, rebase.below)
            && wanted.entry(trunk).or_default().add(repo, below, &rebase.chain).is_err()
        {
            return HashMap::new();
        }
    }
    let landed = |trunk: ObjectId, wanted: Wanted| -> Result<Landed> {
        let alike = repo.alike(&repo.lacked_by(trunk, wanted.partings())?, &wanted)?;
        Ok(Landed::of(wanted, alike))
    };
    wanted.into_iter().map(|(trunk, wanted)| (trunk, landed(trunk, wanted).ok())).collect()
}

/// Again without what the base has, where it may have any of it.
fn with_landed(
    replayer: &mut Replayer,
    gathered: &Gathered,
    below: &[Rebase],
    rebase: &Rebase,
    landed: &HashMap<ObjectId, Option<Landed>>,
) -> Result<Replay> {
    let subject = &gathered.subjects[rebase.at];
    if !rebase.depends_on_landed {
        return Ok(None);
    }
    let known = subject.trunk_tip.and_then(|trunk| landed.get(&trunk)).and_then(Option::as_ref);
    let mut may_have = known.is_none() || rebase.below.is_none();
    if let Some((landed, below)) = known.zip(rebase.below) {
        for (id, key) in &rebase.chain {
            may_have = may_have || landed.may_have(replayer.repo(), below, *key, *id).unwrap_or(true);
        }
    }
    let mut at = subject.parent;
    while let Some(lower) = at.and_then(|parent| below.iter().find(|rebase| rebase.at == parent)) {
        may_have |= rebase.chain.iter().any(|(_, key)| lower.chain.iter().any(|(_, other)| other == key));
        at = gathered.subjects[lower.at].parent;
    }
    if !may_have {
        return Ok(None);
    }
    let commits = replayer.repo().commits_to_replay(rebase.question, subject.worktree.as_ref())?;
    Ok(Some((onto(subject, below, rebase.question), commits)))
}
