//! Making what was planned: claim, then branch and record in one transaction, then the worktree. A failure takes back
//! what was made.

use super::carry::{self, Carry};
use super::{BranchFrom, CreatePlan, Created, Outcome, Place, Planned};
use crate::error::{Error, Result};
use crate::git::hooks::Ran;
use crate::git::worktrees::Head;
use crate::git::{Edit, Repo, Worktree, hooks};
use crate::ops::Context;
use crate::ops::env::Scene;
use crate::ops::journal::create::CreateStep;
use crate::ops::journal::{self, Plan};
use crate::ops::phase::Sink;
use crate::ops::ports;
use crate::ops::surroundings::{self, Surroundings};
use crate::store::pending::Pending;
use crate::store::{Writer, retry};
use rayon::prelude::*;
use std::path::Path;

/// Makes all sessions of a plan, each by itself: one that fails leaves nothing behind and stops no other.
///
/// # Errors
/// Refused, if nothing could even begin.
pub fn execute(ctx: &Context, writer: &Writer, plan: CreatePlan, sink: Sink<'_>) -> Result<Outcome> {
    let held = journal::hold(&ctx.repo, writer)?;
    let mut warnings = plan.warnings;
    let new: Vec<_> = plan.sessions.iter().map(|planned| matches!(planned.place, Place::Worktree(_))).collect();
    let carry = carry::set_aside(ctx, &writer.operation, &plan.uncommitted, &plan.sessions, &mut warnings)?;
    let siblings = ctx.repo.worktrees()?;
    let ports = ports::range(&ctx.repo)?;
    let shared = Shared {
        writer,
        documents: &plan.documents,
        sparse: &plan.sparse,
        siblings: &siblings,
        ports,
        carry: carry.as_ref(),
    };
    let threads = if plan.sessions.len() == 1 { rayon::current_num_threads() } else { 1 };
    let jobs =
        plan.sessions.into_iter().map(|planned| Ok((planned, ctx.repo.another()?))).collect::<Result<Vec<_>>>()?;
    let mut sessions: Vec<_> = jobs
        .into_par_iter()
        .with_max_len(1)
        .map(|(planned, repo)| {
            let name = planned.name.clone();
            (name, make(&repo, &shared, planned, threads))
        })
        .collect();
    // From here on the sessions are there, whatever comes of the rest. What set-up leaves running holds nothing.
    drop(held);
    let rest = &plan.surroundings;
    warnings.extend(rest.warnings.iter().cloned());
    let made = sessions.iter_mut().zip(new).filter(|(_, is_new)| *is_new);
    let jobs = made
        .filter_map(|((_, made), _)| made.as_mut().ok())
        .map(|made| Ok((made, ctx.repo.another()?)))
        .collect::<Result<Vec<_>>>()?;
    let threads = if jobs.len() == 1 { rayon::current_num_threads() } else { 1 };
    jobs.into_par_iter().with_max_len(1).for_each(|(made, repo)| surround(&repo, writer, made, rest, threads, sink));
    Ok(Outcome { operation: writer.operation.clone(), sessions, notes: plan.surroundings.notes, warnings })
}

/// Gives one new worktree what it needs besides its files.
fn surround(repo: &Repo, writer: &Writer, made: &mut Created, plan: &Surroundings, threads: usize, sink: Sink<'_>) {
    let worktree = made.worktree.as_ref().and_then(|path| repo.registered_at(path).ok());
    let Some(worktree) = worktree else { return };
    let scene = Scene {
        name: made.name.clone(),
        id: made.id,
        branch: crate::ops::base::short_name(&made.branch).to_owned(),
        base: made.base.now.short().to_owned(),
        worktree: worktree.path,
        git_dir: worktree.git_dir,
        main: repo.main_place(),
        repository: super::repository_name(repo),
        ports: made.ports,
    };
    let prepared = surroundings::make(repo, writer, &scene, plan, threads, sink);
    made.warnings.extend(prepared.warnings.iter().cloned());
    made.prepared = Some(prepared);
}

/// What all sessions of one command have in common.
struct Shared<'a> {
    writer: &'a Writer,
    documents: &'a [(String, Vec<u8>)],
    sparse: &'a [String],
    siblings: &'a [Worktree],
    ports: Option<ports::Range>,
    carry: Option<&'a Carry>,
}

