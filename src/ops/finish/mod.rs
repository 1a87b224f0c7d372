//! `finish`: a session ends, merged, kept or abandoned. Nothing of it is lost.

mod execute;
mod integrate;
mod plan;

pub use execute::{Committed, base_mutex, commit_all, execute};
pub(super) use integrate::ask_hooks;
pub use plan::{plan, survey};

pub use crate::git::status::Dirty;
use crate::session::{BString, Name, ObjectId, OperationId, State};
use crate::store::snapshot::BaseNow;
use std::path::PathBuf;

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its work goes into the base.
    Merge(Strategy),
    /// Its branch stays, an ordinary one from then on.
    Keep,
    /// Its work is put aside.
    Abandon,
}

/// How the work goes into the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// A merge commit.
    NoFf,
    /// The branch's tip; refused if that is no fast-forward.
    Ff,
    /// One commit.
    Squash,
    /// The own commits on top, then fast-forward.
    Rebase,
}

impl Strategy {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::NoFf => "no-ff",
            Strategy::Ff => "ff",
            Strategy::Squash => "squash",
            Strategy::Rebase => "rebase",
        }
    }

    /// Of a word.
    pub fn parse(text: &str) -> Option<Strategy> {
        [Strategy::NoFf, Strategy::Ff, Strategy::Squash, Strategy::Rebase].into_iter().find(|s| s.as_str() == text)
    }
}

/// What merging would give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// The base has it all already.
    Nothing,
    /// It merges.
    Clean,
    /// It conflicts on these paths.
    Conflict(Vec<BString>),
}

/// Where a session stands before it ends: what one wants to know when asked how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The name.
    pub name: Name,
    /// The id.
    pub id: ObjectId,
    /// What it is for.
    pub goal: Option<String>,
    /// The branch, by full name.
    pub branch: String,
    /// Where it stands; absent where it is gone.
    pub tip: Option<ObjectId>,
    /// Its worktree, and git's own directory of it.
    pub worktree: Option<(PathBuf, PathBuf)>,
    /// What is uncommitted; absent without a worktree.
    pub dirty: Option<Dirty>,
    /// The base.
    pub base: BaseNow,
    /// Where that stands, and the ref it was taken from.
    pub base_tip: Option<(ObjectId, String)>,
    /// Commits that the base lacks, and that the branch lacks.
    pub ahead: Option<u64>,
    /// See `ahead`.
    pub behind: Option<u64>,
    /// What merging would give; absent without branch or base.
    pub forecast: Option<Forecast>,
    /// Sessions stacked on this one.
    pub children: Vec<Name>,
}

/// The end of one session, ready to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishPlan {
    /// Where it stands.
    pub survey: Survey,
    /// How it ends.
    pub mode: Mode,
    /// Whether the directory was there before the session and stays, and what it is switched to.
    pub here_to: Option<String>,
    /// What goes into the base.
    pub merge: Option<MergePlan>,
    /// Further trailers of the event.
    pub trailers: Vec<(String, String)>,
}

/// What goes into the base, checked in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergePlan {
    /// How.
    pub strategy: Strategy,
    /// Where the local base branch stands; absent where it is made.
    pub old: Option<ObjectId>,
    /// What is merged onto: the base tip, its upstream's where that is ahead.
    pub onto: ObjectId,
    /// Commits that are made again, oldest first (`rebase`), or described (`squash`).
    pub own: Vec<ObjectId>,
    /// The commit that is there already: `ff`, or nothing to merge.
    pub ready: Option<ObjectId>,
    /// git's own directory of the worktree that has the base checked out.
    pub base_git_dir: Option<PathBuf>,
    /// That worktree's top.
    pub base_worktree: Option<PathBuf>,
}

/// How one session ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The name.
    pub name: Name,
    /// *merged*, *kept* or *abandoned*.
    pub outcome: State,
    /// How the work went into the base.
    pub strategy: Option<Strategy>,
    /// The commit the base had it at.
    pub merged_at: Option<ObjectId>,
    /// The base's short name.
    pub base: String,
    /// The branch, by full name, and its last tip.
    pub branch: String,
    /// See `branch`.
    pub tip: Option<ObjectId>,
    /// What was uncommitted.
    pub salvage: Option<ObjectId>,
    /// The directory that is gone.
    pub removed: Option<PathBuf>,
    /// Whether the branch is gone.
    pub branch_removed: bool,
    /// Whether the shell stands in a directory that is gone, and where it could go.
    pub stranded: Option<PathBuf>,
    /// Sessions whose base is now the one below.
    pub children: Vec<Name>,
    /// The operation.
    pub operation: OperationId,
    /// What the user should know.
    pub warnings: Vec<String>,
}
