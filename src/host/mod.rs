//! The machine around us: processes, files, locks, the terminal. Platform code lives here, behind `cfg`.

pub mod clone;
pub mod copy;
pub mod directory;
pub mod disk;
pub mod exchange;
pub mod interrupt;
pub mod limits;
pub mod occupants;
pub mod ports;
pub mod process;
pub mod random;
pub mod scratch;
mod share_work;
pub mod state;
pub mod terminal;
pub mod users;
pub mod watch;
pub mod witness;

use crate::session::Timestamp;

/// Now, by the machine's clock.
pub fn now() -> Timestamp {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX))
}
