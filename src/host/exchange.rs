//! Changing files below a worktree's root: never through a link, never over something that was not seen.
//!
//! A new file goes in by a rename that refuses to overwrite, a changed one by an exchange that hands back what was
//! there, a deleted one by renaming it away. So whatever somebody else wrote a moment ago comes out and can be looked
//! at; it is never dropped.

#[cfg(unix)]
mod lease;
mod pass;
#[cfg(any(not(unix), test))]
mod plain;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use plain as system;
#[cfg(unix)]
use unix as system;

pub use pass::{Pass, Place};

use crate::host::copy::Kind;
use crate::session::{BStr, BString};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use system::At;

#[cfg(unix)]
pub(super) use unix::{DIRECTORY, stat_of};

/// What is added to the name of a staged file for what came out, while the system's lack of an exchange makes it two
/// steps. Recovery looks there too.
pub const OUT: &str = ".out";

/// How often what somebody saves meanwhile is put back into its place before it is put beside it.
const EXCHANGES: usize = 5;

/// What the system says of a file without following links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// When the content changed: seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// When content or inode changed: seconds and nanoseconds.
    pub ctime: (i64, u32),
    /// The device.
    pub dev: u64,
    /// The inode.
    pub ino: u64,
    /// Type and permissions as Unix has them.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Bytes of a file, length of a link's target.
    pub size: u64,
}

impl Stat {
    /// The bits of the mode that are the type.
    pub const TYPE: u32 = 0o170_000;

    /// Whether both are of the same unchanged file, as far as an index can tell: it keeps 32 bits of each number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "that is the comparison")]
    pub fn agrees_with_index(&self, index: &Stat) -> bool {
        self.size as u32 == index.size as u32
            && self.ino as u32 == index.ino as u32
            && self.mtime.0 as u32 == index.mtime.0 as u32
            && self.mtime.1 == index.mtime.1
            && self.ctime.0 as u32 == index.ctime.0 as u32
            && self.ctime.1 == index.ctime.1
    }

    /// What is at `path`, wherever that is; nothing where nothing is.
    ///
    /// # Errors
    /// What the system says, except that nothing is there.
    pub fn of(path: &Path) -> io::Result<Option<Stat>> {
        match system::lstat(path) {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it is the same file, and has not been written to since. Its ctime tells nothing: a rename changes that.
    pub fn is_untouched_since(&self, then: &Stat) -> bool {
        let of = |stat: &Stat| (stat.dev, stat.ino, stat.mode, stat.size, stat.mtime);
        of(self) == of(then)
    }

    /// Whether it is an ordinary file.
    pub fn is_file(&self) -> bool {
        self.mode & Self::TYPE == 0o100_000
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.mode & Self::TYPE == 0o120_000
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & Self::TYPE == 0o040_000
    }

    /// Whether its owner may run it.
    pub fn is_executable(&self) -> bool {
        self.is_file() && self.mode & 0o100 != 0
    }
}

/// Why a file could not be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Something is there already.
    Taken,
    /// Nothing is there, or a parent is missing.
    Missing,
    /// A parent is a link or no directory.
    Blocked,
    /// The path is none that a repository could have: absolute, with `..`, with `.git`.
    Improper,
    /// The system said something else.
    Other,
}

/// A change of one path that did not happen.
#[derive(Debug)]
pub struct Error {
    reason: Reason,
    action: &'static str,
    path: BString,
    source: io::Error,
}

/// Shorthand for results of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(reason: Reason, action: &'static str, path: &BStr, source: impl Into<io::Error>) -> Self {
        Error { reason, action, path: path.to_owned(), source: source.into() }
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Where, relative to the root.
    pub fn path(&self) -> &BStr {
        self.path.as_ref()
    }

    /// Whether something was there already.
    pub fn is_taken(&self) -> bool {
        self.reason == Reason::Taken
    }

    /// Whether nothing was there.
    pub fn is_missing(&self) -> bool {
        self.reason == Reason::Missing
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { path, action, .. } = self;
        match self.reason {
            Reason::Taken => write!(f, "`{path}` could not be {action}: something is there already."),
            Reason::Missing => write!(f, "`{path}` could not be {action}: it is not there."),
            Reason::Blocked => {
                write!(f, "`{path}` could not be {action}: a directory above it is a link or no directory.")
            }
            Reason::Improper => write!(f, "`{path}` is not a path that can be {action}."),
            Reason::Other => write!(f, "`{path}` could not be {action}."),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        let refused = crate::error::Error::refused(error.to_string());
        match error.reason {
            Reason::Taken => refused.met(crate::error::Hurdle::Untracked).because(error.source),
            // The system's word for it says less.
            Reason::Blocked => refused.met(crate::error::Hurdle::Untracked).hint("Move what is there aside."),
            _ => refused.because(error.source),
        }
    }
}

/// A directory, opened to look at many files below it: the way to it is gone only once, and not through links.
#[derive(Debug)]
pub struct Folder {
    system: system::Folder,
}

impl Folder {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// If there is none, or it may not be entered.
    pub fn open(path: &Path) -> io::Result<Folder> {
        system::Folder::open(path).map(|system| Folder { system })
    }

