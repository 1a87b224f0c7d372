//! `sync` where the disk takes no more, and after a death that left locks behind: before or after, and at once.
#![cfg(unix)]

use crate::support::{Run, Sandbox};
use crate::sync::{is_sound, repo, row, rows, session};

/// A run in which no file may become larger than 32 KiB, as on a disk that is full.
fn cramped(r: &Sandbox) -> Run {
    r.run("sh", ["-c", "trap '' XFSZ; ulimit -f 64; exec git-session sync --json"])
}

/// The base gets a file that is too large for that, among others.
fn large_base(r: &Sandbox) {
    r.file("a.txt", "new a\n").file("large.txt", "a line of a large file\n".repeat(20_000)).file("z.txt", "new z\n");
    r.file("made.txt", "made\n").commit("large");
}

fn stays_and_moves_when_there_is_room(r: &Sandbox) {
    let one = r.session("one");
    let before = (r.rev("one"), r.rev("refs/sessions/one"), one.git("ls-files --stage").ok().text());
    let run = cramped(r);
    let rows = rows(&run);
    let answer = row(&rows, "one");
    assert_eq!(answer["outcome"], "failed", "{answer} {}", run.stderr_text());
    assert_eq!((r.rev("one"), r.rev("refs/sessions/one"), one.git("ls-files --stage").ok().text()), before);
    one.git("status --porcelain --untracked-files=all").ok().stdout("");
    assert_eq!(
        (one.read("a.txt"), one.read("large.txt"), one.read("z.txt")),
        ("a\n".into(), "small\n".into(), "z\n".into())
    );
    r.run("sh", ["-c", "find .git -name 'session-*' -o -name '*.lock'"]).ok().stdout("");
    assert!(!r.refs().iter().any(|name| name.contains("@pending")));
    r.git("session sync one").ok();
    assert_eq!(one.read("z.txt"), "new z\n");
    one.git("status --porcelain").ok().stdout("");
    is_sound(r);
}

fn small_base() -> Sandbox {
    let r = repo();
    r.file("a.txt", "a\n").file("large.txt", "small\n").file("z.txt", "z\n").commit("small");
    r
}

#[test]
fn a_full_disk_leaves_the_worktree_as_it_was() {
    let r = small_base();
    session(&r, "one");
    large_base(&r);
    stays_and_moves_when_there_is_room(&r);
}

#[test]
fn a_full_disk_that_git_finds_half_way_leaves_the_worktree_as_it_was() {
    let r = small_base();
    r.config("filter.same.clean", "cat");
    r.config("filter.same.smudge", "cat");
    r.file(".gitattributes", "*.txt filter=same\n").commit("a filter");
    session(&r, "one");
    large_base(&r);
    stays_and_moves_when_there_is_room(&r);
}

#[test]
fn a_lock_of_a_dead_command_goes_at_once_and_no_other() {
    let r = repo();
    session(&r, "one");
    let operation = "0123456789abcdef0123456789abcdef";
    let message = format!("[one] set: goal\n\nSession-Operation: {operation}");
    let value = r.git_args(["commit-tree", "-m", &message, "HEAD^{tree}"]).ok().text();
    let (lock, hold) = (".git/refs/sessions/one.lock", format!(".git/session-{operation}.lock"));
    // Nothing proves that whoever took it is dead.
    r.file(lock, &value).git("session set one --goal first").code(4);
    assert!(r.has(lock));
    // Somebody is at work.
    let held = std::fs::File::create(r.path(&hold)).expect("a hold");
    held.lock().expect("nobody has it");
    r.git("session set one --goal second").code(4);
    assert!(r.has(lock));
    drop(held);
    r.git("session set one --goal third").ok();
    assert!(!r.has(lock));
    // One without a value may be that of a command that has only begun.
    r.file(lock, "").git("session set one --goal fourth").code(4);
    r.remove(lock);
    is_sound(&r);
}

/// What the program says of a process of this host.
#[cfg(target_os = "linux")]
fn process(pid: u32) -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot");
    let namespace = std::fs::read_link("/proc/self/ns/pid").expect("a namespace");
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let machine: String = std::fs::read_to_string("/etc/machine-id").unwrap_or_default().chars().take(8).collect();
    let host = if machine.is_empty() { name.trim().to_owned() } else { format!("{}-{machine}", name.trim()) };
    format!(
        "Process-Host: {host}\nProcess-Boot: {}\nProcess-Namespace: {}\nProcess-Id: {pid}\nProcess-Started: 0\n",
        boot.trim(),
        namespace.display()
    )
}

/// The number of a process that is gone.
#[cfg(target_os = "linux")]
fn gone() -> u32 {
    let mut gone = std::process::Command::new("true").spawn().expect("runs");
    gone.wait().expect("ends");
    gone.id()
}

#[test]
#[cfg(target_os = "linux")]
fn a_lock_of_a_claim_whose_process_is_dead_goes_at_once_and_no_other() {
    let r = repo();
    session(&r, "one");
    r.file("a.txt", "new\n").commit("base moves");
    let claim_of = |pid: u32, operation: &str| {
        let message = format!("claimed\n\nSession-Operation: {operation}\n{}", process(pid));
        r.git_input("commit-tree HEAD^{tree}", &message).ok().text()
    };
    let (dead, alive) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    let lock = ".git/refs/sessions/@pending/one.lock";
    let refused = |r: &Sandbox| {
        let found = rows(&r.git("session sync --json"));
        assert_eq!(row(&found, "one")["reason"], "busy", "{found:?}");
        assert!(r.has(lock));
    };
    // One that lives, and one that is dead with a child that goes on.
    r.file(lock, claim_of(std::process::id(), alive));
    refused(&r);
    r.file(lock, claim_of(gone(), dead));
    let held = std::fs::File::create(r.path(format!(".git/session-{dead}.lock"))).expect("a hold");
    held.lock().expect("nobody has it");
    refused(&r);
    drop(held);
    // One of another host, whose locks may not be seen here.
    let hold = format!(".git/session-{dead}.lock");
    r.file(&hold, "Process-Host: elsewhere\nProcess-Id: 7\n");
    refused(&r);
    r.file(&hold, process(gone()));
    assert_eq!(row(&rows(&r.git("session sync --json")), "one")["outcome"], "rebased");
    assert!(!r.has(lock));
    is_sound(&r);
}
