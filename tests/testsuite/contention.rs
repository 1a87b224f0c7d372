//! Real processes race, and nothing is lost.

use crate::support::{Run, Running, Sandbox};

fn repo() -> Sandbox {
    let r = Sandbox::new();
    for number in 0..40 {
        r.file(format!("src/{number}.txt"), format!("{number}\n"));
    }
    r.commit("base")
}

fn all(running: Vec<Running>) -> Vec<Run> {
    running.into_iter().map(Running::wait).collect()
}

#[track_caller]
fn settled(r: &Sandbox) {
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
    r.git("fsck --strict").ok();
    let locks = r.run("find", [".git", "-name", "*.lock"]).ok().text();
    assert_eq!(locks, "");
}

#[test]
fn thirty_two_creations_at_once_all_succeed() {
    let r = repo();
    let names: Vec<String> = (0..32).map(|number| format!("s{number:02}")).collect();
    for run in all(names.iter().map(|name| r.spawn(&format!("session create {name} --goal {name}"))).collect()) {
        run.ok();
    }
    let list = r.git("session list --json").ok().json_as("list");
    let rows = list["sessions"].as_array().expect("rows");
    assert_eq!(rows.len(), 32);
    for (row, name) in rows.iter().zip(&names) {
        assert_eq!((row["name"].as_str(), row["goal"].as_str()), (Some(name.as_str()), Some(name.as_str())));
        assert_eq!(row["broken"].as_array().map(Vec::len), Some(0), "{row}");
        for (_, count) in row["dirty"].as_object().expect("known") {
            assert_eq!(*count, 0, "{row}");
        }
        let top = r.in_dir(row["worktree"].as_str().expect("a worktree"));
        assert_eq!(top.read("src/39.txt"), "39\n");
        top.git("symbolic-ref refs/worktree/session").ok().stdout(format!("refs/sessions/{name}\n"));
    }
    settled(&r);
}

#[test]
fn one_name_is_given_once() {
    let r = repo();
    let runs = all((0..8).map(|_| r.spawn("session create auth")).collect());
    assert_eq!(runs.iter().filter(|run| run.status() == Some(0)).count(), 1, "{}", runs[0]);
    for run in runs.iter().filter(|run| run.status() != Some(0)) {
        assert!(matches!(run.status(), Some(1 | 4)), "{run}");
    }
    r.session("auth").git("status --porcelain").ok().stdout("");
    assert_eq!(r.session("auth").read("src/7.txt"), "7\n");
    settled(&r);
}

#[test]
fn sixteen_events_at_once_are_all_in_the_timeline() {
    let r = repo();
    r.git("session create auth").ok();
    let goals: Vec<String> = (0..16).map(|number| format!("goal-{number:02}")).collect();
    for run in all(goals.iter().map(|goal| r.spawn(&format!("session set auth --goal {goal}"))).collect()) {
        run.ok();
    }
    let log = r.git("session log auth --json").ok().json_lines_as("log");
    let mut seen: Vec<String> =
        log.iter().filter_map(|event| event["what"].as_str()?.strip_prefix("goal ")).map(str::to_owned).collect();
    seen.sort();
    assert_eq!(seen, goals);
    r.git("rev-list --count refs/sessions/auth").ok().stdout("17\n");
    settled(&r);
}

#[test]
fn finish_against_rename_ends_in_one_state() {
    for round in 0..3 {
        let r = repo();
        r.git("session create auth").ok();
        r.session("auth").file("auth.txt", "1\n").commit("work");
        let (finish, rename) = (r.spawn("session finish auth --merge"), r.spawn("session rename auth login"));
        let (finish, rename) = (finish.wait(), rename.wait());
        let ok = |run: &Run| run.status() == Some(0);
        assert!(ok(&finish) || ok(&rename), "round {round}: {finish}\n{rename}");
        for run in [&finish, &rename] {
            assert!(matches!(run.status(), Some(0 | 1 | 4)), "round {round}: {run}");
        }
        let list = r.git("session list --json").ok().json_as("list");
        let rows = list["sessions"].as_array().expect("rows");
        if ok(&finish) {
            assert_eq!(rows.len(), 0, "round {round}");
            assert_eq!(r.read("auth.txt"), "1\n");
        } else {
            assert_eq!((rows.len(), rows[0]["name"].as_str()), (1, Some("login")), "round {round}");
            assert_eq!(rows[0]["broken"].as_array().map(Vec::len), Some(0), "{list}");
            r.git("session finish login --merge").ok();
            assert_eq!(r.read("auth.txt"), "1\n");
        }
        r.git("status --porcelain").ok().stdout("");
        assert!(!r.has("../repo-sessions"), "round {round}");
        settled(&r);
    }
}

#[test]
fn sessions_finished_at_once_all_land() {
    let r = repo();
    let names = ["a", "b", "c", "d"];
    for name in names {
        r.git(&format!("session create {name}")).ok();
        r.session(name).file(format!("{name}.txt"), "1\n").commit(name);
    }
    let mut left: Vec<&str> = names.to_vec();
    for _ in 0..names.len() {
        let runs = all(left.iter().map(|name| r.spawn(&format!("session finish {name} --merge"))).collect());
        let before = left.len();
        left = left
            .into_iter()
            .zip(&runs)
            .filter_map(|(name, run)| {
                assert!(matches!(run.status(), Some(0 | 4)), "{run}");
                (run.status() == Some(4)).then_some(name)
            })
            .collect();
        if left.is_empty() {
            break;
        }
        assert!(left.len() < before, "somebody wins each race: {}", runs[0]);
    }
    assert!(left.is_empty());
    for name in names {
        assert_eq!(r.read(format!("{name}.txt")), "1\n");
        r.git(&format!("cat-file -e main:{name}.txt")).ok();
    }
    r.git("rev-list --count --merges main").ok().stdout("4\n");
    r.git("status --porcelain").ok().stdout("");
    assert!(!r.has("../repo-sessions"));
    settled(&r);
}

