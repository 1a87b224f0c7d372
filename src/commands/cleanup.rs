//! `git session cleanup`

use crate::commands::{DryRun, Format, FormatArgs, Stage, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::{Snapshot, cleanup};
use crate::render;
use crate::session::Timestamp;
use clap_complete::engine::ArgValueCandidates;

/// Let go of sessions that are merged, orphaned or stale, and of what has expired
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sessions to look at; by default all
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    what: Vec<String>,
    /// Also what has been still for that long, such as 14d or '2 weeks'; its work is put aside
    #[arg(long, value_name = "AGE")]
    stale: Option<String>,
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
/// See [`cleanup::plan`] and [`cleanup::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let stale = args.stale.as_deref().map(|text| {
        Timestamp::parse_span(text).ok_or_else(|| {
            Error::usage(format!("'{text}' is no age."))
                .hint("An age is a number with a unit: `14d`, `12h`, `3 weeks`.")
        })
    });
    let options = cleanup::Options { what: args.what, stale: stale.transpose()? };
    let ctx = stage.context()?;
    let writer = if args.dry_run.dry_run { None } else { Some(ctx.writer()?) };
    let plan = cleanup::plan(ctx, &Snapshot::read(&ctx.repo)?, &options)?;
    let paint = stage.colours();
    let named = if plan.keeps_a_named_one() { Exit::Refused } else { Exit::Done };
    let nothing = plan.removals() == 0 && plan.expired.is_empty();
    let Some(writer) = writer.filter(|_| !nothing) else {
        if args.dry_run.dry_run {
            stage.report_interrupted()?;
        }
        match format {
            Format::Table => {
                render::answer(&render::cleanup::rows(&plan.rows, &plan.expired, args.dry_run.dry_run, paint.out))?;
            }
            _ => drop(print_json(&render::cleanup::json(&plan.rows, &plan.expired, None))?),
        }
        return Ok(named);
    };
    if !args.yes {
        render::narrate(render::cleanup::rows(&plan.rows, &plan.expired, true, paint.err).trim_end());
        match render::choose(&render::cleanup::question(&plan), &['y', 'n'])? {
            Some('y') => {}
            Some(_) => return Ok(Exit::Refused),
            None => {
                return Err(Error::usage("`cleanup` asks first, and there is no terminal to ask on.")
                    .hint("`--yes` answers the question; `--dry-run` only shows what would be done."));
            }
        }
    }
    let named_ones = plan.named.clone();
    let place = ctx.place();
    let cleaned = cleanup::execute(ctx, &writer, plan)?;
    stage.wrote();
    for warning in &cleaned.warnings {
        render::warn(paint.err, warning);
    }
    let mut exit = named;
    for error in &cleaned.errors {
        render::error(paint.err, error);
        exit = exit.worst(error.kind().into());
    }
    if cleaned.rows.iter().any(|row| !row.is_removed() && named_ones.contains(&row.name)) {
        exit = exit.worst(Exit::Refused);
    }
    match format {
        Format::Table => {
            let stranded = (!ctx.cwd.exists()).then_some(place.as_path());
            render::answer(&render::cleanup::done(&cleaned, stranded, paint.out))?;
        }
        _ => drop(print_json(&render::cleanup::json(&cleaned.rows, &cleaned.expired, Some(&cleaned.operation)))?),
    }
    Ok(exit)
}
