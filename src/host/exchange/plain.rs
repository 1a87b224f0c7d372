//! The exchange by paths alone, for systems without directory descriptors.
//!
//! Parents are checked for links right before each step: a link put there in between is not noticed.

use super::{Error, OUT, Reason, Result, Stat};
use crate::host::copy::Kind;
use crate::session::{BStr, BString};
use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

fn stat_of(meta: &Metadata) -> Stat {
    let time = |time: io::Result<SystemTime>| {
        let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
    };
    let mode = match meta.file_type() {
        kind if kind.is_symlink() => 0o120_777,
        kind if kind.is_dir() => 0o040_755,
        _ if meta.permissions().readonly() => 0o100_444,
        _ => 0o100_644,
    };
    Stat {
        mtime: time(meta.modified()),
        // As git for Windows has it.
        ctime: time(meta.created()),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        size: meta.len(),
    }
}

pub(super) fn lstat(path: &Path) -> io::Result<Stat> {
    Ok(stat_of(&path.symlink_metadata()?))
}

#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

#[cfg(not(unix))]
impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Folder> {
        path.read_dir().map(|_| Folder(path.to_owned()))
    }

    pub(super) fn lstat(&self, rel: &BStr) -> io::Result<Stat> {
        lstat(&self.0.join(rel.to_string()))
    }
}

pub(super) fn stage(path: &Path, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    if kind == Kind::Symlink {
        return Err(io::ErrorKind::Unsupported.into());
    }
    fs::File::options().write(true).create_new(true).open(path)?.write_all(bytes)
}

pub(super) fn touch(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_symlink() {
        return Ok(());
    }
    fs::OpenOptions::new().write(true).open(path)?.set_modified(SystemTime::now())
}

/// A directory of ours.
#[derive(Debug)]
#[cfg(not(unix))]
pub(super) struct Place(PathBuf);

#[cfg(not(unix))]
impl Place {
    pub(super) fn open(path: &Path) -> io::Result<Place> {
        path.read_dir().map(|_| Place(path.to_owned()))
    }

    pub(super) fn stage(&self, name: &str, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        stage(&self.0.join(name), kind, bytes)
    }

    pub(super) fn touch(&self, name: &str, _at: (i64, u32)) -> io::Result<()> {
        touch(&self.0.join(name))
    }

    pub(super) fn lstat(&self, name: &str) -> io::Result<Stat> {
        lstat(&self.0.join(name))
    }

    pub(super) fn has_writer(&self, _: &str) -> Option<bool> {
        None
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }
}

/// Nothing is kept of the way to a directory.
pub(super) type Last = Option<()>;

/// A file of ours.
#[derive(Clone)]
pub(super) struct At(PathBuf);

impl At {
    pub(super) fn path(path: &Path) -> At {
        At(path.to_owned())
    }

    #[cfg(not(unix))]
    pub(super) fn place(place: &Place, name: &str) -> At {
        At(place.0.join(name))
    }
}

#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Root> {
        match path.canonicalize()? {
            path if path.is_dir() => Ok(Root { path }),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn put_new(&self, staged: At, rel: &BStr, _: &mut Last) -> Result<()> {
        let path = self.below(rel, "put in place")?;
        link_and_unlink(&staged.0, &path).map_err(|error| at_leaf(error, "put in place", rel))
    }

    pub(super) fn exchange(&self, staged: At, rel: &BStr, _: &mut Last) -> Result<()> {
        let staged = staged.0.as_path();
        let path = self.below(rel, "exchanged")?;
        let mut out = staged.as_os_str().to_owned();
        out.push(OUT);
        let out = PathBuf::from(out);
        let leaf = |error| at_leaf(error, "exchanged", rel);
        take_out(&path, &out).map_err(leaf)?;
        if let Err(error) = link_and_unlink(staged, &path) {
            let _ = link_and_unlink(&out, &path);
            return Err(leaf(error));
        }
        fs::rename(&out, staged).map_err(leaf)
    }

    pub(super) fn take_away(&self, rel: &BStr, out: At, _: &mut Last) -> Result<()> {
        let path = self.below(rel, "taken away")?;
        take_out(&path, &out.0).map_err(|error| at_leaf(error, "taken away", rel))
    }

    pub(super) fn make_parents(&self, rel: &BStr, _: &mut Last) -> Result<Vec<BString>> {
        let action = "given a directory";
        let mut made: Vec<BString> = Vec::new();
        for (slash, _) in rel.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let directory: &BStr = rel[..slash].into();
            let done = self.below(directory, action).and_then(|path| match fs::create_dir(&path) {
                Ok(()) => Ok(true),
                Err(_) if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) => Ok(false),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    Err(Error::new(Reason::Blocked, action, rel, error))
                }
                Err(error) => Err(Error::new(Reason::Other, action, rel, error)),
            });
            match done {
                Ok(true) => made.push(directory.to_owned()),
                Ok(false) => {}
                Err(error) => {
                    for directory in made.iter().rev() {
                        let _ = self.remove_directory(directory.as_ref());
                    }
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    pub(super) fn remove_directory(&self, rel: &BStr) -> Result<bool> {
        let path = self.below(rel, "removed")?;
        match fs::remove_dir(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                Err(Error::new(Reason::Blocked, "removed", rel, error))
            }
            Err(error) => Err(at_leaf(error, "removed", rel)),
        }
    }

    pub(super) fn lstat(&self, rel: &BStr, _: &mut Last) -> Result<Stat> {
        let path = self.below(rel, "looked at")?;
        lstat(&path).map_err(|error| at_leaf(error, "looked at", rel))
    }

    pub(super) fn read(&self, rel: &BStr) -> Result<Vec<u8>> {
        let path = self.below(rel, "read")?;
        let read = || match path.symlink_metadata()? {
            meta if meta.is_symlink() => {
                let target = fs::read_link(&path)?.to_string_lossy().into_owned();
                Ok(if cfg!(windows) { target.replace('\\', "/") } else { target }.into_bytes())
            }
            meta if meta.is_file() => fs::read(&path),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a link")),
        };
        read().map_err(|error| at_leaf(error, "read", rel))
    }

    pub(super) fn touch(&self, rel: &BStr) -> Result<()> {
        let path = self.below(rel, "touched")?;
        touch(&path).map_err(|error| at_leaf(error, "touched", rel))
    }

    /// The path of `rel`, its parents looked at.
    fn below(&self, rel: &BStr, action: &'static str) -> Result<PathBuf> {
        let Ok(text) = std::str::from_utf8(rel) else {
            return Err(Error::new(Reason::Improper, action, rel, io::ErrorKind::InvalidInput));
        };
        let mut path = self.path.clone();
        let mut parts = text.split('/').peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            if parts.peek().is_none() {
                break;
            }
            match path.symlink_metadata() {
                Ok(meta) if meta.is_dir() => {}
                Ok(_) => return Err(Error::new(Reason::Blocked, action, rel, io::ErrorKind::NotADirectory)),
                Err(error) => return Err(at_leaf(error, action, rel)),
            }
        }
        Ok(path)
    }
}

fn at_leaf(error: io::Error, action: &'static str, rel: &BStr) -> Error {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => Reason::Missing,
        io::ErrorKind::AlreadyExists => Reason::Taken,
        _ => Reason::Other,
    };
    Error::new(reason, action, rel, error)
}

/// Moves `from`, which is ours, to `to`, where nothing may be: a link never overwrites.
fn link_and_unlink(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Moves `path` to `out`, where nobody but us writes.
fn take_out(path: &Path, out: &Path) -> io::Result<()> {
    if out.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(path, out)
}
