//! Submodules: their repositories lie in the worktree's own git directory and go with it, and what is uncommitted in them
//! is in no salvage.

use super::{ignored, nested};
use crate::error::{Context as _, Error, Result};
use crate::git::worktrees::path_of_bytes;
use crate::git::{Worktree, status};
use crate::host::process::Command;
use crate::ops::Context;
use std::path::{Path, PathBuf};

/// Refuses what is checked out in submodules, and in theirs, and would be lost.
///
/// # Errors
/// Refused, with the submodule.
pub(super) fn refuse_work(ctx: &Context, worktree: &Worktree) -> Result<()> {
    let mut tops = vec![worktree.path.clone()];
    while let Some(top) = tops.pop() {
        for path in status::links(&top)?.iter().map(|path| top.join(path_of_bytes(path))) {
            if path.join(".git").is_dir() {
                return Err(nested::error(&path));
            }
            if path.join(".git").exists() {
                refuse_checked_out(ctx, worktree, &path)?;
                tops.push(path);
            } else {
                refuse_strays(&path)?;
            }
        }
    }
    Ok(())
}

fn refuse_checked_out(ctx: &Context, worktree: &Worktree, path: &Path) -> Result<()> {
    let git = || ctx.repo.git_in(path).env("GIT_OPTIONAL_LOCKS", "0");
    // Settings and flags that hide changes from the user's eyes are not to hide them from ours.
    let changed =
        git().args(["status", "--porcelain", "--untracked-files=all", "--ignore-submodules=none"]).run_ok()?;
    let place = path.display();
    if !changed.stdout.is_empty() {
        return Err(Error::refused(format!("The submodule '{place}' has changes that are not committed."))
            .hint("Commit and push them, or move them, then run it again."));
    }
    if let Some(file) = status::hidden(path)?.first() {
        let file = path_of_bytes(file);
        return Err(Error::refused(format!(
            "In the submodule '{place}' git does not look whether '{}' has changed.",
            file.display()
        ))
        .hint(format!(
            "`git -C {place} update-index --no-assume-unchanged --no-skip-worktree {}` lets it.",
            file.display()
        )));
    }
    refuse_unpushed(git(), path, &format!("git -C {place}"))?;
    nested::refuse(path)?;
    ignored::refuse_in_submodule(ctx, &worktree.path, path)
}

/// Where a submodule is not checked out git shows nothing, whatever lies there.
fn refuse_strays(path: &Path) -> Result<()> {
    let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    if is_folder && path.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::refused(format!(
            "The submodule '{}' is not checked out, and there are files in its place.",
            path.display()
        ))
        .hint("Move them out of the worktree, then run it again."));
    }
    Ok(())
}

/// Refuses where a repository of a submodule has what no remote has, be the submodule checked out or not, or gone from the
/// index.
///
/// # Errors
/// Refused, with the repository.
pub(super) fn refuse_repositories(ctx: &Context, worktree: &Worktree) -> Result<()> {
    for repository in repositories(&worktree.git_dir)? {
        let place = repository.display();
        let inside = Worktree { git_dir: repository.clone(), ..worktree.clone() };
        if let Some(operation) = inside.operation() {
            return Err(Error::refused(format!("The submodule of '{place}' is in the middle of a {operation}."))
                .hint(format!("`git {operation} --continue` or `--abort` in it ends that.")));
        }
        // The directory that its settings name may be gone.
        let git = ctx.repo.git_of(&repository).env("GIT_WORK_TREE", &repository);
        refuse_unpushed(git, &repository, &format!("git --work-tree=. --git-dir={place}"))?;
    }
    Ok(())
}

/// `git` runs in the repository at `path`, and the user gets there by `by_hand`.
fn refuse_unpushed(git: Command, path: &Path, by_hand: &str) -> Result<()> {
    let found = git.args(["rev-list", "--max-count=1", "--all", "--reflog", "--not", "--remotes"]).run_ok()?;
    if found.stdout.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("The submodule '{}' has commits that no remote has.", path.display()))
        .hint(format!("`{by_hand} log --all --reflog --not --remotes` shows them; push them, then run it again."))
        .hint(format!("`{by_hand} reflog expire --expire=now --all` lets go of those that no branch and no tag has.")))
}

/// All repositories below `modules`, those of submodules in submodules too. A name may have slashes in it.
fn repositories(git_dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left = vec![git_dir.join("modules")];
    while let Some(folder) = left.pop() {
        if is_repository(&folder) {
            left.push(folder.join("modules"));
            found.push(folder);
            continue;
        }
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).or_refuse(|| format!("'{}' could not be read.", folder.display())),
        };
        let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        left.extend(folders.map(|entry| entry.path()));
    }
    found.sort();
    Ok(found)
}

/// Also one that is damaged: then git says so.
fn is_repository(folder: &Path) -> bool {
    folder.join("objects").is_dir() && ["HEAD", "config", "refs"].iter().any(|part| folder.join(part).exists())
}
