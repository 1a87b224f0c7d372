//! `set`: the facts that `create` took.

use crate::support::{Run, Sandbox};

fn repo() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth --goal old --own 'src/**'").ok();
    r.git("session create docs").ok();
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

fn facts(r: &Sandbox, name: &str) -> toml::Table {
    r.git(&format!("show refs/sessions/{name}:session.toml")).ok().text().parse().expect("TOML")
}

#[test]
fn facts_change_in_one_event() {
    let r = repo();
    let id = r.rev("refs/sessions/auth");
    r.git("session set auth --goal new --focus backend --owner ann --priority 3 --own 'lib/**' --own x --read-only docs --depends-on docs")
        .ok()
        .stdout_contains("Set auth: goal new");
    let table = facts(&r, "auth");
    assert_eq!(
        (table["goal"].as_str(), table["focus"].as_str(), table["owner"].as_str()),
        (Some("new"), Some("backend"), Some("ann"))
    );
    assert_eq!(table["priority"].as_integer(), Some(3));
    assert_eq!(table["own"].as_array().map(Vec::len), Some(2));
    assert_eq!(table["depends-on"][0].as_str(), Some(r.rev("refs/sessions/docs").as_str()));
    assert_eq!(table["id"].as_str(), Some(id.as_str()));
    assert_eq!(table["created"].as_str(), Some("2026-01-01T00:01:00Z"));
    r.git("rev-list --count refs/sessions/auth").ok().stdout("2\n");
    r.session("auth").git("session set --goal ''").ok().stdout_contains("goal taken away");
    assert!(!facts(&r, "auth").contains_key("goal"));
    refused(&r, "session set auth --focus backend --priority 3", 0).stderr_contains("It is so already");
}

#[test]
fn the_base_changes_with_its_fork() {
    let r = repo();
    r.session("docs").file("d", "1\n").commit("docs");
    r.git("session set auth --base docs").ok();
    let table = facts(&r, "auth");
    assert_eq!(table["base"]["parent"].as_str(), Some(r.rev("refs/sessions/docs").as_str()));
    assert_eq!(table["base"]["fork"].as_str(), Some(r.rev("main").as_str()));
    refused(&r, "session set docs --base auth", 1).stderr_contains("is stacked on 'docs' itself");
    refused(&r, "session set docs --base docs", 1).stderr_contains("its own base");
    refused(&r, "session set auth --base nowhere", 1).stderr_contains("'nowhere' is no branch");
    r.git("session set auth --base main").ok();
    assert!(facts(&r, "auth")["base"].get("parent").is_none());
}

#[test]
fn refusals_change_nothing() {
    let r = repo();
    refused(&r, "session set auth", 2).stderr_contains("What is to be set?");
    refused(&r, "session set nobody --goal x", 1).stderr_contains("There is no session");
    refused(&r, "session set --goal x", 1).stderr_contains("not in a session's worktree");
    refused(&r, "session set auth --priority soon", 2).stderr_contains("is no priority");
    refused(&r, "session set auth --depends-on auth", 2).stderr_contains("cannot depend on itself");
    refused(&r, "session set auth --depends-on nobody", 1).stderr_contains("There is no session 'nobody'");
    refused(&r, "session set auth --state merged", 2);
}

#[test]
fn a_circle_is_refused_and_named() {
    let r = repo();
    r.git("session create third --depends-on docs").ok();
    r.git("session set docs --depends-on auth").ok();
    refused(&r, "session set auth --depends-on third", 1)
        .stderr_contains("'auth' needs 'third' needs 'docs' needs 'auth'")
        .stderr_contains("git session set docs --depends-on ''");
    // A stack is a need, too.
    r.session("auth").git("session create top --stack").ok();
    refused(&r, "session set auth --depends-on top", 1).stderr_contains("'auth' needs 'top' needs 'auth'");
    refused(&r, "session set auth --base third", 1).stderr_contains("'auth' needs 'third' needs 'docs' needs 'auth'");
    r.git("session set docs --depends-on ''").ok();
    r.git("session set auth --depends-on third").ok();
}
