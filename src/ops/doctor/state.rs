//! Refs: records, claims, ties, what has ended, what is kept, ports.

use super::{Finding, Fix, Severity};
use crate::error::Result;
use crate::git::Target;
use crate::ops::list::reconcile::{self, BrokenKind};
use crate::ops::{Context, Snapshot, base, journal, revive};
use crate::session::Word as _;
use crate::session::name::NAMESPACE;
use crate::session::{Name, ObjectId};
use crate::store::pending::{self, Pending};
use crate::store::{done, keep};
use std::collections::HashSet;

/// Where ports are claimed.
pub(super) const PORTS: &str = "refs/sessions/@ports/";

/// A claim, or why it cannot be read.
pub(super) type Claim = (String, ObjectId, Result<Pending>);

/// All claims; one that cannot be read is no error here.
pub(super) fn claims(ctx: &Context) -> Result<Vec<Claim>> {
    let mut list = Vec::new();
    for (reference, target) in ctx.repo.refs_below(pending::NAMESPACE)? {
        let Some(id) = target.object() else { continue };
        match pending::find(&ctx.repo, &reference) {
            Ok(None) => {}
            Ok(Some(claim)) => list.push((reference, id, Ok(claim))),
            Err(error) => list.push((reference, id, Err(error))),
        }
    }
    Ok(list)
}

/// What a claim is on, as one would name it.
fn on(reference: &str) -> &str {
    let name = reference.strip_prefix(pending::NAMESPACE).unwrap_or(reference);
    name.strip_prefix("@base/").unwrap_or(name)
}

/// Claims of the dead, and of those that cannot be seen from here.
pub(super) fn interrupted(ctx: &Context, claims: &[Claim], named: Option<&str>, findings: &mut Vec<Finding>) {
    for (reference, id, claim) in claims {
        let name = on(reference);
        let is_named = named == Some(name);
        let by_name = format!("If nothing works on it any more, `git session doctor --fix {name}` gives the claim up.");
        findings.push(
            match claim {
                Err(error) => Finding::error(
                    "claim-unreadable",
                    format!("What is under way cannot be read: {}.", error.one_line()),
                )
                .remedy(by_name)
                .fix(is_named.then(|| Fix::DropClaim(reference.clone(), *id))),
                Ok(claim) if journal::is_dead(&ctx.repo, claim) => {
                    Finding::error("interrupted", format!("A command on '{name}' was interrupted."))
                        .remedy("The next command that writes mends it; so does `git session doctor --fix`.")
                        .fix(Some(Fix::Recover))
                }
                Ok(claim) if claim.liveness() == crate::host::witness::Liveness::Unknown => {
                    let (pid, host) = (claim.process.pid, &claim.process.host);
                    Finding::error(
                        "claim-unseen",
                        format!("Process {pid} on {host} claims '{name}', and cannot be seen from here."),
                    )
                    .remedy(by_name)
                    .fix(is_named.then(|| Fix::GiveUp(Box::new(claim.clone()))))
                }
                Ok(_) => continue,
            }
            .session(name)
            .reference(reference),
        );
    }
}

/// Loose refs of ours that hold no value, or name an object that is not there.
pub(super) fn broken_refs(ctx: &Context, findings: &mut Vec<Finding>) -> Result<()> {
    let repo = &ctx.repo;
    for (reference, target) in repo.refs_below(NAMESPACE)? {
        if let (Target::Symbolic(to), Some(name)) = (target, Name::of_ref(&reference)) {
            let what = format!("The ref is a pointer at '{to}', which no record is.");
            let remedy = format!("`git symbolic-ref --delete {reference}` takes it away.");
            findings.push(Finding::error("ref-broken", what).remedy(remedy).session(name).reference(reference));
        }
    }
    if repo.uses_reftable() {
        return Ok(());
    }
    let mut folders = vec![repo.common_dir().join("refs/sessions")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
                continue;
            }
            if name.ends_with(".lock") || name.contains(".lock~") {
                continue;
            }
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let id = ObjectId::from_hex(bytes.trim_ascii_end()).ok();
            let is_sound = bytes.starts_with(b"ref: ") || id.is_some_and(|id| repo.has_object(id));
            let Ok(inside) = path.strip_prefix(repo.common_dir()) else { continue };
            if is_sound {
                continue;
            }
            let reference = inside.to_string_lossy().replace('\\', "/");
            let what = match id {
                Some(id) => format!("The ref names {id}, which is not there."),
                None => "The ref's file holds no value; the machine may have stopped while it was written.".to_owned(),
            };
            let newest = newest_logged(ctx, &reference);
            let remedy = match newest {
                Some(id) => {
                    format!("`git session doctor --fix` gives it the newest value of its reflog, {}.", repo.short(id))
                }
                None => format!("It has no reflog to take a value from. `rm {}` forgets it.", path.display()),
            };
            let mut finding = Finding::error("ref-broken", what)
                .remedy(remedy)
                .fix(newest.map(|id| Fix::FromReflog(reference.clone(), id)));
            finding.session = Name::of_ref(&reference).map(|name| name.to_string());
            findings.push(finding.reference(reference).path(path));
        }
    }
    Ok(())
}

