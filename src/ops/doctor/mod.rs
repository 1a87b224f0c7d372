//! `doctor`: what is wrong, in findings that each name a remedy, and those that `--fix` mends.
//!
//! [`plan`] only reads. [`execute`] mends what can be proved to be broken, and nothing on a guess: a lock only if nobody
//! can be at work with it, a link only if there is one worktree that it can mean, another host's claim only if it is
//! named.

mod copies;
mod hooks;
mod locks;
mod mend;
mod settings;
mod state;
mod surroundings;
mod worktrees;

pub use mend::execute;

use crate::error::Result;
use crate::ops::{Context, Snapshot, scope};
use crate::session::{Name, ObjectId};
use crate::store::pending::Pending;
use std::path::PathBuf;
use std::time::SystemTime;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something will not work, or may be lost.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// All kinds of findings. `git-session(1)` and the schema have the same.
pub const KINDS: [&str; 40] = [
    "agent-missing",
    "base-missing",
    "branch-missing",
    "branch-renamed",
    "branch-switched",
    "case-insensitive",
    "claim-unreadable",
    "claim-unseen",
    "commit-graph-missing",
    "copy-missing",
    "copy-old",
    "copy-secret",
    "detached",
    "ended-unreadable",
    "git-moves",
    "git-old",
    "hook-ignored",
    "hooks-absent",
    "hooks-left-out",
    "hooks-missing",
    "identity-missing",
    "interrupted",
    "keep-incomplete",
    "limits-missing",
    "link-broken",
    "lock-held",
    "lock-stale",
    "mirror-fetch",
    "mirror-push",
    "no-reflink",
    "ports-stale",
    "prune-soon",
    "record-unreadable",
    "ref-broken",
    "setting-invalid",
    "setting-unknown",
    "tie-doubled",
    "tie-stale",
    "worktree-missing",
    "worktree-moved",
];

/// What `--fix` does about it.
#[derive(Debug, Clone)]
pub(crate) enum Fix {
    /// What a killed command left is mended, as any writing verb would.
    Recover,
    /// The claim of a process that cannot be seen is treated as a dead one's.
    GiveUp(Box<Pending>),
    /// A claim that cannot be read goes.
    DropClaim(String, ObjectId),
    /// Ports go back, if no session has that id.
    Ports(String, ObjectId),
    /// A loose ref gets the newest value of its reflog that is there.
    FromReflog(String, ObjectId),
    /// A lock goes, if it still is the one that was seen.
    Unlock(PathBuf, SystemTime),
    /// A worktree's tie goes.
    Untie(PathBuf, Name),
    /// `git worktree repair`, and the worktree proves itself.
    Repair(PathBuf, PathBuf),
    /// A session's worktree whose directory is gone is made again, as git's entry of it has it.
    Revive(Name),
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What sort of thing, one of [`KINDS`].
    pub kind: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The session it is about.
    pub session: Option<String>,
    /// The ref it is about.
    pub reference: Option<String>,
    /// The file or directory it is about.
    pub path: Option<PathBuf>,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What helps.
    pub remedy: String,
    pub(crate) fix: Option<Fix>,
    /// Whether `--fix` mended it, or why not; none where it was not tried.
    pub mended: Option<std::result::Result<(), String>>,
}

impl Finding {
    pub(crate) fn new(kind: &'static str, severity: Severity, what: impl Into<String>) -> Finding {
        Finding {
            kind,
            severity,
            session: None,
            reference: None,
            path: None,
            what: what.into(),
            remedy: String::new(),
            fix: None,
            mended: None,
        }
    }

    pub(crate) fn error(kind: &'static str, what: impl Into<String>) -> Finding {
        Finding::new(kind, Severity::Error, what)
    }

    pub(crate) fn warning(kind: &'static str, what: impl Into<String>) -> Finding {
        Finding::new(kind, Severity::Warning, what)
    }

    pub(crate) fn note(kind: &'static str, what: impl Into<String>) -> Finding {
        Finding::new(kind, Severity::Note, what)
    }

    pub(crate) fn session(mut self, name: impl ToString) -> Finding {
        self.session = Some(name.to_string());
        self
    }

    pub(crate) fn reference(mut self, name: impl Into<String>) -> Finding {
        self.reference = Some(name.into());
        self
    }

    pub(crate) fn path(mut self, path: impl Into<PathBuf>) -> Finding {
        self.path = Some(path.into());
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Finding {
        self.remedy = remedy.into();
        self
    }

    /// With what `--fix` does; the remedy says so if nothing else was said.
    pub(crate) fn fix(mut self, fix: Option<Fix>) -> Finding {
        if fix.is_some() && self.remedy.is_empty() {
            self.remedy = "`git session doctor --fix` mends it.".into();
        }
        self.fix = fix;
        self
    }

    /// Whether `--fix` mends it.
    pub fn is_fixable(&self) -> bool {
        self.fix.is_some()
    }

    /// Whether it is so no more.
    pub fn is_mended(&self) -> bool {
        matches!(self.mended, Some(Ok(())))
    }
}

/// All that was found, the worst first.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// The session that was asked for.
    only: Option<String>,
}

impl Diagnosis {
    /// Whether something that is broken stays so.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error && !finding.is_mended())
    }
}

/// Looks at everything, or only at what is about one session. Changes nothing.
///
/// # Errors
/// Refused, if there is no such session, or refs and worktrees cannot be listed at all.
pub fn plan(ctx: &Context, what: Option<&str>) -> Result<Diagnosis> {
    let claims = state::claims(ctx)?;
    let mut findings = Vec::new();
    state::broken_refs(ctx, &mut findings)?;
    // Blocks first: one that is claimed later has its session by then.
    let ports = state::ports(ctx)?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    state::interrupted(ctx, &claims, what, &mut findings);
    state::records(ctx, &snapshot, &claims, &mut findings)?;
    state::ended_and_kept(ctx, &mut findings)?;
    if claims.is_empty() {
        // While something is under way names, ties, blocks and directories may be between two places.
        state::stale_ties(&snapshot, &mut findings);
        state::stale_ports(&ports, &snapshot, &mut findings);
        worktrees::check(ctx, &snapshot, &mut findings);
        copies::check(ctx, &snapshot, &mut findings)?;
    }
    locks::check(ctx, &snapshot, !claims.is_empty(), &mut findings);
    hooks::check(ctx, &snapshot, &mut findings);
    settings::check(ctx, &snapshot, &mut findings)?;
    surroundings::check(ctx, &snapshot, &mut findings)?;
    let only = what.map(|text| named(ctx, &snapshot, &findings, text)).transpose()?;
    if let Some(only) = &only {
        findings.retain(|finding| finding.session.as_deref() == Some(only));
    }
    findings.sort_by(|a, b| (a.severity, &a.session, a.kind, &a.path).cmp(&(b.severity, &b.session, b.kind, &b.path)));
    Ok(Diagnosis { findings, only })
}

/// The name that an argument means: that of a session, also of one that is only named by what is wrong with it.
fn named(ctx: &Context, snapshot: &Snapshot, findings: &[Finding], text: &str) -> Result<String> {
    let is_there = snapshot.sessions.iter().any(|entry| entry.name.as_str() == text);
    if is_there || findings.iter().any(|finding| finding.session.as_deref() == Some(text)) {
        return Ok(text.to_owned());
    }
    scope::one(ctx, snapshot, Some(text)).map(|loaded| loaded.name.to_string())
}
