//! Who may be at work with a lock file: processes that have it open, and runs of git that stand where it belongs.

use crate::host::occupants::Occupant;
use std::path::{Path, PathBuf};

/// What can be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Users {
    /// Nobody is.
    Nobody,
    /// These may be.
    These(Vec<Occupant>),
    /// It cannot be told from here.
    Unknown,
}

/// Who may be at work with `file`. A git that waits for an editor holds a lock without having it open, so every git that
/// stands in one of the `folders`, or was told of one, counts. This process and the git that started it are left out.
#[cfg(target_os = "linux")]
pub fn of(file: &Path, folders: &[PathBuf]) -> Users {
    let Ok(file) = file.canonicalize() else { return Users::Unknown };
    if file.parent().is_some_and(crate::host::disk::is_shared) {
        // Whoever holds it may be on another machine.
        return Users::Unknown;
    }
    // A process that is just ending shows nothing for a moment.
    for _ in 0..5 {
        let users = look(&file, folders);
        if users != Users::Unknown {
            return users;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Users::Unknown
}

#[cfg(target_os = "linux")]
fn look(file: &Path, folders: &[PathBuf]) -> Users {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Users::Unknown };
    let (own, parent) = (std::process::id(), std::os::unix::process::parent_id());
    let mut found = Vec::new();
    let mut unknown = false;
    for entry in processes.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned();
        let is_git = name.starts_with("git");
        if pid == own || (pid == parent && name == "git") {
            continue;
        }
        let opened = std::fs::read_dir(entry.path().join("fd"));
        let stands = std::fs::read_link(entry.path().join("cwd"));
        // Whose files and place are hidden is somebody else's; only a git matters there.
        unknown |= is_git && (opened.is_err() || stands.is_err()) && is_running(&entry.path());
        let has_open = opened
            .into_iter()
            .flatten()
            .flatten()
            .any(|opened| std::fs::read_link(opened.path()).is_ok_and(|target| target == file));
        let is_there = stands.is_ok_and(|cwd| folders.iter().any(|folder| cwd.starts_with(folder)));
        let is_told = || {
            let texts = ["cmdline", "environ"].map(|text| std::fs::read(entry.path().join(text)).unwrap_or_default());
            let names = |text: &Vec<u8>, folder: &PathBuf| {
                let wanted = folder.as_os_str().as_encoded_bytes();
                text.windows(wanted.len().max(1)).any(|window| window == wanted)
            };
            texts.iter().any(|text| folders.iter().any(|folder| names(text, folder)))
        };
        if has_open || (is_git && (is_there || is_told())) {
            found.push(Occupant { pid, name });
        }
    }
    match (found.is_empty(), unknown) {
        (false, _) => Users::These(found),
        (true, true) => Users::Unknown,
        (true, false) => Users::Nobody,
    }
}

/// Whether a process still is one: what has ended and was not asked for its code yet shows nothing either.
#[cfg(target_os = "linux")]
fn is_running(process: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(process.join("stat")) else { return false };
    let state = text.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// Who may be at work with `file`. This system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn of(_file: &Path, _folders: &[PathBuf]) -> Users {
    Users::Unknown
}
