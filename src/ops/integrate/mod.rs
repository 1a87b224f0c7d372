//! `integrate`: sessions merged one after another, in the order that `order` finds, tested, and put where they belong
//! by one move.
//!
//! The merges are made in memory and written as objects that nothing holds. Where tests are asked for they run in a
//! worktree of their own; what breaks them is found by bisection over the sequence and left out, with what needs it.
//! Then one branch moves, once: the base itself, or an integration branch that is only a proposal.

mod alternatives;
mod execute;
mod prove;
mod scratch;
mod train;

pub use alternatives::{Alternative, compare};
pub use execute::{execute, foreseen};
pub use prove::Run;
pub use scratch::sweep;
pub use train::plan;

use crate::error::Error;
use crate::ops::base::Tip;
use crate::ops::order::{Blocked, Reason};
use crate::ops::testing::TestCommand;
use crate::session::{Name, ObjectId, OperationId};
use crate::store::snapshot::BaseNow;
use std::path::PathBuf;
use std::time::Duration;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The sessions, as typed; all there are without any.
    pub names: Vec<String>,
    /// The base that moves; without it an integration branch does.
    pub into: Option<String>,
    /// One commit for each session instead of a merge.
    pub squash: bool,
    /// The command that has to succeed.
    pub test: Option<TestCommand>,
    /// How long each run of it may take.
    pub timeout: Option<Duration>,
    /// The sessions end once the base has them.
    pub cleanup: bool,
    /// Leave readiness out.
    pub all: bool,
    /// Those that end, put aside, once the base has the one that was taken instead.
    pub instead_of: Vec<Name>,
}

/// A session on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Car {
    /// Its name.
    pub name: Name,
    /// Its id.
    pub id: ObjectId,
    /// Where it stands.
    pub tip: ObjectId,
    /// What it is for.
    pub goal: Option<String>,
    /// The subjects of its commits, oldest first, where they are squashed.
    pub subjects: Vec<String>,
    /// The tree after it.
    pub tree: ObjectId,
    /// Those before it that it needs.
    pub after: Vec<String>,
    /// How many commits it brings.
    pub commits: usize,
    /// How many files it changes.
    pub files: usize,
}

/// The branch that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// By full name.
    pub branch: String,
    /// Where it stands; absent where it is made.
    pub old: Option<ObjectId>,
    /// Its mutex.
    pub mutex: String,
    /// git's own directory of the worktree that has it checked out.
    pub git_dir: Option<PathBuf>,
    /// Whether it is the base itself.
    pub is_base: bool,
}

/// What is to be done.
#[derive(Debug)]
pub struct IntegratePlan {
    /// What was asked for.
    pub options: Options,
    /// The base.
    pub base: BaseNow,
    /// Where it stands.
    pub onto: Tip,
    /// The branch that moves.
    pub target: Target,
    /// Those that go in, in order.
    pub cars: Vec<Car>,
    /// Those that do not.
    pub blocked: Vec<Blocked>,
    /// What was made in memory.
    pub(crate) objects: crate::git::replay::Objects,
    /// Who was left out since tests failed with it.
    pub(crate) left_out: Vec<(String, Reason)>,
    /// Of those that the base has already: who is not said to be merged.
    pub(crate) unsaid: Vec<Name>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl IntegratePlan {
    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.cars.is_empty() && self.said_late().is_empty()
    }

    /// Those of which it is said now: an earlier run ended too soon, or somebody merged them by hand.
    pub(crate) fn said_late(&self) -> Vec<Name> {
        if self.target.is_base { self.unsaid.clone() } else { Vec::new() }
    }

    /// The tree that comes of it: that of the last one.
    pub fn tree(&self) -> Option<ObjectId> {
        self.cars.last().map(|car| car.tree)
    }
}

/// What became of it.
#[derive(Debug)]
pub struct Integrated {
    /// The operation; none of a dry run.
    pub operation: Option<OperationId>,
    /// The base's short name.
    pub base: String,
    /// The branch that moved, by full name.
    pub branch: String,
    /// Whether it is the base itself.
    pub is_base: bool,
    /// Where it stood; absent where it was made.
    pub from: Option<ObjectId>,
    /// Where it is now; absent where nothing moved.
    pub to: Option<ObjectId>,
    /// The tree there.
    pub tree: Option<ObjectId>,
    /// Those that went in, in order, each with its commit.
    pub merged: Vec<(Car, Option<ObjectId>)>,
    /// Those that did not.
    pub blocked: Vec<Blocked>,
    /// The test command.
    pub test: Option<String>,
    /// How often it ran, and what came of it.
    pub runs: Vec<Run>,
    /// Sessions that ended.
    pub ended: Vec<Name>,
    /// Sessions that were put aside.
    pub abandoned: Vec<Name>,
    /// What could not be said of sessions whose work is where it belongs; the next run says it.
    pub errors: Vec<(Name, Error)>,
    /// What the user should know.
    pub warnings: Vec<String>,
}
