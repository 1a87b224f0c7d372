//! Which lines of a file a change touches.

use gix::diff::blob::{Algorithm, Diff, InternedInput, sources::byte_lines};
use std::ops::Range;

/// Lines that one text has instead of lines of another, both counted from 0; one of them may be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// Lines of the text before.
    pub before: Range<u32>,
    /// Lines of the text after.
    pub after: Range<u32>,
}

/// How many bytes git looks at to tell whether a text is one.
const LOOKED_AT: usize = 8000;

/// Whether git would take it for no text.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(LOOKED_AT).any(|byte| *byte == 0)
}

/// What differs between two texts, by the algorithm that git merges with; in order, and never touching each other.
pub fn hunks(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    let input = InternedInput::new(byte_lines(before), byte_lines(after));
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    // git merges without the indent heuristic.
    diff.postprocess_no_heuristic(&input);
    diff.hunks().map(|hunk| Hunk { before: hunk.before, after: hunk.after }).collect()
}

/// Whether any of these changes of one text overlaps or touches one of those.
pub fn meet(these: &[Hunk], those: &[Hunk]) -> bool {
    let (mut a, mut b) = (0, 0);
    while let (Some(one), Some(other)) = (these.get(a), those.get(b)) {
        let (one, other) = (&one.before, &other.before);
        if one.end < other.start {
            a += 1;
        } else if other.end < one.start {
            b += 1;
        } else {
            return true;
        }
    }
    false
}

/// Where lines of the text after a change stood, or would stand, in the text before it.
pub fn moved_back(lines: &Range<u32>, hunks: &[Hunk]) -> Range<u32> {
    let place = |line: u32, is_end: bool| {
        let mut shift = 0_i64;
        for hunk in hunks {
            if line < hunk.after.start || (line == hunk.after.start && is_end) {
                break;
            }
            if line < hunk.after.end || (is_end && line == hunk.after.end && line != hunk.after.start) {
                return if is_end { hunk.before.end } else { hunk.before.start };
            }
            shift = i64::from(hunk.before.end) - i64::from(hunk.after.end);
        }
        u32::try_from(i64::from(line) + shift).unwrap_or(0)
    };
    let start = place(lines.start, false);
    if lines.is_empty() {
        return start..start;
    }
    start..place(lines.end, true).max(start)
}

#[cfg(test)]
mod tests {
    use super::{hunks, meet, moved_back};

    #[test]
    fn changes_meet_that_overlap_or_touch() {
        let base: &[u8] = b"a\nb\nc\nd\ne\n";
        let does = |ours: &str, theirs: &str| meet(&hunks(base, ours.as_bytes()), &hunks(base, theirs.as_bytes()));
        assert!(does("a\nB\nc\nd\ne\n", "a\nx\nc\nd\ne\n"));
        assert!(does("a\nB\nc\nd\ne\n", "a\nb\nC\nd\ne\n"));
        assert!(does("a\nb\nnew\nc\nd\ne\n", "a\nb\nc\nd\n") == does("a\nb\nc\nd\n", "a\nb\nnew\nc\nd\ne\n"));
        assert!(!does("A\nb\nc\nd\ne\n", "a\nb\nC\nd\ne\n"));
        assert!(!does("A\nb\nc\nd\ne\n", "a\nb\nc\nd\ne\n"));
    }

    #[test]
    fn lines_are_found_again_before_a_change() {
        let hunks = hunks(b"a\nb\nc\nd\ne\n", b"new\na\nb\nC1\nC2\nd\ne\n");
        assert_eq!(hunks.len(), 2);
        assert_eq!(moved_back(&(1..3), &hunks), 0..2, "a and b");
        assert_eq!(moved_back(&(5..7), &hunks), 3..5, "d and e");
        assert_eq!(moved_back(&(3..4), &hunks), 2..3, "what was made of c");
        assert_eq!(moved_back(&(0..1), &hunks), 0..0, "what is new");
        assert_eq!(moved_back(&(0..7), &hunks), 0..5, "all of it");
        assert_eq!(moved_back(&(6..6), &hunks), 4..4, "a place between lines");
    }
}
