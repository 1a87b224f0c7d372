//! `create`: branch, worktree and record of new sessions.

mod carry;
mod execute;
mod place;
mod plan;

pub(crate) use execute::exclude;
pub use execute::execute;
pub(crate) use place::repository_name;
pub use place::{normal, of as place_of, require_free as require_free_place, sessions_folder};
pub use plan::plan;
pub(crate) use plan::{branch_prefix, surroundings_of};

use crate::ops::base::Chosen;
use crate::ops::surroundings::{Prepared, Surroundings};
use crate::session::{EventKind, Name, ObjectId, OperationId, Priority, Record};
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The names, as typed.
    pub names: Vec<String>,
    /// Where the branches start.
    pub start: Option<String>,
    /// The branch, where it is not named as the session.
    pub branch: Option<String>,
    /// The base.
    pub base: Option<String>,
    /// What it is for.
    pub goal: Option<String>,
    /// The part of the project it is about.
    pub focus: Option<String>,
    /// Who works on it.
    pub owner: Option<String>,
    /// Files whose contents go into the record.
    pub context: Vec<PathBuf>,
    /// Pathspecs it owns.
    pub own: Vec<String>,
    /// Pathspecs it may only read.
    pub read_only: Vec<String>,
    /// Sessions that must merge before it.
    pub depends_on: Vec<String>,
    /// How urgent.
    pub priority: Option<Priority>,
    /// Only these directories are checked out.
    pub sparse: Vec<String>,
    /// Makes the current checkout the session's.
    pub here: bool,
    /// Stacks it on the session one stands in.
    pub stack: bool,
    /// Puts uncommitted work of the current worktree on the stash first.
    pub stash: bool,
    /// Moves uncommitted work of the current worktree into the new one.
    pub carry: bool,
    /// Copies no ignored files.
    pub no_copy: bool,
    /// Runs no set-up.
    pub no_setup: bool,
}

/// Where the branch of a new session comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchFrom {
    /// It is made at the start.
    New,
    /// A local branch is taken over as it is.
    Local,
    /// It is made from a remote-tracking ref, which becomes its upstream.
    Remote(String),
}

/// Where the files of a new session come to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A worktree of its own.
    Worktree(PathBuf),
    /// The checkout one stands in is switched to the branch.
    Here(PathBuf),
    /// A worktree that is there already, on the branch.
    Tied(PathBuf),
    /// No worktree.
    Nowhere,
}

impl Place {
    /// The directory.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Place::Worktree(path) | Place::Here(path) | Place::Tied(path) => Some(path),
            Place::Nowhere => None,
        }
    }
}

/// One session to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Its name.
    pub name: Name,
    /// Its branch, by full name.
    pub branch: String,
    /// Where that comes from.
    pub branch_from: BranchFrom,
    /// The commit it starts at.
    pub start: ObjectId,
    /// The base.
    pub base: Chosen,
    /// The facts.
    pub record: Record,
    /// Its directory.
    pub place: Place,
    /// A line for `info/exclude`, where the directory lies inside the main worktree.
    pub exclude: Option<String>,
    /// *created* or *adopted*.
    pub event: EventKind,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// All sessions to be made by one command.
#[derive(Debug, Clone, PartialEq)]
pub struct CreatePlan {
    /// In the order asked for.
    pub sessions: Vec<Planned>,
    /// Documents of every record: path and bytes.
    pub documents: Vec<(String, Vec<u8>)>,
    /// Directories of a sparse checkout.
    pub sparse: Vec<String>,
    /// What becomes of uncommitted work where one stands.
    pub uncommitted: Uncommitted,
    /// What the new worktrees get besides their files.
    pub surroundings: Surroundings,
    /// What the user should know of all of them.
    pub warnings: Vec<String>,
}

/// What becomes of uncommitted work in the worktree one stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncommitted {
    /// It stays.
    Stays,
    /// It goes onto the stash; the worktree's top.
    Stash(PathBuf),
    /// It goes along into the new worktree; the top of the one it comes from.
    Carry(PathBuf),
}

/// What one `create` made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The name.
    pub name: Name,
    /// The session's id.
    pub id: ObjectId,
    /// The branch, by full name.
    pub branch: String,
    /// Its directory; none of an adopted branch without a worktree.
    pub worktree: Option<PathBuf>,
    /// The base.
    pub base: Chosen,
    /// The fork.
    pub fork: ObjectId,
    /// Where the branch stands.
    pub head: ObjectId,
    /// The first of its ports.
    pub ports: Option<u16>,
    /// What a new worktree got besides its files.
    pub prepared: Option<Prepared>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The outcome for each session, in the order asked for.
#[derive(Debug)]
pub struct Outcome {
    /// The operation that brackets them.
    pub operation: OperationId,
    /// What was made, or why not.
    pub sessions: Vec<(Name, crate::error::Result<Created>)>,
    /// What the user may want to know.
    pub notes: Vec<String>,
    /// What the user should know of all of them.
    pub warnings: Vec<String>,
}
