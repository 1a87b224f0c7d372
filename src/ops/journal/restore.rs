//! The steps by which an ended session comes back: one transaction (record out of `@done`, branch), then the worktree
//! with its index and what was uncommitted, then the tie, which says that all of it is there.

use super::create::{remove_empty_parents, remove_if_ours};
use crate::error::{Context as _, Error, Result};
use crate::git::hooks::{self, Ran};
use crate::git::refill::Work;
use crate::git::{Edit, Repo, Worktree, status};
use crate::ops::Context;
use crate::session::{Name, ObjectId};
use crate::store::pending::Pending;
use crate::store::{Writer, done, keep, record, retry};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How one session comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RestoreStep {
    /// Its name from now on.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The record in `@done`.
    pub done: String,
    /// The record that follows it.
    pub record: String,
    /// Its branch, by full name.
    pub branch: String,
    /// Whether the branch is made, or was there.
    pub makes_branch: bool,
    /// Where the branch stands.
    pub tip: String,
    /// Its directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A checkout that is there: what it is switched back to if this fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub here_from: Option<String>,
    /// The salvage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salvage: Option<String>,
    /// What lies beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// Settings of the branch, as `key=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<String>,
    /// The entry of `@keep` that has the patterns of its sparse checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse: Option<String>,
    /// A base that goes back first, and where to: the session comes back only if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<(String, String)>,
}

fn parse(text: &str) -> Result<ObjectId> {
    ObjectId::from_hex(text.as_bytes()).or_refuse(|| "The plan names no object.")
}

impl RestoreStep {
    fn work(&self, repo: &Repo) -> Result<Option<Work>> {
        let kept = self.kept.iter().map(|id| parse(id)).collect::<Result<Vec<_>>>()?;
        repo.work_of(self.salvage.as_deref().map(parse).transpose()?, &kept)
    }

    fn live(&self, repo: &Repo) -> Result<Option<crate::store::Loaded>> {
        let id = parse(&self.id)?;
        Ok(record::find(repo, &Name::parse(&self.name)?)?.filter(|loaded| loaded.id() == id))
    }
}

/// Brings it back under its claim, which is given up at the end. Returns warnings.
///
/// # Errors
/// Refused or contended: everything is as it was then.
pub fn run(repo: &Repo, claim: &Pending, step: &RestoreStep) -> Result<Vec<String>> {
    let release = |error: Error| match retry(|| repo.transact(&[claim.release()], "session: take back")) {
        Ok(()) => error,
        Err(also) => error.hint(format!("The claim could not be given up ({}).", also.one_line())),
    };
    begin(repo, step).map_err(release)?;
    let filled = fill(repo, step).and_then(|warnings| {
        retry(|| repo.transact(&[claim.release()], "session: restored"))?;
        Ok(warnings)
    });
    filled.map_err(|error| match take_back(repo, claim, step) {
        Ok(None) => error,
        Ok(Some(aside)) => error.hint(format!("Files that are not its own were put at '{}'.", aside.display())),
        Err(also) => {
            error.hint(format!("Not all could be taken back ({}); the next command tries again.", also.one_line()))
        }
    })
}

/// Record and branch, in one transaction.
fn begin(repo: &Repo, step: &RestoreStep) -> Result<()> {
    let (name, tip) = (Name::parse(&step.name)?, parse(&step.tip)?);
    let edits = [
        Edit::delete(done::reference(parse(&step.id)?), parse(&step.done)?),
        Edit::create(name.reference(), parse(&step.record)?),
        if step.makes_branch { Edit::create(&step.branch, tip) } else { Edit::verify(&step.branch, tip) },
    ];
    let outcome = retry(|| match repo.transact(&edits, &format!("[{name}] restored")) {
        // Trying again helps against a lock only.
        Err(error) if error.is_contended() && edits.iter().any(|edit| edit.is_stale(repo)) => Ok(Err(error)),
        outcome => outcome.map(Ok),
    })?;
    outcome.map_err(|error| {
        Error::contended(format!("Somebody else changed '{name}' or its branch at the same moment."))
            .because(error)
            .hint("Nothing was changed; run it again.")
    })
}

