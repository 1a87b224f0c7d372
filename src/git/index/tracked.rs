//! Whether the tracked files of a worktree are as `HEAD` has them: one `lstat` for each entry of the index, contents
//! only where that cannot tell.

use super::{is_settled, stat_of_entry};
use crate::error::{Context, Result};
use crate::git::Repo;
use crate::git::index::Side;
use crate::git::status;
use crate::git::worktrees::{Worktree, path_of_bytes};
use crate::host::copy::Kind;
use crate::host::exchange::{Folder, Stat};
use crate::session::{BString, ObjectId};
use gix::index::entry::{Flags, Mode, Stage};
use std::path::Path;
use std::rc::Rc;

/// How many files are read before git is asked instead. A new worktree has some hundred that are as young as its index.
const READ_AT_MOST: usize = 1024;

/// What a look at every entry says.
enum Look {
    Clean,
    Dirty,
    /// Only git can tell.
    Unclear,
}

/// What is tracked in a worktree.
pub(super) struct Tracked<'a> {
    repo: &'a Repo,
    top: &'a Path,
    pub(super) index: Rc<gix::index::File>,
    written: (i64, u32),
    may_convert: bool,
    read: usize,
}

impl Tracked<'_> {
    /// Whether what the system describes so is what the index has there; false too where only git can tell.
    pub(super) fn is_it(&mut self, entry: &gix::index::Entry, found: &Stat) -> bool {
        let kind = match entry.mode {
            Mode::FILE => Kind::File,
            Mode::FILE_EXECUTABLE => Kind::Executable,
            _ => Kind::Symlink,
        };
        let has_kind = match kind {
            Kind::File => found.is_file() && !found.is_executable(),
            Kind::Executable => found.is_executable(),
            Kind::Symlink => found.is_symlink(),
        };
        if has_kind && found.agrees_with_index(&stat_of_entry(&entry.stat)) && is_settled(&entry.stat, self.written) {
            return true;
        }
        self.read += 1;
        let path = || self.top.join(path_of_bytes(entry.path(&self.index)));
        let side = Side { kind, id: entry.id };
        !self.may_convert
            && self.read <= READ_AT_MOST
            && self.repo.side_at(&path()).is_ok_and(|there| there == Some(side))
    }
}

impl Repo {
    /// Whether a tracked path differs from the commit `head`, or anything is staged or unmerged.
    ///
    /// # Errors
    /// Refused, with git's words, if the worktree is broken.
    pub fn is_dirty(&self, worktree: &Worktree, head: ObjectId) -> Result<bool> {
        match self.look_at_tracked(worktree, head) {
            Ok(Look::Clean) => Ok(false),
            Ok(Look::Dirty) => Ok(true),
            Ok(Look::Unclear) | Err(_) => Ok(status::dirty_tracked(&worktree.path)? > 0),
        }
    }

    fn look_at_tracked(&self, worktree: &Worktree, head: ObjectId) -> Result<Look> {
        let Some(mut tracked) = self.tracked(worktree, head)? else { return Ok(Look::Unclear) };
        let index = Rc::clone(&tracked.index);
        let folder = Folder::open(&worktree.path)
            .or_refuse(|| format!("'{}' could not be looked at.", worktree.path.display()))?;
        for entry in index.entries() {
            // What git takes as given it takes as given.
            if entry.mode == Mode::COMMIT || entry.flags.intersects(Flags::ASSUME_VALID | Flags::SKIP_WORKTREE) {
                continue;
            }
            if entry.stage() != Stage::Unconflicted {
                return Ok(Look::Dirty);
            }
            let path = entry.path(&index);
            let found = folder.lstat(path).or_refuse(|| format!("'{path}' could not be looked at."))?;
            if !found.is_some_and(|found| tracked.is_it(entry, &found)) {
                return Ok(Look::Unclear);
            }
        }
        Ok(Look::Clean)
    }

    /// The index of a worktree that stands at the commit `head`; none where something is staged, or may be, or the index
    /// is of a sort that only git can tell of.
    pub(super) fn tracked<'a>(&'a self, worktree: &'a Worktree, head: ObjectId) -> Result<Option<Tracked<'a>>> {
        let path = worktree.git_dir.join("index");
        let options = gix::index::decode::Options::default();
        let index = gix::index::File::at(&path, self.hash_kind(), true, options)
            .or_refuse(|| format!("The index '{}' could not be read.", path.display()))?;
        if index.is_sparse() || index.link().is_some() {
            return Ok(None);
        }
        let tree = self.commit(head)?.tree;
        let is_cached = index.tree().is_some_and(|root| {
            root.id == tree && root.num_entries.is_some_and(|count| count as usize == index.entries().len())
        });
        if !is_cached {
            let mut at = 0;
            let is_same =
                self.is_in_index(&index, &mut at, tree, &mut BString::default())? && at == index.entries().len();
            if !is_same {
                // Staged, unless it is only an intention to add, which git knows.
                return Ok(None);
            }
        }
        let written = index.timestamp();
        Ok(Some(Tracked {
            repo: self,
            top: &worktree.path,
            written: (written.unix_seconds(), written.nanoseconds()),
            index: Rc::new(index),
            may_convert: self.conversion_is_configured()?,
            read: 0,
        }))
    }

    /// Whether the entries from `at` on are those of a tree, in its order, which is theirs; `at` is left behind the last.
    fn is_in_index(
        &self,
        index: &gix::index::File,
        at: &mut usize,
        tree: ObjectId,
        prefix: &mut BString,
    ) -> Result<bool> {
        let unreadable = || format!("The tree {tree} could not be read.");
        let bytes = self.tree(tree)?;
        for entry in gix::objs::TreeRefIter::from_bytes(&bytes, self.hash_kind()) {
            let entry = entry.or_refuse(unreadable)?;
            let above = prefix.len();
            prefix.extend_from_slice(entry.filename);
            let is_same = if entry.mode.is_tree() {
                prefix.push(b'/');
                self.is_in_index(index, at, entry.oid.to_owned(), prefix)?
            } else {
                let found = index.entries().get(*at);
                *at += 1;
                found.is_some_and(|found| {
                    *found.id == *entry.oid
                        && found.mode.bits() == u32::from(entry.mode.value())
                        && found.stage() == Stage::Unconflicted
                        && found.path(index) == prefix.as_slice()
                })
            };
            prefix.truncate(above);
            if !is_same {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
