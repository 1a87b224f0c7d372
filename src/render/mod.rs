//! The voice: data in, text out. Standard output is the answer, standard error the narration.

pub mod cleanup;
pub mod config;
pub mod conflicts;
pub mod create;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod env;
pub mod exec;
pub mod finish;
pub mod integrate;
pub mod json;
pub mod list;
pub mod log;
pub mod manual;
pub mod order;
pub mod paint;
pub mod progress;
pub mod ready;
pub mod relocate;
pub mod restore;
pub mod show;
pub mod surroundings;
pub mod sync;
pub mod template;
pub mod test;
pub mod trust;
pub mod undo;

pub use paint::Paint;
pub use progress::Progress;

use crate::error::{Error, Kind, Result};
use crate::host::terminal::{self, Stream};
use std::io::Write;

/// When there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    /// On standard output.
    pub out: Paint,
    /// On standard error.
    pub err: Paint,
}

impl Colours {
    /// As `color.ui` or `color.session` has it, `NO_COLOR` and `CLICOLOR_FORCE` above it.
    pub fn new(setting: Option<&str>) -> Colours {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let on = |stream| {
            if set("CLICOLOR_FORCE") {
                return true;
            }
            if set("NO_COLOR") {
                return false;
            }
            match setting {
                Some("always") => true,
                Some("never" | "false" | "no" | "off") => false,
                _ => terminal::is_terminal(stream) && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
            }
        };
        Colours { out: Paint(on(Stream::Out)), err: Paint(on(Stream::Err)) }
    }
}

/// Writes a piece of the answer.
///
/// # Errors
/// [`Kind::ClosedPipe`] where nobody reads it; refused, if it cannot be written.
pub fn answer(text: &str) -> Result<()> {
    answer_bytes(text.as_bytes())
}

/// Writes a piece of the answer that may be no text: a path.
///
/// # Errors
/// As [`answer`].
pub fn answer_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Error::closed_pipe(),
        _ => Error::refused("The answer could not be written.").because(error),
    })
}

/// Writes a long answer, through a pager where standard output is a terminal that it does not fit on.
///
/// # Errors
/// As [`answer`].
pub fn long_answer(text: &str, pager: impl FnOnce() -> Option<String>) -> Result<()> {
    if terminal::is_terminal(Stream::Out)
        && let Some(pager) = pager()
    {
        return terminal::page(&pager, text);
    }
    answer(text)
}

/// Writes narration. Where nobody listens it is lost.
pub fn narrate(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "{text}");
}

/// Writes a warning.
pub fn warn(paint: Paint, text: &str) {
    narrate(&format!("{} {}", paint.yellow("warning:"), harmless(text)));
}

/// Writes what may help.
pub fn hint(paint: Paint, text: &str) {
    narrate(&format!("{} {}", paint.cyan("hint:"), harmless(text)));
}

/// Writes an error: the sentence, what lies beneath, the remedies.
pub fn error(paint: Paint, error: &Error) {
    if error.kind() == Kind::ClosedPipe {
        return;
    }
    narrate(&format!("{} {}", paint.red("error:"), harmless(error.message())));
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        for line in cause.to_string().lines().filter(|line| !line.trim().is_empty()) {
            narrate(&format!("  {}", harmless(line)));
        }
        source = cause.source();
    }
    for hint in error.hints() {
        self::hint(paint, hint);
    }
    if error.kind() == Kind::Bug {
        narrate("This is a bug of git-session: please report it with what you did.");
    }
}

/// Without what a terminal would obey, or show in another order: names, goals and paths may come from anybody.
pub fn harmless(text: &str) -> String {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}

/// A path of the repository on one line.
pub fn harmless_path(path: &crate::session::BString) -> String {
    harmless(&path.to_string()).replace(['\n', '\t'], "\u{fffd}")
}

/// How many columns of a terminal a text takes.
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// How many columns a character takes: none for marks that join the one before, two for what is wide in East Asia and
/// for pictures.
pub fn columns_of(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{1fa70}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// `1 commit`, `2 commits`.
pub fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// How wide the terminal is that the answer goes to; none if it goes elsewhere.
pub fn terminal_width() -> Option<usize> {
    terminal::is_terminal(Stream::Out).then(terminal::width)
}

/// A sentence, indented, on as many lines as it takes.
pub fn sentence(text: &str, indent: usize, width: usize, style: impl Fn(&str) -> String) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let used = lines.last().map_or(0, |line| columns(line));
        if used > 0 && indent + used + 1 + columns(word) > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{:indent$}{}\n", "", style(line))).collect()
}

/// How wide an answer may be.
pub fn width() -> usize {
    if terminal::is_terminal(Stream::Out) || std::env::var_os("COLUMNS").is_some() { terminal::width() } else { 120 }
}

/// Asks for one of several letters; none without a terminal.
///
/// # Errors
/// Refused, if the terminal cannot be read.
pub fn choose(question: &str, letters: &[char]) -> Result<Option<char>> {
    terminal::choose(question, letters)
}
