//! All that a command could have changed, as one comparable value.

use super::Sandbox;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Refs, worktrees, their status, all files outside `.git`, and the objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State(BTreeMap<String, String>);

impl State {
    /// As the repository that `sandbox` stands in has it, with all files of the sandbox.
    pub(super) fn of(sandbox: &Sandbox) -> State {
        let mut state = BTreeMap::new();
        let main = sandbox.in_dir(sandbox.repo());
        for line in main.git("for-each-ref --format='%(refname) %(objectname) %(symref)'").ok().text().lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            state.insert(format!("ref {name}"), value.to_owned());
        }
        let worktrees = main.git("worktree list --porcelain").ok().text();
        for line in worktrees.lines() {
            let Some(path) = line.strip_prefix("worktree ") else { continue };
            if !Path::new(path).is_dir() {
                continue;
            }
            let handle = main.in_dir(path).env("GIT_OPTIONAL_LOCKS", "0");
            let status = handle.git("status --porcelain=v2 --branch --untracked-files=all");
            state.insert(format!("status {path}"), status.text());
            state.insert(format!("tie {path}"), handle.git("symbolic-ref --quiet refs/worktree/session").text());
        }
        state.insert("worktrees".into(), worktrees);
        state.insert("objects".into(), main.git("count-objects --verbose").ok().text());
        files(sandbox.root(), &mut |path| {
            let content = match path.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => format!("-> {:?}", std::fs::read_link(&path).ok()),
                Ok(metadata) if metadata.is_dir() => "directory".into(),
                Ok(_) => String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned(),
                Err(error) => error.to_string(),
            };
            state.insert(format!("file {}", path.display()), content);
        });
        State(state)
    }

    /// Fails, saying what differs, unless both are equal.
    #[track_caller]
    pub(crate) fn assert_eq(&self, other: &State) {
        let mut changes = Vec::new();
        for (key, before) in &self.0 {
            match other.0.get(key) {
                None => changes.push(format!("gone: {key}")),
                Some(after) if after != before => changes.push(format!("{key}\n  was: {before:?}\n  is:  {after:?}")),
                Some(_) => {}
            }
        }
        changes.extend(other.0.keys().filter(|key| !self.0.contains_key(*key)).map(|key| format!("new: {key}")));
        assert!(changes.is_empty(), "something changed:\n{}", changes.join("\n"));
    }
}

/// Every path below `directory`, what git keeps for itself left out.
fn files(directory: &Path, visit: &mut impl FnMut(PathBuf)) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name() == ".git" && path.is_dir() {
            continue;
        }
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        visit(path.clone());
        if is_directory {
            files(&path, visit);
        }
    }
}
