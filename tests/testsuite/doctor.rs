//! `doctor`: a broken thing of each kind is made, found, mended where that needs no guess, and then silent.

use crate::recovery::{die_at, nothing_is_left_over};
use crate::support::{Running, Sandbox};
use std::time::{Duration, SystemTime};

/// A repository with two sessions, one of them with a commit.
fn sandbox() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    r.git("session create docs").ok();
    r.session("auth").file("work.txt", "work\n").commit("work");
    r
}

/// The kinds that are found, with the sessions they are about; nothing is changed by looking.
#[track_caller]
fn found(r: &Sandbox, code: i32) -> Vec<(String, String)> {
    let answer = r.unchanged_by(|r| r.git("session doctor --json").code(code).json_as("doctor"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = answer["findings"].as_array().expect("a list");
    findings.iter().map(|one| (text(&one["kind"]), text(&one["session"]))).collect()
}

#[track_caller]
fn finds(r: &Sandbox, code: i32, kind: &str, session: &str) {
    assert_eq!(found(r, code), [(kind.to_owned(), session.to_owned())]);
}

/// Has it mended, and sees that all is well then.
#[track_caller]
fn is_mended(r: &Sandbox) {
    r.unchanged_by(|r| r.git("session doctor --fix -n").stdout_contains("would be mended").status());
    r.git("session doctor --fix").ok().stdout_contains("mended");
    is_well(r);
}

#[track_caller]
fn is_well(r: &Sandbox) {
    assert_eq!(found(r, 0), []);
    r.git("session doctor").ok().stdout("Nothing is wrong.\n");
    r.git("fsck --no-dangling").ok().stdout("");
}

fn make_old(path: impl AsRef<std::path::Path>, age: u64) {
    let file = std::fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("its time");
}

#[test]
fn a_healthy_repository_has_nothing_wrong_and_that_is_quickly_said() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    is_well(&r);
    let names: String = (0..50).map(|n| format!("s{n}\n")).collect();
    r.git_input("session create --stdin", &names).ok();
    is_well(&r);
    let start = std::time::Instant::now();
    r.git("session doctor").ok();
    assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
    r.git("session doctor s7").ok().stdout("Nothing is wrong.\n");
    r.git("session doctor nobody").code(1);
}

#[test]
fn old_locks_go_and_held_ones_stay() {
    let r = sandbox();
    let own = r.session("auth").git("rev-parse --absolute-git-dir").ok().text().trim_end().to_owned();
    let locks = [".git/packed-refs.lock".to_owned(), ".git/refs/heads/auth.lock".into(), format!("{own}/index.lock")];
    for lock in &locks {
        r.file(lock, "");
    }
    is_well(&r);
    for lock in &locks {
        make_old(r.path(lock), 60);
    }
    r.git("session doctor").ok().stdout_contains("held for 60 seconds").stdout_contains("auth (");
    for lock in &locks {
        make_old(r.path(lock), 700);
    }
    if cfg!(target_os = "linux") {
        assert_eq!(found(&r, 1).iter().filter(|(kind, _)| kind == "lock-stale").count(), 3);
        let holder = r.command("sh", ["-c", &format!("exec 9<'{own}/index.lock'; exec sleep 60")]);
        let holder = Running::start(holder, r.root(), None);
        std::thread::sleep(Duration::from_millis(300));
        r.git("session doctor --fix").ok().stdout_contains("sleep");
        assert!(r.has(format!("{own}/index.lock")) && !r.has(".git/packed-refs.lock"));
        holder.kill();
        is_mended(&r);
        assert!(!r.has(format!("{own}/index.lock")));
    }
}

#[test]
fn a_lock_stays_while_a_claim_may_need_it() {
    let r = sandbox();
    claim_from_elsewhere(&r, "docs");
    r.file(".git/packed-refs.lock", "");
    make_old(r.path(".git/packed-refs.lock"), 700);
    r.git("session doctor --fix").code(1).stdout_contains("cannot be told whose");
    assert!(r.has(".git/packed-refs.lock"));
}

fn claim_from_elsewhere(r: &Sandbox, name: &str) {
    let claim = r.git_input(
        "commit-tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904 -p main",
        "claimed\n\nSession-Operation: 0123456789abcdef0123456789abcdef\nProcess-Host: elsewhere\nProcess-Id: 7\n",
    );
    let claim = claim.ok().text();
    r.git_args(["update-ref", &format!("refs/sessions/@pending/{name}"), claim.trim()]).ok();
}

#[test]
fn a_claim_that_cannot_be_seen_is_given_up_by_name_only() {
    let r = sandbox();
    claim_from_elsewhere(&r, "auth");
    finds(&r, 1, "claim-unseen", "auth");
    r.git("session finish auth --keep").code(4).stderr_contains("git session doctor --fix auth");
    r.unchanged_by(|r| r.git("session doctor --fix").code(1).stdout_contains("doctor --fix auth").status());
    r.git("session doctor --fix docs").ok();
    assert!(r.has_rev("refs/sessions/@pending/auth"));
    r.git("session doctor --fix auth").ok().stdout_contains("mended");
    is_well(&r);
    r.git("session finish auth --keep").ok();
}

#[test]
#[cfg(target_os = "linux")]
fn an_operation_of_another_host_is_taken_back_as_a_dead_one() {
    let r = sandbox();
    r.session("auth").file("work.txt", "precious\n");
    die_at(&r, "refs/sessions/@done/");
    r.git("session finish auth --abandon --yes");
    r.remove(".git/hooks/reference-transaction");
    finds_first(&r, "interrupted");
    let dead = r.git("log -1 --format=%B refs/sessions/@pending/auth").ok().text();
    let parents = r.git("log -1 --format=%P refs/sessions/@pending/auth").ok().text();
    let other: Vec<String> = dead
        .lines()
        .map(|line| if line.starts_with("Process-Host: ") { "Process-Host: elsewhere".into() } else { line.to_owned() })
        .collect();
    let tree = r.rev("refs/sessions/@pending/auth^{tree}");
    let parents: String = parents.split_whitespace().map(|id| format!(" -p {id}")).collect();
    let claim = r.git_input(&format!("commit-tree {tree}{parents}"), &other.join("\n")).ok().text();
    r.git_args(["update-ref", "refs/sessions/@pending/auth", claim.trim()]).ok();
    finds_first(&r, "claim-unseen");
    r.git("session doctor --fix auth").ok();
    assert_eq!(r.session("auth").read("work.txt"), "precious\n");
    is_well(&r);
    nothing_is_left_over(&r);
}

#[cfg(target_os = "linux")]
#[track_caller]
fn finds_first(r: &Sandbox, kind: &str) {
    let all = found(r, 1);
    assert!(all.iter().any(|(found, session)| found == kind && session == "auth"), "{all:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_killed_command_left_is_mended() {
    let r = sandbox();
    r.session("auth").file("work.txt", "precious\n");
    die_at(&r, "refs/sessions/@done/");
    r.git("session finish auth --abandon --yes");
    r.remove(".git/hooks/reference-transaction");
    finds_first(&r, "interrupted");
    is_mended(&r);
    assert_eq!(r.session("auth").read("work.txt"), "precious\n");
    nothing_is_left_over(&r);
}

#[test]
fn links_that_lead_nowhere_are_written_anew() {
    let r = sandbox();
    let s = r.session("auth");
    let link = s.read(".git");
    s.file(".git", "gitdir: /nowhere/.git/worktrees/auth\n");
    let all = r.git("session doctor --json").code(1).json_as("doctor");
    assert_eq!(all["findings"][0]["kind"], "link-broken");
    r.git("session doctor --fix").ok();
    assert_eq!(s.read(".git"), link);
    is_well(&r);
    s.remove(".git");
    r.git("session doctor --fix").ok();
    is_well(&r);
    s.remove(".git").git_args(["init", "--quiet"]).ok();
    r.git("session doctor --fix").code(1).stdout_contains("another repository");
    assert!(s.path(".git").is_dir(), "what is somebody's stays");
}

#[test]
fn a_worktree_that_was_moved_by_hand_is_found() {
    let r = sandbox();
    let s = r.session("auth");
    std::fs::rename(s.here(), r.root().join("repo-sessions/elsewhere")).expect("moved");
    finds(&r, 1, "worktree-moved", "auth");
    is_mended(&r);
    assert_eq!(r.session("auth").here(), r.root().join("repo-sessions/elsewhere"));
    std::fs::remove_dir_all(r.root().join("repo-sessions/elsewhere")).expect("removed");
    finds(&r, 1, "worktree-missing", "auth");
    r.git("session doctor --fix").code(1).stdout_contains("git session adopt auth");
    r.git("session adopt auth").ok();
    is_well(&r);
}

#[test]
fn ties_to_what_is_gone_are_taken_off() {
    let r = sandbox();
    let s = r.session("docs");
    r.git("update-ref -d refs/sessions/docs").ok();
    let gone = [("ports-stale".to_owned(), String::new()), ("tie-stale".into(), "docs".into())];
    assert_eq!(found(&r, 0), gone);
    is_mended(&r);
    s.git("symbolic-ref refs/worktree/session").code(128);
    s.git("symbolic-ref refs/worktree/session refs/sessions/auth").ok();
    finds(&r, 1, "tie-doubled", "auth");
}

#[test]
fn a_ref_that_lost_its_value_gets_it_back() {
    let r = sandbox();
    let (before, keep) = (r.rev("refs/sessions/auth"), "refs/sessions/@done/");
    r.file(".git/refs/sessions/auth", "");
    let all = r.git("session doctor --json").code(1).json_as("doctor");
    assert_eq!((&all["findings"][0]["kind"], &all["findings"][0]["session"]), (&"ref-broken".into(), &"auth".into()));
    r.git("session doctor --fix").ok();
    assert_eq!(r.rev("refs/sessions/auth"), before);
    is_well(&r);
    r.git("session set auth --goal x").ok();
    r.file(".git/refs/sessions/auth", "1234567890123456789012345678901234567890\n");
    r.git("session doctor --fix auth").ok().stdout_contains("mended");
    is_well(&r);
    assert!(r.refs().iter().all(|name| !name.starts_with(keep)));
}

#[test]
fn records_and_branches_that_do_not_fit_are_named() {
    let r = sandbox();
    let tree = r.git_input("mktree", "").ok().text();
    let empty = r.git_args(["commit-tree", "-m", "no record", tree.trim()]).ok().text();
    let before = r.rev("refs/sessions/docs");
    r.git_args(["update-ref", "refs/sessions/docs", empty.trim()]).ok();
    finds(&r, 1, "record-unreadable", "docs");
    r.git_args(["update-ref", "refs/sessions/docs", &before]).ok();
    is_well(&r);
    r.session("auth").git("switch --quiet --detach").ok();
    finds(&r, 0, "detached", "auth");
    r.git("branch -m auth else").ok();
    r.session("auth").git("switch --quiet else").ok();
    finds(&r, 0, "branch-renamed", "auth");
    r.session("auth").git("switch --quiet --detach").ok();
    r.git("branch -D else").ok();
    assert!(found(&r, 1).contains(&("branch-missing".into(), "auth".into())));
    r.git("session doctor docs").ok();
    r.git("session doctor auth").code(1);
}

#[test]
fn ports_of_ended_sessions_are_given_back() {
    let r = sandbox();
    let id =
        r.git("log --reverse --format=%H refs/sessions/auth").ok().text().lines().next().expect("an id").to_owned();
    let gone = "1234567890123456789012345678901234567890";
    for (first, id) in [(20000, id.as_str()), (20010, gone)] {
        let blob = r.git_input("hash-object -w --stdin", &format!("Session: {id}\nHost: h\nPorts: {first}+10\n"));
        r.git_args(["update-ref", &format!("refs/sessions/@ports/{first}"), blob.ok().text().trim()]).ok();
    }
    finds(&r, 0, "ports-stale", "");
    let answer = r.git("session doctor --fix --json").ok().json_as("doctor");
    assert_eq!(answer["findings"][0]["mended"], true);
    is_well(&r);
    assert!(r.has_rev("refs/sessions/@ports/20000") && !r.has_rev("refs/sessions/@ports/20010"));
}

#[test]
fn a_claim_that_cannot_be_read_goes_by_name_only() {
    let r = sandbox();
    let blob = r.git_input("hash-object -w --stdin", "no claim\n").ok().text();
    r.git_args(["update-ref", "refs/sessions/@pending/auth", blob.trim()]).ok();
    finds(&r, 1, "claim-unreadable", "auth");
    r.unchanged_by(|r| r.git("session doctor --fix").code(1).status());
    r.git("session doctor --fix auth").ok().stdout_contains("mended");
    is_well(&r);
}

#[test]
fn a_record_of_a_newer_program_is_told_from_a_broken_one() {
    let r = sandbox();
    let text = r.git("show refs/sessions/docs:session.toml").ok().text().replace("version = 1", "version = 2");
    let blob = r.git_input("hash-object -w --stdin", &text).ok().text();
    let tree = r.git_input("mktree", &format!("100644 blob {}\tsession.toml\n", blob.trim())).ok().text();
    let newer = r.git_args(["commit-tree", "-m", "newer", tree.trim()]).ok().text();
    r.git_args(["update-ref", "refs/sessions/docs", newer.trim()]).ok();
    finds(&r, 1, "record-unreadable", "docs");
    r.git("session doctor docs").code(1).stdout_contains("Install a newer git-session");
}

#[test]
fn what_is_lost_of_ended_sessions_and_bases_is_named() {
    let r = sandbox();
    r.git("branch other").ok();
    r.git("session create child --base other").ok();
    r.git("branch -D other").ok();
    finds(&r, 0, "base-missing", "child");
    r.git("session set child --base main").ok();
    r.session("docs").file("new.txt", "new\n");
    r.git("session finish docs --abandon --yes").ok();
    is_well(&r);
    let done = r.refs().into_iter().find(|name| name.contains("/@done/")).expect("an ended one");
    let before = r.rev(&done);
    let tree = r.git_input("mktree", "").ok().text();
    let empty = r.git_args(["commit-tree", "-m", "no record", tree.trim()]).ok().text();
    r.git_args(["update-ref", &done, empty.trim()]).ok();
    finds(&r, 0, "ended-unreadable", "");
    r.git_args(["update-ref", &done, &before]).ok();
    let salvage = r.git("log -1 --format=%(trailers:key=Session-Salvage,valueonly) refs/sessions/@keep").ok().text();
    let salvage = salvage.trim();
    r.remove(format!(".git/objects/{}/{}", &salvage[..2], &salvage[2..]));
    finds(&r, 1, "keep-incomplete", "docs");
}

#[test]
fn other_kinds_of_repositories_are_well_too() {
    for options in ["--bare", "--ref-format=reftable", "--object-format=sha256"] {
        let r = Sandbox::bare_of_repositories();
        if r.git(&format!("init --quiet {options}")).status() != Some(0) {
            eprintln!("this git has no {options}: not tested");
            continue;
        }
        let tree = r.git_input("mktree", "").ok().text();
        let commit = r.git_args(["commit-tree", "-m", "base", tree.trim()]).ok().text();
        r.git_args(["update-ref", "refs/heads/main", commit.trim()]).ok();
        r.git("session create auth").ok();
        r.git("session doctor").ok().stdout("Nothing is wrong.\n");
        r.git("update-ref -d refs/sessions/auth").ok();
        r.git("session doctor --fix").ok().stdout_contains("mended");
        r.git("session doctor").ok().stdout("Nothing is wrong.\n");
    }
}

#[test]
fn the_manual_has_every_kind() {
    let manual = include_str!("../../src/render/manual/doctor.roff").replace('\\', "");
    let schema = include_str!("../../man/schema/doctor.schema.json");
    for kind in git_session::ops::doctor::KINDS {
        assert!(manual.contains(kind), "the manual has no '{kind}'");
        assert!(schema.contains(&format!("\"{kind}\"")), "the schema has no '{kind}'");
    }
}
