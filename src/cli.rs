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

// Only the verb that is asked for is built whole (`defer`): of the others clap learns no more than stands here. What
// `-h` lists is therefore said here, beside each, and once more on its `Args`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Verb {
    /// Start a session: a branch, a worktree and a record
    #[command(visible_aliases = ["new", "start"])]
    Create(commands::create::Args),
    /// Make sessions of branches and worktrees that are there already
    Adopt(commands::adopt::Args),
    /// Change what `create` set; an empty text takes a fact away
    Set(commands::set::Args),
    /// Say that sessions may merge
    Ready(commands::ready::Args),
    /// Say that a session cannot go on, and why
    Block(commands::block::Args),
    /// End a session: merged, kept or abandoned; asks which on a terminal
    #[command(visible_alias = "end")]
    Finish(commands::finish::Args),
    /// Put sessions onto their newest base, as `git rebase` would
    Sync(commands::sync::Args),
    /// What collides: each session with its base, and every pair of them, uncommitted work included
    Conflicts(commands::conflicts::Args),
    /// Which to merge first, found out by merging in memory; who cannot, and why
    Order(commands::order::Args),
    /// Merge sessions in the order that `order` finds, tested, by one move of the base or of an integration branch
    Integrate(commands::integrate::Args),
    /// Run the tests in the worktrees of sessions, and note on each tree what they gave
    Test(commands::test::Args),
    /// Run a command in the worktree of every session
    Exec(commands::exec::Args),
    /// Let go of sessions that are merged, orphaned or stale, and of what has expired
    #[command(visible_alias = "clean")]
    Cleanup(commands::cleanup::Args),
    /// Bring an ended session back as it was, uncommitted work included
    Restore(commands::restore::Args),
    /// Invert an operation; by default your newest that moved a branch or a worktree
    Undo(commands::undo::Args),
    /// Give a session another name; branch and directory follow where they follow from it
    Rename(commands::rename::Args),
    /// Move a session's worktree to another directory
    Move(commands::move_::Args),
    /// A line per session: commits, changes, age, what does not fit
    #[command(visible_alias = "ls")]
    List(commands::list::Args),
    /// One session: goal, base, documents, changes, timeline
    Show(commands::show::Args),
    /// What a session has changed since it left its base; of two, what merging them gives
    Diff(commands::diff::Args),
    /// What happened to sessions, oldest first
    Log(commands::log::Args),
    /// Print the directory of a session's worktree
    Path(commands::path::Args),
    /// Print a session's variables for tools: ports, names, places
    Env(commands::env::Args),
    /// Print a shell function `gs` that changes directory
    ShellInit(commands::shell_init::Args),
    /// Look for what is wrong with sessions and around them, and mend it with --fix
    Doctor(commands::doctor::Args),
    /// Show the commands of the team file, and approve them
    Trust(commands::trust::Args),
    /// Show the settings and where each comes from; `config gui` sets up graphical clients
    Config(commands::config::Args),
    /// Print a completion script; it completes `git session` and `git-session`
    Completions(commands::completions::Args),
    /// Make a playground repository with sessions to try it all on
    Demo(commands::demo::Args),
    /// Print the candidates for one word of a command line, a line each, with a tab before what it means
    #[command(name = "__complete", hide = true)]
    Complete(commands::complete::Args),
    #[command(name = "__manual", hide = true)]
    Manual,
}

/// The clap tree, with all there is to each verb.
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// What `--version` prints.
const VERSION: &str = concat!("git session ", env!("CARGO_PKG_VERSION"), "\n");

/// Whether the version is asked for, and nothing else.
fn is_version_asked(mut args: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let first = args.next();
    args.next().is_none() && first.is_some_and(|arg| arg == "--version" || arg == "-V")
}

/// Parses the command line of this process.
///
/// # Errors
/// clap's own, which print themselves.
pub(crate) fn run(stage: &Stage) -> std::result::Result<Result<Exit>, clap::Error> {
    // Asked by scripts and prompts to see whether the program is there: no tree is built for that.
    if is_version_asked(std::env::args_os().skip(1)) {
        return Ok(crate::render::answer(VERSION).map(|()| Exit::Done));
    }
    let verb = match Cli::try_parse()?.verb {
        Some(verb) => verb,
        // Until there is a dashboard, the list is what one wants to see.
        None => Cli::try_parse_from(["git session", "list"])?.verb.unwrap_or(Verb::Manual),
    };
    Ok(match verb {
        Verb::Create(args) => commands::create::run(stage, args),
        Verb::Adopt(args) => commands::adopt::run(stage, args),
        Verb::Set(args) => commands::set::run(stage, args),
        Verb::Ready(args) => commands::ready::run(stage, args),
        Verb::Block(args) => commands::block::run(stage, args),
        Verb::Finish(args) => commands::finish::run(stage, args),
        Verb::Sync(args) => commands::sync::run(stage, args),
        Verb::Conflicts(args) => commands::conflicts::run(stage, args),
        Verb::Order(args) => commands::order::run(stage, args),
        Verb::Integrate(args) => commands::integrate::run(stage, args),
        Verb::Test(args) => commands::test::run(stage, args),
        Verb::Exec(args) => commands::exec::run(stage, args),
        Verb::Cleanup(args) => commands::cleanup::run(stage, args),
        Verb::Restore(args) => commands::restore::run(stage, args),
        Verb::Undo(args) => commands::undo::run(stage, args),
        Verb::Rename(args) => commands::rename::run(stage, args),
        Verb::Move(args) => commands::move_::run(stage, args),
        Verb::List(args) => commands::list::run(stage, args),
        Verb::Show(args) => commands::show::run(stage, args),
        Verb::Diff(args) => commands::diff::run(stage, args),
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

    #[test]
    fn the_version_is_the_one_that_clap_prints() {
        assert_eq!(super::VERSION, super::command().render_version());
        let is_asked = |line: &str| super::is_version_asked(line.split_whitespace().map(Into::into));
        assert!(is_asked("--version") && is_asked("-V"));
        assert!(!is_asked("") && !is_asked("list --version") && !is_asked("--version list") && !is_asked("version"));
    }

    #[test]
    fn a_verb_says_the_same_before_and_after_it_is_built() {
        let said = |tree: &clap::Command| -> Vec<(String, Option<String>)> {
            let about = |verb: &clap::Command| verb.get_about().map(ToString::to_string);
            tree.get_subcommands().map(|verb| (verb.get_name().to_owned(), about(verb))).collect()
        };
        assert_eq!(said(&<super::Cli as clap::CommandFactory>::command()), said(&super::command()));
    }
}
