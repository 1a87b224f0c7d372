//! Salvage: what is uncommitted is in one commit before a worktree goes, whatever it is and however young.

use crate::support::Sandbox;
use std::os::unix::fs::PermissionsExt;

fn repo() -> Sandbox {
    let r = Sandbox::new()
        .file("a.txt", "AAAA\n")
        .file("b.txt", "b\n")
        .file("c.txt", "c\n")
        .file("run.sh", "#!/bin/sh\n")
        .commit("base");
    r.git("session create auth").ok();
    r
}

fn abandoned(r: &Sandbox) -> String {
    let answer = r.git("session finish auth --abandon --yes --json").ok().json_as("finish");
    answer["sessions"][0]["salvage"].as_str().expect("a salvage").to_owned()
}

#[test]
fn changes_of_kind_and_mode_and_promises_to_add() {
    let r = repo();
    let auth = r.session("auth");
    std::fs::set_permissions(auth.path("run.sh"), std::fs::Permissions::from_mode(0o755)).expect("executable");
    auth.remove("b.txt");
    std::os::unix::fs::symlink("a.txt", auth.path("b.txt")).expect("a link");
    auth.remove("c.txt").file("c.txt/now/a/folder", "f\n");
    auth.file("promised.txt", "p\n").git("add --intent-to-add promised.txt").ok();
    std::os::unix::fs::symlink("/nowhere", auth.path("dangling")).expect("a link");
    let salvage = abandoned(&r);
    let again = r.root().join("again");
    r.git_args([
        "worktree".as_ref(),
        "add".as_ref(),
        "--quiet".as_ref(),
        "--detach".as_ref(),
        again.as_os_str(),
        "main".as_ref(),
    ])
    .ok();
    let again = r.in_dir(again);
    again.git(&format!("stash apply --quiet {salvage}")).ok();
    assert!(again.path("run.sh").metadata().expect("there").permissions().mode() & 0o100 != 0);
    assert_eq!(std::fs::read_link(again.path("b.txt")).expect("a link"), std::path::Path::new("a.txt"));
    assert_eq!((again.read("c.txt/now/a/folder"), again.read("promised.txt")), ("f\n".into(), "p\n".into()));
    assert!(again.has("dangling"));
}

/// A file that was changed in the same tick of the clock in which the index was written, to the same size.
fn changed_in_the_same_tick(at: &Sandbox, path: &str, text: &str) {
    let tick = ["-m", "-d", "2026-01-01 00:00:00"];
    let touch = |file: &str| at.run("touch", tick.iter().copied().chain([file])).ok().status();
    at.config("core.trustctime", "false");
    touch(path);
    at.git("update-index --really-refresh").ok();
    std::fs::write(at.path(path), text).expect("written in place");
    touch(path);
    touch(&(at.git("rev-parse --absolute-git-dir").ok().text().trim_end().to_owned() + "/index"));
    at.env("GIT_OPTIONAL_LOCKS", "0").git("status --porcelain").ok().stdout(format!(" M {path}\n"));
}

#[test]
fn what_was_written_a_moment_ago_is_in_it() {
    let r = repo();
    changed_in_the_same_tick(&r.session("auth"), "a.txt", "BBBB\n");
    let salvage = abandoned(&r);
    r.git(&format!("show {salvage}:a.txt")).ok().stdout("BBBB\n");
}

#[test]
fn what_a_sibling_wrote_a_moment_ago_is_not_copied() {
    let r = repo();
    changed_in_the_same_tick(&r, "a.txt", "BBBB\n");
    r.git("session create docs").ok();
    let docs = r.session("docs");
    assert_eq!(docs.read("a.txt"), "AAAA\n");
    docs.git("update-index --really-refresh").ok();
    docs.git("status --porcelain").ok().stdout("");
}

#[test]
fn what_was_written_a_moment_ago_in_the_base_worktree_stays() {
    let r = repo();
    r.session("auth").file("a.txt", "auth\n").commit("work");
    changed_in_the_same_tick(&r, "a.txt", "BBBB\n");
    r.git("session finish auth --merge").code(1).stderr_contains("in the way: 'a.txt'");
    assert_eq!(r.read("a.txt"), "BBBB\n");
}

