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
