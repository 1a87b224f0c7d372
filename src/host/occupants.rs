//! Who stands in a directory: processes whose current directory is in it.

use std::path::Path;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// Its id.
    pub pid: u32,
    /// What it is called.
    pub name: String,
}

/// The processes that stand in `directory` or below it, this one and the git that started it left out. Where the system
/// does not tell, none.
#[cfg(target_os = "linux")]
pub fn of(directory: &Path) -> Vec<Occupant> {
    let Ok(directory) = directory.canonicalize() else { return Vec::new() };
    let name_of = |folder: &Path| std::fs::read_to_string(folder.join("comm")).unwrap_or_default().trim().to_owned();
    let own = std::process::id();
    let parent = std::os::unix::process::parent_id();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stands = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&directory));
        if !stands || pid == own {
            continue;
        }
        let name = name_of(&entry.path());
        if pid == parent && name == "git" {
            continue;
        }
        found.push(Occupant { pid, name });
    }
    found
}

/// The processes that stand in `directory` or below it. This system does not tell: none.
#[cfg(not(target_os = "linux"))]
pub fn of(_directory: &Path) -> Vec<Occupant> {
    Vec::new()
}
