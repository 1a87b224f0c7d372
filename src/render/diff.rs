//! What a session has changed, for programs.

use crate::ops::diff::{Difference, File};
use crate::render::json::bytes_path;
use serde_json::{Value, json};

/// The answer of `diff` about one session.
pub fn json(difference: &Difference, files: &[File]) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|file| {
            let (added, removed) = file.lines.unzip();
            json!({ "path": bytes_path(&file.path), "added": added, "removed": removed })
        })
        .collect();
    json!({
        "version": 1,
        "name": difference.name,
        "base": difference.base,
        "fork": difference.from.to_string(),
        "uncommitted": difference.is_uncommitted,
        "files": files,
    })
}
