//! Names that a shell would not take as they are: what is to be typed says them so that it can be pasted.

use crate::support::Sandbox;

const NAMES: [&str; 4] = ["$(id)", ";ls", "#h", "it's"];

/// The name as one word of a shell.
fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\'', r"'\''"))
}

#[track_caller]
fn says(text: &str, command: &str) {
    assert!(text.contains(command), "`{command}` is not in:\n{text}");
}

#[test]
fn what_is_to_be_typed_can_be_pasted() {
    for name in NAMES {
        let word = quoted(name);
        let r = Sandbox::new().file("a.txt", "1\n").commit("base");
        let run = |args: &[&str]| {
            let run = r.git_args(["session"].iter().chain(args));
            format!("{}{}", run.text(), run.stderr_text())
        };
        run(&["create", name]);
        says(&run(&["create", name]), &format!("`git session path {word}`"));
        says(&run(&["create", "other", "--branch", name]), &format!("`git session path {word}`"));
        says(&run(&["create", name, "--here"]), &format!("`git session path {word}`"));
        r.session(name).file("a.txt", "2\n");
        says(&run(&["finish", name, "--merge"]), &format!("`git session finish {word} ... -m"));
        r.session(name).commit("work");
        let ended = run(&["finish", name, "--abandon", "--yes"]);
        says(&ended, &format!("git branch {word} "));
        says(&ended, &format!("git session restore {word}"));
        says(&run(&["path", name]), &format!("`git session restore {word}`"));
        run(&["restore", name]);
        says(&run(&["restore", name]), &format!("`git session path {word}`"));
        r.git_args(["branch", "-D", "other"]);
        run(&["create", "other"]);
        run(&["rename", name, &format!("{name}2")]);
        let undone = run(&["create", &format!("{name}3")]) + &run(&["undo", "--yes"]);
        says(&undone, &format!("git session restore {}", quoted(&format!("{name}3"))));
    }
}

#[test]
fn names_of_plain_characters_stay_as_they_are() {
    let r = Sandbox::new().file("a.txt", "1\n").commit("base");
    for name in ["fix-1", "feature/x_y", "v1.2", "größe", "a@b"] {
        r.git_args(["session", "create", name]).ok();
        r.git_args(["session", "create", name]).code(1).stderr_contains(&format!("`git session path {name}`"));
    }
}

#[test]
fn places_that_are_to_be_typed_can_be_pasted() {
    for name in NAMES {
        let r = Sandbox::new().file("a.txt", "1\n").commit("base");
        r.git_args(["session", "create", name]).ok();
        let place = quoted(r.session(name).here().to_str().expect("UTF-8"));
        r.session(name).git("worktree lock .").ok();
        let run = r.git_args(["session", "move", name, "../elsewhere"]);
        says(run.code(1).stderr_text(), &format!("`git worktree unlock {place}`"));
        r.session(name).git("switch --quiet -c other").ok();
        let run = r.git_args(["session", "finish", name, "--keep"]);
        says(run.code(1).stderr_text(), &format!("`git -C {place} switch {}`", quoted(name)));
    }
}

#[test]
fn what_helps_a_sync_can_be_pasted() {
    for name in NAMES {
        let word = quoted(name);
        let r = Sandbox::new().file("a.txt", "1\n").file("b.txt", "1\n").commit("base");
        r.git_args(["session", "create", name]).ok();
        let s = r.session(name).file("a.txt", "mine\n").commit("work").file("b.txt", "mine\n");
        r.file("a.txt", "2\n").commit("the base moves");
        says(&r.git("session sync").text(), &format!("git session sync {word} --autostash"));
        s.git("checkout --quiet b.txt").ok();
        says(&r.git("session sync").text(), &format!("git session sync {word} --resolve"));
    }
}
