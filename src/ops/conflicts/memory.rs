//! What one look leaves for the next: handles with what they have read and made, answers of git, trees of worktrees.

use crate::error::Result;
use crate::git::Repo;
use crate::git::replay::Replayer;
use crate::session::ObjectId;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Of caches: with twice as much a hundred branches of git's own repository take no less time, and more memory.
const MEGABYTES: usize = 28;

/// The work of a worktree as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Work {
    /// The commit it stands on.
    pub(super) head: ObjectId,
    /// Its tree; none where that is the commit's.
    pub(super) tree: Option<ObjectId>,
}

/// It may be given up at any time: the next look takes longer then.
#[derive(Debug)]
pub(super) struct Memory {
    replayers: Vec<Replayer>,
    work: HashMap<PathBuf, Work>,
    is_lasting: bool,
}

impl Memory {
    /// For a single look: nothing is remembered for another one.
    pub(super) fn of_one_look() -> Memory {
        Memory { replayers: Vec::new(), work: HashMap::new(), is_lasting: false }
    }

    /// For many looks.
    pub(super) fn lasting() -> Memory {
        Memory { is_lasting: true, ..Memory::of_one_look() }
    }

    /// Handles, as many as may be of use; later looks do with the first one, which knows what all of them made.
    pub(super) fn prepare(&mut self, repo: &Repo, workers: usize) -> Result<()> {
        if self.replayers.is_empty() {
            self.replayers = (0..workers).map(|_| Replayer::remembering(repo, MEGABYTES)).collect::<Result<_>>()?;
        }
        if self.is_lasting
            && let Some(first) = self.replayers.first_mut()
        {
            first.merger().remember();
        }
        Ok(())
    }

    /// The handles, and what is known of worktrees.
    pub(super) fn parts(&mut self) -> (&mut [Replayer], &HashMap<PathBuf, Work>) {
        (&mut self.replayers, &self.work)
    }

    /// Leaves one handle, which knows of all of it.
    pub(super) fn join(&mut self) -> Result<()> {
        let others = self.replayers.split_off(self.replayers.len().min(1));
        if let Some(first) = self.replayers.first_mut() {
            for mut other in others {
                let made = other.take_objects();
                first.merger().know(&made)?;
            }
        }
        Ok(())
    }

    pub(super) fn first(&mut self) -> Option<&mut Replayer> {
        self.replayers.first_mut()
    }

    pub(super) fn keep_work(&mut self, worktree: &Path, work: Work) {
        if self.is_lasting {
            self.work.insert(worktree.to_owned(), work);
        }
    }

    /// A worktree has to be looked at again.
    pub(super) fn forget_work(&mut self, worktree: &Path) {
        self.work.remove(worktree);
    }
}
