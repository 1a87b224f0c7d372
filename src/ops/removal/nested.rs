//! Other repositories in a worktree: they would go with it, and neither git nor a salvage shows what is in them.

use crate::error::{Error, Result};
use crate::git::status;
use crate::git::worktrees::path_of_bytes;
use std::path::{Path, PathBuf};

/// Refuses where a directory below `top` has a `.git` of its own, whatever that is: git passes over the name everywhere.
/// Submodules are not looked into.
///
/// # Errors
/// Refused, with the directory.
pub(super) fn refuse(top: &Path) -> Result<()> {
    for folder in status::tracked_folders(top)? {
        let folder = path_of_bytes(&folder);
        if has_git(&top.join(&folder)) && !is_behind_a_link(top, &folder) {
            return Err(error(&top.join(folder)));
        }
    }
    // Folders of untracked and of ignored files are not all made by tools: a repository may lie in one that is.
    let mut folders: Vec<PathBuf> =
        status::untracked_folders(top)?.iter().map(|path| top.join(path_of_bytes(path))).collect();
    while let Some(folder) = folders.pop() {
        if has_git(&folder) {
            return Err(error(&folder));
        }
        let entries = folder.read_dir().into_iter().flatten().flatten();
        folders.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    Ok(())
}

/// That there is one.
pub(super) fn error(path: &Path) -> Error {
    Error::refused(format!("There is another repository at '{}', which salvage cannot hold.", path.display()))
        .hint("Move it out of the worktree, then run it again.")
}

fn has_git(folder: &Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

/// Whether a link stands where the directory was tracked: what it leads to does not go.
fn is_behind_a_link(top: &Path, folder: &Path) -> bool {
    folder.ancestors().any(|part| {
        !part.as_os_str().is_empty() && top.join(part).symlink_metadata().is_ok_and(|meta| meta.is_symlink())
    })
}
