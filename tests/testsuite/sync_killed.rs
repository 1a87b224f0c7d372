//! `sync` killed at any moment: each session is before or after, and what is uncommitted is there.

use crate::recovery::{kills, patiently, start, time_of};
use crate::support::Sandbox;
use crate::sync::{is_sound, lines, rows, session};
use serde_json::Value;

/// One in which git does not pack behind our back: a look at the objects meanwhile would find some missing.
fn sandbox() -> Sandbox {
    let r = Sandbox::new();
    r.config("gc.auto", "0");
    r
}

/// How often each test kills; more of it can be asked for.
fn rounds(usual: u64) -> u64 {
    std::env::var("SYNC_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn killed_at_any_moment_each_session_is_before_or_after() {
    let r = sandbox();
    for n in 0..60 {
        r.file(format!("d{}/f{n}.txt", n % 7), lines(n, 20));
    }
    // Some have other bytes than their blobs.
    r.file(".gitattributes", "/d3/* eol=crlf\n").commit("base");
    let names: Vec<String> = (0..6).map(|n| format!("s{n}")).collect();
    for name in &names {
        session(&r, name);
        r.session(name).file("notes.txt", format!("notes of {name}\n"));
    }
    let move_base = |round: usize| {
        for n in (0..60).step_by(2) {
            r.file(format!("d{}/f{n}.txt", n % 7), lines(n + round, 20));
        }
        r.file(format!("round-{round}.txt"), "r\n").commit(&format!("round {round}"));
    };
    move_base(1);
    let most = time_of(|| r.git("session sync"));
    let (mut done, mut undone) = (0, 0);
    for (n, delay) in kills(rounds(10), most).enumerate() {
        move_base(n + 2);
        let before: Vec<String> = names.iter().map(|name| r.rev(name)).collect();
        let running = start(&r, &["sync"]);
        running.kill_after(delay);
        patiently(&r, &["set", "s0", "--goal", &format!("round {n}")]).ok();
        for (name, before) in names.iter().zip(before) {
            let s = r.session(name);
            let is_after = r.git(&format!("merge-base --is-ancestor main {name}")).status() == Some(0);
            assert!(is_after || r.rev(name) == before, "{name} is neither here nor there");
            if is_after {
                done += 1
            } else {
                undone += 1
            }
            s.git("status --porcelain --untracked-files=all").ok().stdout("?? notes.txt\n");
            assert_eq!(s.read("notes.txt"), format!("notes of {name}\n"));
            let fork = if is_after { r.rev("main") } else { r.rev("main~1") };
            let record = r.git(&format!("show refs/sessions/{name}:session.toml")).ok().text();
            assert!(record.contains(&format!("fork = \"{fork}\"")), "{name}: {is_after} {record}");
        }
        is_sound(&r);
        let left_out = |r: &Sandbox| {
            let stays = |row: &Value| !["rebased", "up-to-date"].iter().any(|word| row["outcome"] == *word);
            rows(&patiently(r, &["sync", "--json"])).into_iter().find(stays)
        };
        // Nothing that the dead process has left is in the way.
        if let Some(row) = left_out(&r) {
            let locks = r.run("sh", ["-c", "find .git -name '*.lock*' -printf '%p %s\\n' -exec cat {} +"]);
            panic!("round {n}: {row}\n{}", locks.text());
        }
    }
    assert!(done + undone > 0);
}

#[test]
fn killed_at_any_moment_uncommitted_changes_are_before_or_after() {
    let r = sandbox();
    for n in 0..40 {
        r.file(format!("d{}/f{n}.txt", n % 7), lines(n, 20));
    }
    r.file(".gitattributes", "/d3/* eol=crlf\n").commit("base");
    let names: Vec<String> = (0..6).map(|n| format!("s{n}")).collect();
    let edit = |text: &str, name: &str| text.replace("line 10\n", &format!("line 10\nuncommitted in {name}\n"));
    let staged = |text: &str| text.replace("line 15\n", "line 15\nstaged\n");
    for name in &names {
        session(&r, name);
        let s = r.session(name).file("loose.txt", format!("loose in {name}\n"));
        s.file("d1/f1.txt", staged(&lines(1, 20))).git("add d1/f1.txt").ok();
        s.file("d1/f1.txt", edit(&staged(&lines(1, 20)), name)).file("d0/f0.txt", edit(&lines(0, 20), name));
    }
    let of_round = |n: usize, round: usize| lines(n, 20).replace("line 0\n", &format!("line 0 in round {round}\n"));
    let move_base = |round: usize| {
        for n in 0..40 {
            r.file(format!("d{}/f{n}.txt", n % 7), of_round(n, round));
        }
        r.commit(&format!("round {round}"));
    };
    move_base(1);
    let most = time_of(|| r.git("session sync --autostash").ok().status());
    let (mut done, mut undone) = (0, 0);
    for (n, delay) in kills(rounds(10), most).enumerate() {
        move_base(n + 2);
        let running = start(&r, &["sync", "--autostash"]);
        running.kill_after(delay);
        patiently(&r, &["set", "s0", "--goal", &format!("round {n}")]).ok();
        for name in &names {
            let s = r.session(name);
            let is_after = r.git(&format!("merge-base --is-ancestor main {name}")).status() == Some(0);
            let round = if is_after { n + 2 } else { n + 1 };
            if is_after {
                done += 1;
            } else {
                undone += 1;
            }
            s.git("status --porcelain").ok().stdout(" M d0/f0.txt\nMM d1/f1.txt\n?? loose.txt\n");
            assert_eq!(s.read("d0/f0.txt"), edit(&of_round(0, round), name), "{name} in round {n}");
            assert_eq!(s.read("d1/f1.txt"), edit(&staged(&of_round(1, round)), name), "{name} in round {n}");
            assert_eq!(s.git("show :d1/f1.txt").ok().text(), staged(&of_round(1, round)), "{name} in round {n}");
            assert_eq!(s.read("d3/f3.txt"), of_round(3, round).replace('\n', "\r\n"), "{name} in round {n}");
            assert_eq!(s.read("loose.txt"), format!("loose in {name}\n"));
        }
        is_sound(&r);
        patiently(&r, &["sync", "--autostash"]).ok();
    }
    assert!(done > 0 && undone > 0, "the delays hit nothing: {done} done, {undone} undone");
}

/// What a session of the twenty has uncommitted.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    /// An untracked file.
    Loose,
    /// Tracked files that the base leaves alone.
    Apart,
    /// Files that the base changes, one of them staged in part.
    Same,
    /// It stands on the one before it.
    Stacked,
}

