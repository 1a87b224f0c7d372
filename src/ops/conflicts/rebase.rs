//! Whether a rebase would stop: `sync` replays commits one by one, which is not what a merge does.

use super::AgainstBase;
use super::subject::{Gathered, Subject};
use crate::error::Result;
use crate::git::Repo;
use crate::git::config::Identity;
use crate::git::merge::Verdict;
use crate::git::replay::{Key, Landed, Own, Question, Replayed, Replayer};
use crate::ops::Context;
use crate::ops::workers::each;
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
    why_not: Option<String>,
}

/// Sessions that stand on each other, lower ones first.
type Stack = Vec<Rebase>;

/// Fills in whether the rebase of each is clean.
pub(super) fn verdicts(
    ctx: &Context,
    replayers: &mut [Replayer],
    gathered: &Gathered,
    rows: &mut [AgainstBase],
) -> Result<()> {
    let identity = Identity::of_nobody();
    let mut stacks = stacks(gathered);
    each(replayers, &mut stacks, |replayer, _, stack| {
        for n in 0..stack.len() {
            let (below, rest) = stack.split_at_mut(n);
            let Some(rebase) = rest.first_mut() else { continue };
            if let Err(error) = first_try(replayer, &identity, gathered, below, rebase) {
                rebase.why_not = Some(error.one_line());
            }
        }
    })?;
    let landed = landed(&ctx.repo, gathered, &stacks);
    each(replayers, &mut stacks, |replayer, _, stack| {
        for n in 0..stack.len() {
            let (below, rest) = stack.split_at_mut(n);
            let Some(rebase) = rest.first_mut() else { continue };
            if let Err(error) = with_landed(replayer, &identity, gathered, below, rebase, &landed) {
                (rebase.is_clean, rebase.why_not) = (None, Some(error.one_line()));
            }
        }
    })?;
    for rebase in stacks.into_iter().flatten() {
        let name = &gathered.subjects[rebase.at].name;
        if let Some(row) = rows.iter_mut().find(|row| row.name == *name) {
            row.rebase = rebase.is_clean;
        }
    }
    Ok(())
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
            why_not: None,
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
fn first_try(
    replayer: &mut Replayer,
    identity: &Identity,
    gathered: &Gathered,
    below: &[Rebase],
    rebase: &mut Rebase,
) -> Result<()> {
    let subject = &gathered.subjects[rebase.at];
    let onto = onto(subject, below, rebase.question);
    let moves = onto != rebase.question.base_tip;
    let own = replayer.repo().own_chain(rebase.question, moves)?;
    let is_current = matches!(own, Own::UpToDate | Own::Chain { is_current: true, .. } | Own::Mixed { is_current: true });
    if is_current && !moves {
        (rebase.is_clean, rebase.tip) = (Some(true), Some(rebase.question.tip));
        return Ok(());
    }
    match own {
        Own::Behind => (rebase.is_clean, rebase.tip) = (Some(true), Some(onto)),
        Own::UpToDate | Own::Unrelated => {}
        Own::Mixed { .. } => {
            let commits = replayer.repo().commits_to_replay(rebase.question)?;
            for id in &commits {
                if replayer.repo().commit(*id)?.parents.len() != 1 {
                    return Ok(());
                }
            }
            settle(rebase, replayer.replay(identity, onto, &commits)?);
        }
        Own::Chain { commits, below: parting, .. } => {
            let is_alone = commits.len() == 1;
            (rebase.chain, rebase.below) = (commits, Some(parting));
            // Of a single commit the merge says it already, unless there is somebody on top who wants to know where to.
            if is_alone && !moves && merges_cleanly_as_committed(subject, parting) && !has_children(gathered, rebase.at) {
                rebase.is_clean = Some(true);
                return Ok(());
            }
            let commits: Vec<ObjectId> = rebase.chain.iter().map(|(id, _)| *id).collect();
            let replayed = replayer.replay(identity, onto, &commits)?;
            settle(rebase, replayed);
            rebase.depends_on_landed = rebase.is_clean != Some(true) || share_a_path(replayer.repo(), &commits)?;
        }
    }
    Ok(())
}

fn settle(rebase: &mut Rebase, replayed: Replayed) {
    (rebase.is_clean, rebase.tip) = match replayed {
        Replayed::Done { tip, .. } => (Some(true), Some(tip)),
        Replayed::Conflict { .. } => (Some(false), None),
    };
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
    let mut partings: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
    for rebase in stacks.iter().flatten().filter(|rebase| rebase.depends_on_landed) {
        if let (Some(trunk), Some(below)) = (gathered.subjects[rebase.at].trunk_tip, rebase.below) {
            partings.entry(trunk).or_default().push(below);
        }
    }
    partings
        .into_iter()
        .map(|(trunk, partings)| {
            let keys = repo.base_commits_since(trunk, &partings).and_then(|commits| {
                commits.into_iter().map(|id| Ok((repo.change_key(id)?, id))).collect::<Result<Vec<_>>>()
            });
            (trunk, keys.ok().map(Landed::of))
        })
        .collect()
}

/// Again without what the base has, where it may have any of it.
fn with_landed(
    replayer: &mut Replayer,
    identity: &Identity,
    gathered: &Gathered,
    below: &[Rebase],
    rebase: &mut Rebase,
    landed: &HashMap<ObjectId, Option<Landed>>,
) -> Result<()> {
    let subject = &gathered.subjects[rebase.at];
    if !rebase.depends_on_landed {
        return Ok(());
    }
    let known = subject.trunk_tip.and_then(|trunk| landed.get(&trunk)).and_then(Option::as_ref);
    let mut may_have = known.is_none();
    for (id, key) in &rebase.chain {
        may_have = may_have || known.is_some_and(|landed| landed.may_have(replayer.repo(), *key, *id).unwrap_or(true));
    }
    let mut at = subject.parent;
    while let Some(lower) = at.and_then(|parent| below.iter().find(|rebase| rebase.at == parent)) {
        may_have |= rebase.chain.iter().any(|(_, key)| lower.chain.iter().any(|(_, other)| other == key));
        at = gathered.subjects[lower.at].parent;
    }
    if may_have {
        let commits = replayer.repo().commits_to_replay(rebase.question)?;
        let onto = onto(subject, below, rebase.question);
        settle(rebase, replayer.replay(identity, onto, &commits)?);
    }
    Ok(())
}
