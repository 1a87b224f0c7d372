//! A line on the terminal that says how far a long command has come.

use crate::host::terminal::{self, Stream};
use std::io::Write;
use std::sync::Mutex;

/// Nothing is said where standard error is no terminal.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    is_on: bool,
    shown: Mutex<usize>,
}

impl Progress {
    /// Of `what`: `Syncing`.
    pub fn new(what: &'static str) -> Progress {
        Progress { what, is_on: terminal::is_terminal(Stream::Err), shown: Mutex::new(0) }
    }

    /// `Syncing 3/12`, where that is news.
    pub fn show(&self, done: usize, total: usize) {
        let Ok(mut shown) = self.shown.lock() else { return };
        if self.is_on && done > *shown {
            *shown = done;
            let _ = write!(std::io::stderr(), "\r{} {done}/{total}", self.what);
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.is_on && self.shown.lock().is_ok_and(|shown| *shown > 0) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
