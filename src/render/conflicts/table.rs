//! The answer for people: what matters first.

use super::{View, because, kind, lines, patch, severity};
use crate::ops::conflicts::{AgainstBase, Basis, Clash, Looked, Pair, Report, Severity};
use crate::render::{columns, count, harmless, harmless_path, sentence};
use crate::session::Word as _;

/// Where files stand, below the names.
const INDENT: usize = 6;

/// Sessions against their bases, then pairs, the worst first; by trunk, where there are several.
pub fn table(report: &Report, view: View) -> String {
    if report.sessions.is_empty() {
        return if view.of_sessions {
            "There are no sessions. `git session create <name>` starts one.\n".to_owned()
        } else {
            "There are no such branches besides the base.\n".to_owned()
        };
    }
    let mut text = String::new();
    if is_well(report) {
        text.push_str(&format!("{}\n", view.paint.green(&summary(report, view.of_sessions))));
    }
    let names: Vec<String> = report.sessions.iter().map(|session| harmless(&session.name)).collect();
    let table = Table { report, view, name_width: names.iter().map(|name| columns(name)).max().unwrap_or(0).min(28) };
    let mut sections = Vec::new();
    for (at, trunk) in report.trunks.iter().enumerate() {
        let rows: Vec<String> = report.against_base.iter().filter_map(|row| table.row(row, at)).collect();
        sections.push((format!("With {}", harmless(&trunk.name)), rows));
        let pairs = report.pairs.iter().filter(|pair| table.trunks_of(pair) == Some((at, at)));
        let heading = match report.trunks.len() {
            1 => "With each other".to_owned(),
            _ => format!("With each other, on {}", harmless(&trunk.name)),
        };
        sections.push((heading, table.pairs(pairs)));
    }
    let is_elsewhere = |pair: &&Pair| table.trunks_of(pair).is_none_or(|(a, b)| a != b);
    let across = table.pairs(report.pairs.iter().filter(is_elsewhere));
    sections.push(("With each other, on different bases".to_owned(), across));
    for (heading, rows) in sections.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}\n{}", view.paint.bold(&heading), rows.concat()));
    }
    text
}

/// Whether nobody is in anybody's way, and everybody could be looked at.
pub fn is_well(report: &Report) -> bool {
    report.pairs.is_empty() && !report.against_base.iter().any(is_worth_a_row)
}

fn is_worth_a_row(row: &AgainstBase) -> bool {
    row.severity.is_some() || row.rebase == Some(false) || row.merge.is_none()
}

struct Table<'a> {
    report: &'a Report,
    view: View,
    name_width: usize,
}

