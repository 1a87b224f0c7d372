//! What is made from the program stays what the program makes, and the pages name all of it.

use crate::support::Sandbox;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const MANUAL: &str = "man/git-session.1";

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails unless the file is this text; with `SNAPSHOTS=overwrite` it becomes it.
#[track_caller]
fn assert_is(path: &str, text: &str) {
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(project(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    assert!(
        read(path) == text,
        "{path} is not what the program prints; `SNAPSHOTS=overwrite cargo test generated` mends it"
    );
}

/// The page as one reads it: without fonts and escapes.
fn plain(page: &str) -> String {
    let mut text = page.to_owned();
    for (roff, plain) in [("\\fB", ""), ("\\fI", ""), ("\\fR", ""), ("\\-", "-"), ("\\&", ""), ("\\e", "\\")] {
        text = text.replace(roff, plain);
    }
    text
}

fn answer(line: &str) -> String {
    Sandbox::bare_of_repositories().run("git-session", line.split(' ')).ok().text()
}

#[test]
fn the_manual_is_what_the_program_prints() {
    assert_is(MANUAL, &answer("__manual"));
}

#[test]
fn the_completion_scripts_are_what_the_program_prints() {
    for (shell, path) in [
        ("bash", "completions/git-session.bash"),
        ("zsh", "completions/_git-session"),
        ("fish", "completions/git-session.fish"),
    ] {
        assert!(
            read(path) == answer(&format!("completions {shell}")),
            "{path} is not what `completions {shell}` prints"
        );
    }
}

#[test]
fn the_manual_has_every_verb_alias_and_option() {
    let text = plain(&read(MANUAL));
    let (_, section) = text.split_once(".SH VERBS").expect("a section for verbs");
    let (section, _) = section.split_once(".SH SALVAGE").expect("its end");
    let root = git_session::cli::command();
    let mut verbs = Vec::new();
    for verb in root.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        verbs.push((verb.get_name().to_owned(), verb));
        let inner = verb.get_subcommands().filter(|inner| inner.get_name() != "help");
        verbs.extend(inner.map(|inner| (format!("{} {}", verb.get_name(), inner.get_name()), inner)));
    }
    for (name, verb) in verbs {
        let (_, part) = section
            .split_once(&format!(".SS \"git session {name}\"\n"))
            .unwrap_or_else(|| panic!("the manual has no verb `{name}`"));
        let (part, _) = part.split_once(".SS ").unwrap_or((part, ""));
        for alias in verb.get_visible_aliases() {
            let also = part.lines().find(|line| line.starts_with("Also: ")).unwrap_or_default();
            assert!(also.contains(alias), "the manual has no alias `{alias}` of `{name}`");
        }
        for long in verb.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(clap::Arg::get_long) {
            assert!(long == "help" || part.contains(&format!("--{long}")), "the manual has no `--{long}` of `{name}`");
        }
    }
}

#[test]
fn the_readme_has_every_verb() {
    let text = read("README.md");
    for verb in git_session::cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        assert!(text.contains(&format!("\n| `{}", verb.get_name())), "README.md has no verb `{}`", verb.get_name());
    }
}

#[test]
fn the_manual_and_the_readme_have_every_setting() {
    let manual = plain(&read(MANUAL));
    let (_, section) = manual.split_once(".SH SETTINGS").expect("a section for settings");
    let (section, _) = section.split_once(".SH ").expect("its end");
    let documented: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix(".BR ")?.split_once(" \" (default").map(|(key, _)| key))
        .collect();
    let known: BTreeSet<&str> = git_session::ops::config::SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(documented, known);

    let readme = read("README.md");
    let listed: BTreeSet<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(key, _)| key))
        .filter(|key| key.starts_with("session.") || key.starts_with("color."))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn every_setting_that_is_read_is_a_known_one() {
    let key = regex::Regex::new(r#"\(\s*"((?:session|color)\.[A-Za-z.-]+)"\s*\)"#).expect("a pattern");
    let mut read_keys = BTreeSet::new();
    sources(&project("src"), &mut |text| {
        read_keys.extend(key.captures_iter(text).map(|found| found[1].to_owned()));
    });
    read_keys.remove("color.ui");
    let known: BTreeSet<String> =
        git_session::ops::config::SETTINGS.iter().map(|setting| setting.key.to_owned()).collect();
    assert_eq!(read_keys, known);
}

fn sources(directory: &Path, visit: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn the_manuals_are_sound() {
    if std::process::Command::new("man").arg("--version").output().is_err() {
        eprintln!("man is not installed: the manuals are not checked");
        return;
    }
    for page in [MANUAL, "man/gitformat-session.5"] {
        let run = Sandbox::bare_of_repositories()
            .run("man", ["--warnings".as_ref(), "-l".as_ref(), project(page).as_os_str()]);
        run.ok();
        assert_eq!(run.stderr_text(), "", "{page}");
    }
}
