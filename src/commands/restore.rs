//! `git session restore`

use crate::commands::{DryRun, Format, FormatArgs, Stage, ended_names, print_json};
use crate::error::{Exit, Result};
use crate::ops::{Snapshot, restore};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// Bring an ended session back as it was, uncommitted work included
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name, of several by that name the newest; or the beginning of its id
    #[arg(value_name = "NAME OR ID", add = ArgValueCandidates::new(ended_names))]
    what: String,
    /// Name session and branch anew
    #[arg(long = "as", value_name = "NAME")]
    rename: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`restore::plan`] and [`restore::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let writer = if args.dry_run.dry_run { None } else { Some(ctx.writer()?) };
    let snapshot = Snapshot::read(&ctx.repo)?;
    let ended = restore::find(ctx, &snapshot, &args.what)?;
    let plan = restore::plan(ctx, &snapshot, ended, args.rename.as_deref())?;
    let Some(writer) = writer else {
        stage.report_interrupted()?;
        render::answer(&render::restore::plan(&plan))?;
        return Ok(Exit::Done);
    };
    let done = restore::execute(ctx, &writer, plan)?;
    stage.wrote();
    for warning in &done.warnings {
        render::warn(stage.colours().err, warning);
    }
    match format {
        Format::Table => {
            render::answer(&render::restore::done(&done, stage.colours().out))?;
            Ok(Exit::Done)
        }
        _ => print_json(&render::restore::json(&done)),
    }
}
