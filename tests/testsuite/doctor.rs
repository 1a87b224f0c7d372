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
    let about = findings.iter().map(|one| (text(&one["kind"]), text(&one["session"])));
    about.filter(|(kind, _)| !OF_THE_HOST.contains(&kind.as_str())).collect()
}

/// What one machine has and another one has not, whatever the repository.
const OF_THE_HOST: [&str; 2] = ["limits-missing", "no-reflink"];

#[track_caller]
fn says_that_all_is_well(r: &Sandbox, line: &str) {
    let run = r.git(line);
    assert!(run.ok().text().ends_with("Nothing is wrong.\n"), "{run}");
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
    says_that_all_is_well(r, "session doctor");
    r.git("fsck --no-dangling").ok().stdout("");
}

fn make_old(path: impl AsRef<std::path::Path>, age: u64) {
    let file = std::fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("its time");
}

#[test]
fn a_healthy_repository_has_nothing_wrong() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    is_well(&r);
    let names: String = (0..50).map(|n| format!("s{n}\n")).collect();
    r.git_input("session create --stdin", &names).ok();
    is_well(&r);
    says_that_all_is_well(&r, "session doctor s7");
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
    r.git("session doctor").ok().stdout_contains("held for 6").stdout_contains("auth (");
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
    r.git("session doctor").code(1).stdout_contains("has lost its `.git`");
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
    is_mended(&r);
    assert_eq!(r.session("auth").here(), r.root().join("repo-sessions/elsewhere"));
}

#[test]
fn a_worktree_that_is_gone_comes_back_with_what_was_staged() {
    let r =
        sandbox().file(".gitignore", ".env\n").commit("ignore").config("session.copy", ".env").file(".env", "A=1\n");
    r.git("session sync").ok();
    r.git("session env refresh auth").ok();
    let s = r.session("auth");
    s.file("reset.txt", "1\n").commit("to be reset");
    let lost = s.rev("HEAD");
    s.git("reset --quiet --hard HEAD~1").ok();
    s.file("staged.txt", "staged\n").git("add staged.txt").ok();
    s.executable("run", "#!/bin/sh\n").git("add run").ok();
    let (index, reflog) = (s.git("ls-files --stage").ok().text(), s.git("reflog HEAD").ok().text());
    std::fs::remove_dir_all(s.here()).expect("removed by hand");
    finds(&r, 1, "worktree-missing", "auth");
    is_mended(&r);
    let s = r.session("auth");
    assert_eq!((s.read("staged.txt"), s.read(".env")), ("staged\n".into(), "A=1\n".into()));
    assert_eq!((s.git("ls-files --stage").ok().text(), s.git("reflog HEAD").ok().text()), (index, reflog));
    s.git("diff --exit-code").ok();
    assert!(s.git("reflog --format=%H HEAD").ok().text().contains(&lost));
    s.git("status --porcelain").ok().stdout("A  run\nA  staged.txt\n");
    // An empty directory in its place is none, and is taken.
    std::fs::remove_dir_all(s.here()).expect("removed by hand");
    std::fs::create_dir(s.here()).expect("made by hand");
    finds(&r, 1, "worktree-missing", "auth");
    is_mended(&r);
    assert_eq!(s.read("staged.txt"), "staged\n");
    r.git("log --format=%s refs/sessions/auth").ok().stdout_contains("adopted: worktree");
}

