//! The language of the tests: a sandbox with a repository in it, and the real programs run there.
//!
//! ```ignore
//! let r = Sandbox::new().file("a.txt", "1\n").commit("base");
//! r.git("session create auth").ok();
//! r.session("auth").file("a.txt", "2\n").commit("work");
//! r.git("session list").ok().stdout(str![[r#"..."#]]);
//! ```

// Each test uses a part of it.
#![allow(dead_code, unused_imports)]

pub(crate) mod run;
mod schema;
mod state;

pub(crate) use run::{Run, Running};
pub(crate) use schema::{all_schemas, validate};
pub(crate) use snapbox::str;
pub(crate) use state::State;

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

/// When the first commit of every sandbox is made: 2026-01-01T00:00:00Z.
const BEGINNING: u64 = 1_767_225_600;

/// A temporary directory with a home, a repository and a clock of its own, and one directory in it as the place to be.
///
/// Clones and handles from [`Sandbox::in_dir`] and [`Sandbox::session`] share directory, clock and environment.
#[derive(Clone)]
pub(crate) struct Sandbox {
    shared: Rc<Shared>,
    here: PathBuf,
    env: Vec<(OsString, Option<OsString>)>,
}

struct Shared {
    _directory: tempfile::TempDir,
    root: PathBuf,
    path: OsString,
    clock: Cell<u64>,
}

impl Sandbox {
    /// With an empty repository in `repo`, on branch `main`.
    pub(crate) fn new() -> Sandbox {
        let sandbox = Sandbox::bare_of_repositories();
        sandbox.git_args(["init", "--quiet"]).ok();
        sandbox
    }

