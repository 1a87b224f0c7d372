//! Index files: a new worktree filled from a sibling whose index is fresh, and what may not be filled that way.

mod attributes;
mod cached_trees;
mod change;
mod line_ends;
mod plain;
mod raw;
mod tracked;
mod uncommitted;
mod whole;

pub(super) use attributes::Attributes;
pub use change::{Bump, Change, Changes, FileIds, Route, Side};
pub use plain::Index;
pub use uncommitted::Uncommitted;
pub use whole::Files;

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::git::worktrees::{Worktree, bytes_of_path};
use crate::host::copy::{self, Job, Kind, Outcome};
use crate::host::exchange::Stat;
use crate::session::{BString, ObjectId};
use attributes::{Form, Verdict};
use gix::bstr::ByteSlice;
use gix::index::entry::{Flags, Mode, Stage};
use std::path::Path;

/// How the files of a new worktree came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Copied from the sibling.
    pub copied: usize,
    /// Written by git from the object database.
    pub unpacked: usize,
}

impl Repo {
    /// Fills the empty worktree `target` with the files of `commit`, copied from `sibling` wherever that one's own
    /// `lstat` proves that it has the very blob; git writes the rest. The index is put in place last: a worktree
    /// without one was never finished.
    ///
    /// None, with nothing written, where a copy could differ from what git would check out: filters, line endings,
    /// submodules, sparse checkouts, or a sibling that has too little in common.
    ///
    /// # Errors
    /// Refused, if the files cannot be written.
    pub fn fill_from_sibling(
        &self,
        sibling: &Worktree,
        target: &Worktree,
        commit: ObjectId,
        threads: usize,
    ) -> Result<Option<Filled>> {
        if self.conversion_is_configured()? {
            return Ok(None);
        }
        let tree = self.commit(commit)?.tree;
        let options = gix::index::decode::Options::default();
        let Ok(theirs) = gix::index::File::at(sibling.git_dir.join("index"), self.hash_kind(), true, options) else {
            return Ok(None);
        };
        if theirs.is_sparse() {
            return Ok(None);
        }
        let stamp = theirs.timestamp();
        let stamp = (stamp.unix_seconds(), stamp.nanoseconds());
        let ours = self.inner.index_from_tree(&tree).or_refuse(|| format!("The tree {tree} could not be read."))?;
        let attributes = attributes::files(&ours);
        if attributes != attributes::files(&theirs) {
            return Ok(None);
        }
        let verdict = self.verdict_of(&attributes)?;
        if verdict == Verdict::Unknown {
            return Ok(None);
        }
        let every = ours.entries().iter().map(|entry| (entry.path(&ours), entry.mode));
        let forms = if verdict == Verdict::PerPath { self.forms_of(&attributes, every)? } else { Vec::new() };
        let refuse_crlf = verdict != Verdict::Always;

        let mut jobs = Vec::with_capacity(ours.entries().len());
        let mut job_of = vec![None; ours.entries().len()];
        let mut cursor = 0;
        for (position, entry) in ours.entries().iter().enumerate() {
            let path = entry.path(&ours);
            let kind = match entry.mode {
                Mode::FILE => Kind::File,
                Mode::FILE_EXECUTABLE => Kind::Executable,
                Mode::SYMLINK => Kind::Symlink,
                // git makes the empty directory of a submodule.
                Mode::COMMIT => continue,
                _ => return Ok(None),
            };
            while cursor < theirs.entries().len() && theirs.entry(cursor).path(&theirs) < path {
                cursor += 1;
            }
            let Some(found) = theirs.entries().get(cursor) else { continue };
            let hidden = Flags::ASSUME_VALID | Flags::SKIP_WORKTREE | Flags::INTENT_TO_ADD;
            let usable = forms.get(position).is_none_or(|form| *form == Form::Blob)
                && found.path(&theirs) == path
                && found.stage() == Stage::Unconflicted
                && found.id == entry.id
                && found.mode == entry.mode
                && !found.flags.intersects(hidden)
                && is_settled(&found.stat, stamp);
            if usable {
                job_of[position] = Some(jobs.len());
                jobs.push(Job { path: path.to_owned(), kind, expected: stat_of_entry(&found.stat) });
            }
        }
        if jobs.len() * 2 < ours.entries().len() {
            return Ok(None);
        }

        let outcomes = copy::tree(&sibling.path, &target.path, &jobs, refuse_crlf, threads)?;
        let is_copied = |position: usize| match job_of[position].map(|job| &outcomes[job]) {
            Some(Outcome::Copied(stat)) => Some(*stat),
            _ => None,
        };
        let rest: Vec<(BString, Mode, ObjectId)> = ours
            .entries()
            .iter()
            .enumerate()
            .filter(|(position, _)| is_copied(*position).is_none())
            .map(|(_, entry)| (entry.path(&ours).to_owned(), entry.mode, entry.id))
            .collect();
        let filled = Filled { copied: ours.entries().len() - rest.len(), unpacked: rest.len() };
        let unpacked = self.unpack(target, &rest)?;

        // With the same tree, and all of it in the sibling's index, that one's cache of tree ids holds for ours as well.
        let is_same = theirs.entries().len() == ours.entries().len()
            && theirs.tree().is_some_and(|root| {
                root.id == tree && root.num_entries.is_some_and(|count| count as usize == theirs.entries().len())
            })
            && theirs.entries().iter().zip(ours.entries()).all(|(a, b)| {
                a.id == b.id && a.mode == b.mode && a.stage() == Stage::Unconflicted && a.path(&theirs) == b.path(&ours)
            });
        let mut index = if is_same { theirs } else { ours };
        index.remove_resolve_undo();
        let mut unpacked = unpacked.into_iter();
        for (position, entry) in index.entries_mut().iter_mut().enumerate() {
            entry
                .flags
                .remove(Flags::ASSUME_VALID | Flags::SKIP_WORKTREE | Flags::INTENT_TO_ADD | Flags::FSMONITOR_VALID);
            entry.stat = match is_copied(position) {
                Some(stat) => entry_of_stat(&stat),
                None => unpacked.next().unwrap_or_default(),
            };
        }
        let staged = target.git_dir.join("session-new.index");
        self.write_index(index, &staged)?;
        std::fs::rename(&staged, target.git_dir.join("index"))
            .or_refuse(|| format!("The index of '{}' could not be put in place.", target.path.display()))?;
        Ok(Some(filled))
    }

