//! Who is looked at: sessions with those they stand on, or plain branches.

use super::{Looked, Options, Trunk};
use crate::error::Result;
use crate::git::Worktree;
use crate::git::merge::{Footprint, Stages, Verdict};
use crate::git::worktrees::Head;
use crate::ops::base::Tip;
use crate::ops::trunks::{Branches, Trunks, name_of};
use crate::ops::{Context, scope};
use crate::session::Word as _;
use crate::session::{Name, ObjectId};
use crate::store::snapshot::BaseNow;
use crate::store::{Loaded, Snapshot};
use std::collections::{HashMap, HashSet};

/// One of them, and bit by bit what is found out about it.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    /// What the base tip was taken from.
    pub(super) base: String,
    /// Whether it is part of the answer, and not only what somebody stands on.
    pub(super) is_shown: bool,
    /// Whether pairs with it were asked for.
    pub(super) is_first: bool,
    /// Whether it may be the other side of those.
    pub(super) is_second: bool,
    pub(super) trunk: usize,
    /// The session it is stacked on: a place before its own.
    pub(super) parent: Option<usize>,
    pub(super) base_tip: Option<ObjectId>,
    pub(super) trunk_tip: Option<ObjectId>,
    pub(super) tip: Option<ObjectId>,
    pub(super) fork: Option<ObjectId>,
    pub(super) worktree: Option<Worktree>,
    /// Pathspecs it owns.
    pub(super) own: Vec<String>,
    /// What could not be looked at.
    pub(super) note: Option<String>,
    pub(super) side: Option<Side>,
}

/// What it has, and what comes of it.
#[derive(Debug)]
pub(super) struct Side {
    /// Its work as a tree.
    pub(super) tree: ObjectId,
    /// The same as a commit on its tip.
    pub(super) commit: ObjectId,
    pub(super) is_uncommitted: bool,
    /// The commits that its tip has and the trunk lacks.
    pub(super) commits: HashSet<ObjectId>,
    /// The merge bases with its base.
    pub(super) bases: Vec<ObjectId>,
    /// The tree of the first of them, where there is one.
    pub(super) base_tree: Option<ObjectId>,
    /// What it has changed since.
    pub(super) own: Footprint,
    /// What merging it with its base gives; none where that cannot be told.
    pub(super) verdict: Option<Verdict>,
    /// The tree it has as if synced; none where it is judged by its tip.
    pub(super) synced: Option<ObjectId>,
    /// What that changes of the trunk's tip.
    pub(super) footprint: Footprint,
}

impl Side {
    /// What collides with the base.
    pub(super) fn stages(&self) -> &[Stages] {
        match &self.verdict {
            Some(Verdict::Conflict(stages)) => stages,
            _ => &[],
        }
    }
}

impl Subject {
    pub(super) fn looked(&self) -> Looked {
        let side = self.side.as_ref();
        Looked {
            name: self.name.clone(),
            base: self.base.clone(),
            tip: self.tip,
            files: side.map_or_else(Vec::new, |side| side.own.paths.iter().map(|path| path.path.clone()).collect()),
            is_uncommitted: side.is_some_and(|side| side.is_uncommitted),
            note: self.note.clone(),
            trunk: self.trunk,
        }
    }
}

/// All of them, lower ones of a stack before those on top.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) subjects: Vec<Subject>,
    pub(super) trunks: Vec<Trunk>,
    pub(super) warnings: Vec<String>,
}

impl Gathered {
    /// Whether one stands on the other, directly or not.
    pub(super) fn are_stacked(&self, a: usize, b: usize) -> bool {
        let stands_on = |mut top: usize, bottom: usize| {
            while let Some(parent) = self.subjects[top].parent {
                if parent == bottom {
                    return true;
                }
                top = parent;
            }
            false
        };
        stands_on(a, b) || stands_on(b, a)
    }

    /// The session nearest to both that they stand on.
    pub(super) fn common_parent(&self, a: usize, b: usize) -> Option<usize> {
        let mut below = HashSet::new();
        let mut at = self.subjects[a].parent;
        while let Some(parent) = at {
            below.insert(parent);
            at = self.subjects[parent].parent;
        }
        let mut at = self.subjects[b].parent;
        while let Some(parent) = at {
            if below.contains(&parent) {
                return Some(parent);
            }
            at = self.subjects[parent].parent;
        }
        None
    }
}

