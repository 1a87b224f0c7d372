//! What a session is: names, records, events and states as plain values. Nothing here reads or writes.

pub mod event;
pub mod name;
pub mod record;
pub mod time;
pub mod verdict;

pub use event::{Event, EventKind, OperationId};
pub use name::{Name, Word, shell_word};
pub use record::{Base, Priority, Record, State};
pub use time::Timestamp;
pub use verdict::Verdict;

/// An object id, as gix has it.
pub use gix::ObjectId;
/// Byte strings, as gix has them.
pub use gix::bstr::{BStr, BString, ByteSlice};
