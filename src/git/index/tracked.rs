//! Which of the tracked files of a worktree are not as `HEAD` has them: one `lstat` for each entry of the index, contents
//! only where that cannot tell.

use super::attributes::{self, Verdict, is_attributes};
use super::change::{mode_of, parents};
use super::{is_settled, stat_of_entry};
use crate::error::{Context, Result};
use crate::git::Repo;
use crate::git::index::Side;
use crate::git::status;
use crate::git::worktrees::{Worktree, path_of_bytes};
use crate::host::copy::Kind;
use crate::host::exchange::{Folder, Stat};
use crate::session::{BStr, BString, ObjectId};
use gix::bstr::ByteSlice;
use gix::index::entry::{Flags, Mode, Stage};
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

/// How many files are read before git is asked instead. A new worktree has some hundred that are as young as its index.
const READ_AT_MOST: usize = 1024;

/// What is tracked in a worktree.
pub(super) struct Tracked<'a> {
    repo: &'a Repo,
    top: &'a Path,
    pub(super) index: Rc<gix::index::File>,
    written: (i64, u32),
    may_convert: bool,
    read: usize,
    /// What is the same only by its bytes.
    same: Vec<BString>,
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
        // git sets a size to zero that it does not believe.
        let is_believed = is_settled(&entry.stat, self.written) && (entry.stat.size > 0 || entry.id.is_empty_blob());
        if has_kind && is_believed && found.agrees_with_index(&stat_of_entry(&entry.stat)) {
            return true;
        }
        self.read += 1;
        let path = entry.path(&self.index);
        let side = Side { kind, id: entry.id };
        let is_same = !self.may_convert
            && self.read <= READ_AT_MOST
            && self.repo.side_at(&self.top.join(path_of_bytes(path))).is_ok_and(|there| there == Some(side));
        if is_same {
            self.same.push(path.to_owned());
        }
        is_same
    }

    /// Whether what is the same by its bytes is so to git too.
    pub(super) fn is_same_to_git(&self, worktree: &Worktree) -> Result<bool> {
        let same: Vec<&BStr> = self.same.iter().map(|path| path.as_bstr()).collect();
        self.repo.bytes_tell(worktree, &self.index, &same)
    }

    /// Whether git would say that a file differs, of which that is not plain from what the system says; none where only git
    /// can tell. Attributes are left to [`Repo::attributes_do_not_matter`].
    fn differs(&mut self, entry: &gix::index::Entry, found: Option<&Stat>) -> Option<bool> {
        let Some(found) = found else { return Some(true) };
        self.read += 1;
        if self.may_convert || self.read > READ_AT_MOST || !(found.is_file() || found.is_symlink()) {
            return None;
        }
        let there = self.repo.side_at(&self.top.join(path_of_bytes(entry.path(&self.index)))).ok()??;
        Some(there.id != entry.id || mode_of(there.kind) != entry.mode)
    }
}

impl Repo {
    /// The tracked paths that are not as the commit `head` has them, staged or not, sorted. What is checked out in a
    /// submodule does not count.
    ///
    /// # Errors
    /// Refused, with git's words, if the worktree is broken.
    pub fn dirty_paths(&self, worktree: &Worktree, head: ObjectId) -> Result<Vec<BString>> {
        if let Ok(Some(paths)) = self.changed_tracked(worktree, head) {
            return Ok(paths);
        }
        let is_dirty = |change: &status::ChangedPath| change.mark != *b"??" && !change.is_in_submodule;
        let changed = status::changed_paths(&worktree.path)?.into_iter();
        Ok(changed.filter(is_dirty).map(|change| change.path).collect())
    }

