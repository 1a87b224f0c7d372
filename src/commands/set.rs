//! `git session set`

use crate::commands::{Stage, branch_names, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::{Snapshot, scope, set};
use crate::render;
use crate::session::Priority;
use clap_complete::engine::ArgValueCandidates;

/// Change what `create` set; an empty text takes a fact away
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session; by default the one whose worktree this is
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    name: Option<String>,
    /// What the session is for
    #[arg(short, long, value_name = "TEXT")]
    goal: Option<String>,
    /// The part of the project it is about
    #[arg(long, value_name = "TEXT")]
    focus: Option<String>,
    /// Who works on it
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// critical, normal, low, or a number; higher merges first
    #[arg(long, value_name = "PRIORITY", allow_hyphen_values = true)]
    priority: Option<String>,
    /// Sessions that must merge before it
    #[arg(long, value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    depends_on: Option<Vec<String>>,
    /// Paths that the session owns
    #[arg(long, value_name = "PATHSPEC")]
    own: Option<Vec<String>>,
    /// Paths that the session may only read
    #[arg(long, value_name = "PATHSPEC")]
    read_only: Option<Vec<String>>,
    /// The branch the work goes back to
    #[arg(long, value_name = "BRANCH", add = ArgValueCandidates::new(branch_names))]
    base: Option<String>,
    /// Back to `open`
    #[arg(long, value_name = "STATE", value_parser = ["open"])]
    state: Option<String>,
}

/// Runs it.
///
/// # Errors
/// See [`set::set`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let ctx = stage.context()?;
    let options = set::Options {
        goal: args.goal,
        focus: args.focus,
        owner: args.owner,
        priority: args.priority.as_deref().map(Priority::parse).transpose()?,
        depends_on: args.depends_on,
        own: args.own,
        read_only: args.read_only,
        base: args.base,
        open: args.state.is_some(),
    };
    if options == set::Options::default() {
        return Err(Error::usage("What is to be set?").hint("`git session set -h` lists what there is."));
    }
    let writer = ctx.writer()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, args.name.as_deref())?;
    let said = set::set(ctx, &writer, &snapshot, session, &options)?;
    stage.wrote();
    if said.is_empty() {
        render::narrate("It is so already.");
    } else {
        render::answer(&format!("Set {}: {}.\n", session.name, render::harmless(&said.join(", "))))?;
    }
    Ok(Exit::Done)
}
