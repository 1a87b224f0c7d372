//! What one report says that the one before did not.

use super::{Clash, Report, Severity};
use crate::session::BString;
use std::collections::BTreeMap;

/// Who meets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sides {
    /// A session and its base.
    Base(String, String),
    /// Two sessions.
    Pair(String, String),
}

/// What has become of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They had nothing in common.
    New,
    /// More serious than before.
    Worse,
    /// Less serious than before.
    Better,
    /// As serious as before, in other files or on other lines.
    Moved,
    /// They have nothing in common any longer.
    Gone,
}

impl Change {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Worse => "worse",
            Change::Better => "better",
            Change::Moved => "moved",
            Change::Gone => "gone",
        }
    }
}

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Who.
    pub sides: Sides,
    /// What.
    pub change: Change,
    /// How it was.
    pub was: Option<Severity>,
    /// How it is.
    pub now: Option<Severity>,
    /// The files as they are.
    pub files: Vec<Clash>,
    /// Paths in which they met before and do not any longer.
    pub left: Vec<BString>,
}

impl News {
    /// Whether it matters to people: lines that move are none.
    pub fn is_for_people(&self, before: &Report) -> bool {
        let paths = |files: &[Clash]| files.iter().map(|file| (file.path.clone(), file.severity)).collect::<Vec<_>>();
        self.change != Change::Moved
            || met(before).get(&self.sides).is_none_or(|met| paths(met.1) != paths(&self.files))
    }
}

/// How they meet, and where.
type Met<'a> = (Severity, &'a [Clash]);

/// All who meet.
fn met(report: &Report) -> BTreeMap<Sides, Met<'_>> {
    let rows = report.against_base.iter().filter_map(|row| {
        // A rebase that stops is as bad as a merge that does.
        let worst = if row.rebase == Some(false) { Some(Severity::Conflict) } else { row.severity };
        Some((Sides::Base(row.name.clone(), row.base.clone()), (worst?, row.files.as_slice())))
    });
    let pairs = report
        .pairs
        .iter()
        .map(|pair| (Sides::Pair(pair.a.clone(), pair.b.clone()), (pair.severity, pair.files.as_slice())));
    rows.chain(pairs).collect()
}

/// What is new, the worst first.
pub(super) fn between(before: &Report, after: &Report) -> Vec<News> {
    let (old, new) = (met(before), met(after));
    let mut news = Vec::new();
    for (sides, (severity, files)) in &new {
        let was = old.get(sides);
        let change = match was {
            None => Change::New,
            Some((before, _)) if before < severity => Change::Worse,
            Some((before, _)) if before > severity => Change::Better,
            Some((_, before)) if before != files => Change::Moved,
            Some(_) => continue,
        };
        let is_left = |file: &&Clash| !files.iter().any(|now| now.path == file.path);
        let left =
            was.map_or_else(Vec::new, |(_, files)| files.iter().filter(is_left).map(|it| it.path.clone()).collect());
        let (was, now) = (was.map(|(severity, _)| *severity), Some(*severity));
        news.push(News { sides: sides.clone(), change, was, now, files: files.to_vec(), left });
    }
    for (sides, (severity, files)) in old.iter().filter(|(sides, _)| !new.contains_key(sides)) {
        let left = files.iter().map(|file| file.path.clone()).collect();
        let (change, was) = (Change::Gone, Some(*severity));
        news.push(News { sides: sides.clone(), change, was, now: None, files: Vec::new(), left });
    }
    news.sort_by_key(|one| std::cmp::Reverse(one.now.max(one.was)));
    news
}

#[cfg(test)]
mod tests {
    use super::super::Pair;
    use super::*;

    fn report(pairs: &[(&str, &str, Severity, &[&str])]) -> Report {
        let pair = |(a, b, severity, paths): &(&str, &str, Severity, &[&str])| Pair {
            a: (*a).into(),
            b: (*b).into(),
            basis: None,
            severity: *severity,
            files: paths.iter().map(|path| Clash::new((*path).into(), *severity)).collect(),
            why: None,
        };
        Report { pairs: pairs.iter().map(pair).collect(), ..Report::default() }
    }

    #[test]
    fn each_change_has_its_word_and_the_worst_comes_first() {
        use Severity::{Conflict, Near, Overlap};
        let before = report(&[
            ("a", "b", Conflict, &["x"]),
            ("a", "c", Near, &["x"]),
            ("a", "d", Near, &["x"]),
            ("a", "e", Overlap, &["x"]),
            ("a", "f", Overlap, &["x"]),
        ]);
        let after = report(&[
            ("a", "c", Overlap, &["x"]),
            ("a", "d", Conflict, &["x", "y"]),
            ("a", "e", Overlap, &["y"]),
            ("a", "f", Overlap, &["x"]),
            ("a", "g", Near, &["z"]),
        ]);
        let news = between(&before, &after);
        let said: Vec<_> = news
            .iter()
            .map(|one| match &one.sides {
                Sides::Pair(_, b) => (b.as_str(), one.change, one.left.len()),
                Sides::Base(..) => panic!("no base"),
            })
            .collect();
        use Change::{Better, Gone, Moved, New, Worse};
        assert_eq!(said, [("d", Worse, 0), ("b", Gone, 1), ("c", Better, 0), ("g", New, 0), ("e", Moved, 1)]);
        assert_eq!(between(&after, &after), []);
    }
}
