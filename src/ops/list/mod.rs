//! `list`: a row for each session, reconciled with what git says now. One broken worktree is a row, never an error.

pub mod merged;
pub mod reconcile;

use crate::error::Result;
use crate::git::history::AheadBehind;
use crate::git::status::Dirty;
use crate::git::{Repo, Worktree};
use crate::ops::Context;
use crate::ops::base::{self, Tip};
use crate::session::{Name, ObjectId, State, Timestamp};
use crate::store::snapshot::{BaseNow, Entry};
use crate::store::{Loaded, Snapshot, done};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

pub use merged::Merged;
pub use reconcile::{Broken, BrokenKind};

/// What a session is and does now. Absent: does not apply. `Known::Unknown`: could not be determined.
#[derive(Debug, Clone)]
pub struct Row {
    /// The name.
    pub name: Name,
    /// The id; absent where the record cannot be read.
    pub id: Option<ObjectId>,
    /// The branch, by short name.
    pub branch: Option<String>,
    /// Its worktree's directory.
    pub worktree: Option<PathBuf>,
    /// What was said of it.
    pub state: Option<State>,
    /// Why it is blocked.
    pub reason: Option<String>,
    /// The base as it is now, the fork, and where the base stands.
    pub base: Option<(BaseNow, Option<ObjectId>, Option<Tip>)>,
    /// Where the branch stands.
    pub head: Option<ObjectId>,
    /// Ahead and behind.
    pub counts: Option<AheadBehind>,
    /// What is uncommitted; outer: there is no worktree, inner: git could not tell.
    pub dirty: Option<Option<Dirty>>,
    /// What it is for.
    pub goal: Option<String>,
    /// The part of the project it is about.
    pub focus: Option<String>,
    /// Who works on it.
    pub owner: Option<String>,
    /// How urgent.
    pub priority: Option<crate::session::Priority>,
    /// Sessions that must merge before it, by name where they live.
    pub depends_on: Vec<String>,
    /// Pathspecs it owns.
    pub own: Vec<String>,
    /// Pathspecs it may only read.
    pub read_only: Vec<String>,
    /// When it began.
    pub created: Option<Timestamp>,
    /// When it was last put onto its base.
    pub last_synced: Option<String>,
    /// When anything last happened to it.
    pub last_activity: Option<Timestamp>,
    /// Why its worktree is locked.
    pub locked: Option<String>,
    /// Whether its index is being written.
    pub is_busy: bool,
    /// How it is known to be in its base; outer: not asked.
    pub merged: Option<Option<Merged>>,
    /// The operation git is in the middle of.
    pub operation: Option<&'static str>,
    /// What does not fit.
    pub broken: Vec<Broken>,
    /// Whether one stands in its worktree.
    pub is_here: bool,
    /// Of an ended one: how its last event reads.
    pub ended: Option<String>,
}

/// What is to be found out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Also what only a merge can tell.
    pub merged: bool,
    /// The sessions that ended, instead of the live ones.
    pub ended: bool,
}

/// Hands out a row for each session, in the order of `sessions`, each as soon as it and those before it are known.
///
/// # Errors
/// Refused, if nothing can be known at all; what `sink` says.
pub fn rows(
    ctx: &Context,
    snapshot: &Snapshot,
    sessions: &[&Entry],
    options: Options,
    sink: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<()> {
    let worktrees: Vec<Option<&Worktree>> = sessions
        .iter()
        .map(|entry| entry.loaded.as_ref().ok().and_then(|loaded| snapshot.worktree_of(loaded)))
        .collect();
    // What costs is looking at the worktrees: several at once, taken in order, while this thread finds out the rest.
    let (sender, receiver) = mpsc::channel::<(usize, Option<Looked>)>();
    let next = AtomicUsize::new(0);
    let threads = rayon::current_num_threads().min(sessions.len());
    let (next, asked) = (&next, &worktrees);
    let repos = (0..threads).map(|_| ctx.repo.another()).collect::<Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        for repo in repos {
            let sender = sender.clone();
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(worktree) = asked.get(at) else { break };
                    let _ = sender.send((at, worktree.filter(|tree| !tree.is_missing).map(|tree| look(&repo, tree))));
                }
            });
        }
        drop(sender);
        // Whatever ends this early must not wait for worktrees that nobody asks for any more.
        let outcome = hand_out(ctx, snapshot, sessions, &worktrees, options, &receiver, sink);
        next.store(sessions.len(), Ordering::Relaxed);
        outcome
    })
}

