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
use crate::git::trees::Tree;
use crate::session::{BString, ObjectId};
use gix::bstr::ByteSlice;
use gix::objs::tree::{Entry, EntryMode, EntryRef};
use std::cmp::Ordering;
use std::collections::HashMap;

/// One entry of a tree.
pub(in crate::git) type Slot = Option<(EntryMode, ObjectId)>;

/// The entries of a tree that differ between two, by name: before and after.
pub(in crate::git) type Differing = Vec<(BString, Slot, Slot)>;

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
        let mut entries = self.entries(ours)?;
        let mut is_changed = false;
        for (name, before, after) in differing {
            let at = entries.iter().position(|entry| entry.filename == name);
            let now = at.map(|at| (entries[at].mode, entries[at].oid));
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
            if becomes == now {
                continue;
            }
            is_changed = true;
            match (at, becomes) {
                (Some(at), Some((mode, oid))) => (entries[at].mode, entries[at].oid) = (mode, oid),
                (Some(at), None) => drop(entries.remove(at)),
                (None, Some((mode, oid))) => entries.push(Entry { mode, filename: name, oid }),
                (None, None) => {}
            }
        }
        if !is_changed {
            return Ok(Some(Some(ours)));
        }
        if entries.is_empty() {
            return Ok(Some(None));
        }
        entries.sort();
        let tree = gix::objs::Tree { entries };
        Ok(Some(Some(self.inner.write_object(&tree).or_refuse(|| "A tree could not be written.")?.detach())))
    }

    fn entries(&self, tree: ObjectId) -> Result<Vec<Entry>> {
        let unreadable = || format!("The tree {tree} could not be read.");
        let tree = self.tree(tree)?;
        gix::objs::TreeRefIter::from_bytes(&tree, self.hash_kind())
            .map(|entry| entry.map(Entry::from).or_refuse(unreadable))
            .collect()
    }

    /// Most of two trees is the same: it is skipped as bytes, and nothing is copied of it.
    pub(in crate::git) fn differing_entries(&self, a: Option<ObjectId>, b: Option<ObjectId>) -> Result<Differing> {
        let read = |tree: Option<ObjectId>| tree.map_or(Ok(Tree::Empty), |tree| self.tree(tree));
        let (before, after) = (read(a)?, read(b)?);
        let mut before = Entries { rest: &before, hash: self.hash_kind() };
        let mut after = Entries { rest: &after, hash: self.hash_kind() };
        let mut differing: Differing = Vec::new();
        let slot = |entry: &EntryRef<'_>| Some((entry.mode, entry.oid.to_owned()));
        loop {
            Entries::skip_same(&mut before, &mut after);
            let order = match (before.first()?, after.first()?) {
                (None, None) => break,
                (Some(a), None) => {
                    differing.push((a.filename.to_owned(), slot(&a), None));
                    Ordering::Less
                }
                (None, Some(b)) => {
                    differing.push((b.filename.to_owned(), None, slot(&b)));
                    Ordering::Greater
                }
                (Some(a), Some(b)) if a.filename == b.filename => {
                    if a.oid != b.oid || a.mode != b.mode {
                        differing.push((a.filename.to_owned(), slot(&a), slot(&b)));
                    }
                    Ordering::Equal
                }
                (Some(a), Some(b)) => {
                    let order = a.cmp(&b);
                    match order {
                        Ordering::Less => differing.push((a.filename.to_owned(), slot(&a), None)),
                        _ => differing.push((b.filename.to_owned(), None, slot(&b))),
                    }
                    order
                }
            };
            if order != Ordering::Greater {
                before.advance();
            }
            if order != Ordering::Less {
                after.advance();
            }
        }
        // A file that became a directory stands in two places.
        differing.sort_by(|a, b| a.0.cmp(&b.0));
        differing.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            if is_same {
                earlier.1 = earlier.1.or(later.1);
                earlier.2 = earlier.2.or(later.2);
            }
            is_same
        });
        Ok(differing)
    }

    /// The names at the top of two trees that differ, by name.
    pub(in crate::git) fn differing_at_top(&self, a: ObjectId, b: ObjectId) -> Result<Differing> {
        if a == b { Ok(Vec::new()) } else { self.differing_entries(Some(a), Some(b)) }
    }

    /// The paths that differ between two trees, sorted, and whether each was there before.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn changed_between_trees(&self, a: ObjectId, b: ObjectId) -> Result<Vec<(BString, bool)>> {
        let leaves = self.differing_leaves(a, b)?;
        let mut paths: Vec<_> = leaves.into_iter().map(|(path, before, _)| (path, before.is_some())).collect();
        paths.sort();
        Ok(paths)
    }

    /// What differs between two trees, whole trees left out: path, before and after. A file that became a directory is
    /// there by itself and with what is below it.
    pub(in crate::git) fn differing_leaves(&self, a: ObjectId, b: ObjectId) -> Result<Differing> {
        let mut leaves = Vec::new();
        self.collect_leaves(Some(a), Some(b), &BString::default(), &mut leaves, &mut None)?;
        Ok(leaves)
    }

    /// `vanished`, where somebody asks, gets the directories that are no more.
    pub(super) fn collect_leaves(
        &self,
        a: Option<ObjectId>,
        b: Option<ObjectId>,
        prefix: &BString,
        leaves: &mut Differing,
        vanished: &mut Option<&mut Vec<BString>>,
    ) -> Result<()> {
        if a == b {
            return Ok(());
        }
        for (name, before, after) in self.differing_entries(a, b)? {
            let mut path = prefix.clone();
            path.extend_from_slice(&name);
            let tree = |slot: Slot| slot.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id);
            let leaf = |slot: Slot| slot.filter(|(mode, _)| !mode.is_tree());
            if leaf(before).is_some() || leaf(after).is_some() {
                leaves.push((path.clone(), leaf(before), leaf(after)));
            }
            if tree(before).is_some() || tree(after).is_some() {
                if let (Some(vanished), Some(_), None) = (vanished.as_mut(), tree(before), tree(after)) {
                    vanished.push(path.clone());
                }
                path.push(b'/');
                self.collect_leaves(tree(before), tree(after), &path, leaves, vanished)?;
            }
        }
        Ok(())
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

