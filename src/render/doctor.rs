//! What `doctor` says.

use crate::ops::doctor::{Diagnosis, Finding, Severity};
use crate::render::{Paint, columns, count, harmless};
use serde_json::{Value, json};

/// What stands below a finding begins where its sentence does.
const INDENT: &str = "         ";

/// Each finding: how bad, about what, the sentence; below it what helps or what became of it. `is_fixing` says that
/// `--fix` was given; on a terminal lines end with a word, at `width`.
pub fn table(diagnosis: &Diagnosis, is_fixing: bool, paint: Paint, width: Option<usize>) -> String {
    let mut text = String::new();
    let room = width.map(|width| width.saturating_sub(INDENT.len()).max(20));
    for finding in &diagnosis.findings {
        let word = format!("{:<8}", if finding.is_mended() { "mended" } else { finding.severity.as_str() });
        let word = match finding.severity {
            _ if finding.is_mended() => paint.green(&word),
            Severity::Error => paint.red(&word),
            Severity::Warning => paint.yellow(&word),
            Severity::Note => paint.dim(&word),
        };
        let about = about(finding);
        let what = format!("{about}{}", harmless(&finding.what));
        for (number, line) in wrapped(&what, room).iter().enumerate() {
            match (number, line.strip_prefix(&about)) {
                (0, Some(rest)) => text.push_str(&format!("{word} {}{rest}\n", paint.bold(&about))),
                (0, None) => text.push_str(&format!("{word} {line}\n")),
                _ => text.push_str(&format!("{INDENT}{line}\n")),
            }
        }
        let below = match &finding.mended {
            Some(Ok(())) => continue,
            Some(Err(why)) => format!("It could not be mended: {why}."),
            None if is_fixing && finding.is_fixable() => "It would be mended.".to_owned(),
            None => finding.remedy.clone(),
        };
        for line in wrapped(&harmless(&below), room) {
            text.push_str(&format!("{INDENT}{}\n", paint.dim(&line)));
        }
    }
    let left = |severity| {
        let is_left = |finding: &&Finding| finding.severity == severity && !finding.is_mended();
        u64::try_from(diagnosis.findings.iter().filter(is_left).count()).unwrap_or(u64::MAX)
    };
    let (errors, warnings) = (left(Severity::Error), left(Severity::Warning));
    if errors + warnings == 0 {
        text.push_str("Nothing is wrong.\n");
        return text;
    }
    let mendable = diagnosis.findings.iter().filter(|finding| finding.is_fixable() && finding.mended.is_none()).count();
    text.push_str(&format!("{}, {}", count(errors, "error"), count(warnings, "warning")));
    if mendable > 0 && !is_fixing {
        text.push_str(&format!("; `git session doctor --fix` mends {mendable}"));
    }
    text.push_str(".\n");
    text
}

/// A text in lines of at most that many columns, broken between words: one that is longer stays whole.
fn wrapped(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else { return vec![text.to_owned()] };
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn about(finding: &Finding) -> String {
    let path = finding.path.as_ref().map(|path| path.display().to_string());
    match (&finding.session, path.or_else(|| finding.reference.clone())) {
        (Some(session), Some(thing)) if finding.kind.starts_with("lock") => harmless(&format!("{session} ({thing}): ")),
        (Some(session), _) => harmless(&format!("{session}: ")),
        (None, Some(thing)) => harmless(&format!("{thing}: ")),
        (None, None) => String::new(),
    }
}

/// The answer of `doctor`.
pub fn json(diagnosis: &Diagnosis) -> Value {
    let findings: Vec<Value> = diagnosis.findings.iter().map(finding).collect();
    json!({ "version": 1, "findings": findings })
}

fn finding(finding: &Finding) -> Value {
    let mut value = json!({
        "kind": finding.kind,
        "severity": finding.severity.as_str(),
        "what": finding.what,
        "remedy": finding.remedy,
        "fixable": finding.is_fixable(),
    });
    if let Some(session) = &finding.session {
        value["session"] = json!(session);
    }
    if let Some(reference) = &finding.reference {
        value["ref"] = json!(reference);
    }
    if let Some(path) = &finding.path {
        value["path"] = crate::render::json::path(path);
    }
    match &finding.mended {
        None => {}
        Some(Ok(())) => value["mended"] = json!(true),
        Some(Err(why)) => {
            value["mended"] = json!(false);
            value["why"] = json!(why);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_and_long_words_stay_whole() {
        assert_eq!(wrapped("one two  three", None), ["one two  three"]);
        assert_eq!(wrapped("one two three", Some(7)), ["one two", "three"]);
        assert_eq!(wrapped("a /long/path/that/is/whole b", Some(6)), ["a", "/long/path/that/is/whole", "b"]);
        assert_eq!(wrapped("日本 日本", Some(8)), ["日本", "日本"], "nine columns are too many");
        assert_eq!(wrapped("", Some(8)), [""]);
    }
}
