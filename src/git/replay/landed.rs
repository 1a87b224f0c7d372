//! Which changes a base may have already: a patch id names paths, so that only commits which touch the very same paths
//! can have equal ones. Those few are git's to compare.

use super::lacking::Bits;
use crate::error::{Context, Result};
use crate::git::Repo;
use crate::git::merge::directories;
use crate::git::trees::{Differing, Slot};
use crate::session::{BString, ObjectId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

/// Stands for the set of paths that a commit changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    fn of<'a>(paths: impl Iterator<Item = &'a BString>) -> Key {
        Key(sum_of(paths))
    }
}

/// Stands for names, in whatever order: git goes by another one than that of what is visible of them.
fn sum_of<'a>(names: impl Iterator<Item = &'a BString>) -> u64 {
    names.map(|name| mixed(hash_of(1, name))).fold(0, u64::wrapping_add)
}

/// git leaves white space out of what it hashes.
fn visible(path: &BString) -> BString {
    path.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>().into()
}

/// Stands for the set of names at the top of the tree that a commit changes something below: a first look, which most
/// commits do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape(u64);

impl Shape {
    fn of(differing: &Differing) -> Shape {
        Shape(sum_of(differing.iter().map(|(name, ..)| name)))
    }
}

/// What is asked of one base: which of the branches' commits it may have.
#[derive(Debug, Default)]
pub struct Wanted {
    partings: Vec<ObjectId>,
    shapes: HashMap<Shape, Bits>,
    keys: HashMap<Key, Bits>,
    /// The paths that the commits change, and all directories above them.
    places: HashSet<BString>,
}

impl Wanted {
    /// Adds the commits of a branch that parts from the base at `parting`.
    ///
    /// # Errors
    /// Refused, if one cannot be read.
    pub fn add(&mut self, repo: &Repo, parting: ObjectId, commits: &[(ObjectId, Key)]) -> Result<()> {
        let n = self.partings.iter().position(|known| *known == parting).unwrap_or(self.partings.len());
        if n == self.partings.len() {
            self.partings.push(parting);
        }
        for (id, key) in commits {
            self.shapes.entry(repo.change_shape(*id)?).or_default().insert(n);
            if self.keys.entry(*key).or_default().insert(n) {
                let (before, tree) = repo.trees_of_change(*id)?;
                for (path, _) in repo.changed_between_trees(before, tree)? {
                    let path = visible(&path);
                    self.places.extend(directories(&path).map(BString::from));
                    self.places.insert(path);
                }
            }
        }
        Ok(())
    }

    /// Where the branches part from the base, each once.
    pub fn partings(&self) -> &[ObjectId] {
        &self.partings
    }
}

/// A commit of a base that touches the same paths as one of a branch that lacks it.
#[derive(Debug)]
pub struct Alike {
    key: Key,
    id: ObjectId,
    lacking: Bits,
}

/// The commits that a base has and a branch may lack, by key.
#[derive(Debug, Default)]
pub struct Landed {
    partings: Vec<ObjectId>,
    commits: HashMap<Key, Vec<(ObjectId, Bits)>>,
    /// What they change, as far as somebody asked.
    changes: Mutex<HashMap<ObjectId, Arc<Changed>>>,
}

/// What a commit changes, by path, and what that adds and takes as far as somebody asked.
#[derive(Debug)]
struct Changed(Vec<(BString, Slot, Slot, OnceLock<u64>)>);

