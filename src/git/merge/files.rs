//! What a merge of files comes to, as far as can be told without git: a guess, which git has to confirm.
//!
//! Files that one side moved are found again by what is in them, as git does it; directories that were moved are not.

use crate::error::Result;
use crate::session::ObjectId;
use std::collections::BTreeMap;

/// A file: its mode and blob.
pub type File = Option<(u32, ObjectId)>;

/// What a side made of files, by path: before and after.
pub type Changes<K> = BTreeMap<K, (File, File)>;

/// How many files a moved one is looked for among.
const ADDED_AT_MOST: usize = 100;

/// What is known of contents.
pub(super) trait Texts {
    /// What two changes of a text come to: base, ours, theirs; none, where they collide.
    fn merged(&mut self, blobs: [ObjectId; 3]) -> Result<Option<ObjectId>>;

    /// Whether one text would be taken for the other one, moved.
    fn are_alike(&mut self, a: ObjectId, b: ObjectId) -> Result<bool>;
}

/// What `ours` becomes at some paths when `theirs` is merged into it; none, where they collide.
pub(super) fn merged<K: Ord + Clone>(
    ours: &Changes<K>,
    theirs: &Changes<K>,
    texts: &mut impl Texts,
) -> Result<Option<Vec<(K, File)>>> {
    let mut becomes: BTreeMap<K, File> = BTreeMap::new();
    let mut moved: BTreeMap<K, File> = BTreeMap::new();
    for (path, (before, after)) in theirs {
        let now = ours.get(path).map_or(*before, |(_, now)| *now);
        match (*before, now, *after) {
            (before, now, after) if now == before => drop(becomes.insert(path.clone(), after)),
            (Some(_), None, None) => {
                // Moved by one and dropped by the other one, or moved to two places.
                let (one, two) = (moved_to(ours, path, texts)?, moved_to(theirs, path, texts)?);
                if one.map(|to| to.0) != two.map(|to| to.0) {
                    return Ok(None);
                }
            }
            (_, now, after) if now == after => {}
            (Some(before), Some(now), Some(after)) => match content(before, now, after, texts)? {
                Some(content) => drop(becomes.insert(path.clone(), Some(content))),
                None => return Ok(None),
            },
            (Some(before), Some(now), None) => {
                let Some((to, after)) = moved_to(theirs, path, texts)? else { return Ok(None) };
                let Some(content) = content(before, now, after, texts)?.filter(|_| !ours.contains_key(&to)) else {
                    return Ok(None);
                };
                becomes.insert(path.clone(), None);
                moved.insert(to, Some(content));
            }
            (Some(before), None, Some(after)) => {
                let Some((to, now)) = moved_to(ours, path, texts)? else { return Ok(None) };
                let Some(content) = content(before, now, after, texts)?.filter(|_| !theirs.contains_key(&to)) else {
                    return Ok(None);
                };
                moved.insert(to, Some(content));
            }
            _ => return Ok(None),
        }
    }
    becomes.extend(moved);
    Ok(Some(becomes.into_iter().collect()))
}

/// Where a side moved a file that it has no more, and what it is there.
fn moved_to<K: Ord + Clone>(
    side: &Changes<K>,
    path: &K,
    texts: &mut impl Texts,
) -> Result<Option<(K, (u32, ObjectId))>> {
    let Some((Some((_, before)), None)) = side.get(path).copied() else { return Ok(None) };
    let added = side.iter().filter_map(|(path, (before, after))| Some((path, (*after)?)).filter(|_| before.is_none()));
    let added: Vec<(&K, (u32, ObjectId))> = added.filter(|(_, (mode, _))| is_plain(*mode)).collect();
    if let Some((path, file)) = added.iter().find(|(_, (_, blob))| *blob == before) {
        return Ok(Some(((*path).clone(), *file)));
    }
    for (path, file) in added.into_iter().take(ADDED_AT_MOST) {
        if texts.are_alike(before, file.1)? {
            return Ok(Some((path.clone(), file)));
        }
    }
    Ok(None)
}

fn is_plain(mode: u32) -> bool {
    mode & 0o170_000 == 0o100_000
}

