//! Copies of files as they are: contents by reflink where the file system can, permissions, times, links.
//!
//! Both trees are opened part by part without following links: nothing is read or written outside of them.

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

#[cfg(unix)]
mod system {
    use super::{Edit, Look, Outcome, nanoseconds};
    use crate::error::{Context, Result};
    use crate::host::exchange::{DIRECTORY, Stat, stat_of};
    use crate::session::BString;
    use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, openat};
    use rustix::io::Errno;
    use std::ffi::OsStr;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    #[cfg(target_os = "linux")]
    use std::sync::atomic::Ordering;

    pub(super) struct Copier<'a> {
        source: OwnedFd,
        target: OwnedFd,
        at: Option<Vec<u8>>,
        here: Option<(OwnedFd, OwnedFd)>,
        buffer: Vec<u8>,
        can_share: &'a AtomicBool,
    }

    /// Contents above this are copied inside the kernel, where the system can.
    const LARGE: u64 = 64 * 1024;

    /// Contents above this are shared, where the file system can. Less than a block is sooner written.
    #[cfg(target_os = "linux")]
    const BLOCK: u64 = 4096;

    impl<'a> Copier<'a> {
        pub(super) fn new(source: &Path, target: &Path, can_share: &'a AtomicBool) -> Result<Copier<'a>> {
            let open = |path: &Path| {
                rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                    .or_refuse(|| format!("'{}' could not be opened.", path.display()))
            };
            let buffer = vec![0; LARGE as usize];
            Ok(Copier { source: open(source)?, target: open(target)?, at: None, here: None, buffer, can_share })
        }

        pub(super) fn copy(&mut self, path: &BString, edit: Edit<'_>) -> io::Result<Outcome> {
            let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => (&path[..slash], &path[slash + 1..]),
                None => (&b""[..], &path[..]),
            };
            if self.at.as_deref() != Some(folder) {
                self.at = Some(folder.to_vec());
                self.here = descend_both(&self.source, &self.target, folder)?;
            }
            let Some((source, target)) = &self.here else { return Ok(Outcome::Blocked) };
            if name.is_empty() || name == b".." || name == b"." {
                return Ok(Outcome::Blocked);
            }
            let name = Path::new(OsStr::from_bytes(name));
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let file = match openat(source, name, flags, Mode::empty()) {
                Ok(file) => file,
                Err(Errno::NOENT) => return Ok(Outcome::Vanished),
                Err(Errno::LOOP | Errno::MLINK) => return copy_link(source, target, name),
                Err(_) => return Ok(Outcome::Blocked),
            };
            let stat = stat_of(&rustix::fs::fstat(&file)?);
            if !stat.is_file() {
                return Ok(Outcome::Blocked);
            }
            // Never a set-user-id, and never readable by more than the original.
            let mode = Mode::from_raw_mode(stat.mode & 0o777);
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let copy = match openat(target, name, new, mode & Mode::RWXU) {
                Ok(copy) => copy,
                Err(Errno::EXIST | Errno::ISDIR) => return Ok(Outcome::Taken),
                Err(error) => return Err(error.into()),
            };
            let written = fill(&file, &copy, &stat, path, edit, &mut self.buffer, self.can_share)
                .and_then(|shared| Ok((shared, finish(&copy, &stat, mode)?)));
            match written {
                Ok((shared, look)) => Ok(Outcome::Copied { look, shared }),
                Err(error) => {
                    drop(copy);
                    let _ = rustix::fs::unlinkat(target, name, AtFlags::empty());
                    Err(error)
                }
            }
        }
    }

    /// The contents. Returns whether they are shared.
    fn fill(
        file: &OwnedFd,
        copy: &OwnedFd,
        stat: &Stat,
        path: &BString,
        edit: Edit<'_>,
        buffer: &mut [u8],
        can_share: &AtomicBool,
    ) -> io::Result<bool> {
        let is_edited = stat.size <= LARGE && (edit.wants)(path);
        #[cfg(not(target_os = "linux"))]
        let _ = can_share;
        #[cfg(target_os = "linux")]
        if stat.size > BLOCK && !is_edited && can_share.load(Ordering::Relaxed) {
            match rustix::fs::ioctl_ficlone(copy, file) {
                Ok(()) => return Ok(true),
                Err(Errno::NOSPC | Errno::IO | Errno::DQUOT) => {}
                Err(_) => can_share.store(false, Ordering::Relaxed),
            }
        }
        #[cfg(target_os = "linux")]
        if stat.size > LARGE {
            loop {
                match rustix::fs::copy_file_range(file, None, copy, None, 1 << 30) {
                    Ok(0) => break,
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::IO)) => return Err(error.into()),
                    Err(_) => break,
                }
            }
        }
        let mut is_first = true;
        loop {
            let mut filled = 0;
            while filled < buffer.len() {
                match rustix::io::read(file, &mut buffer[filled..]) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
                if filled as u64 == stat.size {
                    break;
                }
            }
            if filled == 0 {
                return Ok(false);
            }
            let is_all = is_first && filled as u64 == stat.size;
            match if is_all && is_edited { (edit.change)(&buffer[..filled]) } else { None } {
                Some(changed) => write_all(copy, &changed)?,
                None => write_all(copy, &buffer[..filled])?,
            }
            if is_all {
                return Ok(false);
            }
            is_first = false;
        }
    }

    fn write_all(copy: &OwnedFd, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match rustix::io::write(copy, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn times(stat: &Stat) -> Timestamps {
        let time = Timespec { tv_sec: stat.mtime.0, tv_nsec: stat.mtime.1.into() };
        Timestamps { last_access: time, last_modification: time }
    }

    /// Permissions and times.
    fn finish(copy: &OwnedFd, stat: &Stat, mode: Mode) -> io::Result<Look> {
        rustix::fs::futimens(copy, &times(stat))?;
        let now = stat_of(&rustix::fs::fstat(copy)?);
        if now.mode & 0o777 != mode.as_raw_mode() {
            rustix::fs::fchmod(copy, mode)?;
        }
        Ok(Look { size: now.size, mtime: nanoseconds(now.mtime) })
    }

    fn copy_link(source: &OwnedFd, target: &OwnedFd, name: &Path) -> io::Result<Outcome> {
        let look = |fd: &OwnedFd| rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| stat_of(&stat));
        let (Ok(content), Ok(stat)) = (rustix::fs::readlinkat(source, name, Vec::new()), look(source)) else {
            return Ok(Outcome::Vanished);
        };
        match rustix::fs::symlinkat(&content, target, name) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(Outcome::Taken),
            Err(error) => return Err(error.into()),
        }
        // A file system may keep no times of links.
        let _ = rustix::fs::utimensat(target, name, &times(&stat), AtFlags::SYMLINK_NOFOLLOW);
        let stat = look(target)?;
        Ok(Outcome::Copied { look: Look { size: stat.size, mtime: nanoseconds(stat.mtime) }, shared: false })
    }

    /// Opens a directory of both trees, making it in the target as it is in the source. None where it is a link or no
    /// directory on either side.
    fn descend_both(source: &OwnedFd, target: &OwnedFd, folder: &[u8]) -> io::Result<Option<(OwnedFd, OwnedFd)>> {
        let (mut from, mut to) = (source.try_clone()?, target.try_clone()?);
        for part in folder.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            if part == b".." || part == b"." || part.eq_ignore_ascii_case(b".git") {
                return Ok(None);
            }
            let part = Path::new(OsStr::from_bytes(part));
            let Ok(next) = openat(&from, part, DIRECTORY, Mode::empty()) else { return Ok(None) };
            let made = match rustix::fs::mkdirat(&to, part, Mode::RWXU) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(error.into()),
            };
            let Ok(below) = openat(&to, part, DIRECTORY, Mode::empty()) else { return Ok(None) };
            if made {
                // One's own directory must be written to, whatever the other one says.
                let mode = (stat_of(&rustix::fs::fstat(&next)?).mode & 0o777) | 0o700;
                set_mode(&below, &to, part, mode)?;
            }
            (from, to) = (next, below);
        }
        Ok(Some((from, to)))
    }

    fn set_mode(below: &OwnedFd, parent: &OwnedFd, part: &Path, mode: u32) -> io::Result<()> {
        #[expect(clippy::useless_conversion, reason = "the type differs by system")]
        let mode = Mode::from_raw_mode(mode.into());
        match rustix::fs::fchmod(below, mode) {
            // A handle that only names a directory does not change it; we have just made it ourselves.
            Err(Errno::BADF) => Ok(rustix::fs::chmodat(parent, part, mode, AtFlags::empty())?),
            outcome => Ok(outcome?),
        }
    }

    pub(super) fn link(top: &Path, path: &BString, to: &Path) -> io::Result<bool> {
        let mut here = rustix::fs::open(top, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        let Some(name) = parts.pop() else { return Ok(false) };
        for part in parts {
            let part = Path::new(OsStr::from_bytes(part));
            match rustix::fs::mkdirat(&here, part, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            here = match openat(&here, part, DIRECTORY, Mode::empty()) {
                Ok(next) => next,
                Err(_) => return Ok(false),
            };
        }
        match rustix::fs::symlinkat(to, &here, Path::new(OsStr::from_bytes(name))) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Edit, Look, Outcome};
    use crate::error::Result;
    use crate::session::BString;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::AtomicBool;

    pub(super) struct Copier {
        source: PathBuf,
        target: PathBuf,
    }

    impl Copier {
        pub(super) fn new(source: &Path, target: &Path, _can_share: &AtomicBool) -> Result<Copier> {
            Ok(Copier { source: source.to_owned(), target: target.to_owned() })
        }

        pub(super) fn copy(&mut self, path: &BString, edit: Edit<'_>) -> io::Result<Outcome> {
            let relative = PathBuf::from(path.to_string());
            if !relative.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
                return Ok(Outcome::Blocked);
            }
            let (mut from, mut to) = (self.source.clone(), self.target.clone());
            for part in relative.parent().into_iter().flat_map(Path::components) {
                from.push(part);
                to.push(part);
                let _ = std::fs::create_dir(&to);
                let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
                if !is_folder(&from) || !is_folder(&to) {
                    return Ok(Outcome::Blocked);
                }
            }
            let (from, to) = (self.source.join(&relative), self.target.join(&relative));
            let Ok(meta) = from.symlink_metadata() else { return Ok(Outcome::Vanished) };
            if !meta.is_file() {
                return Ok(Outcome::Blocked);
            }
            if to.symlink_metadata().is_ok() {
                return Ok(Outcome::Taken);
            }
            let is_edited = meta.len() <= 64 * 1024 && (edit.wants)(path);
            let changed = if is_edited { (edit.change)(&std::fs::read(&from)?) } else { None };
            match changed {
                Some(bytes) => std::fs::write(&to, bytes)?,
                None => std::fs::copy(&from, &to).map(drop)?,
            }
            if let Ok(time) = meta.modified() {
                std::fs::OpenOptions::new().write(true).open(&to)?.set_modified(time)?;
            }
            Ok(Look::of(&to).map_or(Outcome::Vanished, |look| Outcome::Copied { look, shared: false }))
        }
    }

    pub(super) fn link(_top: &Path, _path: &BString, _to: &Path) -> io::Result<bool> {
        Err(io::Error::other("links need a right of their own on this system"))
    }
}
