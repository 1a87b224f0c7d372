//! `git session list`

use crate::commands::{Format, FormatArgs, Stage, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::Snapshot;
use crate::ops::list::{self, Options, Row};
use crate::ops::scope;
use crate::render;
use clap_complete::engine::ArgValueCandidates;

/// A line per session: commits, changes, age, what does not fit
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these: names, branches, paths, globs, @ for this one
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    names: Vec<String>,
    /// Sort by name, age, active, ahead, behind, state or priority; a - before it turns the order round
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Find out too what only a merge can tell: squashed, cherry-picked, nothing left
    #[arg(long)]
    merged: bool,
    /// The sessions that ended, and how
    #[arg(long, conflicts_with = "merged")]
    ended: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// See [`list::rows`].
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let sort = args.sort.as_deref().map(Sort::parse).transpose()?;
    stage.report_interrupted()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let options = Options { merged: args.merged, ended: args.ended };
    let paint = stage.colours().out;
    let width = render::width();
    if args.ended {
        let mut rows = list::ended(ctx, &snapshot)?;
        rows.retain(|row| {
            args.names.is_empty() || args.names.iter().any(|name| crate::ops::glob_matches(name, row.name.as_str()))
        });
        if let Some(sort) = sort {
            sort.apply(&mut rows);
        }
        return print(stage, &format, &rows, "No session has ended yet.");
    }
    let chosen: Vec<_> = if args.names.is_empty() {
        snapshot.sessions.iter().collect()
    } else {
        let wanted = scope::many(ctx, &snapshot, &args.names)?;
        snapshot.sessions.iter().filter(|entry| wanted.iter().any(|loaded| loaded.name == entry.name)).collect()
    };
    // The first row at once: where the order is that of the names and a person is reading.
    if format == Format::Table && sort.is_none() && !chosen.is_empty() {
        let names = chosen.iter().map(|entry| entry.name.as_str());
        let bases =
            chosen.iter().filter_map(|entry| entry.loaded.as_ref().ok()).map(|loaded| loaded.record.base.short());
        let layout = render::list::Layout::new(names, bases, width, ctx.now, paint);
        let mut heading = Some(layout.heading());
        list::rows(ctx, &snapshot, &chosen, options, &mut |row| {
            render::answer(&(heading.take().unwrap_or_default() + &layout.row(&row)))
        })?;
        return Ok(Exit::Done);
    }
    let mut rows = Vec::with_capacity(chosen.len());
    list::rows(ctx, &snapshot, &chosen, options, &mut |row| {
        rows.push(row);
        Ok(())
    })?;
    if let Some(sort) = sort {
        sort.apply(&mut rows);
    }
    print(stage, &format, &rows, "There are no sessions. `git session create <name>` starts one.")
}

fn print(stage: &Stage, format: &Format, rows: &[Row], none: &str) -> Result<Exit> {
    let ctx = stage.context()?;
    match format {
        Format::Json => return print_json(&render::json::list(rows)),
        Format::Template(template) => {
            let mut text = String::new();
            for row in rows {
                text.push_str(&render::template::fill(template, &render::json::row(row), &render::list::FIELDS)?);
                text.push('\n');
            }
            render::answer(&text)?;
        }
        Format::Table if rows.is_empty() => render::narrate(none),
        Format::Table => {
            let names = rows.iter().map(|row| row.name.as_str());
            let bases = rows.iter().filter_map(|row| row.base.as_ref()).map(|(now, _, _)| now.short());
            let layout = render::list::Layout::new(names, bases, render::width(), ctx.now, stage.colours().out);
            let mut text = layout.heading();
            rows.iter().for_each(|row| text.push_str(&layout.row(row)));
            render::long_answer(&text, || ctx.pager())?;
        }
    }
    Ok(Exit::Done)
}

/// A key to sort by, and whether the order is turned round.
struct Sort {
    key: Key,
    is_reversed: bool,
}

enum Key {
    Name,
    Age,
    Active,
    Ahead,
    Behind,
    State,
    Priority,
}

impl Sort {
    fn parse(text: &str) -> Result<Sort> {
        let key = match text.trim_start_matches('-') {
            "name" => Key::Name,
            "age" | "created" => Key::Age,
            "active" | "last_activity" => Key::Active,
            "ahead" => Key::Ahead,
            "behind" => Key::Behind,
            "state" => Key::State,
            "priority" => Key::Priority,
            other => {
                return Err(Error::usage(format!("There is no sort key '{other}'."))
                    .hint("There are name, age, active, ahead, behind, state and priority."));
            }
        };
        Ok(Sort { key, is_reversed: text.starts_with('-') })
    }

    fn apply(&self, rows: &mut [Row]) {
        rows.sort_by(|a, b| {
            let order = match self.key {
                Key::Name => a.name.cmp(&b.name),
                Key::Age => a.created.cmp(&b.created),
                Key::Active => b.last_activity.cmp(&a.last_activity),
                Key::Ahead => b.counts.map(|counts| counts.ahead).cmp(&a.counts.map(|counts| counts.ahead)),
                Key::Behind => b.counts.map(|counts| counts.behind).cmp(&a.counts.map(|counts| counts.behind)),
                Key::State => a.state.cmp(&b.state),
                Key::Priority => b.priority.unwrap_or_default().cmp(&a.priority.unwrap_or_default()),
            };
            let order = if self.is_reversed { order.reverse() } else { order };
            order.then_with(|| a.name.cmp(&b.name))
        });
    }
}
