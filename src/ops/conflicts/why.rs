//! Why two collide, and which merge would help.

use super::subject::Gathered;
use super::{AgainstBase, Basis, Pair, Severity};
use crate::error::Result;
use crate::git::merge::{Merger, Question};
use crate::session::BString;
use std::collections::HashSet;

/// What is behind a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Both changed the same lines.
    Real,
    /// Their bases differ: as if synced, nothing would collide.
    Drag,
    /// One of them collides with its base, so that the two could only be merged as they stand.
    OwnBase,
    /// Lines near each other.
    Near,
    /// The same file.
    Overlap,
    /// Declared only.
    Planned,
}

impl Why {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Real => "real",
            Why::Drag => "drag",
            Why::OwnBase => "own-base",
            Why::Near => "near",
            Why::Overlap => "overlap",
            Why::Planned => "planned",
        }
    }
}

/// Says what each pair is, and whose merge would make a session clean that collides with its base.
pub(super) fn explain(
    engine: &mut Merger,
    gathered: &Gathered,
    rows: &mut [AgainstBase],
    pairs: &mut [Pair],
) -> Result<()> {
    let at = |name: &str| gathered.subjects.iter().position(|subject| subject.name == name);
    for pair in &mut *pairs {
        let (Some(a), Some(b)) = (at(&pair.a), at(&pair.b)) else { continue };
        pair.why = Some(match (pair.severity, pair.basis) {
            (Severity::Near, _) => Why::Near,
            (Severity::Overlap, _) => Why::Overlap,
            (Severity::Planned, _) => Why::Planned,
            (Severity::Conflict, Some(Basis::Tips)) => behind_tips(engine, gathered, a, b)?,
            (Severity::Conflict, _) => Why::Real,
        });
    }
    for row in rows.iter_mut().filter(|row| row.severity == Some(Severity::Conflict)) {
        row.helped_by = helpers(engine, gathered, row)?;
    }
    Ok(())
}

/// What a conflict of tips comes from.
fn behind_tips(engine: &mut Merger, gathered: &Gathered, a: usize, b: usize) -> Result<Why> {
    let (one, two) = (&gathered.subjects[a], &gathered.subjects[b]);
    let (Some(ours), Some(theirs)) = (&one.side, &two.side) else { return Ok(Why::Real) };
    if ours.synced.is_none() || theirs.synced.is_none() {
        return Ok(Why::OwnBase);
    }
    let (Some(base), Some(x), Some(y)) = (one.trunk_tip, ours.synced, theirs.synced) else { return Ok(Why::Real) };
    if one.trunk != two.trunk {
        return Ok(Why::Real);
    }
    let tree = engine.repo().commit(base)?.tree;
    let question = Question { attributes: base, base: Some(tree), ours: x, theirs: y };
    let answer = engine.judge_all(&[question]).pop();
    Ok(match answer {
        Some(Ok(None)) => Why::Drag,
        _ => Why::Real,
    })
}

/// Sessions of the same trunk after whose merge this one would merge cleanly.
fn helpers(engine: &mut Merger, gathered: &Gathered, row: &AgainstBase) -> Result<Vec<String>> {
    let Some(subject) = gathered.subjects.iter().find(|subject| subject.name == row.name) else {
        return Ok(Vec::new());
    };
    let (Some(side), Some(base_tip)) = (&subject.side, subject.base_tip) else { return Ok(Vec::new()) };
    let ([_], Some(base)) = (side.bases.as_slice(), side.base_tree) else { return Ok(Vec::new()) };
    let collides: HashSet<&BString> =
        row.files.iter().filter(|file| file.severity == Severity::Conflict).map(|file| &file.path).collect();
    let mut names = Vec::new();
    let mut questions = Vec::new();
    for other in gathered.subjects.iter().filter(|other| other.name != row.name && other.trunk == subject.trunk) {
        let Some(theirs) = &other.side else { continue };
        let Some(synced) = theirs.synced else { continue };
        if theirs.footprint.paths.iter().any(|touched| collides.contains(&touched.path)) {
            names.push(other.name.clone());
            questions.push(Question { attributes: base_tip, base: Some(base), ours: synced, theirs: side.tree });
        }
    }
    let answers = engine.judge_all(&questions);
    let is_clean = |answer: &Result<Option<Vec<_>>>| matches!(answer, Ok(None));
    Ok(names.into_iter().zip(answers).filter(|(_, answer)| is_clean(answer)).map(|(name, _)| name).collect())
}
