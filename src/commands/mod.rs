//! Verbs: arguments to options, options to `ops`, data to `render`. One file per verb, and nothing else in them.

pub mod adopt;
pub mod block;
pub mod cleanup;
pub mod complete;
pub mod completions;
pub mod config;
pub mod conflicts;
pub mod create;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod env;
pub mod exec;
pub mod finish;
pub mod integrate;
pub mod list;
pub mod log;
pub mod manual;
pub mod move_;
pub mod order;
pub mod path;
pub mod ready;
pub mod rename;
pub mod restore;
pub mod set;
pub mod shell_init;
pub mod show;
pub mod sync;
pub mod test;
pub mod trust;
pub mod undo;

use crate::error::{Error, Exit, Result};
use crate::ops::Context;
use crate::render::{self, Colours};

/// What every verb is given: colours, and the context once it is asked for.
pub struct Stage {
    context: std::cell::OnceCell<Context>,
    colours: std::cell::OnceCell<Colours>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}

impl Stage {
    /// Nothing is opened yet.
    pub fn new() -> Stage {
        Stage { context: std::cell::OnceCell::new(), colours: std::cell::OnceCell::new() }
    }

    /// The repository around the current directory, opened once.
    ///
    /// # Errors
    /// Refused outside of a repository.
    pub fn context(&self) -> Result<&Context> {
        if let Some(context) = self.context.get() {
            return Ok(context);
        }
        let context = Context::open()?;
        Ok(self.context.get_or_init(|| context))
    }

    /// Colours, as settings and environment have them.
    pub fn colours(&self) -> Colours {
        *self.colours.get_or_init(|| {
            let setting = self.context.get().and_then(Context::colour_setting);
            Colours::new(setting.as_deref())
        })
    }

    /// What a killed command left behind, said by verbs that only read.
    ///
    /// # Errors
    /// Refused, if the claims cannot be read.
    pub fn report_interrupted(&self) -> Result<()> {
        for line in crate::ops::journal::report(self.context()?)? {
            render::warn(self.colours().err, &line);
        }
        Ok(())
    }

    /// What was mended on the way, said once; and the mirror, where there is one.
    pub fn after(&self) {
        let Some(context) = self.context.get() else { return };
        for line in context.said() {
            render::narrate(&line);
        }
    }

    /// `session.autoCleanup`: what was asked for is done, so that tidying up may fail, and says so.
    pub fn tidy_up(&self) {
        let Some(context) = self.context.get() else { return };
        match crate::ops::cleanup::auto(context) {
            Ok(said) => said.iter().for_each(|line| render::narrate(&render::harmless(line))),
            Err(error) => render::warn(self.colours().err, &format!("Nothing was cleaned up: {}.", error.one_line())),
        }
    }

    /// What a writing verb does last.
    pub fn wrote(&self) {
        if let Some(context) = self.context.get() {
            crate::ops::config::refresh_mirror(context);
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Stage::new()
    }
}

/// How an answer is to look: `--format`, `--json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// `%(field)` filled in.
    Template(String),
}

/// The arguments behind it.
#[derive(Debug, Clone, clap::Args)]
pub struct FormatArgs {
    /// Print `table`, `json`, or a template with %(field) in it, as `git for-each-ref` has them
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<String>,
    /// Print JSON; the same as --format json
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub json: bool,
}

impl FormatArgs {
    /// What they mean.
    ///
    /// # Errors
    /// Usage, for a kind that there is not.
    pub fn parse(&self) -> Result<Format> {
        match self.format.as_deref() {
            _ if self.json => Ok(Format::Json),
            None | Some("table") => Ok(Format::Table),
            Some("json") => Ok(Format::Json),
            Some(template) if template.contains("%(") => Ok(Format::Template(template.to_owned())),
            Some(other) => Err(Error::usage(format!("There is no format '{other}'."))
                .hint("There are `table`, `json`, and templates such as '%(name) %(state)'.")),
        }
    }
}

