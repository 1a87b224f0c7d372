//! Lock files that their makers left: in the common directory, in those of the worktrees, beside refs.

use super::{Finding, Fix};
use crate::host::users::{self, Users};
use crate::ops::{Context, Snapshot};
use crate::session::Timestamp;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A lock this old may be a dead process's.
const STALE: Duration = Duration::from_secs(600);

/// A younger one is not worth a word.
const YOUNG: Duration = Duration::from_secs(10);

pub(super) fn is_young(time: SystemTime) -> bool {
    age(time) < YOUNG
}

fn age(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

/// Every lock with whose it would be: `is_claimed` says that something is under way that may need it.
pub(super) fn check(ctx: &Context, snapshot: &Snapshot, is_claimed: bool, findings: &mut Vec<Finding>) {
    let common = ctx.repo.common_dir();
    let mut everywhere: Vec<PathBuf> = snapshot.worktrees.iter().map(|tree| tree.path.clone()).collect();
    everywhere.push(common.to_owned());
    let mut found = Vec::new();
    in_folder(common, &mut found);
    in_folder(&common.join("reftable"), &mut found);
    below(&common.join("refs"), &mut found);
    let mut locks: Vec<(PathBuf, Vec<PathBuf>, Option<String>)> =
        found.into_iter().map(|path| (path, everywhere.clone(), None)).collect();
    for worktree in &snapshot.worktrees {
        let session = snapshot.session_of(worktree).map(|loaded| loaded.name.to_string());
        if worktree.is_main() {
            // Its own lie in the common directory.
            for (path, _, of) in &mut locks {
                let name = path.file_name().unwrap_or_default();
                if path.parent() == Some(common) && (name == "index.lock" || name == "HEAD.lock") {
                    of.clone_from(&session);
                }
            }
            continue;
        }
        let mut own = Vec::new();
        in_folder(&worktree.git_dir, &mut own);
        in_folder(&worktree.git_dir.join("reftable"), &mut own);
        below(&worktree.git_dir.join("refs"), &mut own);
        let folders = vec![worktree.path.clone(), worktree.git_dir.clone()];
        locks.extend(own.into_iter().map(|path| (path, folders.clone(), session.clone())));
    }
    for (path, folders, session) in locks {
        let Ok(time) = path.symlink_metadata().and_then(|meta| meta.modified()) else { continue };
        if is_young(time) {
            continue;
        }
        let mut finding = one(&path, time, &folders, is_claimed);
        finding.session = session;
        findings.push(finding.path(path));
    }
}

fn one(path: &Path, time: SystemTime, folders: &[PathBuf], is_claimed: bool) -> Finding {
    let seconds = i64::try_from(age(time).as_secs()).unwrap_or(i64::MAX);
    let age_shown = Timestamp(0).age(Timestamp(seconds));
    let by_hand = format!("If nothing works there any more, `rm {}` takes it away.", path.display());
    if age(time) < STALE {
        return Finding::note("lock-held", format!("A lock has been held for {age_shown}."))
            .remedy("Whoever holds it is likely to be at work.");
    }
    match users::of(path, folders) {
        Users::These(users) => {
            let names: Vec<String> = users.iter().map(|user| format!("{} ({})", user.name, user.pid)).collect();
            Finding::note(
                "lock-held",
                format!("A lock has been held for {age_shown}; {} may hold it.", names.join(", ")),
            )
            .remedy("End the process if it hangs.")
        }
        Users::Nobody if !is_claimed => Finding::error(
            "lock-stale",
            format!("A lock of {age_shown} ago belongs to no process: git refuses to write."),
        )
        .fix(Some(Fix::Unlock(path.to_owned(), time))),
        _ => Finding::warning("lock-held", format!("A lock is {age_shown} old, and it cannot be told whose it is."))
            .remedy(by_hand),
    }
}

/// The locks right in a folder; what we ourselves lock with is not among them.
fn in_folder(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".lock")
            && !name.starts_with("session-")
            && entry.file_type().is_ok_and(|kind| kind.is_file())
        {
            found.push(entry.path());
        }
    }
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    in_folder(folder, found);
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&entry.path(), found);
        }
    }
}
