//! Locks that the dead have left: of refs of ours, and of those that a move changes.

use super::{hold_path, is_gone};
use crate::git::{Repo, hooks};
use crate::host::exchange::Stat;
use crate::host::witness::{Hold, Liveness, Process};
use crate::session::{ObjectId, OperationId};
use crate::store::pending::Pending;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Locks below `refs/sessions/` are held for milliseconds: one that is 10 s old belongs to a dead process, and so does one
/// with a value in it that a dead process made. So do holds that nobody has, and what was scratch of an operation.
pub(super) fn remove_stale(repo: &Repo) {
    for entry in repo.common_dir().read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((operation, kind)) = name.strip_prefix("session-").and_then(|rest| rest.split_once('.')) else {
            continue;
        };
        let is_ours = operation.len() == 32 && matches!(kind, "lock" | "ref" | "message" | "index" | "index.lock");
        if is_ours && entry.metadata().is_ok_and(|meta| is_old(&meta)) && Hold::is_free(&hold_path(repo, operation)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    let stale = stale_locks(repo);
    if stale.is_empty() {
        return;
    }
    // One at a time: what was judged by one must not be taken away by another when its place is somebody's again.
    let sweeping = repo.common_dir().join("sessions.sweep");
    let Ok(Some(_sweeping)) = Hold::take(&sweeping) else { return };
    for path in stale_locks(repo) {
        // Renamed first, so that a lock somebody takes meanwhile is not the one that goes.
        let aside = path.with_extension(format!("lock~{}", std::process::id()));
        if std::fs::rename(&path, &aside).is_ok() {
            if aside.metadata().is_ok_and(|meta| is_stale_lock(repo, &aside, &meta)) {
                let _ = std::fs::remove_file(&aside);
            } else {
                let _ = std::fs::rename(&aside, &path);
            }
        }
    }
    let _ = std::fs::remove_file(&sweeping);
}

/// Locks of refs of ours at which nobody is.
fn stale_locks(repo: &Repo) -> Vec<PathBuf> {
    let mut stale = Vec::new();
    let mut folders = vec![repo.common_dir().join("refs/sessions")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = folder.read_dir() else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lock") && is_stale_lock(repo, &path, &meta)
            {
                stale.push(path);
            }
        }
    }
    stale
}

/// Whether nobody can be at work under a lock of a ref any more: because what it is about to set was made by an operation
/// whose process is dead, with no child left, or by its age. One whose operation is held stays however old it is: a
/// process can be stopped, and a machine can sleep.
fn is_stale_lock(repo: &Repo, lock: &Path, meta: &std::fs::Metadata) -> bool {
    let Some((operation, message)) = operation_of_lock(repo, lock) else { return is_old(meta) };
    let hold = hold_path(repo, operation.as_str());
    let died_at_work = hold.exists() || Process::parse(&message).liveness() == Liveness::Dead;
    // Who ends by himself takes his hold along.
    Hold::is_free(&hold) && (is_old(meta) || died_at_work && is_gone(repo, operation.as_str()))
}

/// Which operation made what a lock is about to set, and what it says of itself.
fn operation_of_lock(repo: &Repo, lock: &Path) -> Option<(OperationId, String)> {
    let text = std::fs::read_to_string(lock).ok()?;
    let value = ObjectId::from_hex(text.trim().as_bytes()).ok().filter(|id| repo.has_object(*id))?;
    let message = String::from_utf8_lossy(&repo.commit(value).ok()?.message).into_owned();
    let operation = message.lines().rev().find_map(|line| line.strip_prefix("Session-Operation: "))?;
    Some((OperationId::parse(operation.trim())?, message))
}

/// Removes the lock of a dead claim that has no value in it, and so does not say whose it was: a git that was killed
/// together with whoever had begun the operation. Nobody else writes a claim, but git packs refs.
pub(super) fn remove_of_claim(repo: &Repo, dead: &Pending) {
    remove_left(repo, &[(lock_of(repo.common_dir(), &dead.reference), vec![String::new()])]);
}

/// Removes the locks of a move that was killed, with the git that had some of them: of the branch, and in the worktree's
/// own git directory those of `HEAD`, which stays but gets a line in its reflog, and `ORIG_HEAD`. Where one of them has
/// another value in it somebody else is at work, and all stay.
pub(super) fn remove_of_move(
    repo: &Repo,
    branch: &str,
    git_dir: Option<&Path>,
    (old, new): (Option<ObjectId>, ObjectId),
) {
    let value = |id: ObjectId| format!("{id}\n");
    let mut locks = vec![(lock_of(repo.common_dir(), branch), vec![String::new(), value(new)])];
    if let Some(git_dir) = git_dir {
        locks.push((lock_of(git_dir, "HEAD"), vec![String::new(), format!("ref: {branch}\n")]));
        locks.push((lock_of(git_dir, "ORIG_HEAD"), old.into_iter().map(value).chain([String::new()]).collect()));
    }
    remove_left(repo, &locks);
}

fn lock_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.lock"))
}

/// Removes those that are there, each with what may stand in it, if all stay as they are for a second: somebody who is at
/// work writes his or gives it back. Not where a hook may take its time while git holds them.
fn remove_left(repo: &Repo, locks: &[(PathBuf, Vec<String>)]) {
    if hooks::exists(repo, "reference-transaction") {
        return;
    }
    let look = || -> Option<Vec<(&Path, Stat)>> {
        let mut found = Vec::new();
        for (path, values) in locks {
            let Some(stat) = Stat::of(path).ok()? else { continue };
            let text = std::fs::read_to_string(path).ok()?;
            if !values.contains(&text) {
                return None;
            }
            found.push((path.as_path(), stat));
        }
        Some(found)
    };
    let Some(first) = look().filter(|found| !found.is_empty()) else { return };
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(50));
        if look().as_ref() != Some(&first) {
            return;
        }
    }
    for (path, _) in first {
        let _ = std::fs::remove_file(path);
    }
}

fn is_old(meta: &std::fs::Metadata) -> bool {
    let age = meta.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
    age.is_some_and(|age| age > Duration::from_secs(10))
}
