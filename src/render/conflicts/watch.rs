//! The answer that goes on: a screen that is drawn again in its place, or lines that tell what is new.

use super::json::clash;
use super::{View, lines, matrix, severity, summary, table};
use crate::error::Result;
use crate::host::terminal::{self, Stream};
use crate::ops::conflicts::{Change, News, Report, Severity, Sides};
use crate::render::{answer, columns, harmless, harmless_path};
use crate::session::Timestamp;
use serde_json::{Value, json};

/// So many lines of news stand above the table.
const NEWS_AT_MOST: usize = 6;

/// A screen of its own on the terminal; what was there before comes back when it goes.
#[derive(Debug)]
pub struct Screen {
    is_shown: bool,
}

/// What stands on it.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The time of day of the last change.
    pub time: &'a str,
    /// What was new then.
    pub news: &'a [String],
    /// What else there is to say.
    pub remarks: &'a [String],
    /// Everything.
    pub report: &'a Report,
    /// Whether everything is shown as a matrix.
    pub is_matrix: bool,
}

impl Screen {
    /// Whether standard output can be drawn on.
    pub fn is_possible() -> bool {
        terminal::is_terminal(Stream::Out) && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
    }

    /// Nothing is shown until something is drawn.
    pub fn new() -> Screen {
        Screen { is_shown: false }
    }

    /// Draws all of it, over what is there, in one go.
    ///
    /// # Errors
    /// As [`answer`].
    pub fn draw(&mut self, frame: &Frame<'_>, view: View) -> Result<()> {
        let mut text = String::new();
        if !self.is_shown {
            self.is_shown = true;
            // A screen of its own, no cursor on it.
            text.push_str("\u{1b}[?1049h\u{1b}[?25l");
        }
        // Nothing is shown before it is whole, and long lines are cut, not wrapped.
        text.push_str("\u{1b}[?2026h\u{1b}[?7l\u{1b}[H");
        let shown = frame.text(view);
        let all: Vec<&str> = shown.lines().collect();
        let height = terminal::height().max(2);
        let fits = if all.len() > height { height - 1 } else { all.len() };
        for line in &all[..fits] {
            text.push_str(line);
            text.push_str("\u{1b}[K\r\n");
        }
        if fits < all.len() {
            text.push_str(&view.paint.dim(&format!("… {} more lines", all.len() - fits)));
            text.push_str("\u{1b}[K");
        } else if text.ends_with("\r\n") {
            // A line break in the last line would scroll.
            text.truncate(text.len() - 2);
        }
        text.push_str("\u{1b}[J\u{1b}[?7h\u{1b}[?2026l");
        answer(&text)
    }

    /// Gives the terminal back as it was.
    pub fn leave(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            // Whoever closed it wants nothing back.
            let _ = answer("\u{1b}[?25h\u{1b}[?1049l");
        }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Screen::new()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Frame<'_> {
    fn text(&self, view: View) -> String {
        let summary = summary(self.report, view.of_sessions);
        let mut text = format!("{}  {}\n", view.paint.bold(self.time), summary);
        for line in self.news.iter().take(NEWS_AT_MOST) {
            text.push_str(line);
            text.push('\n');
        }
        if self.news.len() > NEWS_AT_MOST {
            text.push_str(&view.paint.dim(&format!("          and {} more\n", self.news.len() - NEWS_AT_MOST)));
        }
        for remark in self.remarks {
            text.push_str(&format!("          {}\n", view.paint.dim(&harmless(remark))));
        }
        let all = if self.is_matrix { matrix(self.report, view) } else { table(self.report, view) };
        // That all is well stands in the first line.
        let all = all.strip_prefix(&format!("{}\n", view.paint.green(&summary))).unwrap_or(&all);
        if !all.trim().is_empty() {
            text.push('\n');
            text.push_str(all.trim_start_matches('\n'));
        }
        text
    }
}

/// `14:03:59  conflict  one × two  src/cart.rs:10 × 10  (was near)`
pub fn news_line(time: &str, news: &News, view: View) -> String {
    let (a, b) = match &news.sides {
        Sides::Base(a, b) | Sides::Pair(a, b) => (harmless(a), harmless(b)),
    };
    let word = match news.now {
        Some(now) => severity(now, &format!("{:<8}", now.as_str()), view.paint),
        None => view.paint.green("clear   "),
    };
    let remark = match (news.change, news.was) {
        (Change::New, _) | (_, None) => "new".to_owned(),
        (Change::Moved, _) => "elsewhere".to_owned(),
        (_, Some(was)) => format!("was {}", was.as_str()),
    };
    let head = format!("{time}  {word}  {}  ", view.paint.bold(&format!("{a} × {b}")));
    let used = columns(time) + 14 + columns(&a) + columns(&b) + 3 + columns(&remark) + 4;
    let room = view.width.saturating_sub(used).max(16);
    format!("{head}{}  {}", places(news, room), view.paint.dim(&format!("({remark})")))
}

/// The files that matter most, as many as there is room for.
fn places(news: &News, room: usize) -> String {
    let worst = news.files.iter().map(|file| file.severity).max();
    let shown: Vec<String> = match worst {
        None => news.left.iter().map(harmless_path).collect(),
        Some(worst) => news
            .files
            .iter()
            .filter(|file| file.severity == worst)
            .map(|file| {
                let path = harmless_path(&file.path);
                match (lines(&file.a, 12), lines(&file.b, 12)) {
                    (a, b) if a.is_empty() || b.is_empty() || worst <= Severity::Planned => path,
                    (a, b) => format!("{path}:{a} × {b}"),
                }
            })
            .collect(),
    };
    super::table::as_fits(&shown, room)
}

/// `14:03:59  session three is new`
pub fn sessions_line(time: &str, name: &str, is_new: bool, view: View) -> String {
    let what = if view.of_sessions { "session" } else { "branch" };
    let word = if is_new { "new     " } else { "ended   " };
    format!("{time}  {}  {what} {}", view.paint.cyan(word), view.paint.bold(&harmless(name)))
}

/// One line of the stream for programs: what is new.
pub fn news_json(at: Timestamp, news: &[News], made: &[&str], ended: &[&str], report: &Report) -> Value {
    let piece = |one: &News| {
        let mut entry = json!({ "change": one.change.as_str() });
        let keys = match &one.sides {
            Sides::Base(name, base) => {
                (entry["name"], entry["base"]) = (json!(name), json!(base));
                ("ours", "theirs")
            }
            Sides::Pair(a, b) => {
                (entry["a"], entry["b"]) = (json!(a), json!(b));
                ("a", "b")
            }
        };
        for (key, severity) in [("was", one.was), ("now", one.now)] {
            if let Some(severity) = severity {
                entry[key] = json!(severity.as_str());
            }
        }
        entry["files"] = one.files.iter().map(|file| clash(file, keys.0, keys.1)).collect();
        if !one.left.is_empty() {
            entry["left"] = one.left.iter().map(crate::render::json::bytes_path).collect();
        }
        entry
    };
    let mut value = json!({
        "version": 1,
        "at": at,
        "news": news.iter().map(piece).collect::<Vec<_>>(),
        "has_conflicts": report.has_conflicts(),
    });
    for (key, names) in [("made", made), ("ended", ended)] {
        if !names.is_empty() {
            value[key] = json!(names);
        }
    }
    value
}