impl Table<'_> {
    fn session(&self, name: &str) -> Option<&Looked> {
        self.report.sessions.iter().find(|session| session.name == name)
    }

    /// The trunks of a pair. One that was not asked for, and is only the other side, counts to that of its partner.
    fn trunks_of(&self, pair: &Pair) -> Option<(usize, usize)> {
        let of = |name: &str| self.session(name).map(|session| session.trunk);
        match (of(&pair.a), of(&pair.b)) {
            (Some(a), b) => Some((a, b.unwrap_or(a))),
            (None, Some(b)) => Some((b, b)),
            (None, None) => None,
        }
    }

    /// A session of this trunk with its base; none where there is nothing to say.
    fn row(&self, row: &AgainstBase, trunk: usize) -> Option<String> {
        let session = self.session(&row.name).filter(|session| session.trunk == trunk)?;
        if !is_worth_a_row(row) && session.note.is_none() {
            return None;
        }
        let paint = self.view.paint;
        let conflict = || severity(Severity::Conflict, "conflict", paint);
        let (word, say) = match (row.merge, row.severity, row.rebase) {
            (None, ..) => (paint.yellow("unknown "), ""),
            (Some(false), _, Some(true)) => (conflict(), "a merge stops; a rebase does not"),
            (Some(false), ..) => (conflict(), ""),
            (Some(true), _, Some(false)) => (conflict(), "a rebase stops; a merge does not"),
            (_, Some(worst), _) => (severity(worst, &format!("{:<8}", worst.as_str()), paint), ""),
            _ => (paint.green("clean   "), ""),
        };
        let mut names = paint.bold(&harmless(&row.name));
        if self.report.trunks.get(trunk).is_some_and(|trunk| trunk.name != row.base) {
            names.push_str(&format!(" on {}", harmless(&row.base)));
        }
        let mut text = self.heading(&word, &names, row.severity, &row.files, say);
        if let Some(note) = &session.note {
            text.push_str(&self.say(&harmless(note), INDENT, |line| paint.yellow(line)));
        }
        text.push_str(&self.files(&row.files, [&row.name, &row.base]));
        if !row.helped_by.is_empty() {
            let names = harmless(&row.helped_by.join(", "));
            let one_of = if row.helped_by.len() == 1 { "" } else { "one of " };
            let help = format!("merge {one_of}{names} first and it becomes clean");
            text.push_str(&self.say(&help, INDENT, |line| paint.cyan(line)));
        }
        if self.view.of_sessions && (row.merge == Some(false) || row.rebase == Some(false)) {
            let name = harmless(&row.name);
            text.push_str(&self.below(&paint.cyan(&format!("git session sync {name} --resolve", name = name.word()))));
        }
        Some(text)
    }

    /// Pairs, those that only overlap taken together: one with all that share the same files with it.
    fn pairs<'p>(&self, pairs: impl Iterator<Item = &'p Pair>) -> Vec<String> {
        let mut rows = Vec::new();
        let mut overlaps: Vec<Vec<&Pair>> = Vec::new();
        for pair in pairs {
            let is_like = |group: &&mut Vec<&Pair>| {
                group.first().is_some_and(|first| first.a == pair.a && names_of(&first.files) == names_of(&pair.files))
            };
            if pair.severity > Severity::Overlap {
                rows.push(self.pair(pair));
            } else if let Some(group) = overlaps.iter_mut().find(is_like) {
                group.push(pair);
            } else {
                overlaps.push(vec![pair]);
            }
        }
        rows.extend(overlaps.iter().map(|group| match group.as_slice() {
            [only] => self.pair(only),
            several => self.overlaps(several),
        }));
        rows
    }

    /// One and all the others, on as many lines as they take.
    fn overlaps(&self, pairs: &[&Pair]) -> String {
        let Some(first) = pairs.first() else { return String::new() };
        let paint = self.view.paint;
        let word = severity(first.severity, &format!("{:<8}", first.severity.as_str()), paint);
        let one = harmless(&first.a);
        let (mut names, mut used) = (format!("{} ×", paint.bold(&one)), 12 + columns(&one) + 2);
        for (nth, pair) in pairs.iter().enumerate() {
            let end = if nth + 1 < pairs.len() { "," } else { "" };
            let name = format!("{}{end}", harmless(&pair.b));
            if used + 1 + columns(&name) > self.view.width {
                names.push_str(&format!("\n{:12}", ""));
                used = 12;
            } else {
                names.push(' ');
                used += 1;
            }
            names.push_str(&name);
            used += columns(&name);
        }
        self.heading(&word, &names, Some(first.severity), &first.files, "")
    }

    fn pair(&self, pair: &Pair) -> String {
        let paint = self.view.paint;
        let word = severity(pair.severity, &format!("{:<8}", pair.severity.as_str()), paint);
        let (a, b) = (harmless(&pair.a), harmless(&pair.b));
        // Names that are too long for one line stand below each other.
        let fits = 15 + columns(&a) + columns(&b) <= self.view.width;
        let gap = if fits { " ".to_owned() } else { format!("\n{:10}", "") };
        let names = format!("{}{gap}× {}", paint.bold(&a), paint.bold(&b));
        let is_by_tips = pair.basis == Some(Basis::Tips) && pair.severity > Severity::Overlap;
        let basis = if is_by_tips { "as they stand" } else { "" };
        let mut text = self.heading(&word, &names, Some(pair.severity), &pair.files, basis);
        if let Some(why) = pair.why.filter(|_| pair.severity == Severity::Conflict) {
            text.push_str(&self.say(&format!("why: {}", because(why)), INDENT, |line| paint.dim(line)));
        }
        text.push_str(&self.files(&pair.files, [&pair.a, &pair.b]));
        text
    }

    /// The first line. What only overlaps needs no more: its files stand there too, where they fit.
    fn heading(&self, word: &str, names: &str, worst: Option<Severity>, files: &[Clash], say: &str) -> String {
        let mut line = format!("  {word}  {names}");
        let used = plain(names).rsplit('\n').next().map_or(0, columns) + if names.contains('\n') { 0 } else { 12 };
        if !say.is_empty() {
            // A remark that does not fit goes below.
            let fits = used + 2 + columns(say) <= self.view.width;
            line.push_str(&if fits { "  ".to_owned() } else { format!("\n{:INDENT$}", "") });
            line.push_str(&self.view.paint.dim(say));
        } else if worst.is_some_and(|worst| worst <= Severity::Planned) {
            let start = used.max(12 + 2 * self.name_width.min(self.view.width / 5) + 3) + 2;
            let room = self.view.width.saturating_sub(start);
            if room >= 16 {
                line.push_str(&" ".repeat(start - used));
                line.push_str(&self.view.paint.dim(&as_fits(&names_of(files), room)));
            } else {
                line.push_str(&format!("\n{:INDENT$}", ""));
                line.push_str(&self.view.paint.dim(&as_fits(&names_of(files), self.view.width - INDENT)));
            }
        }
        line.push('\n');
        line
    }

    fn below(&self, text: &str) -> String {
        format!("{:INDENT$}{text}\n", "")
    }

    /// A sentence below, on as many lines as it takes.
    fn say(&self, text: &str, indent: usize, style: impl Fn(&str) -> String) -> String {
        sentence(text, indent, self.view.width, style)
    }

    /// The files that are in somebody's way, each with its lines; those that only overlap on one line, if there are
    /// others before them.
    fn files(&self, files: &[Clash], names: [&str; 2]) -> String {
        let mut text = String::new();
        let colliding: Vec<&Clash> = files.iter().filter(|file| file.severity > Severity::Planned).collect();
        for file in &colliding {
            text.push_str(&self.file(file));
            if let Some(advice) = &file.advice {
                text.push_str(&self.say(&harmless(advice), INDENT + 2, |line| self.view.paint.cyan(line)));
            }
            text.push_str(&patch::excerpts(file, names, INDENT + 2, self.view));
        }
        let rest: Vec<Clash> = files.iter().filter(|file| file.severity <= Severity::Planned).cloned().collect();
        if !colliding.is_empty() && !rest.is_empty() {
            let shown = as_fits(&names_of(&rest), self.view.width.saturating_sub(INDENT + 6));
            text.push_str(&self.below(&self.view.paint.dim(&format!("also: {shown}"))));
        }
        text
    }

    /// Path, lines of both sides, marks: on one line where they fit, else the lines below the path.
    fn file(&self, file: &Clash) -> String {
        let paint = self.view.paint;
        let path = harmless_path(&file.path);
        let room = self.view.width.saturating_sub(INDENT);
        let mut marks: Vec<&str> = Vec::new();
        marks.extend((file.severity == Severity::Near).then_some("near"));
        marks.extend(kind(file.kind));
        marks.extend(file.is_generated.then_some("generated"));
        let marks = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
        let painted_marks = if marks.is_empty() { String::new() } else { paint.dim(&marks) };
        let place = |width: usize| match (lines(&file.a, width), lines(&file.b, width)) {
            (a, b) if a.is_empty() && b.is_empty() => String::new(),
            (a, b) if b.is_empty() => format!(":{a}"),
            (a, b) => format!(":{a} × {b}"),
        };
        // Long lists of ranges are cut before anything goes onto a second line.
        for width in [room, 30, 24] {
            let line = format!("{path}{}", place(width));
            if columns(&line) + columns(&marks) <= room {
                return self.below(&format!("{line}{painted_marks}"));
            }
        }
        let path = cut_front(&path, room);
        let lines = place(room.saturating_sub(7 + columns(&marks)) / 2);
        format!("{}{:4$}{}{}\n", self.below(&path), "", lines, painted_marks, INDENT + 2)
    }
}

