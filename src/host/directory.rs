//! A directory that is held open: what it lists, and what lies right below it, never through a link.

use crate::host::exchange::Stat;
use std::io;
use std::path::Path;

/// What is at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// An ordinary file, or a link.
    File,
    /// A directory.
    Directory,
    /// Something that no repository can hold: a pipe, a socket, a device.
    Other,
    /// The list does not say.
    Unknown,
}

/// An open directory.
#[derive(Debug)]
pub struct Directory(system::Directory);

impl Directory {
    /// Opens the directory at a path, which may lead through links.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Directory> {
        system::Directory::open(path).map(Directory)
    }

    /// Opens a directory right below.
    ///
    /// # Errors
    /// What the system says; a link is no directory.
    pub fn below(&self, name: &[u8]) -> io::Result<Directory> {
        self.0.below(name).map(Directory)
    }

    /// What is at a name, a link itself.
    ///
    /// # Errors
    /// What the system says.
    pub fn lstat(&self, name: &[u8]) -> io::Result<Stat> {
        self.0.lstat(name)
    }

    /// Calls `visit` with every name that it lists, but for itself and its parent.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&mut self, mut visit: impl FnMut(&[u8], Sort)) -> io::Result<()> {
        self.0.list(&mut visit)
    }
}

#[cfg(unix)]
mod system {
    use super::{Path, Sort, Stat, io};
    use crate::host::exchange::stat_of;
    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

    const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

    #[derive(Debug)]
    pub(super) struct Directory(Dir);

    impl Directory {
        pub(super) fn open(path: &Path) -> io::Result<Directory> {
            Ok(Directory(Dir::new(openat(CWD, path, FLAGS, Mode::empty())?)?))
        }

        pub(super) fn below(&self, name: &[u8]) -> io::Result<Directory> {
            Ok(Directory(Dir::new(openat(self.0.fd()?, name, FLAGS.union(OFlags::NOFOLLOW), Mode::empty())?)?))
        }

        pub(super) fn lstat(&self, name: &[u8]) -> io::Result<Stat> {
            Ok(stat_of(&statat(self.0.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?))
        }

        pub(super) fn list(&mut self, visit: &mut dyn FnMut(&[u8], Sort)) -> io::Result<()> {
            while let Some(entry) = self.0.read() {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                visit(
                    name,
                    match entry.file_type() {
                        FileType::RegularFile | FileType::Symlink => Sort::File,
                        FileType::Directory => Sort::Directory,
                        FileType::Unknown => Sort::Unknown,
                        _ => Sort::Other,
                    },
                );
            }
            Ok(())
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Path, Sort, Stat, io};

    /// There is none: names and inodes of other systems prove nothing, git is asked.
    #[derive(Debug)]
    pub(super) enum Directory {}

    impl Directory {
        pub(super) fn open(_path: &Path) -> io::Result<Directory> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn below(&self, _name: &[u8]) -> io::Result<Directory> {
            match *self {}
        }

        pub(super) fn lstat(&self, _name: &[u8]) -> io::Result<Stat> {
            match *self {}
        }

        pub(super) fn list(&mut self, _visit: &mut dyn FnMut(&[u8], Sort)) -> io::Result<()> {
            match *self {}
        }
    }
}
