//! `git session completions`

use crate::commands::Stage;
use crate::error::{Exit, Result};
use crate::render;

/// Print a completion script; it completes `git session` and `git-session`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    /// For ~/.local/share/bash-completion/completions/git-session
    Bash,
    /// For a directory of $fpath, as _git-session
    Zsh,
    /// For ~/.config/fish/completions/git-session.fish
    Fish,
}

/// Runs it.
///
/// # Errors
/// As [`render::answer`].
pub fn run(_stage: &Stage, args: &Args) -> Result<Exit> {
    render::answer(match args.shell {
        Shell::Bash => include_str!("../../completions/git-session.bash"),
        Shell::Zsh => include_str!("../../completions/_git-session"),
        Shell::Fish => include_str!("../../completions/git-session.fish"),
    })?;
    Ok(Exit::Done)
}
