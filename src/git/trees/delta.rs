//! Deltas of trees: what is copied as a whole is shared.

use super::pieces::{Builder, Tree};
use crate::git::packed::delta::{Delta, Step};
use gix::hash::Kind;

/// What a delta makes of its base, and how many bytes of memory that takes beside what the two share; none if it is not
/// one of it.
pub(super) fn applied(base: &Tree, delta: &[u8], hash: Kind) -> Option<(Tree, usize)> {
    let delta = Delta::parse(delta).filter(|delta| delta.before == base.size())?;
    let after = delta.after;
    let mut made = Builder::new(hash);
    let mut place = Place { n: 0, start: 0 };
    for step in delta {
        match step? {
            Step::Copy(from, end) => copy(base, from, end, &mut place, &mut made)?,
            Step::Add(bytes) => made.add(bytes),
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
