//! `git session undo`

use crate::commands::{DryRun, Format, FormatArgs, Stage, operation_ids, print_json};
use crate::error::{Error, Exit, Result};
use crate::ops::{Snapshot, undo};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// Invert an operation; by default your newest that moved a branch or a worktree
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The operation, by the beginning of its id
    #[arg(value_name = "OPERATION", add = ArgValueCandidates::new(operation_ids))]
    operation: Option<String>,
    /// List operations, newest first, and do nothing
    #[arg(long, conflicts_with_all = ["operation", "dry_run", "yes"])]
    list: bool,
    /// Answer yes to the question
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`undo::plan`] and [`undo::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    if args.list {
        stage.report_interrupted()?;
        let operations = undo::operations(ctx, &Snapshot::read(&ctx.repo)?)?;
        return match format {
            Format::Table => {
                let text = render::undo::list(&operations, ctx.now, stage.colours().out);
                render::long_answer(&text, || ctx.pager())?;
                Ok(Exit::Done)
            }
            _ => print_json(&render::undo::json_list(&operations)),
        };
    }
    let writer = if args.dry_run.dry_run { None } else { Some(ctx.writer()?) };
    let snapshot = Snapshot::read(&ctx.repo)?;
    let me = ctx.repo.identity()?.shown();
    let operation = undo::choose(undo::operations(ctx, &snapshot)?, args.operation.as_deref(), &me)?;
    let plan = undo::plan(ctx, &snapshot, operation)?;
    let Some(writer) = writer else {
        stage.report_interrupted()?;
        render::answer(&render::undo::plan(&plan, ctx.now, true))?;
        return Ok(Exit::Done);
    };
    if !args.yes {
        render::narrate(render::undo::plan(&plan, ctx.now, false).trim_end());
        match render::choose("Undo it?", &['y', 'n'])? {
            Some('y') => {}
            Some(_) => return Ok(Exit::Refused),
            None => {
                return Err(Error::usage("`undo` asks first, and there is no terminal to ask on.")
                    .hint("`--yes` answers the question; `--dry-run` only shows what would be done."));
            }
        }
    }
    let stranded = ctx.place();
    let cwd = ctx.cwd.clone();
    let done = undo::execute(ctx, &writer, plan)?;
    stage.wrote();
    for warning in &done.warnings {
        render::warn(stage.colours().err, warning);
    }
    let mut exit = Exit::Done;
    for outcome in &done.sessions {
        if let Err(error) = &outcome.result {
            render::error(stage.colours().err, error);
            exit = exit.worst(error.kind().into());
        }
    }
    match format {
        Format::Table => {
            let stranded = (!cwd.exists()).then_some(stranded.as_path());
            render::answer(&render::undo::done(&done, stranded, stage.colours().out))?;
        }
        _ => drop(print_json(&render::undo::json(&done))?),
    }
    Ok(exit)
}
