//! The steps by which a branch moves, a base or a session's: by compare-and-swap, and a worktree that has it checked out
//! follows in the same unit, by our own hand (`worktree`), or where that is not allowed by git's.

mod git_back;

use crate::error::{Context as _, Error, Hurdle, Result};
use crate::git::index::Route;
use crate::git::merge::Scratch;
use crate::git::worktrees::{Head, path_of_bytes};
use crate::git::{Edit, New, Repo, Worktree, status};
use crate::ops::Context;
use crate::ops::journal::worktree::{self, Follow, Followed};
use crate::session::Word as _;
use crate::session::{BString, ObjectId};
use crate::store::pending::{self, Pending, Stage};
use crate::store::{Writer, retry};
use git_back::take_files_back;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How a branch moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BaseStep {
    /// The branch, by full name.
    pub branch: String,
    /// Where it stands; absent where it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// Where it goes.
    pub new: String,
    /// git's own directory of the worktree that has it checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_dir: Option<String>,
    /// The operation that set out to do it: what is staged beside the index is called after it, whoever recovers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Uncommitted changes that are merged on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
}

/// All that is uncommitted before a move and after it, as commits in the shape of a stash, by id. `@keep` holds both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Carried {
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
}

impl Carried {
    /// Of two commits.
    pub fn new((from, to): (ObjectId, ObjectId)) -> Carried {
        Carried { from: from.to_string(), to: to.to_string() }
    }

    fn ids(&self) -> Result<(ObjectId, ObjectId)> {
        let parse = |text: &String| ObjectId::from_hex(text.as_bytes()).or_refuse(|| "The plan names no commit.");
        Ok((parse(&self.from)?, parse(&self.to)?))
    }
}

impl BaseStep {
    /// The way of the worktree from one commit to the other.
    fn route(&self, old: ObjectId, new: ObjectId) -> Result<Route> {
        Ok(Route { old, new, carried: self.carried.as_ref().map(Carried::ids).transpose()? })
    }

    fn ids(&self) -> Result<(Option<ObjectId>, ObjectId)> {
        let parse = |text: &String| ObjectId::from_hex(text.as_bytes()).or_refuse(|| "The plan names no commit.");
        Ok((self.old.as_ref().map(parse).transpose()?, parse(&self.new)?))
    }
}

/// What an event says of a base that moved with it, so that `undo` can move it back.
pub fn trailers(base: &str, from: Option<ObjectId>, to: ObjectId) -> Vec<(String, String)> {
    let mut trailers = vec![("Session-Base".to_owned(), base.to_owned())];
    trailers.extend(from.map(|from| ("Session-Base-From".to_owned(), from.to_string())));
    trailers.push(("Session-Base-To".to_owned(), to.to_string()));
    trailers
}

fn touched(repo: &Repo, old: ObjectId, new: ObjectId) -> Result<Vec<BString>> {
    repo.differing_paths(None, old, new)
}

/// Refuses to move a base under a worktree whose touched paths are not clean, that is busy or in an operation.
///
/// # Errors
/// Refused or contended, naming the paths.
pub fn require_followable(repo: &Repo, worktree: &Worktree, old: ObjectId, new: ObjectId) -> Result<()> {
    require_still(worktree)?;
    require_room(repo, worktree, old, new)
}

/// Refuses where git would write over what is in no commit.
fn require_room(repo: &Repo, worktree: &Worktree, old: ObjectId, new: ObjectId) -> Result<()> {
    refuse_in_the_way(worktree, &touched(repo, old, new)?)?;
    refuse_full_submodules(repo, worktree, old, new)
}

/// Refuses where a file is to come into the place of a submodule's directory that has something in it: git deletes all that
/// is in there, and says nothing of it.
///
/// # Errors
/// Refused, naming the directory.
pub fn refuse_full_submodules(repo: &Repo, worktree: &Worktree, old: ObjectId, new: ObjectId) -> Result<()> {
    for path in repo.submodules_that_become_files(old, new)? {
        let place = worktree.path.join(path_of_bytes(&path));
        let is_directory = place.symlink_metadata().is_ok_and(|found| found.is_dir());
        let is_full = is_directory && place.read_dir().map_or(true, |mut entries| entries.next().is_some());
        if is_full {
            let quoted = |suffix: &str| crate::ops::shell_quoted(&format!("{}{suffix}", place.display()));
            let command = format!("mv -n {} {}", quoted(""), quoted("~"));
            return Err(Error::refused(format!("'{path}' is to be a file, and there is something in its directory."))
                .hint(format!("Move it aside: `{command}`."))
                .met(Hurdle::Full(command)));
        }
    }
    Ok(())
}

