//! `git session rename`

use crate::commands::{DryRun, Format, FormatArgs, Stage, print_json, session_names};
use crate::error::{Exit, Result};
use crate::ops::{Snapshot, relocate, scope};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// Give a session another name; branch and directory follow where they follow from it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session
    #[arg(value_name = "OLD", add = ArgValueCandidates::new(session_names))]
    old: String,
    /// Its new name
    #[arg(value_name = "NEW")]
    new: String,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`relocate::plan_rename`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let paint = stage.colours().out;
    if args.dry_run.dry_run {
        let snapshot = Snapshot::read(&ctx.repo)?;
        let session = scope::one(ctx, &snapshot, Some(&args.old))?;
        let plan = relocate::plan_rename(ctx, &snapshot, session, &args.new)?;
        render::answer(&render::relocate::plan(&plan, paint, true))?;
        return Ok(Exit::Done);
    }
    let writer = ctx.writer()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, Some(&args.old))?;
    let plan = relocate::plan_rename(ctx, &snapshot, session, &args.new)?;
    relocate::execute(ctx, &writer, &plan)?;
    stage.wrote();
    match format {
        Format::Table => render::answer(&render::relocate::plan(&plan, paint, false))?,
        _ => {
            let mut value = serde_json::json!({
                "version": 1,
                "operation": writer.operation.as_str(),
                "from": plan.step.name.0,
                "to": plan.step.name.1,
                "branch": plan.step.branch.1.trim_start_matches("refs/heads/"),
            });
            if let Some(worktree) = &plan.worktree {
                value["worktree"] = render::json::path(worktree);
            }
            return print_json(&value);
        }
    }
    Ok(Exit::Done)
}
