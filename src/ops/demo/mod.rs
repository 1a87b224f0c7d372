//! `demo`: a playground repository with a history and four sessions, some of which collide.

mod story;

use crate::error::{Context as _, Error, Result};
use crate::host::process::Command;
use std::path::{Path, PathBuf};

/// The file in the playground's git directory that says it is one: only such a place is ever cleaned up.
const MARK: &str = "git-session-demo";

/// Where the playground is if nothing else is said.
pub fn default_place() -> PathBuf {
    std::env::temp_dir().join("git-session-demo")
}

/// One line of the tour: what is done, and what it printed.
#[derive(Debug, Clone)]
pub struct Stop {
    /// What this shows, in a sentence.
    pub title: String,
    /// The command, as one would type it.
    pub command: String,
    /// What it printed.
    pub output: String,
}

/// Makes the playground at `place`, showing each step of the tour to `sink` as it is done.
///
/// # Errors
/// Refused, if the place is taken or something fails.
pub fn make(place: &Path, program: &Path, sink: &mut dyn FnMut(&Stop)) -> Result<PathBuf> {
    if place.exists() && place.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let error = Error::refused(format!("'{}' is there already.", place.display()));
        return Err(if is_playground(place) {
            error.hint("`git session demo --clean` removes it; then run it again.")
        } else {
            error.hint("Name another place: `git session demo <directory>`.")
        });
    }
    std::fs::create_dir_all(place).or_refuse(|| format!("'{}' could not be made.", place.display()))?;
    let place = place.canonicalize().or_refuse(|| format!("'{}' cannot be entered.", place.display()))?;
    let repo = place.join("shop");
    let git = |args: &[&str]| git_at(&place).args(args).run_ok();
    git(&["init", "--quiet", "--initial-branch=main", "shop"])?;
    std::fs::write(repo.join(".git").join(MARK), "made by `git session demo`\n")
        .or_refuse(|| "The playground could not be marked.")?;
    for (key, value) in [
        ("user.name", "Demo"),
        ("user.email", "demo@example.com"),
        ("commit.gpgSign", "false"),
        ("core.hooksPath", ".git/hooks"),
        ("core.autocrlf", "false"),
        ("session.path", "../shop-sessions/{name}"),
        ("session.base", "main"),
    ] {
        git_at(&repo).args(["config", key, value]).run_ok()?;
    }
    for (number, commit) in story::HISTORY.iter().enumerate() {
        record(&repo, commit, number)?;
    }
    let mut tour = Tour { program, sink };
    for (name, goal) in story::SESSIONS {
        tour.stop(&repo, &format!("Start a session for: {goal}"), &["create", name, "--goal", goal])?;
    }
    for (session, commits) in story::WORK {
        let path = place.join("shop-sessions").join(session);
        for (number, commit) in commits.iter().enumerate() {
            record(&path, commit, story::HISTORY.len() + number)?;
        }
    }
    for (path, text) in story::UNCOMMITTED {
        std::fs::write(place.join("shop-sessions").join(path), text).or_refuse(|| "A file could not be written.")?;
    }
    tour.stop(&repo, "See them all: commits ahead and behind, what is uncommitted", &["list"])?;
    tour.stop(&repo, "Look at one: its goal, its commits, everything that happened to it", &["show", "search"])?;
    tour.stop(&repo, "Which to merge first, found out by merging in memory; and who cannot", &["order", "--all"])?;
    tour.stop(
        &repo,
        "Merge one that is done; its worktree and branch go, its record stays",
        &["finish", "docs-tour", "--merge"],
    )?;
    tour.stop(&repo, "Take that back: base, branch, worktree and record are as they were", &["undo", "--yes"])?;
    tour.stop(&repo, "... and do it again, by undoing the undo", &["undo", "--yes"])?;
    tour.refused(
        &repo,
        "`cart-total` and `checkout` changed the same lines: the first one merges",
        &["finish", "cart-total", "--merge"],
    )?;
    tour.refused(
        &repo,
        "... and the second is refused before anything is touched",
        &["finish", "checkout", "--merge"],
    )?;
    tour.stop(&repo, "What collides, with whom, and on which lines", &["conflicts"])?;
    tour.refused(&repo, "The base has moved: put every session on it; what conflicts stays, and is named", &["sync"])?;
    tour.stop(
        &repo,
        "Merge all that can be merged, tested, by one move of the base",
        &["integrate", "--all", "--into", "main", "--test", "test -s README.md", "--yes"],
    )?;
    tour.stop(&repo, "Which sessions could go, and why each of the others stays", &["cleanup", "--dry-run"])?;
    tour.stop(&repo, "What has ended is remembered", &["list", "--ended"])?;
    tour.git(
        &repo,
        "All of it is in git: a timeline is an ordinary log",
        &["log", "--oneline", "refs/sessions/checkout"],
    )?;
    Ok(repo)
}

