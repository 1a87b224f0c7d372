//! `git session order`

use crate::commands::{FormatArgs, Stage, branch_names, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::Snapshot;
use crate::ops::order;
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// Which to merge first, found out by merging in memory; who cannot, and why
#[derive(Debug, clap::Args)]
#[command(mut_arg("format", |arg| arg.help("Print `table`, `json` or `dot`")))]
pub struct Args {
    /// Only these; @ for this one
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    /// Leave readiness out: whoever merges cleanly is in
    #[arg(short, long)]
    all: bool,
    /// Order plain branches instead, by glob: 'origin/feature/*'
    #[arg(long, value_name = "GLOB", add = ArgValueCandidates::new(branch_names), conflicts_with = "names")]
    branches: Vec<String>,
    /// The base of those branches
    #[arg(long, value_name = "BRANCH", add = ArgValueCandidates::new(branch_names), requires = "branches")]
    base: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// How the answer is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Json,
    Dot,
}

fn kind_of(format: &FormatArgs) -> Result<Kind> {
    Ok(match format.format.as_deref() {
        _ if format.json => Kind::Json,
        None | Some("table") => Kind::Table,
        Some("json") => Kind::Json,
        Some("dot") => Kind::Dot,
        Some(other) => {
            return Err(Error::usage(format!("There is no format '{other}' of `order`."))
                .hint("There are `table`, `json` and `dot`."));
        }
    })
}

/// Runs it.
///
/// # Errors
/// See [`order::look`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let kind = kind_of(&args.format)?;
    let of_sessions = args.branches.is_empty();
    let options = order::Options {
        names: args.names,
        branches: args.branches,
        base: args.base,
        all: args.all,
        ..order::Options::default()
    };
    let ctx = stage.context()?;
    stage.report_interrupted()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let report = order::look(ctx, &snapshot, &options)?;
    for warning in &report.warnings {
        render::warn(stage.colours().err, warning);
    }
    match kind {
        Kind::Json => return print_json(&render::order::json(&report)),
        Kind::Dot => render::answer(&render::order::dot(&report))?,
        Kind::Table => {
            let view = render::conflicts::View { width: render::width(), paint: stage.colours().out, of_sessions };
            render::long_answer(&render::order::table(&report, view), || ctx.pager())?;
            if !report.trunks.is_empty() {
                render::narrate(&render::order::summary(&report, of_sessions, options.all));
            }
        }
    }
    Ok(Exit::Done)
}
