//! What people did behind our back: branches switched, renamed or deleted, worktrees moved or deleted by hand.

use crate::git::Worktree;
use crate::git::worktrees::Head;
use crate::ops::Context;
use crate::ops::base::short_name;
use crate::session::ObjectId;
use crate::session::Word as _;
use crate::store::{Loaded, Snapshot};

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenKind {
    /// git has the worktree's entry, the directory is gone.
    WorktreeMissing,
    /// The branch was here and is gone.
    BranchMissing,
    /// The worktree is on another branch.
    BranchSwitched,
    /// The worktree's branch has another name now.
    BranchRenamed,
    /// The worktree is on no branch.
    Detached,
    /// The record cannot be read.
    RecordUnreadable,
}

impl BrokenKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            BrokenKind::WorktreeMissing => "worktree-missing",
            BrokenKind::BranchMissing => "branch-missing",
            BrokenKind::BranchSwitched => "branch-switched",
            BrokenKind::BranchRenamed => "branch-renamed",
            BrokenKind::Detached => "detached",
            BrokenKind::RecordUnreadable => "record-unreadable",
        }
    }
}

/// One thing that does not fit, and the command that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What.
    pub kind: BrokenKind,
    /// What the record says.
    pub was: Option<String>,
    /// What git says.
    pub now: Option<String>,
    /// The remedy.
    pub remedy: String,
}

/// Everything about a session that does not fit.
pub fn broken(
    ctx: &Context,
    snapshot: &Snapshot,
    loaded: &Loaded,
    worktree: Option<&Worktree>,
    tip: Option<ObjectId>,
) -> Vec<Broken> {
    let name = &loaded.name;
    let branch = loaded.record.branch_short();
    let mut broken = Vec::new();
    let Some(worktree) = worktree else {
        if tip.is_none() && was_here(ctx, loaded) {
            broken.push(Broken {
                kind: BrokenKind::BranchMissing,
                was: Some(branch.to_owned()),
                now: None,
                remedy: format!("`git branch {branch} <commit>` makes it again; `git session finish {name} --abandon` ends the session.", branch = branch.word(), name = name.word()),
            });
        }
        return broken;
    };
    if worktree.is_missing {
        broken.push(Broken {
            kind: BrokenKind::WorktreeMissing,
            was: Some(worktree.path.display().to_string()),
            now: None,
            remedy: format!(
                "`git worktree repair <new place>` if it was moved by hand; `git session adopt {name}` makes it again.",
                name = name.word()
            ),
        });
    }
    let on = worktree.branch();
    match (&on, &worktree.head) {
        (Some(on), _) if *on == loaded.record.branch => {}
        (Some(on), _) => {
            let is_others = snapshot.readable().any(|other| other.record.branch == *on);
            let (kind, remedy) = if tip.is_none() && !is_others {
                (
                    BrokenKind::BranchRenamed,
                    format!("`git session adopt {name}` takes the new name over.", name = name.word()),
                )
            } else {
                (
                    BrokenKind::BranchSwitched,
                    format!(
                        "`git -C {} switch {branch}` goes back.",
                        worktree.path.display().to_string().word(),
                        branch = branch.word()
                    ),
                )
            };
            broken.push(Broken { kind, was: Some(branch.to_owned()), now: Some(short_name(on).to_owned()), remedy });
            return broken;
        }
        (None, Head::Detached(id)) => broken.push(Broken {
            kind: BrokenKind::Detached,
            was: Some(branch.to_owned()),
            now: Some(id.to_string()),
            remedy: format!(
                "`git -C {} switch {branch}` goes back to the branch.",
                worktree.path.display().to_string().word(),
                branch = branch.word()
            ),
        }),
        (None, _) => {}
    }
    if tip.is_none() {
        broken.push(Broken {
            kind: BrokenKind::BranchMissing,
            was: Some(branch.to_owned()),
            now: None,
            remedy: format!(
                "`git branch {branch} <commit>` makes it again; its last commit is in `git -C {} reflog`.",
                worktree.path.display().to_string().word(),
                branch = branch.word()
            ),
        });
    }
    broken
}

/// Whether this repository ever had the session itself: its record has a reflog here. A record that came from elsewhere
/// and never had its branch here is not orphaned.
fn was_here(ctx: &Context, loaded: &Loaded) -> bool {
    ctx.repo.common_dir().join("logs").join(loaded.name.reference()).exists()
}
