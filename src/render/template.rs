//! `--format '%(name) %(base.name)'`: fields of the JSON answer, as `git for-each-ref` has them of refs.

use crate::error::{Error, Result};
use serde_json::Value;

/// Fills one row into a template. `%(a.b)` is a field, `%%` a percent sign, `%xx` a byte by its two hexadecimal digits.
///
/// # Errors
/// Usage, for a `%(` without end, or a field that no row has.
pub fn fill(template: &str, row: &Value, known: &[&str]) -> Result<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(percent) = rest.find('%') {
        text.push_str(&rest[..percent]);
        rest = &rest[percent + 1..];
        if let Some(tail) = rest.strip_prefix('%') {
            text.push('%');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('(') {
            let end = tail.find(')').ok_or_else(|| Error::usage(format!("'{template}' has a '%(' without ')'.")))?;
            text.push_str(&field(row, &tail[..end], known)?);
            rest = &tail[end + 1..];
        } else if let Some(byte) = rest.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            text.push(char::from(byte));
            rest = &rest[2..];
        } else {
            text.push('%');
        }
    }
    text.push_str(rest);
    Ok(text)
}

fn field(row: &Value, name: &str, known: &[&str]) -> Result<String> {
    let first = name.split('.').next().unwrap_or(name);
    if !known.contains(&first) {
        return Err(
            Error::usage(format!("There is no field '{name}'.")).hint(format!("There are: {}.", known.join(", ")))
        );
    }
    let value = name.split('.').try_fold(row, |value, part| value.get(part));
    Ok(match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        // Of what has a name, the name: `%(base)` is `main`.
        Some(other) => other.get("name").and_then(Value::as_str).map_or_else(|| other.to_string(), str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::fill;
    use serde_json::json;

    #[test]
    fn fields_percents_and_bytes() {
        let row = json!({ "name": "auth", "base": { "name": "main" }, "ahead": 2, "list": ["a", "b"] });
        let known = ["name", "base", "ahead", "list", "goal"];
        let fill = |template: &str| fill(template, &row, &known);
        assert_eq!(fill("%(name)%09%(base.name) %(ahead)%% %(list)|%(goal)").expect("fills"), "auth\tmain 2% a b|");
        assert!(fill("%(name").is_err());
        assert!(fill("%(nmae)").is_err());
    }
}
