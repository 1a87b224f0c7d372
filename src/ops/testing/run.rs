//! One run of a command, its output kept.

use super::TestCommand;
use crate::error::{Context as _, Error, Result};
use crate::git::Repo;
use crate::host::interrupt::Interrupt;
pub use crate::host::process::Ending;
use crate::ops::Context;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How many of the last lines are shown of a run that failed.
const LINES: usize = 10;

/// What a run gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// How long it took.
    pub duration: Duration,
    /// The last lines of what it printed, if it did not end well.
    pub tail: Vec<String>,
}

impl Outcome {
    /// Whether the command was content.
    pub fn is_passed(&self) -> bool {
        self.ending == Ending::Exited(0)
    }

    /// The exit code, where it says something of what was tested: not where a shell found no such command (127) or could
    /// not run it (126), nor where the run was cut short.
    pub fn verdict(&self) -> Option<i32> {
        match self.ending {
            Ending::Exited(126 | 127) => None,
            Ending::Exited(code) => Some(code),
            _ => None,
        }
    }

    /// How long it took, in milliseconds.
    pub fn milliseconds(&self) -> u64 {
        u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX)
    }
}

/// How an ending is said.
pub fn ending_shown(ending: Ending) -> String {
    match ending {
        Ending::Exited(127) => "exit code 127: no such command".to_owned(),
        Ending::Exited(126) => "exit code 126: the command cannot be run".to_owned(),
        Ending::Exited(code) => format!("exit code {code}"),
        Ending::Signalled(signal) => format!("ended by signal {signal}"),
        Ending::TimedOut => "its time was up".to_owned(),
        Ending::Interrupted => "interrupted".to_owned(),
    }
}

/// What a run of a command is given.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Where it runs.
    pub directory: &'a Path,
    /// The command.
    pub command: &'a TestCommand,
    /// Variables for it, besides the user's own.
    pub env: &'a [(&'static str, String)],
    /// The file that keeps what it prints; one that is there goes.
    pub log: &'a Path,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// What ends it.
    pub interrupt: &'a Interrupt,
}

/// Runs a command in a directory, all its output into a file, and ends it with all that it started when its time is up.
///
/// # Errors
/// Refused, if it cannot be started or its output cannot be kept.
pub fn run_in(repo: &Repo, run: Run<'_>) -> Result<Outcome> {
    let mut log = new_file(run.log)?;
    let failed = || format!("'{}' could not be written.", run.log.display());
    log.write_all(format!("$ {}\n", run.command.shown()).as_bytes()).or_refuse(failed)?;
    let start = log.metadata().map_or(0, |meta| meta.len());
    let process = run.command.process(repo, run.directory);
    let process = run.env.iter().fold(process, |process, (key, value)| process.env(*key, value));
    let started = Instant::now();
    let ending = process.run_bounded(&log, run.timeout, run.interrupt).map_err(not_a_line)?;
    let duration = started.elapsed();
    let tail = if ending == Ending::Exited(0) { Vec::new() } else { last_lines(&mut log, start) };
    Ok(Outcome { ending, duration, tail })
}

/// Where a command could not be started it may have been meant for a shell.
pub(crate) fn not_a_line(error: Error) -> Error {
    error.hint("Without a shell the first word is a program: `-- sh -c '<line>'` runs a line of shell.")
}

/// An empty file in place of what was there: a run that is still at work goes on writing into the old one.
fn new_file(path: &Path) -> Result<File> {
    let failed = || format!("'{}' could not be made.", path.display());
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::refused(failed()).because(error));
        }
        _ => {}
    }
    // Appended to, so that reading it moves nobody's place.
    std::fs::OpenOptions::new().read(true).append(true).create_new(true).open(path).or_refuse(failed)
}

/// The last lines that were written behind `start`.
fn last_lines(file: &mut File, start: u64) -> Vec<String> {
    let mut read = || -> std::io::Result<Vec<u8>> {
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(end.saturating_sub(8192))))?;
        let mut bytes = Vec::new();
        Read::by_ref(file).take(8192).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// How many run at a time: what is asked for, `session.jobs`, or half of the processors.
///
/// # Errors
/// Refused, if the setting is no number above 0.
pub fn jobs(ctx: &Context, asked: Option<usize>) -> Result<usize> {
    if let Some(jobs) = asked {
        return Ok(jobs.max(1));
    }
    match ctx.repo.setting("session.jobs") {
        None => Ok((std::thread::available_parallelism().map_or(1, usize::from) / 2).max(1)),
        Some(text) => text.trim().parse().ok().filter(|jobs| *jobs > 0).ok_or_else(|| {
            Error::refused(format!("The setting `session.jobs` is '{text}', which is no number above 0."))
                .hint("`git config session.jobs 4`, or `-j 4` for once.")
        }),
    }
}
