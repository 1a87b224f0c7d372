//! What can be done: `plan` reads and returns a value, `execute` eats it and writes; both return data.

pub mod base;
pub mod context;
pub mod create;
pub mod journal;
pub mod scope;
pub mod team;

pub use context::Context;
