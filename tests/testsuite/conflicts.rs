//! `conflicts`: git is the judge of every verdict, and nothing is left behind.

use crate::list::MISCHIEF;
use crate::support::Sandbox;
use serde_json::Value;
use std::collections::BTreeSet;

fn lines(seed: &str, count: usize) -> String {
    (1..=count).map(|n| format!("{seed} line {n}\n")).collect()
}

fn with_line(text: &str, n: usize, new: &str) -> String {
    text.lines()
        .enumerate()
        .map(|(at, line)| if at + 1 == n { format!("{new}\n") } else { format!("{line}\n") })
        .collect()
}

fn repo() -> Sandbox {
    let r = Sandbox::new();
    for name in ["a.txt", "b.txt", "dir/c.txt", "dir/d.txt", "deep/er/e.txt"] {
        r.file(name, lines(name, 40));
    }
    r.commit("base")
}

fn session(r: &Sandbox, name: &str) -> Sandbox {
    r.git(&format!("session create {name} --no-copy --no-setup")).ok();
    r.session(name)
}

fn look(r: &Sandbox, more: &str) -> Value {
    r.git(&format!("session conflicts --json {more}")).json_as("conflicts")
}

fn with_base<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let rows = answer["against_base"].as_array().expect("rows");
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is not in {rows:?}"))
}

fn pair<'a>(answer: &'a Value, a: &str, b: &str) -> Option<&'a Value> {
    answer["pairs"].as_array().expect("pairs").iter().find(|pair| pair["a"] == a && pair["b"] == b)
}

fn path_of(value: &Value) -> Vec<u8> {
    if let Some(text) = value.as_str() {
        return text.as_bytes().to_vec();
    }
    let (text, mut bytes) = (value["path"].as_str().expect("a path").as_bytes(), Vec::new());
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'%' {
            let hex = std::str::from_utf8(&text[at + 1..at + 3]).expect("hex");
            bytes.push(u8::from_str_radix(hex, 16).expect("hex"));
            at += 3;
        } else {
            bytes.push(text[at]);
            at += 1;
        }
    }
    bytes
}

type Paths = BTreeSet<Vec<u8>>;

/// The paths that we say collide.
fn ours(entry: Option<&Value>) -> Paths {
    let files = entry.and_then(|entry| entry["files"].as_array()).cloned().unwrap_or_default();
    files.iter().filter(|file| file["severity"] == "conflict").map(|file| path_of(&file["path"])).collect()
}

/// What git says of a merge: the tree, and the paths that collide, none where it is clean.
fn git_merge(r: &Sandbox, base: Option<&str>, a: &str, b: &str) -> (String, Option<Paths>) {
    let mut args = vec!["--attr-source=main".to_owned(), "merge-tree".into(), "--write-tree".into(), "-z".into()];
    args.extend(["--name-only".into(), "--no-messages".into()]);
    args.extend(base.map(|base| format!("--merge-base={base}")));
    args.extend([a.to_owned(), b.to_owned()]);
    let run = r.git_args(args);
    let is_clean = run.status() == Some(0);
    let bytes = run.bytes().to_vec();
    let mut fields = bytes.split(|byte| *byte == 0);
    let tree = String::from_utf8_lossy(fields.next().expect("a tree")).into_owned();
    let paths = fields.filter(|path| !path.is_empty()).map(known_name).collect();
    (tree, (!is_clean).then_some(paths))
}

/// Without the label that git gives to a file that it moves aside.
fn known_name(path: &[u8]) -> Vec<u8> {
    match path.iter().rposition(|byte| *byte == b'~') {
        Some(at) => path[..at].to_vec(),
        None => path.to_vec(),
    }
}

