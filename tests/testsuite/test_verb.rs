//! `test`: what runs where, what is noted of it, what is not, and what never runs unasked.

use crate::support::{Run, Sandbox};
use std::time::{Duration, Instant};

fn repo() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").file(".gitignore", "*.tmp\n").commit("base");
    r.git("session create auth").ok();
    r.git("session create docs").ok();
    for name in ["auth", "docs"] {
        r.session(name).file(format!("{name}.txt"), "1\n").commit("work");
    }
    r
}

fn is_noted(r: &Sandbox, revision: &str) -> bool {
    let tree = r.rev(&format!("{revision}^{{tree}}"));
    r.git(&format!("notes --ref=sessions show {tree}")).status() == Some(0)
}

#[track_caller]
fn refused(r: &Sandbox, line: &str, code: i32) -> Run {
    r.unchanged_by(|r| {
        let run = r.git(line);
        run.code(code);
        run
    })
}

/// The part of an answer about one session.
fn row(answer: &serde_json::Value, name: &str) -> serde_json::Value {
    let rows = answer["sessions"].as_array().expect("rows");
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {answer}")).clone()
}

#[test]
fn it_runs_in_every_worktree_and_one_that_fails_is_shown() {
    let r = repo().config("session.test", "echo 'in here'; echo problem >&2; test -e auth.txt");
    let run = r.git("session test");
    run.code(1).stdout_contains("auth  passed").stdout_contains("docs  failed").stderr_contains("1 passed, 1 failed.");
    run.stdout_contains("exit code 1").stdout_contains("    | in here\n    | problem\n");
    // All of what it printed is where the answer says.
    let text = run.text();
    let log = text.lines().find_map(|line| line.trim().strip_prefix("all of it: ")).expect("a place").to_owned();
    assert!(log.ends_with("/session-test.log") && log.contains("/worktrees/"), "{log}");
    assert!(r.read(&log).starts_with("$ echo 'in here'") && r.read(&log).ends_with("in here\nproblem\n"));
    assert!(is_noted(&r, "auth") && is_noted(&r, "docs") && !is_noted(&r, "main"));
    r.git("session test auth").ok();
    r.git("session test 'd*'").code(1);
    r.session("docs").git("session test @").code(1).stdout_lacks("auth  ");
}

#[test]
fn programs_are_told_the_same() {
    let r = repo().config("session.test", "echo hello; exit 7");
    let answer = r.git("session test auth --json").code(1).json_as("test");
    let auth = row(&answer, "auth");
    assert_eq!((&auth["outcome"], &auth["exit_code"], &auth["noted"]), (&"failed".into(), &7.into(), &true.into()));
    assert_eq!(auth["tree"], r.rev("auth^{tree}"));
    assert_eq!(auth["last_lines"], serde_json::json!(["hello"]));
    let known = row(&r.git("session test auth --if-needed --json").code(1).json_as("test"), "auth");
    assert_eq!((&known["outcome"], &known["noted"]), (&"failed".into(), &false.into()));
    assert!(known["known_since"].is_string(), "{known}");
    let dry = r.unchanged_by(|r| r.git("session test -n --json").ok().json_as("test"));
    assert_eq!(row(&dry, "docs")["outcome"], "planned");
}

#[test]
fn the_command_is_the_words_or_the_setting_and_none_is_refused() {
    let r = repo();
    let run = refused(&r, "session test", 1);
    run.stderr_contains("No test command is known").stderr_contains("git session test -- <command>");
    run.stderr_contains("git config session.test");
    r.git("-c session.test= session test").code(1).stderr_contains("No test command is known");
    // Words are no line of shell: nothing in them is looked at.
    r.git_args(["session", "test", "auth", "--", "printf", "%s|", "$HOME", "a b", "", "*", "; false"]).ok();
    let log = r.session("auth").git("rev-parse --git-path session-test.log").ok().text();
    let text = r.session("auth").read(log.trim_end());
    assert_eq!(text, "$ printf '%s|' '$HOME' 'a b' '' '*' '; false'\n$HOME|a b||*|; false|");
    let run = r.git("session test auth -- 'true && true'");
    run.code(1).stdout_contains("not-started").stdout_contains("sh -c");
    refused(&r, "session test nobody -- true", 1).stderr_contains("There is no session 'nobody'");
    refused(&r, "session test -j 0 -- true", 2);
    refused(&r, "session test --timeout soon -- true", 2).stderr_contains("10m");
    r.config("session.jobs", "many");
    refused(&r, "session test -- true", 1).stderr_contains("git config session.jobs 4");
}