/// Refuses a base's worktree that is busy or in an operation.
fn require_still(worktree: &Worktree) -> Result<()> {
    let place = worktree.path.display();
    if let Some(operation) = worktree.operation() {
        return Err(Error::refused(format!("The base is checked out at '{place}', in the middle of a {operation}."))
            .hint(format!(
                "`git -C {place} {operation} --continue` or `--abort` ends it.",
                place = place.to_string().word()
            )));
    }
    if worktree.is_busy() {
        return Err(Error::contended(format!("The base is checked out at '{place}', whose index is locked.")).hint(
            format!(
                "Run it again when git is done there; if no git is running, delete '{}'.",
                worktree.git_dir.join("index.lock").display()
            ),
        ));
    }
    Ok(())
}

/// The same against a tree that exists in memory only.
///
/// # Errors
/// As [`require_followable`].
pub fn require_followable_tree(
    repo: &Repo,
    scratch: &Scratch,
    worktree: &Worktree,
    old: ObjectId,
    tree: ObjectId,
) -> Result<()> {
    require_still(worktree)?;
    refuse_in_the_way(worktree, &repo.differing_paths(Some(scratch), old, tree)?)
}

fn refuse_in_the_way(worktree: &Worktree, touched: &[BString]) -> Result<()> {
    let changed = status::changed_paths(&worktree.path)?;
    let is_untracked = |change: &status::ChangedPath| change.mark == *b"??";
    let mut is_dirty = false;
    let mut in_the_way: Vec<String> = changed
        .iter()
        .filter(|change| !change.is_in_submodule && touched.iter().any(|path| meets(path, &change.path)))
        .inspect(|change| is_dirty |= !is_untracked(change))
        .map(|change| String::from_utf8_lossy(&change.path).into_owned())
        .collect();
    // git overwrites ignored files; they are in no commit, so they stay.
    let is_there = |path: &BString| worktree.path.join(path_of_bytes(path)).symlink_metadata().is_ok();
    let changed_ones = in_the_way.len();
    for ignored in status::ignored(&worktree.path)? {
        let hit = touched.iter().find(|path| meets(path, &ignored) && (is_there(path) || !ignored.ends_with(b"/")));
        in_the_way.extend(hit.map(|path| String::from_utf8_lossy(path).into_owned()));
    }
    if in_the_way.is_empty() {
        return Ok(());
    }
    let place = worktree.path.display();
    let shown = in_the_way.iter().take(5).map(|path| format!("'{path}'")).collect::<Vec<_>>().join(", ");
    let more = if in_the_way.len() > 5 { format!(" and {} more", in_the_way.len() - 5) } else { String::new() };
    if changed_ones == 0 {
        return Err(Error::refused(format!("Ignored files in '{place}' are in the way: {shown}{more}."))
            .met(Hurdle::Untracked)
            .hint("Move them aside: in no commit they would be lost; `git status --ignored` shows them."));
    }
    Err(Error::refused(format!("Uncommitted changes in '{place}' are in the way: {shown}{more}."))
        .met(if is_dirty { Hurdle::Dirty } else { Hurdle::Untracked })
        .hint(format!(
            "`git -C {place} stash --include-untracked` puts them aside; commit them if they are done.",
            place = place.to_string().word()
        )))
}

/// Whether two paths are the same, or one is a folder of the other.
fn meets(a: &[u8], b: &[u8]) -> bool {
    let b = b.strip_suffix(b"/").unwrap_or(b);
    let inside = |inner: &[u8], outer: &[u8]| inner.starts_with(outer) && inner.get(outer.len()) == Some(&b'/');
    a == b || inside(a, b) || inside(b, a)
}

/// A branch past its commit point.
#[derive(Debug)]
pub struct Advanced<'a> {
    /// The claim as it is now.
    pub claim: Pending,
    follow: Option<(Follow<'a>, Instant)>,
    went_back: bool,
}

impl Advanced<'_> {
    /// Looks at the worktree's `HEAD` once more, 100 ms after the commit point, and puts away what was set aside. Returns
    /// whether the move holds: somebody may have put the branch back at once.
    ///
    /// # Errors
    /// Refused, if something could not be put away; the claim stays then, and the next command completes it.
    pub fn look_back(self) -> Result<(Pending, bool)> {
        let holds = match self.follow {
            Some((follow, committed)) => follow.look_back(committed)?,
            None => !self.went_back,
        };
        Ok((self.claim, holds))
    }
}

