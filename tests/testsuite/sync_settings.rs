//! `sync` where settings, attributes and marks of the index make git see files otherwise than their bytes say.

use crate::support::Sandbox;
use crate::sync::{lines, repo, row, session, sync};

/// A session whose worktree stands on the base, which moves another file then.
fn behind(r: &Sandbox) -> Sandbox {
    r.git("session create one").ok();
    let one = r.session("one");
    r.file("d1/f1.txt", lines(1, 12).replace("line 3", "of the base")).commit("the base moves");
    one
}

/// It is skipped, as dirty, and everything is as it was.
#[track_caller]
fn stays(r: &Sandbox, path: &str) {
    let one = r.session("one");
    let before = (r.rev("one"), std::fs::read(one.path(path)).ok());
    let rows = sync(r, "");
    let row = row(&rows, "one");
    assert_eq!((&row["outcome"], &row["reason"]), (&"skipped".into(), &"dirty".into()), "{row}");
    assert_eq!((r.rev("one"), std::fs::read(one.path(path)).ok()), before);
}

/// What `git rebase` makes of the session's worktree, in another one like it: the status, and a file.
fn by_git(r: &Sandbox, path: &str) -> (Option<i32>, Vec<u8>) {
    let twin = r.root().join("twin");
    r.git_args(["worktree", "add", "--quiet", "--detach", &twin.to_string_lossy(), "one"]).ok();
    let twin = r.in_dir(twin);
    let status = twin.git("rebase --quiet main").status();
    (status, std::fs::read(twin.path(path)).expect("a file"))
}

/// A repository whose submodule `sub` is one commit behind, and a session in which that is checked out, or is not.
fn with_submodule(is_checked_out: bool) -> (Sandbox, Sandbox) {
    let r = repo();
    let inner = r.in_dir(r.root().join("inner"));
    std::fs::create_dir(inner.here()).expect("a folder");
    inner.git("init --quiet").ok();
    inner.file("inner.txt", "1\n").commit("inner 1").file("inner.txt", "2\n").commit("inner 2");
    r.git("-c protocol.file.allow=always submodule --quiet add ../inner sub").ok();
    r.git("-C sub checkout --quiet HEAD~").ok();
    let r = r.commit("a submodule");
    r.git("session create one").ok();
    let one = r.session("one");
    if is_checked_out {
        one.git("-c protocol.file.allow=always submodule --quiet update --init").ok();
    }
    (r, one)
}

#[test]
fn a_file_in_the_place_of_a_submodule_is_somebody_s() {
    for (staged, base_has) in [(false, "bump"), (false, "file"), (true, "bump")] {
        let (r, one) = with_submodule(true);
        std::fs::remove_dir_all(one.path("sub")).expect("can be removed");
        one.file("sub", "mine\n");
        if staged {
            one.git("add sub").ok();
        }
        if base_has == "bump" {
            r.git("-C sub checkout --quiet --detach main").ok();
        } else {
            r.git("rm --quiet --cached sub").ok();
            std::fs::remove_dir_all(r.path("sub")).expect("can be removed");
            r.file("sub", "of the base\n");
        }
        r.commit("the base moves");
        stays(&r, "sub");
        assert_eq!(one.read("sub"), "mine\n");
    }
}

/// The base moves, its submodule and a file with it, and the session is synced: whether git wrote the files.
#[cfg(unix)]
fn bumped(r: &Sandbox) -> bool {
    r.git("-C sub checkout --quiet --detach main").ok();
    r.file("d0/f0.txt", lines(0, 12).replace("line 3", "of the base")).commit("the base moves");
    let trace = r.root().join("trace");
    assert_eq!(row(&sync(&r.env("GIT_TRACE", &trace), ""), "one")["outcome"], "fast-forwarded");
    let one = r.session("one");
    assert_eq!(one.git("write-tree").ok().text().trim(), r.rev("main^{tree}"));
    one.git("fsck --strict --no-dangling").ok();
    crate::follow::is_by_git(&trace)
}

