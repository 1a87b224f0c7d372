//! Which changes a base may have already: a patch id names paths, so that only commits which touch the very same paths
//! can have equal ones. Those few are git's to compare.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::ObjectId;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

/// Stands for the set of paths that a commit changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

/// Stands for the set of names at the top of the tree that a commit changes something below: a first look, which most
/// commits do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape(u64);

/// The commits that a base has and a branch may lack, by key.
#[derive(Debug, Default)]
pub struct Landed {
    commits: HashMap<Key, Vec<ObjectId>>,
    /// What their changes add and take, as far as somebody asked.
    sums: Mutex<HashMap<ObjectId, u64>>,
}

impl Landed {
    /// Of these changes.
    pub fn of(keys: impl IntoIterator<Item = (Key, ObjectId)>) -> Landed {
        let mut commits: HashMap<Key, Vec<ObjectId>> = HashMap::new();
        for (key, id) in keys {
            commits.entry(key).or_default().push(id);
        }
        Landed { commits, sums: Mutex::default() }
    }

    /// Whether the change of this commit, which has this key, may be among them: the same paths, and the same lines added
    /// and taken. Where not, no two patch ids can be equal.
    ///
    /// # Errors
    /// Refused, if a commit cannot be read.
    pub fn may_have(&self, repo: &Repo, key: Key, id: ObjectId) -> Result<bool> {
        let Some(candidates) = self.commits.get(&key) else { return Ok(false) };
        let wanted = repo.change_sum(id)?;
        for candidate in candidates {
            let known = self.sums.lock().ok().and_then(|sums| sums.get(candidate).copied());
            let sum = match known {
                Some(sum) => sum,
                None => {
                    let sum = repo.change_sum(*candidate)?;
                    if let Ok(mut sums) = self.sums.lock() {
                        sums.insert(*candidate, sum);
                    }
                    sum
                }
            };
            if sum == wanted {
                return Ok(true);
            }
        }
        Ok(false)
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
        let several: HashSet<&ObjectId> = parting.iter().collect();
        for id in several {
            oldest = match oldest {
                None => Some(*id),
                Some(before) if before == *id => Some(before),
                Some(before) => match self.inner.merge_base(before, *id).or_refuse(failed)? {
                    Some(id) => Some(id.detach()),
                    None => return self.rev_list_no_merges(base_tip, None),
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

    /// The shape of what a commit changes against its first parent, or against nothing.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn change_shape(&self, id: ObjectId) -> Result<Shape> {
        let (before, tree) = self.trees_of_change(id)?;
        let mut hasher = DefaultHasher::new();
        for (name, ..) in self.differing_at_top(before, tree)? {
            name.hash(&mut hasher);
        }
        Ok(Shape(hasher.finish()))
    }

    /// The keys of those of the commits whose shapes are among these.
    ///
    /// # Errors
    /// Refused, if one cannot be read.
    pub fn change_keys_like(&self, commits: &[ObjectId], shapes: &HashSet<Shape>) -> Result<Vec<(Key, ObjectId)>> {
        let mut keys = Vec::new();
        for id in commits {
            if shapes.contains(&self.change_shape(*id)?) {
                keys.push((self.change_key(*id)?, *id));
            }
        }
        Ok(keys)
    }

    /// The keys of those of the commits whose shapes somebody wants who parted before them: by parting, what is wanted.
    ///
    /// # Errors
    /// Refused, if one cannot be read.
    pub fn change_keys_lacked(
        &self,
        commits: &[ObjectId],
        wanted: &HashMap<ObjectId, HashSet<Shape>>,
    ) -> Result<Vec<(Key, ObjectId)>> {
        let mut keys = Vec::new();
        for id in commits {
            let shape = self.change_shape(*id)?;
            let mut is_wanted = false;
            for (parting, _) in wanted.iter().filter(|(_, shapes)| shapes.contains(&shape)) {
                // Where that cannot be told, it may be lacking.
                is_wanted |= self.is_in_history_of(*parting, *id)? != Some(true);
            }
            if is_wanted {
                keys.push((self.change_key(*id)?, *id));
            }
        }
        Ok(keys)
    }

    /// The key of what a commit changes against its first parent, or against nothing.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn change_key(&self, id: ObjectId) -> Result<Key> {
        let (before, tree) = self.trees_of_change(id)?;
        let mut hasher = DefaultHasher::new();
        for (path, _) in self.changed_between_trees(before, tree)? {
            // git leaves white space out of what it hashes.
            let visible: Vec<u8> = path.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            visible.hash(&mut hasher);
        }
        Ok(Key(hasher.finish()))
    }

    /// The trees before and after a commit: from the commit graph, where there is one, so that nothing is inflated.
    fn trees_of_change(&self, id: ObjectId) -> Result<(ObjectId, ObjectId)> {
        let (tree, parent) = self.tree_and_parent(id)?;
        let before = match parent {
            Some(parent) => self.tree_and_parent(parent)?.0,
            None => ObjectId::empty_tree(self.hash_kind()),
        };
        Ok((before, tree))
    }

    fn tree_and_parent(&self, id: ObjectId) -> Result<(ObjectId, Option<ObjectId>)> {
        let unreadable = || format!("The commit {id} could not be read.");
        if let Some(graph) = self.commit_graph()
            && let Some(commit) = graph.commit_by_id(id)
        {
            let parent = commit.iter_parents().next().transpose().or_refuse(unreadable)?;
            return Ok((commit.root_tree_id().to_owned(), parent.map(|at| graph.id_at(at).to_owned())));
        }
        let commit = self.inner.find_commit(id).or_refuse(unreadable)?;
        let tree = commit.tree_id().or_refuse(unreadable)?.detach();
        Ok((tree, commit.parent_ids().next().map(gix::Id::detach)))
    }

    /// What a commit's change adds less what it takes, line by line, white space left out as git's patch ids leave it
    /// out: whatever way the difference is cut into hunks, this is the same.
    fn change_sum(&self, id: ObjectId) -> Result<u64> {
        let (before, after) = self.trees_of_change(id)?;
        let mut sum = 0_u64;
        for (path, old, new) in self.differing_leaves(before, after)? {
            let mut texts = [Vec::new(), Vec::new()];
            for ((slot, sign), text) in [(old, u64::MAX), (new, 1)].into_iter().zip(&mut texts) {
                match slot {
                    Some((mode, id)) if mode.is_blob_or_symlink() => *text = self.blob(id)?,
                    Some((_, id)) => sum = sum.wrapping_add(hash_of(&path, id.as_bytes()).wrapping_mul(sign)),
                    None => {}
                }
            }
            let [old, new] = &texts;
            let (old, new) = without_the_same_ends(old, new);
            for (text, sign) in [(old, u64::MAX), (new, 1)] {
                for line in text.split(|byte| *byte == b'\n') {
                    let visible: Vec<u8> = line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
                    if !visible.is_empty() {
                        sum = sum.wrapping_add(hash_of(&path, &visible).wrapping_mul(sign));
                    }
                }
            }
        }
        Ok(sum)
    }
}

fn hash_of(path: &[u8], bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let visible: Vec<u8> = path.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    (visible, bytes).hash(&mut hasher);
    hasher.finish()
}

/// Two texts without the whole lines that both begin and end with.
fn without_the_same_ends<'a>(a: &'a [u8], b: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    const STRIDE: usize = 64;
    let same = |a: &[u8], b: &[u8]| {
        let strides = a.chunks_exact(STRIDE).zip(b.chunks_exact(STRIDE)).take_while(|(a, b)| a == b).count() * STRIDE;
        strides + a[strides..].iter().zip(&b[strides..]).take_while(|(a, b)| a == b).count()
    };
    let start = a[..same(a, b)].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (a, b) = (&a[start..], &b[start..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    // The line that the tail begins in the middle of is not whole.
    let tail = match a[a.len() - tail..].iter().position(|byte| *byte == b'\n') {
        Some(at) => tail - at - 1,
        None => 0,
    };
    (&a[..a.len() - tail], &b[..b.len() - tail])
}

#[cfg(test)]
mod tests {
    use super::without_the_same_ends;

    #[test]
    fn only_whole_lines_are_the_same() {
        let cut = |a: &str, b: &str| {
            let (a, b) = without_the_same_ends(a.as_bytes(), b.as_bytes());
            (String::from_utf8_lossy(a).into_owned(), String::from_utf8_lossy(b).into_owned())
        };
        assert_eq!(cut("a\nb\nc\n", "a\nx\nc\n"), ("b\n".into(), "x\n".into()));
        assert_eq!(cut("a\nbc\n", "a\nxc\n"), ("bc\n".into(), "xc\n".into()));
        assert_eq!(cut("a\n", "a\na\n"), (String::new(), "a\n".into()));
        assert_eq!(cut("", "a"), (String::new(), "a".into()));
        assert_eq!(cut("same", "same"), ("same".into(), "same".into()));
    }
}
