//! Copies of files as they are: contents by reflink where the file system can, permissions, times, links.
//!
//! Both trees are opened part by part without following links: nothing is read or written outside of them.

#[cfg(not(unix))]
mod plain;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use plain as system;
#[cfg(unix)]
use unix as system;

use crate::error::{Error, Result};
use crate::session::BString;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Size, and time of the last change in nanoseconds: what tells whether a file is still as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// In bytes.
    pub size: u64,
    /// Since 1970.
    pub mtime: i64,
}

impl Look {
    /// Of what is at a path, a link itself; none if nothing is there, or a directory.
    pub fn of(path: &Path) -> Option<Look> {
        let stat = crate::host::exchange::Stat::of(path).ok()??;
        (!stat.is_directory()).then(|| Look { size: stat.size, mtime: nanoseconds(stat.mtime) })
    }
}

fn nanoseconds((seconds, nanoseconds): (i64, u32)) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanoseconds))
}

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is there now.
    Copied {
        /// What it looks like.
        look: Look,
        /// Where there are contents: whether they are shared with the other one's, or copied.
        shared: Option<bool>,
    },
    /// Something is at its place already.
    Taken,
    /// It is gone from the source.
    Vanished,
    /// A parent is a link or no directory, on either side; or it cannot be read, or is no file and no link.
    Blocked,
}

/// Changes contents on the way.
#[derive(Clone, Copy)]
pub struct Edit<'a> {
    /// Whether a file of this path may be changed.
    pub wants: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// The new contents of such a file; none where they go as they are.
    pub change: &'a (dyn Fn(&[u8]) -> Option<Vec<u8>> + Sync),
}

/// Jobs that one thread takes at a time.
const CHUNK: usize = 64;

/// Copies `files` from `source` to `target`, making the directories they need, on up to `threads` threads.
///
/// # Errors
/// Refused, if the target cannot be written; files copied so far stay.
pub fn files(source: &Path, target: &Path, files: &[BString], threads: usize, edit: Edit<'_>) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Blocked; files.len()];
    let can_share = AtomicBool::new(true);
    let new = || system::Copier::new(source, target, &can_share);
    super::share_work::in_chunks((files, &mut outcomes), CHUNK, threads, new, |copier, file| {
        copier.copy(file, edit).map_err(|error| {
            let place = target.join(file.to_string());
            Error::refused(format!("'{}' could not be written.", place.display())).because(error)
        })
    })?;
    Ok(outcomes)
}

/// Puts a symbolic link at a path below `top`; parents that lack are made, none is a link. False if something is there,
/// or a parent is in the way.
///
/// # Errors
/// What the system says.
pub fn link(top: &Path, path: &BString, to: &Path) -> Result<bool> {
    system::link(top, path, to).map_err(|error| {
        Error::refused(format!("The link '{}' could not be made.", top.join(path.to_string()).display())).because(error)
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_goes_between_listing_and_copying_is_left_out_and_the_rest_is_copied() {
        let top = std::env::temp_dir().join(format!("git-session-clone-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&top);
        let (from, to) = (top.join("from"), top.join("to"));
        for folder in ["d/deep", "e", "f"] {
            std::fs::create_dir_all(from.join(folder)).expect("can be made");
        }
        std::fs::create_dir_all(&to).expect("can be made");
        let listed = ["a", "b", "d/deep/x", "d/deep/y", "d/z", "e/one", "f/in/the/way"].map(BString::from);
        for file in &listed[..6] {
            std::fs::write(from.join(file.to_string()), file.to_string()).expect("can be written");
        }
        std::fs::remove_file(from.join("a")).expect("is there");
        std::fs::remove_dir_all(from.join("d/deep")).expect("is there");
        std::fs::remove_dir_all(from.join("e")).expect("is there");
        // What stands there now is no directory.
        std::fs::write(from.join("f/in"), "").expect("can be written");
        let edit = Edit { wants: &|_| false, change: &|_| None };
        for threads in [1, 2] {
            let outcomes = files(&from, &to, &listed, threads, edit).expect("no error");
            let is_copied = |at: usize| matches!(outcomes[at], Outcome::Copied { shared: Some(_), .. });
            assert!(is_copied(1) && is_copied(4), "{outcomes:?}");
            for gone in [0, 2, 3, 5] {
                assert_eq!(outcomes[gone], Outcome::Vanished, "{}", listed[gone]);
            }
            assert_eq!(outcomes[6], Outcome::Blocked);
            assert!(!to.join("e").exists() && !to.join("d/deep").exists(), "no empty folders are left");
            std::fs::remove_file(to.join("b")).expect("is there");
            std::fs::remove_dir_all(to.join("d")).expect("is there");
        }
        let _ = std::fs::remove_dir_all(&top);
    }
}
