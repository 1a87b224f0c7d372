//! `path`: where a session's worktree is, and nothing else on standard output.

use crate::support::Sandbox;

#[test]
fn it_prints_the_path_alone() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base").config("session.path", "../my trees/{name}");
    r.git("session create auth").ok();
    r.git("session path auth").ok().stdout("[ROOT]/my trees/auth\n").stderr("");
    r.session("auth").git("session path").ok().stdout("[ROOT]/my trees/auth\n");
    let value = r.unchanged_by(|r| r.git("session path auth --json").ok().json_as("path"));
    assert_eq!(value["worktree"], r.root().join("my trees/auth").to_str().expect("UTF-8"));
    r.git("session path auth --format '%(name)=%(worktree)'").ok().stdout("auth=[ROOT]/my trees/auth\n");
    r.run("sh", ["-c", "cd \"$(git session path auth)\" && git rev-parse --abbrev-ref HEAD"]).ok().stdout("auth\n");
}

#[test]
fn refusals_print_nothing_on_standard_output() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    r.git("branch plain").ok();
    r.git("session adopt plain --no-worktree").ok();
    r.unchanged_by(|r| {
        r.git("session path plain")
            .code(1)
            .stdout("")
            .stderr_contains("has no worktree")
            .stderr_contains("`git session adopt plain`");
        r.git("session path nobody").code(1).stdout("").stderr_contains("There is no session");
        r.git("session path").code(1).stdout("");
    });
}
