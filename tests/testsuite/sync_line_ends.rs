//! `sync` where attributes have git write line ends of its own (`eol=crlf`): the files are those that git writes.

use crate::follow::is_by_git;
use crate::sync::{Dice, is_sound, lines, repo, row, session, sync};

/// Ways to say, or nearly to say, that lines of `.txt` end in CR LF.
const RULES: [&str; 18] = [
    "*.txt eol=crlf\n",
    "*.txt text eol=crlf\n",
    "*.txt -text eol=crlf\n",
    "*.txt !text eol=crlf\n",
    "*.txt text=auto eol=crlf\n",
    "*.txt text=input eol=crlf\n",
    "*.txt binary eol=crlf\n",
    "*.txt eol=crlf\n*.txt binary\n",
    "*.txt eol=crlf -crlf\n",
    "*.txt eol=crlf crlf\n",
    "*.txt eol=crlf !eol\n",
    "*.txt eol=crlf eol=lf\n",
    "*.txt eol=CRLF\n",
    "*.txt -eol\n",
    "*.txt text=auto\n",
    "[attr]windows text eol=crlf\n*.txt windows\n",
    "*.txt eol=crlf ident\n",
    "d1/* eol=crlf\n/d0/*.txt eol=crlf\n",
];

/// What lines of a file may be like.
fn content(dice: &mut Dice, n: usize) -> String {
    let text = lines(n, 12);
    match dice.below(9) {
        0 => text.replacen('\n', "\r\n", 1),
        1 => text.replacen(' ', "\r", 2),
        2 => text.trim_end().to_owned(),
        3 => String::new(),
        4 => format!("{text}\0binary\n"),
        _ => text.replace("line 3", &format!("line {}", dice.below(9))),
    }
}

#[test]
fn the_files_are_those_that_git_writes() {
    let (mut by_hand, mut with_crlf) = (0, 0);
    for seed in 0..30_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let r = repo();
        let rules = |dice: &mut Dice| RULES[dice.below(RULES.len())];
        let first = RULES[usize::try_from(seed).expect("small") % RULES.len()];
        if dice.below(2) == 0 {
            r.file(".gitattributes", first).commit("attributes");
        }
        r.git("session create one").ok();
        r.session("one").file("one.md", "one\n").commit("one");
        let rule = if dice.below(2) == 0 { first } else { rules(&mut dice) };
        r.file(if dice.below(3) == 0 { "d1/.gitattributes" } else { ".gitattributes" }, rule);
        for n in 0..4 {
            let text = content(&mut dice, n);
            r.file(format!("d{}/f{n}.txt", n % 3), text).file(format!("d{}/new{n}.txt", n % 3), lines(n, 5));
        }
        let r = r.remove("d2/f5.txt").commit("the base moves");
        let one = r.session("one");
        let twin = r.root().join("twin");
        r.git_args(["worktree", "add", "--quiet", "--detach", &twin.to_string_lossy(), "one"]).ok();
        let twin = r.in_dir(twin);
        if twin.git("rebase --quiet main").status() != Some(0) {
            // Files that have not changed are no longer as their blobs, by the new attributes.
            continue;
        }
        let trace = r.root().join("trace");
        let rows = sync(&r.env("GIT_TRACE", &trace), "");
        assert_eq!(row(&rows, "one")["outcome"], "rebased", "seed {seed}");
        let paths = one.git("ls-files").ok().text();
        let mut has_crlf = false;
        for path in paths.lines() {
            let text = one.read(path);
            assert_eq!(text, twin.read(path), "seed {seed}: {path} with {first:?}, {rule:?}");
            has_crlf |= text.matches("\r\n").count() > 1;
        }
        // Others git may find modified now: those of which the attributes alone have changed, or that no attributes make.
        let changed = r.git("diff --name-only main~ main").ok().text();
        for line in one.git("status --porcelain").ok().text().lines() {
            let path = &line[3..];
            let is_odd = r.git(&format!("show main:{path}")).ok().text().contains('\r');
            assert!(
                is_odd || !changed.lines().any(|changed| changed == path),
                "seed {seed}: {line}, {first:?}, {rule:?}"
            );
        }
        if !is_by_git(&trace) {
            by_hand += 1;
            with_crlf += usize::from(has_crlf);
        }
        if one.git("status --porcelain").ok().text().is_empty() {
            r.git("session undo --yes").ok();
            one.git("status --porcelain").ok().stdout("");
        }
        is_sound(&r);
    }
    assert!(by_hand > 8 && with_crlf > 4, "{by_hand} were not left to git, {with_crlf} of them with CR LF");
}