#[test]
#[cfg(unix)]
fn the_commit_of_a_submodule_moves_in_the_index_alone() {
    let (r, one) = with_submodule(false);
    assert!(!bumped(&r), "git was needed");
    one.git("status --porcelain").ok().stdout("");
    assert!(one.path("sub").read_dir().expect("a folder").next().is_none());
    // What is checked out in it stays, as git leaves it.
    let (r, one) = with_submodule(true);
    one.file("sub/mine", "mine\n");
    assert!(!bumped(&r), "git was needed");
    one.git("status --porcelain").ok().stdout(" M sub\n");
    assert_eq!((one.read("sub/inner.txt"), one.read("sub/mine")), ("1\n".to_owned(), "mine\n".to_owned()));
    r.git("session undo --yes").ok();
    one.git("diff --quiet --ignore-submodules=untracked").ok();
    assert_eq!(one.read("sub/mine"), "mine\n");
    // Uncommitted changes are taken along.
    let (r, one) = with_submodule(true);
    one.file("d1/f1.txt", lines(1, 12).replace("line 2", "mine"));
    r.git("-C sub checkout --quiet main").ok();
    r.file("d1/f1.txt", lines(1, 12).replace("line 9", "of the base")).commit("the base moves");
    let before = r.rev("one");
    assert_eq!(row(&sync(&r, "--autostash"), "one")["outcome"], "fast-forwarded");
    assert_eq!(one.read("d1/f1.txt"), lines(1, 12).replace("line 2", "mine").replace("line 9", "of the base"));
    one.git("status --porcelain").ok().stdout(" M d1/f1.txt\n M sub\n");
    assert_eq!(one.git("ls-files --stage sub").ok().text(), r.git("ls-files --stage sub").ok().text());
    r.git("session undo --yes").ok();
    assert_eq!((r.rev("one"), one.read("d1/f1.txt")), (before, lines(1, 12).replace("line 2", "mine")));
    one.git("status --porcelain").ok().stdout(" M d1/f1.txt\n");
    // Where nothing is checked out in it git would break the worktree in trying to let it follow.
    let (r, one) = with_submodule(false);
    r.git("config submodule.recurse true").ok();
    assert!(!bumped(&r), "git was needed");
    one.git("status --porcelain").ok().stdout("");
    // Where it is to follow it is git's to move it.
    let (r, one) = with_submodule(true);
    r.git("config submodule.recurse true").ok();
    r.git("-C sub checkout --quiet --detach main").ok();
    r.commit("the base moves");
    let trace = r.root().join("trace");
    sync(&r.env("GIT_TRACE", &trace), "");
    assert!(crate::follow::is_by_git(&trace), "git was not asked");
    one.git("status --porcelain").ok().stdout("");
}

#[test]
#[cfg(unix)]
fn a_submodule_that_both_sides_move_is_git_s_to_merge_in_the_worktree() {
    for (is_checked_out, is_in_main) in [(false, true), (true, true), (true, false)] {
        let (r, one) = with_submodule(is_checked_out);
        let inner = r.in_dir(r.root().join("inner"));
        inner.file("inner.txt", "3\n").commit("inner 3");
        r.git("-C sub fetch --quiet").ok();
        if is_checked_out {
            one.git("-c protocol.file.allow=always -C sub fetch --quiet").ok();
        }
        let own = inner.rev("main~");
        one.git(&format!("update-index --cacheinfo 160000,{own},sub")).ok();
        one.git("commit --quiet -m own").ok();
        if is_checked_out {
            one.git(&format!("-C sub checkout --quiet {own}")).ok();
        }
        r.git_args(["-C", "sub", "checkout", "--quiet", &inner.rev("main")]).ok();
        let (r, before) = (r.commit("the base moves"), one.rev("HEAD"));
        if !is_in_main {
            r.git("submodule --quiet deinit --force sub").ok();
            std::fs::remove_dir_all(r.path(".git/modules/sub")).expect("a folder");
        }
        for (how, clean) in [("", "rebased"), ("--merge", "merged")] {
            // There it is for git to see: aside nothing would be checked out.
            one.file("d1/f1.txt", "mine\n");
            let rows = sync(&r, &format!("{how} --autostash"));
            assert_eq!(row(&rows, "one")["reason"], "dirty", "{rows:?}");
            assert_eq!((one.read("d1/f1.txt"), r.rev("one")), ("mine\n".to_owned(), before.clone()));
            one.git("checkout --quiet d1/f1.txt").ok();
            let rows = sync(&r, how);
            assert_eq!(row(&rows, "one")["outcome"], if is_checked_out { clean } else { "conflict" });
            assert_eq!(r.rev("one") == before, !is_checked_out);
            one.git("status --porcelain --ignore-submodules=all").ok().stdout("");
            if is_checked_out {
                r.git("session undo --yes").ok();
            }
        }
    }
}

