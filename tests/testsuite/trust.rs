//! `trust`: what a tracked file would run is shown, approved as that exact text, and never inherited.

use crate::support::Sandbox;

const TEAM: &str = "version = 1\nsetup = [\"touch set-up\"]\n[hooks]\npre-finish = [\"make lint\"]\n";

fn repository() -> Sandbox {
    Sandbox::new().file("a.txt", "1\n").file(".git-session.toml", TEAM).commit("base")
}

fn state(r: &Sandbox) -> String {
    let answer = r.git("session trust --dry-run --json").ok().json_as("trust");
    answer["state"].as_str().expect("a state").to_owned()
}

#[test]
fn it_shows_what_would_run_and_asks() {
    let r = repository();
    let run = r.unchanged_by(|r| r.git("session trust"));
    run.code(2).stdout_contains("setup        touch set-up").stdout_contains("pre-finish   make lint");
    run.stderr_contains("no terminal").stderr_contains("git session trust --yes");
    r.unchanged_by(|r| r.git("session trust --dry-run").ok().stdout_contains("make lint").status());
    assert_eq!(state(&r), "new");
    r.git("session trust --yes").ok().stderr_contains("Approved");
    assert_eq!(state(&r), "approved");
    r.git("session trust").ok().stdout_contains("It is approved.");
    let answer = r.git("session trust --list --json").ok().json_as("trust");
    assert_eq!(answer["approvals"][0]["here"], true);
    r.git("session trust --list").ok().stdout_contains("repo/.git");
    assert!(!r.repo().join(".git/git-session").exists(), "nothing of it lies in the repository");
    assert!(r.home().join(".local/state/git-session/trust").is_dir());
    r.git("session trust --revoke --dry-run").ok();
    assert_eq!(state(&r), "approved");
    let revoked = r.git("session trust --revoke --json").ok().json_as("trust");
    assert!(revoked["revoked"]["hash"].is_string(), "{revoked}");
    assert_eq!(state(&r), "new");
    r.git("session trust --revoke").ok().stderr_contains("Nothing was approved");
}

#[test]
fn a_changed_file_asks_again_and_shows_the_difference() {
    let r = repository();
    r.git("session trust -y").ok();
    r.file(".git-session.toml", TEAM.replace("make lint", "curl evil")).commit("change");
    assert_eq!(state(&r), "changed");
    r.git("session trust").code(2).stdout_contains("-pre-finish = [\"make lint\"]").stdout_contains("+pre-finish");
    r.git("session trust -y").ok();
    assert_eq!(state(&r), "approved");
}

#[test]
fn neither_a_sessions_branch_nor_another_repository_inherits_it() {
    let r = repository();
    r.git("session create auth").ok();
    let s = r.session("auth");
    s.file(".git-session.toml", "setup = [\"touch evil\"]\n").commit("mine");
    // The file is the default base's, wherever one stands.
    s.git("session trust -y").ok().stdout_contains("touch set-up").stdout_lacks("evil");
    assert_eq!(state(&s), "approved");
    // A copy at another place, and another repository at the same place.
    r.run("cp", ["-r", ".", "../copy"]).ok();
    assert_eq!(state(&r.in_dir("../copy")), "new");
    std::fs::rename(r.repo(), r.root().join("old")).expect("moved");
    std::fs::create_dir(r.repo()).expect("made");
    r.git("init --quiet").ok();
    r.file("a.txt", "1\n").file(".git-session.toml", TEAM).commit("base");
    assert_eq!(state(&r), "new");
}

#[test]
fn refusals_say_what_helps() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session trust -y").code(1).stderr_contains("no team file");
    r.file(".git-session.toml", "setup = 7\n").commit("broken");
    r.git("session trust -y").code(1).stderr_contains("cannot be understood").stderr_contains("Mend");
    r.file(".git-session.toml", "version = 2\n").commit("newer");
    r.git("session trust -y").code(1).stderr_contains("version 2").stderr_contains("newer git-session");
    r.file(".git-session.toml", "base = \"main\"\nfuture = true\n").commit("plain");
    r.git("session trust").ok().stdout_contains("runs nothing");
}

#[test]
fn what_a_terminal_would_obey_is_made_harmless() {
    let r = Sandbox::new().file("a.txt", "1\n");
    r.file(".git-session.toml", "setup = [\"ok\\u001b[2K\\rfine\\nsecond\"]\n").commit("base");
    let text = r.git("session trust --dry-run").ok().text();
    assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
    assert!(text.contains("\n               second"), "{text:?}");
}
