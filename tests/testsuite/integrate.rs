//! `integrate`: in order, tested, by one move; what does harm is found, and nothing of it is lost.

use crate::recovery::{kills, patiently, start, time_of};
use crate::support::Sandbox;
use serde_json::Value;

fn session(r: &Sandbox, name: &str, more: &str) -> Sandbox {
    r.git(&format!("session create {name} --no-copy --no-setup {more}")).ok();
    r.session(name)
}

fn three(r: &Sandbox) {
    r.file("a.txt", "a\n").commit("base");
    session(r, "one", "--goal 'The first one'").file("one.txt", "1\n").commit("one");
    session(r, "two", "--depends-on one")
        .file("two.txt", "2\n")
        .commit("two")
        .file("more.txt", "2\n")
        .commit("two more");
    session(r, "rival", "").file("one.txt", "other\n").file("r2", "x\n").commit("rival");
}

fn integrate(r: &Sandbox, more: &str) -> Value {
    r.git(&format!("session integrate --all --json {more}")).json_as("integrate")
}

fn merged(answer: &Value) -> Vec<&str> {
    answer["merged"].as_array().expect("rows").iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

fn blocked(answer: &Value) -> Vec<(&str, &str)> {
    let rows = answer["blocked"].as_array().expect("rows").iter();
    rows.map(|row| (row["name"].as_str().expect("a name"), row["reasons"][0]["kind"].as_str().expect("a kind")))
        .collect()
}

fn states(r: &Sandbox) -> Vec<(String, String)> {
    let list = r.git("session list --json").json_as("list");
    let rows = list["sessions"].as_array().expect("rows").iter();
    rows.map(|row| (row["name"].as_str().expect("text").to_owned(), row["state"].as_str().expect("text").to_owned()))
        .collect()
}

#[test]
fn the_base_moves_once_and_its_worktree_follows() {
    let r = Sandbox::new();
    three(&r);
    let old = r.rev("main");
    let foreseen = r.unchanged_by(|r| integrate(r, "--into main --dry-run"));
    assert!(foreseen["operation"].is_null() && foreseen["to"].is_null());
    r.git("session integrate --all --into main").code(2).stderr_contains("--yes");
    assert_eq!(r.rev("main"), old);
    let answer = integrate(&r, "--into main --yes");
    assert_eq!(merged(&answer), ["one", "two"]);
    assert_eq!(blocked(&answer), [("rival", "conflict")]);
    assert_eq!(answer["blocked"][0]["reasons"][0]["files"][0]["path"], "one.txt");
    assert_eq!((answer["from"].as_str(), answer["to"].as_str()), (Some(old.as_str()), Some(r.rev("main").as_str())));
    assert_eq!(answer["tree"], foreseen["tree"]);
    assert_eq!(r.rev("main^{tree}"), answer["tree"].as_str().expect("an id"));
    let log = r.git("log --first-parent --format=%s main").ok().text();
    assert_eq!(log.lines().collect::<Vec<_>>(), ["Merge session 'two'", "Merge session 'one'", "base"]);
    assert_eq!(r.git("log -1 --format=%b main^").ok().text().trim(), "The first one");
    assert_eq!(r.git("rev-list -g --count main").ok().text().trim(), "2", "it moved once");
    r.git("status --porcelain").ok().stdout("");
    assert_eq!(r.read("more.txt"), "2\n");
    let states = states(&r);
    assert_eq!(states.iter().map(|(_, state)| state.as_str()).collect::<Vec<_>>(), ["merged", "open", "merged"]);
    assert!(r.session("one").has("one.txt"), "its worktree stays");
    // There is nothing more to do, and that is no error.
    let again = integrate(&r, "--into main --yes");
    assert!(merged(&again).is_empty() && again["to"].is_null());
    // New commits make it open again.
    r.session("one").file("again.txt", "x\n").commit("again");
    assert_eq!(self::states(&r)[0], ("one".to_owned(), "open".to_owned()));
    let answer = integrate(&r, "--into main --yes one");
    assert_eq!(merged(&answer), ["one"]);
    r.git("fsck --strict --no-dangling").ok();
}

#[test]
fn what_came_in_with_another_one_is_merged_without_a_commit_of_its_own() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    let s = session(&r, "one", "").file("one.txt", "1\n").commit("one");
    r.git("branch twin one").ok();
    r.git("session adopt twin --no-worktree").ok();
    session(&r, "two", "").git("merge -q --no-edit one").ok();
    s.tick();
    let answer = integrate(&r, "--into main --yes");
    assert_eq!(merged(&answer).len(), 3);
    assert_eq!(r.git("log --first-parent --format=%s main").ok().text(), "Merge session 'one'\nbase\n");
    assert!(states(&r).iter().all(|(_, state)| state == "merged"));
    assert_eq!(r.git("merge --no-ff twin two").ok().text(), "Already up to date.\n");
}