    /// Has git write files from the object database, those that say how the others are written first. Returns what an
    /// index says of each.
    ///
    /// It gets an index of its own for that: one that had the copied files as well would be read from end to end again,
    /// since they are as young as the index.
    fn unpack(&self, target: &Worktree, rest: &[(BString, Mode, ObjectId)]) -> Result<Vec<gix::index::entry::Stat>> {
        let index = target.git_dir.join("session-rest.index");
        let _ = std::fs::remove_file(&index);
        let git = || self.git_in(&target.path).without_hooks().env("GIT_INDEX_FILE", &index);
        let is_attributes = |path: &BString| path.ends_with(b".gitattributes");
        for attributes in [true, false] {
            let (mut info, mut paths) = (Vec::new(), Vec::new());
            for (path, mode, id) in rest.iter().filter(|(path, _, _)| is_attributes(path) == attributes) {
                info.extend_from_slice(format!("{:o} {id}\t", mode.bits()).as_bytes());
                info.extend_from_slice(path);
                info.push(0);
                paths.extend_from_slice(path);
                paths.push(0);
            }
            if !paths.is_empty() {
                git().args(["update-index", "-z", "--index-info"]).input(info).run_ok()?;
                git().args(["checkout-index", "--quiet", "-u", "-z", "--stdin"]).input(paths).run_ok()?;
            }
        }
        if rest.is_empty() {
            return Ok(Vec::new());
        }
        let options = gix::index::decode::Options::default();
        let read = gix::index::File::at(&index, self.hash_kind(), true, options)
            .or_refuse(|| format!("The index '{}' could not be read.", index.display()))?;
        let _ = std::fs::remove_file(&index);
        Ok(rest
            .iter()
            .map(|(path, _, _)| read.entry_by_path(path.as_bstr()).map(|entry| entry.stat).unwrap_or_default())
            .collect())
    }

    /// About how many bytes the files of a worktree take, by its index; 0 if that cannot be read.
    pub fn checkout_size(&self, worktree: &Worktree) -> u64 {
        let options = gix::index::decode::Options::default();
        let index = gix::index::File::at(worktree.git_dir.join("index"), self.hash_kind(), true, options);
        let Ok(index) = index else { return 0 };
        // Each file takes whole blocks.
        index.entries().iter().map(|entry| u64::from(entry.stat.size).next_multiple_of(4096)).sum()
    }

    fn write_index(&self, index: gix::index::File, path: &Path) -> Result<()> {
        let mut index = index;
        index.set_path(path);
        index
            .write(gix::index::write::Options::default())
            .or_refuse(|| format!("The index '{}' could not be written.", path.display()))
    }
}

/// Whether a file had not changed for a while when its index was written: one that is as young as the index may have
/// changed within the same tick of the clock.
fn is_settled(stat: &gix::index::entry::Stat, written: (i64, u32)) -> bool {
    let nanoseconds = |secs: i64, nsecs: u32| i128::from(secs) * 1_000_000_000 + i128::from(nsecs);
    let written = nanoseconds(written.0, written.1);
    nanoseconds(i64::from(stat.mtime.secs), stat.mtime.nsecs) + 10_000_000 < written
}

/// As the index keeps it: everything cut down to 32 bits.
fn stat_of_entry(stat: &gix::index::entry::Stat) -> Stat {
    Stat {
        mtime: (i64::from(stat.mtime.secs), stat.mtime.nsecs),
        ctime: (i64::from(stat.ctime.secs), stat.ctime.nsecs),
        dev: u64::from(stat.dev),
        ino: u64::from(stat.ino),
        mode: 0,
        uid: stat.uid,
        gid: stat.gid,
        size: u64::from(stat.size),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index keeps 32 bits of each")]
fn entry_of_stat(stat: &Stat) -> gix::index::entry::Stat {
    let time = |(secs, nsecs): (i64, u32)| gix::index::entry::stat::Time { secs: secs as u32, nsecs };
    gix::index::entry::Stat {
        mtime: time(stat.mtime),
        ctime: time(stat.ctime),
        dev: stat.dev as u32,
        ino: stat.ino as u32,
        uid: stat.uid,
        gid: stat.gid,
        size: stat.size as u32,
    }
}

/// Whether a path of a tree is one that must never be written.
pub fn is_dangerous(path: &Path) -> bool {
    bytes_of_path(path).split(|byte| *byte == b'/').any(|part| part == b".." || part.eq_ignore_ascii_case(b".git"))
}

impl Repo {
    /// All files of a commit, links included: path to blob.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn files_of_commit(&self, commit: ObjectId) -> Result<std::collections::HashMap<BString, ObjectId>> {
        let tree = self.commit(commit)?.tree;
        let index = self.inner.index_from_tree(&tree).or_refuse(|| format!("The tree {tree} could not be read."))?;
        let entries = index.entries().iter().filter(|entry| entry.mode != Mode::COMMIT);
        Ok(entries.map(|entry| (entry.path(&index).to_owned(), entry.id)).collect())
    }
}