#[test]
fn beside_uncommitted_changes_the_files_are_those_that_git_writes() {
    let mut moved = 0;
    for (seed, rule) in RULES.iter().enumerate().step_by(2) {
        let mut dice = Dice((seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let r = repo().file(".gitattributes", rule).file("notes.md", lines(0, 12)).commit("attributes");
        r.git("session create one").ok();
        let one = r.session("one").file("one.md", "one\n").commit("one");
        for n in 0..4 {
            let text = content(&mut dice, n);
            r.file(format!("d{}/f{n}.txt", n % 3), text).file(format!("d{}/new{n}.txt", n % 3), lines(n, 5));
        }
        let r = r.file("notes.md", lines(0, 12).replace("line 9", "of the base")).commit("the base moves");
        let twin = r.root().join("twin");
        r.git_args(["worktree", "add", "--quiet", "--detach", &twin.to_string_lossy(), "one"]).ok();
        let twin = r.in_dir(twin);
        let mine = lines(0, 12).replace("line 2", "mine");
        for place in [&one, &twin] {
            place.file("notes.md", &mine);
        }
        twin.git("rebase --quiet --autostash main").ok();
        let trace = r.root().join("trace");
        let before = r.rev("one");
        let rows = sync(&r.env("GIT_TRACE", &trace), "--autostash");
        if row(&rows, "one")["outcome"] == "skipped" {
            assert_eq!(one.read("notes.md"), mine);
            continue;
        }
        moved += 1;
        assert!(!is_by_git(&trace), "{rule:?}");
        for path in one.git("ls-files").ok().text().lines() {
            assert_eq!(one.read(path), twin.read(path), "{path} with {rule:?}");
        }
        assert_eq!(one.git("status --porcelain").ok().text(), twin.git("status --porcelain").ok().text(), "{rule:?}");
        r.git("session undo --yes").ok();
        assert_eq!((r.rev("one"), one.read("notes.md")), (before, mine), "{rule:?}");
        one.git("status --porcelain").ok().stdout(" M notes.md\n");
        is_sound(&r);
    }
    assert!(moved > 4, "{moved} have moved");
}

#[test]
fn line_ends_that_somebody_has_changed_stay() {
    for attributes in ["", "*.txt eol=crlf\n"] {
        let r = repo().file(".gitattributes", attributes).commit("attributes");
        let one = session(&r, "one");
        r.file("d0/f0.txt", lines(0, 12).replace("line 3", "of the base")).commit("the base moves");
        let other = if attributes.is_empty() { lines(0, 12).replace('\n', "\r\n") } else { lines(0, 12) };
        one.file("d0/f0.txt", &other);
        // As to git, which goes by the size first.
        one.git("rebase main").code(1);
        assert_eq!(row(&sync(&r, ""), "one")["reason"], "dirty", "{attributes:?}");
        assert_eq!(one.read("d0/f0.txt"), other);
    }
}

#[test]
fn attributes_that_git_reads_in_its_own_way_are_left_to_it() {
    let long = "x".repeat(2100);
    for rule in [
        format!("*.txt eol=crlf {long}\n"),
        format!("*.txt eol=crlf\n*.txt -text {long}\n"),
        "\u{feff}*.txt eol=crlf\n".to_owned(),
        "\"*.txt\"eol=crlf\n".to_owned(),
        "*.txt eol=crlf\0 x\nd1/* eol=crlf\n".to_owned(),
        String::new(),
    ] {
        let r = repo();
        if rule.is_empty() {
            // git looks for it where it runs.
            r.config("core.attributesFile", "mine").file("mine", "*.txt eol=crlf\n").file(".gitignore", "mine\n");
        }
        let r = r.commit("before");
        r.git("session create one").ok();
        let one = r.session("one").file("one.md", "one\n").commit("one");
        let twin = r.root().join("twin");
        r.git_args(["worktree", "add", "--quiet", "--detach", &twin.to_string_lossy(), "one"]).ok();
        let twin = r.in_dir(twin);
        r.file(".gitattributes", &rule).file("d0/f0.txt", lines(0, 3)).file("d1/f1.txt", lines(1, 3)).commit("moves");
        twin.git("rebase --quiet main").ok();
        assert_eq!(row(&sync(&r, ""), "one")["outcome"], "rebased", "{rule:?}");
        for path in ["d0/f0.txt", "d1/f1.txt"] {
            assert_eq!(one.read(path), twin.read(path), "{path} with {rule:?}");
        }
    }
}
