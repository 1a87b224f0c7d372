//! Looking at every session: is there a proof that it may go, and is nothing in the way.

use super::{CleanupPlan, Options, Row, Why, expire};
use crate::error::{Error, Result};
use crate::git::{Repo, Worktree, status};
use crate::host::occupants;
use crate::ops::base::{self, short_name};
use crate::ops::journal::end::EndStep;
use crate::ops::list::reconcile::{self, BrokenKind};
use crate::ops::list::{Merged, merged};
use crate::ops::{Context, journal, removal, scope};
use crate::session::Word as _;
use crate::session::{Event, ObjectId, State, Timestamp};
use crate::store::{Loaded, Snapshot, pending};
use rayon::prelude::*;

/// Plans what goes and what stays. Reads only.
///
/// # Errors
/// Usage or refused, if a session that was named is none.
pub fn plan(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<CleanupPlan> {
    let chosen = scope::many(ctx, snapshot, &options.what)?;
    let now = moment(ctx);
    // What costs is asking git, which is done for several at once.
    let jobs = chosen.iter().map(|session| Ok((*session, ctx.another()?))).collect::<Result<Vec<_>>>()?;
    let mut rows = jobs
        .into_par_iter()
        .with_max_len(1)
        .map(|(session, ctx)| row(&ctx, snapshot, session, options, now))
        .collect::<Result<Vec<_>>>()?;
    if options.what.is_empty() {
        for entry in &snapshot.sessions {
            if let Err(error) = &entry.loaded {
                let remedy = error.hints().first().cloned();
                let proof = error.one_line();
                let (name, why) = (entry.name.clone(), Why::Broken);
                rows.push(Row { name, why, proof, remedy, merged: None, end: None });
            }
        }
        rows.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let expired = if options.what.is_empty() { expire::plan(ctx, snapshot, now)? } else { Vec::new() };
    let is_name = |session: &&&Loaded| {
        options.what.iter().any(|text| !text.contains(['*', '?', '[']) || text == session.name.as_str())
    };
    let named = if options.what.is_empty() {
        Vec::new()
    } else {
        chosen.iter().filter(is_name).map(|session| session.name.clone()).collect()
    };
    Ok(CleanupPlan { rows, expired, named })
}

/// Now, as a commit would be dated.
fn moment(ctx: &Context) -> Timestamp {
    ctx.repo.identity().map_or(ctx.now, |identity| Timestamp(identity.seconds()))
}

/// A reason, what shows it, and what helps.
type Reason = (Why, String, Option<String>);

fn row(ctx: &Context, snapshot: &Snapshot, session: &Loaded, options: &Options, now: Timestamp) -> Result<Row> {
    let name = session.name.clone();
    let kept =
        |(why, proof, remedy): Reason| Row { name: session.name.clone(), why, proof, remedy, merged: None, end: None };
    if let Some(held) = pending::find(&ctx.repo, &name.pending())? {
        if journal::is_dead(&ctx.repo, &held) && held.plan.contains("kind = \"end\"") {
            let proof = "its end was interrupted; the next command that writes mends it".to_owned();
            return Ok(kept((Why::Abandoned, proof, None)));
        }
        let remedy = Some("Run it again when that is done.".into());
        return Ok(kept((Why::Busy, format!("process {} is at work on it", held.process.pid), remedy)));
    }
    let candidate = match candidate(ctx, snapshot, session, options, now)? {
        Ok(candidate) => candidate,
        Err(reason) => return Ok(kept(reason)),
    };
    if let Some(reason) = blocker(ctx, snapshot, session)? {
        return Ok(kept(reason));
    }
    let step = step(ctx, snapshot, session, &candidate)?;
    Ok(Row {
        name,
        why: candidate.why,
        proof: candidate.proof,
        remedy: None,
        merged: candidate.merged,
        end: Some(Box::new((session.clone(), step))),
    })
}

/// A session that may go if nothing is in the way.
struct Candidate {
    why: Why,
    proof: String,
    merged: Option<Merged>,
    at: Option<ObjectId>,
    base: String,
    tip: Option<ObjectId>,
}

/// Whether there is a proof that a session may go; else why it stays.
fn candidate(
    ctx: &Context,
    snapshot: &Snapshot,
    session: &Loaded,
    options: &Options,
    now: Timestamp,
) -> Result<std::result::Result<Candidate, Reason>> {
    let (repo, name, record) = (&ctx.repo, &session.name, &session.record);
    let worktree = snapshot.worktree_of(session);
    let tip = repo.ref_id(&record.branch)?;
    let now_base = snapshot.base_ref(repo, record);
    let base = now_base.short().to_owned();
    let Some(tip) = tip else {
        let broken = reconcile::broken(ctx, snapshot, session, worktree, None);
        let branch = record.branch_short();
        return Ok(match broken.iter().find(|broken| broken.kind == BrokenKind::BranchMissing) {
            Some(_) => Ok(Candidate {
                why: Why::Orphaned,
                proof: format!("its branch '{branch}' was here and is gone"),
                merged: None,
                at: None,
                base,
                tip: None,
            }),
            None => Err(match broken.into_iter().next() {
                Some(other) => (Why::Broken, format!("{} ({branch})", other.kind.as_str()), Some(other.remedy)),
                None => (
                    Why::Broken,
                    format!("its branch '{branch}' was never here"),
                    Some(format!("`git fetch` and `git session adopt {name}` give it one.", name = name.word())),
                ),
            }),
        });
    };
    let Some(base_tip) = base::tip(repo, &now_base)? else {
        let remedy = format!("`git session set {name} --base <branch>` gives it another one.", name = name.word());
        return Ok(Err((Why::Broken, format!("its base '{base}' is gone"), Some(remedy))));
    };
    let from = base_tip.from.clone();
    let fork = record.base.fork();
    let is_ancestor = repo.is_ancestor(tip, base_tip.id)?;
    let is_new = is_new(repo, session, tip, fork, is_ancestor)?;
    let proof = if is_new { None } else { merged::proof(repo, tip, fork, base_tip.id, is_ancestor)? };
    if let Some(merged) = proof {
        let short = repo.short(tip);
        let mut proof = match merged {
            Merged::Ancestor => format!("its last commit {short} is in {from}"),
            Merged::Empty => format!("each of its commits is in {from} as another one"),
            Merged::SameTree => format!("{from} has the very same files"),
            Merged::AddsNothing => format!("merging it into {from} would change nothing"),
            Merged::PatchId => format!("one commit of {from} has all its changes"),
        };
        if let Some(by) = merged::reverted(repo, tip, fork, base_tip.id)? {
            proof.push_str(&format!("; reverted there since, by {}", repo.short(by)));
        }
        let at = Some(base_tip.id);
        return Ok(Ok(Candidate { why: Why::Merged, proof, merged: Some(merged), at, base, tip: Some(tip) }));
    }
    let still = last_activity(repo, session, worktree, tip)?;
    if let Some(span) = options.stale
        && now.0 - still.0 >= span
    {
        let proof = format!("nothing has happened in it for {}", still.age(now));
        return Ok(Ok(Candidate { why: Why::Stale, proof, merged: None, at: None, base, tip: Some(tip) }));
    }
    Ok(Err(if is_new {
        let remedy = "`--stale <age>` lets go of what has been still for that long.".to_owned();
        (Why::New, format!("it has no commits yet, begun {} ago", created(session).age(now)), Some(remedy))
    } else {
        let own = repo.own_commits(base_tip.id, tip, fork)?.len();
        let commits = if own == 1 { "1 commit" } else { &format!("{own} commits") };
        let remedy =
            format!("`git session finish {name} --merge` merges it, `--abandon` puts it aside.", name = name.word());
        (Why::Unmerged, format!("{commits} that {from} lacks"), Some(remedy))
    }))
}

fn created(session: &Loaded) -> Timestamp {
    session.record.created.as_deref().and_then(Timestamp::parse).unwrap_or(session.time)
}

/// A session in which nothing was committed, which its base therefore contains: by its reflog, since its branch may have
/// followed the base, or its work may have been dropped from it by a rebase as merged.
fn is_new(repo: &Repo, session: &Loaded, tip: ObjectId, fork: Option<ObjectId>, is_ancestor: bool) -> Result<bool> {
    if !is_ancestor {
        return Ok(Some(tip) == fork);
    }
    // What `integrate` has said of it was seen when it was merged; a clock that was set back would tell otherwise.
    let is_said = session.record.state == State::Merged;
    let has_worked = repo.has_worked(&session.record.branch, created(session))?;
    if is_said || has_worked == Some(true) {
        return Ok(false);
    }
    if Some(tip) == fork {
        return Ok(true);
    }
    let first = repo.commit(session.id())?;
    let first = Event::parse(session.id(), &String::from_utf8_lossy(&first.message), first.time, first.committer);
    // What it began with: the fork, or commits that had been there before it was adopted.
    Ok(has_worked == Some(false) && first.branch_tip == first_fork(repo, session)?)
}

fn first_fork(repo: &Repo, session: &Loaded) -> Result<Option<ObjectId>> {
    Ok(crate::store::record::read_at(repo, session.name.clone(), session.id())?.record.base.fork())
}

fn last_activity(repo: &Repo, session: &Loaded, worktree: Option<&Worktree>, tip: ObjectId) -> Result<Timestamp> {
    let mut last = session.time.max(repo.commit_time(tip)?);
    // An index is written by looking, too: it counts where there is work that no commit dates.
    if let Some(worktree) = worktree.filter(|worktree| !worktree.is_missing)
        && status::dirty(&worktree.path).is_ok_and(status::Dirty::is_uncommitted)
    {
        let written = worktree.git_dir.join("index").metadata().and_then(|meta| meta.modified()).ok();
        let since = written.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        last = last.max(since.and_then(|since| i64::try_from(since.as_secs()).ok()).map_or(last, Timestamp));
    }
    Ok(last)
}

/// What keeps a session from going, whatever the proof.
///
/// # Errors
/// Refused, if git cannot tell.
pub(super) fn blocker(ctx: &Context, snapshot: &Snapshot, session: &Loaded) -> Result<Option<Reason>> {
    let name = &session.name;
    let children = snapshot.children(session.id());
    let stacked = |child: &&Loaded| snapshot.base_ref(&ctx.repo, &child.record).reference == session.record.branch;
    let child =
        children.first().copied().or_else(|| snapshot.readable().find(|other| other.name != *name && stacked(other)));
    if let Some(child) = child {
        let remedy = format!("`git session set {} --base <branch>` gives that one another base.", child.name.word());
        return Ok(Some((Why::Children, format!("'{}' is stacked on it", child.name), Some(remedy))));
    }
    if base::default(ctx, snapshot).is_ok_and(|base| base.now.reference == session.record.branch) {
        let remedy = "`git config session.base <branch>` makes another branch the base.".to_owned();
        let proof = format!("new sessions begin on its branch '{}'", session.record.branch_short());
        return Ok(Some((Why::Children, proof, Some(remedy))));
    }
    let has_it = |tree: &&Worktree| tree.branch().as_deref() == Some(&session.record.branch);
    let Some(tree) = snapshot.worktree_of(session) else { return Ok(None) };
    let place = tree.path.display();
    if tree.is_main() || session.record.here {
        let remedy = format!("`git session finish {name}` ends it and leaves the directory.", name = name.word());
        return Ok(Some((Why::MainWorktree, format!("its directory '{place}' was there before it"), Some(remedy))));
    }
    if let Some(other) = snapshot.worktrees.iter().filter(has_it).find(|other| other.path != tree.path) {
        let remedy =
            format!("`git -C {} switch --detach` lets go of it there.", other.path.display().to_string().word());
        let proof = format!("its branch is checked out at '{}' too", other.path.display());
        return Ok(Some((Why::Broken, proof, Some(remedy))));
    }
    if tree.locked.is_some() {
        return Ok(Some((
            Why::Locked,
            format!("'{place}' is locked"),
            Some(format!("`git worktree unlock {place}` unlocks it.", place = place.to_string().word())),
        )));
    }
    if let Err(error) = removal::require_proven(tree) {
        return Ok(Some(refusal(Why::Broken, &error)));
    }
    if tree.is_missing {
        return Ok(None);
    }
    if let Some(operation) = tree.operation() {
        let remedy =
            format!("`git -C {place} {operation} --continue` or `--abort` ends it.", place = place.to_string().word());
        return Ok(Some((Why::Operation, format!("it is in the middle of a {operation}"), Some(remedy))));
    }
    if tree.is_busy() {
        let remedy = Some("Run it again when that is done.".into());
        return Ok(Some((Why::Busy, "its index is being written".into(), remedy)));
    }
    let inside = occupants_of(tree);
    if let Some(first) = inside.first() {
        let more = if inside.len() > 1 { format!(" and {} more", inside.len() - 1) } else { String::new() };
        let proof = format!("{} (process {}){more} is running in it", first.name, first.pid);
        return Ok(Some((Why::Busy, proof, Some("End it, or let it leave the directory.".into()))));
    }
    let tip = ctx.repo.ref_id(&session.record.branch)?;
    let odd = reconcile::broken(ctx, snapshot, session, Some(tree), tip);
    if let Some(broken) = odd.into_iter().find(|broken| broken.kind != BrokenKind::BranchMissing) {
        let now = broken.now.map(|now| format!(": {now}")).unwrap_or_default();
        return Ok(Some((Why::Broken, format!("{}{now}", broken.kind.as_str()), Some(broken.remedy))));
    }
    let dirty = status::dirty(&tree.path)?;
    if dirty.is_uncommitted() && !(tip.is_none() && dirty.unstaged + dirty.untracked + dirty.conflicted == 0) {
        let remedy = format!("Commit it, or `git session finish {name} --abandon` puts it aside.", name = name.word());
        return Ok(Some((Why::Uncommitted, format!("there is uncommitted work: {dirty}"), Some(remedy))));
    }
    Ok(removal::require_removable(ctx, tree).err().map(|error| {
        let text = error.message();
        let why = if text.starts_with("Ignored") {
            Why::ChangedIgnored
        } else if text.contains("submodule") {
            Why::Submodule
        } else if text.contains("another repository") {
            Why::Nested
        } else if text.contains("secret") {
            Why::Secret
        } else if error.is_contended() {
            Why::Busy
        } else {
            Why::Broken
        };
        refusal(why, &error)
    }))
}

/// Who stands in a worktree. A git by itself is given a moment: after a commit it tidies up on its own.
fn occupants_of(tree: &Worktree) -> Vec<occupants::Occupant> {
    let mut inside = occupants::of(&tree.path);
    for _ in 0..40 {
        if inside.is_empty() || inside.iter().any(|one| one.name != "git") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
        inside = occupants::of(&tree.path);
    }
    inside
}

fn refusal(why: Why, error: &Error) -> Reason {
    (why, error.one_line(), error.hints().first().cloned())
}

fn step(ctx: &Context, snapshot: &Snapshot, session: &Loaded, candidate: &Candidate) -> Result<EndStep> {
    let text = |path: &std::path::Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| Error::refused(format!("'{}' is not UTF-8.", path.display())))
    };
    let tree = snapshot.worktree_of(session);
    let (state, what) = match (candidate.merged, candidate.at) {
        (Some(merged), Some(at)) => {
            (State::Merged, format!("into {} at {} ({})", candidate.base, ctx.repo.short(at), merged.as_str()))
        }
        _ => (State::Abandoned, format!("as {}: {}", candidate.why.as_str(), candidate.proof)),
    };
    Ok(EndStep {
        name: session.name.to_string(),
        id: session.id().to_string(),
        state,
        what,
        merged_at: candidate.at.map(|id| id.to_string()),
        base: candidate.at.map(|_| format!("refs/heads/{}", short_name(&candidate.base))),
        branch: session.record.branch.clone(),
        tip: candidate.tip.map(|id| id.to_string()),
        deletes_branch: candidate.tip.is_some(),
        worktree: tree.map(|tree| text(&tree.path)).transpose()?,
        git_dir: tree.map(|tree| text(&tree.git_dir)).transpose()?,
        here_to: None,
        unties: None,
        trailers: Vec::new(),
    })
}
