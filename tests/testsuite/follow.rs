//! A base that is checked out moves, and its worktree follows: whole or not at all, whoever is at work in it.
#![cfg(unix)]

use crate::recovery::{delays, kills, nothing_is_left_over, patiently, start, time_of};
use crate::support::Sandbox;
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the tests with chance in them try; more of it can be asked for.
fn rounds(usual: u64) -> u64 {
    std::env::var("FOLLOW_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A base with 240 files in 12 folders, some in folders of their own.
fn base() -> Sandbox {
    let r = Sandbox::new();
    for n in 0..240 {
        r.file(format!("d{}/f{n}.txt", n % 12), format!("file {n}\n").repeat(20));
    }
    for n in 0..10 {
        r.file(format!("alone{n}/deep/f.txt"), format!("alone {n}\n"));
    }
    r.file("untouched.txt", "mine\n").file("run.sh", "#!/bin/sh\n");
    symlink("untouched.txt", r.path("link")).expect("a link");
    r.commit("many files")
}

/// Work in a session: 200 paths and more, of every sort of change.
fn work(s: &Sandbox, n: u64) {
    for file in 0..180 {
        s.file(format!("d{}/f{file}.txt", file % 12), format!("file {file} of round {n}\n").repeat(1 + file % 30));
    }
    for file in 0..20 {
        s.file(format!("new{n}/in/f{file}.txt"), format!("new {file} of round {n}\n"));
    }
    if s.has(format!("alone{n}")) {
        s.remove(format!("alone{n}"));
    }
    let mode = if s.path("run.sh").metadata().expect("is there").mode() & 0o100 == 0 { 0o755 } else { 0o644 };
    std::fs::set_permissions(s.path("run.sh"), PermissionsExt::from_mode(mode)).expect("can be set");
    s.remove("link");
    symlink(format!("target{n}"), s.path("link")).expect("a link");
    s.commit(&format!("work {n}"));
}

/// Runs through this handle note which git commands they use.
fn traced(r: &Sandbox) -> (Sandbox, PathBuf) {
    let trace = r.root().join("trace");
    let _ = std::fs::remove_file(&trace);
    (r.env("GIT_TRACE", &trace), trace)
}

pub(crate) fn is_by_git(trace: &Path) -> bool {
    String::from_utf8_lossy(&std::fs::read(trace).expect("a trace")).contains("read-tree -m -u")
}

/// Files, index and `HEAD` say the same, and nothing of an operation is left.
#[track_caller]
fn is_whole(r: &Sandbox) {
    r.git("status --porcelain --ignored").ok().stdout("");
    let tree = r.git("write-tree").ok().text();
    assert_eq!(tree.trim(), r.rev("HEAD^{tree}"), "the index is not that of HEAD");
    assert!(!r.has(".git/index.lock"), "index.lock is left");
    let left = stages(r);
    assert!(left.is_empty(), "left beside the index: {left:?}");
}

/// What operations have set aside.
fn stages(r: &Sandbox) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(r.path(".git")).expect("can be read").flatten().map(|entry| entry.path());
    let is_stage = |path: &PathBuf| {
        path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("session-"))
    };
    entries.filter(is_stage).collect()
}

fn mtimes(r: &Sandbox) -> BTreeMap<String, (i64, i64)> {
    let files = r.git("ls-files").ok().text();
    let time = |path: &str| r.path(path).symlink_metadata().map(|meta| (meta.mtime(), meta.mtime_nsec()));
    files.lines().filter_map(|path| Some((path.to_owned(), time(path).ok()?))).collect()
}

#[test]
fn only_what_differs_is_written() {
    let r = base();
    r.git("session create one").ok();
    let s = r.session("one");
    work(&s, 0);
    let before = mtimes(&r);
    let old = r.rev("HEAD");
    let (traced, trace) = traced(&r);
    traced.git("session finish one --merge").ok();
    assert!(!is_by_git(&trace), "git wrote the files");
    is_whole(&r);
    assert!(!r.has("alone0") && r.has("alone1/deep/f.txt"));
    assert_eq!(r.path("run.sh").metadata().expect("is there").mode() & 0o100, 0o100);
    assert_eq!(std::fs::read_link(r.path("link")).expect("a link"), Path::new("target0"));
    assert_eq!(r.read("new0/in/f3.txt"), "new 3 of round 0\n");
    assert_eq!(r.rev("ORIG_HEAD"), old);
    let after = mtimes(&r);
    let differing = r.git_args(["diff", "--name-only", "--no-renames", &old, "HEAD"]).ok().text();
    let differing: Vec<&str> = differing.lines().collect();
    let written = after.iter().filter(|(path, time)| before.get(*path) != Some(time)).map(|(path, _)| path.as_str());
    let gone = before.keys().filter(|path| !after.contains_key(*path)).map(String::as_str);
    let mut changed: Vec<&str> = written.chain(gone).collect();
    changed.sort_unstable();
    assert_eq!(changed, differing);
    r.git("fsck --strict --no-dangling").ok();
}