fn work_of(n: usize) -> Work {
    [Work::Loose, Work::Apart, Work::Same, Work::Stacked][n % 4]
}

#[test]
fn twenty_worktrees_killed_at_any_moment() {
    let r = sandbox();
    let of_round = |n: usize, round: usize| lines(n, 20).replace("line 0\n", &format!("line 0 in round {round}\n"));
    for n in 0..60 {
        r.file(format!("d{}/f{n}.txt", n % 7), lines(n, 20));
    }
    r.file("apart.txt", lines(90, 9)).file("apart-staged.txt", lines(91, 9)).commit("base");
    let edit = |text: &str, name: &str| text.replace("line 10\n", &format!("line 10\nuncommitted in {name}\n"));
    let staged = |text: &str| text.replace("line 15\n", "line 15\nstaged\n");
    let names: Vec<String> = (0..20).map(|n| format!("s{n:02}")).collect();
    for (n, name) in names.iter().enumerate() {
        if work_of(n) == Work::Stacked {
            r.session(&names[n - 1]).git(&format!("session create {name} --stack")).ok();
            r.session(name).file(format!("{name}.txt"), format!("{name}\n")).commit(&format!("work of {name}"));
        } else {
            session(&r, name);
        }
        let s = r.session(name).file("loose.txt", format!("loose in {name}\n"));
        match work_of(n) {
            Work::Apart => {
                s.file("apart-staged.txt", format!("{name}\n")).git("add apart-staged.txt").ok();
                s.file("apart.txt", format!("{name}\n"));
            }
            Work::Same => {
                s.file("d1/f1.txt", staged(&lines(1, 20))).git("add d1/f1.txt").ok();
                s.file("d1/f1.txt", edit(&staged(&lines(1, 20)), name)).file("d0/f0.txt", edit(&lines(0, 20), name));
            }
            Work::Loose | Work::Stacked => {}
        }
    }
    let move_base = |round: usize| {
        for n in 0..60 {
            r.file(format!("d{}/f{n}.txt", n % 7), of_round(n, round));
        }
        r.file(format!("round-{round}.txt"), "r\n").commit(&format!("round {round}"));
    };
    let tips = || -> Vec<String> { names.iter().map(|name| r.rev(name)).collect() };
    move_base(1);
    let most = time_of(|| r.git("session sync --autostash").ok().status());
    let (mut done, mut undone) = (0, 0);
    for (round, delay) in kills(rounds(4), most).enumerate().map(|(n, delay)| (n + 2, delay)) {
        move_base(round);
        let before = tips();
        let running = start(&r, &["sync", "--autostash"]);
        running.kill_after(delay);
        patiently(&r, &["set", "s00", "--goal", &format!("round {round}")]).ok();
        let moved = r.git("for-each-ref --format=%(refname:short) --contains main refs/heads/").ok().text();
        for ((n, name), (before, now)) in names.iter().enumerate().zip(before.iter().zip(tips())) {
            let s = r.session(name);
            let is_after = moved.lines().any(|branch| branch == name);
            assert!(is_after || now == *before, "{name} is neither here nor there");
            let at = if is_after {
                done += 1;
                round
            } else {
                undone += 1;
                round - 1
            };
            let context = || format!("{name} in round {round}, after: {is_after}");
            let (status, kept): (&str, Vec<(&str, String)>) = match work_of(n) {
                Work::Loose | Work::Stacked => ("", vec![]),
                Work::Apart => (
                    "M  apart-staged.txt\n M apart.txt\n",
                    vec![("apart-staged.txt", format!("{name}\n")), ("apart.txt", format!("{name}\n"))],
                ),
                Work::Same => (
                    " M d0/f0.txt\nMM d1/f1.txt\n",
                    vec![
                        ("d0/f0.txt", edit(&of_round(0, at), name)),
                        ("d1/f1.txt", edit(&staged(&of_round(1, at)), name)),
                    ],
                ),
            };
            // Branch, `HEAD`, index and files agree but for what is uncommitted.
            let found = s.git("status --porcelain --untracked-files=all").ok().text();
            assert_eq!(found, format!("{status}?? loose.txt\n"), "{}", context());
            assert_eq!(s.git("symbolic-ref --short HEAD").ok().text().trim(), name, "{}", context());
            for (path, content) in kept.into_iter().chain([("loose.txt", format!("loose in {name}\n"))]) {
                assert_eq!(s.read(path), content, "{path}: {}", context());
            }
            if work_of(n) == Work::Same {
                assert_eq!(s.git("show :d1/f1.txt").ok().text(), staged(&of_round(1, at)), "{}", context());
            }
            let record = r.git(&format!("show refs/sessions/{name}:session.toml")).ok().text();
            let parent = if work_of(n) == Work::Stacked { r.rev(&format!("{name}~1")) } else { String::new() };
            let fork = match (work_of(n), is_after) {
                (Work::Stacked, _) => parent,
                (_, true) => r.rev("main"),
                (_, false) => r.rev("main~1"),
            };
            assert!(record.contains(&format!("fork = \"{fork}\"")), "{}: {record}", context());
        }
        is_sound(&r);
        // Then each of them moves, at once.
        let stays = |row: &Value| !["rebased", "up-to-date"].iter().any(|word| row["outcome"] == *word);
        let left_out = rows(&patiently(&r, &["sync", "--autostash", "--json"])).into_iter().find(stays);
        assert!(left_out.is_none(), "round {round}: {left_out:?}");
    }
    assert!(done > 0 && undone > 0, "the delays hit nothing: {done} done, {undone} undone");
}

