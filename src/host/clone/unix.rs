//! Copies through directory handles.

use super::{Edit, Look, Outcome, nanoseconds};
use crate::error::Context;
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
    /// Where the copier is, and why it is not if that could not be opened.
    at: Option<Vec<u8>>,
    barred: Option<Outcome>,
    /// The directories from the top on: the part, and that directory in both trees.
    stack: Vec<(Vec<u8>, OwnedFd, OwnedFd)>,
    buffer: Vec<u8>,
    can_share: &'a AtomicBool,
}

/// Contents above this are copied inside the kernel, where the system can.
const LARGE: u64 = 64 * 1024;

impl<'a> Copier<'a> {
    pub(super) fn new(source: &Path, target: &Path, can_share: &'a AtomicBool) -> crate::error::Result<Copier<'a>> {
        let open = |path: &Path| {
            rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .or_refuse(|| format!("'{}' could not be opened.", path.display()))
        };
        let buffer = vec![0; LARGE as usize];
        Ok(Copier {
            source: open(source)?,
            target: open(target)?,
            at: None,
            barred: None,
            stack: Vec::new(),
            buffer,
            can_share,
        })
    }

    /// Opens a directory in both trees, from the one that is open on. Says what becomes of its files where that cannot be.
    fn go_to(&mut self, folder: &[u8]) -> io::Result<Option<Outcome>> {
        let parts: Vec<&[u8]> =
            if folder.is_empty() { Vec::new() } else { folder.split(|byte| *byte == b'/').collect() };
        let same = self.stack.iter().zip(&parts).take_while(|((have, ..), part)| have == *part).count();
        self.stack.truncate(same);
        for part in &parts[same..] {
            let (from, to) = match self.stack.last() {
                Some((_, from, to)) => (from, to),
                None => (&self.source, &self.target),
            };
            let (from, to) = match descend_both(from, to, part)? {
                Ok(both) => both,
                Err(barred) => return Ok(Some(barred)),
            };
            self.stack.push((part.to_vec(), from, to));
        }
        Ok(None)
    }

    pub(super) fn copy(&mut self, path: &BString, edit: Edit<'_>) -> io::Result<Outcome> {
        let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&b""[..], &path[..]),
        };
        if self.at.as_deref() != Some(folder) {
            self.barred = self.go_to(folder)?;
            self.at = Some(folder.to_vec());
        }
        if let Some(barred) = self.barred {
            return Ok(barred);
        }
        let (source, target) = match self.stack.last() {
            Some((_, source, target)) => (source, target),
            None => (&self.source, &self.target),
        };
        if name.is_empty() || name == b".." || name == b"." {
            return Ok(Outcome::Blocked);
        }
        let name = Path::new(OsStr::from_bytes(name));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match openat(source, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::STALE) => return Ok(Outcome::Vanished),
            Err(Errno::LOOP | Errno::MLINK) => return copy_link(source, target, name),
            Err(_) => return Ok(Outcome::Blocked),
        };
        let stat = stat_of(&rustix::fs::fstat(&file)?);
        if !stat.is_file() {
            return Ok(Outcome::Blocked);
        }
        // Never a set-user-id, and never readable by more than the original.
        let mode = mode_of(stat.mode & 0o777);
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = match openat(target, name, new, mode) {
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
                // A server has deleted it while it was read.
                if Errno::from_io_error(&error) == Some(Errno::STALE) { Ok(Outcome::Vanished) } else { Err(error) }
            }
        }
    }
}

/// The contents. Returns whether they are shared, where there is anything to share.
fn fill(
    file: &OwnedFd,
    copy: &OwnedFd,
    stat: &Stat,
    path: &BString,
    edit: Edit<'_>,
    buffer: &mut [u8],
    can_share: &AtomicBool,
) -> io::Result<Option<bool>> {
    let is_edited = stat.size <= LARGE && (edit.wants)(path);
    #[cfg(not(target_os = "linux"))]
    let _ = can_share;
    #[cfg(target_os = "linux")]
    if stat.size > 0 && !is_edited && can_share.load(Ordering::Relaxed) {
        match rustix::fs::ioctl_ficlone(copy, file) {
            Ok(()) => return Ok(Some(true)),
            Err(Errno::NOSPC | Errno::IO | Errno::DQUOT) => {}
            Err(_) => can_share.store(false, Ordering::Relaxed),
        }
    }
    #[cfg(target_os = "linux")]
    if stat.size > LARGE && has_holes(file, stat.size) && parts(file, copy, stat.size)? {
        return Ok(Some(false));
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
    let copied = (stat.size > 0 && !is_edited).then_some(false);
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
            return Ok(copied);
        }
        let is_all = is_first && filled as u64 == stat.size;
        match if is_all && is_edited { (edit.change)(&buffer[..filled]) } else { None } {
            Some(changed) => write_all(copy, &changed)?,
            None => write_all(copy, &buffer[..filled])?,
        }
        if is_all {
            return Ok(copied);
        }
        is_first = false;
    }
}

