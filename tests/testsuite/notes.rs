//! `refs/notes/sessions`: what tests gave, as notes that git itself shows, and no note lost.

use crate::support::Sandbox;

fn repo(sessions: &[&str]) -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    for name in sessions {
        r.git(&format!("session create {name}")).ok();
        r.session(name).file(format!("{name}.txt"), "1\n").commit("work");
    }
    r
}

fn note(r: &Sandbox, revision: &str) -> String {
    r.git(&format!("notes --ref=sessions show {}", r.rev(&format!("{revision}^{{tree}}")))).ok().text()
}

#[test]
fn git_shows_what_a_test_gave() {
    let r = repo(&["auth"]);
    r.git("session test auth -- sh -c 'exit 3'").code(1);
    let text = note(&r, "auth");
    assert!(text.starts_with("Session-Tested: failed, exit code 3, "), "{text}");
    assert!(text.ends_with(" ms, 2026-01-01T00:02:00Z, auth: sh -c 'exit 3'\n"), "{text}");
    r.git("log -1 --format=%an:%s refs/notes/sessions").ok().stdout("git session:[auth] tested: failed\n");
    // Nothing else of the repository says it: no event, no commit.
    r.git("rev-list --count refs/sessions/auth").ok().stdout("1\n");
}

#[test]
fn each_command_has_one_verdict_and_the_newest_counts() {
    let r = repo(&["auth"]);
    r.git("session test auth -- false").code(1);
    r.tick().git("session test auth -- true").ok();
    r.tick().git("session test auth -- false").code(1);
    let text = note(&r, "auth");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().last().is_some_and(|line| line.contains("00:04:00Z") && line.ends_with(": false")), "{text}");
}

#[test]
fn notes_of_others_stay_flat_or_spread() {
    let r = repo(&["auth", "docs"]);
    for (at, name) in ["auth", "docs"].into_iter().enumerate() {
        let tree = r.rev(&format!("{name}^{{tree}}"));
        r.git_args(["notes", "--ref=sessions", "add", "-m", &format!("mine {at}"), &tree]).ok();
    }
    r.git_args(["notes", "--ref=sessions", "add", "-m", "base", "main"]).ok();
    r.git("session test auth -- true").ok();
    let text = note(&r, "auth");
    assert!(text.starts_with("mine 0\n") && text.contains("Session-Tested: passed"), "{text}");
    assert_eq!(note(&r, "docs"), "mine 1\n");
    // Spread over folders, two deep: found, and replaced where they are.
    let tree = r.rev("docs^{tree}");
    let blob = r.git_input("hash-object -w --stdin", "deep\n").ok().text().trim().to_owned();
    let leaf = r.git_input("mktree", &format!("100644 blob {blob}\t{}\n", &tree[4..])).ok().text().trim().to_owned();
    let inner = r.git_input("mktree", &format!("040000 tree {leaf}\t{}\n", &tree[2..4])).ok().text().trim().to_owned();
    let outer = r.git_input("mktree", &format!("040000 tree {inner}\t{}\n", &tree[..2])).ok().text().trim().to_owned();
    let commit = r.git_args(["commit-tree", "-m", "spread", &outer]).ok().text().trim().to_owned();
    r.git_args(["update-ref", "refs/notes/sessions", &commit]).ok();
    assert_eq!(note(&r, "docs"), "deep\n");
    r.git("session test auth docs -- true").ok();
    assert!(note(&r, "docs").starts_with("deep\nSession-Tested: passed"));
    assert!(note(&r, "auth").starts_with("Session-Tested: passed"));
    r.git("notes --ref=sessions list").ok().stdout_contains(&tree);
    assert_eq!(r.git("notes --ref=sessions list").ok().text().lines().count(), 2);
    r.git("ls-tree -r --name-only refs/notes/sessions").ok().stdout_contains(&format!(
        "{}/{}/",
        &tree[..2],
        &tree[2..4]
    ));
    // git reads and writes on in what we wrote.
    r.git_args(["notes", "--ref=sessions", "append", "-m", "more", &r.rev("auth^{tree}")]).ok();
    r.git("session test auth --if-needed -- true").ok().stdout_contains("already");
    r.git("fsck --strict").ok();
}

#[test]
fn sixteen_at_once_lose_no_note() {
    let names: Vec<String> = (0..16).map(|at| format!("s{at:02}")).collect();
    let r = repo(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let running: Vec<_> = names.iter().map(|name| r.spawn(&format!("session test {name} -- true"))).collect();
    for one in running {
        one.wait().ok().stdout_contains("passed").stdout_lacks("not noted");
    }
    for name in &names {
        assert!(note(&r, name).contains(&format!("Z, {name}: true")), "{name}");
    }
    assert_eq!(r.git("rev-list --count refs/notes/sessions").ok().text(), "16\n");
}

#[test]
fn many_of_one_command_are_all_noted() {
    let r = repo(&["a", "b", "c", "d"]);
    r.git("session test -j 4 -- true").ok().stderr_contains("4 passed");
    assert_eq!(r.git("notes --ref=sessions list").ok().text().lines().count(), 4);
}
