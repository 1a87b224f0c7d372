//! `exec`: any command in the worktree of every session, several at a time, the output of each kept apart.

use crate::error::{Context as _, Error, Result};
use crate::git::Repo;
use crate::host::interrupt::Interrupt;
use crate::host::process::Ending;
use crate::ops::env::Scene;
use crate::ops::testing::{self, Skip, TestCommand};
use crate::ops::{Context, scope};
use crate::session::Name;
use crate::store::Snapshot;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The sessions, as typed; all there are without any.
    pub names: Vec<String>,
    /// The command, in words.
    pub command: Vec<OsString>,
    /// How many run at a time.
    pub jobs: Option<usize>,
    /// How long each may take.
    pub timeout: Option<Duration>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: Name,
    /// Whether it was named on the command line, by itself.
    pub is_named: bool,
    /// Where the command runs, or why not.
    pub place: std::result::Result<Scene, Skip>,
}

/// What runs where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecPlan {
    /// By name.
    pub items: Vec<Item>,
    /// The command.
    pub command: TestCommand,
    /// How many at a time.
    pub jobs: usize,
    /// How long each may take.
    pub timeout: Option<Duration>,
}

/// How one ended.
#[derive(Debug)]
pub enum Came {
    /// It ran, for so long.
    Ran(Ending, Duration),
    /// It could not be started.
    NotStarted(Error),
    /// It was left out.
    Skipped(Skip),
}

impl Came {
    /// The word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Came::Ran(Ending::Exited(0), _) => "done",
            Came::Ran(Ending::Interrupted, _) => "interrupted",
            Came::Ran(Ending::TimedOut, _) => "timed-out",
            Came::Ran(..) => "failed",
            Came::NotStarted(_) => "not-started",
            Came::Skipped(_) => "skipped",
        }
    }
}

/// What is told as it happens, session by session in the order of their names.
#[derive(Debug)]
pub enum Told<'a> {
    /// From here on it is about this one.
    Begins(&'a Item),
    /// It printed this.
    Printed(&'a [u8]),
    /// It ended, or never began.
    Ended(&'a Item, &'a Came),
}

/// Finds out where it runs. Reads only.
///
/// # Errors
/// Refused, if an argument means no session.
pub fn plan(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<ExecPlan> {
    let jobs = testing::jobs(ctx, options.jobs)?;
    let mut items = Vec::new();
    for session in scope::many(ctx, snapshot, &options.names)? {
        let is_named = testing::is_named(ctx, snapshot, &options.names, session);
        items.push(Item { name: session.name.clone(), is_named, place: testing::place_of(ctx, snapshot, session)? });
    }
    Ok(ExecPlan { items, command: TestCommand::Words(options.command.clone()), jobs, timeout: options.timeout })
}

/// What the threads share.
struct Yard<'a> {
    plan: &'a ExecPlan,
    next: AtomicUsize,
    /// What each prints, to be read while it runs.
    printed: Vec<Mutex<Option<File>>>,
    ended: Vec<Mutex<Option<Came>>>,
    interrupt: &'a Interrupt,
}

impl Yard<'_> {
    fn work(&self, repo: &Repo) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.plan.items.get(at) else { break };
            let came = match &item.place {
                Err(skip) => Came::Skipped(skip.clone()),
                Ok(_) if self.interrupt.is_set() => Came::Ran(Ending::Interrupted, Duration::ZERO),
                Ok(scene) => self.run(repo, at, scene).unwrap_or_else(Came::NotStarted),
            };
            *lock(&self.ended[at]) = Some(came);
        }
    }

    fn run(&self, repo: &Repo, at: usize, scene: &Scene) -> Result<Came> {
        // On the disk that the work is on, not in memory: it may be much. It has no name for long, so that nothing is
        // left behind, however this ends.
        let name = format!("session-exec-{}-{at}", std::process::id());
        let make = |path: PathBuf| File::options().append(true).create_new(true).open(&path).map(|file| (file, path));
        let made = make(scene.git_dir.join(&name));
        // Who may only read there may run something all the same.
        let is_barred = |error: &std::io::Error| {
            matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
        };
        let made = if made.as_ref().is_err_and(is_barred) { make(std::env::temp_dir().join(&name)) } else { made };
        let (file, path) =
            made.or_refuse(|| format!("'{}' could not be made.", scene.git_dir.join(&name).display()))?;
        let failed = || format!("'{}' could not be read.", path.display());
        let reader = File::open(&path);
        let removed = std::fs::remove_file(&path);
        *lock(&self.printed[at]) = Some(reader.or_refuse(failed)?);
        removed.or_refuse(failed)?;
        let process = self.plan.command.process(repo, &scene.worktree);
        let process = scene.variables().into_iter().fold(process, |process, (key, value)| process.env(key, value));
        let started = Instant::now();
        let ending = process.run_bounded(&file, self.plan.timeout, self.interrupt).map_err(testing::not_a_line)?;
        Ok(Came::Ran(ending, started.elapsed()))
    }

    /// Tells of one session while it runs, until it has ended.
    fn tell(&self, at: usize, sink: &mut dyn FnMut(Told<'_>) -> Result<()>) -> Result<Came> {
        let item = &self.plan.items[at];
        sink(Told::Begins(item))?;
        let mut file: Option<File> = None;
        let mut bytes = vec![0; 64 * 1024];
        loop {
            // Asked first: what was printed until then is read below.
            let ended = lock(&self.ended[at]).take();
            if file.is_none() {
                file = lock(&self.printed[at]).take();
            }
            while let Some(file) = &mut file {
                let many = file.read(&mut bytes).or_refuse(|| "What a command printed could not be read.")?;
                if many == 0 {
                    break;
                }
                sink(Told::Printed(&bytes[..many]))?;
            }
            if let Some(came) = ended {
                sink(Told::Ended(item, &came))?;
                return Ok(came);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn lock<T>(slot: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs it everywhere. What happens is told to `sink`, the first session's output while it comes; what it fails with
/// ends all that runs.
///
/// # Errors
/// Refused, if the repository cannot be opened for another thread; what `sink` fails with.
pub fn execute(
    ctx: &Context,
    plan: &ExecPlan,
    interrupt: &Interrupt,
    sink: &mut dyn FnMut(Told<'_>) -> Result<()>,
) -> Result<Vec<Came>> {
    let count = plan.jobs.min(plan.items.len());
    let handles = (0..count).map(|_| ctx.repo.another()).collect::<Result<Vec<Repo>>>()?;
    let yard = Yard {
        plan,
        next: AtomicUsize::new(0),
        printed: plan.items.iter().map(|_| Mutex::new(None)).collect(),
        ended: plan.items.iter().map(|_| Mutex::new(None)).collect(),
        interrupt,
    };
    std::thread::scope(|scope| {
        for repo in handles {
            let yard = &yard;
            scope.spawn(move || yard.work(&repo));
        }
        let told: Result<Vec<Came>> = (0..plan.items.len()).map(|at| yard.tell(at, sink)).collect();
        if told.is_err() {
            interrupt.set();
        }
        told
    })
}
