//! The plan of `undo`: for each session of the operation what takes it back, refused where things have moved on since.

use super::{BaseMove, Found, Inverse, Item, Operation, UndoPlan, facts, find, sync};
use crate::error::{Error, Result};
use crate::ops::base::short_name;
use crate::ops::finish::{self, Mode};
use crate::ops::journal::base as journal_base;
use crate::ops::journal::end::EndStep;
use crate::ops::{Context, relocate, restore};
use crate::session::Word as _;
use crate::session::{Event, EventKind, ObjectId, State};
use crate::store::snapshot::BaseNow;
use crate::store::{Loaded, Snapshot, timeline};
use std::path::Path;

/// Plans the inverse of an operation. Reads only.
///
/// # Errors
/// Refused, if nothing of it can be inverted.
pub fn plan(ctx: &Context, snapshot: &Snapshot, operation: Operation) -> Result<UndoPlan> {
    let mut warnings = Vec::new();
    let mut items = Vec::new();
    for found in &operation.events {
        // A session that ended in the middle of an operation has two events of it; the newer one counts.
        let inverse = invert(ctx, snapshot, &operation, found, &mut warnings);
        items.push(Item { session: found.session.clone(), inverse });
    }
    if items.iter().all(|item| item.inverse.is_err())
        && let Some(error) = items.drain(..).next().and_then(|item| item.inverse.err())
    {
        return Err(error);
    }
    Ok(UndoPlan { operation, items, warnings })
}

fn invert(
    ctx: &Context,
    snapshot: &Snapshot,
    operation: &Operation,
    found: &Found,
    warnings: &mut Vec<String>,
) -> Result<Inverse> {
    let name = &found.session.name;
    let undoes = vec![("Session-Undoes".to_owned(), operation.id.to_string())];
    if find::moves(&found.event)
        && let Some(later) = found.since.iter().find(|event| find::moves(event))
    {
        let id = later.operation.as_ref().map_or("", |operation| operation.short());
        return Err(Error::refused(format!("'{name}' has moved on since: it was {} ({}).", later.kind, later.what))
            .hint(format!("`git session undo {id}` undoes that first.")));
    }
    match &found.event.kind {
        EventKind::Created | EventKind::Adopted if found.before.is_some() => {
            Err(Error::refused(format!("`adopt` only gave '{name}' what it lacked: {}.", found.event.what)).hint(
                format!(
                    "`git session finish {name} --keep` ends the session and leaves its branch.",
                    name = name.word()
                ),
            ))
        }
        EventKind::Created | EventKind::Adopted => {
            warn_of_pushed(ctx, found, warnings)?;
            end_again(ctx, snapshot, found, undoes, None)
        }
        EventKind::Restored => {
            let earlier = earlier_end(ctx, found)?;
            end_again(ctx, snapshot, found, undoes, Some(&earlier))
        }
        EventKind::Merged | EventKind::Kept | EventKind::Abandoned => {
            let base = base_back(ctx, snapshot, found)?;
            if let Some(base) = &base {
                warn_of_others(ctx, snapshot, base, warnings)?;
            }
            let plan = restore::plan(ctx, snapshot, found.session.clone(), None)?;
            Ok(Inverse::Restore(Box::new(plan), base))
        }
        EventKind::Integrated => {
            let base = base_back(ctx, snapshot, found)?;
            if let Some(base) = &base {
                warn_of_others(ctx, snapshot, base, warnings)?;
            }
            match facts::invert(ctx, found)? {
                Inverse::Facts(record, what, _) => Ok(Inverse::Facts(record, what, base)),
                other => Ok(other),
            }
        }
        EventKind::Renamed => {
            let old = required(&found.event, "Session-From")?;
            let mut plan = relocate::plan_rename(ctx, snapshot, &found.session, old)?;
            plan.step.trailers = undoes;
            Ok(Inverse::Relocate(Box::new(plan)))
        }
        EventKind::Moved => {
            let old = Path::new(required(&found.event, "Session-From")?);
            crate::ops::create::require_free_place(old)?;
            let mut plan = relocate::plan_move(ctx, snapshot, &found.session, old)?;
            plan.step.trailers = undoes;
            Ok(Inverse::Relocate(Box::new(plan)))
        }
        EventKind::Synced => sync::invert(ctx, snapshot, operation, found, warnings),
        EventKind::Undone if found.event.trailer("Session-To").is_some() => {
            sync::invert(ctx, snapshot, operation, found, warnings)
        }
        EventKind::Set | EventKind::Ready | EventKind::Blocked | EventKind::Undone => facts::invert(ctx, found),
        EventKind::Prepared | EventKind::Recovered | EventKind::Other(_) => {
            Err(Error::refused(format!("'{}' on '{name}' cannot be undone.", found.event.kind))
                .hint("`git session undo --list` shows what can."))
        }
    }
}

