//! `git session create`

use crate::commands::{DryRun, Format, FormatArgs, Stage, branch_names, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::create::{self, Options};
use crate::render;
use crate::session::{Name, Priority};
use clap_complete::engine::ArgValueCandidates;
use std::io::BufRead;
use std::path::PathBuf;

/// Start a session: a branch, a worktree and a record
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session's name, and its branch's
    #[arg(required_unless_present = "stdin")]
    name: Option<String>,
    /// Where the branch starts; a branch is the base too
    #[arg(value_name = "START-POINT", add = ArgValueCandidates::new(branch_names))]
    start: Option<String>,
    /// Name the branch otherwise
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// The branch the work goes back to
    #[arg(long, value_name = "BRANCH", add = ArgValueCandidates::new(branch_names))]
    base: Option<String>,
    /// What the session is for
    #[arg(short, long, value_name = "TEXT")]
    goal: Option<String>,
    /// The part of the project it is about
    #[arg(long, value_name = "TEXT")]
    focus: Option<String>,
    /// Who works on it
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// Keep a file's content in the record
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    context: Vec<PathBuf>,
    /// Paths that the session owns
    #[arg(long, value_name = "PATHSPEC")]
    own: Vec<String>,
    /// Paths that the session may only read
    #[arg(long, value_name = "PATHSPEC")]
    read_only: Vec<String>,
    /// Sessions that must merge before it
    #[arg(long, value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    depends_on: Vec<String>,
    /// critical, normal, low, or a number; higher merges first
    #[arg(long, value_name = "PRIORITY", allow_hyphen_values = true)]
    priority: Option<String>,
    /// Check out only these directories
    #[arg(long, value_name = "DIRECTORY")]
    sparse: Vec<String>,
    /// Switch this checkout to the new branch instead of making a worktree
    #[arg(long, conflicts_with_all = ["sparse", "stash", "carry"])]
    here: bool,
    /// Stack it on the session one stands in
    #[arg(long, conflicts_with = "base")]
    stack: bool,
    /// Put uncommitted work on the stash first
    #[arg(long, conflicts_with = "carry")]
    stash: bool,
    /// Move uncommitted work into the new worktree
    #[arg(long)]
    carry: bool,
    /// Copy no ignored files into the new worktree
    #[arg(long)]
    no_copy: bool,
    /// Run no set-up commands in the new worktree
    #[arg(long)]
    no_setup: bool,
    /// Read names from standard input, one a line
    #[arg(long, conflicts_with_all = ["name", "start"])]
    stdin: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`create::plan`] and [`create::execute`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let names = match args.name {
        Some(name) => vec![name],
        None => std::io::stdin()
            .lock()
            .lines()
            .map(|line| line.map(|line| line.trim().to_owned()))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(|error| Error::usage("Standard input could not be read.").because(error))?,
    };
    let names: Vec<String> = names.into_iter().filter(|name| !args.stdin || !name.is_empty()).collect();
    let options = Options {
        names,
        start: args.start,
        branch: args.branch,
        base: args.base,
        goal: args.goal,
        focus: args.focus,
        owner: args.owner,
        context: args.context,
        own: args.own,
        read_only: args.read_only,
        depends_on: args.depends_on,
        priority: args.priority.as_deref().map(Priority::parse).transpose()?,
        sparse: args.sparse,
        here: args.here,
        stack: args.stack,
        stash: args.stash,
        carry: args.carry,
        no_copy: args.no_copy,
        no_setup: args.no_setup,
    };
    if args.dry_run.dry_run {
        let plan = create::plan(ctx, &options)?;
        let said = plan.warnings.iter().chain(&plan.surroundings.warnings);
        for warning in said.chain(plan.sessions.iter().flat_map(|planned| &planned.warnings)) {
            render::warn(stage.colours().err, warning);
        }
        for note in &plan.surroundings.notes {
            render::hint(stage.colours().err, note);
        }
        return preview(&plan, &format);
    }
    let writer = ctx.writer()?;
    let plan = create::plan(ctx, &options)?;
    let outcome = create::execute(ctx, &writer, plan, &render::surroundings::progress)?;
    let exit = report(stage, &outcome, &format, "Created", &[])?;
    stage.tidy_up();
    Ok(exit)
}

/// What `create` and `adopt` would make.
pub(super) fn preview(plan: &create::CreatePlan, format: &Format) -> Result<Exit> {
    match format {
        Format::Json => return print_json(&render::json::create_plan(plan)),
        Format::Template(template) => {
            for session in render::json::create_plan(plan)["sessions"].as_array().into_iter().flatten() {
                render::answer(&(render::template::fill(template, session, &render::list::FIELDS)? + "\n"))?;
            }
        }
        Format::Table => render::answer(&render::create::plan(plan))?,
    }
    Ok(Exit::Done)
}

/// What `create` and `adopt` say of what they made; `mended` are live sessions that have their worktree again.
pub(super) fn report(
    stage: &Stage,
    outcome: &create::Outcome,
    format: &Format,
    verb: &str,
    mended: &[(Name, PathBuf)],
) -> Result<Exit> {
    let ctx = stage.context()?;
    let colours = stage.colours();
    stage.wrote();
    let made = outcome.sessions.iter().filter_map(|(_, made)| made.as_ref().ok());
    for warning in outcome.warnings.iter().chain(made.flat_map(|made| &made.warnings)) {
        render::warn(colours.err, warning);
    }
    for made in outcome.sessions.iter().filter_map(|(_, made)| made.as_ref().ok()) {
        if let Some(prepared) = &made.prepared {
            let said = render::surroundings::copied(&made.name, prepared);
            said.lines().for_each(render::narrate);
        }
    }
    for note in &outcome.notes {
        render::hint(colours.err, note);
    }
    let mut exit = Exit::Done;
    for (_, made) in &outcome.sessions {
        if let Err(error) = made {
            render::error(colours.err, error);
            exit = exit.worst(error.kind().into());
        }
    }
    match format {
        Format::Json => {
            let mut value = render::json::create(outcome);
            if !mended.is_empty() {
                value["mended"] = render::json::mended(mended.iter().map(|(name, path)| (name, path.as_path())));
            }
            print_json(&value)?;
        }
        Format::Template(template) => {
            for session in render::json::create(outcome)["sessions"].as_array().into_iter().flatten() {
                render::answer(&(render::template::fill(template, session, &render::list::FIELDS)? + "\n"))?;
            }
        }
        Format::Table => render::answer(&render::create::outcome(outcome, colours.out, verb, &ctx.cwd))?,
    }
    Ok(exit)
}
