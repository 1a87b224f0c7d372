//! `conflicts --watch`: what is new is told as it happens, and nothing where nothing happens.
#![cfg(unix)]

use crate::support::{Sandbox, validate};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Longer than any wait that succeeds takes, even on a machine that has other work.
const LONG: Duration = Duration::from_secs(60);
/// Longer than a change takes to be told.
const A_WHILE: Duration = Duration::from_secs(3);

/// A watch that goes on, and the lines that it has written.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(r: &Sandbox, more: &str) -> Watching {
        let mut command = r.command("git-session", ["conflicts", "--watch"]);
        command.args(more.split_whitespace()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Watching { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(LONG).expect("a line")
    }

    fn json(&self, schema: &str) -> Value {
        let line = self.line();
        let value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
        let errors = validate(schema, &value);
        assert!(errors.is_empty(), "not valid as '{schema}': {errors:?}\n{line}");
        value
    }

    /// The next piece of news about two, whatever comes before it.
    fn about(&self, a: &str, b: &str) -> Value {
        loop {
            let value = self.json("conflicts-watch");
            let news = value["news"].as_array().expect("news");
            if let Some(piece) = news.iter().find(|piece| piece["a"] == a && piece["b"] == b) {
                return piece.clone();
            }
        }
    }

    fn nothing_for_a_while(&self) {
        match self.lines.recv_timeout(A_WHILE) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn two_sessions() -> Sandbox {
    let text: String = (1..=40).map(|n| format!("line {n}\n")).collect();
    let r = Sandbox::new().file("a.txt", &text).file(".gitignore", "target/\n*.log\n").commit("base");
    for name in ["one", "two"] {
        r.git(&format!("session create {name} --no-copy --no-setup")).ok();
    }
    r
}

/// `a.txt` of a session with another tenth line.
fn edit(r: &Sandbox, name: &str, new: &str) {
    let text = r.read("a.txt").replace("line 10\n", &format!("{new}\n"));
    r.session(name).file("a.txt", text);
}

fn a_collision_comes_and_goes(more: &str, settings: &[(&str, &str)]) {
    let r = two_sessions();
    for (key, value) in settings {
        r.config(key, value);
    }
    let watching = Watching::start(&r, more);
    assert_eq!(watching.json("conflicts")["pairs"], serde_json::json!([]), "first the whole answer");
    edit(&r, "one", "eins");
    edit(&r, "two", "zwei");
    let piece = watching.about("one", "two");
    assert_eq!((&piece["change"], &piece["now"]), (&"new".into(), &"conflict".into()));
    assert_eq!(piece["files"][0]["path"], "a.txt");
    assert_eq!(piece["files"][0]["a"], serde_json::json!([[10, 10]]));
    edit(&r, "two", "line 10");
    let piece = watching.about("one", "two");
    assert_eq!((&piece["change"], &piece["was"]), (&"gone".into(), &"conflict".into()));
    // In directories that were not there, and with a commit in between.
    r.session("one").file("new/deep/f.txt", "1\n");
    r.session("two").file("new/deep/f.txt", "2\n").commit("more");
    let piece = watching.about("one", "two");
    assert_eq!((&piece["change"], &piece["files"][0]["path"]), (&"new".into(), &"new/deep/f.txt".into()));
    r.session("one").file("new/deep/f.txt", "2\n");
    let piece = watching.about("one", "two");
    assert_eq!((&piece["change"], &piece["now"]), (&"better".into(), &"overlap".into()));
}

#[test]
fn a_collision_is_told_when_it_comes_and_when_it_goes() {
    a_collision_comes_and_goes("--json", &[]);
}

#[test]
fn the_same_by_looking_where_the_system_tells_nothing() {
    a_collision_comes_and_goes("--json", &[("session.watch", "poll")]);
}

#[test]
fn what_is_ignored_is_no_news_and_neither_is_what_stays_as_it_was() {
    let r = two_sessions();
    let watching = Watching::start(&r, "--json");
    watching.json("conflicts");
    for name in ["one", "two"] {
        r.session(name).file("target/debug/out.txt", name).file("x.log", name);
        let text = r.session(name).read("a.txt");
        r.session(name).file("a.txt", text).git("status").ok();
    }
    watching.nothing_for_a_while();
    edit(&r, "one", "eins");
    edit(&r, "two", "zwei");
    assert_eq!(watching.about("one", "two")["files"].as_array().expect("files").len(), 1);
}

#[test]
fn sessions_that_are_made_and_that_end_are_taken_in() {
    let r = two_sessions();
    edit(&r, "one", "eins");
    let watching = Watching::start(&r, "--json");
    watching.json("conflicts");
    r.git("session create three --no-copy --no-setup").ok();
    let made = watching.json("conflicts-watch");
    assert_eq!((&made["made"], &made["news"]), (&serde_json::json!(["three"]), &serde_json::json!([])));
    edit(&r, "three", "drei");
    assert_eq!(watching.about("one", "three")["change"], "new");
    r.git("session finish three --abandon -y").ok();
    assert_eq!(watching.about("one", "three")["change"], "gone");
}

#[test]
fn other_settings_hold_from_then_on() {
    let r = two_sessions();
    r.session("one").file("a.txt", r.read("a.txt").replace("line 10\n", "eins\n"));
    r.session("two").file("a.txt", r.read("a.txt").replace("line 20\n", "zwei\n"));
    let watching = Watching::start(&r, "--json");
    assert_eq!(watching.json("conflicts")["pairs"][0]["severity"], "overlap");
    r.config("session.nearLines", "12");
    let piece = watching.about("one", "two");
    assert_eq!((&piece["change"], &piece["now"]), (&"worse".into(), &"near".into()));
    // The base moves onto the same line.
    r.file("a.txt", r.read("a.txt").replace("line 20\n", "main\n")).commit("the base");
    let news = watching.json("conflicts-watch");
    let row =
        news["news"].as_array().expect("news").iter().find(|piece| piece["name"] == "two").expect("a row").clone();
    assert_eq!((&row["base"], &row["now"]), (&"main".into(), &"conflict".into()));
}

#[test]
fn people_are_told_in_lines() {
    let r = two_sessions();
    let watching = Watching::start(&r, "");
    assert_eq!(watching.line(), "2 sessions: nothing collides.");
    edit(&r, "one", "eins");
    edit(&r, "two", "zwei");
    let line = watching.line();
    assert_eq!(line.get(8..), Some("  conflict  one × two  a.txt:10 × 10  (new)"), "{line}");
    edit(&r, "two", "eins");
    let line = watching.line();
    assert_eq!(line.get(8..), Some("  overlap   one × two  a.txt  (was conflict)"), "{line}");
    edit(&r, "one", "line 10");
    let line = watching.line();
    assert_eq!(line.get(8..), Some("  clear     one × two  a.txt  (was overlap)"), "{line}");
}

#[test]
fn it_ends_quietly_when_nobody_reads_it_any_longer() {
    let r = two_sessions();
    for settings in ["auto", "poll"] {
        r.config("session.watch", settings);
        let mut command = r.command("git-session", ["conflicts", "--watch", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut String::new()).expect("a line");
        drop(out);
        let output = child.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(!said.contains("error"), "{said}");
    }
}

#[test]
fn what_it_has_no_place_for_is_refused() {
    let r = two_sessions();
    r.git("session conflicts --watch --format markdown").code(2).stderr_contains("`table`, `matrix` and `json`");
    r.git("session conflicts --watch --exit-code").code(2);
    r.config("session.watch", "often").git("session conflicts --watch").code(1).stderr_contains("session.watch poll");
}

/// Who meets, how seriously, and where, as the stream says it.
type Met = std::collections::BTreeMap<(String, String), (Value, Value)>;

fn met(answer: &Value) -> Met {
    let text = |value: &Value| value.as_str().expect("a name").to_owned();
    let rows = answer["against_base"].as_array().expect("rows").iter().filter_map(|row| {
        let severity = if row["rebase"] == "conflict" { Value::from("conflict") } else { row.get("severity")?.clone() };
        Some(((text(&row["name"]), text(&row["base"])), (severity, row["files"].clone())))
    });
    let pairs = answer["pairs"].as_array().expect("pairs").iter();
    rows.chain(
        pairs.map(|pair| ((text(&pair["a"]), text(&pair["b"])), (pair["severity"].clone(), pair["files"].clone()))),
    )
    .collect()
}

#[test]
fn who_takes_in_all_news_knows_what_a_fresh_look_finds() {
    let r = two_sessions();
    for name in ["three", "four"] {
        r.git(&format!("session create {name} --no-copy --no-setup")).ok();
    }
    let watching = Watching::start(&r, "--json");
    let mut known = met(&watching.json("conflicts"));
    let change = |s: &Sandbox, line: usize, new: &str| {
        let text = s
            .read("a.txt")
            .lines()
            .enumerate()
            .fold(String::new(), |text, (at, old)| text + if at + 1 == line { new } else { old } + "\n");
        s.file("a.txt", text);
    };
    let steps: [&dyn Fn(); 9] = [
        &|| (change(&r.session("one"), 5, "one"), change(&r.session("two"), 5, "two")).1,
        &|| drop(r.session("one").commit("one")),
        &|| change(&r.session("three"), 7, "three"),
        &|| drop((change(&r, 5, "main"), r.commit("the base moves"))),
        &|| drop(r.session("three").file("b.txt", "three\n").commit("three")),
        &|| drop(r.session("four").file("b.txt", "four\n").remove("a.txt")),
        &|| _ = r.git("session sync three").ok(),
        &|| _ = r.session("two").git("checkout --quiet a.txt").ok(),
        &|| drop((r.git("session create five --no-copy --no-setup"), change(&r.session("five"), 6, "five"))),
    ];
    for (nth, step) in steps.iter().enumerate() {
        step();
        while let Ok(line) = watching.lines.recv_timeout(A_WHILE) {
            let value: Value = serde_json::from_str(&line).expect("JSON");
            for piece in value["news"].as_array().expect("news") {
                let (a, b) = if piece.get("a").is_some() { ("a", "b") } else { ("name", "base") };
                let sides = (piece[a].as_str().expect("a").to_owned(), piece[b].as_str().expect("b").to_owned());
                match piece.get("now") {
                    Some(now) => drop(known.insert(sides, (now.clone(), piece["files"].clone()))),
                    None => drop(known.remove(&sides)),
                }
            }
        }
        assert_eq!(known, met(&r.git("session conflicts --json").json()), "after step {nth}");
    }
    assert!(!known.is_empty());
}
