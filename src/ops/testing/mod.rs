//! `test`: runs the test command in the worktrees of sessions, and notes on the tree of each what it gave.

mod command;
mod run;
mod tested;

pub use command::{Known, Policy, TestCommand, known, policy, require};
pub(crate) use run::not_a_line;
pub use run::{Ending, Outcome, Run, ending_shown, jobs, run_in};
pub use tested::{Tested, tested};

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::git::worktrees::Head;
pub use crate::host::interrupt::Interrupt;
use crate::ops::env::Scene;
use crate::ops::{Context, scope, shell_quoted, workers};
use crate::session::Word as _;
use crate::session::{Name, ObjectId, Timestamp, Verdict};
use crate::store::notes::{self, Notes};
use crate::store::{Loaded, Snapshot, Writer};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The file in a worktree's own git directory that keeps what the last run printed.
pub const LOG: &str = "session-test.log";

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The sessions, as typed; all there are without any.
    pub names: Vec<String>,
    /// The command, in words; without any the one that is known.
    pub command: Vec<OsString>,
    /// How many run at a time.
    pub jobs: Option<usize>,
    /// Also where something is uncommitted; nothing is noted then.
    pub dirty: bool,
    /// Not where there is a verdict already.
    pub if_needed: bool,
    /// How long each may take.
    pub timeout: Option<Duration>,
}

/// Why there is no run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The word for programs.
    pub reason: &'static str,
    /// What is the matter, without a capital.
    pub sentence: String,
    /// The command that helps.
    pub remedy: String,
}

/// What is to be done with one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The command runs.
    Run {
        /// Where `HEAD` stands.
        head: ObjectId,
        /// Its tree; none where what comes of it is not noted.
        tree: Option<ObjectId>,
    },
    /// There is a verdict.
    Known(Verdict),
    /// It does not.
    Skip(Skip),
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: Name,
    /// Whether it was named on the command line, by itself.
    pub is_named: bool,
    /// Where it would run.
    pub scene: Option<Scene>,
    /// What is to be done.
    pub step: Step,
}

/// What is to run where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestPlan {
    /// The command.
    pub command: TestCommand,
    /// By name.
    pub items: Vec<Item>,
    /// How many at a time.
    pub jobs: usize,
    /// How long each may take.
    pub timeout: Option<Duration>,
}

/// What came of one session.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub name: Name,
    /// Whether it was named on the command line, by itself.
    pub is_named: bool,
    /// Its worktree.
    pub worktree: Option<PathBuf>,
    /// The tree that was tested, where that is a commit's.
    pub tree: Option<ObjectId>,
    /// What came of it.
    pub came: Came,
    /// What was printed.
    pub log: Option<PathBuf>,
    /// Whether a note says it now.
    pub is_noted: bool,
    /// Why not, where that is worth saying.
    pub remark: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub enum Came {
    /// Nothing yet: a dry run.
    Planned,
    /// It ran.
    Ran(Outcome),
    /// It had a verdict.
    Known(Verdict),
    /// It could not be started.
    NotStarted(Error),
    /// It was left out.
    Skipped(Skip),
}

impl Came {
    /// The word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Came::Planned => "planned",
            Came::Ran(outcome) if outcome.is_passed() => "passed",
            Came::Ran(Outcome { ending: Ending::TimedOut, .. }) => "timed-out",
            Came::Ran(Outcome { ending: Ending::Interrupted, .. }) => "interrupted",
            Came::Known(verdict) => verdict.as_str(),
            Came::Ran(_) => "failed",
            Came::NotStarted(_) => "not-started",
            Came::Skipped(_) => "skipped",
        }
    }
}

/// Whether a session was named by itself, and not under a glob or as one of all.
pub(crate) fn is_named(ctx: &Context, snapshot: &Snapshot, names: &[String], session: &Loaded) -> bool {
    let mut by_name = names.iter().filter(|name| !name.contains(['*', '?', '[']));
    by_name.any(|name| scope::one(ctx, snapshot, Some(name)).is_ok_and(|found| found.name == session.name))
}

/// The worktree that something can run in, or why there is none.
pub(crate) fn place_of(
    ctx: &Context,
    snapshot: &Snapshot,
    session: &Loaded,
) -> Result<std::result::Result<Scene, Skip>> {
    let name = &session.name;
    let remedy = format!("git session adopt {name}", name = name.word());
    let Some(worktree) = snapshot.worktree_of(session) else {
        return Ok(Err(Skip { reason: "no-worktree", sentence: "it has no worktree".into(), remedy }));
    };
    if worktree.is_missing {
        return Ok(Err(Skip { reason: "worktree-missing", sentence: "its worktree is gone".into(), remedy }));
    }
    let scene = Scene::of(ctx, snapshot, session)?;
    Ok(scene.ok_or_else(|| Skip { reason: "no-worktree", sentence: "it has no worktree".into(), remedy }))
}

