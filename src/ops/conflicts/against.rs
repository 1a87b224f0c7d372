//! Each session with its base, and what it is as if synced.

use super::clash::Lines;
use super::memory::{Found, Memory, Row, Work};
use super::subject::{Gathered, Side, Subject};
use super::{AgainstBase, Clash, Options, Severity, Trunk};
use crate::error::{Error, Result};
use crate::git::merge::{Footprint, Merger, Question, Verdict};
use crate::ops::workers::each;
use crate::session::ObjectId;
use std::collections::HashMap;
use std::path::PathBuf;

/// Reads what each of them has, several at a time. The first merger knows of all of it afterwards.
pub(super) fn prepare(memory: &mut Memory, gathered: &mut Gathered, options: &Options) -> Result<()> {
    let bases: Vec<Option<ObjectId>> = gathered.subjects.iter().map(|subject| subject.base_tip).collect();
    let (replayers, known) = memory.parts();
    let looked = each(replayers, &mut gathered.subjects, |replayer, at, subject| {
        let base_tip = bases[at]?;
        match look_at(replayer.merger(), subject, base_tip, options, known) {
            Ok(work) => work,
            Err(error) => {
                subject.side = None;
                subject.note = Some(error.one_line());
                None
            }
        }
    })?;
    for (subject, work) in gathered.subjects.iter().zip(looked) {
        if let (Some(worktree), Some(work)) = (&subject.worktree, work) {
            memory.keep_work(&worktree.path, work);
        }
    }
    memory.join()
}

/// What was found in its worktree, where somebody looked there.
fn look_at(
    engine: &mut Merger,
    subject: &mut Subject,
    base_tip: ObjectId,
    options: &Options,
    known: &HashMap<PathBuf, Work>,
) -> Result<Option<Work>> {
    let (Some(tip), Some(trunk_tip)) = (subject.tip, subject.trunk_tip) else { return Ok(None) };
    let committed = engine.repo().commit(tip)?.tree;
    let worktree = subject.worktree.as_ref().filter(|_| !options.committed);
    let (mut tree, mut commit, mut is_uncommitted, mut found) = (committed, tip, false, None);
    if let Some(worktree) = worktree {
        let known = known.get(&worktree.path).filter(|work| work.head == tip);
        match known.map_or_else(|| engine.work_of(worktree, tip), |work| Ok(work.tree)) {
            Ok(work) => {
                found = Some(Work { head: tip, tree: work });
                if let Some(work) = work {
                    (tree, is_uncommitted) = (work, true);
                    commit = engine.repo().commit_in_memory(work, tip)?;
                }
            }
            Err(error) => {
                subject.note = Some(format!("its uncommitted work could not be read ({})", error.one_line()));
            }
        }
    }
    let repo = engine.repo();
    let beyond = repo.beyond(trunk_tip, tip)?;
    let bases = if base_tip == trunk_tip { beyond.bases.clone() } else { repo.beyond(base_tip, tip)?.bases };
    let base_tree = bases.first().map(|id| repo.commit(*id)).transpose()?.map(|commit| commit.tree);
    let own = match base_tree {
        Some(base_tree) => repo.footprint(base_tree, tree)?,
        None => Footprint::default(),
    };
    subject.side = Some(Side {
        tree,
        commit,
        is_uncommitted,
        commits: beyond.commits.into_iter().collect(),
        bases,
        base_tree,
        own,
        verdict: None,
        synced: None,
        footprint: Footprint::default(),
    });
    Ok(found)
}

/// What merging each with its base gives, and the tree it has as if synced; those on top after those below.
pub(super) fn merge_with_bases(engine: &mut Merger, subjects: &mut [Subject], trunks: &[Trunk]) {
    let depths: Vec<usize> = (0..subjects.len()).map(|at| depth(subjects, at)).collect();
    for level in 0..=depths.iter().copied().max().unwrap_or(0) {
        let places: Vec<usize> = (0..subjects.len()).filter(|at| depths[*at] == level).collect();
        let asked: Vec<(usize, Question)> =
            places.iter().filter_map(|at| Some((*at, with_base(engine, &subjects[*at])?))).collect();
        let questions: Vec<Question> = asked.iter().map(|(_, question)| *question).collect();
        for ((at, question), verdict) in asked.iter().zip(engine.merge_all(&questions)) {
            let subject = &mut subjects[*at];
            match verdict {
                Ok(verdict) => {
                    if let (Some(side), None) = (&mut subject.side, subject.parent) {
                        side.synced = clean(&verdict);
                    }
                    if let Some(side) = &mut subject.side {
                        side.verdict = Some(verdict);
                    }
                }
                Err(error) => subject.note = Some(cannot_merge(&error, *question)),
            }
        }
        // On its parent as synced, what that has uncommitted included.
        let asked: Vec<(usize, Question)> =
            places.iter().filter_map(|at| Some((*at, on_parent(subjects, *at, trunks)?))).collect();
        let questions: Vec<Question> = asked.iter().map(|(_, question)| *question).collect();
        for ((at, _), verdict) in asked.iter().zip(engine.merge_all(&questions)) {
            if let (Some(side), Ok(verdict)) = (&mut subjects[*at].side, verdict) {
                side.synced = clean(&verdict);
            }
        }
    }
    let trees: Vec<Option<ObjectId>> = trunks.iter().map(|trunk| tree_of(engine, trunk.tip?)).collect();
    for subject in subjects {
        let (trunk, note) = (trees[subject.trunk], &mut subject.note);
        let Some(side) = &mut subject.side else { continue };
        let (Some(trunk), Some(synced)) = (trunk, side.synced) else { continue };
        match engine.repo().footprint(trunk, synced) {
            Ok(footprint) => side.footprint = footprint,
            Err(error) => (side.synced, *note) = (None, Some(error.one_line())),
        }
    }
}