#[test]
fn the_hooks_of_a_merge_run_and_may_refuse() {
    let r = Sandbox::new();
    three(&r);
    r.executable(".git/hooks/post-merge", "#!/bin/sh\necho \"post-merge $1\" >> .git/told\n");
    r.executable(".git/hooks/commit-msg", "#!/bin/sh\necho Reviewed >> \"$1\"\n");
    integrate(&r, "--into main --yes");
    assert_eq!(r.read(".git/told"), "post-merge 0\n");
    assert!(r.git("log -1 --format=%B main").ok().text().contains("Reviewed"));
    r.executable(".git/hooks/pre-merge-commit", "#!/bin/sh\nexit 1\n");
    session(&r, "later", "").file("later.txt", "x\n").commit("later");
    let old = r.rev("main");
    r.git("session integrate --all --into main --yes").code(1).stderr_contains("pre-merge-commit");
    assert_eq!(r.rev("main"), old);
    assert!(!r.refs().iter().any(|name| name.contains("@pending")));
}

#[test]
fn what_was_integrated_cleanup_takes_for_merged() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    session(&r, "old", "").file("old.txt", "x\n").git("add old.txt").ok();
    // A clock that was wrong: the work is dated before the session began.
    let past = r.session("old").env("GIT_COMMITTER_DATE", "@1000000000 +0000");
    past.git("commit -q -m old").ok();
    integrate(&r, "--into main --yes");
    r.session("old").git("merge -q --ff-only main").ok();
    let answer = r.git("session cleanup --dry-run --json").json_as("cleanup");
    assert_eq!(answer["sessions"][0]["why"], "merged", "{answer:#}");
}

#[test]
fn a_session_that_has_not_begun_is_neither_merged_nor_ended() {
    let r = Sandbox::new();
    three(&r);
    session(&r, "fresh", "");
    r.file("meanwhile.txt", "x\n").commit("meanwhile");
    r.session("fresh").git("merge -q --ff-only main").ok();
    session(&r, "waits", "--depends-on fresh").file("w", "x\n").commit("waits");
    let answer = integrate(&r, "--into main --yes --cleanup");
    assert_eq!(merged(&answer), ["one", "two"]);
    assert_eq!(blocked(&answer), [("fresh", "not-ready"), ("rival", "conflict"), ("waits", "depends-on")]);
    assert!(r.session("fresh").has("a.txt"));
    assert!(states(&r).contains(&("fresh".to_owned(), "open".to_owned())));
}

#[test]
fn undo_gives_the_base_back_and_what_was_said() {
    let r = Sandbox::new();
    three(&r);
    let old = r.rev("main");
    integrate(&r, "--into main --yes");
    r.git("session undo --yes").ok();
    assert_eq!(r.rev("main"), old);
    assert!(!r.has("one.txt"));
    assert!(states(&r).iter().all(|(_, state)| state == "open"));
    r.git("status --porcelain").ok().stdout("");
    integrate(&r, "--into main --yes --cleanup");
    assert_eq!(states(&r).len(), 1);
    assert!(!r.has_rev("refs/heads/one"));
    r.git("session undo --yes").ok();
    assert_eq!(r.rev("main"), old);
    assert_eq!(states(&r).len(), 3);
    assert_eq!(r.session("two").read("more.txt"), "2\n");
}

