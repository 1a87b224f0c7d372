//! `git session ready`

use crate::commands::{DryRun, Stage, print_json, session_names};
use crate::error::{Exit, Result};
use crate::ops::ready::{self, Saying};
use crate::ops::{Snapshot, scope};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// Say that sessions may merge
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sessions; by default the one whose worktree this is
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    #[command(flatten)]
    dry_run: DryRun,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// Refused, if there is no such session.
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    say(stage, &args.names, Saying::Ready, args.dry_run.dry_run, args.json)
}

/// Says it of these sessions, or of the one whose worktree this is.
pub(super) fn say(stage: &Stage, names: &[String], saying: Saying, dry_run: bool, json: bool) -> Result<Exit> {
    let ctx = stage.context()?;
    let writer = if dry_run { None } else { Some(ctx.writer()?) };
    let snapshot = Snapshot::read(&ctx.repo)?;
    let sessions =
        if names.is_empty() { vec![scope::here(ctx, &snapshot)?] } else { scope::many(ctx, &snapshot, names)? };
    let mut plan = ready::plan(&sessions, saying);
    if let Some(writer) = &writer {
        plan = ready::execute(ctx, writer, plan)?;
        stage.wrote();
    }
    if json {
        return print_json(&render::ready::json(&plan, writer.as_ref().map(|writer| &writer.operation)));
    }
    let lines = render::ready::lines(&plan, dry_run);
    if lines.is_empty() {
        render::narrate("It is so already.");
    } else {
        render::answer(&lines)?;
    }
    Ok(Exit::Done)
}