#[test]
fn what_the_team_names_runs_after_trust_alone() {
    let r = Sandbox::new().file("a.txt", "1\n").file(".git-session.toml", "test = \"touch ran.tmp\"\n");
    r.file(".gitignore", "*.tmp\n").commit("base");
    r.git("session create auth").ok();
    let s = r.session("auth");
    for line in ["session test", "session test -n", "session test --json"] {
        r.git(line).code(1).stderr_contains("is not approved").stderr_contains("git session trust");
    }
    assert!(!s.has("ran.tmp"));
    r.git("session trust -y").ok();
    r.git("session test").ok();
    assert!(s.has("ran.tmp"));
    // What a session's branch says of it runs for nobody, and a change on the base asks again.
    s.file(".git-session.toml", "test = \"touch evil.tmp\"\n").commit("mine");
    r.git("session test").ok();
    assert!(!s.has("evil.tmp"));
    r.file(".git-session.toml", "test = \"touch other.tmp\"\n").commit("change");
    r.git("session test").code(1).stderr_contains("has changed since you approved it");
    assert!(!s.has("other.tmp"));
    // One's own words and settings need nobody's approval.
    r.git("session test -- true").ok();
    r.git("-c session.test=true session test").ok();
}

#[test]
fn what_is_uncommitted_is_left_out_or_tested_unnoted() {
    let r = repo();
    r.session("auth").file("new.txt", "untracked\n");
    let run = r.git("session test -- true");
    run.ok().stdout_contains("auth  skipped").stdout_contains("not everything is committed: 1 untracked");
    run.stdout_contains("git session test auth --dirty").stdout_contains("docs  passed");
    assert!(!is_noted(&r, "auth") && is_noted(&r, "docs"));
    // Named by itself it is a failure, under a glob it is not.
    r.git("session test auth -- true").code(1);
    r.git("session test 'a*' -- true").ok();
    r.git("session test auth --dirty -- test -e new.txt").ok().stdout_contains("not noted: --dirty");
    assert!(!is_noted(&r, "auth"));
    refused(&r, "session test --dirty --if-needed -- true", 2);
}

#[test]
fn what_has_a_verdict_on_its_tree_need_not_run_again() {
    let r = repo().config("session.test", "echo ran >> ../runs.log");
    r.git("session test auth").ok();
    r.git("session test auth --if-needed").ok().stdout_contains("already, in 'auth'");
    assert_eq!(r.read("../repo-sessions/runs.log"), "ran\n");
    // Another command, or another tree, is another matter; the same tree under other commits is not.
    r.git("session test auth --if-needed -- true").ok().stdout_lacks("already");
    r.session("auth").commit("an empty one");
    r.git("session test auth --if-needed").ok().stdout_contains("already");
    r.session("auth").file("auth.txt", "2\n").commit("more");
    r.git("session test auth --if-needed").ok().stdout_lacks("already");
    assert_eq!(r.read("../repo-sessions/runs.log"), "ran\nran\n");
}

#[test]
fn what_changed_while_it_ran_is_not_noted() {
    let r = repo();
    r.git("session test auth -- sh -c 'echo changed >> auth.txt'").ok().stdout_contains("not noted: files changed");
    assert!(!is_noted(&r, "auth"));
    r.session("auth").git("checkout --quiet .").ok();
    let before = r.rev("auth^{tree}");
    r.git("session test auth -- git commit --quiet --allow-empty -m meanwhile").ok().stdout_contains("HEAD moved");
    assert_eq!(r.rev("auth^{tree}"), before);
    assert!(!is_noted(&r, "auth"));
    // Untracked files are what tests leave behind.
    r.git("session test auth -- touch left.txt").ok().stdout_lacks("not noted");
    assert!(is_noted(&r, "auth"));
}

#[test]
fn git_in_a_test_is_that_worktrees_and_the_session_is_known() {
    let r = repo();
    let line = "test \"$SESSION_NAME\" = auth && test \"$SESSION_PHASE\" = test && test -n \"$SESSION_PORT_BASE\" && \
                test -z \"$GIT_DIR$GIT_INDEX_FILE\" && git rev-parse --abbrev-ref HEAD && test ! -t 0";
    let hook = r.env("GIT_DIR", r.repo().join(".git")).env("GIT_INDEX_FILE", r.repo().join(".git/index"));
    hook.git_args(["session", "test", "auth", "--", "sh", "-c", line]).ok().stdout_contains("passed");
}

