//! `git session integrate`

use crate::commands::{DryRun, FormatArgs, Stage, branch_names, print_json, session_names, time_limit};
use crate::error::{Error, Exit, Result};
use crate::ops::finish::Strategy;
use crate::ops::order::Kind;
use crate::ops::testing::{self, Interrupt, TestCommand};
use crate::ops::{Snapshot, integrate};
use crate::render;
use clap_complete::engine::ArgValueCandidates;
use std::time::Duration;

/// Merge sessions in the order that `order` finds, tested, by one move of the base or of an integration branch
#[derive(Debug, clap::Args)]
#[command(mut_arg("format", |arg| arg.help("Print `table`, `json` or `markdown`")))]
pub struct Args {
    /// Only these; @ for this one
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    /// Move this base itself; without it the branch `session.integrationBranch` is made, a proposal
    #[arg(long, value_name = "BASE", add = ArgValueCandidates::new(branch_names))]
    into: Option<String>,
    /// How each goes in: no-ff, a merge commit, or squash, one commit
    #[arg(long, value_name = "HOW", value_parser = ["no-ff", "squash"])]
    strategy: Option<String>,
    /// Run this command on the result, or the one that is known; who breaks it is found and left out
    #[arg(long, value_name = "COMMAND", num_args = 0..=1)]
    test: Option<Option<String>>,
    /// A test that takes longer is ended, and has failed: 90s, 10m, 1h; a number alone is seconds
    #[arg(long, value_name = "TIME", requires = "test", value_parser = time_limit)]
    timeout: Option<Duration>,
    /// End the sessions once the base has them: worktree and branch go
    #[arg(long, requires = "into")]
    cleanup: bool,
    /// Compare sessions that tried the same thing, separated by commas; nothing is merged
    #[arg(long, value_name = "SESSION", value_delimiter = ',', conflicts_with_all = ["names", "test", "cleanup"],
          add = ArgValueCandidates::new(session_names))]
    alternatives: Vec<String>,
    /// Take this one of the alternatives into the base, and put the others aside
    #[arg(long, value_name = "SESSION", requires_all = ["alternatives", "into"],
          add = ArgValueCandidates::new(session_names))]
    select: Option<String>,
    /// Leave readiness out: whoever merges cleanly is in
    #[arg(short, long)]
    all: bool,
    /// Answer yes to the question
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// How the answer is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Json,
    Markdown,
}

fn format_of(format: &FormatArgs) -> Result<Format> {
    Ok(match format.format.as_deref() {
        _ if format.json => Format::Json,
        None | Some("table") => Format::Table,
        Some("json") => Format::Json,
        Some("markdown") => Format::Markdown,
        Some(other) => {
            return Err(Error::usage(format!("There is no format '{other}' of `integrate`."))
                .hint("There are `table`, `json` and `markdown`."));
        }
    })
}

/// Runs it.
///
/// # Errors
/// See [`integrate::plan`] and [`integrate::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = format_of(&args.format)?;
    let ctx = stage.context()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let mut names = args.names;
    let mut instead_of = Vec::new();
    if !args.alternatives.is_empty() {
        let found = integrate::compare(ctx, &snapshot, &args.alternatives)?;
        let Some(selected) = &args.select else {
            match format {
                Format::Json => drop(print_json(&render::integrate::alternatives_json(&found))?),
                _ => render::answer(&render::integrate::alternatives(&found, stage.colours().out))?,
            }
            return Ok(Exit::Done);
        };
        let selected = crate::ops::scope::one(ctx, &snapshot, Some(selected))?.name.clone();
        if !found.iter().any(|one| one.name == selected) {
            return Err(Error::usage(format!("'{selected}' is none of the alternatives.")));
        }
        instead_of = found.into_iter().map(|one| one.name).filter(|name| *name != selected).collect();
        names = vec![selected.to_string()];
    }
    let options = integrate::Options {
        names,
        into: args.into,
        squash: is_squash(ctx, args.strategy.as_deref())?,
        test: match args.test {
            None => None,
            Some(Some(line)) if line.trim().is_empty() => {
                return Err(Error::usage("A command of no words proves nothing.")
                    .hint("`--test` alone takes `session.test`; without it nothing is tested."));
            }
            Some(Some(line)) => Some(TestCommand::Line(line)),
            Some(None) => Some(testing::require(ctx, &snapshot, &[])?),
        },
        timeout: args.timeout,
        cleanup: args.cleanup,
        // What was chosen by hand is ready.
        all: args.all || !instead_of.is_empty(),
        instead_of,
    };
    let is_plan = args.dry_run.dry_run;
    let writer = if is_plan { None } else { Some(ctx.writer()?) };
    let plan = integrate::plan(ctx, &snapshot, &options)?;
    let paint = stage.colours();
    let done = match writer {
        None => integrate::foreseen(&plan),
        Some(_) if plan.is_empty() => integrate::foreseen(&plan),
        Some(writer) => {
            if plan.target.is_base && !plan.cars.is_empty() && !args.yes {
                render::narrate(render::integrate::question_rows(&plan, paint.err).trim_end());
                match render::choose(&render::integrate::question(&plan), &['y', 'n'])? {
                    Some('y') => {}
                    Some(_) => return Ok(Exit::Refused),
                    None => {
                        return Err(Error::usage("`integrate --into` asks first, and there is no terminal to ask on.")
                            .hint("`--yes` answers the question; `--dry-run` only shows what would be done."));
                    }
                }
            }
            // Without tests nothing has to be ended first: a signal ends it at once, whatever a hook does meanwhile.
            let interrupt = if plan.options.test.is_some() { Interrupt::watch() } else { Interrupt::default() };
            let done = integrate::execute(ctx, &writer, &snapshot, plan, &interrupt, &render::narrate)?;
            stage.wrote();
            done
        }
    };
    for warning in &done.warnings {
        render::warn(paint.err, warning);
    }
    match format {
        Format::Json => drop(print_json(&render::integrate::json(&done, is_plan))?),
        Format::Markdown => render::answer(&render::integrate::markdown(&done, is_plan))?,
        Format::Table => {
            let view = render::conflicts::View { width: render::width(), paint: paint.out, of_sessions: true };
            render::answer(&render::integrate::table(&done, is_plan, view))?;
            render::narrate(&render::integrate::summary(&done, is_plan));
        }
    }
    for (name, error) in &done.errors {
        render::narrate(&format!("'{name}' went in, and it could not be said of it:"));
        render::error(paint.err, error);
    }
    Ok(done.errors.iter().map(|(_, error)| error.kind().into()).fold(exit_of(&done, &options), Exit::worst))
}

fn is_squash(ctx: &crate::ops::Context, strategy: Option<&str>) -> Result<bool> {
    let strategy = match strategy {
        Some(text) => Strategy::parse(text),
        None => Some(ctx.strategy()?),
    };
    Ok(strategy == Some(Strategy::Squash))
}

/// A session that was named and did not go in is a refusal; so is one that broke the tests.
fn exit_of(done: &integrate::Integrated, options: &integrate::Options) -> Exit {
    let is_named = |name: &String| options.names.contains(name);
    let has =
        |blocked: &crate::ops::order::Blocked, kind: Kind| blocked.reasons.iter().any(|reason| reason.kind == kind);
    let mut exit = Exit::Done;
    for blocked in &done.blocked {
        if is_named(&blocked.name) && has(blocked, Kind::Conflict) {
            exit = exit.worst(Exit::Conflicts);
        } else if is_named(&blocked.name) || has(blocked, Kind::BrokeTests) {
            exit = exit.worst(Exit::Refused);
        }
    }
    exit
}
