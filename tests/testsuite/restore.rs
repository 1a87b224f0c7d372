//! `restore`: an ended session comes back as it was, byte for byte.

use crate::support::{Sandbox, str};
use std::os::unix::fs::PermissionsExt;

fn repo() -> Sandbox {
    let r = Sandbox::new()
        .file("a.txt", "A\n")
        .file("b.txt", "b\n")
        .file("c.txt", "c\n")
        .file("run.sh", "#!/bin/sh\n")
        .commit("base");
    r.git("session create auth --goal 'Log in'").ok();
    r
}

/// Everything that can be uncommitted, and commits that no remote has.
fn busy_work(at: &Sandbox) {
    at.file("work.txt", "committed\n").commit("work");
    at.file("a.txt", "staged\n").git("add a.txt").ok();
    at.file("a.txt", "staged and changed\n").file("b.txt", "changed\n");
    at.git("rm --quiet --cached c.txt").ok();
    at.file("new/untracked.bin", b"\0\xff\r\n\n").file("added.txt", "added\n").git("add added.txt").ok();
    std::fs::set_permissions(at.path("run.sh"), std::fs::Permissions::from_mode(0o755)).expect("executable");
    std::os::unix::fs::symlink("/nowhere", at.path("dangling")).expect("a link");
}

/// All that a worktree is: status, index, files.
fn picture(at: &Sandbox) -> String {
    let mut text = at.git("status --porcelain=v2 --branch --untracked-files=all").ok().text();
    text.push_str(&at.git("ls-files --stage").ok().text());
    for line in at.git("ls-files --cached --others").ok().text().lines() {
        let path = at.path(line);
        let content = match std::fs::read_link(&path) {
            Ok(target) => format!("-> {}", target.display()),
            Err(_) => format!("{:?}", std::fs::read(&path).ok()),
        };
        let mode = path.symlink_metadata().map(|meta| meta.permissions().mode() & 0o111).unwrap_or_default();
        text.push_str(&format!("{line} {mode:o} {content}\n"));
    }
    text
}

fn is_sound(r: &Sandbox) {
    r.git("fsck --strict --no-dangling").ok();
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
}

#[test]
fn an_abandoned_session_comes_back_byte_for_byte() {
    let r = repo();
    let auth = r.session("auth");
    busy_work(&auth);
    let before = picture(&auth);
    let id = r.git("session show auth --json").ok().json()["id"].clone();
    r.git("session finish auth --abandon --yes").ok();
    assert!(!auth.here().exists() && !r.has_rev("refs/heads/auth"));
    r.git("gc --prune=now --quiet").ok();
    r.tick().unchanged_by(|r| r.git("session restore auth -n").ok().stdout_contains("what was uncommitted").status());
    let answer = r.git("session restore auth --json").ok().json_as("restore");
    assert_eq!(answer["sessions"][0]["id"], id);
    assert_eq!(answer["sessions"][0]["uncommitted"], true);
    assert_eq!(r.session("auth").here(), auth.here());
    assert_eq!(picture(&auth), before);
    r.git("session list --format '%(name) %(state) %(goal) %(ended)'").ok().stdout("auth open Log in \n");
    r.git("session list --ended --format '%(name)'").ok().stdout("");
    r.git("session log auth").ok().stdout_contains("restored");
    is_sound(&r);
}

