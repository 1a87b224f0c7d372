//! What `ready` and `block` print.

use crate::ops::ready::{ReadyPlan, Saying};
use crate::render::harmless;
use crate::session::OperationId;
use serde_json::{Value, json};

/// A line for each session that it is news of.
pub fn lines(plan: &ReadyPlan, is_dry: bool) -> String {
    let would = if is_dry { "would be" } else { "is" };
    plan.sessions
        .iter()
        .filter(|said| said.changes)
        .map(|said| match &plan.saying {
            Saying::Ready => format!("{} {would} ready to merge.\n", said.name),
            Saying::Blocked(reason) => format!("{} {would} blocked: {}\n", said.name, harmless(reason)),
        })
        .collect()
}

/// As JSON.
pub fn json(plan: &ReadyPlan, operation: Option<&OperationId>) -> Value {
    let has_changed = plan.sessions.iter().any(|said| said.changes);
    let sessions: Vec<Value> = plan
        .sessions
        .iter()
        .map(|said| {
            let mut entry = json!({
                "name": said.name,
                "state": plan.saying.state(),
                "was": said.was,
                "changed": said.changes,
            });
            if let Some(reason) = plan.saying.reason() {
                entry["reason"] = json!(reason);
            }
            entry
        })
        .collect();
    let mut answer = json!({ "version": 1, "sessions": sessions });
    if let Some(operation) = operation.filter(|_| has_changed) {
        answer["operation"] = json!(operation.as_str());
    }
    answer
}
