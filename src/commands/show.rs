//! `git session show`

use crate::commands::{Format, FormatArgs, Stage, print_json, session_names};
use crate::error::{Exit, Result};
use crate::ops::{Snapshot, scope, show};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// One session: goal, base, documents, changes, timeline
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session; by default the one whose worktree this is
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    name: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`show::show`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    stage.report_interrupted()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, args.name.as_deref())?;
    let shown = show::show(ctx, &snapshot, session)?;
    match format {
        Format::Json => return print_json(&render::json::show(&shown)),
        Format::Template(template) => {
            render::answer(
                &(render::template::fill(&template, &render::json::show(&shown), &render::list::FIELDS)? + "\n"),
            )?;
        }
        Format::Table => {
            render::long_answer(&render::show::page(&shown, stage.colours().out, ctx.now), || ctx.pager())?
        }
    }
    Ok(Exit::Done)
}
