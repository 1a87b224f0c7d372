//! Ignored files that a removed worktree would take along.

use crate::error::{Error, Result};
use crate::git::worktrees::{bytes_of_path, path_of_bytes};
use crate::git::{Worktree, status};
use crate::ops::Context;
use crate::ops::surroundings::secrets::Secrets;
use crate::ops::surroundings::{copied, is_made_by_tools};
use crate::session::BString;
use std::path::Path;

/// What package managers and compilers make, and make again: `session.disposable` adds to it.
pub const DISPOSABLE: [&str; 44] = [
    "node_modules",
    "bower_components",
    "target",
    "build",
    "dist",
    "out",
    "_build",
    "bin",
    "obj",
    ".venv",
    "venv",
    "__pycache__",
    "*.pyc",
    "*.pyo",
    "*.egg-info",
    ".tox",
    ".nox",
    ".eggs",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".cache",
    ".gradle",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".turbo",
    ".parcel-cache",
    ".angular",
    "coverage",
    ".nyc_output",
    "*.o",
    "*.a",
    "*.so",
    "*.class",
    "*.gcda",
    "*.gcno",
    "*.tsbuildinfo",
    ".eslintcache",
    ".DS_Store",
    "Thumbs.db",
    "*.swp",
    "*.log",
    "tmp",
];

/// Ignored files are in no commit and no salvage: only what a tool makes again may go.
pub(super) fn refuse(ctx: &Context, worktree: &Worktree) -> Result<()> {
    let own = ctx.repo.settings("session.disposable");
    let ignored = status::ignored(&worktree.path)?;
    let may_go = |path: &BString| is_disposable(path, &own);
    let mut precious = Vec::new();
    let mut copied = None;
    for path in &ignored {
        if may_go(path) || is_empty_folder(&worktree.path.join(path_of_bytes(path))) {
            continue;
        }
        let copied = match &copied {
            Some(copied) => copied,
            None => copied.insert(copied::of_worktree(&ctx.repo, worktree)?),
        };
        if !copied.is_unchanged(&worktree.path, path.as_ref(), &may_go)? {
            precious.push(path.clone());
        }
    }
    refuse_secrets(ctx, &worktree.path, &ignored)?;
    refuse_precious(&worktree.path, &precious)
}

/// The same of what is checked out in a submodule at `path`, where nothing was copied.
///
/// # Errors
/// Refused, with some of the files.
pub(super) fn refuse_in_submodule(ctx: &Context, top: &Path, path: &Path) -> Result<()> {
    let own = ctx.repo.settings("session.disposable");
    // A pattern with a slash in it starts at the worktree's top, or at the submodule's.
    let from_top: Vec<&String> = own.iter().filter(|pattern| pattern.trim_matches('/').contains('/')).collect();
    let inside = bytes_of_path(path.strip_prefix(top).unwrap_or(path));
    let may_go = |file: &BString| {
        let whole = [inside.as_slice(), b"/", file.as_slice()].concat();
        let whole = String::from_utf8_lossy(&whole);
        is_disposable(file, &own) || from_top.iter().any(|pattern| names(pattern, whole.trim_end_matches('/')))
    };
    let ignored = status::ignored(path)?;
    let precious: Vec<BString> = ignored
        .iter()
        .filter(|file| !may_go(file) && !is_empty_folder(&path.join(path_of_bytes(file))))
        .cloned()
        .collect();
    refuse_secrets(ctx, path, &ignored)?;
    refuse_precious(path, &precious)
}

fn refuse_precious(top: &Path, precious: &[BString]) -> Result<()> {
    if precious.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> =
        precious.iter().take(5).map(|path| format!("'{}'", path.escape_ascii_controls())).collect();
    let more = if precious.len() > 5 { format!(" and {} more", precious.len() - 5) } else { String::new() };
    Err(Error::refused(format!(
        "Ignored files in '{}' are in no commit and would be lost: {}{more}.",
        top.display(),
        shown.join(", ")
    ))
    .hint("Move or delete them; or `git config --add session.disposable '<pattern>'` says that such files may go."))
}

/// Keys and credentials are nobody's to delete unasked, also in a folder that may go.
fn refuse_secrets(ctx: &Context, top: &Path, ignored: &[BString]) -> Result<()> {
    let secrets = Secrets::new(&ctx.repo);
    let mut found = Vec::new();
    let mut left: Vec<(BString, bool)> = Vec::new();
    for path in ignored {
        let (bare, is_folder) = match path.strip_suffix(b"/") {
            Some(folder) => (BString::from(folder), true),
            None => (path.clone(), false),
        };
        if secrets.names(top, bare.as_ref(), is_folder) {
            found.push(bare);
        } else if is_folder {
            let in_tools = is_made_by_tools(bare.as_ref());
            left.push((bare, in_tools));
        }
    }
    while let Some((folder, in_tools)) = left.pop() {
        for entry in top.join(path_of_bytes(&folder)).read_dir().into_iter().flatten().flatten() {
            let mut below = folder.clone();
            below.push(b'/');
            below.extend_from_slice(&bytes_of_path(Path::new(&entry.file_name())));
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let in_tools = in_tools || is_folder && is_made_by_tools(below.as_ref());
            if secrets.names_entry(top, below.as_ref(), is_folder, in_tools) {
                found.push(below);
            } else if is_folder {
                left.push((below, in_tools));
            }
        }
    }
    let Some(first) = found.first() else { return Ok(()) };
    let more = if found.len() > 1 { format!(" and {} more", found.len() - 1) } else { String::new() };
    Err(Error::refused(format!(
        "'{}'{more} in '{}' may be a key or hold credentials, and would be lost.",
        first.escape_ascii_controls(),
        top.display()
    ))
    .hint(
        "Move or delete it; or `git config --add session.copyDeny '!<pattern>'` says that such files are no secrets.",
    ))
}

fn is_empty_folder(path: &Path) -> bool {
    path.is_dir() && path.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether any part of the path is what `session.disposable` or the list above names.
fn is_disposable(path: &BString, own: &[String]) -> bool {
    let text = String::from_utf8_lossy(path);
    let whole = text.trim_end_matches('/');
    DISPOSABLE.iter().any(|pattern| names(pattern, whole)) || own.iter().any(|pattern| names(pattern, whole))
}

fn names(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_matches('/');
    if pattern.contains('/') {
        return crate::git::glob_matches(pattern, path) || path.starts_with(&format!("{pattern}/"));
    }
    path.split('/').any(|part| crate::git::glob_matches(pattern, part))
}

/// Text that a terminal does not obey.
trait Shown {
    fn escape_ascii_controls(&self) -> String;
}

impl Shown for BString {
    fn escape_ascii_controls(&self) -> String {
        String::from_utf8_lossy(self).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::is_disposable;

    #[test]
    fn what_tools_make_may_go_and_secrets_may_not() {
        let own = vec!["*.sqlite".to_owned(), "data/cache".to_owned()];
        for path in ["node_modules/", "a/b/target/", "x.pyc", "db/test.sqlite", "data/cache/"] {
            assert!(is_disposable(&path.into(), &own), "{path}");
        }
        for path in [".env", "notes.txt", "data/", "keys/id_rsa"] {
            assert!(!is_disposable(&path.into(), &own), "{path}");
        }
    }
}