    /// What is at a path below it; nothing where nothing is.
    ///
    /// # Errors
    /// What the system says, except that nothing is there.
    pub fn lstat(&self, rel: &BStr) -> io::Result<Option<Stat>> {
        match self.system.lstat(rel) {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A worktree's root, opened: every path of its methods is relative to it, with `/` between its parts.
#[derive(Debug)]
pub struct Root {
    system: system::Root,
}

impl Root {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// If there is none, or it may not be entered.
    pub fn open(path: &Path) -> Result<Root> {
        let shown = BString::from(path.to_string_lossy().into_owned());
        match system::Root::open(path) {
            Ok(system) => Ok(Root { system }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::new(Reason::Missing, "opened", shown.as_ref(), error))
            }
            Err(error) => Err(Error::new(Reason::Other, "opened", shown.as_ref(), error)),
        }
    }

    /// Moves `staged` to `rel`, where nothing may be yet.
    ///
    /// # Errors
    /// [`Reason::Taken`] if something is there; then both stay as they are.
    pub fn put_new(&self, staged: &Path, rel: &BStr) -> Result<()> {
        self.system.put_new(At::path(staged), proper(rel, "put in place")?, &mut None)
    }

    /// Swaps `staged` and `rel`: afterwards `staged` is what was there, whatever it was.
    ///
    /// Where the system has no exchange, what is there is renamed to `staged` with [`OUT`] at its end, `staged` goes in
    /// without overwriting, and what came out gets the name `staged`.
    ///
    /// # Errors
    /// [`Reason::Missing`] if nothing is there. [`Reason::Taken`] if, without an exchange, somebody wrote it between the
    /// two steps: then `staged` is untouched, and what was there before lies at `staged` with [`OUT`] at its end.
    pub fn exchange(&self, staged: &Path, rel: &BStr) -> Result<()> {
        self.system.exchange(At::path(staged), proper(rel, "exchanged")?, &mut None)
    }

    /// Puts `staged` in the place of what is at `rel`. If what comes out is not ours it is somebody's and newer, and goes
    /// in again; should he have saved once more between the two exchanges, what comes out then is newer still, and goes in
    /// in its turn. What does not stay in place is at `staged` in the end.
    ///
    /// # Errors
    /// As [`Root::exchange`], and what `is_ours` says of `staged`. Nothing is dropped: it is at `rel`, or at `staged`.
    pub fn exchange_back<E: From<Error>>(
        &self,
        staged: &Path,
        rel: &BStr,
        mut is_ours: impl FnMut() -> Result<bool, E>,
    ) -> Result<(), E> {
        let look = || Stat::of(staged).map_err(|source| Error::new(Reason::Other, "looked at", rel, source));
        let mut went_in = look()?;
        self.exchange(staged, rel)?;
        for _ in 0..EXCHANGES {
            if is_ours()? {
                return Ok(());
            }
            let came_out = look()?;
            match self.exchange(staged, rel) {
                // He has deleted it since. What he had saved before that is not ours to delete.
                Err(error) if error.is_missing() => return Ok(self.put_new(staged, rel)?),
                done => done?,
            }
            // What went in a step before, as it was: nobody has saved in between.
            if went_in.zip(look()?).is_some_and(|(then, now)| now.is_untouched_since(&then)) {
                return Ok(());
            }
            went_in = came_out;
        }
        Ok(())
    }

    /// Moves what is at `rel` to `out`, where nothing may be.
    ///
    /// # Errors
    /// [`Reason::Missing`] if nothing is there, [`Reason::Taken`] if `out` exists.
    pub fn take_away(&self, rel: &BStr, out: &Path) -> Result<()> {
        self.system.take_away(proper(rel, "taken away")?, At::path(out), &mut None)
    }

    /// Makes the directories above `rel` that are missing and says which it made, topmost first.
    ///
    /// # Errors
    /// [`Reason::Blocked`] if one of them is a link or a file; those just made are gone again.
    pub fn make_parents(&self, rel: &BStr) -> Result<Vec<BString>> {
        self.system.make_parents(proper(rel, "given a directory")?, &mut None)
    }

    /// Removes the directories above `rel` that are empty, from below, and says which it removed. Where one is in use,
    /// not ours to remove, or behind a link, it stops.
    ///
    /// # Errors
    /// If the path is no proper one.
    pub fn remove_empty_parents(&self, rel: &BStr) -> Result<Vec<BString>> {
        let mut removed = Vec::new();
        let mut rest: &[u8] = proper(rel, "given up")?;
        while let Some(slash) = rest.iter().rposition(|byte| *byte == b'/') {
            rest = &rest[..slash];
            match self.remove_directory(rest.into()) {
                Ok(true) => removed.push(rest.into()),
                Err(error) if error.is_missing() => {}
                Ok(false) | Err(_) => break,
            }
        }
        Ok(removed)
    }

    /// Removes the directory `rel` if it is empty, and says whether it was.
    ///
    /// # Errors
    /// [`Reason::Missing`] if there is none, [`Reason::Blocked`] if it is no directory.
    pub fn remove_directory(&self, rel: &BStr) -> Result<bool> {
        self.system.remove_directory(proper(rel, "removed")?)
    }

    /// What is at `rel`, links not followed. What lies behind a link is not there.
    ///
    /// # Errors
    /// What the system says, except that nothing is there.
    pub fn lstat(&self, rel: &BStr) -> Result<Option<Stat>> {
        there(self.system.lstat(proper(rel, "looked at")?, &mut None))
    }

    /// Many steps in the order of their paths, with files of `place`: the way to a directory is gone only once for all
    /// that comes in a row.
    pub fn pass<'a>(&'a self, place: &'a Place) -> Pass<'a> {
        Pass { root: self, place, last: None }
    }

    /// The bytes of the file at `rel`, or the target of the link.
    ///
    /// # Errors
    /// [`Reason::Missing`], [`Reason::Blocked`]; anything that is neither file nor link.
    pub fn read(&self, rel: &BStr) -> Result<Vec<u8>> {
        self.system.read(proper(rel, "read")?)
    }

    /// Sets the mtime of what is at `rel` to now, links not followed.
    ///
    /// # Errors
    /// [`Reason::Missing`] if nothing is there.
    pub fn touch(&self, rel: &BStr) -> Result<()> {
        self.system.touch(proper(rel, "touched")?)
    }
}

/// What lies behind a link is not there.
fn there(found: Result<Stat>) -> Result<Option<Stat>> {
    match found {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if matches!(error.reason, Reason::Missing | Reason::Blocked) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a staged file or link, where nothing may be yet.
///
/// # Errors
/// What the system says.
pub fn stage(path: &Path, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    system::stage(path, kind, bytes)
}

/// Sets the mtime of the staged file at `path` to now. It is called right before the file goes in: a build that ran
/// since it was staged must not look newer than it.
///
/// # Errors
/// What the system says.
pub fn touch(path: &Path) -> io::Result<()> {
    system::touch(path)
}

/// Whether anyone has the file at `path` open for writing. A link has no writer. `None`: the system can't tell.
pub fn has_writer(path: &Path) -> Option<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        lease::has_writer(rustix::fs::CWD, path.as_os_str().as_bytes())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Whether a file can be renamed from one directory to the other. Device numbers do not tell: bind mounts share them.
pub fn same_filesystem_by_trial(dir_a: &Path, dir_b: &Path) -> bool {
    static TRIALS: AtomicU64 = AtomicU64::new(0);
    let name = format!(".git-session-trial-{}-{}.part", std::process::id(), TRIALS.fetch_add(1, Ordering::Relaxed));
    let (from, to) = (dir_a.join(&name), dir_b.join(&name));
    if std::fs::OpenOptions::new().write(true).create_new(true).open(&from).is_err() {
        return false;
    }
    // With both directories the same the rename is one onto itself, which does nothing and succeeds.
    let renamed = std::fs::rename(&from, &to).is_ok();
    let _ = std::fs::remove_file(if renamed { &to } else { &from });
    renamed
}

/// Refuses what no tracked path can be, in git's own terms (`verify_path` in its `read-cache.c`).
fn proper<'a>(rel: &'a BStr, action: &'static str) -> Result<&'a BStr> {
    if !rel.contains(&0) && rel.split(|byte| *byte == b'/').all(is_proper_part) {
        return Ok(rel);
    }
    Err(Error::new(Reason::Improper, action, rel, io::ErrorKind::InvalidInput))
}

fn is_proper_part(part: &[u8]) -> bool {
    if matches!(part, b"" | b"." | b"..") {
        return false;
    }
    if cfg!(windows) && part.iter().any(|byte| matches!(byte, b'\\' | b':')) {
        return false;
    }
    // Some filesystems drop dots and blanks at the end of a name, or know `.git` by its short name.
    let end = part.iter().rposition(|byte| !matches!(byte, b'.' | b' ')).map_or(0, |last| last + 1);
    !part[..end].eq_ignore_ascii_case(b".git") && !part[..end].eq_ignore_ascii_case(b"git~1")
}

#[cfg(test)]
mod tests;
