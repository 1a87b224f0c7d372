//! `sync --resolve`: a rebase that stops is begun in the worktree, and left to the user or given to an agent.
#![cfg(unix)]

use crate::support::Sandbox;
use crate::sync::{base_moves, is_sound, lines, repo, row, rows, session};

/// A session whose last line is another than the base's.
fn collides(r: &Sandbox, name: &str) -> Sandbox {
    let s = session(r, name);
    s.file("d0/f0.txt", lines(0, 12).replace("line 11", "mine")).commit("mine, $(touch pwned) `touch pwned`")
}

/// An agent that notes what it is given, each argument by itself, and then does `work`.
fn agent(r: &Sandbox, name: &str, arguments: &str, work: &str) {
    let place = r.root().join(name);
    let script = format!(
        "#!/bin/sh\nfor each in \"$@\"; do printf '<%s>\\n' \"$each\"; done > \"{0}.told\"\npwd >> \"{0}.told\"\n\
         env | grep '^GIT_DIR\\|^GIT_INDEX' >> \"{0}.told\"\necho I am the agent\n{work}\n",
        place.display()
    );
    r.executable(place.to_str().expect("a path"), &script);
    r.config(&format!("session.agent.{name}.headless"), &format!("'{}' {arguments}", place.display()));
}

const RESOLVES: &str = "echo resolved > d0/f0.txt && git add d0/f0.txt && GIT_EDITOR=: git rebase --continue";

#[test]
fn an_agent_is_told_what_collides_and_the_record_is_written_when_it_is_done() {
    let r = repo();
    let one = collides(&r, "one");
    session(&r, "two");
    base_moves(&r);
    agent(&r, "fixer", "--task={prompt} '{id}' \"a b\" $(touch pwned) {brief}", RESOLVES);
    r.git("session set one --goal 'Count {prompt} twice'").ok();
    let id = r.git("session list --format '%(name) %(id)'").ok().text();
    let id = id.lines().find_map(|line| line.strip_prefix("one ")).expect("an id").to_owned();
    let run = r.git("session sync --resolve=fixer --json");
    run.ok().stderr_contains("'one' is resolved").stderr_contains("I am the agent");
    assert_eq!(row(&rows(&run), "two")["outcome"], "rebased");
    let told = r.in_dir(r.root()).read("fixer.told");
    let (task, rest) = told.split_once(&format!("<{id}>\n<a b>\n<$(touch>\n<pwned)>\n")).expect("in this order");
    let commit = r.rev("main");
    for part in [
        "<--task=The branch of this worktree is being rebased onto 'main'",
        "(mine, $(touch pwned) `touch pwned`)",
        "- d0/f0.txt (content); line 12 of 'this branch'; line 12 of 'main'",
        &format!("'main' did there: {} the base moves", &commit[..7]),
        "`git rebase --continue`",
    ] {
        assert!(task.contains(part), "{part}: {told}");
    }
    assert!(rest.starts_with("<You work in the session 'one'") && rest.contains("Its goal: Count {prompt} twice"));
    assert!(told.ends_with(&format!("{}\n", one.here().display())), "{told}");
    assert!(!one.has("pwned") && !r.has("pwned"));
    assert_eq!(one.read("d0/f0.txt"), "resolved\n");
    r.git("session log one").ok().stdout_contains("resolved by fixer");
    let record = r.git("show refs/sessions/one:session.toml").ok().text();
    assert!(record.contains(&format!("fork = \"{commit}\"")), "{record}");
    assert_eq!(row(&rows(&r.git("session sync --json")), "one")["outcome"], "up-to-date");
    is_sound(&r);
}

#[test]
fn an_agent_that_leaves_it_undone_leaves_it_to_the_user() {
    let r = repo();
    let one = collides(&r, "one");
    base_moves(&r);
    agent(&r, "idle", "{prompt}", "exit 5");
    let before = r.git("session log one").ok().text();
    let run = r.git("session sync one --resolve=idle");
    run.code(3).stdout_contains("resolving").stderr_contains("did not end well").stderr_contains("is not resolved");
    assert!(one.git("status").text().contains("rebase in progress"));
    assert_eq!(r.git("session log one").ok().text(), before);
    one.git("rebase --abort").ok();
    // One that takes it back has resolved nothing.
    agent(&r, "coward", "{prompt}", "git rebase --abort");
    r.git("session sync one --resolve=coward").code(3).stderr_contains("is not resolved");
    is_sound(&r);
}

#[test]
fn an_agent_is_named_by_a_setting_and_works_on_one_session() {
    let r = repo();
    collides(&r, "one");
    collides(&r, "two");
    base_moves(&r);
    agent(&r, "fixer", "{prompt}", RESOLVES);
    r.config("session.agent.open.headless", "sh 'x");
    r.config("session.agent.wants.headless", "sh --model {model}");
    r.config("session.agent.on-terminal.command", "sh {prompt}");
    r.unchanged_by(|r| {
        r.git("session sync one --resolve=nobody").code(2).stderr_contains("session.agent.nobody.headless");
        r.git("session sync one --resolve=on-terminal").code(2).stderr_contains("where there is no terminal");
        r.git("session sync one --resolve=").code(2);
        r.git("session sync one --resolve=open").code(2).stderr_contains("a quote that does not end");
        r.git("session sync one --resolve=wants").code(2).stderr_contains("asks for {model}");
        r.git("session sync --resolve=fixer")
            .code(1)
            .stderr_contains("one, two")
            .stderr_contains("git session sync one --resolve=fixer");
        r.git("session sync one --resolve=fixer -n").code(3);
    });
    r.git("session sync one --resolve=fixer").ok();
    r.git("session sync two --resolve").code(3);
    r.session("two").git("rebase --abort").ok();
    // Nobody is started where nothing stops.
    r.git("session sync one --resolve=fixer").ok().stdout_contains("up-to-date").stdout_lacks("I am the agent");
    is_sound(&r);
}

