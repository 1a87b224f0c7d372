//! `undo`: the inverse of each operation, per session, and refused where things have moved on.

use crate::support::Sandbox;

fn repo() -> Sandbox {
    Sandbox::new().file("a.txt", "A\n").file("b.txt", "b\n").commit("base")
}

fn operation(r: &Sandbox, line: &str) -> String {
    let answer = r.tick().git(&format!("session {line} --json")).ok().json();
    answer["operation"].as_str().expect("an operation").to_owned()
}

fn undo(r: &Sandbox) {
    r.tick().git("session undo --yes --json").ok().json_as("undo");
}

/// Branches, sessions, worktrees with their status: what an undo and its undo must not change.
fn picture(r: &Sandbox) -> String {
    let mut text = r.git("for-each-ref --format='%(refname) %(objectname)' refs/heads refs/tags").ok().text();
    text.push_str(&r.git("session list --format '%(name) %(state) %(branch) %(goal)'").ok().text());
    let list = r.git("worktree list --porcelain").ok().text();
    for path in list.lines().filter_map(|line| line.strip_prefix("worktree ")) {
        let at = r.in_dir(path);
        text.push_str(&format!(
            "{path}\n{}",
            at.git("status --porcelain=v2 --branch --untracked-files=all").ok().text()
        ));
        text.push_str(&at.git("symbolic-ref --quiet refs/worktree/session").text());
        for file in at.git("ls-files --cached --others").ok().text().lines().filter(|file| at.has(file)) {
            text.push_str(&format!("{file}: {}", at.read(file)));
        }
    }
    text
}

fn is_sound(r: &Sandbox) {
    r.git("fsck --strict --no-dangling").ok();
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
}

fn uncommitted(at: &Sandbox) {
    at.file("a.txt", "staged\n").git("add a.txt").ok();
    at.file("b.txt", "changed\n").file("new.txt", "new\n");
}

#[test]
fn create_is_undone_with_salvage_and_done_again() {
    let r = repo();
    operation(&r, "create auth --goal g");
    let auth = r.session("auth").file("w.txt", "w\n").commit("work");
    uncommitted(&auth);
    let before = picture(&r);
    r.unchanged_by(|r| r.git("session undo -n").ok().stdout_contains("end the session 'auth'").status());
    r.unchanged_by(|r| r.git("session undo").code(2).stderr_contains("--yes").status());
    undo(&r);
    assert!(!auth.here().exists() && !r.has_rev("auth") && !r.has_rev("refs/sessions/auth"));
    undo(&r);
    assert_eq!(picture(&r), before);
    is_sound(&r);
}

#[test]
fn a_branch_that_was_there_before_stays() {
    let r = repo();
    r.git("branch old").ok();
    operation(&r, "create old");
    let before = picture(&r);
    undo(&r);
    assert!(r.has_rev("refs/heads/old") && !r.root().join("repo-sessions/old").exists());
    undo(&r);
    assert_eq!(picture(&r), before);
    is_sound(&r);
}

#[test]
fn create_in_the_checkout_goes_back_to_the_base() {
    let r = repo();
    operation(&r, "create auth --here");
    r.file("w.txt", "w\n").commit("work");
    let before = picture(&r);
    undo(&r);
    r.git("symbolic-ref --short HEAD").ok().stdout("main\n");
    assert!(!r.has_rev("auth"));
    undo(&r);
    assert_eq!(picture(&r), before);
    is_sound(&r);
}

#[test]
fn adopt_is_undone_and_what_was_there_stays() {
    let r = repo();
    r.git("worktree add --quiet -b mine ../mine").ok();
    let mine = r.in_dir("../mine");
    uncommitted(&mine);
    let bare = picture(&r);
    operation(&r, "adopt mine");
    let before = picture(&r);
    undo(&r);
    assert_eq!(picture(&r), bare);
    undo(&r);
    assert_eq!(picture(&r), before);
    is_sound(&r);
}

#[test]
fn every_way_to_finish_is_undone() {
    for how in [
        "--merge",
        "--merge --strategy squash",
        "--merge --strategy rebase",
        "--merge --strategy ff",
        "--keep",
        "--abandon --yes",
    ] {
        let r = repo();
        r.git("session create auth").ok();
        let auth = r.session("auth").file("w.txt", "w\n").commit("work");
        if how.contains("abandon") {
            uncommitted(&auth);
        }
        r.file("own.txt", "untracked in the main worktree\n");
        let before = picture(&r);
        operation(&r, &format!("finish auth {how}"));
        let ended = picture(&r);
        undo(&r);
        assert_eq!(picture(&r), before, "{how}");
        r.git("gc --prune=now --quiet").ok();
        undo(&r);
        assert_eq!(picture(&r), ended, "{how}, done again");
        undo(&r);
        assert_eq!(picture(&r), before, "{how}, undone again");
        is_sound(&r);
    }
}