/// Kills the program and the git that it has started, right before that git moves a ref of the kind: no lock is given
/// back.
#[cfg(target_os = "linux")]
fn all_die_at(r: &Sandbox, reference: &str) {
    let kill = "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID";
    let hook = format!("#!/bin/sh\ntest \"$1\" = prepared && grep -q '{reference}' || exit 0\n{kill}\nexit 1\n");
    r.executable(".git/hooks/reference-transaction", &hook);
}

#[test]
#[cfg(target_os = "linux")]
fn killed_with_its_git_the_locks_of_the_move_go_and_nobody_elses() {
    for whose in ["git's", "ours", "ours, the branch moved", "somebody's"] {
        let is_somebodys = whose == "somebody's";
        let r = sandbox();
        r.file("a.txt", lines(0, 12)).commit("base");
        for name in ["one", "keeper"] {
            session(&r, name);
        }
        let mine = |text: String| text.replace("line 2\n", "mine\n");
        let one = r.session("one").file("a.txt", mine(lines(0, 12)));
        r.file("a.txt", lines(0, 12).replace("line 11\n", "last\n")).commit("the base moves");
        let tip = r.rev("one");
        let git_dir = one.git("rev-parse --path-format=absolute --git-dir").ok().text().trim().to_owned();
        let of_git = ["HEAD.lock", "ORIG_HEAD.lock"].map(|name| r.path(format!("{git_dir}/{name}")));
        let branch = r.path(".git/refs/heads/one.lock");
        all_die_at(&r, "refs/heads/one");
        start(&r, &["sync", "one", "--autostash"]).wait();
        r.remove(".git/hooks/reference-transaction");
        assert!(branch.exists() && of_git.iter().all(|lock| lock.exists()), "it did not die with its locks");
        if whose.starts_with("ours") {
            // As they are where no git is asked.
            r.file(&of_git[0], "ref: refs/heads/one\n");
        }
        if whose.ends_with("moved") {
            std::fs::rename(&branch, r.path(".git/refs/heads/one")).expect("is there");
            patiently(&r, &["set", "keeper", "--goal", "after"]).ok().stderr_contains("Completed");
            assert_eq!(one.read("a.txt"), mine(lines(0, 12).replace("line 11\n", "last\n")));
            assert!(of_git.iter().all(|lock| !lock.exists()) && !r.has(".git/refs/sessions/@pending/one.lock"));
            one.git("status --porcelain").ok().stdout(" M a.txt\n");
            is_sound(&r);
            continue;
        }
        if is_somebodys {
            // Who is about to move the branch, as far as can be told.
            r.file(&branch, format!("{tip}\n"));
        }
        patiently(&r, &["set", "keeper", "--goal", "after"]).ok().stderr_contains("Took back");
        let stay = std::iter::once(&branch).chain(&of_git).filter(|lock| lock.exists()).count();
        assert_eq!(stay, if is_somebodys { 3 } else { 0 });
        assert!(!r.has(".git/refs/sessions/@pending/one.lock") && !r.has(format!("{git_dir}/index.lock")));
        assert_eq!((r.rev("one"), one.read("a.txt")), (tip, mine(lines(0, 12))));
        one.git("status --porcelain").ok().stdout(" M a.txt\n");
        if !is_somebodys {
            r.git("session sync --autostash").ok();
            assert_eq!(one.read("a.txt"), mine(lines(0, 12).replace("line 11\n", "last\n")));
        }
        is_sound(&r);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn killed_with_its_git_when_it_gives_its_claim_up_the_session_is_free_at_once() {
    let r = sandbox();
    r.file("a.txt", "1\n").commit("base");
    for name in ["one", "keeper"] {
        session(&r, name);
    }
    r.file("a.txt", "2\n").commit("the base moves");
    all_die_at(&r, "0000000000 refs/sessions/@pending/one");
    start(&r, &["sync", "one"]).wait();
    r.remove(".git/hooks/reference-transaction");
    let lock = ".git/refs/sessions/@pending/one.lock";
    assert_eq!(r.read(lock), "");
    // That one is everybody's.
    r.remove(".git/packed-refs.lock");
    patiently(&r, &["set", "keeper", "--goal", "after"])
        .ok()
        .stderr_contains("Completed the interrupted `sync` of 'one'");
    assert!(!r.has(lock));
    r.file("a.txt", "3\n").commit("the base moves again");
    r.git("session sync").ok();
    assert_eq!(r.session("one").read("a.txt"), "3\n");
    is_sound(&r);
}
