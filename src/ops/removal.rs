//! What may not be removed: law 1 for every verb that lets go of a worktree.

mod nested;

use crate::error::{Error, Result};
use crate::git::worktrees::{bytes_of_path, path_of_bytes};
use crate::git::{Worktree, status};
use crate::ops::Context;
use crate::ops::surroundings::secrets::Secrets;
use crate::ops::surroundings::{copied, is_made_by_tools};
use crate::session::BString;

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

/// Refuses where removing the worktree could lose something that salvage does not hold.
///
/// # Errors
/// Refused or contended, with what is in the way and the command that helps.
pub fn require_removable(ctx: &Context, worktree: &Worktree) -> Result<()> {
    let place = worktree.path.display();
    if worktree.is_main() {
        return Err(Error::refused(format!("'{place}' is the main worktree, which is never removed.")));
    }
    if let Some(why) = &worktree.locked {
        let why = if why.is_empty() { String::new() } else { format!(" ({})", crate::session::event::one_line(why)) };
        return Err(Error::refused(format!("The worktree '{place}' is locked{why}."))
            .hint(format!("`git worktree unlock {place}` unlocks it.")));
    }
    require_proven(worktree)?;
    if worktree.is_missing {
        return Ok(());
    }
    if let Some(operation) = worktree.operation() {
        return Err(Error::refused(format!("The worktree '{place}' is in the middle of a {operation}."))
            .hint(format!("`git -C {place} {operation} --continue` or `--abort` ends it.")));
    }
    if worktree.is_busy() {
        return Err(Error::contended(format!("The index of '{place}' is locked: something is being written there."))
            .hint(format!(
                "Run it again when that is done; if no git is running, delete '{}'.",
                worktree.git_dir.join("index.lock").display()
            )));
    }
    nested::refuse(&worktree.path)?;
    refuse_submodules(ctx, worktree)?;
    refuse_ignored(ctx, worktree)
}

/// Refuses a directory at a worktree's place that is another's, or nobody's: git would look for a repository around it.
///
/// # Errors
/// Refused, with what mends it.
pub fn require_proven(worktree: &Worktree) -> Result<()> {
    let is_gone = || match worktree.path.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if worktree.is_main() || worktree.is_proven() || worktree.is_missing && is_gone() {
        return Ok(());
    }
    let place = worktree.path.display();
    Err(Error::refused(format!("The directory '{place}' does not say that it is this worktree."))
        .hint(format!("`git worktree repair {place}` mends its `.git` file, if it is."))
        .hint("Else move it away, then run it again."))
}

/// The repositories of submodules lie in the worktree's own git directory and go with it.
fn refuse_submodules(ctx: &Context, worktree: &Worktree) -> Result<()> {
    let list = ctx.repo.git_in(&worktree.path).args(["ls-files", "-z", "--stage"]).run_ok()?;
    for line in list.stdout.split(|byte| *byte == 0).filter(|line| line.starts_with(b"160000 ")) {
        let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
        let path = worktree.path.join(path_of_bytes(&line[tab + 1..]));
        if !path.join(".git").exists() {
            continue;
        }
        if path.join(".git").is_dir() {
            return Err(nested::error(&path));
        }
        let git = || ctx.repo.git_in(&path);
        let changed = git().args(["status", "--porcelain"]).run_ok()?;
        let unpushed = git()
            .args(["rev-list", "--max-count=1", "HEAD", "--branches", "--glob=refs/stas[h]", "--not", "--remotes"])
            .run_ok()?;
        if !changed.stdout.is_empty() || !unpushed.stdout.is_empty() {
            return Err(Error::refused(format!(
                "The submodule '{}' has changes or commits that no remote has.",
                path.display()
            ))
            .hint("Push or move them, then run it again."));
        }
    }
    Ok(())
}

/// Ignored files are in no commit and no salvage: only what a tool makes again may go.
fn refuse_ignored(ctx: &Context, worktree: &Worktree) -> Result<()> {
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
    refuse_secrets(ctx, worktree, &ignored)?;
    if precious.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> =
        precious.iter().take(5).map(|path| format!("'{}'", path.escape_ascii_controls())).collect();
    let more = if precious.len() > 5 { format!(" and {} more", precious.len() - 5) } else { String::new() };
    Err(Error::refused(format!(
        "Ignored files in '{}' are in no commit and would be lost: {}{more}.",
        worktree.path.display(),
        shown.join(", ")
    ))
    .hint("Move or delete them; or `git config --add session.disposable '<pattern>'` says that such files may go."))
}

/// Keys and credentials are nobody's to delete unasked, also in a folder that may go.
fn refuse_secrets(ctx: &Context, worktree: &Worktree, ignored: &[BString]) -> Result<()> {
    let secrets = Secrets::new(&ctx.repo);
    let mut found = Vec::new();
    let mut left: Vec<(BString, bool)> = Vec::new();
    for path in ignored {
        let (bare, is_folder) = match path.strip_suffix(b"/") {
            Some(folder) => (BString::from(folder), true),
            None => (path.clone(), false),
        };
        if secrets.names(&worktree.path, bare.as_ref(), is_folder) {
            found.push(bare);
        } else if is_folder {
            let in_tools = is_made_by_tools(bare.as_ref());
            left.push((bare, in_tools));
        }
    }
    while let Some((folder, in_tools)) = left.pop() {
        for entry in worktree.path.join(path_of_bytes(&folder)).read_dir().into_iter().flatten().flatten() {
            let mut below = folder.clone();
            below.push(b'/');
            below.extend_from_slice(&bytes_of_path(std::path::Path::new(&entry.file_name())));
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let in_tools = in_tools || is_folder && is_made_by_tools(below.as_ref());
            if secrets.names_entry(&worktree.path, below.as_ref(), is_folder, in_tools) {
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
        worktree.path.display()
    ))
    .hint(
        "Move or delete it; or `git config --add session.copyDeny '!<pattern>'` says that such files are no secrets.",
    ))
}

fn is_empty_folder(path: &std::path::Path) -> bool {
    path.is_dir() && path.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether any part of the path is what `session.disposable` or the list above names.
fn is_disposable(path: &BString, own: &[String]) -> bool {
    let text = String::from_utf8_lossy(path);
    let whole = text.trim_end_matches('/');
    let matches = |pattern: &str| {
        let pattern = pattern.trim_matches('/');
        if pattern.contains('/') {
            return crate::git::glob_matches(pattern, whole) || whole.starts_with(&format!("{pattern}/"));
        }
        whole.split('/').any(|part| crate::git::glob_matches(pattern, part))
    };
    DISPOSABLE.iter().any(|pattern| matches(pattern)) || own.iter().any(|pattern| matches(pattern))
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
