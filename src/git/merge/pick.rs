//! One commit's change put onto another tree, by ids alone: only what the commit itself touches is looked at.
//!
//! What this answers is what `git merge-tree` answers, since nothing is merged here: a path that one side left alone
//! becomes what the other side made of it. Everything else is git's to say: a path that both sides changed, and
//! whatever could make a rename matter. A rename on the other side matters only where its source was changed here, so
//! that the source is missing there; a directory renamed there only where something is added below the old place, which
//! is missing there too; a directory renamed here only where the other side changed something below the old place.

use super::oracle::Stages;
use crate::error::{Context, Result};
use crate::git::Repo;
use crate::git::trees::is_usual;
use crate::session::{BString, ObjectId};
use gix::objs::Write as _;
use gix::objs::tree::EntryMode;
use std::collections::HashMap;

/// A file whose content both sides changed: of one mode on all sides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Shared {
    pub(super) path: BString,
    pub(super) mode: EntryMode,
    /// Base, ours, theirs.
    pub(super) blobs: [ObjectId; 3],
}

impl Shared {
    /// What git says of it where the two changes collide.
    pub(super) fn collision(&self) -> Stages {
        let mode = u32::from(self.mode.value());
        Stages { path: self.path.clone(), stages: self.blobs.map(|id| Some((mode, id))) }
    }
}

/// What a pick comes to.
#[derive(Debug)]
pub(super) enum Picked {
    /// The tree.
    Tree(ObjectId),
    /// It depends on what becomes of the content of these files, and on nothing else.
    Contents(Vec<Shared>),
    /// Only git can tell.
    Unclear,
}

/// What a pick knows on its way down.
struct Way<'a> {
    merged: &'a HashMap<BString, ObjectId>,
    shared: Vec<Shared>,
    prefix: BString,
}

impl Repo {
    /// The tree that `ours` becomes by the change from `base` to `theirs`; all three are trees. `merged` has the content
    /// of files that both sides changed, as far as that is known.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read or written.
    pub(super) fn pick_tree(
        &self,
        base: ObjectId,
        ours: ObjectId,
        theirs: ObjectId,
        merged: &HashMap<BString, ObjectId>,
    ) -> Result<Picked> {
        if base == theirs {
            return Ok(Picked::Tree(ours));
        }
        if base == ours {
            return Ok(Picked::Tree(theirs));
        }
        let mut way = Way { merged, shared: Vec::new(), prefix: BString::default() };
        Ok(match self.pick_below(Some(base), ours, theirs, &mut way)? {
            None => Picked::Unclear,
            Some(_) if !way.shared.is_empty() => Picked::Contents(way.shared),
            Some(tree) => Picked::Tree(tree.unwrap_or(self.empty_tree())),
        })
    }

    fn empty_tree(&self) -> ObjectId {
        ObjectId::empty_tree(self.hash_kind())
    }

    /// The outer none: ask git. The inner one: nothing is left of the tree.
    fn pick_below(
        &self,
        base: Option<ObjectId>,
        ours: ObjectId,
        theirs: ObjectId,
        way: &mut Way<'_>,
    ) -> Result<Option<Option<ObjectId>>> {
        let differing = self.differing_entries(base, Some(theirs))?;
        let Some(mut editable) = self.editable(ours)? else { return Ok(None) };
        for (name, before, after) in differing {
            let now = editable.slot(name.as_ref())?;
            let becomes = if now == before {
                after
            } else {
                match (before, now, after) {
                    (before, Some((mode, now)), Some((after_mode, after)))
                        if mode.is_tree() && after_mode.is_tree() && before.is_none_or(|(mode, _)| mode.is_tree()) =>
                    {
                        let above = way.prefix.len();
                        way.prefix.extend_from_slice(&name);
                        way.prefix.push(b'/');
                        let picked = self.pick_below(before.map(|(_, id)| id), now, after, way)?;
                        way.prefix.truncate(above);
                        match picked {
                            Some(tree) => tree.map(|tree| (mode, tree)),
                            None => return Ok(None),
                        }
                    }
                    // Both made the same of it.
                    (Some((before, _)), Some((mode, _)), _) if now == after && !before.is_tree() && !mode.is_tree() => {
                        now
                    }
                    (Some((before_mode, before)), Some((mode, ours)), Some((after_mode, theirs)))
                        if mode.is_blob() && before_mode == mode && after_mode == mode =>
                    {
                        let mut path = way.prefix.clone();
                        path.extend_from_slice(&name);
                        if let Some(merged) = way.merged.get(&path) {
                            Some((mode, *merged))
                        } else {
                            way.shared.push(Shared { path, mode, blobs: [before, ours, theirs] });
                            now
                        }
                    }
                    _ => return Ok(None),
                }
            };
            if !is_usual(&becomes) {
                return Ok(None);
            }
            if becomes != now {
                editable.set(name.as_ref(), becomes)?;
            }
        }
        if !editable.is_changed() {
            return Ok(Some(Some(ours)));
        }
        if editable.bytes().is_empty() {
            return Ok(Some(None));
        }
        let written = self.inner.objects.write_buf(gix::objs::Kind::Tree, editable.bytes());
        Ok(Some(Some(written.or_refuse(|| "A tree could not be written.")?)))
    }
}

impl Repo {
    /// Whether a tree has anything at a path.
    ///
    /// # Errors
    /// Refused, if the tree cannot be read.
    pub fn has_path(&self, tree: ObjectId, path: &BString) -> Result<bool> {
        Ok(self.entry_at(tree, path)?.is_some())
    }

    /// Whether a tree has a directory at a path.
    ///
    /// # Errors
    /// Refused, if the tree cannot be read.
    pub fn is_directory_at(&self, tree: ObjectId, path: &BString) -> Result<bool> {
        Ok(self.entry_at(tree, path)?.is_some_and(|(mode, _)| mode.is_tree()))
    }
}
