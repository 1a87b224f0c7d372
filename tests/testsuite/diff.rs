//! `diff`: a session against its base, and what merging two gives.

use crate::list::MISCHIEF;
use crate::support::Sandbox;

fn repo() -> Sandbox {
    Sandbox::new().file("a.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n").file("dir/b.txt", "b\n").commit("base")
}

#[test]
fn uncommitted_work_is_in_it_and_the_bases_own_changes_are_not() {
    let r = repo();
    r.git("session create one").ok();
    let one = r.session("one").file("dir/b.txt", "mine\n").commit("committed");
    one.file("a.txt", "typed\n2\n3\n4\n5\n6\n7\n8\n9\n").file("new.txt", "new\n");
    r.file("base.txt", "base\n").commit("the base moves");
    let before = r.git("count-objects -v").ok().text();
    let text = one.git("session diff").ok().text();
    for part in ["+mine", "+typed", "+++ b/new.txt"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("base.txt"), "{text}");
    r.git("session diff one --name-only").ok().stdout("a.txt\ndir/b.txt\nnew.txt\n");
    r.git("session diff one --committed --name-only").ok().stdout("dir/b.txt\n");
    r.git("session diff one --stat").ok().stdout_contains("3 files changed");
    r.git("session diff one --name-only -- dir").ok().stdout("dir/b.txt\n");
    // Paths are those of where one stands.
    one.in_dir("dir").git("session diff --name-only -- b.txt").ok().stdout("dir/b.txt\n");
    let answer = r.git("session diff one --json").json_as("diff");
    assert_eq!((&answer["base"], &answer["uncommitted"]), (&"main".into(), &true.into()));
    assert_eq!(answer["files"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["files"][0]["added"], 1);
    assert_eq!(r.git("count-objects -v").ok().text(), before, "nothing is left behind");
}

#[test]
fn it_is_what_git_would_show_once_all_is_added() {
    let r = crate::list::all_sorts();
    for (number, case) in MISCHIEF.iter().enumerate() {
        // Not on its branch; and what git itself refuses to add.
        if ["--detach", "--orphan", "init -q nested"].iter().any(|word| case.contains(word)) {
            continue;
        }
        let name = format!("n{number}");
        r.git(&format!("session create {name}")).ok();
        let place = r.session(&name);
        place.run("sh", ["-ec", case]).ok();
        let got = place.git_args(["session", "diff", &name]).ok().bytes().to_vec();
        place.git("add --all --ignore-errors").status();
        let wanted = place.git("diff --cached main").ok().bytes().to_vec();
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&wanted), "{case}");
    }
}

#[test]
fn of_two_it_shows_where_they_collide() {
    let r = repo();
    for name in ["one", "two", "three"] {
        r.git(&format!("session create {name}")).ok();
    }
    r.session("one").file("a.txt", "1\n2\n3\n4\none\n6\n7\n8\n9\n");
    r.session("two").file("a.txt", "1\n2\n3\n4\ntwo\n6\n7\n8\n9\n");
    r.session("three").file("dir/b.txt", "three\n");
    let run = r.git("session diff one two");
    run.ok().stdout_contains("a.txt").stderr_contains("one and two do not merge.");
    r.git("session diff one three").ok().stderr_contains("one and three touch nothing in common.");
    let answer = r.git("session diff one two --json").json_as("conflicts");
    assert_eq!(answer["pairs"][0]["files"][0]["excerpts"][0]["a"]["text"][0], "one");
    assert_eq!(answer["pairs"][0]["files"][0]["excerpts"][0]["base"][0], "5");
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_remedy() {
    let r = repo();
    r.git("session create one").ok();
    r.git("session diff").code(1).stderr_contains("not in a session's worktree");
    r.git("session diff nobody").code(1).stderr_contains("There is no session 'nobody'.");
    r.git("session diff one --stat --json").code(2);
    // In the middle of a rebase the files are nobody's work yet.
    r.session("one").file("a.txt", "one\n").commit("one");
    r.file("a.txt", "base\n").commit("the base moves");
    r.session("one").git("rebase main").code(1);
    r.git("session diff one --name-only").ok().stdout("a.txt\n").stderr_contains("in the middle of a rebase");
    r.session("one").git("rebase --abort").ok();
    r.session("one").git("switch --quiet --detach").ok();
    r.git("branch -D one").ok();
    r.git("session diff one").code(1).stderr_contains("git session show one");
}

#[test]
fn a_repository_whose_path_divides_a_list_is_no_obstacle() {
    let r = Sandbox::bare_of_repositories();
    let odd = r.in_dir("with:colon \"and quotes\"");
    std::fs::create_dir_all(odd.here()).expect("a directory");
    odd.git("init --quiet").ok();
    odd.file("a.txt", "1\n2\n3\n").commit("base");
    for name in ["one", "two"] {
        odd.git(&format!("session create {name}")).ok();
        odd.session(name).file("a.txt", format!("{name}\n2\n3\n")).file(format!("{name}.txt"), name);
    }
    odd.git("session diff one --name-only").ok().stdout("a.txt\none.txt\n");
    odd.git("session conflicts --exit-code").code(3);
}