#[test]
#[cfg(unix)]
fn undo_knows_files_that_a_filter_has_made() {
    let r = repo().config("filter.up.smudge", "tr a-z A-Z").config("filter.up.clean", "tr A-Z a-z");
    r.git("session create one").ok();
    let (one, before) = (r.session("one"), r.rev("one"));
    r.file(".gitattributes", "d1/* filter=up\n");
    r.file("d1/f1.txt", lines(1, 12).replace("line 3", "of the base")).commit("the base moves");
    assert_eq!(row(&sync(&r, ""), "one")["outcome"], "fast-forwarded");
    assert!(one.read("d1/f1.txt").contains("OF THE BASE"));
    // But what somebody has changed since is his.
    one.file("d1/f1.txt", "MINE\n");
    r.git("session undo --yes").code(1).stderr_contains("'d1/f1.txt' has uncommitted changes");
    one.git("checkout --quiet d1/f1.txt").ok();
    r.git("session undo --yes").ok();
    assert_eq!((r.rev("one"), one.read("d1/f1.txt")), (before, lines(1, 12)));
    one.git("status --porcelain").ok().stdout("");
}

#[test]
#[cfg(unix)]
fn what_is_in_a_submodule_stays_where_a_file_is_to_take_its_place() {
    for is_checked_out in [true, false] {
        let (r, one) = with_submodule(is_checked_out);
        one.file("sub/mine", "mine\n");
        r.git("rm --quiet --cached sub").ok();
        std::fs::remove_dir_all(r.path("sub")).expect("can be removed");
        r.file("sub", "of the base\n").commit("the base moves");
        assert_eq!(row(&sync(&r, ""), "one")["reason"], "untracked");
        assert_eq!(one.read("sub/mine"), "mine\n");
        r.git("session sync").stdout_contains("there is something in its directory").stdout_contains("mv -n ");
        // So it stays where git does the move from end to end.
        r.executable(".git/hooks/post-rewrite", "#!/bin/sh\ncat >/dev/null\n");
        assert_eq!(row(&sync(&r, ""), "one")["reason"], "untracked");
        assert_eq!(one.read("sub/mine"), "mine\n");
        std::fs::rename(one.path("sub"), one.path("sub~")).expect("can be moved");
        assert_eq!(row(&sync(&r, ""), "one")["outcome"], "fast-forwarded");
        assert_eq!((one.read("sub"), one.read("sub~/mine")), ("of the base\n".to_owned(), "mine\n".to_owned()));
    }
}

#[test]
fn what_is_only_going_to_be_added_is_uncommitted_though_it_is_empty() {
    let r = repo().file("empty", "").commit("empty");
    let one = behind(&r);
    one.git("rm --quiet --cached empty").ok();
    one.git("add --intent-to-add empty").ok();
    stays(&r, "empty");
    r.git("session list one").ok().stdout_contains("1S 1M");
}

