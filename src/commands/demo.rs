//! `git session demo`

use crate::commands::{Format, FormatArgs, Stage, print_json};
use crate::error::{Error, Exit, Result};
use crate::ops::demo;
use crate::render;
use std::path::PathBuf;

/// Make a playground repository with sessions to try it all on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where; by default a directory for temporary files
    #[arg(value_name = "DIRECTORY", value_hint = clap::ValueHint::DirPath)]
    place: Option<PathBuf>,
    /// Remove the playground
    #[arg(long)]
    clean: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`demo::make`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let place = args.place.unwrap_or_else(demo::default_place);
    if args.clean {
        demo::clean(&place)?;
        render::answer(&format!("Removed the playground '{}'.\n", place.display()))?;
        return Ok(Exit::Done);
    }
    let program =
        std::env::current_exe().map_err(|error| Error::bug("The program cannot find itself.").because(error))?;
    let paint = stage.colours().out;
    let repo = demo::make(&place, &program, &mut |stop| {
        if format == Format::Table {
            let _ = render::answer(&render::demo::stop(stop, paint));
        }
    })?;
    match format {
        Format::Table => {
            render::answer(&render::demo::end(&repo, paint))?;
            Ok(Exit::Done)
        }
        _ => print_json(&serde_json::json!({ "version": 1, "path": render::json::path(&repo) })),
    }
}
