//! What is uncommitted in a worktree, found by one walk over it: an `lstat` for each entry of the index, and the list of
//! each directory beside the names that the index has there.
//!
//! Nearly every worktree is clean but for files that git does not know. That much can be told for half of what
//! `git status` costs. Whatever else shows up is git's to judge.

use super::tracked::Tracked;
use crate::error::{Context, Result};
use crate::git::Repo;
use crate::git::status::{self, Dirty};
use crate::git::worktrees::{Head, Worktree};
use crate::host::directory::{Directory, Sort};
use crate::session::{BString, ByteSlice, ObjectId};
use gix::index::entry::{Flags, Mode, Stage};
use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

impl Repo {
    /// What is uncommitted in a worktree, as [`status::dirty`] has it.
    ///
    /// # Errors
    /// Refused, with git's words, if the worktree is broken.
    pub fn dirty(&self, worktree: &Worktree) -> Result<Dirty> {
        match self.walk(worktree, true) {
            Ok(Some(untracked)) => Ok(Dirty { untracked, ..Dirty::default() }),
            Ok(None) | Err(_) => status::dirty(&worktree.path),
        }
    }

    /// How many tracked paths are not as `HEAD` has them, as [`status::dirty_tracked`] has it.
    ///
    /// # Errors
    /// Refused, with git's words, if the worktree is broken.
    pub fn dirty_tracked(&self, worktree: &Worktree) -> Result<usize> {
        match self.walk(worktree, false) {
            Ok(Some(_)) => Ok(0),
            Ok(None) | Err(_) => status::dirty_tracked(&worktree.path),
        }
    }

    /// The files that are not as the commit `head` has them, untracked ones included; none where only git can tell.
    ///
    /// # Errors
    /// Refused, if the worktree cannot be read.
    pub fn uncommitted_files(&self, worktree: &Worktree, head: ObjectId) -> Result<Option<Files>> {
        let changed = Some(Vec::new());
        let Some(walk) = self.walked(worktree, head, changed, true)? else { return Ok(None) };
        let is_attributes = |path: &[u8]| path.ends_with(b".gitattributes");
        let index = &walk.tracked.index;
        let tracked = index.entries().iter().map(|entry| entry.path(index));
        let mut attributes: Vec<BString> =
            tracked.filter(|path| is_attributes(path)).map(|path| path.to_owned()).collect();
        let mut changed = walk.changed.unwrap_or_default();
        let beside = walk.beside.unwrap_or_default();
        let paths: Vec<(BString, bool)> =
            beside.iter().map(|(path, sort)| (path.clone(), *sort == Sort::Directory)).collect();
        let Some(ignored) = self.ignored_beside(&worktree.path, index, &paths) else { return Ok(None) };
        for (path, sort) in beside.into_iter().filter(|(path, _)| !ignored.contains(path)) {
            match sort {
                Sort::File => {
                    if is_attributes(&path) {
                        attributes.push(path.clone());
                    }
                    changed.push((path, None));
                }
                Sort::Other => {}
                // What is below it is known only to who looks there.
                Sort::Directory | Sort::Unknown => return Ok(None),
            }
        }
        Ok(Some(Files { changed, gone: Vec::new(), attributes }))
    }

    /// How many paths are untracked where all tracked ones are as `HEAD` has them; none where only git can tell. Without
    /// `beside` untracked ones are not looked for.
    fn walk(&self, worktree: &Worktree, beside: bool) -> Result<Option<u64>> {
        let head = match &worktree.head {
            Head::Branch(branch) => self.ref_id(branch)?,
            Head::Detached(id) => Some(*id),
            Head::Unknown => None,
        };
        let Some(head) = head else { return Ok(None) };
        let Some(walk) = self.walked(worktree, head, None, beside)? else { return Ok(None) };
        match walk.beside {
            Some(found) => self.untracked_among(worktree, found),
            None => Ok(Some(0)),
        }
    }

    /// The walk over all of it; none where only git can tell. With `changed` it goes on where a file differs.
    fn walked<'a>(
        &'a self,
        worktree: &'a Worktree,
        head: ObjectId,
        changed: Option<Vec<(BString, Option<u32>)>>,
        beside: bool,
    ) -> Result<Option<Walk<'a>>> {
        // Another directory may stand there by now, and git would speak of that one.
        let is_its_own = match worktree.id {
            Some(_) => worktree.is_proven(),
            None => worktree.path.join(".git") == worktree.git_dir,
        };
        // Where names may be spelt in several ways, a name that the index lacks proves nothing.
        let folds = |key: &str| self.switch(key).map(|value| value.unwrap_or(false));
        if !is_its_own || folds("core.ignoreCase")? || folds("core.precomposeUnicode")? {
            return Ok(None);
        }
        let Some(tracked) = self.tracked(worktree, head)? else { return Ok(None) };
        let count = tracked.index.entries().len();
        let top = Directory::open(&worktree.path)
            .or_refuse(|| format!("'{}' could not be looked at.", worktree.path.display()))?;
        let mut walk = Walk { tracked, changed, beside: beside.then(Vec::new) };
        let is_told = walk.directory(top, 0..count, 0)? && walk.tracked.is_same_to_git(worktree)?;
        Ok(is_told.then_some(walk))
    }

    /// How many of the paths that the index does not have are untracked, not ignored; none where only git can tell.
    fn untracked_among(&self, worktree: &Worktree, found: Vec<(BString, Sort)>) -> Result<Option<u64>> {
        let paths: Vec<BString> = found.iter().map(|(path, _)| path.clone()).collect();
        let (ignored, is_all) = self.ignored_so_far(&worktree.path, &paths)?;
        if !is_all {
            return Ok(None);
        }
        let ignored: HashSet<BString> = ignored.into_iter().collect();
        let mut untracked = 0;
        for (_, sort) in found.iter().filter(|(path, _)| !ignored.contains(path)) {
            match sort {
                Sort::File => untracked += 1,
                Sort::Other => {}
                // It counts if anything in it does.
                Sort::Directory | Sort::Unknown => return Ok(None),
            }
        }
        Ok(Some(untracked))
    }
}

