//! Which changes a base may have already: a patch id names paths, so that only commits which touch the very same paths
//! can have equal ones. Those few are git's to compare.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::ObjectId;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Stands for the set of paths that a commit changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

/// The keys of what a base has that a branch may lack.
#[derive(Debug, Clone, Default)]
pub struct Landed(HashSet<Key>);

impl Landed {
    /// Of these changes.
    pub fn of(keys: impl IntoIterator<Item = Key>) -> Landed {
        Landed(keys.into_iter().collect())
    }

    /// Whether a change with this key may be among them.
    pub fn may_have(&self, key: Key) -> bool {
        self.0.contains(&key)
    }
}

impl Repo {
    /// The commits of a base, merges left out, that the branches which part from it at `parting` may lack.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn base_commits_since(&self, base_tip: ObjectId, parting: &[ObjectId]) -> Result<Vec<ObjectId>> {
        let failed = || "History could not be read.";
        let mut oldest: Option<ObjectId> = None;
        for id in parting {
            oldest = match oldest {
                None => Some(*id),
                Some(before) if before == *id => Some(before),
                Some(before) => match self.inner.merge_base(before, *id).or_refuse(failed)? {
                    Some(id) => Some(id.detach()),
                    None => return Ok(self.rev_list_no_merges(base_tip, None)?),
                },
            };
        }
        self.rev_list_no_merges(base_tip, oldest)
    }

    fn rev_list_no_merges(&self, tip: ObjectId, without: Option<ObjectId>) -> Result<Vec<ObjectId>> {
        let mut command = self.git().args(["rev-list", "--no-merges", &tip.to_string()]);
        if let Some(without) = without {
            command = command.arg(format!("^{without}"));
        }
        let output = command.arg("--").run_ok()?;
        Ok(output.text().lines().filter_map(|line| ObjectId::from_hex(line.as_bytes()).ok()).collect())
    }

    /// The key of what a commit changes against its first parent, or against nothing.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn change_key(&self, id: ObjectId) -> Result<Key> {
        let unreadable = || format!("The commit {id} could not be read.");
        let commit = self.inner.find_commit(id).or_refuse(unreadable)?;
        let tree = commit.tree_id().or_refuse(unreadable)?.detach();
        let parent = commit.parent_ids().next().map(gix::Id::detach);
        let before = match parent {
            Some(parent) => {
                self.inner.find_commit(parent).or_refuse(unreadable)?.tree_id().or_refuse(unreadable)?.detach()
            }
            None => ObjectId::empty_tree(self.hash_kind()),
        };
        let mut hasher = DefaultHasher::new();
        for path in self.changed_between_trees(before, tree)? {
            // git leaves white space out of what it hashes.
            let visible: Vec<u8> = path.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            visible.hash(&mut hasher);
        }
        Ok(Key(hasher.finish()))
    }
}
