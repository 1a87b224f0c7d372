//! The clap tree, and the one match from verb to command.

use crate::commands::{self, Stage};
use crate::error::{Exit, Result};
use clap::{CommandFactory, Parser, Subcommand};

/// Sessions for git: a branch, a worktree and a record, kept in git itself
#[derive(Debug, Parser)]
#[command(name = "git session", bin_name = "git session", version, disable_help_subcommand = true)]
#[command(after_help = "`git session <verb> -h` tells more of each; the whole manual is `git session --help`.")]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(visible_aliases = ["new", "start"])]
    Create(commands::create::Args),
    Adopt(commands::adopt::Args),
    Set(commands::set::Args),
    #[command(visible_alias = "end")]
    Finish(commands::finish::Args),
    Sync(commands::sync::Args),
    Conflicts(commands::conflicts::Args),
    #[command(visible_alias = "clean")]
    Cleanup(commands::cleanup::Args),
    Restore(commands::restore::Args),
    Undo(commands::undo::Args),
    Rename(commands::rename::Args),
    Move(commands::move_::Args),
    #[command(visible_alias = "ls")]
    List(commands::list::Args),
    Show(commands::show::Args),
    Log(commands::log::Args),
    Path(commands::path::Args),
    Env(commands::env::Args),
    ShellInit(commands::shell_init::Args),
    Doctor(commands::doctor::Args),
    Trust(commands::trust::Args),
    Config(commands::config::Args),
    Completions(commands::completions::Args),
    Demo(commands::demo::Args),
    #[command(name = "__complete", hide = true)]
    Complete(commands::complete::Args),
    #[command(name = "__manual", hide = true)]
    Manual,
}

/// The clap tree.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line of this process.
///
/// # Errors
/// clap's own, which print themselves.
pub(crate) fn run(stage: &Stage) -> std::result::Result<Result<Exit>, clap::Error> {
    let verb = match Cli::try_parse()?.verb {
        Some(verb) => verb,
        // Until there is a dashboard, the list is what one wants to see.
        None => Cli::try_parse_from(["git session", "list"])?.verb.unwrap_or(Verb::Manual),
    };
    Ok(match verb {
        Verb::Create(args) => commands::create::run(stage, args),
        Verb::Adopt(args) => commands::adopt::run(stage, args),
        Verb::Set(args) => commands::set::run(stage, args),
        Verb::Finish(args) => commands::finish::run(stage, args),
        Verb::Sync(args) => commands::sync::run(stage, args),
        Verb::Conflicts(args) => commands::conflicts::run(stage, args),
        Verb::Cleanup(args) => commands::cleanup::run(stage, args),
        Verb::Restore(args) => commands::restore::run(stage, args),
        Verb::Undo(args) => commands::undo::run(stage, args),
        Verb::Rename(args) => commands::rename::run(stage, args),
        Verb::Move(args) => commands::move_::run(stage, args),
        Verb::List(args) => commands::list::run(stage, args),
        Verb::Show(args) => commands::show::run(stage, args),
        Verb::Log(args) => commands::log::run(stage, args),
        Verb::Path(args) => commands::path::run(stage, args),
        Verb::Env(args) => commands::env::run(stage, args),
        Verb::ShellInit(args) => commands::shell_init::run(stage, &args),
        Verb::Doctor(args) => commands::doctor::run(stage, args),
        Verb::Trust(args) => commands::trust::run(stage, &args),
        Verb::Config(args) => commands::config::run(stage, args),
        Verb::Completions(args) => commands::completions::run(stage, &args),
        Verb::Demo(args) => commands::demo::run(stage, args),
        Verb::Complete(args) => commands::complete::run(&mut command(), args),
        Verb::Manual => commands::manual::run(&command()),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_sound() {
        super::command().debug_assert();
    }
}
