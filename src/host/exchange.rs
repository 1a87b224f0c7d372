//! What the system says of a file, links not followed.

use std::path::Path;

/// One `lstat`.
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

    /// What is at `path`; none if nothing is.
    ///
    /// # Errors
    /// What the system says, except that nothing is there.
    pub fn of(path: &Path) -> std::io::Result<Option<Stat>> {
        match path.symlink_metadata() {
            Ok(meta) => Ok(Some(Stat::of_metadata(&meta))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    #[cfg(unix)]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds fit")]
    fn of_metadata(meta: &std::fs::Metadata) -> Stat {
        use std::os::unix::fs::MetadataExt;
        Stat {
            mtime: (meta.mtime(), meta.mtime_nsec() as u32),
            ctime: (meta.ctime(), meta.ctime_nsec() as u32),
            dev: meta.dev(),
            ino: meta.ino(),
            mode: meta.mode(),
            uid: meta.uid(),
            gid: meta.gid(),
            size: meta.size(),
        }
    }

    #[cfg(not(unix))]
    fn of_metadata(meta: &std::fs::Metadata) -> Stat {
        let time = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let mtime = time.map_or((0, 0), |time| (i64::try_from(time.as_secs()).unwrap_or(0), time.subsec_nanos()));
        Stat { mtime, ctime: mtime, dev: 0, ino: 0, mode: 0, uid: 0, gid: 0, size: meta.len() }
    }
}
