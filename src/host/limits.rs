//! What a process that is started here can be held to: how much memory, how much of the processors, how late its turn.

#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};

/// Whom a limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A process with all that it starts, together.
    Together,
    /// Each process by itself.
    Each,
    /// Nobody.
    None,
}

/// What lacks for limits on memory and processors that hold all processes of an agent together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The system has nothing of the kind.
    System,
    /// Control groups of version 2 are not mounted.
    Groups,
    /// The manager of the user's services does not answer: in a container, or where nobody has logged in.
    Manager,
    /// It is there, and `systemd-run` is not on `PATH`.
    Program,
    /// The user's manager was not given these controllers.
    Controllers(Vec<&'static str>),
}

/// What is possible here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Memory.
    pub memory: Reach,
    /// A share of the processors.
    pub cpu: Reach,
    /// Whether a process can be made to give way to others.
    pub nice: bool,
    /// What lacks.
    pub lack: Option<Lack>,
}

/// What is possible on this machine, for this user. It only looks: nothing is started.
pub fn possible() -> Limits {
    #[cfg(target_os = "linux")]
    {
        let user = rustix::process::getuid().as_raw();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()).map(PathBuf::from);
        let runtime = runtime.unwrap_or_else(|| PathBuf::from(format!("/run/user/{user}")));
        let has_program = super::process::find_on_path("systemd-run").is_some();
        look(Path::new("/"), &runtime, user, has_program)
    }
    #[cfg(not(target_os = "linux"))]
    {
        // Elsewhere a limit on address space is not kept to.
        Limits { memory: Reach::None, cpu: Reach::None, nice: cfg!(unix), lack: Some(Lack::System) }
    }
}

/// The same of a system whose files lie below `root`.
#[cfg(any(target_os = "linux", test))]
fn look(root: &Path, runtime: &Path, user: u32, has_program: bool) -> Limits {
    // `ulimit -v` and `nice` need nobody's leave.
    let alone = |lack| Limits { memory: Reach::Each, cpu: Reach::None, nice: true, lack: Some(lack) };
    let groups = root.join("sys/fs/cgroup");
    if !groups.join("cgroup.controllers").exists() {
        return alone(Lack::Groups);
    }
    // The system's own manager serves its owner.
    let (manager, slice) = if user == 0 {
        (root.join("run/systemd/private"), groups.join("system.slice"))
    } else {
        let slice = format!("user.slice/user-{user}.slice/user@{user}.service");
        (runtime.join("systemd/private"), groups.join(slice))
    };
    if !manager.exists() {
        return alone(Lack::Manager);
    }
    if !has_program {
        return alone(Lack::Program);
    }
    let given = std::fs::read_to_string(slice.join("cgroup.controllers")).unwrap_or_default();
    let has = |name: &str| given.split_whitespace().any(|word| word == name);
    let lacks: Vec<&'static str> = ["memory", "cpu"].into_iter().filter(|name| !has(name)).collect();
    Limits {
        memory: if has("memory") { Reach::Together } else { Reach::Each },
        cpu: if has("cpu") { Reach::Together } else { Reach::None },
        nice: true,
        lack: (!lacks.is_empty()).then_some(Lack::Controllers(lacks)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_is_told_from_what_is_there() {
        let root = std::env::temp_dir().join(format!("git-session-limits-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("can be made");
            std::fs::write(path, text).expect("can be written");
        };
        let run = root.join("run/user/7");
        let lack = |user, has_program| look(&root, &run, user, has_program).lack;
        assert_eq!(lack(7, true), Some(Lack::Groups));
        write("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
        assert_eq!((lack(7, true), lack(0, true)), (Some(Lack::Manager), Some(Lack::Manager)));
        write("run/user/7/systemd/private", "");
        assert_eq!(lack(7, false), Some(Lack::Program));
        let delegated = "sys/fs/cgroup/user.slice/user-7.slice/user@7.service/cgroup.controllers";
        write(delegated, "memory pids\n");
        let limits = look(&root, &run, 7, true);
        assert_eq!(limits.lack, Some(Lack::Controllers(vec!["cpu"])));
        assert_eq!((limits.memory, limits.cpu, limits.nice), (Reach::Together, Reach::None, true));
        write(delegated, "cpuset memory pids\n");
        assert_eq!(lack(7, true), Some(Lack::Controllers(vec!["cpu"])), "another word is no controller");
        write(delegated, "cpu memory pids\n");
        assert_eq!(look(&root, &run, 7, true).cpu, Reach::Together);
        assert_eq!(lack(7, true), None);
        let _ = std::fs::remove_dir_all(&root);
    }
}