/// Moves a base under its claim, and its worktree with it. Returns the claim as it is after the commit point.
///
/// # Errors
/// Refused or contended: then nothing has moved.
pub fn move_base(repo: &Repo, writer: &Writer, claim: &Pending, step: &BaseStep, message: &str) -> Result<Pending> {
    let git_dir = step.git_dir.as_ref().map(PathBuf::from);
    if let (Some(worktree), (Some(old), new)) = (git_dir.and_then(|dir| repo.worktree_at_git_dir(&dir)), step.ids()?) {
        require_followable(repo, &worktree, old, new)?;
    }
    advance(repo, writer, claim, step, message)?.look_back().map(|(claim, _)| claim)
}

/// Moves a branch under its claim, and its worktree with it, up to its commit point.
///
/// # Errors
/// Refused or contended: then nothing has moved, unless the claim says that it is committed.
pub fn advance<'a>(
    repo: &'a Repo,
    writer: &Writer,
    claim: &Pending,
    step: &BaseStep,
    message: &str,
) -> Result<Advanced<'a>> {
    let (old, new) = step.ids()?;
    let next = pending::draft(repo, writer, &claim.reference, Stage::Committed, &claim.plan, &[new])?;
    let claim_edit = Edit::update(&claim.reference, claim.commit, next.commit);
    let (Some(git_dir), Some(old)) = (step.git_dir.as_ref().map(PathBuf::from), old) else {
        retry(|| repo.transact(&[Edit::put(&step.branch, old, new), claim_edit.clone()], message))?;
        return Ok(Advanced { claim: next, follow: None, went_back: false });
    };
    let gone = || Error::refused(format!("The worktree of '{}' is gone.", step.branch));
    let worktree = repo.worktree_at_git_dir(&git_dir).ok_or_else(gone)?;
    if let Some(operation) = &step.operation {
        let commit = || move_head(repo, &worktree, step, old, new, claim_edit.clone(), message);
        match Follow::begin(repo, &worktree, (&step.branch, operation), step.route(old, new)?) {
            Ok(Some(follow)) => match follow.advance(commit)? {
                Followed::LeftToGit => {}
                Followed::WentBack => return Ok(Advanced { claim: next, follow: None, went_back: true }),
                Followed::Moved => {
                    return Ok(Advanced { claim: next, follow: Some((follow, Instant::now())), went_back: false });
                }
            },
            // What is left would be taken for a move of ours under way.
            Err(error) if worktree::stage_of(&git_dir, operation).exists() => return Err(error),
            Err(error) if step.carried.is_some() || error.hurdle() == Some(&Hurdle::Unwritable) => return Err(error),
            // Where ours cannot even begin git says better what is wrong.
            _ => {}
        }
    }
    if step.carried.is_some() {
        // git knows nothing of what was merged into the files.
        return Err(Error::contended("Its uncommitted changes are not what they were a moment ago.")
            .met(Hurdle::Changed)
            .hint("Nothing was changed; run it again."));
    }
    require_room(repo, &worktree, old, new)?;
    let git = || repo.git_in(&worktree.path);
    if let Err(error) = git().args(["read-tree", "-m", "-u", &old.to_string(), &new.to_string()]).run_ok() {
        if let Some(path) = overlooked(&error.one_line()) {
            let place = crate::ops::shell_quoted(&worktree.path.display().to_string());
            let quoted = crate::ops::shell_quoted(&path);
            return Err(Error::refused(format!("'{path}' has changes that git was told to overlook."))
                .met(Hurdle::Overlooked(path))
                .hint(format!(
                    "`git -C {place} update-index --no-assume-unchanged --no-skip-worktree {quoted}` shows them."
                )));
        }
        // It may have stopped half way: a full disk.
        return Err(match take_files_back(repo, &worktree, old, new) {
            Ok(()) => error,
            Err(also) => {
                error.hint(format!("'{}' could not be put back: {}.", worktree.path.display(), also.one_line()))
            }
        });
    }
    let moved = move_head(repo, &worktree, step, old, new, claim_edit, message);
    if let Err(error) = moved {
        let back = git().args(["read-tree", "-m", "-u", &new.to_string(), &old.to_string()]).run_ok();
        return Err(match back {
            Ok(_) => error,
            Err(also) => {
                error.hint(format!("'{}' could not be put back: {}.", worktree.path.display(), also.one_line()))
            }
        });
    }
    Ok(Advanced { claim: next, follow: None, went_back: false })
}

/// The path that git would not overwrite, which no other look finds changed: it was told to overlook that.
fn overlooked(text: &str) -> Option<String> {
    Some(text.split_once("Entry '")?.1.split_once("' not uptodate")?.0.to_owned())
}

