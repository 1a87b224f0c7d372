//! Which paths collide, of what kind, and where.

use crate::error::Result;
use crate::git::merge::Stages;
use crate::git::replay::Replayer;
use crate::session::BString;

/// A path in which a session and its base collide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The path.
    pub path: BString,
    /// The kind: `content`, `add-add`, `modify-delete`, `mode`, `type`, `submodule`, `binary`, `rename`.
    pub kind: &'static str,
    /// Lines of the session's file that meet lines of the base's: first and last, counted from 1.
    pub ours: Vec<(usize, usize)>,
    /// The same of the base's file.
    pub theirs: Vec<(usize, usize)>,
}

impl Collision {
    /// Of which only the path is known.
    pub(super) fn of_path(path: BString) -> Collision {
        Collision { path, kind: "content", ours: Vec::new(), theirs: Vec::new() }
    }
}

/// What git's stages of a pick amount to: the second is the base's side, the third the session's.
pub(super) fn collisions(replayer: &Replayer, files: &[Stages]) -> Result<Vec<Collision>> {
    files.iter().map(|stages| collision(replayer, stages)).collect()
}

fn collision(replayer: &Replayer, stages: &Stages) -> Result<Collision> {
    const TYPE: u32 = 0o170_000;
    const SUBMODULE: u32 = 0o160_000;
    let mut collision = Collision { path: stages.path.clone(), kind: "content", ours: Vec::new(), theirs: Vec::new() };
    let modes: Vec<u32> = stages.stages.iter().flatten().map(|(mode, _)| mode & TYPE).collect();
    collision.kind = match stages.stages {
        _ if modes.contains(&SUBMODULE) => "submodule",
        _ if modes.windows(2).any(|pair| pair[0] != pair[1]) => "type",
        [None, Some(_), Some(_)] => "add-add",
        [Some(_), Some(_), None] | [Some(_), None, Some(_)] => "modify-delete",
        [Some((before, _)), Some((theirs, b)), Some((ours, a))] if a == b && theirs != ours && before != ours => "mode",
        [Some(_), Some(_), Some(_)] => "content",
        _ => "rename",
    };
    let [base, Some((_, theirs)), Some((_, ours))] = stages.stages else { return Ok(collision) };
    if !["content", "add-add"].contains(&collision.kind) {
        return Ok(collision);
    }
    let base = base.map_or_else(|| Ok(Vec::new()), |(_, id)| replayer.blob(id))?;
    let (theirs, ours) = (replayer.blob(theirs)?, replayer.blob(ours)?);
    if [&base, &theirs, &ours].iter().any(|bytes| bytes.iter().take(8000).any(|byte| *byte == 0)) {
        collision.kind = "binary";
        return Ok(collision);
    }
    let lines =
        |bytes: &[u8]| -> Vec<Vec<u8>> { bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
    let (base, theirs, ours) = (lines(&base), lines(&theirs), lines(&ours));
    let hunks = |new: &[Vec<u8>]| -> Vec<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        similar::capture_diff_slices(similar::Algorithm::Myers, &base, new)
            .into_iter()
            .filter(|op| op.tag() != similar::DiffTag::Equal)
            .map(|op| (op.old_range(), op.new_range()))
            .collect()
    };
    let (theirs, ours) = (hunks(&theirs), hunks(&ours));
    // Hunks that overlap or touch in the base are what a merge stumbles over.
    let meets = |a: &std::ops::Range<usize>, b: &std::ops::Range<usize>| a.start <= b.end && b.start <= a.end;
    let shown = |range: &std::ops::Range<usize>| (range.start + 1, range.end);
    for (at, new) in &ours {
        if theirs.iter().any(|(other, _)| meets(at, other)) {
            collision.ours.push(shown(new));
        }
    }
    for (at, new) in &theirs {
        if ours.iter().any(|(other, _)| meets(at, other)) {
            collision.theirs.push(shown(new));
        }
    }
    Ok(collision)
}
