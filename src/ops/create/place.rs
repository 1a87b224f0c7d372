//! Where a new worktree goes: `session.path`, from the main worktree's top.

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::ops::Context;
use crate::session::Name;
use std::path::{Component, Path, PathBuf};

/// Beside the repository, all sessions of one repository in one folder.
const DEFAULT: &str = "../{repo}-sessions/{name}";

/// The directory for a session of that name and branch.
///
/// # Errors
/// Refused, if the setting names no place of its own for each session.
pub fn of(ctx: &Context, name: &Name, branch: &str) -> Result<PathBuf> {
    let template = template(&ctx.repo);
    if !["{name}", "{branch}", "{slug}"].iter().any(|part| template.contains(part)) {
        return Err(Error::refused(format!(
            "The setting `session.path` is '{template}': the same place for all sessions."
        ))
        .hint("Put `{name}` into it: `git config session.path '../{repo}-sessions/{name}'`."));
    }
    let filled = template
        .replace("{repo}", &repository_name(&ctx.repo))
        .replace("{name}", name.as_str())
        .replace("{slug}", &name.slug())
        .replace("{branch}", branch.strip_prefix("refs/heads/").unwrap_or(branch));
    Ok(normal(&ctx.place().join(at_home(&filled))))
}

fn template(repo: &Repo) -> String {
    repo.setting("session.path").filter(|template| !template.is_empty()).unwrap_or_else(|| DEFAULT.to_owned())
}

fn at_home(text: &str) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().map_or_else(|| PathBuf::from(text), |home| home.join(rest)),
        None => PathBuf::from(text),
    }
}

/// The folder that sessions have in common: the place as far as it is the same for all. Links are not resolved.
pub fn sessions_folder(repo: &Repo) -> PathBuf {
    let filled = template(repo).replace("{repo}", &repository_name(repo));
    let common = filled.split(['{']).next().unwrap_or_default();
    // A last part that names differ in is theirs.
    let common = common.rsplit_once('/').map_or("", |(folder, _)| folder);
    repo.main_place().join(at_home(common))
}

/// What people call the repository: the folder of the main worktree, or of a bare one without its `.git`.
pub(crate) fn repository_name(repo: &Repo) -> String {
    let place = repo.main_place();
    let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if name.starts_with('.') {
        // `project/.bare` and `project/.git` are called by the folder around them.
        place.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or(name)
    } else {
        name
    };
    let name = name.strip_suffix(".git").unwrap_or(&name).to_owned();
    if name.is_empty() { "repository".into() } else { name }
}

/// Without `.` and `..`, by the text alone: the place need not exist yet.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    // The parent that exists may be reached through a link: git records the real place.
    let mut rest = Vec::new();
    let mut existing = normal.clone();
    loop {
        if let Ok(real) = existing.canonicalize() {
            return rest.iter().rev().fold(real, |path: PathBuf, part| path.join(part));
        }
        match (existing.file_name().map(ToOwned::to_owned), existing.parent()) {
            (Some(name), Some(parent)) => {
                rest.push(name);
                existing = parent.to_owned();
            }
            _ => return normal,
        }
    }
}

/// Whether a new worktree may go there: nothing is there, or an empty directory.
///
/// # Errors
/// Refused, with what is in the way.
pub fn require_free(path: &Path) -> Result<()> {
    let taken = |what: &str| {
        Err(Error::refused(format!("The place '{}' is taken: {what}.", path.display()))
            .hint("Move that away, give the session another name, or set `session.path` to another place."))
    };
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return taken("a file is in its way"),
        Err(error) => {
            return Err(Error::refused(format!("The place '{}' cannot be used.", path.display())).because(error));
        }
        Ok(meta) if meta.is_dir() => match path.read_dir().map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            _ => return taken("there is a directory with something in it"),
        },
        Ok(_) => return taken("there is a file"),
    }
    let real = path.ancestors().skip(1).find(|ancestor| ancestor.exists());
    match real {
        Some(ancestor) if !ancestor.is_dir() => taken("a file is in its way"),
        _ => Ok(()),
    }
}
