//! `adopt`: sessions of branches and worktrees that are there already.

use crate::support::{Run, Sandbox};

fn repo() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.branch("auth").file("auth.txt", "1\n").commit("work");
    r.git("switch --quiet main").ok();
    r.file("a.txt", "2\n").commit("meanwhile");
    r.git("session create begun").ok();
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
fn a_branch_gets_a_worktree_and_a_fork() {
    let r = repo();
    let answer = r.git("session adopt auth --goal 'Log in' --json").ok().json_as("adopt");
    assert_eq!(answer["sessions"][0]["name"], "auth");
    let auth = r.session("auth");
    assert_eq!(auth.read("auth.txt"), "1\n");
    auth.git("status --porcelain").ok().stdout("");
    let table = facts(&r, "auth");
    assert_eq!(table["base"]["fork"].as_str(), Some(r.git("merge-base main auth").ok().text().trim_end()));
    assert_eq!(table["goal"].as_str(), Some("Log in"));
    r.git("log -1 --format=%s refs/sessions/auth").ok().stdout_contains("[auth] adopted: ");
}

#[test]
fn a_worktree_is_left_as_it_is() {
    let r = repo();
    r.git("worktree add --quiet ../mine auth").ok();
    let mine = r.in_dir("../mine").file("auth.txt", "dirty\n").file("new", "n\n");
    let status = mine.git("status --porcelain").ok().text();
    r.git("session adopt ../mine").ok();
    assert_eq!(mine.git("status --porcelain").ok().text(), status);
    assert_eq!(r.session("auth").here(), r.root().join("mine"));
    mine.git("symbolic-ref refs/worktree/session").ok().stdout("refs/sessions/auth\n");
    refused(&r, "session adopt ../mine", 1).stderr_contains("is that of the session 'auth' already");
    refused(&r, "session adopt auth", 1).stderr_contains("has its worktree already");
}

#[test]
fn globs_all_and_no_worktree() {
    let r = repo();
    for name in ["feature/a", "feature/b", "other"] {
        r.git(&format!("branch {name}")).ok();
    }
    r.git("session adopt 'feature/*' --no-worktree").ok();
    assert!(r.has_rev("refs/sessions/feature/a") && r.has_rev("refs/sessions/feature/b"));
    assert!(!r.has("../repo-sessions/feature"));
    let list = r.git("session list 'feature/*' --json").ok().json_as("list");
    for row in list["sessions"].as_array().expect("rows") {
        assert_eq!((row.get("worktree"), row["broken"].as_array().map(Vec::len)), (None, Some(0)));
    }
    refused(&r, "session adopt 'feature/*'", 1).stderr_contains("matches 'feature/*'");
    r.git("worktree add --quiet ../one other").ok();
    r.git("worktree add --quiet ../two auth").ok();
    r.git("session adopt --all").ok();
    assert!(r.has_rev("refs/sessions/other") && r.has_rev("refs/sessions/auth") && !r.has_rev("refs/sessions/main"));
    r.git("session adopt --all").ok().stderr_contains("is a session's already");
    r.git("session adopt feature/a").ok();
    r.session("feature/a").git("status --porcelain").ok().stdout("");
}

