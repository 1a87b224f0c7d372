//! Tests over a sequence: all of it first; where that fails, which one it began with.

use super::scratch::Bench;
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::session::ObjectId;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    bench: Bench<'a>,
    command: &'a str,
    log: PathBuf,
    known: HashMap<ObjectId, bool>,
    pub(super) runs: Vec<Run>,
    tell: &'a dyn Fn(&str),
}

impl<'a> Prover<'a> {
    pub(super) fn new(
        repo: &'a Repo,
        operation: &str,
        command: &'a str,
        known: HashMap<ObjectId, bool>,
        tell: &'a dyn Fn(&str),
    ) -> Prover<'a> {
        let log = repo.common_dir().join("session-integrate.log");
        Prover { repo, bench: Bench::new(repo, operation), command, log, known, runs: Vec::new(), tell }
    }

    /// Where the output is.
    pub(super) fn log(&self) -> &Path {
        &self.log
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
        if let Some(known) = self.known.get(&stop.tree) {
            return Ok(*known);
        }
        let passed = self.run(stop, false)? || self.run(stop, true)?;
        self.known.insert(stop.tree, passed);
        Ok(passed)
    }

    fn run(&mut self, stop: &Stop, is_retry: bool) -> Result<bool> {
        let with = stop.after.as_ref().map_or_else(|| "the base".to_owned(), |name| format!("all up to '{name}'"));
        (self.tell)(&format!("Testing {with}{}.", if is_retry { " once more" } else { "" }));
        self.bench.check_out(stop.commit)?;
        let failed = |error| Error::refused(format!("'{}' could not be written.", self.log.display())).because(error);
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).map_err(failed)?;
        let heading = format!("$ {}    # {with}, {}\n", self.command, stop.commit);
        std::io::Write::write_all(&mut file, heading.as_bytes()).map_err(failed)?;
        let begin = Instant::now();
        let code = self.repo.shell_in(self.bench.path(), self.command).run_into(&file)?;
        let (took, passed) = (begin.elapsed(), code == Some(0));
        let Stop { commit, tree, after } = stop.clone();
        self.runs.push(Run { commit, tree, after, passed, took, is_retry });
        Ok(passed)
    }
}
