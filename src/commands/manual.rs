//! `git session __manual`: the manual page, made of the clap tree. `man/git-session.1` is its output.

use crate::error::{Exit, Result};
use crate::render;

/// Runs it.
///
/// # Errors
/// As [`render::answer`].
pub fn run(command: &clap::Command) -> Result<Exit> {
    render::answer(&render::manual::page(&verbs(command)))?;
    Ok(Exit::Done)
}

fn verbs(command: &clap::Command) -> Vec<render::manual::Verb> {
    let mut verbs = Vec::new();
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        verbs.push(described(verb, verb.get_name().to_owned()));
        for inner in verb.get_subcommands().filter(|inner| inner.get_name() != "help") {
            verbs.push(described(inner, format!("{} {}", verb.get_name(), inner.get_name())));
        }
    }
    verbs
}

fn described(verb: &clap::Command, name: String) -> render::manual::Verb {
    let text = |styled: Option<&clap::builder::StyledStr>| styled.map(ToString::to_string).unwrap_or_default();
    let mut entry = render::manual::Verb {
        aliases: verb.get_visible_aliases().map(str::to_owned).collect(),
        about: text(verb.get_about()),
        arguments: Vec::new(),
        options: Vec::new(),
        name,
    };
    for arg in verb.get_arguments().filter(|arg| arg.get_id() != "help" && !arg.is_hide_set()) {
        let help = text(arg.get_help());
        let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        let takes_value = arg.get_action().takes_values();
        if arg.is_positional() {
            let value = value.unwrap_or_else(|| arg.get_id().to_string().to_uppercase());
            let many = matches!(arg.get_action(), clap::ArgAction::Append);
            entry.arguments.push((value.to_lowercase(), arg.is_required_set(), many, help));
        } else {
            let long = arg.get_long().unwrap_or_default().to_owned();
            entry.options.push((
                arg.get_short(),
                long,
                value.filter(|_| takes_value).map(|value| value.to_lowercase()),
                help,
            ));
        }
    }
    entry
}