#[test]
fn what_stands_outside_of_a_sparse_checkout_is_uncommitted() {
    let r = repo();
    r.git("session create one").ok();
    let one = r.session("one");
    one.git("sparse-checkout set d0").ok();
    assert!(!one.path("d2/f2.txt").exists());
    one.file("d2/f2.txt", "mine\n");
    r.file("d0/f0.txt", lines(0, 12).replace("line 3", "of the base")).commit("the base moves");
    stays(&r, "d2/f2.txt");
    // A mark that somebody has set himself holds, whatever is there.
    let r = repo();
    let one = behind(&r);
    one.git("update-index --skip-worktree d2/f2.txt").ok();
    one.file("d2/f2.txt", "mine\n");
    assert_eq!(row(&sync(&r, ""), "one")["outcome"], "fast-forwarded");
    assert_eq!(one.read("d2/f2.txt"), "mine\n");
}

#[test]
#[cfg(unix)]
fn bytes_that_are_those_of_the_blob_are_a_change_where_a_filter_makes_others_of_them() {
    let r = repo();
    r.git_args(["config", "filter.l.clean", "sed s/^/P:/"]).ok();
    r.git_args(["config", "filter.l.smudge", "sed s/^P://"]).ok();
    r.file(".gitattributes", "a.txt filter=l\n").file("a.txt", "one\n").commit("filtered");
    let one = behind(&r);
    one.file("a.txt", "P:one\n");
    stays(&r, "a.txt");
    r.git("session list one").ok().stdout_contains("1M");
}

#[test]
fn a_setting_without_a_value_is_on() {
    let r = repo();
    let config = r.path(".git/config");
    let text = std::fs::read_to_string(&config).expect("a file");
    std::fs::write(&config, format!("{text}[core]\n\tautocrlf\n")).expect("can be written");
    let one = behind(&r);
    let (_, expected) = by_git(&r, "d1/f1.txt");
    assert!(expected.ends_with(b"\r\n"));
    assert_eq!(row(&sync(&r, ""), "one")["outcome"], "fast-forwarded");
    assert_eq!(std::fs::read(one.path("d1/f1.txt")).expect("a file"), expected);
}

#[test]
fn attributes_of_another_tree_hold_where_git_is_told_of_one() {
    let told = [
        ("*.txt merge=union\n", "line 3", "rebased"),
        ("*.txt -merge\n", "line 9", "conflict"),
        ("*.txt eol=crlf\n", "line 9", "rebased"),
    ];
    for ((attributes, line, outcome), by_setting) in told.into_iter().flat_map(|told| [(told, true), (told, false)]) {
        let r = repo();
        r.git("switch --quiet --orphan attrs").ok();
        r.file(".gitattributes", attributes).commit("attributes").git("switch --quiet main").ok();
        let one = behind(&r);
        let (r, one) = if by_setting {
            r.git("config attr.tree refs/heads/attrs").ok();
            (r, one)
        } else {
            (r.env("GIT_ATTR_SOURCE", "refs/heads/attrs"), one.env("GIT_ATTR_SOURCE", "refs/heads/attrs"))
        };
        one.file("d1/f1.txt", lines(1, 12).replace(line, "of one")).commit("one");
        let (status, expected) = by_git(&r, "d1/f1.txt");
        assert_eq!(status == Some(0), outcome == "rebased", "{attributes} {by_setting}");
        let rows = crate::sync::rows(&r.git("session sync --json"));
        assert_eq!(row(&rows, "one")["outcome"], outcome, "{attributes} {by_setting}");
        if outcome == "rebased" {
            assert_eq!(std::fs::read(one.path("d1/f1.txt")).expect("a file"), expected, "{attributes} {by_setting}");
        }
    }
}

#[test]
fn settings_of_one_branch_are_git_s_to_read() {
    let r = repo();
    let more = r.root().join("more");
    std::fs::write(&more, "[core]\n\tautocrlf = true\n").expect("can be written");
    r.git_args(["config", "includeIf.onbranch:one.path", &more.to_string_lossy()]).ok();
    let one = behind(&r);
    assert_eq!(row(&sync(&r, ""), "one")["outcome"], "fast-forwarded");
    assert!(std::fs::read(one.path("d1/f1.txt")).expect("a file").ends_with(b"\r\n"));
    one.git("status --porcelain").ok().stdout("");
}

