//! Commands of the user's that may hang, or start others that do: they run in a process group of their own, which ends
//! as a whole when the time is up or we are told to end.

use super::Command;
use crate::error::Result;
use crate::host::interrupt::Interrupt;
use std::fs::File;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal from somewhere.
    Signalled(i32),
    /// By us, since its time was up.
    TimedOut,
    /// By us, since we were told to end.
    Interrupted,
}

/// How long a group may take to tidy up after it was asked to end.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(2);

impl Command {
    /// Runs it to its end with all it prints going into a file and nothing on its standard input, for at most so long.
    ///
    /// # Errors
    /// Refused, if it cannot be started.
    pub fn run_bounded(&self, output: &File, timeout: Option<Duration>, interrupt: &Interrupt) -> Result<Ending> {
        let out = output.try_clone().map_err(|error| self.failed(error))?;
        let err = output.try_clone().map_err(|error| self.failed(error))?;
        let mut command = self.std();
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let started = Instant::now();
        let mut child = command.spawn().map_err(|error| self.failed(error))?;
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = child.try_wait().map_err(|error| self.failed(error))? {
                let ending = ending(status);
                if matches!(ending, Ending::Signalled(_)) {
                    end(&mut child);
                }
                return Ok(ending);
            }
            let why = if interrupt.is_set() {
                Some(Ending::Interrupted)
            } else {
                timeout.filter(|timeout| started.elapsed() >= *timeout).map(|_| Ending::TimedOut)
            };
            if let Some(why) = why {
                end(&mut child);
                return Ok(why);
            }
            let left = timeout.map_or(pause, |timeout| timeout.saturating_sub(started.elapsed()).min(pause));
            std::thread::sleep(left.max(Duration::from_millis(1)));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

#[cfg(unix)]
fn ending(status: std::process::ExitStatus) -> Ending {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or_default();
    status.code().map_or(Ending::Signalled(signal), Ending::Exited)
}

#[cfg(not(unix))]
fn ending(status: std::process::ExitStatus) -> Ending {
    status.code().map_or(Ending::Signalled(0), Ending::Exited)
}

/// Asks the whole group to end, and makes it when it does not.
#[cfg(unix)]
fn end(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let _ = kill_process_group(group, Signal::TERM);
    // A stopped process ends only once it goes on.
    let _ = kill_process_group(group, Signal::CONT);
    let asked = Instant::now();
    loop {
        // The leader that nobody waited for would still be one of the group.
        let _ = child.try_wait();
        if test_kill_process_group(group).is_err() {
            break;
        }
        if asked.elapsed() >= GRACE {
            let _ = kill_process_group(group, Signal::KILL);
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.wait();
}

#[cfg(not(unix))]
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
