//! Sessions that have not begun: what they declared to own meets what others do.

use super::subject::{Gathered, Subject};
use super::{Clash, Pair, Severity};
use crate::git::Repo;
use crate::session::BString;

/// Pairs with at least one session that has changed nothing yet and owns something.
pub(super) fn pairs(repo: &Repo, gathered: &Gathered) -> Vec<Pair> {
    let mut shown: Vec<&Subject> = gathered.subjects.iter().filter(|subject| subject.side.is_some()).collect();
    shown.sort_by(|a, b| a.name.cmp(&b.name));
    let mut pairs = Vec::new();
    for (nth, a) in shown.iter().enumerate() {
        for b in &shown[nth + 1..] {
            let is_asked = (a.is_first && b.is_second) || (b.is_first && a.is_second);
            if !is_asked || !(is_waiting(a) || is_waiting(b)) || a.trunk != b.trunk {
                continue;
            }
            let mut paths = Vec::new();
            for (one, two) in [(a, b), (b, a)] {
                if is_waiting(one) {
                    paths.extend(changed_inside(repo, one, two));
                }
            }
            if is_waiting(a) && is_waiting(b) {
                paths.extend(declared_by_both(a, b));
            }
            paths.sort();
            paths.dedup();
            if paths.is_empty() {
                continue;
            }
            let files = paths.into_iter().map(|path| Clash::new(path, Severity::Planned)).collect();
            let (a, b) = (a.name.clone(), b.name.clone());
            pairs.push(Pair { a, b, basis: None, severity: Severity::Planned, files, why: None });
        }
    }
    pairs
}

/// Whether it owns something and has changed nothing.
fn is_waiting(subject: &Subject) -> bool {
    !subject.own.is_empty() && subject.side.as_ref().is_some_and(|side| side.own.is_empty())
}

/// What `other` has changed inside what `owner` owns.
fn changed_inside(repo: &Repo, owner: &Subject, other: &Subject) -> Vec<BString> {
    let Some(side) = &other.side else { return Vec::new() };
    let paths: Vec<BString> = side.own.paths.iter().map(|touched| touched.path.clone()).collect();
    repo.matching_pathspecs(&owner.own, &paths)
}

/// Pathspecs that are the same, or one of which names a place above the other's.
fn declared_by_both(a: &Subject, b: &Subject) -> Vec<BString> {
    let mut both = Vec::new();
    for one in &a.own {
        for two in &b.own {
            let (place_one, place_two) = (literal(one), literal(two));
            let (short, long) =
                if place_one.len() <= place_two.len() { (place_one, place_two) } else { (place_two, place_one) };
            let is_above = short.is_empty() || long == short || long.starts_with(&format!("{short}/"));
            if one == two || is_above {
                both.push(BString::from(if one.len() >= two.len() { one.as_str() } else { two.as_str() }));
            }
        }
    }
    both
}

/// What stands before the first wildcard, whole directories only.
fn literal(pathspec: &str) -> String {
    let text = pathspec.trim_start_matches("./");
    match text.find(['*', '?', '[']) {
        None => text.trim_end_matches('/').to_owned(),
        Some(at) => text[..at].rfind('/').map_or(String::new(), |slash| text[..slash].to_owned()),
    }
}
