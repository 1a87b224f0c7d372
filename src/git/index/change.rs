//! What a worktree's files and index become when its branch moves from one commit to another.

use super::attributes::{Files as Attributes, Verdict, is_attributes};
use super::raw::Raw;
use super::uncommitted::Uncommitted;
use super::{entry_of_stat, is_dangerous, is_settled, stat_of_entry};
use crate::error::{Context, Error, Result};
use crate::git::worktrees::{Worktree, bytes_of_path, path_of_bytes};
use crate::git::{Repo, hooks};
use crate::host::copy::Kind;
use crate::host::exchange::Stat;
use crate::host::witness::is_at;
use crate::session::{BStr, BString, ObjectId};
use gix::index::entry::{Flags, Mode, Stage};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::SystemTime;

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

/// A worktree's index of the plain sort, as it was read: whole, merged, without the caches that something else keeps up to
/// date.
pub struct Index {
    raw: Raw,
    /// Held open, so that no other file can have its inode.
    file: std::fs::File,
    seen: Stat,
    modified: SystemTime,
    permissions: std::fs::Permissions,
}

impl Index {
    fn attributes(&self) -> Attributes {
        let found = self.raw.ending_with(b".gitattributes").filter(|(path, _)| is_attributes(path));
        found.map(|(path, id)| (path.to_owned(), id)).collect()
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Index {
    /// Whether a path is in it exactly as this side has it: not at all, or once, with nothing that hides changes.
    pub fn has(&self, path: &BStr, side: Option<Side>) -> bool {
        match (self.raw.entry(path), side) {
            (None, side) => side.is_none(),
            (Some(entry), Some(side)) => entry.id == side.id && entry.mode == mode_of(side.kind) && !entry.is_hidden,
            (Some(_), None) => false,
        }
    }

    /// Whether the file that the system describes so is, as far as git can tell, what the index has at that path.
    pub fn vouches_for(&self, path: &BStr, stat: &Stat) -> bool {
        let written = (self.seen.mtime.0, self.seen.mtime.1);
        self.raw.entry(path).is_some_and(|entry| {
            stat.agrees_with_index(&stat_of_entry(&entry.stat)) && is_settled(&entry.stat, written)
        })
    }

    /// Whether the file at `path` is the one that was read, and nobody has written it since.
    pub fn is_still_at(&self, path: &Path) -> bool {
        let now = Stat::of(path).ok().flatten();
        is_at(&self.file, path) && now.is_some_and(|now| now.is_untouched_since(&self.seen))
    }

    /// Writes the index that has the new sides in place of the old ones, under another name. `changes` are sorted by path;
    /// `stats` is what the system says of each path that is there afterwards.
    ///
    /// It keeps the old one's mtime: every file that went in is younger than that, so that git looks at its content
    /// before it believes the entry.
    ///
    /// # Errors
    /// Refused, if it cannot be written.
    pub fn write_changed(&self, changes: &[Change], stats: &[Option<Stat>], path: &Path) -> Result<()> {
        if let Some(change) = changes.iter().find(|change| !self.has(change.path.as_ref(), change.index_old)) {
            return Err(Error::bug(format!("'{}' is not in the index as it was.", change.path)));
        }
        let entries = changes.iter().zip(stats).map(|(change, stat)| {
            let entry = change.index_new.map(|new| {
                // Of a file that has uncommitted changes, or was not put there just now, the index knows nothing: git
                // looks at its content then.
                let is_ours = change.new == change.index_new && change.old != change.new;
                let stat = stat.as_ref().filter(|_| is_ours).map(entry_of_stat).unwrap_or_default();
                (stat, mode_of(new.kind), new.id)
            });
            (change.path.as_ref(), entry)
        });
        let failed = || format!("The index '{}' could not be written.", path.display());
        let bytes = self.raw.changed(entries)?;
        let mut file = std::fs::File::options().write(true).create_new(true).open(path).or_refuse(failed)?;
        file.write_all(&bytes).or_refuse(failed)?;
        // `core.sharedRepository` has given the old one more than the umask would.
        file.set_permissions(self.permissions.clone()).or_refuse(failed)?;
        file.set_modified(self.modified).or_refuse(failed)
    }
}

fn mode_of(kind: Kind) -> Mode {
    match kind {
        Kind::File => Mode::FILE,
        Kind::Executable => Mode::FILE_EXECUTABLE,
        Kind::Symlink => Mode::SYMLINK,
    }
}

impl Repo {
    /// The index of a worktree; none if it is not of the plain sort.
    ///
    /// # Errors
    /// Refused, if it cannot be read; contended, if somebody has just written it.
    pub fn read_plain_index(&self, git_dir: &Path) -> Result<Option<Index>> {
        let path = git_dir.join("index");
        let failed = || format!("The index '{}' could not be read.", path.display());
        let mut file = std::fs::File::open(&path).or_refuse(failed)?;
        let meta = file.metadata().or_refuse(failed)?;
        let seen = Stat::of(&path).or_refuse(failed)?.filter(|_| is_at(&file, &path));
        let seen = seen.ok_or_else(|| Error::contended(failed()).hint("Run it again."))?;
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or_default().saturating_add(1));
        file.read_to_end(&mut bytes).or_refuse(failed)?;
        let Some(raw) = Raw::parse(bytes, self.hash_kind()) else { return Ok(None) };
        let mut beside = git_dir.read_dir().or_refuse(failed)?.flatten();
        if beside.any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"sharedindex.")) {
            return Ok(None);
        }
        let modified = meta.modified().or_refuse(failed)?;
        Ok(Some(Index { raw, file, seen, modified, permissions: meta.permissions() }))
    }

    /// Of each of these paths whether the index of a worktree, of whatever sort, has it as it was before the change.
    ///
    /// # Errors
    /// Refused, if the index cannot be read.
    pub fn index_has_old(&self, git_dir: &Path, changes: &[Change]) -> Result<Vec<bool>> {
        let path = git_dir.join("index");
        let failed = || format!("The index '{}' could not be read.", path.display());
        let options = gix::index::decode::Options::default();
        let index = gix::index::File::at(&path, self.hash_kind(), true, options).or_refuse(failed)?;
        let hidden = Flags::ASSUME_VALID | Flags::SKIP_WORKTREE | Flags::INTENT_TO_ADD;
        let has = |change: &Change| {
            let side = change.index_old;
            let Some(range) = index.entry_range(change.path.as_ref()) else { return side.is_none() };
            matches!((&index.entries()[range], side), ([entry], Some(side))
                if entry.stage() == Stage::Unconflicted
                    && entry.id == side.id
                    && entry.mode == mode_of(side.kind)
                    && !entry.flags.intersects(hidden))
        };
        Ok(changes.iter().map(has).collect())
    }

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
            let tracked = index.raw.entry(path.as_ref());
            let is_same = match (place.symlink_metadata(), tracked) {
                (Err(_), None) => true,
                (Ok(meta), Some(entry)) if meta.is_file() => {
                    index.has(path.as_ref(), Some(Side { kind: Kind::File, id: entry.id }))
                        && std::fs::read(&place)
                            .is_ok_and(|bytes| self.id_of_blob(&bytes).is_ok_and(|id| id == entry.id))
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
fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = &rest[..rest.iter().rposition(|byte| *byte == b'/')?];
        Some(rest)
    })
}
