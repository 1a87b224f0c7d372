//! Hooks that git would run at a point which the program reaches in git's stead.

use crate::error::{Error, Result};
use crate::git::Repo;
use std::path::{Path, PathBuf};

/// What became of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// There is none.
    None,
    /// It ran, with this exit code.
    Code(i32),
    /// It is tracked content that the user has not checked out himself, so it was left out.
    LeftOut(PathBuf),
}

/// Whether a hook of that name exists for the main worktree.
pub fn exists(repo: &Repo, name: &str) -> bool {
    is_there(repo, &repo.main_place(), name)
}

/// Whether a hook of that name exists for the worktree at `top`.
pub fn is_there(repo: &Repo, top: &Path, name: &str) -> bool {
    is_program(&path(repo, top, name))
}

/// Where the hook would be for a worktree: a relative `core.hooksPath` starts at its top.
pub fn path(repo: &Repo, top: &Path, name: &str) -> PathBuf {
    match repo.path_setting_quick("core.hooksPath") {
        Some(folder) => top.join(folder).join(name),
        None => repo.common_dir().join("hooks").join(name),
    }
}

/// Whether git would run a hook of that name in the worktree at `top`, and may.
pub fn would_run(repo: &Repo, top: &Path, name: &str) -> bool {
    let hook = path(repo, top, name);
    is_program(&hook) && !is_tracked_content(repo, top, &hook)
}

/// Whether there is a hook of that name in the worktree at `top` that may not run: it came with the branch.
pub fn is_left_out(repo: &Repo, top: &Path, name: &str) -> bool {
    let hook = path(repo, top, name);
    is_program(&hook) && is_tracked_content(repo, top, &hook)
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    {
        path.is_file()
    }
}

/// Runs a hook of the worktree at `top`, as git would. Its output goes to standard error.
///
/// Where `core.hooksPath` lies inside the worktree the file is tracked content: it runs only if it is the very file
/// that the main worktree has, which the user has checked out himself.
///
/// # Errors
/// Refused, if it cannot be started.
pub fn run(repo: &Repo, top: &Path, name: &str, args: &[&str], env: &[(&str, &str)]) -> Result<Ran> {
    let hook = path(repo, top, name);
    if !is_program(&hook) {
        return Ok(Ran::None);
    }
    if is_tracked_content(repo, top, &hook) {
        return Ok(Ran::LeftOut(hook));
    }
    let mut command = repo.git_in(top).args(["hook", "run", "--ignore-missing", name, "--"]).args(args);
    for (key, value) in env {
        command = command.env(*key, *value);
    }
    let code = command.run_attached(true)?;
    code.map(Ran::Code).ok_or_else(|| {
        Error::refused(format!("The hook '{name}' was ended by a signal."))
            .hint(format!("It is '{}'; run it again.", hook.display()))
    })
}

/// The first of these hooks of the worktree at `top` that may not run there, since it came with the branch.
pub fn left_out(repo: &Repo, top: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| path(repo, top, name)).find(|hook| is_program(hook) && is_tracked_content(repo, top, hook))
}

fn is_tracked_content(repo: &Repo, top: &Path, hook: &Path) -> bool {
    let (Ok(real), Ok(top)) = (hook.canonicalize(), top.canonicalize()) else { return false };
    let Ok(relative) = real.strip_prefix(&top) else { return false };
    let Some(main) = repo.main_top() else { return true };
    if main == top {
        return false;
    }
    let Some(mut folder) = relative.parent() else { return true };
    // What husky puts into `.husky/_` starts the scripts beside that folder.
    if folder.file_name().is_some_and(|name| name == "_") {
        folder = folder.parent().unwrap_or(folder);
    }
    // A hook may start its neighbours, so that they count too. At the top there would be no end to them.
    let same = |path: &Path| matches!((std::fs::read(main.join(path)), std::fs::read(top.join(path))), (Ok(a), Ok(b)) if a == b);
    !same(relative) || !folder.as_os_str().is_empty() && !is_same_folder(&main.join(folder), &top.join(folder))
}

/// Whether two folders hold the same files, as far as `found` has any. Links are never followed, and never the same.
fn is_same_folder(approved: &Path, found: &Path) -> bool {
    let Ok(entries) = found.read_dir() else { return false };
    for entry in entries {
        let Ok(entry) = entry else { return false };
        let Ok(kind) = entry.file_type() else { return false };
        let (ours, theirs) = (approved.join(entry.file_name()), entry.path());
        let is_same = if kind.is_dir() {
            is_same_folder(&ours, &theirs)
        } else if kind.is_file() {
            matches!((std::fs::read(ours), std::fs::read(theirs)), (Ok(a), Ok(b)) if a == b)
        } else {
            matches!((ours.read_link(), theirs.read_link()), (Ok(a), Ok(b)) if a == b && !a.is_absolute())
        };
        if !is_same {
            return false;
        }
    }
    true
}

impl Repo {
    /// A path setting without a child process; `~/` is filled in.
    pub(crate) fn path_setting_quick(&self, key: &str) -> Option<PathBuf> {
        let text = self.setting(key)?;
        Some(match text.strip_prefix("~/") {
            Some(rest) => std::env::home_dir()?.join(rest),
            None => PathBuf::from(text),
        })
    }
}