/// What is left of a tree's bytes: entries of a mode, a blank, a name, a zero byte and an id each.
struct Entries<'a> {
    rest: &'a [u8],
    hash: gix::hash::Kind,
}

impl<'a> Entries<'a> {
    fn first(&self) -> Result<Option<EntryRef<'a>>> {
        let entry = gix::objs::TreeRefIter::from_bytes(self.rest, self.hash).next();
        entry.transpose().or_refuse(|| "A tree could not be read.")
    }

    fn length_of_first(&self) -> Option<usize> {
        Some(self.rest.find_byte(0)? + 1 + self.hash.len_in_bytes())
    }

    fn advance(&mut self) {
        let length = self.length_of_first().unwrap_or(usize::MAX);
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// Skips the entries that both begin with; all of them, where nothing else is left.
    fn skip_same(a: &mut Entries<'a>, b: &mut Entries<'a>) {
        let (strides, other) = (a.rest.as_chunks::<64>(), b.rest.as_chunks::<64>());
        let count = strides.0.iter().zip(other.0).take_while(|(a, b)| a == b).count();
        if count == strides.0.len() && count == other.0.len() && strides.1 == other.1 {
            (a.rest, b.rest) = (&[], &[]);
            return;
        }
        let same = count * 64;
        let mut skipped = 0;
        while let Some(length) = a.length_of_first()
            && skipped + length <= same
        {
            skipped += length;
            a.rest = &a.rest[length..];
        }
        b.rest = &b.rest[skipped..];
    }
}
