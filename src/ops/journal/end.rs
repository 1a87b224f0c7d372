//! The steps by which a session ends: directory aside, salvage, one transaction (branch, record to `@done`, claim to
//! *committed*), git's own entry, delete.

mod leave;
mod lost;

pub use lost::keep_entry;

use crate::error::{Context as _, Error, Result};
use crate::git::{Edit, Repo, Worktree, status};
use crate::ops::Context;
use crate::session::Word as _;
use crate::session::{EventKind, Name, ObjectId, State};
use crate::store::keep::{self, Kept};
use crate::store::pending::{self, Pending, Stage};
use crate::store::{Loaded, Writer, done, ports, record, retry};
use leave::{come_back, leave};
use lost::{look_again, lost_with};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How one session ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndStep {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// *merged*, *kept* or *abandoned*.
    pub state: State,
    /// The rest of the event's subject.
    pub what: String,
    /// Of a merged one: the commit the base had its work at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_at: Option<String>,
    /// The base that must have it before the session may end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Its branch, by full name.
    pub branch: String,
    /// Where that stands; absent where the branch is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tip: Option<String>,
    /// Whether the branch goes.
    pub deletes_branch: bool,
    /// Its worktree, which goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// git's own directory of that worktree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_dir: Option<String>,
    /// A checkout that was there before the session and stays: what it is switched to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub here_to: Option<String>,
    /// git's own directory of a worktree that stays as it is, and is nobody's from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unties: Option<String>,
    /// Further trailers of the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trailers: Vec<(String, String)>,
}

/// What ending a session left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The salvage of uncommitted work.
    pub salvage: Option<ObjectId>,
    /// The record in `@done`.
    pub record: ObjectId,
    /// What came up after the commit point.
    pub warnings: Vec<String>,
}

impl EndStep {
    fn tip(&self) -> Option<ObjectId> {
        self.tip.as_ref().and_then(|tip| ObjectId::from_hex(tip.as_bytes()).ok())
    }

    fn id(&self) -> Result<ObjectId> {
        ObjectId::from_hex(self.id.as_bytes()).or_refuse(|| "The plan names no session.")
    }

    /// Where the directory is while it goes: beside itself, so that renaming is all it takes.
    fn aside(&self, path: &Path) -> PathBuf {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        path.with_file_name(format!(".{name}~session-{}", &self.id[..8]))
    }
}

/// Ends a session under its claim. The claim is given up at the end.
///
/// # Errors
/// Refused or contended. Before the commit point everything is as it was; after it the next command completes it.
pub fn run(repo: &Repo, writer: &Writer, claim: &Pending, step: &EndStep) -> Result<Ended> {
    let name = Name::parse(&step.name)?;
    let id = step.id()?;
    let worktree = worktree_of(repo, step)?;
    // What is at its place and does not say that it is this worktree is not ours to touch.
    let path =
        worktree.as_ref().filter(|tree| step.here_to.is_none() && tree.is_proven()).map(|tree| tree.path.clone());
    if let (Some(path), Some(planned)) = (&path, &step.worktree)
        && path != Path::new(planned)
    {
        // What is set aside is found again by the place that the plan names.
        let now = path.display();
        return Err(Error::contended(format!("The worktree of '{name}' was moved to '{now}' at the same moment."))
            .hint("Run it again."));
    }
    if let Some(path) = &path {
        let aside = step.aside(path);
        std::fs::rename(path, &aside).or_refuse(|| {
            format!("The worktree '{}' could not be put aside; is a program holding it?", path.display())
        })?;
    }
    let committed = commit(repo, writer, claim, step, &name, id, worktree.as_ref(), path.as_deref());
    match committed {
        Ok((mut ended, claim)) => {
            ended.warnings = complete(repo, writer, &claim, step, worktree.as_ref())?;
            Ok(ended)
        }
        Err(error) => {
            if let Some(path) = &path {
                let aside = step.aside(path);
                if let Err(also) = std::fs::rename(&aside, path) {
                    return Err(error.hint(format!("The worktree is at '{}' now ({also}).", aside.display())));
                }
            }
            Err(error)
        }
    }
}

fn worktree_of(repo: &Repo, step: &EndStep) -> Result<Option<Worktree>> {
    let Some(git_dir) = step.git_dir.as_ref().map(PathBuf::from) else { return Ok(None) };
    Ok(repo.worktrees()?.into_iter().find(|worktree| worktree.git_dir == git_dir))
}

