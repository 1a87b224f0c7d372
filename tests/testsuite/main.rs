//! All tests that go through the program as users call it, and those that hold the project's own rules.

// The program's own rule: `host::process` starts processes. Tests start them as users do.
#![allow(clippy::disallowed_types)]
// Tests say what they left out.
#![allow(clippy::print_stderr)]

mod adopt;
mod architecture;
mod carry;
mod cleanup;
mod completion;
mod config;
mod conflicts;
mod conflicts_views;
mod conflicts_watch;
mod contention;
mod create;
mod demo;
mod diff;
mod doctor;
mod doctor_around;
mod env;
#[cfg(unix)]
mod exec;
mod finish;
mod follow;
mod format;
mod generated;
mod integrate;
mod integrate_around;
mod killed;
mod list;
mod log;
mod move_;
mod notes;
mod odd_names;
mod order;
mod order_random;
mod path;
mod ready;
mod recovery;
#[cfg(unix)]
mod removal;
mod rename;
mod restore;
mod salvage;
mod set;
mod shell_init;
mod show;
mod stash;
mod store;
mod support;
#[cfg(unix)]
mod surroundings;
mod sync;
mod sync_attributes;
mod sync_by_git;
#[cfg(unix)]
mod sync_index;
mod sync_killed;
#[cfg(unix)]
mod sync_line_ends;
#[cfg(unix)]
mod sync_resolve;
mod sync_settings;
mod sync_unwritable;
#[cfg(unix)]
mod test_verb;
mod trust;
mod undo;
mod ways_to_end;
