//! The team file, `.git-session.toml`: read from the tip of the default base, never from a session's branch.

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::ops::{Context, base, trust};
use crate::session::ObjectId;
use crate::store::Snapshot;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Its path.
pub const PATH: &str = ".git-session.toml";

/// The newest version of it that this program reads.
const VERSION: i64 = 1;

/// A moment at which commands run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// `setup`: in a new worktree.
    Setup,
    /// `test`: what says that the work is good.
    Test,
    /// After `create`, set-up included.
    PostCreate,
    /// Before a session ends; a failure refuses.
    PreFinish,
    /// Before a worktree goes; a failure refuses.
    PreRemove,
    /// After it went.
    PostRemove,
}

impl Phase {
    /// Those with hooks.
    pub const HOOKS: [Phase; 4] = [Phase::PostCreate, Phase::PreFinish, Phase::PreRemove, Phase::PostRemove];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Setup => "setup",
            Phase::Test => "test",
            Phase::PostCreate => "post-create",
            Phase::PreFinish => "pre-finish",
            Phase::PreRemove => "pre-remove",
            Phase::PostRemove => "post-remove",
        }
    }
}

/// Paths that sessions of one name own, or may only read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Boundary {
    /// Pathspecs they own.
    pub own: Vec<String>,
    /// Pathspecs they may only read.
    pub read_only: Vec<String>,
    /// What to know before one changes them.
    pub note: Option<String>,
}

/// What the file says. Keys that this version does not know are left alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TeamFile {
    /// The base of new sessions.
    pub base: Option<String>,
    /// Patterns of ignored files that a new worktree gets.
    pub copy: Vec<String>,
    /// Commands that make a new worktree fit for work.
    pub setup: Vec<String>,
    /// The command that tests the work.
    pub test: Option<String>,
    /// Patterns of files that tools make again.
    pub generated: Vec<String>,
    /// How many sessions may be worked on at a time.
    pub limit: Option<u64>,
    /// Commands by phase.
    pub hooks: BTreeMap<String, Vec<String>>,
    /// By session name or glob.
    pub boundary: BTreeMap<String, Boundary>,
}

impl TeamFile {
    /// Reads it.
    ///
    /// # Errors
    /// Refused, if it cannot be understood or is of a newer version: a mistake in it should be seen, not skipped.
    pub fn parse(text: &str) -> Result<TeamFile> {
        let mend = format!("Mend '{PATH}' on the default branch, or set `git config session.base <branch>`.");
        let broken = |error: toml::de::Error| {
            Error::refused(format!("The team file '{PATH}' cannot be understood."))
                .because(error.message().to_owned())
                .hint(mend.as_str())
        };
        let table: toml::Table = text.parse().map_err(broken)?;
        // A newer version may have changed what keys mean, so that it is named before any other complaint.
        if let Some(version) = table.get("version").and_then(toml::Value::as_integer).filter(|have| *have > VERSION) {
            return Err(Error::refused(format!(
                "The team file '{PATH}' is of version {version}; this program reads up to version {VERSION}."
            ))
            .hint("Install a newer git-session."));
        }
        toml::from_str(text).map_err(broken)
    }

    /// All that it would have run, in the order of the phases.
    pub fn commands(&self) -> Vec<(Phase, &str)> {
        let hooks =
            Phase::HOOKS.into_iter().flat_map(|phase| self.of(phase).into_iter().map(move |text| (phase, text)));
        let setup = self.setup.iter().map(|text| (Phase::Setup, text.as_str()));
        let test = self.test.iter().map(|text| (Phase::Test, text.as_str()));
        setup.chain(test).chain(hooks).collect()
    }

    /// What it would have run at that moment.
    pub fn of(&self, phase: Phase) -> Vec<&str> {
        match phase {
            Phase::Setup => self.setup.iter().map(String::as_str).collect(),
            Phase::Test => self.test.iter().map(String::as_str).collect(),
            hook => self.hooks.get(hook.as_str()).into_iter().flatten().map(String::as_str).collect(),
        }
    }
}

/// The team file as it stands, and whether the user has approved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// What it says.
    pub file: TeamFile,
    /// The very text.
    pub text: String,
    /// The branch it was read from, by short name.
    pub branch: String,
    /// That branch's tip.
    pub tip: ObjectId,
    /// Whether its commands may run.
    pub standing: trust::Standing,
}

impl Team {
    /// The commands of a phase that may run.
    pub fn approved(&self, phase: Phase) -> Vec<&str> {
        if self.standing == trust::Standing::Approved { self.file.of(phase) } else { Vec::new() }
    }

    /// The commands of a phase that wait for approval.
    pub fn withheld(&self, phase: Phase) -> Vec<&str> {
        if self.standing == trust::Standing::Approved { Vec::new() } else { self.file.of(phase) }
    }
}

/// Finds the team file; none where the default base has none.
///
/// # Errors
/// Refused, if it cannot be read or understood.
pub fn find(ctx: &Context, snapshot: &Snapshot) -> Result<Option<Team>> {
    let repo = &ctx.repo;
    let Some(chosen) = base::of_team_file(ctx, snapshot)? else { return Ok(None) };
    let Some(bytes) = repo.blob_at(repo.commit(chosen.tip.id)?.tree, PATH)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let file = TeamFile::parse(&text)?;
    let standing = if file.commands().is_empty() { trust::Standing::Approved } else { trust::standing(repo, &text)? };
    Ok(Some(Team { file, text, branch: chosen.tip.from, tip: chosen.tip.id, standing }))
}

/// Its `base`; none without a file, or where it says none.
///
/// # Errors
/// Refused, if the file cannot be understood.
pub fn base(repo: &Repo, tip: ObjectId) -> Result<Option<String>> {
    let Some(text) = repo.blob_at(repo.commit(tip)?.tree, PATH)? else { return Ok(None) };
    Ok(TeamFile::parse(&String::from_utf8_lossy(&text))?.base)
}

/// Its `generated`; nothing without a file, or where it cannot be understood: then others say so.
pub(crate) fn generated(repo: &Repo, tip: ObjectId) -> Vec<String> {
    let text = repo.commit(tip).and_then(|commit| repo.blob_at(commit.tree, PATH)).ok().flatten();
    let file = text.and_then(|text| TeamFile::parse(&String::from_utf8_lossy(&text)).ok());
    file.map_or_else(Vec::new, |file| file.generated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_read_and_unknown_keys_are_left_alone() {
        let text = "version = 1\nbase = \"develop\"\ncopy = [\".env\"]\nsetup = [\"npm ci\"]\ntest = \"npm test\"\n\
                    generated = [\"x.lock\"]\nlimit = 4\nfuture = 1\n[hooks]\npre-finish = [\"make lint\"]\n\
                    unheard-of = [\"x\"]\n[boundary.\"front*\"]\nown = [\"src/**\"]\nread-only = [\"types\"]\n";
        let file = TeamFile::parse(text).expect("reads");
        assert_eq!((file.base.as_deref(), file.limit, file.copy.len()), (Some("develop"), Some(4), 1));
        assert_eq!(file.boundary["front*"].read_only, ["types"]);
        let commands = file.commands();
        assert_eq!(commands, [(Phase::Setup, "npm ci"), (Phase::Test, "npm test"), (Phase::PreFinish, "make lint")]);
    }

    #[test]
    fn a_newer_version_is_refused_even_if_its_keys_make_no_sense() {
        let error = TeamFile::parse("version = 2\nsetup = 7\n").expect_err("is newer");
        assert!(error.message().contains("version 2"), "{error}");
        assert!(TeamFile::parse("setup = 7\n").is_err());
    }
}