impl Changed {
    fn of(repo: &Repo, id: ObjectId) -> Result<Changed> {
        let (before, after) = repo.trees_of_change(id)?;
        let leaves = repo.differing_leaves(before, after)?.into_iter();
        let mut leaves: Vec<_> = leaves.map(|(path, old, new)| (visible(&path), old, new, OnceLock::new())).collect();
        leaves.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Changed(leaves))
    }

    /// Whether both may have one patch id: the same paths, each there before and after in both or in neither, and the same
    /// lines added and taken. The first path that tells them apart does for all.
    fn may_be(&self, other: &Changed, repo: &Repo) -> Result<bool> {
        if self.0.windows(2).any(|two| two[0].0 == two[1].0) {
            // Paths that differ in white space alone: which is which is git's to tell.
            return Ok(true);
        }
        fn outline(changed: &Changed) -> impl Iterator<Item = (&BString, bool, bool)> {
            changed.0.iter().map(|(path, old, new, _)| (path, old.is_some(), new.is_some()))
        }
        if !outline(self).eq(outline(other)) {
            return Ok(false);
        }
        for n in 0..self.0.len() {
            if self.sum(n, repo)? != other.sum(n, repo)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn sum(&self, n: usize, repo: &Repo) -> Result<u64> {
        let (path, old, new, known) = &self.0[n];
        if let Some(known) = known.get() {
            return Ok(*known);
        }
        let sum = repo.change_sum(path, *old, *new)?;
        Ok(*known.get_or_init(|| sum))
    }
}

impl Landed {
    /// Of what was found.
    pub fn of(wanted: Wanted, alike: impl IntoIterator<Item = Alike>) -> Landed {
        let mut commits: HashMap<Key, Vec<(ObjectId, Bits)>> = HashMap::new();
        for Alike { key, id, lacking } in alike {
            commits.entry(key).or_default().push((id, lacking));
        }
        Landed { partings: wanted.partings, commits, changes: Mutex::default() }
    }

    /// Whether the change of this commit, which has this key and is of a branch that parts from the base at `parting`,
    /// may be among them: the same paths, and the same lines added and taken. Where not, no two patch ids can be equal.
    ///
    /// # Errors
    /// Refused, if a commit cannot be read.
    pub fn may_have(&self, repo: &Repo, parting: ObjectId, key: Key, id: ObjectId) -> Result<bool> {
        let Some(n) = self.partings.iter().position(|known| *known == parting) else { return Ok(true) };
        if repo.may_leave_submodules_out(id)? {
            return Ok(true);
        }
        let Some(candidates) = self.commits.get(&key) else { return Ok(false) };
        let mut own = None;
        for (candidate, _) in candidates.iter().filter(|(_, lacking)| lacking.contains(n)) {
            let own = match &own {
                Some(own) => own,
                None => own.insert(Changed::of(repo, id)?),
            };
            if own.may_be(&*self.change_of(repo, *candidate)?, repo)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn change_of(&self, repo: &Repo, candidate: ObjectId) -> Result<Arc<Changed>> {
        if let Some(known) = self.changes.lock().ok().and_then(|changes| changes.get(&candidate).cloned()) {
            return Ok(known);
        }
        let changed = Arc::new(Changed::of(repo, candidate)?);
        if let Ok(mut changes) = self.changes.lock() {
            return Ok(Arc::clone(changes.entry(candidate).or_insert(changed)));
        }
        Ok(changed)
    }
}

impl Repo {
    /// The shape of what a commit changes against its first parent, or against nothing.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn change_shape(&self, id: ObjectId) -> Result<Shape> {
        let (before, tree) = self.trees_of_change(id)?;
        Ok(Shape::of(&self.differing_at_top(before, tree)?))
    }

    /// Those of the base's commits that touch the paths which a wanted one of a branch that lacks them touches.
    ///
    /// # Errors
    /// Refused, if one cannot be read.
    pub fn alike(&self, lacked: &[(ObjectId, Bits)], wanted: &Wanted) -> Result<Vec<Alike>> {
        let mut alike = Vec::new();
        for (id, lacking) in lacked {
            let is_wanted = |by: Option<&Bits>| by.is_some_and(|by| by.meets(lacking));
            let (before, tree) = self.trees_of_change(*id)?;
            let differing = self.differing_at_top(before, tree)?;
            if !is_wanted(wanted.shapes.get(&Shape::of(&differing))) {
                continue;
            }
            let mut paths = Vec::new();
            if !self.lies_at(differing, &BString::default(), &wanted.places, &mut paths)? {
                continue;
            }
            let key = Key::of(paths.iter());
            if is_wanted(wanted.keys.get(&key)) {
                alike.push(Alike { key, id: *id, lacking: lacking.clone() });
            }
        }
        Ok(alike)
    }

    /// The key of what a commit changes against its first parent, or against nothing.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn change_key(&self, id: ObjectId) -> Result<Key> {
        let (before, tree) = self.trees_of_change(id)?;
        Ok(Key::of(self.changed_between_trees(before, tree)?.iter().map(|(path, _)| path)))
    }

    /// Whether all that differs in a directory lies at these places; then `paths` has got it. No tree is read once it is
    /// known that it does not.
    fn lies_at(
        &self,
        differing: Differing,
        prefix: &BString,
        places: &HashSet<BString>,
        paths: &mut Vec<BString>,
    ) -> Result<bool> {
        let below = |name: BString| BString::from([prefix.as_slice(), &name].concat());
        let differing: Vec<_> =
            differing.into_iter().map(|(name, before, after)| (below(name), before, after)).collect();
        if differing.iter().any(|(path, ..)| !places.contains(&visible(path))) {
            return Ok(false);
        }
        for (mut path, before, after) in differing {
            let is_leaf = |slot: &Slot| slot.is_some_and(|(mode, _)| !mode.is_tree());
            let tree = |slot: Slot| slot.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id);
            if is_leaf(&before) || is_leaf(&after) {
                paths.push(path.clone());
            }
            let (before, after) = (tree(before), tree(after));
            path.push(b'/');
            if before != after && !self.lies_at(self.differing_entries(before, after)?, &path, places, paths)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The trees before and after a commit: from the commit graph, where there is one, so that nothing is inflated.
    fn trees_of_change(&self, id: ObjectId) -> Result<(ObjectId, ObjectId)> {
        let unreadable = || format!("The commit {id} could not be read.");
        if let Some(graph) = self.commit_graph()
            && let Some(commit) = graph.commit_by_id(id)
        {
            let before = match commit.iter_parents().next().transpose().or_refuse(unreadable)? {
                Some(parent) => graph.commit_at(parent).root_tree_id().to_owned(),
                None => ObjectId::empty_tree(self.hash_kind()),
            };
            return Ok((before, commit.root_tree_id().to_owned()));
        }
        let commit = self.inner.find_commit(id).or_refuse(unreadable)?;
        let tree = commit.tree_id().or_refuse(unreadable)?.detach();
        let Some(parent) = commit.parent_ids().next() else {
            return Ok((ObjectId::empty_tree(self.hash_kind()), tree));
        };
        let parent = self.inner.find_commit(parent).or_refuse(unreadable)?;
        Ok((parent.tree_id().or_refuse(unreadable)?.detach(), tree))
    }

    /// Whether git may leave submodules out of patch ids (`submodule.<name>.ignore`), by the settings or by what the commit
    /// says of them.
    fn may_leave_submodules_out(&self, id: ObjectId) -> Result<bool> {
        let snapshot = self.inner.config_snapshot();
        let mut sections = snapshot.plumbing().sections_by_name("submodule").into_iter().flatten();
        if sections.any(|section| section.value("ignore").is_some()) {
            return Ok(true);
        }
        let (_, tree) = self.trees_of_change(id)?;
        let Some((_, modules)) = self.entry_at(tree, &".gitmodules".into())?.filter(|(mode, _)| mode.is_blob()) else {
            return Ok(false);
        };
        Ok(self.text(modules)?.to_ascii_lowercase().windows(6).any(|word| word == b"ignore"))
    }

    /// What a change of one path adds less what it takes, line by line, white space left out as git's patch ids leave it
    /// out: whatever way the difference is cut into hunks, this is the same.
    fn change_sum(&self, path: &BString, old: Slot, new: Slot) -> Result<u64> {
        let mut sum = 0_u64;
        let place = hash_of(0, path);
        let mut texts = [Arc::default(), Arc::default()];
        for ((slot, sign), text) in [(old, u64::MAX), (new, 1)].into_iter().zip(&mut texts) {
            match slot {
                Some((mode, id)) if mode.is_blob_or_symlink() => *text = self.text(id)?,
                Some((_, id)) => {
                    let hash = mixed(hash_of(place, id.to_hex().to_string().as_bytes()));
                    sum = sum.wrapping_add(hash.wrapping_mul(sign));
                }
                None => {}
            }
        }
        let (old, new) = without_the_same_ends(&texts[0], &texts[1]);
        for (text, sign) in [(old, u64::MAX), (new, 1)] {
            for line in text.split(|byte| *byte == b'\n') {
                let hash = hash_of(place, line);
                if hash != place {
                    sum = sum.wrapping_add(mixed(hash).wrapping_mul(sign));
                }
            }
        }
        Ok(sum)
    }
}

/// Of what is visible of the bytes, on top of another; the very same where nothing is. Two sums that are equal by chance
/// only make git look, so that it need not be a good one.
fn hash_of(onto: u64, bytes: &[u8]) -> u64 {
    let visible = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    visible.fold(onto, |hash, byte| (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x517c_c1b7_2722_0a95))
}

/// So that sums of similar lines are not similar.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ hash >> 29
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