    /// With a directory `repo` that is no repository.
    pub(crate) fn bare_of_repositories() -> Sandbox {
        let directory = tempfile::Builder::new().prefix("git-session-").tempdir().expect("a temporary directory");
        let root = directory.path().canonicalize().expect("its real path");
        let here = root.join("repo");
        for directory in [&here, &root.join("home"), &root.join("tmp")] {
            std::fs::create_dir_all(directory).expect("a directory");
        }
        let config = "[user]\n\tname = A U Thor\n\temail = author@example.com\n[init]\n\tdefaultBranch = main\n";
        std::fs::write(root.join("home/.gitconfig"), config).expect("a configuration");
        let program = Path::new(env!("CARGO_BIN_EXE_git-session")).parent().expect("its directory").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(program).chain(std::env::split_paths(&path))).expect("a PATH");
        let shared = Shared { _directory: directory, root, path, clock: Cell::new(BEGINNING) };
        Sandbox { shared: Rc::new(shared), here, env: Vec::new() }
    }

    // Places.

    /// The sandbox's own directory; `[ROOT]` in expected output.
    pub(crate) fn root(&self) -> &Path {
        &self.shared.root
    }

    /// The repository's main worktree.
    pub(crate) fn repo(&self) -> PathBuf {
        self.root().join("repo")
    }

    /// The home directory of everything run here.
    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// Where this handle stands.
    pub(crate) fn here(&self) -> &Path {
        &self.here
    }

    /// A path below where this handle stands.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.here.join(path)
    }

    /// The same sandbox, standing in another directory; a relative one is taken from here.
    pub(crate) fn in_dir(&self, path: impl AsRef<Path>) -> Sandbox {
        Sandbox { here: self.here.join(path), ..self.clone() }
    }

    /// The same sandbox, standing in that session's worktree.
    pub(crate) fn session(&self, name: &str) -> Sandbox {
        let path = self.git_args(["session", "path", name]).ok().text().trim_end().to_owned();
        self.in_dir(path)
    }

    /// The same sandbox with a variable set for what runs through this handle.
    pub(crate) fn env(&self, key: impl Into<OsString>, value: impl Into<OsString>) -> Sandbox {
        let mut other = self.clone();
        other.env.push((key.into(), Some(value.into())));
        other
    }

    /// The same sandbox with a variable removed for what runs through this handle.
    pub(crate) fn env_remove(&self, key: impl Into<OsString>) -> Sandbox {
        let mut other = self.clone();
        other.env.push((key.into(), None));
        other
    }

    // Files and commits. They return the handle, to be chained.

    /// Writes a file, with the directories it needs.
    pub(crate) fn file(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Sandbox {
        let path = self.here.join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("its directories");
        std::fs::write(path, content).expect("a written file");
        self.clone()
    }

    /// Writes a program.
    pub(crate) fn executable(&self, path: impl AsRef<Path>, script: &str) -> Sandbox {
        self.file(&path, script);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(self.here.join(path), mode).expect("an executable file");
        }
        self.clone()
    }

    /// Reads a file as text.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.here.join(path);
        match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }

    /// Whether there is something at that path, a dangling link included.
    pub(crate) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.here.join(path).symlink_metadata().is_ok()
    }

    /// Removes a file, or a directory with all that is in it.
    pub(crate) fn remove(&self, path: impl AsRef<Path>) -> Sandbox {
        let path = self.here.join(path);
        let is_directory = path.symlink_metadata().expect("something to remove").is_dir();
        let removed = if is_directory { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.clone()
    }

    /// Commits everything there is, one tick later.
    pub(crate) fn commit(&self, message: &str) -> Sandbox {
        self.tick();
        self.git_args(["add", "--all"]).ok();
        self.git_args(["commit", "--quiet", "--allow-empty", "-m", message]).ok();
        self.clone()
    }

    /// Makes a branch here and switches to it.
    pub(crate) fn branch(&self, name: &str) -> Sandbox {
        self.git_args(["switch", "--quiet", "-c", name]).ok();
        self.clone()
    }

    /// Sets a value in the repository's configuration.
    pub(crate) fn config(&self, key: &str, value: &str) -> Sandbox {
        self.git_args(["config", key, value]).ok();
        self.clone()
    }

    /// Lets a minute pass.
    pub(crate) fn tick(&self) -> Sandbox {
        self.pass(60)
    }

    /// Lets seconds pass.
    pub(crate) fn pass(&self, seconds: u64) -> Sandbox {
        self.shared.clock.set(self.shared.clock.get() + seconds);
        self.clone()
    }

    // Programs.

    /// Runs git here. The line is split at blanks; single and double quotes hold words together.
    pub(crate) fn git(&self, line: &str) -> Run {
        self.git_args(split(line))
    }

    /// Runs git here, with these arguments.
    pub(crate) fn git_args<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        Run::of(self.command("git", args), self.root())
    }

    /// Runs git here, with these arguments and this on its standard input.
    pub(crate) fn git_input(&self, line: &str, input: &str) -> Run {
        Running::start(self.command("git", split(line)), self.root(), Some(input)).wait()
    }

    /// Runs any program here.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = A>) -> Run {
        Run::of(self.command(program, args), self.root())
    }

    /// Starts git here and does not wait for it.
    pub(crate) fn spawn(&self, line: &str) -> Running {
        Running::start(self.command("git", split(line)), self.root(), None)
    }

    /// Starts any program here and does not wait for it.
    pub(crate) fn start(&self, program: &str, args: &[&str]) -> Running {
        Running::start(self.command(program, args), self.root(), None)
    }

    /// A command with the sandbox's environment and nothing else.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, program: &str, args: impl IntoIterator<Item = A>) -> Command {
        let home = self.home();
        let time = format!("{} +0000", self.shared.clock.get());
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.here).env_clear();
        command.env("PATH", &self.shared.path).env("HOME", &home).env("TMPDIR", self.root().join("tmp"));
        for (key, directory) in [
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_STATE_HOME", ".local/state"),
            ("XDG_CACHE_HOME", ".cache"),
            ("XDG_RUNTIME_DIR", ".run"),
        ] {
            command.env(key, home.join(directory));
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"));
        command.env("GIT_CEILING_DIRECTORIES", self.root()).env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_AUTHOR_DATE", &time).env("GIT_COMMITTER_DATE", &time);
        command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("TERM", "dumb");
        // What instruments the program may write where it is told to.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command
    }

    // Questions.

    /// The full object id of a revision.
    pub(crate) fn rev(&self, revision: &str) -> String {
        self.git_args(["rev-parse", "--verify", "--quiet", "--end-of-options", revision]).ok().text().trim_end().into()
    }

    /// Whether a revision is there.
    pub(crate) fn has_rev(&self, revision: &str) -> bool {
        self.git_args(["rev-parse", "--verify", "--quiet", "--end-of-options", revision]).status() == Some(0)
    }

    /// The names of all refs, sorted.
    pub(crate) fn refs(&self) -> Vec<String> {
        self.git_args(["for-each-ref", "--format=%(refname)"]).ok().text().lines().map(str::to_owned).collect()
    }

    /// Everything there is to be changed: two of them are equal if nothing was.
    pub(crate) fn state(&self) -> State {
        State::of(self)
    }

    /// Fails if `action` changes anything.
    #[track_caller]
    pub(crate) fn unchanged_by<T>(&self, action: impl FnOnce(&Sandbox) -> T) -> T {
        let before = self.state();
        let result = action(self);
        before.assert_eq(&self.state());
        result
    }
}

/// Splits a line at blanks as a shell does; quotes hold words together, and nothing is expanded.
pub(crate) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote is left open in: {line}");
    words.extend(word);
    words
}