fn content(
    before: (u32, ObjectId),
    ours: (u32, ObjectId),
    theirs: (u32, ObjectId),
    texts: &mut impl Texts,
) -> Result<Option<(u32, ObjectId)>> {
    if ![before, ours, theirs].into_iter().all(|(mode, _)| is_plain(mode)) {
        return Ok(None);
    }
    let mode = if ours.0 == before.0 { theirs.0 } else { ours.0 };
    let blob = match (before.1, ours.1, theirs.1) {
        (before, ours, theirs) if ours == theirs || before == theirs => Some(ours),
        (before, ours, theirs) if before == ours => Some(theirs),
        (before, ours, theirs) => texts.merged([before, ours, theirs])?,
    };
    Ok(blob.map(|blob| (mode, blob)))
}

/// Whether two texts have so many lines in common that git takes one for the other, moved: half of the longer one.
pub(super) fn are_alike(a: &[u8], b: &[u8]) -> bool {
    let longer = a.len().max(b.len());
    if 2 * a.len().min(b.len()) < longer {
        return false;
    }
    let mut lines: std::collections::HashMap<&[u8], usize> = std::collections::HashMap::new();
    for line in a.split_inclusive(|byte| *byte == b'\n') {
        *lines.entry(line).or_default() += 1;
    }
    let mut common = 0;
    for line in b.split_inclusive(|byte| *byte == b'\n') {
        if let Some(left) = lines.get_mut(line).filter(|left| **left > 0) {
            *left -= 1;
            common += line.len();
        }
    }
    2 * common >= longer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts are numbers: those of one ten are alike, and changes of one text collide.
    struct Numbers;

    impl Texts for Numbers {
        fn merged(&mut self, _: [ObjectId; 3]) -> Result<Option<ObjectId>> {
            Ok(None)
        }

        fn are_alike(&mut self, a: ObjectId, b: ObjectId) -> Result<bool> {
            Ok(a.as_bytes()[0] / 10 == b.as_bytes()[0] / 10)
        }
    }

    fn file(number: u8) -> File {
        (number > 0).then(|| (0o100_644, ObjectId::from_bytes_or_panic(&[number; 20])))
    }

    fn changes(of: &[(&'static str, u8, u8)]) -> Changes<&'static str> {
        of.iter().map(|(path, before, after)| (*path, (file(*before), file(*after)))).collect()
    }

    fn of(ours: &[(&'static str, u8, u8)], theirs: &[(&'static str, u8, u8)]) -> Option<Vec<(&'static str, File)>> {
        merged(&changes(ours), &changes(theirs), &mut Numbers).expect("no error")
    }

    #[test]
    fn files_are_changed_added_and_dropped_by_one_side() {
        let both = of(&[("a", 10, 11)], &[("b", 20, 21), ("c", 0, 30), ("d", 40, 0)]);
        assert_eq!(both, Some(vec![("b", file(21)), ("c", file(30)), ("d", None)]));
        assert_eq!(of(&[("a", 10, 11)], &[("a", 10, 11)]), Some(Vec::new()));
        assert_eq!(of(&[("a", 10, 11)], &[("a", 10, 12)]), None);
        assert_eq!(of(&[("a", 10, 0)], &[("a", 10, 12)]), None);
        assert_eq!(of(&[("a", 0, 11)], &[("a", 0, 12)]), None);
    }

    #[test]
    fn what_was_moved_is_found_again() {
        assert_eq!(of(&[("a", 10, 0), ("b", 0, 10)], &[("a", 10, 12)]), Some(vec![("b", file(12))]));
        assert_eq!(of(&[("a", 10, 12)], &[("a", 10, 0), ("b", 0, 10)]), Some(vec![("a", None), ("b", file(12))]));
        assert_eq!(of(&[("a", 10, 0), ("b", 0, 20)], &[("a", 10, 12)]), None, "that is another one");
        assert_eq!(of(&[("a", 10, 0), ("b", 0, 10)], &[("a", 10, 0), ("c", 0, 10)]), None, "to two places");
        assert_eq!(of(&[("a", 10, 0), ("b", 0, 10)], &[("a", 10, 0)]), None, "one has dropped it");
    }
}
