//! `config`: settings with their origins, and graphical clients set up and taken back.

use crate::support::Sandbox;

#[test]
fn settings_and_where_each_comes_from() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base").config("session.base", "develop");
    r.git("config --global session.strategy squash").ok();
    r.git("config session.unheard of").ok();
    let answer = r.unchanged_by(|r| r.git("session config --json").ok().json_as("config"));
    let entry = |key: &str| {
        answer["settings"].as_array().expect("a list").iter().find(|entry| entry["key"] == key).expect(key).clone()
    };
    assert_eq!(
        (entry("session.base")["value"].as_str(), entry("session.strategy")["value"].as_str()),
        (Some("develop"), Some("squash"))
    );
    assert!(entry("session.base")["origin"].as_str().expect("text").starts_with("local "));
    assert!(entry("session.strategy")["origin"].as_str().expect("text").starts_with("global "));
    assert_eq!(entry("session.path")["origin"], "default");
    assert_eq!(entry("session.unheard")["value"], "of");
    r.git("session config").ok().stdout_contains("session.base").stdout_contains("develop");
}

#[test]
fn defaults_are_shown_and_unknown_settings_are_named() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base").config("session.stratgy", "ff");
    r.config("session.strategy", "ff").config("session.frobnicate", "x").config("session.agent.own.command", "vi");
    let answer = r.unchanged_by(|r| r.git("session config list --json").ok().json_as("config"));
    assert_eq!(answer, r.git("session config --json").ok().json_as("config"));
    let entry = |key: &str| {
        answer["settings"].as_array().expect("a list").iter().find(|entry| entry["key"] == key).expect(key).clone()
    };
    assert_eq!(entry("session.strategy")["default"], "no-ff");
    assert_eq!(entry("session.strategy")["scope"], "local");
    assert_eq!(entry("session.path")["scope"], "default");
    assert_eq!(entry("session.stratgy")["known"], false);
    assert_eq!(entry("session.stratgy")["meant"], "session.strategy");
    assert!(entry("session.frobnicate").get("meant").is_none() && entry("session.frobnicate")["known"] == false);
    assert_eq!(entry("session.agent.own.command")["known"], true);
    let shown = r.git("session config list");
    shown.ok().stdout_contains("(default: no-ff)").stdout_contains("(unknown)");
    shown.stderr_contains("did you mean `session.strategy`").stderr_contains("no setting `session.frobnicate`");
}

#[test]
fn settings_of_one_command_hold_for_it() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("-c session.branchPrefix=mine/ session create auth").ok();
    assert!(r.has_rev("refs/heads/mine/auth"));
}

#[test]
fn clients_are_set_up_and_taken_back() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    let before = r.read(".git/config");
    r.unchanged_by(|r| r.git("session config gui --mirror --dry-run").ok().stdout_contains("git config").status());
    assert_eq!(r.read(".git/config"), before);
    r.git("session config gui").ok().stdout_contains("log.initialDecorationSet");
    r.git("log --oneline --all --decorate").ok().stdout_contains("refs/sessions/auth").stdout_lacks("@self");
    r.git("session config gui").ok().stderr_contains("It is so already");
    r.git("session config gui --mirror").ok();
    assert_eq!(r.rev("refs/remotes/sessions/auth"), r.rev("refs/sessions/auth"));
    r.git("session create docs").ok();
    assert!(r.has_rev("refs/remotes/sessions/docs"), "the mirror is kept up");
    r.git("session finish docs --abandon --yes").ok();
    assert!(!r.has_rev("refs/remotes/sessions/docs"));
    r.git("session config gui --remove").ok();
    assert!(!r.has_rev("refs/remotes/sessions/auth"));
    r.git("config --get-regexp '^(log|remote|session)[.]'").code(1).stdout("");
}