/// Removes a playground.
///
/// # Errors
/// Refused, if it is none.
pub fn clean(place: &Path) -> Result<()> {
    if !place.exists() {
        return Err(Error::refused(format!("There is no playground at '{}'.", place.display())));
    }
    if !is_playground(place) {
        return Err(Error::refused(format!("'{}' is no playground of `git session demo`.", place.display()))
            .hint("Only such a place is removed; delete it yourself if you mean it."));
    }
    crate::host::copy::remove_tree(place)
}

fn is_playground(place: &Path) -> bool {
    place.join("shop/.git").join(MARK).is_file()
}

fn git_at(directory: &Path) -> Command {
    let mut command = Command::new("git").current_dir(directory);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_EXTERNAL_DIFF"] {
        command = command.env_remove(name);
    }
    command
}

fn record(top: &Path, commit: &story::Commit, number: usize) -> Result<()> {
    for (path, text) in commit.files {
        let file = top.join(path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).or_refuse(|| "A folder could not be made.")?;
        }
        std::fs::write(&file, text).or_refuse(|| "A file could not be written.")?;
    }
    // Some days of history, the last of it an hour ago.
    let total = i64::try_from(story::HISTORY.len() + 4).unwrap_or(0);
    let ago = (total - i64::try_from(number).unwrap_or(0)) * 7 * 3_600;
    let date = format!("@{} +0000", crate::host::now().0 - ago);
    let git = || git_at(top).env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
    git().args(["add", "--all"]).run_ok()?;
    git().args(["commit", "--quiet", "--author", commit.author, "-m", commit.subject]).run_ok()?;
    Ok(())
}

struct Tour<'a> {
    program: &'a Path,
    sink: &'a mut dyn FnMut(&Stop),
}

impl Tour<'_> {
    fn run(&mut self, repo: &Path, title: &str, args: &[&str], may_refuse: bool) -> Result<()> {
        let mut command = Command::new(self.program).current_dir(repo).args(args);
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"] {
            command = command.env_remove(name);
        }
        let output = command.run()?;
        if !output.is_success() && !may_refuse {
            return Err(command.failure(&output));
        }
        let mut shown = String::from_utf8_lossy(&output.stdout).into_owned();
        shown.push_str(&output.stderr);
        let typed: Vec<String> =
            args.iter().map(|arg| if arg.contains(' ') { format!("'{arg}'") } else { (*arg).to_owned() }).collect();
        (self.sink)(&Stop { title: title.into(), command: format!("git session {}", typed.join(" ")), output: shown });
        Ok(())
    }

    fn stop(&mut self, repo: &Path, title: &str, args: &[&str]) -> Result<()> {
        self.run(repo, title, args, false)
    }

    fn refused(&mut self, repo: &Path, title: &str, args: &[&str]) -> Result<()> {
        self.run(repo, title, args, true)
    }

    fn git(&mut self, repo: &Path, title: &str, args: &[&str]) -> Result<()> {
        let output = git_at(repo).args(args).run_ok()?;
        (self.sink)(&Stop { title: title.into(), command: format!("git {}", args.join(" ")), output: output.text() });
        Ok(())
    }
}
