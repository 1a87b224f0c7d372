//! An index file as it lies there (`gitformat-index(5)`): what does not change of it is copied as bytes.

use super::cached_trees::Node;
use crate::error::{Context as _, Result};
use crate::session::{BStr, ByteSlice, ObjectId};
use gix::index::entry::{Mode, Stat, stat::Time};
use sha1::{Digest as _, Sha1};
use std::ops::Range;

/// Where the times, numbers and sizes of an entry end, and its id begins.
const ID: usize = 40;

/// Bits of an entry's flags.
const ASSUME_VALID: u16 = 0x8000;
const EXTENDED: u16 = 0x4000;
const STAGE: u16 = 0x3000;
/// The length of the path, or this where it is longer.
const LENGTH: u16 = 0x0fff;
/// Of the second flags, of an entry that has them.
const SKIP_WORKTREE: u16 = 0x4000;
const INTENT_TO_ADD: u16 = 0x2000;

/// The extension that says which trees the directories are.
const TREES: &[u8] = b"TREE";

/// Extensions that an index may have or lack: the others are not written again where entries change.
const OPTIONAL: [&[u8]; 4] = [TREES, b"REUC", b"EOIE", b"IEOT"];

/// The bytes of an index, and where its entries are.
pub(super) struct Raw {
    bytes: Vec<u8>,
    hash: gix::hash::Kind,
    rows: Vec<Row>,
    /// Where the extension is that says which trees the directories are.
    trees: Option<Range<usize>>,
}

/// Where an entry begins, and where its path ends.
#[derive(Clone, Copy)]
struct Row {
    at: u32,
    path: u32,
    end: u32,
}

/// What an entry says.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) stat: Stat,
    pub(super) mode: Mode,
    pub(super) id: ObjectId,
    /// Whether a flag hides changes of the file.
    pub(super) is_hidden: bool,
}

impl Raw {
    /// None of what is damaged or not of version 2 or 3, where an entry is not merged or is a directory, and where there
    /// is an extension that would have to be kept up to date.
    pub(super) fn parse(bytes: Vec<u8>, hash: gix::hash::Kind) -> Option<Raw> {
        let id = hash.len_in_bytes();
        let body = bytes.len().checked_sub(id)?;
        if bytes.get(..4)? != b"DIRC" || !(2..=3).contains(&number(&bytes, 4)?) || u32::try_from(bytes.len()).is_err() {
            return None;
        }
        let count = usize::try_from(number(&bytes, 8)?).ok()?;
        let mut rows: Vec<Row> = Vec::with_capacity(count.min(body / 64));
        let mut at = 12;
        for _ in 0..count {
            let flags = half(&bytes, at + ID + id)?;
            let path = at + ID + id + if flags & EXTENDED == 0 { 2 } else { 4 };
            let known = usize::from(flags & LENGTH);
            let length = match flags & LENGTH {
                LENGTH => LENGTH as usize + bytes.get(path + known..body)?.find_byte(0)?,
                _ => known,
            };
            let end = path + length;
            if end >= body || bytes[end] != 0 {
                return None;
            }
            let before = rows.last().map(|row| &bytes[row.path as usize..row.end as usize]);
            // A sparse index has directories among its entries.
            let is_directory = number(&bytes, at + 24)? == 0o040_000;
            if flags & STAGE != 0 || is_directory || before.is_some_and(|before| *before >= bytes[path..end]) {
                return None;
            }
            let offset = |place: usize| u32::try_from(place).ok();
            rows.push(Row { at: offset(at)?, path: offset(path)?, end: offset(end)? });
            at = padded(at, end);
        }
        let mut trees = None;
        while at < body {
            let (name, size) = (bytes.get(at..at + 4)?, usize::try_from(number(&bytes, at + 4)?).ok()?);
            if !OPTIONAL.contains(&name) {
                return None;
            }
            let begin = at + 8;
            at = begin.checked_add(size)?;
            if name == TREES {
                trees = Some(begin..at);
            }
        }
        (at == body).then_some(Raw { bytes, hash, rows, trees })
    }

    /// Which trees the directories are, as far as it says.
    pub(super) fn trees(&self) -> Option<Node> {
        Node::parse(&self.bytes[self.trees.clone()?], self.hash)
    }

