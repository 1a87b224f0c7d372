//! The way back of a move, and what is put away at its end: each looks at what is where, so that it may be done again
//! after a death in the middle.

use super::{Follow, file_ids, is_same, is_there};
use crate::error::{Context as _, Error, Result};
use crate::git::index::Change;
use crate::git::index::Route;
use crate::git::{Repo, Worktree};
use crate::host::exchange::{self, OUT};
use crate::session::BStr;
use std::path::Path;

impl Follow<'_> {
    /// Everything as it was before: the old index, then path by path, only where that index still has the old entry.
    pub(super) fn go_back(&self) -> Result<()> {
        self.settled.borrow_mut().fill(None);
        if is_same(&self.index(), &self.stage.join("index.made")) {
            let old = self.stage.join("index.old");
            std::fs::rename(old, self.index()).or_refuse(|| "The old index could not be put back.")?;
        }
        if is_there(&self.stage.join("ready")) {
            let has_old = self.repo.index_has_old(&self.worktree.git_dir, &self.changes.files)?;
            let mut failure = Ok(());
            for (n, change) in self.changes.files.iter().enumerate() {
                if has_old[n] {
                    failure = failure.and(self.undo(n, change));
                }
            }
            failure?;
            self.forget_the_way_back()?;
        }
        self.unlock();
        self.clear()
    }

    pub(super) fn forget_the_way_back(&self) -> Result<()> {
        match std::fs::remove_file(self.stage.join("ready")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::refused(format!("'{}' could not be cleared.", self.stage.display())).because(error))
            }
            _ => Ok(()),
        }
    }

    /// One path. It looks at what is where, so that it may be done again after a death in the middle.
    fn undo(&self, n: usize, change: &Change) -> Result<()> {
        let (path, staged): (&BStr, _) = (change.path.as_ref(), self.file(n, ""));
        let out = self.file(n, OUT);
        if is_there(&out) {
            if !is_there(&staged) {
                std::fs::rename(&out, &staged).or_refuse(|| format!("'{}' could not be renamed.", out.display()))?;
            } else if self.root.put_new(&out, path).is_err() {
                // Somebody's newer file is there.
                return Ok(());
            }
        }
        match (change.old, change.new) {
            // The file stays as it is.
            (old, new) if old == new => {}
            (None, _) => {
                let back = self.file(n, ".back");
                if is_there(&staged) || !is_there(&back) && self.root.lstat(path)?.is_none() {
                    return Ok(());
                }
                if !is_there(&back) {
                    self.root.take_away(path, &back)?;
                }
                if self.is_just(&back, change.file_new())? {
                    self.root.remove_empty_parents(path)?;
                } else {
                    // It is newer than ours. If something newer still has come, `clear` puts it beside that.
                    let _ = self.root.put_new(&back, path);
                }
            }
            (Some(_), None) => self.put_back(&staged, path)?,
            (Some(_), Some(_)) => {
                let new = change.file_new();
                // Not gone in yet, or back already.
                if !is_there(&staged) || self.repo.side_at(&staged)? == new {
                    return Ok(());
                }
                if self.root.lstat(path)?.is_none() {
                    return self.put_back(&staged, path);
                }
                // Somebody's, newer than both, stays where he wrote it.
                self.root.exchange_back::<Error>(&staged, path, || self.is_just(&staged, new))?;
            }
        }
        Ok(())
    }

    fn put_back(&self, staged: &Path, path: &BStr) -> Result<()> {
        if !is_there(staged) {
            return Ok(());
        }
        let put = self.root.make_parents(path).and_then(|_| self.root.put_new(staged, path));
        match put.map_err(|error| (error.reason(), error)) {
            // Somebody has put something else there: that stays.
            Ok(()) | Err((exchange::Reason::Taken | exchange::Reason::Blocked, _)) => Ok(()),
            Err((_, error)) => Err(error.into()),
        }
    }

    /// Deletes what was set aside. Content that is in no commit goes beside the path it came from.
    pub(super) fn clear(&self) -> Result<()> {
        let failed = || format!("'{}' could not be cleared.", self.stage.display());
        if self.root.lstat(self.trial().as_ref())?.is_some_and(|stat| stat.is_file() && stat.size == 0) {
            self.root.take_away(self.trial().as_ref(), &self.stage.join("trial.out"))?;
        }
        // Nothing has come out of the worktree where none of these ever was.
        let is_whole = ["staged", "ready", "index.old"].iter().any(|name| is_there(&self.stage.join(name)));
        // All names before the first goes: not every system lists a directory well that shrinks meanwhile.
        let entries = std::fs::read_dir(&self.stage).or_refuse(failed)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        for name in names.collect::<std::io::Result<Vec<String>>>().or_refuse(failed)? {
            if ["staged", file_ids::NAME].contains(&name.as_str()) {
                continue;
            }
            let (number, _) = name.split_once('.').unwrap_or((&name, ""));
            let n = number.parse().unwrap_or(usize::MAX);
            if let Some(change) = self.changes.files.get(n).filter(|_| is_whole)
                && !(name == number && self.is_settled(n)?)
                && self.old_file(n, &name, change)?.is_none()
                && !self.is_just(&self.stage.join(&name), change.file_new())?
            {
                self.put_beside(&self.stage.join(&name), change)?;
            } else {
                self.place.remove(&name).or_refuse(failed)?;
            }
        }
        for name in [file_ids::NAME, "staged"] {
            if is_there(&self.stage.join(name)) {
                self.place.remove(name).or_refuse(failed)?;
            }
        }
        std::fs::remove_dir(&self.stage).or_refuse(failed)
    }

    fn put_beside(&self, file: &Path, change: &Change) -> Result<()> {
        let mut beside = change.path.clone();
        beside.extend_from_slice(format!("~session-{}", &self.operation[..8]).as_bytes());
        for _ in 0..100 {
            self.root.make_parents(beside.as_ref())?;
            match self.root.put_new(file, beside.as_ref()) {
                Err(error) if error.is_taken() => beside.push(b'~'),
                done => return Ok(done?),
            }
        }
        Err(Error::refused(format!("There is no room beside '{}'.", change.path)))
    }
}

/// Mends a move whose process died: undone before the commit point, completed after it. Returns whether the worktree
/// has followed.
pub(in crate::ops::journal) fn recover(
    repo: &Repo,
    worktree: &Worktree,
    names: (&str, &str),
    route: Route,
    is_committed: bool,
) -> Result<bool> {
    let mut changes = repo.changes_on(&route)?.ok_or_else(|| Error::bug("The move was none of files."))?;
    file_ids::recall(&super::stage_of(&worktree.git_dir, names.1), &mut changes.files)?;
    let follow = Follow::with(repo, worktree, names, route, changes)?;
    if !is_committed {
        return follow.go_back().map(|()| false);
    }
    match follow.put_index_in_place()? {
        Some(is_ours) => follow.put_away().map(|holds| holds && is_ours),
        None => Ok(false),
    }
}
