//! What `env` prints.

use crate::error::{Error, Result};
use crate::ops::env::Scene;
use serde_json::{Map, Value, json};

/// For `eval` in a shell.
pub fn sh(scene: &Scene) -> String {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    scene.variables().iter().map(|(key, value)| format!("export {key}={}\n", quoted(value))).collect()
}

/// For tools that read `.env` files.
///
/// # Errors
/// Refused, if a value has a line break in it, which the tools read in different ways.
pub fn dotenv(scene: &Scene) -> Result<String> {
    let mut text = String::new();
    for (key, value) in scene.variables() {
        if value.contains(['\n', '\r']) {
            return Err(Error::refused(format!("The value of {key} has a line break in it."))
                .hint("`--format sh` and `--json` can print it."));
        }
        let is_plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,%".contains(c));
        if is_plain {
            text.push_str(&format!("{key}={value}\n"));
        } else if value.contains('\'') {
            let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$").replace('`', r"\`");
            text.push_str(&format!("{key}=\"{value}\"\n"));
        } else {
            text.push_str(&format!("{key}='{value}'\n"));
        }
    }
    Ok(text)
}

/// As JSON.
pub fn json(scene: &Scene) -> Value {
    let variables: Map<String, Value> =
        scene.variables().into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    json!({
        "version": 1,
        "name": scene.name,
        "worktree": crate::render::json::path(&scene.worktree),
        "ports": scene.ports.map(|first| json!({ "base": first, "count": crate::ops::ports::SIZE })),
        "variables": variables,
    })
}