/// The commit point of a checked-out branch: `HEAD` of that worktree, read once more with all locks held.
fn move_head(
    repo: &Repo,
    worktree: &Worktree,
    step: &BaseStep,
    old: ObjectId,
    new: ObjectId,
    claim: Edit,
    message: &str,
) -> Result<()> {
    retry(|| {
        let edits = [
            Edit::update("HEAD", old, new),
            Edit { name: "ORIG_HEAD".into(), expect: crate::git::Expect::Missing, new: New::To(old) },
            claim.clone(),
        ];
        let prepared = repo.prepare(worktree, &edits, message).map_err(|error| {
            let is_locked = error.one_line().contains(".lock");
            if is_locked { Error::contended(error.one_line()).met(Hurdle::Busy) } else { error }
        })?;
        let now = repo.worktree_at_git_dir(&worktree.git_dir).map(|worktree| worktree.head);
        if now != Some(Head::Branch(step.branch.clone())) {
            prepared.abort()?;
            return Err(Error::refused(format!(
                "'{}' was switched to another branch at the same moment.",
                worktree.path.display()
            ))
            .met(Hurdle::Changed)
            .hint("Nothing was changed; run it again."));
        }
        prepared.commit()
    })
    .map_err(|error| {
        let is_moved = error.one_line().contains("but expected");
        let short = crate::ops::base::short_name(&step.branch);
        if is_moved {
            Error::contended(format!("'{short}' has moved at the same moment."))
                .met(Hurdle::Changed)
                .because(error)
                .hint("Run it again.")
        } else {
            error
        }
    })
}

/// What became of a move that was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mended {
    /// Whether the branch has moved.
    pub has_moved: bool,
    /// Whether its worktree has followed, where there is one.
    pub has_followed: bool,
}

/// Takes back or completes the move of a branch that was interrupted; the claim stays.
///
/// # Errors
/// Refused, if it cannot be mended.
pub fn mend(repo: &Repo, claim: &Pending, step: &BaseStep) -> Result<Mended> {
    let (old, new) = step.ids()?;
    let short = crate::ops::base::short_name(&step.branch).to_owned();
    // With our lock on it `HEAD` cannot have gone to another branch.
    let is_on_it = |dir: &&Path| {
        repo.worktree_at_git_dir(dir).is_some_and(|worktree| worktree.branch().as_ref() == Some(&step.branch))
    };
    let git_dir = step.git_dir.as_ref().map(Path::new).filter(is_on_it);
    super::locks::remove_of_move(repo, &step.branch, git_dir, (old, new));
    // Refs of one transaction change one after the other, and git changes the claim first.
    let now = repo.ref_id(&step.branch)?;
    let has_moved = now == Some(new) || claim.stage == Stage::Committed && now != old;
    let staged = step.git_dir.as_ref().zip(step.operation.as_ref());
    let staged = staged.map(|(git_dir, operation)| (Path::new(git_dir), operation));
    if let (Some((git_dir, operation)), Some(old)) = (staged, old)
        && worktree::stage_of(git_dir, operation).is_dir()
    {
        let gone = || {
            Error::refused(format!("The move of '{short}' was interrupted, and its worktree is not where it was."))
                .hint(
                    "`git worktree repair <path>` says where it is now, `git worktree prune` that it is gone for good.",
                )
        };
        let worktree = repo.worktree_at_git_dir(git_dir).filter(|worktree| !worktree.is_missing).ok_or_else(gone)?;
        let names = (step.branch.as_str(), operation.as_str());
        let has_followed = worktree::recover(repo, &worktree, names, step.route(old, new)?, has_moved)?;
        return Ok(Mended { has_moved, has_followed });
    }
    // Files that carry uncommitted changes git has never written: without our stage nothing was touched.
    if let (false, Some(old), Some(git_dir)) = (has_moved, old, step.git_dir.as_ref().map(PathBuf::from))
        && step.carried.is_none()
        && let Some(worktree) = repo.worktree_at_git_dir(&git_dir)
        && !worktree.is_missing
    {
        take_files_back(repo, &worktree, old, new)?;
    }
    Ok(Mended { has_moved, has_followed: true })
}

/// [`mend`]s the move of a base, and gives the claim up.
///
/// # Errors
/// Refused, if it cannot be mended; the claim stays then.
pub fn recover(ctx: &Context, _writer: &Writer, claim: &Pending, step: &BaseStep) -> Result<String> {
    let repo = &ctx.repo;
    let mended = mend(repo, claim, step)?;
    repo.transact(&[claim.release()], "session: recovered")?;
    let short = crate::ops::base::short_name(&step.branch);
    Ok(match (mended.has_moved, mended.has_followed) {
        (false, _) => format!("Took back the interrupted move of '{short}'."),
        (true, true) => format!("Completed the interrupted move of '{short}'."),
        (true, false) => format!("'{short}' has moved; its worktree has not followed."),
    })
}
