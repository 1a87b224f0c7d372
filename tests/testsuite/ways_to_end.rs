//! However a session ends or is removed, what was in it is still to be had, and `restore` says how.

use crate::support::Sandbox;

fn repo() -> (Sandbox, Sandbox) {
    let r = Sandbox::new().file("a.txt", "A\n").file("b.txt", "b\n").commit("base");
    r.tick().git("session create auth").ok();
    let s = r.session("auth");
    s.file("unpushed.txt", "unpushed\n").commit("unpushed");
    // What only a reflog reaches.
    s.file("lost.txt", "lost\n").commit("lost").git("reset --quiet --hard HEAD~1").ok();
    (r, s)
}

fn uncommitted(s: &Sandbox) {
    s.file("a.txt", "staged\n").git("add a.txt").ok();
    s.file("b.txt", "changed\n").file("new/untracked.txt", "untracked\n");
}

fn picture(s: &Sandbox) -> String {
    let mut text = s.git("status --porcelain=v2 --branch --untracked-files=all").ok().text();
    text.push_str(&s.git("ls-files --stage").ok().text());
    for file in s.git("ls-files --cached --others").ok().text().lines() {
        text.push_str(&format!("{file}: {}", s.read(file)));
    }
    text
}

/// Ends it by `end`, lets git forget all it can, and has it back.
#[track_caller]
fn comes_back(what: &str, with_work: bool, end: impl FnOnce(&Sandbox)) {
    let (r, s) = repo();
    let lost = s.rev("auth@{1}");
    // What only a ref of the worktree's own reaches.
    let own = s.git("commit-tree HEAD^{tree} -p HEAD -m own").ok().text().trim().to_owned();
    s.git_args(["update-ref", "refs/worktree/own", &own]).ok();
    if with_work {
        uncommitted(&s);
    }
    let before = picture(&s);
    end(&r);
    assert!(!s.here().exists(), "{what}: the worktree is there still");
    r.git("reflog expire --expire=now --expire-unreachable=now --all").ok();
    r.git("gc --prune=now --quiet").ok();
    r.git("fsck --strict --no-dangling").ok();
    if what != "keep" {
        r.git_args(["cat-file", "-e", &format!("{lost}:lost.txt")]).ok();
        r.git_args(["cat-file", "-e", &own]).ok();
    }
    r.tick().git("session restore auth").ok();
    assert_eq!(picture(&s), before, "{what}");
    r.git("fsck --strict --no-dangling").ok();
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
}

#[test]
fn merged() {
    comes_back("merge", false, |r| _ = r.git("session finish auth --merge").ok());
    comes_back("squash", false, |r| _ = r.git("session finish auth --merge --strategy squash").ok());
}

#[test]
fn kept() {
    comes_back("keep", false, |r| _ = r.git("session finish auth --keep").ok());
}

#[test]
fn abandoned() {
    comes_back("abandon", true, |r| _ = r.git("session finish auth --abandon --yes").ok());
}

#[test]
fn cleaned_up() {
    comes_back("merged", false, |r| {
        r.git("merge --quiet --squash auth").ok();
        r.commit("squash").git("session cleanup --yes").ok();
    });
    comes_back("stale", false, |r| _ = r.pass(3_000_000).git("session cleanup --stale 30d --yes").ok());
}

#[test]
fn undone() {
    comes_back("undo", true, |r| _ = r.tick().git("session undo --yes").ok());
}

#[test]
fn work_that_would_be_lost_is_never_swept_away_with_what_is_merged() {
    let (r, s) = repo();
    r.git("merge --quiet --no-ff -m merged auth").ok();
    uncommitted(&s);
    for line in ["finish auth --merge", "finish auth --keep", "cleanup auth --yes"] {
        r.unchanged_by(|r| r.git(&format!("session {line}")).code(1).status());
    }
    s.git("stash push --quiet --include-untracked").ok();
    s.file(".git-ignored", "precious\n");
    r.file(".git/info/exclude", ".git-ignored\n");
    r.unchanged_by(|r| r.git("session cleanup auth --yes").code(1).stdout_contains(".git-ignored").status());
    r.unchanged_by(|r| r.git("session undo --yes").code(1).stderr_contains(".git-ignored").status());
}

/// A small file system of its own at that place, where this user may have one.
fn mounted(place: &std::path::Path, size: &str) -> Option<Mounted> {
    std::fs::create_dir_all(place).expect("a folder");
    let options = format!("size={size}");
    let run = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place).output();
    if !run.is_ok_and(|run| run.status.success()) {
        eprintln!("no file system can be mounted: a full disk is not tested");
        return None;
    }
    Some(Mounted(place.to_owned()))
}

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