    /// The entries of files that have changed at that second or later: path and what it says.
    pub(super) fn since(&self, second: i64) -> impl Iterator<Item = (&BStr, Entry)> {
        let is_since =
            move |row: &&Row| number(&self.bytes, row.at as usize + 8).is_none_or(|at| i64::from(at) >= second);
        self.rows.iter().filter(is_since).filter_map(|row| Some((self.path(*row), self.entry(self.path(*row))?)))
    }

    fn path(&self, row: Row) -> &BStr {
        self.bytes[row.path as usize..row.end as usize].as_bstr()
    }

    /// What it says of a path.
    pub(super) fn entry(&self, path: &BStr) -> Option<Entry> {
        let place = self.rows.binary_search_by(|row| self.path(*row).cmp(path)).ok()?;
        let at = self.rows[place].at as usize;
        let field = |n: usize| number(&self.bytes, at + 4 * n);
        let time = |n: usize| Some(Time { secs: field(n)?, nsecs: field(n + 1)? });
        let id = self.hash.len_in_bytes();
        let flags = half(&self.bytes, at + ID + id)?;
        let more = if flags & EXTENDED == 0 { 0 } else { half(&self.bytes, at + ID + id + 2)? };
        Some(Entry {
            stat: Stat {
                ctime: time(0)?,
                mtime: time(2)?,
                dev: field(4)?,
                ino: field(5)?,
                uid: field(7)?,
                gid: field(8)?,
                size: field(9)?,
            },
            mode: Mode::from_bits_retain(field(6)?),
            id: ObjectId::try_from(self.bytes.get(at + ID..at + ID + id)?).ok()?,
            is_hidden: flags & ASSUME_VALID != 0 || more & (SKIP_WORKTREE | INTENT_TO_ADD) != 0,
        })
    }

    /// The entries whose path ends so: path and id.
    pub(super) fn ending_with<'a>(&'a self, end: &'a [u8]) -> impl Iterator<Item = (&'a BStr, ObjectId)> {
        let found = self.rows.iter().map(|row| self.path(*row)).filter(move |path| path.ends_with(end));
        found.filter_map(|path| Some((path, self.entry(path)?.id)))
    }

    /// The bytes of the same index with other entries, and with `trees` as those of the directories then: by path, each once
    /// and sorted, what the entry says then, or none where it goes.
    ///
    /// # Errors
    /// Refused, if it cannot be summed up.
    pub(super) fn changed<'a>(
        &self,
        changes: impl Iterator<Item = (&'a BStr, Option<(Stat, Mode, ObjectId)>)>,
        trees: Option<&Node>,
    ) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.bytes.len() + 4096);
        out.extend_from_slice(&self.bytes[..12]);
        let (mut count, mut next) = (0_u32, 0);
        for (path, entry) in changes {
            let place = next + self.rows[next..].partition_point(|row| self.path(*row) < path);
            self.copy(next..place, &mut out, &mut count);
            let row = self.rows.get(place).copied().filter(|row| self.path(*row) == path);
            next = place + usize::from(row.is_some());
            let Some(entry) = entry else { continue };
            let id = self.hash.len_in_bytes();
            let flags = row.map(|row| row.at as usize + ID + id..row.path as usize).map(|range| &self.bytes[range]);
            write(&mut out, path, entry, flags);
            count += 1;
        }
        self.copy(next..self.rows.len(), &mut out, &mut count);
        out[8..12].copy_from_slice(&count.to_be_bytes());
        if let Some(trees) = trees {
            let mut content = Vec::with_capacity(self.trees.as_ref().map_or(0, Range::len) + 256);
            trees.write(&mut content);
            let size = u32::try_from(content.len()).or_refuse(|| "The index is too large.")?;
            out.extend_from_slice(TREES);
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(&content);
        }
        // It guards against accidents: the slower hash that finds attacks is not needed, nor what git uses here.
        if self.hash == gix::hash::Kind::Sha1 {
            let sum = Sha1::digest(&out);
            out.extend_from_slice(&sum);
        } else {
            let mut hasher = gix::hash::hasher(self.hash);
            hasher.update(&out);
            out.extend_from_slice(hasher.try_finalize().or_refuse(|| "The index cannot be summed up.")?.as_slice());
        }
        Ok(out)
    }

    /// Entries as they are.
    fn copy(&self, rows: Range<usize>, out: &mut Vec<u8>, count: &mut u32) {
        let rows = &self.rows[rows];
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            let end = padded(last.at as usize, last.end as usize);
            out.extend_from_slice(&self.bytes[first.at as usize..end]);
            *count += u32::try_from(rows.len()).unwrap_or_default();
        }
    }
}

