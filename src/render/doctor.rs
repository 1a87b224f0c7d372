//! What `doctor` says.

use crate::ops::doctor::{Diagnosis, Finding, Severity};
use crate::render::{Paint, count, harmless};
use serde_json::{Value, json};

/// Each finding: how bad, about what, the sentence; below it what helps or what became of it. `is_fixing` says that
/// `--fix` was given.
pub fn table(diagnosis: &Diagnosis, is_fixing: bool, paint: Paint) -> String {
    let mut text = String::new();
    for finding in &diagnosis.findings {
        let word = format!("{:<8}", if finding.is_mended() { "mended" } else { finding.severity.as_str() });
        let word = match finding.severity {
            _ if finding.is_mended() => paint.green(&word),
            Severity::Error => paint.red(&word),
            Severity::Warning => paint.yellow(&word),
            Severity::Note => paint.dim(&word),
        };
        text.push_str(&format!("{word} {}{}\n", paint.bold(&about(finding)), harmless(&finding.what)));
        let below = match &finding.mended {
            Some(Ok(())) => continue,
            Some(Err(why)) => format!("It could not be mended: {why}."),
            None if is_fixing && finding.is_fixable() => "It would be mended.".to_owned(),
            None => finding.remedy.clone(),
        };
        text.push_str(&format!("         {}\n", paint.dim(&harmless(&below))));
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
