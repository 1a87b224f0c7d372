//! `git session log`

use crate::commands::{Format, FormatArgs, Stage, session_names};
use crate::error::{Exit, Result};
use crate::ops::{Snapshot, done, scope, show};
use crate::render;
use crate::session::{Event, Name};
use clap_complete::engine::ArgValueCandidates;

/// What happened to sessions, oldest first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these: names, branches, paths, globs, @ for this one
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    /// Print events as they happen, until interrupted
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// Refused, if a timeline cannot be read.
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let paint = stage.colours().out;
    let line = |name: &Name, event: &Event| -> Result<String> {
        let mut value = render::json::event(event);
        value["version"] = 1.into();
        value["session"] = name.as_str().into();
        Ok(match &format {
            Format::Json => format!("{value}\n"),
            Format::Template(template) => {
                let known = ["session", "id", "event", "what", "time", "by", "operation", "tip", "from", "to"];
                render::template::fill(template, &value, &known)? + "\n"
            }
            Format::Table => render::log::line(name, event, paint),
        })
    };
    let snapshot = Snapshot::read(&ctx.repo)?;
    // An ended session is found by its name too.
    let mut ended = Vec::new();
    let mut live = Vec::new();
    for name in &args.names {
        match scope::many(ctx, &snapshot, std::slice::from_ref(name)) {
            Ok(found) => live.extend(found),
            Err(error) => {
                let before = ended.len();
                ended.extend(done::all(&ctx.repo)?.into_iter().filter(|loaded| loaded.name.as_str() == name));
                if ended.len() == before {
                    return Err(error);
                }
            }
        }
    }
    if args.names.is_empty() {
        live = snapshot.readable().collect();
    }
    let names: Vec<Name> = live.iter().map(|loaded| loaded.name.clone()).collect();
    if args.follow {
        show::follow(ctx, if args.names.is_empty() { &[] } else { &names }, &mut |name, event| {
            render::answer(&line(name, event)?)
        })?;
        return Ok(Exit::Done);
    }
    live.extend(ended.iter());
    let mut text = String::new();
    for (name, event) in show::log(ctx, &live)? {
        text.push_str(&line(&name, &event)?);
    }
    if format == Format::Table {
        render::long_answer(&text, || ctx.pager())?
    } else {
        render::answer(&text)?
    }
    Ok(Exit::Done)
}
