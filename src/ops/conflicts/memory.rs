//! What one look leaves for the next: handles with what they have read and made, answers of git, trees of worktrees.

use super::{Basis, Clash, Severity};
use crate::error::Result;
use crate::git::Repo;
use crate::git::merge::Question;
use crate::git::replay::Replayer;
use crate::session::ObjectId;
use std::collections::HashMap;
use std::hash::Hash;
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

/// What was found out, by what it was found out from; what one look has no use for is given up after the next.
#[derive(Debug)]
pub(super) struct Kept<K, V> {
    is_lasting: bool,
    before: HashMap<K, V>,
    now: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn new(is_lasting: bool) -> Kept<K, V> {
        Kept { is_lasting, before: HashMap::new(), now: HashMap::new() }
    }

    fn begin(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Keeps nothing of this look: it may be found out better the next time.
    pub(super) fn give_up(&mut self) {
        self.now.clear();
    }

    /// What is known of this; found out first, if need be.
    pub(super) fn of(&mut self, key: impl FnOnce() -> K, find: impl FnOnce() -> Result<V>) -> Result<V> {
        if !self.is_lasting {
            return find();
        }
        let key = key();
        let known = self.now.get(&key).cloned().or_else(|| self.before.remove(&key));
        let value = known.map_or_else(find, Ok)?;
        self.now.insert(key, value.clone());
        Ok(value)
    }
}

/// A row with the base: whether the merge is clean, the severity, the files.
pub(super) type Row = (Option<bool>, Option<Severity>, Vec<Clash>);

/// How two are judged, the trees that both left, and their work.
type Met = (Basis, Question, [Option<ObjectId>; 2], [ObjectId; 2]);

/// What rows and pairs come to. All of it depends on ids, and on settings and options that stay.
#[derive(Debug)]
pub(super) struct Found {
    /// By the tree of the work, the commit it stands on, and the tip of the base.
    pub(super) rows: Kept<(ObjectId, Option<ObjectId>, ObjectId), Row>,
    /// By the question, and by base and work of both.
    pub(super) files: Kept<Met, Vec<Clash>>,
    /// Whether rebases are clean, by all that they depend on.
    pub(super) rebases: Kept<Vec<super::rebase::Depends>, Vec<(String, Option<bool>)>>,
}

/// It may be given up at any time: the next look takes longer then.
#[derive(Debug)]
pub(super) struct Memory {
    replayers: Vec<Replayer>,
    work: HashMap<PathBuf, Work>,
    found: Found,
    is_lasting: bool,
}

impl Memory {
    /// For a single look: nothing is remembered for another one.
    pub(super) fn of_one_look() -> Memory {
        Memory::new(false)
    }

    /// For many looks.
    pub(super) fn lasting() -> Memory {
        Memory::new(true)
    }

    fn new(is_lasting: bool) -> Memory {
        let found = Found { rows: Kept::new(is_lasting), files: Kept::new(is_lasting), rebases: Kept::new(is_lasting) };
        Memory { replayers: Vec::new(), work: HashMap::new(), found, is_lasting }
    }

    /// Handles, as many as may be of use; later looks do with the first one, which knows what all of them made.
    pub(super) fn prepare(&mut self, repo: &Repo, workers: usize) -> Result<()> {
        if self.replayers.is_empty() {
            self.replayers = (0..workers).map(|_| Replayer::remembering(repo, MEGABYTES)).collect::<Result<_>>()?;
        }
        self.found.rows.begin();
        self.found.files.begin();
        self.found.rebases.begin();
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

    /// The handle that is left, and what was found out.
    pub(super) fn first(&mut self) -> Option<(&mut Replayer, &mut Found)> {
        Some((self.replayers.first_mut()?, &mut self.found))
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
