//! `git session doctor`

use crate::commands::{DryRun, Format, FormatArgs, Stage, print_json, session_names};
use crate::error::{Exit, Result};
use crate::ops::doctor;
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// Look for what is wrong with sessions and around them, and mend it with --fix
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only what is about this session; with --fix also gives up what a process that cannot be seen claims of it
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    what: Option<String>,
    /// Mend what can be mended without a guess
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`doctor::plan`] and [`doctor::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let mut diagnosis = doctor::plan(ctx, args.what.as_deref())?;
    if args.fix && !args.dry_run.dry_run {
        diagnosis = doctor::execute(ctx, diagnosis)?;
        stage.wrote();
    }
    match format {
        Format::Table => {
            let table = render::doctor::table(&diagnosis, args.fix, stage.colours().out, render::terminal_width());
            render::answer(&table)?;
        }
        _ => drop(print_json(&render::doctor::json(&diagnosis))?),
    }
    Ok(if diagnosis.has_errors() { Exit::Refused } else { Exit::Done })
}
