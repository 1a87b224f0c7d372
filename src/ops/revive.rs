//! What gives a live session its worktree back, for `adopt` and `doctor --fix`: the one that is on its branch is tied to
//! it, the one whose directory is gone is made again where it was, and where there is none it gets a new one.

use crate::error::{Error, Result};
use crate::git::hooks::{self, Ran};
use crate::git::revive::require_revivable;
use crate::git::worktrees::Head;
use crate::git::{Repo, Worktree};
use crate::ops::Context;
use crate::ops::base::short_name;
use crate::ops::create::{place_of, require_free_place};
use crate::ops::journal::{self, Plan};
use crate::session::Word as _;
use crate::session::{EventKind, Name};
use crate::store::pending::Pending;
use crate::store::{Loaded, Snapshot, Writer, pending, retry};
use std::path::{Path, PathBuf};

/// A live session whose worktree or branch is not what its record says.
#[derive(Debug, Clone)]
pub struct Mend {
    /// The session.
    pub session: Loaded,
    /// The worktree that is tied to it; none: one is made at `place`.
    pub worktree: Option<Worktree>,
    /// Where a new worktree goes.
    pub place: Option<PathBuf>,
    /// git's entry of the worktree that was at `place`, and comes back as that has it.
    pub entry: Option<Worktree>,
    /// The branch that the record takes over.
    pub branch: Option<String>,
}

/// Plans what a session gets. Reads only.
///
/// # Errors
/// Refused or contended, with what would do.
pub fn plan(ctx: &Context, session: &Name) -> Result<Mend> {
    // A session that is just being made looks like one whose worktree is lost.
    if let Some(held) = pending::find(&ctx.repo, &session.pending())? {
        return Err(pending::is_held(&held));
    }
    unclaimed(ctx, session)
}

/// What a session lacks, whoever has the claim.
fn unclaimed(ctx: &Context, session: &Name) -> Result<Mend> {
    let snapshot = &Snapshot::read(&ctx.repo)?;
    let session = snapshot.require(session)?;
    let mut mend = Mend { session: session.clone(), worktree: None, place: None, entry: None, branch: None };
    let found = snapshot.worktree_of(session);
    if let Some(worktree) = found.filter(|worktree| !worktree.is_missing) {
        mend.worktree = Some(worktree.clone());
        match worktree.branch() {
            Some(branch) if branch != session.record.branch => {
                if ctx.repo.ref_id(&session.record.branch)?.is_some() {
                    return Err(Error::refused(format!(
                        "The worktree of '{}' is on '{}', and its branch '{}' is there too.",
                        session.name,
                        short_name(&branch),
                        session.record.branch_short()
                    ))
                    .hint(format!(
                        "`git -C {} switch {}` goes back.",
                        worktree.path.display().to_string().word(),
                        session.record.branch_short().word()
                    )));
                }
                mend.branch = Some(branch);
            }
            _ if worktree.tie.is_some() => {
                return Err(Error::refused(format!("The session '{}' has its worktree already.", session.name))
                    .hint(format!("It is at '{}'.", worktree.path.display())));
            }
            _ => {}
        }
        return Ok(mend);
    }
    if ctx.repo.ref_id(&session.record.branch)?.is_none() {
        return Err(Error::refused(format!("The branch '{}' is gone.", session.record.branch_short()))
            .hint(format!("`git branch {} <commit>` makes it again.", session.record.branch_short().word())));
    }
    if let Some(entry) = found {
        require_revivable(entry)?;
        if has_files(&entry.path) {
            let place = entry.path.display();
            return Err(Error::refused(format!("The directory '{place}' is there, and has lost its link to git."))
                .hint("`git session doctor --fix` writes it anew.")
                .hint("Or move the directory away, then run it again."));
        }
        if require_free_place(&entry.path).is_ok() {
            mend.place = Some(entry.path.clone());
            mend.entry = Some(entry.clone());
            return Ok(mend);
        }
    }
    let path = place_of(ctx, &session.name, &session.record.branch)?;
    require_free_place(&path)?;
    mend.place = Some(path);
    Ok(mend)
}

