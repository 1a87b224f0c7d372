//! What is uncommitted in a worktree, as `git status --porcelain=v2` says it.

use crate::error::Result;
use crate::git::command::in_worktree;
use crate::git::worktrees::path_of_bytes;
use crate::session::BString;
use std::collections::BTreeSet;
use std::path::Path;

/// Counts of paths by what is the matter with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Dirty {
    /// Differ between `HEAD` and index.
    pub staged: u64,
    /// Differ between index and worktree.
    pub unstaged: u64,
    /// Neither tracked nor ignored; a folder of such counts once.
    pub untracked: u64,
    /// Unmerged.
    pub conflicted: u64,
}

impl Dirty {
    /// Whether a tracked path differs: what `sync` asks.
    pub fn is_dirty(self) -> bool {
        self.staged + self.unstaged + self.conflicted > 0
    }

    /// Whether anything at all is uncommitted: what removal asks.
    pub fn is_uncommitted(self) -> bool {
        self.is_dirty() || self.untracked > 0
    }
}

/// `2 changed, 1 untracked`.
impl std::fmt::Display for Dirty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            (self.conflicted, "unmerged"),
            (self.staged, "staged"),
            (self.unstaged, "changed"),
            (self.untracked, "untracked"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// One path that is not as `HEAD` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// The path from the worktree's top.
    pub path: BString,
    /// As `git status --porcelain` marks it: `M.`, `.M`, `??`, `UU`, ...
    pub mark: [u8; 2],
    /// Whether all that differs is what is checked out in a submodule: moving files does not touch that.
    pub is_in_submodule: bool,
    /// The mode that `HEAD` has, where it has the path.
    pub mode: Option<u32>,
}

/// The paths of the worktree at `top` that are not as `HEAD` has them; a folder of untracked files counts once. Takes no
/// lock.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn changed_paths(top: &Path) -> Result<Vec<ChangedPath>> {
    changed(top, "--untracked-files=normal")
}

/// The same, each untracked file by itself; of what is checked out in submodules only other commits count.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn changed_paths_each(top: &Path) -> Result<Vec<ChangedPath>> {
    changed(top, "--untracked-files=all")
}

fn changed(top: &Path, untracked: &str) -> Result<Vec<ChangedPath>> {
    let each = untracked.ends_with("all");
    let output = in_worktree(top)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .args(["status", "--porcelain=v2", "-z", untracked, "--no-renames", "--no-ahead-behind"])
        .args(each.then_some("--ignore-submodules=dirty"))
        .run_ok()?;
    let mut changed = Vec::new();
    for record in output.stdout.split(|byte| *byte == 0) {
        let (mark, path, mode) = match record.first() {
            Some(b'1') => (two(record, 2), nth_field(record, 8), nth_field(record, 3)),
            Some(b'u') => (two(record, 2), nth_field(record, 10), nth_field(record, 4)),
            Some(b'?') => (*b"??", nth_field(record, 1), None),
            _ => continue,
        };
        if let Some(path) = path {
            let is_submodule = record[0] == b'1' && nth_field(record, 2).is_some_and(|field| field.starts_with(b"S"));
            let mode = mode.and_then(|mode| u32::from_str_radix(std::str::from_utf8(mode.get(..6)?).ok()?, 8).ok());
            changed.push(ChangedPath {
                path: path.into(),
                mark,
                // Where something else stands in its place that is somebody's.
                is_in_submodule: is_submodule && (mark == *b".M" || mark == *b".D"),
                mode: mode.filter(|mode| *mode != 0),
            });
        }
    }
    Ok(changed)
}

/// The same, counted.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn dirty(top: &Path) -> Result<Dirty> {
    let mut dirty = Dirty::default();
    for change in changed_paths(top)? {
        match change.mark {
            [b'?', _] => dirty.untracked += 1,
            [b'U', _] | [_, b'U'] | [b'A', b'A'] | [b'D', b'D'] => dirty.conflicted += 1,
            [index, worktree] => {
                dirty.staged += u64::from(index != b'.');
                dirty.unstaged += u64::from(worktree != b'.');
            }
        }
    }
    Ok(dirty)
}

