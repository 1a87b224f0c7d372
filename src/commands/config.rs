//! `git session config`

use crate::commands::{DryRun, Format, FormatArgs, Stage, print_json};
use crate::error::{Exit, Result};
use crate::ops::config;
use crate::render;

/// Show the settings and where each comes from; `config gui` sets up graphical clients
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show each setting with its value, its default and where it comes from; the same as without a word
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Show sessions in git log, git-dag and lazygit, and with --mirror in clients that know only branches
    Gui {
        /// Mirror the records as remote branches too, for clients that know nothing else
        #[arg(long)]
        mirror: bool,
        /// Take back what was set
        #[arg(long)]
        remove: bool,
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// Runs it.
///
/// # Errors
/// Refused, with git's words.
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let ctx = stage.context()?;
    let mut format = args.format;
    if let Some(What::List { format: inner }) = args.what {
        if inner.json || inner.format.is_some() {
            format = inner;
        }
    } else if let Some(What::Gui { mirror, remove, dry_run }) = args.what {
        let said = config::gui(ctx, mirror, remove, dry_run.dry_run)?;
        if said.is_empty() {
            render::narrate("It is so already.");
            return Ok(Exit::Done);
        }
        render::answer(&(said.join("\n") + "\n"))?;
        if !remove && !dry_run.dry_run {
            render::narrate("`git session config gui --remove` takes it back.");
        }
        return Ok(Exit::Done);
    }
    let settings = config::show(ctx)?;
    match format.parse()? {
        Format::Table => {
            render::answer(&render::config::table(&settings, stage.colours().out))?;
            for line in render::config::unknown(&settings) {
                render::warn(stage.colours().err, &line);
            }
            Ok(Exit::Done)
        }
        _ => print_json(&render::config::json(&settings)),
    }
}
