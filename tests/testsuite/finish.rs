//! `finish`: how sessions end, what git itself would have given, and that nothing of them is lost.

use crate::support::{Run, Sandbox};
use std::os::unix::fs::PermissionsExt;

/// `main` with two files.
fn repo() -> Sandbox {
    Sandbox::new().file("a.txt", "1\n2\n3\n4\n5\n").file("b.txt", "b\n").commit("base")
}

/// With a session `auth` of two commits, on a base that has not moved.
fn ahead() -> Sandbox {
    let r = repo();
    r.git("session create auth --goal 'Log in'").ok();
    let auth = r.session("auth").file("auth.txt", "one\n").commit("first");
    auth.file("a.txt", "1\n2\n3\n4\n5\nauth\n").commit("second");
    r
}

/// The same, and `main` has a commit that `auth` lacks.
fn diverged() -> Sandbox {
    let r = ahead();
    r.file("b.txt", "b\nmore\n").commit("meanwhile");
    r
}

/// The same, and both changed the same line.
fn conflicting() -> Sandbox {
    let r = ahead();
    r.file("a.txt", "1\n2\n3\n4\n5\nmain\n").commit("meanwhile");
    r
}

/// A detached worktree to let git itself do it in.
fn twin(r: &Sandbox, revision: &str) -> Sandbox {
    let path = r.root().join("twin");
    r.git_args([
        "worktree".as_ref(),
        "add".as_ref(),
        "--quiet".as_ref(),
        "--detach".as_ref(),
        path.as_os_str(),
        revision.as_ref(),
    ])
    .ok();
    r.in_dir(path)
}

/// The main worktree is on `main` and shows exactly what `main` has.
#[track_caller]
fn followed(r: &Sandbox) {
    r.git("symbolic-ref HEAD").ok().stdout("refs/heads/main\n");
    r.git("status --porcelain --untracked-files=all").ok().stdout("");
    r.git("diff --exit-code HEAD").ok();
}

/// The session is over: no record, no branch, no worktree, and it is remembered.
#[track_caller]
fn gone(r: &Sandbox, name: &str, how: &str) {
    assert!(!r.has_rev(&format!("refs/sessions/{name}")));
    assert!(!r.has_rev(&format!("refs/heads/{name}")));
    assert!(!r.root().join("repo-sessions").join(name).exists());
    assert!(!r.git("worktree list --porcelain").ok().text().contains(&format!("refs/heads/{name}\n")));
    let ended = r.git("session list --ended --json").ok().json_as("list");
    let row =
        ended["sessions"].as_array().expect("rows").iter().find(|row| row["name"] == name).expect("a row").clone();
    assert_eq!(row["state"], how, "{row}");
    nothing_pending(r);
}

#[track_caller]
fn nothing_pending(r: &Sandbox) {
    let pending = r.git("for-each-ref refs/sessions/@pending/").ok().text();
    assert_eq!(pending, "");
}

