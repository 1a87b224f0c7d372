//! The lines that collide: side by side where there is room, else one below the other, with what stood there before.

use super::{View, words};
use crate::ops::conflicts::{Clash, Excerpt};
use crate::render::{Paint, columns_of, harmless};
use std::ops::Range;

/// From that many columns on both sides fit beside each other.
const WIDE: usize = 100;
/// So many lines of a side are shown, and so many places of a file.
const MOST_LINES: usize = 16;
const MOST_PLACES: usize = 8;

/// What collides in a file, below its line; nothing where nobody asked.
pub(super) fn excerpts(file: &Clash, names: [&str; 2], indent: usize, view: View) -> String {
    if file.excerpts.is_empty() {
        return String::new();
    }
    if file.is_generated {
        return format!("{:indent$}{}\n", "", view.paint.dim("its lines are left out, since a program writes them"));
    }
    let mut text = String::new();
    for excerpt in file.excerpts.iter().take(MOST_PLACES) {
        let place = Place::of(excerpt, names, indent, view);
        text.push_str(&if view.width >= WIDE { place.beside() } else { place.below() });
    }
    let left = file.excerpts.len().saturating_sub(MOST_PLACES);
    if left > 0 {
        let more = format!("… {}", crate::render::count(left as u64, "more place"));
        text.push_str(&format!("{:indent$}{}\n", "", view.paint.dim(&more)));
    }
    text
}

/// A side's lines at one place, as they are shown.
struct Side {
    name: String,
    /// The number of the first line; none of what stood there before.
    first: Option<u32>,
    /// Lines without anything harmful, and in each what is new.
    lines: Vec<(String, Vec<Range<usize>>)>,
    /// How many more there are.
    left: usize,
}

struct Place {
    a: Side,
    b: Side,
    base: Side,
    indent: usize,
    view: View,
    /// Columns of the largest number.
    digits: usize,
}

impl Place {
    fn of(excerpt: &Excerpt, [a, b]: [&str; 2], indent: usize, view: View) -> Place {
        let shown = |lines: &[String]| -> Vec<String> {
            lines.iter().take(MOST_LINES).map(|line| harmless(&line.replace('\t', "    "))).collect()
        };
        let (base, one, two) = (shown(&excerpt.base), shown(&excerpt.a.1), shown(&excerpt.b.1));
        // Where nothing stood before, what differs between the two is what there is to see.
        let (before_a, before_b) = if base.is_empty() { (&two, &one) } else { (&base, &base) };
        let (new_a, new_b) = (words::new_in(before_a, &one), words::new_in(before_b, &two));
        let side = |name: &str, first, lines: Vec<String>, new: Vec<Vec<Range<usize>>>, all: &[String]| Side {
            name: harmless(name),
            first,
            left: all.len() - lines.len(),
            lines: lines.into_iter().zip(new).collect(),
        };
        let nothing_new = vec![Vec::new(); base.len()];
        let last = (excerpt.a.0 as usize + one.len()).max(excerpt.b.0 as usize + two.len());
        Place {
            a: side(a, Some(excerpt.a.0), one, new_a, &excerpt.a.1),
            b: side(b, Some(excerpt.b.0), two, new_b, &excerpt.b.1),
            base: side("before", None, base, nothing_new, &excerpt.base),
            indent,
            view,
            digits: last.to_string().len().max(3),
        }
    }

    /// One below the other: what stood there before, then both.
    fn below(&self) -> String {
        let width = self.view.width.saturating_sub(self.indent + self.digits + 3).max(20);
        let mut text = String::new();
        for (side, is_base) in [(&self.base, true), (&self.a, false), (&self.b, false)] {
            if is_base && side.lines.is_empty() {
                continue;
            }
            text.push_str(&format!("{:1$}{2}\n", "", self.indent, self.name(side, is_base)));
            for row in self.rows(side, width, is_base) {
                text.push_str(&format!("{:1$}{2}\n", "", self.indent, row.text));
            }
        }
        text
    }