#[test]
fn a_branch_of_the_remote_is_made_here() {
    let r = repo();
    r.git("init --quiet --bare ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("push --quiet origin main auth").ok();
    r.git("branch --quiet -D auth").ok();
    r.git("session adopt auth").ok();
    assert_eq!(r.rev("auth"), r.rev("origin/auth"));
    assert_eq!(r.session("auth").read("auth.txt"), "1\n");
}

#[test]
fn refusals_say_what_would_do() {
    let r = repo();
    refused(&r, "session adopt", 2).stderr_contains("--all");
    refused(&r, "session adopt main", 1).stderr_contains("is the base itself");
    refused(&r, "session adopt nowhere", 1).stderr_contains("no branch, no worktree and no session");
    refused(&r, "session adopt auth --base nowhere", 1).stderr_contains("'nowhere' is no branch");
    refused(&r, "session adopt auth --name begun", 1).stderr_contains("in the way of the name 'begun'");
    refused(&r, "session adopt auth --name begun/x", 1).stderr_contains("in the way");
    r.git_args(["branch", "Größe(x)", "auth"]).ok();
    r.git_args(["branch", "con", "auth"]).ok();
    refused(&r, "session adopt con", 2).stderr_contains("`con-session` would do").stderr_contains("--name <name>");
    r.git("session adopt con --name console").ok();
    assert_eq!(facts(&r, "console")["branch"].as_str(), Some("refs/heads/con"));
    r.git("worktree add --quiet --detach ../detached auth").ok();
    refused(&r, "session adopt ../detached", 1).stderr_contains("is on no branch").stderr_contains("switch -c");
    r.git("checkout --quiet --orphan lonely").ok();
    r.file("l", "l\n").commit("lonely").git("switch --quiet main").ok();
    refused(&r, "session adopt lonely", 1).stderr_contains("no history in common");
    r.file("../repo-sessions/auth/x", "x\n");
    refused(&r, "session adopt auth", 1).stderr_contains("is taken");
    r.git("worktree add --quiet ../half -b half").ok();
    let half = r.in_dir("../half").file("a.txt", "half\n").commit("half");
    r.file("a.txt", "3\n").commit("on");
    half.git("merge main").code(1);
    refused(&r, "session adopt half", 1).stderr_contains("in the middle of a merge");
}

#[test]
fn dry_runs_change_nothing() {
    let r = repo();
    refused(&r, "session adopt auth -n", 0).stdout_contains("Would adopt the session 'auth'");
    refused(&r, "session adopt --all -n", 0);
}

#[test]
fn a_branch_that_was_renamed_is_taken_over() {
    let r = repo();
    r.git("branch -m begun further").ok();
    refused(&r, "session adopt begun -n", 0).stdout_contains("Would give 'begun' its worktree");
    r.git("session adopt begun").ok();
    assert_eq!(facts(&r, "begun")["branch"].as_str(), Some("refs/heads/further"));
    r.session("begun").branch("elsewhere");
    refused(&r, "session adopt begun", 1).stderr_contains("switch further`");
}

#[test]
fn what_a_lost_directory_alone_reached_is_kept_when_it_is_made_again() {
    let r = repo();
    let begun = r.session("begun");
    begun.file("x", "1\n").commit("to be reset");
    let lost = begun.rev("HEAD");
    begun.git("reset --quiet --hard HEAD~1").ok();
    begun.git("switch --quiet --detach").ok();
    begun.file("y", "1\n").commit("on no branch");
    let detached = begun.rev("HEAD");
    std::fs::remove_dir_all(begun.here()).expect("removed by hand");
    let answer = r.git("session adopt begun --json").ok().json_as("adopt");
    assert_eq!(answer["mended"], serde_json::json!([{ "name": "begun", "worktree": begun.here() }]));
    assert_eq!(r.session("begun").rev("HEAD"), detached);
    r.session("begun").git("status --porcelain").ok().stdout("");
    for id in [lost, detached] {
        let held = r.git("for-each-ref --format=%(refname) --contains").status();
        assert_eq!(held, Some(0));
        let reflog = r.git("rev-list --all --reflog").ok().text();
        assert!(reflog.contains(&id), "{id} is in no ref and no reflog");
    }
}

#[test]
fn a_lost_branch_is_refused() {
    let r = repo();
    r.git_args(["worktree".as_ref(), "remove".as_ref(), r.session("begun").here().as_os_str()]).ok();
    r.git("branch --quiet -D begun").ok();
    refused(&r, "session adopt begun", 1).stderr_contains("The branch 'begun' is gone");
}

#[test]
fn a_lost_worktree_is_given_back_once() {
    let r = repo();
    r.remove("../repo-sessions/begun");
    let place = r.root().join("repo-sessions/begun").display().to_string();
    let planned = r.git("session adopt begun -n --json").ok().json_as("adopt");
    assert_eq!(planned["mended"], serde_json::json!([{ "name": "begun", "worktree": place }]));
    let runs: Vec<_> = (0..5).map(|_| r.spawn("session adopt begun")).collect();
    let runs: Vec<Run> = runs.into_iter().map(crate::support::Running::wait).collect();
    assert_eq!(runs.iter().filter(|run| run.status() == Some(0)).count(), 1, "{}\n{}", runs[0], runs[1]);
    for run in runs.iter().filter(|run| run.status() != Some(0)) {
        assert!(matches!(run.status(), Some(1 | 4)), "{run}");
    }
    r.session("begun").git("status --porcelain").ok().stdout("");
    r.git("log --format=%s refs/sessions/begun").ok().stdout_contains("adopted: worktree");
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
}

#[test]
#[cfg(target_os = "linux")]
fn killed_while_it_gives_a_worktree_back_it_can_be_run_again() {
    let r = repo();
    r.remove("../repo-sessions/begun");
    r.executable(".git/hooks/post-checkout", "#!/bin/sh\nkill -9 $(cut -d' ' -f4 /proc/$PPID/stat)\n");
    r.run("git-session", ["adopt", "begun"]);
    r.remove(".git/hooks/post-checkout");
    assert!(r.has_rev("refs/sessions/@pending/begun"));
    r.git("session list").ok().stderr_contains("interrupted");
    r.git("session adopt begun").code(1).stderr_contains("gave 'begun' its worktree").stderr_contains("already");
    r.session("begun").git("status --porcelain").ok().stdout("");
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
    // A branch that never had one here.
    r.git_args(["worktree".as_ref(), "remove".as_ref(), r.session("begun").here().as_os_str()]).ok();
    r.executable(".git/hooks/post-checkout", "#!/bin/sh\nkill -9 $(cut -d' ' -f4 /proc/$PPID/stat)\n");
    r.run("git-session", ["adopt", "begun"]);
    r.remove(".git/hooks/post-checkout");
    r.git("session adopt begun").ok().stderr_contains("may be run again");
    r.session("begun").git("status --porcelain").ok().stdout("");
}
