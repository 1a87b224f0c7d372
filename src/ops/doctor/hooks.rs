//! Hooks that do not run in the worktrees of sessions, and why.

use super::Finding;
use crate::git::hooks;
use crate::ops::{Context, Snapshot};
use std::path::Path;

/// What git calls them.
const NAMES: [&str; 15] = [
    "applypatch-msg",
    "commit-msg",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "prepare-commit-msg",
    "reference-transaction",
];

pub(super) fn check(ctx: &Context, snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let repo = &ctx.repo;
    let Some(main) = repo.main_top() else { return };
    for name in NAMES {
        let hook = hooks::path(repo, &main, name);
        if hook.is_file() && !hooks::would_run(repo, &main, name) {
            findings.push(
                Finding::warning("hook-ignored", format!("The hook '{name}' is not executable, so git leaves it out."))
                    .remedy(format!("`chmod +x {}` lets it run.", hook.display()))
                    .path(hook),
            );
        }
    }
    let Some(folder) = repo.path_setting_quick("core.hooksPath") else { return };
    if folder.is_absolute() {
        if !folder.is_dir() {
            findings.push(
                Finding::warning(
                    "hooks-missing",
                    "`core.hooksPath` names a directory that is not there: no hook runs.",
                )
                .remedy("`git config --unset core.hooksPath` goes back to the repository's own hooks.")
                .path(folder),
            );
        }
        return;
    }
    let here: Vec<&str> = NAMES.into_iter().filter(|name| hooks::would_run(repo, &main, name)).collect();
    let (mut absent, mut left_out) = (Vec::new(), Vec::new());
    for worktree in snapshot.worktrees.iter().filter(|tree| !tree.is_main() && !tree.is_missing) {
        let Some(session) = snapshot.session_of(worktree) else { continue };
        let lacks = |name: &&str| !hooks::path(repo, &worktree.path, name).exists();
        if here.iter().any(lacks) {
            absent.push(session.name.to_string());
        }
        if NAMES.iter().any(|name| hooks::is_left_out(repo, &worktree.path, name)) {
            left_out.push(session.name.to_string());
        }
    }
    let shown = folder.display().to_string();
    if !absent.is_empty() {
        let what = format!(
            "`core.hooksPath` is '{shown}', taken from each worktree's top, and hooks of the main worktree are not there \
             in {}: they do not run.",
            list(&absent)
        );
        let is_husky = Path::new(&folder).components().any(|part| part.as_os_str() == ".husky");
        let remedy = if is_husky {
            "husky makes them: `npm install`, or what runs its `prepare`, in each worktree.".to_owned()
        } else {
            format!("`git config core.hooksPath {}` has them run everywhere.", main.join(&folder).display())
        };
        findings.push(Finding::warning("hooks-absent", what).remedy(remedy).path(main.join(&folder)));
    }
    if !left_out.is_empty() {
        let what = format!(
            "Hooks in '{shown}' of {} are not those of the main worktree: what came with a branch is not run in git's \
             stead.",
            list(&left_out)
        );
        let remedy = "git itself runs them in that worktree; look at them before you commit there.";
        findings.push(Finding::note("hooks-left-out", what).remedy(remedy).path(main.join(&folder)));
    }
}

fn list(names: &[String]) -> String {
    match names {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a}, {b}, {c} and {} more", rest.len()),
        _ => names.join(", "),
    }
}
