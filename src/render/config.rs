//! Settings and where each comes from.

use crate::ops::config::InForce;
use crate::render::{Paint, harmless};
use serde_json::{Value, json};

/// One line each: key, value, where it comes from, and the default where that is another one.
pub fn table(settings: &[InForce], paint: Paint) -> String {
    let widest = |width: fn(&InForce) -> usize| settings.iter().map(width).max().unwrap_or(0);
    let (key, value) = (widest(|entry| entry.key.len()), widest(|entry| entry.value.chars().count()).min(40));
    let mut text = String::new();
    for entry in settings {
        let mut from = harmless(&entry.origin);
        match entry.default {
            None => from.push_str(" (unknown)"),
            Some("") => {}
            Some(default) if default == entry.value => {}
            Some(default) => from.push_str(&format!(" (default: {default})")),
        }
        let line = format!("{:<key$}  {:<value$}  {}", harmless(&entry.key), harmless(&entry.value), paint.dim(&from));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A sentence for each setting that the program does not know.
pub fn unknown(settings: &[InForce]) -> Vec<String> {
    let unknown = settings.iter().filter(|entry| !entry.is_known());
    unknown
        .map(|entry| match entry.meant {
            Some(meant) => format!("There is no setting `{}`; did you mean `{meant}`?", entry.key),
            None => format!("There is no setting `{}`.", entry.key),
        })
        .collect()
}

/// The answer of `config`.
pub fn json(settings: &[InForce]) -> Value {
    let list: Vec<Value> = settings
        .iter()
        .map(|entry| {
            let mut value = json!({
                "key": entry.key,
                "value": entry.value,
                "origin": entry.origin,
                "scope": entry.scope(),
                "known": entry.is_known(),
            });
            if let Some(default) = entry.default {
                value["default"] = json!(default);
            }
            if let Some(meant) = entry.meant {
                value["meant"] = json!(meant);
            }
            value
        })
        .collect();
    json!({ "version": 1, "settings": list })
}
