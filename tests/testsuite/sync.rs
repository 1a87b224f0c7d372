//! `sync`: every session on its newest base, as `git rebase` puts it there, and nothing lost on the way.

use crate::recovery::patiently;
use crate::support::{Run, Sandbox};
use serde_json::Value;

pub(crate) fn repo() -> Sandbox {
    let r = Sandbox::new();
    for n in 0..6 {
        r.file(format!("d{}/f{n}.txt", n % 3), lines(n, 12));
    }
    r.commit("base")
}

pub(crate) fn lines(seed: usize, count: usize) -> String {
    (0..count).map(|n| format!("file {seed} line {n}\n")).collect()
}

/// A session with one commit of its own.
pub(crate) fn session(r: &Sandbox, name: &str) -> Sandbox {
    r.git(&format!("session create {name}")).ok();
    r.session(name).file(format!("{name}.txt"), format!("{name}\n")).commit(&format!("work of {name}"))
}

pub(crate) fn base_moves(r: &Sandbox) {
    r.file("d0/f0.txt", lines(0, 12).replace("line 11", "last line"))
        .file("new-in-base.txt", "new\n")
        .commit("the base moves");
}

pub(crate) fn sync(r: &Sandbox, more: &str) -> Vec<Value> {
    rows(&r.git(&format!("session sync --json {more}")))
}

pub(crate) fn rows(run: &Run) -> Vec<Value> {
    run.json_as("sync")["sessions"].as_array().expect("sessions").clone()
}

#[track_caller]
pub(crate) fn row<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is not in {rows:?}"))
}

#[track_caller]
pub(crate) fn is_sound(r: &Sandbox) {
    r.git("fsck --strict --no-dangling").ok();
    r.git("for-each-ref refs/sessions/@pending/").ok().stdout("");
}

/// What `git rebase` makes of a branch, in a worktree of its own: the new tip, or the commit that stops it and the paths.
fn rebased(r: &Sandbox, tip: &str, onto: &str) -> Result<String, (String, Vec<String>)> {
    let twin = r.root().join("twin");
    if !twin.exists() {
        r.git_args(["worktree", "add", "--quiet", "--detach", &twin.to_string_lossy(), onto]).ok();
    }
    let twin = r.in_dir(twin);
    twin.git(&format!("checkout --quiet --detach {tip}")).ok();
    if twin.git(&format!("rebase --quiet {onto}")).status() == Some(0) {
        return Ok(twin.rev("HEAD"));
    }
    let commit = twin.rev("REBASE_HEAD");
    let mut paths: Vec<String> = twin
        .git("-c core.quotePath=false diff --name-only --diff-filter=U")
        .ok()
        .text()
        .lines()
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    twin.git("rebase --abort").ok();
    Err((commit, paths))
}

#[test]
fn sessions_follow_their_base_with_the_ids_that_git_gives() {
    let r = repo();
    let one = session(&r, "one");
    one.file("d1/f1.txt", lines(1, 12).replace("line 3", "third")).commit("more");
    session(&r, "two");
    r.git("session create three").ok();
    base_moves(&r);
    let fork = r.rev("main~1");
    let expected = rebased(&r, "one", "main").expect("no conflict");
    r.unchanged_by(|r| {
        let rows = sync(r, "--dry-run");
        assert_eq!(row(&rows, "one")["to"], expected.as_str());
    });
    let rows = sync(&r, "");
    assert_eq!(row(&rows, "one")["outcome"], "rebased");
    assert_eq!(row(&rows, "one")["replayed"], 2);
    assert_eq!(row(&rows, "one")["onto"], r.rev("main").as_str());
    assert_eq!(row(&rows, "three")["outcome"], "fast-forwarded");
    assert_eq!(r.rev("one"), expected);
    for name in ["one", "two", "three"] {
        let s = r.session(name);
        s.git("status --porcelain --untracked-files=all").ok().stdout("");
        assert_eq!(s.read("new-in-base.txt"), "new\n");
        assert_eq!(s.rev("HEAD"), r.rev(name));
    }
    let logged = r.git("reflog show --format=%gs -1 one").ok().text();
    assert_eq!(logged, format!("rebase (finish): refs/heads/one onto {}\n", r.rev("main")));
    assert_eq!(one.rev("ORIG_HEAD"), one.rev("one@{1}"));
    let record = r.git("show refs/sessions/one:session.toml").ok().text();
    assert!(record.contains(&format!("fork = \"{}\"", r.rev("main"))) && !record.contains(&fork), "{record}");
    r.git("session log one").ok().stdout_contains("synced onto main");
    let before = r.state();
    assert!(sync(&r, "").iter().all(|row| row["outcome"] == "up-to-date"));
    r.state().assert_eq(&before);
    is_sound(&r);
}

#[test]
fn only_what_differs_is_written() {
    use std::os::unix::fs::MetadataExt;
    let r = repo();
    let one = session(&r, "one");
    base_moves(&r);
    let times = |s: &Sandbox| -> Vec<(String, i64, i64)> {
        let list = s.git("ls-files").ok().text();
        let stat = |file: &str| std::fs::symlink_metadata(s.path(file)).expect("a file");
        list.lines().map(|file| (file.to_owned(), stat(file).mtime(), stat(file).mtime_nsec())).collect()
    };
    let before = times(&one);
    sync(&r, "");
    let written: Vec<String> =
        times(&one).into_iter().filter(|entry| !before.contains(entry)).map(|(file, _, _)| file).collect();
    assert_eq!(written, ["d0/f0.txt", "new-in-base.txt"]);
}

/// A generator of numbers that are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("small") % limit
    }
}

