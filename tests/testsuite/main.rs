//! All tests that go through the program as users call it, and those that hold the project's own rules.

// The program's own rule: `host::process` starts processes. Tests start them as users do.
#![allow(clippy::disallowed_types)]

mod adopt;
mod architecture;
mod contention;
mod create;
mod finish;
mod format;
mod list;
mod move_;
mod rename;
mod set;
mod store;
mod support;