fn hook(r: &Sandbox, name: &str, script: &str) {
    r.file(format!(".git/hooks/{name}"), format!("#!/bin/sh\n{script}\n"));
    let path = r.path(format!(".git/hooks/{name}"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("an executable hook");
}

#[track_caller]
fn refused(r: &Sandbox, line: &str, code: i32) -> Run {
    r.unchanged_by(|r| {
        let run = r.git(line);
        run.code(code);
        run
    })
}

// Strategies.

#[test]
fn no_ff_is_the_very_commit_of_git_merge() {
    let r = diverged();
    let (main, auth) = (r.rev("main"), r.rev("auth"));
    let tree = r.git("merge-tree --write-tree main auth").ok().text().trim_end().to_owned();
    r.tick();
    let t = twin(&r, "main");
    t.git_args(["merge", "--quiet", "--no-ff", "-m", "Merge session 'auth'\n\nLog in", "auth"]).ok();
    let answer = r.git("session finish auth --merge --json").ok().json_as("finish");
    let row = &answer["sessions"][0];
    assert_eq!((row["outcome"].as_str(), row["strategy"].as_str()), (Some("merged"), Some("no-ff")));
    assert_eq!(row["merged_at"], r.rev("main"));
    assert_eq!(row["tip"], auth);
    assert_eq!(r.rev("main^{tree}"), tree);
    assert_eq!([r.rev("main^1"), r.rev("main^2")], [main, auth]);
    assert_eq!(r.rev("main"), t.rev("HEAD"));
    followed(&r);
    gone(&r, "auth", "merged");
    assert!(!r.root().join("repo-sessions").exists(), "an empty folder of sessions goes too");
    r.git("fsck --strict").ok();
}

#[test]
fn no_ff_makes_a_merge_where_it_could_fast_forward() {
    let r = ahead();
    let auth = r.rev("auth");
    r.git("session finish auth --merge --strategy no-ff").ok();
    assert_eq!(r.rev("main^2"), auth);
    followed(&r);
}

#[test]
fn squash_is_one_commit_with_the_tree_of_git() {
    let r = diverged();
    let main = r.rev("main");
    r.tick();
    let t = twin(&r, "main");
    t.git("merge --quiet --squash auth").ok();
    t.git_args(["commit", "--quiet", "-m", "Log in\n\n* first\n* second"]).ok();
    r.git("session finish auth --merge --strategy squash").ok();
    assert_eq!(r.rev("main"), t.rev("HEAD"));
    assert_eq!(r.rev("main^"), main);
    followed(&r);
    gone(&r, "auth", "merged");
}

#[test]
fn squash_without_a_goal_is_named_as_the_session() {
    let r = repo();
    r.git("session create auth").ok();
    r.session("auth").file("x", "x\n").commit("first");
    r.git("session finish auth --merge --strategy squash").ok();
    r.git("log -1 --format=%B").ok().stdout("auth\n\n* first\n\n");
}

#[test]
fn rebase_gives_the_commit_ids_of_git_rebase() {
    let r = repo();
    r.git("session create auth").ok();
    let auth = r.session("auth").file("x.txt", "1\n").commit("one");
    auth.file("y.txt", "picked\n").commit("picked upstream too");
    let picked = auth.rev("HEAD");
    auth.tick();
    auth.git("commit --quiet --allow-empty -m 'empty on purpose'").ok();
    auth.file("z.txt", "z\n").git("add --all").ok();
    auth.env("GIT_AUTHOR_NAME", "Somebody Else")
        .env("GIT_AUTHOR_EMAIL", "else@example.com")
        .env("GIT_AUTHOR_DATE", "1700000000 +0530")
        .git_args(["commit", "--quiet", "--cleanup=verbatim", "-m", "odd\n\n# not a comment\n\n\ntrailing  \n\n"])
        .ok();
    auth.file("b.txt", "becomes empty\n").commit("the same change by another hand");
    auth.file("x.txt", "1\n2\n").commit("last");
    r.tick();
    r.git_args(["cherry-pick", &picked]).ok();
    r.file("b.txt", "becomes empty\n").file("other.txt", "o\n").commit("meanwhile");
    let main = r.rev("main");
    r.tick();
    let t = twin(&r, "auth");
    t.git("rebase --quiet main").ok();
    r.git("session finish auth --merge --strategy rebase").ok();
    assert_eq!(r.rev("main"), t.rev("HEAD"));
    r.git(&format!("merge-base --is-ancestor {main} main")).ok();
    r.git("log -1 --skip=1 --format='%an %ad' --date=raw main")
        .ok()
        .stdout_contains("Somebody Else 1700000000 +0530\n");
    followed(&r);
    gone(&r, "auth", "merged");
}

#[test]
fn rebase_of_what_is_on_top_already_is_the_tip() {
    let r = ahead();
    let tip = r.rev("auth");
    r.git("session finish auth --merge --strategy rebase").ok();
    assert_eq!(r.rev("main"), tip);
    followed(&r);
}

#[test]
fn rebase_refuses_merges_in_the_session() {
    let r = diverged();
    r.session("auth").tick().git("merge --quiet -m merged main").ok();
    r.file("c.txt", "c\n").commit("once more");
    let run = refused(&r, "session finish auth --merge --strategy rebase", 1);
    run.stderr_contains("merge commit").stderr_contains("--strategy squash");
    r.git("session finish auth --merge --strategy squash").ok();
    followed(&r);
}

#[test]
fn ff_takes_the_tip_and_refuses_what_is_none() {
    let r = diverged();
    let run = refused(&r, "session finish auth --merge --strategy ff", 1);
    run.stderr_contains("is no fast-forward of 'main'").stderr_contains("moved by 1 commit");
    run.stderr_contains("`git session finish auth --merge --strategy rebase`");
    let r = ahead();
    let tip = r.rev("auth");
    r.git("session finish auth --merge --strategy ff").ok();
    assert_eq!(r.rev("main"), tip);
    followed(&r);
    gone(&r, "auth", "merged");
}

#[test]
fn the_setting_chooses_the_strategy() {
    let r = ahead().config("session.strategy", "ff");
    let tip = r.rev("auth");
    r.config("session.strategy", "octopus");
    refused(&r, "session finish auth --merge", 1).stderr_contains("`session.strategy` is 'octopus'");
    r.config("session.strategy", "ff");
    r.git("session finish auth --merge").ok();
    assert_eq!(r.rev("main"), tip);
}

#[test]
fn a_strategy_alone_means_merge_and_modes_exclude_each_other() {
    let r = ahead();
    refused(&r, "session finish auth --merge --keep", 2);
    refused(&r, "session finish auth --keep --strategy ff", 2);
    refused(&r, "session finish auth --merge --strategy octopus", 2);
    r.git("session finish auth --strategy ff").ok();
    gone(&r, "auth", "merged");
}

#[test]
fn hostile_paths_merge_and_follow() {
    let r = repo();
    r.git("session create auth").ok();
    let auth = r.session("auth");
    for path in
        ["with space.txt", "quo\"te's.txt", "emoji-🚀.txt", "new\nline.txt", "tab\t.txt", "-dash.txt", "dir/*.txt"]
    {
        auth.file(path, format!("{path}\n"));
    }
    auth.file("run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(auth.path("run.sh"), std::fs::Permissions::from_mode(0o755)).expect("executable");
    std::os::unix::fs::symlink("a.txt", auth.path("link")).expect("a link");
    auth.remove("b.txt").commit("hostile");
    r.git("session finish auth --merge").ok();
    followed(&r);
    assert_eq!(r.read("new\nline.txt"), "new\nline.txt\n");
    assert!(r.path("run.sh").metadata().expect("there").permissions().mode() & 0o100 != 0);
    assert_eq!(std::fs::read_link(r.path("link")).expect("a link"), std::path::Path::new("a.txt"));
    assert!(!r.has("b.txt"));
}

// The base's worktree.

#[test]
fn unrelated_work_in_the_base_worktree_stays_as_it_is() {
    let r = ahead();
    r.file("staged.txt", "staged\n").git("add staged.txt").ok();
    r.file("b.txt", "staged too\n").git("add b.txt").ok();
    r.file("b.txt", "and changed\n").file("untracked.txt", "u\n");
    let before = r.git("status --porcelain").ok().text();
    let staged = r.git("diff --cached").ok().text();
    r.git("session finish auth --merge").ok();
    assert_eq!(r.git("status --porcelain").ok().text(), before);
    assert_eq!(r.git("diff --cached").ok().text(), staged);
    assert_eq!(r.read("b.txt"), "and changed\n");
    assert_eq!(r.read("auth.txt"), "one\n");
    gone(&r, "auth", "merged");
}

#[test]
fn touched_work_in_the_base_worktree_is_refused_by_name() {
    for strategy in ["no-ff", "ff", "squash", "rebase"] {
        let r = ahead();
        let line = format!("session finish auth --merge --strategy {strategy}");
        r.file("a.txt", "mine\n");
        refused(&r, &line, 1).stderr_contains("in the way: 'a.txt'").stderr_contains("stash --include-untracked");
        r.git("add a.txt").ok();
        refused(&r, &line, 1).stderr_contains("in the way: 'a.txt'");
        r.git("reset --hard --quiet").ok();
        r.file("auth.txt", "untracked\n");
        refused(&r, &line, 1).stderr_contains("in the way: 'auth.txt'");
        r.remove("auth.txt").file("auth.txt/inside", "a folder\n");
        refused(&r, &line, 1).stderr_contains("'auth.txt");
        r.remove("auth.txt");
        r.git(&line).ok();
        followed(&r);
    }
}

#[test]
fn ignored_files_in_the_base_worktree_are_not_overwritten() {
    let r = ahead();
    r.file(".git/info/exclude", "auth.txt\n").file("auth.txt", "my secret\n");
    refused(&r, "session finish auth --merge", 1).stderr_contains("in the way: 'auth.txt'");
    assert_eq!(r.read("auth.txt"), "my secret\n");
}

#[test]
fn hidden_changes_in_the_base_worktree_are_not_overwritten() {
    for flag in ["--assume-unchanged", "--skip-worktree"] {
        let r = ahead();
        r.git(&format!("update-index {flag} a.txt")).ok();
        r.file("a.txt", "hidden\n");
        let main = r.rev("main");
        r.git("session finish auth --merge").code(1);
        assert_eq!(r.read("a.txt"), "hidden\n");
        assert_eq!(r.rev("main"), main);
        assert!(r.has_rev("refs/sessions/auth"));
        nothing_pending(&r);
        r.git("diff --cached --exit-code").ok();
    }
}

#[test]
fn a_base_worktree_in_an_operation_or_locked_is_refused() {
    let r = ahead();
    r.branch("topic").file("b.txt", "topic\n").commit("topic");
    r.git("switch --quiet main").ok();
    r.file("b.txt", "main\n").commit("main");
    r.git("merge topic").code(1);
    refused(&r, "session finish auth --merge", 1).stderr_contains("in the middle of a merge");
    r.git("merge --abort").ok();
    r.file(".git/index.lock", "");
    refused(&r, "session finish auth --merge", 4).stderr_contains("index.lock");
    r.remove(".git/index.lock");
    r.git("session finish auth --merge").ok();
    followed(&r);
}

#[test]
fn a_base_that_is_checked_out_nowhere_moves_alone() {
    let r = diverged();
    r.branch("elsewhere").file("mine.txt", "dirty\n");
    let head = r.rev("HEAD");
    let status = r.git("status --porcelain --branch").ok().text();
    r.git("session finish auth --merge").ok();
    assert_eq!(r.rev("HEAD"), head);
    assert_eq!(r.git("status --porcelain --branch").ok().text(), status);
    assert_eq!(r.rev("main^1"), head);
    r.git("cat-file -e main:auth.txt").ok();
    r.git("reflog exists refs/heads/main").ok();
    gone(&r, "auth", "merged");
}

#[test]
fn a_base_in_another_worktree_follows_there() {
    let r = diverged();
    r.branch("elsewhere");
    r.git("worktree add --quiet ../trunk main").ok();
    r.git("session finish auth --merge").ok();
    followed(&r.in_dir("../trunk"));
    r.git("status --porcelain").ok().stdout("");
    assert_ne!(r.rev("main"), r.rev("HEAD"));
}

#[test]
fn an_upstream_that_is_ahead_comes_first() {
    let r = ahead();
    r.git("init --quiet --bare ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("push --quiet -u origin main").ok();
    r.git("clone --quiet ../origin.git ../colleague").ok();
    r.in_dir("../colleague").file("theirs.txt", "t\n").commit("theirs").git("push --quiet").ok();
    r.git("fetch --quiet").ok();
    let upstream = r.rev("origin/main");
    r.git("session finish auth --merge").ok();
    assert_eq!(r.rev("main^1"), upstream);
    followed(&r);
    assert_eq!(r.read("theirs.txt"), "t\n");
    gone(&r, "auth", "merged");
}

#[test]
fn a_base_that_only_the_remote_has_is_made() {
    let r = repo();
    r.git("init --quiet --bare ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("push --quiet origin main main:develop").ok();
    r.git("fetch --quiet").ok();
    r.git("session create auth --base develop").ok();
    assert!(!r.has_rev("refs/heads/develop"));
    r.session("auth").file("x", "x\n").commit("work");
    r.git("session finish auth --merge").ok();
    assert_eq!(r.rev("develop^1"), r.rev("origin/develop"));
    assert_eq!(r.rev("main"), r.rev("origin/main"));
    followed(&r);
}

#[test]
fn a_base_that_has_diverged_from_its_upstream_is_merged_into_as_it_stands() {
    let r = diverged();
    r.git("init --quiet --bare ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("push --quiet origin auth^:refs/heads/main").ok();
    r.git("fetch --quiet").ok();
    r.git("branch --quiet --set-upstream-to origin/main main").ok();
    let main = r.rev("main");
    r.git("session finish auth --merge").ok();
    assert_eq!(r.rev("main^1"), main);
    followed(&r);
}

// Conflicts and refusals.

#[test]
fn a_conflict_changes_nothing_and_names_the_path() {
    for strategy in ["no-ff", "squash", "rebase"] {
        let r = conflicting();
        let run = refused(&r, &format!("session finish auth --merge --strategy {strategy}"), 3);
        run.stderr_contains("'auth' conflicts with 'main'").stderr_contains("'a.txt'").stderr_contains(" rebase main`");
        nothing_pending(&r);
    }
}

#[test]
fn uncommitted_work_is_refused_with_the_remedy() {
    let r = ahead();
    let auth = r.session("auth");
    for mode in ["--merge", "--keep"] {
        let line = format!("session finish auth {mode}");
        auth.file("a.txt", "changed\n");
        let run = refused(&r, &line, 1);
        run.stderr_contains("uncommitted work in 'auth': 1 changed").stderr_contains("-m \"<message>\"");
        auth.git("add a.txt").ok();
        refused(&r, &line, 1).stderr_contains("1 staged");
        auth.git("reset --quiet --hard").ok();
        auth.file("new.txt", "n\n");
        refused(&r, &line, 1).stderr_contains("1 untracked");
        auth.remove("new.txt");
    }
    r.git("session finish auth --merge").ok();
}

#[test]
fn a_message_commits_all_of_it() {
    let r = ahead();
    let auth = r.session("auth");
    auth.file("b.txt", "changed\n").file("new dir/new.txt", "n\n").file("staged.txt", "s\n").remove("auth.txt");
    auth.git("add staged.txt").ok();
    r.git("session finish auth --merge -m 'The rest'").ok();
    r.git("log -1 --format=%s main^2").ok().stdout("The rest\n");
    assert_eq!(
        (r.read("b.txt"), r.read("new dir/new.txt"), r.read("staged.txt")),
        ("changed\n".into(), "n\n".into(), "s\n".into())
    );
    assert!(!r.has("auth.txt"));
    followed(&r);
    gone(&r, "auth", "merged");
}

#[test]
fn a_message_with_keep_commits_too() {
    let r = ahead();
    r.session("auth").file("b.txt", "changed\n");
    r.git("session finish auth --keep -m 'The rest'").ok();
    r.git("log -1 --format=%s auth").ok().stdout("The rest\n");
}

#[test]
fn keep_leaves_an_ordinary_branch() {
    let r = diverged();
    let (main, auth) = (r.rev("main"), r.rev("auth"));
    let answer = r.git("session finish auth --keep --json").ok().json_as("finish");
    assert_eq!(answer["sessions"][0]["outcome"], "kept");
    assert_eq!(answer["sessions"][0]["branch_removed"], false);
    assert_eq!((r.rev("main"), r.rev("auth")), (main, auth));
    assert!(!r.has("../repo-sessions/auth"));
    assert!(!r.has_rev("refs/sessions/auth"));
    r.git("switch --quiet auth").ok();
    nothing_pending(&r);
}

#[test]
fn without_a_mode_or_an_answer_nothing_happens() {
    let r = ahead();
    refused(&r, "session finish auth", 2).stderr_contains("`--merge`, `--keep` or `--abandon`");
    refused(&r, "session finish auth --abandon", 2).stderr_contains("`--yes`");
}

#[test]
fn dry_runs_change_nothing() {
    let r = diverged();
    let run = refused(&r, "session finish auth --merge -n", 0);
    run.stdout_contains("Would finish the session 'auth'").stdout_contains("(no-ff)");
    for mode in ["--keep", "--abandon", "--strategy squash", "--strategy rebase"] {
        refused(&r, &format!("session finish auth {mode} --dry-run"), 0).stdout_contains("Would finish");
    }
    r.session("auth").file("new.txt", "n\n");
    refused(&r, "session finish auth --merge -m x -n", 0);
    refused(&r, "session finish auth --abandon -n", 0);
    refused(&conflicting(), "session finish auth --merge -n", 3);
}

#[test]
fn a_session_that_is_none_is_refused_with_a_likely_one() {
    let r = ahead();
    refused(&r, "session finish auht --merge", 1)
        .stderr_contains("There is no session 'auht'")
        .stderr_contains("`auth`");
    refused(&r, "session finish --merge", 1).stderr_contains("not in a session's worktree");
}

#[test]
fn a_switched_worktree_is_refused_and_a_lost_branch_too() {
    let r = ahead();
    r.session("auth").branch("other");
    refused(&r, "session finish auth --merge", 1)
        .stderr_contains("is on the branch 'other'")
        .stderr_contains("switch auth`");
    let auth = r.session("auth");
    auth.git("switch --quiet --detach").ok();
    r.git("branch -D auth").ok();
    refused(&r, "session finish auth --merge", 1).stderr_contains("The branch 'auth' is gone");
}

#[test]
fn nothing_to_merge_is_no_error() {
    let r = repo();
    r.git("session create auth").ok();
    let main = r.rev("main");
    for strategy in ["no-ff", "ff", "squash", "rebase"] {
        r.git("session create other").ok();
        let answer =
            r.git(&format!("session finish other --merge --strategy {strategy} --json")).ok().json_as("finish");
        assert_eq!(answer["sessions"][0]["merged_at"], main);
    }
    r.file("b.txt", "moved on\n").commit("moved on");
    let main = r.rev("main");
    r.git("session finish auth --merge").ok();
    assert_eq!(r.rev("main"), main);
    gone(&r, "auth", "merged");
}

// Nothing is lost.

/// All files of a worktree with what they hold, and how git sees it.
fn picture(r: &Sandbox) -> String {
    let mut text = r.git("status --porcelain=v2 --untracked-files=all").ok().text();
    text.push_str(&r.git("ls-files --stage").ok().text());
    text.push_str(&r.git("diff --cached --binary").ok().text());
    text.push_str(&r.git("diff --binary").ok().text());
    for path in r.git("ls-files -z --others --exclude-standard").ok().text().split('\0').filter(|path| !path.is_empty())
    {
        let mode = r.path(path).metadata().expect("there").permissions().mode();
        text.push_str(&format!("{path} {mode:o} {:?}\n", std::fs::read(r.path(path)).expect("reads")));
    }
    text
}

fn messy(auth: &Sandbox) {
    auth.file("a.txt", "staged\n").git("add a.txt").ok();
    auth.file("a.txt", "staged\nand changed\n").file("b.txt", "changed only\n");
    auth.file("staged new.txt", "s\n").git("add 'staged new.txt'").ok();
    auth.git("rm --quiet --cached auth.txt").ok();
    auth.remove("auth.txt");
    auth.file("un tracked/🚀.bin", [0, 159, 146, 150, 13, 10]).file("un\ntracked", "newline\n").file("empty", "");
    auth.file("tool.sh", "#!/bin/sh\n");
    std::fs::set_permissions(auth.path("tool.sh"), std::fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn abandoned_work_comes_back_byte_for_byte() {
    let r = ahead();
    let auth = r.session("auth");
    messy(&auth);
    let (tip, before) = (r.rev("auth"), picture(&auth));
    let answer = r.git("session finish auth --abandon --yes --json").ok().json_as("finish");
    let salvage = answer["sessions"][0]["salvage"].as_str().expect("a salvage").to_owned();
    gone(&r, "auth", "abandoned");
    followed(&r);
    r.git("reflog expire --expire=now --all").ok();
    r.git("gc --quiet --prune=now").ok();
    r.git(&format!("worktree add --quiet -b again ../again {tip}")).ok();
    let again = r.in_dir("../again");
    again.git(&format!("stash apply --quiet --index {salvage}")).ok();
    assert_eq!(picture(&again), before);
    r.git("fsck --strict").ok();
}

#[test]
fn an_abandoned_session_without_changes_needs_no_salvage() {
    let r = ahead();
    let tip = r.rev("auth");
    r.git("session finish auth --abandon --yes").ok().stdout_contains("git branch auth ");
    gone(&r, "auth", "abandoned");
    r.git("reflog expire --expire=now --all").ok();
    r.git("gc --quiet --prune=now").ok();
    r.git(&format!("branch auth {tip}")).ok();
}

#[test]
fn what_only_reflogs_reach_is_kept() {
    let r = ahead();
    let auth = r.session("auth");
    auth.file("amended.txt", "1\n").commit("to be amended");
    let amended = auth.rev("HEAD");
    auth.file("amended.txt", "2\n").tick().git("commit --quiet --all --amend -m amended").ok();
    auth.file("reset.txt", "1\n").commit("to be reset");
    let reset = auth.rev("HEAD");
    auth.git("reset --quiet --hard HEAD~1").ok();
    auth.git("switch --quiet --detach").ok();
    auth.file("detached.txt", "1\n").commit("on no branch");
    let detached = auth.rev("HEAD");
    auth.git("switch --quiet auth").ok();
    r.git("session finish auth --merge").ok();
    r.git("reflog expire --expire=now --all").ok();
    r.git("gc --quiet --prune=now").ok();
    for lost in [&amended, &reset, &detached] {
        r.git(&format!("merge-base --is-ancestor {lost} refs/sessions/@keep")).ok();
    }
    r.git("fsck").ok();
}

#[test]
fn a_detached_head_with_work_is_kept_when_abandoned() {
    let r = ahead();
    let auth = r.session("auth");
    auth.git("switch --quiet --detach").ok();
    auth.file("detached.txt", "1\n").commit("on no branch");
    let detached = auth.rev("HEAD");
    r.git("session finish auth --abandon --yes").ok();
    r.git(&format!("merge-base --is-ancestor {detached} refs/sessions/@keep")).ok();
}

#[test]
fn changes_that_flags_hide_are_salvaged() {
    let r = ahead();
    let auth = r.session("auth");
    auth.git("update-index --assume-unchanged a.txt").ok();
    auth.git("update-index --skip-worktree b.txt").ok();
    auth.file("a.txt", "hidden a\n").file("b.txt", "hidden b\n");
    auth.git("status --porcelain").ok().stdout("");
    let answer = r.git("session finish auth --merge --json").ok().json_as("finish");
    let salvage = answer["sessions"][0]["salvage"].as_str().expect("a salvage");
    r.git(&format!("show {salvage}:a.txt")).ok().stdout("hidden a\n");
    r.git(&format!("show {salvage}:b.txt")).ok().stdout("hidden b\n");
}

#[test]
fn an_unmerged_index_is_kept_stage_by_stage() {
    let r = ahead();
    let auth = r.session("auth");
    auth.file("a.txt", "stashed side\n").git("stash --quiet").ok();
    auth.file("a.txt", "committed side\n").commit("other");
    auth.git("stash apply").code(1);
    let text = auth.read("a.txt");
    assert!(text.contains("<<<<<<<"), "{text}");
    let answer = r.git("session finish auth --abandon --yes --json").ok().json_as("finish");
    let salvage = answer["sessions"][0]["salvage"].as_str().expect("a salvage");
    assert_eq!(r.git(&format!("show {salvage}:a.txt")).ok().text(), text);
    let kept = r.git("log --format=%s refs/sessions/@keep");
    kept.ok().stdout_contains("stage 1 on auth").stdout_contains("stage 2 on auth").stdout_contains("stage 3 on auth");
}

#[test]
fn precious_ignored_files_are_refused_and_what_tools_make_is_not() {
    let r = repo();
    r.file(".gitignore", ".env\nnode_modules/\n*.sqlite\n").commit("ignore");
    r.git("session create auth").ok();
    let auth = r.session("auth");
    auth.file("node_modules/x/index.js", "x\n").file(".env", "SECRET=1\n");
    for mode in ["--merge", "--keep", "--abandon --yes"] {
        let run = refused(&r, &format!("session finish auth {mode}"), 1);
        run.stderr_contains("'.env'").stderr_contains("session.disposable");
    }
    auth.remove(".env").file("data.sqlite", "d\n");
    refused(&r, "session finish auth --merge", 1).stderr_contains("'data.sqlite'");
    r.config("session.disposable", "*.sqlite");
    r.git("session finish auth --merge").ok();
    gone(&r, "auth", "merged");
}

#[test]
fn nested_repositories_are_refused() {
    let r = repo();
    r.file(".gitignore", "build/\n").commit("ignore");
    r.git("session create auth").ok();
    let auth = r.session("auth");
    for (place, exclude) in [("nested", false), ("build/nested", true)] {
        auth.git(&format!("init --quiet {place}")).ok();
        auth.in_dir(place).file("f", "f\n").commit("inside");
        for mode in ["--merge -m all", "--keep -m all", "--abandon --yes"] {
            let run = refused(&r, &format!("session finish auth {mode}"), 1);
            run.stderr_contains("another repository").stderr_contains(place);
        }
        auth.remove(if exclude { "build" } else { "nested" });
    }
    // A worktree of this very repository in there.
    auth.git("worktree add --quiet build/wt -b inner").ok();
    refused(&r, "session finish auth --abandon --yes", 1).stderr_contains("build/wt");
    auth.git("worktree remove build/wt").ok();
    // A repository that is tracked as a link, without being a submodule.
    auth.git("init --quiet linked").ok();
    auth.in_dir("linked").file("f", "f\n").commit("inside");
    auth.commit("link");
    for mode in ["--merge", "--keep", "--abandon --yes"] {
        refused(&r, &format!("session finish auth {mode}"), 1).stderr_contains("linked");
    }
    assert_eq!(auth.read("linked/f"), "f\n");
}

#[test]
fn submodules_with_work_of_their_own_are_refused() {
    let r = repo();
    r.git("init --quiet ../library").ok();
    r.in_dir("../library").file("l", "l\n").commit("library");
    let allow = r
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "protocol.file.allow")
        .env("GIT_CONFIG_VALUE_0", "always");
    allow.git("submodule --quiet add ../library lib").ok();
    r.commit("submodule");
    r.git("session create auth").ok();
    let auth = r.session("auth");
    allow.in_dir(auth.here()).git("submodule --quiet update --init").ok();
    let lib = auth.in_dir("lib");
    lib.file("l", "changed\n");
    refused(&r, "session finish auth --abandon --yes", 1).stderr_contains("submodule");
    lib.git("checkout --quiet l").ok();
    lib.file("m", "m\n").commit("only here");
    lib.git("switch --quiet -c work").ok();
    lib.git("switch --quiet --detach origin/HEAD").ok();
    refused(&r, "session finish auth --abandon --yes", 1).stderr_contains("submodule");
    lib.git("branch --quiet -D work").ok();
    lib.file("l", "stashed\n").git("stash --quiet").ok();
    refused(&r, "session finish auth --abandon --yes", 1).stderr_contains("submodule");
    lib.git("stash drop --quiet").ok();
    // The reflog has what the branch had.
    refused(&r, "session finish auth --abandon --yes", 1).stderr_contains("reflog expire");
    lib.git("reflog expire --expire=now --all").ok();
    r.git("session finish auth --abandon --yes").ok();
    gone(&r, "auth", "abandoned");
}

#[test]
fn locked_busy_and_half_done_worktrees_are_refused() {
    let r = conflicting();
    let auth = r.session("auth");
    let top = auth.here().display().to_string();
    r.git(&format!("worktree lock --reason travelling {top}")).ok();
    for mode in ["--keep", "--abandon --yes"] {
        let run = refused(&r, &format!("session finish auth {mode}"), 1);
        run.stderr_contains("is locked (travelling)").stderr_contains("git worktree unlock");
    }
    r.git(&format!("worktree unlock {top}")).ok();
    let git_dir = auth.git("rev-parse --absolute-git-dir").ok().text().trim_end().to_owned();
    r.file(format!("{git_dir}/index.lock"), "");
    refused(&r, "session finish auth --abandon --yes", 4).stderr_contains("index.lock");
    r.remove(format!("{git_dir}/index.lock"));
    auth.tick().git("rebase main").code(1);
    for mode in ["--merge", "--keep", "--abandon --yes", "--merge -m all", "--keep -m all"] {
        refused(&r, &format!("session finish auth {mode}"), 1).stderr_contains("rebase");
    }
    auth.git("rebase --abort").ok();
    auth.git("merge main").code(1);
    refused(&r, "session finish auth --abandon --yes", 1).stderr_contains("in the middle of a merge");
}

#[test]
fn a_directory_that_does_not_prove_itself_is_refused() {
    let r = ahead();
    let auth = r.session("auth");
    std::fs::rename(auth.here(), r.root().join("moved away")).expect("moved");
    std::fs::create_dir_all(auth.here()).expect("a directory");
    auth.file("precious.txt", "p\n");
    let before = r.refs();
    r.git("session finish auth --abandon --yes").code(1);
    assert_eq!(auth.read("precious.txt"), "p\n");
    assert_eq!(r.refs(), before);
}

#[test]
fn a_missing_directory_is_no_obstacle() {
    let r = ahead();
    let auth = r.session("auth");
    std::fs::remove_dir_all(auth.here()).expect("removed by hand");
    r.git("session finish auth --merge").ok();
    followed(&r);
    assert_eq!(r.read("auth.txt"), "one\n");
    gone(&r, "auth", "merged");
}

#[test]
fn what_was_staged_in_a_missing_directory_is_kept() {
    let r = ahead();
    let auth = r.session("auth");
    auth.file("only-staged.txt", "only here\n").git("add only-staged.txt").ok();
    auth.git("switch --quiet --detach").ok();
    auth.git("commit --quiet -m 'detached'").ok();
    let detached = auth.rev("HEAD");
    auth.file("only-staged.txt", "and more\n").git("add only-staged.txt").ok();
    let blob = auth.rev(":only-staged.txt");
    std::fs::remove_dir_all(auth.here()).expect("removed by hand");
    r.git("session finish auth --abandon --yes").ok();
    r.git("reflog expire --expire=now --all").ok();
    r.git("gc --quiet --prune=now").ok();
    r.git(&format!("merge-base --is-ancestor {detached} refs/sessions/@keep")).ok();
    r.git(&format!("cat-file -e {blob}")).ok();
}

#[test]
fn from_inside_it_says_where_to_go() {
    let r = ahead();
    let auth = r.session("auth").in_dir("sub/dir");
    std::fs::create_dir_all(auth.here()).expect("a directory");
    let run = auth.git("session finish --merge");
    run.ok().stdout_contains(&format!("cd {}\n", r.here().display()));
    followed(&r);
    gone(&r, "auth", "merged");
}

#[test]
fn links_are_unlinked_and_never_followed() {
    let r = ahead();
    r.file("../outside/precious.txt", "p\n");
    let auth = r.session("auth");
    std::os::unix::fs::symlink(r.root().join("outside"), auth.path("node_modules")).expect("a link");
    auth.file("../../repo/.git/info/exclude", "node_modules\n");
    r.git("session finish auth --abandon --yes").ok();
    assert_eq!(r.read("../outside/precious.txt"), "p\n");
}

// Stacks.

#[test]
fn a_merged_parent_hands_its_base_on() {
    for strategy in ["no-ff", "squash", "rebase"] {
        let r = diverged();
        r.git("session create child --base auth").ok();
        r.session("child").file("child.txt", "c\n").commit("of the child");
        let run = r.git(&format!("session finish auth --merge --strategy {strategy}"));
        run.ok().stdout_contains("child is based on main now");
        let list = r.git("session list child --json").ok().json_as("list");
        assert_eq!(list["sessions"][0]["base"]["name"], "main");
        let main = r.rev("main");
        r.git("session finish child --merge --strategy rebase").ok();
        assert_eq!(r.rev("main^"), main, "only its own commit after {strategy}");
        followed(&r);
        gone(&r, "child", "merged");
    }
}

#[test]
fn a_child_merges_into_its_parent_where_that_is_checked_out() {
    let r = diverged();
    r.git("session create child --base auth").ok();
    r.session("child").file("child.txt", "c\n").commit("of the child");
    let (main, auth) = (r.rev("main"), r.session("auth"));
    r.git("session finish child --merge --strategy ff").ok();
    assert_eq!(r.rev("main"), main);
    assert_eq!(auth.read("child.txt"), "c\n");
    auth.git("status --porcelain").ok().stdout("");
}

#[test]
fn a_parent_is_not_abandoned_from_under_its_children() {
    let r = ahead();
    r.git("session create child --base auth").ok();
    let run = refused(&r, "session finish auth --abandon --yes", 1);
    run.stderr_contains("stacked on 'auth': 'child'").stderr_contains("--base main");
    r.git("session set child --base main").ok();
    r.git("session finish auth --abandon --yes").ok();
}

#[test]
fn a_kept_parent_becomes_a_trunk() {
    let r = ahead();
    r.git("session create child --base auth").ok();
    r.git("session finish auth --keep").ok();
    let list = r.git("session list --json").ok().json_as("list");
    assert_eq!(list["sessions"][0]["base"]["name"], "auth");
}

// Sessions in a checkout that stays.

#[test]
fn a_session_made_here_gives_the_checkout_back() {
    let r = repo();
    r.git("session create auth --here").ok();
    r.file("auth.txt", "one\n").commit("work");
    let answer = r.git("session finish --merge --json").ok().json_as("finish");
    assert_eq!(answer["sessions"][0]["worktree_removed"], false);
    followed(&r);
    assert_eq!(r.read("auth.txt"), "one\n");
    assert!(!r.has_rev("refs/heads/auth"));
    assert!(!r.has_rev("refs/worktree/session"), "the tie is gone");
    nothing_pending(&r);
}

#[test]
fn a_session_made_here_and_abandoned_keeps_its_work() {
    let r = repo();
    r.git("session create auth --here").ok();
    r.file("auth.txt", "one\n").commit("work");
    let tip = r.rev("auth");
    messy(&r);
    let before = picture(&r);
    let answer = r.git("session finish --abandon --yes --json").ok().json_as("finish");
    let salvage = answer["sessions"][0]["salvage"].as_str().expect("a salvage").to_owned();
    followed(&r);
    r.git("stash clear").ok();
    r.git("reflog expire --expire=now --all").ok();
    r.git("gc --quiet --prune=now").ok();
    r.git(&format!("switch --quiet -c again {tip}")).ok();
    r.git(&format!("stash apply --quiet --index {salvage}")).ok();
    assert_eq!(picture(&r), before);
}

#[test]
fn a_session_made_here_is_detached_where_the_base_is_elsewhere() {
    let r = repo();
    r.git("session create auth --here").ok();
    r.git("worktree add --quiet ../trunk main").ok();
    r.file("auth.txt", "one\n").commit("work");
    r.git("session finish --merge").ok();
    followed(&r.in_dir("../trunk"));
    r.git("symbolic-ref --quiet HEAD").code(1);
    r.git("status --porcelain").ok().stdout("");
    assert!(r.here().is_dir());
}

#[test]
fn the_main_worktree_stays_when_it_was_adopted() {
    let r = repo();
    r.branch("auth").file("auth.txt", "one\n").commit("work");
    r.git("session adopt auth").ok();
    r.git("session finish auth --merge").ok();
    followed(&r);
    assert_eq!(r.read("auth.txt"), "one\n");
}

#[test]
fn switching_back_does_not_overwrite_ignored_files() {
    let r = repo();
    r.file("settings.local", "tracked\n").commit("tracked on main");
    r.git("session create auth --here").ok();
    r.remove("settings.local").file(".gitignore", "settings.local\n").commit("untrack");
    r.file("settings.local", "mine\n");
    r.git("session finish auth --keep").code(1);
    assert_eq!(r.read("settings.local"), "mine\n");
    assert!(r.has_rev("refs/sessions/auth"));
    nothing_pending(&r);
}

// Hooks and leftovers.

#[test]
fn the_hooks_of_git_merge_run_and_may_refuse() {
    let r = diverged();
    let log = r.root().join("hooks.log");
    hook(&r, "commit-msg", "exit 1");
    let main = r.rev("main");
    r.git("session finish auth --merge").code(1).stderr_contains("The hook 'commit-msg' said no");
    assert_eq!(r.rev("main"), main);
    assert!(r.has_rev("refs/sessions/auth"));
    nothing_pending(&r);
    hook(&r, "commit-msg", "echo 'Reviewed-by: hook' >> \"$1\"");
    hook(&r, "pre-merge-commit", &format!("git ls-files > '{}'", log.display()));
    hook(&r, "post-merge", &format!("echo \"post $1\" >> '{}'", log.display()));
    r.git("session finish auth --merge").ok();
    r.git("log -1 --format=%B main").ok().stdout_contains("Reviewed-by: hook");
    let log = std::fs::read_to_string(log).expect("the hooks ran");
    assert!(log.contains("auth.txt\n") && log.ends_with("post 0\n"), "{log}");
    followed(&r);
}

#[test]
fn the_settings_of_a_branch_go_with_it() {
    let r = diverged();
    r.git("init --quiet --bare ../origin.git").ok();
    r.git("remote add origin ../origin.git").ok();
    r.git("push --quiet -u origin auth").ok();
    r.git("session finish auth --merge").ok();
    r.git("config --get-regexp ^branch.auth").code(1);
}

#[test]
fn a_name_is_free_again_and_its_history_remains() {
    let r = ahead();
    r.git("session finish auth --merge").ok();
    r.git("session create auth").ok();
    r.session("auth").file("again.txt", "1\n").commit("again");
    r.git("session finish auth --merge").ok();
    let ended = r.git("session list --ended --json").ok().json_as("list");
    assert_eq!(ended["sessions"].as_array().expect("rows").len(), 2);
    followed(&r);
}

#[test]
fn a_sparse_base_worktree_stays_sparse() {
    let r = Sandbox::new().file("lib/l.txt", "l\n").file("docs/d.txt", "d\n").commit("base");
    r.git("session create auth").ok();
    r.session("auth").file("docs/d.txt", "2\n").file("docs/new.txt", "n\n").file("lib/l.txt", "2\n").commit("work");
    r.git("sparse-checkout set lib").ok();
    // Made by hand where git has nothing checked out.
    r.file("docs/new.txt", "mine\n");
    r.git("session finish auth --merge").code(1).stderr_contains("docs/");
    assert_eq!(r.read("docs/new.txt"), "mine\n");
    r.remove("docs");
    r.git("session finish auth --merge").ok();
    assert_eq!((r.read("lib/l.txt"), r.has("docs")), ("2\n".into(), false));
    followed(&r);
}

#[test]
fn an_unmerged_path_in_the_base_worktree_is_refused() {
    let r = ahead();
    r.file("b.txt", "stashed\n").git("stash --quiet").ok();
    r.file("b.txt", "committed\n").commit("other");
    r.git("stash apply").code(1);
    let (main, text) = (r.rev("main"), r.read("b.txt"));
    r.git("session finish auth --merge").code(1);
    assert_eq!((r.rev("main"), r.read("b.txt"), r.has("auth.txt")), (main, text, false));
    assert!(r.has_rev("refs/sessions/auth") && r.session("auth").has("auth.txt"));
    nothing_pending(&r);
    r.git("ls-files --unmerged").ok().stdout_contains("b.txt");
}

#[test]
fn a_folder_that_the_session_deleted_keeps_what_git_does_not_know() {
    let r = repo();
    r.file("folder/tracked.txt", "t\n").commit("folder");
    r.git("session create auth").ok();
    r.session("auth").remove("folder").file("folder", "a file now\n").commit("a file instead");
    r.file("folder/untracked.txt", "mine\n");
    r.git("session finish auth --merge").code(1).stderr_contains("folder/");
    assert_eq!(r.read("folder/untracked.txt"), "mine\n");
    r.file(".git/info/exclude", "untracked.txt\n");
    r.git("session finish auth --merge").code(1).stderr_contains("folder");
    assert_eq!(r.read("folder/untracked.txt"), "mine\n");
    r.remove("folder/untracked.txt");
    r.git("session finish auth --merge").ok();
    followed(&r);
}

#[test]
fn work_that_comes_after_the_plan_is_not_merged_over() {
    // A hook of git's is the last moment before the base moves.
    let r = diverged();
    hook(&r, "commit-msg", "echo typed > a.txt");
    r.git("session finish auth --merge").code(1).stderr_contains("in the way: 'a.txt'");
    assert_eq!(r.read("a.txt"), "typed\n");
    assert!(r.has_rev("refs/sessions/auth"));
    nothing_pending(&r);
}

/// A hook that fails every transaction in which a session ends.
fn refuse_ends(r: &Sandbox) {
    r.executable(
        ".git/hooks/reference-transaction",
        "#!/bin/sh\n[ \"$1\" = prepared ] && grep -q @done/ && exit 1\nexit 0\n",
    );
}

#[test]
fn a_checkout_is_switched_back_when_its_session_cannot_end() {
    let r = Sandbox::new().file("a.txt", "1\n").file("b.txt", "1\n").commit("base");
    r.git("session create auth --here").ok();
    r.file("a.txt", "2\n").commit("work");
    r.file("b.txt", "uncommitted\n").file("c.txt", "untracked\n").git("add b.txt").ok();
    refuse_ends(&r);
    let status = r.git("status --porcelain --branch").ok().text();
    r.git("session finish auth --abandon --yes").code(1);
    assert_eq!(r.git("status --porcelain --branch").ok().text(), status);
    r.git("symbolic-ref refs/worktree/session").ok().stdout("refs/sessions/auth\n");
    r.git("stash list").ok().stdout("");
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
    assert_eq!((r.read("b.txt"), r.read("c.txt")), ("uncommitted\n".into(), "untracked\n".into()));
    r.remove(".git/hooks/reference-transaction");
    r.git("session finish auth --abandon --yes").ok();
    r.git("stash list").ok().stdout_contains("session auth");
}

#[test]
fn what_is_written_while_a_session_ends_is_kept_too() {
    for (mode, has_salvage) in [("--abandon --yes", true), ("--abandon --yes", false), ("--keep", false)] {
        let r = Sandbox::new().file("a.txt", "1\n").commit("base");
        r.git("session create auth").ok();
        let auth = r.session("auth").file("b.txt", "1\n").commit("work");
        if has_salvage {
            auth.file("early.txt", "early\n");
        }
        r.executable(
            ".git/hooks/reference-transaction",
            "#!/bin/sh\n[ \"$1\" = committed ] && grep -q @done/ && for d in \"$SESSIONS\"/.*~session-*; do\n\
             echo late >$d/late.txt; echo changed >$d/b.txt; done\nexit 0\n",
        );
        let r = r.env("SESSIONS", r.root().join("repo-sessions"));
        let run = r.git(&format!("session finish auth {mode}"));
        run.ok().stderr_contains("Something was written in the worktree of 'auth' while it ended");
        let salvage =
            r.git("log -1 --format='%(trailers:key=Session-Salvage,valueonly)' refs/sessions/@keep").ok().text();
        let salvage = salvage.trim();
        r.git(&format!("show {salvage}^3:late.txt")).ok().stdout("late\n");
        r.git(&format!("show {salvage}:b.txt")).ok().stdout("changed\n");
        r.git(&format!("show {salvage}:a.txt")).ok().stdout("1\n");
        assert!(!r.has("../repo-sessions"));
    }
}

#[test]
fn a_message_commits_nothing_where_the_merge_would_conflict() {
    for strategy in ["no-ff", "squash", "rebase", "ff"] {
        let r = Sandbox::new().file("a.txt", "1\n").file(".gitignore", "*.o\n").commit("base");
        r.git("session create auth").ok();
        let auth = r.session("auth").file("own.txt", "1\n").commit("work");
        r.file("a.txt", "2\n").commit("meanwhile");
        auth.file("a.txt", "3\n").file("new.txt", "new\n").git("add new.txt").ok();
        let code = if strategy == "ff" { 1 } else { 3 };
        let status = auth.git("status --porcelain").ok().text();
        let objects = r.git("count-objects").ok().text();
        let run =
            r.unchanged_by(|r| r.git(&format!("session finish auth --merge --strategy {strategy} -m 'all of it'")));
        run.code(code).stderr_contains(if code == 3 { "conflicts with 'main': 'a.txt'" } else { "no fast-forward" });
        assert_eq!((auth.git("status --porcelain").ok().text(), r.git("count-objects").ok().text()), (status, objects));
        auth.git("log -1 --format=%s").ok().stdout("work\n");
        auth.file("a.txt", "2\n");
        if code == 3 {
            r.git(&format!("session finish auth --merge --strategy {strategy} -m 'all of it'")).ok();
            assert_eq!((r.read("new.txt"), r.read("own.txt")), ("new\n".into(), "1\n".into()));
        }
    }
}

#[test]
fn a_directory_inside_the_repository_that_is_no_worktree_stays() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base").config("session.path", ".sessions/{name}");
    r.git("session create auth").ok();
    let auth = r.session("auth").file("b.txt", "1\n").commit("work");
    // git finds the repository around it there, and by its rules the folder is ignored.
    r.remove(".sessions/auth").file(".sessions/auth/precious.txt", "p\n");
    for mode in ["--abandon --yes", "--keep", "--merge"] {
        r.unchanged_by(|r| {
            r.git(&format!("session finish auth {mode}"))
                .code(1)
                .stderr_contains("does not say that it is this worktree");
        });
    }
    assert_eq!(auth.read("precious.txt"), "p\n");
    r.remove(".sessions/auth/precious.txt").git("session finish auth --keep").ok();
}

#[test]
fn a_folder_that_a_link_leads_to_and_folders_above_it_stay() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    std::fs::create_dir_all(r.root().join("disk/sessions")).expect("a folder");
    std::os::unix::fs::symlink(r.root().join("disk/sessions"), r.root().join("repo-sessions")).expect("a link");
    for _ in 0..2 {
        r.git("session create fix/auth").ok();
        r.git("session finish fix/auth --keep").ok();
        r.git("branch -D fix/auth").ok();
        assert_eq!(std::fs::read_dir(r.root().join("disk/sessions")).expect("it stays").count(), 0);
    }
    std::fs::create_dir_all(r.root().join("mine/empty")).expect("a folder");
    let r = r.config("session.path", "../mine/empty/all/{name}");
    r.git("session create auth").ok();
    r.git("session finish auth --keep").ok();
    assert!(r.has("../mine/empty") && !r.has("../mine/empty/all"));
}

#[test]
fn a_hook_that_came_with_the_branch_does_not_run_when_it_commits() {
    let r =
        Sandbox::new().executable(".husky/pre-commit", "#!/bin/sh\ntouch \"$(git rev-parse --git-common-dir)/ran\"\n");
    r.config("core.hooksPath", ".husky").file("a.txt", "1\n").commit("base");
    r.remove(".git/ran").git("session create auth").ok();
    let s = r.session("auth");
    // The same hook as in the main worktree is the user's own word.
    s.file("a.txt", "2\n").git("session finish auth --merge -m two").ok();
    assert!(r.has(".git/ran"));
    r.remove(".git/ran").git("session create evil").ok();
    let s = r.session("evil");
    s.executable(".husky/pre-commit", "#!/bin/sh\ntouch \"$(git rev-parse --git-common-dir)/evil\"\n");
    let run = s.git("session finish evil --keep -m three");
    run.ok().stderr_contains("it comes with the branch");
    assert!(!r.has(".git/evil") && !r.has(".git/ran"));
    assert!(r.git("log -1 --format=%s evil").ok().text().contains("three"));
}

#[test]
fn a_script_beside_a_hook_counts_as_the_hook() {
    let r = Sandbox::new()
        .file("a.txt", "1\n")
        .file(".gitignore", "_\n")
        .file(".husky/pre-commit", "true\n")
        .commit("base");
    r.config("core.hooksPath", ".husky/_");
    let hook = "#!/bin/sh\nsh .husky/pre-commit\n";
    r.executable(".husky/_/pre-commit", hook).git("session create auth").ok();
    let s = r.session("auth");
    s.executable(".husky/_/pre-commit", hook).file(".husky/pre-commit", "touch evil\n");
    s.git("session finish auth --abandon --yes").code(1).stderr_contains("Ignored files");
    r.config("session.disposable", "_");
    r.in_dir(s.here()).git("session finish auth --keep -m three").ok().stderr_contains("it comes with the branch");
    assert!(!r.git("ls-tree -r --name-only auth").ok().text().contains("evil"));
}
