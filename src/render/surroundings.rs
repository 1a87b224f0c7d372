//! What is said of a worktree's surroundings: what would run, what runs, what came of it.

use crate::ops::env::Scene;
use crate::ops::phase::Progress;
use crate::ops::surroundings::{Prepared, Surroundings};
use crate::render::{count, harmless, narrate};
use serde_json::{Value, json};

/// What would be done, a line each.
pub fn plan(plan: &Surroundings) -> String {
    let mut text = String::new();
    for (what, commands) in [("setup", &plan.setup), ("post-create", &plan.post_create)] {
        for command in commands {
            text.push_str(&format!("  {what:<9} {}\n", one_line(command)));
        }
    }
    text
}

/// The same as JSON.
pub fn plan_json(scene: &Scene, plan: &Surroundings) -> Value {
    json!({ "version": 1, "name": scene.name, "plan": { "setup": plan.setup, "post_create": plan.post_create } })
}

fn one_line(command: &str) -> String {
    harmless(command).replace('\n', " ")
}

/// Tells of a command that begins.
pub fn progress(progress: Progress<'_>) {
    match progress {
        Progress::Running { session, phase, number, of, command } => {
            narrate(&format!("{session}: {} {number}/{of}: {}", phase.as_str(), one_line(command)));
        }
    }
}

/// What came of it.
pub fn done(scene: &Scene, prepared: &Prepared) -> String {
    match &prepared.failed {
        Some(_) => String::new(),
        None if prepared.ran > 0 => {
            format!("Ran {} in '{}'.\n", count(prepared.ran as u64, "command"), scene.name)
        }
        None => format!("'{}' has all of it.\n", scene.name),
    }
}

/// What came of it, as `create` and `env refresh` have it in their answers.
pub fn fields(prepared: &Prepared) -> Value {
    let mut value = json!({ "ran": prepared.ran });
    if let Some(failure) = &prepared.failed {
        value["failed"] = json!({
            "command": failure.command,
            "ending": failure.ending,
            "log": failure.log.as_deref().map(crate::render::json::path),
        });
    }
    value
}

/// The answer of `env refresh`.
pub fn json(scene: &Scene, prepared: &Prepared) -> Value {
    json!({
        "version": 1,
        "name": scene.name,
        "prepared": fields(prepared),
        "warnings": prepared.warnings,
    })
}
