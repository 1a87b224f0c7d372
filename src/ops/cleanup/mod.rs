//! `cleanup`: lets go of what is merged, orphaned or stale, and of what has expired. A row with its proof for each
//! session, kept ones too; nothing goes without one.

mod execute;
mod expire;
mod plan;

pub use execute::{auto, execute};
pub use plan::plan;

use crate::error::Error;
use crate::ops::journal::end::EndStep;
use crate::ops::list::Merged;
use crate::session::{Name, ObjectId, OperationId, Timestamp};
use crate::store::Loaded;

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sessions, by name, branch, path or glob; all if there are none.
    pub what: Vec<String>,
    /// Also what has been still for that many seconds.
    pub stale: Option<i64>,
}

/// Why a session goes or stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the word that `as_str` gives")]
pub enum Why {
    Merged,
    Orphaned,
    Abandoned,
    Stale,
    New,
    Unmerged,
    Uncommitted,
    Busy,
    Locked,
    Operation,
    ChangedIgnored,
    Secret,
    Nested,
    Submodule,
    Children,
    Broken,
    MainWorktree,
}

impl Why {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Merged => "merged",
            Why::Orphaned => "orphaned",
            Why::Abandoned => "abandoned",
            Why::Stale => "stale",
            Why::New => "new",
            Why::Unmerged => "unmerged",
            Why::Uncommitted => "uncommitted",
            Why::Busy => "busy",
            Why::Locked => "locked",
            Why::Operation => "operation",
            Why::ChangedIgnored => "changed-ignored",
            Why::Secret => "secret",
            Why::Nested => "nested",
            Why::Submodule => "submodule",
            Why::Children => "children",
            Why::Broken => "broken",
            Why::MainWorktree => "main-worktree",
        }
    }
}

/// One session.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: Name,
    /// Why it goes or stays.
    pub why: Why,
    /// What shows it.
    pub proof: String,
    /// What helps, of one that stays.
    pub remedy: Option<String>,
    /// Of one that goes: how it is known to be merged.
    pub merged: Option<Merged>,
    /// How it ends, of one that goes.
    pub end: Option<Box<(Loaded, EndStep)>>,
}

impl Row {
    /// Whether it goes.
    pub fn is_removed(&self) -> bool {
        self.end.is_some() || self.why == Why::Abandoned
    }
}

/// What is kept for nobody any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The id of an ended session, or the commit that holds something.
    pub id: ObjectId,
    /// The session's name.
    pub name: Name,
    /// Until when it was kept.
    pub until: Timestamp,
    /// Whether it is an ended session; else an entry of `@keep`.
    pub is_session: bool,
}

/// What is to be let go of.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanupPlan {
    /// A row for each session, by name.
    pub rows: Vec<Row>,
    /// What has expired.
    pub expired: Vec<Expired>,
    /// Names of sessions that were asked for by name, no pattern.
    pub named: Vec<Name>,
}

impl CleanupPlan {
    /// How many sessions go.
    pub fn removals(&self) -> usize {
        self.rows.iter().filter(|row| row.is_removed()).count()
    }

    /// Whether one that was asked for by name stays.
    pub fn keeps_a_named_one(&self) -> bool {
        self.rows.iter().any(|row| !row.is_removed() && self.named.contains(&row.name))
    }
}

/// What became of it.
#[derive(Debug)]
pub struct Cleaned {
    /// As in the plan; what could not go after all is kept, with the reason.
    pub rows: Vec<Row>,
    /// What has expired and is gone.
    pub expired: Vec<Expired>,
    /// What went wrong.
    pub errors: Vec<Error>,
    /// The operation.
    pub operation: OperationId,
    /// What the user should know.
    pub warnings: Vec<String>,
}
