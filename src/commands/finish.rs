//! `git session finish`

use crate::commands::{DryRun, Format, FormatArgs, Stage, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::finish::{self, Mode, Strategy};
use crate::ops::{Snapshot, phase, scope};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// End a session: merged, kept or abandoned; asks which on a terminal
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("mode"))]
pub struct Args {
    /// The session; by default the one whose worktree this is
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    name: Option<String>,
    /// Put its work into the base; worktree and branch go
    #[arg(long, group = "mode")]
    merge: bool,
    /// Keep the branch as an ordinary one; the worktree goes
    #[arg(long, group = "mode")]
    keep: bool,
    /// Put the work aside, uncommitted work too; worktree and branch go
    #[arg(long, group = "mode")]
    abandon: bool,
    /// How to merge: no-ff, ff, squash or rebase
    #[arg(long, value_name = "STRATEGY", value_parser = ["no-ff", "ff", "squash", "rebase"], conflicts_with_all = ["keep", "abandon"])]
    strategy: Option<String>,
    /// Commit everything uncommitted first, with this message
    #[arg(short, long, value_name = "MESSAGE", conflicts_with = "abandon")]
    message: Option<String>,
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
/// See [`finish::plan`] and [`finish::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let writer = if args.dry_run.dry_run { None } else { Some(ctx.writer()?) };
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, args.name.as_deref())?;
    let strategy = match args.strategy.as_deref().and_then(Strategy::parse) {
        Some(strategy) => strategy,
        None => ctx.strategy()?,
    };
    let mode = if args.merge || args.strategy.is_some() {
        Mode::Merge(strategy)
    } else if args.keep {
        Mode::Keep
    } else if args.abandon {
        Mode::Abandon
    } else {
        render::narrate(
            render::finish::survey(&finish::survey(ctx, &snapshot, session)?, stage.colours().err).trim_end(),
        );
        match render::choose("How shall it end: (m)erge, (k)eep the branch, (a)bandon, (q)uit?", &['m', 'k', 'a', 'q'])?
        {
            Some('m') => Mode::Merge(strategy),
            Some('k') => Mode::Keep,
            Some('a') => Mode::Abandon,
            Some(_) => return Ok(Exit::Refused),
            None => {
                return Err(Error::usage("It is not said how the session shall end.")
                    .hint("`--merge`, `--keep` or `--abandon` says it."));
            }
        }
    };
    let plan = finish::plan(ctx, &snapshot, session, mode, args.message.is_some())?;
    let goes = plan.survey.worktree.is_some() && plan.here_to.is_none();
    let gate = phase::gate(ctx, &snapshot, session, true, goes)?;
    for warning in &gate.warnings {
        render::warn(stage.colours().err, warning);
    }
    let Some(writer) = writer else {
        render::answer(&(render::finish::plan(&plan) + &render::finish::gate(&gate)))?;
        return Ok(Exit::Done);
    };
    if mode == Mode::Abandon && !args.yes {
        render::narrate(render::finish::survey(&plan.survey, stage.colours().err).trim_end());
        let question = format!(
            "Abandon '{}'? Its branch and worktree go; its commits and uncommitted work are kept.",
            session.name
        );
        match render::choose(&question, &['y', 'n'])? {
            Some('y') => {}
            Some(_) => return Ok(Exit::Refused),
            None => {
                return Err(Error::usage("`--abandon` asks first, and there is no terminal to ask on.")
                    .hint("`--yes` answers the question."));
            }
        }
    }
    gate.before(&ctx.repo)?;
    let committed = args.message.as_ref().map(|text| finish::commit_all(ctx, &snapshot, session, text)).transpose()?;
    let has_committed = committed.as_ref().is_some_and(|committed| committed.is_done);
    if let Some(hook) = committed.and_then(|committed| committed.left_out) {
        let hook = hook.display();
        let text =
            format!("The hook '{hook}' did not run: it comes with the branch, and differs from your main worktree's.");
        render::warn(stage.colours().err, &text);
    }
    // What ran may have changed what the plan saw.
    let is_stale = args.message.is_some() || gate.runs_before();
    let plan = if is_stale { finish::plan(ctx, &snapshot, session, mode, false) } else { Ok(plan) };
    let done = plan.and_then(|plan| finish::execute(ctx, &writer, plan)).map_err(|error| {
        if has_committed { error.hint("What was uncommitted has been committed on its branch.") } else { error }
    })?;
    stage.wrote();
    let after = gate.after(&ctx.repo);
    for warning in done.warnings.iter().chain(&after) {
        render::warn(stage.colours().err, warning);
    }
    match format {
        Format::Table => {
            render::answer(&render::finish::done(&done, stage.colours().out))?;
            Ok(Exit::Done)
        }
        _ => print_json(&render::json::finish(&done)),
    }
}
