//! `refs/sessions/@pending/<name>`: an operation under way, with its plan. It is also the mutex of what it names.
//!
//! A claim is created with a value of one's own (the operation's id is in it): gix takes an equal value for its own.

use crate::error::{Error, Hurdle, Result};
use crate::git::{Edit, Repo};
use crate::host::witness::{Liveness, Process};
use crate::session::{ObjectId, OperationId};
use crate::store::record::Writer;

/// Where they live.
pub const NAMESPACE: &str = "refs/sessions/@pending/";

/// The mutex of a branch that is no session's.
pub fn of_branch(branch: &str) -> String {
    format!("{NAMESPACE}@base/{}", branch.strip_prefix("refs/heads/").unwrap_or(branch))
}

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the commit point: it is taken back.
    Claimed,
    /// After it: it is completed.
    Committed,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Stage::Claimed => "claimed",
            Stage::Committed => "committed",
        }
    }
}

/// An operation under way, ours or somebody's.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The ref.
    pub reference: String,
    /// Its value.
    pub commit: ObjectId,
    /// How far it has come.
    pub stage: Stage,
    /// Who is at it.
    pub process: Process,
    /// The operation.
    pub operation: Option<OperationId>,
    /// The plan, as `ops::journal` wrote it.
    pub plan: String,
}

impl Pending {
    /// What it names: a session, or `@base/<branch>`.
    pub fn name(&self) -> &str {
        self.reference.strip_prefix(NAMESPACE).unwrap_or(&self.reference)
    }

    /// Whether whoever began it is still at it.
    pub fn liveness(&self) -> Liveness {
        self.process.liveness()
    }

    /// The edit that gives it up.
    pub fn release(&self) -> Edit {
        Edit::delete(&self.reference, self.commit)
    }
}

/// Writes the commit of a claim; no ref yet. `holds` keeps commits from `git prune` while they are needed.
///
/// # Errors
/// Refused, if objects cannot be written.
pub fn draft(
    repo: &Repo,
    writer: &Writer,
    reference: &str,
    stage: Stage,
    plan: &str,
    holds: &[ObjectId],
) -> Result<Pending> {
    let process = Process::current();
    let message = format!("{}\n\nSession-Operation: {}\n{}", stage.word(), writer.operation, process.to_lines());
    let blob = repo.write_blob(plan.as_bytes())?;
    let tree = repo.edit_tree(None, [("plan.toml", Some(blob))])?;
    let commit = repo.write_commit(&repo.draft_by_us(&writer.identity, message), tree, holds)?;
    Ok(Pending {
        reference: reference.to_owned(),
        commit,
        stage,
        process,
        operation: Some(writer.operation.clone()),
        plan: plan.to_owned(),
    })
}

/// Takes a claim, or all of several, or none.
///
/// # Errors
/// Contended, naming who holds it.
pub fn claim(repo: &Repo, claims: &[Pending]) -> Result<()> {
    let mut edits: Vec<Edit> = claims.iter().map(|claim| Edit::create(&claim.reference, claim.commit)).collect();
    edits.sort_by(|a, b| a.name.cmp(&b.name));
    repo.transact(&edits, "session: claim").map_err(|error| {
        let held = claims.iter().find_map(|claim| find(repo, &claim.reference).ok().flatten());
        match held {
            Some(held) => is_held(&held),
            // Somebody is about to take one of them.
            None if error.is_contended() => error.met(Hurdle::Busy),
            None => error,
        }
    })
}

/// The refusal that names who holds a claim.
pub fn is_held(held: &Pending) -> Error {
    let error = Error::contended(format!(
        "Another command is at work on '{}' (process {} on {}).",
        held.name().trim_start_matches("@base/"),
        held.process.pid,
        held.process.host
    ))
    .met(Hurdle::Busy);
    match held.liveness() {
        Liveness::Alive => error.hint("Run it again when that one is done."),
        _ => error.hint(format!(
            "It cannot be seen from here. If it is gone for good, `git session doctor --fix {}` gives up what it held.",
            held.name().trim_start_matches("@base/")
        )),
    }
}

/// The operation under way at a ref; none if there is none.
///
/// # Errors
/// Refused, if it cannot be read.
pub fn find(repo: &Repo, reference: &str) -> Result<Option<Pending>> {
    let Some(id) = repo.ref_id(reference)? else { return Ok(None) };
    read(repo, reference.to_owned(), id).map(Some)
}

/// All operations under way.
///
/// # Errors
/// Refused, if the refs cannot be read.
pub fn all(repo: &Repo) -> Result<Vec<Pending>> {
    let mut list = Vec::new();
    for (reference, target) in repo.refs_below(NAMESPACE)? {
        let Some(id) = target.object() else { continue };
        list.push(read(repo, reference, id)?);
    }
    Ok(list)
}

fn read(repo: &Repo, reference: String, id: ObjectId) -> Result<Pending> {
    let commit = repo.commit(id)?;
    let message = String::from_utf8_lossy(&commit.message).into_owned();
    let stage = if message.starts_with(Stage::Committed.word()) { Stage::Committed } else { Stage::Claimed };
    let operation = message.lines().find_map(|line| line.strip_prefix("Session-Operation: "));
    let plan = repo.blob_at(commit.tree, "plan.toml")?.unwrap_or_default();
    Ok(Pending {
        reference,
        commit: id,
        stage,
        process: Process::parse(&message),
        operation: operation.and_then(OperationId::parse),
        plan: String::from_utf8_lossy(&plan).into_owned(),
    })
}
