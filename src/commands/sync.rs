//! `git session sync`

use crate::commands::{DryRun, Format, FormatArgs, Stage, branch_names, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::Snapshot;
use crate::ops::sync::{self, Outcome, Row};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// Put sessions onto their newest base, as `git rebase` would
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sessions by name, branch, path or glob; all by default, `@` for this one
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    /// Fetch the remotes first
    #[arg(long)]
    fetch: bool,
    /// Put them onto this branch, their base from then on
    #[arg(long, value_name = "BRANCH", add = ArgValueCandidates::new(branch_names), requires = "names")]
    onto: Option<String>,
    /// Carry uncommitted changes along, merged where the base has changed the same files
    #[arg(long)]
    autostash: bool,
    /// Merge the base into the branch instead: for branches that others have too
    #[arg(long, conflicts_with = "rebase_merges")]
    merge: bool,
    /// Replay merge commits as well
    #[arg(long)]
    rebase_merges: bool,
    /// Start the rebase in the worktree of each session that conflicts, to be resolved there
    #[arg(long)]
    resolve: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`sync::plan`] and [`sync::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    if let Format::Template(_) = format {
        return Err(Error::usage("`sync` has no templates.").hint("`--json` prints all there is."));
    }
    let options = sync::Options {
        names: args.names,
        onto: args.onto,
        merge: args.merge,
        autostash: args.autostash,
        rebase_merges: args.rebase_merges,
        resolve: args.resolve,
    };
    let ctx = stage.context()?;
    let is_plan = args.dry_run.dry_run;
    let writer = if is_plan { None } else { Some(ctx.writer()?) };
    if args.fetch && is_plan {
        render::narrate("A dry run does not fetch: this is by what is here.");
    } else if args.fetch {
        render::narrate("Fetching.");
        sync::fetch(ctx)?;
    }
    let snapshot = Snapshot::read(&ctx.repo)?;
    let plan = sync::plan(ctx, &snapshot, &options)?;
    let (operation, rows) = match writer {
        None => (None, plan.rows()),
        Some(writer) => {
            let bar = render::Progress::new("Syncing");
            let done = sync::execute(ctx, &writer, plan, &|done, total| bar.show(done, total))?;
            bar.clear();
            for warning in &done.warnings {
                render::warn(stage.colours().err, warning);
            }
            stage.wrote();
            stage.tidy_up();
            (Some(done.operation), done.rows)
        }
    };
    match format {
        Format::Json => {
            print_json(&render::json::sync(operation.as_ref(), &rows))?;
        }
        _ => {
            render::answer(&render::sync::rows(&rows, is_plan, stage.colours().out))?;
            if rows.len() > 1 {
                render::narrate(&render::sync::summary(&rows, is_plan));
            }
        }
    }
    Ok(rows.iter().map(exit_of).fold(Exit::Done, Exit::worst))
}

fn exit_of(row: &Row) -> Exit {
    match row.outcome {
        Outcome::Conflict => Exit::Conflicts,
        Outcome::Failed => Exit::Refused,
        Outcome::Skipped | Outcome::Blocked if row.is_named => Exit::Refused,
        _ => Exit::Done,
    }
}
