//! What git's stash cannot hold, or does not take, stays where it is: `create --carry`, `create --stash`, and the end of a
//! session whose checkout stays.
#![cfg(unix)]

use crate::recovery::{patiently, start};
use crate::support::{Run, Sandbox};
use std::time::Duration;

fn repo() -> Sandbox {
    Sandbox::new().file("a.txt", "a\n").file("b c.txt", "b\n").commit("base")
}

/// An edit that git was told to overlook, and one that it sees.
fn hides_an_edit(r: &Sandbox) {
    r.git_args(["update-index", "--assume-unchanged", "b c.txt"]).ok();
    r.file("b c.txt", "precious\n").file("a.txt", "edited\n");
}

#[track_caller]
fn refused_for_it(r: &Sandbox, line: &str) {
    let run = r.unchanged_by(|r| {
        let run: Run = r.git(line);
        run.code(1);
        run
    });
    run.stderr_contains("'b c.txt'").stderr_contains("update-index --no-assume-unchanged -- 'b c.txt'`");
    assert_eq!((r.read("b c.txt"), r.read("a.txt")), ("precious\n".into(), "edited\n".into()));
    r.git("stash list").ok().stdout("");
}

#[test]
fn edits_that_flags_hide_are_not_carried_away() {
    let r = repo();
    hides_an_edit(&r);
    for line in ["create auth --carry", "create auth --stash", "create auth --carry --dry-run"] {
        refused_for_it(&r, &format!("session {line}"));
    }
    // What is hidden and is as it was is in nobody's way.
    r.file("b c.txt", "b\n");
    r.git("session create auth --carry").ok();
    assert_eq!(r.session("auth").read("a.txt"), "edited\n");
    r.git("stash list").ok().stdout("");
}

#[test]
fn edits_that_flags_hide_survive_the_end_of_a_session_made_here() {
    for line in ["finish auth --abandon --yes", "finish auth --abandon --dry-run", "undo --yes"] {
        let r = repo();
        r.git("session create auth --here").ok();
        hides_an_edit(&r);
        refused_for_it(&r, &format!("session {line}"));
        r.git("symbolic-ref HEAD").ok().stdout("refs/heads/auth\n");
        r.git_args(["update-index", "--no-assume-unchanged", "b c.txt"]).ok();
        r.git("session finish auth --abandon --yes").ok();
        r.git("stash pop --quiet").ok();
        assert_eq!((r.read("b c.txt"), r.read("a.txt")), ("precious\n".into(), "edited\n".into()));
    }
}

/// A submodule in which something was written, which git's stash leaves alone, and an older stash of somebody's.
fn only_a_submodule_is_dirty() -> Sandbox {
    let r = repo();
    r.git("init --quiet ../library").ok();
    r.in_dir(r.root().join("library")).file("l", "l\n").commit("library");
    r.env("GIT_ALLOW_PROTOCOL", "file").git("submodule --quiet add ../library lib").ok();
    r.commit("submodule");
    r.file("a.txt", "older\n").git("stash --quiet").ok();
    r.file("lib/l", "written\n");
    r
}

#[test]
fn an_older_stash_is_not_carried_where_nothing_was_stashed() {
    for (line, is_said) in [("create auth --carry", "stays there"), ("create auth --stash", "stays there")] {
        let r = only_a_submodule_is_dirty();
        let older = r.rev("refs/stash");
        r.git(&format!("session {line}")).ok().stderr_contains(is_said);
        assert_eq!(r.rev("refs/stash"), older);
        r.session("auth").git("status --porcelain").ok().stdout("");
        assert_eq!(r.read("lib/l"), "written\n");
    }
}

#[test]
fn an_older_stash_is_not_the_salvage_of_a_session_made_here() {
    let r = only_a_submodule_is_dirty();
    r.git("session create auth --here").ok();
    let older = r.rev("refs/stash");
    let answer = r.git("session finish auth --abandon --yes --json").ok().json_as("finish");
    assert!(answer["sessions"][0]["salvage"].is_null(), "{answer}");
    assert_eq!(r.rev("refs/stash"), older);
    assert_eq!(r.read("lib/l"), "written\n");
}

/// Kills a command while a hook holds it, and takes the hook away.
fn killed_in(r: &Sandbox, args: &[&str], hook: &str, script: &str) {
    let path = format!(".git/hooks/{hook}");
    r.executable(&path, &format!("#!/bin/sh\n{script}\nexit 0\n"));
    let running = start(r, args);
    running.kill_after(Duration::from_millis(1500));
    r.remove(&path);
}

#[test]
fn work_on_its_way_into_a_session_comes_back_when_create_is_killed() {
    let r = repo();
    r.file("a.txt", "staged\n").git("add a.txt").ok();
    r.file("a.txt", "edited\n").file("new.txt", "new\n");
    let status = r.git("status --porcelain").ok().text();
    let script = "[ \"$1\" = prepared ] && grep -q refs/heads/auth && sleep 3";
    killed_in(&r, &["create", "auth", "--carry"], "reference-transaction", script);
    patiently(&r, &["create", "other"]).ok().stderr_contains("interrupted `create auth`");
    assert_eq!(r.git("status --porcelain").ok().text(), status);
    assert_eq!((r.read("a.txt"), r.read("new.txt")), ("edited\n".into(), "new\n".into()));
    r.git("stash list").ok().stdout("");
}

#[test]
fn work_stays_where_it_is_until_the_new_session_is_claimed() {
    let r = repo();
    r.git("session create first").ok();
    r.file("a.txt", "edited\n").file("new.txt", "new\n");
    let status = r.git("status --porcelain").ok().text();
    let script = "[ \"$1\" = prepared ] && grep -q @pending/auth && sleep 3";
    killed_in(&r, &["create", "auth", "--carry"], "reference-transaction", script);
    patiently(&r, &["create", "other"]).ok();
    assert_eq!(r.git("status --porcelain").ok().text(), status);
    assert_eq!((r.read("a.txt"), r.read("new.txt")), ("edited\n".into(), "new\n".into()));
    r.git("stash list").ok().stdout("");
}

#[test]
fn work_on_the_stash_comes_back_when_the_end_of_a_session_made_here_is_killed() {
    let r = repo();
    r.git("session create auth --here").ok();
    r.file("a.txt", "staged\n").git("add a.txt").ok();
    r.file("a.txt", "edited\n").file("new.txt", "new\n");
    let status = r.git("status --porcelain --branch").ok().text();
    killed_in(&r, &["finish", "auth", "--abandon", "--yes"], "post-checkout", "sleep 3");
    patiently(&r, &["create", "other"]).ok().stderr_contains("interrupted `finish auth`");
    assert_eq!(r.git("status --porcelain --branch").ok().text(), status);
    assert_eq!((r.read("a.txt"), r.read("new.txt")), ("edited\n".into(), "new\n".into()));
    r.git("stash list").ok().stdout("");
}