fn own_paths(r: &Sandbox, name: &str) -> BTreeSet<String> {
    let fork = r.git(&format!("merge-base main {name}")).ok().text().trim().to_owned();
    let text = r.git(&format!("diff --name-only --no-renames -z {fork} {name}")).ok().text();
    text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

/// Every verdict of all these branches of `main` is git's: as synced, and raw.
#[track_caller]
fn agrees(r: &Sandbox, names: &[&str]) {
    let answer = look(r, "");
    let raw = look(r, "--raw");
    let mut trees = Vec::new();
    for name in names {
        let (tree, paths) = git_merge(r, None, "main", name);
        let row = with_base(&answer, name);
        assert_eq!(row["merge"], if paths.is_none() { "clean" } else { "conflict" }, "{name} with main: {row:#}");
        assert_eq!(ours(Some(row)), paths.clone().unwrap_or_default(), "{name} with main: {row:#}");
        trees.push(paths.is_none().then_some(tree));
    }
    for (at, a) in names.iter().enumerate() {
        for (further, b) in names[at + 1..].iter().enumerate() {
            let ((_, by_tips), found) = (git_merge(r, None, a, b), pair(&raw, a, b));
            assert_eq!(ours(found), by_tips.clone().unwrap_or_default(), "{a} and {b} raw: {found:#?}");
            let found = pair(&answer, a, b);
            match (&trees[at], &trees[at + 1 + further]) {
                (Some(one), Some(two)) => {
                    let synced = git_merge(r, Some("main^{tree}"), one, two).1;
                    assert_eq!(ours(found), synced.unwrap_or_default(), "{a} and {b} as synced: {found:#?}");
                    assert!(found.is_none_or(|pair| pair["basis"] == "synced"), "{found:#?}");
                }
                _ if own_paths(r, a).intersection(&own_paths(r, b)).next().is_some() => {
                    assert_eq!(ours(found), by_tips.unwrap_or_default(), "{a} and {b} by tips: {found:#?}");
                    assert!(found.is_none_or(|pair| pair["basis"] == "tips"), "{found:#?}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_commit_graph_makes_it_quicker_and_no_different() {
    let r = repo();
    let text = lines("a.txt", 40);
    let on = |r: &Sandbox, n: usize, what: &str| {
        let now = r.read("a.txt");
        r.file("a.txt", with_line(&now, n, what)).commit(what)
    };
    // Three that part from the base at different places, one with a merge of the base in it, one without anything in
    // common, one behind, and one that has a change which the base got and took back.
    let early = session(&r, "early");
    on(&early, 5, "early");
    on(&early, 6, "early too");
    let landed = session(&r, "landed");
    on(&landed, 20, "landed");
    on(&landed, 21, "after it");
    session(&r, "behind");
    r.git("cherry-pick landed~1").ok();
    r.git("revert --no-edit HEAD").ok();
    let merged = session(&r, "merged");
    on(&merged, 30, "merged");
    on(&r, 5, "the base");
    merged.git("merge --quiet --no-edit main").ok();
    on(&merged, 31, "merged too");
    let late = session(&r, "late");
    on(&late, 6, "late");
    r.git("checkout --quiet --orphan apart").ok();
    r.file("a.txt", with_line(&text, 5, "apart")).commit("apart");
    r.git("switch --quiet main").ok();
    let answers = || [look(&r, ""), look(&r, "--raw"), look(&r, "--branches * --base main")];
    let before = answers();
    assert_eq!(with_base(&before[0], "early")["rebase"], "conflict", "{:#}", before[0]);
    // Newer commits than the graph has, and then all of them in it.
    for newest in ["main~1", "main", "late"] {
        r.git_input("commit-graph write --stdin-commits", &r.git(&format!("rev-parse {newest}")).ok().text()).ok();
        assert!(r.has(".git/objects/info/commit-graph"));
        assert_eq!(answers(), before, "{newest}");
    }
    r.git("commit-graph write --reachable").ok();
    assert_eq!(answers(), before);
}

/// Objects, refs, and every file of the repository's own.
fn traces(r: &Sandbox) -> (String, String, Vec<String>) {
    let mut files = Vec::new();
    let mut waiting = vec![r.repo().join(".git")];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
            if entry.path().is_dir() {
                waiting.push(entry.path());
            } else {
                let meta = entry.metadata().expect("metadata");
                files.push(format!("{} {:?}", entry.path().display(), meta.modified().expect("a time")));
            }
        }
    }
    files.sort();
    (r.git("count-objects -v").ok().text(), r.git("for-each-ref").ok().text(), files)
}

#[test]
fn lines_of_both_sides_are_named_as_they_stand_in_their_own_files() {
    let r = repo();
    let text = lines("a.txt", 40);
    let one = session(&r, "one");
    one.file("a.txt", with_line(&text, 20, "one's")).commit("one");
    let two = session(&r, "two");
    two.file("a.txt", format!("new first\n{}", with_line(&text, 20, "two's"))).commit("two");
    let far = session(&r, "far");
    far.file("a.txt", with_line(&text, 38, "far away")).commit("far");
    let near = session(&r, "near");
    near.file("a.txt", with_line(&text, 35, "near")).commit("near");
    // The base adds lines above: as synced everything moves, but a session's own file does not.
    r.file("a.txt", format!("1\n2\n3\n{}", &text[text.find("a.txt line 5").expect("a line")..])).commit("base moves");
    let answer = look(&r, "");
    let files = &pair(&answer, "one", "two").expect("they meet")["files"];
    assert_eq!(files[0]["severity"], "conflict");
    assert_eq!(files[0]["kind"], "content");
    assert_eq!(files[0]["a"], serde_json::json!([[20, 20]]), "{files:#}");
    assert_eq!(files[0]["b"], serde_json::json!([[21, 21]]), "{files:#}");
    let close = pair(&answer, "far", "near").expect("they meet");
    assert_eq!((&close["severity"], &close["basis"]), (&"near".into(), &"synced".into()), "{close:#}");
    assert_eq!(close["files"][0]["a"], serde_json::json!([[38, 38]]), "{close:#}");
    assert_eq!(close["files"][0]["b"], serde_json::json!([[35, 35]]), "{close:#}");
    assert_eq!(pair(&answer, "far", "one").expect("they meet")["severity"], "overlap");
    // Without the two lines in between they are far apart.
    r.config("session.nearLines", "1");
    assert_eq!(pair(&look(&r, ""), "far", "near").expect("they meet")["severity"], "overlap");
    r.config("session.nearLines", "many");
    r.git("session conflicts").code(1).stderr_contains("session.nearLines");
}

#[test]
fn uncommitted_work_counts_and_nothing_is_left_behind() {
    let r = repo();
    let text = lines("a.txt", 40);
    let (one, two) = (session(&r, "one"), session(&r, "two"));
    let three = session(&r, "three");
    one.file("a.txt", with_line(&text, 5, "typed, not saved anywhere"));
    two.file("a.txt", with_line(&text, 5, "staged")).git("add a.txt").ok();
    one.file("untracked.txt", "one\n");
    three.file("untracked.txt", "three\n").remove("b.txt");
    two.file("b.txt", lines("two", 3));
    two.file("ignored.log", "two\n").file(".gitignore", "*.log\n");
    three.file("ignored.log", "three\n");
    let before = traces(&r);
    let answer = look(&r, "");
    assert_eq!(traces(&r), before, "a prediction leaves no trace");
    assert_eq!(ours(pair(&answer, "one", "two")), Paths::from([b"a.txt".to_vec()]));
    assert_eq!(ours(pair(&answer, "one", "three")), Paths::from([b"untracked.txt".to_vec()]));
    assert_eq!(ours(pair(&answer, "three", "two")), Paths::from([b"b.txt".to_vec()]));
    let committed = look(&r, "--committed");
    assert_eq!(committed["pairs"], serde_json::json!([]));
    r.git("session conflicts --exit-code").code(3);
    r.git("session conflicts --exit-code --committed").ok();
    // What is said of work that is not committed is what git says once it is.
    for place in [&one, &two, &three] {
        place.commit("now it is");
    }
    let after = look(&r, "");
    for (a, b) in [("one", "two"), ("one", "three"), ("three", "two")] {
        assert_eq!(ours(pair(&answer, a, b)), ours(pair(&after, a, b)));
    }
    agrees(&r, &["one", "three", "two"]);
}

#[test]
fn work_is_what_git_would_add_whatever_was_done() {
    let r = crate::list::all_sorts();
    for settled in [false, true] {
        let name = |number: usize| format!("{}{number}", if settled { "settled-" } else { "young-" });
        let names: Vec<String> = (0..MISCHIEF.len()).map(name).collect();
        r.git_input("session create --stdin", &names.join("\n")).ok();
        for (name, case) in names.iter().zip(MISCHIEF) {
            let place = r.session(name);
            if settled {
                let line = "find . -name .git -prune -o -type f -exec touch -d 2001-01-01 {} +; git status";
                place.run("sh", ["-ec", line]).ok();
            }
            place.run("sh", ["-ec", case]).ok();
        }
        let answer = look(&r, "");
        for (name, case) in names.iter().zip(MISCHIEF) {
            // Not on its branch; and what git itself refuses to add.
            if ["--detach", "--orphan", "init -q nested"].iter().any(|word| case.contains(word)) {
                continue;
            }
            let rows = answer["sessions"].as_array().expect("rows");
            let row = rows.iter().find(|row| row["name"] == name.as_str()).expect("its row");
            let got: Paths = row["files"].as_array().expect("files").iter().map(path_of).collect();
            let line = "cp \"$(git rev-parse --git-dir)/index\" \"$GIT_INDEX_FILE\" && touch -r \
                        \"$(git rev-parse --git-dir)/index\" \"$GIT_INDEX_FILE\" && git add --all --ignore-errors \
                        >/dev/null 2>&1; git diff --cached --name-only --no-renames -z HEAD";
            let index = r.root().join(format!("{name}.index"));
            let run = r.session(name).env("GIT_INDEX_FILE", index).run("sh", ["-c", line]);
            let wanted: Paths =
                run.ok().bytes().split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect();
            assert_eq!(got, wanted, "{name}: {case}");
        }
    }
}

#[test]
fn all_kinds_of_collisions_are_what_git_says() {
    let r = Sandbox::new();
    let text = lines("f", 30);
    for name in [
        "mod",
        "del",
        "ren",
        "ren2",
        "mode",
        "link",
        "bin",
        "union.txt",
        "crlf",
        "dir/x",
        "dir/y",
        "dir/z",
        "od/1",
        "od/2",
    ] {
        r.file(name, text.replace("f line", name));
    }
    r.file("bin", [0, 1, 2, 3, 255]).file(".gitattributes", "union.txt merge=union\n").commit("base");
    let plain = |name: &str| text.replace("f line", name);
    let a = session(&r, "a");
    a.file("mod", with_line(&plain("mod"), 3, "a"));
    a.remove("del");
    a.git("mv ren renamed-by-a").ok();
    a.git("mv ren2 two-by-a").ok();
    a.file("added", "a\n").file("same", "same\n").file("file-or-dir", "a file\n");
    a.file("bin", [0, 9, 9]).file("union.txt", with_line(&plain("union.txt"), 30, "a"));
    a.file("crlf", plain("crlf").replace('\n', "\r\n"));
    a.git("mv dir moved").ok();
    a.executable("mode", &plain("mode"));
    a.commit("a");
    let b = session(&r, "b");
    b.file("mod", with_line(&plain("mod"), 3, "b"));
    b.file("del", with_line(&plain("del"), 3, "b"));
    b.file("ren", with_line(&plain("ren"), 3, "b"));
    b.git("mv ren2 two-by-b").ok();
    b.file("added", "b\n").file("same", "same\n").file("file-or-dir/inside", "b\n");
    b.file("bin", [0, 8, 8]).file("union.txt", with_line(&plain("union.txt"), 30, "b"));
    b.file("crlf", with_line(&plain("crlf"), 7, "b"));
    b.file("dir/new", "b\n");
    b.file("mode", with_line(&plain("mode"), 9, "b"));
    b.commit("b");
    let c = session(&r, "c");
    c.file("dir/x", with_line(&plain("dir/x"), 3, "c")).remove("link");
    #[cfg(unix)]
    std::os::unix::fs::symlink("mod", c.path("link")).expect("a link");
    c.remove("od").file("od", "a file now\n");
    c.commit("c");
    let d = session(&r, "d");
    d.file("link", with_line(&plain("link"), 3, "d")).file("od/3", "d\n").file("od/1", "d\n").commit("d");
    agrees(&r, &["a", "b", "c", "d"]);
    let answer = look(&r, "");
    let kinds: BTreeSet<&str> = answer["pairs"]
        .as_array()
        .expect("pairs")
        .iter()
        .flat_map(|pair| pair["files"].as_array().expect("files"))
        .filter_map(|file| file["kind"].as_str())
        .collect();
    for kind in ["content", "add-add", "modify-delete", "rename", "directory", "binary"] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    // And with a base that moved into the middle of it.
    r.file("mod", with_line(&plain("mod"), 3, "main")).file("dir/w", "main\n");
    r.git("mv del elsewhere").ok();
    r.commit("the base moves");
    agrees(&r, &["a", "b", "c", "d"]);
}

#[test]
fn generated_histories_are_judged_as_git_judges_them() {
    let rounds: u64 = std::env::var("CONFLICTS_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let first: u64 = std::env::var("CONFLICTS_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for seed in first..first + rounds {
        println!("seed {seed}");
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let r = Sandbox::new();
        for n in 0..14 {
            r.file(format!("d{}/f{n}", n % 4), lines(&format!("f{n}"), 12));
        }
        r.commit("base");
        let names = ["a", "b", "c", "d", "e"];
        for name in names {
            let place = session(&r, name);
            for step in 0..=dice.below(2) {
                change(&place, &mut dice, &format!("{name}{step}"));
            }
            if dice.below(3) == 0 {
                change(&r, &mut dice, &format!("main-{name}"));
            }
        }
        change(&r, &mut dice, "main");
        if dice.below(2) == 0 {
            // Several merge bases.
            let place = r.session("a");
            place.git("merge --quiet -m merged main").status();
            if place.git("rev-parse --verify --quiet MERGE_HEAD").status() == Some(0) {
                place.git("merge --abort").ok();
            }
        }
        agrees(&r, &names);
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Some changes of all kinds, and a commit.
fn change(place: &Sandbox, dice: &mut Dice, label: &str) {
    for _ in 0..=dice.below(3) {
        let tracked: Vec<String> = place.git("ls-files").ok().text().lines().map(str::to_owned).collect();
        let at = usize::try_from(dice.below(tracked.len() as u64)).expect("small");
        let Some(path) = tracked.get(at) else { continue };
        let is_file = place.path(path).symlink_metadata().is_ok_and(|meta| meta.is_file());
        match dice.below(10) {
            0..=4 if is_file => {
                let line = usize::try_from(dice.below(12)).expect("small") + 1;
                let text = place.read(path);
                place.file(path, with_line(&text, line, &format!("{label} {line}")));
            }
            5 if is_file => drop(place.remove(path)),
            6 => {
                place.git_args(["mv", path, &format!("d{}/moved-{}", dice.below(4), dice.below(3))]).status();
            }
            7 => drop(place.file(format!("d{}/new{}", dice.below(4), dice.below(3)), format!("{label}\n"))),
            8 => {
                let to = format!("renamed{}", dice.below(2));
                place.git_args(["mv", &format!("d{}", dice.below(4)), &to]).status();
            }
            _ if is_file => {
                place.git_args(["update-index", "--chmod=+x", path]).ok();
                place.git_args(["checkout", "--quiet", "--", path]).ok();
            }
            _ => {}
        }
    }
    place.commit(label);
}

#[test]
fn a_rebase_may_stop_where_a_merge_does_not_and_the_other_way_round() {
    let r = repo();
    let text = lines("a.txt", 40);
    let back = session(&r, "back-and-forth");
    back.file("a.txt", with_line(&text, 5, "try")).commit("try");
    back.file("a.txt", text.as_str()).file("own.txt", "1\n").commit("take it back");
    let landed = session(&r, "landed");
    landed.file("b.txt", with_line(&lines("b.txt", 40), 5, "landed")).commit("it lands");
    let id = landed.rev("HEAD");
    landed.file("more.txt", "1\n").commit("more");
    r.file("a.txt", with_line(&text, 5, "base")).commit("the base changes the same line");
    r.git(&format!("cherry-pick {id}")).ok();
    r.file("b.txt", with_line(&lines("b.txt", 40), 5, "and further")).commit("the base goes on from there");
    let answer = look(&r, "");
    let row = with_base(&answer, "back-and-forth");
    assert_eq!((&row["merge"], &row["rebase"]), (&"clean".into(), &"conflict".into()), "{row:#}");
    let row = with_base(&answer, "landed");
    assert_eq!((&row["merge"], &row["rebase"]), (&"conflict".into(), &"clean".into()), "{row:#}");
    // And so it is.
    let sync = r.git("session sync --dry-run --json").json_as("sync");
    let outcomes: Vec<&str> =
        sync["sessions"].as_array().expect("rows").iter().map(|row| row["outcome"].as_str().expect("one")).collect();
    assert_eq!(outcomes, ["conflict", "rebased"]);
    r.git("session conflicts --exit-code").code(3).stdout_contains("a rebase stops; a merge does not");
}

#[test]
fn stacks_are_no_pairs_and_siblings_stand_on_what_they_share() {
    let r = repo();
    let text = lines("a.txt", 40);
    let parent = session(&r, "parent");
    parent.file("a.txt", with_line(&text, 5, "parent")).commit("parent");
    parent.git("session create child --stack --no-copy --no-setup").ok();
    parent.git("session create other --stack --no-copy --no-setup").ok();
    r.session("child").file("a.txt", with_line(&with_line(&text, 5, "parent"), 30, "child")).commit("child");
    r.session("other").file("b.txt", with_line(&lines("b.txt", 40), 3, "other")).commit("other");
    let outside = session(&r, "outside");
    outside.file("a.txt", with_line(&text, 5, "outside")).commit("outside");
    parent.file("dir/c.txt", "the parent goes on\n");
    r.file("a.txt", with_line(&text, 38, "base")).commit("base moves");
    let answer = look(&r, "");
    for (a, b) in [("child", "parent"), ("other", "parent"), ("child", "other")] {
        assert!(pair(&answer, a, b).is_none(), "{a} and {b} have nothing between them: {answer:#}");
    }
    for name in ["child", "other"] {
        let found = pair(&answer, name, "outside").expect("they meet");
        assert_eq!(found["severity"], "conflict", "{found:#}");
    }
    assert_eq!(with_base(&answer, "child")["base"], "parent");
    // Made from another by hand, and not recorded so.
    r.git("branch --no-track unrecorded other").ok();
    r.git("session adopt unrecorded --base main").ok();
    r.session("unrecorded").file("dir/d.txt", "unrecorded\n").commit("unrecorded");
    r.session("other").file("dir/d.txt", "other\n").commit("other again");
    let answer = look(&r, "");
    let found = pair(&answer, "other", "unrecorded").expect("they meet");
    assert_eq!(ours(Some(found)), Paths::from([b"dir/d.txt".to_vec()]), "{found:#}");
    assert_eq!(found["files"].as_array().map(Vec::len), Some(1), "what they share is not between them: {found:#}");
}

#[test]
fn what_cannot_be_looked_at_is_a_sentence_and_the_others_go_on() {
    let r = repo();
    for name in ["busy", "gone", "no-branch", "elsewhere"] {
        session(&r, name).file("a.txt", with_line(&lines("a.txt", 40), 9, name)).commit(name);
    }
    let rebasing = r.session("busy");
    r.file("a.txt", with_line(&lines("a.txt", 40), 9, "base")).commit("base");
    rebasing.git("rebase main").status();
    std::fs::remove_dir_all(r.session("gone").here()).expect("removed");
    r.session("elsewhere").git("switch --quiet --detach").ok();
    r.session("no-branch").git("switch --quiet --detach").ok();
    r.git("branch -D no-branch").ok();
    let run = r.git("session conflicts --json");
    let answer = run.json_as("conflicts");
    for name in ["busy", "gone", "elsewhere"] {
        assert_eq!(with_base(&answer, name)["merge"], "conflict", "{answer:#}");
    }
    assert_eq!(with_base(&answer, "no-branch")["merge"], Value::Null);
    // Once each: in the table, or where there is no place for it beside.
    let table = r.git("session conflicts");
    table.ok().stdout_contains("it is in the middle of a rebase").stdout_contains("its branch is not here");
    assert!(!table.stderr_text().contains("rebase"), "{table}");
    let matrix = r.git("session conflicts --format matrix");
    matrix.ok().stderr_contains("busy: it is in the middle of a rebase").stdout_lacks("in the middle");
}

#[test]
fn declared_boundaries_are_planned_collisions() {
    let r = repo();
    r.git_args(["session", "create", "waiting", "--own", "dir/**", "--no-copy"]).ok();
    r.git_args(["session", "create", "also-waiting", "--own", "dir/c.txt", "--no-copy"]).ok();
    session(&r, "working").file("dir/d.txt", "working\n").commit("work");
    session(&r, "apart").file("a.txt", "apart\n").commit("work");
    let answer = look(&r, "");
    let found = pair(&answer, "waiting", "working").expect("they meet");
    assert_eq!((&found["severity"], &found["files"][0]["path"]), (&"planned".into(), &"dir/d.txt".into()));
    assert_eq!(pair(&answer, "also-waiting", "waiting").expect("they meet")["severity"], "planned");
    assert!(pair(&answer, "also-waiting", "working").is_none() && pair(&answer, "apart", "waiting").is_none());
    // Planned is no collision yet.
    r.git("session conflicts --exit-code").ok();
}

#[test]
fn plain_branches_are_compared_without_any_session_in_a_bare_repository_too() {
    let r = repo();
    let text = lines("a.txt", 40);
    for name in ["feature/one", "feature/two", "feature/three"] {
        r.git(&format!("switch --quiet -c {name} main")).ok();
        let line = if name.ends_with("three") { 30 } else { 5 };
        r.file("a.txt", with_line(&text, line, name)).commit(name);
    }
    r.git("switch --quiet main").ok();
    r.git_args(["clone", "--quiet", "--bare", ".", "../bare.git"]).ok();
    let bare = r.in_dir(r.root().join("bare.git"));
    let answer = look(&bare, "--branches feature/* --base main");
    assert_eq!(answer["sessions"].as_array().map(Vec::len), Some(3));
    assert_eq!(ours(pair(&answer, "feature/one", "feature/two")), Paths::from([b"a.txt".to_vec()]));
    assert_eq!(pair(&answer, "feature/one", "feature/three").expect("they meet")["severity"], "overlap");
    bare.git("session conflicts --branches feature/* --base main --exit-code").code(3);
    // One against the others: they are no rows of their own, and no pairs with each other.
    let names: Vec<&Value> = answer["sessions"].as_array().expect("sessions").iter().map(|it| &it["name"]).collect();
    let one = look(&bare, &format!("--branches {} --with feature/* --base main", names[0].as_str().expect("a name")));
    assert_eq!(one["sessions"].as_array().expect("sessions").len(), 1, "{one:#}");
    let of_one =
        answer["pairs"].as_array().expect("pairs").iter().filter(|pair| [&pair["a"], &pair["b"]].contains(&names[0]));
    assert_eq!(one["pairs"], of_one.cloned().collect::<Value>());
    assert!(!one["pairs"].as_array().expect("pairs").is_empty() && one["pairs"] != answer["pairs"], "{answer:#}");
    bare.git("session conflicts --branches feature/* --with nothing/*")
        .code(1)
        .stderr_contains("no branch 'nothing/*'");
    bare.git("session conflicts --branches nothing/*").code(1).stderr_contains("no branch 'nothing/*'");
    bare.git("session conflicts --branches feature/* --base nowhere").code(1).stderr_contains("'nowhere' is no branch");
}

#[test]
fn names_and_the_other_side_narrow_it() {
    let r = repo();
    for name in ["one", "two", "three"] {
        session(&r, name).file("a.txt", format!("{name}\n")).commit(name);
    }
    let pairs = |more: &str| -> Vec<String> {
        let answer = look(&r, more);
        let shown = |pair: &Value| format!("{} {}", pair["a"].as_str().expect("a"), pair["b"].as_str().expect("b"));
        answer["pairs"].as_array().expect("pairs").iter().map(shown).collect()
    };
    assert_eq!(pairs(""), ["one three", "one two", "three two"]);
    assert_eq!(pairs("one"), ["one three", "one two"]);
    assert_eq!(pairs("one --with two"), ["one two"]);
    assert_eq!(look(&r, "one")["against_base"].as_array().map(Vec::len), Some(1));
    r.git("session conflicts nobody").code(1).stderr_contains("There is no session 'nobody'.");
    r.git("session conflicts --format yaml").code(2).stderr_contains("matrix");
}

#[test]
fn the_workflow_of_the_manual_works_as_it_is_written() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/man/git-session.1")).expect("the manual");
    let page = page.replace(r"\(aq", "'").replace(r"\-", "-");
    let from = page.find("git session conflicts --branches 'origin").expect("the workflow");
    let command: Vec<&str> = page[from..].lines().take(2).map(str::trim).collect();
    let r = repo();
    let text = lines("a.txt", 40);
    for (name, line) in [("feature/one", 5), ("feature/two", 5), ("feature/three", 30)] {
        r.git(&format!("switch --quiet -c {name} main")).ok();
        r.file("a.txt", with_line(&text, line, name)).commit(name);
    }
    r.git("switch --quiet main").ok();
    r.git_args(["clone", "--quiet", "--bare", ".", "../hub.git"]).ok();
    r.git_args(["clone", "--quiet", "../hub.git", "../checkout"]).ok();
    let checkout = r.in_dir(r.root().join("checkout"));
    let run = checkout.run("sh", ["-c", &command.join(" ")]);
    run.code(3).stdout_contains("::error file=a.txt,line=5,endLine=5,title=origin/feature/one × origin/feature/two::");
    run.stdout_lacks("three");
}
