//! Whether somebody has a file open for writing.

use std::os::fd::BorrowedFd;

/// See [`super::has_writer`]. The kernel grants a read lease only on a file that nobody has open for writing
/// (`F_SETLEASE` in fcntl(2)); it is given back at once.
#[cfg(target_os = "linux")]
pub(super) fn has_writer(directory: BorrowedFd<'_>, name: &[u8]) -> Option<bool> {
    use rustix::fs::{Mode, OFlags, openat};
    use rustix::io::Errno;
    use std::os::fd::AsRawFd;

    // fcntl(2); the crate has no name for it.
    const F_SETSIG: libc::c_int = 10;

    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::LOOP) => return Some(false),
        Err(_) => return None,
    };
    let fd = file.as_raw_fd();
    // Whoever opens the file for writing while the lease lasts has us sent a signal. SIGIO, the default, would end this
    // process; SIGURG is ignored unless asked for.
    // SAFETY: `fd` is open for as long as `file` lives, which is to the end of this function; these commands take an
    // integer, so that no memory is handed over.
    #[allow(unsafe_code)]
    let granted = unsafe {
        // Given back by name: closing does not, while a child that is just being started has the file open too.
        libc::fcntl(fd, F_SETSIG, libc::SIGURG) == 0
            && libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) == 0
            && libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK) == 0
    };
    if granted {
        return Some(false);
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN) => Some(true),
        _ => None,
    }
}

/// Other systems have no lease that an ordinary program may take.
#[cfg(not(target_os = "linux"))]
pub(super) fn has_writer(directory: BorrowedFd<'_>, name: &[u8]) -> Option<bool> {
    use rustix::fs::{AtFlags, statat};
    let is_link =
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| super::stat_of(&stat).is_symlink());
    if is_link { Some(false) } else { None }
}