#[test]
fn what_git_finishes_by_itself_after_all_has_its_record() {
    let r = repo();
    r.file(".gitattributes", "f0.txt merge=late\n").commit("a driver");
    // It has an answer only while a rebase is under way.
    let driver = r.root().join("late");
    let script = "#!/bin/sh\ntest -d \"$(git rev-parse --git-path rebase-merge)\" && cp \"$2\" \"$1\"\n";
    r.executable(driver.to_str().expect("a path"), script);
    r.config("merge.late.driver", &format!("'{}' %A %B", driver.display()));
    let one = collides(&r, "one");
    base_moves(&r);
    r.git("session sync one").code(3);
    let run = r.git("session sync one --resolve --json");
    run.ok();
    let rows = rows(&run);
    let one_row = row(&rows, "one");
    assert_eq!((&one_row["outcome"], &one_row["replayed"]), (&"rebased".into(), &2.into()), "{one_row}");
    assert_eq!(one.read("d0/f0.txt"), lines(0, 12).replace("line 11", "mine"));
    r.git("session log one").ok().stdout_contains("synced onto main").stdout_contains("2 commits");
    let record = r.git("show refs/sessions/one:session.toml").ok().text();
    assert!(record.contains(&format!("fork = \"{}\"", r.rev("main"))), "{record}");
    r.git("session undo --yes").ok();
    assert_eq!(r.git("log --format=%s main..one").ok().text().lines().count(), 2);
    is_sound(&r);
}

#[test]
fn none_is_begun_over_uncommitted_changes() {
    for (more, verb) in [("", "rebase"), (" --merge", "merge")] {
        let r = repo();
        let one = collides(&r, "one").file("d1/f1.txt", "typed\n");
        base_moves(&r);
        let run = r.git(&format!("session sync one --autostash --resolve{more}"));
        run.code(3).stdout_contains(&format!("no {verb} was begun, since there are uncommitted changes"));
        run.stdout_contains("commit --all` first");
        assert_eq!(one.read("d1/f1.txt"), "typed\n");
        one.git("status --porcelain").ok().stdout(" M d1/f1.txt\n");
    }
}

/// How often its timeline says so.
fn told(r: &Sandbox, name: &str, what: &str) -> usize {
    r.git(&format!("session log {name}")).ok().text().matches(what).count()
}

#[test]
fn what_the_user_takes_to_its_end_is_recorded_once() {
    for (more, verb) in [("", "rebase"), (" --merge", "merge")] {
        let r = repo();
        let one = collides(&r, "one");
        let before = r.rev("one");
        base_moves(&r);
        let onto = r.rev("main");
        r.git(&format!("session sync one --resolve{more}")).code(3);
        // Nothing is said of what is not done yet.
        r.tick().git("session set one --goal first").ok();
        assert_eq!(told(&r, "one", "resolved by hand"), 0);
        one.file("d0/f0.txt", "resolved\n").git("add d0/f0.txt").ok();
        one.env("GIT_EDITOR", ":").git(&format!("{verb} --continue")).ok();
        let tip = r.rev("one");
        // The base goes on: both are told, one after the other.
        r.tick().file("later.txt", "later\n").commit("later");
        r.tick().git(&format!("session sync one{more}")).ok().stderr_contains("'one' was resolved by hand");
        let log = r.git("session log one").ok().text();
        assert_eq!(told(&r, "one", "resolved by hand"), 1, "{log}");
        let event = r.git("log --format=%B refs/sessions/one --grep=resolved").ok().text();
        for line in [format!("Session-From: {before}"), format!("Session-To: {tip}")] {
            assert!(event.contains(&line), "{line}: {event}");
        }
        let noted = r.git("log --format=%H --grep=resolved refs/sessions/one").ok().text();
        let record = r.git(&format!("show {}:session.toml", noted.trim())).ok().text();
        assert!(record.contains(&format!("fork = \"{onto}\"")) && record.contains("last-sync"), "{record}");
        r.tick().git("session set one --goal second").ok();
        assert_eq!(told(&r, "one", "resolved by hand"), 1);
        is_sound(&r);
    }
}

#[test]
fn what_the_user_gives_up_is_not_recorded() {
    let r = repo();
    let one = collides(&r, "one");
    base_moves(&r);
    let record = r.rev("refs/sessions/one");
    r.git("session sync one --resolve").code(3);
    one.git("rebase --abort").ok();
    assert!(!r.git("session create two").ok().stderr_text().contains("resolved by hand"));
    assert_eq!(r.rev("refs/sessions/one"), record);
    // What is rebased by hand later on is not what was begun then.
    one.file("d0/f0.txt", lines(0, 12)).file("other.txt", "other\n").git("add --all").ok();
    one.git("commit --quiet --amend -m other").ok();
    one.git("rebase --quiet main").ok();
    assert!(!r.git("session create three").ok().stderr_text().contains("resolved by hand"));
    assert_eq!(r.rev("refs/sessions/one"), record);
    is_sound(&r);
}