#[test]
fn a_merged_session_comes_back_with_its_branch_and_the_base_stays() {
    let r = repo();
    let auth = r.session("auth").file("x.txt", "x\n").commit("work");
    let tip = r.rev("auth");
    r.config("branch.auth.remote", "origin").config("branch.auth.merge", "refs/heads/auth");
    r.git("session finish auth --merge").ok();
    assert!(r.git("config --get branch.auth.merge").status() == Some(1));
    r.git("session restore auth").ok().stdout(str![[r#"
Restored auth: branch auth at [OID].
  cd [ROOT]/repo-sessions/auth

"#]]);
    assert_eq!(r.rev("auth"), tip);
    r.git("config --get branch.auth.merge").ok().stdout("refs/heads/auth\n");
    auth.git("status --porcelain --branch").ok().stdout("## auth\n");
    assert!(r.has("x.txt"), "the base has the work still");
    r.git("session finish auth --keep").ok();
    is_sound(&r);
}

#[test]
fn a_kept_branch_that_moved_on_is_taken_as_it_is() {
    let r = repo();
    r.session("auth").file("x.txt", "x\n").commit("work");
    r.git("session finish auth --keep").ok();
    r.git("switch --quiet auth").ok();
    r.file("y.txt", "y\n").commit("more");
    let tip = r.rev("auth");
    r.git("session restore auth").code(1).stderr_contains("switch --detach");
    r.git("switch --quiet main").ok();
    r.git("session restore auth").ok();
    assert_eq!(r.rev("auth"), tip);
    assert_eq!(r.session("auth").read("y.txt"), "y\n");
    is_sound(&r);
}

#[test]
fn an_unmerged_index_comes_back_with_its_stages() {
    let r = repo();
    let auth = r.session("auth");
    auth.file("a.txt", "mine\n").git("stash push --quiet").ok();
    auth.file("a.txt", "theirs\n").commit("other");
    auth.git("stash apply").code(1);
    let before = picture(&auth);
    assert!(before.contains("\nu UU "), "{before}");
    r.git("session finish auth --abandon --yes").ok();
    r.git("session restore auth").ok();
    assert_eq!(picture(&auth), before);
    is_sound(&r);
}

#[test]
fn what_was_staged_in_a_directory_that_was_gone_comes_back() {
    let r = repo();
    let auth = r.session("auth");
    auth.file("a.txt", "staged\n").git("add a.txt").ok();
    r.remove(auth.here());
    r.git("session finish auth --abandon --yes").ok();
    r.git("session restore auth").ok();
    auth.git("status --porcelain").ok().stdout("M  a.txt\n");
    is_sound(&r);
}

#[test]
fn a_detached_worktree_comes_back_detached() {
    let r = repo();
    let auth = r.session("auth");
    auth.git("switch --quiet --detach").ok();
    auth.file("d.txt", "d\n").commit("on no branch").file("a.txt", "changed\n");
    let (head, before) = (auth.rev("HEAD"), picture(&auth));
    r.git("session finish auth --abandon --yes").ok();
    r.git("session restore auth").ok();
    assert_eq!((auth.rev("HEAD"), picture(&auth)), (head, before));
    is_sound(&r);
}

#[test]
fn what_is_in_the_way_is_refused_and_another_name_goes_round_it() {
    let r = repo();
    let auth = r.session("auth").file("x.txt", "x\n");
    let id = r.git("session show auth --json").ok().json()["id"].as_str().expect("an id")[..8].to_owned();
    r.git("session finish auth --abandon --yes").ok();
    r.git("branch auth").ok();
    r.unchanged_by(|r| r.git("session restore auth").code(1).stderr_contains("a branch 'auth'").status());
    r.git("branch -D auth").ok();
    r.git("session create auth").ok();
    r.unchanged_by(|r| {
        r.git("session restore auth").code(1).stderr_contains(&format!("git session restore {id} --as")).status()
    });
    r.git("session create auth2").ok();
    r.git(&format!("session restore {id} --as auth2")).code(1).stderr_contains("'auth2' is in the way");
    r.git(&format!("session restore {id} --as auth3")).ok();
    let other = r.session("auth3");
    assert_eq!(other.read("x.txt"), "x\n");
    other.git("symbolic-ref --short HEAD").ok().stdout("auth3\n");
    assert!(auth.here().exists());
    r.git("session restore auth3").code(1).stderr_contains("has not ended");
    r.git("session restore nobody").code(1).stderr_contains("list --ended");
    is_sound(&r);
}

#[test]
fn a_taken_directory_gives_way_to_the_usual_place_and_both_taken_is_refused() {
    let r = repo();
    r.git("session move auth ../elsewhere").ok();
    r.session("auth").file("x.txt", "x\n");
    r.git("session finish auth --abandon --yes").ok();
    r.file("../elsewhere/foreign.txt", "f\n").file("../repo-sessions/auth/foreign.txt", "f\n");
    r.unchanged_by(|r| r.git("session restore auth").code(1).stderr_contains("--as").status());
    r.remove("../repo-sessions/auth");
    r.git("session restore auth").ok();
    assert_eq!(r.session("auth").here(), r.root().join("repo-sessions/auth"));
    assert_eq!(r.session("auth").read("x.txt"), "x\n");
    assert_eq!(r.read("../elsewhere/foreign.txt"), "f\n");
    is_sound(&r);
}

#[test]
fn of_several_by_that_name_the_newest_comes_back_and_older_ones_by_id() {
    let r = repo();
    let id = r.git("session show auth --json").ok().json()["id"].as_str().expect("an id")[..8].to_owned();
    r.session("auth").file("x.txt", "first\n");
    r.git("session finish auth --abandon --yes").ok();
    r.tick().git("session create auth").ok();
    r.session("auth").file("x.txt", "second\n");
    r.tick().git("session finish auth --abandon --yes").ok();
    r.git("session restore auth").ok();
    assert_eq!(r.session("auth").read("x.txt"), "second\n");
    r.tick().git("session finish auth --abandon --yes").ok();
    r.git(&format!("session restore {id}")).ok();
    assert_eq!(r.session("auth").read("x.txt"), "first\n");
}

#[test]
fn ended_twice_the_work_of_the_last_end_comes_back() {
    let r = repo();
    let auth = r.session("auth").file("x.txt", "first\n");
    r.git("session finish auth --abandon --yes").ok();
    r.tick().git("session restore auth").ok();
    auth.git("clean --quiet --force").ok();
    r.tick().git("session finish auth --keep").ok();
    r.tick().git("session restore auth").ok();
    assert!(!auth.has("x.txt"), "that was of the end before");
    auth.file("x.txt", "third\n");
    r.tick().git("session finish auth --abandon --yes").ok();
    r.tick().git("session restore auth").ok();
    assert_eq!(auth.read("x.txt"), "third\n");
}

#[test]
fn a_session_in_the_checkout_comes_back_there_if_that_is_clean() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth --here").ok();
    r.file("w.txt", "w\n").commit("work").file("a.txt", "changed\n").file("new.txt", "n\n").git("add new.txt").ok();
    let before = picture(&r);
    r.git("session finish auth --abandon --yes").ok();
    r.git("symbolic-ref --short HEAD").ok().stdout("main\n");
    r.git("session restore auth").ok();
    assert_eq!(picture(&r), before);
    assert_eq!(r.session("auth").here(), r.repo());
    r.git("stash list").ok().stdout("");
    r.git("session finish auth --abandon --yes").ok();
    r.file("a.txt", "in use\n");
    r.git("session restore auth").ok().stderr_contains("a worktree of its own");
    assert_eq!(r.read("a.txt"), "in use\n");
    assert_eq!(r.session("auth").read("a.txt"), "changed\n");
    is_sound(&r);
}

#[test]
fn a_folder_that_cannot_be_written_to_leaves_the_session_ended() {
    let r = repo();
    r.session("auth").file("x.txt", "x\n");
    r.git("session finish auth --abandon --yes").ok();
    let folder = r.root().join("repo-sessions");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).expect("can be set");
    let is_root = std::fs::write(folder.join("trial"), "").is_ok();
    if !is_root {
        let refs = || r.git("for-each-ref").ok().text();
        let before = refs();
        r.git("session restore auth").code(1);
        assert_eq!(refs(), before);
    }
    // Where nothing is in it the folder goes, as with the last session.
    if folder.exists() {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("can be set");
    }
    r.git("session restore auth").ok();
    assert_eq!(r.session("auth").read("x.txt"), "x\n");
    is_sound(&r);
}

#[test]
fn files_that_cannot_be_written_leave_the_session_ended_and_everything_as_it_was() {
    let r = repo();
    busy_work(&r.session("auth"));
    r.git("session finish auth --abandon --yes").ok();
    r.file(".git/info/attributes", "*.txt filter=x\n").config("filter.x.clean", "cat");
    r.config("filter.x.smudge", "false").config("filter.x.required", "true");
    let refs = || r.git("for-each-ref").ok().text();
    let before = refs();
    r.git("session restore auth").code(1).stderr_contains("smudge filter x failed");
    assert_eq!(refs(), before);
    assert!(!r.root().join("repo-sessions").exists());
    r.git("worktree list").ok().stdout_lacks("auth");
    r.remove(".git/info/attributes");
    r.git("session restore auth").ok();
    is_sound(&r);
}

#[test]
fn names_of_ended_sessions_complete() {
    let r = repo();
    r.git("session create other").ok();
    r.git("session finish auth --keep").ok();
    r.run("git-session", ["__complete", "2", "git session", "restore", ""]).ok().stdout("auth\tkept\n");
}

#[test]
fn of_many_that_bring_it_back_at_once_one_does() {
    let r = repo();
    busy_work(&r.session("auth"));
    let before = picture(&r.session("auth"));
    r.git("session finish auth --abandon --yes").ok();
    let running: Vec<_> = (0..8).map(|_| r.spawn("session restore auth")).collect();
    let codes: Vec<_> = running.into_iter().map(|running| running.wait().status()).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1 | 4))), "{codes:?}");
    assert_eq!(picture(&r.session("auth")), before);
    is_sound(&r);
}