#[test]
fn a_merge_under_way_and_no_branch_and_sparse_patterns_come_back_too() {
    let r = Sandbox::new()
        .file("a.txt", "1\n")
        .file("gone.txt", "1\n")
        .file("d/in", "1\n")
        .file("e/out", "1\n")
        .commit("base");
    r.git("session create half").ok();
    r.git("session create sparse --sparse d").ok();
    r.git("session create adrift").ok();
    let half = r.session("half").file("a.txt", "half\n").remove("gone.txt").commit("half");
    r.file("a.txt", "main\n").file("gone.txt", "main\n").commit("main");
    half.git("merge main").code(1);
    let adrift = r.session("adrift");
    adrift.git("switch --quiet --detach").ok();
    adrift.file("adrift.txt", "1\n").commit("on no branch");
    let before = (half.git("status --porcelain").ok().text(), adrift.rev("HEAD"));
    for name in ["half", "sparse", "adrift"] {
        std::fs::remove_dir_all(r.session(name).here()).expect("removed by hand");
    }
    r.git("session doctor --fix").ok();
    assert_eq!((half.git("status --porcelain").ok().text(), adrift.rev("HEAD")), before);
    let marked = half.read("a.txt");
    assert!(marked.starts_with("<<<<<<<") && marked.contains("half\n=======\nmain\n"), "{marked}");
    assert_eq!(half.read("gone.txt"), "main\n");
    assert_eq!(adrift.read("adrift.txt"), "1\n");
    let sparse = r.session("sparse");
    assert!(sparse.has("d/in") && sparse.has("a.txt") && !sparse.has("e/out"));
    sparse.git("status --porcelain").ok().stdout("");
    half.git("add -A").ok();
    half.git("commit -qm merged").ok();
    assert!(half.has_rev("HEAD^2"), "it still was a merge");
    let left = [("git-moves".to_owned(), String::new()), ("detached".to_owned(), "adrift".to_owned())];
    assert_eq!(found(&r, 0), left);
}

#[test]
fn a_worktree_that_is_gone_stays_so_where_that_is_a_guess() {
    let r = sandbox();
    let s = r.session("auth");
    r.git_args(["worktree".as_ref(), "lock".as_ref(), s.here().as_os_str()]).ok();
    std::fs::remove_dir_all(s.here()).expect("removed by hand");
    r.unchanged_by(|r| r.git("session doctor --fix").code(1).stdout_contains("git worktree unlock").status());
    r.unchanged_by(|r| r.git("session adopt auth").code(1).stderr_contains("git worktree unlock").status());
    r.git_args(["worktree".as_ref(), "unlock".as_ref(), s.here().as_os_str()]).ok();
    r.file("../repo-sessions/auth", "somebody's\n");
    r.unchanged_by(|r| r.git("session doctor --fix").code(1).status());
    assert_eq!(r.read("../repo-sessions/auth"), "somebody's\n");
    r.remove("../repo-sessions/auth");
    r.git("update-ref -d refs/heads/auth").ok();
    r.git("session doctor --fix").code(1).stdout_contains("git branch auth");
    assert!(!s.here().exists());
    // A directory with files and without its link is no worktree that is gone.
    let docs = r.session("docs").file("b.txt", "work\n").remove(".git");
    r.git("session adopt docs").code(1).stderr_contains("doctor --fix");
    r.git("session doctor --fix docs").ok();
    docs.git("status --porcelain").ok().stdout("?? b.txt\n");
}

#[test]
#[cfg(target_os = "linux")]
fn killed_while_it_makes_a_worktree_again_nothing_half_made_stands_there() {
    let r = Sandbox::new().file(".gitattributes", "*.txt filter=f\n").file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    let s = r.session("auth").file("staged.txt", "staged\n");
    s.git("add staged.txt").ok();
    std::fs::remove_dir_all(s.here()).expect("removed by hand");
    r.executable("../kill", "#!/bin/sh\nkill -9 $(cut -d' ' -f4 /proc/$PPID/stat)\n");
    r.config("filter.f.smudge", &r.root().join("kill").display().to_string());
    r.git("session doctor --fix");
    r.git("config --unset filter.f.smudge").ok();
    assert!(!s.here().exists());
    finds_first(&r, "interrupted");
    r.git("session doctor --fix").ok();
    assert_eq!(s.read("staged.txt"), "staged\n");
    says_that_all_is_well(&r, "session doctor");
    let left: Vec<_> = r.root().join("repo-sessions").read_dir().expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
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
        says_that_all_is_well(&r, "session doctor");
        r.git("update-ref -d refs/sessions/auth").ok();
        r.git("session doctor --fix").ok().stdout_contains("mended");
        says_that_all_is_well(&r, "session doctor");
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
