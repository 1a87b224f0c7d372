//! Directories for what nobody keeps: in memory where the system has such a place, and gone with the value.

use crate::error::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// With less room than that, memory is left to others.
#[cfg(target_os = "linux")]
const ROOM_IN_MEMORY: u64 = 512 * 1024 * 1024;

/// How the names of ours begin; the process follows.
const PREFIX: &str = "git-session-";

/// What a process that was killed left behind may go after this long.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

/// A directory of our own; it goes with this value.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one that nobody else may look into, and clears away what dead ones left.
    ///
    /// # Errors
    /// Refused, if it cannot be made.
    pub fn new() -> Result<Scratch> {
        let place = place();
        sweep(&place);
        let name = crate::session::OperationId::from_bytes(crate::host::random::bits()?);
        let path = place.join(format!("{PREFIX}{}-{name}", std::process::id()));
        builder()
            .create(&path)
            .or_refuse(|| format!("The temporary directory '{}' could not be made.", path.display()))?;
        Ok(Scratch { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// For a directory that is nobody else's to look into, where the system has such.
fn builder() -> std::fs::DirBuilder {
    #[cfg(unix)]
    {
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
    }
    #[cfg(not(unix))]
    std::fs::DirBuilder::new()
}

/// Many small files are made and deleted in an instant: a disk's file system takes ten times as long.
fn place() -> PathBuf {
    #[cfg(target_os = "linux")]
    {
        let memory = Path::new("/dev/shm");
        let is_asked_for = std::env::var_os("TMPDIR").is_some_and(|place| !place.is_empty());
        let may_write =
            || rustix::fs::access(memory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok();
        if !is_asked_for && may_write() && crate::host::disk::free(memory).is_some_and(|free| free >= ROOM_IN_MEMORY) {
            return memory.to_owned();
        }
    }
    std::env::temp_dir()
}

/// Deletes what processes left that are no more. That it fails is no matter: somebody else's, or just going.
fn sweep(place: &Path) {
    let Ok(entries) = std::fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(maker_of) else { continue };
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > LEFT_BEHIND) && pid != std::process::id() && !is_alive(pid) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// The process that made a directory of that name; none of what is not ours to the last digit, whatever it begins with.
fn maker_of(name: &str) -> Option<u32> {
    let (pid, random) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let is_ours = random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    pid.parse().ok().filter(|_| is_ours)
}

#[cfg(target_os = "linux")]
fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// What cannot be told is taken for alive.
#[cfg(not(target_os = "linux"))]
fn is_alive(_pid: u32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::{Scratch, maker_of};

    #[test]
    fn only_what_is_ours_may_be_cleared_away() {
        let scratch = Scratch::new().expect("a directory");
        let name = scratch.path().file_name().and_then(|name| name.to_str()).expect("its name").to_owned();
        assert_eq!(maker_of(&name), Some(std::process::id()));
        for other in ["git-session-123456", "git-session-1-notes", "git-session-x-0123", "git-session-12-", "else"] {
            assert_eq!(maker_of(other), None, "{other}");
        }
    }
}
