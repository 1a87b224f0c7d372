//! Directories in which something may change, and to be told when it does: by the system where it tells, else by looking.

#[cfg(target_os = "linux")]
mod inotify;
mod looks;
#[cfg(unix)]
mod signals;

use looks::Looks;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Something has changed right below a directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The directory, as it was given.
    pub directory: PathBuf,
    /// What changed in it; none where that is not known, or it is the directory itself.
    pub name: Option<OsString>,
    /// Whether a directory may have appeared: one that is not watched yet.
    pub may_be_directory: bool,
}

/// Why a wait is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Woken {
    /// Something has changed; where so much did that the system lost count, nothing is named.
    Changed(Vec<Seen>),
    /// The time is up.
    Nothing,
    /// Nobody reads the answers any longer.
    Closed,
    /// The terminal has another size.
    Resized,
    /// It is to end, or to stop, by this signal.
    Signal(i32),
}

/// Whether all that is watched is told of by the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// It is.
    System,
    /// It is looked at again and again, since somebody wants it so.
    Asked,
    /// The same, since this system does not tell.
    Untold,
    /// The same, since the system takes no more watches.
    Exhausted,
}

/// What is watched, and by what means.
#[derive(Debug)]
pub struct Watcher {
    means: Means,
    #[cfg(target_os = "linux")]
    system: Option<inotify::Inotify>,
    looks: Looks,
    #[cfg(unix)]
    signals: Option<signals::Signals>,
}

impl Watcher {
    /// Nothing is watched yet.
    pub fn new(wants_looks: bool) -> Watcher {
        let mut watcher = Watcher {
            means: if wants_looks { Means::Asked } else { Means::Untold },
            #[cfg(target_os = "linux")]
            system: None,
            looks: Looks::default(),
            #[cfg(unix)]
            signals: None,
        };
        #[cfg(target_os = "linux")]
        if !wants_looks && let Ok(system) = inotify::Inotify::new() {
            (watcher.means, watcher.system) = (Means::System, Some(system));
        }
        if watcher.means != Means::System {
            watcher.looks.begin();
        }
        watcher
    }

    /// By what means.
    pub fn means(&self) -> Means {
        self.means
    }

    /// How long it is between two looks, as things are; none where the system tells.
    pub fn interval(&self) -> Option<Duration> {
        (self.means != Means::System).then(|| self.looks.interval())
    }

    /// From now on signals that end a program, stop it or tell of another size of its terminal wake, and do nothing else.
    ///
    /// # Errors
    /// What the system says.
    pub fn take_signals(&mut self) -> std::io::Result<()> {
        #[cfg(unix)]
        {
            self.signals = Some(signals::Signals::new()?);
        }
        Ok(())
    }

    /// Whether a signal to end has come, without a wait.
    pub fn is_to_end(&self) -> bool {
        #[cfg(unix)]
        {
            self.signals.as_ref().is_some_and(signals::Signals::is_to_end)
        }
        #[cfg(not(unix))]
        {
            false
        }
    }

    /// Watches a directory, and says whether it was not watched before. One that is not there is none.
    pub fn watch(&mut self, directory: &Path) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system {
            match system.watch(directory) {
                Ok(is_new) => return is_new,
                Err(error) if inotify::is_exhausted(&error) => {
                    for known in system.directories() {
                        self.looks.watch(known);
                    }
                    (self.means, self.system) = (Means::Exhausted, None);
                    self.looks.begin();
                }
                Err(_) => return false,
            }
        }
        self.looks.watch(directory)
    }

    /// Gives up directories.
    pub fn forget(&mut self, is_over: impl Fn(&Path) -> bool) {
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system {
            system.forget(&is_over);
        }
        self.looks.forget(&is_over);
    }

    /// Waits until something happens, or for so long.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&mut self, at_most: Option<Duration>) -> std::io::Result<Woken> {
        let deadline = at_most.map(|span| Instant::now() + span);
        loop {
            let mut until = deadline;
            if self.means != Means::System {
                let next = self.looks.next();
                if next <= Instant::now() {
                    let seen = self.looks.look();
                    if !seen.is_empty() {
                        return Ok(Woken::Changed(seen));
                    }
                    continue;
                }
                until = Some(until.map_or(next, |until| until.min(next)));
            }
            if let Some(woken) = self.sleep(until)? {
                return Ok(woken);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(Woken::Nothing);
            }
        }
    }

    /// Sleeps until then, or until something happens that is not only time.
    #[cfg(unix)]
    fn sleep(&mut self, until: Option<Instant>) -> std::io::Result<Option<Woken>> {
        use rustix::event::{PollFd, PollFlags, poll};
        use std::os::fd::{AsFd, BorrowedFd};
        if let Some(woken) = self.signals.as_ref().and_then(signals::Signals::pending) {
            return Ok(Some(woken));
        }
        let span = until.map(|until| until.saturating_duration_since(Instant::now()));
        let span = span.and_then(|span| rustix::event::Timespec::try_from(span).ok());
        let out = std::io::stdout();
        let system: Option<BorrowedFd<'_>> = None;
        #[cfg(target_os = "linux")]
        let system = system.or(self.system.as_ref().map(AsFd::as_fd));
        let signals: Option<BorrowedFd<'_>> = self.signals.as_ref().map(AsFd::as_fd);
        let of_out = PollFd::new(&out, PollFlags::empty());
        let mut polled: Vec<PollFd<'_>> = vec![of_out];
        polled.extend(system.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        polled.extend(signals.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut polled, span.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_closed = polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        drop(polled);
        if let Some(woken) = self.signals.as_ref().and_then(signals::Signals::pending) {
            return Ok(Some(woken));
        }
        if is_closed {
            return Ok(Some(Woken::Closed));
        }
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system {
            let seen = system.read()?;
            return Ok(seen.map(Woken::Changed));
        }
        Ok(None)
    }

    #[cfg(not(unix))]
    fn sleep(&mut self, until: Option<Instant>) -> std::io::Result<Option<Woken>> {
        let until = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        Ok(None)
    }
}

/// Ends, or stops, as a program does that knows nothing of this signal.
pub fn obey(signal: i32) {
    #[cfg(unix)]
    signals::obey(signal);
    #[cfg(not(unix))]
    let _ = signal;
}

#[cfg(test)]
mod tests;