fn make(repo: &Repo, shared: &Shared<'_>, planned: Planned, threads: usize) -> Result<Created> {
    let writer = shared.writer;
    let short = repo.short(planned.start);
    let mut event = writer.event(
        &planned.name,
        planned.event.clone(),
        match planned.branch_from {
            BranchFrom::New => format!("from {} at {short}", planned.base.tip.from),
            BranchFrom::Local | BranchFrom::Remote(_) => {
                format!("of branch {} at {short}", crate::ops::base::short_name(&planned.branch))
            }
        },
    );
    event.body = planned.record.goal.clone().unwrap_or_default();
    event.branch_tip = Some(planned.start);
    event.trailers.push(("Session-Base".into(), planned.base.now.reference.clone()));
    event.trailers.extend(made_words(shared, &planned).map(|words| ("Session-Made".into(), words)));
    let record = writer.first(repo, &planned.record, &event, shared.documents)?;
    let is_here = matches!(planned.place, Place::Here(_) | Place::Tied(_));
    let step = CreateStep {
        name: planned.name.to_string(),
        branch: planned.branch.clone(),
        makes_branch: planned.branch_from != BranchFrom::Local,
        start: planned.start.to_string(),
        record: record.to_string(),
        path: planned.place.path().map(|path| path_text(path)).transpose()?.unwrap_or_default(),
        here: is_here,
        carries: shared.carry.map(Carry::as_planned),
    };
    let reference = planned.name.pending();
    let claims = retry(|| {
        journal::claim(repo, writer, &[(reference.clone(), Plan::Create(step.clone()), vec![record, planned.start])])
    })?;
    let [claim] = claims.as_slice() else { return Err(Error::bug("One claim was wanted.")) };
    // Under the claim: whoever finds that we died finds the work.
    let stash = match shared.carry.map_or(Ok(None), |carry| carry.away(repo)) {
        Ok(stash) => stash,
        Err(error) => return Err(give_up(repo, claim, error)),
    };
    let put_back = |error: Error| match shared.carry {
        Some(carry) => carry.put_back(repo, stash, error),
        None => error,
    };
    let ports = match begin(repo, shared.ports, &planned, record, &event.subject()) {
        Ok(ports) => ports,
        // Nothing was made: a branch that stands there now is somebody else's.
        Err(error) => return Err(give_up(repo, claim, put_back(error))),
    };
    let made = fill(repo, shared, &planned, threads).and_then(|mut warnings| {
        warnings.extend(shared.carry.zip(planned.place.path()).and_then(|(carry, to)| carry.arrive(repo, stash, to)));
        retry(|| repo.transact(&[claim.release()], "session: created"))?;
        Ok(warnings)
    });
    match made {
        Ok(mut warnings) => {
            warnings.splice(0..0, planned.warnings);
            let fork = planned.record.base.fork().unwrap_or(planned.start);
            Ok(Created {
                name: planned.name,
                id: record,
                branch: planned.branch,
                worktree: planned.place.path().cloned(),
                base: planned.base,
                fork,
                head: planned.start,
                ports,
                prepared: None,
                warnings,
            })
        }
        Err(error) => {
            let error = put_back(error);
            Err(match journal::create::take_back(repo, claim, &step) {
                Ok(_) => error,
                Err(also) => error
                    .hint(format!("Not all could be taken back ({}); the next command tries again.", also.one_line())),
            })
        }
    }
}

/// Nothing was made: the claim is all that goes.
fn give_up(repo: &Repo, claim: &Pending, error: Error) -> Error {
    match retry(|| repo.transact(&[claim.release()], "session: take back")) {
        Ok(()) => error,
        Err(also) => error.hint(format!("The claim could not be given up ({}).", also.one_line())),
    }
}

/// What is made besides the record, for `undo`: what was there before stays.
fn made_words(shared: &Shared<'_>, planned: &Planned) -> Option<String> {
    let mut words = Vec::new();
    if planned.branch_from != BranchFrom::Local {
        words.push("branch");
    }
    match &planned.place {
        Place::Worktree(_) => words.push("worktree"),
        Place::Here(path) => {
            let is_on_it = |tree: &Worktree| tree.path == *path && tree.branch().as_ref() == Some(&planned.branch);
            if !shared.siblings.iter().any(is_on_it) {
                words.push("switch");
            }
        }
        Place::Tied(_) | Place::Nowhere => {}
    }
    (!words.is_empty()).then(|| words.join(" "))
}

/// Branch, record and a block of ports, in one transaction. Returns the first port.
fn begin(
    repo: &Repo,
    range: Option<ports::Range>,
    planned: &Planned,
    record: crate::session::ObjectId,
    message: &str,
) -> Result<Option<u16>> {
    let branch = match planned.branch_from {
        BranchFrom::Local => Edit::verify(&planned.branch, planned.start),
        BranchFrom::New | BranchFrom::Remote(_) => Edit::create(&planned.branch, planned.start),
    };
    let range = range.filter(|_| planned.place.path().is_some());
    let choose = || range.map_or(Ok(None), |range| ports::choose(repo, range, record, 0));
    let mut block = choose()?;
    let outcome = retry(|| {
        // Another session was given the same one at the same moment.
        if block.as_ref().is_some_and(|(_, edit)| edit.is_stale(repo)) {
            block = choose()?;
        }
        let mut edits = vec![branch.clone(), Edit::create(planned.name.reference(), record)];
        edits.extend(block.iter().map(|(_, edit)| edit.clone()));
        match repo.transact(&edits, message) {
            // Trying again helps against a lock, and not against a branch that is there.
            Err(error) if error.is_contended() && branch.is_stale(repo) => Ok(Err(error)),
            outcome => outcome.map(Ok),
        }
    })?;
    let first = block.map(|(first, _)| first);
    outcome.map_err(|error| {
        let short = crate::ops::base::short_name(&planned.branch);
        Error::contended(format!("Somebody else made or moved the branch '{short}' at the same moment."))
            .because(error)
            .hint("Nothing was changed; run it again.")
    })?;
    Ok(first)
}