#[test]
#[cfg(unix)]
fn what_has_landed_is_told_as_git_tells_it() {
    // Names that differ in white space alone are the same to patch ids.
    for (own, landed) in [("n w", "nw"), ("d0/n w", "d0/nw")] {
        let r = repo();
        r.git("session create one").ok();
        r.session("one").file(own, "hi\n").file("d0/n!", "ho\n").commit("A");
        r.session("one").file("other", "other\n").commit("B");
        r.file(landed, "hi\n").file("d0/n!", "ho\n").commit("A2");
        assert_eq!(row(&sync(&r, ""), "one")["dropped"], 1, "{own:?}");
        assert_eq!(r.git("log --format=%s main..one").ok().text(), "B\n", "{own:?}");
    }
    // So is a commit but for the submodules that are to be ignored.
    for by_setting in [true, false] {
        let (r, one) = with_submodule(false);
        if by_setting {
            r.git("config submodule.sub.ignore all").ok();
        } else {
            one.git("config --file .gitmodules submodule.sub.ignore all").ok();
            one.commit("ignored");
        }
        let inner = r.in_dir(r.root().join("inner")).rev("main");
        one.git(&format!("update-index --cacheinfo 160000,{inner},sub")).ok();
        one.file("d0/f0.txt", lines(0, 12).replace("line 3", "landed")).git("add d0/f0.txt").ok();
        one.git("commit --quiet -m A").ok();
        r.file("d0/f0.txt", lines(0, 12).replace("line 3", "landed")).git("add d0/f0.txt").ok();
        r.git("commit --quiet -m A2").ok();
        let twin = r.root().join("twin");
        r.git_args(["worktree", "add", "--quiet", "--detach", &twin.to_string_lossy(), "one"]).ok();
        let twin = r.in_dir(twin);
        twin.git("rebase --quiet main").ok();
        sync(&r, "");
        assert_eq!(r.rev("one^{tree}"), twin.rev("HEAD^{tree}"), "{by_setting}");
    }
}

#[test]
fn settings_of_some_worktrees_are_git_s_to_read() {
    for (condition, holds) in [("gitdir:**/worktrees/*", true), ("onbranch:one", true), ("gitdir:/nowhere/", false)] {
        let r = repo();
        let more = r.root().join("more");
        std::fs::write(&more, "[user]\n\temail = other@example.com\n[core]\n\tautocrlf = true\n")
            .expect("can be written");
        r.git_args(["config", &format!("includeIf.{condition}.path"), &more.to_string_lossy()]).ok();
        let one = behind(&r);
        one.file("one.txt", "one\n").commit("one");
        let rows = sync(&r, "");
        assert_eq!(row(&rows, "one")["outcome"], "rebased", "{condition}");
        assert_eq!(one.git("log -1 --format=%ce").ok().text().contains("other"), holds, "{condition}");
        assert_eq!(one.read("d1/f1.txt").ends_with("\r\n"), holds, "{condition}");
        one.git("status --porcelain").ok().stdout("");
    }
}

#[test]
fn line_ends_that_git_converts_are_no_collision() {
    let r = repo();
    r.git("config core.autocrlf true").ok();
    let one = session(&r, "one");
    let file = one.path("d0/f0.txt");
    let text = lines(0, 12).replace('\n', "\r\n");
    std::fs::write(file, text.replace("line 1\r", "mine\r")).expect("can be written");
    r.file("d0/f0.txt", lines(0, 12).replace("line 10", "of the base")).commit("the base moves");
    let rows = sync(&r, "--autostash");
    let row = row(&rows, "one");
    assert_eq!((&row["outcome"], &row["reason"]), (&"skipped".into(), &"dirty".into()), "{row}");
    assert!(row["conflicts"].as_array().is_none_or(Vec::is_empty), "{row}");
    r.git("session sync --autostash").stdout_contains("only git can write the files");
}
