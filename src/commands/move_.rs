//! `git session move`

use crate::commands::{DryRun, Format, FormatArgs, Stage, print_json, session_names};
use crate::error::{Exit, Result};
use crate::ops::{Snapshot, relocate, scope};
use crate::render;
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

/// Move a session's worktree to another directory
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    name: String,
    /// Where its worktree goes
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    path: PathBuf,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`relocate::plan_move`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let paint = stage.colours().out;
    let writer = if args.dry_run.dry_run { None } else { Some(ctx.writer()?) };
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, Some(&args.name))?;
    let plan = relocate::plan_move(ctx, &snapshot, session, &args.path)?;
    let Some(writer) = writer else {
        render::answer(&render::relocate::plan(&plan, paint, true))?;
        return Ok(Exit::Done);
    };
    relocate::execute(ctx, &writer, &plan)?;
    stage.wrote();
    match (format, &plan.step.path) {
        (Format::Table, _) | (_, None) => {
            render::answer(&render::relocate::plan(&plan, paint, false))?;
            Ok(Exit::Done)
        }
        (_, Some((from, to))) => print_json(&serde_json::json!({
            "version": 1,
            "operation": writer.operation.as_str(),
            "name": plan.step.name.0,
            "from": from,
            "to": to,
        })),
    }
}
