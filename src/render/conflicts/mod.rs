//! What collides: for people, and for programs.

mod json;
mod table;

pub use json::json;
pub use table::{summary, table};

use crate::ops::conflicts::{LineRange, Severity};
use crate::render::Paint;

/// `12`, `12-14`, or where lines are only missing `before 12`.
fn lines(ranges: &[LineRange]) -> String {
    let shown: Vec<String> = ranges
        .iter()
        .map(|(first, last)| match first.cmp(last) {
            std::cmp::Ordering::Greater => format!("before {first}"),
            std::cmp::Ordering::Equal => format!("{first}"),
            std::cmp::Ordering::Less => format!("{first}-{last}"),
        })
        .collect();
    shown.join(",")
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
