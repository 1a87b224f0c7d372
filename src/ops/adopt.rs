//! `adopt`: makes sessions of branches and worktrees that are there already.

use crate::error::{Error, Result};
use crate::git::Worktree;
use crate::git::worktrees::Head;
use crate::ops::Context;
use crate::ops::base::{self, Chosen, short_name};
use crate::ops::create::{
    BranchFrom, CreatePlan, Place, Planned, Uncommitted, place_of, require_free_place, surroundings_of,
};
use crate::ops::revive::{self, Mend};
use crate::ops::surroundings::Surroundings;
use crate::session::Word as _;
use crate::session::{EventKind, Name, Record};
use crate::store::Snapshot;

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Branches, worktrees, globs of branches, or sessions without a worktree.
    pub what: Vec<String>,
    /// Every worktree that is no session's yet.
    pub all: bool,
    /// The name of the one session.
    pub name: Option<String>,
    /// The base.
    pub base: Option<String>,
    /// What it is for.
    pub goal: Option<String>,
    /// A branch gets no worktree.
    pub no_worktree: bool,
}

/// What is to be adopted.
#[derive(Debug)]
pub struct AdoptPlan {
    /// New sessions, as `create` makes them.
    pub create: CreatePlan,
    /// Live sessions that get a worktree, or the one that has their branch.
    pub mend: Vec<Mend>,
}

/// Plans what to adopt. Reads only.
///
/// # Errors
/// Usage or refused, with what would do.
pub fn plan(ctx: &Context, options: &Options) -> Result<AdoptPlan> {
    let snapshot = Snapshot::read(&ctx.repo)?;
    let base = match &options.base {
        Some(text) => base::named(ctx, &snapshot, text)?.ok_or_else(|| base::unknown(text))?,
        None => base::default(ctx, &snapshot)?,
    };
    let mut plan = AdoptPlan {
        create: CreatePlan {
            sessions: Vec::new(),
            documents: Vec::new(),
            sparse: Vec::new(),
            uncommitted: Uncommitted::Stays,
            surroundings: Surroundings::default(),
            warnings: Vec::new(),
        },
        mend: Vec::new(),
    };
    for found in wanted(ctx, &snapshot, options, &base)? {
        match found {
            Found::Session(name) => plan.mend.push(revive::plan(ctx, &name)?),
            Found::Branch(branch, worktree) => {
                let planned = one(ctx, &snapshot, options, &base, branch, worktree, &plan.create.sessions)?;
                plan.create.sessions.push(planned);
            }
        }
    }
    if plan.create.sessions.len() + plan.mend.len() > 1 && options.name.is_some() {
        return Err(Error::usage("`--name` is for one session."));
    }
    let wanted = crate::ops::surroundings::Wanted { copy: true, setup: true };
    plan.create.surroundings = surroundings_of(ctx, &snapshot, &plan.create.sessions, wanted)?;
    Ok(plan)
}

enum Found {
    Session(Name),
    Branch(String, Option<Worktree>),
}

fn wanted(ctx: &Context, snapshot: &Snapshot, options: &Options, base: &Chosen) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let free = |worktree: &&Worktree| {
        !worktree.is_missing && snapshot.session_of(worktree).is_none() && worktree.tie.is_none()
    };
    if options.all {
        for worktree in snapshot.worktrees.iter().filter(free) {
            match worktree.branch() {
                Some(branch) if branch != base.now.reference && !(worktree.is_main() && is_trunk(ctx, &branch)) => {
                    found.push(Found::Branch(branch, Some(worktree.clone())));
                }
                _ => {}
            }
        }
    } else if options.what.is_empty() {
        return Err(Error::usage("What is to be adopted?").hint("Name a branch or a worktree, or say `--all`."));
    }
    for text in &options.what {
        if let Some(entry) = snapshot.sessions.iter().find(|entry| entry.name.as_str() == text) {
            found.push(Found::Session(entry.name.clone()));
            continue;
        }
        let path = ctx.cwd.join(text);
        if path.is_dir()
            && let Ok(path) = path.canonicalize()
            && let Some(worktree) = snapshot.worktrees.iter().find(|worktree| worktree.path == path)
        {
            let branch = match (&worktree.head, worktree.branch()) {
                (_, Some(branch)) => branch,
                (Head::Detached(_), None) => {
                    return Err(Error::refused(format!("The worktree '{text}' is on no branch.")).hint(format!(
                        "`git -C {text} switch -c <branch>` gives its commits one.",
                        text = text.word()
                    )));
                }
                _ => {
                    return Err(Error::refused(format!("The worktree '{text}' cannot be read."))
                        .hint(format!("`git -C {text} status` says what is wrong with it.", text = text.word())));
                }
            };
            found.push(Found::Branch(branch, Some(worktree.clone())));
            continue;
        }
        if text.contains(['*', '?', '[']) {
            let branches = ctx.repo.refs_below("refs/heads/")?;
            let matching = branches.into_iter().map(|(branch, _)| branch).filter(|branch| {
                crate::git::glob_matches(text, short_name(branch))
                    && *branch != base.now.reference
                    && !snapshot.readable().any(|loaded| loaded.record.branch == *branch)
            });
            let before = found.len();
            found.extend(matching.map(|branch| with_worktree(snapshot, branch)));
            if found.len() == before {
                return Err(Error::refused(format!("No branch that is no session's yet matches '{text}'."))
                    .hint("`git branch` shows the branches, `git session list` those that are sessions."));
            }
            continue;
        }
        let short = text.strip_prefix("refs/heads/").unwrap_or(text);
        let local = format!("refs/heads/{short}");
        let is_known = ctx.repo.ref_id(&local)?.is_some()
            || ctx
                .repo
                .default_remote()
                .map(|remote| ctx.repo.ref_id(&format!("refs/remotes/{remote}/{short}")))
                .transpose()?
                .flatten()
                .is_some();
        if !is_known {
            return Err(Error::refused(format!("'{text}' is no branch, no worktree and no session."))
                .hint("`git branch --all` and `git worktree list` show what there is."));
        }
        found.push(with_worktree(snapshot, local));
    }
    Ok(found)
}