#[test]
fn without_into_a_branch_proposes_it() {
    let r = Sandbox::new();
    three(&r);
    let old = r.rev("main");
    let answer = integrate(&r, "");
    assert_eq!(answer["branch"], "integration/main");
    assert_eq!((r.rev("main"), merged(&answer)), (old.clone(), vec!["one", "two"]));
    assert_eq!(r.rev("integration/main"), answer["to"].as_str().expect("an id"));
    assert!(states(&r).iter().all(|(_, state)| state == "open"), "nothing is said of the sessions");
    // Made anew, from the base as it is then.
    r.file("b.txt", "b\n").commit("meanwhile");
    let again = integrate(&r, "");
    assert_eq!(again["from"], answer["to"]);
    assert_eq!(r.git("show integration/main:b.txt").ok().text(), "b\n");
    // What somebody put on top is not thrown away.
    r.git("checkout -q integration/main").ok();
    r.file("mine.txt", "mine\n").commit("mine");
    let mine = r.rev("HEAD");
    r.git("session integrate --all").code(1).stderr_contains("integration/main").stderr_contains("git branch -m");
    assert_eq!(r.rev("integration/main"), mine);
    r.git("checkout -q main").ok();
    r.config("session.integrationBranch", "next");
    assert_eq!(integrate(&r, "")["branch"], "next");
}

#[test]
fn a_proposal_that_cannot_have_its_name_says_so_before_anything() {
    let r = Sandbox::new();
    three(&r);
    r.git("branch integration").ok();
    for more in ["--dry-run", ""] {
        let line = format!("session integrate --all {more}");
        r.unchanged_by(|r| {
            r.git(&line)
                .code(1)
                .stderr_contains("'integration/main' and 'integration'")
                .stderr_contains("integrationBranch");
        });
    }
    for name in ["a..b", "-x", ""] {
        r.config("session.integrationBranch", name);
        r.git("session integrate --all").code(1).stderr_contains("is no name for the integration branch");
    }
}

/// Sessions `s01` to `s20`: `s07` breaks the tests, `s08` needs it, `s13` is flaky.
fn twenty(r: &Sandbox) {
    r.file("a.txt", "a\n").file("test.sh", TEST).commit("base");
    for n in 1..=20 {
        let name = format!("s{n:02}");
        let needs = if n == 8 { "--depends-on s07" } else { "" };
        let s = session(r, &name, needs);
        s.file(format!("{name}.txt"), "x\n");
        match n {
            7 => drop(s.file("broken", "x\n")),
            13 => drop(s.file("flaky", "x\n")),
            _ => {}
        }
        s.commit(&name);
    }
}

const TEST: &str = "echo run >> \"$RUNS\"\n[ ! -e broken ] || { echo it is broken; exit 1; }\n\
    [ ! -e flaky ] || [ -e \"$RUNS.flaky\" ] || { touch \"$RUNS.flaky\"; exit 1; }\n";

#[test]
fn the_culprit_is_found_by_bisection_and_the_others_land() {
    let r = Sandbox::new();
    twenty(&r);
    let runs = r.root().join("runs");
    let r = r.env("RUNS", &runs);
    let run = r.git("session integrate --all --into main --yes --json --test 'sh test.sh'");
    run.code(1);
    let answer = run.json_as("integrate");
    assert_eq!(merged(&answer).len(), 18);
    assert_eq!(blocked(&answer), [("s07", "broke-tests"), ("s08", "depends-on")]);
    assert_eq!(answer["test"]["culprits"], serde_json::json!(["s07"]));
    assert_eq!(answer["test"]["flaky"], 1);
    let count = std::fs::read_to_string(&runs).expect("it ran").lines().count();
    assert_eq!(count, answer["test"]["runs"].as_array().expect("runs").len());
    // All once and once more, five steps down of which a failing one runs twice, the rest once.
    assert!(count <= 2 + 2 * 5 + 2, "{count} runs");
    assert!(!r.has("broken") && r.has("s20.txt") && r.has("flaky"));
    assert_eq!(r.git("worktree list").ok().text().lines().count(), 21, "the scratch worktree is gone");
    let log = std::fs::read_to_string(r.path(".git/session-integrate.log")).expect("a log");
    assert!(log.contains("it is broken"));
    r.git("status --porcelain").ok().stdout("");
}

#[test]
fn what_has_a_verdict_on_its_tree_is_not_run_again() {
    let r = Sandbox::new();
    three(&r);
    let runs = r.root().join("runs");
    let r = r.env("RUNS", &runs);
    r.config("session.test", "echo run >> \"$RUNS\"");
    let count = || std::fs::read_to_string(&runs).unwrap_or_default().lines().count();
    let answer = integrate(&r, "--test");
    assert_eq!((merged(&answer).len(), count()), (2, 1));
    assert!(r.git("notes --ref=sessions show integration/main^{tree}").ok().text().contains("Session-Tested: passed"));
    let answer = integrate(&r, "--into main --yes --test");
    assert_eq!((merged(&answer).len(), count()), (2, 1), "the proposal was tested");
    r.git("session integrate --all --into main --yes --test 'no-such-program'").code(0);
    session(&r, "more", "").file("m", "x\n").commit("more");
    let old = r.rev("main");
    r.git("session integrate --all --into main --yes --test 'no-such-program'")
        .code(1)
        .stderr_contains("no such command");
    assert_eq!(r.rev("main"), old);
    r.config("session.test", "");
    r.git("session integrate --all --test").code(1).stderr_contains("session.test");
}

