//! `refs/sessions/@keep`: holds what would otherwise be unreachable: salvage, tips of deleted branches.
//!
//! Written once per operation, before anything goes, and run again by itself when the race is lost: inside another
//! transaction it would make that one lose.

use crate::error::Result;
use crate::git::refill::Sparse;
use crate::git::{Edit, Repo};
use crate::session::{Name, ObjectId, OperationId, Timestamp};
use crate::store::record::Writer;
use crate::store::retry;

/// The ref.
pub const REFERENCE: &str = "refs/sessions/@keep";

/// Where an entry's tree has the patterns of a sparse checkout.
const SPARSE: &str = "sparse-checkout";

/// How its trailer says that these are directories.
const CONE: &str = "cone";

/// What is kept of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The session's name.
    pub name: Name,
    /// Its id.
    pub id: ObjectId,
    /// Its worktree's directory.
    pub worktree: Option<String>,
    /// The stash-shaped commit of what was uncommitted.
    pub salvage: Option<ObjectId>,
    /// Further commits: the branch's tip, stages, what only reflogs reached.
    pub tips: Vec<ObjectId>,
    /// Settings of the branch that go with it, as `key=value`.
    pub config: Vec<String>,
    /// What its worktree left out.
    pub sparse: Option<Sparse>,
}

/// One entry of the chain, as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The commit.
    pub commit: ObjectId,
    /// When it was made.
    pub time: Timestamp,
    /// The operation that made it.
    pub operation: Option<OperationId>,
    /// The session's name at that time.
    pub name: String,
    /// Its id.
    pub id: Option<ObjectId>,
    /// The stash-shaped commit.
    pub salvage: Option<ObjectId>,
    /// All commits that it holds.
    pub holds: Vec<ObjectId>,
    /// Settings of the branch, as `key=value`.
    pub config: Vec<String>,
    /// Whether it has the patterns of a sparse checkout.
    pub is_sparse: bool,
}

/// All entries, newest first. The walk ends at what is no entry.
///
/// # Errors
/// Refused, if the ref cannot be read.
pub fn entries(repo: &Repo) -> Result<Vec<Entry>> {
    let mut list = Vec::new();
    let mut next = repo.ref_id(REFERENCE)?;
    while let Some(commit) = next {
        let Ok(found) = repo.commit(commit) else { break };
        let message = String::from_utf8_lossy(&found.message).into_owned();
        let values = |key: &'static str| {
            message.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": ").map(str::to_owned))
        };
        let id_of = |key| values(key).next().and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok());
        let Some(name) = values("Session-Name").next() else { break };
        // In the very first entry all parents are kept ones.
        let before = found.parents.first().copied().filter(|parent| is_entry(repo, *parent));
        list.push(Entry {
            commit,
            time: found.time,
            operation: values("Session-Operation").next().and_then(|text| OperationId::parse(&text)),
            name,
            id: id_of("Session-Id"),
            salvage: id_of("Session-Salvage"),
            holds: found.parents.iter().copied().skip(usize::from(before.is_some())).collect(),
            config: values("Session-Branch-Config").collect(),
            is_sparse: values("Session-Sparse").next().is_some(),
        });
        next = before;
    }
    Ok(list)
}

/// The patterns of a sparse checkout that an entry holds.
///
/// # Errors
/// Refused, if it cannot be read.
pub fn sparse(repo: &Repo, entry: ObjectId) -> Result<Option<Sparse>> {
    let commit = repo.commit(entry)?;
    let Some(blob) = repo.files_at_top(commit.tree)?.remove(SPARSE) else { return Ok(None) };
    let message = String::from_utf8_lossy(&commit.message).into_owned();
    let is_cone = message.lines().any(|line| line.strip_prefix("Session-Sparse: ") == Some(CONE));
    Ok(Some(Sparse { patterns: repo.blob(blob)?.to_vec(), is_cone }))
}

fn is_entry(repo: &Repo, commit: ObjectId) -> bool {
    repo.commit(commit).is_ok_and(|commit| {
        commit.author.starts_with("git session <")
            && String::from_utf8_lossy(&commit.message).lines().any(|line| line.starts_with("Session-Name: "))
    })
}

/// Adds one entry that holds all these commits.
///
/// # Errors
/// Refused or contended: then nothing may be removed.
pub fn add(repo: &Repo, writer: &Writer, kept: &Kept) -> Result<ObjectId> {
    let mut message = format!("[{}] keep: what the session leaves behind\n\n", kept.name);
    message.push_str(&format!("Session-Operation: {}\n", writer.operation));
    message.push_str(&format!("Session-Name: {}\nSession-Id: {}\n", kept.name, kept.id));
    if let Some(worktree) = &kept.worktree {
        message.push_str(&format!("Session-Worktree: {}\n", crate::session::event::one_line(worktree)));
    }
    if let Some(salvage) = kept.salvage {
        message.push_str(&format!("Session-Salvage: {salvage}\n"));
    }
    for pair in &kept.config {
        message.push_str(&format!("Session-Branch-Config: {pair}\n"));
    }
    let mut blob = None;
    if let Some(sparse) = &kept.sparse {
        message.push_str(&format!("Session-Sparse: {}\n", if sparse.is_cone { CONE } else { "patterns" }));
        blob = Some(repo.write_blob(&sparse.patterns)?);
    }
    let draft = repo.draft_by_us(&writer.identity, message);
    let tree = repo.edit_tree(None, blob.map(|blob| (SPARSE, Some(blob))))?;
    retry(|| {
        let before = repo.ref_id(REFERENCE)?;
        let mut parents: Vec<ObjectId> = before.into_iter().collect();
        for tip in kept.salvage.iter().chain(&kept.tips) {
            if !parents.contains(tip) {
                parents.push(*tip);
            }
        }
        let commit = repo.write_commit(&draft, tree, &parents)?;
        repo.transact(&[Edit::put(REFERENCE, before, commit)], &format!("[{}] keep", kept.name))?;
        Ok(commit)
    })
}
