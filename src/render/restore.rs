//! What `restore` says.

use crate::ops::restore::{RestorePlan, Restored};
use crate::render::create::shell_quoted;
use crate::render::{Paint, harmless, json};
use serde_json::{Value, json};

fn short(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// What would be done.
pub fn plan(plan: &RestorePlan) -> String {
    let mut text = format!("Would restore the session '{}', which is {}:\n", plan.name, plan.ended.record.state);
    let how = if plan.makes_branch { "at" } else { "as it is, at" };
    text.push_str(&format!("  branch    {} {how} {}\n", short(&plan.branch), plan.tip.to_hex_with_len(8)));
    match (&plan.worktree, &plan.here_from) {
        (Some(path), Some(_)) => {
            text.push_str(&format!("  worktree  {} (switched to the branch)\n", harmless(&path.display().to_string())));
        }
        (Some(path), None) => text.push_str(&format!("  worktree  {}\n", harmless(&path.display().to_string()))),
        (None, _) => text.push_str("  worktree  none, as before\n"),
    }
    if let Some(salvage) = plan.salvage {
        text.push_str(&format!("  work      what was uncommitted, from {}\n", salvage.to_hex_with_len(12)));
    }
    text
}

/// What is back.
pub fn done(done: &Restored, paint: Paint) -> String {
    let work = if done.uncommitted { ", with what was uncommitted" } else { "" };
    let mut text = format!(
        "Restored {}: branch {} at {}{work}.\n",
        paint.bold(done.name.as_str()),
        short(&done.branch),
        done.tip.to_hex_with_len(8)
    );
    if let Some(path) = &done.worktree {
        text.push_str(&format!("  {}\n", paint.cyan(&format!("cd {}", shell_quoted(path)))));
    }
    text
}

/// The answer of `restore`.
pub fn json(done: &Restored) -> Value {
    let mut session = session(done);
    if !done.warnings.is_empty() {
        session["warnings"] = json!(done.warnings);
    }
    json!({ "version": 1, "operation": done.operation.as_str(), "sessions": [session] })
}

fn session(done: &Restored) -> Value {
    let mut value = json!({
        "name": done.name,
        "id": done.id.to_string(),
        "branch": short(&done.branch),
        "head": done.tip.to_string(),
        "uncommitted": done.uncommitted,
    });
    if let Some(path) = &done.worktree {
        value["worktree"] = json::path(path);
    }
    value
}