/// `-n`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct DryRun {
    /// Only show what would be done
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Prints a JSON answer.
///
/// # Errors
/// As [`render::answer`].
pub fn print_json(value: &serde_json::Value) -> Result<Exit> {
    render::answer(&format!("{value:#}\n"))?;
    Ok(Exit::Done)
}

/// Names of live sessions, for completion.
pub(crate) fn session_names() -> Vec<clap_complete::engine::CompletionCandidate> {
    let Ok(context) = Context::open() else { return Vec::new() };
    let Ok(names) = crate::ops::scope::names(&context) else { return Vec::new() };
    names.into_iter().map(|name| clap_complete::engine::CompletionCandidate::new(name.to_string())).collect()
}

/// Names of agents, for completion.
pub(crate) fn agent_names() -> Vec<clap_complete::engine::CompletionCandidate> {
    let Ok(context) = Context::open() else { return Vec::new() };
    let Ok(names) = crate::ops::agent::names(&context) else { return Vec::new() };
    names.into_iter().map(clap_complete::engine::CompletionCandidate::new).collect()
}

/// Names of ended sessions, newest first, for completion.
pub(crate) fn ended_names() -> Vec<clap_complete::engine::CompletionCandidate> {
    let Ok(context) = Context::open() else { return Vec::new() };
    let Ok(names) = crate::ops::restore::ended_names(&context) else { return Vec::new() };
    let candidate = |name: String| clap_complete::engine::CompletionCandidate::new(name);
    names.into_iter().map(|(name, state)| candidate(name.to_string()).help(Some(state.as_str().into()))).collect()
}

/// Operations that may be undone, newest first, for completion.
pub(crate) fn operation_ids() -> Vec<clap_complete::engine::CompletionCandidate> {
    let Ok(context) = Context::open() else { return Vec::new() };
    let operations = crate::ops::Snapshot::read(&context.repo)
        .and_then(|snapshot| crate::ops::undo::operations(&context, &snapshot))
        .unwrap_or_default();
    let what = |operation: &crate::ops::undo::Operation| {
        operation.events.first().map(|found| render::harmless(&found.event.subject()).into())
    };
    operations
        .iter()
        .take(40)
        .map(|one| clap_complete::engine::CompletionCandidate::new(one.id.short()).help(what(one)))
        .collect()
}

/// Local branches, for completion.
pub(crate) fn branch_names() -> Vec<clap_complete::engine::CompletionCandidate> {
    let Ok(context) = Context::open() else { return Vec::new() };
    let Ok(names) = crate::ops::scope::branches(&context) else { return Vec::new() };
    names.into_iter().map(clap_complete::engine::CompletionCandidate::new).collect()
}

/// How long something may take, as it is typed: `90`, `90s`, `10m`, `1h`.
pub(crate) fn time_limit(text: &str) -> std::result::Result<std::time::Duration, String> {
    let text = text.trim();
    let seconds = match text.strip_suffix('m') {
        Some(minutes) => minutes.trim().parse::<i64>().ok().and_then(|minutes| minutes.checked_mul(60)),
        None => text.parse().ok().or_else(|| crate::session::Timestamp::parse_span(text)),
    };
    match seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0) {
        Some(seconds) => Ok(std::time::Duration::from_secs(seconds)),
        None => Err("a time is a number of seconds, or one such as 90s, 10m, 1h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_seconds_or_have_a_unit() {
        let seconds = |text: &str| super::time_limit(text).map(|span| span.as_secs()).ok();
        assert_eq!(
            [seconds("90"), seconds("90s"), seconds("2m"), seconds("1h")],
            [Some(90), Some(90), Some(120), Some(3600)]
        );
        assert_eq!([seconds("0"), seconds("-1"), seconds("soon"), seconds("m"), seconds("")], [None; 5]);
    }
}
