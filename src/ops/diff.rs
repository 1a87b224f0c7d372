//! `diff`: what a session has changed since it left its base, uncommitted work included.

use crate::error::{Error, Result};
use crate::git::merge::{Merger, Scratch};
use crate::ops::{Context, base};
use crate::session::Word as _;
use crate::session::{Name, ObjectId};
use crate::store::{Loaded, Snapshot};

/// A session's work beside where it left its base.
#[derive(Debug)]
pub struct Difference {
    /// The session.
    pub name: Name,
    /// Its base.
    pub base: String,
    /// The commit in which it left that.
    pub from: ObjectId,
    /// The tree of that commit.
    pub before: ObjectId,
    /// The tree that the session has now.
    pub after: ObjectId,
    /// Whether uncommitted work is in it.
    pub is_uncommitted: bool,
    /// What was left out, and why.
    pub note: Option<String>,
    /// What exists only for as long as this value.
    scratch: Scratch,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path.
    pub path: crate::session::BString,
    /// Lines that are new, and lines that are gone; none of what is no text.
    pub lines: Option<(u64, u64)>,
}

/// What the session has changed. `committed` leaves uncommitted work out.
///
/// # Errors
/// Refused, if its branch or its base is not here, or they have no history in common.
pub fn since_base(ctx: &Context, snapshot: &Snapshot, session: &Loaded, committed: bool) -> Result<Difference> {
    let name = &session.name;
    let tip = ctx.repo.ref_id(&session.record.branch)?.ok_or_else(|| {
        Error::refused(format!("The branch '{}' of '{name}' is not here.", session.record.branch_short()))
            .hint(format!("`git session show {name}` tells what is known of it.", name = name.word()))
    })?;
    let now = snapshot.base_ref(&ctx.repo, &session.record);
    let base = base::require_tip(&ctx.repo, &now)?;
    let from = ctx.repo.merge_base(base.id, tip)?.ok_or_else(|| {
        Error::refused(format!("'{name}' has no history in common with '{}'.", base.from))
            .hint(format!("`git session set {name} --base <branch>` gives it another base.", name = name.word()))
    })?;
    let mut merger = Merger::new(&ctx.repo)?;
    let before = merger.repo().commit(from)?.tree;
    let is_on_it = |worktree: &&crate::git::Worktree| {
        !worktree.is_missing && worktree.branch().as_deref() == Some(session.record.branch.as_str())
    };
    let worktree = snapshot.worktree_of(session).filter(|_| !committed).filter(is_on_it);
    let operation = worktree.and_then(crate::git::Worktree::operation);
    let note = worktree.zip(operation).map(|(worktree, operation)| {
        let place = crate::ops::shell_quoted(&worktree.path.display().to_string());
        format!(
            "'{name}' is in the middle of a {operation}: this is only what is committed. See `git -C {place} status`."
        )
    });
    let work = match worktree.filter(|_| operation.is_none()) {
        Some(worktree) => merger.work_of(worktree, tip)?,
        None => None,
    };
    let after = match work {
        Some(work) => work,
        None => merger.repo().commit(tip)?.tree,
    };
    let scratch = merger.lend(&[after])?;
    let (name, is_uncommitted) = (name.clone(), work.is_some());
    Ok(Difference { name, base: base.from, from, before, after, is_uncommitted, note, scratch })
}

impl Difference {
    /// Shows it as `git diff` does, with the user's own colours, pager and settings. `paths` are as typed where he stands.
    ///
    /// # Errors
    /// Refused, if git cannot be run or fails.
    pub fn show(&self, ctx: &Context, flags: &[&str], paths: &[String]) -> Result<()> {
        let trees = [self.before.to_string(), self.after.to_string()];
        let command = ctx.repo.git_here().arg("diff").args(flags).args(&trees).arg("--").args(paths);
        match self.scratch.lend(command).run_attached(false)? {
            Some(0) | None => Ok(()),
            Some(code) => Err(Error::refused(format!("`git diff` ended with {code}."))),
        }
    }

    /// The files, by path.
    ///
    /// # Errors
    /// Refused, if git cannot be run or fails.
    pub fn files(&self, ctx: &Context, paths: &[String]) -> Result<Vec<File>> {
        let trees = [self.before.to_string(), self.after.to_string()];
        let command = ctx.repo.git_here().args(["diff", "--numstat", "-z", "--no-renames"]).args(&trees);
        let output = self.scratch.lend(command.arg("--").args(paths)).run_ok()?;
        let parse = |record: &[u8]| {
            let mut fields = record.splitn(3, |byte| *byte == b'\t');
            let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<u64>().ok();
            let lines = number().zip(number());
            Some(File { path: fields.next()?.into(), lines })
        };
        Ok(output.stdout.split(|byte| *byte == 0).filter(|record| !record.is_empty()).filter_map(parse).collect())
    }
}