/// What looking at a worktree gives: what is uncommitted, where git can tell, and when its index was last written.
struct Looked {
    dirty: Option<Dirty>,
    index: Option<Timestamp>,
}

fn look(repo: &Repo, worktree: &Worktree) -> Looked {
    let written = worktree.git_dir.join("index").metadata().and_then(|meta| meta.modified()).ok();
    let since = written.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    Looked {
        dirty: repo.dirty(worktree).ok(),
        index: since.and_then(|since| i64::try_from(since.as_secs()).ok()).map(Timestamp),
    }
}

fn hand_out(
    ctx: &Context,
    snapshot: &Snapshot,
    sessions: &[&Entry],
    worktrees: &[Option<&Worktree>],
    options: Options,
    receiver: &mpsc::Receiver<(usize, Option<Looked>)>,
    sink: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<()> {
    let tips = Tips::read(ctx, snapshot, sessions)?;
    let here = ctx.repo.worktree_top();
    let mut early: HashMap<usize, Option<Looked>> = HashMap::new();
    for (at, (entry, worktree)) in sessions.iter().zip(worktrees).enumerate() {
        let mut row = match &entry.loaded {
            Ok(loaded) => known(ctx, snapshot, loaded, *worktree, &tips, here.as_deref()),
            Err(error) => unreadable(entry, error),
        };
        if options.merged {
            row.merged = Some(merged::of(ctx, &row)?);
        }
        let looked = loop {
            if let Some(looked) = early.remove(&at) {
                break looked;
            }
            match receiver.recv() {
                Ok((other, looked)) => drop(early.insert(other, looked)),
                Err(_) => return Err(crate::error::Error::bug("A worktree was not looked at.")),
            }
        };
        if let Some(looked) = looked {
            row.dirty = Some(looked.dirty);
            if looked.dirty.is_some_and(Dirty::is_uncommitted) {
                row.last_activity = row.last_activity.max(looked.index);
            }
        }
        sink(row)?;
    }
    Ok(())
}

/// The rows of sessions that ended, newest first.
///
/// # Errors
/// Refused, if `@done` cannot be read.
pub fn ended(ctx: &Context, snapshot: &Snapshot) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for loaded in done::all(&ctx.repo)? {
        let mut row = facts(snapshot, &loaded);
        let event = crate::store::timeline::events(&ctx.repo, loaded.head).next().transpose()?;
        if let Some(event) = event {
            row.head = event.branch_tip;
            row.ended = Some(event.what);
        }
        row.last_activity = Some(loaded.time);
        rows.push(row);
    }
    rows.sort_by(|a, b| b.last_activity.cmp(&a.last_activity).then_with(|| a.name.cmp(&b.name)));
    Ok(rows)
}

/// Branch and base tips, and all counts in one pass.
struct Tips {
    branches: HashMap<String, ObjectId>,
    bases: HashMap<Name, (BaseNow, Option<Tip>)>,
    counts: HashMap<String, AheadBehind>,
}

impl Tips {
    fn read(ctx: &Context, snapshot: &Snapshot, sessions: &[&Entry]) -> Result<Tips> {
        let repo = &ctx.repo;
        let mut tips = Tips { branches: HashMap::new(), bases: HashMap::new(), counts: HashMap::new() };
        let mut known: HashMap<BaseNow, Option<Tip>> = HashMap::new();
        let mut pairs = Vec::new();
        for loaded in sessions.iter().filter_map(|entry| entry.loaded.as_ref().ok()) {
            let now = snapshot.base_ref(repo, &loaded.record);
            let tip = match known.get(&now) {
                Some(tip) => tip.clone(),
                None => {
                    let tip = base::tip(repo, &now).unwrap_or(None);
                    known.insert(now.clone(), tip.clone());
                    tip
                }
            };
            if let Some(id) = repo.ref_id(&loaded.record.branch)? {
                tips.branches.insert(loaded.record.branch.clone(), id);
                match &tip {
                    Some(tip) if tip.id == id => {
                        tips.counts.insert(loaded.record.branch.clone(), AheadBehind { ahead: 0, behind: 0 });
                    }
                    Some(tip) => pairs.push((loaded.record.branch.clone(), tip.id)),
                    None => {}
                }
            }
            tips.bases.insert(loaded.name.clone(), (now, tip));
        }
        tips.counts.extend(repo.ahead_behind(&pairs)?);
        Ok(tips)
    }
}

