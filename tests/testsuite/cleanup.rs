//! `cleanup`: what goes, what stays, why, and that nothing goes without a proof. Histories with the truth known.

use crate::support::Sandbox;
use std::collections::BTreeMap;

fn repo() -> Sandbox {
    Sandbox::new().file("a.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n").file("b.txt", "b\n").commit("base")
}

/// A session with two commits of its own.
fn with_work(r: &Sandbox, name: &str) -> Sandbox {
    r.tick().git_args(["session", "create", name]).ok();
    let s = r.session(name);
    s.file(format!("{name}.txt"), format!("first of {name}\n")).commit(&format!("{name} one"));
    s.file(format!("{name}-2.txt"), format!("second of {name}\n")).commit(&format!("{name} two"));
    s
}

/// Action, why and proof by name.
fn rows(r: &Sandbox, options: &str) -> BTreeMap<String, (String, String, String)> {
    let answer = r.git(&format!("session cleanup --dry-run --json {options}"));
    let answer = answer.json_as("cleanup");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let sessions = answer["sessions"].as_array().expect("a list");
    sessions
        .iter()
        .map(|row| (text(&row["name"]), (text(&row["action"]), text(&row["why"]), text(&row["proof"]))))
        .collect()
}

#[track_caller]
fn is_row(rows: &BTreeMap<String, (String, String, String)>, name: &str, action: &str, why: &str, proof: &str) {
    let row = &rows[name];
    assert_eq!((row.0.as_str(), row.1.as_str()), (action, why), "{name}: {row:?}");
    assert!(row.2.contains(proof), "{name}: {row:?}");
}

fn is_sound(r: &Sandbox) {
    r.git("fsck --strict --no-dangling").ok();
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
}

#[test]
fn ways_to_be_merged_are_told_apart_and_from_what_is_not() {
    let r = repo();
    for name in ["no-ff", "squashed", "rebased", "picked", "partly", "reverted", "unmerged", "same"] {
        with_work(&r, name);
    }
    r.tick().git("session create fresh").ok();
    r.git("session create followed").ok();
    r.file("main.txt", "m\n").commit("main moves");
    r.git("merge --quiet --no-ff -m merged no-ff").ok();
    r.git("merge --quiet --squash squashed").ok();
    r.commit("squash");
    r.git("cherry-pick rebased~1 rebased").ok();
    r.git("cherry-pick picked").ok();
    r.file("between.txt", "x\n").commit("between");
    r.git("cherry-pick picked~1").ok();
    r.git("cherry-pick partly~1").ok();
    r.tick().git("merge --quiet --no-ff -m bad reverted").ok();
    r.tick().git("revert --no-edit -m 1 HEAD").ok();
    // A squash that the base's own changes lie in, so that no patch is the same: only a merge can tell.
    r.session("same").file("a.txt", "one\n2\n3\n4\n5\n6\n7\n8\n9\n").commit("same three");
    r.git("merge --quiet --squash same").ok();
    r.file("a.txt", "one\n2\n3\n4\n5\n6\n7\n8\nnine\n").commit("same, and more");
    r.session("followed").git("merge --quiet --ff-only main").ok();
    let rows = r.unchanged_by(|r| rows(r, ""));
    is_row(&rows, "no-ff", "remove", "merged", "is in main");
    is_row(&rows, "squashed", "remove", "merged", "");
    is_row(&rows, "rebased", "remove", "merged", "as another one");
    is_row(&rows, "picked", "remove", "merged", "as another one");
    is_row(&rows, "partly", "keep", "unmerged", "1 commit that main lacks");
    is_row(&rows, "reverted", "remove", "merged", "reverted there since");
    is_row(&rows, "unmerged", "keep", "unmerged", "2 commits");
    is_row(&rows, "same", "remove", "merged", "would change nothing");
    is_row(&rows, "fresh", "keep", "new", "no commits");
    is_row(&rows, "followed", "keep", "new", "no commits");
    for name in ["no-ff", "squashed", "same"] {
        assert!(!rows[name].2.contains("reverted"), "{name}: {rows:?}");
    }
}

#[test]
fn a_squash_that_the_base_has_built_upon_is_found_by_its_patch() {
    let r = repo();
    let s = with_work(&r, "auth");
    s.file("a.txt", "one\n2\n3\n4\n5\n6\n7\n8\n9\n").commit("three");
    r.git("merge --quiet --squash auth").ok();
    r.commit("squash");
    r.file("a.txt", "uno\n2\n3\n4\n5\n6\n7\n8\n9\n").commit("changed again");
    is_row(&rows(&r, ""), "auth", "remove", "merged", "one commit of main has all its changes");
    r.tick().git("revert --no-edit HEAD").ok();
    r.tick().git("revert --no-edit HEAD~2").ok();
    is_row(&rows(&r, ""), "auth", "remove", "merged", "reverted there since");
    r.tick().git("revert --no-edit HEAD").ok();
    assert!(!rows(&r, "")["auth"].2.contains("reverted"), "the revert was reverted");
}