#[test]
fn work_committed_while_it_ends_is_not_lost() {
    let r = repo();
    r.git("session create auth").ok();
    let auth = r.session("auth").file("auth.txt", "1\n").commit("work");
    let finish = r.spawn("session finish auth --merge");
    let mut made = Vec::new();
    for number in 0..40 {
        let path = auth.path(format!("late-{number}.txt"));
        if std::fs::write(&path, "late\n").is_err() {
            break;
        }
        let added = auth.here().is_dir()
            && auth.run("sh", ["-c", "git add -A && git commit --quiet -m late && git rev-parse HEAD"]).status()
                == Some(0);
        if added && let Some(id) = r.git("rev-parse --verify --quiet auth").text().lines().next() {
            made.push(id.to_owned());
        }
    }
    finish.wait();
    r.git("reflog expire --expire=now --all").ok();
    r.git("gc --quiet --prune=now").ok();
    for id in made {
        r.git(&format!("cat-file -e {id}")).ok();
    }
}

#[test]
fn one_session_ends_once() {
    let r = repo();
    r.git("session create auth").ok();
    r.session("auth").file("auth.txt", "1\n").commit("work").file("late.txt", "uncommitted\n");
    let runs = all((0..4).map(|_| r.spawn("session finish auth --abandon --yes")).collect());
    assert_eq!(runs.iter().filter(|run| run.status() == Some(0)).count(), 1, "{}\n{}", runs[0], runs[1]);
    for run in runs.iter().filter(|run| run.status() != Some(0)) {
        assert!(matches!(run.status(), Some(1 | 4)), "{run}");
    }
    let ended = r.git("session list --ended --json").ok().json_as("list");
    assert_eq!(ended["sessions"].as_array().map(Vec::len), Some(1));
    let salvage = r.git("log -1 --format='%(trailers:key=Session-Salvage,valueonly)' refs/sessions/@keep").ok().text();
    r.git(&format!("show {}^3:late.txt", salvage.trim())).ok().stdout("uncommitted\n");
    assert!(!r.has("../repo-sessions"));
    settled(&r);
}

#[test]
fn one_branch_is_adopted_once_and_one_session_renamed_once() {
    let r = repo();
    r.git("branch auth").ok();
    let runs = all((0..6).map(|_| r.spawn("session adopt auth")).collect());
    assert_eq!(runs.iter().filter(|run| run.status() == Some(0)).count(), 1, "{}\n{}", runs[0], runs[1]);
    r.session("auth").git("status --porcelain").ok().stdout("");
    let id = r.rev("refs/sessions/auth");
    let runs = all(["a", "b", "c", "d"].iter().map(|name| r.spawn(&format!("session rename auth {name}"))).collect());
    assert_eq!(runs.iter().filter(|run| run.status() == Some(0)).count(), 1, "{}\n{}", runs[0], runs[1]);
    let list = r.git("session list --json").ok().json_as("list");
    let rows = list["sessions"].as_array().expect("rows");
    assert_eq!((rows.len(), rows[0]["broken"].as_array().map(Vec::len)), (1, Some(0)), "{list}");
    assert_eq!((rows[0]["id"].as_str(), &rows[0]["branch"]), (Some(id.as_str()), &rows[0]["name"]), "{list}");
    r.session(rows[0]["name"].as_str().expect("a name")).git("status --porcelain").ok().stdout("");
    settled(&r);
}

#[test]
fn ends_and_creations_do_not_disturb_each_other() {
    let r = repo();
    for number in 0..6 {
        r.git(&format!("session create old{number}")).ok();
        r.session(&format!("old{number}")).file(format!("old{number}.txt"), "1\n").commit("work");
    }
    let mut running = Vec::new();
    for number in 0..6 {
        running.push(r.spawn(&format!("session finish old{number} --keep")));
        running.push(r.spawn(&format!("session create new{number}")));
    }
    for run in all(running) {
        run.ok();
    }
    let list = r.git("session list --json").ok().json_as("list");
    let rows = list["sessions"].as_array().expect("rows");
    assert_eq!(rows.len(), 6, "{list}");
    for row in rows {
        assert_eq!(row["broken"].as_array().map(Vec::len), Some(0), "{row}");
        r.in_dir(row["worktree"].as_str().expect("a worktree")).git("status --porcelain").ok().stdout("");
    }
    settled(&r);
}

#[test]
fn a_lock_of_a_record_is_never_without_its_value_and_packed_refs_are_not_locked() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let r = Sandbox::new();
    r.file("a.txt", "1\n").commit("base");
    r.git("session create auth").ok();
    r.git("pack-refs --all").ok();
    let (done, refs) = (AtomicBool::new(false), r.path(".git/refs/sessions"));
    let packed = r.path(".git/packed-refs.lock");
    let seen = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut bad = std::collections::BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                match std::fs::read_to_string(refs.join("auth.lock")) {
                    Ok(text) if text.len() != 41 => drop(bad.insert(format!("a lock that says '{text}'"))),
                    _ => {}
                }
                if packed.exists() {
                    bad.insert("packed-refs.lock".into());
                }
            }
            bad
        });
        for n in 0..40 {
            r.git_args(["session", "set", "auth", "--goal", &format!("goal {n}")]).ok();
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().expect("it watches")
    });
    assert!(seen.is_empty(), "{seen:?}");
}