#[expect(clippy::too_many_arguments, reason = "the one place where all of a session's parts come together")]
fn commit(
    repo: &Repo,
    writer: &Writer,
    claim: &Pending,
    step: &EndStep,
    name: &Name,
    id: ObjectId,
    worktree: Option<&Worktree>,
    path: Option<&Path>,
) -> Result<(Ended, Pending)> {
    let mut salvage = None;
    let mut tips: Vec<ObjectId> = step.tip().into_iter().collect();
    let mut sparse = None;
    if let (Some(worktree), Some(path)) = (worktree, path) {
        let aside = Worktree { path: step.aside(path), ..worktree.clone() };
        if let Some(found) = repo.salvage(&aside, &writer.identity)? {
            salvage = Some(found.commit);
            tips.extend(found.stages);
        }
    }
    if let Some(worktree) = worktree.filter(|_| step.here_to.is_none()) {
        sparse = repo.sparse_of(worktree)?;
        if worktree.is_missing {
            tips.extend(repo.salvage_index(worktree, &writer.identity)?);
        }
        let branch = step.deletes_branch.then_some(step.branch.as_str());
        tips.extend(lost_with(repo, worktree, branch, &tips)?);
    }
    let left = step.here_to.as_ref().zip(worktree);
    if let Some((target, worktree)) = left {
        salvage = leave(repo, worktree, step, target)?;
    }
    let ended = (|| {
        if step.deletes_branch || salvage.is_some() || tips.len() > 1 || sparse.is_some() {
            let config = if step.deletes_branch { repo.branch_config(&step.branch)? } else { Vec::new() };
            let worktree = step.worktree.clone();
            let kept = Kept { name: name.clone(), id, worktree, salvage, tips, config, sparse };
            keep::add(repo, writer, &kept)?;
        }
        end_record_and_branch(repo, writer, claim, step, name, id, salvage)
    })();
    match (ended, left) {
        (Err(error), Some((_, worktree))) => Err(match come_back(repo, worktree, step, name, salvage) {
            Ok(()) => error,
            Err(also) => also.because(error),
        }),
        (ended, _) => ended,
    }
}

/// The commit point: record to `@done`, branch, claim, in one transaction.
fn end_record_and_branch(
    repo: &Repo,
    writer: &Writer,
    claim: &Pending,
    step: &EndStep,
    name: &Name,
    id: ObjectId,
    salvage: Option<ObjectId>,
) -> Result<(Ended, Pending)> {
    retry(|| {
        let Some(before) = record::find(repo, name)?.filter(|loaded| loaded.id() == id) else {
            return Err(Error::refused(format!("The session '{name}' has ended meanwhile.")));
        };
        let record = end_record(repo, writer, step, &before, salvage)?;
        let holds: Vec<ObjectId> = step.tip().into_iter().collect();
        let next = pending::draft(repo, writer, &claim.reference, Stage::Committed, &claim.plan, &holds)?;
        let mut edits = vec![
            Edit::delete(name.reference(), before.head),
            Edit::create(done::reference(id), record),
            Edit::update(&claim.reference, claim.commit, next.commit),
        ];
        edits.extend(ports::release(repo, id)?);
        match step.tip() {
            Some(tip) if step.deletes_branch => edits.push(Edit::delete(&step.branch, tip)),
            Some(tip) => edits.push(Edit::verify(&step.branch, tip)),
            None => {}
        }
        repo.transact(&edits, &format!("[{name}] {}: {}", step.state, step.what))?;
        Ok((Ended { salvage, record, warnings: Vec::new() }, next))
    })
}

/// The last record, as it lies in `@done`.
fn end_record(
    repo: &Repo,
    writer: &Writer,
    step: &EndStep,
    before: &Loaded,
    salvage: Option<ObjectId>,
) -> Result<ObjectId> {
    let kind = match step.state {
        State::Merged => EventKind::Merged,
        State::Kept => EventKind::Kept,
        _ => EventKind::Abandoned,
    };
    let mut event = writer.event(&before.name, kind, step.what.clone());
    event.branch_tip = step.tip();
    if let Some(worktree) = &step.worktree {
        event.trailers.push(("Session-Worktree".into(), worktree.clone()));
    }
    if let Some(at) = &step.merged_at {
        event.trailers.push(("Session-Merged-At".into(), at.clone()));
    }
    if let Some(salvage) = salvage {
        event.trailers.push(("Session-Salvage".into(), salvage.to_string()));
    }
    event.trailers.extend(step.trailers.iter().cloned());
    let mut record = before.record.clone();
    record.state = step.state;
    record.merged_at.clone_from(&step.merged_at);
    writer.next(repo, before, &record, &event)
}