    /// As [`Repo::dirty_paths`]; none where only git can tell.
    fn changed_tracked(&self, worktree: &Worktree, head: ObjectId) -> Result<Option<Vec<BString>>> {
        let Some(mut tracked) = self.tracked(worktree, head)? else { return Ok(None) };
        let index = Rc::clone(&tracked.index);
        let folder = Folder::open(&worktree.path)
            .or_refuse(|| format!("'{}' could not be looked at.", worktree.path.display()))?;
        let mut changed = Vec::new();
        for entry in index.entries() {
            if entry.stage() != Stage::Unconflicted || entry.flags.contains(Flags::INTENT_TO_ADD) {
                return Ok(None);
            }
            // What git takes as given it takes as given.
            if entry.flags.contains(Flags::ASSUME_VALID) {
                continue;
            }
            let path = entry.path(&index);
            let look = || folder.lstat(path).or_refuse(|| format!("'{path}' could not be looked at."));
            if entry.mode == Mode::COMMIT || entry.flags.contains(Flags::SKIP_WORKTREE) {
                // But for what stands in the place of a submodule, or outside of the patterns of a sparse checkout.
                let may_be_somebody_s = entry.mode == Mode::COMMIT || tracked.may_convert;
                let is_there = may_be_somebody_s && look()?.is_some_and(|found| !found.is_directory());
                if is_there {
                    return Ok(None);
                }
                continue;
            }
            let found = look()?;
            if found.as_ref().is_some_and(|found| tracked.is_it(entry, found)) {
                continue;
            }
            match tracked.differs(entry, found.as_ref()) {
                Some(true) => changed.push(path),
                Some(false) => {}
                None => return Ok(None),
            }
        }
        let is_told = tracked.is_same_to_git(worktree)? && self.attributes_do_not_matter(worktree, &index, &changed)?;
        Ok(is_told.then(|| changed.into_iter().map(BStr::to_owned).collect()))
    }

    /// The index of a worktree, whatever sort it is of.
    pub(super) fn index_of(&self, worktree: &Worktree) -> Result<gix::index::File> {
        let path = worktree.git_dir.join("index");
        let options = gix::index::decode::Options::default();
        gix::index::File::at(&path, self.hash_kind(), true, options)
            .or_refuse(|| format!("The index '{}' could not be read.", path.display()))
    }

    /// Whether these files, as they are in a worktree, are to git what their bytes say.
    ///
    /// # Errors
    /// Refused, if something cannot be read.
    pub fn are_taken_as_they_are(&self, worktree: &Worktree, paths: &[BString]) -> Result<bool> {
        if self.conversion_is_configured()? || self.settings_differ_in(worktree) {
            return Ok(false);
        }
        let index = self.index_of(worktree)?;
        let paths: Vec<&BStr> = paths.iter().map(|path| path.as_bstr()).collect();
        self.attributes_do_not_matter(worktree, &index, &paths)
    }

    /// Whether these files, which are not as the index has them, are to git what their bytes say, whatever attributes they
    /// have.
    fn attributes_do_not_matter(
        &self,
        worktree: &Worktree,
        index: &gix::index::File,
        changed: &[&BStr],
    ) -> Result<bool> {
        Ok(!changed.iter().any(|path| is_attributes(path)) && self.bytes_tell(worktree, index, changed)?)
    }

    /// Whether these files are to git what their bytes say, by the attributes that the index has.
    fn bytes_tell(&self, worktree: &Worktree, index: &gix::index::File, paths: &[&BStr]) -> Result<bool> {
        if paths.is_empty() {
            return Ok(true);
        }
        let folders: HashSet<&[u8]> = paths.iter().flat_map(|path| parents(path)).chain([&b""[..]]).collect();
        let is_untracked = |folder: &&[u8]| {
            let path = [*folder, if folder.is_empty() { b"" } else { b"/" }, b".gitattributes"].concat();
            let is_there = worktree.path.join(path_of_bytes(&path)).symlink_metadata().is_ok();
            is_there && index.entry_by_path(path.as_bstr()).is_none()
        };
        if folders.iter().any(is_untracked) {
            return Ok(false);
        }
        let attributes = attributes::files(index);
        let verdict = self.verdict_of(&attributes)?;
        if verdict == Verdict::Always || verdict == Verdict::Unknown {
            return Ok(verdict == Verdict::Always);
        }
        let with_modes = paths.iter().filter_map(|path| Some((*path, index.entry_by_path(path)?.mode)));
        if verdict == Verdict::PerPath && self.converts_any(&attributes, with_modes)? {
            return Ok(false);
        }
        let has_return = |path: &&BStr| {
            let place = worktree.path.join(path_of_bytes(path));
            let is_file = place.symlink_metadata().is_ok_and(|found| found.is_file());
            is_file && std::fs::read(&place).map_or(true, |bytes| bytes.contains(&b'\r'))
        };
        Ok(!paths.iter().any(has_return))
    }