#[test]
fn a_branch_that_another_worktree_has_too_is_not_deleted() {
    let r = repo();
    r.session("auth").file("x", "1\n").commit("work");
    r.git("worktree add --quiet --force ../second auth").ok();
    for mode in ["--merge", "--abandon --yes"] {
        let run = r.unchanged_by(|r| r.git(&format!("session finish auth {mode}")));
        run.code(1).stderr_contains("second");
    }
    r.git("session finish auth --keep").ok();
    r.in_dir("../second").git("status --porcelain --branch").ok().stdout("## auth\n");
}

#[test]
fn work_stays_where_it_is_when_the_checkout_cannot_be_switched() {
    let r = Sandbox::new().file("settings.local", "tracked\n").file("a.txt", "1\n").commit("base");
    r.git("session create auth --here").ok();
    r.remove("settings.local").file(".gitignore", "settings.local\n").commit("untrack");
    r.file("settings.local", "mine\n").file("a.txt", "dirty\n").file("new.txt", "n\n").git("add new.txt").ok();
    let status = r.git("status --porcelain").ok().text();
    r.git("session finish auth --abandon --yes").code(1);
    assert_eq!(r.git("status --porcelain").ok().text(), status);
    assert_eq!((r.read("a.txt"), r.read("settings.local")), ("dirty\n".into(), "mine\n".into()));
    r.git("stash list").ok().stdout("");
    r.git("symbolic-ref HEAD").ok().stdout("refs/heads/auth\n");
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
}

#[test]
fn a_sparse_worktree_salvages_what_is_there() {
    let r = Sandbox::new().file("lib/l.txt", "l\n").file("docs/d.txt", "d\n").commit("base");
    r.git("session create auth --sparse lib").ok();
    let auth = r.session("auth");
    auth.file("lib/l.txt", "changed\n").file("docs/d.txt", "made by hand\n").file("docs/new.txt", "n\n");
    let salvage = abandoned(&r);
    r.git(&format!("show {salvage}:lib/l.txt")).ok().stdout("changed\n");
    r.git(&format!("show {salvage}:docs/d.txt")).ok().stdout("made by hand\n");
    r.git(&format!("show {salvage}^3:docs/new.txt")).ok().stdout("n\n");
}

#[test]
fn the_user_s_own_stash_is_not_touched() {
    let r = repo();
    let auth = r.session("auth").file("b.txt", "on the stash\n");
    auth.git("stash push --quiet -m mine").ok();
    auth.file("b.txt", "uncommitted\n");
    let before = r.git("stash list").ok().text();
    abandoned(&r);
    assert_eq!(r.git("stash list").ok().text(), before);
}

/// git takes no such names into an index, and says so only where nobody looks.
#[test]
fn what_no_salvage_can_hold_is_in_the_way() {
    let r = repo();
    let auth = r.session("auth");
    let link = |auth: &Sandbox| std::os::unix::fs::symlink("a.txt", auth.path(".gitmodules")).expect("a link");
    for name in ["v/.GIT/x", "v/git~1/x", ".gitmodules"] {
        if name == ".gitmodules" {
            link(&auth)
        } else {
            _ = auth.file(name, "precious\n")
        }
        for line in ["finish auth --abandon --yes", "undo --yes"] {
            let run = r.git(&format!("session {line}"));
            run.code(1).stderr_contains(&format!("'{name}'")).stderr_contains("out of the worktree");
            assert!(auth.has(name), "{line}");
            assert!(r.has_rev("refs/sessions/auth") && r.has_rev("refs/heads/auth"), "{line}");
        }
        r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
        auth.remove(name.split('/').next().expect("a name"));
    }
    auth.file("note.txt", "n\n");
    abandoned(&r);
}

#[test]
fn a_file_in_the_place_of_a_submodule_is_held() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    r.git("init --quiet ../inner").ok();
    r.in_dir("../inner").file("i", "i\n").commit("inner");
    r.git("-c protocol.file.allow=always submodule --quiet add ../inner sub").ok();
    let r = r.commit("a submodule");
    r.git("session create auth").ok();
    r.session("auth").remove("sub").file("sub", "precious\n");
    let salvage = abandoned(&r);
    r.git(&format!("show {salvage}:sub")).ok().stdout("precious\n");
    r.git("session restore auth").ok();
    assert_eq!(r.session("auth").read("sub"), "precious\n");
}
