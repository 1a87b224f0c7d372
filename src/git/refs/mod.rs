//! Refs: reading, and compare-and-swap writing, in two ways behind one interface.
//!
//! gix reads the files backend. Refs of ours are created and updated there by `linked`, and so is the branch that a
//! worktree has checked out where it moves with its files. `git update-ref --stdin` does the rest: deletions (it drops its
//! locks when we die), other branches of the user's, everything where a `reference-transaction` hook exists, and
//! everything where the repository uses reftable or is shared by a group.

mod child;
mod files;
mod linked;
mod lock;

use crate::error::{Error, Result};
use crate::git::{Repo, Worktree, hooks};
use crate::session::ObjectId;
use std::path::Path;

/// How the refs of this repository are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Files and `packed-refs`: through gix.
    Files,
    /// Through the `git` binary.
    Binary,
}

impl Backend {
    pub(crate) fn of(inner: &gix::Repository, common_dir: &Path) -> Backend {
        let storage = inner.config_snapshot().string("extensions.refStorage");
        match storage {
            Some(storage) if !storage.eq_ignore_ascii_case(b"files") => Backend::Binary,
            _ if common_dir.join("reftable").is_dir() => Backend::Binary,
            _ => Backend::Files,
        }
    }
}

/// Where a ref points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// At an object.
    Object(ObjectId),
    /// At another ref.
    Symbolic(String),
}

impl Target {
    /// The object, if it points at one itself.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Target::Object(id) => Some(*id),
            Target::Symbolic(_) => None,
        }
    }
}

/// What a ref must be for an edit to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Not there.
    Missing,
    /// Exactly this.
    Is(ObjectId),
}

/// What a ref becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum New {
    /// A pointer at this object.
    To(ObjectId),
    /// Nothing.
    Gone,
    /// What it is: the edit only checks.
    Same,
}

/// One compare-and-swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The full name.
    pub name: String,
    /// What it must be.
    pub expect: Expect,
    /// What it becomes.
    pub new: New,
}

impl Edit {
    /// Creates a ref. The value must be unique to the claimant where that matters: gix takes an equal value for its own.
    pub fn create(name: impl Into<String>, id: ObjectId) -> Edit {
        Edit { name: name.into(), expect: Expect::Missing, new: New::To(id) }
    }

    /// Moves a ref.
    pub fn update(name: impl Into<String>, old: ObjectId, new: ObjectId) -> Edit {
        Edit { name: name.into(), expect: Expect::Is(old), new: New::To(new) }
    }

    /// Creates a ref where there is none, or moves the one that is there.
    pub fn put(name: impl Into<String>, old: Option<ObjectId>, new: ObjectId) -> Edit {
        Edit { name: name.into(), expect: old.map_or(Expect::Missing, Expect::Is), new: New::To(new) }
    }

    /// Deletes a ref.
    pub fn delete(name: impl Into<String>, old: ObjectId) -> Edit {
        Edit { name: name.into(), expect: Expect::Is(old), new: New::Gone }
    }

    /// Checks that a ref still is what it was.
    pub fn verify(name: impl Into<String>, old: ObjectId) -> Edit {
        Edit { name: name.into(), expect: Expect::Is(old), new: New::Same }
    }

    /// Whether the ref is not what is expected, as it is now.
    pub fn is_stale(&self, repo: &Repo) -> bool {
        let now = repo.ref_id(&self.name).ok().flatten();
        match self.expect {
            Expect::Missing => now.is_some(),
            Expect::Is(id) => now != Some(id),
        }
    }

    fn is_of_ours(&self) -> bool {
        matches!(self.new, New::To(_)) && self.name.starts_with(crate::session::name::NAMESPACE)
    }
}

/// A transaction whose locks are held: nothing has changed yet. Dropped, it is aborted.
#[derive(Debug)]
pub struct Prepared {
    held: Holder,
}

#[derive(Debug)]
enum Holder {
    Us(linked::Held),
    Git(child::Held),
}

impl Prepared {
    /// Does it.
    ///
    /// # Errors
    /// Refused, if something cannot be written; contended, if a lock was taken away meanwhile.
    pub fn commit(self) -> Result<()> {
        match self.held {
            Holder::Us(held) => held.commit(),
            Holder::Git(held) => held.commit(),
        }
    }

    /// Gives the locks back, nothing changed.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn abort(self) -> Result<()> {
        match self.held {
            Holder::Us(held) => {
                drop(held);
                Ok(())
            }
            Holder::Git(held) => held.abort(),
        }
    }
}

/// Whether a ref has a history: all have but some of ours.
fn is_logged(name: &str) -> bool {
    !name.starts_with(crate::session::name::NAMESPACE)
        || !["@live/", "@ports/", "@pending/"].iter().any(|quiet| name.contains(quiet))
}

