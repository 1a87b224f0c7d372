//! `sync` where attributes or drivers say how files are merged: as `git rebase` finds them at each commit.

use crate::support::Sandbox;
use crate::sync::{is_sound, lines, repo, row, session, sync};

/// What `git rebase` comes to in a worktree like that of the session: the tip, or none where it stops.
fn by_git(r: &Sandbox) -> Option<String> {
    let twin = r.root().join("twin");
    r.git_args(["worktree", "add", "--quiet", "--detach", &twin.to_string_lossy(), "one"]).ok();
    let twin = r.in_dir(twin);
    let is_done = twin.git("rebase --quiet main").status() == Some(0);
    is_done.then(|| twin.rev("HEAD^{tree}"))
}

/// Both sides change line 5 of `d0/f0.txt`; `sync` must come to what git comes to.
fn as_git(r: &Sandbox, one: &Sandbox, expected: bool) {
    one.file("d0/f0.txt", lines(0, 12).replace("line 5", "of the session")).commit("collides");
    r.file("d0/f0.txt", lines(0, 12).replace("line 5", "of the base")).commit("the base moves");
    let tree = by_git(r);
    assert_eq!(tree.is_some(), expected, "git itself");
    let rows = sync(r, "");
    assert_eq!(row(&rows, "one")["outcome"], if expected { "rebased" } else { "conflict" });
    if let Some(tree) = tree {
        assert_eq!(r.rev("one^{tree}"), tree);
    }
    is_sound(r);
}

#[test]
fn each_commit_is_picked_by_the_attributes_of_the_one_before() {
    // The session's own commit takes them away.
    let r = repo().file(".gitattributes", "*.txt merge=union\n").commit("attributes");
    let one = session(&r, "one").remove(".gitattributes").commit("without");
    as_git(&r, &one, false);
    // Or brings them.
    let r = repo();
    let one = session(&r, "one").file(".gitattributes", "*.txt merge=union\n").commit("with");
    as_git(&r, &one, true);
    // In the very commit that collides they come too late.
    let r = repo();
    let one = session(&r, "one").file("d0/.gitattributes", "*.txt merge=union\n");
    as_git(&r, &one, false);
}

#[test]
fn attributes_of_a_tree_that_a_setting_names_are_git_s_to_read() {
    let r = repo().file(".gitattributes", "*.txt merge=union\n").commit("attributes").config("attr.tree", "HEAD");
    let one = session(&r, "one").remove(".gitattributes").commit("without");
    as_git(&r, &one, false);
    // Nor does it collide where it would by those of the main worktree.
    let r = repo();
    let one = session(&r, "one").file(".gitattributes", "*.txt merge=union\n").commit("with");
    let r = r.config("attr.tree", "HEAD");
    as_git(&r, &one, true);
}

#[test]
fn attributes_that_nobody_has_committed_hold_for_git() {
    for how in ["", "--merge"] {
        let r = repo();
        let one = session(&r, "one");
        one.file("d0/f0.txt", lines(0, 12).replace("line 5", "of the session")).commit("collides");
        one.file(".gitattributes", "*.txt merge=union\n");
        r.file("d0/f0.txt", lines(0, 12).replace("line 5", "of the base")).commit("the base moves");
        let rows = sync(&r, how);
        assert_eq!(row(&rows, "one")["outcome"], if how.is_empty() { "rebased" } else { "merged" });
        let both = lines(0, 12).replace("line 5", "of the base\nfile 0 of the session");
        let other = lines(0, 12).replace("line 5", "of the session\nfile 0 of the base");
        assert_eq!(one.read("d0/f0.txt"), if how.is_empty() { both } else { other });
        one.git("status --porcelain").ok().stdout("?? .gitattributes\n");
        // With uncommitted changes it is not said that it collides.
        r.file("d0/f0.txt", lines(0, 12).replace("line 5", "of the base again")).commit("the base moves on");
        one.file("d1/f1.txt", "typed\n");
        let rows = sync(&r, &format!("{how} --autostash"));
        assert_eq!(row(&rows, "one")["reason"], "dirty", "{rows:?}");
        assert_eq!(one.read("d1/f1.txt"), "typed\n");
    }
}

#[test]
#[cfg(unix)]
fn a_driver_is_found_from_the_top_of_a_worktree() {
    use std::os::unix::fs::PermissionsExt;
    let r = repo().file("both.sh", "#!/bin/sh\ncat \"$2\" >>\"$1\"\n").file(".gitattributes", "*.txt merge=both\n");
    std::fs::set_permissions(r.path("both.sh"), std::fs::Permissions::from_mode(0o755)).expect("a file");
    let r = r.commit("a driver").config("merge.both.driver", "./both.sh %A %B");
    let one = session(&r, "one").file("one.md", "one\n").commit("one");
    one.file("d0/f0.txt", lines(0, 12).replace("line 5", "of the session")).commit("collides");
    let base = r.file("d0/f0.txt", lines(0, 12).replace("line 5", "of the base")).commit("the base moves");
    base.git("session conflicts one").ok().stderr_contains("nothing collides");
    let tree = by_git(&base).expect("git merges it");
    assert_eq!(row(&sync(&base, ""), "one")["outcome"], "rebased");
    assert_eq!(base.rev("one^{tree}"), tree);
}
