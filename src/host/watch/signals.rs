//! Signals that wake instead of what they do otherwise.

use super::Woken;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::{flag, low_level};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(super) struct Signals {
    woken: UnixStream,
    came: Vec<(i32, Arc<AtomicBool>)>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Signals> {
        let (woken, wakes) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let mut came = Vec::new();
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH] {
            let has_come = Arc::new(AtomicBool::new(false));
            flag::register(signal, Arc::clone(&has_come))?;
            low_level::pipe::register(signal, wakes.try_clone()?)?;
            came.push((signal, has_come));
        }
        Ok(Signals { woken, came })
    }

    /// One that has come and was not told yet.
    pub(super) fn pending(&self) -> Option<Woken> {
        let mut buffer = [0; 64];
        while (&self.woken).read(&mut buffer).is_ok_and(|read| read > 0) {}
        let (signal, _) = self.came.iter().find(|(_, has_come)| has_come.swap(false, Ordering::SeqCst))?;
        Some(if *signal == SIGWINCH { Woken::Resized } else { Woken::Signal(*signal) })
    }

    pub(super) fn is_to_end(&self) -> bool {
        let ends = self.came.iter().filter(|(signal, _)| [SIGINT, SIGTERM, SIGHUP].contains(signal));
        ends.into_iter().any(|(_, has_come)| has_come.load(Ordering::SeqCst))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

pub(super) fn obey(signal: i32) {
    // It fails only for signals that there are not.
    let _ = low_level::emulate_default_handler(signal);
}
