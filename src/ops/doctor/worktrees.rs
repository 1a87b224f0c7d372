//! Worktrees: links that lead nowhere, directories that are gone or elsewhere.

use super::{Finding, Fix};
use crate::git::Worktree;
use crate::ops::create::sessions_folder;
use crate::ops::{Context, Snapshot};
use crate::session::Word as _;
use std::path::{Path, PathBuf};

/// What the `.git` of a worktree's directory says.
enum Link {
    /// That it is this worktree.
    Proven,
    /// Nothing that leads anywhere: `git worktree repair` may write it anew.
    Nowhere,
    /// That it is something else.
    Another,
}

fn link_of(worktree: &Worktree) -> Link {
    if worktree.is_proven() {
        return Link::Proven;
    }
    let path = worktree.path.join(".git");
    match path.symlink_metadata() {
        Err(_) => Link::Nowhere,
        Ok(meta) if !meta.is_file() => Link::Another,
        Ok(_) => match target_of(&worktree.path) {
            Some(target) if target.exists() => Link::Another,
            _ => Link::Nowhere,
        },
    }
}

/// An empty directory is where a worktree was, not a worktree: git would take all of its files for deleted.
fn is_empty(path: &Path) -> bool {
    path.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

/// Where the `.git` file of a directory leads.
fn target_of(directory: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(directory.join(".git")).ok()?;
    Some(directory.join(text.strip_prefix("gitdir: ")?.trim_end()))
}

pub(super) fn check(ctx: &Context, snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let linked: Vec<&Worktree> = snapshot.worktrees.iter().filter(|worktree| !worktree.is_main()).collect();
    // `git worktree repair` writes all links anew, also one that somebody means to be another's.
    let is_plain = !linked.iter().any(|tree| tree.path.is_dir() && matches!(link_of(tree), Link::Another));
    for worktree in &linked {
        let session = worktree.tie.as_ref().map(ToString::to_string);
        let mut found = if worktree.path.is_dir() && !(worktree.is_missing && is_empty(&worktree.path)) {
            match link_of(worktree) {
                Link::Proven => continue,
                Link::Another => Finding::error(
                    "link-broken",
                    "The directory's `.git` says that it is another repository or worktree.",
                )
                .remedy(format!(
                    "Look at '{}'. If this is the worktree, `git worktree repair` writes its link anew.",
                    worktree.path.join(".git").display()
                )),
                Link::Nowhere => Finding::error(
                    "link-broken",
                    if worktree.is_missing {
                        "The directory has lost its `.git`, the file that leads to the repository."
                    } else {
                        "The directory's `.git` leads nowhere: the repository was moved, or is mounted elsewhere here."
                    },
                )
                .remedy(
                    "`git worktree repair` writes it anew. In a container, mount the repository at the path it has \
                     outside, or set `worktree.useRelativePaths`.",
                )
                .fix(is_plain.then(|| Fix::Repair(worktree.path.clone(), worktree.git_dir.clone()))),
            }
            .path(&worktree.path)
        } else if let Some(place) = moved_to(ctx, worktree) {
            let what =
                format!("The worktree was at '{}', and is at '{}' now.", worktree.path.display(), place.display());
            Finding::error("worktree-moved", what)
                .remedy(format!("`git worktree repair {}` tells git.", place.display().to_string().word()))
                .path(&place)
                .fix(is_plain.then(|| Fix::Repair(place.clone(), worktree.git_dir.clone())))
        } else if session.is_none() && worktree.locked.is_none() {
            Finding::note("worktree-missing", "A worktree of no session is gone, and git still has its entry.")
                .remedy("`git worktree prune` forgets it, with the reflog of its HEAD.")
                .path(&worktree.path)
        } else {
            continue;
        };
        if let Some(session) = session {
            // It says more than that the directory is not where it was.
            findings.retain(|other| other.kind != "worktree-missing" || other.session.as_deref() != Some(&session));
            found = found.session(session);
        }
        findings.push(found);
    }
    let entries = ctx.repo.common_dir().join("worktrees");
    for entry in entries.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        let is_known = linked.iter().any(|tree| Some(tree.git_dir.as_path()) == Some(&path));
        // git makes the folder before what is in it.
        let is_young = entry.metadata().and_then(|meta| meta.modified()).is_ok_and(super::locks::is_young);
        if path.is_dir() && !is_known && !is_young {
            findings.push(
                Finding::error("link-broken", "git's entry of a worktree does not say where that is.")
                    .path(&path)
                    .remedy("`git worktree repair <directory>` says it; `git worktree prune` forgets the entry."),
            );
        }
    }
}

/// Where a worktree that was moved by hand is now: the one directory, beside where it was or where sessions are, that
/// says it is this one.
fn moved_to(ctx: &Context, worktree: &Worktree) -> Option<PathBuf> {
    const MOST: usize = 2_000;
    let mut folders = vec![sessions_folder(&ctx.repo)];
    folders.extend(worktree.path.parent().map(Path::to_owned));
    folders.extend(ctx.place().parent().map(Path::to_owned));
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        for entry in folder.read_dir().into_iter().flatten().flatten().take(MOST) {
            let directory = entry.path();
            let Some(target) = target_of(&directory) else { continue };
            let is_this = match target.canonicalize() {
                Ok(target) => worktree.git_dir.canonicalize().is_ok_and(|git_dir| git_dir == target),
                // The repository was moved too: git's name of the worktree is what is left.
                Err(_) => {
                    let mut last = target.components().rev().filter_map(|part| part.as_os_str().to_str());
                    last.next() == worktree.id.as_deref() && last.next() == Some("worktrees")
                }
            };
            let directory = directory.canonicalize().unwrap_or(directory);
            if is_this && !found.contains(&directory) {
                found.push(directory);
            }
        }
    }
    match found.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}
