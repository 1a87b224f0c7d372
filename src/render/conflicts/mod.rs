//! What collides: for people, for programs, and for what shows it elsewhere.

mod dot;
mod github;
mod json;
mod markdown;
mod matrix;
mod patch;
mod table;
mod watch;
mod words;

pub use dot::{dot, quoted as dot_quoted};
pub use github::github;
pub use json::{file as file_json, json};
pub use markdown::markdown;
pub use matrix::matrix;
pub use table::{is_well, lines_of_file, summary, table};
pub use watch::{Frame, Screen, news_json, news_line, sessions_line};

use crate::ops::conflicts::{LineRange, Severity, Why};
use crate::render::Paint;

/// How an answer for people is to look.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Columns there are.
    pub width: usize,
    /// Whether to colour.
    pub paint: Paint,
    /// Whether sessions were looked at, for which there are remedies, and not plain branches.
    pub of_sessions: bool,
}

/// `12`, `12-14`, or where lines are only missing `before 12`.
fn range(&(first, last): &LineRange) -> String {
    match first.cmp(&last) {
        std::cmp::Ordering::Greater => format!("before {first}"),
        std::cmp::Ordering::Equal => format!("{first}"),
        std::cmp::Ordering::Less => format!("{first}-{last}"),
    }
}

/// As many ranges as fit into so many columns, at least one, and how many more there are: `20,34-40,… 12 more`.
fn lines(ranges: &[LineRange], width: usize) -> String {
    let shown: Vec<String> = ranges.iter().map(range).collect();
    let all = shown.join(",");
    if all.len() <= width {
        return all;
    }
    let mut line = String::new();
    for (nth, one) in shown.iter().enumerate() {
        let more = format!(",… {} more", shown.len() - nth);
        if nth > 0 && line.len() + 1 + one.len() + more.chars().count() > width {
            return line + &more;
        }
        if nth > 0 {
            line.push(',');
        }
        line.push_str(one);
    }
    line
}

/// A word about how bad it is, in its colour.
fn severity(severity: Severity, text: &str, paint: Paint) -> String {
    match severity {
        Severity::Conflict => paint.red(text),
        Severity::Near => paint.yellow(text),
        Severity::Planned => paint.cyan(text),
        Severity::Overlap => paint.dim(text),
    }
}

/// What kind of a conflict it is, for people; nothing of the usual one.
fn kind(kind: Option<&'static str>) -> Option<&'static str> {
    Some(match kind? {
        "content" => return None,
        "add-add" => "both added it",
        "modify-delete" => "changed and deleted",
        "rename" => "renamed",
        "directory" => "file and directory",
        "mode" => "file modes",
        "type" => "file types",
        other => other,
    })
}

/// Why two collide, in a sentence.
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
