//! The steps of `create`, and how they are taken back.

use crate::error::{Context as _, Result};
use crate::git::worktrees::{Worktree, bytes_of_path};
use crate::git::{Edit, Repo};
use crate::ops::Context;
use crate::session::{BString, Name, ObjectId};
use crate::store::pending::Pending;
use crate::store::{Writer, ports};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What one `create` set out to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CreateStep {
    /// The session.
    pub name: String,
    /// Its branch, by full name.
    pub branch: String,
    /// Whether the branch is made, or was there.
    pub makes_branch: bool,
    /// Where the branch starts.
    pub start: String,
    /// The first record.
    pub record: String,
    /// The directory.
    pub path: String,
    /// Whether that is a checkout which was there before.
    pub here: bool,
    /// Uncommitted work on its way there: the words of the stash that holds it, and the worktree it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carries: Option<(String, String)>,
}

impl CreateStep {
    fn start(&self) -> Option<ObjectId> {
        ObjectId::from_hex(self.start.as_bytes()).ok()
    }
}

/// The worktree that git has for the step's directory, if it got as far as that.
fn worktree(repo: &Repo, path: &Path) -> Result<Option<Worktree>> {
    Ok(repo.worktrees()?.into_iter().find(|worktree| worktree.path == path))
}

/// Takes back what was made, or completes it where only the end was missing. Gives the claim up.
///
/// # Errors
/// Refused, if something cannot be taken back; the claim stays then.
pub fn recover(ctx: &Context, _writer: &Writer, claim: &Pending, step: &CreateStep) -> Result<String> {
    let repo = &ctx.repo;
    let path = PathBuf::from(&step.path);
    let name = Name::parse(&step.name)?;
    if let Some(start) = step.start().filter(|_| step.makes_branch) {
        super::locks::remove_of_move(repo, &step.branch, None, (None, start));
    }
    let has_record = repo.ref_id(&name.reference())?.is_some();
    let worktree = worktree(repo, &path)?;
    if has_record && step.path.is_empty() {
        repo.transact(&[claim.release()], "session: recovered")?;
        return Ok(format!("Completed the interrupted `adopt {name}`."));
    }
    let is_complete = has_record
        && worktree.as_ref().is_some_and(|worktree| {
            if step.here {
                worktree.branch().as_deref() == Some(&step.branch)
            } else {
                worktree.git_dir.join("index").exists()
            }
        });
    if let Some(worktree) = worktree.filter(|_| is_complete) {
        if worktree.tie.as_ref() != Some(&name) {
            repo.tie(&worktree.git_dir, &name)?;
        }
        let carried = carry_on(repo, step, &path);
        repo.transact(&[claim.release()], "session: recovered")?;
        return Ok(format!("Completed the interrupted `create {name}`.{carried}"));
    }
    let aside = take_back(repo, claim, step)?;
    let carried = step.carries.as_ref().map(|(_, from)| carry_on(repo, step, Path::new(from))).unwrap_or_default();
    let said = match aside {
        None => format!("Took back the interrupted `create {name}`."),
        Some(aside) => format!(
            "Took back the interrupted `create {name}`; files that are not its own were put at '{}'.",
            aside.display()
        ),
    };
    Ok(said + &carried)
}

/// Uncommitted work that was on its way comes back from the stash to `top`. Returns what there is to say of it.
fn carry_on(repo: &Repo, step: &CreateStep, top: &Path) -> String {
    let stash = step.carries.as_ref().and_then(|(words, _)| repo.stash_of(top, words).ok().flatten());
    stash.map(|stash| super::from_stash(repo, top, stash)).unwrap_or_default()
}