pub(super) fn gather(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<Gathered> {
    if options.branches.is_empty() { sessions(ctx, snapshot, options) } else { branches(ctx, snapshot, options) }
}

fn sessions(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<Gathered> {
    let names = |arguments: &[String]| -> Result<HashSet<Name>> {
        Ok(scope::many(ctx, snapshot, arguments)?.into_iter().map(|loaded| loaded.name.clone()).collect())
    };
    let first = names(&options.names)?;
    let second = names(&options.with)?;
    let mut of_trunks = Trunks::default();
    let mut subjects: Vec<Subject> = Vec::new();
    let mut place: HashMap<Name, usize> = HashMap::new();
    let mut waiting: Vec<&Loaded> = snapshot.readable().collect();
    let known: HashSet<Name> = waiting.iter().map(|loaded| loaded.name.clone()).collect();
    // Each round takes those whose parent is there; a circle, which there should not be, is broken.
    while !waiting.is_empty() {
        let (mut ready, later): (Vec<_>, Vec<_>) = waiting.iter().partition(|loaded| {
            let parent = snapshot.base_ref(&ctx.repo, &loaded.record).parent;
            parent.is_none_or(|parent| place.contains_key(&parent) || !known.contains(&parent))
        });
        let is_stuck = ready.is_empty();
        waiting = if is_stuck {
            ready = later;
            Vec::new()
        } else {
            later
        };
        for loaded in ready {
            place.insert(loaded.name.clone(), subjects.len());
            let base_now = snapshot.base_ref(&ctx.repo, &loaded.record);
            let parent = base_now.parent.as_ref().filter(|_| !is_stuck).and_then(|name| place.get(name).copied());
            let tip = of_trunks.tip(&ctx.repo, &base_now)?;
            let (trunk, trunk_tip) = match parent {
                Some(parent) => (subjects[parent].trunk, subjects[parent].trunk_tip),
                None => (of_trunks.place(&base_now, tip.as_ref()), tip.as_ref().map(|tip| tip.id)),
            };
            let (is_first, is_second) = (first.contains(&loaded.name), second.contains(&loaded.name));
            let mut subject = Subject {
                name: loaded.name.to_string(),
                base: name_of(&base_now, tip.as_ref()),
                is_shown: is_first,
                is_first,
                is_second,
                trunk,
                parent,
                base_tip: tip.as_ref().map(|tip| tip.id),
                trunk_tip,
                tip: ctx.repo.ref_id(&loaded.record.branch)?,
                fork: loaded.record.base.fork(),
                worktree: snapshot.worktree_of(loaded).cloned(),
                own: loaded.record.own.clone(),
                note: None,
                side: None,
            };
            settle(&mut subject, loaded.record.branch.as_str(), options);
            subjects.push(subject);
        }
    }
    needed(&mut subjects);
    let mut warnings = Vec::new();
    for entry in &snapshot.sessions {
        if let Err(error) = &entry.loaded {
            warnings.push(format!("{}: {}", entry.name, error.one_line()));
        }
    }
    Ok(Gathered { subjects, trunks: of_trunks.met.iter().map(trunk).collect(), warnings })
}

fn trunk((base, tip): &(BaseNow, Option<Tip>)) -> Trunk {
    Trunk { name: name_of(base, tip.as_ref()), tip: tip.as_ref().map(|tip| tip.id) }
}

/// Says what cannot be looked at, and takes only what can.
fn settle(subject: &mut Subject, branch: &str, options: &Options) {
    if subject.tip.is_none() {
        subject.note = Some(format!(
            "its branch is not here; `git session show {}` tells what is known of it",
            subject.name.word()
        ));
    } else if subject.base_tip.is_none() {
        subject.note = Some(format!(
            "its base '{}' is gone; `git session set {} --base <branch>`",
            subject.base,
            subject.name.word()
        ));
    }
    let Some(worktree) = &subject.worktree else { return };
    let without = |why: String| Some(format!("{why}: only what is committed was looked at"));
    if options.committed || worktree.is_missing {
        subject.worktree = None;
        return;
    }
    let note = match (worktree.operation(), &worktree.head) {
        (Some(operation), _) => without(format!("it is in the middle of a {operation}")),
        (None, Head::Branch(on)) if on == branch => return,
        (None, _) => without("its worktree is not on its branch".into()),
    };
    subject.worktree = None;
    subject.note = subject.note.take().or(note);
}

/// Leaves out who is neither asked for nor stood on.
fn needed(subjects: &mut Vec<Subject>) {
    let is_any = subjects.iter().any(|subject| subject.is_first);
    let mut is_needed: Vec<bool> =
        subjects.iter().map(|subject| subject.is_first || (is_any && subject.is_second)).collect();
    for at in (0..subjects.len()).rev() {
        if let Some(parent) = subjects[at].parent.filter(|_| is_needed[at]) {
            is_needed[parent] = true;
        }
    }
    let mut new_place = vec![0; subjects.len()];
    let mut count = 0;
    for (at, is_needed) in is_needed.iter().enumerate() {
        new_place[at] = count;
        count += usize::from(*is_needed);
    }
    let mut at = 0;
    subjects.retain(|_| {
        at += 1;
        is_needed[at - 1]
    });
    for subject in subjects {
        subject.parent = subject.parent.map(|parent| new_place[parent]);
    }
}

fn branches(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<Gathered> {
    let all = Branches::read(ctx, snapshot, options.base.as_ref())?;
    let first = all.named(&options.branches)?;
    let second = all.named(&options.with)?;
    let mut subjects: Vec<Subject> = Vec::new();
    for (reference, short, id) in all.others() {
        let (is_first, is_second) = (first.contains(reference), second.contains(reference));
        if !(is_first || is_second) {
            continue;
        }
        subjects.push(Subject {
            name: short.to_owned(),
            base: all.base_short().to_owned(),
            is_shown: is_first,
            is_first,
            is_second: is_second || options.with.is_empty() && is_first,
            trunk: 0,
            parent: None,
            base_tip: Some(all.tip),
            trunk_tip: Some(all.tip),
            tip: Some(id),
            fork: None,
            worktree: None,
            own: Vec::new(),
            note: None,
            side: None,
        });
    }
    subjects.sort_by(|a, b| a.name.cmp(&b.name));
    let trunk = Trunk { name: all.base_short().to_owned(), tip: Some(all.tip) };
    Ok(Gathered { subjects, trunks: vec![trunk], warnings: Vec::new() })
}