#[test]
fn staged_and_changed_work_elsewhere_stays() {
    let r = base();
    r.git("session create one").ok();
    work(&r.session("one"), 0);
    r.file("untouched.txt", "mine, changed\n").file("d3/staged.txt", "staged\n").git("add d3/staged.txt").ok();
    r.file("loose.txt", "loose\n");
    let (traced, trace) = traced(&r);
    traced.git("session finish one --merge").ok();
    assert!(!is_by_git(&trace), "git wrote the files");
    r.git("status --porcelain").ok().stdout("A  d3/staged.txt\n M untouched.txt\n?? loose.txt\n");
}

#[test]
fn where_bytes_are_converted_git_writes_the_files() {
    for attributes in ["*.txt ident\n", "*.txt filter=f\n", "*.txt text=auto eol=crlf\n"] {
        let r = base();
        r.config("filter.f.smudge", "cat").config("filter.f.clean", "cat");
        r.file(".gitattributes", attributes).commit("attributes");
        r.git("session create one").ok();
        work(&r.session("one"), 0);
        let (traced, trace) = traced(&r);
        traced.git("session finish one --merge").ok();
        assert!(is_by_git(&trace), "{attributes:?}: git did not write the files");
        is_whole(&r);
    }
}

#[test]
fn attributes_that_come_along_convert_what_comes_with_them() {
    let files = [".gitattributes", "d0/.gitattributes"];
    let kinds = [
        ("*.sh text\n*.png -diff\n", false),
        ("*.txt diff=text whitespace=-trailing-space\n", false),
        ("*.txt ident\n", true),
        ("*.txt text eol=crlf\n", false),
    ];
    for (file, (attributes, converts)) in files.into_iter().cycle().zip(kinds) {
        let r = base();
        r.git("session create one").ok();
        r.git("worktree add -q --detach ../git-does-it").ok();
        let s = r.session("one");
        work(&s, 0);
        s.file(file, attributes).file("d0/f0.txt", "$Id$ changed\n").commit("attributes and files");
        let (traced, trace) = traced(&r);
        traced.git("session finish one --merge").ok();
        assert_eq!(is_by_git(&trace), converts, "{file}: {attributes:?}");
        is_whole(&r);
        let theirs = r.path("../git-does-it");
        r.git_args(["-C", &theirs.to_string_lossy(), "checkout", "-q", "--detach", "main"]).ok();
        for path in r.git("ls-files").ok().text().lines() {
            let read =
                |place: &Path| if place.is_symlink() { Vec::new() } else { std::fs::read(place).expect("is there") };
            assert_eq!(read(&r.path(path)), read(&theirs.join(path)), "{path} with {attributes:?} in {file}");
        }
        r.git_args(["worktree", "remove", "--force", &theirs.to_string_lossy()]).ok();
    }
}

#[test]
fn a_file_that_becomes_a_folder_is_left_to_git() {
    let r = base();
    r.git("session create one").ok();
    let s = r.session("one");
    s.remove("run.sh").file("run.sh/inner", "x\n").commit("flip");
    let (traced, trace) = traced(&r);
    traced.git("session finish one --merge").ok();
    assert!(is_by_git(&trace));
    is_whole(&r);
}

#[test]
fn a_hook_that_wants_to_know_of_index_writes_is_run_by_git() {
    let r = base();
    r.git("session create one").ok();
    work(&r.session("one"), 0);
    r.file(".git/hooks/post-index-change", "#!/bin/sh\ntouch .git/told\n");
    let hook = r.path(".git/hooks/post-index-change");
    std::fs::set_permissions(hook, PermissionsExt::from_mode(0o755)).expect("can be set");
    let (traced, trace) = traced(&r);
    traced.git("session finish one --merge").ok();
    assert!(is_by_git(&trace) && r.has(".git/told"));
}

