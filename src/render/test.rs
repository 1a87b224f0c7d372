//! What `test` prints.

use crate::ops::testing::{Came, Ending, Row, ending_shown};
use crate::render::{Paint, columns, harmless};
use serde_json::{Map, Value, json};

/// How much of a line is shown.
const LINE: usize = 400;

/// A row for each session; under one that failed its last lines, and where all of them are.
pub fn table(command: &str, rows: &[Row], paint: Paint) -> String {
    if rows.is_empty() {
        return "There are no sessions. `git session create <name>` starts one.\n".to_owned();
    }
    let width = rows.iter().map(|row| columns(row.name.as_str())).max().unwrap_or(0).min(40);
    let mut text = format!("{}\n", paint.dim(&format!("$ {}", harmless(&command.replace('\n', "\n  ")))));
    for row in rows {
        let gap = " ".repeat(width.saturating_sub(columns(row.name.as_str())));
        let word = match &row.came {
            Came::Planned => "would run",
            came => came.as_str(),
        };
        let cell = format!("{word:<11}");
        let cell = match word {
            "passed" => paint.green(&cell),
            "skipped" | "would run" => cell,
            _ => paint.red(&cell),
        };
        let details = harmless(&details(row));
        text.push_str(format!("  {}{gap}  {cell}  {details}", paint.bold(row.name.as_str())).trim_end());
        text.push('\n');
        if let Came::Ran(outcome) = &row.came
            && !outcome.is_passed()
        {
            for line in &outcome.tail {
                text.push_str(&format!("    {} {}\n", paint.dim("|"), harmless(&cut(line))));
            }
            if let Some(log) = row.log.as_ref().filter(|_| !outcome.tail.is_empty()) {
                text.push_str(&format!(
                    "    {}\n",
                    paint.dim(&format!("all of it: {}", harmless(&log.display().to_string())))
                ));
            }
        }
    }
    text
}

/// What is no text may be one long line.
fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn details(row: &Row) -> String {
    let mut parts = Vec::new();
    match &row.came {
        Came::Planned => parts.extend(row.worktree.as_ref().map(|path| path.display().to_string())),
        Came::Ran(outcome) => {
            if !outcome.is_passed() && !matches!(outcome.ending, Ending::TimedOut | Ending::Interrupted) {
                parts.push(ending_shown(outcome.ending));
            }
            parts.push(span(outcome.milliseconds()));
        }
        Came::Known(verdict) => {
            if !verdict.is_passed() {
                parts.push(format!("exit code {}", verdict.exit));
            }
            parts.push(format!("already, in '{}'", verdict.session));
        }
        Came::NotStarted(error) => {
            parts.push(error.one_line());
            parts.extend(error.hints().first().cloned());
        }
        Came::Skipped(skip) => parts.push(format!("{}; `{}`", skip.sentence, skip.remedy)),
    }
    parts.extend(row.remark.clone());
    parts.join("; ")
}

/// `0.3 s`, `2 min 5 s`.
pub fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..100 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        100..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `2 passed, 1 failed, 1 skipped.`
pub fn summary(rows: &[Row]) -> String {
    let words = ["passed", "failed", "timed-out", "not-started", "interrupted", "planned", "skipped"];
    let parts: Vec<String> = words
        .into_iter()
        .filter_map(|word| {
            let many = rows.iter().filter(|row| row.came.as_str() == word).count();
            (many > 0).then(|| match word {
                "planned" => format!("{many} would run"),
                word => format!("{many} {}", word.replace('-', " ")),
            })
        })
        .collect();
    format!("{}.", parts.join(", "))
}

/// As JSON.
pub fn json(command: &str, rows: &[Row]) -> Value {
    let sessions: Vec<Value> = rows.iter().map(entry).collect();
    json!({ "version": 1, "command": command, "sessions": sessions })
}

fn entry(row: &Row) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("name", json!(row.name));
    put("outcome", json!(row.came.as_str()));
    put("noted", json!(row.is_noted));
    if let Some(worktree) = &row.worktree {
        put("worktree", crate::render::json::path(worktree));
    }
    if let Some(tree) = row.tree {
        put("tree", json!(tree.to_string()));
    }
    if let Some(log) = &row.log {
        put("log", crate::render::json::path(log));
    }
    if let Some(remark) = &row.remark {
        put("remark", json!(remark));
    }
    match &row.came {
        Came::Planned => {}
        Came::Ran(outcome) => {
            put("duration_ms", json!(outcome.milliseconds()));
            match outcome.ending {
                Ending::Exited(code) => put("exit_code", json!(code)),
                Ending::Signalled(signal) => put("signal", json!(signal)),
                Ending::TimedOut | Ending::Interrupted => {}
            }
            if !outcome.is_passed() {
                put("last_lines", json!(outcome.tail));
            }
        }
        Came::Known(verdict) => {
            put("exit_code", json!(verdict.exit));
            put("duration_ms", json!(verdict.duration));
            put("known_since", json!(verdict.time));
        }
        Came::NotStarted(error) => put("remark", json!(error.one_line())),
        Came::Skipped(skip) => {
            put("reason", json!(skip.reason));
            put("remark", json!(skip.sentence));
            put("remedy", json!(skip.remedy));
        }
    }
    Value::Object(map)
}