#[test]
fn a_time_limit_ends_all_that_was_started() {
    let r = repo();
    let line = "trap '' TERM; (trap '' TERM; sleep 30; touch ../late) & sleep 30";
    let started = Instant::now();
    let run = r.git_args(["session", "test", "auth", "--timeout", "1", "--", "sh", "-c", line]);
    run.code(1).stdout_contains("timed-out");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(!is_noted(&r, "auth"));
    let answer = r.git("session test auth --timeout 1s --json -- sleep 30").code(1).json_as("test");
    assert_eq!(row(&answer, "auth")["outcome"], "timed-out");
}

#[test]
fn being_told_to_end_ends_all_that_was_started_and_notes_nothing() {
    let r = repo();
    for signal in ["INT", "TERM", "HUP"] {
        let line = "echo $$ > ../pid; sleep 60 & echo $! > ../child; touch ../begun; wait";
        let running = r.start("git-session", &["test", "auth", "docs", "-j", "1", "--", "sh", "-c", line]);
        let begun = r.root().join("repo-sessions/begun");
        wait_for(|| begun.exists());
        r.run("kill", ["-s", signal, &running.id().to_string()]).ok();
        let run = running.wait();
        run.code(1).stderr_contains("Interrupted").stdout_contains("interrupted");
        for file in ["../repo-sessions/pid", "../repo-sessions/child"] {
            let pid = r.read(file);
            // Where nobody waits for orphans, one that has ended is still listed, as a zombie.
            wait_for(|| {
                let state = r.run("ps", ["-o", "stat=", "-p", pid.trim()]).text();
                state.trim().is_empty() || state.trim().starts_with('Z')
            });
        }
        r.remove("../repo-sessions/begun");
        assert!(!is_noted(&r, "auth") && !is_noted(&r, "docs"));
    }
}

#[test]
fn what_a_signal_ended_or_nobody_could_start_says_nothing_of_the_tree() {
    let r = repo();
    r.git_args(["session", "test", "auth", "--", "sh", "-c", "kill -9 $$"])
        .code(1)
        .stdout_contains("ended by signal 9");
    r.git("-c session.test=no-such-program session test auth").code(1).stdout_contains("no such command");
    r.git("session test auth -- no-such-program").code(1).stdout_contains("not-started");
    assert!(!is_noted(&r, "auth"));
}

#[test]
fn one_that_is_broken_is_a_row() {
    let r = repo();
    for name in ["gone", "rebasing", "switched", "bare"] {
        r.git(&format!("session create {name}")).ok();
    }
    r.remove(r.session("gone").here());
    let s = r.session("rebasing").file("a.txt", "2\n").commit("x");
    s.env("GIT_SEQUENCE_EDITOR", "sed -i s/^pick/edit/").git("rebase --quiet -i HEAD~1").ok();
    r.session("switched").branch("elsewhere");
    let bare = r.session("bare").here().to_owned();
    std::fs::remove_file(bare.join(".git")).expect("removed");
    let answer = r.git("session test --json -- true").ok().json_as("test");
    for (name, reason) in [("gone", "worktree-missing"), ("rebasing", "operation"), ("switched", "branch")] {
        assert_eq!(row(&answer, name)["reason"], reason, "{answer}");
        assert!(row(&answer, name)["remedy"].is_string(), "{answer}");
    }
    assert_eq!(row(&answer, "bare")["outcome"], "skipped", "{answer}");
    assert_eq!(row(&answer, "auth")["outcome"], "passed", "{answer}");
    r.git("session test gone -- true").code(1).stdout_contains("git session adopt gone");
}

#[test]
fn what_it_prints_may_be_anything() {
    let r = repo();
    let line = r"printf 'bad \377\033[31m bytes\n'; printf '\000'; exit 1";
    let run = r.git_args(["session", "test", "auth", "--", "sh", "-c", line]);
    let text = run.code(1).text();
    assert!(text.contains("bad \u{fffd}") && !text.contains('\u{1b}'), "{text:?}");
    r.git_args(["session", "test", "auth", "--json", "--", "sh", "-c", line]).code(1).json_as("test");
    // A command that a terminal would obey is shown without that, and noted in one line.
    let text = r.git_args(["session", "test", "auth", "--", "true", "\u{1b}[2J\nSession-Tested: x"]).ok().text();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let note = r.git(&format!("notes --ref=sessions show {}", r.rev("auth^{tree}"))).ok().text();
    assert!(!note.contains('\u{1b}') && note.lines().count() == 2, "{note:?}");
    r.git_args(["session", "test", "auth", "--if-needed", "--", "true", "\u{1b}[2J\nSession-Tested: x"])
        .ok()
        .stdout_contains("already");
}

