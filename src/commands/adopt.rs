//! `git session adopt`

use crate::commands::{DryRun, Format, FormatArgs, Stage, branch_names, print_json};
use crate::error::{Exit, Result};
use crate::ops::{adopt, create, revive};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// Make sessions of branches and worktrees that are there already
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Branches, worktrees, globs of branches, or sessions without a worktree
    #[arg(value_name = "BRANCH-OR-WORKTREE", add = ArgValueCandidates::new(branch_names))]
    what: Vec<String>,
    /// Every worktree that is no session's yet
    #[arg(long, conflicts_with = "what")]
    all: bool,
    /// Name the session otherwise than its branch
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The branch the work goes back to
    #[arg(long, value_name = "BRANCH", add = ArgValueCandidates::new(branch_names))]
    base: Option<String>,
    /// What the session is for
    #[arg(short, long, value_name = "TEXT")]
    goal: Option<String>,
    /// Make no worktree for a branch that has none
    #[arg(long)]
    no_worktree: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`adopt::plan`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let options = adopt::Options {
        what: args.what,
        all: args.all,
        name: args.name,
        base: args.base,
        goal: args.goal,
        no_worktree: args.no_worktree,
    };
    if args.dry_run.dry_run {
        let plan = adopt::plan(ctx, &options)?;
        if format == Format::Json {
            let mut value = render::json::create_plan(&plan.create);
            let place =
                |mend: &revive::Mend| mend.worktree.as_ref().map(|tree| tree.path.clone()).or(mend.place.clone());
            let mend: Vec<_> = plan.mend.iter().filter_map(|mend| Some((&mend.session.name, place(mend)?))).collect();
            value["mended"] = render::json::mended(mend.iter().map(|(name, path)| (*name, path.as_path())));
            return print_json(&value);
        }
        let mut text = render::create::plan(&plan.create);
        for mend in &plan.mend {
            text.push_str(&format!("Would give '{}' its worktree.\n", mend.session.name));
        }
        render::answer(&text)?;
        return Ok(Exit::Done);
    }
    let writer = ctx.writer()?;
    let plan = adopt::plan(ctx, &options)?;
    let (mut mended, mut places) = (String::new(), Vec::new());
    for mend in &plan.mend {
        let mut warnings = Vec::new();
        let (name, path) = revive::execute(ctx, &writer, mend, &mut warnings)?;
        for warning in &warnings {
            render::warn(stage.colours().err, warning);
        }
        if mend.worktree.is_none() {
            super::env::prepare(stage, &writer, &name)?;
        }
        mended.push_str(&format!(
            "Adopted {}.\n  cd {}\n",
            stage.colours().out.bold(name.as_str()),
            render::create::shell_quoted(&path)
        ));
        places.push((name, path));
    }
    if format == Format::Table {
        render::answer(&mended)?;
    }
    if plan.create.sessions.is_empty() && options.all && mended.is_empty() {
        render::narrate("Every worktree is a session's already, or on the base.");
    }
    let outcome = create::execute(ctx, &writer, plan.create, &render::surroundings::progress)?;
    super::create::report(stage, &outcome, &format, "Adopted", &places)
}
