//! A worktree follows its branch by our own hand: files, index and `HEAD` from one commit to another.
//!
//! Everything it needs to go on or back lies in one directory beside the index, `session-<operation>`: for the n-th
//! change a file `n`, which is the new content before it goes in and what came out afterwards; the old index and the
//! new one; the file that `index.lock` is a link to. `staged` is there from when the new files are whole until nothing
//! else is left: without it all that is there is ours. `ready` is there from the first touch of the worktree until all
//! is back: without it recovery touches no file.

mod back;
mod file_ids;
mod lock;
mod settle;

pub(super) use back::recover;

use crate::error::{Context as _, Error, Hurdle, Result};
use crate::git::index::{Change, Changes, Index, Route, Side};
use crate::git::worktrees::Head;
use crate::git::{Repo, Worktree};
use crate::host::copy::Kind;
use crate::host::exchange::{self, Place, Root, Stat};
use crate::session::{BStr, BString};
use settle::Written;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// The branch has moved.
    Moved,
    /// It had, and somebody put it back at once: everything is as before.
    WentBack,
    /// Nothing was touched: git must do it.
    LeftToGit,
}

/// How long after the commit point `HEAD` is looked at again: git's own commands wait that long for its lock, and some
/// go on with the commit they read before.
const LOOK_BACK: Duration = Duration::from_millis(100);

/// A move of one worktree.
#[derive(Debug)]
pub(super) struct Follow<'a> {
    repo: &'a Repo,
    worktree: Worktree,
    root: Root,
    changes: Changes,
    branch: String,
    operation: String,
    route: Route,
    stage: PathBuf,
    /// The same, opened.
    place: Place,
    /// The index that the plan was made with.
    index_seen: RefCell<Option<Index>>,
    /// What the system said of each old file when the index could vouch for it.
    seen: RefCell<Vec<Option<Stat>>>,
    /// What came out and was found to be the old file, with no writer left: its place in the worktree is gone, so that it
    /// stays so, but for whoever was just opening it. On the way back nothing is settled.
    settled: RefCell<Vec<Option<Stat>>>,
    /// What the new index was written of.
    written: RefCell<Option<Written>>,
}

/// Where an operation has its things.
pub(super) fn stage_of(git_dir: &Path, operation: &str) -> PathBuf {
    git_dir.join(format!("session-{operation}"))
}

