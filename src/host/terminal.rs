//! The terminal: whether there is one, how wide it is, questions and the pager.

use crate::error::{Error, Result};
use crate::host::process::Command;
use std::io::{BufRead, IsTerminal, Write};

/// One of the three streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard input.
    In,
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Whether a person is at the other end of a stream.
pub fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::In => std::io::stdin().is_terminal(),
        Stream::Out => std::io::stdout().is_terminal(),
        Stream::Err => std::io::stderr().is_terminal(),
    }
}

/// Columns: what `COLUMNS` says, else the terminal, else 80.
pub fn width() -> usize {
    let named = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|width| *width > 0);
    named.or_else(terminal_width).unwrap_or(80)
}

/// Lines: what the terminal has, else 24.
pub fn height() -> usize {
    terminal_size().1.unwrap_or(24)
}

fn terminal_width() -> Option<usize> {
    terminal_size().0
}

/// Columns and lines, as far as the terminal tells.
#[cfg(unix)]
fn terminal_size() -> (Option<usize>, Option<usize>) {
    let size =
        rustix::termios::tcgetwinsize(std::io::stdout()).or_else(|_| rustix::termios::tcgetwinsize(std::io::stderr()));
    let some = |count: u16| (count > 0).then_some(usize::from(count));
    size.map_or((None, None), |size| (some(size.ws_col), some(size.ws_row)))
}

#[cfg(not(unix))]
fn terminal_size() -> (Option<usize>, Option<usize>) {
    (None, None)
}

/// Asks for one of several letters, on the terminal. None without one, or at the end of input.
///
/// # Errors
/// Refused, if the terminal cannot be read.
pub fn choose(question: &str, letters: &[char]) -> Result<Option<char>> {
    if !is_terminal(Stream::In) || !is_terminal(Stream::Err) {
        return Ok(None);
    }
    let failed = |error| Error::refused("The terminal could not be read.").because(error);
    let mut stderr = std::io::stderr();
    for _ in 0..5 {
        let shown: Vec<String> = letters.iter().map(char::to_string).collect();
        write!(stderr, "{question} [{}] ", shown.join("/")).and_then(|()| stderr.flush()).map_err(failed)?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).map_err(failed)? == 0 {
            return Ok(None);
        }
        let answer = line.trim().to_lowercase();
        if let Some(letter) = letters.iter().find(|letter| answer.starts_with(**letter)) {
            return Ok(Some(*letter));
        }
    }
    Ok(None)
}

/// Shows long text through a pager, as git does.
///
/// # Errors
/// Refused, if the pager cannot be started.
pub fn page(pager: &str, text: &str) -> Result<()> {
    let mut command =
        Command::new(if cfg!(windows) { "cmd" } else { "sh" }).arg(if cfg!(windows) { "/C" } else { "-c" });
    command = command.arg(pager).input(text);
    for (key, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if std::env::var_os(key).is_none() {
            command = command.env(key, value);
        }
    }
    command.run_attached(false).map(drop)
}
