//! What there is to watch of a repository: where git keeps what it knows, and where in a worktree work may appear.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::git::worktrees::{Worktree, bytes_of_path};
use crate::session::{BString, ByteSlice};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What a directory of git's holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Refs, as files.
    Refs,
    /// Refs of a repository with reftables.
    Tables,
    /// The top of a git directory: `HEAD`, `index`, `packed-refs`, settings.
    Top,
    /// Attributes and patterns of what is ignored.
    Info,
    /// The list of worktrees.
    Worktrees,
}

/// What a file of a git directory is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Nothing that a verdict depends on.
    Nothing,
    /// Where refs stand, and who is where.
    Refs,
    /// The index of a worktree, or what it stands on.
    Worktree,
    /// What holds for all: settings, attributes, patterns.
    Settings,
}

impl Holds {
    /// What a change of this name right below is about; of any where none is given.
    pub fn about(self, name: Option<&OsStr>) -> About {
        let name = name.map(|name| bytes_of_path(Path::new(name)));
        let Some(name) = name.as_deref() else {
            return if self == Holds::Info { About::Settings } else { About::Worktree };
        };
        if name.ends_with(b".lock") {
            return About::Nothing;
        }
        match self {
            Holds::Refs | Holds::Tables | Holds::Worktrees => About::Refs,
            Holds::Info => About::Settings,
            Holds::Top => match name {
                b"config" | b"config.worktree" | b"shallow" => About::Settings,
                b"packed-refs" | b"refs" | b"reftable" | b"worktrees" => About::Refs,
                b"HEAD" | b"index" | b"MERGE_HEAD" | b"CHERRY_PICK_HEAD" | b"REVERT_HEAD" | b"BISECT_LOG"
                | b"rebase-merge" | b"rebase-apply" | b"gitdir" | b"locked" => About::Worktree,
                name if name.starts_with(b"sharedindex.") => About::Worktree,
                _ => About::Nothing,
            },
        }
    }
}

impl Repo {
    /// The directories in which git keeps refs and settings, each before what is in it is listed.
    pub fn directories_of_state(&self, visit: &mut dyn FnMut(&Path, Holds)) {
        let common = self.common_dir();
        visit(common, Holds::Top);
        visit(&common.join("info"), Holds::Info);
        visit(&common.join("worktrees"), Holds::Worktrees);
        if self.uses_reftable() {
            visit(&common.join("reftable"), Holds::Tables);
        } else {
            below(&common.join("refs"), &mut |directory| visit(directory, Holds::Refs));
        }
    }

    /// The directories in which git keeps what it knows of one worktree.
    pub fn directories_of_worktree_state(&self, worktree: &Worktree, visit: &mut dyn FnMut(&Path, Holds)) {
        visit(&worktree.git_dir, Holds::Top);
        if !worktree.is_main() {
            visit(&worktree.git_dir.join("refs/worktree"), Holds::Refs);
        }
    }

    /// The directories of a worktree in which a file would be its work: those of tracked files, and of untracked ones that
    /// are not ignored. Each is visited before what is in it is listed.
    ///
    /// # Errors
    /// Refused, if the index cannot be read.
    pub fn directories_of_work(&self, worktree: &Worktree, visit: &mut dyn FnMut(&Path)) -> Result<()> {
        let index = self.index_to_watch(worktree)?;
        let mut tracked: HashSet<BString> = HashSet::new();
        for entry in index.entries() {
            let mut path: &[u8] = entry.path(&index);
            while let Some(slash) = path.rfind_byte(b'/') {
                path = &path[..slash];
                if !tracked.insert(path.into()) {
                    break;
                }
            }
        }
        // Each with its path from the top.
        let mut level: Vec<(PathBuf, BString)> = vec![(worktree.path.clone(), BString::default())];
        while !level.is_empty() {
            let (mut next, mut doubtful) = (Vec::new(), Vec::new());
            for (directory, path) in &level {
                visit(directory);
                for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                    if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || entry.file_name() == ".git" {
                        continue;
                    }
                    let mut below = path.clone();
                    if !below.is_empty() {
                        below.push(b'/');
                    }
                    below.extend_from_slice(&bytes_of_path(Path::new(&entry.file_name())));
                    let found = (entry.path(), below);
                    if tracked.contains(&found.1) {
                        next.push(found);
                    } else if !found.0.join(".git").exists() {
                        doubtful.push(found);
                    }
                }
            }
            let paths: Vec<(BString, bool)> = doubtful.iter().map(|(_, path)| (path.clone(), true)).collect();
            let ignored = self.ignored_now(worktree, &index, &paths)?;
            next.extend(doubtful.into_iter().filter(|(_, path)| !ignored.contains(path)));
            level = next;
        }
        Ok(())
    }

    /// Whether all of these paths of a worktree are ignored, and none is tracked; directories are said to be such.
    ///
    /// # Errors
    /// Refused, if the index cannot be read.
    pub fn are_ignored(&self, worktree: &Worktree, paths: &[(BString, bool)]) -> Result<bool> {
        let index = self.index_to_watch(worktree)?;
        let is_tracked =
            |path: &BString| index.entry_by_path(path.as_bstr()).is_some() || index.path_is_directory(path.as_bstr());
        if paths.iter().any(|(path, _)| is_tracked(path)) {
            return Ok(false);
        }
        Ok(self.ignored_now(worktree, &index, paths)?.len()
            == paths.iter().map(|(path, _)| path).collect::<HashSet<_>>().len())
    }

    fn ignored_now(
        &self,
        worktree: &Worktree,
        index: &gix::index::State,
        paths: &[(BString, bool)],
    ) -> Result<HashSet<BString>> {
        if let Some(ignored) = self.ignored_beside(&worktree.path, index, paths) {
            return Ok(ignored);
        }
        let paths: Vec<BString> = paths.iter().map(|(path, _)| path.clone()).collect();
        Ok(self.ignored_of(&worktree.path, &paths)?.into_iter().collect())
    }

    fn index_to_watch(&self, worktree: &Worktree) -> Result<gix::index::File> {
        let path = worktree.git_dir.join("index");
        let options = gix::index::decode::Options::default();
        gix::index::File::at_or_default(&path, self.hash_kind(), true, options)
            .or_refuse(|| format!("The index '{}' could not be read.", path.display()))
    }

    /// The time of day where the user is: `14:03:59`.
    pub fn time_of_day() -> String {
        let now = gix::date::Time::now_local_or_utc();
        let seconds = (now.seconds + i64::from(now.offset)).rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}

/// A directory and all below it.
fn below(directory: &Path, visit: &mut dyn FnMut(&Path)) {
    visit(directory);
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&entry.path(), visit);
        }
    }
}
