//! The lock of a ref as git has it, but with the new value in it from the first moment, and the reflog beside it.

use crate::error::{Context as _, Result};
use crate::host::witness;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long somebody's lock is waited for, as git does without `core.filesRefLockTimeout`.
const PATIENCE: Duration = Duration::from_millis(100);

/// The lock of a ref, with its new value in it. Dropped, it is given back.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    lock: PathBuf,
    /// What the lock is a link to.
    file: File,
    is_ours: bool,
}

impl Lock {
    /// None where there are no links.
    pub(super) fn take(common_dir: &Path, path: &Path, value: &str) -> Result<Option<Lock>> {
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        let bits: String = crate::host::random::bits()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let own = common_dir.join(format!("session-{bits}.ref"));
        let written = File::create_new(&own).and_then(|mut file| file.write_all(value.as_bytes()).map(|()| file));
        let begin = Instant::now();
        let linked = written.and_then(|file| {
            loop {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                match std::fs::hard_link(&own, &lock) {
                    // Whoever deletes the last ref of a folder deletes the folder too.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound && begin.elapsed() < PATIENCE => {}
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && begin.elapsed() < PATIENCE => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    outcome => return outcome.map(|()| file),
                }
            }
        });
        let _ = std::fs::remove_file(&own);
        match linked {
            Ok(file) => Ok(Some(Lock { path: path.to_owned(), lock, file, is_ours: true })),
            Err(error) if cannot_link(&error) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && lock.symlink_metadata().is_ok() => {
                Err(error).or_refuse(|| format!("'{}' is there already.", lock.display()))
            }
            Err(error) => Err(error).or_refuse(|| format!("'{}' could not be written.", path.display())),
        }
    }

    /// A folder that refs have left goes; one in which there are some makes this no name for a ref.
    pub(super) fn clear_the_way(&self) -> Result<()> {
        if !self.path.is_dir() {
            return Ok(());
        }
        remove_empty(&self.path)
            .or_refuse(|| format!("'{}' is a folder of refs, and cannot be a ref.", self.path.display()))
    }

    pub(super) fn is_still_ours(&self) -> bool {
        witness::is_at(&self.file, &self.lock)
    }

    pub(super) fn commit(mut self) -> Result<()> {
        let failed = || format!("'{}' could not be put in place.", self.path.display());
        std::fs::rename(&self.lock, &self.path).or_refuse(failed)?;
        self.is_ours = false;
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_ours && self.is_still_ours() {
            let _ = std::fs::remove_file(&self.lock);
        }
    }
}

/// Whether the file system has no links, or the refs lie on another one than the rest.
fn cannot_link(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::CrossesDevices | ErrorKind::TooManyLinks
    )
}

/// Removes a folder in which there is nothing but folders.
fn remove_empty(folder: &Path) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty(&entry.path())?;
        }
    }
    std::fs::remove_dir(folder)
}

/// A line more in a reflog; one that is not there is made only where it `is_wanted`.
pub(super) fn append(log: &Path, is_wanted: bool, line: &[u8]) -> Result<()> {
    let failed = || format!("The reflog '{}' could not be written.", log.display());
    if is_wanted && let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).or_refuse(failed)?;
    }
    if log.is_dir() {
        remove_empty(log).or_refuse(failed)?;
    }
    match std::fs::OpenOptions::new().append(true).create(is_wanted).open(log) {
        Ok(mut file) => file.write_all(line).or_refuse(failed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_wanted => Ok(()),
        Err(error) => Err(error).or_refuse(failed),
    }
}
