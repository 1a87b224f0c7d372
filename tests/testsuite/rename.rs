//! `rename`: name, branch and directory together, where they follow from the name.

use crate::support::{Run, Sandbox};

fn repo() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth --goal 'Log in'").ok();
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

#[track_caller]
fn whole(r: &Sandbox, name: &str, branch: &str, place: &str) {
    let top = r.session(name);
    assert_eq!(top.here(), r.root().join(place));
    top.git("symbolic-ref HEAD").ok().stdout(format!("refs/heads/{branch}\n"));
    top.git("symbolic-ref refs/worktree/session").ok().stdout(format!("refs/sessions/{name}\n"));
    let list = r.git(&format!("session list {name} --json")).ok().json_as("list");
    assert_eq!(list["sessions"][0]["broken"].as_array().map(Vec::len), Some(0), "{list}");
    assert_eq!(list["sessions"][0]["branch"], branch);
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
    r.git("fsck").ok();
}

#[test]
fn all_three_follow_and_work_stays() {
    let r = repo();
    r.config("branch.auth.description", "kept");
    let (id, tip) = (r.rev("refs/sessions/auth"), r.rev("auth"));
    r.git("session create child --base auth").ok();
    let answer = r.git("session rename auth login --json").ok().json_as("rename");
    assert_eq!(
        (answer["from"].as_str(), answer["to"].as_str(), answer["branch"].as_str()),
        (Some("auth"), Some("login"), Some("login"))
    );
    whole(&r, "login", "login", "repo-sessions/login");
    assert_eq!(r.rev("login"), tip);
    assert!(!r.has_rev("refs/heads/auth") && !r.has_rev("refs/sessions/auth") && !r.has("../repo-sessions/auth"));
    r.session("login").git("status --porcelain").ok().stdout(" M x\n?? u\n");
    r.git("config branch.login.description").ok().stdout("kept\n");
    r.git(&format!("merge-base --is-ancestor {id} refs/sessions/login")).ok();
    r.git("session show login").ok().stdout_contains("Log in");
    let list = r.git("session list child --json").ok().json_as("list");
    assert_eq!(list["sessions"][0]["base"]["name"], "login");
    r.git("session create auth").ok();
}

#[test]
fn folders_of_names_can_be_changed() {
    let r = repo();
    r.git("session rename auth web/auth").ok();
    whole(&r, "web/auth", "web/auth", "repo-sessions/web/auth");
    r.git("session rename web/auth auth").ok();
    whole(&r, "auth", "auth", "repo-sessions/auth");
    assert!(!r.has("../repo-sessions/web"));
}

#[test]
fn a_name_inside_its_own_is_moved_by_way_of_done() {
    let r = repo();
    r.config("session.path", "../trees/{slug}");
    r.git("session create web").ok();
    r.git("session rename web web/front").ok();
    whole(&r, "web/front", "web/front", "trees/web-front");
    r.git("session rename web/front web").ok();
    whole(&r, "web", "web", "trees/web");
    r.git("for-each-ref refs/sessions/@done/").ok().stdout("");
}

#[test]
fn what_does_not_follow_from_the_name_stays() {
    let r = repo();
    r.git("session create docs --branch topic/docs").ok();
    r.git("session move docs ../own-place").ok();
    r.git("session rename docs guide").ok();
    whole(&r, "guide", "topic/docs", "own-place");
    r.git("switch --quiet -c here").ok();
    r.git("session adopt here").ok();
    r.git("session rename here there").ok();
    r.git("symbolic-ref HEAD").ok().stdout("refs/heads/here\n");
    r.config("session.branchPrefix", "me/");
    r.git("session create one").ok();
    r.git("session rename one two").ok();
    whole(&r, "two", "me/two", "repo-sessions/two");
}

#[test]
fn refusals_change_nothing() {
    let r = repo();
    r.git("session create docs").ok();
    r.git("branch taken").ok();
    refused(&r, "session rename auth auth", 2).stderr_contains("is its name already");
    refused(&r, "session rename auth docs", 1).stderr_contains("in the way of the name 'docs'");
    refused(&r, "session rename auth docs/x", 1).stderr_contains("in the way");
    refused(&r, "session rename auth taken", 1).stderr_contains("There is a branch 'taken' already");
    refused(&r, "session rename auth 'Log In'", 2).stderr_contains("`log-in` would do");
    refused(&r, "session rename nobody x", 1).stderr_contains("There is no session 'nobody'");
    r.file("../repo-sessions/login/x", "x\n");
    refused(&r, "session rename auth login", 1).stderr_contains("is taken");
    r.remove("../repo-sessions/login");
    let top = r.session("auth").here().display().to_string();
    r.git(&format!("worktree lock {top}")).ok();
    refused(&r, "session rename auth login", 1).stderr_contains("is locked").stderr_contains("git worktree unlock");
    r.git(&format!("worktree unlock {top}")).ok();
    let docs = r.session("docs").file("a.txt", "docs\n").commit("docs");
    r.file("a.txt", "main\n").commit("main");
    docs.git("rebase main").code(1);
    refused(&r, "session rename docs guide", 1).stderr_contains("in the middle of a rebase");
    refused(&r, "session rename auth login -n", 0).stdout_contains("Would rename auth to login");
}

#[test]
fn a_missing_worktree_is_no_obstacle() {
    let r = repo();
    std::fs::remove_dir_all(r.session("auth").here()).expect("removed by hand");
    r.git("session rename auth login").ok();
    assert!(r.has_rev("refs/heads/login") && r.has_rev("refs/sessions/login"));
    r.git("session adopt login").ok();
    assert_eq!(r.session("login").read("x"), "1\n");
}
