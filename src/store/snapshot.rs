//! One consistent view of all sessions, each with the ref value it was read at. A value, not a cache.

use crate::error::{Error, Result};
use crate::git::{Repo, Worktree};
use crate::session::name::NAMESPACE;
use crate::session::{Name, ObjectId, Record};
use crate::store::done;
use crate::store::record::{Loaded, read_at};
use std::collections::HashMap;

/// One live session, whether or not its record can be understood.
#[derive(Debug)]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// The record commit.
    pub head: ObjectId,
    /// The record; or why it cannot be read.
    pub loaded: Result<Loaded>,
}

/// All live sessions and all worktrees.
#[derive(Debug)]
pub struct Snapshot {
    /// By name.
    pub sessions: Vec<Entry>,
    /// The main worktree first.
    pub worktrees: Vec<Worktree>,
}

impl Snapshot {
    /// Reads all records and worktrees.
    ///
    /// # Errors
    /// Refused, if refs or worktrees cannot be listed. One broken record is an entry, not an error.
    pub fn read(repo: &Repo) -> Result<Snapshot> {
        let refs = repo.refs_below(NAMESPACE)?;
        let mut sessions = Vec::with_capacity(refs.len());
        for (reference, target) in refs {
            let (Some(name), Some(head)) = (Name::of_ref(&reference), target.object()) else { continue };
            let loaded = read_at(repo, name.clone(), head);
            sessions.push(Entry { name, head, loaded });
        }
        Ok(Snapshot { sessions, worktrees: repo.worktrees()? })
    }

    /// The sessions that can be understood.
    pub fn readable(&self) -> impl Iterator<Item = &Loaded> {
        self.sessions.iter().filter_map(|entry| entry.loaded.as_ref().ok())
    }

    /// The session of that name.
    ///
    /// # Errors
    /// Refused, if there is none or its record cannot be understood.
    pub fn require(&self, name: &Name) -> Result<&Loaded> {
        let Some(entry) = self.sessions.iter().find(|entry| entry.name == *name) else {
            return Err(Error::refused(format!("There is no session '{name}'."))
                .hint("`git session list` shows the ones there are; `git session list --ended` those that ended."));
        };
        entry.loaded.as_ref().map_err(|error| {
            let mut copy = Error::refused(format!("The record of '{name}' cannot be read.")).because(error.one_line());
            for hint in error.hints() {
                copy = copy.hint(hint);
            }
            copy
        })
    }

    /// The session of that id.
    pub fn by_id(&self, id: ObjectId) -> Option<&Loaded> {
        self.readable().find(|loaded| loaded.id() == id)
    }

    /// The session's worktree: the one tied to it, or else the one that has its branch checked out and no tie.
    pub fn worktree_of(&self, loaded: &Loaded) -> Option<&Worktree> {
        let tied = self.worktrees.iter().find(|worktree| worktree.tie.as_ref() == Some(&loaded.name));
        tied.or_else(|| {
            self.worktrees.iter().find(|worktree| {
                worktree.tie.is_none() && worktree.branch().as_deref() == Some(loaded.record.branch.as_str())
            })
        })
    }

    /// The session whose worktree this is.
    pub fn session_of(&self, worktree: &Worktree) -> Option<&Loaded> {
        if let Some(name) = &worktree.tie {
            return self.readable().find(|loaded| loaded.name == *name);
        }
        let branch = worktree.branch()?;
        self.readable().find(|loaded| loaded.record.branch == branch)
    }

    /// Where a stack ends up: the session's base as it is now. A parent that lives has its branch as the base; a merged
    /// one hands on its own; a kept one's branch has become a trunk.
    pub fn base_ref(&self, repo: &Repo, record: &Record) -> BaseNow {
        let mut reference = record.base.reference.clone();
        let mut remote = record.base.remote.clone();
        let mut parent = record.base.parent();
        let mut seen: HashMap<ObjectId, ()> = HashMap::new();
        while let Some(id) = parent {
            if seen.insert(id, ()).is_some() {
                break;
            }
            if let Some(loaded) = self.by_id(id) {
                return BaseNow {
                    reference: loaded.record.branch.clone(),
                    remote: None,
                    parent: Some(loaded.name.clone()),
                };
            }
            let Ok(Some(ended)) = done::find(repo, id) else { break };
            if ended.record.state != crate::session::State::Merged {
                reference = ended.record.branch.clone();
                remote = None;
                break;
            }
            reference = ended.record.base.reference.clone();
            remote = ended.record.base.remote.clone();
            parent = ended.record.base.parent();
        }
        BaseNow { reference, remote, parent: None }
    }

    /// The sessions stacked on this one.
    pub fn children(&self, id: ObjectId) -> Vec<&Loaded> {
        self.readable().filter(|loaded| loaded.record.base.parent() == Some(id)).collect()
    }
}

/// The base of a session as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseNow {
    /// The branch, by full name.
    pub reference: String,
    /// The remote it exists on only.
    pub remote: Option<String>,
    /// The living parent session.
    pub parent: Option<Name>,
}

impl BaseNow {
    /// `main`.
    pub fn short(&self) -> &str {
        self.reference.strip_prefix("refs/heads/").unwrap_or(&self.reference)
    }
}