#[test]
fn a_sparse_checkout_comes_back_as_sparse_as_it_was() {
    let r = Sandbox::new();
    for path in ["a.txt", "in/one", "in/deep/two", "out/one", "out/deep/two"] {
        r.file(path, format!("{path}\n"));
    }
    r.commit("base");
    for (name, work, patterns) in [("clean", false, "--cone"), ("busy", true, "--cone"), ("odd", true, "--no-cone")] {
        r.git(&format!("session create {name} --sparse in")).ok();
        let s = r.session(name);
        if patterns == "--no-cone" {
            s.git("sparse-checkout set --no-cone /in/ !/in/deep/").ok();
        }
        if work {
            s.file("in/one", "changed\n").file("in/new", "new\n");
            // Work outside of the patterns is work too.
            s.file("out/one", "changed outside\n");
        }
        let lines = s.git("sparse-checkout list").ok().text();
        let has = |path: &str| s.has(path);
        let before = ["a.txt", "in/one", "in/deep/two", "in/new", "out/one", "out/deep/two"].map(has);
        for verb in ["restore", "undo"] {
            r.git(&format!("session finish {name} --abandon -y")).ok();
            assert!(!s.here().exists());
            let line = if verb == "undo" { "undo -y".to_owned() } else { format!("restore {name}") };
            r.git(&format!("session {line}")).ok();
            assert_eq!(s.git("sparse-checkout list").ok().text(), lines, "{name} {verb}");
            let has = |path: &str| s.has(path);
            let after = ["a.txt", "in/one", "in/deep/two", "in/new", "out/one", "out/deep/two"].map(has);
            assert_eq!(after, before, "{name} {verb}");
            if work {
                assert_eq!((s.read("in/one"), s.read("out/one")), ("changed\n".into(), "changed outside\n".into()));
            } else {
                s.git("status --porcelain").ok().stdout("");
            }
        }
    }
    // The main worktree and others stay whole.
    assert!(r.has("out/deep/two"));
    r.git("session create whole").ok();
    assert!(r.session("whole").has("out/deep/two"));
    // What others left behind since is not in the way.
    r.git("session finish clean --abandon -y").ok();
    r.git("session create late").ok();
    r.session("late").file("late.txt", "x\n");
    r.git("session finish late --abandon -y").ok();
    r.git("session restore clean").ok();
    assert!(!r.session("clean").has("out/one"));
}