/// The newest value in a ref's reflog whose object is there.
pub(super) fn newest_logged(ctx: &Context, reference: &str) -> Option<ObjectId> {
    let text = std::fs::read(ctx.repo.common_dir().join("logs").join(reference)).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let values = text.lines().rev().filter_map(|line| ObjectId::from_hex(line.split(' ').nth(1)?.as_bytes()).ok());
    values.into_iter().find(|id| !id.is_null() && ctx.repo.has_object(*id))
}

/// Records that cannot be read, and whatever of branch, base and worktree does not fit them.
pub(super) fn records(ctx: &Context, snapshot: &Snapshot, claims: &[Claim], findings: &mut Vec<Finding>) -> Result<()> {
    let broken_already: HashSet<String> = findings.iter().filter_map(|finding| finding.reference.clone()).collect();
    for entry in &snapshot.sessions {
        let name = &entry.name;
        let loaded = match &entry.loaded {
            Ok(loaded) => loaded,
            Err(_) if broken_already.contains(&name.reference()) => continue,
            Err(error) => {
                let mut remedy = error.hints().join(" ");
                if remedy.is_empty() {
                    remedy = format!(
                        "`git log -g {0}` shows earlier records; `git update-ref {0} <commit>` goes back to one.",
                        name.reference()
                    );
                }
                let what = format!("The record cannot be read: {}.", error.one_line());
                let finding = Finding::error("record-unreadable", what).remedy(remedy);
                findings.push(finding.session(name).reference(name.reference()));
                continue;
            }
        };
        if claims.iter().any(|(reference, ..)| on(reference) == name.as_str()) {
            // It is between two states.
            continue;
        }
        let worktree = snapshot.worktree_of(loaded);
        let tip = ctx.repo.ref_id(&loaded.record.branch)?;
        for broken in reconcile::broken(ctx, snapshot, loaded, worktree, tip) {
            let (was, now) = (broken.was.unwrap_or_default(), broken.now.unwrap_or_default());
            let (severity, what) = match broken.kind {
                BrokenKind::WorktreeMissing => (Severity::Error, format!("Its worktree '{was}' is gone.")),
                BrokenKind::BranchMissing => (Severity::Error, format!("Its branch '{was}' is gone.")),
                BrokenKind::BranchSwitched => {
                    (Severity::Warning, format!("Its worktree is on '{now}', its branch is '{was}'."))
                }
                BrokenKind::BranchRenamed => (Severity::Warning, format!("Its branch '{was}' is called '{now}' now.")),
                BrokenKind::Detached => (Severity::Note, "Its worktree is on no branch.".to_owned()),
                BrokenKind::RecordUnreadable => continue,
            };
            let mut finding = Finding::new(broken.kind.as_str(), severity, what).session(name).remedy(broken.remedy);
            if broken.kind == BrokenKind::WorktreeMissing {
                finding = lost(ctx, finding, name);
            }
            finding.path = worktree.map(|worktree| worktree.path.clone());
            findings.push(finding);
        }
        let now = snapshot.base_ref(&ctx.repo, &loaded.record);
        if ctx.repo.ref_id(&now.reference)?.is_none() && base::tip(&ctx.repo, &now)?.is_none() {
            findings.push(
                Finding::warning("base-missing", format!("Its base '{}' is gone.", now.short()))
                    .session(name)
                    .reference(now.reference.clone())
                    .remedy(format!(
                        "`git session set {name} --base <branch>` gives it another one.",
                        name = name.word()
                    )),
            );
        }
    }
    Ok(())
}

/// A worktree whose directory is gone: git's entry has what was staged, and may bring it back.
fn lost(ctx: &Context, finding: Finding, name: &Name) -> Finding {
    match revive::refusal(ctx, name) {
        None => finding
            .remedy(
                "`git session doctor --fix` makes it again with what was committed and staged; `git worktree repair \
                 <new place>`, if it was moved by hand.",
            )
            .fix(Some(Fix::Revive(name.clone()))),
        Some(why) => {
            let hints = why.hints().join(" ");
            let remedy = format!("{} {hints}", why.message());
            finding.remedy(remedy.trim_end())
        }
    }
}

