//! What `sync` did, or would do.

use crate::ops::sync::{Outcome, Row};
use crate::render::{Paint, columns, count, harmless, harmless_path};
use crate::session::Word as _;

/// A line for each session, then the command that helps where one is needed.
pub fn rows(rows: &[Row], is_plan: bool, paint: Paint) -> String {
    if rows.is_empty() {
        return "There are no sessions.\n".to_owned();
    }
    let width = rows.iter().map(|row| columns(row.name.as_str())).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let name = row.name.as_str();
        let padding = " ".repeat(width - columns(name));
        let word = match (row.outcome, row.is_resolving) {
            (_, true) => "resolving",
            (Outcome::Rebased, _) if is_plan => "rebase",
            (Outcome::FastForwarded, _) if is_plan => "fast-forward",
            (Outcome::Merged, _) if is_plan => "merge",
            (outcome, _) => outcome.as_str(),
        };
        let word = format!("{word:<14}");
        let word = match row.outcome {
            Outcome::UpToDate => paint.dim(&word),
            Outcome::FastForwarded | Outcome::Rebased | Outcome::Merged => paint.green(&word),
            Outcome::Conflict | Outcome::Failed => paint.red(&word),
            Outcome::Skipped | Outcome::Blocked => paint.yellow(&word),
        };
        text.push_str(&format!("{}{padding}  {word}  {}\n", paint.bold(name), harmless(&detail(row))));
        for collision in &row.collisions {
            let lines = match collision.ours.as_slice() {
                [] => String::new(),
                ours => {
                    let shown: Vec<String> = ours
                        .iter()
                        .map(|(first, last)| if first >= last { format!("{first}") } else { format!("{first}-{last}") })
                        .collect();
                    format!(":{}", shown.join(","))
                }
            };
            let kind = if collision.kind == "content" { String::new() } else { format!("  ({})", collision.kind) };
            text.push_str(&format!("    {}{lines}{kind}\n", harmless_path(&collision.path)));
        }
        for note in &row.notes {
            text.push_str(&format!("    {}\n", paint.dim(&harmless(note))));
        }
        if let Some(next) = next(row) {
            text.push_str(&format!("    {}\n", paint.cyan(&harmless(&next))));
        }
    }
    text
}

fn detail(row: &Row) -> String {
    let onto = || match row.onto {
        Some(id) => format!("{} at {}", row.onto_name, id.to_hex_with_len(8)),
        None => row.onto_name.clone(),
    };
    let dropped = if row.dropped > 0 { format!(", {} dropped", row.dropped) } else { String::new() };
    match row.outcome {
        Outcome::UpToDate => format!("with {}", onto()),
        Outcome::FastForwarded => format!("to {}", onto()),
        Outcome::Rebased => format!("{} onto {}{dropped}", count(row.replayed as u64, "commit"), onto()),
        Outcome::Merged => format!("{} into it", onto()),
        Outcome::Conflict => match &row.commit {
            Some((id, subject)) => format!("with {} at {} {subject}", row.onto_name, id.to_hex_with_len(8)),
            None => format!("with {}", row.onto_name),
        },
        Outcome::Skipped | Outcome::Blocked | Outcome::Failed => {
            row.obstacle.as_ref().map(|obstacle| obstacle.sentence.clone()).unwrap_or_default()
        }
    }
}

/// The command that helps.
pub fn next(row: &Row) -> Option<String> {
    match row.outcome {
        Outcome::Conflict if row.is_resolving => {
            let verb = if row.is_merge { "merge" } else { "rebase" };
            Some(format!("cd \"$(git session path {})\"; then `git {verb} --continue` or `--abort`", row.name.word()))
        }
        Outcome::Conflict => Some(format!("{} --resolve", row.again)),
        _ => row.obstacle.as_ref()?.remedy.clone(),
    }
}

/// One sentence about all of them.
pub fn summary(rows: &[Row], is_plan: bool) -> String {
    let of = |is: &dyn Fn(Outcome) -> bool| rows.iter().filter(|row| is(row.outcome)).count() as u64;
    let moved = of(&Outcome::moves);
    let verb = if is_plan { "would move" } else { "moved" };
    let mut parts = vec![format!("{} {verb}", count(moved, "session"))];
    for (outcome, what) in [
        (Outcome::UpToDate, "up to date"),
        (Outcome::Conflict, "in conflict"),
        (Outcome::Skipped, "skipped"),
        (Outcome::Blocked, "blocked"),
        (Outcome::Failed, "failed"),
    ] {
        let number = of(&|found| found == outcome);
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    format!("{}.", parts.join(", "))
}
