//! Files that were copied into worktrees: those that are gone, those that have become secrets, those that settings lie
//! in and that the main worktree has newer. That a session changes its copies is what they are for, and no finding.

use super::Finding;
use crate::error::Result;
use crate::git::worktrees::path_of_bytes;
use crate::host::clone::Look;
use crate::ops::surroundings::{self, copied, secrets::Secrets};
use crate::ops::{Context, Snapshot};
use crate::session::BString;
use crate::session::event::one_line;
use crate::store::Loaded;
use std::collections::HashSet;
use std::path::Path;

pub(super) fn check(ctx: &Context, snapshot: &Snapshot, findings: &mut Vec<Finding>) -> Result<()> {
    let Some(main) = ctx.repo.main_top() else { return Ok(()) };
    let (host, secrets) = (copied::host_id()?, Secrets::new(&ctx.repo));
    // What a new worktree would get now: found out only where something lacks.
    let mut wanted: Option<HashSet<BString>> = None;
    for session in snapshot.readable() {
        let worktree = snapshot.worktree_of(session).filter(|worktree| !worktree.is_main() && worktree.is_proven());
        let known = copied::Copied::of(&session.record, &host);
        let Some(top) = worktree.map(|worktree| &worktree.path) else { continue };
        let (mut gone, mut old, mut secret) = (Vec::new(), Vec::new(), Vec::new());
        for (file, look) in &known.files {
            let path = path_of_bytes(file.as_bytes());
            let (have, theirs) = (Look::of(&top.join(&path)), Look::of(&main.join(&path)));
            match (have, theirs) {
                (None, Some(_)) if !is_there(&top.join(&path)) => gone.push(file.clone()),
                (Some(have), Some(theirs)) if is_setting(file) && have == *look && have.mtime != theirs.mtime => {
                    old.push(file.clone());
                }
                _ => {}
            }
            if have.is_some() && secrets.names(top, file.as_bytes().into(), false) {
                secret.push(file.clone());
            }
        }
        for folder in known.folders.keys() {
            let path = path_of_bytes(folder.trim_end_matches('/').as_bytes());
            if !is_there(&top.join(&path)) && is_there(&main.join(&path)) {
                gone.push(folder.clone());
            }
        }
        if !gone.is_empty() {
            let wanted = match &mut wanted {
                Some(wanted) => wanted,
                None => wanted.insert(wanted_now(ctx, snapshot, session)?),
            };
            gone.retain(|path| is_wanted(wanted, path));
        }
        let refresh = format!("`git session env refresh {}`", session.name);
        let about = |finding: Finding, files: &[String]| {
            finding.session(&session.name).path(top.join(path_of_bytes(files[0].as_bytes())))
        };
        if !gone.is_empty() {
            let what = format!("Of what was copied into it, {} gone: {}.", is_or_are(&gone), list(&gone));
            findings
                .push(about(Finding::note("copy-missing", what), &gone).remedy(format!("{refresh} copies it again.")));
        }
        if !old.is_empty() {
            let what = format!("The main worktree has changed {} since it was copied.", list(&old));
            findings
                .push(about(Finding::note("copy-old", what), &old).remedy(format!("{refresh} brings the new one.")));
        }
        if !secret.is_empty() {
            let what = format!(
                "Copied into it, and by now on the list of secrets: {}. Its worktree is not removed while that is there.",
                list(&secret)
            );
            let remedy =
                "Delete it there; or `git config --add session.copyDeny '!<pattern>'` says that it is no secret.";
            findings.push(about(Finding::warning("copy-secret", what), &secret).remedy(remedy));
        }
    }
    Ok(())
}

fn wanted_now(ctx: &Context, snapshot: &Snapshot, session: &Loaded) -> Result<HashSet<BString>> {
    let plan = surroundings::plan_again(ctx, snapshot, session, false)?;
    Ok(plan.copy.files.into_iter().chain(plan.copy.links).collect())
}

/// Whether a new worktree would get this file, or something in this folder.
fn is_wanted(wanted: &HashSet<BString>, path: &str) -> bool {
    if path.ends_with('/') {
        return wanted.iter().any(|file| file.starts_with(path.as_bytes()));
    }
    wanted.contains(&BString::from(path))
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Files such as `.env.local`: a worktree with an old one works otherwise than the main one, and does not say so.
fn is_setting(file: &str) -> bool {
    file.rsplit('/').next().is_some_and(|name| name.starts_with(".env"))
}

fn is_or_are(files: &[String]) -> String {
    if files.len() == 1 { "this is".to_owned() } else { format!("{} are", files.len()) }
}

fn list(files: &[String]) -> String {
    let mut shown: Vec<String> = files.iter().take(3).map(|file| format!("'{}'", one_line(file))).collect();
    if files.len() > 3 {
        shown.push(format!("{} more", files.len() - 3));
    }
    shown.join(", ")
}
