//! Where sessions are remembered: records and timelines, what ended, what is kept, what is under way.
//!
//! Everything is a ref below `refs/sessions/`, and every write is a compare-and-swap against the value that was read.
//! See `gitformat-session(5)`.

pub mod board;
pub mod done;
pub mod keep;
pub mod notes;
pub mod own;
pub mod pending;
pub mod ports;
pub mod record;
pub mod snapshot;
pub mod timeline;

pub use record::{Loaded, Writer};
pub use snapshot::Snapshot;

use crate::error::Result;

/// How often a lost race is run again where the edit still makes sense.
const TRIES: u32 = 40;

/// Runs `attempt` until it does not lose a race, a little later each time.
///
/// # Errors
/// The error of the last attempt, or the first that is no lost race.
pub fn retry<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let mut pause = std::time::Duration::from_millis(1);
    for _ in 1..TRIES {
        match attempt() {
            Err(error) if error.is_contended() => {
                // Writers that started together must not meet again: the pause differs by process.
                let jitter = u64::from(std::process::id() % 7) + 1;
                std::thread::sleep(pause + std::time::Duration::from_micros(jitter * 700));
                pause = (pause * 3 / 2).min(std::time::Duration::from_millis(120));
            }
            outcome => return outcome,
        }
    }
    attempt()
}