/// What comes after the commit point: git's entry, the directory, the claim. Returns warnings.
fn complete(
    repo: &Repo,
    writer: &Writer,
    claim: &Pending,
    step: &EndStep,
    worktree: Option<&Worktree>,
) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    if step.here_to.is_none() {
        let aside = step.worktree.as_ref().map(|path| step.aside(Path::new(path)));
        let aside = aside.filter(|aside| aside.symlink_metadata().is_ok());
        let mut may_go = true;
        if let Some(worktree) = worktree.filter(|worktree| worktree.id.is_some()) {
            // Deleting begins with git's entry: while that is there the directory is whole.
            if let Some(aside) = &aside {
                match look_again(repo, writer, step, &Worktree { path: aside.clone(), ..worktree.clone() }) {
                    Ok(None) => {}
                    Ok(Some(late)) => warnings.push(format!(
                        "Something was written in the worktree of '{}' while it ended; it is kept too: `git stash apply \
                         --index {}`.",
                        step.name,
                        late.to_hex_with_len(12)
                    )),
                    Err(error) => {
                        may_go = false;
                        warnings.push(format!(
                            "The directory '{}' could not be looked at once more, and stays: {}.",
                            aside.display(),
                            error.one_line()
                        ));
                    }
                }
            }
            repo.forget_worktree(worktree)?;
        }
        if let Some(path) = step.worktree.as_ref().map(PathBuf::from) {
            if let Some(aside) = aside.filter(|_| may_go) {
                crate::host::copy::remove_tree(&aside)?;
            }
            super::create::remove_empty_parents(repo, &path);
        }
    }
    if let Some(git_dir) = &step.unties
        && let Some(worktree) = repo.worktree_at_git_dir(Path::new(git_dir))
        && worktree.tie.as_ref().map(Name::as_str) == Some(&step.name)
    {
        repo.untie(&worktree.git_dir)?;
    }
    if step.deletes_branch {
        let section = format!("branch.{}", step.branch.strip_prefix("refs/heads/").unwrap_or(&step.branch));
        if repo.setting(&format!("{section}.remote")).is_some() || repo.setting(&format!("{section}.merge")).is_some() {
            let _ = repo.git().args(["config", "--remove-section", &section]).run();
        }
    }
    retry(|| repo.transact(&[claim.release()], "session: ended"))?;
    Ok(warnings)
}

/// Takes back or completes the end of a session that was interrupted.
///
/// # Errors
/// Refused, if it cannot be mended; the claim stays then.
pub fn recover(ctx: &Context, writer: &Writer, claim: &Pending, step: &EndStep) -> Result<String> {
    let repo = &ctx.repo;
    let worktree = worktree_of(repo, step)?;
    if claim.stage == Stage::Committed {
        let warnings = complete(repo, writer, claim, step, worktree.as_ref())?;
        return Ok(said(format!("Completed the interrupted `finish {}`.", step.name), &warnings));
    }
    if let Some(path) = step.worktree.as_ref().map(PathBuf::from) {
        let aside = step.aside(&path);
        if aside.symlink_metadata().is_ok() {
            if path.symlink_metadata().is_ok() {
                return stay_aside(repo, claim, step, &path, &aside);
            }
            std::fs::rename(&aside, &path).or_refuse(|| format!("'{}' could not be put back.", path.display()))?;
        }
    }
    let is_merged = match (&step.base, &step.merged_at) {
        (Some(base), Some(at)) => match (repo.ref_id(base)?, ObjectId::from_hex(at.as_bytes())) {
            (Some(tip), Ok(at)) => repo.has_object(at) && repo.is_ancestor(at, tip)?,
            _ => false,
        },
        _ => false,
    };
    // Work that came after the merge must not be swept away with it.
    let is_unchanged = step.tip() == repo.ref_id(&step.branch)?
        && worktree.as_ref().is_none_or(|worktree| {
            worktree.is_missing || status::dirty(&worktree.path).is_ok_and(|dirty| !dirty.is_uncommitted())
        });
    if is_merged && is_unchanged {
        let ended = run(repo, writer, claim, step)?;
        let what = format!("Completed the interrupted `finish {}`: its work is merged.", step.name);
        return Ok(said(what, &ended.warnings));
    }
    let stash = match (&step.here_to, &worktree) {
        (Some(target), Some(worktree)) => leave::take_back(repo, worktree, step, target)?,
        _ => String::new(),
    };
    repo.transact(&[claim.release()], "session: recovered")?;
    Ok(format!("Took back the interrupted `finish {}`.{stash}", step.name))
}

/// Something else stands where the worktree was: it stays where it was set aside, and git is told so.
fn stay_aside(repo: &Repo, claim: &Pending, step: &EndStep, path: &Path, aside: &Path) -> Result<String> {
    let (name, place) = (&step.name, aside.display());
    repo.git()
        .args(["worktree", "repair"])
        .arg(aside)
        .run_ok()
        .map_err(|error| error.hint(format!("The worktree of '{name}' is whole, and lies at '{place}'.")))?;
    repo.transact(&[claim.release()], "session: recovered")?;
    Ok(format!(
        "Took back the interrupted `finish {name}`; something else stands at '{}', so its worktree is at '{place}' now. \
         `git session move {name_word} <path>` moves it.",
        path.display(),
        name_word = name.word()
    ))
}

fn said(what: String, warnings: &[String]) -> String {
    std::iter::once(what).chain(warnings.iter().cloned()).collect::<Vec<_>>().join(" ")
}
