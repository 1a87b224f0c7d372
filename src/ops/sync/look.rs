//! What speaks against moving a session, found without a merge: the first that holds.

use crate::error::{Error, Result};
use crate::git::worktrees::Head;
use crate::git::{Repo, Worktree, hooks};
use crate::ops::base::{Tip, short_name};
use crate::ops::shell_quoted;
use crate::ops::sync::{Obstacle, Options, Reason};
use crate::session::Word as _;
use crate::session::{BString, ObjectId};
use crate::store::Loaded;
use crate::store::snapshot::BaseNow;
use std::path::Path;

/// The hooks that `git rebase` runs, and the one that an index write does.
const HOOKS: [&str; 6] =
    ["pre-rebase", "post-checkout", "prepare-commit-msg", "post-commit", "post-rewrite", "post-index-change"];

/// And those of `git merge`.
const MERGE_HOOKS: [&str; 4] = ["pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-merge"];

/// What stands in the way of the worktree: nothing, or the first of what does.
pub(super) fn worktree_obstacle(
    session: &Loaded,
    worktree: &Worktree,
    is_twice: Option<&Worktree>,
) -> Option<Obstacle> {
    let place = quoted(&worktree.path);
    let name = &session.name;
    if let Some(operation) = worktree.operation() {
        return Some(Obstacle::new(
            Reason::Operation,
            format!("It is in the middle of a {operation}."),
            match operation {
                "bisect" => format!("git -C {place} bisect reset"),
                _ => format!("git -C {place} {operation} --continue"),
            },
        ));
    }
    if worktree.is_missing {
        return Some(Obstacle::new(
            Reason::Missing,
            format!("Its directory '{}' is gone.", worktree.path.display()),
            format!("git session adopt {}", name.word()),
        ));
    }
    if worktree.is_busy() {
        return Some(Obstacle::new(
            Reason::Busy,
            "Its index is locked: something is being written there.",
            format!("git session sync {}", name.word()),
        ));
    }
    let short = session.record.branch_short();
    if worktree.branch().as_deref() != Some(session.record.branch.as_str()) {
        let on = match &worktree.head {
            Head::Branch(other) => format!("on '{}'", short_name(other)),
            _ => "on no branch".to_owned(),
        };
        return Some(Obstacle::new(
            Reason::Detached,
            format!("Its worktree is {on}, not on '{short}'."),
            format!("git -C {place} switch {short}"),
        ));
    }
    is_twice.map(|other| {
        Obstacle::new(
            Reason::CheckedOutTwice,
            format!("'{short}' is checked out at '{}' as well.", other.path.display()),
            format!("git -C {} switch --detach", quoted(&other.path)),
        )
    })
}

/// What stands in the way of the base.
pub(super) fn base_obstacle(repo: &Repo, base: &BaseNow, tip: &Tip) -> Result<Option<Obstacle>> {
    if !tip.is_diverged {
        return Ok(None);
    }
    let short = base.short();
    let is_on_it = |worktree: &Worktree| {
        !worktree.is_missing && worktree.branch().is_some_and(|branch| short_name(&branch) == short)
    };
    Ok(Some(Obstacle::new(
        Reason::BaseDiverged,
        format!("'{short}' and its upstream have each what the other lacks."),
        match repo.worktrees()?.into_iter().find(is_on_it) {
            Some(worktree) => format!("git -C {} pull --rebase", quoted(&worktree.path)),
            None => format!("git switch {short} && git pull --rebase"),
        },
    )))
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    shell_quoted(&path.display().to_string())
}

/// The refusal of uncommitted changes; what helps depends on what was asked for.
pub(super) fn dirty_obstacle(paths: &[BString]) -> Obstacle {
    let files = if paths.len() == 1 { "1 file".to_owned() } else { format!("{} files", paths.len()) };
    let sentence = format!("There are uncommitted changes in {files}.");
    Obstacle { reason: Some(Reason::Dirty), sentence, remedy: None }
}

/// The refusal of changes that git was told to overlook.
pub(super) fn overlooked_obstacle(worktree: &Worktree, path: &str) -> Obstacle {
    let remedy = format!(
        "git -C {} update-index --no-assume-unchanged --no-skip-worktree {}",
        quoted(&worktree.path),
        crate::ops::shell_quoted(path)
    );
    Obstacle::new(Reason::Dirty, format!("'{path}' has changes that git was told to overlook."), remedy)
}

