//! The answer for people: what matters first.

use super::{lines, severity};
use crate::ops::conflicts::{AgainstBase, Basis, Clash, Pair, Report, Severity, Why};
use crate::render::{Paint, columns, count, harmless};

/// Sessions against their bases, then pairs, the worst first.
pub fn table(report: &Report, width: usize, paint: Paint) -> String {
    if report.sessions.is_empty() {
        return "There are no sessions. `git session create <name>` starts one.\n".to_owned();
    }
    let mut text = String::new();
    let rows: Vec<&AgainstBase> = report.against_base.iter().filter(|row| is_worth_a_line(row)).collect();
    if !rows.is_empty() {
        text.push_str(&format!("{}\n", paint.bold("With their bases")));
        for row in rows {
            text.push_str(&against_base(row, width, paint));
        }
    }
    if !report.pairs.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}\n", paint.bold("With each other")));
        for pair in &report.pairs {
            text.push_str(&one_pair(pair, width, paint));
        }
    }
    text
}

fn is_worth_a_line(row: &AgainstBase) -> bool {
    row.severity.is_some() || row.rebase == Some(false) || row.merge.is_none()
}

fn against_base(row: &AgainstBase, width: usize, paint: Paint) -> String {
    let (word, say) = match (row.merge, row.severity, row.rebase) {
        (None, ..) => (paint.yellow("unknown "), "could not be merged to see".to_owned()),
        (Some(false), _, Some(true)) => {
            (severity(Severity::Conflict, "conflict", paint), "a merge stops; a rebase does not".to_owned())
        }
        (Some(false), ..) => (severity(Severity::Conflict, "conflict", paint), String::new()),
        (Some(true), _, Some(false)) => {
            (severity(Severity::Conflict, "conflict", paint), "a rebase stops; a merge does not".to_owned())
        }
        (_, Some(worst), _) => (severity(worst, &format!("{:<8}", worst.as_str()), paint), String::new()),
        _ => (format!("{:<8}", "clean"), String::new()),
    };
    let name = harmless(&row.name);
    let mut text = format!("  {word}  {} → {}", paint.bold(&name), harmless(&row.base));
    if !say.is_empty() {
        text.push_str(&format!("  {}", paint.dim(&say)));
    }
    text.push('\n');
    text.push_str(&files(&row.files, width, paint));
    if !row.helped_by.is_empty() {
        let names = harmless(&row.helped_by.join(", "));
        text.push_str(&format!("            {}\n", paint.cyan(&format!("merge {names} first and it becomes clean"))));
    }
    if row.merge == Some(false) || row.rebase == Some(false) {
        text.push_str(&format!("            {}\n", paint.cyan(&format!("git session sync {name} --resolve"))));
    }
    text
}

fn one_pair(pair: &Pair, width: usize, paint: Paint) -> String {
    let word = severity(pair.severity, &format!("{:<8}", pair.severity.as_str()), paint);
    let names = format!("{} × {}", paint.bold(&harmless(&pair.a)), paint.bold(&harmless(&pair.b)));
    let basis = if pair.basis == Some(Basis::Tips) { paint.dim("  as they stand") } else { String::new() };
    let why = pair.why.map_or(String::new(), |why| format!("  {}", paint.dim(because(why))));
    format!("  {word}  {names}{basis}{why}\n{}", files(&pair.files, width, paint))
}

fn because(why: Why) -> &'static str {
    match why {
        Why::Real => "both changed the same lines",
        Why::Drag => "only their bases differ: synced, they would not collide",
        Why::OwnBase => "one of them collides with its base: that comes first",
        Why::Near => "lines near each other",
        Why::Overlap => "the same file, far apart",
        Why::Planned => "declared, not begun",
    }
}

/// The files of one severity after the other; those that only overlap on one line.
fn files(files: &[Clash], width: usize, paint: Paint) -> String {
    let mut text = String::new();
    for file in files.iter().filter(|file| file.severity > Severity::Overlap) {
        let path = harmless(&file.path.to_string());
        let place = match (lines(&file.a), lines(&file.b)) {
            (a, b) if a.is_empty() && b.is_empty() => String::new(),
            (a, b) => format!(":{a} × {b}"),
        };
        let mut marks = Vec::new();
        marks.extend(file.kind.filter(|kind| *kind != "content"));
        if file.is_generated {
            marks.push("generated");
        }
        let marks = if marks.is_empty() { String::new() } else { paint.dim(&format!("  ({})", marks.join(", "))) };
        let near = if file.severity == Severity::Near { paint.dim("  near") } else { String::new() };
        text.push_str(&format!("            {path}{place}{near}{marks}\n"));
        if let Some(advice) = &file.advice {
            text.push_str(&format!("              {}\n", paint.cyan(&harmless(advice))));
        }
    }
    let rest: Vec<String> = files
        .iter()
        .filter(|file| file.severity == Severity::Overlap)
        .map(|file| harmless(&file.path.to_string()))
        .collect();
    if !rest.is_empty() {
        text.push_str(&format!("            {}\n", paint.dim(&as_fits(&rest, width.saturating_sub(12)))));
    }
    text
}

/// As many as a line takes, and how many more there are.
fn as_fits(names: &[String], width: usize) -> String {
    let mut line = String::new();
    for (nth, name) in names.iter().enumerate() {
        let comma = if nth == 0 { "" } else { ", " };
        let more = names.len() - nth;
        if nth > 0 && columns(&line) + columns(name) + 16 > width {
            return format!("{line} and {}", count(more as u64, "more file").replace("more files", "more files"));
        }
        line.push_str(comma);
        line.push_str(name);
    }
    line
}

/// One sentence about all of it.
pub fn summary(report: &Report) -> String {
    let sessions = count(report.sessions.len() as u64, "session");
    let with_base = report.against_base.iter().filter(|row| row.severity == Some(Severity::Conflict)).count();
    let of = |severity: Severity| report.pairs.iter().filter(|pair| pair.severity == severity).count();
    let mut parts = Vec::new();
    if with_base > 0 {
        parts.push(format!("{with_base} in conflict with {} base", if with_base == 1 { "its" } else { "their" }));
    }
    for (severity, what) in [
        (Severity::Conflict, "pair in conflict"),
        (Severity::Near, "near pair"),
        (Severity::Planned, "planned pair"),
        (Severity::Overlap, "pair in the same files"),
    ] {
        let number = of(severity);
        if number > 0 {
            let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
            let plural = if number == 1 {
                what.to_owned()
            } else if first == "pair" {
                format!("pairs {rest}")
            } else {
                format!("{what}s")
            };
            parts.push(format!("{number} {plural}"));
        }
    }
    if parts.is_empty() {
        return format!("{sessions}: nothing collides.");
    }
    format!("{sessions}: {}.", parts.join(", "))
}