fn wait_for(mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "it did not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What `order` says of a session: its remark where it goes in, else the sentences against it.
fn ordered(r: &Sandbox, name: &str) -> String {
    let answer = r.git("session order --json").ok().json_as("order");
    let find = |key: &str| answer[key].as_array().expect("a list").iter().find(|one| one["name"] == name).cloned();
    if let Some(place) = find("order") {
        return place["remark"].as_str().unwrap_or("goes in").to_owned();
    }
    let blocked = find("blocked").unwrap_or_else(|| panic!("no {name} in {answer}"));
    let reasons = blocked["reasons"].as_array().expect("reasons").iter();
    reasons.map(|reason| format!("{}: {}", reason["kind"], reason)).collect::<Vec<_>>().join("; ")
}

#[test]
fn order_asks_for_tests_where_a_command_is_known() {
    let r = repo().config("session.readiness", "tests");
    assert_eq!(ordered(&r, "auth"), "goes in");
    r.config("session.test", "test ! -e broken");
    let why = ordered(&r, "auth");
    assert!(why.contains("\"tests\"") && why.contains("its tests were never run"), "{why}");
    assert!(why.contains("git session test auth"), "{why}");
    r.git("session test auth").ok();
    assert_eq!(ordered(&r, "auth"), "tested");
    // A newer commit of its own is not tested, one with the same tree is.
    r.session("auth").commit("an empty one");
    assert_eq!(ordered(&r, "auth"), "tested");
    r.session("auth").file("broken", "").commit("breaks it");
    assert!(ordered(&r, "auth").contains("never run"));
    r.git("session test auth").code(1);
    let why = ordered(&r, "auth");
    assert!(
        why.contains("its tests failed") && why.contains("test ! -e broken") && why.contains("exit code 1"),
        "{why}"
    );
    assert!(ordered(&r, "docs").contains("never run"));
    r.config("session.testPolicy", "off");
    assert_eq!(ordered(&r, "auth"), "goes in");
    r.config("session.testPolicy", "sometimes");
    r.git("session order").code(1).stderr_contains("git config session.testPolicy commits");
}

#[test]
fn a_sync_keeps_the_verdict_as_the_policy_has_it() {
    let r = repo().config("session.readiness", "tests").config("session.test", "true");
    r.git("session test").ok();
    for at in ["1", "2"] {
        // From sync to sync.
        r.file(format!("base{at}.txt"), "1\n").commit("base moves");
        r.git("session sync").ok();
        assert_eq!(ordered(&r, "auth"), "tested before sync");
    }
    // What is said of it moves nothing.
    r.git("session set auth --goal x").ok();
    assert_eq!(ordered(&r, "auth"), "tested before sync");
    r.config("session.testPolicy", "tree");
    let why = ordered(&r, "auth");
    assert!(why.contains("tested before sync only") && why.contains("git session test auth"), "{why}");
    r.git("session test auth").ok();
    assert_eq!(ordered(&r, "auth"), "tested");
    r.config("session.testPolicy", "commits");
    // A newer commit was never tested, not before a sync either, and a sync does not make it so.
    r.session("docs").file("more.txt", "1\n").commit("more");
    assert!(ordered(&r, "docs").contains("never run"));
    r.file("base3.txt", "1\n").commit("base moves");
    r.git("session sync").ok();
    assert!(ordered(&r, "docs").contains("never run"));
    assert_eq!(ordered(&r, "auth"), "tested before sync");
    // Tests that failed before a sync are not made good by it.
    r.git("-c session.test=false session test docs").code(1);
    r.config("session.test", "false");
    r.file("base4.txt", "1\n").commit("base moves");
    r.git("session sync").ok();
    assert!(ordered(&r, "docs").contains("before the last sync"), "{}", ordered(&r, "docs"));
}

#[test]
fn a_command_that_waits_for_trust_is_not_asked_for() {
    let r = Sandbox::new().file("a.txt", "1\n").file(".git-session.toml", "test = \"true\"\n").commit("base");
    r.config("session.readiness", "tests").git("session create auth").ok();
    r.session("auth").file("b.txt", "1\n").commit("work");
    assert_eq!(ordered(&r, "auth"), "goes in");
    r.git("session trust -y").ok();
    assert!(ordered(&r, "auth").contains("never run"));
    r.git("session test").ok();
    assert_eq!(ordered(&r, "auth"), "tested");
}