#[test]
fn ignored_and_untracked_files_in_the_way_are_refused_and_stay() {
    let r = base();
    r.file(".git/info/exclude", "*.ignored\n");
    r.git("session create one").ok();
    let s = r.session("one");
    s.file("x.ignored", "theirs\n").file("y.txt", "theirs\n");
    s.git("add --force x.ignored").ok();
    s.commit("more");
    let old = r.rev("HEAD");
    for name in ["x.ignored", "y.txt"] {
        r.file(name, "mine\n");
        r.git("session finish one --merge").code(1).stderr_contains(name);
        assert_eq!(r.read(name), "mine\n");
        r.remove(name);
        assert_eq!(r.rev("HEAD"), old);
        is_whole(&r);
    }
}

#[test]
fn a_file_that_is_held_open_for_writing_stops_it() {
    let r = base();
    r.git("session create one").ok();
    work(&r.session("one"), 0);
    let old = r.rev("HEAD");
    let mut held = std::fs::File::options().append(true).open(r.path("d5/f101.txt")).expect("can be opened");
    r.git("session finish one --merge").code(4).stderr_contains("d5/f101.txt");
    assert_eq!(r.rev("main"), old);
    is_whole(&r);
    assert!(!r.refs().iter().any(|name| name.contains("@pending")));
    held.write_all(b"a last line\n").expect("can be written");
    drop(held);
    assert!(r.read("d5/f101.txt").ends_with("a last line\n"));
    r.git("checkout d5/f101.txt").ok();
    r.git("session finish one --merge").ok();
    is_whole(&r);
}

#[test]
fn a_locked_index_is_waited_for_and_left_alone() {
    let r = base();
    r.git("session create one").ok();
    work(&r.session("one"), 0);
    r.file(".git/index.lock", "somebody's\n");
    let old = r.rev("HEAD");
    r.git("session finish one --merge").code(4);
    assert_eq!(r.read(".git/index.lock"), "somebody's\n");
    assert_eq!(r.rev("HEAD"), old);
    r.remove(".git/index.lock");
    is_whole(&r);
}

/// Has something done while the branch moves: `when` is *prepared*, with all locks held, or *committed*.
fn at_the_commit_point(r: &Sandbox, when: &str, what: &str) {
    let hook = format!(
        "#!/bin/sh\ntest \"$1\" = {when} && grep -q ' refs/heads/main$' || exit 0\n\
         test -e .once && exit 0; touch .once\nunset GIT_DIR\ncd '{}'\n{what}\n",
        r.repo().display()
    );
    let path = r.path(".git/hooks/reference-transaction");
    r.file(&path, hook);
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("can be set");
}

/// The program that started the git that started the hook.
const KILL: &str = "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)";

#[test]
fn what_somebody_wrote_over_it_survives_the_way_back() {
    let r = base();
    r.git("session create one").ok();
    work(&r.session("one"), 0);
    let old = r.rev("HEAD");
    at_the_commit_point(
        &r,
        "prepared",
        "echo appended >> d5/f5.txt
         echo saved > d6/tmp && mv d6/tmp d6/f6.txt
         rm d7/f7.txt
         mkdir -p alone0/deep && echo again > alone0/deep/f.txt
         echo newer > new0/in/f3.txt
         rm new0/in/f4.txt
         mkdir d8/dir && echo inside > d8/dir/x && rm d8/f8.txt && mv d8/dir d8/f8.txt
         rm new0/in/f5.txt && mkdir new0/in/f5.txt && echo inside > new0/in/f5.txt/x
         exit 1",
    );
    assert_ne!(r.git("session finish one --merge").status(), Some(0));
    r.remove(".git/hooks/reference-transaction");
    assert_eq!(r.rev("main"), old);
    assert_eq!(r.git("write-tree").ok().text().trim(), r.rev("HEAD^{tree}"));
    assert!(r.read("d5/f5.txt").ends_with("appended\n"));
    assert_eq!(r.read("d6/f6.txt"), "saved\n");
    assert_eq!(r.read("alone0/deep/f.txt"), "again\n");
    assert_eq!(r.read("new0/in/f3.txt"), "newer\n");
    assert_eq!(r.read("d8/f8.txt/x"), "inside\n");
    assert_eq!(r.read("new0/in/f5.txt/x"), "inside\n");
    let status = " M alone0/deep/f.txt\n M d5/f5.txt\n M d6/f6.txt\n D d8/f8.txt\n\
                  ?? d8/f8.txt/x\n?? new0/in/f3.txt\n?? new0/in/f5.txt/x\n";
    r.git("status --porcelain -uall").ok().stdout(status);
    assert!(!r.has(".git/index.lock") && stages(&r).is_empty());
    assert!(!r.refs().iter().any(|name| name.contains("@pending")));
}

