//! `git session`: a session is a branch, a worktree of its own, and a *record* of what it is for. All state lives in
//! git: refs below `refs/sessions/`, and notes.
//!
//! # The house
//!
//! | room | what is in it |
//! | --- | --- |
//! | `cli` | the clap tree and the one match from verb to command |
//! | [`commands`] | thin: arguments to options, options to `ops`, data to `render`; one file per verb |
//! | [`session`] | what a session is: names, records, events; plain values, no I/O |
//! | [`ops`] | what can be done: `plan` reads, `execute` eats the plan and writes; [`ops::journal`] is the one executor |
//! | [`store`] | where sessions are remembered: snapshot, record, `@done`, `@keep`, `@pending`; compare-and-swap |
//! | [`git`] | the only door to the repository |
//! | [`host`] | the machine around us: processes, files, locks, the terminal |
//! | [`render`] | the voice: data in, text out; tables, JSON, colours |
//! | [`error`] | one sentence, what lies beneath, the remedies; and the exit codes |
//!
//! Who may use whom stands in `tests/testsuite/architecture.rs`, which holds it.
//!
//! # What is where on disk
//!
//! | ref | written by |
//! | --- | --- |
//! | `refs/sessions/<name>` | [`store::record`] |
//! | `refs/sessions/@done/<id>` | [`store::done`], when a session ends; [`ops::restore`] takes it back out |
//! | `refs/sessions/@keep` | [`store::keep`], before anything goes; [`ops::cleanup`] shortens it |
//! | `refs/sessions/@pending/<name>` | [`store::pending`], while something is under way |
//! | `refs/sessions/@ports/<n>` | [`store::ports`], in the transaction that makes a session |
//! | `refs/sessions/@self` | [`store::own`] |
//! | `refs/notes/sessions` | [`store::notes`], what tests gave on trees |
//! | `refs/worktree/session` | [`git::worktrees`], the tie of a worktree to its session |
//!
//! Nothing else is kept, but for what a user has approved ([`ops::trust`]), which lies in his own state directory, and
//! what set-up commands and tests printed ([`ops::phase`], [`ops::testing`]), in the worktree's own git directory.
//!
//! # How one command goes
//!
//! [`main`] parses, the verb in [`commands`] asks the [`commands::Stage`] for the [`ops::Context`], which opens the
//! repository once. A writing verb asks the context for a [`store::Writer`], which mends what a killed command left
//! behind, plans, and executes. Whatever goes wrong comes back as an [`error::Error`] and is printed here, once.

pub mod cli;
pub mod commands;
pub mod error;
pub mod git;
pub mod host;
pub mod ops;
pub mod render;
pub mod session;
pub mod store;

use error::Exit;

/// Parses the command line, runs the verb, reports what went wrong, and says how the process ends.
pub fn main() -> std::process::ExitCode {
    let stage = commands::Stage::new();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cli::run(&stage)));
    let exit = match outcome {
        Ok(Ok(outcome)) => {
            stage.after();
            match outcome {
                Ok(exit) => exit,
                Err(error) => {
                    render::error(stage.colours().err, &error);
                    error.kind().into()
                }
            }
        }
        Ok(Err(usage)) => {
            // Help and version are answers; anything else is a mistake in the command line.
            let _ = usage.print();
            if usage.use_stderr() { Exit::Usage } else { Exit::Done }
        }
        Err(_) => {
            render::narrate("This is a bug of git-session: please report it with what you did.");
            Exit::Bug
        }
    };
    std::process::ExitCode::from(exit.code())
}