fn required<'a>(event: &'a Event, key: &str) -> Result<&'a str> {
    event.trailer(key).ok_or_else(|| {
        Error::refused(format!("The record of '{}' does not say what was before.", event.name))
            .hint(format!("`git session log {}` shows what happened.", event.name.word()))
    })
}

fn id_in(event: &Event, key: &str) -> Option<ObjectId> {
    event.trailer(key).and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok())
}

/// How a session had ended before it was restored.
fn earlier_end(ctx: &Context, found: &Found) -> Result<Event> {
    let from = found.before.ok_or_else(|| Error::bug("A session came back that had never been."))?;
    for event in timeline::events(&ctx.repo, from) {
        let event = event?;
        if matches!(event.kind, EventKind::Merged | EventKind::Kept | EventKind::Abandoned) {
            return Ok(event);
        }
    }
    Err(Error::refused(format!("The record of '{}' does not say how it had ended.", found.session.name))
        .hint(format!("`git session finish {}` ends it.", found.session.name.word())))
}

/// The session ends: what the operation made goes, with salvage, and what was there before stays.
fn end_again(
    ctx: &Context,
    snapshot: &Snapshot,
    found: &Found,
    mut trailers: Vec<(String, String)>,
    earlier: Option<&Event>,
) -> Result<Inverse> {
    let (session, name) = (&found.session, &found.session.name);
    let made: Vec<&str> = found.event.trailer("Session-Made").unwrap_or_default().split(' ').collect();
    let has = |word: &str| made.contains(&word);
    let is_removed = has("worktree") || has("switch");
    let mode = if is_removed { Mode::Abandon } else { Mode::Keep };
    let (survey, here_to) = if is_removed || has("branch") {
        let plan = finish::plan(ctx, snapshot, session, Mode::Abandon, false)?;
        (plan.survey, plan.here_to)
    } else {
        (finish::survey(ctx, snapshot, session)?, None)
    };
    if let Some(child) = survey.children.first().filter(|_| mode == Mode::Keep) {
        return Err(Error::refused(format!("'{child}' is stacked on '{name}'.")).hint(format!(
            "`git session set {child} --base {}` gives it another base.",
            survey.base.short().word(),
            child = child.word()
        )));
    }
    if here_to.is_some()
        && earlier.is_some_and(|earlier| earlier.kind != EventKind::Abandoned)
        && survey.dirty.is_some_and(finish::Dirty::is_uncommitted)
    {
        return Err(Error::refused(format!("There is uncommitted work in '{name}', in a checkout that stays."))
            .hint("Commit or stash it, then run it again."));
    }
    let mut state = if has("branch") || has("switch") { State::Abandoned } else { State::Kept };
    let (mut merged_at, mut base, mut base_ref) = (None, None, None);
    if let Some(earlier) = earlier {
        state = match earlier.kind {
            EventKind::Merged => State::Merged,
            EventKind::Kept => State::Kept,
            _ => State::Abandoned,
        };
        if state == State::Merged {
            let at = id_in(earlier, "Session-Merged-At");
            (base, base_ref) = base_forward(ctx, snapshot, found, &survey, at)?;
            merged_at = at;
        }
    }
    if let Some(base) = &base {
        trailers.extend(journal_base::trailers(&base.branch, Some(base.from), base.to));
    }
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let worktree = survey.worktree.as_ref();
    if let (false, Some((path, _))) = (is_removed, worktree) {
        trailers.push(("Session-Worktree".into(), text(path)));
    }
    let short = short_name(&survey.branch);
    let what = match (state, survey.tip) {
        (State::Merged, _) => format!("into {} again", survey.base.short()),
        (State::Kept, _) => format!("as branch {short}"),
        (_, Some(tip)) => format!("at {}", ctx.repo.short(tip)),
        (_, None) => "without a branch".into(),
    };
    let step = EndStep {
        name: name.to_string(),
        id: session.id().to_string(),
        state,
        what,
        merged_at: merged_at.map(|id| id.to_string()),
        base: base_ref,
        branch: survey.branch.clone(),
        tip: survey.tip.map(|id| id.to_string()),
        deletes_branch: has("branch") && survey.tip.is_some(),
        worktree: worktree.filter(|_| is_removed).map(|(path, _)| text(path)),
        git_dir: worktree.filter(|_| is_removed).map(|(_, git_dir)| text(git_dir)),
        here_to: here_to.filter(|_| is_removed),
        unties: worktree.filter(|_| !is_removed).map(|(_, git_dir)| text(git_dir)),
        trailers,
    };
    Ok(Inverse::End(Box::new(step), base))
}