#[cfg(unix)]
#[test]
fn who_makes_the_tests_hang_breaks_them() {
    let r = Sandbox::new();
    three(&r);
    session(&r, "hangs", "").file("hangs", "x\n").commit("hangs");
    let run = r.git(
        "session integrate --all --into main --yes --json --timeout 1 --test '[ ! -e hangs ] || { sleep 300 & sleep 301; }'",
    );
    run.code(1).stderr_contains("Its time was up.");
    let answer = run.json_as("integrate");
    assert_eq!(merged(&answer), ["one", "two"]);
    assert_eq!(blocked(&answer), [("hangs", "broke-tests"), ("rival", "conflict")]);
    assert!(r.has("two.txt") && !r.has("hangs"));
    let noted = r.git("log --all --format=%N --notes=sessions").ok().text();
    assert!(!noted.contains("failed"), "{noted}");
    r.git("session integrate --all --timeout 1").code(2).stderr_contains("--test");
    r.git("session integrate --all --test ' '").code(2).stderr_contains("proves nothing");
}

#[test]
fn a_test_that_changes_what_it_tests_is_not_noted() {
    let r = Sandbox::new();
    three(&r);
    let old = r.rev("main");
    r.git("session integrate --all --into main --yes --test 'rm -rf \"$PWD\"'")
        .code(1)
        .stderr_contains("removed the worktree");
    assert_eq!(r.rev("main"), old);
    assert_eq!(r.git("worktree list").ok().text().lines().count(), 4);
    let test = "'echo x >> a.txt; git commit -qam evil'";
    r.git(&format!("session integrate --all --into main --yes --test {test}")).ok().stderr_contains("is not noted");
    assert!(!r.has_rev("refs/notes/sessions"));
    assert_eq!(r.read("a.txt"), "a\n");
    session(&r, "ignored", "").file("na", "theirs\n").commit("na");
    r.file(".git/info/exclude", "na\n").file("na", "precious\n");
    r.git("session integrate --all --into main --yes").code(1).stderr_contains("Ignored files").stderr_contains("'na'");
    assert_eq!(r.read("na"), "precious\n");
}

#[test]
fn a_worktree_that_is_not_there_just_now_keeps_its_entry() {
    let r = Sandbox::new();
    three(&r);
    let s = session(&r, "away", "");
    s.file("staged.txt", "staged only\n").git("add staged.txt").ok();
    let (place, aside) = (r.session("away").here().to_owned(), r.root().join("unmounted"));
    std::fs::rename(&place, &aside).expect("can be moved");
    for test in ["true", "rm -f .git; git -C . rev-parse --git-dir && exit 7; exit 1"] {
        r.git_args(["session", "integrate", "--all", "--into", "main", "--yes", "--test", test]);
    }
    assert!(!std::fs::read_to_string(r.path(".git/session-integrate.log")).expect("a log").contains(".git\n"));
    std::fs::rename(&aside, &place).expect("can be moved");
    s.git("status --porcelain").ok().stdout("A  staged.txt\n");
    r.git("status --porcelain").ok().stdout("");
    r.git("fsck --strict --no-dangling").ok();
}

#[test]
fn the_commands_around_an_end_run_where_sessions_end() {
    let r = Sandbox::new();
    three(&r);
    let told = r.root().join("told");
    r.config("session.hook.pre-remove", &format!("echo remove >> '{}'", told.display()));
    r.config("session.hook.pre-finish", &format!("echo finish >> '{}'", told.display()));
    integrate(&r, "--into main --yes --cleanup");
    assert_eq!(std::fs::read_to_string(&told).expect("they ran"), "finish\nremove\n".repeat(2));
    r.config("session.hook.pre-finish", "exit 1");
    session(&r, "held", "").file("held.txt", "x\n").commit("held");
    let run = r.git("session integrate --all --into main --yes --cleanup");
    run.code(1).stderr_contains("'held' went in");
    assert!(r.has("held.txt") && r.session("held").has("held.txt"));
}

