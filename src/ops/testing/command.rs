//! Which command tests the work: the words of the command line, the user's setting, or the team file once it is trusted.

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::process::Command;
use crate::ops::team::{self, Phase};
use crate::ops::trust::Standing;
use crate::ops::{Context, shell_quoted};
use crate::store::Snapshot;
use std::ffi::OsString;
use std::path::Path;

/// A command that is run for its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestCommand {
    /// A line for a shell.
    Line(String),
    /// A program and its arguments.
    Words(Vec<OsString>),
}

impl TestCommand {
    /// As one would type it. Two that are the same here do the same, so that it names the command in a verdict.
    pub fn shown(&self) -> String {
        match self {
            TestCommand::Line(line) => line.clone(),
            TestCommand::Words(words) => words_shown(words),
        }
    }

    /// As a process in a directory, without what would point git at another worktree.
    pub(crate) fn process(&self, repo: &Repo, directory: &Path) -> Command {
        match self {
            TestCommand::Line(line) => repo.shell_in(directory, line),
            TestCommand::Words(words) => {
                let program = words.first().cloned().unwrap_or_default();
                repo.program_in(directory, program).args(words.iter().skip(1))
            }
        }
    }
}

/// Words as a shell takes them.
pub(crate) fn words_shown(words: &[OsString]) -> String {
    words.iter().map(|word| shell_quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// What is known of a test command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// This one.
    Is(TestCommand),
    /// The team file has one that waits for the user's word.
    Withheld(Standing),
    /// None.
    Nothing,
}

/// The command that the settings or the team file name.
///
/// # Errors
/// Refused, if the team file cannot be understood.
pub fn known(ctx: &Context, snapshot: &Snapshot) -> Result<Known> {
    if let Some(line) = ctx.repo.setting("session.test").filter(|line| !line.trim().is_empty()) {
        return Ok(Known::Is(TestCommand::Line(line)));
    }
    let Some(team) = team::find(ctx, snapshot)? else { return Ok(Known::Nothing) };
    if let Some(line) = team.approved(Phase::Test).first() {
        return Ok(Known::Is(TestCommand::Line((*line).to_owned())));
    }
    let waits = !team.withheld(Phase::Test).is_empty();
    Ok(if waits { Known::Withheld(team.standing) } else { Known::Nothing })
}

/// The command to run: the words given, or else what is known.
///
/// # Errors
/// Refused, where there is none, or none that may run.
pub fn require(ctx: &Context, snapshot: &Snapshot, words: &[OsString]) -> Result<TestCommand> {
    if !words.is_empty() {
        return Ok(TestCommand::Words(words.to_vec()));
    }
    match known(ctx, snapshot)? {
        Known::Is(command) => Ok(command),
        Known::Withheld(standing) => {
            let why = match standing {
                Standing::Changed(_) => "has changed since you approved it",
                _ => "is not approved",
            };
            Err(Error::refused(format!("The test command of '{}' may not run: the file {why}.", team::PATH))
                .hint("`git session trust` shows what it would run, and asks.")
                .hint("`git session test -- <command>` runs a command of your own."))
        }
        Known::Nothing => Err(Error::refused("No test command is known.")
            .hint("`git session test -- <command>` runs one.")
            .hint("`git config session.test \"cargo test\"` sets yours; `test` in the team file is everybody's.")),
    }
}

/// How much a verdict on an earlier tree of the same branch counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The own commits were tested: before a sync is enough.
    Commits,
    /// Only this very tree counts.
    Tree,
    /// Nothing is asked.
    Off,
}

/// `session.testPolicy`.
///
/// # Errors
/// Refused, if it has a word that means nothing.
pub fn policy(ctx: &Context) -> Result<Policy> {
    match ctx.repo.setting("session.testPolicy").as_deref().map(str::trim) {
        None | Some("commits" | "") => Ok(Policy::Commits),
        Some("tree") => Ok(Policy::Tree),
        Some("off") => Ok(Policy::Off),
        Some(other) => {
            Err(Error::refused(format!("The setting `session.testPolicy` is '{other}', which means nothing."))
                .hint("`git config session.testPolicy commits` is the default; there are `tree` and `off`."))
        }
    }
}
