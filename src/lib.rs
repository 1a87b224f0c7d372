//! Sessions for git: a branch, a worktree and a record, kept in git itself.

pub mod error;
pub mod session;

/// Runs the program.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(error::Exit::Usage.code())
}
