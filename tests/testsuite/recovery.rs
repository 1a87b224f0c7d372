//! Killed at any moment: the next command that writes finishes or takes back, and no line of work is lost.

use crate::support::Sandbox;
use crate::support::run::{Run, Running};
use std::time::Duration;

/// Delays that differ from run to run of a loop and are the same for every run of the suite.
pub(crate) fn delays(count: u64, most_micros: u64) -> impl Iterator<Item = Duration> {
    (0..count).map(move |n| Duration::from_micros((n * 2_654_435_761 % 4_294_967_296) * most_micros / 4_294_967_296))
}

/// Delays to kill after, the last of which nobody reaches: however slow the machine has become, one run comes to its end.
pub(crate) fn kills(count: u64, most_micros: u64) -> impl Iterator<Item = Duration> {
    delays(count - 1, most_micros).chain([Duration::from_secs(300)])
}

/// How long something takes here and now, and a third more, in microseconds: so that the delays hit all of it.
pub(crate) fn time_of<T>(action: impl FnOnce() -> T) -> u64 {
    let begin = std::time::Instant::now();
    action();
    u64::try_from(begin.elapsed().as_micros()).expect("it is short") * 4 / 3
}

/// Starts the program itself: killing `git` would leave it running.
pub(crate) fn start(r: &Sandbox, args: &[&str]) -> Running {
    Running::start(r.command("git-session", args), r.root(), None)
}