impl Repo {
    /// Where a ref points, by its full name; none if there is no such ref.
    ///
    /// # Errors
    /// Refused, if the refs cannot be read.
    pub fn find_ref(&self, name: &str) -> Result<Option<Target>> {
        match self.backend {
            Backend::Files => files::find(&self.inner, name),
            Backend::Binary => {
                Ok(child::list(self, &[name])?.into_iter().find(|(found, _)| found == name).map(|(_, t)| t))
            }
        }
    }

    /// The object a ref points at in the end; none if there is no such ref.
    ///
    /// # Errors
    /// Refused, if the refs cannot be read.
    pub fn ref_id(&self, name: &str) -> Result<Option<ObjectId>> {
        let mut name = name.to_owned();
        for _ in 0..5 {
            match self.find_ref(&name)? {
                Some(Target::Object(id)) => return Ok(Some(id)),
                Some(Target::Symbolic(next)) => name = next,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// When the reflog of a ref was last written, finer than a second: it tells apart what has the same time. None where
    /// that cannot be told.
    pub fn ref_touched(&self, name: &str) -> Option<std::time::SystemTime> {
        self.common_dir().join("logs").join(name).metadata().and_then(|meta| meta.modified()).ok()
    }

    /// All refs below a prefix such as `refs/sessions/`, sorted by name.
    ///
    /// # Errors
    /// Refused, if the refs cannot be read.
    pub fn refs_below(&self, prefix: &str) -> Result<Vec<(String, Target)>> {
        match self.backend {
            Backend::Files => files::below(&self.inner, prefix),
            Backend::Binary => child::list(self, &[prefix.trim_end_matches('/')]),
        }
    }

    /// Does all edits or none, each a compare-and-swap; `message` goes into the reflogs.
    ///
    /// # Errors
    /// Contended, if a ref is not what was expected or somebody holds its lock; refused, if git will not have it.
    pub fn transact(&self, edits: &[Edit], message: &str) -> Result<()> {
        let is_ours = edits.iter().all(Edit::is_of_ours)
            && !self.refs_are_left_to_git()
            && !hooks::exists(self, "reference-transaction");
        let outcome = if is_ours {
            linked::prepare(self, None, edits, message).and_then(|held| match held {
                Some(held) => held.commit(),
                None => files::transact(&self.inner, edits, message),
            })
        } else {
            child::Held::run(self, None, edits, message).and_then(child::Held::commit)
        };
        outcome.map_err(|error| self.explain(error, edits))
    }

    /// Takes all locks for edits of refs of ours and of `HEAD` and `ORIG_HEAD`, which are those of a worktree.
    ///
    /// # Errors
    /// Refused, if an expectation does not hold or a lock is held. Nothing has changed then.
    pub fn prepare(&self, worktree: &Worktree, edits: &[Edit], message: &str) -> Result<Prepared> {
        let hook = |top: &Path| hooks::is_there(self, top, "reference-transaction");
        if !self.refs_are_left_to_git()
            && !hook(&self.main_place())
            && !hook(&worktree.path)
            && let Some(held) = linked::prepare(self, Some(&worktree.git_dir), edits, message)?
        {
            return Ok(Prepared { held: Holder::Us(held) });
        }
        let held = child::Held::run(self, Some(&worktree.git_dir), edits, message)?;
        Ok(Prepared { held: Holder::Git(held) })
    }

    /// Whether refs are no files, or others have to be able to write what is written here.
    fn refs_are_left_to_git(&self) -> bool {
        let is_shared = |value: String| !matches!(value.as_str(), "umask" | "false" | "no" | "off" | "0" | "");
        self.backend == Backend::Binary || self.setting("core.sharedRepository").is_some_and(is_shared)
    }

    /// Does several transactions, each all or nothing, with as little as there can be. Returns how many were done: the
    /// first that fails ends it, and why it does is for [`Repo::transact`] to say.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn transact_each(&self, transactions: &[Vec<Edit>], message: &str) -> Result<usize> {
        if transactions.is_empty() {
            return Ok(0);
        }
        child::one_after_the_other(self, transactions, message)
    }

    /// Says whether a failed transaction lost a race: the remedy differs.
    fn explain(&self, error: Error, edits: &[Edit]) -> Error {
        let moved = edits.iter().find(|edit| edit.is_stale(self));
        let text = error.one_line();
        if let Some(edit) = moved {
            Error::contended(format!("Somebody else changed '{}' at the same moment.", edit.name))
                .because(error)
                .hint("Nothing was changed; run it again.")
        } else if text.contains(".lock") || text.contains("lock") && text.contains("exists") {
            Error::contended("Somebody else is writing the same refs right now.")
                .because(error)
                .hint("Nothing was changed; run it again. A lock that stays is named above.")
        } else {
            error
        }
    }
}
