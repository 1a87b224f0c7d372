//! What differs between two trees.

use super::pieces::{Piece, Tree, length_of_first};
use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::{BString, ObjectId};
use gix::objs::tree::{EntryMode, EntryRef};
use std::cmp::Ordering;

/// One entry of a tree.
pub(in crate::git) type Slot = Option<(EntryMode, ObjectId)>;

/// The entries of a tree that differ between two, by name: before and after.
pub(in crate::git) type Differing = Vec<(BString, Slot, Slot)>;

impl Repo {
    /// The entries of two trees that differ. Most is the same: it is skipped as pieces that both have, or as bytes, and
    /// nothing is copied of it.
    ///
    /// # Errors
    /// Refused, if one cannot be read.
    pub(in crate::git) fn differing_entries(&self, a: Option<ObjectId>, b: Option<ObjectId>) -> Result<Differing> {
        let read = |tree: Option<ObjectId>| tree.map_or_else(|| Ok(Tree::default()), |tree| self.tree(tree));
        differing(&read(a)?, &read(b)?, self.hash_kind())
    }

    /// The names at the top of two trees that differ, by name.
    pub(in crate::git) fn differing_at_top(&self, a: ObjectId, b: ObjectId) -> Result<Differing> {
        if a == b { Ok(Vec::new()) } else { self.differing_entries(Some(a), Some(b)) }
    }

    /// The paths that differ between two trees, sorted, and whether each was there before.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn changed_between_trees(&self, a: ObjectId, b: ObjectId) -> Result<Vec<(BString, bool)>> {
        let leaves = self.differing_leaves(a, b)?;
        let mut paths: Vec<_> = leaves.into_iter().map(|(path, before, _)| (path, before.is_some())).collect();
        paths.sort();
        Ok(paths)
    }

    /// What differs between two trees, whole trees left out: path, before and after. A file that became a directory is
    /// there by itself and with what is below it.
    pub(in crate::git) fn differing_leaves(&self, a: ObjectId, b: ObjectId) -> Result<Differing> {
        let mut leaves = Vec::new();
        self.collect_leaves(Some(a), Some(b), &BString::default(), &mut leaves, &mut None)?;
        Ok(leaves)
    }

    /// `vanished`, where somebody asks, gets the directories that are no more.
    pub(in crate::git) fn collect_leaves(
        &self,
        a: Option<ObjectId>,
        b: Option<ObjectId>,
        prefix: &BString,
        leaves: &mut Differing,
        vanished: &mut Option<&mut Vec<BString>>,
    ) -> Result<()> {
        if a == b {
            return Ok(());
        }
        for (name, before, after) in self.differing_entries(a, b)? {
            let mut path = prefix.clone();
            path.extend_from_slice(&name);
            let tree = |slot: Slot| slot.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id);
            let leaf = |slot: Slot| slot.filter(|(mode, _)| !mode.is_tree());
            if leaf(before).is_some() || leaf(after).is_some() {
                leaves.push((path.clone(), leaf(before), leaf(after)));
            }
            if tree(before).is_some() || tree(after).is_some() {
                if let (Some(vanished), Some(_), None) = (vanished.as_mut(), tree(before), tree(after)) {
                    vanished.push(path.clone());
                }
                path.push(b'/');
                self.collect_leaves(tree(before), tree(after), &path, leaves, vanished)?;
            }
        }
        Ok(())
    }
}

