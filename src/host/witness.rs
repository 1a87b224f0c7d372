//! Who is at work: enough of a process to prove later that it is dead, and a lock that its children share.
//!
//! Dead is only what can be proved dead; anything else is *unknown*.

use crate::error::{Context, Result};
use std::fs::File;
use std::path::Path;

/// A process, as a claim names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// The host's name.
    pub host: String,
    /// This boot of the host; empty where the system has no name for it.
    pub boot: String,
    /// The namespace its number counts in; empty where there are none.
    pub namespace: String,
    /// Its number.
    pub pid: u32,
    /// When it started, in ticks of the boot; 0 where the system does not say.
    pub started: u64,
}

/// What can be said of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Alive,
    /// It is proved to be gone.
    Dead,
    /// Neither can be told.
    Unknown,
}

impl Process {
    /// This process.
    pub fn current() -> Process {
        let pid = std::process::id();
        Process {
            host: host_name(),
            boot: read("/proc/sys/kernel/random/boot_id"),
            namespace: std::fs::read_link("/proc/self/ns/pid")
                .map(|link| link.to_string_lossy().into_owned())
                .unwrap_or_default(),
            pid,
            started: stat_of(pid).map_or(0, |(_, started)| started),
        }
    }

    /// As trailers, a line each.
    pub fn to_lines(&self) -> String {
        format!(
            "Process-Host: {}\nProcess-Boot: {}\nProcess-Namespace: {}\nProcess-Id: {}\nProcess-Started: {}\n",
            self.host, self.boot, self.namespace, self.pid, self.started
        )
    }

    /// Of text that holds such lines; what is missing stays empty, and nothing can be proved of it then.
    pub fn parse(text: &str) -> Process {
        let mut process = Process::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match key {
                "Process-Host" => process.host = value.to_owned(),
                "Process-Boot" => process.boot = value.to_owned(),
                "Process-Namespace" => process.namespace = value.to_owned(),
                "Process-Id" => process.pid = value.parse().unwrap_or(0),
                "Process-Started" => process.started = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        process
    }

    /// Whether it still runs.
    pub fn liveness(&self) -> Liveness {
        let here = Process::current();
        if self.pid == here.pid && self.host == here.host && self.started == here.started && self.boot == here.boot {
            return Liveness::Alive;
        }
        if self.pid == 0 || self.host.is_empty() || self.host != here.host {
            return Liveness::Unknown;
        }
        if self.boot != here.boot && !self.boot.is_empty() && !here.boot.is_empty() {
            return Liveness::Dead;
        }
        if self.namespace != here.namespace {
            return Liveness::Unknown;
        }
        if cfg!(target_os = "linux") {
            return match stat_of(self.pid) {
                // `/proc` may be hidden, or that of another namespace: the kernel's own word counts.
                None => exists(self.pid),
                // A zombie does nothing any more, and a later start is somebody else's process.
                Some(('Z' | 'X', _)) => Liveness::Dead,
                Some((_, started)) if self.started != 0 && started != self.started => Liveness::Dead,
                Some(_) => Liveness::Alive,
            };
        }
        exists(self.pid)
    }
}

#[cfg(unix)]
fn exists(pid: u32) -> Liveness {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return Liveness::Unknown };
    match rustix::process::test_kill_process(pid) {
        Err(rustix::io::Errno::SRCH) => Liveness::Dead,
        _ => Liveness::Alive,
    }
}

#[cfg(not(unix))]
fn exists(_pid: u32) -> Liveness {
    Liveness::Unknown
}

/// State and start of a process, from `/proc`.
fn stat_of(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, more of them included.
    let rest = text.rsplit_once(')')?.1;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn host_name() -> String {
    #[cfg(unix)]
    {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        // Many machines share a name: the beginning of the machine's own id tells them apart.
        let id: String = read("/etc/machine-id").chars().take(8).collect();
        if id.is_empty() { name } else { format!("{name}-{id}") }
    }
    #[cfg(not(unix))]
    {
        std::env::var("COMPUTERNAME").unwrap_or_default()
    }
}

/// An exclusive advisory lock on a file. The system drops it when the last process that has it open is gone.
#[derive(Debug)]
pub struct Hold {
    file: File,
}

impl Hold {
    /// Takes the lock, making the file; none if somebody has it.
    ///
    /// # Errors
    /// Refused, if the file cannot be made.
    pub fn take(path: &Path) -> Result<Option<Hold>> {
        for _ in 0..50 {
            let file = std::fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .or_refuse(|| format!("'{}' could not be written.", path.display()))?;
            match file.try_lock() {
                // Somebody may have swept the file away before it was locked: nobody would see such a lock.
                Ok(()) if is_at(&file, path) => return Ok(Some(Hold { file })),
                // Whoever only looks has it for a moment.
                Ok(()) | Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(error).or_refuse(|| format!("'{}' could not be locked.", path.display()));
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(None)
    }

    /// Says in the file who took the lock: some file systems know of the locks of their own host only.
    ///
    /// # Errors
    /// What the system says.
    pub fn sign(&self) -> std::io::Result<()> {
        use std::io::Write as _;
        (&self.file).write_all(Process::current().to_lines().as_bytes())
    }

    /// Whoever signed the file of a lock; nobody where there is none.
    pub fn signer(path: &Path) -> Option<Process> {
        let text = std::fs::read_to_string(path).ok().filter(|text| !text.is_empty())?;
        Some(Process::parse(&text))
    }

    /// Whether nobody has the lock; also where there is no such file.
    pub fn is_free(path: &Path) -> bool {
        match std::fs::OpenOptions::new().write(true).open(path) {
            Ok(file) => file.try_lock().is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        }
    }

    /// Lets children that are started from now on hold it too, so that it is free only when they are gone as well.
    pub fn share_with_children(&self) {
        #[cfg(unix)]
        {
            let _ = rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty());
        }
        #[cfg(not(unix))]
        {
            let _ = &self.file;
        }
    }
}

/// Whether a path names an open file.
pub fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let place = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
        matches!((file.metadata().map(place), path.metadata().map(place)), (Ok(open), Ok(there)) if open == there)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_another_boot_is_dead() {
        let here = Process::current();
        assert_eq!(here.liveness(), Liveness::Alive);
        assert_eq!(Process::parse(&here.to_lines()), here);
        if cfg!(target_os = "linux") {
            assert_eq!(Process { boot: "earlier".into(), ..here.clone() }.liveness(), Liveness::Dead);
            assert_eq!(Process { started: here.started + 1, ..here.clone() }.liveness(), Liveness::Dead);
        }
        assert_eq!(Process { host: "elsewhere".into(), ..here }.liveness(), Liveness::Unknown);
        assert_eq!(Process::default().liveness(), Liveness::Unknown);
    }

    #[test]
    fn a_hold_is_exclusive_and_goes_with_its_value() {
        let path = std::env::temp_dir().join(format!("git-session-hold-{}", std::process::id()));
        assert!(Hold::is_free(&path));
        let hold = Hold::take(&path).expect("can be written");
        assert!(hold.is_some());
        assert!(!Hold::is_free(&path));
        assert!(Hold::take(&path).expect("can be read").is_none());
        drop(hold);
        assert!(Hold::is_free(&path));
        std::fs::remove_file(&path).expect("was made");
    }
}
