//! Tests over a sequence: all of it first; where that fails, which one it began with.

use super::scratch::Bench;
use crate::error::{Context as _, Error, Result};
use crate::git::Repo;
use crate::ops::testing::{self, Ending, Interrupt, TestCommand};
use crate::session::verdict::Verdict;
use crate::session::{ObjectId, Timestamp};
use crate::store::Writer;
use crate::store::notes::{self, Notes};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One run of the test command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The commit it ran on.
    pub commit: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// The last session that was in it; none where it was the base.
    pub after: Option<String>,
    /// Whether it succeeded.
    pub passed: bool,
    /// How long it took.
    pub took: Duration,
    /// The second try of one that had failed.
    pub is_retry: bool,
}

/// A state of the base with some of them in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) commit: ObjectId,
    pub(super) tree: ObjectId,
    pub(super) after: Option<String>,
}

/// What tests say of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// All of it is well.
    Good,
    /// It begins to fail with this one, counted from 0 behind the base.
    Culprit(usize),
    /// The base fails by itself.
    Base,
}

/// The command, where it runs, and what is known by now.
pub(super) struct Prover<'a> {
    repo: &'a Repo,
    writer: &'a Writer,
    bench: Bench<'a>,
    command: &'a TestCommand,
    timeout: Option<Duration>,
    /// What notes say of trees.
    noted: HashMap<ObjectId, bool>,
    /// What was found out here.
    settled: HashMap<ObjectId, bool>,
    pub(super) runs: Vec<Run>,
    told: Told<'a>,
}

/// Who is told of what goes on, and who tells to end it.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) interrupt: &'a Interrupt,
    pub(super) tell: &'a dyn Fn(&str),
}

impl<'a> Prover<'a> {
    pub(super) fn new(
        repo: &'a Repo,
        writer: &'a Writer,
        command: &'a TestCommand,
        timeout: Option<Duration>,
        told: Told<'a>,
    ) -> Result<Prover<'a>> {
        let shown = command.shown();
        let mut noted = HashMap::new();
        for (tree, verdicts) in Notes::read(repo)?.all(repo)? {
            let verdict = verdicts.iter().find(|verdict| verdict.command == shown);
            noted.extend(verdict.map(|verdict| (tree, verdict.is_passed())));
        }
        let bench = Bench::new(repo, writer.operation.as_str());
        let prover =
            Prover { repo, writer, bench, command, timeout, noted, settled: HashMap::new(), runs: Vec::new(), told };
        let _ = std::fs::remove_file(prover.log());
        Ok(prover)
    }

    /// Where the output of all runs is.
    pub(super) fn log(&self) -> PathBuf {
        self.repo.common_dir().join("session-integrate.log")
    }

    /// Of the base, then each state after it.
    pub(super) fn prove(&mut self, base: &Stop, stops: &[Stop]) -> Result<Proof> {
        let Some(last) = stops.last() else { return Ok(Proof::Good) };
        if self.passes(last)? {
            return Ok(Proof::Good);
        }
        // Before `good` all is well, at `bad` it is not.
        let (mut good, mut bad) = (0, stops.len());
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            if self.passes(&stops[middle - 1])? {
                good = middle;
            } else {
                bad = middle;
            }
        }
        if bad == 1 && !self.passes(base)? {
            return Ok(Proof::Base);
        }
        Ok(Proof::Culprit(bad - 1))
    }

    /// A failure counts only if it fails again.
    fn passes(&mut self, stop: &Stop) -> Result<bool> {
        if let Some(settled) = self.settled.get(&stop.tree) {
            return Ok(*settled);
        }
        let passed = match self.noted.get(&stop.tree) {
            Some(true) => true,
            Some(false) => self.run(stop, true)?,
            None => self.run(stop, false)? || self.run(stop, true)?,
        };
        self.settled.insert(stop.tree, passed);
        Ok(passed)
    }

    fn run(&mut self, stop: &Stop, is_retry: bool) -> Result<bool> {
        let with = stop.after.as_ref().map_or_else(|| "the base".to_owned(), |name| format!("all up to '{name}'"));
        (self.told.tell)(&format!("Testing {with}{}.", if is_retry { " once more" } else { "" }));
        self.bench.check_out(stop.commit)?;
        let printed = self.bench.printed();
        let env = [self.bench.ceiling()];
        let run = testing::Run {
            directory: self.bench.path(),
            command: self.command,
            env: &env,
            log: &printed,
            timeout: self.timeout,
            interrupt: self.told.interrupt,
        };
        let outcome = testing::run_in(self.repo, run);
        let kept = self.keep(&format!("# {with}, {}\n", stop.commit), &printed);
        let _ = std::fs::remove_file(&printed);
        let outcome = outcome?;
        kept?;
        let passed = outcome.is_passed();
        let Stop { commit, tree, after } = stop.clone();
        let session = after.clone().unwrap_or_else(|| "the base".to_owned());
        self.runs.push(Run { commit, tree, after, passed, took: outcome.duration, is_retry });
        if outcome.ending == Ending::TimedOut {
            (self.told.tell)("Its time was up.");
            return Ok(false);
        }
        let Some(exit) = outcome.verdict() else {
            let shown = self.command.shown();
            return Err(Error::refused(format!("`{shown}` says nothing: {}.", testing::ending_shown(outcome.ending)))
                .hint("Nothing has moved."));
        };
        if !self.bench.is_there() {
            return Err(Error::refused(format!(
                "`{}` says nothing: it removed the worktree that it ran in.",
                self.command.shown()
            ))
            .hint("Nothing has moved."));
        }
        if !self.bench.is_as_checked_out(commit) {
            (self.told.tell)("It changed HEAD or tracked files while it ran: what it gave is not noted.");
        } else if passed || is_retry {
            let verdict = Verdict {
                exit,
                command: self.command.shown(),
                duration: outcome.milliseconds(),
                time: Timestamp(self.writer.identity.seconds()),
                session,
            };
            notes::add(self.repo, self.writer, &[(tree, verdict)])?;
        }
        Ok(passed)
    }

    /// Adds what a run has printed to the log.
    fn keep(&self, heading: &str, printed: &Path) -> Result<()> {
        let log = self.log();
        let append = || -> std::io::Result<()> {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
            file.write_all(heading.as_bytes())?;
            std::io::copy(&mut std::fs::File::open(printed)?, &mut file).map(drop)
        };
        append().or_refuse(|| format!("'{}' could not be written.", log.display()))
    }
}
