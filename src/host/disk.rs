//! Disks: their room, and what their file systems can.

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

/// Whether copies of files share their room until one is changed; none if the system cannot tell.
#[cfg(target_os = "linux")]
pub fn shares_copies(path: &Path) -> Option<bool> {
    // btrfs, XFS, bcachefs, OCFS2, ZFS.
    const SHARING: [u64; 5] = [0x9123_683e, 0x5846_5342, 0xca45_1a4e, 0x7461_636f, 0x2fc1_2fc1];
    // Those that pass it on to what is below them, or to a server: nothing is known of it.
    const PASSING: [u64; 2] = [0x794c_7630, 0x6573_5546];
    let kind = kind_of(path)?;
    if PASSING.contains(&kind) || is_network(kind) {
        return None;
    }
    Some(SHARING.contains(&kind))
}

/// Whether copies of files share their room. This system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn shares_copies(_path: &Path) -> Option<bool> {
    None
}

/// Whether other machines may be at work in a directory, as far as its file system says.
#[cfg(target_os = "linux")]
pub fn is_shared(path: &Path) -> bool {
    kind_of(path).is_some_and(is_network)
}

/// Whether other machines may be at work in a directory. This system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn is_shared(_path: &Path) -> bool {
    false
}

/// The magic number of its file system.
#[cfg(target_os = "linux")]
fn kind_of(path: &Path) -> Option<u64> {
    let kind = rustix::fs::statfs(path).ok()?.f_type;
    // How wide it is, and whether it has a sign, differs between processors.
    u64::try_from(i128::from(kind) & 0xffff_ffff).ok()
}

/// NFS, SMB in three ages, 9p, FUSE, Ceph, Lustre, GFS2, OCFS2, AFS.
#[cfg(target_os = "linux")]
fn is_network(kind: u64) -> bool {
    [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
        0x6573_5546,
        0x00c3_6400,
        0x0bd0_0bd0,
        0x0116_1970,
        0x7461_636f,
        0x5346_414f,
    ]
    .contains(&kind)
}
