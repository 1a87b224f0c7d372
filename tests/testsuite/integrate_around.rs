//! `integrate`, and what goes on around it: settings, a base that moves meanwhile, line ends, hooks that do not end.

use crate::recovery::start;
use crate::support::Sandbox;
use serde_json::Value;
use std::time::Duration;

fn session(r: &Sandbox, name: &str, files: &[(&str, &str)]) -> Sandbox {
    r.git(&format!("session create {name} --no-copy --no-setup")).ok();
    let s = r.session(name);
    for (path, text) in files {
        s.file(path, text);
    }
    s.commit(name)
}

fn two(r: &Sandbox) {
    r.file("a.txt", "a\n").commit("base");
    session(r, "one", &[("one.txt", "1\n")]);
    session(r, "two", &[("two.txt", "2\n")]);
}

fn merged(answer: &Value) -> Vec<&str> {
    answer["merged"].as_array().expect("rows").iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

#[test]
fn a_strategy_that_is_none_is_refused() {
    let r = Sandbox::new();
    two(&r);
    let old = r.rev("main");
    r.config("session.strategy", "octopus");
    for line in ["session integrate --all --into main --yes", "session integrate --all --dry-run"] {
        r.git(line).code(1).stderr_contains("octopus").stderr_contains("`squash`");
    }
    r.git("session finish one --merge").code(1).stderr_contains("octopus").stderr_contains("`squash`");
    r.git("session integrate --all --strategy octopus").code(2).stderr_contains("squash");
    assert_eq!(r.rev("main"), old);
    // What is said for once counts.
    r.git("session integrate --all --into main --yes --strategy no-ff").ok();
    assert_eq!(r.git("rev-list --merges --count main").ok().text().trim(), "2");
}

#[test]
fn a_base_that_moves_meanwhile_keeps_what_it_got() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    session(&r, "first", &[("way.txt", "1\n")]).file("loose.txt", "loose\n");
    session(&r, "second", &[("way.txt", "other\n")]);
    let moves = "test -e .git/moved || { touch .git/moved; GIT_INDEX_FILE= git update-ref refs/heads/main $(git commit-tree \
                 -p main -m meanwhile main^{tree}); }";
    r.executable(".git/hooks/commit-msg", &format!("#!/bin/sh\n{moves}\n"));
    let take =
        ["session", "integrate", "--alternatives", "first,second", "--select", "second", "--into", "main", "--yes"];
    let run = r.git_args(take);
    run.code(4).stderr_contains("main").stderr_contains("moved");
    assert_eq!(r.git("log --format=%s main").ok().text(), "meanwhile\nbase\n");
    assert_eq!(r.session("first").read("loose.txt"), "loose\n");
    assert!(r.has_rev("refs/sessions/first") && r.has_rev("refs/sessions/second"));
    let answer = r.git_args(take.into_iter().chain(["--json"])).json_as("integrate");
    assert_eq!((merged(&answer), &answer["abandoned"]), (vec!["second"], &serde_json::json!(["first"])));
    assert_eq!(r.git("log --first-parent --format=%s main").ok().text().lines().nth(1), Some("meanwhile"));
}

#[test]
fn lines_end_in_worktrees_as_they_are_to() {
    let r = Sandbox::new().config("core.autocrlf", "true").file("a.txt", "a\r\n").commit("base");
    session(&r, "one", &[("one.txt", "1\r\n"), ("a.txt", "a\r\nb\r\n")]);
    session(&r, "two", &[("two.txt", "2\r\n")]);
    let answer = r.git("session integrate --all --into main --yes --json").json_as("integrate");
    assert_eq!(merged(&answer).len(), 2);
    r.git("status --porcelain").ok().stdout("");
    assert_eq!((r.read("one.txt"), r.read("a.txt")), ("1\r\n".to_owned(), "a\r\nb\r\n".to_owned()));
    assert_eq!(r.git("cat-file blob main:two.txt").ok().text(), "2\n");
    // The next one finds the worktree as git would have left it.
    session(&r, "three", &[("one.txt", "3\r\n")]);
    r.git("session integrate three --all --into main --yes").ok();
    r.git("status --porcelain").ok().stdout("");
    assert_eq!(r.read("one.txt"), "3\r\n");
}

#[test]
fn a_hook_that_does_not_end_can_be_ended() {
    for (hook, signal) in [("commit-msg", "TERM"), ("pre-merge-commit", "TERM"), ("commit-msg", "KILL")] {
        let r = Sandbox::new();
        two(&r);
        let old = r.rev("main");
        let begun = r.root().join("begun");
        let script = format!("#!/bin/sh\necho $$ > '{0}.new' && mv '{0}.new' '{0}'\nexec sleep 60\n", begun.display());
        r.executable(format!(".git/hooks/{hook}"), &script);
        let running = start(&r, &["integrate", "--all", "--into", "main", "--yes"]);
        while !begun.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        r.run("kill", ["-s", signal, &running.id().to_string()]).ok();
        // The hook keeps its output open.
        std::thread::sleep(Duration::from_millis(300));
        r.run("kill", [r.read(&begun).trim()]).ok();
        assert_eq!(running.wait().status(), None, "{hook}, {signal}: it did not wait for the hook");
        assert_eq!(r.rev("main"), old);
        r.git("status --porcelain").ok().stdout("");
        r.git("fsck --strict --no-dangling").ok();
        r.remove(format!(".git/hooks/{hook}"));
        let answer = r.git("session integrate --all --into main --yes --json").json_as("integrate");
        assert_eq!(merged(&answer).len(), 2, "{hook}, {signal}");
        assert!(!r.refs().iter().any(|name| name.contains("@pending")));
    }
}