#[test]
fn settings_for_people_change_no_proof() {
    let r = repo();
    let s = with_work(&r, "auth");
    s.git("mv b.txt moved.txt").ok();
    s.commit("renamed");
    r.git("merge --quiet --squash auth").ok();
    r.commit("squash");
    r.file("moved.txt", "b, changed\n").commit("changed again");
    for (key, value) in [
        ("diff.renames", "copies"),
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
        ("grep.patternType", "perl"),
        ("log.showSignature", "true"),
        ("color.ui", "always"),
    ] {
        r.config(key, value);
    }
    is_row(&rows(&r, ""), "auth", "remove", "merged", "one commit of main has all its changes");
}

#[test]
fn a_base_behind_its_upstream_is_no_obstacle() {
    let r = repo();
    r.git("clone --quiet --bare . ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("fetch --quiet").ok();
    r.git("branch --quiet --set-upstream-to origin/main").ok();
    with_work(&r, "auth");
    r.git("push --quiet origin auth:main").ok();
    is_row(&rows(&r, ""), "auth", "remove", "merged", "is in origin/main");
    r.git("session cleanup --yes").ok();
    r.git("session list --ended --format '%(name) %(state)'").ok().stdout("auth merged\n");
}

#[test]
fn rebased_onto_a_base_that_has_its_work_it_is_merged_and_not_new() {
    let r = repo();
    let s = with_work(&r, "auth");
    r.git("cherry-pick auth~1 auth").ok();
    r.file("more.txt", "m\n").commit("more");
    s.git("rebase --quiet main").ok();
    assert_eq!(r.rev("auth"), r.rev("main"));
    is_row(&rows(&r, ""), "auth", "remove", "merged", "is in main");
}

#[test]
fn adopted_commits_that_the_base_then_got_are_merged() {
    let r = repo();
    r.git("switch --quiet -c old").ok();
    r.file("o.txt", "o\n").commit("old work");
    r.git("switch --quiet main").ok();
    r.tick().git("session adopt old").ok();
    is_row(&rows(&r, ""), "old", "keep", "unmerged", "1 commit");
    r.git("merge --quiet old").ok();
    is_row(&rows(&r, ""), "old", "remove", "merged", "is in main");
}

#[test]
fn what_is_in_the_way_keeps_a_merged_session() {
    let r = repo();
    r.file(".gitignore", "*.secret\ncache/\nvendor/\n").commit("ignore");
    let names = [
        "clean",
        "dirty",
        "untracked",
        "ignored",
        "nested",
        "locked",
        "indexed",
        "operation",
        "parent",
        "switched",
        "occupied",
    ];
    for name in names {
        with_work(&r, name);
        r.tick().git(&format!("merge --quiet --no-ff -m {name} {name}")).ok();
    }
    r.session("dirty").file("dirty.txt", "changed\n");
    r.session("untracked").file("note.txt", "n\n");
    r.session("ignored").file("key.data", "").remove("key.data").file("key.secret", "s\n");
    let inner = r.session("nested").file("vendor/x", "x\n").in_dir("vendor");
    inner.git("init --quiet").ok();
    r.git("worktree lock ../repo-sessions/locked").ok();
    let git_dir = |name: &str| r.session(name).git("rev-parse --absolute-git-dir").ok().text().trim_end().to_owned();
    r.file(format!("{}/index.lock", git_dir("indexed")), "");
    let operation = r.session("operation");
    operation.git("rebase --quiet --exec false HEAD~1").code(1);
    r.git("session create child --base parent").ok();
    r.session("switched").git("switch --quiet -c elsewhere").ok();
    let mut sleeper = r.session("occupied").command("sleep", ["60"]).spawn().expect("sleeps");
    r.session("clean").file("target/built", "x\n").git("status").ok();
    r.file(format!("{}/info/exclude", r.repo().join(".git").display()), "target/\n");
    let rows = rows(&r, "");
    is_row(&rows, "clean", "remove", "merged", "");
    is_row(&rows, "dirty", "keep", "uncommitted", "1 changed");
    is_row(&rows, "untracked", "keep", "uncommitted", "1 untracked");
    is_row(&rows, "ignored", "keep", "changed-ignored", "key.secret");
    is_row(&rows, "nested", "keep", "nested", "vendor");
    is_row(&rows, "locked", "keep", "locked", "");
    is_row(&rows, "indexed", "keep", "busy", "index");
    is_row(&rows, "operation", "keep", "operation", "rebase");
    is_row(&rows, "parent", "keep", "children", "'child'");
    is_row(&rows, "child", "keep", "new", "");
    is_row(&rows, "switched", "keep", "broken", "branch-switched");
    if cfg!(target_os = "linux") {
        is_row(&rows, "occupied", "keep", "busy", &format!("sleep (process {})", sleeper.id()));
    }
    let removed = r.git("session cleanup --yes").ok().text();
    sleeper.kill().and_then(|()| sleeper.wait()).expect("ends");
    assert_eq!(removed.matches("removed").count(), 1, "{removed}");
    for name in names.iter().filter(|name| **name != "clean") {
        assert!(r.has_rev(&format!("refs/sessions/{name}")), "{name}");
    }
    r.remove(format!("{}/index.lock", git_dir("indexed")));
    is_sound(&r);
}

#[test]
fn the_main_worktree_and_what_does_not_say_that_it_is_a_worktree_stay() {
    let r = repo();
    with_work(&r, "auth");
    r.git("merge --quiet --no-ff -m merged auth").ok();
    r.git("session create here --here").ok();
    r.file("h.txt", "h\n").commit("here");
    r.git("update-ref refs/heads/main here").ok();
    let auth = r.session("auth");
    let link = auth.read(".git");
    auth.file(".git", "gitdir: /nowhere\n");
    let rows = rows(&r, "");
    is_row(&rows, "here", "keep", "main-worktree", "was there before");
    is_row(&rows, "auth", "keep", "broken", "does not say that it is");
    r.unchanged_by(|r| r.git("session cleanup --yes").ok().status());
    auth.file(".git", link);
    std::os::unix::fs::symlink(r.repo(), auth.path("target")).expect("a link");
    r.file(".git/info/exclude", "target\n");
    r.git("session cleanup --yes").ok();
    assert!(!auth.here().exists() && r.has("a.txt"), "links are unlinked, never followed");
    is_sound(&r);
}

#[test]
fn stale_sessions_go_only_when_asked_for_and_their_work_is_kept() {
    let r = repo();
    with_work(&r, "old");
    r.git("session create untouched").ok();
    r.pass(86_400 * 20);
    let young = with_work(&r, "young");
    assert!(rows(&r, "").values().all(|row| row.0 == "keep"));
    let stale = rows(&r, "--stale 14d");
    is_row(&stale, "old", "remove", "stale", "nothing has happened in it for 3 weeks");
    is_row(&stale, "untouched", "remove", "stale", "");
    is_row(&stale, "young", "keep", "unmerged", "");
    r.git("session cleanup --stale soon").code(2).stderr_contains("14d");
    let tip = r.rev("old");
    r.git("session cleanup --stale 14d --yes").ok().stdout_contains("git session restore");
    assert!(!r.has_rev("refs/heads/old") && young.here().exists());
    r.git("gc --prune=now --quiet").ok();
    r.git("session restore old").ok();
    assert_eq!(r.rev("old"), tip);
    is_sound(&r);
}

#[test]
fn an_orphaned_session_goes_and_comes_back() {
    let r = repo();
    let s = with_work(&r, "auth");
    let tip = r.rev("auth");
    r.tick().git("session set auth --goal g").ok();
    r.git("update-ref -d refs/heads/auth").ok();
    is_row(&rows(&r, ""), "auth", "remove", "orphaned", "was here and is gone");
    r.git("session cleanup --yes").ok();
    assert!(!s.here().exists());
    r.git("session restore auth").ok().stderr_contains("Its branch was gone");
    assert_eq!(r.rev("auth"), tip);
    assert_eq!(s.read("auth-2.txt"), "second of auth\n");
    is_sound(&r);
}

#[test]
fn it_asks_and_a_named_session_that_stays_is_no_success() {
    let r = repo();
    with_work(&r, "auth");
    with_work(&r, "docs");
    r.git("merge --quiet --no-ff -m merged auth").ok();
    r.unchanged_by(|r| r.git("session cleanup").code(2).stderr_contains("--yes").stderr_contains("remove").status());
    r.unchanged_by(|r| r.git("session cleanup docs --yes").code(1).stdout_contains("unmerged").status());
    r.unchanged_by(|r| r.git("session cleanup 'do*' --yes").ok().status());
    r.unchanged_by(|r| r.git("session clean nobody").code(1).stderr_contains("no session 'nobody'").status());
    let answer = r.git("session clean --yes --json").ok().json_as("cleanup");
    let operation = answer["operation"].as_str().expect("an operation").to_owned();
    assert!(!r.has_rev("refs/heads/auth") && r.has_rev("refs/heads/docs"));
    assert!(!r.root().join("repo-sessions/auth").exists());
    r.git(&format!("session undo {operation} --yes")).ok();
    assert_eq!(r.session("auth").read("auth.txt"), "first of auth\n");
    r.git("session cleanup auth -n").ok();
    is_sound(&r);
}

#[test]
fn what_has_expired_is_listed_and_goes_and_a_parent_not_before_its_children() {
    let r = repo();
    with_work(&r, "parent");
    r.git("session create child --base parent").ok();
    r.session("child").file("c.txt", "c\n").commit("child");
    with_work(&r, "gone");
    r.git("session finish parent --merge").ok();
    r.git("session finish gone --abandon --yes").ok();
    r.pass(86_400 * 60);
    with_work(&r, "late");
    let late = r.rev("late");
    r.git("session finish late --abandon --yes").ok();
    let expired = |r: &Sandbox| {
        let answer = r.git("session cleanup -n --json").ok().json_as("cleanup");
        let list = answer["expired"].as_array().expect("a list").clone();
        list.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(expired(&r), Vec::<String>::new());
    r.pass(86_400 * 40);
    assert_eq!(expired(&r), ["gone", "gone"], "record and what @keep holds; the parent has a child");
    r.config("session.keepFor", "never");
    assert_eq!(expired(&r), Vec::<String>::new());
    r.config("session.keepFor", "a while");
    r.git("session cleanup -n").code(1).stderr_contains("session.keepFor");
    r.git("config --unset session.keepFor").ok();
    r.git("session cleanup --yes").ok().stdout_contains("forgot");
    assert_eq!(expired(&r), Vec::<String>::new());
    r.git("session restore gone").code(1);
    is_sound(&r);
    r.git("reflog expire --expire=all --all").ok();
    r.git("gc --prune=now --quiet").ok();
    r.git("session restore late").ok();
    assert_eq!(r.rev("late"), late);
    r.git("session restore parent").ok();
    is_sound(&r);
    r.git("session finish parent --abandon --yes").code(1).stderr_contains("stacked");
}

#[test]
fn auto_cleanup_lets_go_of_what_the_base_contains() {
    let r = repo();
    with_work(&r, "merged");
    with_work(&r, "squashed");
    r.git("merge --quiet --squash squashed").ok();
    r.commit("squash");
    r.git("merge --quiet --no-ff -m merged merged").ok();
    r.git("session create one").ok();
    assert!(r.has_rev("refs/sessions/merged"));
    r.config("session.autoCleanup", "true");
    r.git("session create two").ok().stderr_contains("Cleaned up 'merged'");
    assert!(!r.has_rev("refs/sessions/merged"));
    assert!(r.has_rev("refs/sessions/squashed") && r.has_rev("refs/sessions/two") && r.has_rev("refs/sessions/one"));
    is_sound(&r);
}

#[test]
fn a_branch_that_new_sessions_begin_on_stays() {
    let r = repo();
    r.git("switch --quiet -c develop").ok();
    r.file("d.txt", "d\n").commit("develop");
    r.git("switch --quiet main").ok();
    r.tick().git("session adopt develop").ok();
    r.git("merge --quiet --no-ff -m merged develop").ok();
    r.config("session.base", "develop");
    is_row(&rows(&r, ""), "develop", "keep", "children", "new sessions begin on its branch");
    r.git("config --unset session.base").ok();
    is_row(&rows(&r, ""), "develop", "remove", "merged", "");
}

#[test]
fn two_at_once_remove_each_session_once() {
    let r = repo();
    for n in 0..6 {
        with_work(&r, &format!("s{n}"));
        r.git(&format!("merge --quiet --no-ff -m merged s{n}")).ok();
    }
    let running: Vec<_> = (0..3).map(|_| r.spawn("session cleanup --yes")).collect();
    let codes: Vec<_> = running.into_iter().map(|running| running.wait().status()).collect();
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1 | 4))), "{codes:?}");
    r.git("session cleanup --yes").ok();
    r.git("session list").ok().stdout_lacks("s0").stdout_lacks("s5");
    let ended = r.git("session list --ended --format '%(name) %(state)'").ok().text();
    assert_eq!(ended.lines().count(), 6, "{ended}");
    is_sound(&r);
}