/// A command that writes, run until nobody's stale lock is in its way.
pub(crate) fn patiently(r: &Sandbox, args: &[&str]) -> Run {
    for _ in 0..60 {
        let run = r.run("git-session", args);
        if run.status() != Some(4) {
            return run;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    panic!("{args:?} stayed contended");
}

fn many_files(r: &Sandbox) {
    for n in 0..300 {
        r.file(format!("d{}/f{n}.txt", n % 17), format!("file {n}\n").repeat(20));
    }
    r.commit("many files");
}

/// The next command that writes: a short one, since it is run after every kill.
fn mended(r: &Sandbox, n: usize) {
    patiently(r, &["set", "keeper", "--goal", &format!("after {n}")]).ok();
}

pub(crate) fn nothing_is_left_over(r: &Sandbox) {
    let refs = r.refs().join("\n");
    assert!(!refs.contains("@pending"), "a claim is left:\n{refs}");
    // Each block of ports is that of a live session.
    for port in r.refs().iter().filter(|name| name.starts_with("refs/sessions/@ports/")) {
        let text = r.git(&format!("cat-file -p {port}")).ok().text();
        let id = text.lines().find_map(|line| line.strip_prefix("Session: ")).expect("a session").to_owned();
        let is_live = |name: &String| r.git(&format!("rev-list {name}")).ok().text().contains(&id);
        let live = r.refs().into_iter().filter(|name| name.starts_with("refs/sessions/") && !name.contains('@'));
        assert!(live.into_iter().any(|name| is_live(&name)), "{port} is left: {text}");
    }
    // What died before its claim or after giving it up is swept once it is 10 s old.
    r.run("sh", ["-c", "find .git -maxdepth 1 -name 'session-*' -exec touch -d '-60 seconds' {} +"]).ok();
    patiently(r, &["create", "sweeper"]).ok();
    let holds: Vec<_> = std::fs::read_dir(r.path(".git"))
        .expect("can be read")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("session-"))
        .collect();
    assert!(holds.is_empty(), "left in the repository's folder: {holds:?}");
    r.git("fsck --strict --no-dangling").ok();
}

#[test]
fn create_killed_at_any_moment_is_whole_or_gone() {
    let r = Sandbox::new();
    many_files(&r);
    let (mut whole, mut gone) = (0, 0);
    patiently(&r, &["create", "keeper"]).ok();
    let most = time_of(|| r.git("session create warm"));
    for (n, delay) in kills(24, most).enumerate() {
        let name = format!("k{n}");
        let running = start(&r, &["create", &name]);
        running.kill_after(delay);
        mended(&r, n);
        let worktree = r.root().join(format!("repo-sessions/{name}"));
        if r.has_rev(&format!("refs/sessions/{name}")) {
            whole += 1;
            assert!(r.has_rev(&format!("refs/heads/{name}")), "{name}: a record without a branch");
            let s = r.session(&name);
            s.git("status --porcelain --ignored").ok().stdout("");
            assert!(s.has("d3/f3.txt"), "{name}: files are missing");
        } else {
            gone += 1;
            assert!(!r.has_rev(&format!("refs/heads/{name}")), "{name}: a branch is left");
            assert!(!worktree.exists(), "{name}: a directory is left");
            let list = r.git("worktree list --porcelain").text();
            assert!(!list.contains(&format!("/{name}\n")), "{name}: a worktree is left:\n{list}");
        }
    }
    nothing_is_left_over(&r);
    assert!(whole > 0 && gone > 0, "the delays hit nothing: {whole} whole, {gone} gone");
}

#[test]
fn finish_killed_at_any_moment_loses_nothing() {
    let r = Sandbox::new();
    many_files(&r);
    let (mut ended, mut live) = (0, 0);
    patiently(&r, &["create", "keeper"]).ok();
    patiently(&r, &["create", "warm"]).ok();
    r.session("warm").file("warm.txt", "1\n").commit("warm");
    let most = time_of(|| r.git("session finish warm --merge"));
    for (n, delay) in kills(20, most).enumerate() {
        let name = format!("k{n}");
        patiently(&r, &["create", &name]).ok();
        let s = r.session(&name);
        s.file(format!("work{n}.txt"), format!("work of {name}\n")).commit(&format!("work of {name}"));
        let running = start(&r, &["finish", &name, "--merge"]);
        running.kill_after(delay);
        mended(&r, n);
        let is_merged = r.git_args(["cat-file", "-e", &format!("main:work{n}.txt")]).status() == Some(0);
        if r.has_rev(&format!("refs/sessions/{name}")) {
            live += 1;
            assert!(!is_merged, "{name} is in the base and goes on living");
            let s = r.session(&name);
            assert_eq!(s.read(format!("work{n}.txt")), format!("work of {name}\n"));
            s.git("status --porcelain").ok().stdout("");
        } else {
            ended += 1;
            assert!(is_merged, "{name} ended without its work in the base");
            assert!(!r.root().join(format!("repo-sessions/{name}")).exists(), "{name}: a directory is left");
        }
        r.git("status --porcelain").ok().stdout("");
    }
    nothing_is_left_over(&r);
    assert!(ended > 0 && live > 0, "the delays hit nothing: {ended} ended, {live} live");
}

#[test]
fn abandon_killed_at_any_moment_keeps_uncommitted_work() {
    let r = Sandbox::new();
    many_files(&r);
    patiently(&r, &["create", "keeper"]).ok();
    patiently(&r, &["create", "warm"]).ok();
    r.session("warm").file("warm.txt", "1\n");
    let most = time_of(|| r.git("session finish warm --abandon --yes"));
    for (n, delay) in kills(16, most).enumerate() {
        let name = format!("k{n}");
        patiently(&r, &["create", &name]).ok();
        let s = r.session(&name);
        s.file("d0/f0.txt", format!("changed in {name}\n")).file("new.txt", format!("new in {name}\n"));
        let running = start(&r, &["finish", &name, "--abandon", "--yes"]);
        running.kill_after(delay);
        mended(&r, n);
        if r.has_rev(&format!("refs/sessions/{name}")) {
            let s = r.session(&name);
            assert_eq!(s.read("d0/f0.txt"), format!("changed in {name}\n"));
            assert_eq!(s.read("new.txt"), format!("new in {name}\n"));
        } else {
            let kept = r.git("log --format=%(trailers:key=Session-Name,valueonly,separator=)=%(trailers:key=Session-Salvage,valueonly,separator=) refs/sessions/@keep");
            let text = kept.text();
            let salvage = text
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{name}=")))
                .unwrap_or_else(|| panic!("{name} has no salvage:\n{text}"));
            assert_eq!(
                r.git_args(["show", &format!("{salvage}:d0/f0.txt")]).ok().text(),
                format!("changed in {name}\n")
            );
            assert_eq!(r.git_args(["show", &format!("{salvage}^3:new.txt")]).ok().text(), format!("new in {name}\n"));
        }
    }
    nothing_is_left_over(&r);
}

#[test]
fn a_reading_verb_says_what_was_interrupted_and_changes_nothing() {
    let r = Sandbox::new();
    many_files(&r);
    let most = time_of(|| r.git("session create warm"));
    // On a machine that has become slow the longer ones do.
    for (n, delay) in delays(20, most).chain(delays(40, most * 6)).enumerate() {
        let running = start(&r, &["create", &format!("k{n}")]);
        running.kill_after(delay);
        if r.refs().iter().any(|name| name.contains("@pending")) {
            r.unchanged_by(|r| {
                r.git("session list").ok().stderr_contains("interrupted");
            });
            patiently(&r, &["create", "after"]).ok();
            nothing_is_left_over(&r);
            return;
        }
    }
    panic!("no delay hit the middle of a create");
}

#[test]
fn somebody_elses_claim_is_respected() {
    let r = Sandbox::new();
    r.file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    let claim = r.git_input(
        "commit-tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "claimed\n\nSession-Operation: 0123456789abcdef0123456789abcdef\nProcess-Host: elsewhere\nProcess-Id: 7\n",
    );
    let claim = claim.ok().text();
    r.git_args(["update-ref", "refs/sessions/@pending/auth", claim.trim()]).ok();
    r.unchanged_by(|r| {
        r.git("session finish auth --keep").code(4).stderr_contains("process 7 on elsewhere");
    });
}

/// Kills the program that started the git that runs this hook, right before that git moves a ref of the kind.
pub(crate) fn die_at(r: &Sandbox, reference: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = r.path(".git/hooks/reference-transaction");
    let kill = "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)";
    r.file(&path, format!("#!/bin/sh\ntest \"$1\" = prepared && grep -q '{reference}' || exit 0\n{kill}\nexit 1\n"));
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("can be set");
}

#[test]
#[cfg(target_os = "linux")]
fn what_stands_where_a_worktree_was_set_aside_stays_and_so_does_the_worktree() {
    let r = Sandbox::new();
    r.file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    r.git("session create keeper").ok();
    let place = r.root().join("repo-sessions/auth");
    r.session("auth").file("a.txt", "precious\n").file("new.txt", "new\n");
    die_at(&r, "refs/sessions/@done/");
    start(&r, &["finish", "auth", "--abandon", "--yes"]).wait();
    r.remove(".git/hooks/reference-transaction");
    assert!(!place.exists(), "it did not die while the worktree was set aside");
    r.file(place.join("foreign.txt"), "foreign\n");
    patiently(&r, &["set", "keeper", "--goal", "x"]).ok().stderr_contains("git session move auth");
    assert_eq!(r.read(place.join("foreign.txt")), "foreign\n");
    let s = r.session("auth");
    assert_ne!(s.here(), place);
    assert_eq!((s.read("a.txt"), s.read("new.txt")), ("precious\n".into(), "new\n".into()));
    s.git("status --porcelain").ok().stdout(" M a.txt\n?? new.txt\n");
    nothing_is_left_over(&r);
}
