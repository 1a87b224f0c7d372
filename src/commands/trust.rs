//! `git session trust`

use crate::commands::{DryRun, Stage, print_json};
use crate::error::{Error, Exit, Result};
use crate::ops::trust::{self, Standing};
use crate::render;

/// Show the commands of the team file, and approve them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// List what you have approved, in all repositories
    #[arg(long, conflicts_with_all = ["revoke", "yes"])]
    list: bool,
    /// Take the approval of this repository back
    #[arg(long, conflicts_with = "yes")]
    revoke: bool,
    /// Approve without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// Refused without a team file; usage, if the question stays unanswered.
pub fn run(stage: &Stage, args: &Args) -> Result<Exit> {
    let ctx = stage.context()?;
    if args.list {
        let listed = trust::list(ctx)?;
        if args.json {
            return print_json(&render::trust::list_json(&listed));
        }
        render::answer(&render::trust::list(&listed))?;
        return Ok(Exit::Done);
    }
    if args.revoke {
        let revoked = trust::revoke(ctx, args.dry_run.dry_run)?;
        if args.json {
            return print_json(&render::trust::revoked_json(revoked.as_ref()));
        }
        render::narrate(match revoked {
            Some(_) if args.dry_run.dry_run => "Would take the approval of this repository back.",
            Some(_) => "The team file of this repository is not approved any more.",
            None => "Nothing was approved in this repository.",
        });
        return Ok(Exit::Done);
    }
    let plan = trust::plan(ctx)?;
    let is_approved = plan.team.standing == Standing::Approved;
    let say = |state: &str| -> Result<()> {
        if args.json { print_json(&render::trust::json(&plan, state)).map(drop) } else { Ok(()) }
    };
    if !args.json {
        render::answer(&render::trust::plan(&plan, stage.colours().out))?;
    }
    if is_approved || args.dry_run.dry_run {
        say(plan.team.standing.as_str())?;
        return Ok(Exit::Done);
    }
    let answer = if args.yes { Some('y') } else { render::choose("May these commands run?", &['y', 'n'])? };
    match answer {
        Some('y') => {
            trust::execute(ctx, plan.clone())?;
            say(Standing::Approved.as_str())?;
            if !args.json {
                render::narrate("Approved. Any change to the file asks again.");
            }
            Ok(Exit::Done)
        }
        Some(_) => Ok(Exit::Refused),
        None => {
            say(plan.team.standing.as_str())?;
            Err(Error::usage("`trust` asks first, and there is no terminal to ask on.")
                .hint("Read the commands above; `git session trust --yes` approves them."))
        }
    }
}
