//! `move`: the directory alone.

use crate::support::{Run, Sandbox};

fn repo() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    r.session("auth").file("x", "1\n").commit("work").file("x", "dirty\n").file("u", "untracked\n");
    r
}

#[track_caller]
fn refused(r: &Sandbox, line: &str, code: i32) -> Run {
    r.unchanged_by(|r| {
        let run = r.git(line);
        run.code(code);
        run
    })
}

#[test]
fn the_directory_moves_with_its_work() {
    let r = repo();
    let answer = r.git("session move auth '../new place/auth 🚀' --json").ok().json_as("move");
    assert_eq!(answer["to"], r.root().join("new place/auth 🚀").to_str().expect("UTF-8"));
    let auth = r.session("auth");
    assert_eq!(auth.here(), r.root().join("new place/auth 🚀"));
    auth.git("status --porcelain").ok().stdout(" M x\n?? u\n");
    auth.git("symbolic-ref HEAD").ok().stdout("refs/heads/auth\n");
    auth.git("symbolic-ref refs/worktree/session").ok().stdout("refs/sessions/auth\n");
    let list = r.git("session list --json").ok().json_as("list");
    assert_eq!(list["sessions"][0]["broken"].as_array().map(Vec::len), Some(0));
    // As `mv` does it: into a directory that is there.
    r.file("../full/file", "x\n");
    r.git("session move auth ../full").ok();
    assert_eq!(r.session("auth").here(), r.root().join("full/auth 🚀"));
    assert!(!r.has("../repo-sessions/auth"));
}

#[test]
fn refusals_change_nothing() {
    let r = repo();
    refused(&r, "session move auth ../repo-sessions/auth", 2).stderr_contains("is there already");
    r.file("../full/auth/file", "x\n").file("../blocking", "x\n");
    refused(&r, "session move auth ../full", 1).stderr_contains("is taken");
    refused(&r, "session move auth ../blocking", 1).stderr_contains("is taken");
    refused(&r, "session move auth ../repo-sessions/auth/inside", 1);
    refused(&r, "session move nobody ../x", 1).stderr_contains("There is no session");
    refused(&r, "session move auth ../x -n", 0).stdout_contains("Would move auth to ");
    let top = r.session("auth").here().display().to_string();
    r.git(&format!("worktree lock {top}")).ok();
    refused(&r, "session move auth ../x", 1).stderr_contains("is locked").stderr_contains("git worktree unlock");
    r.git(&format!("worktree unlock {top}")).ok();
    r.git("branch plain").ok();
    r.git("session adopt plain --no-worktree").ok();
    refused(&r, "session move plain ../x", 1)
        .stderr_contains("has no worktree")
        .stderr_contains("git session adopt plain");
    r.git("switch --quiet -c here").ok();
    r.git("session adopt here").ok();
    refused(&r, "session move here ../x", 1).stderr_contains("The main worktree cannot be moved");
}

#[test]
fn into_an_empty_directory_too_it_goes_as_mv_does_it() {
    let r = repo();
    std::fs::create_dir(r.root().join("empty")).expect("can be made");
    let into = |to: &str| {
        let answer = r.git(&format!("session move auth {to} --json")).ok().json_as("move");
        let here = r.session("auth").here().to_owned();
        assert_eq!(answer["to"], here.to_str().expect("UTF-8"));
        let told = r.git("session log auth").ok().text();
        assert!(told.contains(&format!("to {} ", here.display())), "{told}");
        here
    };
    assert_eq!(into("../empty"), r.root().join("empty/auth"));
    #[cfg(unix)]
    {
        std::fs::create_dir(r.root().join("other")).expect("can be made");
        std::os::unix::fs::symlink("other", r.root().join("link")).expect("can be made");
        assert_eq!(into("../link"), r.root().join("other/auth"));
    }
}

#[test]
fn a_new_name_takes_an_empty_directory_at_its_place() {
    let r = repo();
    std::fs::create_dir(r.root().join("repo-sessions/login")).expect("can be made");
    r.git("session rename auth login").ok();
    assert_eq!(r.session("login").here(), r.root().join("repo-sessions/login"));
    r.session("login").git("status --porcelain").ok().stdout(" M x\n?? u\n");
}
