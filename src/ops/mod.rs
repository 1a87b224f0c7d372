//! What can be done: `plan` reads and returns a value, `execute` eats it and writes; both return data.

pub mod adopt;
pub mod agent;
pub mod base;
pub mod cleanup;
pub mod config;
pub mod conflicts;
pub mod context;
pub mod create;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod env;
pub mod exec;
pub mod finish;
pub mod integrate;
pub mod journal;
pub mod list;
pub mod order;
pub mod phase;
pub mod ports;
pub mod ready;
pub mod relocate;
pub mod removal;
pub mod restore;
pub mod revive;
pub mod scope;
pub mod set;
pub mod show;
pub mod surroundings;
pub mod sync;
pub mod team;
pub mod testing;
mod trunks;
pub mod trust;
pub mod undo;
pub(crate) mod workers;

pub use crate::git::glob_matches;
pub use crate::store::{Snapshot, Writer, done};
pub use context::Context;

/// A text as a shell takes it for one word.
pub fn shell_quoted(text: &str) -> String {
    // An empty word would be none.
    if text.is_empty() {
        return "''".to_owned();
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '@' | ':' | ',');
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
