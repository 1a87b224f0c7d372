//! `create`: the worktree is the one git would have made, and a failure leaves nothing behind.

use crate::support::{Run, Sandbox};
use std::os::unix::fs::PermissionsExt;

fn repo() -> Sandbox {
    Sandbox::new().file("a.txt", "1\n").file("src/b.txt", "b\n").commit("base")
}

#[track_caller]
fn refused(r: &Sandbox, line: &str, code: i32) -> Run {
    r.unchanged_by(|r| {
        let run = r.git(line);
        run.code(code);
        run
    })
}

/// A repository in which a verb has written already, so that a refusal changes nothing at all.
fn begun() -> Sandbox {
    let r = repo();
    r.git("session create begun").ok();
    r
}

fn facts(r: &Sandbox, name: &str) -> toml::Table {
    r.git(&format!("show refs/sessions/{name}:session.toml")).ok().text().parse().expect("TOML")
}

fn fork(r: &Sandbox, name: &str) -> String {
    facts(r, name)["base"]["fork"].as_str().expect("a fork").to_owned()
}

fn base_of(r: &Sandbox, name: &str) -> String {
    facts(r, name)["base"]["ref"].as_str().expect("a base").to_owned()
}

/// With a bare remote `origin` that `main` follows, and a clone of it for somebody else.
fn with_remote(r: &Sandbox) -> Sandbox {
    r.git("init --quiet --bare ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("push --quiet -u origin main").ok();
    r.git("clone --quiet ../origin.git ../colleague").ok();
    r.in_dir("../colleague")
}

fn hook(r: &Sandbox, path: &str, script: &str) {
    r.file(path, format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(r.path(path), std::fs::Permissions::from_mode(0o755)).expect("an executable hook");
}

/// Every path below a worktree: kind, mode, bytes.
fn tree(r: &Sandbox) -> Vec<String> {
    fn walk(root: &std::path::Path, folder: &std::path::Path, list: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            if name == ".git" {
                continue;
            }
            let meta = path.symlink_metadata().expect("there");
            if meta.is_symlink() {
                list.push(format!("{name:?} -> {:?}", std::fs::read_link(&path).expect("a link")));
            } else if meta.is_dir() {
                list.push(format!("{name:?}/"));
                walk(root, &path, list);
            } else {
                let mode = meta.permissions().mode();
                list.push(format!("{name:?} {mode:o} {:?}", std::fs::read(&path).expect("reads")));
            }
        }
    }
    let mut list = Vec::new();
    walk(r.here(), r.here(), &mut list);
    list.sort();
    list
}

/// The session's worktree is what `git worktree add` makes of the same commit.
#[track_caller]
fn as_git_would(r: &Sandbox, name: &str) {
    let session = r.session(name);
    r.git(&format!("worktree add --quiet --detach ../twin-of-{name} {name}")).ok();
    let twin = r.in_dir(format!("../twin-of-{name}"));
    assert_eq!(tree(&session), tree(&twin));
    assert_eq!(session.git("ls-files --stage").ok().text(), twin.git("ls-files --stage").ok().text());
    assert_eq!(session.git("ls-files -v").ok().text(), twin.git("ls-files -v").ok().text());
    session.git("status --porcelain --ignored --untracked-files=all").ok().stdout("");
    // Not only because times match: the contents do.
    session.git("update-index --really-refresh").ok();
    session.git("diff --exit-code HEAD").ok();
    session.git("symbolic-ref HEAD").ok().stdout(format!("refs/heads/{name}\n"));
    session.git("symbolic-ref refs/worktree/session").ok().stdout(format!("refs/sessions/{name}\n"));
    assert!(r.git("for-each-ref refs/sessions/@pending/").ok().text().is_empty());
}

// The happy path.

#[test]
fn it_makes_branch_worktree_and_record() {
    let r = repo();
    let answer = r.git("session create auth --json").ok().json_as("create");
    let made = &answer["sessions"][0];
    assert_eq!(made["name"], "auth");
    assert_eq!(made["branch"], "auth");
    assert_eq!(made["worktree"], r.root().join("repo-sessions/auth").to_str().expect("UTF-8"));
    assert_eq!(made["head"], r.rev("main"));
    assert_eq!(made["id"], r.rev("refs/sessions/auth"));
    as_git_would(&r, "auth");
    r.git("status --porcelain --ignored").ok().stdout("");
    let table = facts(&r, "auth");
    assert_eq!(table["version"].as_integer(), Some(1));
    assert_eq!(table["branch"].as_str(), Some("refs/heads/auth"));
    assert_eq!((base_of(&r, "auth"), fork(&r, "auth")), ("refs/heads/main".into(), r.rev("main")));
    let run = r.git("session new docs");
    run.ok().stdout_contains("Created docs, based on main at ").stdout_contains("repo-sessions/docs");
    r.git("session start more").ok();
}

#[test]
fn the_facts_are_kept() {
    let r = begun();
    r.file("docs/architecture.md", "# How\n").commit("docs");
    r.git_args([
        "session",
        "create",
        "auth",
        "--goal",
        "Log in\nwith care",
        "--focus",
        "backend",
        "--owner",
        "ann",
        "--own",
        "src/**",
        "--own",
        ":(glob)lib/*",
        "--read-only",
        "docs/**",
        "--depends-on",
        "begun",
        "--priority",
        "-7",
        "--context",
        "docs/architecture.md",
    ])
    .ok();
    let table = facts(&r, "auth");
    let list = |key: &str| {
        table[key].as_array().expect("a list").iter().map(|v| v.as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(table["goal"].as_str(), Some("Log in\nwith care"));
    assert_eq!((table["focus"].as_str(), table["owner"].as_str()), (Some("backend"), Some("ann")));
    assert_eq!(
        (list("own"), list("read-only")),
        (vec!["src/**".to_owned(), ":(glob)lib/*".into()], vec!["docs/**".to_owned()])
    );
    assert_eq!(list("depends-on"), [r.rev("refs/sessions/begun")]);
    assert_eq!(table["priority"].as_integer(), Some(-7));
    r.git("show refs/sessions/auth:context/docs/architecture.md").ok().stdout("# How\n");
    r.git("session create hot --priority critical").ok();
    assert_eq!(facts(&r, "hot")["priority"].as_str(), Some("critical"));
    refused(&r, "session create x --priority urgent", 2).stderr_contains("'urgent' is no priority");
    refused(&r, "session create x --depends-on nobody", 1).stderr_contains("There is no session 'nobody'");
    refused(&r, "session create x --context missing.md", 1).stderr_contains("'missing.md' cannot be read");
}

#[test]
fn a_dry_run_changes_nothing() {
    let r = repo();
    let run = refused(&r, "session create auth --dry-run", 0);
    run.stdout_contains("Would create the session 'auth'").stdout_contains("repo-sessions/auth");
    r.file("a.txt", "dirty\n");
    refused(&r, "session create auth -n --carry", 0).stdout_contains("Would move uncommitted work");
    refused(&r, "session create auth -n --here", 0).stdout_contains("switched to the branch");
}

#[test]
fn many_names_come_on_standard_input() {
    let r = repo();
    let run = r.git_input("session create --stdin --json --goal Same", "one\n\n  two  \nthree/four\n");
    let answer = run.ok().json_as("create");
    assert_eq!(answer["sessions"].as_array().expect("rows").len(), 3);
    for name in ["one", "two", "three/four"] {
        assert_eq!(facts(&r, name)["goal"].as_str(), Some("Same"));
        r.session(name).git("status --porcelain").ok().stdout("");
    }
    // All are looked at before any is made.
    r.unchanged_by(|r| {
        r.git_input("session create --stdin", "five\nHEAD\n").code(2);
        r.git_input("session create --stdin", "five\nfive\n").code(1);
        r.git_input("session create --stdin", "five\nfive/six\n").code(1);
        r.git_input("session create --stdin", "five\none\n").code(1);
    });
}

// The base.

#[test]
fn the_base_is_the_first_that_is_said() {
    let r = repo();
    for branch in ["develop", "team", "setting", "wanted"] {
        r.git(&format!("switch --quiet -c {branch} main")).ok();
        r.file(format!("{branch}.txt"), "x\n").commit(branch);
    }
    r.git("switch --quiet develop").ok();
    // init.defaultBranch says main, whatever is checked out.
    r.git("session create a").ok();
    assert_eq!(base_of(&r, "a"), "refs/heads/main");
    // Without such a branch, what the main worktree is on.
    r.git("config init.defaultBranch trunk").ok();
    r.git("session create b").ok();
    assert_eq!(base_of(&r, "b"), "refs/heads/develop");
    // What the remote says.
    r.git("init --quiet --bare ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("push --quiet origin main develop").ok();
    r.git("remote set-head origin main").ok();
    r.git("session create c").ok();
    assert_eq!(base_of(&r, "c"), "refs/heads/main");
    // The team's file on that branch.
    r.git("switch --quiet main").ok();
    r.file(".git-session.toml", "version = 1\nbase = \"team\"\n").commit("team file");
    r.git("session create d").ok();
    assert_eq!(base_of(&r, "d"), "refs/heads/team");
    // One's own setting.
    r.config("session.base", "setting");
    r.git("session create e").ok();
    assert_eq!((base_of(&r, "e"), fork(&r, "e")), ("refs/heads/setting".into(), r.rev("setting")));
    // A start point that is a branch.
    r.git("session create f wanted").ok();
    assert_eq!((base_of(&r, "f"), fork(&r, "f")), ("refs/heads/wanted".into(), r.rev("wanted")));
    // A start point that is none.
    r.git("session create g wanted~1").ok();
    assert_eq!((base_of(&r, "g"), r.rev("g")), ("refs/heads/setting".into(), r.rev("wanted~1")));
    assert_eq!(fork(&r, "g"), r.git("merge-base setting wanted~1").ok().text().trim_end());
    // `--base` above all.
    r.git("session create h wanted --base develop").ok();
    assert_eq!((base_of(&r, "h"), r.rev("h")), ("refs/heads/develop".into(), r.rev("wanted")));
    refused(&r, "session create x --base nowhere", 1).stderr_contains("The base 'nowhere' is no branch");
    refused(&r, "session create x nowhere", 1).stderr_contains("'nowhere' is no commit");
    r.config("session.base", "nowhere");
    refused(&r, "session create x", 1).stderr_contains("`session.base` is 'nowhere'");
}

#[test]
fn a_team_file_with_a_mistake_is_said() {
    let r = begun();
    r.file(".git-session.toml", "base = \n").commit("mistake");
    refused(&r, "session create x", 1).stderr_contains("The team file '.git-session.toml' cannot be understood");
}

#[test]
fn an_upstream_strictly_ahead_is_where_the_base_stands() {
    let r = repo();
    let colleague = with_remote(&r);
    colleague.file("theirs.txt", "t\n").commit("theirs").git("push --quiet").ok();
    r.git("fetch --quiet").ok();
    let main = r.rev("main");
    r.git("session create auth").ok();
    assert_eq!((fork(&r, "auth"), r.rev("auth")), (r.rev("origin/main"), r.rev("origin/main")));
    assert_eq!(r.rev("main"), main, "the branch itself is left alone");
    as_git_would(&r, "auth");
    // Diverged: the branch it is, and it is said.
    r.file("ours.txt", "o\n").commit("ours");
    let run = r.git("session create docs");
    run.ok().stderr_contains("have diverged");
    assert_eq!(r.rev("docs"), r.rev("main"));
}

#[test]
fn a_branch_that_exists_is_taken_over() {
    let r = repo();
    r.branch("auth").file("auth.txt", "1\n").commit("work");
    r.git("switch --quiet main").ok();
    r.file("a.txt", "2\n").commit("meanwhile");
    let (tip, at) = (r.rev("auth"), r.git("merge-base main auth").ok().text());
    r.git("session create auth").ok();
    assert_eq!((r.rev("auth"), fork(&r, "auth")), (tip, at.trim_end().to_owned()));
    as_git_would(&r, "auth");
    r.git("branch other").ok();
    refused(&r, "session create other HEAD~1", 1).stderr_contains("'other' exists, and not at that start point");
}

#[test]
fn a_branch_of_the_remote_is_taken_over_with_its_upstream() {
    let r = repo();
    let colleague = with_remote(&r);
    colleague.branch("auth").file("auth.txt", "1\n").commit("theirs").git("push --quiet origin auth").ok();
    r.git("fetch --quiet").ok();
    r.git("session create auth").ok();
    assert_eq!((r.rev("auth"), fork(&r, "auth")), (r.rev("origin/auth"), r.rev("main")));
    r.git("rev-parse --abbrev-ref auth@{upstream}").ok().stdout("origin/auth\n");
    as_git_would(&r, "auth");
    assert_eq!(base_of(&r, "auth"), "refs/heads/main");
}

#[test]
fn a_checked_out_branch_is_refused_with_adopt() {
    let r = begun();
    r.branch("auth");
    refused(&r, "session create auth", 1)
        .stderr_contains("is checked out at")
        .stderr_contains("`git session adopt auth`");
    refused(&r, "session create main", 1).stderr_contains("is the base itself");
}

#[test]
fn sessions_stack() {
    let r = repo();
    r.git("session create auth").ok();
    let auth = r.session("auth").file("auth.txt", "1\n").commit("work");
    let run = auth.git("session create beside");
    run.ok().stderr_contains("You are in the session 'auth'").stderr_contains("`--stack`");
    assert_eq!((base_of(&r, "beside"), fork(&r, "beside")), ("refs/heads/main".into(), r.rev("main")));
    auth.git("session create above --stack").ok();
    r.git("session create named --base auth").ok();
    for name in ["above", "named"] {
        assert_eq!(facts(&r, name)["base"]["parent"].as_str(), Some(r.rev("refs/sessions/auth").as_str()));
        assert_eq!((base_of(&r, name), fork(&r, name)), ("refs/heads/auth".into(), r.rev("auth")));
    }
    // From the top of a stack, the trunk is what a new one starts from.
    r.session("above").git("session create third").ok();
    assert_eq!(base_of(&r, "third"), "refs/heads/main");
    refused(&r, "session create x --stack", 1).stderr_contains("this is none's worktree");
    refused(&auth, "session create x --stack --base main", 2);
}

// Uncommitted work.

#[test]
fn here_keeps_the_checkout_and_its_work() {
    let r = repo();
    r.file("a.txt", "dirty\n").file("new.txt", "n\n").git("add new.txt").ok();
    let status = r.git("status --porcelain").ok().text();
    r.git("session create auth --here --json").ok().json_as("create");
    r.git("symbolic-ref HEAD").ok().stdout("refs/heads/auth\n");
    assert_eq!(r.git("status --porcelain").ok().text(), status);
    assert_eq!((r.read("a.txt"), facts(&r, "auth")["here"].as_bool()), ("dirty\n".into(), Some(true)));
    refused(&r, "session create again --here", 1).stderr_contains("is that of the session 'auth'");
    assert!(!r.has("../repo-sessions"));
}

#[test]
fn here_on_a_branch_that_is_no_base_adopts_it() {
    let r = repo();
    r.branch("topic").file("t.txt", "1\n").commit("work");
    r.git("session create auth --here").ok();
    r.git("symbolic-ref HEAD").ok().stdout("refs/heads/topic\n");
    assert_eq!(facts(&r, "auth")["branch"].as_str(), Some("refs/heads/topic"));
    assert_eq!(fork(&r, "auth"), r.rev("main"));
    assert!(!r.has_rev("refs/heads/auth"));
}

#[test]
fn uncommitted_work_is_mentioned_carried_or_stashed() {
    let r = repo();
    r.file("a.txt", "dirty\n").file("new.txt", "n\n").file("staged.txt", "s\n").git("add staged.txt").ok();
    let status = r.git("status --porcelain").ok().text();
    let run = r.git("session create stays");
    run.ok().stderr_contains("`--carry`").stderr_contains("`--stash`");
    assert_eq!(r.git("status --porcelain").ok().text(), status);
    r.session("stays").git("status --porcelain").ok().stdout("");
    r.git("session create carried --carry").ok();
    let carried = r.session("carried");
    assert_eq!(carried.git("status --porcelain").ok().text(), status);
    assert_eq!((carried.read("a.txt"), carried.read("new.txt")), ("dirty\n".into(), "n\n".into()));
    r.git("status --porcelain").ok().stdout("");
    r.git("stash list").ok().stdout("");
    r.file("a.txt", "to be stashed\n").file("new.txt", "n\n");
    r.git("session create stashed --stash").ok();
    r.git("status --porcelain").ok().stdout("");
    r.session("stashed").git("status --porcelain").ok().stdout("");
    r.git("stash pop --quiet").ok();
    assert_eq!((r.read("a.txt"), r.read("new.txt")), ("to be stashed\n".into(), "n\n".into()));
    refused(&r, "session create x --stash --carry", 2);
}

#[test]
fn carried_work_that_does_not_fit_is_not_lost() {
    let r = repo();
    r.branch("old");
    r.git("switch --quiet main").ok();
    r.file("a.txt", "2\n").commit("moved on");
    r.file("a.txt", "mine\n");
    let run = r.git("session create auth old --carry");
    run.ok().stderr_contains("on the stash");
    r.session("auth").git("status --porcelain").ok().stdout("");
    r.git("stash pop --quiet").ok();
    assert_eq!(r.read("a.txt"), "mine\n");
}

#[test]
fn work_that_was_to_be_carried_comes_back_when_it_fails() {
    let r = begun();
    r.file("a.txt", "dirty\n").file("new.txt", "n\n");
    let status = r.git("status --porcelain").ok().text();
    r.file(".git/refs/heads/auth.lock", "");
    r.git("session create auth --carry").code(4);
    r.remove(".git/refs/heads/auth.lock");
    assert_eq!(r.git("status --porcelain").ok().text(), status);
    assert_eq!((r.read("a.txt"), r.read("new.txt")), ("dirty\n".into(), "n\n".into()));
    assert!(!r.has_rev("refs/sessions/auth") && !r.has("../repo-sessions/auth"));
}

// Names and places.

#[test]
fn bad_names_are_refused_with_one_that_would_do() {
    let r = begun();
    let long = "x".repeat(300);
    for (name, hint) in [
        ("../x", "`x` would do"),
        ("a..b", "would do"),
        ("HEAD", "would do"),
        ("@locks", "`locks` would do"),
        ("User Auth", "`user-auth` would do"),
        ("a:b", "would do"),
        ("a/", "would do"),
        ("a.lock", "would do"),
        ("sessions/x", "would do"),
        ("con", "`con-session` would do"),
        (&long, "longer than 200 bytes"),
        ("a\nb", "control character"),
        ("\u{1b}[31mred", "control character"),
        ("", "it is empty"),
    ] {
        let run = r.unchanged_by(|r| r.git_args(["session", "create", name]));
        run.code(2).stderr_contains(hint);
        assert!(!run.to_string().contains("\u{1b}[31mred\n"));
    }
    refused(&r, "session create -rf", 2);
    r.unchanged_by(|r| {
        r.git_args(["session", "create", "--", "-rf"]).code(2).stderr_contains("`rf` would do").status()
    });
    for name in ["🚀", "日本/語", "v1.2_x", "a@b"] {
        r.git_args(["session", "create", name]).ok();
        r.session(name).git("status --porcelain").ok().stdout("");
        r.git_args(["session", "finish", name, "--keep"]).ok();
    }
    let most = "y".repeat(200);
    r.git_args(["session", "create", &most]).ok();
    r.session(&most).git("status --porcelain").ok().stdout("");
}

#[test]
fn taken_names_are_refused_with_a_free_one() {
    let r = begun();
    let run = refused(&r, "session create begun", 1);
    run.stderr_contains("There is a session 'begun' already").stderr_contains("`begun-2` is free");
    let run = refused(&r, "session create begun/more", 1);
    run.stderr_contains("cannot both be").stderr_contains("`begun-more` would do");
    r.git("session create x/y").ok();
    refused(&r, "session create x", 1).stderr_contains("cannot both be");
    r.git("branch plain").ok();
    refused(&r, "session create plain/more", 1).stderr_contains("'plain/more' and 'plain' cannot both be");
    r.git("branch folder/inner").ok();
    refused(&r, "session create folder", 1).stderr_contains("cannot both be");
    refused(&r, "session create other --branch begun", 1).stderr_contains("is that of the session 'begun'");
    refused(&r, "session create other --branch 'a b'", 2).stderr_contains("no name for a branch");
}

#[test]
fn a_branch_may_have_another_name() {
    let r = repo();
    r.git("session create auth --branch topic/login").ok();
    r.session("auth").git("symbolic-ref HEAD").ok().stdout("refs/heads/topic/login\n");
    r.config("session.branchPrefix", "{user}/");
    r.git("session create docs").ok();
    r.session("docs").git("symbolic-ref HEAD").ok().stdout("refs/heads/a-u-thor/docs\n");
}

#[test]
fn a_place_that_is_taken_is_refused() {
    let r = begun();
    r.file("../repo-sessions/auth/file", "x\n");
    refused(&r, "session create auth", 1).stderr_contains("a directory with something in it");
    r.remove("../repo-sessions/auth").file("../repo-sessions/auth", "x\n");
    refused(&r, "session create auth", 1).stderr_contains("there is a file");
    refused(&r, "session create auth/deep", 1).stderr_contains("a file is in its way");
    r.remove("../repo-sessions/auth");
    std::os::unix::fs::symlink("/nowhere", r.path("../repo-sessions/auth")).expect("a link");
    refused(&r, "session create auth", 1).stderr_contains("there is a file");
    r.remove("../repo-sessions/auth");
    std::fs::create_dir(r.path("../repo-sessions/auth")).expect("an empty directory");
    r.git("session create auth").ok();
    as_git_would(&r, "auth");
}

#[test]
fn a_folder_inside_the_repository_is_hidden_once() {
    let r = repo().config("session.path", ".worktrees/{name}");
    r.file(".git/info/exclude", "mine");
    r.git("session create auth").ok();
    r.git("session create docs").ok();
    assert_eq!(r.session("auth").here(), r.here().join(".worktrees/auth"));
    r.git("status --porcelain").ok().stdout("");
    assert_eq!(r.read(".git/info/exclude"), "mine\n/.worktrees/\n");
    as_git_would(&r, "auth");
    r.git("clean -dfq").ok();
    r.session("docs").git("status --porcelain").ok().stdout("");
    r.config("session.path", "../same");
    refused(&r, "session create x", 1).stderr_contains("the same place for all sessions");
    r.config("session.path", "~/trees/{repo}-{slug}");
    r.git("session create a/B").ok();
    assert_eq!(r.session("a/B").here(), r.home().join("trees/repo-a-b"));
}

#[test]
fn it_works_from_anywhere() {
    let r = repo();
    r.in_dir("src").git("session create one").ok();
    r.in_dir(r.root()).git("-C repo/src session create two").ok();
    r.git("worktree add --quiet ../linked -b linked").ok();
    r.in_dir("../linked").git("session create three").ok();
    r.session("one").in_dir("src").git("session create four").ok();
    r.git("config alias.s session").ok();
    r.in_dir("src").git("s create five").ok();
    let git_dir = r.here().join(".git");
    r.in_dir(r.root()).env("GIT_DIR", git_dir).env("GIT_WORK_TREE", r.here()).git("session create six").ok();
    std::os::unix::fs::symlink(r.here(), r.root().join("by-link")).expect("a link");
    r.in_dir("../by-link").git("session create seven").ok();
    for name in ["one", "two", "three", "four", "five", "six", "seven"] {
        assert_eq!(r.session(name).here(), r.root().join("repo-sessions").join(name));
        assert_eq!(base_of(&r, name), "refs/heads/main");
        as_git_would(&r, name);
    }
}

#[test]
fn it_works_inside_a_hook_of_another_git() {
    let r = begun();
    hook(&r, ".git/hooks/pre-commit", "git session create from-hook");
    r.file("a.txt", "2\n").commit("with a hook");
    r.remove(".git/hooks/pre-commit");
    r.session("from-hook").git("status --porcelain").ok().stdout("");
    r.git("status --porcelain").ok().stdout("");
    r.git("log -1 --format=%s").ok().stdout("with a hook\n");
}

#[test]
fn a_bare_repository_is_enough() {
    let r = repo();
    r.git("clone --quiet --bare . ../project.git").ok();
    let bare = r.in_dir("../project.git");
    bare.git("session create auth").ok();
    let auth = r.in_dir("../project-sessions/auth");
    auth.git("status --porcelain").ok().stdout("");
    assert_eq!(auth.read("a.txt"), "1\n");
    auth.file("x", "x\n").commit("work");
    bare.git("session finish auth --merge").ok();
    bare.git("cat-file -e main:x").ok();
    assert!(!r.has("../project-sessions"));
}

#[test]
fn other_object_formats_and_ref_stores_work() {
    for options in ["--object-format=sha256", "--ref-format=reftable"] {
        let r = Sandbox::bare_of_repositories();
        r.git(&format!("init --quiet {options}")).ok();
        r.file("a.txt", "1\n").commit("base");
        r.git("session create auth --goal 'Log in' --json").ok().json_as("create");
        r.git("session create docs --base auth").ok();
        as_git_would(&r, "auth");
        let auth = r.session("auth").file("a.txt", "2\n").commit("work");
        auth.file("b.txt", "uncommitted\n");
        r.git("session set auth --goal 'Log in again'").ok();
        let list = r.git("session list --json").ok().json_as("list");
        assert_eq!(list["sessions"][0]["ahead"], 1);
        r.git("session rename docs guide").ok();
        r.git("session finish guide --abandon --yes").ok();
        r.git("session finish auth --merge -m rest").ok();
        assert_eq!((r.read("a.txt"), r.read("b.txt")), ("2\n".into(), "uncommitted\n".into()));
        r.git("status --porcelain").ok().stdout("");
        r.git("fsck --strict").ok();
        r.git("session list --ended --json").ok().json_as("list");
        r.git("reflog exists refs/sessions/@keep").ok();
    }
}

// As git would.

#[test]
fn hostile_paths_are_checked_out_as_git_does() {
    let r = repo();
    for path in [
        "with space",
        "quo\"te's",
        "🚀/é.txt",
        "new\nline",
        "tab\t",
        "-dash",
        "star*",
        "deep/er/and/deeper",
        "back\\slash",
    ] {
        r.file(path, format!("content of {path}"));
    }
    r.file("run.sh", "#!/bin/sh\n").file("empty", "").file("binary", [0, 255, 13, 10, 0]);
    std::fs::set_permissions(r.path("run.sh"), std::fs::Permissions::from_mode(0o755)).expect("executable");
    std::os::unix::fs::symlink("deep/er", r.path("link")).expect("a link");
    std::os::unix::fs::symlink("no where", r.path("dangling")).expect("a link");
    r.commit("hostile");
    r.git("session create auth").ok();
    as_git_would(&r, "auth");
    // From a sibling that is not what it was: dirty, staged, touched, chmodded, gone, replaced.
    r.file("with space", "DIRTY\n")
        .file("empty", "no more\n")
        .remove("binary")
        .remove("link")
        .file("link", "a file now");
    r.file("new\nline", "content of neW\nline");
    std::fs::set_permissions(r.path("run.sh"), std::fs::Permissions::from_mode(0o644)).expect("not executable");
    r.file("tab\t", "staged").git_args(["add", "tab\t"]).ok();
    r.remove("deep").file("deep", "a file instead of a folder");
    r.git("session create docs").ok();
    as_git_would(&r, "docs");
}

#[test]
fn attributes_are_git_s_business() {
    let r = repo();
    r.config("filter.upper.smudge", "tr a-z A-Z").config("filter.upper.clean", "tr A-Z a-z");
    r.file(
        ".gitattributes",
        "*.bat eol=crlf text\n*.up filter=upper\n*.id ident\n*.u16 text working-tree-encoding=UTF-16LE\n",
    );
    r.file("run.bat", "one\r\ntwo\r\n")
        .file("x.up", "LOUD\n")
        .file("y.id", "$Id$\n")
        .file("z.u16", [b'h', 0, b'\n', 0]);
    r.commit("attributes");
    r.git("session create auth").ok();
    as_git_would(&r, "auth");
    let auth = r.session("auth");
    assert_eq!((auth.read("run.bat"), auth.read("x.up")), ("one\r\ntwo\r\n".into(), "LOUD\n".into()));
    assert!(auth.read("y.id").starts_with("$Id: "));
    r.config("core.autocrlf", "true").file("plain.txt", "one\r\n").commit("by setting");
    r.git("session create docs").ok();
    as_git_would(&r, "docs");
    assert_eq!(r.session("docs").read("plain.txt"), "one\r\n");
    // Attributes that only this repository knows.
    r.config("core.autocrlf", "false").file(".git/info/attributes", "*.txt eol=crlf text\n");
    r.git("session create more").ok();
    as_git_would(&r, "more");
}

#[test]
fn sparse_directories_only() {
    let r = repo();
    r.file("lib/l.txt", "l\n").file("docs/d.txt", "d\n").commit("folders");
    r.git("session create auth --sparse lib --sparse src").ok();
    let auth = r.session("auth");
    assert!(auth.has("lib/l.txt") && auth.has("src/b.txt") && auth.has("a.txt") && !auth.has("docs"));
    auth.git("status --porcelain").ok().stdout("");
    r.git("status --porcelain").ok().stdout("");
    assert!(r.has("docs/d.txt"));
    auth.file("lib/l.txt", "2\n").commit("work");
    r.git("session finish auth --merge").ok();
    assert_eq!((r.read("lib/l.txt"), r.read("docs/d.txt")), ("2\n".into(), "d\n".into()));
    // A sparse main worktree is no model for a full one.
    r.git("sparse-checkout set lib").ok();
    assert!(!r.has("docs"));
    r.git("session create full").ok();
    r.session("full").git("status --porcelain").ok().stdout("");
    r.session("full").git("diff --exit-code HEAD").ok();
}

#[test]
fn the_checkout_hook_runs_as_git_runs_it() {
    let r = begun();
    let log = r.root().join("hook.log");
    hook(
        &r,
        ".git/hooks/post-checkout",
        &format!("echo \"$1 $2 $3 $(pwd -P) $(git rev-parse --abbrev-ref HEAD)\" >> '{}'", log.display()),
    );
    r.git("session create auth").ok();
    r.git("worktree add --quiet ../repo-sessions/twin -b twin").ok();
    let text = std::fs::read_to_string(&log).expect("the hook ran");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0].replace("auth", "twin"), lines[1]);
    hook(&r, ".git/hooks/post-checkout", "exit 3");
    r.git("session create failing").ok().stderr_contains("The hook 'post-checkout' ended with 3");
    // One that comes with the branch runs only where its user has it checked out himself.
    r.remove(".git/hooks/post-checkout").config("core.hooksPath", ".hooks");
    r.branch("evil");
    hook(&r, ".hooks/post-checkout", &format!("echo evil >> '{}'", log.display()));
    r.commit("a hook of the branch");
    r.git("switch --quiet main").ok();
    std::fs::write(&log, "").expect("emptied");
    r.git("session create stranger evil").ok();
    assert_eq!(std::fs::read_to_string(&log).expect("reads"), "");
}

// Nothing half made.

#[test]
fn a_failing_step_leaves_nothing_behind() {
    let r = begun();
    let before = r.refs();
    // The folder of sessions cannot be written.
    let folder = r.root().join("repo-sessions");
    let root = r.run("id", ["-u"]).ok().text() == "0\n";
    if !root {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).expect("read-only");
        r.git("session create auth").code(1);
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("writable");
    }
    // A file where a folder should be.
    r.file("../blocked", "a file\n").config("session.path", "../blocked/{name}");
    r.git("session create auth").code(1).stderr_contains("blocked");
    r.git("config --unset session.path").ok();
    // git cannot check out: a filter that is required fails.
    r.config("filter.broken.smudge", "false")
        .config("filter.broken.required", "true")
        .config("filter.broken.clean", "cat");
    r.file(".gitattributes", "*.x filter=broken\n").file("f.x", "x\n").commit("a broken filter");
    r.git("session create auth").code(1);
    assert_eq!(r.refs(), before);
    assert!(!folder.join("auth").exists());
    assert!(!r.git("worktree list --porcelain").ok().text().contains("auth"));
    r.git("worktree prune --dry-run --verbose").ok().stdout("").stderr("");
    r.config("filter.broken.required", "false");
    r.git("session create auth").ok();
    as_git_would(&r, "auth");
}

#[test]
fn without_an_identity_nothing_is_written() {
    let r = repo();
    r.file("../home/.gitconfig", "[init]\n\tdefaultBranch = main\n[user]\n\tuseConfigOnly = true\n");
    refused(&r, "session create auth", 1).stderr_contains("git does not know who you are").stderr_contains("user.name");
    let env = r.env("GIT_COMMITTER_NAME", "E").env("GIT_COMMITTER_EMAIL", "e@example.com");
    env.git("session create auth").ok();
    r.git("log -1 --format='%cn <%ce>' refs/sessions/auth").ok().stdout("E <e@example.com>\n");
}

#[test]
fn a_mirror_is_refused_with_the_narrower_refspec() {
    let r = repo();
    r.git("clone --quiet --mirror . ../mirror.git").ok();
    let mirror = r.in_dir("../mirror.git");
    let run = mirror.git("session create auth");
    run.code(1).stderr_contains("covers refs/sessions/").stderr_contains("'+refs/heads/*:refs/heads/*'");
    mirror.git("for-each-ref refs/sessions/").ok().stdout("");
    // One that only pushes a mirror is warned of.
    r.git("init --quiet --bare ../backup.git").ok();
    r.git("remote add --mirror=push backup ../backup.git").ok();
    r.git("session create auth").ok().stderr_contains("mirrors every ref");
}

#[test]
fn outside_of_a_repository_or_before_a_commit_it_is_refused() {
    let r = Sandbox::bare_of_repositories();
    r.git("session create auth").code(1);
    let r = Sandbox::new();
    r.git("session create auth").code(1).stderr_contains("nothing is committed yet");
    assert!(!r.has_rev("refs/sessions/auth"));
}

#[test]
fn templates_answer_too() {
    let r = repo();
    r.git("session create auth --format '%(name) %(worktree)'").ok().stdout("auth [ROOT]/repo-sessions/auth\n");
    refused(&r, "session create x --format yaml", 2).stderr_contains("There is no format 'yaml'");
}

#[test]
fn a_branch_that_somebody_makes_at_the_same_moment_stays() {
    let r = repo();
    r.executable(
        ".git/hooks/reference-transaction",
        "#!/bin/sh\n\
         [ \"$1\" = committed ] && grep -q @pending/auth && ! git rev-parse -q --verify refs/heads/auth && git branch auth\n\
         exit 0\n",
    );
    r.git("session create auth").code(4).stderr_contains("Somebody else made or moved the branch 'auth'");
    r.remove(".git/hooks/reference-transaction");
    assert_eq!(r.rev("auth"), r.rev("main"));
    assert!(!r.has("../repo-sessions") && !r.has_rev("refs/sessions/auth"));
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
    r.git("session create auth").ok();
}

#[test]
fn a_refusal_leaves_no_ref_in_a_repository_without_sessions() {
    let r = repo();
    r.unchanged_by(|r| {
        r.git("session create 'No such name'").code(2);
        r.git("session create auth no-such-start").code(1);
        r.git("session finish auth --merge").code(1);
    });
}

#[test]
fn hooks_that_come_with_a_branch_do_not_run_behind_one_s_back() {
    let r = repo().config("core.hooksPath", ".hooks");
    r.branch("theirs");
    for hook in ["reference-transaction", "post-index-change", "post-checkout"] {
        r.executable(format!(".hooks/{hook}"), &format!("#!/bin/sh\necho {hook} >>\"$RAN\"\n"));
    }
    let ran = r.root().join("ran");
    let r = r.env("RAN", &ran);
    r.commit("hooks").git("switch --quiet main").ok();
    std::fs::remove_file(&ran).expect("they run where somebody works");
    r.git("session create auth theirs").ok();
    r.git("session adopt theirs").ok();
    r.session("auth").file("a.txt", "2\n");
    r.git("session finish auth --abandon --yes").ok();
    assert!(!ran.exists(), "{}", r.read(&ran));
}

#[test]
fn from_a_session_of_a_submodule_the_submodule_is_the_main_worktree() {
    let r = repo();
    let other = r.in_dir("../other");
    std::fs::create_dir_all(other.here()).expect("a directory");
    other.git("init --quiet").ok();
    other.file("o.txt", "1\n").commit("other");
    r.git("-c protocol.file.allow=always submodule --quiet add ../other sub").ok();
    r.commit("sub");
    let sub = r.in_dir("sub");
    sub.git("session create auth").ok();
    let auth = sub.session("auth");
    assert_eq!(auth.here(), r.path("sub-sessions/auth"));
    auth.git("session path").ok().stdout("[ROOT]/repo/sub-sessions/auth\n");
    auth.git("session create second").ok();
    assert!(r.has("sub-sessions/second/o.txt"));
    auth.git("session finish --merge").ok().stdout_contains(&format!("cd {}\n", sub.here().display()));
}