    /// Beside each other, below what stood there before.
    fn beside(&self) -> String {
        let half = (self.view.width - self.indent - 3) / 2;
        let numbers = self.digits + 3;
        let bar = self.view.paint.dim("│");
        let mut text = String::new();
        if !self.base.lines.is_empty() {
            text.push_str(&format!("{:1$}{2}\n", "", self.indent, self.name(&self.base, true)));
            for row in self.rows(&self.base, self.view.width - self.indent - numbers, true) {
                text.push_str(&format!("{:1$}{2}\n", "", self.indent, row.text));
            }
        }
        let column = |side: &Side| {
            let shown = super::table::cut_front(&side.name, half);
            let used = crate::render::columns(&shown);
            let mut rows = vec![Row { text: self.view.paint.bold(&shown), used }];
            rows.extend(self.rows(side, half - numbers, false));
            rows
        };
        let (left, right) = (column(&self.a), column(&self.b));
        let nothing = Row { text: String::new(), used: 0 };
        for at in 0..left.len().max(right.len()) {
            let (one, two) = (left.get(at).unwrap_or(&nothing), right.get(at).unwrap_or(&nothing));
            let gap = " ".repeat(half.saturating_sub(one.used));
            let line = format!("{}{}{gap} {bar} {}", " ".repeat(self.indent), one.text, two.text);
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn name(&self, side: &Side, is_base: bool) -> String {
        if is_base { self.view.paint.dim(&side.name) } else { self.view.paint.bold(&side.name) }
    }

    /// Each line with its number, and on as many rows as it takes.
    fn rows(&self, side: &Side, width: usize, is_base: bool) -> Vec<Row> {
        let paint = self.view.paint;
        let mut rows = Vec::new();
        let mut add = |number: &str, text: &str, used: usize| {
            let number = paint.dim(&format!("{:>1$}", number, self.digits + 1));
            rows.push(Row { text: format!("{number}  {text}"), used: self.digits + 3 + used });
        };
        for (nth, (line, new)) in side.lines.iter().enumerate() {
            let number = side.first.map_or_else(|| "-".to_owned(), |first| (first as usize + nth).to_string());
            for (piece, (text, used)) in wrapped(line, new, width, paint, is_base).into_iter().enumerate() {
                add(if piece == 0 { &number } else { "" }, &text, used);
            }
        }
        if side.left > 0 {
            let more = format!("… {}", crate::render::count(side.left as u64, "more line"));
            add("", &paint.dim(&more), more.chars().count());
        }
        if side.lines.is_empty() {
            let gone = "(nothing: deleted here)";
            add("", &paint.dim(gone), gone.len());
        }
        rows
    }
}

struct Row {
    text: String,
    used: usize,
}

/// A line cut to rows of so many columns, what is new in it marked.
fn wrapped(line: &str, new: &[Range<usize>], width: usize, paint: Paint, is_base: bool) -> Vec<(String, usize)> {
    let style = |text: &str, is_new: bool| match (is_base, is_new) {
        (true, _) => paint.dim(text),
        (false, true) => paint.mark(text),
        (false, false) => text.to_owned(),
    };
    let mut rows = Vec::new();
    let (mut row, mut used) = (String::new(), 0);
    let (mut run, mut run_is_new) = (String::new(), false);
    for (at, c) in line.char_indices() {
        let is_new = new.iter().any(|range| range.contains(&at));
        let takes = columns_of(c);
        if is_new != run_is_new || used + takes > width {
            row.push_str(&if run.is_empty() { String::new() } else { style(&run, run_is_new) });
            run.clear();
            run_is_new = is_new;
        }
        if used + takes > width {
            rows.push((std::mem::take(&mut row), used));
            used = 0;
        }
        run.push(c);
        used += takes;
    }
    if !run.is_empty() {
        row.push_str(&style(&run, run_is_new));
    }
    rows.push((row, used));
    rows
}
