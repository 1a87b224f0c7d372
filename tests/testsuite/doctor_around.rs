//! `doctor` on what is around the sessions: git, hooks, remotes, settings.

use crate::support::Sandbox;

fn sandbox() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    r
}

#[track_caller]
fn finds(r: &Sandbox, code: i32, kinds: &[&str]) {
    let answer = r.unchanged_by(|r| r.git("session doctor --json").code(code).json_as("doctor"));
    let findings = answer["findings"].as_array().expect("a list");
    assert!(findings.iter().all(|one| one["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty())), "{answer}");
    let found = findings.iter().filter_map(|one| one["kind"].as_str());
    // What the machine has is no matter of the repository.
    let found: Vec<&str> = found.filter(|kind| *kind != "limits-missing").collect();
    assert_eq!(found, kinds, "{answer:#}");
}

#[test]
fn settings_that_are_none_are_named() {
    for (key, value, code, kind) in [
        ("session.stratgy", "ff", 0, "setting-unknown"),
        ("session.strategy", "octopus", 1, "setting-invalid"),
        ("session.keepFor", "long", 1, "setting-invalid"),
        ("session.autoCleanup", "perhaps", 1, "setting-invalid"),
        ("session.path", "../one", 1, "setting-invalid"),
        ("session.ports", "many", 1, "setting-invalid"),
        ("session.hook.pre-fnish", "make", 0, "setting-unknown"),
        ("session.branchPrefix", "a b/", 1, "setting-invalid"),
        ("session.base", "nowhere", 1, "setting-invalid"),
        ("color.session", "blue", 1, "setting-invalid"),
        ("session.agent.own.command", "no-such-program {prompt}", 0, "agent-missing"),
        ("gc.worktreePruneExpire", "now", 0, "prune-soon"),
        ("gc.pruneExpire", "1.hour.ago", 0, "prune-soon"),
    ] {
        let r = sandbox().config(key, value);
        finds(&r, code, &[kind]);
    }
    for (key, value) in [
        ("session.strategy", "ff"),
        ("session.keepFor", "never"),
        ("session.ports", "off"),
        ("session.hook.pre-finish", "make"),
        ("session.path", "../x/{name}"),
        ("session.branchPrefix", "{user}/"),
        ("session.base", "main"),
        ("session.agent.own.command", "git {prompt}"),
        ("gc.worktreePruneExpire", "never"),
        ("gc.pruneExpire", "2.weeks.ago"),
    ] {
        finds(&sandbox().config(key, value), 0, &[]);
    }
    let r = sandbox().config("session.stratgy", "ff");
    r.git("session doctor").ok().stdout_contains("Did you mean `session.strategy`?").stdout_contains("1 warning");
}

#[test]
fn remotes_that_mirror_are_named() {
    let r = sandbox();
    r.git("remote add --mirror=push copy ../copy").ok();
    finds(&r, 0, &["mirror-push"]);
    r.git("config remote.copy.fetch '+refs/*:refs/*'").ok();
    finds(&r, 1, &["mirror-fetch", "mirror-push"]);
}

#[test]
fn hooks_that_do_not_run_in_sessions_are_named() {
    let r = sandbox();
    r.executable(".husky/_/pre-commit", "#!/bin/sh\nexit 0\n").file(".git/info/exclude", ".husky/\n");
    finds(&r, 0, &[]);
    r.config("core.hooksPath", ".husky/_");
    finds(&r, 0, &["hooks-absent"]);
    r.git("session doctor").ok().stdout_contains("auth").stdout_contains("husky");
    r.session("auth").executable(".husky/_/pre-commit", "#!/bin/sh\nexit 0\n");
    finds(&r, 0, &[]);
    r.session("auth").executable(".husky/_/pre-commit", "#!/bin/sh\nexit 1\n");
    finds(&r, 0, &["hooks-left-out"]);
    r.config("core.hooksPath", "/nowhere");
    finds(&r, 0, &["hooks-missing"]);
    r.git("config --unset core.hooksPath").ok();
    r.file(".git/hooks/pre-push", "#!/bin/sh\n");
    finds(&r, 0, if cfg!(unix) { &["hook-ignored"] } else { &[] });
}

#[test]
fn who_is_nobody_is_told() {
    let r = sandbox();
    r.git("config --global --remove-section user").ok();
    let answer = r.git("session doctor").code(1).text();
    assert!(answer.contains("git config --global user.name"), "{answer}");
}

#[test]
fn what_an_old_git_lacks_is_said() {
    let r = sandbox();
    let real = r.run("sh", ["-c", "command -v git"]).ok().text();
    let script = format!(
        "#!/bin/sh\ntest \"$1\" = version && {{ echo git version 2.39.1; exit; }}\nexec {} \"$@\"\n",
        real.trim_end()
    );
    r.executable("../old/git", &script);
    let path = r.run("sh", ["-c", "printf %s \"$PATH\""]).ok().text();
    let path = format!("{}:{path}", r.root().join("old").display());
    let run = r.env("PATH", path).run("git-session", ["doctor", "--json"]);
    let answer = run.code(1).json_as("doctor");
    let words: Vec<&str> = answer["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["what"].as_str())
        .filter(|what| what.contains("git"))
        .collect();
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].contains("2.39.1") && words[0].contains("--attr-source"), "{words:?}");
}

#[test]
fn what_makes_git_do_the_moves_is_a_note() {
    let r = sandbox();
    r.file(".gitattributes", "*.bin filter=lfs\n").commit("large files");
    finds(&r, 0, &["git-moves"]);
    r.git("session doctor").ok().stdout_contains("git-lfs").stdout_contains("Nothing is wrong.");
    r.config("core.ignoreCase", "true");
    finds(&r, 0, &["case-insensitive", "git-moves"]);
}

#[test]
fn sparse_checkouts_and_submodules_are_a_note_too() {
    let r = sandbox();
    r.git("session create part --sparse d").ok();
    finds(&r, 0, &["git-moves"]);
    r.git("session doctor").ok().stdout_contains("There are sparse checkouts:");
    r.git("session finish part --abandon -y").ok();
    finds(&r, 0, &[]);
    r.config("core.sparseCheckout", "true");
    finds(&r, 0, &["git-moves"]);
    r.git("config --unset core.sparseCheckout").ok();
    r.file(".gitmodules", "[submodule \"s\"]\n\tpath = s\n\turl = ../s\n");
    finds(&r, 0, &["git-moves"]);
    r.git("session doctor").ok().stdout_contains("submodules");
}

#[test]
fn copies_that_are_gone_old_or_secret_are_told_and_changed_ones_are_not() {
    let r = Sandbox::new().file("a.txt", "1\n").file(".gitignore", ".env*\ndata/\nmany/\nk\n").commit("base");
    for pattern in [".env*", "data", "many", "k"] {
        r.git_args(["config", "--add", "session.copy", pattern]).ok();
    }
    r.file(".env", "A=1\n").file(".env.test", "B=1\n").file("data/db", "1").file("data/x", "x").file("k", "k");
    for n in 0..120 {
        r.file(format!("many/f{n}"), "1");
    }
    r.git("session create auth").ok();
    let s = r.session("auth");
    let kinds = |code| {
        let answer = r.unchanged_by(|r| r.git("session doctor auth --json").code(code).json_as("doctor"));
        let list: Vec<(String, String)> = answer["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| (one["kind"].as_str().expect("text").to_owned(), one["what"].as_str().expect("text").to_owned()))
            .collect();
        list
    };
    assert_eq!(kinds(0), []);
    // Work goes on in both.
    s.file(".env", "A=2\n").file("data/db", "22");
    r.file("data/db", "333").file("data/x", "yy");
    assert_eq!(kinds(0), []);
    s.remove("data/x").remove("many");
    let found = kinds(0);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "copy-missing");
    assert!(found[0].1.contains("2 are gone: 'data/x', 'many/'"), "{found:?}");
    r.git("session doctor auth").ok().stdout_contains("`git session env refresh auth` copies it again.");
    r.git("session env refresh auth").ok();
    assert_eq!(kinds(0), []);
    // What no pattern names any more would not come back.
    s.remove("data/x");
    r.git_args(["config", "--add", "session.copy", "!data"]).ok();
    assert_eq!(kinds(0), []);
    r.file(".env", "A=33\n").file(".env.test", "B=22\n");
    let found = kinds(0);
    assert_eq!((found.len(), found[0].0.as_str()), (1, "copy-old"), "only the one that is as it was: {found:?}");
    assert!(found[0].1.contains("'.env.test'") && !found[0].1.contains("'.env'"), "{found:?}");
    r.git("session env refresh auth").ok();
    r.config("session.copyDeny", "k");
    let found = kinds(0);
    assert_eq!((found.len(), found[0].0.as_str()), (1, "copy-secret"), "{found:?}");
    s.remove("k");
    assert_eq!(kinds(0), []);
}

#[test]
fn limits_on_agents_are_at_most_a_note_that_says_what_can_be_done() {
    let r = sandbox();
    let answer = r.git("session doctor --json").ok().json_as("doctor");
    let limits = answer["findings"].as_array().expect("a list").iter().find(|one| one["kind"] == "limits-missing");
    let is_possible = r.run("sh", ["-c", "systemd-run --user --scope -q true"]).status() == Some(0);
    if let Some(limits) = limits {
        assert_eq!((&limits["severity"], &limits["fixable"]), (&"note".into(), &false.into()));
        assert!(limits["what"].as_str().is_some_and(|what| what.contains("nice")), "{limits}");
    } else {
        assert!(is_possible || !cfg!(target_os = "linux") || r.run("id", ["-u"]).ok().text() == "0\n", "{answer}");
    }
}

#[test]
fn a_worktree_whose_repository_is_elsewhere_says_so() {
    let r = sandbox();
    let s = r.session("auth");
    std::fs::rename(r.repo(), r.root().join("moved")).expect("moved");
    s.git("session list").code(1);
    s.run("git-session", ["doctor"]).code(1).stderr_contains("is not there").stderr_contains("doctor --fix");
    let moved = r.in_dir(r.root().join("moved"));
    moved.git("session doctor --fix").ok().stdout_contains("mended");
    assert!(moved.git("session doctor").ok().text().ends_with("Nothing is wrong.\n"));
    s.run("git-session", ["path"]).ok();
}

#[test]
fn copies_that_take_room_are_at_most_a_note() {
    let r = sandbox();
    r.file(".worktreeinclude", ".env\n").commit("what is copied");
    let answer = r.git("session doctor --json").ok().json_as("doctor");
    assert!(
        answer["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|one| one["kind"] == "no-reflink" || one["kind"] == "limits-missing"),
        "{answer}"
    );
}
