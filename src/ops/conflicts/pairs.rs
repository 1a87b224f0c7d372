//! Pairs: which meet, and what comes of merging them.

use super::clash::{Blob, Lines};
use super::memory::Found;
use super::subject::{Gathered, Side};
use super::{Basis, Clash, Options, Pair, Severity};
use crate::error::Result;
use crate::git::merge::{Footprint, Meeting, Merger, Question, Stages, directories};
use crate::session::{BString, ObjectId};
use std::collections::{BTreeMap, HashMap};

/// Two that meet, and how they are merged.
struct Candidate {
    a: usize,
    b: usize,
    basis: Basis,
    question: Question,
    /// Whether git has anything to say: not where all that is shared is the same on both sides.
    is_open: bool,
    /// The tree that both come from, where it is known before git is asked.
    base: Option<ObjectId>,
    footprints: Option<(Footprint, Footprint)>,
    meeting: Meeting,
}

/// Judges all pairs that were asked for.
pub(super) fn judge(
    engine: &mut Merger,
    gathered: &Gathered,
    near: u32,
    options: &Options,
    found: &mut Found,
    warnings: &mut Vec<String>,
) -> Result<Vec<Pair>> {
    let candidates = candidates(engine, gathered, options)?;
    let open: Vec<usize> = (0..candidates.len()).filter(|at| candidates[*at].is_open).collect();
    let questions: Vec<Question> = open.iter().map(|at| candidates[*at].question).collect();
    let mut verdicts: HashMap<usize, Vec<Stages>> = HashMap::new();
    let mut unknown = Vec::new();
    for (at, answer) in open.iter().zip(engine.judge_all(&questions)) {
        match answer {
            Ok(Some(stages)) => drop(verdicts.insert(*at, stages)),
            Ok(None) => {}
            Err(error) => {
                let name = |at: usize| &gathered.subjects[at].name;
                let (a, b) = (name(candidates[*at].a), name(candidates[*at].b));
                warnings.push(format!("{a} and {b} could not be merged: {}", error.one_line()));
                unknown.push(*at);
            }
        }
    }
    let mut lines = Lines::new(engine.repo(), near, options.patch);
    let mut pairs = Vec::new();
    for (at, candidate) in candidates.iter().enumerate().filter(|(at, _)| !unknown.contains(at)) {
        let stages = verdicts.get(&at).map_or(&[][..], Vec::as_slice);
        let (Some(one), Some(two)) = (&gathered.subjects[candidate.a].side, &gathered.subjects[candidate.b].side)
        else {
            continue;
        };
        let bases = [one.base_tree, two.base_tree];
        let key = || (candidate.basis, candidate.question, bases, [one.tree, two.tree]);
        let files = found.files.of(key, || files(&mut lines, gathered, candidate, stages))?;
        // That a merge stops is so even where git names no path.
        let stops = verdicts.contains_key(&at).then_some(Severity::Conflict);
        let Some(severity) = files.iter().map(|file| file.severity).chain(stops).max() else { continue };
        let name = |at: usize| gathered.subjects[at].name.clone();
        let (a, b, basis) = (name(candidate.a), name(candidate.b), Some(candidate.basis));
        pairs.push(Pair { a, b, basis, severity, files, why: None });
    }
    Ok(pairs)
}

