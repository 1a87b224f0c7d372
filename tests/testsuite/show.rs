//! `show`: one session, in full.

use crate::support::Sandbox;

fn repo() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.file("notes.md", "# Notes\n");
    r.git("session create auth --goal 'Log in' --focus backend --owner ann --priority critical --own 'src/**' --context notes.md").ok();
    r
}

#[test]
fn it_shows_what_there_is() {
    let r = repo();
    let auth = r.session("auth").file("a.txt", "1\n2\n").commit("work").file("u.txt", "");
    for (at, line) in [(&r, "session show auth"), (&auth, "session show"), (&auth, "session show @")] {
        let run = at.unchanged_by(|r| r.git(line));
        run.ok().stdout_contains("Log in").stdout_contains("1 ahead, 0 behind").stdout_contains("1 file, +1 -0");
        run.stdout_contains("critical").stdout_contains("src/**").stdout_contains("1 untracked");
    }
    let value = r.unchanged_by(|r| r.git("session show auth --json").ok().json_as("show"));
    assert_eq!(value["diffstat"], serde_json::json!({"files": 1, "insertions": 1, "deletions": 0}));
    assert_eq!(value["timeline"][0]["event"], "created");
    assert_eq!(value["dirty"]["untracked"], 1);
    r.git("session show auth --format '%(name) %(ahead) %(owner)'").ok().stdout("auth 1 ann\n");
}

#[test]
fn it_finds_by_branch_path_glob_and_the_place_before() {
    let r = repo();
    r.git("session create docs --branch topic/docs").ok();
    let docs = r.session("docs");
    let path = docs.here().display().to_string();
    for name in ["docs", "topic/docs", "refs/heads/topic/docs", "d*", path.as_str(), "../repo-sessions/docs"] {
        let value = r.git_args(["session", "show", name, "--json"]).ok().json_as("show");
        assert_eq!(value["name"], "docs", "{name}");
    }
    assert_eq!(r.env("OLDPWD", docs.here()).git("session show - --json").ok().json_as("show")["name"], "docs");
    r.unchanged_by(|r| {
        r.git("session show")
            .code(1)
            .stderr_contains("not in a session's worktree")
            .stderr_contains("git session list");
        r.git("session show -").code(1);
        r.git("session show '*'").code(2).stderr_contains("means 2 sessions; one is wanted");
        r.git("session show dosc").code(1).stderr_contains("Did you mean `docs`?");
    });
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let r = repo();
    r.git_args(["session", "set", "auth", "--goal", "\u{1b}[2Jevil\u{7}"]).ok();
    for line in ["session show auth", "session list", "session log auth"] {
        let text = r.git(line).ok().text();
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}') && text.contains("evil"), "{text:?}");
    }
    assert_eq!(r.git("session show auth --json").ok().json_as("show")["goal"], "\u{1b}[2Jevil\u{7}");
}
