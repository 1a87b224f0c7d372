//! What `sync` writes into the index of a worktree: what git would find out by itself, so that it need not; and never
//! anything that would hide a change.

use crate::recovery::start;
use crate::support::{Run, Sandbox};
use crate::sync::{is_sound, lines, session, sync};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Duration;

/// Numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// git holds all trees of its index against the entries when it writes one, and dies where one is wrong.
fn trees_are_right(s: &Sandbox) {
    s.env("GIT_TEST_CHECK_CACHE_TREE", "1").git("update-index --force-write-index").ok();
    s.git("fsck --strict --no-dangling").ok();
}

/// Whether the index says which tree all of it is.
fn knows_its_tree(s: &Sandbox) -> bool {
    let index = s.git("rev-parse --path-format=absolute --git-path index").ok().text();
    let index = std::fs::read(index.trim()).expect("is there");
    let at = index.windows(4).position(|name| name == b"TREE");
    at.is_some_and(|at| index[at + 8] == 0 && index[at + 9].is_ascii_digit())
}

fn write_tree(s: &Sandbox) -> String {
    s.git("write-tree").ok().text().trim().to_owned()
}

#[test]
fn the_trees_of_directories_are_known_after_a_move_and_right() {
    let r = Sandbox::new();
    r.config("gc.auto", "0");
    let mut dice = Dice(7);
    let path = |dice: &mut Dice| {
        let depth = dice.below(4);
        let folders: String = (0..depth).map(|_| format!("d{}/", dice.below(3))).collect();
        format!("{folders}f{}.txt", dice.below(5))
    };
    r.file("keep.txt", "kept\n");
    for n in 0..40 {
        r.file(path(&mut dice), lines(n, 8));
    }
    r.commit("base");
    for name in ["plain", "carries", "stages"] {
        session(&r, name);
    }
    let (carries, stages) = (r.session("carries"), r.session("stages"));
    for round in 0..12 {
        for _ in 0..1 + dice.below(12) {
            let path = path(&mut dice);
            // One that is a folder elsewhere is left alone.
            if r.path(&path).is_dir() || r.path(&path).ancestors().skip(1).any(std::path::Path::is_file) {
                continue;
            }
            match dice.below(3) {
                0 if r.has(&path) => drop(r.remove(&path)),
                _ => drop(r.file(&path, lines(usize::try_from(dice.below(900)).expect("small"), 8))),
            }
        }
        r.file("round.txt", format!("{round}\n")).commit(&format!("round {round}"));
        carries.file("carries.txt", format!("uncommitted {round}\n"));
        stages.file(format!("staged/{round}/new.txt"), "new\n").git("add --all").ok();
        for row in sync(&r, "--autostash") {
            assert_eq!(row["outcome"], "rebased", "round {round}: {row}");
        }
        for name in ["plain", "carries"] {
            let s = r.session(name);
            assert!(knows_its_tree(&s), "round {round}: {name}");
            assert_eq!(write_tree(&s), s.rev("HEAD^{tree}"));
            trees_are_right(&s);
        }
        trees_are_right(&stages);
        assert_eq!(stages.git("diff --cached --name-only").ok().text().lines().count(), round + 1);
    }
    is_sound(&r);
}

#[test]
fn what_is_staged_where_the_base_adds_a_folder_is_not_forgotten() {
    let r = Sandbox::new();
    r.file("a.txt", "1\n").commit("base");
    session(&r, "one");
    let one = r.session("one").file("new/mine.txt", "mine\n");
    one.git("add new/mine.txt").ok();
    r.file("new/theirs.txt", "theirs\n").commit("the base adds a folder of that name");
    sync(&r, "--autostash");
    trees_are_right(&one);
    one.git("commit --quiet --message staged").ok();
    assert_eq!(one.git("ls-tree -r --name-only HEAD new").ok().text(), "new/mine.txt\nnew/theirs.txt\n");
}

/// Of the same size as what is there, at the same place: nothing but its time tells that it was written.
fn overwrite(path: &std::path::Path, text: &str) {
    let mut file = std::fs::File::options().write(true).open(path).expect("can be opened");
    file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(text.as_bytes())).expect("can be written");
}

#[test]
fn whatever_is_written_at_that_moment_git_sees() {
    let r = Sandbox::new();
    r.config("gc.auto", "0");
    for n in 0..30 {
        r.file(format!("f{n}.txt"), lines(n, 6));
    }
    r.commit("base");
    let s = session(&r, "one");
    let mut dice = Dice(3);
    let (mut seen, mut same) = (0, 0);
    for round in 1..24 {
        for n in 0..30 {
            r.file(format!("f{n}.txt"), lines(n + round * 100, 6));
        }
        r.commit(&format!("round {round}"));
        let running = start(&r, &["sync"]);
        std::thread::sleep(Duration::from_millis(dice.below(300)));
        let n = dice.below(30);
        let text = format!("X{round:02}");
        overwrite(&s.path(format!("f{n}.txt")), &text);
        let _: Run = running.wait();
        // As often as not the sync was not done yet, or refused to move over it.
        r.git("session sync");
        for _ in 0..2 {
            let is_dirty = s.read(format!("f{n}.txt")) != s.git(&format!("show HEAD:f{n}.txt")).ok().text();
            let status = s.git("status --porcelain").ok().text();
            assert_eq!(status.contains(&format!("f{n}.txt")), is_dirty, "round {round}: {status}");
            let listed = r.git("session list --json").ok().text();
            let listed: serde_json::Value = serde_json::from_str(&listed).expect("is JSON");
            let changed = listed["sessions"][0]["dirty"]["unstaged"].as_u64().unwrap_or_default();
            assert_eq!(changed > 0, is_dirty, "round {round}: {listed}");
            *if is_dirty { &mut seen } else { &mut same } += 1;
        }
        s.git("checkout --quiet -- .").ok();
        r.git("session sync").ok();
    }
    assert!(seen > 0, "nothing was written: {same}");
}
