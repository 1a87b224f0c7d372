//! `exec`: a command in every worktree, the output of each kept apart.

use crate::support::Sandbox;
use std::io::Read;
use std::time::{Duration, Instant};

fn repo() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    for name in ["auth", "docs", "search"] {
        r.git(&format!("session create {name}")).ok();
    }
    r
}

#[test]
fn each_has_its_output_under_its_name_in_order() {
    let r = repo();
    // The first is the last to end.
    let line = "echo \"$SESSION_NAME begins\"; test \"$SESSION_NAME\" = auth && sleep 1; echo problem >&2; printf end";
    let run = r.git_args(["session", "exec", "-j", "3", "--", "sh", "-c", line]);
    run.ok().stderr_contains("3 done.");
    let place = r.root().join("repo-sessions");
    let part = |name: &str| format!("{name} ({})\n{name} begins\nproblem\nend\n", place.join(name).display());
    assert_eq!(run.text(), [part("auth"), part("docs"), part("search")].join("\n"));
    // What kept it until its turn came is gone.
    let left = r.run("find", [r.repo().join(".git").as_os_str(), "-name".as_ref(), "session-*".as_ref()]).ok().text();
    assert_eq!(left, "");
    r.git("session exec docs 's*' -- git branch --show-current").ok().stdout_contains(")\ndocs\n").stdout_lacks("auth");
    r.session("docs").git("session exec @ -- pwd").ok().stdout_contains("repo-sessions/docs\n").stdout_lacks("search");
}

#[test]
fn one_that_fails_fails_all_and_the_others_run() {
    let r = repo();
    let line = "touch ran; test $SESSION_NAME != docs || exit 5";
    let run = r.git_args(["session", "exec", "--", "sh", "-c", line]);
    run.code(1).stdout_contains("[exit code 5]").stderr_contains("2 done, 1 failed.");
    assert!(["auth", "docs", "search"].iter().all(|name| r.session(name).has("ran")));
    let run = r.git("session exec auth -- no-such-program");
    run.code(1).stdout_contains("could not be started").stdout_contains("No such file").stdout_contains("sh -c");
    r.git_args(["session", "exec", "auth", "--", "sh", "-c", "kill -9 $$"]).code(1).stdout_contains("signal 9");
}

#[test]
fn what_takes_too_long_is_ended() {
    let r = repo();
    let line = "echo begun; test $SESSION_NAME != docs || { sleep 300 & sleep 301; }";
    let run = r.git_args(["session", "exec", "--timeout", "1", "--", "sh", "-c", line]);
    run.code(1).stdout_contains("begun\n[its time was up]").stderr_contains("2 done, 1 timed out.");
    let run = r.git_args(["session", "exec", "--json", "--timeout", "1s", "docs", "--", "sh", "-c", line]);
    assert_eq!(run.json_lines_as("exec")[0]["outcome"], "timed-out");
}

#[test]
fn words_are_no_line_of_shell() {
    let r = repo();
    r.git_args(["session", "exec", "auth", "--", "printf", "%s|", "$HOME", "a b", "", "; false"])
        .ok()
        .stdout_contains("$HOME|a b||; false|\n");
    r.unchanged_by(|r| {
        r.git("session exec").code(2);
        r.git("session exec auth").code(2);
        r.git("session exec nobody -- true").code(1).stderr_contains("There is no session 'nobody'");
        let run = r.git("session exec -n -- touch x");
        run.ok()
            .stdout_contains("$ touch x")
            .stdout_contains(&r.root().join("repo-sessions/docs").display().to_string());
    });
}

#[test]
fn git_there_is_that_worktrees() {
    let r = repo();
    let hook = r.env("GIT_DIR", r.repo().join(".git")).env("GIT_INDEX_FILE", r.repo().join(".git/index"));
    hook.git("session exec auth -- git rev-parse --abbrev-ref HEAD").ok().stdout_contains(")\nauth\n");
    r.git_args(["session", "exec", "auth", "--", "sh", "-c", "test ! -t 0; cat; echo $SESSION_BASE"])
        .ok()
        .stdout_contains(")\nmain\n");
}

#[test]
fn programs_get_a_line_each() {
    let r = repo();
    r.remove(r.session("docs").here());
    let line = r"test $SESSION_NAME = auth && printf 'a%% \377\n' || { printf 'ok\n'; exit 3; }";
    let run = r.git_args(["session", "exec", "--json", "--", "sh", "-c", line]);
    let lines = run.code(1).json_lines_as("exec");
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["output"], serde_json::json!({ "text": "a%25%20%FF%0A", "encoding": "percent" }));
    assert_eq!((&lines[1]["outcome"], &lines[1]["reason"]), (&"skipped".into(), &"worktree-missing".into()));
    assert_eq!((&lines[2]["output"], &lines[2]["exit_code"]), (&"ok\n".into(), &3.into()));
    let dry = r.git("session exec --json -n -- true").ok().json_lines_as("exec");
    assert_eq!((&dry[0]["outcome"], &dry[1]["outcome"]), (&"planned".into(), &"skipped".into()));
    // Left out under all it is no failure, named by itself it is.
    r.git("session exec -- true").ok().stdout_contains("[skipped: its worktree is gone; `git session adopt docs`]");
    r.git("session exec docs -- true").code(1);
}

#[test]
fn the_first_is_heard_at_once_and_all_end_with_us() {
    let r = repo();
    let line = "echo begun; sleep 60 & echo $! > ../$SESSION_NAME.pid; wait";
    let mut command = r.command("git-session", ["exec", "-j", "3", "--", "sh", "-c", line]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().expect("it");
    let mut heard = String::new();
    let mut out = child.stdout.take().expect("a pipe");
    while !heard.contains("begun") {
        let mut bytes = [0; 64];
        let many = out.read(&mut bytes).expect("output");
        assert!(many > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&bytes[..many]));
    }
    let pids = || ["auth", "docs", "search"].map(|name| r.root().join(format!("repo-sessions/{name}.pid")));
    wait_for(|| pids().iter().all(|path| std::fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'))));
    r.run("kill", ["-s", "INT", &child.id().to_string()]).ok();
    assert_eq!(child.wait().expect("its end").code(), Some(1));
    for path in pids() {
        let pid = r.read(path);
        wait_for(|| {
            let state = r.run("ps", ["-o", "stat=", "-p", pid.trim()]).text();
            state.trim().is_empty() || state.trim().starts_with('Z')
        });
    }
}

#[test]
fn a_reader_that_goes_ends_it_quietly() {
    let r = repo();
    let started = Instant::now();
    let line =
        "git session exec -j 3 -- sh -c 'yes | head -c 300000; test $SESSION_NAME = auth || sleep 60' | head -c 10";
    let run = r.run("bash", ["-o", "pipefail", "-c", line]);
    run.ok();
    assert_eq!(run.stderr_text(), "");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

fn wait_for(mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "it did not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
}
