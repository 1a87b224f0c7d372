//! `gs`, in the shells themselves.

use crate::completion::has;
use crate::support::Sandbox;
use std::collections::BTreeSet;

fn walk(shell: &str, load: &str, code: &str) {
    if !has(shell) {
        return;
    }
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    let script = format!(
        "{load}\ngs create x >/dev/null; pwd\ngs create docs/y >/dev/null; pwd\ngs x; pwd\ngs -; pwd\ngs; pwd\ngs x\n\
         gs finish x --abandon --yes >/dev/null; pwd\ngs nosuch 2>/dev/null; echo {code}; pwd\ngs list --format '%(name)'\n"
    );
    let option = match shell {
        "bash" => "--norc",
        "zsh" => "-f",
        _ => "--no-config",
    };
    let text = r.run(shell, [option, "-c", &script]).text();
    let root = r.root().display().to_string();
    let expected =
        ["/repo-sessions/x", "/repo-sessions/docs/y", "/repo-sessions/x", "/repo-sessions/docs/y", "/repo", "/repo"]
            .map(|place| format!("{root}{place}"));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..6.min(lines.len())], expected, "{shell}");
    assert_eq!(lines[6..], ["1", expected[5].as_str(), "docs/y"], "{shell}");
}

#[test]
fn bash() {
    walk("bash", r#"eval "$(git session shell-init bash)""#, "$?");
}

#[test]
fn zsh() {
    walk("zsh", r#"eval "$(git session shell-init zsh)""#, "$?");
}

#[test]
fn fish() {
    walk("fish", "git session shell-init fish | source", "$status");
}

#[test]
fn the_functions_know_every_verb() {
    let r = Sandbox::bare_of_repositories();
    let root = git_session::cli::command();
    let mut verbs = BTreeSet::from(["help".to_owned()]);
    for verb in root.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        verbs.insert(verb.get_name().to_owned());
        verbs.extend(verb.get_visible_aliases().map(str::to_owned));
    }
    for (shell, create, others) in [("bash", "create|new", "-*|"), ("fish", "case create new", "case '-*' ")] {
        let script = r.run("git-session", ["shell-init", shell]).ok().text();
        let mut known = BTreeSet::new();
        for start in [create, others] {
            let line = script.lines().map(str::trim).find(|line| line.starts_with(start)).expect("a list of verbs");
            let words = line.trim_end_matches(')').split(['|', ' ']);
            known.extend(words.filter(|word| !matches!(*word, "case" | "-*" | "'-*'")).map(str::to_owned));
        }
        assert_eq!(known, verbs, "{shell}");
    }
}
