//! Filling a new worktree with the files of a sibling, and deleting a directory tree.
//!
//! A file is copied only if the system says of it, after it was read, exactly what the sibling's index says: then it
//! is the blob that the index names. One look after reading is enough, since every write moves the ctime, which nobody
//! can set back.

use crate::error::{Error, Result};
use crate::host::exchange::Stat;
use crate::session::BString;
use std::path::Path;

/// What sort of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary file.
    File,
    /// One that its owner may run.
    Executable,
    /// A symbolic link.
    Symlink,
}

/// One file to be copied.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its path from the top, in both trees.
    pub path: BString,
    /// What it is.
    pub kind: Kind,
    /// What the sibling's index says of it.
    pub expected: Stat,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is there; what the system says of the new file.
    Copied(Stat),
    /// The sibling's file is not what its index says. Nothing was written.
    Skipped,
}

/// Jobs that one thread takes at a time: few enough to share the work, many enough to stay within a directory.
const CHUNK: usize = 128;

/// Copies files from `source` to `target`, in the order of `jobs`, which are sorted by path. With `refuse_crlf` a file
/// with a carriage return before a line feed is skipped.
///
/// # Errors
/// Refused, if the target cannot be written; files written so far stay.
pub fn tree(source: &Path, target: &Path, jobs: &[Job], refuse_crlf: bool, threads: usize) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Skipped; jobs.len()];
    make_directories(target, jobs)?;
    let new = || Copier::new(source, target, refuse_crlf);
    super::share_work::in_chunks((jobs, &mut outcomes), CHUNK, threads, new, |copier, job| {
        copier.copy(job).map_err(|error| {
            let place = target.join(job.path.to_string());
            Error::refused(format!("'{}' could not be written.", place.display())).because(error)
        })
    })?;
    Ok(outcomes)
}

