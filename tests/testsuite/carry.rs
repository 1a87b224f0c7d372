//! `sync --autostash`: uncommitted changes in files that the base has changed too are merged with that, as `git stash`
//! would merge them, or nothing moves.
#![cfg(unix)]

use crate::support::Sandbox;
use crate::sync::{Dice, is_sound, lines, repo, row, rows, session, sync};
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The base changes the last line of a file.
fn base_changes(r: &Sandbox, file: &str, seed: usize, count: usize) {
    let last = format!("line {}\n", count - 1);
    r.file(file, lines(seed, count).replace(&last, "last line\n")).commit("the base moves");
}

/// Every file with its mode and content, what is ignored by git's own folder left out.
fn files(s: &Sandbox) -> Files {
    fn collect(top: &Path, folder: &Path, found: &mut Files) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let (path, meta) = (entry.path(), entry.path().symlink_metadata().expect("is there"));
            if entry.file_name() == ".git" {
                continue;
            }
            if meta.is_dir() {
                collect(top, &path, found);
                continue;
            }
            let content = if meta.is_symlink() {
                std::fs::read_link(&path).expect("a link").to_string_lossy().into_owned().into_bytes()
            } else {
                std::fs::read(&path).expect("a file")
            };
            let name = path.strip_prefix(top).expect("below").to_string_lossy().into_owned();
            let mode = if meta.is_symlink() { 0 } else { meta.permissions().mode() & 0o100 };
            found.insert(name, (mode, content));
        }
    }
    let mut found = BTreeMap::new();
    collect(s.here(), s.here(), &mut found);
    found
}

/// By path: whether it may be run, and its content.
type Files = BTreeMap<String, (u32, Vec<u8>)>;

/// Files, index, and what git says of them.
type Seen = (Files, String, String);

fn seen(s: &Sandbox) -> Seen {
    (files(s), s.git("ls-files --stage").ok().text(), s.git("status --porcelain --no-renames").ok().text())
}

