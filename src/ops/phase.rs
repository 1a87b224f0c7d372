//! Commands that the user's settings and an approved team file name for a moment of a session's life, and how they run.

use crate::error::{Context as _, Error, Result};
use crate::git::Repo;
use crate::ops::Context;
use crate::ops::env::Scene;
pub use crate::ops::team::Phase;
use crate::ops::team::{self, Team};
use crate::session::Name;
use crate::store::Snapshot;
use std::path::PathBuf;

/// The file in a worktree's own git directory that keeps what set-up printed.
pub const LOG: &str = "session-setup.log";

/// What is told while commands run.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A command begins.
    Running {
        /// The session.
        session: &'a Name,
        /// The moment.
        phase: Phase,
        /// Which of them.
        number: usize,
        /// How many there are.
        of: usize,
        /// The command.
        command: &'a str,
    },
}

/// Where progress goes.
pub type Sink<'a> = &'a (dyn Fn(Progress<'_>) + Sync);

/// What is to run at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    /// In this order: the user's, then the team's.
    pub run: Vec<String>,
    /// The team's that wait for `trust`.
    pub withheld: usize,
}

/// What the settings and the team file name for a moment.
pub fn commands(repo: &Repo, team: Option<&Team>, phase: Phase) -> Commands {
    let settings = match phase {
        Phase::Setup => repo.settings("session.setup"),
        Phase::PostCreate => repo.settings("session.hook.post-create"),
        Phase::PreFinish => repo.settings("session.hook.pre-finish"),
        Phase::PreRemove => repo.settings("session.hook.pre-remove"),
        Phase::PostRemove => repo.settings("session.hook.post-remove"),
        Phase::Test => Vec::new(),
    };
    // As with other lists of git's, an empty value forgets what stands before it.
    let mut run = match settings.iter().rposition(String::is_empty) {
        Some(at) => settings[at + 1..].to_vec(),
        None => settings,
    };
    run.extend(team.iter().flat_map(|team| team.approved(phase)).map(str::to_owned));
    Commands { run, withheld: team.map_or(0, |team| team.withheld(phase).len()) }
}

/// The team file for verbs that go on without it: a mistake in it is a warning there.
pub fn team(ctx: &Context, snapshot: &Snapshot, warnings: &mut Vec<String>) -> Option<Team> {
    team::find(ctx, snapshot).unwrap_or_else(|error| {
        warnings.push(format!("{}; its commands did not run.", error.one_line()));
        None
    })
}

/// What is said of commands that did not run.
pub fn withheld(team: Option<&Team>, phases: &[Phase]) -> Option<String> {
    let team = team?;
    let count: usize = phases.iter().map(|phase| team.withheld(*phase).len()).sum();
    (count > 0).then(|| {
        let why = match team.standing {
            crate::ops::trust::Standing::Changed(_) => "the team file has changed since you approved it",
            _ => "you have not approved the team file",
        };
        format!(
            "{count} command{} of '{}' did not run: {why}. `git session trust` shows {} and asks.",
            if count == 1 { "" } else { "s" },
            team::PATH,
            if count == 1 { "it" } else { "them" },
        )
    })
}

/// A command that did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The command.
    pub command: String,
    /// How it ended: `exit code 1`, `a signal`.
    pub ending: String,
    /// Where its output is kept; none where it went to standard error.
    pub log: Option<PathBuf>,
    /// The last lines of it.
    pub tail: Vec<String>,
}

fn ending(code: Option<i32>) -> String {
    code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"))
}

/// Runs commands in the session's worktree, one after the other, until one fails. Their output is kept in the
/// worktree's own git directory, behind what is there already.
///
/// # Errors
/// Refused, if one cannot be started or its output cannot be kept.
pub fn run_logged(
    repo: &Repo,
    scene: &Scene,
    phase: Phase,
    commands: &[String],
    sink: Sink<'_>,
) -> Result<Option<Failure>> {
    if commands.is_empty() {
        return Ok(None);
    }
    let path = scene.git_dir.join(LOG);
    let failed = || format!("'{}' could not be written.", path.display());
    for (at, command) in commands.iter().enumerate() {
        sink(Progress::Running { session: &scene.name, phase, number: at + 1, of: commands.len(), command });
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).or_refuse(failed)?;
        std::io::Write::write_all(&mut file, format!("$ {command}\n").as_bytes()).or_refuse(failed)?;
        let start = file.metadata().map_or(0, |meta| meta.len());
        let code = scene.shell(repo, &scene.worktree, phase, command).run_into(&file)?;
        if code != Some(0) {
            let tail = last_lines(&path, start);
            return Ok(Some(Failure { command: command.clone(), ending: ending(code), log: Some(path), tail }));
        }
    }
    Ok(None)
}

