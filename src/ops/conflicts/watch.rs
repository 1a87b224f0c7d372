//! The same again whenever something changes: what is watched, and what has to be found out anew.
//!
//! A verdict depends on refs, on settings, and on the files of worktrees. Of these only what changed is looked at again:
//! the trees of the other worktrees are known, and so are git's answers, which depend on ids alone.

use super::memory::Memory;
use super::news::{self, News};
use super::{Options, Report, look_with};
use crate::error::{Context as _, Error, Result};
use crate::git::watch::{About, Holds};
use crate::git::worktrees::{Worktree, bytes_of_path};
use crate::host::watch::{Means, Seen, Watcher, Woken, obey};
use crate::ops::Context;
use crate::session::{BString, Timestamp};
use crate::store::Snapshot;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So long nothing more may change before it is looked at.
const SILENCE: Duration = Duration::from_millis(200);
/// So long at most somebody who goes on writing is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// After so many looks all is begun anew: what was read and made on the way takes memory.
const LOOKS_WITH_ONE_MEMORY: usize = 200;

/// A watch that goes on.
#[derive(Debug)]
pub struct Watch {
    ctx: Context,
    options: Options,
    memory: Memory,
    looks: usize,
    watcher: Watcher,
    owners: HashMap<PathBuf, Owner>,
    worktrees: HashMap<PathBuf, Worktree>,
    report: Report,
}

/// Whose directory it is that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    /// git's, for all.
    Git(Holds),
    /// git's, for the worktree at this path.
    OfWorktree(PathBuf, Holds),
    /// The worktree's at this path.
    Work(PathBuf),
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Another report, what is new in it, and the one before.
    Report(Vec<News>, Box<Report>),
    /// The terminal has another size.
    Resized,
    /// Nobody reads it any longer.
    Closed,
    /// It is to end, or to stop for a while, by this signal.
    Signal(i32),
}

/// What has changed.
#[derive(Debug, Default)]
struct Changed {
    refs: bool,
    settings: bool,
    /// Nobody knows what.
    all: bool,
    worktrees: HashSet<PathBuf>,
    /// Paths in worktrees that may be ignored, and whether they may be directories.
    paths: HashMap<PathBuf, HashSet<(BString, bool)>>,
}

impl Changed {
    fn is_any(&self) -> bool {
        self.refs || self.settings || self.all || !self.worktrees.is_empty() || !self.paths.is_empty()
    }
}

impl Watch {
    /// Looks for the first time.
    ///
    /// # Errors
    /// As [`super::look`].
    pub fn start(options: Options) -> Result<Watch> {
        let ctx = Context::open()?;
        let wants_looks = match ctx.repo.setting("session.watch").as_deref() {
            None | Some("auto") => false,
            Some("poll") => true,
            Some(other) => {
                return Err(Error::refused(format!(
                    "The setting `session.watch` is '{other}', which is no way to watch."
                ))
                .hint("`git config session.watch poll` looks again and again; `auto` is the default."));
            }
        };
        let mut watch = Watch {
            ctx,
            options,
            memory: Memory::lasting(),
            looks: 0,
            watcher: Watcher::new(wants_looks),
            owners: HashMap::new(),
            worktrees: HashMap::new(),
            report: Report::default(),
        };
        watch.report = watch.look(&HashSet::new())?;
        Ok(watch)
    }

    /// The report as it is now.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The settings in force.
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// How it is noticed that something changes, where that is not by the system: in a sentence.
    pub fn means(&self) -> Option<String> {
        let why = match self.watcher.means() {
            Means::System => return None,
            Means::Asked => "as `session.watch` has it",
            Means::Untold => "since this system does not tell of changes",
            Means::Exhausted => "since the system takes no more watches (`fs.inotify.max_user_watches`)",
        };
        let seconds = self.watcher.interval().unwrap_or_default().as_secs_f32();
        Some(format!("Looking every {seconds:.1} seconds, {why}."))
    }

