//! `git session block`

use crate::commands::{DryRun, Stage, ready, session_names};
use crate::error::{Exit, Result};
use crate::ops::ready::Saying;
use clap_complete::engine::ArgValueCandidates;

/// Say that a session cannot go on, and why
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What it waits for
    #[arg(value_name = "REASON")]
    reason: String,
    /// The session; by default the one whose worktree this is
    #[arg(long, value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    session: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// Usage without a reason; refused, if there is no such session.
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let saying = Saying::blocked(&args.reason)?;
    let names: Vec<String> = args.session.into_iter().collect();
    ready::say(stage, &names, saying, args.dry_run.dry_run, args.json)
}