/// One uncommitted change of some kind, staged or not.
fn some_edit(s: &Sandbox, dice: &mut Dice, tag: &str) {
    let list = s.git("ls-files").ok().text();
    let tracked: Vec<&str> = list.lines().filter(|file| s.path(file).symlink_metadata().is_ok()).collect();
    let file = tracked[dice.below(tracked.len())];
    let path = s.path(file);
    let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    match dice.below(14) {
        0 => drop(std::fs::remove_file(&path)),
        1 if !is_link => {
            let mode = if path.metadata().expect("a file").permissions().mode() & 0o100 == 0 { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
        2 => {
            let _ = std::fs::remove_file(&path);
            symlink(format!("target-{}", dice.below(2)), &path).expect("a link");
        }
        3 => drop(s.file(format!("new-{}.txt", dice.below(2)), format!("untracked {}\n", dice.below(2)))),
        4 => {
            s.file("added.txt", lines(dice.below(2), 6)).git("add added.txt").ok();
        }
        5 => drop(s.git_args(["mv", file, &format!("{file}-{tag}")])),
        6 if !is_link => {
            let text = s.read(file).replace('\n', "\r\n");
            s.file(file, text);
        }
        7 => drop(s.git_args(["rm", "--quiet", "--force", file])),
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
    if dice.below(3) == 0 {
        s.git_args(["add", "--update", "."]).ok();
    }
}

/// What `git stash`, `git rebase` and `git stash apply` make of it, and what git says; none where it stops. What is staged
/// git carries as a patch, which fails where a merge does not: then it is what `git merge-tree` makes of it.
fn stash_by_git(s: &Sandbox, by_git: &str) -> (Option<Seen>, String) {
    let has_stashed = !s.git("stash").ok().text().contains("No local changes");
    let rebase = s.git(by_git);
    let mut words = rebase.stderr_text().to_owned();
    if rebase.status() != Some(0) {
        return (None, words);
    }
    if !has_stashed {
        return (Some(seen(s)), words);
    }
    let apply = s.git("stash apply --index");
    words.push_str(apply.stderr_text());
    if apply.status() == Some(0) {
        return (Some(seen(s)), words);
    }
    if !words.contains("Try without --index") {
        return (None, words);
    }
    let apply = s.git("stash apply");
    let index = s.git("merge-tree --write-tree --merge-base=stash@{0}^1 HEAD stash@{0}^2");
    words.push_str(&format!("{}{}", apply.text(), index.text()));
    if apply.status() != Some(0) || index.status() != Some(0) {
        return (None, words);
    }
    s.git(&format!("read-tree {}", index.text().trim())).ok();
    s.git("update-index --refresh");
    (Some(seen(s)), words)
}

/// Without the file that a session itself has made.
fn without(seen: Seen, own: &str) -> (Files, Vec<String>, Vec<String>) {
    let keep = |text: String| text.lines().filter(|line| !line.contains(own)).map(str::to_owned).collect();
    let mut files = seen.0;
    files.retain(|path, _| !path.contains(own));
    (files, keep(seen.1), keep(seen.2))
}

#[test]
fn generated_edits_come_out_as_git_stash_makes_them() {
    generated_edits("", "rebase --quiet main", "rebased");
}

#[test]
fn generated_edits_come_out_of_a_merge_as_git_stash_makes_them() {
    generated_edits(" --merge", "merge --quiet --no-edit main", "merged");
}

fn generated_edits(more: &str, by_git: &str, outcome: &str) {
    let seeds: u64 = std::env::var("CARRY_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let (mut carried, mut stayed) = (0, 0);
    for seed in 1..=seeds {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let r = repo();
        symlink("d0/f0.txt", r.path("link")).expect("a link");
        r.commit("a link");
        let names = ["ses-a", "ses-b", "ses-c", "ses-d"];
        for name in names {
            // What git makes of the same edits, in a session of its own.
            let begin = dice.0;
            for twin in [name.to_owned(), format!("{name}-git")] {
                dice.0 = begin;
                session(&r, &twin);
                for n in 0..=dice.below(3) {
                    some_edit(&r.session(&twin), &mut dice, &format!("{name}{n}"));
                }
            }
        }
        for n in 0..1 + dice.below(4) {
            some_edit(&r.tick(), &mut dice, &format!("base{n}"));
        }
        r.commit("the base moves");
        let before: Vec<Seen> = names.iter().map(|name| seen(&r.session(name))).collect();
        let tips: Vec<String> = names.iter().map(|name| r.rev(name)).collect();
        let rows = rows(&r.git(&format!("session sync ses-a ses-b ses-c ses-d --autostash --json{more}")));
        for ((name, before), tip) in names.iter().zip(before).zip(tips) {
            let (s, twin) = (r.session(name), r.session(&format!("{name}-git")));
            let row = row(&rows, name);
            let (by_git, words) = stash_by_git(&twin, by_git);
            let context = || format!("seed {seed}, session {name}: {row}\n{words}");
            if row["outcome"] == outcome {
                carried += 1;
                let by_git = by_git.unwrap_or_else(|| panic!("git says no: {}", context()));
                let (mine, of_git) =
                    (without(seen(&s), &format!("{name}.txt")), without(by_git, &format!("{name}-git.txt")));
                assert_eq!((&mine.1, &mine.2), (&of_git.1, &of_git.2), "{}", context());
                assert!(mine.0 == of_git.0, "the files differ: {}", context());
            } else {
                stayed += 1;
                assert!(by_git.is_none(), "git has no difficulty: {}", context());
                assert_eq!(row["outcome"], "skipped", "{}", context());
                assert!(row["remedy"].is_string(), "{}", context());
                assert_eq!(seen(&s), before, "{}", context());
                assert_eq!(r.rev(name), tip, "{}", context());
            }
        }
        is_sound(&r);
    }
    assert!(carried > 0 && stayed > 0, "{carried} carried, {stayed} stayed: the edits are too tame");
}

#[test]
fn a_merge_takes_uncommitted_changes_along_or_does_not_come_about() {
    let r = repo();
    let one = session(&r, "one");
    let mine = lines(0, 12).replace("line 2\n", "mine\n");
    one.file("d0/f0.txt", &mine).git("add d0/f0.txt").ok();
    one.file("d0/f0.txt", mine.replace("line 5\n", "mine too\n")).file("d2/f2.txt", "elsewhere\n");
    let collides = session(&r, "collides");
    collides.file("d0/f0.txt", lines(0, 12).replace("line 11", "mine"));
    // Its own commits collide, whatever is uncommitted.
    let conflict = session(&r, "conflict");
    conflict.file("d0/f0.txt", lines(0, 12).replace("line 11", "mine")).commit("mine");
    conflict.file("d1/f1.txt", "uncommitted\n");
    let crosswise = session(&r, "crosswise");
    crosswise.git("branch side").ok();
    base_changes(&r, "d0/f0.txt", 0, 12);
    crosswise.git("merge --quiet --no-edit main").ok();
    r.git("merge --quiet --no-edit side").ok();
    r.file("later.txt", "later\n").commit("later");
    crosswise.file("later-mine.txt", "mine\n").commit("later, mine");
    crosswise.file("d1/f1.txt", "uncommitted\n");
    let (before, tip) = (seen(&one), r.rev("one"));
    r.unchanged_by(|r| {
        let rows = rows(&r.git("session sync --merge --autostash -n --json"));
        assert_eq!(row(&rows, "one")["outcome"], "merged");
        r.git("session sync collides --merge --autostash").code(1).stdout_contains("collide with what the base did");
        r.git("session sync collides --merge").code(1).stdout_contains("sync collides --merge --autostash");
        r.git("session sync crosswise --merge --autostash").code(1).stdout_contains("crosswise");
        r.git("session sync conflict --merge --autostash").code(3).stdout_contains("d0/f0.txt");
        r.git("session sync conflict --merge --autostash --resolve").code(3).stdout_contains("commit --all");
    });
    r.tick().git("session sync one --merge --autostash").ok();
    assert_eq!((r.rev("one^1"), r.rev("one^2")), (tip.clone(), r.rev("main")));
    assert_eq!(r.git("log -1 --format=%s one").ok().text(), "Merge branch 'main' into one\n");
    one.git("status --porcelain").ok().stdout("MM d0/f0.txt\n M d2/f2.txt\n");
    let merged = mine.replace("line 5\n", "mine too\n").replace("line 11\n", "last line\n");
    assert_eq!(one.read("d0/f0.txt"), merged);
    r.tick().git("session undo --yes").ok();
    assert_eq!((seen(&one), r.rev("one")), (before, tip));
    is_sound(&r);
}

#[test]
fn where_it_collides_nothing_moves_and_the_lines_are_named() {
    let r = repo();
    session(&r, "one");
    session(&r, "staged");
    let mine = lines(0, 12).replace("line 11", "mine");
    r.session("one").file("d0/f0.txt", &mine).file("d2/f2.txt", "elsewhere\n");
    r.session("staged").file("d0/f0.txt", &mine).git("add d0/f0.txt").ok();
    r.session("staged").file("d0/f0.txt", lines(0, 12));
    base_changes(&r, "d0/f0.txt", 0, 12);
    r.unchanged_by(|r| {
        let rows = sync(r, "--autostash");
        let one = row(&rows, "one");
        assert_eq!((&one["outcome"], &one["reason"]), (&"skipped".into(), &"dirty".into()), "{one}");
        assert_eq!(one["conflicts"][0]["path"], "d0/f0.txt");
        assert_eq!(one["conflicts"][0]["ours"], serde_json::json!([[12, 12]]));
        assert!(one["remedy"].as_str().is_some_and(|remedy| remedy.contains("commit --all")), "{one}");
        assert_eq!(row(&rows, "staged")["reason"], "dirty");
        r.git("session sync one --autostash").code(1).stdout_contains("collide with what the base did to 'd0/f0.txt'");
        r.git("session sync staged --autostash").code(1).stdout_contains("What is staged collides");
    });
}

#[test]
fn a_rename_of_the_base_takes_the_edit_along_and_undo_brings_it_back() {
    let r = repo();
    let one = session(&r, "one");
    one.file("d0/f0.txt", lines(0, 12).replace("line 2\n", "mine\n")).git("add d0/f0.txt").ok();
    one.file("d0/f0.txt", lines(0, 12).replace("line 2\n", "mine\n").replace("line 5\n", "mine too\n"));
    one.file("d2/f2.txt", "elsewhere\n").file("loose.txt", "loose\n");
    r.git("mv d0/f0.txt renamed.txt").ok();
    base_changes(&r, "renamed.txt", 0, 12);
    let before = seen(&one);
    let tip = r.rev("one");
    r.unchanged_by(|r| {
        let rows = sync(r, "one --autostash -n");
        assert_eq!(row(&rows, "one")["outcome"], "rebased");
        r.git("session sync one --autostash -n").ok().stdout_contains("uncommitted changes in 'd0/f0.txt'");
    });
    sync(&r.tick(), "one --autostash");
    let merged = lines(0, 12).replace("line 2\n", "mine\n").replace("line 5\n", "mine too\n");
    assert_eq!(one.read("renamed.txt"), merged.replace("line 11\n", "last line\n"));
    one.git("status --porcelain").ok().stdout(" M d2/f2.txt\nMM renamed.txt\n?? loose.txt\n");
    let after = seen(&one);
    r.tick().git("session undo --yes").ok();
    assert_eq!((seen(&one), r.rev("one")), (before.clone(), tip.clone()));
    r.tick().git("session undo --yes").ok();
    assert_eq!(seen(&one), after);
    // What is kept is a stash.
    let kept = r.git("log -1 --format=%P refs/sessions/@keep").ok().text();
    assert!(!kept.trim().is_empty());
    is_sound(&r);
}

#[test]
fn undo_refuses_or_says_where_the_changes_are() {
    let r = repo();
    let one = session(&r, "one");
    let mine = lines(0, 12).replace("line 2\n", "mine\n");
    one.file("d0/f0.txt", &mine);
    base_changes(&r, "d0/f0.txt", 0, 12);
    sync(&r.tick(), "one --autostash");
    let merged = one.read("d0/f0.txt");
    one.file("d0/f0.txt", merged.clone() + "typed since\n");
    let refused = r.tick().git("session undo --yes");
    refused.code(1).stderr_contains("'d0/f0.txt' has changed since that sync").stderr_contains("stash apply --index");
    assert_eq!(one.read("d0/f0.txt"), merged + "typed since\n");
    one.git("stash").ok();
    let undone = r.tick().git("session undo --yes");
    undone.ok().stderr_contains("does not come back by itself");
    let text = undone.stderr_text().to_owned();
    let id = text.split("stash apply --index ").nth(1).and_then(|rest| rest.split('`').next()).expect("an id");
    one.git(&format!("stash apply --index {id}")).ok();
    assert_eq!(one.read("d0/f0.txt"), mine);
    is_sound(&r);
}

#[test]
fn what_only_git_could_write_stays() {
    let r = repo();
    for name in ["crlf", "cached"] {
        session(&r, name);
        r.session(name).file("d0/f0.txt", lines(0, 12).replace("line 2\n", "mine\n"));
    }
    r.session("crlf").file(".gitattributes", "*.txt text\n").file("d0/f0.txt", lines(0, 12).replace('\n', "\r\n"));
    r.session("crlf").git("add --intent-to-add .gitattributes").ok();
    r.session("cached").git("update-index --split-index").ok();
    base_changes(&r, "d0/f0.txt", 0, 12);
    let names = ["crlf", "cached"];
    let before: Vec<Seen> = names.iter().map(|name| seen(&r.session(name))).collect();
    let rows = rows(&r.git("session sync crlf cached --autostash --json"));
    for (name, before) in names.iter().zip(before) {
        let row = row(&rows, name);
        assert_eq!((&row["outcome"], &row["reason"]), (&"skipped".into(), &"dirty".into()), "{row}");
        assert_eq!(seen(&r.session(name)), before);
    }
    is_sound(&r);
}

#[test]
fn whoever_types_meanwhile_loses_no_line() {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    let r = repo();
    let one = session(&r, "one");
    let (file, other) = (one.path("d0/f0.txt"), one.path("d1/f1.txt"));
    std::fs::write(&file, lines(0, 12) + "typed 0\n").expect("a file");
    let (is_over, part) = (AtomicBool::new(false), one.root().join("editor-part"));
    let rounds: usize = std::env::var("SYNC_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let (appended, replaced) = std::thread::scope(|scope| {
        let append = scope.spawn(|| {
            let mut n = 0;
            while !is_over.load(Ordering::Relaxed) {
                // Open, write, close, as a shell does.
                if let Ok(mut file) = std::fs::File::options().append(true).open(&file)
                    && file.write_all(format!("typed {}\n", n + 1).as_bytes()).is_ok()
                {
                    n += 1;
                }
                std::thread::sleep(std::time::Duration::from_millis(7));
            }
            n
        });
        let replace = scope.spawn(|| {
            let mut n = 0;
            while !is_over.load(Ordering::Relaxed) {
                // Read, add a line, rename over it, as an editor does. It looks before that whether the file is the one
                // that it read.
                let Ok(text) = std::fs::read(&other) else { continue };
                let line = format!("saved {}\n", n + 1);
                std::fs::write(&part, [text.as_slice(), line.as_bytes()].concat()).expect("a file");
                if std::fs::read(&other).is_ok_and(|now| now == text) && std::fs::rename(&part, &other).is_ok() {
                    n += 1;
                }
                std::thread::sleep(std::time::Duration::from_millis(31));
            }
            n
        });
        for round in 0..rounds {
            let of = |seed: usize| lines(seed, 12).replace("line 1\n", &format!("line 1 in round {round}\n"));
            r.file("d0/f0.txt", of(0)).file("d1/f1.txt", of(1)).commit(&format!("round {round}"));
            let run = r.git("session sync one --autostash --json");
            assert!([Some(0), Some(1)].contains(&run.status()), "{}", run.stderr_text());
        }
        is_over.store(true, Ordering::Relaxed);
        (append.join().expect("it typed"), replace.join().expect("it saved"))
    });
    let everything: Vec<u8> = files(&one).into_values().flat_map(|(_, content)| content).collect();
    let everything = String::from_utf8_lossy(&everything).into_owned();
    for n in 0..=appended {
        assert!(everything.contains(&format!("typed {n}\n")), "line {n} of {appended} is lost");
    }
    let saved = (1..=replaced).filter(|n| !everything.contains(&format!("saved {n}\n"))).count();
    assert_eq!(saved, 0, "of {replaced} saves");
    sync(&r, "one --autostash");
    is_sound(&r);
}

/// A session with a staged and an unstaged change in a file that the base changes, one elsewhere, and a loose file.
fn with_work(r: &Sandbox, name: &str) -> Sandbox {
    let one = session(r, name);
    let mine = lines(0, 12).replace("line 2\n", "mine\n");
    one.file("d0/f0.txt", &mine).git("add d0/f0.txt").ok();
    one.file("d0/f0.txt", mine.replace("line 5\n", "mine too\n")).file("d2/f2.txt", "elsewhere\n");
    one.file("loose.txt", "loose\n")
}

#[track_caller]
fn has_carried(one: &Sandbox) {
    let merged = lines(0, 12).replace("line 2\n", "mine\n").replace("line 11\n", "last line\n");
    assert_eq!(one.git("show :d0/f0.txt").ok().text(), merged);
    assert_eq!(one.read("d0/f0.txt"), merged.replace("line 5\n", "mine too\n"));
    assert_eq!((one.read("d2/f2.txt"), one.read("loose.txt")), ("elsewhere\n".into(), "loose\n".into()));
    one.git("status --porcelain").ok().stdout("MM d0/f0.txt\n M d2/f2.txt\n?? loose.txt\n");
}

#[track_caller]
fn nothing_lies_aside(r: &Sandbox) {
    let left = r.run("sh", ["-c", "find .git -name 'session-aside-*'; git stash list"]).ok().text();
    assert_eq!(left, "");
    r.git("worktree list").ok().stdout_lacks("session-aside-");
}

/// A program that signs: `more` is what else it does first.
fn signs(r: &Sandbox, more: &str) {
    let signature = "-----BEGIN PGP SIGNATURE-----\\n\\nsigned\\n-----END PGP SIGNATURE-----";
    let script = format!(
        "#!/bin/sh\n{more}\ncat >/dev/null\nprintf '\\n[GNUPG:] SIG_CREATED \\n' >&2\nprintf '%b\\n' '{signature}'\n"
    );
    r.executable(".git/signer", &script);
    r.config("commit.gpgSign", "true").config("gpg.program", &r.path(".git/signer").to_string_lossy());
}

#[test]
fn what_only_git_can_rebase_takes_uncommitted_changes_along_and_undo_brings_them_back() {
    let r = repo();
    let one = with_work(&r, "one");
    base_changes(&r, "d0/f0.txt", 0, 12);
    signs(&r, "");
    let (before, tip) = (seen(&one), r.rev("one"));
    r.unchanged_by(|r| {
        let rows = sync(r, "one --autostash -n");
        assert_eq!(row(&rows, "one")["outcome"], "rebased", "{rows:?}");
    });
    let rows = sync(&r.tick(), "one --autostash");
    assert_eq!(row(&rows, "one")["outcome"], "rebased", "{rows:?}");
    assert_eq!(r.rev("one~1"), r.rev("main"));
    assert!(r.git("cat-file commit one").ok().text().contains("BEGIN PGP SIGNATURE"));
    has_carried(&one);
    nothing_lies_aside(&r);
    let after = seen(&one);
    r.tick().git("session undo --yes").ok();
    assert_eq!((seen(&one), r.rev("one")), (before, tip));
    r.tick().git("session undo --yes").ok();
    assert_eq!(seen(&one), after);
    is_sound(&r);
}

#[test]
fn merges_are_replayed_aside_and_what_collides_stays() {
    let r = repo();
    let make = |name: &str| {
        let s = session(&r, name);
        s.git(&format!("switch --quiet --create {name}-side HEAD~1")).ok();
        s.file(format!("{name}-side.txt"), "side\n").commit("side");
        s.git(&format!("switch --quiet {name}")).ok();
        s.git(&format!("merge --quiet --no-edit {name}-side")).ok();
        s
    };
    let one = make("one");
    let mine = lines(0, 12).replace("line 2\n", "mine\n");
    one.file("d0/f0.txt", &mine).git("add d0/f0.txt").ok();
    one.file("d0/f0.txt", mine.replace("line 5\n", "mine too\n")).file("d2/f2.txt", "elsewhere\n");
    one.file("loose.txt", "loose\n");
    let collides = make("collides");
    collides.file("d0/f0.txt", lines(0, 12).replace("line 11", "mine"));
    let conflict = make("conflict");
    conflict.file("d0/f0.txt", lines(0, 12).replace("line 11", "mine")).commit("mine");
    conflict.file("d2/f2.txt", "uncommitted\n");
    let blocked = make("blocked");
    blocked.file("new.txt", "untracked\n").file("d2/f2.txt", "uncommitted\n");
    r.file("new.txt", "new\n");
    base_changes(&r, "d0/f0.txt", 0, 12);
    let stays = [&collides, &conflict, &blocked];
    let before: Vec<_> = stays.iter().map(|s| (seen(s), s.rev("HEAD"))).collect();
    let rows = sync(&r, "--autostash --rebase-merges");
    assert_eq!(row(&rows, "one")["outcome"], "rebased", "{rows:?}");
    assert_eq!(r.git("rev-list --count --merges main..one").ok().text(), "1\n");
    has_carried(&one);
    let of = |name| row(&rows, name);
    assert_eq!(
        (&of("collides")["reason"], &of("blocked")["reason"]),
        (&"dirty".into(), &"untracked".into()),
        "{rows:?}"
    );
    assert_eq!(of("collides")["conflicts"][0]["path"], "d0/f0.txt");
    assert_eq!(
        (&of("conflict")["outcome"], &of("conflict")["conflicts"][0]["path"]),
        (&"conflict".into(), &"d0/f0.txt".into())
    );
    assert_eq!(stays.iter().map(|s| (seen(s), s.rev("HEAD"))).collect::<Vec<_>>(), before);
    nothing_lies_aside(&r);
    is_sound(&r);
}

#[test]
fn a_merge_that_is_signed_takes_uncommitted_changes_along() {
    let r = repo();
    let one = with_work(&r, "one");
    base_changes(&r, "d0/f0.txt", 0, 12);
    signs(&r, "");
    let rows = sync(&r, "one --autostash --merge");
    assert_eq!(row(&rows, "one")["outcome"], "merged", "{rows:?}");
    assert_eq!(r.rev("one^2"), r.rev("main"));
    assert!(r.git("cat-file commit one").ok().text().contains("BEGIN PGP SIGNATURE"));
    assert_eq!(r.git("log -1 --format=%s one").ok().text(), "Merge branch 'main' into one\n");
    has_carried(&one);
    nothing_lies_aside(&r);
    is_sound(&r);
}

#[test]
#[cfg(target_os = "linux")]
fn killed_while_git_works_aside_or_while_it_moves_nothing_is_lost() {
    use crate::recovery::{die_at, patiently, start};
    let r = repo();
    let one = with_work(&r, "one");
    session(&r, "keeper");
    base_changes(&r, "d0/f0.txt", 0, 12);
    let before = (seen(&one), r.rev("one"));
    // While it signs.
    signs(&r, "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)\nexit 1");
    start(&r, &["sync", "one", "--autostash"]).wait();
    assert!(r.run("sh", ["-c", "ls .git"]).ok().text().contains("session-aside-"), "it was not killed aside");
    patiently(&r, &["set", "keeper", "--goal", "first"]).ok();
    nothing_lies_aside(&r);
    assert_eq!((seen(&one), r.rev("one")), before);
    // While the branch moves.
    signs(&r, "");
    die_at(&r, "refs/heads/one");
    start(&r, &["sync", "one", "--autostash"]).wait();
    r.remove(".git/hooks/reference-transaction");
    patiently(&r, &["set", "keeper", "--goal", "second"]).ok().stderr_contains("Took back the interrupted `sync`");
    assert_eq!((seen(&one), r.rev("one")), before);
    nothing_lies_aside(&r);
    sync(&r, "one --autostash");
    has_carried(&one);
    is_sound(&r);
}

#[test]
fn what_stands_on_a_session_that_was_made_aside_follows_with_its_changes() {
    let r = repo();
    let one = with_work(&r, "one");
    one.git("session create two --stack").ok();
    let two = r.session("two");
    two.file("two.txt", "two\n").commit("work of two");
    two.file("d0/f0.txt", lines(0, 12).replace("line 4\n", "of two\n"));
    base_changes(&r, "d0/f0.txt", 0, 12);
    signs(&r, "");
    let before = (seen(&one), seen(&two), r.rev("one"), r.rev("two"));
    let rows = sync(&r.tick(), "--autostash");
    assert!(["one", "two"].iter().all(|name| row(&rows, name)["outcome"] == "rebased"), "{rows:?}");
    assert_eq!((r.rev("two~1"), r.rev("one~1")), (r.rev("one"), r.rev("main")));
    has_carried(&one);
    let merged = lines(0, 12).replace("line 4\n", "of two\n").replace("line 11\n", "last line\n");
    assert_eq!(two.read("d0/f0.txt"), merged);
    two.git("status --porcelain").ok().stdout(" M d0/f0.txt\n");
    nothing_lies_aside(&r);
    r.tick().git("session undo --yes").ok();
    assert_eq!((seen(&one), seen(&two), r.rev("one"), r.rev("two")), before);
    is_sound(&r);
}
