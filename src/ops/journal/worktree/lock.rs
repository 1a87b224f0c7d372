//! `index.lock`, as git has it: while it is ours nobody else writes the index.

use super::Follow;
use crate::error::{Context as _, Error, Hurdle, Result};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long somebody's `index.lock` is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

impl Follow<'_> {
    /// Takes `index.lock`: a link to a file whose content says that it is ours.
    pub(super) fn lock(&self) -> Result<()> {
        let own = self.stage.join("lock");
        std::fs::write(&own, &self.operation).or_refuse(|| format!("'{}' could not be written.", own.display()))?;
        let (lock, begin) = (self.lock_path(), Instant::now());
        loop {
            match std::fs::hard_link(&own, &lock) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(Error::refused(format!("'{}' could not be made.", lock.display())).because(error));
                }
                Err(_) if begin.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
                Err(_) => {
                    return Err(Error::contended(format!(
                        "The index of '{}' is locked.",
                        self.worktree.path.display()
                    ))
                    .met(Hurdle::Busy)
                    .hint(format!("Run it again; if no git is running, delete '{}'.", lock.display())));
                }
            }
        }
    }

    /// Gives `index.lock` back, if it is ours.
    pub(super) fn unlock(&self) {
        if std::fs::read(self.lock_path()).is_ok_and(|content| content == self.operation.as_bytes()) {
            let _ = std::fs::remove_file(self.lock_path());
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.worktree.git_dir.join("index.lock")
    }
}
