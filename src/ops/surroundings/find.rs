//! Finding the ignored files of the main worktree that a new one gets.

use super::secrets::Secrets;
use crate::error::Result;
use crate::git::ignore::Patterns;
use crate::git::worktrees::{bytes_of_path, path_of_bytes};
use crate::git::{Repo, status};
use crate::ops::team;
use crate::session::{BStr, BString};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// The file with patterns that other tools read too.
pub const INCLUDE: &str = ".worktreeinclude";

/// A line of a list of patterns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The pattern.
    pub pattern: String,
    /// The file or the setting it stands in.
    pub from: &'static str,
}

/// Something to be copied, by one rule: a file, or a folder with a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As git names it.
    pub path: BString,
    /// How many files.
    pub files: usize,
    /// Why.
    pub rule: Rule,
}

/// Files to copy from one worktree to another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyPlan {
    /// The top they come from; none where nothing is copied.
    pub source: Option<PathBuf>,
    /// Ignored paths as git names them, a folder as a whole with a slash, each with the number of its files.
    pub roots: Vec<(BString, usize)>,
    /// All files, those of one root behind each other.
    pub files: Vec<BString>,
    /// The same files with what named them: a root as a whole where one rule named all of it, else each file.
    pub entries: Vec<Entry>,
    /// What is linked instead.
    pub links: Vec<BString>,
    /// What named those.
    pub link_rules: Vec<Rule>,
    /// What the deny-list kept out.
    pub denied: Vec<BString>,
}

/// Looks for files. What the user should know goes to `warnings` and `notes`.
///
/// # Errors
/// Refused, if git cannot list the ignored files.
pub fn find(
    repo: &Repo,
    by_team: &[String],
    secrets: &Secrets,
    notes: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> Result<CopyPlan> {
    let Some(main) = repo.main_top() else { return Ok(CopyPlan::default()) };
    let fold = repo.switch("core.ignoreCase")?.unwrap_or(false);
    let include = std::fs::read(main.join(INCLUDE)).unwrap_or_default();
    let include = String::from_utf8_lossy(&include).into_owned();
    let (own, link) = (repo.settings("session.copy"), repo.settings("session.link"));
    let from = |lines: &[String], from: &'static str| -> Vec<Rule> {
        let lines = lines.iter().flat_map(|text| text.lines());
        lines.map(|line| Rule { pattern: line.to_owned(), from }).collect()
    };
    let mut rules = from(&[include], INCLUDE);
    rules.extend(from(by_team, team::PATH));
    rules.extend(from(&own, "session.copy"));
    rules.retain(|rule| is_inside(&rule.pattern, warnings));
    let mut link_rules = from(&link, "session.link");
    link_rules.retain(|rule| is_inside(&rule.pattern, warnings));
    let patterns = |rules: &[Rule]| Patterns::new(rules.iter().map(|rule| rule.pattern.as_str()), fold);
    let (copy, link) = (patterns(&rules), patterns(&link_rules));
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
            named: if parent.is_empty() { None } else { copy.naming(parent, true) },
            in_tools: super::is_made_by_tools(parent),
        };
        let found = search.at(path, is_directory, above);
        if !found.files.is_empty() {
            plan.roots.push((root.clone(), found.files.len()));
            plan.entries.extend(entries(&root, &found.files, &rules));
        }
        plan.files.extend(found.files.into_iter().map(|(file, _)| file));
        for (link, line) in found.links {
            plan.link_rules.extend(link_rules.get(line).cloned());
            plan.links.push(link);
        }
        plan.denied.extend(found.denied);
        for nested in found.nested {
            warnings.push(format!("'{nested}' is a repository of its own, and was not copied."));
        }
        for folder in found.unreadable {
            warnings.push(format!("'{folder}' was not copied: it cannot be read."));
        }
    }
    plan.source = Some(main);
    Ok(plan)
}

/// A root with the rule that named all of it, or its files with the rules of each.
fn entries(root: &BString, files: &[(BString, usize)], rules: &[Rule]) -> Vec<Entry> {
    let entry = |path: &BString, files, line: usize| {
        let rule = rules.get(line)?.clone();
        Some(Entry { path: path.clone(), files, rule })
    };
    match files {
        [(_, first), ..] if files.iter().all(|(_, line)| line == first) => {
            entry(root, files.len(), *first).into_iter().collect()
        }
        _ => files.iter().filter_map(|(file, line)| entry(file, 1, *line)).collect(),
    }
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
    /// The line that names one.
    named: Option<usize>,
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
    /// With the line that names each.
    files: Vec<(BString, usize)>,
    links: Vec<(BString, usize)>,
    denied: Vec<BString>,
    nested: Vec<BString>,
    /// Folders that may not be looked into.
    unreadable: Vec<BString>,
}

impl Search<'_> {
    /// What is to be taken at a path that git ignores.
    fn at(&self, path: &BStr, is_directory: bool, above: Above) -> Found {
        let mut found = Found::default();
        let line_of = |patterns: &Patterns| match patterns.rule(path, is_directory) {
            Some((true, line)) => Some(line),
            _ => None,
        };
        let (named, linked) = (above.named.or_else(|| line_of(self.copy)), line_of(self.link));
        if named.is_none() && linked.is_none() && !is_directory {
            return found;
        }
        let in_tools = above.in_tools || is_directory && super::is_tool_folder(path);
        if self.secrets.names_entry(self.main, path, is_directory, in_tools) {
            if named.is_some() || linked.is_some() {
                found.denied.push(path.into());
            }
            return found;
        }
        if let Some(line) = linked {
            found.links.push((path.into(), line));
            return found;
        }
        if !is_directory {
            found.files.extend(named.map(|line| (BString::from(path), line)));
            return found;
        }
        // Nobody wants single files out of what tools make, such as each `.env` that is in a package.
        if named.is_none() && in_tools {
            return found;
        }
        let folder = self.main.join(path_of_bytes(path));
        if folder.join(".git").symlink_metadata().is_ok() {
            if named.is_some() {
                found.nested.push(path.into());
            }
            return found;
        }
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) => {
                // One that is gone by now is none.
                if named.is_some() && error.kind() != std::io::ErrorKind::NotFound {
                    found.unreadable.push(path.into());
                }
                return found;
            }
        };
        let mut folders = Vec::new();
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let mut below = path.to_owned();
            below.push(b'/');
            below.extend_from_slice(&bytes_of_path(Path::new(&entry.file_name())));
            if kind.is_dir() { folders.push(below) } else { files.push(below) }
        }
        let below_it = Above { named, in_tools };
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
        self.unreadable.extend(more.unreadable);
    }
}