#[test]
fn killed_before_the_commit_point_it_is_taken_back() {
    let r = base();
    r.git("session create one").ok();
    work(&r.session("one"), 0);
    let old = r.rev("HEAD");
    at_the_commit_point(&r, "prepared", &format!("echo newer > new0/in/f3.txt\n{KILL}\nexit 1"));
    start(&r, &["finish", "one", "--merge"]).wait();
    assert!(!stages(&r).is_empty(), "it was not killed");
    assert_eq!(r.rev("main"), old);
    patiently(&r, &["create", "after"]).ok().stderr_contains("Took back");
    assert_eq!(r.read("new0/in/f3.txt"), "newer\n");
    r.remove("new0");
    is_whole(&r);
}

#[test]
fn killed_after_the_commit_point_it_is_completed() {
    let r = base();
    r.git("session create one").ok();
    work(&r.session("one"), 0);
    let old = r.rev("HEAD");
    at_the_commit_point(&r, "committed", &format!("echo newer > new0/in/f3.txt\n{KILL}"));
    start(&r, &["finish", "one", "--merge"]).wait();
    assert!(!stages(&r).is_empty(), "it was not killed");
    assert_ne!(r.rev("main"), old);
    patiently(&r, &["create", "after"]).ok().stderr_contains("Completed the interrupted move of 'main'");
    r.git("status --porcelain").ok().stdout(" M new0/in/f3.txt\n");
    r.git("checkout --quiet new0").ok();
    is_whole(&r);
    assert!(!r.has_rev("refs/sessions/one"), "its session has not ended");
}

#[test]
fn files_with_line_ends_of_before_are_known_after_a_death() {
    for word in ["committed", "prepared"] {
        let r = base();
        // Nothing is written anew for that: the files stay as they are until they change.
        r.file(".gitattributes", "d1/* eol=crlf\n").commit("attributes");
        std::thread::sleep(Duration::from_millis(30));
        r.file("untouched.txt", "other\n").commit("the index is younger than the files");
        r.git("session create one").ok();
        work(&r.session("one"), 0);
        at_the_commit_point(&r, word, KILL);
        start(&r, &["finish", "one", "--merge"]).wait();
        assert!(!stages(&r).is_empty(), "it was not killed");
        r.remove(".git/hooks/reference-transaction");
        patiently(&r, &["create", "after"]).ok();
        is_whole(&r);
        assert_eq!(r.read("d1/f1.txt").ends_with("\r\n"), word == "committed");
    }
}

#[test]
fn a_head_that_went_elsewhere_on_the_old_commit_gets_its_files_back() {
    for delay in ["", "sleep 0.02;"] {
        let r = base();
        r.git("session create one").ok();
        work(&r.session("one"), 0);
        let old = r.rev("HEAD");
        r.git("branch side").ok();
        let switch = format!("({delay} git symbolic-ref HEAD refs/heads/side) </dev/null >/dev/null 2>&1");
        at_the_commit_point(&r, "committed", &if delay.is_empty() { switch } else { format!("{switch} &") });
        r.git("session finish one --merge").ok();
        assert_ne!(r.rev("main"), old);
        assert_eq!(r.rev("HEAD"), old);
        is_whole(&r);
        assert!(!r.has_rev("refs/sessions/one"), "its session has not ended");
    }
}

#[test]
fn an_index_that_somebody_changed_after_a_death_is_left_alone() {
    let r = base();
    r.git("session create one").ok();
    work(&r.session("one"), 0);
    at_the_commit_point(&r, "committed", KILL);
    start(&r, &["finish", "one", "--merge"]).wait();
    r.remove(".git/index.lock").file("d5/mine.txt", "mine\n").git("add d5/mine.txt").ok();
    patiently(&r, &["create", "after"]).ok().stderr_contains("has not followed");
    r.git("diff --cached --quiet HEAD -- d5/mine.txt").code(1);
    assert_eq!(r.read("d5/mine.txt"), "mine\n");
    assert!(!r.has(".git/index.lock") && stages(&r).is_empty());
}

