//! `trust`: the user's word that the commands of a team file may run.
//!
//! An approval holds for one repository (`@self` and the path of its common directory) and for one exact text. It lies
//! in the user's own state directory, never in the repository.

use crate::error::{Context as _, Error, Result};
use crate::git::Repo;
use crate::ops::Context;
use crate::ops::team::{self, Team};
use crate::store::{Snapshot, own};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Whether the commands of a team file may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// This very text was approved, or it has no commands.
    Approved,
    /// Another text was approved in this repository.
    Changed(Approval),
    /// Nothing was approved in this repository.
    New,
}

impl Standing {
    /// The word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Standing::Approved => "approved",
            Standing::Changed(_) => "changed",
            Standing::New => "new",
        }
    }
}

/// One approval, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Approval {
    /// The form of the file.
    version: i64,
    /// The random identity of the repository.
    #[serde(rename = "self")]
    own: String,
    /// Its common directory.
    pub repository: String,
    /// When it was given, in RFC 3339.
    pub time: String,
    /// The SHA-256 of the text.
    pub hash: String,
    /// The text.
    pub text: String,
}

/// What `trust` would approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPlan {
    /// The file.
    pub team: Team,
    /// Its SHA-256.
    pub hash: String,
    /// What changed since the last approval, as a unified diff.
    pub diff: Option<String>,
}

/// Looks up the file and what was approved. Reads only.
///
/// # Errors
/// Refused, if there is no team file or it cannot be understood.
pub fn plan(ctx: &Context) -> Result<TrustPlan> {
    let snapshot = Snapshot::read(&ctx.repo)?;
    let team = team::find(ctx, &snapshot)?.ok_or_else(|| {
        Error::refused(format!("There is no team file '{}' on the default base.", team::PATH))
            .hint("It is tracked, and read from the default branch alone; FILES in `git session --help` has its form.")
    })?;
    let diff = match &team.standing {
        Standing::Changed(before) => Some(
            similar::TextDiff::from_lines(before.text.as_str(), team.text.as_str())
                .unified_diff()
                .header("approved", "now")
                .to_string(),
        ),
        _ => None,
    };
    Ok(TrustPlan { hash: crate::git::digest(team.text.as_bytes())?, team, diff })
}

/// Approves what was planned: the text that was shown, whatever the branch has by now.
///
/// # Errors
/// Refused, if it cannot be written down.
pub fn execute(ctx: &Context, plan: TrustPlan) -> Result<()> {
    crate::store::retry(|| own::ensure(&ctx.repo))?;
    let own = own::read(&ctx.repo)?.ok_or_else(|| Error::bug("The repository has no identity."))?;
    let approval = Approval {
        version: 1,
        repository: place(&ctx.repo),
        time: ctx.now.rfc3339(),
        hash: plan.hash,
        text: plan.team.text,
        own,
    };
    let text = toml::to_string(&approval).map_err(|error| Error::bug("An approval has no form.").because(error))?;
    crate::host::state::replace(&file_of(&approval.own, &approval.repository)?, &text)
}

/// Where a text stands in this repository.
///
/// # Errors
/// Refused, if what is kept cannot be read.
pub fn standing(repo: &Repo, text: &str) -> Result<Standing> {
    Ok(match find(repo)? {
        None => Standing::New,
        Some(approval) if approval.text == text && approval.hash == crate::git::digest(text.as_bytes())? => {
            Standing::Approved
        }
        Some(approval) => Standing::Changed(approval),
    })
}

/// The approval of this repository.
fn find(repo: &Repo) -> Result<Option<Approval>> {
    let Some(own) = own::read(repo)? else { return Ok(None) };
    let place = place(repo);
    let found = read(&file_of(&own, &place)?)?;
    // The name of the file says the same; a copied file does not.
    Ok(found.filter(|approval| approval.own == own && approval.repository == place))
}

/// One approval of the user's, in whatever repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The approval.
    pub approval: Approval,
    /// Whether it is of the repository one stands in.
    pub is_here: bool,
    /// Whether that repository's directory is still there.
    pub is_there: bool,
}

/// All approvals of the user's, by repository.
///
/// # Errors
/// Refused, if they cannot be read.
pub fn list(ctx: &Context) -> Result<Vec<Listed>> {
    let here = find(&ctx.repo)?;
    let folder = folder()?;
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&folder).because(error)),
    };
    let mut found = Vec::new();
    for entry in entries.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "toml")) {
        // One file that cannot be read does not hide the others.
        let Ok(Some(approval)) = read(&entry.path()) else { continue };
        let is_there = Path::new(&approval.repository).exists();
        found.push(Listed { is_here: here.as_ref() == Some(&approval), is_there, approval });
    }
    found.sort_by(|a, b| (&a.approval.repository, &a.approval.time).cmp(&(&b.approval.repository, &b.approval.time)));
    Ok(found)
}

/// Takes the approval of this repository back. Returns it, if there was one.
///
/// # Errors
/// Refused, if it cannot be deleted.
pub fn revoke(ctx: &Context, dry_run: bool) -> Result<Option<Approval>> {
    let Some(approval) = find(&ctx.repo)? else { return Ok(None) };
    let path = file_of(&approval.own, &approval.repository)?;
    if !dry_run {
        std::fs::remove_file(&path).or_refuse(|| format!("'{}' could not be deleted.", path.display()))?;
    }
    Ok(Some(approval))
}

fn folder() -> Result<PathBuf> {
    Ok(crate::host::state::directory()?.join("trust"))
}

fn file_of(own: &str, place: &str) -> Result<PathBuf> {
    let name = crate::git::digest(format!("{own}\0{place}").as_bytes())?;
    Ok(folder()?.join(format!("{name}.toml")))
}

/// The common directory, as text that tells any two apart.
fn place(repo: &Repo) -> String {
    let path = repo.common_dir();
    path.to_str().map_or_else(|| format!("{path:?}"), str::to_owned)
}

fn read(path: &Path) -> Result<Option<Approval>> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            toml::from_str(&text).map(Some).map_err(|error| unreadable(path).because(error.message().to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path).because(error)),
    }
}

fn unreadable(path: &Path) -> Error {
    Error::refused(format!("The approvals in '{}' cannot be read.", path.display()))
        .hint("Move it away, then `git session trust` approves anew.")
}
