//! The rules that the compiler does not hold: which module may name which, where is printed, what files are called.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A top-level module: what it may name of this crate, and which crates of those the table knows.
struct Row {
    module: &'static str,
    modules: &'static [&'static str],
    crates: &'static [&'static str],
}

/// The import table. `lib` and `main` stand above it; `error` is free to all.
const TABLE: &[Row] = &[
    Row { module: "error", modules: &[], crates: &[] },
    Row { module: "session", modules: &["error"], crates: &["gix"] },
    Row { module: "host", modules: &["session", "error"], crates: &[] },
    Row { module: "git", modules: &["session", "host", "error"], crates: &["gix"] },
    Row { module: "store", modules: &["session", "git", "host", "error"], crates: &[] },
    Row { module: "ops", modules: &["session", "store", "git", "host", "error"], crates: &["rayon"] },
    Row { module: "render", modules: &["session", "ops", "host", "error"], crates: &[] },
    Row { module: "commands", modules: &["session", "ops", "render", "error", "cli"], crates: &["clap"] },
    Row { module: "cli", modules: &["session", "ops", "render", "commands", "error"], crates: &["clap"] },
];

/// The crates that only some modules may name.
const CRATES: &[&str] = &["gix", "rayon", "clap", "clap_complete", "clap_mangen"];

/// What `session` may take from gix: ids and byte strings.
const IDS_AND_BYTES: &[&str] = &["ObjectId", "hash", "bstr"];

#[test]
fn modules_name_only_what_the_import_table_allows() {
    let mut faults = Vec::new();
    for (path, code) in sources() {
        let module = top_module(&path);
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(row) = TABLE.iter().find(|row| row.module == module) else {
            faults.push(format!("{}: the import table has no row for '{module}'", path.display()));
            continue;
        };
        for named in named_after(&code, "crate") {
            let first = named.split("::").next().unwrap_or_default();
            let known = TABLE.iter().any(|row| row.module == first);
            if known && first != module && !row.modules.contains(&first) {
                faults.push(format!("{}: '{module}' may not use crate::{first}", path.display()));
            }
            if module == "render" && first == "host" && !named.starts_with("host::terminal") {
                faults.push(format!("{}: 'render' may use of host only the terminal: {named}", path.display()));
            }
        }
        for name in CRATES {
            let used = named_after(&code, name);
            let allowed = name.split('_').next().is_some_and(|family| row.crates.contains(&family));
            if !allowed && !used.is_empty() {
                faults.push(format!("{}: '{module}' may not use the crate {name}", path.display()));
            }
            if module == "session" && *name == "gix" {
                let other = used.iter().filter(|used| !IDS_AND_BYTES.iter().any(|prefix| used.starts_with(prefix)));
                faults.extend(other.map(|used| format!("{}: gix::{used} is neither id nor bytes", path.display())));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_render_prints() {
    let printing = regex::Regex::new(r"\be?print(ln)?!").expect("a valid pattern");
    let found = matching(&printing, |module| module != "render" && module != "lib");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_one_place_starts_processes() {
    let starting = regex::Regex::new(r"std::process::(Command\b|\{[^}]*\bCommand\b)").expect("a valid pattern");
    let found = matching(&starting, |_| true);
    let others: Vec<_> = found.iter().filter(|place| !place.starts_with("src/host/process")).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn nothing_is_left_to_be_done() {
    let unfinished = regex::Regex::new(r"\b(todo|unimplemented|dbg)!").expect("a valid pattern");
    let found = matching(&unfinished, |_| true);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn files_are_called_by_what_they_hold() {
    for (path, _) in sources() {
        for part in path.components().filter_map(|part| Path::new(part.as_os_str()).file_stem()?.to_str()) {
            let says_nothing = ["util", "utils", "common", "helper", "helpers", "misc"].contains(&part);
            assert!(!says_nothing, "{}", path.display());
        }
    }
}

#[test]
fn every_test_module_is_declared() {
    let directory = root().join("tests/testsuite");
    let main = std::fs::read_to_string(directory.join("main.rs")).expect("main.rs");
    let declared: BTreeSet<&str> =
        main.lines().filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';')).collect();
    for entry in std::fs::read_dir(directory).expect("the tests") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let is_module = path.extension().is_some_and(|extension| extension == "rs") || path.join("mod.rs").exists();
        if is_module && name != "main" {
            assert!(declared.contains(name.as_str()), "tests/testsuite/main.rs does not declare '{name}'");
        }
    }
}

#[test]
fn the_reader_of_names_knows_groups() {
    let code = "use crate::{error::{Error, Result}, git, session::Name};\nfn f() { crate::ops::sync::plan() }";
    assert_eq!(named_after(code, "crate"), ["error::{Error, Result}", "git", "session::Name", "ops::sync::plan"]);
    assert_eq!(named_after("let x = gix::ObjectId; use crate::gix::Y; use gix as g;", "gix"), ["ObjectId", ""]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `src/git/worktree.rs` is of `git`, `src/cli.rs` of `cli`.
fn top_module(path: &Path) -> String {
    let first = path.components().nth(1).expect("a path below src");
    Path::new(first.as_os_str()).file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned()
}

/// All files of `src/`, without comments.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root().join("src")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                let code: Vec<&str> = text.lines().map(without_comment).collect();
                found.push((path.strip_prefix(root()).expect("below the root").to_owned(), code.join("\n")));
            }
        }
    }
    found.sort();
    found
}

/// Comments begin a line or stand behind a blank; `https://` is none.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.find(" // ").map_or(line, |start| &line[..start])
}

/// The lines that match, as `path: line`, in the modules that `applies` to.
fn matching(pattern: &regex::Regex, applies: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, code) in sources() {
        if applies(&top_module(&path)) {
            let lines = code.lines().filter(|line| pattern.is_match(line));
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    found
}

/// What follows `<name>::` in code, groups taken apart; an empty one for `use <name>` alone.
fn named_after(code: &str, name: &str) -> Vec<String> {
    let pattern = regex::Regex::new(&format!(r"(^|[^\w:]){name}(::\s*|\s+as\b|;)")).expect("a valid pattern");
    let mut found = Vec::new();
    for start in pattern.find_iter(code) {
        if !start.as_str().contains("::") {
            if code[..start.start()].trim_end().ends_with("use") {
                found.push(String::new());
            }
            continue;
        }
        let rest = &code[start.end()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(parts(group)),
            None => found.push(rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect()),
        }
    }
    found
}

/// The parts of a group up to its closing brace, nested groups left whole.
fn parts(group: &str) -> Vec<String> {
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                part.push(c);
            }
        }
    }
    parts.push(part);
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}