/// The base goes forward again to where a merge had put it; or still has that merge. Also the base's ref.
fn base_forward(
    ctx: &Context,
    snapshot: &Snapshot,
    found: &Found,
    survey: &finish::Survey,
    merged_at: Option<ObjectId>,
) -> Result<(Option<BaseMove>, Option<String>)> {
    let name = &found.session.name;
    let anew = |why: String| {
        Err(Error::refused(why)
            .hint(format!("`git session finish {name} --merge` merges it as it is now.", name = name.word())))
    };
    if survey.tip != found.event.branch_tip {
        return anew(format!("The branch of '{name}' has moved on since it came back."));
    }
    if let (Some(branch), Some(from), Some(to)) = (
        found.event.trailer("Session-Base"),
        id_in(&found.event, "Session-Base-To"),
        id_in(&found.event, "Session-Base-From"),
    ) {
        if ctx.repo.ref_id(branch)? != Some(from) {
            return anew(format!("'{}' has moved on since.", short_name(branch)));
        }
        return Ok((Some(base_move(ctx, snapshot, &found.session, branch, from, to)?), Some(branch.to_owned())));
    }
    let reference = survey.base.reference.clone();
    match (merged_at, ctx.repo.ref_id(&reference)?) {
        (Some(at), Some(tip)) if ctx.repo.has_object(at) && ctx.repo.is_ancestor(at, tip)? => {
            Ok((None, Some(reference)))
        }
        _ => anew(format!("'{}' does not have the merge of '{name}' any more.", survey.base.short())),
    }
}

/// The base goes back to where it stood before a merge, if it still stands where we left it and nobody else has it.
fn base_back(ctx: &Context, snapshot: &Snapshot, found: &Found) -> Result<Option<BaseMove>> {
    let event = &found.event;
    let (Some(branch), Some(to)) = (event.trailer("Session-Base"), id_in(event, "Session-Base-To")) else {
        return Ok(None);
    };
    let (name, short) = (&found.session.name, short_name(branch));
    let Some(from) = id_in(event, "Session-Base-From") else { return Ok(None) };
    let instead = |error: Error| {
        error
            .hint(format!(
                "`git session restore {name}` brings the session back and leaves '{short}' as it is.",
                name = name.word()
            ))
            .hint(format!("`git log {short}` shows what to `git revert` there."))
    };
    if ctx.repo.ref_id(branch)? != Some(to) {
        return Err(instead(Error::refused(format!("'{short}' has moved on since '{name}' was merged into it."))));
    }
    let holders = ctx
        .repo
        .git()
        .args(["for-each-ref", "--format=%(refname)", "--contains", &to.to_string(), "refs/remotes/"])
        .run_ok()?
        .text();
    if let Some(holder) = holders.lines().find(|holder| !holder.starts_with("refs/remotes/sessions/")) {
        return Err(instead(Error::refused(format!("'{}' has the merge already.", short_name(holder)))));
    }
    base_move(ctx, snapshot, &found.session, branch, to, from).map(Some)
}

fn base_move(
    ctx: &Context,
    snapshot: &Snapshot,
    session: &Loaded,
    branch: &str,
    from: ObjectId,
    to: ObjectId,
) -> Result<BaseMove> {
    let worktree = snapshot.worktrees.iter().find(|tree| tree.branch().as_deref() == Some(branch) && !tree.is_missing);
    if let Some(worktree) = worktree {
        journal_base::require_followable(&ctx.repo, worktree, from, to)?;
    }
    let parent = snapshot.readable().find(|other| other.record.branch == branch && other.name != session.name);
    let now = BaseNow { reference: branch.to_owned(), remote: None, parent: parent.map(|parent| parent.name.clone()) };
    Ok(BaseMove {
        branch: branch.to_owned(),
        mutex: finish::base_mutex(&now),
        from,
        to,
        git_dir: worktree.map(|tree| tree.git_dir.clone()),
    })
}

/// What a remote has of a branch stays there.
fn warn_of_pushed(ctx: &Context, found: &Found, warnings: &mut Vec<String>) -> Result<()> {
    if let Some(upstream) = ctx.repo.upstream_of(&found.session.record.branch)
        && ctx.repo.ref_id(&upstream)?.is_some()
    {
        let (name, upstream) = (&found.session.name, short_name(&upstream));
        warnings.push(format!("What '{upstream}' has of '{name}' stays there: a push is not undone."));
    }
    Ok(())
}

/// Sessions that have begun on what goes away from the base keep it in their own branches.
fn warn_of_others(ctx: &Context, snapshot: &Snapshot, base: &BaseMove, warnings: &mut Vec<String>) -> Result<()> {
    let mut names = Vec::new();
    for other in snapshot.readable().filter(|other| other.record.branch != base.branch) {
        if let Some(tip) = ctx.repo.ref_id(&other.record.branch)?
            && ctx.repo.is_ancestor(base.from, tip)?
        {
            names.push(format!("'{}'", other.name));
        }
    }
    if !names.is_empty() {
        warnings.push(format!(
            "What goes away from '{}' is in the branch of {} too, and would come back with it.",
            short_name(&base.branch),
            names.join(", ")
        ));
    }
    Ok(())
}
