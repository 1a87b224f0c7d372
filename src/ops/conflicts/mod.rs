//! `conflicts`: what collides, with whom, and on which lines, while it is still being worked on.
//!
//! Each session is merged with its base in memory, uncommitted work included. One that merges cleanly is from then on
//! seen as that result, *as if synced*; pairs of such are merged over the base tip that they share. Where that cannot be,
//! the tips themselves are merged over what git finds they have in common. Nothing is written, and only pairs whose
//! footprints meet are merged at all.

mod advice;
mod against;
mod clash;
mod memory;
mod news;
mod pairs;
mod planned;
mod rebase;
mod subject;
mod watch;
mod why;

pub use clash::{Clash, Excerpt, LineRange};
pub use news::{Change, News, Sides};
pub use watch::{Next, Watch};
pub use why::Why;

use crate::error::Result;
use crate::git::merge::{Question, Stages};
use crate::ops::Context;
use crate::session::{BString, ObjectId};
use crate::store::Snapshot;
use memory::Memory;
use subject::Subject;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The sessions, as typed; all there are without any. Pairs have at least one of them.
    pub names: Vec<String>,
    /// The other side of pairs, as typed; anyone without any.
    pub with: Vec<String>,
    /// Plain branches by glob, instead of sessions.
    pub branches: Vec<String>,
    /// The base of those.
    pub base: Option<String>,
    /// Leave out what is not committed.
    pub committed: bool,
    /// Judge pairs by their tips, whatever their bases did meanwhile.
    pub raw: bool,
    /// Find out why.
    pub why: bool,
    /// Bring the lines that collide.
    pub patch: bool,
    /// Leave out whether a rebase would stop.
    pub merges_only: bool,
}

/// How badly two changes are in each other's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The same file, far apart.
    Overlap,
    /// Declared, and not begun.
    Planned,
    /// Lines near each other.
    Near,
    /// A merge stops.
    Conflict,
}

impl Severity {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Overlap => "overlap",
            Severity::Planned => "planned",
            Severity::Near => "near",
            Severity::Conflict => "conflict",
        }
    }
}

/// What a pair was judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Both as if synced.
    Synced,
    /// Both as they stand.
    Tips,
}

impl Basis {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Synced => "synced",
            Basis::Tips => "tips",
        }
    }
}

/// A branch that sessions go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// What its tip was taken from: `main`, `origin/main`.
    pub name: String,
    /// Where it stands.
    pub tip: Option<ObjectId>,
}

/// A session, or a branch, that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Its name.
    pub name: String,
    /// Its base.
    pub base: String,
    /// Where its branch stands.
    pub tip: Option<ObjectId>,
    /// The paths it has changed since it left its base.
    pub files: Vec<BString>,
    /// Whether uncommitted work is among them.
    pub is_uncommitted: bool,
    /// What could not be looked at, and why.
    pub note: Option<String>,
    /// Its trunk, by its place among the trunks.
    pub trunk: usize,
}

/// A session and its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgainstBase {
    /// The session.
    pub name: String,
    /// Its base.
    pub base: String,
    /// Of the merge; absent where nothing meets.
    pub severity: Option<Severity>,
    /// Whether a merge is clean; none where that could not be found out.
    pub merge: Option<bool>,
    /// Whether a rebase is.
    pub rebase: Option<bool>,
    /// The files that both touch: `a` is the session, `b` the base.
    pub files: Vec<Clash>,
    /// Sessions whose merge would make this one clean.
    pub helped_by: Vec<String>,
}

