//! Every pair in one grid: a character a pair, so that it means something without colours too.

use super::{View, severity};
use crate::ops::conflicts::{AgainstBase, Looked, Report, Severity};
use crate::render::{columns, harmless};
use std::collections::HashMap;

const CELLS: [(Severity, char, &str); 4] = [
    (Severity::Conflict, 'X', "conflict"),
    (Severity::Near, '~', "near"),
    (Severity::Planned, 'p', "planned"),
    (Severity::Overlap, 'o', "same files"),
];

/// The grid, in blocks of as many columns as the width takes, and what its characters mean.
pub fn matrix(report: &Report, view: View) -> String {
    if report.sessions.is_empty() {
        return super::table(report, view);
    }
    let grid = Grid::of(report, view);
    let total = grid.order.len();
    let (step, fit) = grid.fitting();
    let mut text = String::new();
    for start in (0..total).step_by(fit.max(1)) {
        if start > 0 {
            text.push('\n');
        }
        text.push_str(&grid.block(start..total.min(start + fit), step));
    }
    text.push('\n');
    text.push_str(&grid.legend(report));
    text
}

struct Grid<'a> {
    /// The sessions by trunk, then by name.
    order: Vec<&'a Looked>,
    rows: HashMap<&'a str, &'a AgainstBase>,
    pairs: HashMap<(&'a str, &'a str), Severity>,
    /// Names of trunks, where there are several.
    trunks: Vec<String>,
    name_width: usize,
    view: View,
}

