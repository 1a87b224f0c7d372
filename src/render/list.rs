//! The table of `list`, a row at a time.

use crate::ops::list::Row;
use crate::render::{Paint, columns, columns_of, harmless};
use crate::session::Timestamp;
use crate::session::event::one_line;

/// Widths that are known before the first worktree was looked at.
#[derive(Debug, Clone)]
pub struct Layout {
    name: usize,
    base: usize,
    width: usize,
    now: Timestamp,
    paint: Paint,
}

const CHANGES: usize = 9;
const COMMITS: usize = 9;
const STATE: usize = 9;
const AGE: usize = 10;
/// What is left for the goal beside the longest name, where the terminal is wide enough at all.
const GOAL: usize = 8;

impl Layout {
    /// A layout for these names and bases, at this width.
    pub fn new<'a>(
        names: impl Iterator<Item = &'a str>,
        bases: impl Iterator<Item = &'a str>,
        width: usize,
        now: Timestamp,
        paint: Paint,
    ) -> Layout {
        let widest = |texts: &mut dyn Iterator<Item = &str>, least: usize, most: usize| {
            texts.map(columns).max().unwrap_or(0).clamp(least, most)
        };
        let base = widest(&mut { bases }, 4, 18);
        let room = width.saturating_sub(2 + STATE + base + COMMITS + CHANGES + AGE + 6 + GOAL);
        let name = widest(&mut { names }, 4, room.clamp(16, 40));
        Layout { name, base, width, now, paint }
    }

    /// The heading.
    pub fn heading(&self) -> String {
        let line = format!(
            "  {:<name$} {:<STATE$} {:<base$} {:<COMMITS$} {:<CHANGES$} {:<AGE$} GOAL",
            "NAME",
            "STATE",
            "BASE",
            "COMMITS",
            "CHANGES",
            "ACTIVE",
            name = self.name,
            base = self.base
        );
        self.paint.dim(line.trim_end()) + "\n"
    }

    /// One row, and a line below it for each thing that does not fit.
    pub fn row(&self, row: &Row) -> String {
        let paint = self.paint;
        let mark = if row.is_here { "*" } else { " " };
        let state = match (row.state, row.operation) {
            (_, Some(operation)) => paint.yellow(&cell(operation, STATE)),
            (None, _) => paint.red(&cell("?", STATE)),
            (Some(state), None) => {
                let text = match row.merged.flatten() {
                    Some(_) if state == crate::session::State::Open => "merged",
                    _ => state.as_str(),
                };
                let text = cell(text, STATE);
                match text.trim() {
                    "merged" | "ready" => paint.green(&text),
                    "blocked" => paint.yellow(&text),
                    _ => text,
                }
            }
        };
        let base = row.base.as_ref().map_or("", |(now, _, _)| now.short());
        let commits = match row.counts {
            Some(counts) if counts.ahead + counts.behind == 0 => String::new(),
            Some(counts) => {
                let part = |sign, number| if number > 0 { format!("{sign}{number}") } else { String::new() };
                [part('+', counts.ahead), part('-', counts.behind)].join(" ").trim().to_owned()
            }
            None if row.head.is_some() && row.ended.is_none() => "?".into(),
            None => String::new(),
        };
        let age = row.last_activity.map(|time| time.age(self.now)).unwrap_or_default();
        // What keeps it from going on is what one wants to know of it then.
        let why = row.ended.as_deref().or(row.reason.as_deref());
        let goal = why.or(row.goal.as_deref()).unwrap_or("");
        let used = 2 + self.name + 1 + STATE + 1 + self.base + 1 + COMMITS + 1 + CHANGES + 1 + AGE + 1;
        let goal = cut(&one_line(goal), self.width.saturating_sub(used).max(GOAL));
        let mut line = format!(
            "{mark} {} {state} {} {} {} {} {goal}",
            paint.bold(&cell(row.name.as_str(), self.name)),
            cell(base, self.base),
            cell(&commits, COMMITS),
            changes(row, paint),
            paint.dim(&cell(&age, AGE)),
        );
        line.truncate(line.trim_end().len());
        line.push('\n');
        for note in self.notes(row) {
            line.push_str(&format!("    {note}\n"));
        }
        line
    }

    fn notes(&self, row: &Row) -> Vec<String> {
        let mut notes = Vec::new();
        for broken in &row.broken {
            let detail = match (&broken.was, &broken.now) {
                (Some(was), Some(now)) => format!(" ({was} → {now})"),
                (Some(text), None) | (None, Some(text)) => format!(" ({text})"),
                (None, None) => String::new(),
            };
            let what = format!("{}{}", broken.kind.as_str(), harmless(&one_line(&detail)));
            notes.push(format!("{} {what}. {}", self.paint.yellow("!"), harmless(&broken.remedy)));
        }
        if let Some(why) = &row.locked {
            let why = if why.is_empty() { String::new() } else { format!(": {}", one_line(why)) };
            notes.push(self.paint.dim(&format!("locked{why}")));
        }
        if row.is_busy {
            notes.push(self.paint.dim("busy: its index is being written"));
        }
        let days = row.created.map_or(0, |created| created.days_before(self.now));
        let behind = row.counts.map_or(0, |counts| counts.behind);
        if days >= 7 && behind > 0 && row.ended.is_none() {
            notes.push(self.paint.dim(&format!("{days} days old and {behind} behind")));
        }
        notes
    }
}

/// `2M 1?`: staged and changed, untracked, unmerged.
fn changes(row: &Row, paint: Paint) -> String {
    let text = match row.dirty {
        None => String::new(),
        Some(None) => "?".into(),
        Some(Some(dirty)) => {
            let parts = [(dirty.conflicted, "U"), (dirty.staged, "S"), (dirty.unstaged, "M"), (dirty.untracked, "?")];
            parts
                .iter()
                .filter(|(number, _)| *number > 0)
                .map(|(number, what)| format!("{number}{what}"))
                .collect::<Vec<_>>()
                .join(" ")
        }
    };
    let conflicted = row.dirty.flatten().is_some_and(|dirty| dirty.conflicted > 0);
    let cell = cell(&text, CHANGES);
    if conflicted { paint.red(&cell) } else { paint.yellow(&cell) }
}

/// At most `width` columns, the last of them a mark that something is missing.
fn cut(text: &str, width: usize) -> String {
    let clean = harmless(text);
    if columns(&clean) <= width {
        return clean;
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += columns_of(*c);
        used <= width
    };
    clean.chars().take_while(fits).chain(['…']).collect()
}

/// Exactly `width` columns.
fn cell(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let missing = width.saturating_sub(columns(&text));
    text + &" ".repeat(missing)
}

/// The fields that a template may name.
pub const FIELDS: [&str; 27] = [
    "name",
    "id",
    "branch",
    "worktree",
    "state",
    "reason",
    "kind",
    "base",
    "head",
    "ahead",
    "behind",
    "dirty",
    "goal",
    "focus",
    "owner",
    "priority",
    "depends_on",
    "own",
    "read_only",
    "created",
    "last_synced",
    "last_activity",
    "locked",
    "busy",
    "merged",
    "operation",
    "ended",
];

#[cfg(test)]
mod tests {
    use super::{cell, cut};

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(cell("🚀ü", 5), "🚀ü  ");
        assert_eq!(cell("e\u{301}", 3), "e\u{301}  ");
        assert_eq!(cut("日本語の目標", 6), "日本…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("a\u{1b}[31m\u{202e}b", 20), "a\u{fffd}[31m\u{fffd}b");
    }
}