/// Records of ended sessions, and what is kept of them.
pub(super) fn ended_and_kept(ctx: &Context, findings: &mut Vec<Finding>) -> Result<()> {
    let repo = &ctx.repo;
    for (reference, _) in repo.refs_below(done::NAMESPACE)? {
        let id = ObjectId::from_hex(&reference.as_bytes()[done::NAMESPACE.len()..]);
        if findings.iter().any(|finding| finding.reference.as_ref() == Some(&reference)) {
            continue;
        }
        let why = match id.map(|id| done::find(repo, id)) {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => error.one_line(),
            Err(_) => "its name is no id".to_owned(),
        };
        findings.push(
            Finding::warning("ended-unreadable", format!("The record of an ended session cannot be read: {why}."))
                .remedy(format!("`git log -g {reference}` shows earlier records of it."))
                .reference(reference),
        );
    }
    let entries = keep::entries(repo)?;
    let is_there = repo.ref_id(keep::REFERENCE)?.is_some();
    if entries.is_empty() && is_there && !findings.iter().any(|f| f.reference.as_deref() == Some(keep::REFERENCE)) {
        findings.push(
            Finding::error("keep-incomplete", "What holds put-aside work cannot be read.")
                .reference(keep::REFERENCE)
                .remedy(format!("`git log -g {}` shows what it was before.", keep::REFERENCE)),
        );
    }
    for entry in entries {
        let lost: Vec<String> =
            entry.holds.iter().filter(|id| !repo.has_object(**id)).map(ToString::to_string).collect();
        if !lost.is_empty() {
            let what = format!("Of what '{}' left behind, {} is not there any more.", entry.name, lost.join(", "));
            findings.push(
                Finding::error("keep-incomplete", what)
                    .session(&entry.name)
                    .reference(keep::REFERENCE)
                    .remedy("A clone or a backup may have it: `git fetch <path> <id>` brings it back."),
            );
        }
    }
    Ok(())
}

/// Ties to sessions that are gone, and two worktrees tied to one session.
pub(super) fn stale_ties(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let mut seen: HashSet<&Name> = HashSet::new();
    for worktree in &snapshot.worktrees {
        let Some(name) = &worktree.tie else { continue };
        let is_broken = findings.iter().any(|finding| finding.reference == Some(name.reference()));
        if !snapshot.sessions.iter().any(|entry| entry.name == *name) && !is_broken {
            findings.push(
                Finding::warning(
                    "tie-stale",
                    format!("The worktree is tied to '{name}', which is no session any more."),
                )
                .session(name)
                .path(&worktree.path)
                .fix(Some(Fix::Untie(worktree.git_dir.clone(), name.clone()))),
            );
        } else if !seen.insert(name) {
            let remedy = format!(
                "`git -C {} symbolic-ref --delete refs/worktree/session` unties this one.",
                worktree.path.display().to_string().word()
            );
            findings.push(
                Finding::error("tie-doubled", format!("A second worktree is tied to '{name}'."))
                    .session(name)
                    .path(&worktree.path)
                    .remedy(remedy),
            );
        }
    }
}

/// Blocks of ports: the ref, its blob, the id of the session in it.
pub(super) fn ports(ctx: &Context) -> Result<Vec<(String, ObjectId, ObjectId)>> {
    let mut list = Vec::new();
    for (reference, target) in ctx.repo.refs_below(PORTS)? {
        let Some(blob) = target.object() else { continue };
        // What is no blob was made by somebody else, and is nobody's claim.
        let Ok(text) = ctx.repo.blob(blob) else { continue };
        let text = String::from_utf8_lossy(&text).into_owned();
        let id = text.lines().find_map(|line| line.strip_prefix("Session: "));
        if let Some(id) = id.and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()) {
            list.push((reference, blob, id));
        }
    }
    Ok(list)
}

/// Blocks that no live session has.
pub(super) fn stale_ports(ports: &[(String, ObjectId, ObjectId)], snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let unreadable = snapshot.sessions.iter().any(|entry| entry.loaded.is_err());
    for (reference, blob, id) in ports {
        if unreadable || snapshot.readable().any(|loaded| loaded.id() == *id) {
            continue;
        }
        let first = &reference[PORTS.len()..];
        findings.push(
            Finding::warning("ports-stale", format!("The ports from {first} belong to a session that has ended."))
                .reference(reference)
                .fix(Some(Fix::Ports(reference.clone(), *blob))),
        );
    }
}