/// Two sessions that meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The first, by name.
    pub a: String,
    /// The second.
    pub b: String,
    /// What they were judged by; none of what is planned.
    pub basis: Option<Basis>,
    /// The worst of the files'.
    pub severity: Severity,
    /// The files in which they meet.
    pub files: Vec<Clash>,
    /// Why, where somebody asked.
    pub why: Option<Why>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The trunks.
    pub trunks: Vec<Trunk>,
    /// Who was looked at, by name.
    pub sessions: Vec<Looked>,
    /// Each with its base, by name.
    pub against_base: Vec<AgainstBase>,
    /// Those that meet, the worst first.
    pub pairs: Vec<Pair>,
    /// What could not be found out, in sentences; that of a session is its note.
    pub warnings: Vec<String>,
}

impl Report {
    /// What could not be looked at of sessions, in sentences: for who is not shown the notes.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.sessions.iter().filter_map(|session| Some(format!("{}: {}", session.name, session.note.as_ref()?)))
    }

    /// Whether anything collides.
    pub fn has_conflicts(&self) -> bool {
        let is = |severity: Severity| severity == Severity::Conflict;
        self.pairs.iter().any(|pair| is(pair.severity))
            || self.against_base.iter().any(|row| row.severity.is_some_and(is) || row.rebase == Some(false))
    }
}

/// Finds out what collides.
///
/// # Errors
/// Usage or refused, if an argument means no session or branch. What is wrong with one of them is a sentence.
pub fn look(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<Report> {
    look_with(ctx, snapshot, options, &mut Memory::of_one_look())
}

/// The same, with what somebody knows already of merges that stop.
///
/// # Errors
/// As of [`look`].
pub(in crate::ops) fn look_knowing(
    ctx: &Context,
    snapshot: &Snapshot,
    options: &Options,
    stops: Vec<(Question, Vec<Stages>)>,
) -> Result<Report> {
    let mut memory = Memory::of_one_look();
    memory.prepare(&ctx.repo, 1)?;
    if let Some((first, _)) = memory.first() {
        first.merger().learn(stops);
    }
    look_with(ctx, snapshot, options, &mut memory)
}

fn look_with(ctx: &Context, snapshot: &Snapshot, options: &Options, memory: &mut Memory) -> Result<Report> {
    let mut gathered = subject::gather(ctx, snapshot, options)?;
    // Worktrees are waited for, which several can do at a time; the rest is done soonest by one that remembers it all.
    let waits = gathered.subjects.iter().filter(|subject| subject.worktree.is_some()).count();
    memory.prepare(&ctx.repo, rayon::current_num_threads().min(waits).max(1))?;
    against::prepare(memory, &mut gathered, options)?;
    let mut warnings = std::mem::take(&mut gathered.warnings);
    let Some((first, found)) = memory.first() else { return Ok(Report::default()) };
    against::merge_with_bases(first.merger(), &mut gathered.subjects, &gathered.trunks);
    let near = near_lines(ctx)?;
    let mut against_base = against::rows(first.merger(), &gathered, near, options, found)?;
    let mut pairs = pairs::judge(first.merger(), &gathered, near, options, found, &mut warnings)?;
    pairs.extend(planned::pairs(first.merger().repo(), &gathered));
    if options.why {
        why::explain(first.merger(), &gathered, &mut against_base, &mut pairs)?;
    }
    if !options.merges_only {
        rebase::fill_in(first, &gathered, found, &mut against_base)?;
    }
    advice::add(ctx, &gathered, &mut against_base, &mut pairs)?;
    pairs.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| (&a.a, &a.b).cmp(&(&b.a, &b.b))));
    gathered.subjects.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Report {
        sessions: gathered.subjects.iter().filter(|subject| subject.is_shown).map(Subject::looked).collect(),
        trunks: gathered.trunks,
        against_base,
        pairs,
        warnings,
    })
}

fn near_lines(ctx: &Context) -> Result<u32> {
    let Some(text) = ctx.repo.setting("session.nearLines") else { return Ok(3) };
    text.trim().parse().map_err(|_| {
        crate::error::Error::refused(format!(
            "The setting `session.nearLines` is '{text}', which is no number of lines."
        ))
        .hint("`git config session.nearLines 3` is the default.")
    })
}
