//! Which words of lines are new, compared with what stood there before.

use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::ops::Range;

/// Longer texts than that are not compared: nobody reads their words one by one.
const LONGEST: usize = 16 * 1024;

/// Of each line of `now`, the bytes that `before` does not have. Empty where little is the same, since marking nearly
/// all of it says nothing.
pub(super) fn new_in(before: &[String], now: &[String]) -> Vec<Vec<Range<usize>>> {
    let nothing = || vec![Vec::new(); now.len()];
    let size = |lines: &[String]| lines.iter().map(|line| line.len() + 1).sum::<usize>();
    if before.is_empty() || now.is_empty() || size(before) > LONGEST || size(now) > LONGEST {
        return nothing();
    }
    let (old, new) = (before.join("\n"), now.join("\n"));
    let (old_words, new_words) = (words(&old), words(&new));
    let operations = capture_diff_slices(Algorithm::Patience, &old_words, &new_words);
    let starts: Vec<usize> = new_words
        .iter()
        .scan(0, |at, word| {
            let start = *at;
            *at += word.len();
            Some(start)
        })
        .chain([new.len()])
        .collect();
    let is_word = |word: &&str| word.chars().any(char::is_alphanumeric);
    let mut same = 0;
    let mut fresh: Vec<Range<usize>> = Vec::new();
    for operation in &operations {
        let range = operation.new_range();
        if matches!(operation, DiffOp::Equal { .. }) {
            same += new_words[range].iter().filter(|word| is_word(word)).count();
        } else if !range.is_empty() {
            fresh.push(starts[range.start]..starts[range.end]);
        }
    }
    let all = new_words.iter().filter(|word| is_word(word)).count();
    if same * 4 < all { nothing() } else { by_line(now, &fresh) }
}

/// Words, and everything else by the character.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut was_word = false;
    for (at, c) in text.char_indices() {
        let is_word = c.is_alphanumeric() || c == '_';
        if at > start && !(is_word && was_word) {
            found.push(&text[start..at]);
            start = at;
        }
        was_word = is_word;
    }
    if start < text.len() {
        found.push(&text[start..]);
    }
    found
}

/// Cuts ranges of the joined text into those of its lines.
fn by_line(lines: &[String], ranges: &[Range<usize>]) -> Vec<Vec<Range<usize>>> {
    let mut start = 0;
    lines
        .iter()
        .map(|line| {
            let end = start + line.len();
            let within = ranges.iter().filter(|range| range.start < end && range.end > start);
            let mine = within.map(|range| range.start.max(start) - start..range.end.min(end) - start).collect();
            start = end + 1;
            mine
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(before: &[&str], now: &[&str]) -> Vec<String> {
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let now = owned(now);
        let found = new_in(&owned(before), &now);
        now.iter()
            .zip(found)
            .map(|(line, ranges)| ranges.into_iter().map(|range| &line[range]).collect::<Vec<_>>().join("|"))
            .collect()
    }

    #[test]
    fn only_what_is_new_is_marked() {
        assert_eq!(marked(&["total += item.price"], &["total += item.gross * 2"]), ["gross * 2"]);
        assert_eq!(marked(&["é one", "two"], &["é one", "new é", "two"]), ["", "new é", ""]);
        assert_eq!(marked(&["a b c"], &["x y z"]), [""], "all of it is new, and that is no news");
        assert_eq!(marked(&[], &["x"]), [""]);
    }
}