fn has_files(path: &Path) -> bool {
    path.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// Why `doctor --fix` would leave a worktree that is gone as it is; nothing where it makes it again.
pub fn refusal(ctx: &Context, session: &Name) -> Option<Error> {
    match unclaimed(ctx, session) {
        Ok(mend) if mend.entry.is_some() => None,
        Ok(mend) => Some(Error::refused("Something else stands at its place.").hint(format!(
            "`git session adopt {session}` makes it at '{}'.",
            mend.place.unwrap_or_default().display(),
            session = session.word()
        ))),
        Err(error) => Some(error),
    }
}

/// Gives a live session its worktree, or the branch that its worktree is on. The warnings go to `warnings`.
///
/// # Errors
/// Refused or contended.
pub fn execute(ctx: &Context, writer: &Writer, mend: &Mend, warnings: &mut Vec<String>) -> Result<(Name, PathBuf)> {
    let name = &mend.session.name;
    let _held = journal::hold(&ctx.repo, writer)?;
    let scratch = mend.entry.as_ref().map(|entry| scratch_of(&entry.path, writer));
    let text = scratch.as_ref().and_then(|path| path.to_str()).map(str::to_owned);
    let entry = Plan::Mend { name: name.to_string(), scratch: text };
    let claims = journal::claim(&ctx.repo, writer, &[(name.pending(), entry, Vec::new())])?;
    // The plan was made before the claim.
    let outcome = unclaimed(ctx, name).and_then(|now| {
        if now.entry.as_ref().map(|entry| &entry.path) != mend.entry.as_ref().map(|entry| &entry.path) {
            return Err(Error::contended(format!("The worktree of '{name}' changed at the same moment."))
                .hint("Nothing was changed; run it again."));
        }
        claimed(ctx, writer, now, scratch.as_deref(), warnings)
    });
    let edits: Vec<_> = claims.iter().map(Pending::release).collect();
    let released = retry(|| ctx.repo.transact(&edits, "session: adopted"));
    outcome.and_then(|made| released.map(|()| made))
}

/// What the name of such a directory has before the operation's id.
const MARK: &str = "~session-";

/// Where the files of a worktree lie until all of them are there: beside its place.
fn scratch_of(path: &Path, writer: &Writer) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}{MARK}{}", writer.operation))
}

fn claimed(
    ctx: &Context,
    writer: &Writer,
    mend: Mend,
    scratch: Option<&Path>,
    warnings: &mut Vec<String>,
) -> Result<(Name, PathBuf)> {
    let repo = &ctx.repo;
    let name = mend.session.name.clone();
    let worktree = match (mend.worktree, mend.place, mend.entry.zip(scratch)) {
        (Some(worktree), ..) => worktree,
        (None, Some(place), Some((entry, scratch))) => {
            repo.revive(&entry, scratch)?;
            warnings.extend(after_checkout(repo, &entry)?);
            repo.registered_at(&place)?
        }
        (None, Some(place), None) => {
            // git keeps the entry of a directory that is gone, and the branch looks taken until it is pruned.
            let snapshot = Snapshot::read(repo)?;
            if let Some(stale) = snapshot.worktree_of(&mend.session).filter(|stale| stale.is_missing) {
                require_revivable(stale)?;
                journal::end::keep_entry(repo, writer, &mend.session, stale)?;
                repo.forget_worktree(stale)?;
            }
            if let Some(parent) = place.parent() {
                std::fs::create_dir_all(parent).map_err(|error| {
                    Error::refused(format!("'{}' could not be made.", parent.display())).because(error)
                })?;
            }
            repo.git()
                .args(["worktree", "add", "--quiet"])
                .arg(&place)
                .arg(mend.session.record.branch_short())
                .run_ok()?;
            repo.registered_at(&place)?
        }
        (None, None, _) => return Err(Error::bug("Nothing to adopt.")),
    };
    repo.tie(&worktree.git_dir, &name)?;
    writer.append(repo, &name, mend.session.id(), |_, record| {
        let what = match &mend.branch {
            Some(branch) => {
                record.branch.clone_from(branch);
                format!("branch {}", short_name(branch))
            }
            None => format!("worktree {}", worktree.path.display()),
        };
        let mut event = writer.event(&name, EventKind::Adopted, what);
        event.branch_tip = repo.ref_id(&record.branch)?;
        Ok(Some(event))
    })?;
    Ok((name, worktree.path))
}

/// The hook that git runs after `git worktree add`.
fn after_checkout(repo: &Repo, worktree: &Worktree) -> Result<Option<String>> {
    let head = match &worktree.head {
        Head::Branch(branch) => repo.ref_id(branch)?,
        Head::Detached(id) => Some(*id),
        Head::Unknown => None,
    };
    let null = repo.null_id();
    let (from, to) = (null.to_string(), head.unwrap_or(null).to_string());
    Ok(match hooks::run(repo, &worktree.path, "post-checkout", &[&from, &to, "1"], &[])? {
        Ran::None | Ran::Code(0) => None,
        Ran::Code(code) => Some(format!("The hook 'post-checkout' ended with {code}.")),
        Ran::LeftOut(hook) => Some(format!(
            "The hook '{}' did not run: it comes with the branch, and differs from the one in your main worktree.",
            hook.display()
        )),
    })
}

/// What an interrupted one left: files that were not in place yet go. Says what became of it.
///
/// # Errors
/// Refused, if the worktrees cannot be listed or the files cannot be deleted.
pub fn recover(repo: &Repo, name: &str, scratch: Option<&str>) -> Result<String> {
    // Nothing goes whose name is not of the kind that is given here.
    let is_ours = |path: &&Path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(MARK));
    if let Some(scratch) = scratch.map(Path::new).filter(is_ours)
        && scratch.symlink_metadata().is_ok()
    {
        crate::host::copy::remove_tree(scratch)?;
    }
    let is_back = |tree: &Worktree| tree.tie.as_ref().is_some_and(|tie| tie.as_str() == name) && tree.is_proven();
    Ok(if scratch.is_some() && repo.worktrees()?.iter().any(is_back) {
        format!("The interrupted command gave '{name}' its worktree.")
    } else {
        format!("The interrupted `adopt {name}` may be run again.")
    })
}
