//! What a worktree's files and index become when its branch moves from one commit to another.

use super::Index;
use super::attributes::{Files as Attributes, Verdict, is_attributes};
use super::is_dangerous;
use super::uncommitted::Uncommitted;
use crate::error::{Context, Result};
use crate::git::worktrees::{Worktree, bytes_of_path, path_of_bytes};
use crate::git::{Repo, hooks};
use crate::host::copy::Kind;
use crate::host::exchange::Stat;
use crate::session::{BString, ObjectId};
use gix::index::entry::Mode;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// What a path is on one side of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// The sort of file.
    pub kind: Kind,
    /// Its blob.
    pub id: ObjectId,
}

/// One path that changes in a worktree when its branch moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From the worktree's top.
    pub path: BString,
    /// The file before; none where the path is new.
    pub old: Option<Side>,
    /// The file after; none where it goes.
    pub new: Option<Side>,
    /// What the index has of it before: as the file, unless that has uncommitted changes.
    pub index_old: Option<Side>,
    /// What the index has of it after.
    pub index_new: Option<Side>,
}

impl Change {
    /// Of a file without uncommitted changes.
    fn plain(path: BString, old: Option<Side>, new: Option<Side>) -> Change {
        Change { path, old, new, index_old: old, index_new: new }
    }

    /// Whether the file differs from what the index has, before or after: it has uncommitted changes.
    fn is_carried(&self) -> bool {
        (self.old, self.new) != (self.index_old, self.index_new)
    }
}

/// From where to where a worktree moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The commit it is on.
    pub old: ObjectId,
    /// The commit it goes to.
    pub new: ObjectId,
    /// Where uncommitted changes are merged on the way: all that is uncommitted before and after, as commits in the shape
    /// of a stash.
    pub carried: Option<(ObjectId, ObjectId)>,
}

pub(super) fn mode_of(kind: Kind) -> Mode {
    match kind {
        Kind::File => Mode::FILE,
        Kind::Executable => Mode::FILE_EXECUTABLE,
        Kind::Symlink => Mode::SYMLINK,
    }
}

impl Repo {
    /// The id that bytes have as a blob; nothing is written.
    ///
    /// # Errors
    /// Refused, if they are too many.
    pub fn id_of_blob(&self, bytes: &[u8]) -> Result<ObjectId> {
        gix::objs::compute_hash(self.hash_kind(), gix::objs::Kind::Blob, bytes).or_refuse(|| "A file cannot be hashed.")
    }