/// Why git has to do it itself, where it has: signatures, and hooks that the program does not run.
pub(super) fn git_must(repo: &Repo, worktree: Option<&Worktree>, options: &Options) -> Result<Option<&'static str>> {
    if worktree.is_some_and(|worktree| has_settings_of_its_own(&worktree.git_dir)) {
        return Ok(Some("the worktree has settings of its own"));
    }
    // What is read here holds where one stands: who commits, whether it is signed.
    if worktree.is_some() && has_settings_of_its_own(&repo.git_dir()?) {
        return Ok(Some("the worktree one stands in has settings of its own"));
    }
    if worktree.is_some_and(|worktree| repo.settings_differ_in(worktree) || repo.settings_differ_here()) {
        return Ok(Some("other settings hold in the worktree than where one stands"));
    }
    if repo.attributes_are_elsewhere() {
        // It may be that of `HEAD`, which is another one in each worktree, and after each pick.
        return Ok(Some(BY_ATTRIBUTES_ELSEWHERE));
    }
    if repo.switch("commit.gpgSign")?.unwrap_or(false) {
        return Ok(Some("commits are signed"));
    }
    if options.merge {
        let has = worktree.is_some_and(|worktree| has_hook(repo, worktree, &MERGE_HOOKS));
        return Ok(has.then_some("hooks run"));
    }
    if repo.setting("commit.cleanup").is_some() {
        return Ok(Some("commit.cleanup is set"));
    }
    let encoding = repo.setting("i18n.commitEncoding");
    if encoding.is_some_and(|encoding| !["utf-8", "utf8"].contains(&encoding.to_ascii_lowercase().as_str())) {
        return Ok(Some("i18n.commitEncoding is set"));
    }
    Ok(worktree.is_some_and(|worktree| has_hook(repo, worktree, &HOOKS)).then_some("hooks run"))
}

/// Why git has to merge where nobody has committed the attributes that it would go by.
pub(super) const BY_LOOSE_ATTRIBUTES: &str = "a .gitattributes that is not tracked holds in the worktree";
/// Why git has to merge where a setting names the tree that attributes are read from.
const BY_ATTRIBUTES_ELSEWHERE: &str = "attributes are read from a tree of their own";

/// Whether git has to do it since it goes by other attributes, so that what collides here may not collide there.
pub(super) fn is_about_attributes(why: Option<&str>) -> bool {
    why.is_some_and(|why| [BY_LOOSE_ATTRIBUTES, BY_ATTRIBUTES_ELSEWHERE].contains(&why))
}

/// Whether the top of a worktree that stands at a commit has attributes which the commit has not.
pub(super) fn has_loose_attributes(repo: &Repo, worktree: &Worktree, head: ObjectId) -> Result<bool> {
    let name = ".gitattributes";
    if worktree.path.join(name).symlink_metadata().is_err() {
        return Ok(false);
    }
    Ok(!repo.has_path(repo.commit(head)?.tree, &name.into())?)
}

/// With `extensions.worktreeConfig`, other settings than those of a sparse checkout: who commits, whether it is signed.
fn has_settings_of_its_own(git_dir: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(git_dir.join("config.worktree")) else { return false };
    text.lines().map(|line| line.trim().to_ascii_lowercase()).any(|line| {
        let is_of_git = ["#", ";", "[core]", "[index]", "sparsecheckout", "sparse", "bare"];
        !line.is_empty() && !is_of_git.iter().any(|start| line.starts_with(start))
    })
}

fn has_hook(repo: &Repo, worktree: &Worktree, names: &[&str]) -> bool {
    names.iter().any(|name| hooks::would_run(repo, &worktree.path, name))
}

/// Whether hooks run when git does it.
pub(super) fn hooks_run(repo: &Repo, worktree: &Worktree, options: &Options) -> bool {
    has_hook(repo, worktree, if options.merge { &MERGE_HOOKS } else { &HOOKS })
}

/// Hooks of the branch itself that do not run.
pub(super) fn hooks_left_out(repo: &Repo, worktree: &Worktree) -> bool {
    HOOKS.iter().chain(&MERGE_HOOKS).any(|name| hooks::is_left_out(repo, &worktree.path, name))
}

/// Refuses a worktree that may not move: in an operation, busy, elsewhere, or with uncommitted changes.
///
/// # Errors
/// Refused, with the sentence and the command that helps.
pub fn require_free(repo: &Repo, session: &Loaded, worktree: &Worktree, head: ObjectId) -> Result<()> {
    require_still(session, worktree)?;
    let dirty = repo.dirty_paths(worktree, head)?;
    if dirty.is_empty() {
        return Ok(());
    }
    let error = Error::refused(format!("'{}' cannot move: {}", session.name, dirty_obstacle(&dirty).sentence));
    Err(error.hint(format!("`git -C {} stash` puts them aside.", quoted(&worktree.path))))
}

/// The same, whatever is uncommitted.
///
/// # Errors
/// As [`require_free`].
pub fn require_still(session: &Loaded, worktree: &Worktree) -> Result<()> {
    let Some(obstacle) = worktree_obstacle(session, worktree, None) else { return Ok(()) };
    let error = Error::refused(format!("'{}' cannot move: {}", session.name, obstacle.sentence));
    Err(match obstacle.remedy {
        Some(remedy) => error.hint(format!("`{remedy}` helps.")),
        None => error,
    })
}