/// Finds out where what is to run. Reads only.
///
/// # Errors
/// Refused, if an argument means no session, or there is no command that may run. What is wrong with one session is a
/// row.
pub fn plan(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<TestPlan> {
    let chosen = scope::many(ctx, snapshot, &options.names)?;
    let command = require(ctx, snapshot, &options.command)?;
    let notes = if options.if_needed { Notes::read(&ctx.repo)? } else { Notes::default() };
    let jobs = jobs(ctx, options.jobs)?;
    let mut items = Vec::new();
    for session in chosen {
        let is_named = is_named(ctx, snapshot, &options.names, session);
        let (scene, step) = match place_of(ctx, snapshot, session)? {
            Err(skip) => (None, Step::Skip(skip)),
            Ok(scene) => {
                let step = step(ctx, snapshot, session, options, &notes, &command);
                (Some(scene), step.unwrap_or_else(|error| Step::Skip(unreadable(&session.name, &error))))
            }
        };
        items.push(Item { name: session.name.clone(), is_named, scene, step });
    }
    Ok(TestPlan { command, items, jobs, timeout: options.timeout })
}

fn unreadable(name: &Name, error: &Error) -> Skip {
    let sentence = format!("its worktree cannot be looked at ({})", error.one_line());
    Skip { reason: "broken", sentence, remedy: format!("git session doctor {name}", name = name.word()) }
}

fn step(
    ctx: &Context,
    snapshot: &Snapshot,
    session: &Loaded,
    options: &Options,
    notes: &Notes,
    command: &TestCommand,
) -> Result<Step> {
    let name = &session.name;
    let skip = |reason, sentence: String, remedy: String| Ok(Step::Skip(Skip { reason, sentence, remedy }));
    let worktree = snapshot.worktree_of(session).ok_or_else(|| Error::bug("A worktree went."))?;
    let Some(head) = head_of(&ctx.repo, &worktree.head)? else {
        let remedy = format!("git session doctor {name}", name = name.word());
        return skip("broken", "there is no commit in its worktree".into(), remedy);
    };
    if options.dirty {
        return Ok(Step::Run { head, tree: None });
    }
    let place = shell_quoted(&worktree.path.display().to_string());
    if let Some(operation) = worktree.operation().filter(|operation| *operation != "bisect") {
        let remedy = format!("git -C {place} {operation} --continue");
        return skip("operation", format!("it is in the middle of a {operation}"), remedy);
    }
    if worktree.branch().as_deref() != Some(session.record.branch.as_str()) && worktree.operation().is_none() {
        let short = session.record.branch_short();
        let remedy = format!("git -C {place} switch {}", shell_quoted(short));
        return skip("branch", format!("its worktree is not on its branch '{short}'"), remedy);
    }
    let dirty = ctx.repo.dirty(worktree)?;
    if dirty.is_uncommitted() {
        let remedy = format!("git session test {name} --dirty", name = name.word());
        return skip("dirty", format!("not everything is committed: {dirty}"), remedy);
    }
    let tree = ctx.repo.commit(head)?.tree;
    if options.if_needed
        && let Some(verdict) = notes.verdict(&ctx.repo, tree, &command.shown())?
    {
        return Ok(Step::Known(verdict));
    }
    Ok(Step::Run { head, tree: Some(tree) })
}

fn head_of(repo: &Repo, head: &Head) -> Result<Option<ObjectId>> {
    match head {
        Head::Branch(branch) => repo.ref_id(branch),
        Head::Detached(id) => Ok(Some(*id)),
        Head::Unknown => Ok(None),
    }
}

impl TestPlan {
    /// What would be done, as rows.
    pub fn rows(self) -> Vec<Row> {
        self.items
            .into_iter()
            .map(|item| {
                let came = match item.step.clone() {
                    Step::Run { .. } => Came::Planned,
                    Step::Known(verdict) => Came::Known(verdict),
                    Step::Skip(skip) => Came::Skipped(skip),
                };
                row_of(&item, came)
            })
            .collect()
    }
}

fn row_of(item: &Item, came: Came) -> Row {
    let tree = if let Step::Run { tree, .. } = item.step { tree } else { None };
    Row {
        name: item.name.clone(),
        is_named: item.is_named,
        worktree: item.scene.as_ref().map(|scene| scene.worktree.clone()),
        tree,
        came,
        log: None,
        is_noted: false,
        remark: None,
    }
}

/// Runs what was planned, several at a time, and notes each verdict as soon as it is there. `sink` is told how many are
/// done, of how many.
///
/// # Errors
/// Refused, if the repository cannot be opened for another thread. A run that fails is a row.
pub fn execute(
    ctx: &Context,
    writer: &Writer,
    plan: TestPlan,
    interrupt: &Interrupt,
    sink: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Row>> {
    let TestPlan { command, mut items, jobs, timeout } = plan;
    let total = items.iter().filter(|item| matches!(item.step, Step::Run { .. })).count();
    let mut handles = (0..jobs.min(total).max(1)).map(|_| ctx.repo.another()).collect::<Result<Vec<Repo>>>()?;
    let done = AtomicUsize::new(0);
    sink(0, total);
    workers::each(&mut handles, &mut items, |repo, _, item| {
        let (Step::Run { head, tree }, Some(scene)) = (item.step.clone(), item.scene.clone()) else {
            let came = match item.step.clone() {
                Step::Known(verdict) => Came::Known(verdict),
                Step::Skip(skip) => Came::Skipped(skip),
                Step::Run { .. } => Came::Planned,
            };
            return row_of(item, came);
        };
        let row = one(repo, writer, item, &scene, head, tree, &Bounds { command: &command, timeout, interrupt });
        sink(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        row
    })
}

struct Bounds<'a> {
    command: &'a TestCommand,
    timeout: Option<Duration>,
    interrupt: &'a Interrupt,
}

/// What differs from what was seen at `head`: untracked files are what a test may leave.
fn changed_since(repo: &Repo, scene: &Scene, head: ObjectId, also_untracked: bool) -> Result<Option<String>> {
    let Some(worktree) = repo.worktree_at_git_dir(&scene.git_dir) else {
        return Ok(Some("its worktree went".into()));
    };
    if head_of(repo, &worktree.head)? != Some(head) {
        return Ok(Some("HEAD moved".into()));
    }
    let dirty = repo.dirty(&worktree)?;
    let is_changed = if also_untracked { dirty.is_uncommitted() } else { dirty.is_dirty() };
    Ok(is_changed.then(|| format!("files changed ({dirty})")))
}

fn one(
    repo: &Repo,
    writer: &Writer,
    item: &Item,
    scene: &Scene,
    head: ObjectId,
    tree: Option<ObjectId>,
    bounds: &Bounds<'_>,
) -> Row {
    let name = &item.name;
    if bounds.interrupt.is_set() {
        let outcome = Outcome { ending: Ending::Interrupted, duration: Duration::ZERO, tail: Vec::new() };
        return row_of(item, Came::Ran(outcome));
    }
    // Others may have been at work since the plan was made.
    if tree.is_some() {
        let skip = match changed_since(repo, scene, head, true) {
            Ok(None) => None,
            Ok(Some(what)) => Some(Skip {
                reason: "changed",
                sentence: format!("it changed meanwhile: {what}"),
                remedy: format!("git session test {name}", name = name.word()),
            }),
            Err(error) => Some(unreadable(name, &error)),
        };
        if let Some(skip) = skip {
            return row_of(item, Came::Skipped(skip));
        }
    }
    let log = scene.git_dir.join(LOG);
    let mut env = scene.variables();
    env.push(("SESSION_PHASE", "test".into()));
    let run = Run {
        directory: &scene.worktree,
        command: bounds.command,
        env: &env,
        log: &log,
        timeout: bounds.timeout,
        interrupt: bounds.interrupt,
    };
    let outcome = match run_in(repo, run) {
        Ok(outcome) => outcome,
        Err(error) => return row_of(item, Came::NotStarted(error)),
    };
    let mut row = row_of(item, Came::Planned);
    row.log = Some(log);
    match (tree, outcome.verdict()) {
        (None, Some(_)) => row.remark = Some("not noted: --dirty".into()),
        (Some(tree), Some(exit)) => match changed_since(repo, scene, head, false) {
            Ok(None) => {
                let verdict = Verdict {
                    exit,
                    command: bounds.command.shown(),
                    duration: outcome.milliseconds(),
                    time: Timestamp(writer.identity.seconds()),
                    session: name.to_string(),
                };
                match notes::add(repo, writer, &[(tree, verdict)]) {
                    Ok(()) => row.is_noted = true,
                    Err(error) => row.remark = Some(format!("not noted: {}", error.one_line())),
                }
            }
            Ok(Some(what)) => row.remark = Some(format!("not noted: {what} while it ran")),
            Err(error) => row.remark = Some(format!("not noted: {}", error.one_line())),
        },
        (_, None) => {}
    }
    row.came = Came::Ran(outcome);
    row
}