/// Ignored paths, folders that are ignored as a whole named once, with a slash at the end.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn ignored(top: &Path) -> Result<Vec<BString>> {
    let output = in_worktree(top)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .args(["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"])
        .run_ok()?;
    let mut list: Vec<BString> = Vec::new();
    for path in paths(&output.stdout) {
        // Of a folder that no pattern names, and in which all is ignored, git names the files behind it once more.
        if !list.last().is_some_and(|last| last.ends_with(b"/") && path.starts_with(last)) {
            list.push(path);
        }
    }
    Ok(list)
}

/// Paths that are neither tracked nor ignored, each by itself; a nested repository ends with a slash.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn untracked(top: &Path) -> Result<Vec<BString>> {
    let output = in_worktree(top)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .args(["ls-files", "-z", "--others", "--exclude-standard"])
        .run_ok()?;
    Ok(paths(&output.stdout))
}

/// Folders with tracked files in them, each by itself; not the top.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn tracked_folders(top: &Path) -> Result<BTreeSet<BString>> {
    let output = in_worktree(top).env("GIT_OPTIONAL_LOCKS", "0").args(["ls-files", "-z"]).run_ok()?;
    let mut folders = BTreeSet::new();
    for mut path in output.stdout.split(|byte| *byte == 0) {
        while let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            path = &path[..slash];
            if !folders.insert(BString::from(path)) {
                break;
            }
        }
    }
    Ok(folders)
}

/// Folders with no tracked file in them, ignored, empty and nested ones too: of each the topmost.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn untracked_folders(top: &Path) -> Result<Vec<BString>> {
    let output =
        in_worktree(top).env("GIT_OPTIONAL_LOCKS", "0").args(["ls-files", "-z", "--others", "--directory"]).run_ok()?;
    Ok(paths(&output.stdout).into_iter().filter(|path| path.ends_with(b"/")).collect())
}

/// The submodules that the index names, and whatever else it has as a link to a commit.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn links(top: &Path) -> Result<Vec<BString>> {
    let output = in_worktree(top).env("GIT_OPTIONAL_LOCKS", "0").args(["ls-files", "-z", "--stage"]).run_ok()?;
    let mut links: Vec<BString> = paths(&output.stdout)
        .iter()
        .filter(|line| line.starts_with(b"160000 "))
        .filter_map(|line| line.iter().position(|byte| *byte == b'\t').map(|tab| BString::from(&line[tab + 1..])))
        .collect();
    // An unmerged one has several lines.
    links.dedup();
    Ok(links)
}

/// Tracked files that are there and that git does not look at: a flag of their own says that they have not changed.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn hidden(top: &Path) -> Result<Vec<BString>> {
    let output = in_worktree(top).env("GIT_OPTIONAL_LOCKS", "0").args(["ls-files", "-z", "-v"]).run_ok()?;
    let flagged = paths(&output.stdout)
        .into_iter()
        .filter(|line| line.len() > 2 && (line[0] == b'S' || line[0].is_ascii_lowercase()))
        .map(|line| BString::from(&line[2..]));
    // A sparse checkout leaves files out on purpose.
    Ok(flagged.filter(|path| top.join(path_of_bytes(path)).symlink_metadata().is_ok()).collect())
}

fn paths(output: &[u8]) -> Vec<BString> {
    output.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(BString::from).collect()
}

fn two(record: &[u8], at: usize) -> [u8; 2] {
    [record.get(at).copied().unwrap_or(b'.'), record.get(at + 1).copied().unwrap_or(b'.')]
}

/// What stands behind `n` blanks: the path, which may hold blanks itself.
fn nth_field(record: &[u8], n: usize) -> Option<&[u8]> {
    let mut rest = record;
    for _ in 0..n {
        let blank = rest.iter().position(|byte| *byte == b' ')?;
        rest = &rest[blank + 1..];
    }
    Some(rest)
}

/// How many tracked paths are not as `HEAD` has them, without looking for untracked ones.
///
/// # Errors
/// Refused, with git's words, if the worktree is broken.
pub fn dirty_tracked(top: &Path) -> Result<usize> {
    let output = in_worktree(top)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .args(["status", "--porcelain", "-z", "--untracked-files=no", "--no-renames", "--no-ahead-behind"])
        .run_ok()?;
    Ok(paths(&output.stdout).len())
}