/// Branch settings, worktree and tie. Returns warnings.
fn fill(repo: &Repo, step: &RestoreStep) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    if let Err(error) = repo.set_branch_config(&step.branch, &step.config) {
        warnings.push(format!("The settings of its branch could not be set: {}.", error.one_line()));
    }
    let Some(path) = step.path.as_ref().map(PathBuf::from) else { return Ok(warnings) };
    let (name, tip, work) = (Name::parse(&step.name)?, parse(&step.tip)?, step.work(repo)?);
    if step.here_from.is_some() {
        let worktree = switch(repo, step, &path)?;
        repo.tie(&worktree.git_dir, &name)?;
        return Ok(warnings);
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .or_refuse(|| format!("The folder '{}' could not be made.", parent.display()))?;
    }
    let worktree = repo.register_worktree(&path, &step.branch)?;
    let sparse = step.sparse.as_deref().map(parse).transpose()?;
    let sparse = sparse.map(|entry| keep::sparse(repo, entry)).transpose()?.flatten();
    repo.refill(&worktree, tip, work.as_ref(), sparse.as_ref())?;
    repo.tie(&worktree.git_dir, &name)?;
    let (null, start) = (repo.null_id().to_string(), tip.to_string());
    match hooks::run(repo, &worktree.path, "post-checkout", &[&null, &start, "1"], &[])? {
        Ran::None | Ran::Code(0) => {}
        Ran::Code(code) => warnings.push(format!("The hook 'post-checkout' ended with {code}.")),
        Ran::LeftOut(hook) => warnings.push(format!(
            "The hook '{}' did not run: it comes with the branch, and differs from the one in your main worktree.",
            hook.display()
        )),
    }
    Ok(warnings)
}

/// A checkout that is there: git itself switches, and its stash gives back what was uncommitted.
fn switch(repo: &Repo, step: &RestoreStep, path: &Path) -> Result<Worktree> {
    let gone = || Error::refused(format!("The checkout '{}' is gone.", path.display()));
    let git = || repo.git_in(path);
    let worktree = repo.worktrees()?.into_iter().find(|worktree| worktree.path == path).ok_or_else(gone)?;
    let short = crate::ops::base::short_name(&step.branch);
    if worktree.branch().as_deref() != Some(&step.branch) {
        git().args(["switch", "--quiet", "--no-overwrite-ignore", "--no-guess", short]).run_ok()?;
    }
    if let Some(salvage) = &step.salvage
        && !status::dirty(path)?.is_uncommitted()
    {
        git().args(["stash", "apply", "--quiet", "--index", salvage]).run_ok()?;
        // `@keep` has it. By id, not by position: somebody may have stashed meanwhile.
        let list = git().args(["stash", "list", "--format=%H"]).run()?.text();
        if let Some(position) = list.lines().position(|id| id == salvage) {
            git().args(["stash", "drop", "--quiet", &format!("stash@{{{position}}}")]).run()?;
        }
    }
    Ok(worktree)
}

