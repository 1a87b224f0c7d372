//! Completion in the shells themselves.

use crate::support::Sandbox;

/// Whether that shell is here; says so if not.
pub(crate) fn has(shell: &str) -> bool {
    let found = std::process::Command::new(shell).arg("-c").arg(":").output().is_ok();
    if !found {
        eprintln!("{shell} is not installed: nothing is tested in it");
    }
    found
}

fn sandbox() -> Sandbox {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base").config("alias.s", "session");
    for name in ["auth", "docs/intro", "docs/it"] {
        r.git_args(["session", "create", name]).ok();
    }
    r
}

const BASH: &str = r#"
if [[ -r $1 ]]; then source "$1"; else exit 9; fi
source <(git session completions bash)
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
if [[ $1 == git ]]; then __git_wrap__git_main; else _git_session_program; fi
printf '%s\n' "${COMPREPLY[@]}"
"#;

fn in_bash(r: &Sandbox, words: &[&str]) -> Option<Vec<String>> {
    let git =
        ["/usr/share/bash-completion/completions/git", "/usr/share/doc/git/contrib/completion/git-completion.bash"];
    let git = git.into_iter().find(|path| std::path::Path::new(path).is_file())?;
    let run = r.run("bash", ["--norc", "-c", BASH, "bash", git].iter().chain(words));
    Some(run.ok().text().lines().map(str::to_owned).collect())
}

#[test]
fn bash() {
    let r = sandbox();
    if !has("bash") || in_bash(&r, &["git", "session", ""]).is_none() {
        eprintln!("bash or git's own completion for it is not installed: not tested");
        return;
    }
    let complete = |words: &[&str]| in_bash(&r, words).expect("git's completion");
    assert!(complete(&["git", "session", ""]).contains(&"finish ".to_owned()));
    for program in [&["git", "session"][..], &["git", "s"], &["git-session"]] {
        let complete = |words: &[&str]| complete(&[program, words].concat());
        assert_eq!(complete(&["fin"]), ["finish "]);
        assert_eq!(complete(&["finish", ""]), ["auth ", "docs/intro ", "docs/it "]);
        assert_eq!(complete(&["finish", "docs/in"]), ["docs/intro "]);
        assert_eq!(complete(&["create", "x", "--ba"]), ["--base "]);
        assert_eq!(complete(&["create", "x", "--base", "=", "ma"]), ["main "]);
    }
    let elsewhere = r.in_dir("/");
    let repo = r.repo().display().to_string();
    let from_there = in_bash(&elsewhere, &["git", "-C", &repo, "session", "path", "au"]);
    assert_eq!(from_there.expect("git's completion"), ["auth "]);
}

#[test]
fn fish() {
    if !has("fish") {
        return;
    }
    let r = sandbox();
    let complete = |r: &Sandbox, line: &str| {
        let script = format!("git session completions fish | source; complete -C '{line}'");
        let text = r.run("fish", ["--no-config", "-c", &script]).ok().text();
        text.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    for program in ["git session", "git s", "git-session"] {
        assert!(complete(&r, &format!("{program} ")).contains(&"finish".to_owned()), "{program}");
        assert_eq!(complete(&r, &format!("{program} fin")), ["finish"]);
        assert_eq!(complete(&r, &format!("{program} finish ")), ["auth", "docs/intro", "docs/it"]);
        assert_eq!(complete(&r, &format!("{program} create x --ba")), ["--base"]);
    }
    let line = format!("git -C {} session path docs/in", r.repo().display());
    assert_eq!(complete(&r.in_dir("/"), &line), ["docs/intro"]);
}

/// Stands for zsh's completion system: calls the function as it does, and prints what it is offered.
const ZSH: &str = r#"
compdef() { : }
source <(git session completions zsh)
_describe() { local name=$4; print -rl -- ${(P)name} }
typeset -A opt_args
if [[ -n $1 ]]; then opt_args[-C]=$1; fi
shift
words=("$@") CURRENT=$#
PREFIX=$words[CURRENT] SUFFIX=
if [[ $1 == git ]]; then __git_cmd_idx=$((words[(i)session] - 1)) _ret=1; _git_session; (( _ret == 0 )); else _git-session; fi
"#;

#[test]
fn zsh() {
    if !has("zsh") {
        return;
    }
    let r = sandbox();
    let complete = |r: &Sandbox, directory: &str, words: &[&str]| {
        let run = r.run("zsh", ["-f", "-c", ZSH, "zsh", directory].iter().chain(words));
        let text = run.ok().text();
        text.lines().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    for program in [&["git", "session"][..], &["session"], &["git-session"]] {
        let complete = |words: &[&str]| complete(&r, "", &[program, words].concat());
        assert!(complete(&[""]).contains(&"finish".to_owned()));
        assert_eq!(complete(&["fin"]), ["finish"]);
        assert_eq!(complete(&["finish", ""]), ["auth", "docs/intro", "docs/it"]);
        assert_eq!(complete(&["create", "x", "--ba"]), ["--base"]);
    }
    let repo = r.repo().display().to_string();
    assert_eq!(
        complete(&r.in_dir("/"), "", &["git", "-C", &repo, "session", "path", "au"]),
        ["auth"],
        "as git's own completion calls it"
    );
    assert_eq!(complete(&r.in_dir("/"), &repo, &["session", "path", "docs/in"]), ["docs/intro"]);
}
