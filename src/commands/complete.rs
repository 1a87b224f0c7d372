//! `git session __complete`: what the completion scripts ask. Not for people.

use crate::error::{Exit, Result};
use crate::render;
use std::ffi::OsString;

/// Print the candidates for one word of a command line, a line each, with a tab before what it means
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The position of the word to complete
    index: usize,
    /// The words, the program first
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Runs it.
///
/// # Errors
/// As [`render::answer`].
pub fn run(command: &mut clap::Command, args: Args) -> Result<Exit> {
    let directory = std::env::current_dir().ok();
    let mut words = args.words;
    if words.len() <= args.index {
        words.resize(args.index + 1, OsString::new());
    }
    let typed = words[args.index].to_string_lossy().into_owned();
    let candidates =
        clap_complete::engine::complete(command, words, args.index, directory.as_deref()).unwrap_or_default();
    let mut text = String::new();
    for candidate in candidates {
        let value = candidate.get_value().to_string_lossy();
        // Options only once a dash is typed: names are what is wanted.
        if candidate.is_hide_set() || (value.starts_with('-') && !typed.starts_with('-')) {
            continue;
        }
        // Of a verb and its aliases one is offered: the verb, unless it is an alias that is being typed.
        let verb =
            (args.index == 1).then(|| command.find_subcommand(value.as_ref()).map(clap::Command::get_name)).flatten();
        let value = verb.filter(|verb| verb.starts_with(&typed)).map_or(value, Into::into);
        let help = candidate.get_help().map(|help| help.to_string()).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        text.push_str(&format!("{value}\t{help}\n"));
    }
    render::answer(&text)?;
    Ok(Exit::Done)
}
