//! Linux tells: `inotify(7)`.

use super::Seen;
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Whatever may change what a directory holds.
const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::DONT_FOLLOW);

#[derive(Debug)]
pub(super) struct Inotify {
    fd: OwnedFd,
    by_watch: HashMap<i32, PathBuf>,
    by_path: HashMap<PathBuf, i32>,
}

/// Whether the system takes no more watches.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    [Errno::NOSPC, Errno::NOMEM].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl Inotify {
    pub(super) fn new() -> io::Result<Inotify> {
        let fd = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        Ok(Inotify { fd, by_watch: HashMap::new(), by_path: HashMap::new() })
    }

    /// Whether it was not watched before.
    pub(super) fn watch(&mut self, directory: &Path) -> io::Result<bool> {
        if self.by_path.contains_key(directory) {
            return Ok(false);
        }
        let watch = add_watch(&self.fd, directory, CHANGES)?;
        // One directory under two paths has one watch: it is known by the later one.
        if let Some(before) = self.by_watch.insert(watch, directory.to_owned()) {
            self.by_path.remove(&before);
        }
        self.by_path.insert(directory.to_owned(), watch);
        Ok(true)
    }

    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.by_path.keys().map(PathBuf::as_path)
    }

    pub(super) fn forget(&mut self, is_over: &impl Fn(&Path) -> bool) {
        let over: Vec<PathBuf> = self.by_path.keys().filter(|path| is_over(path)).cloned().collect();
        for path in over {
            if let Some(watch) = self.by_path.remove(&path) {
                self.by_watch.remove(&watch);
                // One that is gone by itself is gone.
                let _ = remove_watch(&self.fd, watch);
            }
        }
    }

    /// What there is to read; none where nothing is. Where the system lost count, an empty list.
    pub(super) fn read(&mut self) -> io::Result<Option<Vec<Seen>>> {
        let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
        let mut reader = Reader::new(&self.fd, &mut buffer);
        let mut seen: Vec<Seen> = Vec::new();
        let (mut lost_count, mut gone) = (false, Vec::new());
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let what = event.events();
            lost_count |= what.contains(ReadFlags::QUEUE_OVERFLOW);
            let Some(directory) = self.by_watch.get(&event.wd()) else { continue };
            if what.intersects(ReadFlags::IGNORED | ReadFlags::MOVE_SELF) {
                gone.push(event.wd());
            }
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
            let may_be_directory = what.contains(ReadFlags::ISDIR);
            let one = Seen { directory: directory.clone(), name, may_be_directory };
            if seen.last() != Some(&one) {
                seen.push(one);
            }
        }
        for watch in gone {
            if let Some(path) = self.by_watch.remove(&watch) {
                self.by_path.remove(&path);
                // A directory that was moved away would be told of under its old name.
                let _ = remove_watch(&self.fd, watch);
            }
        }
        if lost_count {
            return Ok(Some(Vec::new()));
        }
        Ok((!seen.is_empty()).then_some(seen))
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
