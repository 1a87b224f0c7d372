//! `git session path`

use crate::commands::{Format, FormatArgs, Stage, print_json, session_names};
use crate::error::{Error, Exit, Result};
use crate::ops::{Snapshot, scope};
use crate::render;
use crate::session::Word as _;
use clap_complete::engine::ArgValueCandidates;

/// Print the directory of a session's worktree
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session; by default the one whose worktree this is
    #[arg(value_name = "SESSION", add = ArgValueCandidates::new(session_names))]
    name: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Runs it.
///
/// # Errors
/// Refused, if there is no such session, or it has no worktree.
pub fn run(stage: &Stage, args: Args) -> Result<Exit> {
    let format = args.format.parse()?;
    let ctx = stage.context()?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = scope::one(ctx, &snapshot, args.name.as_deref())?;
    let adopt = || format!("`git session adopt {}` gives it one.", session.name.word());
    let worktree = snapshot
        .worktree_of(session)
        .ok_or_else(|| Error::refused(format!("'{}' has no worktree.", session.name)).hint(adopt()))?;
    if worktree.is_missing {
        return Err(Error::refused(format!(
            "The worktree of '{}' is gone: '{}'.",
            session.name,
            worktree.path.display()
        ))
        .hint(adopt())
        .hint("`git worktree repair <new place>` finds one that was moved by hand."));
    }
    let value = serde_json::json!({
        "version": 1, "name": session.name, "worktree": render::json::path(&worktree.path)
    });
    match format {
        Format::Json => print_json(&value),
        Format::Template(template) => {
            render::answer(&(render::template::fill(&template, &value, &["name", "worktree"])? + "\n"))?;
            Ok(Exit::Done)
        }
        Format::Table => {
            let mut bytes = worktree.path.as_os_str().as_encoded_bytes().to_vec();
            bytes.push(b'\n');
            render::answer_bytes(&bytes)?;
            Ok(Exit::Done)
        }
    }
}
