//! Killed at any moment on the way back: `restore`, `undo` and `cleanup` are done or not done after the next command.

use crate::recovery::{kills, nothing_is_left_over, patiently, start, time_of};
use crate::support::Sandbox;

fn many_files() -> Sandbox {
    let r = Sandbox::new();
    for n in 0..200 {
        r.file(format!("d{}/f{n}.txt", n % 17), format!("file {n}\n").repeat(20));
    }
    r.commit("many files");
    patiently(&r, &["create", "keeper"]).ok();
    r
}

fn mended(r: &Sandbox, n: usize) {
    patiently(r, &["set", "keeper", "--goal", &format!("after {n}")]).ok();
}

/// Work of each kind, different for each name.
fn work(r: &Sandbox, name: &str) {
    let s = r.session(name);
    s.file("work.txt", format!("work of {name}\n")).commit(&format!("work of {name}"));
    s.file("d0/f0.txt", format!("staged in {name}\n")).git("add d0/f0.txt").ok();
    s.file("d1/f1.txt", format!("changed in {name}\n")).file("new.txt", format!("new in {name}\n"));
}

#[track_caller]
fn has_its_work(r: &Sandbox, name: &str) {
    let s = r.session(name);
    assert_eq!(s.read("work.txt"), format!("work of {name}\n"));
    assert_eq!(s.read("new.txt"), format!("new in {name}\n"));
    s.git("status --porcelain").ok().stdout("M  d0/f0.txt\n M d1/f1.txt\n?? new.txt\n");
    assert_eq!(s.git("show :d0/f0.txt").ok().text(), format!("staged in {name}\n"));
}

#[track_caller]
fn is_gone(r: &Sandbox, name: &str) {
    assert!(!r.has_rev(&format!("refs/heads/{name}")), "{name}: a branch is left");
    assert!(!r.root().join(format!("repo-sessions/{name}")).exists(), "{name}: a directory is left");
    let list = r.git("worktree list --porcelain").text();
    assert!(!list.contains(&format!("/{name}\n")), "{name}: a worktree is left:\n{list}");
}

#[test]
fn restore_killed_at_any_moment_brings_all_back_or_nothing() {
    let r = many_files();
    patiently(&r, &["create", "warm"]).ok();
    work(&r, "warm");
    patiently(&r, &["finish", "warm", "--abandon", "--yes"]).ok();
    let most = time_of(|| r.git("session restore warm"));
    let (mut back, mut ended) = (0, 0);
    for (n, delay) in kills(16, most).enumerate() {
        let name = format!("k{n}");
        patiently(&r, &["create", &name]).ok();
        work(&r, &name);
        patiently(&r, &["finish", &name, "--abandon", "--yes"]).ok();
        let running = start(&r, &["restore", &name]);
        running.kill_after(delay);
        mended(&r, n);
        if r.has_rev(&format!("refs/sessions/{name}")) {
            back += 1;
        } else {
            ended += 1;
            is_gone(&r, &name);
            patiently(&r, &["restore", &name]).ok();
        }
        has_its_work(&r, &name);
    }
    nothing_is_left_over(&r);
    assert!(back > 0 && ended > 0, "the delays hit nothing: {back} back, {ended} ended");
}

#[test]
fn undo_of_a_create_killed_at_any_moment_is_done_or_not_done() {
    let r = many_files();
    patiently(&r, &["create", "warm"]).ok();
    work(&r, "warm");
    let most = time_of(|| r.git("session undo --yes"));
    let (mut ended, mut live) = (0, 0);
    for (n, delay) in kills(14, most).enumerate() {
        let name = format!("k{n}");
        r.tick();
        patiently(&r, &["create", &name]).ok();
        work(&r, &name);
        let running = start(&r, &["undo", "--yes"]);
        running.kill_after(delay);
        r.tick();
        mended(&r, n);
        if r.has_rev(&format!("refs/sessions/{name}")) {
            live += 1;
        } else {
            ended += 1;
            is_gone(&r, &name);
            patiently(&r, &["restore", &name]).ok();
        }
        has_its_work(&r, &name);
    }
    nothing_is_left_over(&r);
    assert!(ended > 0 && live > 0, "the delays hit nothing: {ended} ended, {live} live");
}

