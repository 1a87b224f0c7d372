//! Deltas of trees: `gitformat-pack(5)`.

use super::pieces::{Builder, Tree};
use super::size;
use gix::hash::Kind;

/// What a delta makes of its base, and how many bytes of memory that takes beside what the two share; none if it is not
/// one of it.
pub(super) fn applied(base: &Tree, delta: &[u8], hash: Kind) -> Option<(Tree, usize)> {
    let mut rest = delta.iter();
    let mut number = || {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = *rest.next()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
    };
    let (before, after) = (size(number()?)?, size(number()?)?);
    if before != base.size() {
        return None;
    }
    let mut rest = rest.as_slice();
    let mut made = Builder::new(hash);
    let mut place = Place { n: 0, start: 0 };
    while let Some((&instruction, tail)) = rest.split_first() {
        rest = tail;
        if instruction & 0x80 == 0 {
            let length = usize::from(instruction);
            if length == 0 {
                return None;
            }
            made.add(rest.get(..length)?);
            rest = &rest[length..];
        } else {
            let mut take = |from: u8, count: u8| {
                (0..count).filter(|n| instruction >> (from + n) & 1 == 1).try_fold(0_usize, |number, n| {
                    let (&byte, tail) = rest.split_first()?;
                    rest = tail;
                    Some(number | usize::from(byte) << (8 * n))
                })
            };
            let (from, length) = (take(0, 4)?, take(4, 3)?);
            let length = if length == 0 { 0x10000 } else { length };
            copy(base, from, from.checked_add(length)?, &mut place, &mut made)?;
        }
        if made.size() > after {
            return None;
        }
    }
    (made.size() == after).then(|| made.tree())
}

/// The piece of a base that was looked at last, and where it begins.
struct Place {
    n: usize,
    start: usize,
}

/// What the base has from `from` to `end`.
fn copy(base: &Tree, mut from: usize, end: usize, place: &mut Place, made: &mut Builder) -> Option<()> {
    if end > base.size() {
        return None;
    }
    // Most go on where the last one ended.
    if from < place.start {
        *place = Place { n: 0, start: 0 };
    }
    while from < end {
        let piece = base.shared().get(place.n)?;
        let behind = place.start + piece.len();
        if from == place.start && behind <= end {
            made.share(piece);
        } else if from < behind {
            made.add(&piece[from - place.start..behind.min(end) - place.start]);
        }
        from = from.max(behind.min(end));
        if behind <= from {
            *place = Place { n: place.n + 1, start: behind };
        }
    }
    Some(())
}
