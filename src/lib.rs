//! Sessions for git: a branch, a worktree and a record, kept in git itself.
pub mod error;
pub mod git;
pub mod host;
pub mod ops;
pub mod session;
pub mod store;
/// x
pub fn main() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
