//! The exchange by way of directory descriptors.

use super::{Error, OUT, Reason, Result, Stat};
use crate::host::copy::Kind;
use crate::session::{BStr, BString};
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, linkat, mkdirat, openat,
    readlinkat, renameat, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How a directory is opened when only what is beneath it matters: no right to list it is needed.
#[cfg(target_os = "linux")]
pub(in crate::host) const DIRECTORY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// How a directory is opened when only what is beneath it matters.
#[cfg(not(target_os = "linux"))]
pub(in crate::host) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The system's own structure in ours.
#[allow(clippy::unnecessary_cast, reason = "the widths differ from system to system")]
pub(in crate::host) fn stat_of(stat: &rustix::fs::Stat) -> Stat {
    Stat {
        mtime: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
        ctime: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        mode: stat.st_mode as u32,
        uid: stat.st_uid as u32,
        gid: stat.st_gid as u32,
        size: stat.st_size as u64,
    }
}

pub(super) fn lstat(path: &Path) -> io::Result<Stat> {
    Ok(stat_of(&statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?))
}

#[derive(Debug)]
pub(super) struct Folder {
    directory: OwnedFd,
    last: std::cell::RefCell<Last>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Folder> {
        let directory = openat(CWD, path, DIRECTORY, Mode::empty())?;
        Ok(Folder { directory, last: std::cell::RefCell::new(None) })
    }

    pub(super) fn lstat(&self, rel: &BStr) -> io::Result<Stat> {
        let bytes: &[u8] = rel;
        let Some(slash) = bytes.iter().rposition(|byte| *byte == b'/') else {
            return Ok(stat_of(&statat(&self.directory, bytes, AtFlags::SYMLINK_NOFOLLOW)?));
        };
        let (folder, name) = (&bytes[..slash], &bytes[slash + 1..]);
        let mut last = self.last.borrow_mut();
        if last.as_ref().is_none_or(|(known, _)| known != folder) {
            *last = Some((folder.to_vec(), open_beneath(self.directory.as_fd(), folder)?));
        }
        let directory = last.as_ref().map_or(self.directory.as_fd(), |(_, directory)| directory.as_fd());
        Ok(stat_of(&statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }
}

pub(super) fn stage(path: &Path, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if kind == Kind::Symlink {
        return std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(bytes), path);
    }
    let mode = if kind == Kind::Executable { 0o777 } else { 0o666 };
    std::fs::File::options().write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}

pub(super) fn touch(path: &Path) -> io::Result<()> {
    Ok(touch_at(CWD, path.as_os_str().as_bytes())?)
}

/// A directory of ours, opened.
#[derive(Debug)]
pub(super) struct Place(OwnedFd);

impl Place {
    pub(super) fn open(path: &Path) -> io::Result<Place> {
        Ok(Place(openat(CWD, path, DIRECTORY, Mode::empty())?))
    }

    pub(super) fn stage(&self, name: &str, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        if kind == Kind::Symlink {
            return Ok(symlinkat(bytes, &self.0, name)?);
        }
        let mode = if kind == Kind::Executable { 0o777 } else { 0o666 };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        std::fs::File::from(openat(&self.0, name, flags, Mode::from_raw_mode(mode))?).write_all(bytes)
    }

    pub(super) fn touch(&self, name: &str, at: (i64, u32)) -> io::Result<()> {
        let at = Timespec { tv_sec: at.0, tv_nsec: at.1.into() };
        Ok(set_mtime(self.0.as_fd(), name.as_bytes(), at)?)
    }