/// The last lines that were written behind `start`.
fn last_lines(path: &std::path::Path, start: u64) -> Vec<String> {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(end.saturating_sub(4096))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Runs commands with their output on standard error, as git runs hooks, until one fails.
///
/// # Errors
/// Refused, if one cannot be started.
pub fn run_attached(
    repo: &Repo,
    scene: &Scene,
    place: &std::path::Path,
    phase: Phase,
    commands: &[String],
) -> Result<Option<Failure>> {
    for command in commands {
        let code = scene.shell(repo, place, phase, command).run_attached(true)?;
        if code != Some(0) {
            return Ok(Some(Failure { command: command.clone(), ending: ending(code), log: None, tail: Vec::new() }));
        }
    }
    Ok(None)
}

/// The commands around the end of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    scene: Option<Scene>,
    before: Vec<(Phase, Commands)>,
    after: Commands,
    /// What the user should know: commands that did not run.
    pub warnings: Vec<String>,
}

/// Looks up what runs before a session ends or is removed, and after. `is_finish`: it ends by the user's word, and
/// *pre-finish* runs too; `goes`: its worktree goes.
///
/// # Errors
/// Refused, if the repository cannot be read.
pub fn gate(
    ctx: &Context,
    snapshot: &Snapshot,
    session: &crate::store::Loaded,
    is_finish: bool,
    goes: bool,
) -> Result<Gate> {
    let mut warnings = Vec::new();
    let scene = Scene::of(ctx, snapshot, session)?.filter(|scene| scene.worktree.exists());
    if scene.is_none() {
        return Ok(Gate { scene, before: Vec::new(), after: Commands::default(), warnings });
    }
    let team = team(ctx, snapshot, &mut warnings);
    let mut phases = Vec::new();
    if is_finish {
        phases.push(Phase::PreFinish);
    }
    if goes {
        phases.push(Phase::PreRemove);
    }
    let before = phases.iter().map(|phase| (*phase, commands(&ctx.repo, team.as_ref(), *phase))).collect();
    let after = if goes { commands(&ctx.repo, team.as_ref(), Phase::PostRemove) } else { Commands::default() };
    if goes {
        phases.push(Phase::PostRemove);
    }
    warnings.extend(withheld(team.as_ref(), &phases));
    Ok(Gate { scene, before, after, warnings })
}

impl Gate {
    /// What would run, in order.
    pub fn planned(&self) -> Vec<(Phase, &str)> {
        let after = self.after.run.iter().map(|command| (Phase::PostRemove, command.as_str()));
        self.before
            .iter()
            .flat_map(|(phase, commands)| commands.run.iter().map(move |command| (*phase, command.as_str())))
            .chain(after)
            .collect()
    }

    /// Whether anything runs before.
    pub fn runs_before(&self) -> bool {
        self.before.iter().any(|(_, commands)| !commands.run.is_empty())
    }

    /// Runs what comes before.
    ///
    /// # Errors
    /// Refused, if a command fails: nothing else has happened then.
    pub fn before(&self, repo: &Repo) -> Result<()> {
        let Some(scene) = &self.scene else { return Ok(()) };
        for (phase, commands) in &self.before {
            if let Some(failure) = run_attached(repo, scene, &scene.worktree, *phase, &commands.run)? {
                return Err(Error::refused(format!(
                    "The {} command `{}` said no ({}).",
                    phase.as_str(),
                    failure.command,
                    failure.ending
                ))
                .hint("What it printed is above; nothing has changed. Mend that, then run it again.")
                .hint(format!(
                    "`git -c session.hook.{}= session ...` goes round commands of your own settings, `git session trust \
                     --revoke` those of the team file.",
                    phase.as_str()
                )));
            }
        }
        Ok(())
    }

    /// Runs what comes after, in the main worktree. Returns warnings.
    pub fn after(&self, repo: &Repo) -> Vec<String> {
        let Some(scene) = &self.scene else { return Vec::new() };
        match run_attached(repo, scene, &repo.main_place(), Phase::PostRemove, &self.after.run) {
            Ok(None) => Vec::new(),
            Ok(Some(failure)) => vec![format!(
                "The post-remove command `{}` ended with {}; the session has ended all the same.",
                failure.command, failure.ending
            )],
            Err(error) => vec![error.one_line()],
        }
    }
}
