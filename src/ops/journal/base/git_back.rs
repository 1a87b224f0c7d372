//! The way back of what git was to write into a worktree and did not finish.

use super::touched;
use crate::error::{Context as _, Error, Result};
use crate::git::worktrees::path_of_bytes;
use crate::git::{Repo, Worktree};
use crate::host::exchange::Stat;
use crate::session::{BString, ObjectId};
use std::path::Path;
use std::time::Duration;

/// The hold proves that the git we started is gone, so that a lock of its is dead; but another git may be at work here
/// by now. A lock that somebody is about to give back is waited for, and one that stays as it is was ours.
fn remove_dead_lock(worktree: &Worktree) -> Result<()> {
    let lock = worktree.git_dir.join("index.lock");
    let look = || Stat::of(&lock).or_refuse(|| format!("'{}' could not be looked at.", lock.display()));
    let Some(first) = look()? else { return Ok(()) };
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(50));
        match look()? {
            None => return Ok(()),
            Some(now) if now == first => {}
            Some(_) => {
                return Err(Error::contended(format!(
                    "The index of '{}' is being written, and an interrupted move has to be taken back there.",
                    worktree.path.display()
                ))
                .hint("Run it again when git is done there."));
            }
        }
    }
    std::fs::remove_file(&lock).or_refuse(|| format!("'{}' could not be removed.", lock.display()))
}

/// git stopped or died while it wrote the files of `new` over those of `old`: paths that have the new content, or its
/// beginning, or nothing, get the old one; anything else is somebody's and stays.
pub(super) fn take_files_back(repo: &Repo, worktree: &Worktree, old: ObjectId, new: ObjectId) -> Result<()> {
    remove_dead_lock(worktree)?;
    let git = || repo.git_in(&worktree.path);
    let index_tree = ObjectId::from_hex(git().args(["write-tree"]).run()?.text().as_bytes()).ok();
    if index_tree == Some(repo.commit(new)?.tree) {
        git().args(["read-tree", "-m", "-u", &new.to_string(), &old.to_string()]).run_ok()?;
        return Ok(());
    }
    let (before, after) = (repo.files_of_commit(old)?, repo.files_of_commit(new)?);
    let mut restore = Vec::new();
    for path in touched(repo, old, new)? {
        let file = worktree.path.join(path_of_bytes(&path));
        let found = if file.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
            let output = git().args(["hash-object", "--path"]).arg(path_of_bytes(&path)).arg("--").arg(&file).run()?;
            ObjectId::from_hex(output.text().as_bytes()).ok()
        } else if file.symlink_metadata().is_ok() {
            std::fs::read_link(&file)
                .ok()
                .and_then(|target| repo.write_blob(&crate::git::worktrees::bytes_of_path(&target)).ok())
        } else {
            None
        };
        let wanted = after.get(&path).copied();
        let is_new = found == wanted
            || wanted.is_some()
                && match found {
                    // git deletes the old file before it writes the new one.
                    None => before.contains_key(&path),
                    found if found == before.get(&path).copied() => false,
                    Some(_) => is_begun(repo, &worktree.path, &path, new)?,
                };
        match before.get(&path) {
            Some(_) if is_new => {
                restore.extend_from_slice(&path);
                restore.push(0);
            }
            None if is_new && found.is_some() => {
                let _ = std::fs::remove_file(&file);
            }
            _ => {}
        }
    }
    if !restore.is_empty() {
        git().args(["checkout-index", "--force", "--index", "-z", "--stdin"]).input(restore).run_ok()?;
    }
    Ok(())
}

/// Whether a file is the beginning of what git writes there for the commit `new`.
fn is_begun(repo: &Repo, top: &Path, path: &BString, new: ObjectId) -> Result<bool> {
    let file = top.join(path_of_bytes(path));
    if !file.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
        return Ok(false);
    }
    let there = std::fs::read(&file).or_refuse(|| format!("'{}' could not be read.", file.display()))?;
    let mut object = std::ffi::OsString::from(format!("{new}:"));
    object.push(path_of_bytes(path));
    let whole = repo.git_in(top).args(["cat-file", "--filters"]).arg(object).run_ok()?.stdout;
    Ok(there.len() < whole.len() && whole.starts_with(&there))
}
