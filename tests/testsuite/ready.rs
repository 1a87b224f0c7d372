//! `ready` and `block`: what is said of a session, each in place of the other.

use crate::support::{Run, Sandbox};

fn repo() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth --goal keys").ok();
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

fn facts(r: &Sandbox, name: &str) -> (Option<String>, Option<String>) {
    let text = r.git(&format!("show refs/sessions/{name}:session.toml")).ok().text();
    let table: toml::Table = text.parse().expect("TOML");
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    (text("state"), text("reason"))
}

fn said(state: &str, reason: Option<&str>) -> (Option<String>, Option<String>) {
    (Some(state.to_owned()), reason.map(str::to_owned))
}

#[test]
fn each_replaces_the_other_and_open_takes_both_back() {
    let r = repo();
    r.session("auth")
        .git("session block 'waits for the schema'")
        .ok()
        .stdout("auth is blocked: waits for the schema\n");
    assert_eq!(facts(&r, "auth"), said("blocked", Some("waits for the schema")));
    r.git("log -1 --format=%B refs/sessions/auth")
        .ok()
        .stdout_contains("[auth] blocked: waits for the schema")
        .stdout_contains("Session-Event: blocked");
    r.git("session ready auth").ok().stdout("auth is ready to merge.\n");
    assert_eq!(facts(&r, "auth"), said("ready", None));
    r.git("log -1 --format=%B refs/sessions/auth").ok().stdout_contains("Session-Event: ready");
    r.git("session block again --session auth").ok();
    assert_eq!(facts(&r, "auth"), said("blocked", Some("again")));
    r.git("session set auth --state open").ok();
    assert_eq!(facts(&r, "auth").1, None);
    r.git("session ready 'd*' auth").ok().stdout("auth is ready to merge.\ndocs is ready to merge.\n");
    r.git("rev-list --count refs/sessions/docs").ok().stdout("2\n");
}

#[test]
fn what_is_so_already_is_written_by_nobody() {
    let r = repo();
    r.git("session ready auth").ok();
    refused(&r, "session ready auth", 0).stderr_contains("It is so already");
    r.git("session block why --session auth").ok();
    refused(&r, "session block ' why ' --session auth", 0).stderr_contains("It is so already");
    r.git("session block 'another reason' --session auth").ok();
    // Of several only who is not so yet gets an event.
    r.git("session ready docs").ok();
    let before = r.rev("refs/sessions/docs");
    r.git("session ready auth docs").ok().stdout("auth is ready to merge.\n");
    assert_eq!(r.rev("refs/sessions/docs"), before);
}

#[test]
fn a_dry_run_and_refusals_change_nothing() {
    let r = repo();
    refused(&r, "session ready auth -n", 0).stdout_contains("auth would be ready to merge.");
    refused(&r, "session block why --session auth --dry-run", 0).stdout_contains("auth would be blocked: why");
    refused(&r, "session ready", 1).stderr_contains("not in a session's worktree").stderr_contains("session list");
    refused(&r, "session ready nobody", 1).stderr_contains("There is no session 'nobody'");
    refused(&r, "session block why --session nobody", 1).stderr_contains("There is no session 'nobody'");
    refused(&r, "session block --session auth", 2).stderr_contains("REASON");
    refused(&r, "session block ' ' --session auth", 2).stderr_contains("Why is it blocked?");
}

#[test]
fn programs_are_told_the_same() {
    let r = repo();
    let answer = r.git("session block why --session auth --json").ok().json_as("block");
    assert_eq!(answer["sessions"][0]["state"], "blocked");
    assert_eq!((&answer["sessions"][0]["was"], &answer["sessions"][0]["reason"]), (&"open".into(), &"why".into()));
    assert!(answer["operation"].is_string());
    let again = r.git("session block why --session auth --json").ok().json_as("block");
    assert_eq!(again["sessions"][0]["changed"], false);
    assert!(again.get("operation").is_none(), "{again}");
    let dry = r.git("session ready auth docs -n --json").ok().json_as("ready");
    assert_eq!((&dry["sessions"][0]["was"], &dry["sessions"][1]["was"]), (&"blocked".into(), &"open".into()));
    assert!(dry.get("operation").is_none());
}

#[test]
fn list_and_show_say_the_state_and_why() {
    let r = repo();
    r.git("session block 'no \u{1b}[31mschema\nyet' --session auth").ok();
    let row = r.git("session list").ok().text();
    let row = row.lines().find(|line| line.contains("auth")).expect("a row").to_owned();
    assert!(row.contains("blocked") && row.contains("schema yet") && !row.contains('\u{1b}'), "{row}");
    let page = r.git("session show auth").ok().text();
    assert!(page.contains("blocked") && page.contains("reason") && !page.contains('\u{1b}'), "{page}");
    let list = r.git("session list --json").ok().json_as("list");
    assert_eq!(list["sessions"][0]["reason"], "no \u{1b}[31mschema\nyet");
    r.git("session list auth --format '%(state) %(reason)'").ok().stdout_contains("blocked no");
    r.git("session ready auth").ok();
    r.git("session list").ok().stdout_contains("ready").stdout_contains("keys").stdout_lacks("schema");
}

#[test]
fn undo_gives_the_old_state_back() {
    let r = repo();
    r.tick().git("session block why --session auth").ok();
    let answer = r.tick().git("session ready auth --json").ok().json_as("ready");
    let operation = answer["operation"].as_str().expect("an id").to_owned();
    r.git("session undo --list").ok().stdout_contains("auth: ready to merge");
    r.tick().git(&format!("session undo {operation} --yes")).ok();
    assert_eq!(facts(&r, "auth"), said("blocked", Some("why")));
    // By itself it is the newest that moved something which is undone: the creation.
    r.git("session undo -n").ok().stdout_lacks("blocked");
    // What was said anew since is not written over.
    r.git("session set auth --state open").ok();
    r.git(&format!("session undo {operation} --yes")).code(1).stderr_contains("changed again since");
}

#[test]
fn what_is_said_at_once_is_all_said() {
    let r = repo();
    let running: Vec<_> = (0..8)
        .map(|at| r.spawn(&format!("session block 'reason {at}' --session {}", ["auth", "docs"][at % 2])))
        .collect();
    for one in running {
        one.wait().ok();
    }
    for name in ["auth", "docs"] {
        r.git(&format!("rev-list --count refs/sessions/{name}")).ok().stdout("5\n");
    }
}

#[test]
fn order_takes_who_is_ready_and_says_why_others_are_not() {
    let r = repo();
    for name in ["auth", "docs"] {
        r.session(name).file(format!("{name}.txt"), "1\n").commit("work");
    }
    r.git("session block 'waits for keys' --session docs").ok();
    let said = |r: &Sandbox| r.git("session order").ok().text();
    let text = said(&r);
    assert!(text.contains("it is blocked: waits for keys") && text.contains("it is not marked as ready"), "{text}");
    assert!(text.contains("git session ready auth") && text.contains("git session ready docs"), "{text}");
    r.git("session ready auth docs").ok();
    let answer = r.git("session order --json").ok().json_as("order");
    assert_eq!(answer["order"].as_array().map(Vec::len), Some(2), "{answer}");
    // Asked for nothing, who is blocked stays out all the same.
    r.git("session block again --session docs").ok();
    r.config("session.readiness", "none").git("session set auth --state open").ok();
    let answer = r.git("session order --json").ok().json_as("order");
    assert_eq!(answer["order"][0]["name"], "auth", "{answer}");
    assert_eq!(answer["blocked"][0]["reasons"][0]["kind"], "blocked", "{answer}");
}