#[test]
fn where_signing_fails_it_says_so() {
    let r = Sandbox::new();
    three(&r);
    let old = r.rev("main");
    r.config("commit.gpgSign", "true").config("gpg.program", "false");
    r.git("session integrate --all --into main --yes").code(1).stderr_contains("signed").stderr_contains("gpg.program");
    assert_eq!(r.rev("main"), old);
}

#[test]
fn where_the_base_fails_by_itself_nothing_moves() {
    let r = Sandbox::new();
    three(&r);
    let old = r.rev("main");
    r.git("session integrate --all --into main --yes --test false")
        .code(1)
        .stderr_contains("fail on 'main' already")
        .stderr_contains("session-integrate.log");
    assert_eq!(r.rev("main"), old);
    assert!(!r.refs().iter().any(|name| name.contains("@pending")));
    assert_eq!(r.git("worktree list").ok().text().lines().count(), 4);
}

#[test]
fn uncommitted_work_in_the_way_keeps_the_base_where_it_is() {
    let r = Sandbox::new();
    three(&r);
    let old = r.rev("main");
    r.file("one.txt", "mine\n");
    r.git("session integrate --all --into main --yes").code(1).stderr_contains("one.txt").stderr_contains("stash");
    assert_eq!((r.rev("main"), r.read("one.txt")), (old, "mine\n".to_owned()));
    assert!(!r.refs().iter().any(|name| name.contains("@pending")));
    // What nobody touches may stay.
    r.remove("one.txt").file("a.txt", "changed\n");
    integrate(&r, "--into main --yes");
    assert_eq!(r.read("a.txt"), "changed\n");
}

#[test]
fn squashed_each_is_one_commit() {
    let r = Sandbox::new();
    three(&r);
    let answer = integrate(&r, "--into main --yes --strategy squash");
    assert_eq!(merged(&answer), ["one", "two"]);
    let log = r.git("log --format=%s%n%b main").ok().text();
    let lines: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["two", "* two", "* two more", "The first one", "* one", "base"]);
    assert_eq!(r.git("rev-list --merges --count main").ok().text().trim(), "0");
}

#[test]
fn several_bases_are_not_mixed() {
    let r = Sandbox::new();
    three(&r);
    r.git("branch develop").ok();
    session(&r, "other", "develop").file("o", "x\n").commit("other");
    r.git("session integrate --all").code(1).stderr_contains("develop").stderr_contains("--into");
    let answer = integrate(&r, "--into develop --yes");
    assert_eq!((merged(&answer), answer["branch"].as_str()), (vec!["other"], Some("develop")));
    r.git("session integrate --all --into nowhere --yes").code(1).stderr_contains("nowhere");
    r.git("session integrate --strategy rebase").code(2);
    r.git("session integrate --cleanup").code(2);
}

#[test]
fn killed_while_it_tests_it_leaves_the_base_alone_and_the_next_goes_on() {
    let r = Sandbox::new();
    three(&r);
    let old = r.rev("main");
    let mark = r.root().join("began");
    let test = format!("touch '{0}'; while [ -e '{0}' ]; do sleep 0.05; done", mark.display());
    let running = start(&r, &["integrate", "--all", "--into", "main", "--yes", "--test", &test]);
    while !mark.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(r.git("worktree list").ok().text().lines().count(), 5);
    running.kill();
    // What it started lives on for a moment.
    std::fs::remove_file(&mark).expect("it is there");
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(r.rev("main"), old);
    r.git("fsck --strict --no-dangling").ok();
    let answer = integrate(&r, "--into main --yes --test true");
    assert_eq!(merged(&answer), ["one", "two"]);
    assert_eq!(r.git("worktree list").ok().text().lines().count(), 4, "what was left is gone");
}

