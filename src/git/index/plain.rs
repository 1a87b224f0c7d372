//! An index of the sort that is written here, and what a move makes of it.

use super::attributes::{Files as Attributes, is_attributes};
use super::cached_trees::Node;
use super::change::{Bump, Change, Changes, Route, Side, mode_of};
use super::raw::{Entry, Raw};
use super::{entry_of_stat, is_settled, stat_of_entry};
use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::host::exchange::Stat;
use crate::host::witness::is_at;
use crate::session::{BStr, BString, ObjectId};
use gix::index::entry::{Flags, Mode, Stage};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::SystemTime;

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

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Index {
    /// The files of attributes that it has.
    pub(super) fn attributes(&self) -> Attributes {
        let found = self.raw.ending_with(b".gitattributes").filter(|(path, _)| is_attributes(path));
        found.map(|(path, id)| (path.to_owned(), id)).collect()
    }

    /// The blob that it has at a path.
    pub(super) fn id_at(&self, path: &BStr) -> Option<ObjectId> {
        self.raw.entry(path).map(|entry| entry.id)
    }

    /// Whether a path is in it exactly as this side has it: not at all, or once, with nothing that hides changes.
    pub fn has(&self, path: &BStr, side: Option<Side>) -> bool {
        match (self.raw.entry(path), side) {
            (None, side) => side.is_none(),
            (Some(entry), Some(side)) => entry.id == side.id && entry.mode == mode_of(side.kind) && !entry.is_hidden,
            (Some(_), None) => false,
        }
    }

    /// Whether a submodule is in it as it is before a bump.
    pub fn has_submodule(&self, bump: &Bump) -> bool {
        let entry = self.raw.entry(bump.path.as_ref());
        entry.is_some_and(|entry| entry.id == bump.old && entry.mode == Mode::COMMIT && !entry.is_hidden)
    }

    /// Whether the file that the system describes so is, as far as git can tell, what the index has at that path.
    pub fn vouches_for(&self, path: &BStr, stat: &Stat) -> bool {
        let written = self.seen.mtime;
        self.raw.entry(path).is_some_and(|entry| {
            stat.agrees_with_index(&stat_of_entry(&entry.stat)) && is_settled(&entry.stat, written)
        })
    }

    /// Files that have changed in the very second in which the index was written, or later: what the index says of them.
    /// Those at `changes`, which are sorted, are left out. None where git could not tell whether they are still the same,
    /// or they are not to be looked at.
    pub fn young(&self, changes: &[Change]) -> Option<Vec<(BString, Stat)>> {
        let is_changed = |path: &BStr| changes.binary_search_by(|change| change.path.as_slice().cmp(path)).is_ok();
        let young = self.raw.since(self.seen.mtime.0).filter(|(path, _)| !is_changed(path));
        let known = |(path, entry): (&BStr, Entry)| {
            let is_known = !entry.is_hidden && entry.mode != Mode::COMMIT && is_settled(&entry.stat, self.seen.mtime);
            is_known.then(|| (path.to_owned(), stat_of_entry(&entry.stat)))
        };
        young.map(known).collect()
    }

    /// When it was written.
    pub fn modified(&self) -> SystemTime {
        self.modified
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
    fn write_changed(
        &self,
        changes: &Changes,
        stats: &[Option<Stat>],
        trees: Option<&Node>,
        path: &Path,
    ) -> Result<()> {
        let is_file_otherwise = |change: &&Change| !self.has(change.path.as_ref(), change.index_old);
        let otherwise = changes.files.iter().find(is_file_otherwise).map(|change| &change.path);
        let is_bump_otherwise = |bump: &&Bump| !self.has_submodule(bump);
        let bumped = || changes.submodules.iter().find(is_bump_otherwise).map(|bump| &bump.path);
        if let Some(path) = otherwise.or_else(bumped) {
            return Err(Error::bug(format!("'{path}' is not in the index as it was.")));
        }
        let files = changes.files.iter().zip(stats).map(|(change, stat)| {
            let entry = change.index_new.map(|new| {
                // Of a file that has uncommitted changes, or was not put there just now, the index knows nothing: git
                // looks at its content then.
                let is_ours = change.new == change.index_new && change.old != change.new;
                let stat = stat.as_ref().filter(|_| is_ours).map(entry_of_stat).unwrap_or_default();
                (stat, mode_of(new.kind), new.id)
            });
            (change.path.as_ref(), entry)
        });
        // git does not ask the system of a submodule.
        let bumps = changes
            .submodules
            .iter()
            .map(|bump| (bump.path.as_ref(), Some((gix::index::entry::Stat::default(), Mode::COMMIT, bump.new))));
        let mut entries: Vec<(&BStr, _)> = files.chain(bumps).collect();
        entries.sort_by_key(|(path, _)| *path);
        let failed = || format!("The index '{}' could not be written.", path.display());
        let bytes = self.raw.changed(entries.into_iter(), trees)?;
        let mut file = std::fs::File::options().write(true).create_new(true).open(path).or_refuse(failed)?;
        file.write_all(&bytes).or_refuse(failed)?;
        // `core.sharedRepository` has given the old one more than the umask would.
        file.set_permissions(self.permissions.clone()).or_refuse(failed)?;
        file.set_modified(self.modified).or_refuse(failed)
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

    /// Writes what an index becomes by a move under another name. `stats` is what the system says of each file that went in.
    ///
    /// # Errors
    /// Refused, if it cannot be written.
    pub fn write_moved(
        &self,
        index: &Index,
        route: &Route,
        changes: &Changes,
        stats: &[Option<Stat>],
        path: &Path,
    ) -> Result<()> {
        let trees = match (index.raw.trees(), route.carried) {
            (None, _) => None,
            (Some(top), None) => {
                Some(self.trees_after(top, self.commit(route.old)?.tree, self.commit(route.new)?.tree)?)
            }
            (Some(top), Some((before, after))) => {
                Some(self.trees_after(top, self.stashed(before)?.index, self.stashed(after)?.index)?)
            }
        };
        index.write_changed(changes, stats, trees.as_ref(), path)
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
}
