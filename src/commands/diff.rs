//! `git session diff`

use crate::commands::{Stage, print_json, session_names};
use crate::error::{Exit, Result};
use crate::ops::conflicts::{self, Report};
use crate::ops::{Snapshot, diff, scope};
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// What a session has changed since it left its base; of two, what merging them gives
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session; by default the one whose worktree this is
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    name: Option<String>,
    /// Another one: where the two collide, line by line
    #[arg(value_name = "OTHER", add = ArgValueCandidates::new(session_names))]
    other: Option<String>,
    /// Leave out what is not committed
    #[arg(long)]
    committed: bool,
    /// Only how much of each file
    #[arg(long, conflicts_with_all = ["name_only", "json", "other"])]
    stat: bool,
    /// Only the names of the files
    #[arg(long, conflicts_with_all = ["json", "other"])]
    name_only: bool,
    /// Print JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Only these files and directories, after --
    #[arg(last = true, value_name = "PATH", conflicts_with = "other")]
    paths: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// See [`diff::since_base`] and [`conflicts::look`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let ctx = stage.context()?;
    stage.report_interrupted()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, args.name.as_deref())?;
    if let Some(other) = &args.other {
        let other = scope::one(ctx, &snapshot, Some(other))?;
        let options = conflicts::Options {
            names: vec![session.name.to_string()],
            with: vec![other.name.to_string()],
            committed: args.committed,
            why: true,
            patch: true,
            ..conflicts::Options::default()
        };
        let mut report = conflicts::look(ctx, &snapshot, &options)?;
        report.against_base.clear();
        for warning in &report.warnings {
            render::warn(stage.colours().err, warning);
        }
        if args.json {
            return print_json(&render::conflicts::json(&report));
        }
        // Its rows, where the notes would stand, are left out.
        for note in report.notes() {
            render::warn(stage.colours().err, &note);
        }
        let view = render::conflicts::View { width: render::width(), paint: stage.colours().out, of_sessions: true };
        let text = if report.pairs.is_empty() { String::new() } else { render::conflicts::table(&report, view) };
        render::long_answer(&text, || ctx.pager())?;
        render::narrate(&what_it_comes_to(&report, session.name.as_str(), other.name.as_str()));
        return Ok(Exit::Done);
    }
    let difference = diff::since_base(ctx, &snapshot, session, args.committed)?;
    if let Some(note) = &difference.note {
        render::warn(stage.colours().err, note);
    }
    if args.json {
        return print_json(&render::diff::json(&difference, &difference.files(ctx, &args.paths)?));
    }
    let flags: &[&str] = match (args.stat, args.name_only) {
        (true, _) => &["--stat"],
        (_, true) => &["--name-only"],
        _ => &[],
    };
    difference.show(ctx, flags, &args.paths)?;
    Ok(Exit::Done)
}

fn what_it_comes_to(report: &Report, a: &str, b: &str) -> String {
    match (report.pairs.is_empty(), report.has_conflicts()) {
        (true, _) => format!("{a} and {b} touch nothing in common."),
        (false, true) => format!("{a} and {b} do not merge."),
        (false, false) => format!("{a} and {b} merge cleanly."),
    }
}
