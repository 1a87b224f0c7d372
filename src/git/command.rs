//! Runs of the `git` binary: where they stand and what they may see.

use crate::git::Repo;
use crate::host::process::Command;
use std::path::Path;

/// What git sets for its own children and what would point a run in another worktree back at this one
/// (`git rev-parse --local-env-vars`, less the ones that carry `git -c`).
const LOCAL: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
];

fn scrubbed() -> Command {
    LOCAL.iter().fold(Command::new("git"), |command, name| command.env_remove(*name))
}

impl Repo {
    /// A run that sees the repository and no worktree: refs, objects, history.
    pub fn git(&self) -> Command {
        // Read with the common directory so that the answer is the same from every worktree.
        scrubbed().env("GIT_DIR", self.common_dir()).env("GIT_OPTIONAL_LOCKS", "0").current_dir(self.common_dir())
    }

    /// The same where a program of the user's may run that is named by its way from the top of a worktree: a merge driver.
    pub fn git_with_drivers(&self) -> Command {
        let top = self.main_place();
        if top.is_dir() { self.git().current_dir(top) } else { self.git() }
    }

    /// A run as the user would make it, where the user stands, with the user's environment.
    pub fn git_here(&self) -> Command {
        Command::new("git").env("GIT_OPTIONAL_LOCKS", "0")
    }

    /// A run inside another worktree.
    pub fn git_in(&self, top: &Path) -> Command {
        in_worktree(top)
    }

    /// A command line for a shell, in a directory of the user's.
    pub fn shell_in(&self, place: &Path, line: &str) -> Command {
        LOCAL
            .iter()
            .fold(Command::new("sh"), |command, name| command.env_remove(*name))
            .args(["-c", line])
            .current_dir(place)
    }

    /// A program of the user's in a worktree, without what ties git to another one.
    pub fn program_in(&self, place: &Path, program: impl Into<std::ffi::OsString>) -> Command {
        LOCAL.iter().fold(Command::new(program), |command, name| command.env_remove(*name)).current_dir(place)
    }

    /// A run with a worktree's own git directory and no need for its files: `HEAD` is that worktree's.
    pub fn git_of(&self, git_dir: &Path) -> Command {
        scrubbed().env("GIT_DIR", git_dir).current_dir(git_dir)
    }
}

/// A run inside the worktree at `top`, whoever asks.
pub(super) fn in_worktree(top: &Path) -> Command {
    scrubbed().current_dir(top)
}

impl Command {
    /// For steps that no user takes: with a relative `core.hooksPath` the hooks in a worktree are the branch's own, and
    /// nothing that came with a branch runs unasked.
    pub fn without_hooks(self) -> Command {
        self.args(["-c", "core.hooksPath=/dev/null"])
    }
}