fn differing(before: &Tree, after: &Tree, hash: gix::hash::Kind) -> Result<Differing> {
    let mut before = Entries::of(before, hash);
    let mut after = Entries::of(after, hash);
    let mut differing: Differing = Vec::new();
    let slot = |entry: &EntryRef<'_>| Some((entry.mode, entry.oid.to_owned()));
    loop {
        Entries::skip_same(&mut before, &mut after);
        let order = match (before.first()?, after.first()?) {
            (None, None) => break,
            (Some(a), None) => {
                differing.push((a.filename.to_owned(), slot(&a), None));
                Ordering::Less
            }
            (None, Some(b)) => {
                differing.push((b.filename.to_owned(), None, slot(&b)));
                Ordering::Greater
            }
            (Some(a), Some(b)) if a.filename == b.filename => {
                if a.oid != b.oid || a.mode != b.mode {
                    differing.push((a.filename.to_owned(), slot(&a), slot(&b)));
                }
                Ordering::Equal
            }
            (Some(a), Some(b)) => {
                let order = a.cmp(&b);
                match order {
                    Ordering::Less => differing.push((a.filename.to_owned(), slot(&a), None)),
                    _ => differing.push((b.filename.to_owned(), None, slot(&b))),
                }
                order
            }
        };
        if order != Ordering::Greater {
            before.advance();
        }
        if order != Ordering::Less {
            after.advance();
        }
    }
    // A file that became a directory stands in two places.
    differing.sort_by(|a, b| a.0.cmp(&b.0));
    differing.dedup_by(|later, earlier| {
        let is_same = later.0 == earlier.0;
        if is_same {
            earlier.1 = earlier.1.or(later.1);
            earlier.2 = earlier.2.or(later.2);
        }
        is_same
    });
    Ok(differing)
}

/// What is left of a tree: entries of a mode, a blank, a name, a zero byte and an id each.
struct Entries<'a> {
    /// Of the piece that comes next in turn.
    rest: &'a [u8],
    pieces: std::slice::Iter<'a, Piece>,
    hash: gix::hash::Kind,
}

impl<'a> Entries<'a> {
    fn of(tree: &'a Tree, hash: gix::hash::Kind) -> Entries<'a> {
        Entries { rest: &[], pieces: tree.shared().iter(), hash }
    }

    /// What is left of the piece; nothing at the end of the tree.
    fn piece(&mut self) -> &'a [u8] {
        if self.rest.is_empty()
            && let Some(next) = self.pieces.next()
        {
            self.rest = next;
        }
        self.rest
    }

