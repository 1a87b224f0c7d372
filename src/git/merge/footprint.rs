//! What a change touches, by path: two changes whose footprints do not meet cannot be in each other's way.

use crate::error::Result;
use crate::git::Repo;
use crate::git::trees::Slot;
use crate::session::{BString, ObjectId};
use std::cmp::Ordering;

/// One path that a change touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The path.
    pub path: BString,
    /// The blob before, and its mode.
    pub before: Option<(u32, ObjectId)>,
    /// The blob after, and its mode.
    pub after: Option<(u32, ObjectId)>,
}

/// The paths that differ between two trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// By path; whole directories are not among them.
    pub paths: Vec<Touched>,
    /// Directories that are gone: a rename of the whole is seen by what others add below them.
    pub vanished: Vec<BString>,
}

impl Repo {
    /// What differs between two trees.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn footprint(&self, before: ObjectId, after: ObjectId) -> Result<Footprint> {
        let mut leaves = Vec::new();
        let mut vanished = Vec::new();
        if before != after {
            self.collect_leaves(Some(before), Some(after), &BString::default(), &mut leaves, &mut Some(&mut vanished))?;
        }
        let plain = |slot: Slot| slot.map(|(mode, id)| (u32::from(mode.value()), id));
        let mut paths: Vec<Touched> = leaves
            .into_iter()
            .map(|(path, before, after)| Touched { path, before: plain(before), after: plain(after) })
            .collect();
        paths.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Footprint { paths, vanished })
    }

    /// What a tree has at each of these paths, which are sorted.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn at_paths(&self, tree: ObjectId, paths: &[&BString]) -> Result<Vec<Option<(u32, ObjectId)>>> {
        paths
            .iter()
            .map(|path| Ok(self.entry_at(tree, path)?.map(|(mode, id)| (u32::from(mode.value()), id))))
            .collect()
    }
}

/// How two footprints meet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meeting {
    /// The places in both of the paths that both touch.
    pub shared: Vec<(usize, usize)>,
    /// Whether one has a file where the other has something below it, or adds below a directory that the other has no
    /// more.
    pub is_crossed: bool,
}

impl Meeting {
    /// Whether they meet at all.
    pub fn is_any(&self) -> bool {
        self.is_crossed || !self.shared.is_empty()
    }
}

impl Footprint {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// What is touched at a path.
    pub fn at(&self, path: &BString) -> Option<&Touched> {
        self.paths.binary_search_by(|touched| touched.path.cmp(path)).ok().map(|at| &self.paths[at])
    }

    /// How this one meets another.
    pub fn meeting(&self, other: &Footprint) -> Meeting {
        let mut shared = Vec::new();
        let (mut a, mut b) = (0, 0);
        while let (Some(ours), Some(theirs)) = (self.paths.get(a), other.paths.get(b)) {
            match ours.path.cmp(&theirs.path) {
                Ordering::Less => a += 1,
                Ordering::Greater => b += 1,
                Ordering::Equal => {
                    shared.push((a, b));
                    (a, b) = (a + 1, b + 1);
                }
            }
        }
        Meeting { shared, is_crossed: self.crosses(other) || other.crosses(self) }
    }

    /// Whether one of its paths lies below a path, or a directory that is gone, of the other.
    fn crosses(&self, other: &Footprint) -> bool {
        self.paths.iter().any(|touched| {
            directories(&touched.path).any(|directory| {
                other.paths.binary_search_by(|theirs| theirs.path.as_slice().cmp(directory)).is_ok()
                    || (touched.before.is_none() && other.vanished.iter().any(|gone| gone.as_slice() == directory))
            })
        })
    }
}

/// The directories above a path, the nearest first.
pub fn directories(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = &rest[..rest.iter().rposition(|byte| *byte == b'/')?];
        Some(rest)
    })
}
