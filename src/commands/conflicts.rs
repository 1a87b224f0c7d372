//! `git session conflicts`

use crate::commands::{FormatArgs, Stage, branch_names, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::Snapshot;
use crate::ops::conflicts::{self, Report};
use crate::render;
use crate::render::conflicts::View;
use clap_complete::engine::ArgValueCandidates;

mod watch;

/// What collides: each session with its base, and every pair of them, uncommitted work included
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these, and pairs with at least one of them; @ for this one
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    /// Only pairs whose other side is one of these; branches, by glob, with --branches
    #[arg(long, value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    with: Vec<String>,
    /// Leave out what is not committed
    #[arg(long)]
    committed: bool,
    /// Judge pairs by their tips, whatever their bases did meanwhile
    #[arg(long)]
    raw: bool,
    /// Say what is behind each conflict, and whose merge would help
    #[arg(long)]
    why: bool,
    /// Show the lines that collide, side by side
    #[arg(short, long)]
    patch: bool,
    /// Compare plain branches instead, by glob: 'origin/feature/*'
    #[arg(long, value_name = "GLOB", add = ArgValueCandidates::new(branch_names), conflicts_with = "names")]
    branches: Vec<String>,
    /// The base of those branches
    #[arg(long, value_name = "BRANCH", add = ArgValueCandidates::new(branch_names), requires = "branches")]
    base: Option<String>,
    /// Go on: show again what collides whenever something changes
    #[arg(short, long)]
    watch: bool,
    /// End with 3 if anything collides
    #[arg(long, conflicts_with = "watch")]
    exit_code: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// How the answer is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Json,
    Matrix,
    Github,
    Markdown,
    Dot,
}

impl Kind {
    fn parse(format: &FormatArgs) -> Result<Kind> {
        Ok(match format.format.as_deref() {
            _ if format.json => Kind::Json,
            None | Some("table") => Kind::Table,
            Some("json") => Kind::Json,
            Some("matrix") => Kind::Matrix,
            Some("github") => Kind::Github,
            Some("markdown") => Kind::Markdown,
            Some("dot") => Kind::Dot,
            Some(other) => {
                return Err(Error::usage(format!("There is no format '{other}' of `conflicts`."))
                    .hint("There are `table`, `matrix`, `json`, `github`, `markdown` and `dot`."));
            }
        })
    }

    /// Refuses what this kind has no place for.
    fn check(self, args: &Args) -> Result<()> {
        let name = args.format.format.as_deref().unwrap_or_default();
        let has_lines = matches!(self, Kind::Table | Kind::Json | Kind::Markdown);
        if args.patch && !has_lines {
            return Err(Error::usage(format!("`--patch` has no place in the format '{name}'."))
                .hint("The lines that collide are shown by `table`, `json` and `markdown`."));
        }
        if args.why && matches!(self, Kind::Matrix | Kind::Dot) {
            return Err(Error::usage(format!("`--why` has no place in the format '{name}'."))
                .hint("Reasons are given by `table`, `json`, `github` and `markdown`."));
        }
        if args.watch && !matches!(self, Kind::Table | Kind::Matrix | Kind::Json) {
            return Err(Error::usage(format!("`--watch` has no place in the format '{name}'."))
                .hint("What goes on is shown by `table`, `matrix` and `json`."));
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// See [`conflicts::look`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let kind = Kind::parse(&args.format)?;
    kind.check(&args)?;
    let (is_watch, exit_code) = (args.watch, args.exit_code);
    let of_sessions = args.branches.is_empty();
    let options = conflicts::Options {
        names: args.names,
        with: args.with,
        branches: args.branches,
        base: args.base,
        committed: args.committed,
        raw: args.raw,
        why: args.why,
        patch: args.patch,
        merges_only: false,
    };
    let ctx = stage.context()?;
    stage.report_interrupted()?;
    if is_watch {
        return watch::run(stage, kind, options);
    }
    let snapshot = Snapshot::read(&ctx.repo)?;
    let report = conflicts::look(ctx, &snapshot, &options)?;
    let view = View { width: render::width(), paint: stage.colours().out, of_sessions };
    for warning in &report.warnings {
        render::warn(stage.colours().err, warning);
    }
    // The others show them.
    if matches!(kind, Kind::Matrix | Kind::Github | Kind::Dot) {
        for note in report.notes() {
            render::warn(stage.colours().err, &note);
        }
    }
    print(stage, kind, &report, view)?;
    Ok(if exit_code && report.has_conflicts() { Exit::Conflicts } else { Exit::Done })
}

fn print(stage: &Stage, kind: Kind, report: &Report, view: View) -> Result<()> {
    let ctx = stage.context()?;
    let text = match kind {
        Kind::Json => return print_json(&render::conflicts::json(report)).map(drop),
        Kind::Github => return render::answer(&render::conflicts::github(report)),
        Kind::Markdown => return render::answer(&render::conflicts::markdown(report, view.of_sessions)),
        Kind::Dot => return render::answer(&render::conflicts::dot(report)),
        Kind::Matrix => render::conflicts::matrix(report, view),
        Kind::Table => render::conflicts::table(report, view),
    };
    render::long_answer(&text, || ctx.pager())?;
    // The table says itself that all is well.
    if kind == Kind::Matrix || !render::conflicts::is_well(report) {
        render::narrate(&render::conflicts::summary(report, view.of_sessions));
    }
    Ok(())
}