/// All directories that the jobs need, each made once, parents first.
fn make_directories(target: &Path, jobs: &[Job]) -> Result<()> {
    let mut last: &[u8] = b"";
    let mut made = std::collections::HashSet::new();
    for job in jobs {
        let Some(slash) = job.path.iter().rposition(|byte| *byte == b'/') else { continue };
        let directory = &job.path[..slash];
        if directory == last {
            continue;
        }
        last = directory;
        for end in
            directory.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([directory.len()])
        {
            if made.insert(&directory[..end]) {
                let path = target.join(path_of(&directory[..end]));
                match std::fs::create_dir(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                        return Err(Error::refused(format!("'{}' could not be made.", path.display())).because(error));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> std::path::PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(unix)]
use unix::Copier;

#[cfg(unix)]
mod unix {
    use super::{Job, Kind, Outcome, Stat, path_of};
    use crate::error::{Context, Result};
    use crate::host::exchange::{DIRECTORY, stat_of};
    use crate::session::ByteSlice;
    use rustix::fs::{Mode, OFlags, openat};
    use rustix::io::Errno;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    /// The directory that both trees are open at, and a buffer for contents.
    pub(super) struct Copier {
        source: OwnedFd,
        target: OwnedFd,
        at: Vec<u8>,
        here: Option<(OwnedFd, OwnedFd)>,
        buffer: Vec<u8>,
        refuse_crlf: bool,
    }

    impl Copier {
        pub(super) fn new(source: &Path, target: &Path, refuse_crlf: bool) -> Result<Copier> {
            let open = |path: &Path| {
                rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                    .or_refuse(|| format!("'{}' could not be opened.", path.display()))
            };
            Ok(Copier {
                source: open(source)?,
                target: open(target)?,
                at: Vec::new(),
                here: None,
                buffer: Vec::new(),
                refuse_crlf,
            })
        }

        pub(super) fn copy(&mut self, job: &Job) -> io::Result<Outcome> {
            let (directory, name) = match job.path.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => (&job.path[..slash], &job.path[slash + 1..]),
                None => (&b""[..], &job.path[..]),
            };
            if self.here.is_none() || self.at != directory {
                self.here = None;
                if !directory.is_empty() {
                    let Some(source) = descend(&self.source, directory) else { return Ok(Outcome::Skipped) };
                    let target = openat(&self.target, path_of(directory), DIRECTORY, Mode::empty())?;
                    self.here = Some((source, target));
                }
                self.at.clear();
                self.at.extend_from_slice(directory);
            }
            let (source, target) = match &self.here {
                Some((source, target)) => (source, target),
                None => (&self.source, &self.target),
            };
            let name = path_of(name);
            if job.kind == Kind::Symlink {
                return link(source, target, name, job);
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let Ok(file) = openat(source, name, flags, Mode::empty()) else { return Ok(Outcome::Skipped) };
            let size = usize::try_from(job.expected.size).unwrap_or(usize::MAX);
            if self.buffer.len() <= size {
                self.buffer.resize(size + 1, 0);
            }
            let mut filled = 0;
            loop {
                match rustix::io::read(&file, &mut self.buffer[filled..=size]) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(Errno::INTR) => continue,
                    Err(_) => return Ok(Outcome::Skipped),
                }
                // The look below proves the length; another read would only say that there is no more.
                if filled >= size {
                    break;
                }
            }
            let Ok(stat) = rustix::fs::fstat(&file).map(|stat| stat_of(&stat)) else { return Ok(Outcome::Skipped) };
            let is_executable = stat.mode & 0o100 != 0;
            if filled != size
                || stat.mode & Stat::TYPE != 0o100_000
                || is_executable != (job.kind == Kind::Executable)
                || !stat.agrees_with_index(&job.expected)
            {
                return Ok(Outcome::Skipped);
            }
            let content = &self.buffer[..size];
            if self.refuse_crlf && content.contains_str(b"\r\n") {
                return Ok(Outcome::Skipped);
            }
            let mode = Mode::from_raw_mode(if is_executable { 0o777 } else { 0o666 });
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let copy = openat(target, name, new, mode)?;
            let mut rest = content;
            while !rest.is_empty() {
                match rustix::io::write(&copy, rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(Errno::INTR) => {}
                    Err(error) => {
                        drop(copy);
                        let _ = rustix::fs::unlinkat(target, name, rustix::fs::AtFlags::empty());
                        return Err(error.into());
                    }
                }
            }
            Ok(Outcome::Copied(stat_of(&rustix::fs::fstat(&copy)?)))
        }
    }

    /// Opens a directory of the sibling, one part at a time so that no link is followed.
    fn descend(top: &OwnedFd, directory: &[u8]) -> Option<OwnedFd> {
        let mut here: Option<OwnedFd> = None;
        for part in directory.split(|byte| *byte == b'/') {
            let next = openat(here.as_ref().unwrap_or(top), path_of(part), DIRECTORY, Mode::empty()).ok()?;
            here = Some(next);
        }
        here
    }

    fn link(source: &OwnedFd, target: &OwnedFd, name: &Path, job: &Job) -> io::Result<Outcome> {
        let look = |fd: &OwnedFd| {
            rustix::fs::statat(fd, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).map(|stat| stat_of(&stat))
        };
        let Ok(content) = rustix::fs::readlinkat(source, name, Vec::new()) else { return Ok(Outcome::Skipped) };
        match look(source) {
            Ok(stat) if stat.mode & Stat::TYPE == 0o120_000 && stat.agrees_with_index(&job.expected) => {}
            _ => return Ok(Outcome::Skipped),
        }
        rustix::fs::symlinkat(&content, target, name)?;
        Ok(Outcome::Copied(look(target)?))
    }
}

#[cfg(not(unix))]
struct Copier;

#[cfg(not(unix))]
impl Copier {
    fn new(_source: &Path, _target: &Path, _refuse_crlf: bool) -> Result<Copier> {
        Ok(Copier)
    }

    fn copy(&mut self, _job: &Job) -> std::io::Result<Outcome> {
        // Without inodes an index proves nothing: git writes the file.
        Ok(Outcome::Skipped)
    }
}

/// Deletes a directory and everything in it. Links are deleted, never followed; a directory that may not be written
/// to is made writable first.
///
/// # Errors
/// Refused, naming what could not be deleted.
pub fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            make_writable(path);
            std::fs::remove_dir_all(path).map_err(|error| undeletable(path, error))
        }
        Err(error) => Err(undeletable(path, error)),
    }
}

fn undeletable(path: &Path, error: std::io::Error) -> Error {
    Error::refused(format!("'{}' could not be deleted.", path.display())).because(error)
}