/// A file that collides, with the lines of both sides, as the table of `conflicts` shows it.
pub fn lines_of_file(file: &Clash, indent: usize, view: View) -> String {
    let narrower = View { width: view.width.saturating_sub(indent.saturating_sub(INDENT)), ..view };
    let report = Report::default();
    let text = Table { report: &report, view: narrower, name_width: 0 }.file(file);
    text.lines().map(|line| format!("{:1$}{line}\n", "", indent.saturating_sub(INDENT))).collect()
}

fn names_of(files: &[Clash]) -> Vec<String> {
    files.iter().map(|file| harmless_path(&file.path)).collect()
}

/// Without colours: what takes columns.
fn plain(painted: &str) -> String {
    let mut text = String::new();
    let mut rest = painted;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        text.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    text + rest
}

/// The end of a path that is too long, which says more than its beginning.
pub(super) fn cut_front(path: &str, width: usize) -> String {
    if columns(path) <= width {
        return path.to_owned();
    }
    let mut kept: Vec<char> = Vec::new();
    let mut used = 1;
    for c in path.chars().rev() {
        used += crate::render::columns_of(c);
        if used > width {
            break;
        }
        kept.push(c);
    }
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

/// As many as a line takes, and how many more there are.
pub(super) fn as_fits(names: &[String], width: usize) -> String {
    let mut line = String::new();
    for (nth, name) in names.iter().enumerate() {
        let left = names.len() - nth;
        let more = format!(" and {left} more");
        let reserve = if left > 1 { columns(&format!(" and {} more", left - 1)) } else { 0 };
        if nth > 0 && columns(&line) + 2 + columns(name) + reserve > width {
            return line + &more;
        }
        if nth > 0 {
            line.push_str(", ");
            line.push_str(name);
        } else {
            line.push_str(&cut_front(name, width.saturating_sub(reserve)));
        }
    }
    line
}

/// One sentence about all of it.
pub fn summary(report: &Report, of_sessions: bool) -> String {
    let number = report.sessions.len() as u64;
    let sessions = match (of_sessions, number) {
        (true, _) => count(number, "session"),
        (false, 1) => "1 branch".to_owned(),
        (false, _) => format!("{number} branches"),
    };
    let stops = |row: &&AgainstBase| row.severity == Some(Severity::Conflict) || row.rebase == Some(false);
    let with_base = report.against_base.iter().filter(stops).count();
    let unknown = report.against_base.iter().filter(|row| row.merge.is_none()).count();
    let of = |severity: Severity| report.pairs.iter().filter(|pair| pair.severity == severity).count() as u64;
    let mut parts = Vec::new();
    if with_base > 0 {
        parts.push(format!("{with_base} in conflict with {} base", if with_base == 1 { "its" } else { "their" }));
    }
    for (severity, how) in [
        (Severity::Conflict, "in conflict"),
        (Severity::Near, "near each other"),
        (Severity::Planned, "planned to meet"),
        (Severity::Overlap, "in the same files"),
    ] {
        if of(severity) > 0 {
            parts.push(format!("{} {how}", count(of(severity), "pair")));
        }
    }
    if unknown > 0 {
        parts.push(format!("{unknown} unknown"));
    }
    if parts.is_empty() {
        return format!("{sessions}: nothing collides.");
    }
    format!("{sessions}: {}.", parts.join(", "))
}
