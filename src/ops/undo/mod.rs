//! `undo`: a new operation that inverts one, session by session. Nothing goes that could not be had back.

mod execute;
mod facts;
mod find;
mod plan;
mod sync;

pub(crate) use execute::end;
pub use execute::execute;
pub use find::{choose, operations};
pub use plan::plan;

use crate::error::Error;
use crate::ops::journal::end::EndStep;
use crate::ops::journal::sync::SyncStep;
use crate::ops::relocate::RelocatePlan;
use crate::ops::restore::RestorePlan;
use crate::session::{Event, Name, ObjectId, OperationId, Record, Timestamp};
use crate::store::Loaded;
use std::path::PathBuf;

/// One event of an operation, with the session as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The session.
    pub session: Loaded,
    /// Whether it has ended.
    pub is_ended: bool,
    /// The event.
    pub event: Event,
    /// The record commit before it; none of a first one.
    pub before: Option<ObjectId>,
    /// Events of the session since, oldest first.
    pub since: Vec<Event>,
}

/// What one command did, as the timelines tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// When.
    pub time: Timestamp,
    /// Who, as `Name <email>`.
    pub by: String,
    /// What, by session.
    pub events: Vec<Found>,
}

/// A base that moves as part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseMove {
    /// The branch, by full name.
    pub branch: String,
    /// Its mutex.
    pub mutex: String,
    /// Where it stands.
    pub from: ObjectId,
    /// Where it goes.
    pub to: ObjectId,
    /// git's own directory of the worktree that follows.
    pub git_dir: Option<PathBuf>,
}

/// What takes back what happened to one session.
#[derive(Debug, Clone, PartialEq)]
pub enum Inverse {
    /// It ends.
    End(Box<EndStep>, Option<BaseMove>),
    /// It comes back.
    Restore(Box<RestorePlan>, Option<BaseMove>),
    /// Name, branch or directory go back.
    Relocate(Box<RelocatePlan>),
    /// Branch and worktree go back to where they were before a sync.
    Sync(Box<SyncStep>),
    /// Facts are as before.
    Facts(Box<Record>, String, Option<BaseMove>),
}

/// One session of the plan.
#[derive(Debug)]
pub struct Item {
    /// The session.
    pub session: Loaded,
    /// How; or why not.
    pub inverse: Result<Inverse, Error>,
}

/// An operation to be inverted.
#[derive(Debug)]
pub struct UndoPlan {
    /// The operation.
    pub operation: Operation,
    /// By session.
    pub items: Vec<Item>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// What became of one session.
#[derive(Debug)]
pub struct Outcome {
    /// Its name afterwards.
    pub name: Name,
    /// `ended`, `restored`, `renamed`, `moved`, `put-back`, `changed`; or why not.
    pub result: Result<&'static str, Error>,
    /// Its directory, where it has one afterwards.
    pub worktree: Option<PathBuf>,
}

/// An operation that was inverted.
#[derive(Debug)]
pub struct Undone {
    /// The operation that did it.
    pub operation: OperationId,
    /// The one that was inverted.
    pub undoes: OperationId,
    /// By session.
    pub sessions: Vec<Outcome>,
    /// Bases that moved: branch, from, to.
    pub bases: Vec<BaseMove>,
    /// What the user should know.
    pub warnings: Vec<String>,
}
