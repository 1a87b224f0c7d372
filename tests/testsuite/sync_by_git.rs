//! `sync` where git itself works in the session's worktree: what it would write over stays.

#![cfg(unix)]

use crate::support::Sandbox;
use crate::sync::{is_sound, lines, repo, row, session, sync};
use std::os::unix::fs::PermissionsExt;

fn hook(r: &Sandbox, name: &str, script: &str) {
    r.file(format!(".git/hooks/{name}"), format!("#!/bin/sh\n{script}\n"));
    let path = r.path(format!(".git/hooks/{name}"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("an executable hook");
}

#[test]
fn an_ignored_file_that_the_branch_once_had_stays() {
    for how in ["", "--merge", "--resolve"] {
        let r = repo();
        let one = session(&r, "one").file(".env", "token\n").commit("by mistake");
        one.git("rm --quiet --cached .env").ok();
        one.git("commit --quiet -m away").ok();
        r.file(".git/info/exclude", ".env\n");
        one.file(".env", "token\nmine\n");
        if how == "--resolve" {
            one.file("d0/f0.txt", lines(0, 12).replace("line 5", "mine")).commit("collides");
        } else {
            hook(&r, "post-checkout", "exit 0");
            hook(&r, "post-merge", "exit 0");
        }
        r.file("d0/f0.txt", lines(0, 12).replace("line 5", "of the base")).commit("the base moves");
        let rows = sync(&r, how);
        if how == "--merge" {
            // Only a rebase goes by way of the commit that had it.
            assert_eq!(row(&rows, "one")["outcome"], "merged");
        } else {
            let row = row(&rows, "one").to_string();
            assert!(row.contains("untracked") || row.contains("no rebase was begun"), "{row}");
        }
        assert_eq!(one.read(".env"), "token\nmine\n", "{how}");
        is_sound(&r);
    }
    // Where the base has had it for a while.
    let r = repo();
    let one = session(&r, "one").file("one.md", "one\n").commit("one");
    hook(&r, "post-merge", "exit 0");
    r.file(".env", "of the base\n").commit("by mistake");
    r.file(".git/info/exclude", ".env\n");
    one.file(".env", "mine\n");
    assert_eq!(row(&sync(&r, "--merge"), "one")["reason"], "untracked");
    assert_eq!(one.read(".env"), "mine\n");
}

#[test]
fn changes_that_git_was_told_to_overlook_stay() {
    let r = repo();
    let one = session(&r, "one").file("one.md", "one\n").commit("one");
    r.file("d0/f0.txt", lines(0, 13)).commit("the base moves");
    hook(&r, "prepare-commit-msg", "exit 1");
    one.git("update-index --assume-unchanged d1/f1.txt").ok();
    one.file("d1/f1.txt", "mine\n");
    let rows = sync(&r, "");
    assert_eq!(row(&rows, "one")["reason"], "dirty");
    assert!(row(&rows, "one")["remedy"].to_string().contains("--no-assume-unchanged"), "{rows:?}");
    assert_eq!(one.read("d1/f1.txt"), "mine\n");
    // Where all is as git believes it goes as it would.
    one.file("d1/f1.txt", lines(1, 12));
    hook(&r, "prepare-commit-msg", "exit 0");
    assert_eq!(row(&sync(&r, ""), "one")["outcome"], "rebased");
}

#[test]
fn what_somebody_stages_while_git_is_at_work_stays() {
    for (stage, path) in
        [("echo mine >new && git add new", "new"), ("echo mine >d1/f1.txt && git add d1/f1.txt", "d1/f1.txt")]
    {
        let r = repo();
        let one = session(&r, "one").file("one.md", "one\n").commit("one");
        r.file("d0/f0.txt", lines(0, 13)).commit("the base moves");
        hook(&r, "prepare-commit-msg", &format!("{stage}; exit 1"));
        let rows = sync(&r, "");
        assert_eq!(row(&rows, "one")["reason"], "operation", "{rows:?}");
        assert_eq!(one.read(path), "mine\n");
    }
    // What git has staged is its own, at the path that the base has given it too.
    let r = repo();
    let one = session(&r, "one");
    one.file("d0/f0.txt", lines(0, 12).replace("line 5", "mine")).file("one.md", "one\n").commit("one");
    let before = r.rev("one");
    r.git("mv d0/f0.txt d0/elsewhere.txt").ok();
    r.git("commit --quiet -m renamed").ok();
    hook(&r, "prepare-commit-msg", "exit 1");
    assert_eq!(row(&sync(&r, ""), "one")["reason"], "hook");
    assert_eq!(r.rev("one"), before);
    one.git("status --porcelain").ok().stdout("");
    is_sound(&r);
}