fn with_worktree(snapshot: &Snapshot, branch: String) -> Found {
    let worktree = snapshot.worktrees.iter().find(|tree| tree.branch().as_deref() == Some(&branch)).cloned();
    Found::Branch(branch, worktree)
}

fn is_trunk(ctx: &Context, branch: &str) -> bool {
    ctx.repo.main_branch().is_some_and(|main| short_name(branch) == main)
        && matches!(short_name(branch), "main" | "master")
}

fn one(
    ctx: &Context,
    snapshot: &Snapshot,
    options: &Options,
    base: &Chosen,
    branch: String,
    worktree: Option<Worktree>,
    planned: &[Planned],
) -> Result<Planned> {
    let repo = &ctx.repo;
    let short = short_name(&branch).to_owned();
    if branch == base.now.reference {
        return Err(Error::refused(format!("'{short}' is the base itself, not a line of work."))
            .hint("`--base <branch>` names another base."));
    }
    if let Some(owner) = snapshot.readable().find(|loaded| loaded.record.branch == branch) {
        return Err(Error::refused(format!("The branch '{short}' is that of the session '{}' already.", owner.name))
            .hint(format!("`git session path {}` says where it is.", owner.name.word())));
    }
    let name = Name::parse(options.name.as_deref().unwrap_or(&short)).map_err(|error| {
        error.hint(format!(
            "`git session adopt {short} --name <name>` gives the session a name of its own.",
            short = short.word()
        ))
    })?;
    let taken = snapshot.sessions.iter().map(|entry| &entry.name).chain(planned.iter().map(|planned| &planned.name));
    if let Some(other) = taken.into_iter().find(|other| **other == name || other.clashes_with(&name)) {
        return Err(Error::refused(format!("The session '{other}' is in the way of the name '{name}'."))
            .hint(format!("`git session adopt {short} --name <name>` gives another one.", short = short.word())));
    }
    let (branch_from, start) = match repo.ref_id(&branch)? {
        Some(tip) => (BranchFrom::Local, tip),
        None => {
            let remote = repo.default_remote().unwrap_or_default();
            let reference = format!("refs/remotes/{remote}/{short}");
            let tip = repo.ref_id(&reference)?.ok_or_else(|| {
                Error::refused(format!("The branch '{short}' has no commit yet.")).hint("Commit something first.")
            })?;
            (BranchFrom::Remote(reference), tip)
        }
    };
    let fork = repo.merge_base(base.tip.id, start)?.ok_or_else(|| {
        Error::refused(format!("'{short}' and the base '{}' have no history in common.", base.now.short()))
            .hint("`--base <branch>` names another base.")
    })?;
    let mut record = Record::new(branch.clone(), base.to_base(fork));
    record.goal.clone_from(&options.goal);
    let place = match worktree {
        Some(worktree) if worktree.is_missing => {
            return Err(Error::refused(format!(
                "'{short}' is checked out at '{}', which is gone.",
                worktree.path.display()
            ))
            .hint("`git worktree prune` forgets it, `git worktree repair <new place>` finds one that was moved."));
        }
        Some(worktree) => {
            if let Some(tie) = &worktree.tie {
                return Err(Error::refused(format!(
                    "'{}' is already the worktree of '{tie}'.",
                    worktree.path.display()
                ))
                .hint(format!(
                    "`git -C {} symbolic-ref --delete refs/worktree/session` unties it.",
                    worktree.path.display().to_string().word()
                )));
            }
            if let Some(operation) = worktree.operation() {
                return Err(Error::refused(format!(
                    "'{}' is in the middle of a {operation}.",
                    worktree.path.display()
                ))
                .hint(format!("`git {operation} --continue` or `--abort` ends it.")));
            }
            record.here = worktree.is_main();
            Place::Tied(worktree.path)
        }
        None if options.no_worktree => Place::Nowhere,
        None => {
            let path = place_of(ctx, &name, &branch)?;
            require_free_place(&path)?;
            Place::Worktree(path)
        }
    };
    Ok(Planned {
        name,
        branch,
        branch_from,
        start,
        base: base.clone(),
        record,
        place,
        exclude: None,
        event: EventKind::Adopted,
        warnings: Vec::new(),
    })
}