    /// What changes on a route, sorted by path, or none if something else than files and links does.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn changes_on(&self, route: &Route) -> Result<Option<Vec<Change>>> {
        if let Some((before, after)) = route.carried {
            return self.changes_carried(self.stashed(before)?, self.stashed(after)?);
        }
        let (old, new) = (self.commit(route.old)?.tree, self.commit(route.new)?.tree);
        let mut changes = Vec::new();
        for (path, old, new) in self.differing_leaves(old, new)? {
            let (Some(old), Some(new)) = (side(old), side(new)) else { return Ok(None) };
            changes.push(Change::plain(path, old, new));
        }
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Some(changes))
    }

    /// The same where files and index are not the same.
    fn changes_carried(&self, before: Uncommitted, after: Uncommitted) -> Result<Option<Vec<Change>>> {
        let mut files: HashMap<BString, _> = HashMap::new();
        let mut staged: HashMap<BString, _> = HashMap::new();
        for (path, old, new) in self.differing_leaves(before.files, after.files)? {
            files.insert(path, (old, new));
        }
        for (path, old, new) in self.differing_leaves(before.index, after.index)? {
            staged.insert(path, (old, new));
        }
        let paths: BTreeSet<BString> = files.keys().chain(staged.keys()).cloned().collect();
        let mut changes = Vec::with_capacity(paths.len());
        for path in paths {
            // What differs in one of them only is the same before and after in the other.
            let both = |tree| self.entry_at(tree, &path).map(|slot| (slot, slot));
            let file = files.get(&path).map_or_else(|| both(after.files), |found| Ok(*found))?;
            let index = staged.get(&path).map_or_else(|| both(after.index), |found| Ok(*found))?;
            let (Some(old), Some(new)) = (side(file.0), side(file.1)) else { return Ok(None) };
            let (Some(index_old), Some(index_new)) = (side(index.0), side(index.1)) else { return Ok(None) };
            changes.push(Change { path, old, new, index_old, index_new });
        }
        Ok(Some(changes))
    }

    /// What changes in a worktree whose branch moves, and its index, or none where only git may write the files:
    /// conversions, what is no file or link, a sparse or cached index, a hook that wants to know of index writes, a path
    /// that is a file on one side and a directory on the other.
    ///
    /// # Errors
    /// Refused, if something cannot be read.
    pub fn plain_changes(&self, worktree: &Worktree, route: &Route) -> Result<Option<(Vec<Change>, Index)>> {
        if self.uses_reftable()
            || self.conversion_is_configured()?
            || hooks::path(self, &worktree.path, "post-index-change").symlink_metadata().is_ok()
        {
            return Ok(None);
        }
        let Some(index) = self.read_plain_index(&worktree.git_dir)? else { return Ok(None) };
        let Some(changes) = self.changes_on(route)? else { return Ok(None) };
        let is_special =
            |change: &Change| change.path.as_slice() == b".gitmodules" || is_dangerous(&path_of_bytes(&change.path));
        let paths = |is: fn(&Change) -> bool| -> HashSet<&[u8]> {
            changes.iter().filter(|change| is(change)).map(|change| change.path.as_slice()).collect()
        };
        let added = paths(|change| change.old.is_none() || change.index_old.is_none());
        let deleted = paths(|change| change.new.is_none() || change.index_new.is_none());
        let is_below = |path: &[u8], others: &HashSet<&[u8]>| parents(path).any(|parent| others.contains(parent));
        let flips =
            added.iter().any(|path| is_below(path, &deleted)) || deleted.iter().any(|path| is_below(path, &added));
        if flips || changes.iter().any(is_special) || !self.attributes_are_in_force(worktree, &index, &changes)? {
            return Ok(None);
        }
        let mut attributes = index.attributes();
        for change in changes.iter().filter(|change| is_attributes(&change.path)) {
            // What was not committed was read by the old ones.
            if route.carried.is_some() {
                return Ok(None);
            }
            // git converts by the attributes that come with the files.
            attributes.retain(|(path, _)| *path != change.path);
            attributes.extend(change.index_new.map(|new| (change.path.clone(), new.id)));
        }
        attributes.sort();
        Ok(self.attributes_leave_alone(&attributes, &changes)?.then_some((changes, index)))
    }

    /// Whether the attributes that lie in the worktree around these paths are those that the index has.
    fn attributes_are_in_force(&self, worktree: &Worktree, index: &Index, changes: &[Change]) -> Result<bool> {
        let folders: HashSet<&[u8]> =
            changes.iter().flat_map(|change| parents(&change.path)).chain([&b""[..]]).collect();
        for folder in folders {
            let mut path = BString::from(folder);
            path.extend_from_slice(if folder.is_empty() { b".gitattributes" } else { b"/.gitattributes" });
            let place = worktree.path.join(path_of_bytes(&path));
            let tracked = index.id_at(path.as_ref());
            let is_same = match (place.symlink_metadata(), tracked) {
                (Err(_), None) => true,
                (Ok(meta), Some(id)) if meta.is_file() => {
                    index.has(path.as_ref(), Some(Side { kind: Kind::File, id }))
                        && std::fs::read(&place)
                            .is_ok_and(|bytes| self.id_of_blob(&bytes).is_ok_and(|found| found == id))
                }
                _ => false,
            };
            if !is_same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether these attributes make git write the bytes of the blobs.
    fn attributes_leave_alone(&self, attributes: &Attributes, changes: &[Change]) -> Result<bool> {
        match self.verdict_of(attributes)? {
            Verdict::Always => Ok(true),
            Verdict::UnlessCrlf => self.have_no_crlf(changes),
            Verdict::PerPath => {
                // Of a path that goes nothing is written; the check that it is the old blob does for it.
                let written = changes
                    .iter()
                    .flat_map(|change| written(change).map(|side| (change.path.as_ref(), mode_of(side.kind))));
                Ok(!self.converts_any(attributes, written)? && self.have_no_crlf(changes)?)
            }
        }
    }

    fn have_no_crlf(&self, changes: &[Change]) -> Result<bool> {
        for side in changes.iter().flat_map(written).filter(|side| side.kind != Kind::Symlink) {
            if self.blob_has_crlf(side.id)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the file at `path` is; none if nothing is there or it is neither file nor link.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn side_at(&self, path: &Path) -> Result<Option<Side>> {
        let failed = || format!("'{}' could not be read.", path.display());
        let Some(stat) = Stat::of(path).or_refuse(failed)? else { return Ok(None) };
        let (kind, bytes) = if stat.is_symlink() {
            (Kind::Symlink, bytes_of_path(&std::fs::read_link(path).or_refuse(failed)?).to_vec())
        } else if stat.is_file() {
            let kind = if stat.is_executable() { Kind::Executable } else { Kind::File };
            (kind, std::fs::read(path).or_refuse(failed)?)
        } else {
            return Ok(None);
        };
        Ok(Some(Side { kind, id: self.id_of_blob(&bytes)? }))
    }
}

/// The contents of a change that must be in a file as they are in their blob: the new one, and an uncommitted one that was
/// read from a file.
fn written(change: &Change) -> impl Iterator<Item = Side> {
    change.new.into_iter().chain(change.old.filter(|_| change.is_carried()))
}

/// One side of a difference: nothing, a file or link, or (none) something else.
fn side(slot: Option<(gix::objs::tree::EntryMode, ObjectId)>) -> Option<Option<Side>> {
    use gix::objs::tree::EntryKind;
    let Some((mode, id)) = slot else { return Some(None) };
    let kind = match (mode.kind(), mode.value()) {
        (EntryKind::Blob, 0o100_644) => Kind::File,
        (EntryKind::BlobExecutable, _) => Kind::Executable,
        (EntryKind::Link, _) => Kind::Symlink,
        _ => return None,
    };
    Some(Some(Side { kind, id }))
}

/// The directories above a path, nearest first.
pub(super) fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = &rest[..rest.iter().rposition(|byte| *byte == b'/')?];
        Some(rest)
    })
}
