//! `git session env`

use crate::commands::{DryRun, Stage, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::{Snapshot, Writer, env, scope, surroundings};
use crate::render;
use crate::session::Name;
use crate::session::Word as _;
use clap_complete::engine::ArgValueCandidates;

/// Print a session's variables for tools: ports, names, places
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// The session; by default the one whose worktree this is
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    name: Option<String>,
    /// Print `sh` (for eval), `dotenv` or `json`
    #[arg(long, value_name = "FORMAT", value_parser = ["sh", "dotenv", "json"], help_heading = "Output")]
    format: Option<String>,
    /// Print JSON; the same as --format json
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Give the worktree again what `create` gives a new one
    Refresh {
        /// The session; by default the one whose worktree this is
        #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
        name: Option<String>,
        /// Run the set-up and post-create commands again
        #[arg(long)]
        setup: bool,
        #[command(flatten)]
        dry_run: DryRun,
        /// Print JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
}

/// Runs it.
///
/// # Errors
/// Refused, if there is no such session, or it has no worktree.
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let ctx = stage.context()?;
    if let Some(What::Refresh { name, setup, dry_run, json }) = args.what {
        return refresh(stage, name.as_deref(), setup, dry_run.dry_run, json);
    }
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, args.name.as_deref())?;
    let scene = env::require(ctx, &snapshot, session)?;
    match args.format.as_deref() {
        _ if args.json => print_json(&render::env::json(&scene)),
        Some("json") => print_json(&render::env::json(&scene)),
        Some("dotenv") => render::answer(&render::env::dotenv(&scene)?).map(|()| Exit::Done),
        _ => render::answer(&render::env::sh(&scene)).map(|()| Exit::Done),
    }
}

/// Gives a worktree that was made for a session which is there already what `create` gives a new one.
pub(super) fn prepare(stage: &Stage, writer: &Writer, name: &Name) -> Result<()> {
    let ctx = stage.context()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = snapshot.require(name)?;
    let scene = env::with_ports(ctx, env::require(ctx, &snapshot, session)?)?;
    let plan = surroundings::plan_again(ctx, &snapshot, session, true)?;
    let prepared = surroundings::make_again(&ctx.repo, writer, &scene, &plan, &render::surroundings::progress);
    for warning in plan.warnings.iter().chain(&prepared.warnings) {
        render::warn(stage.colours().err, warning);
    }
    render::surroundings::copied(&scene.name, &prepared).lines().for_each(render::narrate);
    Ok(())
}

fn refresh(stage: &Stage, name: Option<&str>, setup: bool, dry_run: bool, json: bool) -> Result<Exit> {
    let ctx = stage.context()?;
    let writer = if dry_run { None } else { Some(ctx.writer()?) };
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, name)?;
    let scene = env::require(ctx, &snapshot, session)?;
    if !scene.worktree.exists() {
        return Err(Error::refused(format!("The worktree of '{}' is gone.", scene.name))
            .hint(format!("`git session adopt {}` gives it one.", scene.name.word())));
    }
    let plan = surroundings::plan_again(ctx, &snapshot, session, setup)?;
    for warning in &plan.warnings {
        render::warn(stage.colours().err, warning);
    }
    let Some(writer) = writer else {
        if json {
            return print_json(&render::surroundings::plan_json(&scene, &plan));
        }
        render::answer(&render::surroundings::plan(&plan))?;
        return Ok(Exit::Done);
    };
    let scene = env::with_ports(ctx, scene)?;
    let prepared = surroundings::make_again(&ctx.repo, &writer, &scene, &plan, &render::surroundings::progress);
    stage.wrote();
    for warning in &prepared.warnings {
        render::warn(stage.colours().err, warning);
    }
    if json {
        print_json(&render::surroundings::json(&scene, &prepared))?;
    } else {
        render::narrate(render::surroundings::done(&scene, &prepared).trim_end());
    }
    let exit = if prepared.failed.is_some() { Exit::Refused } else { Exit::Done };
    Ok(prepared.trouble.map_or(exit, |kind| exit.worst(kind.into())))
}