    /// Signals come as [`Next::Signal`] from now on, and no longer end the program.
    ///
    /// # Errors
    /// Refused, if the system has no room for that.
    pub fn take_signals(&mut self) -> Result<()> {
        self.watcher.take_signals().or_refuse(|| "Signals could not be taken.")
    }

    /// The time of day, where the user is.
    pub fn time_of_day() -> String {
        crate::git::Repo::time_of_day()
    }

    /// Now.
    pub fn now() -> Timestamp {
        crate::host::now()
    }

    /// Does what a signal asks for.
    pub fn obey(signal: i32) {
        obey(signal);
    }

    /// Waits for the next thing to happen. Reports without news are left out.
    ///
    /// # Errors
    /// As [`super::look`].
    pub fn wait(&mut self) -> Result<Next> {
        loop {
            let mut changed = Changed::default();
            let mut since = None;
            loop {
                let span = since.map(|since: Instant| SILENCE.min(PATIENCE.saturating_sub(since.elapsed())));
                let woken = self.watcher.wait(span).or_refuse(|| "What changes could not be watched.")?;
                match woken {
                    Woken::Changed(seen) => self.take_in(&seen, &mut changed),
                    Woken::Nothing => break,
                    Woken::Closed => return Ok(Next::Closed),
                    Woken::Signal(signal) => return Ok(Next::Signal(signal)),
                    Woken::Resized if since.is_none() => return Ok(Next::Resized),
                    Woken::Resized => {}
                }
                if since.is_none() && changed.is_any() {
                    since = Some(Instant::now());
                }
                if since.is_some_and(|since| since.elapsed() >= PATIENCE) {
                    break;
                }
            }
            if let Some(next) = self.look_again(changed)? {
                return Ok(next);
            }
        }
    }

    /// What a change is about.
    fn take_in(&self, seen: &[Seen], changed: &mut Changed) {
        changed.all |= seen.is_empty();
        for one in seen {
            match self.owners.get(&one.directory) {
                None => {}
                Some(Owner::Git(holds)) => match holds.about(one.name.as_deref()) {
                    About::Nothing => {}
                    About::Refs => changed.refs = true,
                    About::Settings => changed.settings = true,
                    About::Worktree if one.name.is_none() => (changed.refs, changed.settings) = (true, true),
                    About::Worktree => {
                        // The main worktree's, if that is a session's.
                        changed
                            .worktrees
                            .extend(self.worktrees.values().filter(|it| it.is_main()).map(|it| it.path.clone()));
                    }
                },
                Some(Owner::OfWorktree(top, holds)) => match holds.about(one.name.as_deref()) {
                    About::Nothing => {}
                    About::Settings => changed.settings = true,
                    About::Refs => changed.refs = true,
                    About::Worktree => drop(changed.worktrees.insert(top.clone())),
                },
                Some(Owner::Work(top)) => {
                    let (Some(name), Ok(above)) = (&one.name, one.directory.strip_prefix(top)) else {
                        changed.worktrees.insert(top.clone());
                        continue;
                    };
                    if name == ".git" {
                        continue;
                    }
                    let path = bytes_of_path(&above.join(name));
                    #[cfg(windows)]
                    let path: Vec<u8> = path.into_iter().map(|byte| if byte == b'\\' { b'/' } else { byte }).collect();
                    changed.paths.entry(top.clone()).or_default().insert((path.into(), one.may_be_directory));
                }
            }
        }
    }