    pub(super) fn lstat(&self, name: &str) -> io::Result<Stat> {
        Ok(stat_of(&statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    pub(super) fn has_writer(&self, name: &str) -> Option<bool> {
        super::lease::has_writer(self.0.as_fd(), name.as_bytes())
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }
}

/// The directory that was entered last, and the way to it.
pub(super) type Last = Option<(Vec<u8>, OwnedFd)>;

/// A file of ours: the directory and its name from there.
#[derive(Clone, Copy)]
pub(super) struct At<'a>(BorrowedFd<'a>, &'a [u8]);

impl<'a> At<'a> {
    pub(super) fn path(path: &'a Path) -> At<'a> {
        At(CWD, path.as_os_str().as_bytes())
    }

    pub(super) fn place(place: &'a Place, name: &'a str) -> At<'a> {
        At(place.0.as_fd(), name.as_bytes())
    }
}

#[derive(Debug)]
pub(super) struct Root {
    directory: OwnedFd,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Root> {
        // The root itself is the user's word: it may be reached through links.
        Ok(Root { directory: openat(CWD, path, DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())? })
    }

    pub(super) fn put_new(&self, staged: At<'_>, rel: &BStr, last: &mut Last) -> Result<()> {
        let (parent, name) = self.parent(rel, "put in place", last)?;
        move_no_replace(staged.0, staged.1, parent, name).map_err(|errno| at_leaf(errno, "put in place", rel))
    }

    pub(super) fn exchange(&self, staged: At<'_>, rel: &BStr, last: &mut Last) -> Result<()> {
        let (parent, name) = self.parent(rel, "exchanged", last)?;
        let leaf = |errno| at_leaf(errno, "exchanged", rel);
        match swap(staged, parent, name) {
            Err(errno) if is_unsupported(errno) => {}
            done => return done.map_err(leaf),
        }
        in_two_steps(staged, parent, name).map_err(leaf)
    }

    pub(super) fn take_away(&self, rel: &BStr, out: At<'_>, last: &mut Last) -> Result<()> {
        let (parent, name) = self.parent(rel, "taken away", last)?;
        take_out(parent, name, out).map_err(|errno| at_leaf(errno, "taken away", rel))
    }

    pub(super) fn make_parents(&self, rel: &BStr, last: &mut Last) -> Result<Vec<BString>> {
        let action = "given a directory";
        match self.parent(rel, action, last) {
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
        let mut made: Vec<BString> = Vec::new();
        let mut parent: Option<OwnedFd> = None;
        for (slash, _) in rel.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let name = last_part(&rel[..slash]);
            let above = parent.as_ref().map_or(self.directory.as_fd(), AsFd::as_fd);
            let opened = match mkdirat(above, name, Mode::from_raw_mode(0o777)) {
                Ok(()) => {
                    made.push(rel[..slash].into());
                    openat(above, name, DIRECTORY, Mode::empty())
                }
                Err(Errno::EXIST) => openat(above, name, DIRECTORY, Mode::empty()),
                Err(errno) => Err(errno),
            };
            match opened {
                Ok(next) => parent = Some(next),
                Err(errno) => {
                    for directory in made.iter().rev() {
                        let _ = self.remove_directory(directory.as_ref());
                    }
                    return Err(on_the_way(errno, action, rel));
                }
            }
        }
        Ok(made)
    }

    pub(super) fn remove_directory(&self, rel: &BStr) -> Result<bool> {
        let mut last = None;
        let (parent, name) = self.parent(rel, "removed", &mut last)?;
        match unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(errno) => Err(on_the_way(errno, "removed", rel)),
        }
    }

    pub(super) fn lstat(&self, rel: &BStr, last: &mut Last) -> Result<Stat> {
        let (parent, name) = self.parent(rel, "looked at", last)?;
        match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(stat_of(&stat)),
            Err(errno) => Err(at_leaf(errno, "looked at", rel)),
        }
    }

    pub(super) fn read(&self, rel: &BStr) -> Result<Vec<u8>> {
        let mut last = None;
        let (parent, name) = self.parent(rel, "read", &mut last)?;
        read_at(parent, name).map_err(|error| {
            let reason = if error.kind() == io::ErrorKind::NotFound { Reason::Missing } else { Reason::Other };
            Error::new(reason, "read", rel, error)
        })
    }

    pub(super) fn touch(&self, rel: &BStr) -> Result<()> {
        let mut last = None;
        let (parent, name) = self.parent(rel, "touched", &mut last)?;
        touch_at(parent, name).map_err(|errno| at_leaf(errno, "touched", rel))
    }

    /// The directory above `rel`, reached without a link, and the name in it.
    fn parent<'a>(
        &'a self,
        rel: &'a BStr,
        action: &'static str,
        last: &'a mut Last,
    ) -> Result<(BorrowedFd<'a>, &'a [u8])> {
        let bytes: &[u8] = rel;
        let Some(slash) = bytes.iter().rposition(|byte| *byte == b'/') else {
            return Ok((self.directory.as_fd(), bytes));
        };
        let (folder, name) = (&bytes[..slash], &bytes[slash + 1..]);
        if last.as_ref().is_none_or(|(known, _)| known != folder) {
            let opened =
                open_beneath(self.directory.as_fd(), folder).map_err(|errno| on_the_way(errno, action, rel))?;
            *last = Some((folder.to_vec(), opened));
        }
        Ok((last.as_ref().map_or(self.directory.as_fd(), |(_, directory)| directory.as_fd()), name))
    }
}

/// Opens the directory `rel` below `root`, with one call where the system has it.
fn open_beneath(root: BorrowedFd<'_>, rel: &[u8]) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(root, rel, DIRECTORY, Mode::empty(), resolve) {
            // Too old a kernel, a sandbox that forbids what it does not know, a rename elsewhere meanwhile.
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
            opened => return opened,
        }
    }
    by_parts(root, rel)
}

/// Opens the directory `rel` below `root` part by part.
pub(super) fn by_parts(root: BorrowedFd<'_>, rel: &[u8]) -> Result<OwnedFd, Errno> {
    let mut parts = rel.split(|byte| *byte == b'/');
    let mut directory = openat(root, parts.next().unwrap_or_default(), DIRECTORY, Mode::empty())?;
    for part in parts {
        directory = openat(&directory, part, DIRECTORY, Mode::empty())?;
    }
    Ok(directory)
}

fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn on_the_way(errno: Errno, action: &'static str, rel: &BStr) -> Error {
    let reason = match errno {
        Errno::NOENT => Reason::Missing,
        Errno::LOOP | Errno::NOTDIR | Errno::XDEV => Reason::Blocked,
        _ => Reason::Other,
    };
    Error::new(reason, action, rel, errno)
}

fn at_leaf(errno: Errno, action: &'static str, rel: &BStr) -> Error {
    let reason = match errno {
        Errno::NOENT => Reason::Missing,
        Errno::EXIST => Reason::Taken,
        _ => Reason::Other,
    };
    Error::new(reason, action, rel, errno)
}

/// Whether the answer is that the system or this filesystem can't do it at all.
#[allow(unreachable_patterns, reason = "on some systems two of these are one")]
fn is_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOTSUP)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_no_replace(from_dir: BorrowedFd<'_>, from: &[u8], to_dir: BorrowedFd<'_>, to: &[u8]) -> Result<(), Errno> {
    rustix::fs::renameat_with(from_dir, from, to_dir, to, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_no_replace(_: BorrowedFd<'_>, _: &[u8], _: BorrowedFd<'_>, _: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn swap(staged: At<'_>, parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    rustix::fs::renameat_with(staged.0, staged.1, parent, name, rustix::fs::RenameFlags::EXCHANGE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn swap(_: At<'_>, _: BorrowedFd<'_>, _: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// Moves `from`, which is ours, to `to`, where nothing may be.
fn move_no_replace(from_dir: BorrowedFd<'_>, from: &[u8], to_dir: BorrowedFd<'_>, to: &[u8]) -> Result<(), Errno> {
    match rename_no_replace(from_dir, from, to_dir, to) {
        Err(errno) if is_unsupported(errno) => link_and_unlink(from_dir, from, to_dir, to),
        done => done,
    }
}

/// The same with two calls. A link never overwrites, and `from` is known to nobody but us.
pub(super) fn link_and_unlink(
    from_dir: BorrowedFd<'_>,
    from: &[u8],
    to_dir: BorrowedFd<'_>,
    to: &[u8],
) -> Result<(), Errno> {
    linkat(from_dir, from, to_dir, to, AtFlags::empty())?;
    unlinkat(from_dir, from, AtFlags::empty())
}

/// Moves `name` out to `out`. Not by link and unlink: between the two somebody may save another file as `name`.
fn take_out(parent: BorrowedFd<'_>, name: &[u8], out: At<'_>) -> Result<(), Errno> {
    match rename_no_replace(parent, name, out.0, out.1) {
        Err(errno) if is_unsupported(errno) => take_out_plainly(parent, name, out),
        done => done,
    }
}

/// The same where a rename can't be told not to overwrite: nobody but us writes where `out` is, so looking first is
/// enough.
pub(super) fn take_out_plainly(parent: BorrowedFd<'_>, name: &[u8], out: At<'_>) -> Result<(), Errno> {
    match statat(out.0, out.1, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => renameat(parent, name, out.0, out.1),
        Ok(_) => Err(Errno::EXIST),
        Err(errno) => Err(errno),
    }
}

/// An exchange where the system has none. See [`super::Root::exchange`] for what a failure leaves.
pub(super) fn in_two_steps(staged: At<'_>, parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let out_name = [staged.1, OUT.as_bytes()].concat();
    let out = At(staged.0, &out_name);
    take_out(parent, name, out)?;
    if let Err(errno) = move_no_replace(staged.0, staged.1, parent, name) {
        // Somebody's newer file may be there by now; then this fails too, and what came out stays beside `staged`.
        let _ = move_no_replace(out.0, out.1, parent, name);
        return Err(errno);
    }
    renameat(out.0, out.1, staged.0, staged.1)
}

fn touch_at(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    set_mtime(directory, name, Timespec { tv_sec: 0, tv_nsec: UTIME_NOW })
}

fn set_mtime(directory: BorrowedFd<'_>, name: &[u8], last_modification: Timespec) -> Result<(), Errno> {
    let times = Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification };
    utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
}

fn read_at(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<Vec<u8>> {
    let before = stat_of(&statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?);
    if before.is_symlink() {
        return Ok(readlinkat(parent, name, Vec::new())?.into_bytes());
    }
    let neither = || io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a link");
    // Opening a device or a pipe can do things.
    if !before.is_file() {
        return Err(neither());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(parent, name, flags, Mode::empty())?;
    let opened = stat_of(&fstat(&file)?);
    if !opened.is_file() {
        return Err(neither());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(opened.size).unwrap_or(0).saturating_add(1));
    std::fs::File::from(file).read_to_end(&mut bytes)?;
    Ok(bytes)
}