#[test]
fn a_base_that_has_moved_on_or_was_pushed_stays() {
    let r = repo();
    r.git("session create auth").ok();
    r.session("auth").file("w.txt", "w\n").commit("work");
    let merge = operation(&r, "finish auth --merge");
    r.git("update-ref refs/remotes/origin/main main").ok();
    r.unchanged_by(|r| r.git("session undo --yes").code(1).stderr_contains("'origin/main' has the merge").status());
    r.git("update-ref -d refs/remotes/origin/main").ok();
    r.file("more.txt", "m\n").commit("more");
    r.unchanged_by(|r| {
        let run = r.git(&format!("session undo {} --yes", &merge[..8]));
        run.code(1).stderr_contains("'main' has moved on").stderr_contains("git session restore auth").status()
    });
}

#[test]
fn a_base_whose_worktree_has_work_in_the_way_stays() {
    let r = repo();
    r.git("session create auth").ok();
    r.session("auth").file("a.txt", "merged\n").commit("work");
    operation(&r, "finish auth --merge");
    r.file("a.txt", "uncommitted\n");
    r.unchanged_by(|r| r.git("session undo --yes").code(1).stderr_contains("in the way: 'a.txt'").status());
}

#[test]
fn who_has_begun_on_the_merge_is_named() {
    let r = repo();
    r.git("session create auth").ok();
    r.session("auth").file("w.txt", "w\n").commit("work");
    operation(&r, "finish auth --merge");
    let merge = r.git("session undo --list --json").ok().json_as("undo")["operations"][0]["operation"].clone();
    r.tick().git("session create docs").ok();
    let merge = merge.as_str().expect("an id");
    r.git(&format!("session undo {merge} --yes")).ok().stderr_contains("branch of 'docs' too");
}

#[test]
fn rename_move_and_set_are_undone() {
    let r = repo();
    operation(&r, "create auth --goal before");
    let before = picture(&r);
    operation(&r, "rename auth login");
    undo(&r);
    assert_eq!(picture(&r), before);
    undo(&r);
    assert_eq!(r.session("login").here(), r.root().join("repo-sessions/login"));
    undo(&r);
    operation(&r, "move auth ../elsewhere");
    undo(&r);
    assert_eq!(picture(&r), before);
    r.tick().git("session set auth --goal after --owner me").ok();
    let list = r.git("session undo --list --json").ok().json_as("undo");
    let set = list["operations"][0]["operation"].as_str().expect("an id").to_owned();
    r.git("session undo --list").ok().stdout_contains("auth: set goal after, owner me");
    r.tick().git("session set auth --focus f").ok();
    r.tick().git(&format!("session undo {set} --yes")).ok();
    r.git("session show auth --json").ok();
    r.git("session list --format '%(goal) %(owner) %(focus)'").ok().stdout("before  f\n");
    r.git(&format!("session undo {set} --yes")).code(1).stderr_contains("changed again since");
}

#[test]
fn restore_is_undone_and_what_is_uncommitted_is_kept() {
    let r = repo();
    r.git("session create auth").ok();
    uncommitted(&r.session("auth"));
    r.git("session finish auth --abandon --yes").ok();
    operation(&r, "restore auth");
    let auth = r.session("auth").file("more.txt", "more\n");
    let before = picture(&r);
    undo(&r);
    assert!(!auth.here().exists() && !r.has_rev("auth"));
    undo(&r);
    assert_eq!(picture(&r), before);
    is_sound(&r);
}

#[test]
fn what_has_moved_on_since_is_refused_with_what_comes_first() {
    let r = repo();
    let create = operation(&r, "create auth");
    let rename = operation(&r, "rename auth login");
    r.unchanged_by(|r| {
        let run = r.git(&format!("session undo {create} --yes"));
        run.code(1).stderr_contains("has moved on since").stderr_contains(&rename[..8]).status()
    });
    r.unchanged_by(|r| r.git("session undo 0123abcd --yes").code(1).stderr_contains("undo --list").status());
    let other = r.env("GIT_COMMITTER_EMAIL", "other@example.com");
    other.git("session undo --yes").code(1).stderr_contains("no operation of yours");
}