#[test]
fn a_disk_that_is_full_when_a_session_comes_back_leaves_it_ended() {
    let (r, s) = repo();
    s.file("big.bin", vec![7_u8; 3_000_000]);
    r.git("session finish auth --abandon --yes").ok();
    let folder = r.root().join("repo-sessions");
    let Some(mount) = mounted(&folder, "1m") else { return };
    let refs = r.git("for-each-ref").ok().text();
    r.git("session restore auth").code(1);
    assert_eq!(r.git("for-each-ref").ok().text(), refs);
    r.git("worktree list").ok().stdout_lacks("auth");
    drop(mount);
    r.git("session restore auth").ok();
    assert_eq!(std::fs::read(s.path("big.bin")).expect("there").len(), 3_000_000);
    r.git("fsck --strict --no-dangling").ok();
}

#[test]
fn a_folder_that_cannot_be_written_to_loses_nothing() {
    let r = Sandbox::new().file("a.txt", "A\n").file("b.txt", "b\n").commit("base");
    let folder = r.root().join("repo-sessions");
    let Some(mount) = mounted(&folder, "20m") else { return };
    r.tick().git("session create kept").ok();
    r.tick().git("session create auth").ok();
    let s = r.session("auth").file("w.txt", "w\n").commit("work");
    r.git("merge --quiet --no-ff -m merged auth").ok();
    let remount = |how: &str| {
        let how = format!("remount,{how}");
        r.run("mount", ["-o".as_ref(), how.as_ref(), folder.as_os_str()]).ok();
    };
    remount("ro");
    for line in ["finish auth --merge", "cleanup auth --yes", "undo --yes", "move auth ../else", "rename auth x"] {
        let before = (r.git("for-each-ref").ok().text(), picture(&s));
        assert_ne!(r.git(&format!("session {line}")).status(), Some(0), "{line}");
        assert_eq!((r.git("for-each-ref").ok().text(), picture(&s)), before, "{line}");
    }
    remount("rw");
    uncommitted(&s);
    let before = picture(&s);
    r.git("session finish auth --abandon --yes").ok();
    remount("ro");
    let refs = r.git("for-each-ref").ok().text();
    assert_ne!(r.git("session restore auth").status(), Some(0));
    assert_eq!(r.git("for-each-ref").ok().text(), refs);
    remount("rw");
    r.git("session restore auth").ok();
    assert_eq!(picture(&s), before);
    drop(mount);
}

#[test]
fn a_disk_that_is_full_when_a_session_ends_leaves_it_as_it_was() {
    let (r, s) = repo();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    let noise: Vec<u8> = (0..3_000_000).map(|_| next()).collect();
    s.file("big.bin", &noise);
    uncommitted(&s);
    let before = s.git("status --porcelain").ok().text();
    let objects = r.repo().join(".git/objects");
    let aside = r.root().join("objects");
    std::fs::rename(&objects, &aside).expect("moved");
    let Some(mount) = mounted(&objects, "1m") else {
        let _ = std::fs::remove_dir(&objects);
        std::fs::rename(&aside, &objects).expect("moved back");
        return;
    };
    r.run("cp", ["-a".as_ref(), aside.join(".").as_os_str(), objects.as_os_str()]).ok();
    for line in ["finish auth --abandon --yes", "undo --yes"] {
        assert_ne!(r.git(&format!("session {line}")).status(), Some(0), "{line}");
        assert_eq!(s.git("status --porcelain").ok().text(), before, "{line}");
        assert_eq!(std::fs::read(s.path("big.bin")).expect("there"), noise, "{line}");
        assert!(r.has_rev("refs/sessions/auth") && r.has_rev("refs/heads/auth"), "{line}");
    }
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
    r.run("cp", ["-a".as_ref(), objects.join(".").as_os_str(), aside.as_os_str()]).ok();
    drop(mount);
    let _ = std::fs::remove_dir(&objects);
    std::fs::rename(&aside, &objects).expect("moved back");
    r.git("session finish auth --abandon --yes").ok();
    r.git("session restore auth").ok();
    assert_eq!(std::fs::read(s.path("big.bin")).expect("there"), noise);
}

#[test]
fn changes_that_git_was_told_to_overlook_in_the_base_s_worktree_are_in_the_way() {
    let r = Sandbox::new().file("a.txt", "A\n").commit("base");
    r.tick().git("session create auth").ok();
    r.session("auth").file("a.txt", "B\n").commit("work");
    r.git("update-index --assume-unchanged a.txt").ok();
    r.file("a.txt", "mine\n");
    let refused = r.tick().git("session finish auth --merge --yes");
    refused.code(1).stderr_contains("'a.txt' has changes that git was told to overlook.");
    refused.stderr_contains("update-index --no-assume-unchanged --no-skip-worktree a.txt");
    assert_eq!(r.read("a.txt"), "mine\n");
}