impl<'a> Grid<'a> {
    fn of(report: &'a Report, view: View) -> Grid<'a> {
        let mut order: Vec<&Looked> = report.sessions.iter().collect();
        order.sort_by_key(|session| session.trunk);
        let mut pairs = HashMap::new();
        for pair in &report.pairs {
            pairs.insert((pair.a.as_str(), pair.b.as_str()), pair.severity);
            pairs.insert((pair.b.as_str(), pair.a.as_str()), pair.severity);
        }
        let longest = order.iter().map(|session| columns(&harmless(&session.name))).max().unwrap_or(0);
        // The grid comes first: names get what it leaves, but enough to be known.
        let left = view.width.saturating_sub(6 + 2 * order.len());
        let several = report.trunks.len() > 1;
        Grid {
            rows: report.against_base.iter().map(|row| (row.name.as_str(), row)).collect(),
            pairs,
            trunks: if several {
                report.trunks.iter().map(|trunk| harmless(&trunk.name)).collect()
            } else {
                Vec::new()
            },
            name_width: longest.min(left.max(12)).max(4),
            order,
            view,
        }
    }

    /// Columns of a cell, and how many cells there is room for: with a blank between them if that makes one block.
    fn fitting(&self) -> (usize, usize) {
        let bars = self.trunks.len().saturating_sub(1);
        let room = self.view.width.saturating_sub(self.name_width + 6 + 2 * bars);
        let total = self.order.len();
        if total * 2 > room && total <= room { (1, room) } else { (2, (room / 2).max(1)) }
    }

    fn starts_trunk(&self, at: usize, first: usize) -> bool {
        at > first && self.order[at].trunk != self.order[at - 1].trunk
    }

    fn block(&self, shown: std::ops::Range<usize>, step: usize) -> String {
        let paint = self.view.paint;
        let lead = self.name_width + 4;
        let mut text = String::new();
        // Numbers of two digits stand upright: the tens above the ones.
        let last = shown.end;
        for (divisor, is_needed) in [(100, last > 99), (10, last > 9), (1, true)] {
            if !is_needed {
                continue;
            }
            let mut line = format!("{:lead$}{:<2}", "", if divisor == 1 { "B" } else { "" });
            for at in shown.clone() {
                if self.starts_trunk(at, shown.start) {
                    line.push_str("  ");
                }
                let number = at + 1;
                let digit = if number < divisor { ' ' } else { digit(number / divisor % 10) };
                line.push_str(&format!("{digit:>step$}"));
            }
            text.push_str(&format!("{}\n", paint.dim(line.trim_end())));
        }
        for (at, session) in self.order.iter().enumerate() {
            if !self.trunks.is_empty() && (at == 0 || self.starts_trunk(at, 0)) {
                let trunk = self.trunks.get(session.trunk).map_or("", String::as_str);
                text.push_str(&format!("{}\n", paint.bold(&format!("on {trunk}"))));
            }
            let name = cut(&harmless(&session.name), self.name_width);
            let gap = " ".repeat(self.name_width - columns(&name));
            let mut line = format!("{} {}{gap} ", paint.dim(&format!("{:>2}", at + 1)), paint.bold(&name));
            line.push_str(&format!("{} ", self.base_cell(session)));
            for other in shown.clone() {
                if self.starts_trunk(other, shown.start) {
                    line.push_str(&paint.dim(" │"));
                }
                line.push_str(&" ".repeat(step - 1));
                line.push_str(&self.cell(at, other));
            }
            text.push_str(&format!("{}\n", line.trim_end()));
        }
        text
    }

    fn cell(&self, at: usize, other: usize) -> String {
        if at == other {
            return self.view.paint.dim("\\");
        }
        let found = self.pairs.get(&(self.order[at].name.as_str(), self.order[other].name.as_str()));
        self.mark(found.copied())
    }

    fn mark(&self, found: Option<Severity>) -> String {
        match CELLS.iter().find(|(known, ..)| Some(*known) == found) {
            Some((known, mark, _)) => severity(*known, &mark.to_string(), self.view.paint),
            None => self.view.paint.dim("·"),
        }
    }

    fn base_cell(&self, session: &Looked) -> String {
        let paint = self.view.paint;
        match self.rows.get(session.name.as_str()) {
            None => " ".to_owned(),
            Some(row) if row.merge.is_none() => paint.yellow("?"),
            Some(row) if row.merge == Some(true) && row.rebase == Some(false) => paint.red("R"),
            Some(row) => self.mark(row.severity),
        }
    }

    /// Only what there is.
    fn legend(&self, report: &Report) -> String {
        let paint = self.view.paint;
        let base_cells: Vec<String> = self.order.iter().map(|session| plain(&self.base_cell(session))).collect();
        let mut parts = Vec::new();
        for (known, mark, what) in CELLS {
            let is_there = report.pairs.iter().any(|pair| pair.severity == known)
                || report.against_base.iter().any(|row| row.severity == Some(known));
            if is_there {
                parts.push((format!("{mark} {what}"), format!("{} {what}", severity(known, &mark.to_string(), paint))));
            }
        }
        let mut say = |text: &str| parts.push((text.to_owned(), paint.dim(text)));
        for (mark, what) in [("R", "R a rebase stops"), ("?", "? unknown")] {
            if base_cells.iter().any(|cell| cell == mark) {
                say(what);
            }
        }
        say("· nothing");
        say("B the base");
        let mut text = String::new();
        let mut used = 0;
        for (plain, painted) in parts {
            if used > 0 && used + 3 + columns(&plain) > self.view.width {
                text.push('\n');
                used = 0;
            } else if used > 0 {
                text.push_str("   ");
                used += 3;
            }
            text.push_str(&painted);
            used += columns(&plain);
        }
        text + "\n"
    }
}

fn digit(number: usize) -> char {
    u32::try_from(number).ok().and_then(|number| char::from_digit(number, 10)).unwrap_or(' ')
}

/// The character of a cell, without its colour.
fn plain(cell: &str) -> String {
    let text = cell.split_once('m').filter(|_| cell.starts_with('\u{1b}')).map_or(cell, |(_, rest)| rest);
    text.chars().next().map(String::from).unwrap_or_default()
}

/// Beginning and end of a name that is too long: those tell similar ones apart.
fn cut(name: &str, width: usize) -> String {
    if columns(name) <= width {
        return name.to_owned();
    }
    let chars: Vec<char> = name.chars().collect();
    let end = (width - 1) / 3;
    let mut text: String = chars[..width - 1 - end].iter().collect();
    text.push('…');
    text.extend(&chars[chars.len() - end..]);
    // Wide characters take more columns than there are characters.
    while columns(&text) > width {
        text.pop();
    }
    text
}
