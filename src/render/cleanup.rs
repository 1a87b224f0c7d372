//! What `cleanup` says.

use crate::ops::cleanup::{Cleaned, CleanupPlan, Expired, Row};
use crate::render::create::shell_quoted;
use crate::render::{Paint, columns, count, harmless};
use crate::session::OperationId;
use serde_json::{Value, json};
use std::path::Path;

/// A line for each session, and one for all that has expired. `would` says that nothing has been done yet.
pub fn rows(rows: &[Row], expired: &[Expired], would: bool, paint: Paint) -> String {
    let mut text = String::new();
    let name_width = rows.iter().map(|row| columns(row.name.as_str())).max().unwrap_or(0);
    let why_width = rows.iter().map(|row| row.why.as_str().len()).max().unwrap_or(0);
    for row in rows {
        let (word, name) = (if row.is_removed() { "remove" } else { "keep" }, row.name.as_str());
        let word = if !would && row.is_removed() { "removed" } else { word };
        let shown = format!("{word:<7}");
        let shown = if row.is_removed() { paint.yellow(&shown) } else { paint.dim(&shown) };
        let gap = " ".repeat(name_width - columns(name));
        text.push_str(&format!(
            "{shown}  {}{gap}  {:<why_width$}  {}\n",
            paint.bold(name),
            row.why.as_str(),
            harmless(&row.proof)
        ));
        if let Some(remedy) = &row.remedy {
            text.push_str(&format!("{}  {}\n", " ".repeat(7), paint.dim(&harmless(remedy))));
        }
    }
    for one in expired {
        let what = if one.is_session { "ended session" } else { "work put aside" };
        let word = if would { "forget" } else { "forgot" };
        text.push_str(&format!(
            "{}  {}  {what} {}, kept until {}\n",
            paint.yellow(&format!("{word:<7}")),
            paint.bold(one.name.as_str()),
            one.id.to_hex_with_len(8),
            one.until.rfc3339()
        ));
    }
    if text.is_empty() {
        text.push_str("There is nothing to clean up.\n");
    }
    text
}

/// What is asked.
pub fn question(plan: &CleanupPlan) -> String {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let removals = count(number(plan.removals()), "session");
    let expired = count(number(plan.expired.len()), "expired entry");
    let expired = expired.replace("entrys", "entries");
    match (plan.removals(), plan.expired.len()) {
        (_, 0) => format!("Remove {removals}? What they leave behind is kept."),
        (0, _) => format!("Forget {expired} for good?"),
        _ => format!("Remove {removals}, and forget {expired} for good?"),
    }
}

/// What was done.
pub fn done(cleaned: &Cleaned, stranded: Option<&Path>, paint: Paint) -> String {
    let mut text = rows(&cleaned.rows, &cleaned.expired, false, paint);
    if cleaned.rows.iter().any(Row::is_removed) {
        text.push_str(&format!(
            "{}\n",
            paint.dim(&format!(
                "`git session restore <name>` brings one back, `git session undo {}` all of them.",
                cleaned.operation.short()
            ))
        ));
    }
    if let Some(place) = stranded {
        text.push_str(&format!("  {}\n", paint.cyan(&format!("cd {}", shell_quoted(place)))));
    }
    text
}

/// The answer of `cleanup`.
pub fn json(rows: &[Row], expired: &[Expired], operation: Option<&OperationId>) -> Value {
    let sessions: Vec<Value> = rows
        .iter()
        .map(|row| {
            let action = if row.is_removed() { "remove" } else { "keep" };
            let mut value = json!({ "name": row.name, "action": action, "why": row.why.as_str(), "proof": row.proof });
            if let Some(remedy) = &row.remedy {
                value["remedy"] = json!(remedy);
            }
            value
        })
        .collect();
    let expired: Vec<Value> =
        expired.iter().map(|one| json!({ "id": one.id.to_string(), "name": one.name, "until": one.until })).collect();
    let mut value = json!({ "version": 1, "sessions": sessions, "expired": expired });
    if let Some(operation) = operation {
        value["operation"] = json!(operation.as_str());
    }
    value
}