    /// The index of a worktree that stands at the commit `head`; none where something is staged, or may be, or the index
    /// is of a sort that only git can tell of.
    pub(super) fn tracked<'a>(&'a self, worktree: &'a Worktree, head: ObjectId) -> Result<Option<Tracked<'a>>> {
        let index = self.index_of(worktree)?;
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
            may_convert: self.conversion_is_configured()? || self.settings_differ_in(worktree),
            read: 0,
            same: Vec::new(),
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
        let entries = bytes.pieces().flat_map(|piece| gix::objs::TreeRefIter::from_bytes(piece, self.hash_kind()));
        for entry in entries {
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

#[cfg(test)]
mod tests {
    use crate::git::{Repo, status};
    use crate::host::process::Command;
    use crate::session::BString;
    use std::fs;
    use std::path::Path;

    fn git(place: &Path, args: &[&str]) -> Command {
        let config = ["-c", "user.name=A", "-c", "user.email=a@x"];
        Command::new("git").current_dir(place).args(config).args(args.iter().copied())
    }

    /// What git says is not as it was.
    fn by_git(place: &Path) -> Vec<BString> {
        let changed = status::changed_paths(place).expect("can be told").into_iter();
        changed.filter(|change| change.mark != *b"??").map(|change| change.path).collect()
    }

    const ATTRIBUTES: [&str; 5] = ["", "*.txt text\n", "* text=auto\n", "d1/* filter=upper\n", "*.txt ident\n"];

    fn one_of_many_changes(place: &Path, random: &mut impl FnMut(usize) -> usize) {
        let (folder, n) = (place.join(format!("d{}", random(3))), random(4));
        let file = folder.join(format!("f{n}.txt"));
        let _ = match random(13) {
            0 | 1 => fs::write(&file, "other\n"),
            2 => fs::write(&file, "line 9\n"),
            3 => fs::write(&file, "line 1\r\nmore\r\n"),
            4 => fs::remove_file(&file),
            5 => fs::read(&file).and_then(|same| fs::write(&file, same)),
            6 => fs::remove_file(&file).and_then(|()| fs::create_dir(&file)),
            7 => fs::remove_dir_all(&folder).and_then(|()| fs::write(&folder, "a file")),
            8 => fs::write(folder.join("new.txt"), "new\n"),
            9 => fs::write(folder.join(".gitattributes"), "* text\n"),
            #[cfg(unix)]
            10 => fs::rename(&folder, place.join("moved")).and_then(|()| std::os::unix::fs::symlink("moved", &folder)),
            #[cfg(unix)]
            11 => {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
            }
            #[cfg(unix)]
            12 => fs::remove_file(&file).and_then(|()| std::os::unix::fs::symlink("f0.txt", &file)),
            _ => Ok(()),
        };
    }

    #[test]
    fn what_differs_is_what_git_says() {
        let (mut told, mut dirty) = (0, 0);
        for seed in 0..80_u64 {
            let mut state = seed;
            let mut random = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                usize::try_from(state >> 33).expect("31 bits") % below
            };
            let place = tempfile::tempdir().expect("can be made");
            let place = place.path();
            git(place, &["init", "-q", "."]).run_ok().expect("can be made");
            git(place, &["config", "filter.upper.clean", "tr a-z A-Z"]).run_ok().expect("can be set");
            fs::write(place.join(".gitattributes"), ATTRIBUTES[random(ATTRIBUTES.len())]).expect("can be written");
            for d in 0..3 {
                fs::create_dir(place.join(format!("d{d}"))).expect("can be made");
                for n in 0..4 {
                    let path = place.join(format!("d{d}/f{n}.txt"));
                    fs::write(&path, format!("line {n}\n")).expect("can be written");
                    // Old enough to be believed, or to be read.
                    let age = std::time::Duration::from_secs(seed % 2 * 3600);
                    let file = fs::File::options().write(true).open(&path).expect("can be opened");
                    file.set_modified(std::time::SystemTime::now() - age).expect("can be dated");
                }
            }
            git(place, &["add", "-A"]).run_ok().expect("can be added");
            git(place, &["commit", "-qm", "x"]).run_ok().expect("can be committed");
            for _ in 0..random(4) {
                one_of_many_changes(place, &mut random);
            }
            if random(8) == 0 {
                git(place, &["add", "-A"]).run_ok().expect("can be added");
            }
            let repo = Repo::discover(place).expect("is one");
            let worktrees = repo.worktrees().expect("can be listed");
            let head = repo.ref_id("HEAD").expect("can be read").expect("is there");
            let expected = by_git(place);
            assert_eq!(repo.dirty_paths(&worktrees[0], head).expect("can be told"), expected, "seed {seed}");
            if let Ok(Some(paths)) = repo.changed_tracked(&worktrees[0], head) {
                assert_eq!(paths, expected, "seed {seed}");
                told += 1;
                dirty += usize::from(!paths.is_empty());
            }
        }
        assert!(told > 30 && dirty > 10, "git was not needed for {told}, {dirty} of them dirty");
    }
}
