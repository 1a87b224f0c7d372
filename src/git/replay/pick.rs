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
use gix::objs::tree::{Entry, EntryMode, EntryRef};

/// One entry of a tree.
pub(in crate::git) type Slot = Option<(EntryMode, ObjectId)>;

/// The entries of a tree that differ between two, by name: before and after.
pub(in crate::git) type Differing = Vec<(BString, Slot, Slot)>;

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

    fn iterate<'a>(&self, data: &'a [u8]) -> Result<Vec<EntryRef<'a>>> {
        let entries = gix::objs::TreeRefIter::from_bytes(data, self.hash_kind());
        entries.collect::<std::result::Result<Vec<_>, _>>().or_refuse(|| "A tree could not be read.")
    }

    /// Most of two trees is the same: nothing is copied of what is.
    fn differing_entries(&self, a: Option<ObjectId>, b: Option<ObjectId>) -> Result<Differing> {
        let unreadable = || "A tree could not be read.";
        let read = |tree: Option<ObjectId>| -> Result<Option<gix::Object<'_>>> {
            let tree = tree.filter(|tree| *tree != self.empty_tree());
            tree.map(|tree| self.inner.find_object(tree).or_refuse(unreadable)).transpose()
        };
        let (before, after) = (read(a)?, read(b)?);
        let (before, after) = (before.as_ref().map(|object| &*object.data), after.as_ref().map(|object| &*object.data));
        let (before, after) = (self.iterate(before.unwrap_or_default())?, self.iterate(after.unwrap_or_default())?);
        let (mut differing, mut at, mut other): (Differing, _, _) = (Vec::new(), 0, 0);
        let slot = |entry: &EntryRef<'_>| Some((entry.mode, entry.oid.to_owned()));
        loop {
            let order = match (before.get(at), after.get(other)) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) if a.filename == b.filename => std::cmp::Ordering::Equal,
                (Some(a), Some(b)) => a.cmp(b),
            };
            match order {
                std::cmp::Ordering::Equal => {
                    let (a, b) = (&before[at], &after[other]);
                    if a.oid != b.oid || a.mode != b.mode {
                        differing.push((a.filename.to_owned(), slot(a), slot(b)));
                    }
                    (at, other) = (at + 1, other + 1);
                }
                std::cmp::Ordering::Less => {
                    differing.push((before[at].filename.to_owned(), slot(&before[at]), None));
                    at += 1;
                }
                std::cmp::Ordering::Greater => {
                    differing.push((after[other].filename.to_owned(), None, slot(&after[other])));
                    other += 1;
                }
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

    /// The paths that differ between two trees, sorted.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn changed_between_trees(&self, a: ObjectId, b: ObjectId) -> Result<Vec<BString>> {
        let mut paths: Vec<BString> = self.differing_leaves(a, b)?.into_iter().map(|(path, _, _)| path).collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// What differs between two trees, whole trees left out: path, before and after. A file that became a directory is
    /// there by itself and with what is below it.
    pub(in crate::git) fn differing_leaves(&self, a: ObjectId, b: ObjectId) -> Result<Differing> {
        let mut leaves = Vec::new();
        self.collect_leaves(Some(a), Some(b), &BString::default(), &mut leaves)?;
        Ok(leaves)
    }

    fn collect_leaves(
        &self,
        a: Option<ObjectId>,
        b: Option<ObjectId>,
        prefix: &BString,
        leaves: &mut Differing,
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
                path.push(b'/');
                self.collect_leaves(tree(before), tree(after), &path, leaves)?;
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