    fn first(&mut self) -> Result<Option<EntryRef<'a>>> {
        let entry = gix::objs::TreeRefIter::from_bytes(self.piece(), self.hash).next();
        entry.transpose().or_refuse(|| "A tree could not be read.")
    }

    fn advance(&mut self) {
        let length = length_of_first(self.rest, self.hash).unwrap_or(usize::MAX);
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// Skips the entries that both begin with, or most of them; all, where nothing else is left.
    fn skip_same(a: &mut Entries<'a>, b: &mut Entries<'a>) {
        loop {
            let (one, other) = (a.piece(), b.piece());
            let shorter = one.len().min(other.len());
            if shorter == 0 {
                return;
            }
            if one.len() == other.len() && (one.as_ptr() == other.as_ptr() || one == other) {
                (a.rest, b.rest) = (&[], &[]);
                continue;
            }
            let strides = one.as_chunks::<64>().0.iter().zip(other.as_chunks::<64>().0);
            let same = 64 * strides.take_while(|(a, b)| a == b).count();
            let same = if one[same..shorter] == other[same..shorter] { shorter } else { same };
            let mut skipped = 0;
            while let Some(length) = length_of_first(&one[skipped..], a.hash)
                && skipped + length <= same
            {
                skipped += length;
            }
            (a.rest, b.rest) = (&one[skipped..], &other[skipped..]);
            // Where one ends its next piece goes on with what is left of the other.
            if skipped == 0 || skipped < shorter {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::delta::applied;
    use super::super::pieces::{Tree, length_of_first};
    use super::{Differing, differing};
    use crate::session::ObjectId;
    use gix::objs::tree::{EntryKind, EntryMode};
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    const HASH: gix::hash::Kind = gix::hash::Kind::Sha1;

    type Entries = BTreeMap<String, (EntryMode, ObjectId)>;

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).expect("31 bits") % limit
        }

        fn id(&mut self) -> ObjectId {
            let bytes: Vec<u8> = (0..20).map(|_| u8::try_from(self.below(4)).expect("is small")).collect();
            ObjectId::from_bytes_or_panic(&bytes)
        }

        /// Some entries change, come and go.
        fn change(&mut self, entries: &mut Entries) {
            for _ in 0..=self.below(4) {
                let name = match (self.below(3), entries.len()) {
                    (0, _) | (_, 0) => format!("file{}{}", self.below(400), ["", ".c", "-x"][self.below(3)]),
                    (_, count) => entries.keys().nth(self.below(count)).cloned().unwrap_or_default(),
                };
                let kind = if self.below(4) == 0 { EntryKind::Tree } else { EntryKind::Blob };
                let kept = entries.get(&name).map(|(mode, _)| *mode).filter(|_| self.below(8) > 0);
                match self.below(8) {
                    0 => drop(entries.remove(&name)),
                    _ => drop(entries.insert(name, (kept.unwrap_or_else(|| kind.into()), self.id()))),
                }
            }
        }
    }

    /// The bytes of each entry, in the order of a tree.
    fn in_order(entries: &Entries) -> Vec<Vec<u8>> {
        let tree = gix::objs::Tree {
            entries: entries
                .iter()
                .map(|(name, (mode, oid))| gix::objs::tree::Entry {
                    mode: *mode,
                    filename: name.as_str().into(),
                    oid: *oid,
                })
                .collect(),
        };
        let mut sorted = tree;
        sorted.entries.sort();
        let one = |entry: &gix::objs::tree::Entry| {
            let mut buffer = Default::default();
            [&**entry.mode.as_bytes(&mut buffer), b" ", &**entry.filename, b"\0", entry.oid.as_slice()].concat()
        };
        sorted.entries.iter().map(one).collect()
    }

    /// A delta from one to the other, cut at random.
    fn delta(before: &[Vec<u8>], after: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let number = |mut number: usize, out: &mut Vec<u8>| {
            while number >= 0x80 {
                out.push(u8::try_from(number & 0x7f).expect("7 bits") | 0x80);
                number >>= 7;
            }
            out.push(u8::try_from(number).expect("7 bits"));
        };
        let mut places = BTreeMap::new();
        let mut at = 0;
        for entry in before {
            places.insert(entry.clone(), at);
            at += entry.len();
        }
        let mut out = Vec::new();
        number(at, &mut out);
        number(after.iter().map(Vec::len).sum(), &mut out);
        let literal = |bytes: &[u8], out: &mut Vec<u8>| {
            for part in bytes.chunks(100) {
                out.push(u8::try_from(part.len()).expect("is small"));
                out.extend_from_slice(part);
            }
        };
        let copy = |from: usize, length: usize, out: &mut Vec<u8>| {
            let bytes = |number: usize, count: usize| number.to_le_bytes()[..count].to_vec();
            out.push(0xff);
            out.extend(bytes(from, 4).into_iter().chain(bytes(length, 3)));
        };
        let mut run: Option<(usize, usize)> = None;
        for entry in after {
            let place = places.get(entry).copied().filter(|_| random.below(40) > 0);
            match (place, run) {
                (Some(place), Some((from, length))) if from + length == place && random.below(30) > 0 => {
                    run = Some((from, length + entry.len()));
                }
                (place, open) => {
                    if let Some((from, length)) = open {
                        // Somewhere in the middle of an entry.
                        let cut = random.below(length + 1);
                        for (from, length) in [(from, cut), (from + cut, length - cut)] {
                            if length > 0 {
                                copy(from, length, &mut out);
                            }
                        }
                    }
                    run = place.map(|place| (place, entry.len()));
                    if run.is_none() {
                        literal(entry, &mut out);
                    }
                }
            }
        }
        if let Some((from, length)) = run {
            copy(from, length, &mut out);
        }
        out
    }

    fn expected(before: &Entries, after: &Entries) -> Differing {
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let rows =
            names.into_iter().map(|name| (name.as_str().into(), before.get(name).copied(), after.get(name).copied()));
        rows.filter(|(_, before, after)| before != after).collect()
    }

    #[test]
    fn what_differs_is_found_in_whatever_pieces() {
        for seed in 0..40 {
            let mut random = Random(seed);
            let mut entries = Entries::new();
            for _ in 0..random.below(120) {
                random.change(&mut entries);
            }
            let bytes = in_order(&entries).concat();
            let mut all = vec![(entries.clone(), Tree::of(&bytes, HASH))];
            for _ in 0..12 {
                // Of any of those that were made before.
                let from = random.below(all.len());
                let (before, tree) = &all[from];
                entries = before.clone();
                random.change(&mut entries);
                let (before, after) = (in_order(before), in_order(&entries));
                let made = applied(tree, &delta(&before, &after, &mut random), HASH).expect("is a delta of it").0;
                assert_eq!(made.pieces().collect::<Vec<_>>().concat(), after.concat(), "seed {seed}");
                for piece in made.pieces() {
                    let mut at = 0;
                    while at < piece.len() {
                        at += length_of_first(&piece[at..], HASH).expect("is whole");
                    }
                }
                all.push((entries.clone(), made));
            }
            for (before, one) in &all {
                for (after, other) in &all {
                    assert_eq!(differing(one, other, HASH).expect("are trees"), expected(before, after), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn what_stays_is_there_once() {
        let mut random = Random(7);
        let mut entries = Entries::new();
        while entries.len() < 300 {
            random.change(&mut entries);
        }
        let before = in_order(&entries);
        let tree = Tree::of(&before.concat(), HASH);
        let name = entries.keys().nth(150).cloned().expect("is there");
        let id = random.id();
        entries.entry(name).and_modify(|(_, old)| *old = id);
        let after = in_order(&entries);
        let at = before.iter().zip(&after).position(|(a, b)| a != b).expect("differ");
        let [start, end] = [at, at + 1].map(|at| before[..at].concat().len());
        let size = before.concat().len();
        let number =
            |n: usize| [u8::try_from(n & 0x7f).expect("7 bits") | 0x80, u8::try_from(n >> 7).expect("is small")];
        let part =
            |from: usize, length: usize| [&[0xb3][..], &from.to_le_bytes()[..2], &length.to_le_bytes()[..2]].concat();
        let literal = [&[u8::try_from(end - start).expect("is small")][..], &after[at]].concat();
        let delta = [&number(size)[..], &number(size), &part(0, start), &literal, &part(end, size - end)].concat();
        let made = applied(&tree, &delta, HASH).expect("is a delta of it").0;
        let pieces =
            |tree: &Tree| tree.shared().iter().map(|piece| Arc::as_ptr(piece).cast::<u8>()).collect::<BTreeSet<_>>();
        assert_eq!(pieces(&tree).difference(&pieces(&made)).count(), 1);
    }

    #[test]
    fn a_delta_that_does_not_fit_makes_nothing() {
        let base = |bytes: &[u8]| Tree::of(bytes, HASH);
        let made = |bytes: &[u8], delta: &[u8]| {
            applied(&base(bytes), delta, HASH).map(|(tree, _)| tree.pieces().collect::<Vec<_>>().concat())
        };
        assert_eq!(made(b"abcdef", &[6, 5, 0x91, 1, 3, 2, b'x', b'y']), Some(b"bcdxy".to_vec()));
        assert_eq!(made(b"abcdef", &[6, 6, 0x91, 1, 3, 2, b'x', b'y']), None, "too short");
        assert_eq!(made(b"abcdef", &[6, 4, 0x91, 1, 3, 2, b'x', b'y']), None, "too long");
        assert_eq!(made(b"abcde", &[6, 5, 0x91, 1, 3, 2, b'x', b'y']), None, "another base");
        assert_eq!(made(b"abcdef", &[6, 5, 0x91, 4, 3, 2, b'x', b'y']), None, "past the end");
        assert_eq!(made(b"abcdef", &[6, 5, 0x91, 1]), None, "cut off");
        assert_eq!(made(b"abcdef", &[6, 0, 0]), None, "no instruction");
        assert_eq!(made(b"", &[0x80]), None);
        assert_eq!(made(b"", &[]), None);
    }
}
