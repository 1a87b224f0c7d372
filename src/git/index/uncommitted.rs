//! What is uncommitted in a worktree, as trees: of its files and of its index.

use super::Side;
use super::change::Change;
use crate::error::{Context, Error, Result};
use crate::git::config::Identity;
use crate::git::history::first_line;
use crate::git::worktrees::Worktree;
use crate::git::{CommitDraft, Repo};
use crate::host::copy::Kind;
use crate::host::exchange::{Root, Stat};
use crate::session::{BString, ObjectId};
use gix::bstr::ByteSlice;
use gix::index::entry::{Flags, Mode, Stage};
use gix::objs::tree::EntryKind;

/// The trees that a stash would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uncommitted {
    /// Of the tracked files, as they are on disk.
    pub files: ObjectId,
    /// Of the index.
    pub index: ObjectId,
}

/// What a path of a tree becomes.
type Edit<'a> = (&'a BString, Option<(EntryKind, ObjectId)>);

impl Repo {
    /// What is uncommitted in a worktree on the tree `head`, of which `dirty` are all tracked paths that differ. None where
    /// a tree cannot tell it: an unmerged path, one that is only going to be added, a submodule, a directory in place of a
    /// file. Files are taken as they are: filters are for the caller to rule out.
    ///
    /// # Errors
    /// Refused, if something cannot be read.
    pub fn uncommitted(&self, worktree: &Worktree, head: ObjectId, dirty: &[BString]) -> Result<Option<Uncommitted>> {
        let index = self.index_of(worktree)?;
        let root = Root::open(&worktree.path)?;
        let (mut files, mut staged): (Vec<Edit<'_>>, Vec<Edit<'_>>) = (Vec::new(), Vec::new());
        for path in dirty {
            let entry = match index.entry_range(path.as_bstr()).map(|range| &index.entries()[range]) {
                None => None,
                Some([entry]) if entry.stage() == Stage::Unconflicted => Some(entry),
                Some(_) => return Ok(None),
            };
            // A file that is not in the index is untracked, whatever it was before.
            let Some(entry) = entry else {
                files.push((path, None));
                staged.push((path, None));
                continue;
            };
            let hidden = Flags::ASSUME_VALID | Flags::SKIP_WORKTREE | Flags::INTENT_TO_ADD;
            let kind = match entry.mode {
                Mode::FILE => EntryKind::Blob,
                Mode::FILE_EXECUTABLE => EntryKind::BlobExecutable,
                Mode::SYMLINK => EntryKind::Link,
                _ => return Ok(None),
            };
            if entry.flags.intersects(hidden) {
                return Ok(None);
            }
            staged.push((path, Some((kind, entry.id))));
            let Some(stat) = root.lstat(path.as_ref())? else {
                files.push((path, None));
                continue;
            };
            let Some(kind) = kind_of(&stat) else { return Ok(None) };
            files.push((path, Some((kind, self.write_blob(&root.read(path.as_ref())?)?))));
        }
        Ok(Some(Uncommitted { files: self.edited(head, &files)?, index: self.edited(head, &staged)? }))
    }

    fn edited(&self, tree: ObjectId, edits: &[Edit<'_>]) -> Result<ObjectId> {
        let failed = || "A tree could not be written.";
        let mut editor = self.inner.edit_tree(tree).or_refuse(failed)?;
        // What goes first: a directory may be where a file was.
        for (path, _) in edits.iter().filter(|(_, after)| after.is_none()) {
            editor.remove(path.as_bstr()).or_refuse(failed)?;
        }
        for (path, after) in edits {
            if let Some((kind, id)) = after {
                editor.upsert(path.as_bstr(), *kind, *id).or_refuse(failed)?;
            }
        }
        Ok(editor.write().or_refuse(failed)?.detach())
    }

    /// A commit of it in the shape of a stash, which `git stash apply --index <id>` brings back on `head`.
    ///
    /// # Errors
    /// Refused, if it cannot be written.
    pub fn write_stash(
        &self,
        identity: &Identity,
        branch: &str,
        head: ObjectId,
        trees: Uncommitted,
    ) -> Result<ObjectId> {
        let subject = format!("{} {}", self.short(head), first_line(&self.commit(head)?.message));
        let draft = |what: &str| CommitDraft {
            author: identity.signature.clone(),
            committer: identity.signature.clone(),
            message: format!("{what} on {branch}: {subject}\n"),
        };
        let index = self.write_commit(&draft("index"), trees.index, &[head])?;
        self.write_commit(&draft("WIP"), trees.files, &[head, index])
    }

    /// The trees of a commit in the shape of a stash.
    ///
    /// # Errors
    /// Refused, if it is not here, or of another shape.
    pub fn stashed(&self, id: ObjectId) -> Result<Uncommitted> {
        let commit = self.commit(id)?;
        let index = commit.parents.get(1).copied();
        let index = index.ok_or_else(|| Error::refused(format!("The commit {id} holds no index.")))?;
        Ok(Uncommitted { files: commit.tree, index: self.commit(index)?.tree })
    }

    /// The first path whose file or entry in the index is not what it is to be before it changes, in a worktree that stands
    /// at the commit `head`.
    ///
    /// # Errors
    /// Refused, if something cannot be read.
    pub fn first_unexpected<'a>(
        &self,
        worktree: &Worktree,
        head: ObjectId,
        changes: &'a [Change],
    ) -> Result<Option<&'a BString>> {
        let has_old = self.index_has_old(&worktree.git_dir, changes)?;
        let root = Root::open(&worktree.path)?;
        let mut dirty = None;
        for (change, has_old) in changes.iter().zip(has_old) {
            let path = change.path.as_ref();
            let found = match root.lstat(path)?.as_ref().map(file_kind_of) {
                None => None,
                Some(Some(kind)) => Some(Side { kind, id: self.id_of_blob(&root.read(path)?)? }),
                Some(None) => return Ok(Some(&change.path)),
            };
            if found == change.file_old() && has_old {
                continue;
            }
            // Of what a filter has made only git can tell whether it is the old file.
            let may_be_old = has_old && found.is_some() && change.old.is_some() && !change.is_carried();
            if may_be_old && dirty.is_none() {
                dirty = Some(self.dirty_paths(worktree, head)?);
            }
            if !may_be_old || dirty.as_ref().is_some_and(|dirty| dirty.contains(&change.path)) {
                return Ok(Some(&change.path));
            }
        }
        Ok(None)
    }
}

fn file_kind_of(stat: &Stat) -> Option<Kind> {
    match stat {
        stat if stat.is_symlink() => Some(Kind::Symlink),
        stat if stat.is_executable() => Some(Kind::Executable),
        stat if stat.is_file() => Some(Kind::File),
        _ => None,
    }
}

fn kind_of(stat: &Stat) -> Option<EntryKind> {
    Some(match file_kind_of(stat)? {
        Kind::File => EntryKind::Blob,
        Kind::Executable => EntryKind::BlobExecutable,
        Kind::Symlink => EntryKind::Link,
    })
}