/// The pairs that may be in each other's way.
fn candidates(engine: &mut Merger, gathered: &Gathered, options: &Options) -> Result<Vec<Candidate>> {
    let subjects = &gathered.subjects;
    let mut order: Vec<usize> = (0..subjects.len()).filter(|at| subjects[*at].side.is_some()).collect();
    order.sort_by(|a, b| subjects[*a].name.cmp(&subjects[*b].name));
    let is_asked = |a: usize, b: usize| {
        let (a, b) = (&subjects[a], &subjects[b]);
        (a.is_first && b.is_second) || (b.is_first && a.is_second)
    };
    let meets = Meets::of(&order, |at| subjects[at].side.as_ref().map(|side| &side.footprint));
    let own = Meets::of(&order, |at| subjects[at].side.as_ref().map(|side| &side.own));
    let trunk_trees: Vec<Option<ObjectId>> = gathered
        .trunks
        .iter()
        .map(|trunk| trunk.tip.and_then(|tip| engine.repo().commit(tip).ok()).map(|commit| commit.tree))
        .collect();
    let mut found = Vec::new();
    let mut shared_tips: HashMap<ObjectId, Option<ObjectId>> = HashMap::new();
    for (nth, a) in order.iter().copied().enumerate() {
        for b in order[nth + 1..].iter().copied() {
            let (Some(one), Some(two)) = (&subjects[a].side, &subjects[b].side) else { continue };
            if !is_asked(a, b) || gathered.are_stacked(a, b) {
                continue;
            }
            let is_near = meets.may(a, b) || own.may(a, b);
            if !is_near && !options.raw {
                continue;
            }
            let same_trunk = subjects[a].trunk == subjects[b].trunk;
            let shares = one.commits.iter().any(|commit| two.commits.contains(commit));
            if shares && contains(subjects[a].tip, two, subjects[b].tip, one) {
                continue;
            }
            let base = if options.raw || !same_trunk {
                None
            } else if !shares {
                trunk_trees[subjects[a].trunk]
            } else {
                shared_base(engine, gathered, a, b, trunk_trees[subjects[a].trunk], &mut shared_tips)?
            };
            let candidate = match (base, one.synced, two.synced) {
                (Some(base), Some(ours), Some(theirs)) => {
                    let is_trunk = Some(base) == trunk_trees[subjects[a].trunk];
                    let footprints = if is_trunk {
                        None
                    } else {
                        Some((engine.repo().footprint(base, ours)?, engine.repo().footprint(base, theirs)?))
                    };
                    let meeting = match &footprints {
                        Some((a, b)) => a.meeting(b),
                        None => one.footprint.meeting(&two.footprint),
                    };
                    let attributes = subjects[a].trunk_tip.unwrap_or(one.commit);
                    let question = Question { attributes, base: Some(base), ours, theirs };
                    let mut candidate = Candidate {
                        a,
                        b,
                        basis: Basis::Synced,
                        question,
                        is_open: true,
                        base: Some(base),
                        footprints,
                        meeting,
                    };
                    candidate.is_open = candidate.depends_on_git(gathered);
                    Some(candidate)
                }
                _ => by_tips(a, b, gathered, options),
            };
            found.extend(candidate.filter(|candidate| candidate.meeting.is_any() || options.raw));
        }
    }
    Ok(found)
}

fn by_tips(a: usize, b: usize, gathered: &Gathered, options: &Options) -> Option<Candidate> {
    let subjects = &gathered.subjects;
    let (one, two) = (subjects[a].side.as_ref()?, subjects[b].side.as_ref()?);
    let meeting = one.own.meeting(&two.own);
    let is_open = meeting.is_any() || options.raw;
    // The trunk's attributes, as everywhere: so that git is asked about all pairs at once.
    let attributes = subjects[a].trunk_tip?;
    let question = Question { attributes, base: None, ours: one.commit, theirs: two.commit };
    Some(Candidate { a, b, basis: Basis::Tips, question, is_open, base: None, footprints: None, meeting })
}

/// Whether one of the tips is in the other's history.
fn contains(a: Option<ObjectId>, of_b: &Side, b: Option<ObjectId>, of_a: &Side) -> bool {
    a.is_some_and(|a| of_b.commits.contains(&a)) || b.is_some_and(|b| of_a.commits.contains(&b)) || a == b
}

/// The tree that two come from which share commits that their trunk lacks: what they share, as if synced.
fn shared_base(
    engine: &mut Merger,
    gathered: &Gathered,
    a: usize,
    b: usize,
    trunk: Option<ObjectId>,
    known: &mut HashMap<ObjectId, Option<ObjectId>>,
) -> Result<Option<ObjectId>> {
    if let Some(parent) = gathered.common_parent(a, b) {
        return Ok(gathered.subjects[parent].side.as_ref().and_then(|side| side.synced));
    }
    let subjects = &gathered.subjects;
    let (Some(ours), Some(theirs), Some(trunk_tip), Some(trunk)) =
        (subjects[a].tip, subjects[b].tip, subjects[a].trunk_tip, trunk)
    else {
        return Ok(None);
    };
    let bases = engine.repo().beyond(ours, theirs)?.bases;
    let [shared] = bases.as_slice() else { return Ok(None) };
    if let Some(known) = known.get(shared) {
        return Ok(*known);
    }
    let tree = engine.repo().commit(*shared)?.tree;
    let synced = match engine.repo().beyond(trunk_tip, *shared)?.bases.as_slice() {
        [base] => {
            let base = engine.repo().commit(*base)?.tree;
            match engine.merge(trunk_tip, base, trunk, tree)? {
                crate::git::merge::Verdict::Clean(tree) => Some(tree),
                crate::git::merge::Verdict::Conflict(_) => None,
            }
        }
        _ => None,
    };
    known.insert(*shared, synced);
    Ok(synced)
}

