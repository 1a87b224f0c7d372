//! The state is git's own: records are commits, other programs' keys survive, and nothing else is left anywhere.

use crate::support::Sandbox;

fn repo() -> Sandbox {
    Sandbox::new().file("a.txt", "1\n").file("b.txt", "b\n").commit("base")
}

/// Writes a record as another program would.
fn rewrite(r: &Sandbox, name: &str, edit: impl FnOnce(String) -> String) {
    let reference = format!("refs/sessions/{name}");
    let text = edit(r.git(&format!("show {reference}:session.toml")).ok().text());
    let blob = r.git_input("hash-object -w --stdin", &text).ok().text();
    let tree = r.git_input("mktree", &format!("100644 blob {}\tsession.toml\n", blob.trim_end())).ok().text();
    let commit =
        r.git(&format!("commit-tree -p {reference} -m '[{name}] other: program' {}", tree.trim_end())).ok().text();
    r.git(&format!("update-ref {reference} {}", commit.trim_end())).ok();
}

#[test]
fn unknown_keys_survive_a_write() {
    let r = repo();
    r.git("session create auth").ok();
    rewrite(&r, "auth", |text| format!("future = [1, 2]\n{text}more-of-base = \"kept\"\n\n[host.h1]\nfiles = 3\n"));
    r.git("session set auth --goal new").ok();
    r.git("session rename auth login").ok();
    let table: toml::Table = r.git("show refs/sessions/login:session.toml").ok().text().parse().expect("TOML");
    assert_eq!(table["goal"].as_str(), Some("new"));
    assert_eq!(table["future"].as_array().map(Vec::len), Some(2));
    assert_eq!(table["base"]["more-of-base"].as_str(), Some("kept"));
    assert_eq!(table["host"]["h1"]["files"].as_integer(), Some(3));
    r.git("session finish login --merge").ok();
    let done = r.git("for-each-ref --format=%(refname) refs/sessions/@done/").ok().text();
    let table: toml::Table =
        r.git(&format!("show {}:session.toml", done.trim_end())).ok().text().parse().expect("TOML");
    assert_eq!(table["future"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_newer_record_is_a_row_and_refused_by_name() {
    let r = repo();
    for name in ["auth", "docs", "junk"] {
        r.git(&format!("session create {name}")).ok();
    }
    rewrite(&r, "auth", |text| text.replace("version = 1", "version = 2"));
    rewrite(&r, "junk", |_| "no toml at all".into());
    let list = r.unchanged_by(|r| r.git("session list --json").ok().json_as("list"));
    let rows = list["sessions"].as_array().expect("rows");
    assert_eq!(rows.len(), 3);
    for at in [0, 2] {
        assert_eq!(rows[at]["broken"][0]["kind"], "record-unreadable");
        assert_eq!(rows[at]["state"], serde_json::Value::Null);
    }
    assert_eq!((rows[1]["name"].as_str(), rows[1]["broken"].as_array().map(Vec::len)), (Some("docs"), Some(0)));
    r.git("session list").ok().stdout_contains("record-unreadable").stdout_contains("docs");
    for line in [
        "show auth",
        "set auth --goal x",
        "finish auth --abandon --yes",
        "rename auth login",
        "move auth ../x",
        "path auth",
    ] {
        let run = r.unchanged_by(|r| r.git(&format!("session {line}")));
        run.code(1).stderr_contains("version 2");
    }
    r.git("session create auth").code(1).stderr_contains("There is a session 'auth' already");
    r.session("docs").git("session set --goal fine").ok();
    r.git("session finish docs --merge").ok();
}

#[test]
fn git_refuses_to_merge_a_record() {
    let r = repo();
    r.git("session create auth").ok();
    for line in ["merge sessions/auth", "merge refs/sessions/auth"] {
        r.unchanged_by(|r| r.git(line).code(128).stderr_contains("unrelated histories").status());
    }
    r.git("merge-base main refs/sessions/auth").code(1);
}

#[test]
fn records_say_who_wrote_them_and_have_reflogs() {
    let r = repo();
    r.git("session create auth --goal 'Log in'").ok();
    r.tick();
    r.git("session set auth --focus backend").ok();
    let form = "--format='%an <%ae>|%cn <%ce>|%s|%(trailers:key=Session-Event,valueonly,separator=%x2C)'";
    let text = r.git(&format!("log {form} refs/sessions/auth")).ok().text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert!(
            line.starts_with("git session <git-session@localhost>|A U Thor <author@example.com>|[auth] "),
            "{line}"
        );
    }
    assert!(lines[0].ends_with("|set") && lines[1].ends_with("|created"), "{text}");
    let operations = r.git("log --format='%(trailers:key=Session-Operation,valueonly)' refs/sessions/auth").ok().text();
    let mut operations: Vec<&str> = operations.lines().filter(|line| !line.is_empty()).collect();
    operations.dedup();
    assert!(operations.len() == 2 && operations.iter().all(|operation| operation.len() == 32), "{operations:?}");
    let log = r.git("reflog show --format=%gs refs/sessions/auth").ok().text();
    assert_eq!(log.lines().count(), 2, "{log}");
    // What names commits is text: no record reaches the project's history.
    r.git("rev-list --count refs/sessions/auth").ok().stdout("2\n");
    assert_ne!(r.rev("refs/sessions/auth"), r.rev("auth"));
    // A verb that changes nothing writes nothing.
    r.unchanged_by(|r| r.git("session set auth --focus backend").ok().stderr_contains("It is so already").status());
}

#[test]
fn the_same_name_at_the_same_moment_has_another_id() {
    let r = repo();
    r.git("session create auth").ok();
    let first = r.rev("refs/sessions/auth");
    r.git("session finish auth --merge").ok();
    r.git("session create auth").ok();
    assert_ne!(r.rev("refs/sessions/auth"), first);
}

#[test]
fn after_a_tour_nothing_of_ours_lies_about() {
    let r = repo();
    let config = r.read(".git/config");
    let entries = |r: &Sandbox| {
        let mut names: Vec<_> = std::fs::read_dir(r.path(".git"))
            .expect("a git directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    };
    let before = entries(&r);
    let exclude = r.read(".git/info/exclude");
    r.git("session create auth --goal 'Log in' --own 'src/**'").ok();
    r.git("session create docs --base auth").ok();
    r.git("session create kept").ok();
    r.git("session create left").ok();
    r.git("branch old").ok();
    r.git("session adopt old").ok();
    r.session("auth").file("auth.txt", "1\n").commit("work");
    r.session("docs").file("docs.txt", "1\n").commit("docs");
    r.session("kept").file("kept.txt", "1\n").commit("kept");
    r.session("left").file("left.txt", "uncommitted\n");
    r.git("session set auth --priority critical --depends-on old").ok();
    r.git("session rename docs guide").ok();
    r.git("session move kept ../elsewhere/kept").ok();
    r.git("session list --merged").ok();
    r.git("session show auth").ok();
    r.git("session log").ok();
    for path in r.git("worktree list --porcelain").ok().text().lines().filter_map(|line| line.strip_prefix("worktree "))
    {
        let expected = if path.ends_with("/left") { "?? left.txt\n" } else { "" };
        r.in_dir(path).git("status --porcelain --ignored --untracked-files=all").ok().stdout(expected);
    }
    r.git("session finish auth --merge").ok();
    r.git("session finish guide --merge --strategy rebase").ok();
    r.git("session finish kept --keep").ok();
    r.git("session finish left --abandon --yes").ok();
    r.git("session finish old --merge").ok();
    r.git("status --porcelain --ignored --untracked-files=all").ok().stdout("");
    r.git("worktree list").ok();
    let after: Vec<String> = entries(&r).into_iter().filter(|name| !before.contains(name)).collect();
    let allowed = ["ORIG_HEAD", "logs", "packed-refs", "worktrees", "gc.log"];
    assert!(after.iter().all(|name| allowed.contains(&name.as_str())), "new in the git directory: {after:?}");
    let worktrees = r.path(".git/worktrees");
    assert!(!worktrees.exists() || worktrees.read_dir().expect("a folder").next().is_none());
    assert_eq!(r.read(".git/config"), config, "nothing is written to the configuration");
    assert_eq!(r.read(".git/info/exclude"), exclude);
    assert!(!r.has("../repo-sessions") && !r.has("../elsewhere/kept"));
    let tmp: Vec<_> = std::fs::read_dir(r.root().join("tmp")).expect("a folder").collect();
    assert!(tmp.is_empty(), "{tmp:?}");
    let refs = r.refs();
    let ours: Vec<&String> = refs.iter().filter(|name| name.starts_with("refs/sessions/")).collect();
    assert!(
        ours.iter().all(|name| name.contains("/@done/") || name.ends_with("/@keep") || name.ends_with("/@self")),
        "{ours:?}"
    );
    let fsck = r.git("fsck --strict --no-dangling");
    fsck.ok().stdout("");
    r.git("gc --quiet --prune=now").ok();
    r.git("fsck --strict").ok();
    // Without the program all of it is still readable.
    r.git("log --oneline --all").ok();
}
