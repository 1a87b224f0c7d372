//! All tests that go through the program as users call it, and those that hold the project's own rules.

// The program's own rule: `host::process` starts processes. Tests start them as users do.
#![allow(clippy::disallowed_types)]
// Tests say what they left out.
#![allow(clippy::print_stderr)]

mod architecture;
mod completion;
mod format;
mod generated;
mod recovery;
mod shell_init;
mod support;
