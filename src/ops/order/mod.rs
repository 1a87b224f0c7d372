//! `order`: which to merge first, found out by merging.
//!
//! What speaks against a session from the start (see `readiness`) keeps it out, and those that need it. The others of
//! one trunk are merged in memory, one after another, as `git merge --no-ff` would: as many as can be had, those first
//! that are needed, then by priority, size and age. Nothing is written.

mod cars;
mod choose;
mod explain;
mod helped;
mod learn;
mod model;
mod readiness;
mod sequence;

pub use explain::BY_SIZE;
pub use readiness::{Gate, gates};

use crate::error::Result;
use crate::git::merge::Merger;
use crate::git::replay::Objects;
use crate::ops::Context;
use crate::ops::conflicts::Clash;
use crate::session::ObjectId;
use crate::session::Word as _;
use crate::store::Snapshot;
use crate::store::snapshot::BaseNow;
use cars::Cars;
use sequence::{Sequence, Yard};
use std::collections::BTreeSet;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The sessions, as typed; all there are without any.
    pub names: Vec<String>,
    /// Plain branches by glob, instead of sessions.
    pub branches: Vec<String>,
    /// The base of those.
    pub base: Option<String>,
    /// Leave readiness out.
    pub all: bool,
    /// Each goes in as one commit.
    pub is_squash: bool,
    /// Who stays out, and why.
    pub left_out: Vec<(String, Reason)>,
}

/// A branch that others go into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// What its tip was taken from: `main`, `origin/main`.
    pub name: String,
    /// Where it stands.
    pub tip: Option<ObjectId>,
    /// The base; none of plain branches.
    pub base: Option<BaseNow>,
    /// Whether it is proved that no sequence has more, of those that merge into it by themselves.
    pub is_exact: bool,
    /// How many go in.
    pub size: usize,
    /// No sequence has more than that.
    pub bound: usize,
    /// The tree that comes of it.
    pub tree: Option<ObjectId>,
}

/// One that goes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The session or branch.
    pub name: String,
    /// Its trunk, by its place among the trunks.
    pub trunk: usize,
    /// Which it is, counted from 1 in its trunk.
    pub position: usize,
    /// Its base.
    pub base: String,
    /// Where it stands.
    pub tip: ObjectId,
    /// The tree after it.
    pub tree: ObjectId,
    /// How many commits it brings.
    pub commits: usize,
    /// How many files it changes.
    pub files: usize,
    /// Why it stands here.
    pub reason: String,
    /// Those before it that it needs.
    pub after: Vec<String>,
    /// What is worth saying of its readiness.
    pub remark: Option<String>,
}

/// What speaks against one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A merge stops.
    Conflict,
    /// Its tests fail, or were never run.
    Tests,
    /// With it the tests of all fail.
    BrokeTests,
    /// Something that it needs does not go in.
    DependsOn,
    /// Something is uncommitted.
    Dirty,
    /// Tasks are open.
    Tasks,
    /// Nobody said that it is ready, or it has nothing.
    NotReady,
    /// It was said to be stuck.
    Blocked,
    /// It is being written to, or in the middle of an operation.
    Busy,
    /// It cannot be looked at.
    Broken,
    /// It needs itself.
    Cycle,
}

impl Kind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Conflict => "conflict",
            Kind::Tests => "tests",
            Kind::BrokeTests => "broke-tests",
            Kind::DependsOn => "depends-on",
            Kind::Dirty => "dirty",
            Kind::Tasks => "tasks",
            Kind::NotReady => "not-ready",
            Kind::Blocked => "blocked",
            Kind::Busy => "busy",
            Kind::Broken => "broken",
            Kind::Cycle => "cycle",
        }
    }
}

/// Why one does not go in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Of what sort.
    pub kind: Kind,
    /// Who has to do with it.
    pub with: Vec<String>,
    /// Where they meet; the first side is the blocked one.
    pub files: Vec<Clash>,
    /// What is the matter, without a capital.
    pub sentence: String,
    /// The command that helps.
    pub remedy: String,
}

impl Reason {
    /// One that concerns nobody else.
    pub fn new(kind: Kind, sentence: impl Into<String>, remedy: impl Into<String>) -> Reason {
        Reason { kind, with: Vec::new(), files: Vec::new(), sentence: sentence.into(), remedy: remedy.into() }
    }
}

