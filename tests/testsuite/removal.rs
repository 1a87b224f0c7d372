//! What is in a worktree that no salvage holds, and so is in the way of removing it: other repositories, and submodules.

use crate::support::Sandbox;

/// With a session `auth` that is merged, so that `cleanup` would let go of it.
fn merged(r: &Sandbox) -> Sandbox {
    r.tick().git("session create auth").ok();
    let auth = r.session("auth").file("own.txt", "own\n").commit("own");
    r.tick().git("merge --quiet --no-ff -m merged auth").ok();
    auth
}

/// None of the verbs that remove a worktree does.
#[track_caller]
fn stays(r: &Sandbox, words: &str) {
    let verbs = ["cleanup auth --yes", "finish auth --merge", "finish auth --keep", "finish auth --abandon --yes"];
    for verb in verbs {
        let run = r.unchanged_by(|r| r.git(&format!("session {verb}")));
        let said = run.text() + run.stderr_text();
        assert_eq!(run.status(), Some(1), "{verb}: {said}");
        assert!(said.contains(words), "{verb}: {said}");
    }
}

#[test]
fn a_repository_in_a_tracked_directory_is_in_the_way() {
    let r = Sandbox::new().file("d/e/tracked.txt", "t\n").file("top.txt", "t\n").commit("base");
    let auth = merged(&r);
    for place in ["d", "d/e"] {
        auth.git(&format!("init --quiet {place}")).ok();
        auth.in_dir(place).git("add --all").ok();
        auth.in_dir(place).git("commit --quiet -m precious").ok();
        stays(&r, &format!("another repository at '{}", auth.path(place).display()));
        auth.remove(format!("{place}/.git"));
    }
    // What a link leads to does not go.
    r.git("init --quiet ../else").ok();
    r.in_dir("../else").file("e/tracked.txt", "t\n").commit("else");
    auth.remove("d");
    std::os::unix::fs::symlink(r.root().join("else"), auth.path("d")).expect("a link");
    r.git("session finish auth --abandon --yes").ok();
    assert!(r.has("../else/.git/HEAD"));
}

#[test]
fn what_is_called_like_a_repository_is_in_the_way() {
    let r = Sandbox::new().file("top.txt", "t\n").file(".gitignore", "build/\n").commit("base");
    let auth = merged(&r);
    for place in ["only", "deep/er", "build/only"] {
        for broken in [".git/config", ".git"] {
            auth.file(format!("{place}/{broken}"), "precious\n");
            stays(&r, &format!("another repository at '{}", auth.path(place).display()));
            auth.remove(place.split('/').next().expect("a folder"));
        }
    }
    // With other files beside it they are untracked, which is said first.
    auth.file("beside/.git/config", "precious\n").file("beside/file", "f\n");
    let run = r.unchanged_by(|r| r.git("session finish auth --abandon --yes"));
    run.code(1).stderr_contains("another repository");
}

/// With a submodule `sub` that has one `inner` of its own.
fn with_submodule() -> (Sandbox, Sandbox, Sandbox) {
    let r = Sandbox::new().file("top.txt", "t\n").commit("base");
    let r = r.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "protocol.file.allow");
    let r = r.env("GIT_CONFIG_VALUE_0", "always");
    r.git("init --quiet ../inner").ok();
    r.in_dir("../inner").file("i", "i\n").commit("inner");
    r.git("init --quiet ../sub").ok();
    let sub = r.in_dir("../sub").file("t", "t\n").file(".gitignore", "*.ig\n*.log\n");
    sub.git("submodule --quiet add ../inner inner").ok();
    sub.commit("sub");
    r.git("submodule --quiet add ../sub sub").ok();
    let r = r.commit("a submodule");
    let auth = merged(&r);
    auth.git("submodule --quiet update --init --recursive").ok();
    let sub = auth.in_dir("sub");
    (r, auth, sub)
}

#[test]
fn a_submodule_in_which_nothing_is_new_is_in_nobody_s_way() {
    let (r, _, sub) = with_submodule();
    sub.file("built.log", "made again\n");
    r.git("session cleanup auth --yes").ok().stdout_contains("removed");
}

#[test]
fn what_git_does_not_show_of_a_submodule_is_in_the_way() {
    let (r, auth, sub) = with_submodule();
    sub.file("x.ig", "precious\n");
    stays(&r, "'x.ig'");
    r.config("session.disposable", "sub/*.ig");
    sub.file("inner/only/.git/config", "precious\n");
    stays(&r, "another repository");
    sub.remove("inner/only");

    for flag in ["assume-unchanged", "skip-worktree"] {
        sub.git(&format!("update-index --{flag} t")).ok();
        sub.file("t", "precious\n");
        stays(&r, "does not look whether 't' has changed");
        sub.git(&format!("update-index --no-{flag} t")).ok();
        sub.git("checkout --quiet t").ok();
    }

    sub.config("status.showUntrackedFiles", "no").file("new", "precious\n");
    stays(&r, "submodule");
    sub.remove("new").git("submodule --quiet deinit --force inner").ok();
    sub.file("inner/file", "precious\n");
    stays(&r, "not checked out");
    sub.remove("inner/file");
    auth.git("submodule --quiet update --init --recursive").ok();
    r.git("session cleanup auth --yes").ok().stdout_contains("removed");
}

#[test]
fn commits_of_a_submodule_that_no_remote_has_are_in_the_way() {
    for held in ["tag t", "branch b", "log -1"] {
        let (r, auth, sub) = with_submodule();
        sub.file("t", "precious\n").commit("precious").git(held).ok();
        sub.git("reset --quiet --hard origin/HEAD").ok();
        stays(&r, "commits that no remote has");
        auth.git("submodule --quiet deinit --force sub").ok();
        stays(&r, "commits that no remote has");
        auth.git("rm --quiet sub").ok();
        auth.commit("without");
        r.git("merge --quiet --no-ff -m merged auth").ok();
        stays(&r, "commits that no remote has");
        // The hint lets go of what nothing else holds.
        let dir = auth.git("rev-parse --absolute-git-dir").ok().text().trim_end().to_owned() + "/modules/sub";
        r.git(&format!("--work-tree=. --git-dir={dir} reflog expire --expire=now --all")).ok();
        match held {
            "log -1" => _ = r.git("session cleanup auth --yes").ok().stdout_contains("removed"),
            _ => stays(&r, "commits that no remote has"),
        }
    }
}

#[test]
fn commits_of_a_submodule_s_submodule_are_in_the_way() {
    let (r, auth, sub) = with_submodule();
    let inner = sub.in_dir("inner");
    inner.branch("b").file("i", "precious\n").commit("precious");
    inner.git("switch --quiet --detach origin/HEAD").ok();
    stays(&r, "commits that no remote has");
    // The directory is gone by hand: what git keeps of it would go too.
    std::fs::remove_dir_all(auth.here()).expect("gone");
    let run = r.unchanged_by(|r| r.git("session finish auth --abandon --yes"));
    run.code(1).stderr_contains("commits that no remote has");
}