#[test]
fn killed_at_any_moment_the_worktree_is_whole() {
    let r = base();
    patiently(&r, &["create", "warm"]).ok();
    work(&r.session("warm"), 1000);
    let most = time_of(|| r.git("session finish warm --merge"));
    let (mut moved, mut stayed, mut in_the_middle) = (0, 0, 0);
    for (n, delay) in kills(rounds(18), most).enumerate() {
        let name = format!("k{n}");
        patiently(&r, &["create", &name]).ok();
        work(&r.session(&name), n as u64);
        let old = r.rev("main");
        let running = start(&r, &["finish", &name, "--merge"]);
        running.kill_after(delay);
        in_the_middle += u64::from(!stages(&r).is_empty());
        patiently(&r, &["create", &format!("after{n}")]).ok();
        is_whole(&r);
        if r.rev("main") == old { stayed += 1 } else { moved += 1 }
    }
    nothing_is_left_over(&r);
    println!("{moved} moved, {stayed} stayed, {in_the_middle} with files set aside");
    assert!(moved > 0 && stayed > 0, "the delays hit nothing: {moved} moved, {stayed} stayed");
}

#[test]
fn no_line_is_lost_that_somebody_writes_meanwhile() {
    let r = base();
    patiently(&r, &["create", "warm"]).ok();
    work(&r.session("warm"), 1000);
    let most = time_of(|| r.git("session finish warm --merge"));
    let (mut moved, mut stayed) = (0, 0);
    for (n, delay) in delays(rounds(12), most).enumerate() {
        let name = format!("k{n}");
        patiently(&r, &["create", &name]).ok();
        work(&r.session(&name), n as u64);
        let old = r.rev("main");
        let running = start(&r, &["finish", &name, "--merge"]);
        let targets = [r.path(format!("d5/f{}.txt", 5 + 12 * (n % 14))), r.path("untouched.txt")];
        let is_killed = n % 3 == 2;
        let holds = n % 2 == 0;
        let writer = std::thread::spawn(move || {
            std::thread::sleep(delay);
            let open = |path: &Path| std::fs::File::options().append(true).open(path).expect("can be opened");
            let mut held: Vec<_> = targets.iter().map(|path| open(path)).collect();
            for line in 0..200 {
                for (file, path) in held.iter_mut().zip(&targets) {
                    if !holds {
                        *file = open(path);
                    }
                    file.write_all(format!("line {line} of round {n}\n").as_bytes()).expect("can be written");
                }
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        if is_killed {
            std::thread::sleep(delay + Duration::from_millis(n as u64));
            running.kill();
        } else {
            running.wait();
        }
        writer.join().expect("it writes");
        patiently(&r, &["create", &format!("after{n}")]).ok();
        // Wherever they went: each line of each file is in the worktree, once or more.
        let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let listed = r.git("ls-files --cached --others").ok().text();
        for path in listed.lines().filter(|path| r.has(path) && !path.starts_with("link")) {
            let original = if path.starts_with("untouched.txt") { "untouched" } else { "touched" };
            found.entry(original).or_default().extend(r.read(path).lines().map(str::to_owned));
        }
        for (original, lines) in found {
            for line in 0..200 {
                let line = format!("line {line} of round {n}");
                assert!(lines.contains(&line), "round {n}: '{line}' of the {original} file is lost");
            }
        }
        assert!(!r.has(".git/index.lock") && stages(&r).is_empty());
        if r.rev("main") == old {
            stayed += 1
        } else {
            moved += 1
        }
        let tree = r.git("write-tree").ok().text();
        assert_eq!(tree.trim(), r.rev("HEAD^{tree}"), "the index is not that of HEAD");
        r.git("reset --quiet --hard").ok();
        r.git("clean -fdq").ok();
    }
    println!("{moved} moved, {stayed} stayed");
    nothing_is_left_over(&r);
}

#[test]
fn a_switch_at_the_same_moment_leaves_a_whole_worktree() {
    let r = base();
    patiently(&r, &["create", "warm"]).ok();
    work(&r.session("warm"), 1000);
    let most = time_of(|| r.git("session finish warm --merge"));
    for (n, delay) in delays(rounds(8), most).enumerate() {
        let name = format!("k{n}");
        patiently(&r, &["create", &name]).ok();
        work(&r.session(&name), n as u64);
        let running = start(&r, &["finish", &name, "--merge"]);
        std::thread::sleep(delay);
        r.git_args(["switch", "--quiet", "-c", &format!("side{n}")]);
        running.wait();
        patiently(&r, &["create", &format!("after{n}")]).ok();
        is_whole(&r);
        r.git("switch --quiet main").ok();
    }
    nothing_is_left_over(&r);
}
