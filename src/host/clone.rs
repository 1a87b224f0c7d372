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
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
        /// Whether it shares its contents with the other one.
        shared: bool,
    },
    /// Something is at its place already.
    Taken,
    /// It is gone from the source.
    Vanished,
    /// A parent is a link or no directory, on either side; or it is no file and no link.
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
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let can_share = AtomicBool::new(true);
    let chunks: Vec<Mutex<(&[BString], &mut [Outcome])>> =
        files.chunks(CHUNK).zip(outcomes.chunks_mut(CHUNK)).map(Mutex::new).collect();
    let fail = |error: Error| {
        next.store(chunks.len(), Ordering::Relaxed);
        if let Ok(mut slot) = failure.lock() {
            slot.get_or_insert(error);
        }
    };
    let work = || {
        let mut copier = match system::Copier::new(source, target, &can_share) {
            Ok(copier) => copier,
            Err(error) => return fail(error),
        };
        while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Ok(mut chunk) = chunk.lock() else { return };
            let (files, outcomes) = &mut *chunk;
            for (file, outcome) in files.iter().zip(outcomes.iter_mut()) {
                match copier.copy(file, edit) {
                    Ok(done) => *outcome = done,
                    Err(error) => {
                        let place = target.join(file.to_string());
                        return fail(
                            Error::refused(format!("'{}' could not be written.", place.display())).because(error),
                        );
                    }
                }
            }
        }
    };
    let threads = threads.min(files.len().div_ceil(CHUNK));
    if threads <= 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }
    drop(chunks);
    match failure.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(outcomes),
    }
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
