//! `git session test`

use crate::commands::{DryRun, Stage, print_json, session_names, time_limit};
use crate::error::{Error, Exit, Result};
use crate::ops::Snapshot;
use crate::ops::testing::{self, Came, Interrupt, Options, Row};
use crate::render;
use clap_complete::engine::ArgValueCandidates;
use std::ffi::OsString;
use std::time::Duration;

/// Run the tests in the worktrees of sessions, and note on each tree what they gave
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these; @ for this one
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    /// The command, in place of the one that is known; not through a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// How many run at a time
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Also where something is uncommitted; nothing is noted then
    #[arg(long)]
    dirty: bool,
    /// Only where the tree has no verdict on this command yet
    #[arg(long, conflicts_with = "dirty")]
    if_needed: bool,
    /// End what takes longer: 90s, 10m, 1h; a number alone is seconds
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    timeout: Option<Duration>,
    #[command(flatten)]
    dry_run: DryRun,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// See [`testing::plan`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let options = Options {
        names: args.names,
        command: args.command,
        jobs: args.jobs.map(usize::from),
        dirty: args.dirty,
        if_needed: args.if_needed,
        timeout: args.timeout,
    };
    let is_plan = args.dry_run.dry_run;
    let ctx = stage.context()?;
    let writer = if is_plan { None } else { Some(ctx.writer()?) };
    let snapshot = Snapshot::read(&ctx.repo)?;
    let plan = testing::plan(ctx, &snapshot, &options)?;
    let command = plan.command.shown();
    let interrupt = Interrupt::watch();
    let rows = match writer {
        None => plan.rows(),
        Some(writer) => {
            let bar = render::Progress::new("Testing");
            let rows = testing::execute(ctx, &writer, plan, &interrupt, &|done, total| bar.show(done, total))?;
            bar.clear();
            rows
        }
    };
    if args.json {
        print_json(&render::test::json(&command, &rows))?;
    } else {
        render::answer(&render::test::table(&command, &rows, stage.colours().out))?;
        if rows.len() > 1 {
            render::narrate(&render::test::summary(&rows));
        }
    }
    if interrupt.is_set() {
        return Err(Error::refused("Interrupted: what was still running was ended, and nothing is noted of it.")
            .hint("`git session test --if-needed` runs what has no verdict yet."));
    }
    Ok(rows.iter().map(exit_of).fold(Exit::Done, Exit::worst))
}

fn exit_of(row: &Row) -> Exit {
    match &row.came {
        Came::Planned => Exit::Done,
        Came::Ran(outcome) if outcome.is_passed() => Exit::Done,
        Came::Known(verdict) if verdict.is_passed() => Exit::Done,
        Came::Skipped(_) if !row.is_named => Exit::Done,
        _ => Exit::Refused,
    }
}