impl Candidate {
    /// The footprints of both.
    fn footprints<'a>(&'a self, gathered: &'a Gathered) -> Option<(&'a Footprint, &'a Footprint)> {
        if let Some((a, b)) = &self.footprints {
            return Some((a, b));
        }
        let side = |at: usize| gathered.subjects[at].side.as_ref();
        let (one, two) = (side(self.a)?, side(self.b)?);
        Some(match self.basis {
            Basis::Synced => (&one.footprint, &two.footprint),
            Basis::Tips => (&one.own, &two.own),
        })
    }

    /// Whether what both touch is anywhere different: where not, there is nothing to merge. A deletion may be one half of a
    /// rename.
    fn depends_on_git(&self, gathered: &Gathered) -> bool {
        let Some((one, two)) = self.footprints(gathered) else { return true };
        let is_same = |(a, b): &(usize, usize)| {
            let (a, b) = (&one.paths[*a], &two.paths[*b]);
            a.after.is_some() && a.after == b.after
        };
        self.meeting.is_crossed || !self.meeting.shared.iter().all(is_same)
    }
}

/// The files in which two meet.
fn files(lines: &mut Lines<'_>, gathered: &Gathered, candidate: &Candidate, stages: &[Stages]) -> Result<Vec<Clash>> {
    let side = |at: usize| gathered.subjects[at].side.as_ref();
    let (Some(one), Some(two)) = (side(candidate.a), side(candidate.b)) else { return Ok(Vec::new()) };
    let own = |path: &BString| -> [Blob; 2] {
        let of = |side: &Side| side.own.at(path).and_then(|touched| touched.after);
        if candidate.basis == Basis::Tips { [None, None] } else { [of(one), of(two)] }
    };
    let mut files = Vec::new();
    let trees = [one.tree, two.tree];
    for stages in stages {
        files.push(lines.conflict(&stages.path, stages.stages, trees, own(&stages.path))?);
    }
    let Some((first, second)) = candidate.footprints(gathered) else { return Ok(files) };
    for (a, b) in &candidate.meeting.shared {
        let (a, b) = (&first.paths[*a], &second.paths[*b]);
        if files.iter().any(|file| file.path == a.path) {
            continue;
        }
        // By tips each counts from its own fork: where these differ, nothing can be said of how near the lines are.
        let base = if candidate.base.is_some() || a.before == b.before { a.before } else { None };
        let comparable = candidate.base.is_some() || a.before == b.before;
        let clash = if comparable {
            lines.shared(&a.path, [base, a.after, b.after], own(&a.path))?
        } else {
            Clash::new(a.path.clone(), Severity::Overlap)
        };
        files.push(clash);
    }
    files.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.path.cmp(&b.path)));
    Ok(files)
}

/// Who may meet whom, found by path once for all pairs.
struct Meets {
    pairs: std::collections::HashSet<(usize, usize)>,
}

impl Meets {
    fn of<'a>(order: &[usize], footprint: impl Fn(usize) -> Option<&'a Footprint>) -> Meets {
        let mut at_path: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        let mut gone: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for at in order.iter().copied() {
            let Some(footprint) = footprint(at) else { continue };
            for touched in &footprint.paths {
                at_path.entry(touched.path.as_slice()).or_default().push(at);
            }
            for directory in &footprint.vanished {
                gone.entry(directory.as_slice()).or_default().push(at);
            }
        }
        let mut pairs = std::collections::HashSet::new();
        let mut add = |a: usize, b: usize| {
            if a != b {
                pairs.insert((a.min(b), a.max(b)));
            }
        };
        for (path, who) in &at_path {
            for (nth, a) in who.iter().enumerate() {
                for b in &who[nth + 1..] {
                    add(*a, *b);
                }
            }
            for directory in directories(path) {
                let above = at_path.get(directory).into_iter().chain(gone.get(directory));
                for other in above.flatten() {
                    for a in who {
                        add(*a, *other);
                    }
                }
            }
        }
        Meets { pairs }
    }

    fn may(&self, a: usize, b: usize) -> bool {
        self.pairs.contains(&(a.min(b), a.max(b)))
    }
}
