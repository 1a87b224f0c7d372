//! The answer for programs.

use crate::ops::conflicts::{AgainstBase, Clash, Pair, Report};
use crate::render::json::bytes_path;
use serde_json::{Value, json};

/// The answer of `conflicts`.
pub fn json(report: &Report) -> Value {
    let id = |id: &crate::session::ObjectId| id.to_string();
    let trunks: Vec<Value> =
        report.trunks.iter().map(|trunk| json!({ "name": trunk.name, "tip": trunk.tip.as_ref().map(id) })).collect();
    let sessions: Vec<Value> = report
        .sessions
        .iter()
        .map(|session| {
            let files: Vec<Value> = session.files.iter().map(bytes_path).collect();
            let mut entry = json!({
                "name": session.name,
                "base": session.base,
                "tip": session.tip.as_ref().map(id),
                "files": files,
                "uncommitted": session.is_uncommitted,
            });
            if let Some(note) = &session.note {
                entry["note"] = json!(note);
            }
            entry
        })
        .collect();
    json!({
        "version": 1,
        "trunks": trunks,
        "sessions": sessions,
        "against_base": report.against_base.iter().map(against_base).collect::<Vec<_>>(),
        "pairs": report.pairs.iter().map(pair).collect::<Vec<_>>(),
    })
}

fn against_base(row: &AgainstBase) -> Value {
    let verdict = |is_clean: Option<bool>| is_clean.map(|is_clean| if is_clean { "clean" } else { "conflict" });
    let mut entry = json!({
        "name": row.name,
        "base": row.base,
        "merge": verdict(row.merge),
        "rebase": verdict(row.rebase),
        "files": row.files.iter().map(|file| clash(file, "ours", "theirs")).collect::<Vec<_>>(),
    });
    if let Some(severity) = row.severity {
        entry["severity"] = json!(severity.as_str());
    }
    if !row.helped_by.is_empty() {
        entry["helped_by"] = json!(row.helped_by);
    }
    entry
}

fn pair(pair: &Pair) -> Value {
    let mut entry = json!({
        "a": pair.a,
        "b": pair.b,
        "severity": pair.severity.as_str(),
        "files": pair.files.iter().map(|file| clash(file, "a", "b")).collect::<Vec<_>>(),
    });
    if let Some(basis) = pair.basis {
        entry["basis"] = json!(basis.as_str());
    }
    if let Some(why) = pair.why {
        entry["why"] = json!(why.as_str());
    }
    entry
}

/// A file in which two meet; `sides` are the names of both sides' lines.
pub fn file(file: &Clash, sides: [&str; 2]) -> Value {
    clash(file, sides[0], sides[1])
}

pub(super) fn clash(file: &Clash, first: &str, second: &str) -> Value {
    let mut entry = json!({ "path": bytes_path(&file.path), "severity": file.severity.as_str() });
    if let Some(kind) = file.kind {
        entry["kind"] = json!(kind);
    }
    for (key, ranges) in [(first, &file.a), (second, &file.b)] {
        if !ranges.is_empty() {
            entry[key] = json!(ranges);
        }
    }
    if file.is_generated {
        entry["generated"] = json!(true);
    }
    if let Some(advice) = &file.advice {
        entry["advice"] = json!(advice);
    }
    if !file.excerpts.is_empty() {
        let shown = |(line, text): &(u32, Vec<String>)| json!({ "line": line, "text": text });
        let excerpts = file
            .excerpts
            .iter()
            .map(|excerpt| json!({ first: shown(&excerpt.a), second: shown(&excerpt.b), "base": excerpt.base }));
        entry["excerpts"] = excerpts.collect();
    }
    entry
}
