//! Agents, by the names that the user's own settings give them. What a name means never comes from a record.

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::process::Command;
use crate::host::terminal::{Stream, is_terminal};
use crate::ops::Context;
use crate::ops::config::AGENT;
use std::collections::BTreeSet;
use std::path::Path;

/// What the program knows of agents without a setting: name, on a terminal, without one.
const KNOWN: [(&str, &str, &str); 2] =
    [("claude", "claude {prompt}", "claude --print {prompt}"), ("codex", "codex {prompt}", "codex exec {prompt}")];

/// What is put in the place of `{prompt}`, `{brief}` and `{id}`.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// What the agent is to do.
    pub prompt: &'a str,
    /// All that it needs to know, and that.
    pub brief: &'a str,
    /// The session's id.
    pub id: &'a str,
}

/// An agent and how it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub name: String,
    words: Vec<String>,
}

impl Agent {
    /// The agent of that name: on a terminal `session.agent.<name>.command`, without one `.headless`.
    ///
    /// # Errors
    /// Usage, naming the setting, if it says nothing.
    pub fn named(ctx: &Context, name: &str) -> Result<Agent> {
        let has_terminal = is_terminal(Stream::In) && is_terminal(Stream::Err);
        let kind = if has_terminal { "command" } else { "headless" };
        let key = format!("{AGENT}{name}.{kind}");
        let known =
            KNOWN.iter().find(|known| known.0 == name).map(|known| if has_terminal { known.1 } else { known.2 });
        let is_name = !name.is_empty() && !name.contains(['\n', '\0']);
        let set = if is_name { ctx.repo.setting(&key) } else { None };
        let Some(text) = set.or_else(|| known.map(str::to_owned)).filter(|text| !text.trim().is_empty()) else {
            let circumstance = if has_terminal { "" } else { " where there is no terminal" };
            return Err(Error::usage(format!("There is no agent '{name}'{circumstance}: `{key}` is not set."))
                .hint(format!("`git config {key} '<program> {{prompt}}'` says how it is started.")));
        };
        let words = words(&text)
            .filter(|words| !words.is_empty())
            .ok_or_else(|| Error::usage(format!("The setting `{key}` has a quote that does not end.")))?;
        if words.iter().any(|word| word.contains("{model}")) {
            return Err(Error::usage(format!("`{key}` asks for {{model}}, and `sync` chooses none."))
                .hint("Write the model into the setting."));
        }
        Ok(Agent { name: name.to_owned(), words })
    }

    /// The command that starts it in a directory, each placeholder filled in inside of its own argument: no shell sees it.
    ///
    /// # Errors
    /// A bug, if there is no program.
    pub fn command(&self, repo: &Repo, place: &Path, filling: &Filling<'_>) -> Result<Command> {
        let filled: Vec<String> = self.words.iter().map(|word| fill(word, filling)).collect();
        let (program, args) = filled.split_first().ok_or_else(|| Error::bug("An agent without a program."))?;
        Ok(repo.program_in(place, program).args(args))
    }
}

/// The names that mean an agent, for completion.
///
/// # Errors
/// Refused, if the settings cannot be read.
pub fn names(ctx: &Context) -> Result<BTreeSet<String>> {
    let set = crate::ops::config::show(ctx)?;
    let set = set.iter().filter_map(|entry| Some(entry.key.strip_prefix(AGENT)?.rsplit_once('.')?.0.to_owned()));
    Ok(set.chain(KNOWN.iter().map(|known| known.0.to_owned())).collect())
}

/// A word with its placeholders filled in, in one pass: what is filled in is not looked at again.
fn fill(word: &str, filling: &Filling<'_>) -> String {
    let places = [("{prompt}", filling.prompt), ("{brief}", filling.brief), ("{id}", filling.id)];
    let (mut filled, mut rest) = (String::new(), word);
    while let Some((at, place, value)) =
        places.iter().filter_map(|(place, value)| Some((rest.find(place)?, *place, *value))).min()
    {
        filled.push_str(&rest[..at]);
        filled.push_str(value);
        rest = &rest[at + place.len()..];
    }
    filled + rest
}

/// The words of a setting, as a shell would part them: at blanks, what stands in quotes kept together. Nothing else is
/// special. None where a quote does not end.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_part_at_blanks_and_quotes_keep_together() {
        assert_eq!(words(" a  'b c' d\"e f\"g '' ").expect("it ends"), ["a", "b c", "de fg", ""]);
        assert_eq!(words("a 'b"), None);
        assert_eq!(words("$(x) `y` ;z").expect("it ends"), ["$(x)", "`y`", ";z"]);
    }

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        let filling = Filling { prompt: "say {id} and {brief}", brief: "b", id: "1" };
        assert_eq!(fill("--x={prompt}:{id}", &filling), "--x=say {id} and {brief}:1");
    }
}