/// One that does not go in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The session or branch.
    pub name: String,
    /// Its trunk, by its place among the trunks.
    pub trunk: usize,
    /// Its base.
    pub base: String,
    /// Why; at least one.
    pub reasons: Vec<Reason>,
    /// The base has its work already.
    pub is_merged: bool,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Where they go.
    pub trunks: Vec<Trunk>,
    /// Trunk by trunk, in order.
    pub order: Vec<Place>,
    /// Trunk by trunk, by name.
    pub blocked: Vec<Blocked>,
    /// What could not be found out, in sentences.
    pub warnings: Vec<String>,
    /// What was made in memory.
    pub(crate) objects: Objects,
}

/// Finds the order.
///
/// # Errors
/// Usage or refused, if an argument means no session or branch. What is wrong with one of them is a reason.
pub fn look(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<Report> {
    let mut all = cars::gather(ctx, snapshot, options)?;
    let mut engine = Merger::new(&ctx.repo)?;
    let mut report = Report { warnings: std::mem::take(&mut all.warnings), ..Report::default() };
    for trunk in 0..all.trunks.len() {
        let sequence = sequence_of(&mut engine, &mut all, trunk, options.is_squash)?;
        let found = &mut all.trunks[trunk];
        (found.size, found.bound) = (sequence.order.len(), sequence.bound.max(sequence.order.len()));
        found.is_exact = found.size == found.bound && !sequence.is_guessed;
        found.tree = sequence.trees.last().copied();
        explain::collisions(ctx, snapshot, options, &mut all, trunk, &sequence, &engine)?;
        report.order.extend(explain::places(&all, trunk, &sequence));
        let goes_in: BTreeSet<usize> = sequence.order.iter().copied().collect();
        for (at, car) in all.cars.iter().enumerate() {
            if car.trunk == trunk && !goes_in.contains(&at) {
                let (name, base, reasons) = (car.name.clone(), car.base.clone(), car.reasons.clone());
                report.blocked.push(Blocked { name, trunk, base, reasons, is_merged: car.is_done });
            }
        }
    }
    report.objects = engine.take_objects();
    report.trunks = all.trunks;
    Ok(report)
}

/// The sequence of one trunk; who cannot take part has a reason by then.
fn sequence_of(engine: &mut Merger, all: &mut Cars, trunk: usize, is_squash: bool) -> Result<Sequence> {
    let Some(tip) = all.trunks[trunk].tip else { return Ok(Sequence::default()) };
    let here: Vec<usize> = (0..all.cars.len()).filter(|at| all.cars[*at].trunk == trunk).collect();
    let mut has_nothing = Vec::new();
    {
        let mut yard = Yard::new(engine, &all.cars, tip, is_squash)?;
        for at in &here {
            match yard.has_all(*at) {
                Ok(false) => {}
                Ok(true) if all.cars[*at].tip.is_none() => {}
                Ok(true) => has_nothing.push((*at, None)),
                Err(error) => has_nothing.push((*at, Some(error.one_line()))),
            }
        }
    }
    for (at, error) in has_nothing {
        let base = all.trunks[trunk].name.clone();
        let car = &mut all.cars[at];
        let is_begun = car.is_begun(engine.repo()).unwrap_or(true);
        let name = &car.name;
        let reason = match error {
            Some(error) => Reason::new(Kind::Broken, error, format!("git session doctor {name}", name = name.word())),
            None if is_begun => {
                car.is_done = true;
                Reason::new(Kind::NotReady, format!("'{base}' has all of its work"), "git session cleanup")
            }
            None => Reason::new(
                Kind::NotReady,
                "it has no commits of its own",
                format!("git session path {name}", name = name.word()),
            ),
        };
        car.reasons = vec![reason];
    }
    // What is merged already need not be waited for.
    let is_done: Vec<bool> = all.cars.iter().map(|car| car.is_done).collect();
    all.cars.iter_mut().for_each(|car| car.needs.retain(|need| !is_done[*need]));
    explain::those_that_wait(&mut all.cars);
    let able: Vec<usize> = here.into_iter().filter(|at| all.cars[*at].reasons.is_empty()).collect();
    Yard::new(engine, &all.cars, tip, is_squash)?.run(&able)
}