#[test]
fn undo_of_a_merge_killed_at_any_moment_is_done_or_not_done() {
    let r = many_files();
    let merged = |name: &str| {
        r.tick();
        patiently(&r, &["create", name]).ok();
        r.session(name).file("d2/f2.txt", format!("merged in {name}\n")).commit(name);
        r.tick();
        patiently(&r, &["finish", name, "--merge"]).ok();
    };
    merged("warm");
    let most = time_of(|| r.git("session undo --yes"));
    let (mut back, mut ended) = (0, 0);
    for (n, delay) in kills(14, most).enumerate() {
        let name = format!("k{n}");
        let before = (r.rev("main"), r.read("d2/f2.txt"));
        merged(&name);
        let running = start(&r, &["undo", "--yes"]);
        running.kill_after(delay);
        r.tick();
        mended(&r, n);
        r.git("status --porcelain").ok().stdout("");
        if r.has_rev(&format!("refs/sessions/{name}")) {
            back += 1;
            assert_eq!((r.rev("main"), r.read("d2/f2.txt")), before, "{name} is back and its base is not");
            assert_eq!(r.session(&name).read("d2/f2.txt"), format!("merged in {name}\n"));
            r.session(&name).git("status --porcelain").ok().stdout("");
        } else {
            ended += 1;
            assert_eq!(
                r.read("d2/f2.txt"),
                format!("merged in {name}\n"),
                "{name} ended and its work is not in the base"
            );
            is_gone(&r, &name);
        }
    }
    nothing_is_left_over(&r);
    assert!(back > 0 && ended > 0, "the delays hit nothing: {back} back, {ended} ended");
}

#[test]
fn cleanup_killed_at_any_moment_removes_or_keeps_each_session_whole() {
    let r = many_files();
    let made = |n: usize| {
        let names = [format!("a{n}"), format!("b{n}")];
        for name in &names {
            r.tick();
            patiently(&r, &["create", name]).ok();
            let s = r.session(name);
            s.file(format!("{name}.txt"), format!("work of {name}\n")).commit(name);
            r.git_args(["merge", "--quiet", "--squash", name]).ok();
            r.commit("squash");
        }
        names
    };
    made(99);
    let most = time_of(|| r.git("session cleanup --yes"));
    let (mut removed, mut kept) = (0, 0);
    for (n, delay) in kills(8, most).enumerate() {
        let names = made(n);
        let running = start(&r, &["cleanup", "--yes"]);
        running.kill_after(delay);
        r.tick();
        mended(&r, n);
        for name in names {
            if r.has_rev(&format!("refs/sessions/{name}")) {
                kept += 1;
                let s = r.session(&name);
                s.git("status --porcelain").ok().stdout("");
                patiently(&r, &["finish", &name, "--abandon", "--yes"]).ok();
            } else {
                removed += 1;
                is_gone(&r, &name);
            }
            patiently(&r, &["restore", &name]).ok();
            assert_eq!(r.session(&name).read(format!("{name}.txt")), format!("work of {name}\n"));
            patiently(&r, &["finish", &name, "--abandon", "--yes"]).ok();
        }
    }
    nothing_is_left_over(&r);
    assert!(removed > 0 && kept > 0, "the delays hit nothing: {removed} removed, {kept} kept");
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_end_is_a_row_of_its_own() {
    let r = many_files();
    patiently(&r, &["create", "auth"]).ok();
    work(&r, "auth");
    crate::recovery::die_at(&r, "refs/sessions/@done/");
    start(&r, &["finish", "auth", "--abandon", "--yes"]).wait();
    r.remove(".git/hooks/reference-transaction");
    let rows = r.unchanged_by(|r| {
        let run = r.git("session cleanup --dry-run --json");
        run.ok().stderr_contains("interrupted").json_as("cleanup")["sessions"].clone()
    });
    assert_eq!((rows[0]["name"].clone(), rows[0]["why"].clone()), ("auth".into(), "abandoned".into()), "{rows}");
    patiently(&r, &["cleanup", "--yes"]).ok().stderr_contains("Took back the interrupted");
    has_its_work(&r, "auth");
    nothing_is_left_over(&r);
}