/// Lets go of what was made of the worktree. Returns where files went that are not its own.
fn discard(repo: &Repo, step: &RestoreStep) -> Result<Option<PathBuf>> {
    let Some(path) = step.path.as_ref().map(PathBuf::from) else { return Ok(None) };
    let worktree = repo.worktrees()?.into_iter().find(|worktree| worktree.path == path);
    if let Some(from) = &step.here_from {
        if let Some(worktree) = worktree.filter(|tree| tree.branch().as_deref() == Some(&step.branch)) {
            if worktree.tie.as_ref().map(Name::as_str) == Some(&step.name) {
                repo.untie(&worktree.git_dir)?;
            }
            let git = || repo.git_in(&path);
            let switch = ["switch", "--quiet", "--no-overwrite-ignore", "--no-guess"];
            match from.strip_prefix("refs/heads/") {
                Some(short) => git().args(switch).arg(short).run_ok()?,
                None => git().args(switch).args(["--detach", from]).run_ok()?,
            };
        }
        return Ok(None);
    }
    let mut aside = None;
    let is_ours = |worktree: &Worktree| {
        let tie = worktree.tie.as_ref().map(Name::as_str);
        worktree.id.is_some()
            && tie.is_none_or(|tie| tie == step.name)
            && worktree.branch().is_none_or(|branch| branch == step.branch)
    };
    match worktree.filter(is_ours) {
        Some(worktree) => {
            if path.exists() {
                let ours = repo.files_of_work(parse(&step.tip)?, step.work(repo)?.as_ref())?;
                aside = remove_if_ours(repo, &path, &ours, &step.record[..8])?;
            }
            repo.forget_worktree(&worktree)?;
        }
        // git makes the directory before its entry; an empty one is all that can be ours.
        None => drop(std::fs::remove_dir(&path)),
    }
    remove_empty_parents(repo, &path);
    Ok(aside)
}

/// Takes back what was made: the session is in `@done` again. Gives the claim up.
fn take_back(repo: &Repo, claim: &Pending, step: &RestoreStep) -> Result<Option<PathBuf>> {
    let aside = discard(repo, step)?;
    let tip = parse(&step.tip)?;
    retry(|| {
        let mut edits = vec![claim.release()];
        if let Some(live) = step.live(repo)? {
            edits.push(Edit::delete(live.name.reference(), live.head));
            edits.push(Edit::create(done::reference(live.id()), parse(&step.done)?));
            if step.makes_branch && repo.ref_id(&step.branch)? == Some(tip) {
                edits.push(Edit::delete(&step.branch, tip));
            }
        }
        repo.transact(&edits, "session: take back")
    })?;
    Ok(aside)
}

/// Completes a `restore` that was interrupted once record and branch were back; takes it back before that.
///
/// # Errors
/// Refused, if neither can be done; the claim stays then.
pub fn recover(ctx: &Context, _writer: &Writer, claim: &Pending, step: &RestoreStep) -> Result<String> {
    let repo = &ctx.repo;
    let name = &step.name;
    if step.live(repo)?.is_none() {
        let has_base_gone_back = match &step.after {
            Some((base, to)) => repo.ref_id(base)? == Some(parse(to)?),
            None => false,
        };
        if !has_base_gone_back {
            repo.transact(&[claim.release()], "session: recovered")?;
            return Ok(format!("Took back the interrupted `restore {name}`."));
        }
        return Ok(match run(repo, claim, step) {
            Ok(_) => format!("Completed the interrupted `undo`: '{name}' is back."),
            Err(error) => {
                format!(
                    "The base of '{name}' went back, and '{name}' itself could not come back: {}.",
                    error.one_line()
                )
            }
        });
    }
    let is_tied = || -> Result<bool> {
        let Some(path) = &step.path else { return Ok(true) };
        let worktree = repo.worktrees()?.into_iter().find(|worktree| worktree.path == Path::new(path));
        Ok(worktree.is_some_and(|worktree| worktree.tie.as_ref().map(Name::as_str) == Some(name)))
    };
    if is_tied()? {
        repo.set_branch_config(&step.branch, &step.config)?;
        repo.transact(&[claim.release()], "session: recovered")?;
        return Ok(format!("Completed the interrupted `restore {name}`."));
    }
    let aside = if step.here_from.is_some() { None } else { discard(repo, step)? };
    let said = match fill(repo, step) {
        Ok(_) => {
            retry(|| repo.transact(&[claim.release()], "session: recovered"))?;
            format!("Completed the interrupted `restore {name}`.")
        }
        Err(error) => {
            take_back(repo, claim, step)?;
            format!("Took back the interrupted `restore {name}`: {}.", error.one_line())
        }
    };
    Ok(match aside {
        None => said,
        Some(aside) => format!("{said} Files that are not its own were put at '{}'.", aside.display()),
    })
}