    /// Looks again, if anything that counts has changed. None where there is no news.
    fn look_again(&mut self, changed: Changed) -> Result<Option<Next>> {
        let mut anew = changed.worktrees;
        for (top, paths) in changed.paths {
            let Some(worktree) = self.worktrees.get(&top).filter(|_| !anew.contains(&top)) else { continue };
            let paths: Vec<(BString, bool)> = paths.into_iter().collect();
            if !self.ctx.repo.are_ignored(worktree, &paths).unwrap_or(false) {
                anew.insert(top);
            }
        }
        if !changed.refs && !changed.settings && !changed.all && anew.is_empty() {
            return Ok(None);
        }
        if changed.settings || changed.all || self.looks >= LOOKS_WITH_ONE_MEMORY {
            (self.ctx, self.memory, self.looks) = (Context::open()?, Memory::lasting(), 0);
        }
        if changed.all {
            anew.extend(self.worktrees.keys().cloned());
        }
        for worktree in &anew {
            self.memory.forget_work(worktree);
        }
        let report = match self.look(&anew) {
            Ok(report) => report,
            // What somebody was just writing may have been half there.
            Err(_) if !self.watcher.is_to_end() => {
                std::thread::sleep(SILENCE);
                self.memory = Memory::lasting();
                self.look(&anew)?
            }
            Err(_) => return Ok(None),
        };
        let news = news::between(&self.report, &report);
        let is_same = news.is_empty() && self.report.warnings == report.warnings && same_names(&self.report, &report);
        let before = std::mem::replace(&mut self.report, report);
        Ok((!is_same).then(|| Next::Report(news, Box::new(before))))
    }

    /// Watches what there is by now, then looks: whatever changes after that is told of. Directories of the worktrees
    /// `anew` are gone through again.
    fn look(&mut self, anew: &HashSet<PathBuf>) -> Result<Report> {
        let mut snapshot = Snapshot::read(&self.ctx.repo)?;
        // What changed before it was watched is told of by nobody.
        if self.watch_all(&snapshot, anew)? {
            snapshot = Snapshot::read(&self.ctx.repo)?;
        }
        self.looks += 1;
        look_with(&self.ctx, &snapshot, &self.options, &mut self.memory)
    }

    /// Whether anything is watched that was not before.
    fn watch_all(&mut self, snapshot: &Snapshot, anew: &HashSet<PathBuf>) -> Result<bool> {
        let Watch { ctx, watcher, owners, worktrees, .. } = self;
        let mut is_any_new = false;
        let mut watch = |directory: &Path, owner: Owner| {
            if watcher.watch(directory) {
                is_any_new = true;
                owners.insert(directory.to_owned(), owner);
            }
        };
        ctx.repo.directories_of_state(&mut |directory, holds| watch(directory, Owner::Git(holds)));
        let of_sessions = snapshot.readable().filter_map(|loaded| snapshot.worktree_of(loaded));
        let wanted = of_sessions.filter(|worktree| !worktree.is_missing);
        let wanted: Vec<&Worktree> = if self.options.branches.is_empty() { wanted.collect() } else { Vec::new() };
        for worktree in &wanted {
            let top = &worktree.path;
            let of_git = |holds| Owner::OfWorktree(top.clone(), holds);
            if !worktree.is_main() {
                ctx.repo
                    .directories_of_worktree_state(worktree, &mut |directory, holds| watch(directory, of_git(holds)));
            }
            let is_new = worktrees.insert(top.clone(), (*worktree).clone()).is_none();
            if (is_new || anew.contains(top)) && !self.options.committed {
                ctx.repo.directories_of_work(worktree, &mut |directory| watch(directory, Owner::Work(top.clone())))?;
            }
        }
        let live: HashSet<&PathBuf> = wanted.iter().map(|worktree| &worktree.path).collect();
        let ended: HashSet<PathBuf> = worktrees.keys().filter(|top| !live.contains(top)).cloned().collect();
        if !ended.is_empty() {
            worktrees.retain(|top, _| !ended.contains(top));
            let of_ended = |owner: Option<&Owner>| match owner {
                Some(Owner::OfWorktree(top, _) | Owner::Work(top)) => ended.contains(top),
                _ => false,
            };
            watcher.forget(|directory| of_ended(owners.get(directory)));
            owners.retain(|_, owner| !of_ended(Some(owner)));
        }
        Ok(is_any_new)
    }
}

fn same_names(a: &Report, b: &Report) -> bool {
    let name = |report: &Report| {
        report.sessions.iter().map(|session| (session.name.clone(), session.note.clone())).collect::<Vec<_>>()
    };
    name(a) == name(b)
}
