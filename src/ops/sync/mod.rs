//! `sync`: every session on its newest base, as `git rebase` would put it there.
//!
//! The plan is made in memory and in parallel; what is executed is one unit for each session, and one that fails leaves
//! its session as it was and stops no other but those stacked on it.

mod aside;
mod by_git;
mod carry;
mod collide;
mod decide;
mod execute;
mod group;
mod look;
mod plan;
mod resolve;

pub use crate::git::worktrees::path_of_bytes as path_of;
pub(in crate::ops) use aside::sweep;
pub use collide::Collision;
pub use execute::execute;
pub use look::{require_free, require_still};
pub use plan::plan;
pub use resolve::{Resolving, conclude, hand_over, require_one};

use crate::git::Worktree;
use crate::git::replay::Objects;
use crate::ops::base::Tip;
use crate::ops::journal::sync::SyncStep;
use crate::session::Word as _;
use crate::session::{BString, Base, Name, ObjectId, OperationId};
use crate::store::Loaded;
use crate::store::snapshot::BaseNow;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The sessions, as typed; all there are without any.
    pub names: Vec<String>,
    /// Another base from then on.
    pub onto: Option<String>,
    /// Merge the base into the branch, for branches that others have too.
    pub merge: bool,
    /// Carry uncommitted work along.
    pub autostash: bool,
    /// Replay merge commits too, which git does.
    pub rebase_merges: bool,
    /// Start a rebase in the worktree of each session that conflicts.
    pub resolve: bool,
}

impl Options {
    /// The command that tries it again with one session.
    fn again(&self, name: &Name) -> String {
        let mut command = format!("git session sync {}", name.word());
        if let Some(onto) = &self.onto {
            command.push_str(&format!(" --onto {}", crate::ops::shell_quoted(onto)));
        }
        for (is_on, flag) in
            [(self.merge, " --merge"), (self.autostash, " --autostash"), (self.rebase_merges, " --rebase-merges")]
        {
            if is_on {
                command.push_str(flag);
            }
        }
        command
    }
}

/// What became, or would become, of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The base tip was in it already.
    UpToDate,
    /// It had no commits of its own.
    FastForwarded,
    /// Its own commits were replayed.
    Rebased,
    /// The base was merged into it.
    Merged,
    /// A commit of its own does not go onto the base.
    Conflict,
    /// Something speaks against it now.
    Skipped,
    /// The session it is stacked on could not move.
    Blocked,
    /// It went wrong; the session is as it was.
    Failed,
}

impl Outcome {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::UpToDate => "up-to-date",
            Outcome::FastForwarded => "fast-forwarded",
            Outcome::Rebased => "rebased",
            Outcome::Merged => "merged",
            Outcome::Conflict => "conflict",
            Outcome::Skipped => "skipped",
            Outcome::Blocked => "blocked",
            Outcome::Failed => "failed",
        }
    }

    /// Whether the branch moves.
    pub fn moves(self) -> bool {
        matches!(self, Outcome::FastForwarded | Outcome::Rebased | Outcome::Merged)
    }
}

/// Why a session is skipped or blocked: the first that holds, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// git is in the middle of something there.
    Operation,
    /// Its index is locked, or another command is at work on it.
    Busy,
    /// A tracked path differs from `HEAD`.
    Dirty,
    /// Branch or directory are gone.
    Missing,
    /// Its worktree is not on its branch.
    Detached,
    /// Its branch is checked out in two worktrees.
    CheckedOutTwice,
    /// Base and upstream have each what the other lacks.
    BaseDiverged,
    /// There are merge commits among its own.
    MergeCommits,
    /// It changed since the plan was made.
    Changed,
    /// An untracked file is in the way.
    Untracked,
    /// The session it is stacked on could not move.
    Parent,
    /// A hook said no.
    Hook,
}

impl Reason {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Operation => "operation",
            Reason::Busy => "busy",
            Reason::Dirty => "dirty",
            Reason::Missing => "missing",
            Reason::Detached => "detached",
            Reason::CheckedOutTwice => "checked-out-twice",
            Reason::BaseDiverged => "base-diverged",
            Reason::MergeCommits => "merge-commits",
            Reason::Changed => "changed",
            Reason::Untracked => "untracked",
            Reason::Parent => "parent",
            Reason::Hook => "hook",
        }
    }
}

/// Why a session does not move: the reason, a sentence, and the command that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The reason; absent of a failure.
    pub reason: Option<Reason>,
    /// What is wrong.
    pub sentence: String,
    /// What helps.
    pub remedy: Option<String>,
}

