//! What is said of a worktree's surroundings: what would run, what runs, what came of it.

use crate::ops::env::Scene;
use crate::ops::phase::Progress;
use crate::ops::surroundings::find::Rule;
use crate::ops::surroundings::{Prepared, Surroundings};
use crate::render::json::bytes_path;
use crate::render::{count, harmless, narrate};
use crate::session::{BString, Name};
use serde_json::{Value, json};

/// What would be done, a line each.
pub fn plan(plan: &Surroundings) -> String {
    let mut text = String::new();
    for (root, files) in &plan.copy.roots {
        let many = if root.ends_with(b"/") { format!(" ({})", count(*files as u64, "file")) } else { String::new() };
        text.push_str(&format!("  copy      {}{many}\n", harmless(&root.to_string())));
    }
    for path in &plan.copy.links {
        text.push_str(&format!("  link      {}\n", harmless(&path.to_string())));
    }
    for (what, commands) in [("setup", &plan.setup), ("post-create", &plan.post_create)] {
        for command in commands {
            text.push_str(&format!("  {what:<9} {}\n", one_line(command)));
        }
    }
    text
}

/// The same as JSON, for `env refresh`.
pub fn plan_json(scene: &Scene, plan: &Surroundings) -> Value {
    let mut value = json!({ "version": 1, "name": scene.name, "plan": plan_fields(plan) });
    if !plan.warnings.is_empty() {
        value["warnings"] = json!(plan.warnings);
    }
    value
}

/// What a worktree would get, as `create` and `env refresh` have it in their answers to `--dry-run`.
pub fn plan_fields(plan: &Surroundings) -> Value {
    let rule = |rule: &Rule| json!({ "pattern": rule.pattern, "from": rule.from });
    let copy = plan
        .copy
        .entries
        .iter()
        .map(|entry| json!({ "path": bytes_path(&entry.path), "files": entry.files, "rule": rule(&entry.rule) }));
    let links = plan.copy.links.iter().zip(&plan.copy.link_rules);
    let links = links.map(|(path, why)| json!({ "path": bytes_path(path), "rule": rule(why) }));
    json!({
        "copy": copy.collect::<Vec<_>>(),
        "link": links.collect::<Vec<_>>(),
        "denied": paths(&plan.copy.denied),
        "setup": plan.setup,
        "post_create": plan.post_create,
    })
}

fn paths<'a>(list: impl IntoIterator<Item = &'a BString>) -> Vec<Value> {
    list.into_iter().map(bytes_path).collect()
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

/// What was copied.
pub fn copied(name: &Name, prepared: &Prepared) -> String {
    let done = &prepared.copied;
    if done.files == 0 {
        return String::new();
    }
    let shown: Vec<String> = done.roots.iter().take(4).map(|root| harmless(&root.to_string())).collect();
    let more = if done.roots.len() > 4 { ", ..." } else { "" };
    let how = match (done.shared, done.plain) {
        (_, 0) => String::new(),
        (0, _) => " (in full: no reflinks here)".to_owned(),
        (_, plain) => format!(" ({} in full)", count(plain as u64, "file")),
    };
    format!("Copied {} into '{name}': {}{more}{how}.\n", count(done.files as u64, "file"), shown.join(", "))
}

/// What came of it.
pub fn done(scene: &Scene, prepared: &Prepared) -> String {
    match &prepared.failed {
        Some(_) => copied(&scene.name, prepared),
        None if prepared.ran > 0 => {
            let ran = format!("Ran {} in '{}'.\n", count(prepared.ran as u64, "command"), scene.name);
            copied(&scene.name, prepared) + &ran
        }
        None if prepared.copied.files > 0 => copied(&scene.name, prepared),
        None if !prepared.copied.kept.is_empty() || !prepared.warnings.is_empty() => String::new(),
        None => format!("'{}' has all of it.\n", scene.name),
    }
}

/// What came of it, as `create` and `env refresh` have it in their answers.
pub fn fields(prepared: &Prepared) -> Value {
    let done = &prepared.copied;
    let mut value = json!({
        "ran": prepared.ran,
        "copied": {
            "files": done.files,
            "bytes": done.bytes,
            "shared": done.shared,
            "plain": done.plain,
            "paths": paths(&done.roots),
            "links": paths(&done.links),
            "kept": paths(&done.kept),
            "vanished": paths(&done.vanished),
        },
    });
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
