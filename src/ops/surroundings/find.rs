//! Finding the ignored files of the main worktree that a new one gets.

use super::secrets::Secrets;
use crate::error::Result;
use crate::git::ignore::Patterns;
use crate::git::worktrees::{bytes_of_path, path_of_bytes};
use crate::git::{Repo, status};
use crate::session::{BStr, BString};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// The file with patterns that other tools read too.
pub const INCLUDE: &str = ".worktreeinclude";

/// Files to copy from one worktree to another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyPlan {
    /// The top they come from; none where nothing is copied.
    pub source: Option<PathBuf>,
    /// Ignored paths as git names them, a folder as a whole with a slash, each with the number of its files.
    pub roots: Vec<(BString, usize)>,
    /// All files, those of one root behind each other.
    pub files: Vec<BString>,
    /// What is linked instead.
    pub links: Vec<BString>,
    /// What the deny-list kept out.
    pub denied: Vec<BString>,
}

/// Looks for files. What the user should know goes to `warnings` and `notes`.
///
/// # Errors
/// Refused, if git cannot list the ignored files.
pub fn find(
    repo: &Repo,
    team: &[String],
    secrets: &Secrets,
    notes: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> Result<CopyPlan> {
    let Some(main) = repo.main_top() else { return Ok(CopyPlan::default()) };
    let fold = repo.switch("core.ignoreCase")?.unwrap_or(false);
    let include = std::fs::read(main.join(INCLUDE)).unwrap_or_default();
    let include = String::from_utf8_lossy(&include).into_owned();
    let (own, link) = (repo.settings("session.copy"), repo.settings("session.link"));
    let all = include.lines().chain(team.iter().map(String::as_str)).chain(own.iter().map(String::as_str));
    let copy = Patterns::new(all.filter(|line| is_inside(line, warnings)), fold);
    let link = Patterns::new(link.iter().map(String::as_str).filter(|line| is_inside(line, warnings)), fold);
    let mut plan = CopyPlan::default();
    offer(repo, &main, &copy, notes)?;
    if copy.is_empty() && link.is_empty() {
        return Ok(plan);
    }
    let search = Search { main: &main, copy: &copy, link: &link, secrets };
    for root in status::ignored(&main)? {
        let is_directory = root.ends_with(b"/");
        let path: &BStr = root.strip_suffix(b"/").unwrap_or(&root).into();
        let parent: &BStr = path.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |slash| &path[..slash]).into();
        // What git names is where the walk begins: what is above it is looked at once.
        if !parent.is_empty() && secrets.names(&main, parent, true) {
            continue;
        }
        let above = Above {
            is_named: !parent.is_empty() && copy.names(parent, true),
            in_tools: super::is_made_by_tools(parent),
        };
        let found = search.at(path, is_directory, above);
        if !found.files.is_empty() {
            plan.roots.push((root.clone(), found.files.len()));
        }
        plan.files.extend(found.files);
        plan.links.extend(found.links);
        plan.denied.extend(found.denied);
        for nested in found.nested {
            warnings.push(format!("'{nested}' is a repository of its own, and was not copied."));
        }
    }
    plan.source = Some(main);
    Ok(plan)
}

/// Patterns name what is in the worktree: one that leads out of it is said, and names nothing.
fn is_inside(line: &str, warnings: &mut Vec<String>) -> bool {
    let pattern = line.trim_end().trim_start_matches('!');
    let is_inside = pattern.starts_with('#') || !pattern.split(['/', '\\']).any(|part| part == "..");
    if !is_inside {
        warnings.push(format!("The pattern '{pattern}' leads out of the worktree, and is left out."));
    }
    is_inside
}

/// `.env` files that no pattern names are offered.
fn offer(repo: &Repo, main: &Path, copy: &Patterns, notes: &mut Vec<String>) -> Result<()> {
    let Ok(entries) = main.read_dir() else { return Ok(()) };
    let mut found: Vec<BString> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| BString::from(bytes_of_path(Path::new(&entry.file_name()))))
        .filter(|name| name.starts_with(b".env") && !copy.names(name.as_ref(), false))
        .filter(|name| copy.verdict(name.as_ref(), false).is_none())
        .collect();
    found.sort();
    let ignored = repo.ignored_of(main, &found)?;
    if !ignored.is_empty() {
        let names: Vec<String> = ignored.iter().map(|name| format!("'{name}'")).collect();
        notes.push(format!(
            "{} {} not copied; `git config --add session.copy '.env*'` copies such files into new worktrees, and `git \
             session env refresh <session>` into one that is there.",
            names.join(", "),
            if names.len() == 1 { "was" } else { "were" }
        ));
    }
    Ok(())
}

/// What is known of the folders above a path.
#[derive(Debug, Clone, Copy)]
struct Above {
    /// A pattern names one.
    is_named: bool,
    /// One is made by tools.
    in_tools: bool,
}

struct Search<'a> {
    main: &'a Path,
    copy: &'a Patterns,
    link: &'a Patterns,
    secrets: &'a Secrets,
}

#[derive(Default)]
struct Found {
    files: Vec<BString>,
    links: Vec<BString>,
    denied: Vec<BString>,
    nested: Vec<BString>,
}

impl Search<'_> {
    /// What is to be taken at a path that git ignores.
    fn at(&self, path: &BStr, is_directory: bool, above: Above) -> Found {
        let mut found = Found::default();
        let is_named = above.is_named || self.copy.verdict(path, is_directory) == Some(true);
        let is_linked = self.link.verdict(path, is_directory) == Some(true);
        if !is_named && !is_linked && !is_directory {
            return found;
        }
        let in_tools = above.in_tools || is_directory && super::is_tool_folder(path);
        if self.secrets.names_entry(self.main, path, is_directory, in_tools) {
            if is_named || is_linked {
                found.denied.push(path.into());
            }
            return found;
        }
        if is_linked {
            found.links.push(path.into());
            return found;
        }
        if !is_directory {
            found.files.push(path.into());
            return found;
        }
        // Nobody wants single files out of what tools make, such as each `.env` that is in a package.
        if !is_named && in_tools {
            return found;
        }
        let folder = self.main.join(path_of_bytes(path));
        if folder.join(".git").symlink_metadata().is_ok() {
            if is_named {
                found.nested.push(path.into());
            }
            return found;
        }
        let Ok(entries) = folder.read_dir() else { return found };
        let mut folders = Vec::new();
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let mut below = path.to_owned();
            below.push(b'/');
            below.extend_from_slice(&bytes_of_path(Path::new(&entry.file_name())));
            if kind.is_dir() { folders.push(below) } else { files.push(below) }
        }
        let below_it = Above { is_named, in_tools };
        files.sort();
        folders.sort();
        for file in files {
            found.add(self.at(file.as_ref(), false, below_it));
        }
        let below: Vec<Found> = folders.par_iter().map(|folder| self.at(folder.as_ref(), true, below_it)).collect();
        for more in below {
            found.add(more);
        }
        found
    }
}

impl Found {
    fn add(&mut self, more: Found) {
        self.files.extend(more.files);
        self.links.extend(more.links);
        self.denied.extend(more.denied);
        self.nested.extend(more.nested);
    }
}
