//! One commit's change put onto another tree, by ids alone: only what the commit itself touches is looked at.
//!
//! What this answers is what `git merge-tree` answers, since nothing is merged here: a path that one side left alone
//! becomes what the other side made of it. Everything else is git's to say: a path that both sides changed, and
//! whatever could make a rename matter. A rename on the other side matters only where its source was changed here, so
//! that the source is missing there; a directory renamed there only where something is added below the old place, which
//! is missing there too; a directory renamed here only where the other side changed something below the old place.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::{BString, ObjectId};
use gix::objs::tree::{Entry, EntryMode};
use std::collections::HashMap;

/// One entry of a tree.
type Slot = Option<(EntryMode, ObjectId)>;

/// The entries of a tree that differ between two, by name: before and after.
type Differing = Vec<(BString, Slot, Slot)>;

impl Repo {
    /// The tree that `ours` becomes by the change from `base` to `theirs`; all three are trees. None where git has to be
    /// asked.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read or written.
    pub(super) fn pick_tree(&self, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> Result<Option<ObjectId>> {
        if base == theirs {
            return Ok(Some(ours));
        }
        if base == ours {
            return Ok(Some(theirs));
        }
        self.pick_below(Some(base), ours, theirs).map(|picked| picked.map(|tree| tree.unwrap_or(self.empty_tree())))
    }

    fn empty_tree(&self) -> ObjectId {
        ObjectId::empty_tree(self.hash_kind())
    }

    /// The outer none: ask git. The inner one: nothing is left of the tree.
    fn pick_below(&self, base: Option<ObjectId>, ours: ObjectId, theirs: ObjectId) -> Result<Option<Option<ObjectId>>> {
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
                        match self.pick_below(before.map(|(_, id)| id), now, after)? {
                            Some(tree) => tree.map(|tree| (mode, tree)),
                            None => return Ok(None),
                        }
                    }
                    // Both made the same of it.
                    (Some((before, _)), Some((mode, _)), _) if now == after && !before.is_tree() && !mode.is_tree() => {
                        now
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
        if tree == self.empty_tree() {
            return Ok(Vec::new());
        }
        let object = self.inner.find_object(tree).or_refuse(unreadable)?;
        gix::objs::TreeRefIter::from_bytes(&object.data, self.hash_kind())
            .map(|entry| entry.map(Entry::from).or_refuse(unreadable))
            .collect()
    }

    fn differing_entries(&self, a: Option<ObjectId>, b: Option<ObjectId>) -> Result<Differing> {
        let list = |tree: Option<ObjectId>| tree.map_or_else(|| Ok(Vec::new()), |tree| self.entries(tree));
        let (before, after) = (list(a)?, list(b)?);
        let mut differing = Vec::new();
        let mut known: HashMap<BString, (EntryMode, ObjectId)> = HashMap::new();
        // Most of two neighbouring trees is the same run of entries.
        let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        known.extend(after[same..].iter().map(|entry| (entry.filename.clone(), (entry.mode, entry.oid))));
        for entry in &before[same..] {
            let now = known.remove(&entry.filename);
            let then = Some((entry.mode, entry.oid));
            if now != then {
                differing.push((entry.filename.clone(), then, now));
            }
        }
        differing.extend(known.into_iter().map(|(name, now)| (name, None, Some(now))));
        Ok(differing)
    }

    /// The paths that differ between two trees, sorted; a tree against nothing gives all its paths.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn changed_between_trees(&self, a: ObjectId, b: ObjectId) -> Result<Vec<BString>> {
        let mut paths = Vec::new();
        self.collect_changed(Some(a), Some(b), &BString::default(), &mut paths)?;
        paths.sort();
        Ok(paths)
    }

    fn collect_changed(
        &self,
        a: Option<ObjectId>,
        b: Option<ObjectId>,
        prefix: &BString,
        paths: &mut Vec<BString>,
    ) -> Result<()> {
        if a == b {
            return Ok(());
        }
        for (name, before, after) in self.differing_entries(a, b)? {
            let mut path = prefix.clone();
            path.extend_from_slice(&name);
            let tree = |slot: Slot| slot.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id);
            let is_leaf = |slot: Slot| slot.is_some_and(|(mode, _)| !mode.is_tree());
            if is_leaf(before) || is_leaf(after) {
                paths.push(path.clone());
            }
            if tree(before).is_some() || tree(after).is_some() {
                path.push(b'/');
                self.collect_changed(tree(before), tree(after), &path, paths)?;
            }
        }
        Ok(())
    }

    /// Whether a tree has anything at a path.
    ///
    /// # Errors
    /// Refused, if the tree cannot be read.
    pub fn has_path(&self, tree: ObjectId, path: &BString) -> Result<bool> {
        let unreadable = || format!("The tree {tree} could not be read.");
        let tree = self.inner.find_tree(tree).or_refuse(unreadable)?;
        let found = tree.lookup_entry(path.split(|byte| *byte == b'/')).or_refuse(unreadable)?;
        Ok(found.is_some())
    }
}