/// Files that are not as a commit has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Each with the mode that the commit has, where it has it.
    pub changed: Vec<(BString, Option<u32>)>,
    /// Those that are no longer in the index, whatever stands there.
    pub gone: Vec<BString>,
    /// The files that say what git makes of others.
    pub attributes: Vec<BString>,
}

struct Walk<'a> {
    tracked: Tracked<'a>,
    /// What differs, where that is collected and not the end of it.
    changed: Option<Vec<(BString, Option<u32>)>>,
    /// What the index does not have, where that is asked.
    beside: Option<Vec<(BString, Sort)>>,
}

impl Walk<'_> {
    /// Whether a directory has what the index has there: the entries of that range, whose paths begin with its own, of
    /// `above` bytes with the slash. False too where only git can tell.
    fn directory(&mut self, mut directory: Directory, range: Range<usize>, above: usize) -> Result<bool> {
        let index = Rc::clone(&self.tracked.index);
        let mut names: Vec<&[u8]> = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let entry = &index.entries()[at];
            let path = entry.path(&index);
            let Some(slash) = path[above..].find_byte(b'/') else {
                // What git takes as given it must speak of itself.
                let given = Flags::ASSUME_VALID | Flags::SKIP_WORKTREE | Flags::INTENT_TO_ADD;
                if entry.stage() != Stage::Unconflicted || entry.flags.intersects(given) {
                    return Ok(false);
                }
                let name = &path[above..];
                if !self.is_it(&directory, name, entry) {
                    return Ok(false);
                }
                names.push(name);
                at += 1;
                continue;
            };
            let below = above + slash + 1;
            let is_below = |entry: &gix::index::Entry| entry.path(&index).starts_with(&path[..below]);
            let end = at + index.entries()[at..range.end].partition_point(is_below);
            let name = &path[above..below - 1];
            let Ok(next) = directory.below(name) else {
                // Nothing of it is there: whatever else bears its name stands beside the index.
                let Some(changed) = &mut self.changed else { return Ok(false) };
                let gone = index.entries()[at..end].iter();
                changed.extend(gone.map(|entry| (entry.path(&index).to_owned(), Some(entry.mode.bits()))));
                at = end;
                continue;
            };
            if !self.directory(next, at..end, below)? {
                return Ok(false);
            }
            names.push(name);
            at = end;
        }
        let Some(beside) = &mut self.beside else { return Ok(true) };
        names.sort_unstable();
        let prefix = index.entries().get(range.start).map_or(&b""[..], |entry| &entry.path(&index)[..above]);
        let listed = directory.list(|name, sort| {
            if name != b".git" && names.binary_search(&name).is_err() {
                beside.push(([prefix, name].concat().into(), sort));
            }
        });
        listed.or_refuse(|| format!("'{}' could not be listed.", prefix.as_bstr()))?;
        Ok(true)
    }

    /// Whether one entry is as the index has it, or is taken down as one that is not. False where only git can tell.
    fn is_it(&mut self, directory: &Directory, name: &[u8], entry: &gix::index::Entry) -> bool {
        if entry.mode == Mode::COMMIT {
            return is_left_out(directory, name);
        }
        let found = directory.lstat(name);
        if found.as_ref().is_ok_and(|found| self.tracked.is_it(entry, found)) {
            return true;
        }
        let is_plain = match &found {
            Ok(found) => found.is_file() || found.is_symlink(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        let Some(changed) = self.changed.as_mut().filter(|_| is_plain) else { return false };
        changed.push((entry.path(&self.tracked.index).to_owned(), Some(entry.mode.bits())));
        true
    }
}

/// Whether a submodule is not checked out: an empty directory is all there is of it.
fn is_left_out(directory: &Directory, name: &[u8]) -> bool {
    let mut is_empty = true;
    let listed = directory.below(name).and_then(|mut submodule| submodule.list(|_, _| is_empty = false));
    listed.is_ok() && is_empty
}
