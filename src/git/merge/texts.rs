//! What a merge of three texts comes to, as far as can be told without git: a guess, which git has to confirm.

use super::lines::{Hunk, hunks, is_binary};
use std::ops::Range;

/// The text that `base` becomes by what two sides made of it; none where they collide. Lines are held against each other
/// as git does it: changes collide that overlap or touch, but for those that are the same.
pub(super) fn merged(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    if ours == theirs || base == theirs {
        return Some(ours.to_vec());
    }
    if base == ours {
        return Some(theirs.to_vec());
    }
    if [base, ours, theirs].into_iter().any(is_binary) {
        return None;
    }
    let sides = [hunks(base, ours), hunks(base, theirs)];
    let (base, texts) = (lines_of(base), [lines_of(ours), lines_of(theirs)]);
    let mut merged = Vec::new();
    let (mut at, mut next) = (0, [0, 0]);
    while let Some(group) = Group::first(&sides, next) {
        let start = group.start(&sides, next);
        merged.extend(of(&base, at..start));
        let end = group.end(&sides);
        let changed = [0, 1].map(|side| of(&texts[side], group.lines(&sides[side], next[side], side, start..end)));
        let has_changed = [0, 1].map(|side| group.until[side] > next[side]);
        match (has_changed, &changed) {
            ([true, false], [ours, _]) => merged.extend(ours),
            ([false, true], [_, theirs]) => merged.extend(theirs),
            (_, [ours, theirs]) if ours == theirs && group.is_settled(&sides, next, ours.is_empty()) => {
                merged.extend(ours);
            }
            _ => return None,
        }
        (at, next) = (end, group.until);
    }
    merged.extend(of(&base, at..u32::try_from(base.len()).ok()?));
    Some(merged.concat())
}

/// Changes of both sides that overlap or touch, up to these places in their lists.
struct Group {
    until: [usize; 2],
}

impl Group {
    /// The first one from these places on.
    fn first(sides: &[Vec<Hunk>; 2], next: [usize; 2]) -> Option<Group> {
        let hunk = |side: usize, at: usize| sides[side].get(at).map(|hunk| hunk.before.clone());
        let first = match (hunk(0, next[0]), hunk(1, next[1])) {
            (Some(a), Some(b)) => usize::from(b.start < a.start),
            (Some(_), None) => 0,
            (None, Some(_)) => 1,
            (None, None) => return None,
        };
        let mut until = next;
        until[first] += 1;
        let mut end = hunk(first, next[first])?.end;
        while let Some(side) = (0..2).find(|side| hunk(*side, until[*side]).is_some_and(|hunk| hunk.start <= end)) {
            end = end.max(hunk(side, until[side])?.end);
            until[side] += 1;
        }
        Some(Group { until })
    }

    fn start(&self, sides: &[Vec<Hunk>; 2], next: [usize; 2]) -> u32 {
        let of = |side: usize| (next[side] < self.until[side]).then(|| sides[side][next[side]].before.start);
        of(0).into_iter().chain(of(1)).min().unwrap_or_default()
    }

    fn end(&self, sides: &[Vec<Hunk>; 2]) -> u32 {
        let of = |side: usize| self.until[side].checked_sub(1).map(|last| sides[side][last].before.end);
        of(0).into_iter().chain(of(1)).max().unwrap_or_default()
    }

    /// The lines that a side has instead of those.
    fn lines(&self, hunks: &[Hunk], next: usize, side: usize, before: Range<u32>) -> Range<u32> {
        let until = self.until[side];
        if next == until {
            return 0..0;
        }
        let (first, last) = (&hunks[next], &hunks[until - 1]);
        let start = first.after.start - (first.before.start - before.start);
        start..last.after.end + (before.end - last.before.end)
    }

    /// Whether git takes what is the same on both sides for settled: one change each, of the same lines, or lines that
    /// there are.
    fn is_settled(&self, sides: &[Vec<Hunk>; 2], next: [usize; 2], is_empty: bool) -> bool {
        let one = |side: usize| (self.until[side] == next[side] + 1).then(|| &sides[side][next[side]].before);
        !is_empty || one(0).zip(one(1)).is_some_and(|(a, b)| a == b)
    }
}

fn lines_of(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

fn of<'a>(lines: &[&'a [u8]], range: Range<u32>) -> Vec<&'a [u8]> {
    lines.get(range.start as usize..range.end as usize).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::merged;

    fn text(lines: &str) -> Vec<u8> {
        lines.split(' ').flat_map(|line| format!("{line}\n").into_bytes()).collect()
    }

    fn of(base: &str, ours: &str, theirs: &str) -> Option<String> {
        let merged = merged(&text(base), &text(ours), &text(theirs))?;
        Some(String::from_utf8(merged).expect("text").trim_end().replace('\n', " "))
    }

    #[test]
    fn what_stands_apart_is_taken_from_both() {
        assert_eq!(of("a b c d e", "A b c d e", "a b c d E x").as_deref(), Some("A b c d E x"));
        assert_eq!(of("a b c d e", "b c d e", "a b c x d e").as_deref(), Some("b c x d e"));
    }

    #[test]
    fn what_touches_collides_but_for_the_same() {
        assert_eq!(of("a b c d e", "a B c d e", "a b C d e"), None);
        assert_eq!(of("a b c", "a B c", "a x c"), None);
        assert_eq!(of("a b c d", "A b c d", "A b c D").as_deref(), Some("A b c D"));
        assert_eq!(of("a b c d", "a d", "a c d"), None, "one took more away");
        assert_eq!(of("a b c", "a c", "a c").as_deref(), Some("a c"));
    }

    #[test]
    fn what_is_no_text_collides() {
        assert_eq!(merged(b"a\0", b"b\0", b"c\0"), None);
        assert_eq!(merged(b"a\0", b"b\0", b"a\0").as_deref(), Some(&b"b\0"[..]));
    }
}
