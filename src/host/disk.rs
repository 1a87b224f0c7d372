//! Room on a disk.

use std::path::Path;

/// Bytes that this user may still write at `path`, or where its nearest existing parent lies; none if the system
/// cannot tell.
pub fn free(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(existing).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = existing;
        None
    }
}
