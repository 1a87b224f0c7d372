//! The trees that an index says its directories are (the extension `TREE` of `gitformat-index(5)`): git need not make them
//! again when it commits, nor compare them when it looks what is staged. Of those that a move changes the new ones are
//! known; what the index does not say is left unsaid.

use crate::error::Result;
use crate::git::Repo;
use crate::session::{BString, ByteSlice, ObjectId};

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    name: BString,
    /// How many entries of the index are in and below it, and the tree that they make; none where that is not known.
    tree: Option<(usize, ObjectId)>,
    below: Vec<Node>,
}

impl Node {
    /// The top of what the extension says; none if it is damaged.
    pub(super) fn parse(bytes: &[u8], hash: gix::hash::Kind) -> Option<Node> {
        let mut rest = bytes;
        let top = Node::take(&mut rest, hash, 0)?;
        (rest.is_empty() && top.name.is_empty()).then_some(top)
    }

    fn take(rest: &mut &[u8], hash: gix::hash::Kind, depth: usize) -> Option<Node> {
        let mut until = |end: u8| {
            let (field, tail) = rest.split_at_checked(rest.find_byte(end)?)?;
            *rest = &tail[1..];
            Some(field)
        };
        let name = until(0)?.into();
        let count: i64 = until(b' ')?.to_str().ok()?.parse().ok()?;
        let directories: usize = until(b'\n')?.to_str().ok()?.parse().ok()?;
        let tree = match usize::try_from(count) {
            Ok(count) => {
                let (id, tail) = rest.split_at_checked(hash.len_in_bytes())?;
                *rest = tail;
                Some((count, ObjectId::try_from(id).ok()?))
            }
            Err(_) => None,
        };
        // Deeper than any path.
        if depth > 4096 {
            return None;
        }
        let below = (0..directories).map(|_| Node::take(rest, hash, depth + 1)).collect::<Option<Vec<_>>>()?;
        Some(Node { name, tree, below })
    }

    /// The content of the extension.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.name);
        let count = self.tree.map_or("-1".to_owned(), |(count, _)| count.to_string());
        out.extend_from_slice(format!("\0{count} {}\n", self.below.len()).as_bytes());
        if let Some((_, id)) = self.tree {
            out.extend_from_slice(id.as_slice());
        }
        self.below.iter().for_each(|node| node.write(out));
    }
}

impl Repo {
    /// What is known of a directory once all that differs between the trees `old` and `new` has changed in the index.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub(super) fn trees_after(&self, mut node: Node, old: ObjectId, new: ObjectId) -> Result<Node> {
        if old == new {
            return Ok(node);
        }
        // Where something else is staged the index says another tree, or none.
        let mut count = node.tree.filter(|(_, id)| *id == old).and_then(|(count, _)| i64::try_from(count).ok());
        let is_as_old = count.is_some();
        let known = |node: &Node| node.tree.and_then(|(count, _)| i64::try_from(count).ok());
        for (name, before, after) in self.differing_entries(Some(old), Some(new))? {
            let tree = |slot: crate::git::trees::Slot| slot.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id);
            let files = |slot: crate::git::trees::Slot| i64::from(slot.is_some_and(|(mode, _)| !mode.is_tree()));
            let mut change = Some(files(after) - files(before));
            let place = node.below.iter().position(|below| below.name == name);
            if let Some(old) = tree(before) {
                let below = place.map(|place| node.below.swap_remove(place));
                change = change.zip(below.as_ref().and_then(known)).map(|(change, gone)| change - gone);
                if let (Some(below), Some(new)) = (below, tree(after)) {
                    let below = self.trees_after(below, old, new)?;
                    change = change.zip(known(&below)).map(|(change, come)| change + come);
                    node.below.push(below);
                } else if tree(after).is_some() {
                    change = None;
                }
            } else if let Some(new) = tree(after).filter(|_| is_as_old && place.is_none()) {
                // Nothing is staged where it comes.
                let below = self.all_of_tree(name, new)?;
                change = change.zip(known(&below)).map(|(change, come)| change + come);
                node.below.push(below);
            } else if tree(after).is_some() {
                change = None;
            }
            count = count.zip(change).map(|(count, change)| count + change);
        }
        node.tree = count.and_then(|count| usize::try_from(count).ok()).map(|count| (count, new));
        // git has the short names first.
        node.below.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        Ok(node)
    }

    /// A directory that was not there before.
    fn all_of_tree(&self, name: BString, id: ObjectId) -> Result<Node> {
        let (mut count, mut below) = (0, Vec::new());
        for (name, _, slot) in self.differing_entries(None, Some(id))? {
            match slot {
                Some((mode, id)) if mode.is_tree() => {
                    let node = self.all_of_tree(name, id)?;
                    count += node.tree.map_or(0, |(count, _)| count);
                    below.push(node);
                }
                _ => count += 1,
            }
        }
        below.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        Ok(Node { name, tree: Some((count, id)), below })
    }
}
