//! `git session exec`

use crate::commands::{DryRun, Stage, session_names, time_limit};
use crate::error::{Error, Exit, Result};
use crate::ops::Snapshot;
use crate::ops::exec::{self, Came, Item, Options};
use crate::ops::testing::{Ending, Interrupt};
use crate::render;
use clap_complete::engine::ArgValueCandidates;
use std::ffi::OsString;
use std::time::Duration;

/// Run a command in the worktree of every session
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these; @ for this one
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    /// The command and its arguments; not through a shell
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// How many run at a time
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// End what takes longer: 90s, 10m, 1h; a number alone is seconds
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    timeout: Option<Duration>,
    #[command(flatten)]
    dry_run: DryRun,
    /// Print JSON: an object a line for each session, as they end
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// See [`exec::plan`] and [`exec::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let Args { names, command, jobs, timeout, .. } = args;
    let options = Options { names, command, jobs: jobs.map(usize::from), timeout };
    let ctx = stage.context()?;
    stage.report_interrupted()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let plan = exec::plan(ctx, &snapshot, &options)?;
    if args.dry_run.dry_run {
        return render::answer(&render::exec::planned(&plan, args.json)).map(|()| Exit::Done);
    }
    if plan.items.is_empty() && !args.json {
        return render::answer("There are no sessions. `git session create <name>` starts one.\n").map(|()| Exit::Done);
    }
    let interrupt = Interrupt::watch();
    let mut voice = render::exec::Voice::new(stage.colours(), args.json);
    let came = exec::execute(ctx, &plan, &interrupt, &mut |told| voice.tell(&told))?;
    if plan.items.len() > 1 && !args.json {
        render::narrate(&render::exec::summary(&came));
    }
    if interrupt.is_set() {
        return Err(Error::refused("Interrupted: what was still running was ended.")
            .hint("`git session exec <name>... -- <command>` runs it in some of them."));
    }
    Ok(plan.items.iter().zip(&came).map(exit_of).fold(Exit::Done, Exit::worst))
}

fn exit_of((item, came): (&Item, &Came)) -> Exit {
    match came {
        Came::Ran(Ending::Exited(0), _) => Exit::Done,
        Came::Skipped(_) if !item.is_named => Exit::Done,
        _ => Exit::Refused,
    }
}