#[test]
fn killed_at_any_moment_the_base_is_before_or_after() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    session(&r, "keeper", "").file("keeper.txt", "x\n").commit("keeper");
    let work = |n: usize| {
        for name in ["one", "two"] {
            session(&r, &format!("{name}{n}"), "").file(format!("{name}{n}/f.txt"), "x\n").commit(name);
        }
    };
    work(100);
    let most = time_of(|| r.git("session integrate --all --into main --yes"));
    let (mut before, mut after) = (0, 0);
    for (n, delay) in kills(12, most).enumerate() {
        work(n);
        let old = r.rev("main");
        let running = start(&r, &["integrate", "--all", "--into", "main", "--yes"]);
        running.kill_after(delay);
        patiently(&r, &["set", "keeper", "--goal", &format!("after {n}")]).ok();
        let is_before = r.rev("main") == old;
        assert_eq!(r.has(format!("one{n}/f.txt")), !is_before, "round {n}");
        assert_eq!(r.has(format!("two{n}/f.txt")), !is_before, "round {n}");
        r.git("status --porcelain").ok().stdout("");
        assert!(!r.refs().iter().any(|name| name.contains("@pending")), "round {n}");
        if is_before {
            before += 1;
        } else {
            after += 1;
        }
        patiently(&r, &["integrate", "--all", "--into", "main", "--yes"]).ok();
        assert!(r.has(format!("one{n}/f.txt")) && r.has(format!("two{n}/f.txt")), "round {n}");
        assert!(states(&r).iter().all(|(_, state)| state == "merged"), "round {n}: {:?}", states(&r));
    }
    r.git("fsck --strict --no-dangling").ok();
    assert!(before + after == 12);
}

#[test]
fn of_several_at_once_one_moves_the_base() {
    let r = Sandbox::new();
    three(&r);
    let running: Vec<_> = (0..6).map(|_| r.spawn("session integrate --all --into main --yes")).collect();
    let codes: Vec<Option<i32>> = running.into_iter().map(|running| running.wait().status()).collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 4))), "{codes:?}");
    let log = r.git("log --first-parent --format=%s main").ok().text();
    assert_eq!(log.lines().count(), 3, "{log}");
    assert_eq!(r.git("rev-list -g --count main").ok().text().trim(), "2");
    assert!(!r.refs().iter().any(|name| name.contains("@pending")));
    r.git("status --porcelain").ok().stdout("");
}

#[test]
fn the_report_names_all_of_it() {
    let r = Sandbox::new();
    three(&r);
    let text = r.git("session integrate --all --format markdown --test true").ok().text();
    for part in [
        "## Integration into `integration/main`",
        "`one`: The first one",
        "### Left out",
        "`one.txt`",
        "### Tests: `true`",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let run = r.git("session integrate --all --into main --yes");
    run.stdout_contains("Merged into main").stdout_contains("conflicts with 'one'").stderr_contains("'main' is at");
}

#[test]
fn of_alternatives_one_is_taken_and_the_others_are_put_aside() {
    let r = Sandbox::new().file("a.txt", "a\n").commit("base");
    session(&r, "first", "--goal 'One way'").file("way.txt", "1\n2\n").commit("one way").file("loose.txt", "loose\n");
    session(&r, "second", "").file("way.txt", "other\n").file("a.txt", "b\n").commit("another way");
    session(&r, "else", "").file("a.txt", "c\n").commit("something else");
    let seen =
        r.unchanged_by(|r| r.git("session integrate --alternatives first,second --json").json_as("alternatives"));
    let row = |at: usize| &seen["alternatives"][at];
    assert_eq!((&row(0)["name"], &row(0)["added"], &row(0)["files"]), (&"first".into(), &2.into(), &1.into()));
    assert_eq!((&row(1)["removed"], &row(1)["conflicts"]), (&1.into(), &serde_json::json!(["else"])));
    assert_eq!(row(0)["merge"], "clean");
    r.git("session integrate --alternatives first,second")
        .stdout_contains("One way")
        .stdout_contains("conflicts with else");
    r.git("session integrate --alternatives first").code(2).stderr_contains("two at least");
    r.git("session integrate --alternatives first,second --select first").code(2);
    r.git("session integrate --alternatives first,second --select else --into main").code(2).stderr_contains("none of");
    r.git("session integrate --alternatives first,second --select second --into main").code(2).stderr_contains("--yes");
    let old = r.rev("main");
    let taken = "session integrate --alternatives first,second --select second --into main --yes --json";
    let answer = r.git(taken).json_as("integrate");
    assert_eq!((merged(&answer), &answer["abandoned"]), (vec!["second"], &serde_json::json!(["first"])));
    assert!(!r.has_rev("refs/sessions/first") && !r.has_rev("refs/heads/first"));
    r.git("session undo --yes").ok();
    assert_eq!(r.rev("main"), old);
    assert_eq!(r.session("first").read("loose.txt"), "loose\n");
    assert_eq!(r.session("first").read("way.txt"), "1\n2\n");
}