impl<'a> Follow<'a> {
    fn with(
        repo: &'a Repo,
        worktree: &Worktree,
        (branch, operation): (&str, &str),
        route: Route,
        changes: Changes,
    ) -> Result<Follow<'a>> {
        let root = Root::open(&worktree.path)?;
        let stage = stage_of(&worktree.git_dir, operation);
        let place = Place::open(&stage).or_refuse(|| format!("'{}' cannot be opened.", stage.display()))?;
        let (worktree, branch, operation) = (worktree.clone(), branch.to_owned(), operation.to_owned());
        let seen = RefCell::new(vec![None; changes.files.len()]);
        let settled = RefCell::new(vec![None; changes.files.len()]);
        let (index_seen, written) = (RefCell::default(), RefCell::default());
        Ok(Follow {
            repo,
            worktree,
            root,
            changes,
            branch,
            operation,
            route,
            stage,
            place,
            index_seen,
            seen,
            settled,
            written,
        })
    }

    /// Plans the move and puts the new files ready. None where git must do it; nothing is left then.
    pub(super) fn begin(
        repo: &'a Repo,
        worktree: &Worktree,
        names: (&str, &str),
        route: Route,
    ) -> Result<Option<Follow<'a>>> {
        let Some((changes, index)) = repo.plain_changes(worktree, &route)? else { return Ok(None) };
        let stage = stage_of(&worktree.git_dir, names.1);
        let made = std::fs::create_dir(&stage).or_refuse(|| format!("'{}' cannot be made.", stage.display()));
        made.map_err(unwritable)?;
        // What is left would be taken for a move under way.
        let follow =
            Follow::with(repo, worktree, names, route, changes).inspect_err(|_| drop(std::fs::remove_dir(&stage)))?;
        match follow.put_ready() {
            Ok(()) => {
                *follow.index_seen.borrow_mut() = Some(index);
                Ok(Some(follow))
            }
            Err(error) => {
                follow.clear()?;
                Err(error)
            }
        }
    }

    fn put_ready(&self) -> Result<()> {
        for (n, change) in self.changes.files.iter().enumerate() {
            let Some(new) = change.new.filter(|_| change.old != change.new) else { continue };
            let failed = || format!("'{}' could not be written.", self.file(n, "").display());
            let bytes = self.repo.new_content(change, new.id)?;
            self.place.stage(&n.to_string(), new.kind, &bytes).or_refuse(failed).map_err(unwritable)?;
        }
        self.note_file_ids().map_err(unwritable)?;
        let staged = self.place.stage("staged", Kind::File, b"").or_refuse(|| "The move could not be noted.");
        staged.map_err(unwritable)
    }

    /// Does it, up to the index in place. `commit` is the ref transaction. [`Follow::look_back`] comes after it, and other
    /// worktrees may come between.
    ///
    /// An error means that nothing has moved, unless it comes from after the commit point: then the claim says so.
    pub(super) fn advance(&self, commit: impl FnOnce() -> Result<()>) -> Result<Followed> {
        let before = self.lock().and_then(|()| self.check());
        let index = match before {
            Ok(Some(index)) => index,
            Ok(None) => {
                self.unlock();
                self.clear()?;
                return Ok(Followed::LeftToGit);
            }
            Err(error) => return Err(self.after_going_back(error)),
        };
        if let Err(error) = self.write(index) {
            return Err(self.after_going_back(error));
        }
        if let Err(error) = commit() {
            // The answer may have been lost and not the commit.
            if self.repo.ref_id(&self.branch)? != Some(self.route.new) {
                return Err(self.after_going_back(error));
            }
        }
        Ok(match self.put_index_in_place()? {
            Some(_) => Followed::Moved,
            None => Followed::WentBack,
        })
    }

    fn after_going_back(&self, error: Error) -> Error {
        match self.go_back() {
            Ok(()) => error,
            Err(also) => {
                self.unlock();
                error.hint(format!(
                    "Not all went back ({}); it is kept in '{}'.",
                    also.one_line(),
                    self.stage.display()
                ))
            }
        }
    }

    /// The index, if everything is what the plan saw and the files are the very blobs; none leaves it to git.
    fn check(&self) -> Result<Option<Index>> {
        let place = self.worktree.path.display();
        if self.head() != Some(Head::Branch(self.branch.clone())) {
            return Err(Error::contended(format!("'{place}' was switched to another branch at the same moment."))
                .met(Hurdle::Changed));
        }
        if self.repo.ref_id(&self.branch)? != Some(self.route.old) {
            let short = crate::ops::base::short_name(&self.branch);
            return Err(Error::contended(format!("'{short}' has moved at the same moment."))
                .met(Hurdle::Changed)
                .hint("Run it again."));
        }
        if !self.can_move_files() || std::fs::hard_link(self.index(), self.stage.join("index.old")).is_err() {
            return Ok(None);
        }
        // Locked by us it stays as it is.
        let index = match self.index_seen.take().filter(|index| index.is_still_at(&self.index())) {
            Some(index) => index,
            None => match self.repo.read_plain_index(&self.worktree.git_dir)? {
                Some(index) => index,
                None => return Ok(None),
            },
        };
        let mut pass = self.root.pass(&self.place);
        for (n, change) in self.changes.files.iter().enumerate() {
            let path = change.path.as_ref();
            let found = pass.lstat(path)?;
            if change.old.is_none() && found.is_some() {
                return Err(Error::refused(format!("'{path}' is in the way in '{place}'."))
                    .met(Hurdle::Untracked)
                    .hint("Move it aside."));
            }
            if !index.has(path, change.index_old) {
                return Ok(None);
            }
            let Some(old) = change.old else { continue };
            // The index knows nothing of uncommitted content.
            let can_vouch = change.old == change.index_old;
            let is_it = |stat: &Stat| kind_of(stat) == Some(old.kind) && index.vouches_for(path, stat);
            match found.filter(|stat| can_vouch && is_it(stat)) {
                Some(stat) => self.seen.borrow_mut()[n] = Some(stat),
                None if self.in_tree(path)? != change.file_old() => return Ok(None),
                None => {}
            }
        }
        for bump in &self.changes.submodules {
            let is_there = self.root.lstat(bump.path.as_ref())?.is_some_and(|found| found.is_directory());
            if !is_there || !index.has_submodule(bump) {
                return Ok(None);
            }
        }
        Ok(Some(index))
    }

    /// By trial: device numbers do not tell, since bind mounts share them. While the index is locked nobody can add the
    /// file that is tried with.
    fn can_move_files(&self) -> bool {
        let trial = self.stage.join("trial");
        exchange::stage(&trial, Kind::File, b"").is_ok()
            && self.root.put_new(&trial, self.trial().as_ref()).is_ok()
            && self.root.take_away(self.trial().as_ref(), &trial).is_ok()
    }

    /// Files, then the new index under another name.
    fn write(&self, index: Index) -> Result<()> {
        std::fs::write(self.stage.join("ready"), "").or_refuse(|| "The move could not be noted.")?;
        let of = |is: fn(&Change) -> bool| self.changes.files.iter().enumerate().filter(move |(_, change)| is(change));
        let goes = |change: &Change| change.old.is_some() && change.new.is_none();
        let mut pass = self.root.pass(&self.place);
        for (n, change) in of(goes) {
            pass.take_away(change.path.as_ref(), &n.to_string())?;
            self.require_old(n, change)?;
        }
        for (_, change) in of(goes) {
            self.root.remove_empty_parents(change.path.as_ref())?;
        }
        // A build that ran since the files were staged must not look newer than they are.
        let mut touched = vec![None; self.changes.files.len()];
        let mut touch = |n: usize, name: &str| -> Result<()> {
            touched[n] = Some(self.place.touch(name).or_refuse(|| "A staged file cannot be touched.")?);
            Ok(())
        };
        let mut pass = self.root.pass(&self.place);
        for (n, change) in of(|change| change.old.is_none() && change.new.is_some()) {
            let name = n.to_string();
            pass.make_parents(change.path.as_ref())?;
            touch(n, &name)?;
            pass.put_new(&name, change.path.as_ref())?;
        }
        let mut pass = self.root.pass(&self.place);
        for (n, change) in of(|change| change.old.is_some() && change.new.is_some() && change.old != change.new) {
            let name = n.to_string();
            touch(n, &name)?;
            pass.exchange(&name, change.path.as_ref())?;
            self.require_old(n, change)?;
        }
        let mut pass = self.root.pass(&self.place);
        let mut stats = vec![None; self.changes.files.len()];
        for (n, change) in of(|change| change.new.is_some()) {
            // Of what was written since it went in, or where times are not kept that exactly, the index knows nothing.
            let found = pass.lstat(change.path.as_ref())?;
            stats[n] = found.filter(|stat| touched[n] == Some(stat.mtime));
        }
        let new = self.stage.join("index.new");
        self.repo.write_moved(&index, &self.route, &self.changes, &stats, &new)?;
        std::fs::hard_link(&new, self.stage.join("index.made")).or_refuse(|| "The new index could not be noted.")?;
        *self.written.borrow_mut() = Written::of(&index, &self.changes.files, stats);
        Ok(())
    }

    /// What came out must be the old blob, with no writer left on it.
    fn require_old(&self, n: usize, change: &Change) -> Result<()> {
        if let Some(stat) = self.old_file(n, &n.to_string(), change)? {
            self.settled.borrow_mut()[n] = Some(stat);
            return Ok(());
        }
        let path = &change.path;
        Err(Error::contended(format!("'{path}' is being written in '{}'.", self.worktree.path.display()))
            .met(Hurdle::Changed)
            .hint("Nothing was changed; save it, commit or discard it, and run it again."))
    }

    /// After the commit point. Whether the index could follow: not where somebody has changed it; none where `HEAD`
    /// turned out to be on the old commit again, so that all went back.
    fn put_index_in_place(&self) -> Result<Option<bool>> {
        if self.is_back_at_old()? {
            return self.go_back().map(|()| None);
        }
        let (new, index) = (self.stage.join("index.new"), self.index());
        if !is_there(&new) || is_same(&index, &self.stage.join("index.made")) {
            return Ok(Some(true));
        }
        let is_ours = is_same(&index, &self.stage.join("index.old"));
        if is_ours {
            std::fs::rename(&new, &index).or_refuse(|| "The new index could not be put in place.")?;
        }
        Ok(Some(is_ours))
    }

    /// Looks at `HEAD` once more, a moment after the commit point, and puts everything away. Returns whether the move
    /// holds.
    pub(super) fn look_back(&self, committed: Instant) -> Result<bool> {
        std::thread::sleep(LOOK_BACK.saturating_sub(committed.elapsed()));
        self.put_away()
    }

    fn put_away(&self) -> Result<bool> {
        if self.is_back_at_old()? {
            return self.go_back().map(|()| false);
        }
        self.settle();
        self.forget_the_way_back()?;
        self.unlock();
        self.clear().map(|()| true)
    }

    fn index(&self) -> PathBuf {
        self.worktree.git_dir.join("index")
    }

    fn file(&self, n: usize, suffix: &str) -> PathBuf {
        self.stage.join(format!("{n}{suffix}"))
    }

    fn trial(&self) -> BString {
        format!(".git-session-{}.part", self.operation).into()
    }

    fn head(&self) -> Option<Head> {
        self.repo.worktree_at_git_dir(&self.worktree.git_dir).map(|worktree| worktree.head)
    }

    fn is_back_at_old(&self) -> Result<bool> {
        let at = match self.head() {
            Some(Head::Branch(branch)) => self.repo.ref_id(&branch)?,
            Some(Head::Detached(id)) => Some(id),
            _ => None,
        };
        Ok(at == Some(self.route.old))
    }

    /// A file of ours, if it is the old one and nobody is writing it. The very file that the index vouched for, of the
    /// same size and time, need not be read.
    fn old_file(&self, n: usize, name: &str, change: &Change) -> Result<Option<Stat>> {
        let seen = self.seen.borrow().get(n).copied().flatten();
        let now = self.look_at(name)?;
        let is_old = if seen.zip(now).is_some_and(|(seen, now)| now.is_untouched_since(&seen)) {
            self.place.has_writer(name) != Some(true)
        } else {
            // Where line ends came to be git's to write afterwards the file may still be as its blob.
            let file = self.stage.join(name);
            self.is_just(&file, change.file_old())? || self.is_just(&file, change.old)?
        };
        Ok(now.filter(|_| is_old))
    }

    /// Whether what was found to be the old file is as it was then: somebody may have been just opening it.
    fn is_settled(&self, n: usize) -> Result<bool> {
        let Some(settled) = self.settled.borrow()[n] else { return Ok(false) };
        Ok(self.look_at(&n.to_string())?.is_some_and(|now| now.is_untouched_since(&settled)))
    }

    fn look_at(&self, name: &str) -> Result<Option<Stat>> {
        self.place.lstat(name).or_refuse(|| format!("'{}' could not be looked at.", self.stage.join(name).display()))
    }

    fn in_tree(&self, path: &BStr) -> Result<Option<Side>> {
        let Some(kind) = self.root.lstat(path)?.as_ref().and_then(kind_of) else { return Ok(None) };
        Ok(Some(Side { kind, id: self.repo.id_of_blob(&self.root.read(path)?)? }))
    }

    /// Whether a file of ours is this and nobody is writing it. Whoever has it open has it from before: its place in
    /// the worktree is gone, so that nobody can open it after this look.
    fn is_just(&self, file: &Path, side: Option<Side>) -> Result<bool> {
        Ok(side.is_some() && exchange::has_writer(file) != Some(true) && self.repo.side_at(file)? == side)
    }
}

/// What git would not get written either, and it would find that out half way.
fn unwritable(error: Error) -> Error {
    error.met(Hurdle::Unwritable).hint("Nothing was changed; make room on the disk and run it again.")
}

fn kind_of(stat: &Stat) -> Option<Kind> {
    match stat {
        stat if stat.is_symlink() => Some(Kind::Symlink),
        stat if stat.is_executable() => Some(Kind::Executable),
        stat if stat.is_file() => Some(Kind::File),
        _ => None,
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether two names are of one file.
fn is_same(a: &Path, b: &Path) -> bool {
    matches!((Stat::of(a), Stat::of(b)), (Ok(Some(a)), Ok(Some(b))) if a.ino == b.ino && a.dev == b.dev)
}