fn make_writable(top: &Path) {
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let _ = std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700));
        }
        let Ok(entries) = folder.read_dir() else { continue };
        folders.extend(
            entries
                .flatten()
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("git-session-copy-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(path.join("from")).expect("can be made");
            std::fs::create_dir_all(path.join("to")).expect("can be made");
            Folder(path)
        }

        fn job(&self, path: &str, kind: Kind) -> Job {
            let expected = Stat::of(&self.0.join("from").join(path)).expect("can be read").expect("is there");
            Job { path: path.into(), kind, expected }
        }

        fn copy(&self, jobs: &[Job], refuse_crlf: bool) -> Vec<Outcome> {
            tree(&self.0.join("from"), &self.0.join("to"), jobs, refuse_crlf, 2).expect("can be written")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_links_and_modes_are_copied() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("kinds");
        let from = folder.0.join("from");
        std::fs::create_dir_all(from.join("a/b")).expect("can be made");
        std::fs::write(from.join("a/b/plain"), "text\n").expect("can be written");
        std::fs::write(from.join("a/run"), "#!/bin/sh\n").expect("can be written");
        std::fs::set_permissions(from.join("a/run"), std::fs::Permissions::from_mode(0o755)).expect("can be set");
        std::os::unix::fs::symlink("nowhere", from.join("dangling")).expect("can be made");
        std::fs::write(from.join("empty"), "").expect("can be written");
        let jobs = [
            folder.job("a/b/plain", Kind::File),
            folder.job("a/run", Kind::Executable),
            folder.job("dangling", Kind::Symlink),
            folder.job("empty", Kind::File),
        ];
        let outcomes = folder.copy(&jobs, true);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Copied(_))), "{outcomes:?}");
        let to = folder.0.join("to");
        assert_eq!(std::fs::read(to.join("a/b/plain")).expect("is there"), b"text\n");
        assert_eq!(to.join("a/run").metadata().expect("is there").permissions().mode() & 0o111, 0o111);
        assert_eq!(std::fs::read_link(to.join("dangling")).expect("is there"), Path::new("nowhere"));
    }

    #[test]
    fn what_is_not_as_the_index_says_is_skipped_and_leaves_nothing() {
        let folder = Folder::new("stale");
        let from = folder.0.join("from");
        std::fs::write(from.join("changed"), "before\n").expect("can be written");
        std::fs::write(from.join("crlf"), "a\r\nb\r\n").expect("can be written");
        std::fs::write(from.join("swapped"), "file\n").expect("can be written");
        std::fs::create_dir(from.join("d")).expect("can be made");
        std::fs::write(from.join("d/x"), "x\n").expect("can be written");
        let mut jobs = vec![
            folder.job("changed", Kind::File),
            folder.job("crlf", Kind::File),
            folder.job("d/x", Kind::File),
            folder.job("swapped", Kind::File),
        ];
        std::fs::write(from.join("changed"), "after!\n").expect("can be written");
        std::fs::remove_file(from.join("swapped")).expect("is there");
        std::os::unix::fs::symlink("changed", from.join("swapped")).expect("can be made");
        std::fs::rename(from.join("d"), from.join("e")).expect("is there");
        std::os::unix::fs::symlink("e", from.join("d")).expect("can be made");
        assert_eq!(folder.copy(&jobs, true), vec![Outcome::Skipped; 4]);
        jobs.truncate(0);
        let left: Vec<_> = walk(&folder.0.join("to"));
        assert!(left.is_empty(), "{left:?}");
    }

    fn walk(top: &Path) -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        for entry in top.read_dir().expect("can be read").flatten() {
            if entry.file_type().expect("can be read").is_dir() {
                found.extend(walk(&entry.path()));
            } else {
                found.push(entry.path());
            }
        }
        found
    }

    #[test]
    fn deleting_a_tree_unlinks_links_and_follows_none() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("remove");
        let outside = folder.0.join("from");
        std::fs::write(outside.join("precious"), "x").expect("can be written");
        let inside = folder.0.join("to/deep");
        std::fs::create_dir_all(&inside).expect("can be made");
        std::os::unix::fs::symlink(&outside, inside.join("link")).expect("can be made");
        std::fs::write(inside.join("locked"), "x").expect("can be written");
        std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o500)).expect("can be set");
        remove_tree(&folder.0.join("to")).expect("can be deleted");
        assert!(outside.join("precious").exists());
        assert!(!folder.0.join("to").exists());
    }
}