/// Whether less room is taken by a file than its size says.
#[cfg(target_os = "linux")]
fn has_holes(file: &OwnedFd, size: u64) -> bool {
    rustix::fs::fstat(file).is_ok_and(|stat| u64::try_from(stat.st_blocks).is_ok_and(|blocks| blocks * 512 < size))
}

/// What is written of a file with holes. False where the system cannot tell: both files are as they were before then.
#[cfg(target_os = "linux")]
fn parts(file: &OwnedFd, copy: &OwnedFd, size: u64) -> io::Result<bool> {
    use rustix::fs::{SeekFrom, ftruncate, seek};
    let mut at = 0;
    while at < size {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole up to the end.
            Err(Errno::NXIO) => break,
            Err(_) => return again(file, copy),
        };
        let Ok(end) = seek(file, SeekFrom::Hole(start)) else { return again(file, copy) };
        let (mut from, mut to) = (start, start);
        while from < end {
            let length = usize::try_from(end - from).unwrap_or(usize::MAX);
            match rustix::fs::copy_file_range(file, Some(&mut from), copy, Some(&mut to), length) {
                // It has become shorter meanwhile.
                Ok(0) => return Ok(ftruncate(copy, to).map(|()| true)?),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::IO)) => return Err(error.into()),
                Err(_) => return again(file, copy),
            }
        }
        at = end;
    }
    ftruncate(copy, size)?;
    Ok(true)
}

/// Both files as before the first byte.
#[cfg(target_os = "linux")]
fn again(file: &OwnedFd, copy: &OwnedFd) -> io::Result<bool> {
    rustix::fs::ftruncate(copy, 0)?;
    for one in [file, copy] {
        rustix::fs::seek(one, rustix::fs::SeekFrom::Start(0))?;
    }
    Ok(false)
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
    if now.mode & 0o777 != stat.mode & 0o777 {
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
    Ok(Outcome::Copied { look: Look { size: stat.size, mtime: nanoseconds(stat.mtime) }, shared: None })
}

/// A directory in both trees, or what becomes of the files in it.
type Both = Result<(OwnedFd, OwnedFd), Outcome>;

/// Opens a part of a path in both trees, making it in the target as it is in the source. Files below it are blocked where
/// it is a link or no directory on either side.
fn descend_both(from: &OwnedFd, to: &OwnedFd, part: &[u8]) -> io::Result<Both> {
    if part.is_empty() || part == b".." || part == b"." || part.eq_ignore_ascii_case(b".git") {
        return Ok(Err(Outcome::Blocked));
    }
    let part = Path::new(OsStr::from_bytes(part));
    let next = match openat(from, part, DIRECTORY, Mode::empty()) {
        Ok(next) => next,
        Err(Errno::NOENT | Errno::STALE) => return Ok(Err(Outcome::Vanished)),
        Err(_) => return Ok(Err(Outcome::Blocked)),
    };
    let open = || openat(to, part, DIRECTORY, Mode::empty());
    match open() {
        Ok(below) => return Ok(Ok((next, below))),
        Err(Errno::NOENT) => {}
        Err(_) => return Ok(Err(Outcome::Blocked)),
    }
    // One's own directory must be written to, whatever the other one says.
    let mode = (stat_of(&rustix::fs::fstat(&next)?).mode & 0o777) | 0o700;
    let made = match rustix::fs::mkdirat(to, part, mode_of(mode)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(error.into()),
    };
    let Ok(below) = open() else { return Ok(Err(Outcome::Blocked)) };
    if made && stat_of(&rustix::fs::fstat(&below)?).mode & 0o777 != mode {
        set_mode(to, part, mode)?;
    }
    Ok(Ok((next, below)))
}

/// Sets what the umask took away. The handle that only names a directory does not do for that.
fn set_mode(parent: &OwnedFd, part: &Path, mode: u32) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(parent, part, flags, Mode::empty())?;
    Ok(rustix::fs::fchmod(&directory, mode_of(mode))?)
}

#[allow(clippy::unnecessary_cast, reason = "the width differs from system to system")]
fn mode_of(mode: u32) -> Mode {
    Mode::from_raw_mode(mode as rustix::fs::RawMode)
}

pub(super) fn link(top: &Path, path: &BString, to: &Path) -> io::Result<bool> {
    let mut here = rustix::fs::open(top, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let Some(name) = parts.pop() else { return Ok(false) };
    for part in parts {
        let part = Path::new(OsStr::from_bytes(part));
        match rustix::fs::mkdirat(&here, part, mode_of(0o777)) {
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