/// The files, once branch and record are there. Returns warnings.
fn fill(repo: &Repo, shared: &Shared<'_>, planned: &Planned, threads: usize) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    if let BranchFrom::Remote(upstream) = &planned.branch_from
        && let Err(error) = set_upstream(repo, &planned.branch, upstream)
    {
        warnings.push(format!("The branch's upstream could not be set: {}.", error.one_line()));
    }
    let worktree = match &planned.place {
        Place::Nowhere => return Ok(warnings),
        Place::Here(path) | Place::Tied(path) => switch(repo, path, planned)?,
        Place::Worktree(path) => {
            if let Some(line) = &planned.exclude {
                exclude(repo, line)?;
            }
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| {
                    Error::refused(format!("The folder '{}' could not be made.", parent.display()))
                        .because(error)
                        .hint("`git config session.path` sets another place for sessions.")
                })?;
            }
            let worktree = repo.register_worktree(path, &planned.branch)?;
            populate(repo, shared, &worktree, planned, threads)?;
            worktree
        }
    };
    repo.tie(&worktree.git_dir, &planned.name)?;
    if matches!(planned.place, Place::Worktree(_)) {
        let (null, start) = (repo.null_id().to_string(), planned.start.to_string());
        match hooks::run(repo, &worktree.path, "post-checkout", &[&null, &start, "1"], &[])? {
            Ran::None | Ran::Code(0) => {}
            Ran::Code(code) => warnings.push(format!("The hook 'post-checkout' ended with {code}.")),
            Ran::LeftOut(hook) => warnings.push(format!(
                "The hook '{}' did not run: it comes with the branch, and differs from the one in your main worktree.",
                hook.display()
            )),
        }
    }
    Ok(warnings)
}

/// Files and index: from a sibling where that is safe, else git makes them.
fn populate(repo: &Repo, shared: &Shared<'_>, worktree: &Worktree, planned: &Planned, threads: usize) -> Result<()> {
    if !shared.sparse.is_empty() {
        let git = || repo.git_in(&worktree.path).without_hooks();
        git().args(["sparse-checkout", "set", "--"]).args(shared.sparse).run_ok()?;
        return git().args(["read-tree", "-m", "-u", "HEAD"]).run_ok().map(drop);
    }
    let is_near = |sibling: &&Worktree| match &sibling.head {
        Head::Branch(branch) => repo.ref_id(branch).ok().flatten() == Some(planned.start),
        Head::Detached(id) => *id == planned.start,
        Head::Unknown => false,
    };
    let present = || shared.siblings.iter().filter(|sibling| !sibling.is_missing && !sibling.is_busy());
    // The main worktree is what people keep in order; a session at the very commit is the next best.
    let candidates = present().take(1).chain(present().skip(1).filter(is_near).take(1));
    for sibling in candidates {
        if repo.fill_from_sibling(sibling, worktree, planned.start, threads)?.is_some() {
            return Ok(());
        }
    }
    // As `git worktree add` does it.
    repo.git_in(&worktree.path)
        .without_hooks()
        .args(["reset", "--hard", "--quiet", "--no-recurse-submodules"])
        .run_ok()
        .map(drop)
}

/// `--here`: git itself switches, and refuses where uncommitted work is in the way.
fn switch(repo: &Repo, path: &Path, planned: &Planned) -> Result<Worktree> {
    let find = || repo.worktrees().map(|list| list.into_iter().find(|worktree| worktree.path == path));
    let gone = || Error::refused(format!("The worktree '{}' is gone.", path.display()));
    let worktree = find()?.ok_or_else(gone)?;
    if worktree.branch().as_deref() != Some(&planned.branch) {
        let short = crate::ops::base::short_name(&planned.branch);
        repo.git_in(path).args(["switch", "--quiet", "--no-overwrite-ignore", "--no-guess", short]).run_ok()?;
    }
    find()?.ok_or_else(gone)
}

fn set_upstream(repo: &Repo, branch: &str, upstream: &str) -> Result<()> {
    let name = |reference| crate::ops::base::short_name(reference);
    retry(|| {
        let command = repo.git().args(["branch", "--quiet", "--set-upstream-to", name(upstream), name(branch)]);
        let output = command.run()?;
        if output.is_success() {
            return Ok(());
        }
        let error = command.failure(&output);
        // Others write the same file.
        Err(if output.stderr.contains("could not lock config") { Error::contended(error.one_line()) } else { error })
    })
}

/// Adds a line to `info/exclude`, once.
pub(crate) fn exclude(repo: &Repo, line: &str) -> Result<()> {
    let path = repo.common_dir().join("info/exclude");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    if text.lines().any(|have| have == line) {
        return Ok(());
    }
    let failed = |error| Error::refused(format!("'{}' could not be written.", path.display())).because(error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    file.write_all(format!("{gap}{line}\n").as_bytes()).map_err(failed)
}

fn path_text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::refused(format!("The place '{}' is not UTF-8.", path.display()))
            .hint("`git config session.path` sets another one.")
    })
}