fn tree_of(engine: &Merger, commit: ObjectId) -> Option<ObjectId> {
    engine.repo().commit(commit).ok().map(|commit| commit.tree)
}

fn cannot_merge(error: &Error, question: Question) -> String {
    match question.base {
        None => "it has no history in common with its base".into(),
        Some(_) => format!("it could not be merged with its base ({})", error.one_line()),
    }
}

fn depth(subjects: &[Subject], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(parent) = subjects[at].parent {
        (at, depth) = (parent, depth + 1);
    }
    depth
}

fn clean(verdict: &Verdict) -> Option<ObjectId> {
    match verdict {
        Verdict::Clean(tree) => Some(*tree),
        Verdict::Conflict(_) => None,
    }
}

/// Its work merged into the tip of its base.
fn with_base(engine: &Merger, subject: &Subject) -> Option<Question> {
    let (side, base_tip) = (subject.side.as_ref()?, subject.base_tip?);
    Some(match (side.bases.as_slice(), side.base_tree) {
        ([_], Some(base)) => {
            Question { attributes: base_tip, base: Some(base), ours: tree_of(engine, base_tip)?, theirs: side.tree }
        }
        _ => Question { attributes: base_tip, base: None, ours: base_tip, theirs: side.commit },
    })
}

/// What it has changed since it left its parent, put onto its parent as synced.
fn on_parent(subjects: &[Subject], at: usize, trunks: &[Trunk]) -> Option<Question> {
    let subject = &subjects[at];
    let side = subject.side.as_ref()?;
    let below = subjects[subject.parent?].side.as_ref()?.synced?;
    let ([_], Some(base)) = (side.bases.as_slice(), side.base_tree) else { return None };
    clean(side.verdict.as_ref()?)?;
    Some(Question { attributes: trunks[subject.trunk].tip?, base: Some(base), ours: below, theirs: side.tree })
}

/// A row for each that is shown.
pub(super) fn rows(
    engine: &mut Merger,
    gathered: &Gathered,
    near: u32,
    options: &Options,
    found: &mut Found,
) -> Result<Vec<AgainstBase>> {
    let mut rows = Vec::new();
    for subject in gathered.subjects.iter().filter(|subject| subject.is_shown) {
        let mut row = AgainstBase {
            name: subject.name.clone(),
            base: subject.base.clone(),
            severity: None,
            merge: None,
            rebase: None,
            files: Vec::new(),
            helped_by: Vec::new(),
        };
        if let (Some(side), Some(base_tip)) = (&subject.side, subject.base_tip) {
            let judge = || row_of(engine, side, base_tip, near, options);
            let of_side = match &side.verdict {
                Some(_) => found.rows.of(|| (side.tree, subject.tip, base_tip), judge)?,
                // It may be told the next time.
                None => judge()?,
            };
            (row.merge, row.severity, row.files) = of_side;
        }
        rows.push(row);
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rows)
}

fn row_of(engine: &Merger, side: &Side, base_tip: ObjectId, near: u32, options: &Options) -> Result<Row> {
    let merge = side.verdict.as_ref().map(|verdict| clean(verdict).is_some());
    let base_tree = engine.repo().commit(base_tip)?.tree;
    let mut files: Vec<Clash> = Vec::new();
    let mut lines = Lines::new(engine.repo(), near, options.patch);
    for stages in side.stages() {
        // The merge has the base on its own side: here the session comes first.
        let [base, theirs, ours] = stages.stages;
        files.push(lines.conflict(&stages.path, [base, ours, theirs], [side.tree, base_tree], [None, None])?);
    }
    let paths: Vec<_> = side.own.paths.iter().map(|touched| &touched.path).collect();
    for (touched, now) in side.own.paths.iter().zip(engine.repo().at_paths(base_tree, &paths)?) {
        if now == touched.before || files.iter().any(|file| file.path == touched.path) {
            continue;
        }
        files.push(lines.shared(&touched.path, [touched.before, touched.after, now], [None, None])?);
    }
    // That a merge stops is so even where git names no path.
    let stops = (merge == Some(false)).then_some(Severity::Conflict);
    let severity = files.iter().map(|file| file.severity).chain(stops).max();
    files.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.path.cmp(&b.path)));
    Ok((merge, severity, files))
}