/// Takes back what was made so far, and gives the claim up. Returns where files went that are not ours.
///
/// # Errors
/// Refused, if something cannot be taken back; the claim stays then.
pub fn take_back(repo: &Repo, claim: &Pending, step: &CreateStep) -> Result<Option<PathBuf>> {
    let path = PathBuf::from(&step.path);
    let mut aside = None;
    let name = Name::parse(&step.name)?;
    let now = repo.ref_id(&name.reference())?;
    let is_ours = now.is_some() && now == ObjectId::from_hex(step.record.as_bytes()).ok();
    // Directory and entry come after the record: where that is another's, they and the branch are the other's too.
    if is_ours && !step.here && !step.path.is_empty() {
        if let Some(worktree) = worktree(repo, &path)?.filter(|worktree| worktree.id.is_some()) {
            if path.exists() {
                aside = remove_files(repo, &worktree, step)?;
            }
            repo.forget_worktree(&worktree)?;
        } else {
            // git makes the directory before its entry; an empty one is all that can be ours.
            let _ = std::fs::remove_dir(&path);
        }
        remove_empty_parents(repo, &path);
    }
    let mut edits = vec![claim.release()];
    if let Some(record) = now.filter(|_| is_ours) {
        edits.push(Edit::delete(name.reference(), record));
        edits.extend(ports::release(repo, record)?);
    }
    if let (true, Some(start)) = (step.makes_branch && (is_ours || now.is_none()), step.start())
        && repo.ref_id(&step.branch)? == Some(start)
    {
        edits.push(Edit::delete(&step.branch, start));
    }
    repo.transact(&edits, "session: take back")?;
    Ok(aside)
}

fn remove_files(repo: &Repo, worktree: &Worktree, step: &CreateStep) -> Result<Option<PathBuf>> {
    let ours = match step.start() {
        Some(start) => repo.files_of_commit(start)?,
        None => HashMap::new(),
    };
    remove_if_ours(repo, &worktree.path, &ours, &step.record[..8])
}

/// Deletes the directory if every file in it is one we wrote; else puts it aside, and says where.
///
/// # Errors
/// Refused, if neither can be done.
pub(super) fn remove_if_ours(
    repo: &Repo,
    path: &Path,
    ours: &HashMap<BString, ObjectId>,
    mark: &str,
) -> Result<Option<PathBuf>> {
    if is_only_ours(repo, path, ours)? {
        crate::host::copy::remove_tree(path)?;
        return Ok(None);
    }
    let mut aside = path.to_owned().into_os_string();
    aside.push(format!("~session-{mark}"));
    let aside = PathBuf::from(aside);
    std::fs::rename(path, &aside).or_refuse(|| format!("'{}' could not be put aside.", path.display()))?;
    let _ = std::fs::remove_file(aside.join(".git"));
    Ok(Some(aside))
}

fn is_only_ours(repo: &Repo, top: &Path, ours: &HashMap<BString, ObjectId>) -> Result<bool> {
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = folder.read_dir().or_refuse(|| format!("'{}' could not be read.", folder.display()))?;
        for entry in entries {
            let entry = entry.or_refuse(|| format!("'{}' could not be read.", folder.display()))?;
            let path = entry.path();
            let meta = entry.metadata().or_refuse(|| format!("'{}' could not be read.", path.display()))?;
            let Ok(relative) = path.strip_prefix(top) else { return Ok(false) };
            if relative == Path::new(".git") {
                continue;
            }
            if meta.is_dir() {
                folders.push(path);
                continue;
            }
            let name = BString::from(bytes_of_path(relative));
            let Some(id) = ours.get(&name) else { return Ok(false) };
            let blob = repo.blob(*id)?;
            let found = if meta.is_symlink() {
                std::fs::read_link(&path).map(|target| bytes_of_path(&target))
            } else {
                std::fs::read(&path)
            };
            let found = found.or_refuse(|| format!("'{}' could not be read.", path.display()))?;
            // A file that was being written when we died is the beginning of its blob.
            if !blob.starts_with(&found) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Removes folders that hold nothing any more, up to the sessions folder itself; that too, unless a link leads to it.
pub fn remove_empty_parents(repo: &Repo, path: &Path) {
    let top = crate::ops::create::sessions_folder(repo);
    let is_linked = top.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    let Ok(top) = top.canonicalize() else { return };
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(&top)) {
        if (is_linked && folder == top) || std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}