impl Obstacle {
    fn new(reason: Reason, sentence: impl Into<String>, remedy: impl Into<String>) -> Obstacle {
        Obstacle { reason: Some(reason), sentence: sentence.into(), remedy: Some(remedy.into()) }
    }
}

/// One session of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: Name,
    /// What became, or would become, of it.
    pub outcome: Outcome,
    /// Where its branch stood.
    pub from: Option<ObjectId>,
    /// Where it stands now; absent where it did not move, or git will say.
    pub to: Option<ObjectId>,
    /// The base tip.
    pub onto: Option<ObjectId>,
    /// What that was taken from: `main`, `origin/main`, another session's branch.
    pub onto_name: String,
    /// Own commits that were put on top.
    pub replayed: usize,
    /// Own commits that the base had already, or that became empty.
    pub dropped: usize,
    /// The paths that collide.
    pub collisions: Vec<Collision>,
    /// The commit that stopped it, and its subject.
    pub commit: Option<(ObjectId, String)>,
    /// Why it does not move.
    pub obstacle: Option<Obstacle>,
    /// Further words: pushed before, a hook left out.
    pub notes: Vec<String>,
    /// Whether it was named on the command line, by itself.
    pub is_named: bool,
    /// Whether a rebase was started in its worktree.
    pub is_resolving: bool,
    /// Whether the base is merged into it.
    pub is_merge: bool,
    /// The command that tries it again.
    pub again: String,
}

/// What is to be done to one session.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Nothing.
    Nothing,
    /// It moves to a commit that is in the plan's objects.
    Move {
        to: ObjectId,
        /// Old and new ids of commits, for their notes.
        rewritten: Vec<(ObjectId, ObjectId)>,
    },
    /// git does it in the worktree.
    ByGit,
    /// git does it in a worktree of its own, and then it moves.
    Aside,
    /// The base is merged into it.
    Merge,
}

/// One session of a plan.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) session: Loaded,
    pub(crate) worktree: Option<Worktree>,
    pub(crate) base_now: BaseNow,
    pub(crate) tip: Option<Tip>,
    /// Another base from then on.
    pub(crate) new_base: Option<Base>,
    /// The session of this plan that it is stacked on, by its place in the group.
    pub(crate) parent: Option<usize>,
    pub(crate) action: Action,
    pub(crate) row: Row,
    /// Tracked paths with uncommitted changes that go along.
    pub(crate) dirty: Vec<BString>,
    /// All that is uncommitted before and after, as commits in the shape of a stash, where some of it is merged on the way.
    pub(crate) carried: Option<(ObjectId, ObjectId)>,
    /// Hooks of the branch that may not run.
    pub(crate) leaves_hooks_out: bool,
    /// What git has begun and somebody is to go on with.
    pub(crate) resolving: Option<SyncStep>,
}

/// Sessions that stand on each other, lower ones first, with the objects that were made for them.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) sessions: Vec<Planned>,
    pub(crate) objects: Objects,
}

/// What one `sync` would do.
#[derive(Debug)]
pub struct SyncPlan {
    pub(crate) groups: Vec<Group>,
    pub(crate) options: Options,
}

impl SyncPlan {
    /// What would become of each session, by name.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> =
            self.groups.iter().flat_map(|group| &group.sessions).map(|planned| planned.row.clone()).collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    }
}

/// What one `sync` did.
#[derive(Debug, Clone)]
pub struct Synced {
    /// The operation that brackets it.
    pub operation: OperationId,
    /// A row for each session, by name.
    pub rows: Vec<Row>,
    /// What git has begun and somebody is to go on with.
    pub resolving: Vec<SyncStep>,
    /// What the user should know of all of them.
    pub warnings: Vec<String>,
}

/// `git fetch` of the remotes that bases come from, once.
///
/// # Errors
/// Refused, with git's words.
pub fn fetch(ctx: &crate::ops::Context) -> crate::error::Result<()> {
    let remotes = ctx.repo.remotes();
    if remotes.is_empty() {
        return Err(crate::error::Error::refused("There is no remote to fetch from.")
            .hint("`git session sync` without `--fetch` goes by the branches that are here."));
    }
    for remote in remotes {
        ctx.repo.git_here().args(["fetch", "--quiet", &remote]).run_ok().map_err(|error| {
            crate::error::Error::refused(format!("'{remote}' could not be fetched; nothing was synced."))
                .because(error.one_line())
                .hint("`git session sync` without `--fetch` goes by what is here.")
        })?;
    }
    Ok(())
}
