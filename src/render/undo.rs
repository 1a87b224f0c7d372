//! What `undo` says.

use crate::ops::undo::{Inverse, Operation, UndoPlan, Undone};
use crate::render::create::shell_quoted;
use crate::render::{Paint, harmless};
use crate::session::Timestamp;
use crate::session::Word as _;
use serde_json::{Value, json};
use std::path::Path;

fn short(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// What an operation did, in a line for each session.
fn lines(operation: &Operation) -> Vec<String> {
    let words = |name: &str, kind: &str, what: &str| format!("{name}: {kind} {}", harmless(what));
    operation
        .events
        .iter()
        .map(|found| words(&found.event.name, found.event.kind.as_str(), &found.event.what))
        .collect()
}

/// Operations, a line each.
pub fn list(operations: &[Operation], now: Timestamp, paint: Paint) -> String {
    let mut text = String::new();
    for operation in operations {
        let lines = lines(operation);
        let more = if lines.len() > 1 { format!(" (and {} more)", lines.len() - 1) } else { String::new() };
        text.push_str(&format!(
            "{}  {:>11}  {}{more}\n",
            paint.yellow(operation.id.short()),
            operation.time.age(now),
            lines.first().map_or("", String::as_str)
        ));
    }
    text
}

/// What would be done, or is asked for.
pub fn plan(plan: &UndoPlan, now: Timestamp, would: bool) -> String {
    let operation = &plan.operation;
    let word = if would { "Would undo" } else { "To be undone:" };
    let age = operation.time.age(now);
    let mut text = format!("{word} operation {} of {age} ago:\n", operation.id.short());
    for line in lines(operation) {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str(if would { "That would\n" } else { "That will\n" });
    for item in &plan.items {
        let name = &item.session.name;
        let (what, base) = match &item.inverse {
            Ok(Inverse::End(step, base)) => (end_words(step), base.as_ref()),
            Ok(Inverse::Restore(plan, base)) => {
                let mut what =
                    format!("restore the session '{}' with its branch at {}", name, plan.tip.to_hex_with_len(8));
                if let Some(path) = &plan.worktree {
                    what.push_str(&format!(", in {}", harmless(&path.display().to_string())));
                }
                (what, base.as_ref())
            }
            Ok(Inverse::Relocate(plan)) => {
                let step = &plan.step;
                let place = step.path.as_ref().filter(|(old, new)| old != new);
                let place = place.map(|(_, new)| format!(", in {new}")).unwrap_or_default();
                (format!("give '{}' its name '{}' again{place}", step.name.0, step.name.1), None)
            }
            Ok(Inverse::Sync(step)) => (format!("put '{name}' {}", step.what), None),
            Ok(Inverse::Facts(_, what, base)) => (format!("set back of '{name}': {what}"), base.as_ref()),
            Err(error) => (format!("leave '{name}' alone: {}", harmless(&error.one_line())), None),
        };
        if let Some(base) = base {
            text.push_str(&format!("  move {} to {}\n", short(&base.branch), base.to.to_hex_with_len(8)));
        }
        text.push_str(&format!("  {what}\n"));
    }
    for warning in &plan.warnings {
        text.push_str(&format!("But: {}\n", harmless(warning)));
    }
    text
}

fn end_words(step: &crate::ops::journal::end::EndStep) -> String {
    let mut what = format!("end the session '{}' ({})", step.name, step.state);
    if step.deletes_branch {
        what.push_str("; its branch goes, its commits are kept");
    } else {
        what.push_str("; its branch stays");
    }
    if let Some(path) = step.worktree.as_ref().filter(|_| step.here_to.is_none()) {
        what.push_str(&format!("; {} goes, uncommitted work is kept", harmless(path)));
    }
    what
}

/// What was done.
pub fn done(done: &Undone, stranded: Option<&Path>, paint: Paint) -> String {
    let mut text = String::new();
    for base in &done.bases {
        text.push_str(&format!("Moved {} to {}.\n", short(&base.branch), base.to.to_hex_with_len(8)));
    }
    for outcome in &done.sessions {
        let Ok(word) = &outcome.result else { continue };
        let name = paint.bold(outcome.name.as_str());
        text.push_str(&match *word {
            "ended" => format!(
                "Ended {name}.\n  {}\n",
                paint.dim(&format!("it comes back with: git session restore {}", outcome.name.word()))
            ),
            "restored" => format!("Restored {name}.\n"),
            "renamed" => format!("Renamed it to {name} again.\n"),
            "moved" => format!("Moved {name} back.\n"),
            "put-back" => format!("Put {name} back to where it was before that sync.\n"),
            _ => format!("Set the facts of {name} back.\n"),
        });
        if let Some(path) = outcome.worktree.as_ref().filter(|_| *word != "changed") {
            text.push_str(&format!("  {}\n", paint.cyan(&format!("cd {}", shell_quoted(path)))));
        }
    }
    if let Some(place) = stranded {
        text.push_str(&format!("  {}\n", paint.cyan(&format!("cd {}", shell_quoted(place)))));
    }
    // Where nothing was undone there is no operation to undo.
    if done.sessions.iter().any(|outcome| outcome.result.is_ok()) {
        text.push_str(&format!(
            "{}\n",
            paint.dim(&format!("`git session undo {}` does it again.", done.operation.short()))
        ));
    }
    text
}

/// The answer of `undo`.
pub fn json(done: &Undone) -> Value {
    let sessions: Vec<Value> = done
        .sessions
        .iter()
        .map(|outcome| {
            let mut value = match &outcome.result {
                Ok(word) => json!({ "name": outcome.name, "outcome": word }),
                Err(error) => json!({
                    "name": outcome.name,
                    "outcome": "refused",
                    "reason": error.one_line(),
                    "remedy": error.hints().first(),
                }),
            };
            if let Some(path) = outcome.worktree.as_ref().filter(|_| outcome.result.is_ok()) {
                value["worktree"] = crate::render::json::path(path);
            }
            value
        })
        .collect();
    let bases: Vec<Value> = done
        .bases
        .iter()
        .map(|base| json!({ "name": short(&base.branch), "from": base.from.to_string(), "to": base.to.to_string() }))
        .collect();
    let mut value = json!({
        "version": 1,
        "operation": done.operation.as_str(),
        "undoes": done.undoes.as_str(),
        "sessions": sessions,
        "bases": bases,
    });
    if !done.warnings.is_empty() {
        value["warnings"] = json!(done.warnings);
    }
    value
}

/// The answer of `undo --list`.
pub fn json_list(operations: &[Operation]) -> Value {
    let events = |operation: &Operation| -> Vec<Value> {
        let one = |found: &crate::ops::undo::Found| json!({ "name": found.event.name, "event": found.event.kind.as_str(), "what": found.event.what });
        operation.events.iter().map(one).collect()
    };
    let list: Vec<Value> = operations
        .iter()
        .map(|operation| {
            json!({
                "operation": operation.id.as_str(),
                "time": operation.time,
                "by": operation.by,
                "sessions": events(operation),
            })
        })
        .collect();
    json!({ "version": 1, "operations": list })
}
