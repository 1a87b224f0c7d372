//! What a worktree's files and index become when its branch moves from one commit to another.

use super::Index;
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
    /// Where git writes line ends of its own: what the files have instead of the blobs.
    pub file_ids: FileIds,
}

/// The ids that the bytes of a file would have as a blob, where they are not those of its blob.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileIds {
    /// Before.
    pub old: Option<ObjectId>,
    /// After.
    pub new: Option<ObjectId>,
}

impl Change {
    /// Of a file without uncommitted changes.
    fn plain(path: BString, old: Option<Side>, new: Option<Side>) -> Change {
        Change { path, old, new, index_old: old, index_new: new, file_ids: FileIds::default() }
    }

    /// What the file is before, by its own bytes.
    pub fn file_old(&self) -> Option<Side> {
        self.old.map(|side| Side { id: self.file_ids.old.unwrap_or(side.id), ..side })
    }

    /// What the file is after, by its own bytes.
    pub fn file_new(&self) -> Option<Side> {
        self.new.map(|side| Side { id: self.file_ids.new.unwrap_or(side.id), ..side })
    }

    /// Whether the file differs from what the index has, before or after: it has uncommitted changes.
    pub(super) fn is_carried(&self) -> bool {
        (self.old, self.new) != (self.index_old, self.index_new)
    }
}

/// A submodule that the index has at another commit after a move; what is checked out in it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bump {
    /// From the worktree's top.
    pub path: BString,
    /// Its commit before.
    pub old: ObjectId,
    /// Its commit after.
    pub new: ObjectId,
}

/// What changes in a worktree when its branch moves, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files and links.
    pub files: Vec<Change>,
    /// Submodules that are there before and after.
    pub submodules: Vec<Bump>,
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

    /// What changes on a route, but for line ends that git writes, or none if something else than files, links and the
    /// commits of submodules does.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn changes_on(&self, route: &Route) -> Result<Option<Changes>> {
        if let Some((before, after)) = route.carried {
            return self.changes_carried(self.stashed(before)?, self.stashed(after)?);
        }
        let (old, new) = (self.commit(route.old)?.tree, self.commit(route.new)?.tree);
        let mut changes = Changes::default();
        for (path, old, new) in self.differing_leaves(old, new)? {
            if let Some((old, new)) = commit(old).zip(commit(new)) {
                changes.submodules.push(Bump { path, old, new });
                continue;
            }
            let (Some(old), Some(new)) = (side(old), side(new)) else { return Ok(None) };
            changes.files.push(Change::plain(path, old, new));
        }
        changes.files.sort_by(|a, b| a.path.cmp(&b.path));
        changes.submodules.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Some(changes))
    }

    /// The same where files and index are not the same.
    fn changes_carried(&self, before: Uncommitted, after: Uncommitted) -> Result<Option<Changes>> {
        let mut files: HashMap<BString, _> = HashMap::new();
        let mut staged: HashMap<BString, _> = HashMap::new();
        for (path, old, new) in self.differing_leaves(before.files, after.files)? {
            files.insert(path, (old, new));
        }
        for (path, old, new) in self.differing_leaves(before.index, after.index)? {
            staged.insert(path, (old, new));
        }
        let paths: BTreeSet<BString> = files.keys().chain(staged.keys()).cloned().collect();
        let mut changes = Changes::default();
        for path in paths {
            // What differs in one of them only is the same before and after in the other.
            let both = |tree| self.entry_at(tree, &path).map(|slot| (slot, slot));
            let file = files.get(&path).map_or_else(|| both(after.files), |found| Ok(*found))?;
            let index = staged.get(&path).map_or_else(|| both(after.index), |found| Ok(*found))?;
            if let Some((old, new)) = commit(file.0).zip(commit(file.1)).filter(|_| file == index) {
                changes.submodules.push(Bump { path, old, new });
                continue;
            }
            let (Some(old), Some(new)) = (side(file.0), side(file.1)) else { return Ok(None) };
            let (Some(index_old), Some(index_new)) = (side(index.0), side(index.1)) else { return Ok(None) };
            changes.files.push(Change { path, old, new, index_old, index_new, file_ids: FileIds::default() });
        }
        Ok(Some(changes))
    }

    /// What changes in a worktree whose branch moves, and its index, or none where only git may write the files:
    /// conversions other than of line ends by attributes, what is no file, link or submodule, a sparse or cached index, a
    /// hook that wants to know of index writes, a path that is a file on one side and a directory on the other.
    ///
    /// # Errors
    /// Refused, if something cannot be read.
    pub fn plain_changes(&self, worktree: &Worktree, route: &Route) -> Result<Option<(Changes, Index)>> {
        if self.uses_reftable()
            || self.conversion_is_configured()?
            || self.settings_differ_in(worktree)
            || hooks::path(self, &worktree.path, "post-index-change").symlink_metadata().is_ok()
        {
            return Ok(None);
        }
        let Some(index) = self.read_plain_index(&worktree.git_dir)? else { return Ok(None) };
        let Some(mut changes) = self.changes_on(route)? else { return Ok(None) };
        // What is checked out in a submodule would have to follow. Where nothing is git cannot get anything there either,
        // and breaks the worktree in trying.
        let is_empty = |bump: &Bump| {
            let entries = worktree.path.join(path_of_bytes(&bump.path)).read_dir();
            entries.is_ok_and(|mut entries| entries.next().is_none())
        };
        if self.switch("submodule.recurse")?.unwrap_or(false) && !changes.submodules.iter().all(is_empty) {
            return Ok(None);
        }
        let files = &mut changes.files;
        if files.iter().any(is_special) || flips(files) || !self.attributes_are_in_force(worktree, &index, files)? {
            return Ok(None);
        }
        let is_noted = self.note_line_ends(&index, route, files)?;
        Ok(is_noted.then_some((changes, index)))
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

/// A path that git does more with than write it, or that it would not write.
fn is_special(change: &Change) -> bool {
    change.path.as_slice() == b".gitmodules" || is_dangerous(&path_of_bytes(&change.path))
}

/// Whether a path is a file on one side and a directory on the other.
fn flips(changes: &[Change]) -> bool {
    let paths = |is: fn(&Change) -> bool| -> HashSet<&[u8]> {
        changes.iter().filter(|change| is(change)).map(|change| change.path.as_slice()).collect()
    };
    let added = paths(|change| change.old.is_none() || change.index_old.is_none());
    let deleted = paths(|change| change.new.is_none() || change.index_new.is_none());
    let is_below = |path: &[u8], others: &HashSet<&[u8]>| parents(path).any(|parent| others.contains(parent));
    added.iter().any(|path| is_below(path, &deleted)) || deleted.iter().any(|path| is_below(path, &added))
}

/// One side of a difference: nothing, a file or link, or (none) something else.
pub(super) fn side(slot: Option<(gix::objs::tree::EntryMode, ObjectId)>) -> Option<Option<Side>> {
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

/// The commit of a submodule.
fn commit(slot: Option<(gix::objs::tree::EntryMode, ObjectId)>) -> Option<ObjectId> {
    slot.filter(|(mode, _)| mode.is_commit()).map(|(_, id)| id)
}

/// The directories above a path, nearest first.
pub(super) fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = &rest[..rest.iter().rposition(|byte| *byte == b'/')?];
        Some(rest)
    })
}