/// An entry with these flags, as bytes, or those of a new one.
fn write(out: &mut Vec<u8>, path: &BStr, (stat, mode, id): (Stat, Mode, ObjectId), flags: Option<&[u8]>) {
    let begin = out.len();
    let Stat { ctime, mtime, dev, ino, uid, gid, size } = stat;
    for field in [ctime.secs, ctime.nsecs, mtime.secs, mtime.nsecs, dev, ino, mode.bits(), uid, gid, size] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    out.extend_from_slice(id.as_slice());
    match flags {
        Some(flags) => out.extend_from_slice(flags),
        None => {
            let length = u16::try_from(path.len()).map_or(LENGTH, |length| length.min(LENGTH));
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(path);
    // From the beginning of the file all begin at a multiple of 4, and are as long as a multiple of 8.
    let end = padded(begin, out.len());
    out.resize(end, 0);
}

/// Where an entry ends that begins at `begin`, its path at `end`: with one zero byte at least.
fn padded(begin: usize, end: usize) -> usize {
    begin + (end - begin + 8) / 8 * 8
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::Command;
    use crate::session::BString;
    use std::collections::BTreeMap;
    use std::path::Path;

    type Listed = BTreeMap<BString, (Mode, ObjectId)>;

    fn git(place: &Path, args: &[&str]) -> Command {
        Command::new("git").current_dir(place).args(args.iter().copied())
    }

    /// What git reads.
    fn listed(place: &Path) -> Listed {
        let listed = git(place, &["ls-files", "--stage", "-z"]).run_ok().expect("can be read").stdout;
        let row = |row: &[u8]| {
            let (facts, path) = row.split_once_str("\t")?;
            let mut facts = facts.split(|byte| *byte == b' ');
            let mode = u32::from_str_radix(facts.next()?.to_str().ok()?, 8).ok()?;
            Some((path.into(), (Mode::from_bits_retain(mode), ObjectId::from_hex(facts.next()?).ok()?)))
        };
        listed.split(|byte| *byte == 0).filter_map(row).collect()
    }

    fn parsed(place: &Path, hash: gix::hash::Kind) -> Option<Raw> {
        Raw::parse(std::fs::read(place.join(".git/index")).expect("is there"), hash)
    }

    fn id(n: usize, hash: gix::hash::Kind) -> ObjectId {
        ObjectId::from_hex(format!("{n:0width$x}", width = hash.len_in_hex()).as_bytes()).expect("is one")
    }

    fn filled(place: &Path, format: &str, hash: gix::hash::Kind) -> Listed {
        git(place, &["init", "-q", &format!("--object-format={format}"), "."]).run_ok().expect("can be made");
        let mut wanted = Listed::new();
        for n in 1..200 {
            // Of all lengths, so that each padding is there, and one that its flags cannot say.
            let name = format!("d{}/{}{n}", n % 7, "x".repeat(if n == 99 { 5000 } else { n % 19 }));
            wanted.insert(name.into(), ([Mode::FILE, Mode::FILE_EXECUTABLE, Mode::SYMLINK][n % 3], id(n, hash)));
        }
        let mut info = Vec::new();
        for (path, (mode, id)) in &wanted {
            info.extend_from_slice(format!("{:o} {id}\t", mode.bits()).as_bytes());
            info.extend_from_slice(path);
            info.push(0);
        }
        git(place, &["update-index", "-z", "--index-info"]).input(info).run_ok().expect("can be written");
        wanted
    }

    #[test]
    fn git_reads_what_was_changed() {
        for (format, hash) in [("sha1", gix::hash::Kind::Sha1), ("sha256", gix::hash::Kind::Sha256)] {
            let place = tempfile::tempdir().expect("can be made");
            let place = place.path();
            let mut wanted = filled(place, format, hash);
            let mut state = 1_usize;
            let mut random = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            for round in 0..60 {
                let raw = parsed(place, hash).expect("is one");
                for (path, (mode, id)) in &wanted {
                    let entry = raw.entry(path.as_ref()).expect("is there");
                    assert_eq!((entry.mode, entry.id, entry.is_hidden), (*mode, *id, false));
                }
                assert!(raw.entry("d3/none".into()).is_none());
                let mut changes: BTreeMap<BString, Option<(Mode, ObjectId)>> = BTreeMap::new();
                for path in wanted.keys() {
                    match random(12) {
                        0 => drop(changes.insert(path.clone(), None)),
                        1 => drop(changes.insert(path.clone(), Some((Mode::FILE, id(random(9_999) + 1, hash))))),
                        _ => {}
                    }
                }
                for n in 0..random(12) {
                    let path = format!("d{}/new{}{round}-{n}", random(9), "y".repeat(random(30)));
                    changes.insert(path.into(), Some((Mode::FILE, id(random(9_999) + 1, hash))));
                }
                let stat = |n: u32| Stat { size: n, ino: 7, ..Stat::default() };
                let rows = changes.iter().map(|(path, new)| {
                    (path.as_ref(), new.map(|(mode, id)| (stat(u32::try_from(path.len()).expect("short")), mode, id)))
                });
                let bytes = raw.changed(rows, None).expect("can be summed up");
                std::fs::write(place.join(".git/index"), bytes).expect("can be written");
                for (path, new) in changes {
                    match new {
                        Some(new) => drop(wanted.insert(path, new)),
                        None => drop(wanted.remove(&path)),
                    }
                }
                assert_eq!(listed(place), wanted);
                let bytes = std::fs::read(place.join(".git/index")).expect("is there");
                let (body, sum) = bytes.split_at(bytes.len() - hash.len_in_bytes());
                let mut hasher = gix::hash::hasher(hash);
                hasher.update(body);
                assert_eq!(hasher.try_finalize().expect("no attack").as_slice(), sum);
            }
            let raw = parsed(place, hash).expect("is one");
            let all: Vec<BString> = wanted.keys().cloned().collect();
            let none = raw.changed(all.iter().map(|path| (path.as_ref(), None)), None).expect("can be summed up");
            std::fs::write(place.join(".git/index"), none).expect("can be written");
            assert_eq!(listed(place), Listed::new());
        }
    }

    #[test]
    fn what_is_of_another_sort_is_told() {
        let hash = gix::hash::Kind::Sha1;
        let place = tempfile::tempdir().expect("can be made");
        let place = place.path();
        filled(place, "sha1", hash);
        let run = |args: &[&str]| git(place, args).run_ok().expect("git does it");
        let whole = std::fs::read(place.join(".git/index")).expect("is there");
        for at in 0..whole.len() - 20 {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            // Nothing is read beyond its end.
            let _ = Raw::parse(broken, hash).map(|raw| raw.entry("d1/1".into()).is_some());
            let _ = Raw::parse(whole[..at].to_vec(), hash);
        }
        assert!(Raw::parse(whole[..whole.len() - 30].to_vec(), hash).is_none());
        let hidden = |raw: &Raw| raw.entry("d1/x1".into()).expect("is there").is_hidden;
        assert!(!hidden(&parsed(place, hash).expect("is one")));
        for (flag, back) in [("--assume-unchanged", "--no-assume-unchanged"), ("--skip-worktree", "--no-skip-worktree")]
        {
            run(&["update-index", flag, "d1/x1"]);
            assert!(hidden(&parsed(place, hash).expect("is one")), "{flag}");
            run(&["update-index", back, "d1/x1"]);
        }
        std::fs::write(place.join("soon"), "").expect("can be written");
        run(&["add", "--intent-to-add", "soon"]);
        assert!(parsed(place, hash).expect("of version 3").entry("soon".into()).expect("is there").is_hidden);
        run(&["update-index", "--untracked-cache"]);
        assert!(parsed(place, hash).is_none(), "with a cache");
        run(&["update-index", "--no-untracked-cache", "--index-version", "4"]);
        assert!(parsed(place, hash).is_none(), "of version 4");
        run(&["update-index", "--index-version", "2"]);
        let unmerged = format!("100644 {} 1\td1/x1\n100644 {} 2\td1/x1\n", id(1, hash), id(2, hash));
        let info = format!("0 {}\td1/x1\n{unmerged}", hash.null());
        git(place, &["update-index", "--index-info"]).input(info).run_ok().expect("can be written");
        assert!(parsed(place, hash).is_none(), "not merged");
    }
}
