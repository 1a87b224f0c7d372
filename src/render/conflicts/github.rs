//! Annotations for GitHub Actions: one for each range of lines that collides, in the file of whoever was looked at.
//!
//! The form is that of GitHub's workflow commands: `::error file=...,line=...,endLine=...,title=...::message`, with `%`,
//! CR and LF escaped everywhere, and `:` and `,` in properties.

use super::{because, kind, lines};
use crate::ops::conflicts::{Clash, LineRange, Pair, Report, Severity};
use crate::render::harmless;

/// Conflicts as errors, near lines as warnings, planned ones as notices. What only overlaps is no news.
pub fn github(report: &Report) -> String {
    let mut text = String::new();
    for row in &report.against_base {
        let title = format!("{} × {}", row.name, row.base);
        for file in row.files.iter().filter(|file| file.severity > Severity::Overlap) {
            text.push_str(&of_file(file, [&file.a, &file.b], &title, &row.base, ""));
        }
        let more = match (row.merge, row.rebase) {
            (None, _) => Some(("warning", "could not be merged to see.")),
            (Some(true), Some(false)) => Some(("error", "would be merged cleanly, but a rebase stops.")),
            _ => None,
        };
        if let Some((level, what)) = more {
            let message = format!("'{}' and '{}' {what}", row.name, row.base);
            text.push_str(&format!("::{level} title={}::{}\n", property(&title), data(&message)));
        }
    }
    let is_looked_at = |name: &str| report.sessions.iter().any(|session| session.name == name);
    for pair in &report.pairs {
        let why = why(pair);
        for file in pair.files.iter().filter(|file| file.severity > Severity::Overlap) {
            if is_looked_at(&pair.a) {
                let title = format!("{} × {}", pair.a, pair.b);
                text.push_str(&of_file(file, [&file.a, &file.b], &title, &pair.b, &why));
            }
            if is_looked_at(&pair.b) {
                let title = format!("{} × {}", pair.b, pair.a);
                text.push_str(&of_file(file, [&file.b, &file.a], &title, &pair.a, &why));
            }
        }
    }
    text
}

fn why(pair: &Pair) -> String {
    let is_conflict = pair.severity == Severity::Conflict;
    pair.why.filter(|_| is_conflict).map(|why| format!(" Why: {}.", because(why))).unwrap_or_default()
}

/// The annotations of one file, `mine` being the lines where they are put.
fn of_file(file: &Clash, [mine, other]: [&Vec<LineRange>; 2], title: &str, with: &str, why: &str) -> String {
    let level = match file.severity {
        Severity::Conflict => "error",
        Severity::Near => "warning",
        Severity::Planned | Severity::Overlap => "notice",
    };
    let what = match file.severity {
        Severity::Conflict => "Conflict with",
        Severity::Near => "Close to changes of",
        Severity::Planned => "To be changed by",
        Severity::Overlap => "Changed too by",
    };
    let mut message = format!("{what} '{with}'");
    if !other.is_empty() {
        let is_one = matches!(other.as_slice(), [(first, last)] if first >= last);
        message.push_str(&format!(", {} {}", if is_one { "line" } else { "lines" }, lines(other, 60)));
    }
    if let Some(kind) = kind(file.kind) {
        message.push_str(&format!(" ({kind})"));
    }
    message.push_str(&format!(".{why}"));
    if let Some(advice) = &file.advice {
        message.push_str(&format!(" What helps: {advice}."));
    }
    let path = property(&file.path.to_string());
    let annotation =
        |place: &str| format!("::{level} file={path}{place},title={}::{}\n", property(title), data(&message));
    if mine.is_empty() {
        return annotation("");
    }
    let at = |&(first, last): &LineRange| {
        // Between two lines there is nothing to annotate: the one before it has to do.
        let (first, last) = if first > last { (last.max(1), last.max(1)) } else { (first, last) };
        annotation(&format!(",line={first},endLine={last}"))
    };
    mine.iter().map(at).collect()
}

/// A message. What only a terminal would obey goes after what GitHub reads has been escaped.
fn data(text: &str) -> String {
    harmless(&text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