/// One commit of some kind.
fn some_change(s: &Sandbox, dice: &mut Dice, tag: &str) {
    let list = s.git("-c core.quotePath=false ls-files").ok().text();
    let files: Vec<&str> = list.lines().collect();
    let file = files[dice.below(files.len())];
    let path = s.path(file);
    let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    match dice.below(12) {
        0 => drop(s.git_args(["mv", file, &format!("{file}-{tag}")])),
        1 if files.len() > 3 => drop(s.remove(file)),
        2 => drop(s.file(format!("added/{tag}.txt"), lines(dice.below(9), 8))),
        3 => drop(s.file(format!("binary-{}", dice.below(2)), [0, 1, 2, u8::try_from(dice.below(3)).expect("small")])),
        4 => drop(s.file("crlf.txt", format!("one\r\ntwo {}\r\n", dice.below(3)))),
        5 if !is_link => {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        6 => {
            let link = s.path(format!("link-{}", dice.below(2)));
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(format!("target-{}", dice.below(2)), link).expect("a link");
        }
        7 => {
            s.git_args(["commit", "--quiet", "--allow-empty", "-m", &format!("empty {tag}")]).ok();
            return;
        }
        8 => drop(s.file("naïve—名.txt", format!("{}\n", dice.below(3)))),
        _ if !is_link => {
            let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
            let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
            let at = dice.below(rows.len().max(1));
            if rows.is_empty() || dice.below(3) == 0 {
                rows.insert(at.min(rows.len()), format!("inserted {tag}"));
            } else {
                rows[at] = format!("changed {}", dice.below(3));
            }
            s.file(file, rows.join("\n") + "\n");
        }
        _ => {}
    }
    s.git("add --all").ok();
    let message = if dice.below(6) == 0 {
        format!("odd \u{7f} {tag}\n\nSigned-off-by: x\n")
    } else {
        format!("change {tag}\n\nbody\n")
    };
    s.git_args(["commit", "--quiet", "-m", &message]);
}

#[test]
fn generated_histories_come_out_as_git_rebase_makes_them() {
    let seeds: u64 = std::env::var("SYNC_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let (mut clean, mut conflicts) = (0, 0);
    for seed in 1..=seeds {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let r = repo();
        let names = ["a", "b", "c", "d", "e"];
        for name in names {
            r.git(&format!("session create {name}")).ok();
            let s = r.session(name);
            for n in 0..=dice.below(4) {
                some_change(&s.tick(), &mut dice, &format!("{name}{n}"));
            }
        }
        for n in 0..=dice.below(5) {
            some_change(&r.tick(), &mut dice, &format!("base{n}"));
        }
        // Some of it has landed in the base already, and was changed there afterwards.
        if r.git(&format!("cherry-pick --allow-empty --keep-redundant-commits {}", names[dice.below(5)])).status()
            == Some(0)
        {
            some_change(&r.tick(), &mut dice, "later");
        } else {
            r.git("cherry-pick --abort");
        }
        r.tick();
        let expected: Vec<_> = names.iter().map(|name| rebased(&r, name, "main")).collect();
        let rows = rows(&r.git("session sync --json"));
        for (name, expected) in names.iter().zip(expected) {
            let row = row(&rows, name);
            let context = || format!("seed {seed}, session {name}: {row}");
            match expected {
                Ok(tip) => {
                    assert_eq!(r.rev(name), tip, "{}", context());
                    clean += 1;
                }
                Err((commit, paths)) => {
                    assert_eq!(row["outcome"], "conflict", "{}", context());
                    assert_eq!(row["commit"], commit.as_str(), "{}", context());
                    let mut found: Vec<String> = row["conflicts"]
                        .as_array()
                        .expect("conflicts")
                        .iter()
                        .map(|file| file["path"].as_str().expect("a path").to_owned())
                        .collect();
                    found.sort();
                    assert_eq!(found, paths, "{}", context());
                    conflicts += 1;
                }
            }
            r.session(name).git("status --porcelain").ok().stdout("");
        }
        is_sound(&r);
    }
    assert!(clean > 0 && conflicts > 0, "{clean} clean, {conflicts} conflicts: the histories are too tame");
}

#[test]
fn a_conflict_names_commit_paths_and_lines_and_stops_no_other() {
    let r = repo();
    let one = session(&r, "one");
    one.file("d0/f0.txt", lines(0, 12).replace("line 11", "my line")).commit("mine");
    session(&r, "two");
    base_moves(&r);
    let before = r.rev("one");
    let run = r.git("session sync --json");
    run.code(3);
    let rows = rows(&run);
    let row_one = row(&rows, "one");
    assert_eq!(row_one["outcome"], "conflict");
    assert_eq!(row_one["commit"], before.as_str());
    assert_eq!(row_one["conflicts"][0]["path"], "d0/f0.txt");
    assert_eq!(row_one["conflicts"][0]["kind"], "content");
    assert_eq!(row_one["conflicts"][0]["ours"], serde_json::json!([[12, 12]]));
    assert_eq!(row(&rows, "two")["outcome"], "rebased");
    assert_eq!(r.rev("one"), before);
    r.git("session sync one").code(3).stdout_contains("git session sync one --resolve");
    r.git("session sync one --resolve").code(3).stdout_contains("resolving");
    assert!(one.git("status").text().contains("rebase in progress"));
    let rows = sync(&r, "");
    assert_eq!(row(&rows, "one")["reason"], "operation");
    one.file("d0/f0.txt", "resolved\n").git("add --all").ok();
    one.env("GIT_EDITOR", ":").git("rebase --continue").ok();
    assert_eq!(row(&sync(&r, ""), "one")["outcome"], "up-to-date");
    is_sound(&r);
}

#[test]
fn each_obstacle_has_its_own_sentence_and_the_others_go_on() {
    let r = repo();
    for name in ["dirty", "busy", "bisecting", "detached", "missing", "twice", "in-way", "merging", "fine"] {
        session(&r, name);
    }
    let lock = r.session("busy").git("rev-parse --path-format=absolute --git-path index.lock").ok().text();
    std::fs::write(lock.trim_end(), "").expect("a lock");
    r.session("dirty").file("d0/f0.txt", "dirty\n");
    r.session("bisecting").git("bisect start").ok();
    r.session("detached").git("switch --quiet --detach").ok();
    std::fs::remove_dir_all(r.session("missing").here()).expect("removed");
    r.git("worktree add --quiet --force ../again twice").ok();
    r.session("in-way").file("new-in-base.txt", "mine, untracked\n");
    r.git("branch side main").ok();
    let merging = r.session("merging");
    merging.git("switch --quiet side").ok();
    merging.file("side.txt", "s\n").commit("side");
    merging.git("switch --quiet merging").ok();
    merging.git("merge --quiet --no-edit side").ok();
    base_moves(&r);
    let tips: Vec<String> = ["dirty", "busy", "bisecting", "detached", "missing", "twice", "in-way", "merging"]
        .iter()
        .map(|name| r.rev(name))
        .collect();
    let run = r.git("session sync --json");
    run.ok();
    let rows = rows(&run);
    for (name, reason) in [
        ("dirty", "dirty"),
        ("busy", "busy"),
        ("bisecting", "operation"),
        ("detached", "detached"),
        ("missing", "missing"),
        ("twice", "checked-out-twice"),
        ("in-way", "untracked"),
        ("merging", "merge-commits"),
    ] {
        let row = row(&rows, name);
        assert_eq!((row["outcome"].as_str(), row["reason"].as_str()), (Some("skipped"), Some(reason)), "{row}");
        assert!(row["remedy"].is_string(), "{row}");
    }
    assert_eq!(row(&rows, "fine")["outcome"], "rebased");
    let now: Vec<String> = ["dirty", "busy", "bisecting", "detached", "missing", "twice", "in-way", "merging"]
        .iter()
        .map(|name| r.rev(name))
        .collect();
    assert_eq!(now, tips);
    assert_eq!(r.session("in-way").read("new-in-base.txt"), "mine, untracked\n");
    assert_eq!(r.session("dirty").read("d0/f0.txt"), "dirty\n");
    // Named by itself a session that is skipped is a refusal.
    r.git("session sync dirty").code(1).stdout_contains("uncommitted changes");
    r.git("session sync merging --rebase-merges").ok();
    assert!(r.git("merge-base --is-ancestor main merging").status() == Some(0));
    assert!(!r.git("rev-list --merges main..merging").ok().text().is_empty());
}

#[test]
fn a_base_that_has_diverged_from_its_upstream_is_waited_for() {
    let r = repo();
    r.git("clone --quiet --bare . ../up.git").ok();
    r.git("remote add origin ../up.git").ok();
    r.git("fetch --quiet origin").ok();
    r.git("branch --quiet --set-upstream-to=origin/main").ok();
    session(&r, "one");
    r.git("clone --quiet ../up.git ../other").ok();
    let other = r.in_dir(r.root().join("other"));
    other.file("theirs.txt", "t\n").commit("theirs");
    other.git("push --quiet origin main").ok();
    // The upstream is strictly ahead: that is the base tip.
    let rows = sync(&r, "--fetch");
    assert_eq!(row(&rows, "one")["onto"], r.rev("origin/main").as_str());
    assert_eq!(row(&rows, "one")["outcome"], "rebased");
    r.file("ours.txt", "o\n").commit("ours");
    other.file("theirs.txt", "t2\n").commit("theirs again");
    other.git("push --quiet origin main").ok();
    let rows = sync(&r, "--fetch");
    assert_eq!(row(&rows, "one")["reason"], "base-diverged");
    r.git("remote set-url origin ../nowhere.git").ok();
    r.unchanged_by(|r| r.git("session sync --fetch").code(1).stderr_contains("could not be fetched").status());
}

#[test]
fn stacked_sessions_follow_their_parents() {
    let r = repo();
    session(&r, "low");
    r.session("low").git("session create mid --stack").ok();
    let mid = r.session("mid").file("mid.txt", "m\n").commit("mid");
    mid.git("session create top --stack").ok();
    r.session("top").file("top.txt", "t\n").commit("top");
    session(&r, "alone");
    base_moves(&r);
    r.unchanged_by(|r| assert!(sync(r, "-n").iter().all(|row| row["outcome"] == "rebased")));
    assert!(sync(&r, "").iter().all(|row| row["outcome"] == "rebased"));
    assert_eq!(r.git("log --format=%s main..top").ok().text(), "top\nmid\nwork of low\n");
    assert_eq!(r.rev("top~1"), r.rev("mid"));
    assert_eq!(r.rev("mid~1"), r.rev("low"));
    // A parent that conflicts blocks its own stack only.
    r.session("low").file("d0/f0.txt", "low\n").commit("low collides");
    r.file("d0/f0.txt", "base\n").commit("the base collides");
    let rows = sync(&r, "");
    assert_eq!(row(&rows, "low")["outcome"], "conflict");
    assert_eq!((&row(&rows, "mid")["outcome"], &row(&rows, "mid")["reason"]), (&"blocked".into(), &"parent".into()));
    assert_eq!(row(&rows, "top")["outcome"], "blocked");
    assert_eq!(row(&rows, "alone")["outcome"], "rebased");
    is_sound(&r);
}

#[test]
fn a_rewritten_base_drags_nothing_along() {
    let r = repo();
    r.file("old.txt", "old\n").commit("will be rewritten");
    session(&r, "one");
    r.file("old.txt", "rewritten\n").git("add --all").ok();
    r.git("commit --quiet --amend -m rewritten").ok();
    sync(&r, "");
    assert_eq!(r.git("log --format=%s main..one").ok().text(), "work of one\n");
    assert_eq!(r.session("one").read("old.txt"), "rewritten\n");
    is_sound(&r);
}

#[test]
fn uncommitted_work_is_carried_where_it_does_not_collide() {
    let r = repo();
    for name in ["apart", "same-file", "collides"] {
        session(&r, name);
    }
    r.session("apart").file("d2/f2.txt", "dirty\n").file("untracked.txt", "u\n");
    r.session("apart").file("d1/f1.txt", "staged\n").git("add d1/f1.txt").ok();
    let far = lines(0, 12).replace("line 0\n", "first line\n");
    r.session("same-file").file("d0/f0.txt", &far);
    let near = lines(0, 12).replace("line 11", "mine");
    r.session("collides").file("d0/f0.txt", &near);
    base_moves(&r);
    let rows = sync(&r, "--autostash");
    assert_eq!(row(&rows, "apart")["outcome"], "rebased");
    assert_eq!(row(&rows, "same-file")["outcome"], "rebased");
    assert_eq!(row(&rows, "collides")["reason"], "dirty");
    let apart = r.session("apart");
    apart.git("status --porcelain").ok().stdout("M  d1/f1.txt\n M d2/f2.txt\n?? untracked.txt\n");
    assert_eq!((apart.read("d2/f2.txt"), apart.read("d1/f1.txt")), ("dirty\n".into(), "staged\n".into()));
    let both = far.replace("line 11", "last line");
    assert_eq!(r.session("same-file").read("d0/f0.txt"), both);
    r.session("same-file").git("status --porcelain").ok().stdout(" M d0/f0.txt\n");
    assert_eq!(r.session("collides").read("d0/f0.txt"), near);
    r.git("stash list").ok().stdout("");
    is_sound(&r);
}

#[test]
fn the_base_is_merged_where_that_is_asked_for() {
    let r = repo();
    session(&r, "one");
    let before = r.rev("one");
    base_moves(&r);
    r.unchanged_by(|r| assert_eq!(row(&sync(r, "-n --merge"), "one")["outcome"], "merged"));
    assert_eq!(row(&sync(&r, "--merge"), "one")["outcome"], "merged");
    assert_eq!((r.rev("one^1"), r.rev("one^2")), (before, r.rev("main")));
    assert_eq!(r.git("log -1 --format=%s one").ok().text(), "Merge branch 'main' into one\n");
    r.session("one").git("status --porcelain").ok().stdout("");
    is_sound(&r);
}

#[test]
fn another_base_from_then_on() {
    let r = repo();
    session(&r, "one");
    r.branch("develop");
    r.file("d.txt", "d\n").commit("develop");
    r.git("switch --quiet main").ok();
    r.git("session sync --onto develop").code(2);
    r.git("session sync one --onto nowhere").code(1).stderr_contains("no branch");
    r.git("session sync one --onto one").code(1);
    sync(&r, "one --onto develop");
    assert_eq!(r.rev("one~1"), r.rev("develop"));
    assert_eq!(r.git("session list --format '%(base)'").ok().text(), "develop\n");
}

#[test]
fn hooks_that_git_would_run_run() {
    let r = repo();
    session(&r, "one");
    base_moves(&r);
    r.executable(
        ".git/hooks/post-rewrite",
        &format!("#!/bin/sh\necho \"$1\" >> '{}'\ncat >/dev/null\n", r.root().join("ran").display()),
    );
    let expected = rebased(&r, "one", "main").expect("no conflict");
    std::fs::remove_file(r.root().join("ran")).expect("git ran it");
    sync(&r, "");
    assert_eq!(r.rev("one"), expected);
    assert_eq!(r.in_dir(r.root()).read("ran"), "rebase\n");
    r.executable(".git/hooks/pre-rebase", "#!/bin/sh\nexit 1\n");
    r.file("more.txt", "m\n").commit("more");
    let rows = rows(r.git("session sync --json").ok());
    assert_eq!(row(&rows, "one")["reason"], "hook");
    assert_eq!(r.rev("one"), expected);
    is_sound(&r);
}

#[test]
fn notes_go_along_where_git_would_take_them() {
    let r = repo();
    session(&r, "one");
    r.git("notes add -m remember one").ok();
    r.config("notes.rewriteRef", "refs/notes/commits");
    base_moves(&r);
    sync(&r, "");
    r.git("notes show one").ok().stdout("remember\n");
}

#[test]
fn undo_takes_back_the_whole_sync_and_again() {
    let r = repo();
    session(&r, "one");
    session(&r, "two");
    base_moves(&r);
    let before = (r.rev("one"), r.rev("two"));
    sync(&r.tick(), "");
    let after = (r.rev("one"), r.rev("two"));
    r.tick().git("session undo --yes").ok();
    assert_eq!((r.rev("one"), r.rev("two")), before);
    for name in ["one", "two"] {
        let s = r.session(name);
        s.git("status --porcelain").ok().stdout("");
        assert!(!s.has("new-in-base.txt"));
    }
    r.tick().git("session undo --yes").ok();
    assert_eq!((r.rev("one"), r.rev("two")), after);
    r.session("one").file("more.txt", "m\n").commit("moved on");
    r.tick().git("session undo --yes").stderr_contains("moved on since");
    is_sound(&r);
}

#[test]
fn undo_leaves_alone_what_is_uncommitted_in_other_files() {
    let r = repo();
    let s = session(&r, "one");
    s.file("d1/f1.txt", "not committed\n").file("staged.txt", "s\n").git("add staged.txt").ok();
    base_moves(&r);
    let (before, status) = (r.rev("one"), s.git("status --porcelain").ok().text());
    sync(&r.tick(), "--autostash");
    assert_ne!(r.rev("one"), before);
    r.tick().git("session undo --yes").ok();
    assert_eq!((r.rev("one"), s.git("status --porcelain").ok().text()), (before.clone(), status));
    assert_eq!((s.read("d1/f1.txt"), s.read("staged.txt")), ("not committed\n".to_owned(), "s\n".to_owned()));
    // In a file that would have to move it is in the way.
    sync(&r.tick(), "--autostash");
    s.file("d0/f0.txt", "mine\n");
    let after = r.rev("one");
    r.tick().git("session undo --yes").stderr_contains("'d0/f0.txt' has uncommitted changes").stderr_contains("stash");
    assert_eq!((r.rev("one"), s.read("d0/f0.txt")), (after.clone(), "mine\n".to_owned()));
    is_sound(&r);
}

#[test]
fn sixteen_at_once_move_each_session_once() {
    let r = repo();
    for n in 0..4 {
        session(&r, &format!("s{n}"));
    }
    base_moves(&r);
    let running: Vec<_> = (0..8).map(|_| r.spawn("session sync")).collect();
    for run in running {
        let run = run.wait();
        assert!([Some(0), Some(4)].contains(&run.status()), "{}", run.stderr_text());
    }
    sync(&r, "");
    for n in 0..4 {
        let name = format!("s{n}");
        assert_eq!(r.rev(&format!("{name}~1")), r.rev("main"));
        assert_eq!(r.git(&format!("session log {name}")).ok().text().matches("synced").count(), 1);
        r.session(&name).git("status --porcelain").ok().stdout("");
    }
    is_sound(&r);
}

/// A commit of a tree on `HEAD`, with these bytes for message.
fn commit_with(s: &Sandbox, file: &str, author: &[u8], message: &[u8]) {
    s.file(file, "x\n").git("add --all").ok();
    let (tree, head) = (s.git("write-tree").ok().text(), s.rev("HEAD"));
    let mut bytes = format!("tree {}\nparent {head}\nauthor ", tree.trim_end()).into_bytes();
    bytes.extend_from_slice(author);
    bytes.extend_from_slice(b" <a@x> 1600000000 +0230\ncommitter C <c@x> 1600000000 +0000\n\n");
    bytes.extend_from_slice(message);
    let place = s.root().join("commit-object");
    std::fs::write(&place, bytes).expect("a file");
    let id = s.git_args(["hash-object", "-t", "commit", "-w", "--literally", &place.to_string_lossy()]).ok().text();
    s.git(&format!("reset --quiet --hard {}", id.trim_end())).ok();
}

#[test]
fn messages_in_no_encoding_come_out_as_git_writes_them() {
    let r = repo();
    let messages: [&[u8]; 9] = [
        b"caf\xe9 au lait\n",
        b"overlong \xc0\xaf, surrogate \xed\xa0\x80, none \xef\xbf\xbe \xef\xb7\x90, cut \xe2\x82",
        b"\n\nblank lines first\n",
        b" \t\n\r\n  indented\n",
        b"",
        b"\n \n",
        b"no end",
        b"subject\n# no comment\n\n\ntrailing  \n\n\n",
        "naïve — 名\r\n\r\nbody\r\n".as_bytes(),
    ];
    for (n, message) in messages.iter().enumerate() {
        r.git(&format!("session create m{n}")).ok();
        commit_with(&r.session(&format!("m{n}")), &format!("m{n}.txt"), if n == 2 { b"J\xe9" } else { b"A" }, message);
    }
    base_moves(&r);
    let expected: Vec<String> =
        (0..messages.len()).map(|n| rebased(&r, &format!("m{n}"), "main").expect("no conflict")).collect();
    sync(&r, "");
    for (n, expected) in expected.iter().enumerate() {
        assert_eq!(r.rev(&format!("m{n}")), *expected, "{:?}", messages[n].escape_ascii().to_string());
    }
    is_sound(&r);
}

#[test]
fn modes_of_old_come_out_as_git_writes_them() {
    let r = repo();
    for (name, is_new) in [("added", true), ("changed", false)] {
        r.git(&format!("session create {name}")).ok();
        let s = r.session(name);
        let path = if is_new { "odd.txt" } else { "top.txt" };
        s.file("top.txt", "old\n").file("other.txt", "o\n").commit("files");
        s.file(path, "x\n").git("add --all").ok();
        let listed = s.git("write-tree").ok().text();
        let listed = s.git(&format!("ls-tree {}", listed.trim_end())).ok().text();
        let mut tree = Vec::new();
        for entry in listed.lines() {
            let (facts, name) = entry.split_once('\t').expect("a name");
            let facts: Vec<&str> = facts.split(' ').collect();
            let mode = if name == path { "100664" } else { facts[0].trim_start_matches('0') };
            tree.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            let byte = |at: usize| u8::from_str_radix(&facts[2][at..at + 2], 16).expect("hex");
            tree.extend((0..facts[2].len()).step_by(2).map(byte));
        }
        let place = r.root().join("tree-object");
        std::fs::write(&place, tree).expect("a file");
        let tree = s.git_args(["hash-object", "-t", "tree", "-w", "--literally", &place.to_string_lossy()]).ok().text();
        let commit = s.git(&format!("commit-tree -p HEAD -m odd {}", tree.trim_end())).ok().text();
        s.git(&format!("reset --quiet --hard {}", commit.trim_end())).ok();
    }
    base_moves(&r);
    let expected = ["added", "changed"].map(|name| rebased(&r, name, "main").expect("no conflict"));
    sync(&r, "");
    assert_eq!(["added", "changed"].map(|name| r.rev(name)), expected);
}

#[test]
fn a_base_that_was_put_back_or_is_another_one_leaves_nothing_of_itself() {
    let r = repo();
    let low = session(&r, "low");
    low.file("low-2.txt", "l\n").commit("second of low");
    for name in ["high", "moved", "plain"] {
        low.git(&format!("session create {name} --stack")).ok();
        r.session(name).file(format!("{name}.txt"), "h\n").commit(&format!("work of {name}"));
    }
    let merging = r.session("plain");
    merging.git("switch --quiet -c side HEAD~1").ok();
    merging.file("side.txt", "s\n").commit("side");
    merging.git("switch --quiet plain").ok();
    merging.git("merge --quiet --no-edit side").ok();
    assert_eq!(row(&sync(&r, ""), "plain")["outcome"], "up-to-date", "its own merge is none of this");
    // The trunk has not moved, and yet it is another base.
    r.unchanged_by(|r| assert_eq!(row(&sync(r, "moved --onto main -n"), "moved")["replayed"], 1));
    assert_eq!(row(&sync(&r, "moved --onto main"), "moved")["outcome"], "rebased");
    assert_eq!(r.git("log --format=%s main..moved").ok().text(), "work of moved\n");
    assert!(!r.session("moved").path("low.txt").exists());
    r.git("session undo --yes").ok();
    assert_eq!(r.git("log --format=%s main..moved").ok().text(), "work of moved\nsecond of low\nwork of low\n");
    // The parent takes a commit back, as `git rebase --fork-point` sees it.
    low.git("reset --quiet --hard HEAD~1").ok();
    assert_eq!(row(&sync(&r, "high"), "high")["outcome"], "rebased");
    assert_eq!(r.git("log --format=%s main..high").ok().text(), "work of high\nwork of low\n");
    assert_eq!(row(&sync(&r, "high"), "high")["outcome"], "up-to-date");
    is_sound(&r);
}

#[test]
fn another_base_is_remembered_whatever_becomes_of_the_branch() {
    let r = repo();
    r.git("switch --quiet -c dev").ok();
    r.file("d0/f0.txt", lines(0, 12).replace("line 11", "of dev")).commit("dev");
    r.git("switch --quiet main").ok();
    r.git("branch same main").ok();
    session(&r, "there");
    let one = session(&r, "one");
    one.file("d0/f0.txt", lines(0, 12).replace("line 11", "mine")).commit("mine");
    let base = |name: &str| {
        let record = r.git(&format!("show refs/sessions/{name}:session.toml")).ok().text();
        record.lines().find(|line| line.starts_with("ref = ")).expect("a base").to_owned()
    };
    r.git("session sync there --onto same -n").ok();
    assert_eq!(base("there"), "ref = \"refs/heads/main\"");
    r.git("session sync there --onto same").ok().stdout_contains("its base is 'same' from now on");
    assert_eq!(base("there"), "ref = \"refs/heads/same\"");
    r.git("session sync one --onto dev").code(3).stdout_contains("git session sync one --onto dev --resolve");
    assert_eq!(base("one"), "ref = \"refs/heads/main\"");
    r.git("session sync one --onto dev --resolve").code(3).stdout_contains("git rebase --continue");
    one.git("rebase --abort").ok();
    r.git("session sync one --resolve").code(3);
    one.file("d0/f0.txt", "resolved\n").git("add --all").ok();
    one.env("GIT_EDITOR", ":").git("rebase --continue").ok();
    base_moves(&r);
    assert_eq!(row(&sync(&r, "one"), "one")["outcome"], "up-to-date");
    assert_eq!(r.git("log --format=%s dev..one").ok().text(), "mine\nwork of one\n");
    is_sound(&r);
}

#[test]
fn what_helps_is_what_was_asked_for_and_can_be_typed() {
    let r = repo();
    let one = session(&r, "one");
    one.file("d0/f0.txt", "one\n").commit("one");
    for name in ["folder", "below", "overlooked", "bare"] {
        session(&r, name);
    }
    r.session("folder").file("deep/a/b.txt", "mine\n");
    r.session("below").file("new-in-base.txt/mine", "mine\n");
    r.session("overlooked").git("update-index --assume-unchanged d0/f0.txt").ok();
    r.session("overlooked").file("d0/f0.txt", "local\n");
    r.git("branch away main").ok();
    r.git("session adopt away --no-worktree").ok();
    let bare = r.session("bare");
    bare.env("GIT_COMMITTER_NAME", "x").git_args([
        "-c",
        "i18n.commitEncoding=latin1",
        "commit",
        "--amend",
        "-m",
        "x é",
    ]);
    bare.git("switch --quiet --detach").ok();
    r.git("branch unhoused bare").ok();
    r.git("session adopt unhoused --no-worktree").ok();
    bare.git("switch --quiet bare").ok();
    r.file("deep/a", "a file\n");
    base_moves(&r);
    let rows = rows(&r.git("session sync --json"));
    for (name, sentence) in [
        ("folder", "The untracked directory 'deep/a' is in the way."),
        ("below", "The untracked directory 'new-in-base.txt' is in the way."),
    ] {
        let row = row(&rows, name);
        assert_eq!(row["reason"], "untracked", "{row}");
        let shown = r.git(&format!("session sync {name}"));
        shown.code(1).stdout_contains(sentence);
        let remedy = row["remedy"].as_str().expect("a remedy");
        assert!(std::process::Command::new("sh").args(["-c", remedy]).status().expect("sh").success(), "{remedy}");
        r.git(&format!("session sync {name}")).ok();
    }
    assert_eq!(r.session("folder").read("deep/a~/b.txt"), "mine\n");
    assert_eq!(row(&rows, "overlooked")["reason"], "dirty");
    assert_eq!(r.session("overlooked").read("d0/f0.txt"), "local\n");
    let remedy = row(&rows, "overlooked")["remedy"].as_str().expect("a remedy").to_owned();
    assert!(std::process::Command::new("sh").args(["-c", &remedy]).status().expect("sh").success(), "{remedy}");
    r.git("session sync overlooked").code(1).stdout_contains("uncommitted changes");
    r.git("session sync unhoused")
        .code(1)
        .stdout_contains("it has no worktree")
        .stdout_contains("session adopt unhoused");
    r.git("session sync one --merge").code(3).stdout_contains("git session sync one --merge --resolve");
    r.git("session sync one --merge --resolve").code(3).stdout_contains("git merge --continue");
    one.git("merge --abort").ok();
    one.file("d1/f1.txt", "dirty\n");
    r.git("session sync one --merge").code(1).stdout_contains("git session sync one --merge --autostash\n");
    is_sound(&r);
}

#[test]
fn a_hook_that_says_no_has_its_own_reason() {
    use std::os::unix::fs::PermissionsExt;
    let r = repo();
    session(&r, "one");
    base_moves(&r);
    let hook = r.path(".git/hooks/pre-rebase");
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("a folder");
    std::fs::write(&hook, "#!/bin/sh\necho not on a Friday >&2\nexit 1\n").expect("a hook");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let before = r.rev("one");
    let rows = sync(&r, "");
    let row = row(&rows, "one");
    assert_eq!((&row["outcome"], &row["reason"]), (&"skipped".into(), &"hook".into()), "{row}");
    assert!(row["remedy"].as_str().is_some_and(|remedy| remedy.ends_with("rebase main")), "{row}");
    r.git("session sync one").code(1).stdout_contains("not on a Friday");
    assert_eq!(r.rev("one"), before);
    is_sound(&r);
}

#[test]
fn a_submodule_that_did_not_follow_is_in_nobody_s_way() {
    let r = repo();
    let inner = r.in_dir(r.root().join("inner"));
    std::fs::create_dir(inner.here()).expect("a folder");
    inner.git("init --quiet").ok();
    for n in 0..3 {
        inner.file("inner.txt", format!("{n}\n")).commit(&format!("inner {n}"));
    }
    r.git("-c protocol.file.allow=always submodule --quiet add ../inner sub").ok();
    let r = r.commit("a submodule");
    let one = session(&r, "one");
    one.git("-c protocol.file.allow=always submodule --quiet update --init").ok();
    for n in 1..3 {
        r.in_dir(r.path("sub")).git(&format!("checkout --quiet {}", inner.rev(&format!("HEAD~{n}")))).ok();
        r.commit(&format!("bump {n}"));
        assert_eq!(row(&sync(&r, ""), "one")["outcome"], "rebased");
        one.git("status --porcelain").ok().stdout(" M sub\n");
    }
    r.git("session undo --yes").ok().stdout_contains("before that sync");
    is_sound(&r);
}

#[test]
fn what_is_not_here_of_the_base_stops_no_other() {
    let r = repo();
    base_moves(&r);
    let url = format!("file://{}", r.here().display());
    r.git_args(["clone", "--quiet", "--depth", "1", &url, "../shallow"]).ok();
    let shallow = r.in_dir(r.root().join("shallow"));
    session(&shallow, "one");
    for n in 0..3 {
        r.file("base.txt", format!("{n}\n")).commit(&format!("base {n}"));
    }
    shallow.git("session sync --fetch").ok();
    shallow.git("fetch --quiet --depth 1").ok();
    shallow.git("session create two --base origin/main").ok();
    let before = shallow.rev("one");
    let run = shallow.git("session sync --json");
    let rows = rows(&run);
    assert_eq!(row(&rows, "two")["outcome"], "up-to-date");
    assert!(["failed", "skipped"].iter().any(|word| row(&rows, "one")["outcome"] == *word), "{rows:?}");
    assert_eq!(shallow.rev("one"), before);
}

#[test]
fn a_worktree_with_settings_of_its_own_is_rebased_as_they_say() {
    use std::os::unix::fs::PermissionsExt;
    let r = repo();
    r.git("config extensions.worktreeConfig true").ok();
    let one = session(&r, "one");
    session(&r, "two");
    let program = r.root().join("sign");
    let script = "#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\necho signature\n";
    std::fs::write(&program, script).expect("a script");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    one.git("config --worktree commit.gpgSign true").ok();
    one.git_args(["config", "--worktree", "gpg.program", &program.to_string_lossy()]).ok();
    base_moves(&r);
    let rows = sync(&r, "");
    assert!(rows.iter().all(|row| row["outcome"] == "rebased"), "{rows:?}");
    assert!(r.git("cat-file commit one").ok().text().contains("gpgsig signature"));
    assert!(!r.git("cat-file commit two").ok().text().contains("gpgsig"));
    is_sound(&r);
}

#[test]
fn a_file_where_a_directory_is_to_be_is_in_the_way() {
    let r = repo();
    let one = session(&r, "one").file("m", "mine\n");
    r.file(".git/info/exclude", "m\n").file("m/m", "of the base\n").git("add --force m/m").ok();
    r.git("rm -r --quiet d2").ok();
    r.git("commit --quiet -m moves").ok();
    let rows = rows(&r.git("session sync --merge --json"));
    assert_eq!(row(&rows, "one")["reason"], "untracked", "{rows:?}");
    assert_eq!(one.read("m"), "mine\n");
    std::fs::remove_file(one.path("m")).expect("a file");
    assert_eq!(row(&sync(&r, ""), "one")["outcome"], "rebased");
    one.file("d2", "mine\n");
    r.git("session undo --yes").code(1).stderr_contains("Move what is there aside.");
    assert_eq!(one.read("d2"), "mine\n");
}

#[test]
fn in_a_partial_clone_git_fetches_what_is_missing() {
    let r = repo();
    r.config("uploadpack.allowFilter", "true");
    r.config("uploadpack.allowAnySHA1InWant", "true");
    let url = format!("file://{}", r.here().display());
    r.git_args(["clone", "--quiet", "--filter=tree:0", &url, "../partial"]).ok();
    let partial = r.in_dir(r.root().join("partial"));
    let of = |name: &str| partial.in_dir(r.root().join("partial-sessions").join(name));
    for name in ["one", "behind", "collides", "dirty"] {
        partial.git(&format!("session create {name}")).ok();
    }
    of("one").file("d1/f1.txt", lines(1, 12).replace("line 3\n", "third\n")).commit("mine");
    of("collides").file("d0/f0.txt", lines(0, 12).replace("line 11", "mine")).commit("mine");
    of("dirty").file("d0/f0.txt", lines(0, 12).replace("line 11", "mine"));
    for n in 0..3 {
        r.file("d1/f4.txt", lines(4, 12).replace("line 7", &format!("{n}"))).commit(&format!("base {n}"));
    }
    base_moves(&r);
    let before = [partial.rev("collides"), partial.rev("dirty")];
    let rows = rows(&partial.git("session sync --fetch --json"));
    assert_eq!(row(&rows, "one")["outcome"], "rebased", "{rows:?}");
    assert_eq!(row(&rows, "behind")["outcome"], "fast-forwarded", "{rows:?}");
    assert_eq!(row(&rows, "collides")["outcome"], "conflict", "{rows:?}");
    assert_eq!(row(&rows, "dirty")["reason"], "dirty", "{rows:?}");
    assert_eq!([partial.rev("collides"), partial.rev("dirty")], before);
    assert_eq!(partial.rev("one~1"), r.rev("main"));
    assert_eq!(partial.rev("behind"), r.rev("main"));
    for name in ["one", "behind", "collides"] {
        of(name).git("status --porcelain").ok().stdout("");
    }
    // Where the other side is gone it is said, and nothing moves.
    r.file("d2/f5.txt", "changed\n").commit("not to be had");
    partial.git("fetch --quiet").ok();
    partial.git("remote set-url origin ../nowhere").ok();
    let before = [partial.rev("one"), partial.rev("behind")];
    let run = partial.git("session sync one behind --json");
    run.code(1);
    for row in super::sync::rows(&run) {
        assert!(["failed", "skipped"].iter().any(|word| row["outcome"] == *word) && row["remedy"].is_string(), "{row}");
    }
    assert_eq!([partial.rev("one"), partial.rev("behind")], before);
    assert_eq!(of("one").read("d2/f5.txt"), lines(5, 12));
}

#[test]
fn settings_of_the_worktree_one_stands_in_are_its_own() {
    let r = repo();
    r.git("config extensions.worktreeConfig true").ok();
    session(&r, "one");
    session(&r, "two");
    r.git("config --worktree user.name Elsewhere").ok();
    r.session("two").git("config --worktree user.name Two").ok();
    let usual = r.git("log -1 --format=%cn one").ok().text();
    base_moves(&r);
    let rows = sync(&r, "");
    assert!(rows.iter().all(|row| row["outcome"] == "rebased"), "{rows:?}");
    assert_eq!(r.git("log -1 --format=%cn one").ok().text(), usual);
    assert_eq!(r.git("log -1 --format=%cn two").ok().text(), "Two\n");
    is_sound(&r);
}

#[test]
fn uncommitted_work_stays_where_git_has_to_do_it() {
    let r = repo();
    let one = session(&r, "one");
    base_moves(&r);
    one.file("d1/f1.txt", "staged\n").git("add d1/f1.txt").ok();
    one.file("d2/f2.txt", "changed\n");
    r.executable(".git/hooks/post-rewrite", "#!/bin/sh\nexit 0\n");
    let before = (r.rev("one"), one.git("status --porcelain").ok().text());
    let run = r.git("session sync one --autostash --json");
    run.code(1);
    assert_eq!(row(&rows(&run), "one")["reason"], "dirty");
    assert_eq!((r.rev("one"), one.git("status --porcelain").ok().text()), before);
    r.git("stash list").ok().stdout("");
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_rebase_of_gits_that_somebody_went_on_with_is_left_to_him() {
    let r = repo();
    let one = session(&r, "one");
    base_moves(&r);
    // The command dies, and git stops in the middle.
    let hook = "#!/bin/sh\nkill -9 $(cut -d' ' -f4 /proc/$PPID/stat)\nexit 1\n";
    r.executable(".git/hooks/prepare-commit-msg", hook);
    r.git("session sync one");
    r.remove(".git/hooks/prepare-commit-msg");
    assert!(one.git("status").text().contains("rebase in progress"), "{}", one.git("status").text());
    one.file("d1/f1.txt", "resolved by hand\n");
    patiently(&r, &["set", "one", "--goal", "after"]).ok().stderr_contains("is left as it is");
    assert_eq!(one.read("d1/f1.txt"), "resolved by hand\n");
    assert!(one.git("status").text().contains("rebase in progress"));
    is_sound(&r);
}

#[test]
fn resolving_is_said_only_where_git_has_begun() {
    let r = repo();
    let one = session(&r, "one");
    one.file("d0/f0.txt", lines(0, 12).replace("line 11", "my line")).commit("mine");
    one.file("d2/f2.txt", "uncommitted\n");
    base_moves(&r);
    let run = r.git("session sync one --resolve --autostash");
    run.code(3).stdout_contains("no rebase was begun").stdout_lacks("resolving");
    assert_eq!(one.read("d2/f2.txt"), "uncommitted\n");
}

#[test]
fn only_what_was_named_by_itself_makes_a_skip_a_refusal() {
    let r = repo();
    for name in ["one", "feat-a"] {
        session(&r, name);
    }
    r.session("feat-a").file("d0/f0.txt", "dirty\n");
    base_moves(&r);
    r.git("session sync one feat-*").ok().stdout_contains("uncommitted changes");
    r.git("session sync feat-a").code(1);
}
