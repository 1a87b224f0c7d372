//! What `--fix` does: each fix looks once more before it writes.

use super::state::{PORTS, newest_logged};
use super::{Diagnosis, Finding, Fix, plan};
use crate::error::{Context as _, Error, Result};
use crate::git::Edit;
use crate::ops::{Context, Snapshot, journal, revive};
use crate::session::ObjectId;
use crate::store::{Writer, retry};
use std::path::Path;
use std::time::SystemTime;

/// Mends what can be mended. What goes wrong with one stands in its finding, and the others are mended all the same.
///
/// # Errors
/// Refused, if what is left cannot be looked at afterwards.
pub fn execute(ctx: &Context, diagnosis: Diagnosis) -> Result<Diagnosis> {
    let Diagnosis { mut findings, only } = diagnosis;
    let is_first = |finding: &Finding| {
        matches!(finding.fix, Some(Fix::Recover | Fix::GiveUp(_) | Fix::DropClaim(..) | Fix::FromReflog(..)))
    };
    let mut again = false;
    for finding in findings.iter_mut().filter(|finding| is_first(finding)) {
        mend(ctx, finding);
        again = true;
    }
    for finding in findings.iter_mut().filter(|finding| !is_first(finding)) {
        mend(ctx, finding);
    }
    if again {
        // What was under way hid what could not be judged while it was.
        for mut finding in plan(ctx, only.as_deref())?.findings {
            let same = |other: &Finding| {
                (other.kind, &other.session, &other.reference, &other.path)
                    == (finding.kind, &finding.session, &finding.reference, &finding.path)
            };
            if !findings.iter().any(same) {
                mend(ctx, &mut finding);
                findings.push(finding);
            }
        }
    }
    Ok(Diagnosis { findings, only })
}

fn mend(ctx: &Context, finding: &mut Finding) {
    let Some(fix) = &finding.fix else { return };
    let outcome = match fix {
        Fix::Recover => Writer::new(&ctx.repo).and_then(|writer| journal::recover(ctx, &writer)),
        Fix::GiveUp(claim) => Writer::new(&ctx.repo).and_then(|writer| journal::give_up(ctx, &writer, claim)),
        Fix::DropClaim(reference, id) => drop_ref(ctx, reference, *id),
        Fix::Ports(reference, blob) => ports(ctx, reference, *blob),
        Fix::FromReflog(reference, id) => from_reflog(ctx, reference, *id),
        Fix::Unlock(path, time) => unlock(path, *time),
        Fix::Untie(git_dir, name) => untie(ctx, git_dir, name),
        Fix::Repair(directory, git_dir) => repair(ctx, directory, git_dir),
        Fix::Revive(name) => revive(ctx, name),
    };
    finding.mended = Some(outcome.map_err(|error| error.one_line()));
}

fn drop_ref(ctx: &Context, reference: &str, id: ObjectId) -> Result<()> {
    retry(|| ctx.repo.transact(&[Edit::delete(reference, id)], "session: doctor"))
}

fn moved_on() -> Error {
    Error::contended("It is another one by now.").hint("`git session doctor` looks again.")
}

fn ports(ctx: &Context, reference: &str, blob: ObjectId) -> Result<()> {
    let text = ctx.repo.blob(blob)?;
    let snapshot = Snapshot::read(&ctx.repo)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    if !reference.starts_with(PORTS) || snapshot.readable().any(|loaded| text.contains(&loaded.id().to_string())) {
        return Err(moved_on());
    }
    drop_ref(ctx, reference, blob)
}

/// As git writes a loose ref: the lock first, then into place.
fn from_reflog(ctx: &Context, reference: &str, id: ObjectId) -> Result<()> {
    if newest_logged(ctx, reference) != Some(id) {
        return Err(moved_on());
    }
    let path = ctx.repo.common_dir().join(reference);
    let lock = ctx.repo.common_dir().join(format!("{reference}.lock"));
    let failed = || format!("'{}' could not be written.", path.display());
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&lock).or_refuse(failed)?;
    let now = std::fs::read(&path).unwrap_or_default();
    let is_sound = ObjectId::from_hex(now.trim_ascii_end()).is_ok_and(|id| ctx.repo.has_object(id));
    let written = if is_sound {
        Err(moved_on())
    } else {
        std::io::Write::write_all(&mut file, format!("{id}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&lock, &path))
            .or_refuse(failed)
    };
    if written.is_err() {
        let _ = std::fs::remove_file(&lock);
    }
    written
}

/// Renamed first, so that a lock somebody takes meanwhile is not the one that goes.
fn unlock(path: &Path, seen: SystemTime) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!("~{}", std::process::id()));
    let aside = std::path::PathBuf::from(aside);
    let failed = || format!("'{}' could not be taken away.", path.display());
    std::fs::rename(path, &aside).or_refuse(failed)?;
    if aside.symlink_metadata().and_then(|meta| meta.modified()).is_ok_and(|time| time == seen) {
        return std::fs::remove_file(&aside).or_refuse(failed);
    }
    std::fs::rename(&aside, path).or_refuse(failed)?;
    Err(moved_on())
}

fn untie(ctx: &Context, git_dir: &Path, name: &crate::session::Name) -> Result<()> {
    let worktree = ctx.repo.worktree_at_git_dir(git_dir).ok_or_else(moved_on)?;
    if worktree.tie.as_ref() != Some(name) || ctx.repo.ref_id(&name.reference())?.is_some() {
        return Err(moved_on());
    }
    ctx.repo.untie(git_dir)
}

/// With its ports and copies, as a new one gets them; what a hook or a copy lacked is no reason to call it lost.
fn revive(ctx: &Context, name: &crate::session::Name) -> Result<()> {
    let writer = Writer::new(&ctx.repo)?;
    let mend = revive::plan(ctx, name)?;
    if mend.entry.is_none() {
        return Err(moved_on());
    }
    let mut warnings = Vec::new();
    revive::execute(ctx, &writer, &mend, &mut warnings)?;
    warnings.extend(crate::ops::restore::furnish(ctx, &writer, name));
    warnings.into_iter().for_each(|warning| ctx.say(warning));
    Ok(())
}

fn repair(ctx: &Context, directory: &Path, git_dir: &Path) -> Result<()> {
    let proven = || ctx.repo.worktree_at_git_dir(git_dir).filter(crate::git::Worktree::is_proven);
    let command = ctx.repo.git().args(["worktree", "repair"]);
    // Without a path it writes `.git` files, with one git's entry of what was moved.
    let is_here = ctx.repo.worktree_at_git_dir(git_dir).is_some_and(|worktree| worktree.path == directory);
    let command = if is_here { command } else { command.arg(directory) };
    let output = command.run()?;
    proven().map(drop).ok_or_else(|| command.failure(&output))
}
