//! What `trust` shows: every command, and what changed since the last approval.

use crate::ops::team;
use crate::ops::trust::{Approval, Listed, Standing, TrustPlan};
use crate::render::{Paint, harmless};
use serde_json::{Value, json};

/// The file, its commands, and what changed.
pub fn plan(plan: &TrustPlan, paint: Paint) -> String {
    let team = &plan.team;
    let from = format!("'{}' of {} at {}", team::PATH, team.branch, team.tip.to_hex_with_len(8));
    let commands = team.file.commands();
    if commands.is_empty() {
        return format!("The team file {from} runs nothing.\n");
    }
    let mut text = format!("The team file {from} runs:\n");
    for (phase, command) in commands {
        // Further lines of a command are seen to be its own.
        let command = harmless(command.trim_end()).replace('\n', "\n               ");
        text.push_str(&format!("  {:<12} {command}\n", phase.as_str()));
    }
    match &team.standing {
        Standing::Approved => text.push_str("It is approved.\n"),
        Standing::New => {}
        Standing::Changed(before) => {
            text.push_str(&format!("It has changed since it was approved at {}:\n", harmless(&before.time)));
            for line in plan.diff.iter().flat_map(|diff| diff.lines()) {
                let line = harmless(line);
                let line = match line.as_bytes().first() {
                    Some(b'+') => paint.green(&line),
                    Some(b'-') => paint.red(&line),
                    _ => line,
                };
                text.push_str(&format!("  {line}\n"));
            }
        }
    }
    text
}

/// The same as JSON.
pub fn json(plan: &TrustPlan, state: &str) -> Value {
    let team = &plan.team;
    let commands: Vec<Value> = team
        .file
        .commands()
        .into_iter()
        .map(|(phase, command)| json!({ "phase": phase.as_str(), "command": command }))
        .collect();
    let mut value = json!({
        "version": 1,
        "state": state,
        "file": team::PATH,
        "branch": team.branch,
        "tip": team.tip.to_string(),
        "hash": plan.hash,
        "commands": commands,
    });
    if let Some(diff) = &plan.diff {
        value["diff"] = json!(diff);
    }
    value
}

/// All approvals.
pub fn list(listed: &[Listed]) -> String {
    let mut text = String::new();
    for entry in listed {
        let mark = if entry.is_here { "*" } else { " " };
        let gone = if entry.is_there { "" } else { " (gone)" };
        let approval = &entry.approval;
        let hash: String = approval.hash.chars().take(12).collect();
        text.push_str(&format!(
            "{mark} {}  {}  {}{gone}\n",
            harmless(&approval.time),
            harmless(&hash),
            harmless(&approval.repository)
        ));
    }
    text
}

fn approval(approval: &Approval) -> Value {
    json!({ "repository": approval.repository, "time": approval.time, "hash": approval.hash })
}

/// The same as JSON.
pub fn list_json(listed: &[Listed]) -> Value {
    let approvals: Vec<Value> = listed
        .iter()
        .map(|entry| {
            let mut value = approval(&entry.approval);
            value["here"] = json!(entry.is_here);
            value["exists"] = json!(entry.is_there);
            value
        })
        .collect();
    json!({ "version": 1, "approvals": approvals })
}

/// What `--revoke` took back.
pub fn revoked_json(revoked: Option<&Approval>) -> Value {
    json!({ "version": 1, "revoked": revoked.map(approval) })
}