#[test]
fn a_command_over_several_sessions_is_undone_session_by_session() {
    let r = repo();
    r.git_input("session create --stdin", "one\ntwo\n").ok();
    r.tick().git("session rename two three").ok();
    let list = r.git("session undo --list --json").ok().json_as("undo");
    let create = list["operations"][1]["operation"].as_str().expect("an id");
    let run = r.tick().git(&format!("session undo {create} --yes --json"));
    let answer = run.code(1).json_as("undo");
    let outcome = |n: usize| (answer["sessions"][n]["name"].clone(), answer["sessions"][n]["outcome"].clone());
    assert_eq!(outcome(0), ("one".into(), "ended".into()));
    assert_eq!(outcome(1), ("three".into(), "refused".into()));
    assert!(r.has_rev("refs/sessions/three") && !r.has_rev("refs/sessions/one"));
}

#[test]
fn only_what_was_undone_can_be_done_again() {
    let r = repo();
    operation(&r, "create auth");
    let hook = ".git/hooks/reference-transaction";
    r.executable(hook, "#!/bin/sh\n[ \"$1\" = prepared ] && grep -q @done/ && exit 1\nexit 0\n");
    r.git("session undo --yes").code(1).stdout("");
    r.remove(hook);
    r.git("session undo --yes").ok().stdout_contains("does it again");
}

#[test]
fn adopting_a_branch_that_had_no_worktree_takes_only_the_worktree_away_again() {
    let r = repo();
    r.git("branch mine").ok();
    operation(&r, "adopt mine");
    let mine = r.session("mine");
    uncommitted(&mine);
    let before = picture(&r);
    undo(&r);
    assert!(r.has_rev("refs/heads/mine") && !mine.here().exists());
    undo(&r);
    assert_eq!(picture(&r), before);
    is_sound(&r);
}

#[test]
fn adopting_the_checkout_one_is_in_leaves_it_there() {
    let r = repo();
    r.git("switch --quiet -c mine").ok();
    r.file("m.txt", "m\n").commit("mine");
    uncommitted(&r);
    let bare = picture(&r);
    operation(&r, "adopt mine");
    let before = picture(&r);
    undo(&r);
    assert_eq!(picture(&r), bare);
    undo(&r);
    assert_eq!(picture(&r), before);
    is_sound(&r);
}

#[test]
fn a_push_is_not_undone_and_that_is_said() {
    let r = repo();
    r.git("init --quiet --bare ../origin.git").ok();
    r.git(&format!("remote add origin {}", r.root().join("origin.git").display())).ok();
    operation(&r, "create auth");
    let auth = r.session("auth").file("w.txt", "w\n").commit("work");
    auth.git("push --quiet --set-upstream origin auth").ok();
    r.git("session undo --yes").ok().stderr_contains("a push is not undone");
    assert!(r.has_rev("refs/remotes/origin/auth"));
    r.git("session list --json").ok();
    r.git("session show auth").code(1).stderr_contains("git session restore auth");
    r.git("session restore auth").ok();
    auth.git("rev-parse --abbrev-ref @{upstream}").ok().stdout("origin/auth\n");
}

#[test]
fn a_merge_into_another_session_is_undone_and_so_is_the_end_of_a_parent() {
    let r = repo();
    r.tick().git("session create parent").ok();
    r.session("parent").file("p.txt", "p\n").commit("parent");
    r.tick().git("session create child --base parent").ok();
    r.session("child").file("c.txt", "c\n").commit("child");
    let before = picture(&r);
    operation(&r, "finish child --merge");
    assert!(r.session("parent").has("c.txt"));
    let run = r.tick().git("session undo --yes");
    assert_eq!(run.ok().stderr_text(), "");
    assert_eq!(picture(&r), before);
    operation(&r, "finish parent --merge");
    r.git("session list child --format '%(base.name)'").ok().stdout("main\n");
    r.tick().git("session undo --yes").ok();
    assert_eq!(picture(&r), before);
    r.git("session list child --format '%(base.name)'").ok().stdout("parent\n");
    is_sound(&r);
}

#[test]
fn what_was_moved_or_deleted_by_hand_is_no_obstacle() {
    let r = repo();
    operation(&r, "create auth");
    r.git("worktree move ../repo-sessions/auth ../elsewhere").ok();
    uncommitted(&r.in_dir("../elsewhere"));
    let before = picture(&r);
    undo(&r);
    undo(&r);
    assert_eq!(picture(&r), before);
    operation(&r, "create docs");
    r.remove("../repo-sessions/docs");
    undo(&r);
    assert!(!r.has_rev("docs"));
    r.git("worktree list").ok().stdout_lacks("docs");
    undo(&r);
    r.session("docs").git("status --porcelain").ok().stdout("");
    is_sound(&r);
}