/// What the record alone says.
fn facts(snapshot: &Snapshot, loaded: &Loaded) -> Row {
    let record = &loaded.record;
    let created = record.created.as_deref().and_then(Timestamp::parse);
    Row {
        name: loaded.name.clone(),
        id: Some(loaded.id()),
        branch: Some(record.branch_short().to_owned()),
        worktree: None,
        state: Some(record.state),
        reason: record.reason.clone(),
        base: Some((
            BaseNow { reference: record.base.reference.clone(), remote: record.base.remote.clone(), parent: None },
            record.base.fork(),
            None,
        )),
        head: None,
        counts: None,
        dirty: None,
        goal: record.goal.clone(),
        focus: record.focus.clone(),
        owner: record.owner.clone(),
        priority: record.priority,
        depends_on: record
            .depends_on
            .iter()
            .map(|id| {
                let found = ObjectId::from_hex(id.as_bytes()).ok().and_then(|id| snapshot.by_id(id));
                found.map_or_else(|| id.clone(), |loaded| loaded.name.to_string())
            })
            .collect(),
        own: record.own.clone(),
        read_only: record.read_only.clone(),
        created: Some(created.unwrap_or(loaded.time)),
        last_synced: record.last_sync.as_ref().map(|sync| sync.time.clone()),
        last_activity: Some(loaded.time),
        locked: None,
        is_busy: false,
        merged: None,
        operation: None,
        broken: Vec::new(),
        is_here: false,
        ended: None,
    }
}

fn known(
    ctx: &Context,
    snapshot: &Snapshot,
    loaded: &Loaded,
    worktree: Option<&Worktree>,
    tips: &Tips,
    here: Option<&std::path::Path>,
) -> Row {
    let mut row = facts(snapshot, loaded);
    row.head = tips.branches.get(&loaded.record.branch).copied();
    row.counts = tips.counts.get(&loaded.record.branch).copied();
    if let Some((now, tip)) = tips.bases.get(&loaded.name) {
        row.base = Some((now.clone(), loaded.record.base.fork(), tip.clone()));
    }
    if let Some(head) = row.head
        && let Ok(time) = ctx.repo.commit_time(head)
    {
        row.last_activity = row.last_activity.max(Some(time));
    }
    if let Some(worktree) = worktree {
        row.worktree = Some(worktree.path.clone());
        row.locked.clone_from(&worktree.locked);
        row.is_busy = worktree.is_busy();
        row.operation = worktree.operation();
        row.is_here = here == Some(worktree.path.as_path());
    }
    row.broken = reconcile::broken(ctx, snapshot, loaded, worktree, row.head);
    // Reachable from the base is what counting has shown already; a session without commits is new.
    let fork = loaded.record.base.fork();
    // Its work went into the base, and there is more of it now.
    let is_more = row.head.is_some_and(|head| loaded.record.merged_tip != Some(head.to_string()));
    if row.state == Some(State::Merged) && is_more && row.counts.is_some_and(|counts| counts.ahead > 0) {
        row.state = Some(State::Open);
    }
    if row.head.is_some() && row.head != fork && row.counts.is_some_and(|counts| counts.ahead == 0) {
        row.merged = Some(Some(Merged::Ancestor));
    }
    row
}

fn unreadable(entry: &Entry, error: &crate::error::Error) -> Row {
    Row {
        name: entry.name.clone(),
        id: None,
        branch: None,
        worktree: None,
        state: None,
        reason: None,
        base: None,
        head: None,
        counts: None,
        dirty: None,
        goal: None,
        focus: None,
        owner: None,
        priority: None,
        depends_on: Vec::new(),
        own: Vec::new(),
        read_only: Vec::new(),
        created: None,
        last_synced: None,
        last_activity: None,
        locked: None,
        is_busy: false,
        merged: None,
        operation: None,
        broken: vec![Broken {
            kind: BrokenKind::RecordUnreadable,
            was: None,
            now: Some(error.one_line()),
            remedy: error
                .hints()
                .first()
                .cloned()
                .unwrap_or_else(|| format!("`git log {}` shows earlier states.", entry.name.reference())),
        }],
        is_here: false,
        ended: None,
    }
}
