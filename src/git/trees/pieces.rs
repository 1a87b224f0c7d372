//! A tree's bytes, in pieces.

use gix::bstr::ByteSlice;
use gix::hash::Kind;
use std::sync::Arc;

/// About how many bytes a piece has: with more of them a tree takes longer to put together, with less of them trees that
/// differ have less in common.
const PIECE: usize = 1024;

/// Less than that is no piece of its own, where that can be helped.
const CRUMB: usize = PIECE / 4;

/// Some whole entries of a tree.
pub(super) type Piece = Arc<[u8]>;

/// The bytes of a tree, in pieces of whole entries; one that was made from another shares those that are the same. What is
/// no tree has, behind all entries that there are, a last piece of something else.
#[derive(Debug, Clone, Default)]
pub(in crate::git) struct Tree {
    pieces: Arc<[Piece]>,
    size: usize,
}

impl Tree {
    /// Of its bytes.
    pub(super) fn of(bytes: &[u8], hash: Kind) -> Tree {
        let mut builder = Builder::new(hash);
        builder.add(bytes);
        builder.tree().0
    }

    /// Its bytes, one piece after another.
    pub(in crate::git) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| &**piece)
    }

    pub(super) fn shared(&self) -> &[Piece] {
        &self.pieces
    }

    /// How many bytes it has.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// How many bytes of memory it takes with all its pieces.
    pub(super) fn weight(&self) -> usize {
        self.size + self.pieces.len() * OVERHEAD
    }
}

/// What a piece takes beside its bytes: a reference to it, and two counts.
const OVERHEAD: usize = 32;

/// The length of the first entry, if there is a whole one.
pub(super) fn length_of_first(bytes: &[u8], hash: Kind) -> Option<usize> {
    let length = first_zero(bytes)? + 1 + hash.len_in_bytes();
    (length <= bytes.len()).then_some(length)
}

/// Names are short, so that calling for help takes longer than looking.
fn first_zero(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(n * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    Some(words.len() * 8 + rest.find_byte(0)?)
}

/// A tree that is being put together.
pub(super) struct Builder {
    hash: Kind,
    pieces: Vec<Piece>,
    size: usize,
    /// What is not in pieces yet, and how far into it whole entries go.
    pending: Vec<u8>,
    whole: usize,
    weight: usize,
}

impl Builder {
    pub(super) fn new(hash: Kind) -> Builder {
        Builder { hash, pieces: Vec::new(), size: 0, pending: Vec::new(), whole: 0, weight: 0 }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.size += bytes.len();
    }

    /// Adds a piece of another tree, and shares it where it begins between two entries.
    pub(super) fn share(&mut self, piece: &Piece) {
        let is_crumb = !self.pending.is_empty() && self.pending.len() < CRUMB;
        if is_crumb || !self.is_between_entries() {
            return self.add(piece);
        }
        self.finish_piece();
        self.pieces.push(Arc::clone(piece));
        self.size += piece.len();
    }

    fn is_between_entries(&mut self) -> bool {
        while let Some(length) = length_of_first(&self.pending[self.whole..], self.hash) {
            self.whole += length;
        }
        self.whole == self.pending.len()
    }

    fn finish_piece(&mut self) {
        let mut rest = self.pending.as_slice();
        while !rest.is_empty() {
            let mut end = if rest.len() > 2 * PIECE { 0 } else { rest.len() };
            while end < PIECE.min(rest.len()) {
                end += length_of_first(&rest[end..], self.hash).unwrap_or(rest.len() - end);
            }
            self.pieces.push(rest[..end].into());
            self.weight += end;
            rest = &rest[end..];
        }
        self.pending.clear();
        self.whole = 0;
    }

    /// The tree, and how many bytes of memory it takes beside the pieces that it shares.
    pub(super) fn tree(mut self) -> (Tree, usize) {
        self.finish_piece();
        let weight = self.weight + self.pieces.len() * OVERHEAD;
        (Tree { pieces: self.pieces.into(), size: self.size }, weight)
    }
}
