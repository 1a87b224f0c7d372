//! `git session sync`

use crate::commands::{DryRun, Format, FormatArgs, Stage, agent_names, branch_names, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::agent::Agent;
use crate::ops::sync::{self, Outcome, Resolving, Row};
use crate::ops::{Snapshot, Writer};
use crate::render;
use crate::session::Word as _;
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
    /// Start the rebase in the worktree of each session that conflicts, to be resolved there; or by this agent, of one
    #[arg(long, value_name = "AGENT", num_args = 0..=1, require_equals = true,
          add = ArgValueCandidates::new(agent_names))]
    resolve: Option<Option<String>>,
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
        resolve: args.resolve.is_some(),
    };
    let ctx = stage.context()?;
    let agent = args.resolve.flatten().map(|name| Agent::named(ctx, &name)).transpose()?;
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
    if let Some(agent) = &agent {
        sync::require_one(&plan, &agent.name)?;
    }
    let mut begun = None;
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
            if let Some(agent) = &agent {
                match sync::hand_over(ctx, &snapshot, &done, agent) {
                    Ok(resolving) => begun = resolving.map(|resolving| (writer, resolving)),
                    Err(error) => render::warn(stage.colours().err, &error.one_line()),
                }
            }
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
    let mut exit = rows.iter().map(exit_of).fold(Exit::Done, Exit::worst);
    if let Some((writer, resolving)) = begun {
        let is_json = matches!(format, Format::Json);
        if run_agent(stage, &writer, &resolving, is_json)? {
            let others = rows.iter().filter(|row| row.name != resolving.name);
            exit = others.map(exit_of).fold(Exit::Done, Exit::worst);
        }
    }
    Ok(exit)
}

/// Runs the agent to its end, and says what came of it: whether the rebase is done.
fn run_agent(stage: &Stage, writer: &Writer, resolving: &Resolving, is_json: bool) -> Result<bool> {
    let name = &resolving.name;
    if !resolving.run(is_json)? {
        render::warn(stage.colours().err, "The agent did not end well.");
    }
    match sync::conclude(stage.context()?, resolving, writer)? {
        Some(_) => {
            render::narrate(&format!("'{name}' is resolved and on its base."));
            stage.wrote();
            Ok(true)
        }
        None => {
            let place = format!("cd \"$(git session path {name})\"", name = name.word());
            render::narrate(&format!("'{name}' is not resolved: `{place}` and `git status` show how far it has come."));
            Ok(false)
        }
    }
}

fn exit_of(row: &Row) -> Exit {
    match row.outcome {
        Outcome::Conflict => Exit::Conflicts,
        Outcome::Failed => Exit::Refused,
        Outcome::Skipped | Outcome::Blocked if row.is_named => Exit::Refused,
        _ => Exit::Done,
    }
}
