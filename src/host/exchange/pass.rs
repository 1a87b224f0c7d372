//! Many steps in a row, and the directory of ours that their files lie in: the way to a place is gone once.

use super::system::{self, At};
use super::{Result, Root, Stat, proper, there};
use crate::host::copy::Kind;
use crate::session::{BStr, BString};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A directory of ours that files are staged in, opened. Names are of files right in it.
#[derive(Debug)]
pub struct Place {
    system: system::Place,
}

impl Place {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// If there is none, or it may not be entered.
    pub fn open(path: &Path) -> io::Result<Place> {
        system::Place::open(path).map(|system| Place { system })
    }

    /// As [`super::stage`].
    ///
    /// # Errors
    /// What the system says.
    pub fn stage(&self, name: &str, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        self.system.stage(name, kind, bytes)
    }

    /// As [`super::touch`], and says which time that is: finer than what the system notes when somebody writes, so that
    /// whatever is written afterwards has another one.
    ///
    /// # Errors
    /// What the system says.
    pub fn touch(&self, name: &str) -> io::Result<(i64, u32)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        let at = (i64::try_from(now.as_secs()).map_err(io::Error::other)?, now.subsec_nanos());
        self.system.touch(name, at).map(|()| at)
    }

    /// As [`Stat::of`].
    ///
    /// # Errors
    /// What the system says, except that nothing is there.
    pub fn lstat(&self, name: &str) -> io::Result<Option<Stat>> {
        match self.system.lstat(name) {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As [`super::has_writer`].
    pub fn has_writer(&self, name: &str) -> Option<bool> {
        self.system.has_writer(name)
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        self.system.remove(name)
    }
}

/// Steps below a [`Root`], one after another, within a moment. What they do and say is what those of the root do and say.
#[derive(Debug)]
pub struct Pass<'a> {
    pub(super) root: &'a Root,
    pub(super) place: &'a Place,
    pub(super) last: system::Last,
}

#[expect(clippy::missing_errors_doc, reason = "they are those of the root")]
impl Pass<'_> {
    /// As [`Root::put_new`].
    pub fn put_new(&mut self, staged: &str, rel: &BStr) -> Result<()> {
        let at = At::place(&self.place.system, staged);
        self.root.system.put_new(at, proper(rel, "put in place")?, &mut self.last)
    }

    /// As [`Root::exchange`].
    pub fn exchange(&mut self, staged: &str, rel: &BStr) -> Result<()> {
        let at = At::place(&self.place.system, staged);
        self.root.system.exchange(at, proper(rel, "exchanged")?, &mut self.last)
    }

    /// As [`Root::take_away`].
    pub fn take_away(&mut self, rel: &BStr, out: &str) -> Result<()> {
        let at = At::place(&self.place.system, out);
        self.root.system.take_away(proper(rel, "taken away")?, at, &mut self.last)
    }

    /// As [`Root::make_parents`].
    pub fn make_parents(&mut self, rel: &BStr) -> Result<Vec<BString>> {
        self.root.system.make_parents(proper(rel, "given a directory")?, &mut self.last)
    }

    /// As [`Root::lstat`].
    pub fn lstat(&mut self, rel: &BStr) -> Result<Option<Stat>> {
        there(self.root.system.lstat(proper(rel, "looked at")?, &mut self.last))
    }
}
