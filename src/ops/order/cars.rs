//! Who may take part: sessions, or plain branches, what each needs, and what already speaks against it.

use super::{Kind, Options, Reason, Trunk, readiness};
use crate::error::Result;
use crate::git::Repo;
use crate::ops::trunks::{Branches, Trunks, name_of};
use crate::ops::{Context, scope};
use crate::session::Word as _;
use crate::session::{Name, ObjectId, Record, State, Timestamp};
use crate::store::snapshot::BaseNow;
use crate::store::{Loaded, Snapshot, done};
use std::collections::{HashMap, HashSet};

/// One branch that is to be merged.
#[derive(Debug)]
pub(super) struct Car {
    pub(super) name: String,
    /// Its base, as people call it.
    pub(super) base: String,
    pub(super) trunk: usize,
    pub(super) tip: Option<ObjectId>,
    /// Its branch, by full name; none of plain branches.
    pub(super) branch: Option<String>,
    pub(super) fork: Option<ObjectId>,
    pub(super) priority: i64,
    pub(super) created: Option<String>,
    /// The places of those that go in before it.
    pub(super) needs: Vec<usize>,
    /// Those of them that it is stacked on.
    pub(super) parent: Option<usize>,
    /// What speaks against it.
    pub(super) reasons: Vec<Reason>,
    /// What is worth saying of its readiness.
    pub(super) remark: Option<String>,
    /// Whether it was said to be merged.
    pub(super) is_said: bool,
    /// The commit at which its base got all that there is of it now, as was said then.
    pub(super) said_at: Option<ObjectId>,
    /// The trunk has its work.
    pub(super) is_done: bool,
}

impl Car {
    /// Whether it has ever had commits of its own. One that was only taken along to where its base is has none.
    pub(super) fn is_begun(&self, repo: &Repo) -> Result<bool> {
        let (Some(branch), Some(_), false) = (&self.branch, self.fork, self.is_said) else { return Ok(true) };
        if self.tip == self.fork {
            return Ok(false);
        }
        let Some(created) = self.created.as_deref().and_then(Timestamp::parse) else { return Ok(true) };
        Ok(repo.has_worked(branch, created)?.unwrap_or(true))
    }
}

/// All of them, by name, and where they are to go.
#[derive(Debug, Default)]
pub(super) struct Cars {
    pub(super) cars: Vec<Car>,
    pub(super) trunks: Vec<Trunk>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn gather(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<Cars> {
    if options.branches.is_empty() { sessions(ctx, snapshot, options) } else { branches(ctx, snapshot, options) }
}

fn sessions(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<Cars> {
    let chosen = scope::many(ctx, snapshot, &options.names)?;
    let place: HashMap<&Name, usize> = chosen.iter().enumerate().map(|(at, loaded)| (&loaded.name, at)).collect();
    let mut all = Cars::default();
    for entry in snapshot.sessions.iter().filter(|_| options.names.is_empty()) {
        if let Err(error) = &entry.loaded {
            all.warnings.push(format!("{}: {}", entry.name, error.one_line()));
        }
    }
    let mut trunks = Trunks::default();
    for loaded in &chosen {
        let (below, trunk_now) = stack_of(ctx, snapshot, loaded);
        let base_now = snapshot.base_ref(&ctx.repo, &loaded.record);
        let tip = trunks.tip(&ctx.repo, &trunk_now)?;
        let mut car = Car {
            name: loaded.name.to_string(),
            base: base_now.short().to_owned(),
            trunk: trunks.place(&trunk_now, tip.as_ref()),
            tip: ctx.repo.ref_id(&loaded.record.branch)?,
            branch: Some(loaded.record.branch.clone()),
            fork: loaded.record.base.fork(),
            priority: loaded.record.priority.unwrap_or_default().0,
            // The first record says it by its own time.
            created: Some(loaded.record.created.clone().unwrap_or_else(|| loaded.time.rfc3339())),
            needs: Vec::new(),
            parent: None,
            reasons: Vec::new(),
            remark: None,
            is_said: loaded.record.state == State::Merged,
            said_at: None,
            is_done: false,
        };
        car.said_at = said_at(&loaded.record, car.tip);
        if car.tip.is_none() {
            car.reasons.push(Reason::new(
                Kind::Broken,
                format!("its branch '{}' is not here", loaded.record.branch_short()),
                format!("git session show {}", loaded.name.word()),
            ));
        } else if tip.is_none() {
            car.reasons.push(Reason::new(
                Kind::Broken,
                format!("its base '{}' is gone", trunk_now.short()),
                format!("git session set {} --base <branch>", loaded.name.word()),
            ));
        }
        if let Some(parent) = below.first() {
            car.parent = place.get(&parent.name).copied();
            need(ctx, snapshot, &mut car, loaded, Need::Live(parent), &place)?;
        }
        for id in &loaded.record.depends_on {
            let Ok(id) = ObjectId::from_hex(id.as_bytes()) else { continue };
            let needed = match snapshot.by_id(id) {
                Some(live) => Need::Live(live),
                None => done::find(&ctx.repo, id)?.map_or(Need::Unknown(id), |ended| Need::Ended(Box::new(ended))),
            };
            need(ctx, snapshot, &mut car, loaded, needed, &place)?;
        }
        car.needs.sort_unstable();
        car.needs.dedup();
        all.cars.push(car);
    }
    all.trunks = trunks
        .met
        .iter()
        .map(|(base, tip)| trunk(name_of(base, tip.as_ref()), tip.as_ref().map(|tip| tip.id), Some(base.clone())))
        .collect();
    if !options.all {
        readiness::check(ctx, snapshot, &chosen, &mut all.cars)?;
    }
    for (name, reason) in &options.left_out {
        all.cars.iter_mut().filter(|car| car.name == *name).for_each(|car| car.reasons.push(reason.clone()));
    }
    across_trunks(&mut all.cars);
    circles(&mut all.cars);
    Ok(all)
}

fn said_at(record: &Record, tip: Option<ObjectId>) -> Option<ObjectId> {
    let is_all = record.merged_tip.is_some() && record.merged_tip == tip.map(|tip| tip.to_string());
    let at = record.merged_at.as_ref().filter(|_| record.state == State::Merged && is_all)?;
    ObjectId::from_hex(at.as_bytes()).ok()
}

/// What a session has to wait for.
enum Need<'a> {
    Live(&'a Loaded),
    Ended(Box<Loaded>),
    Unknown(ObjectId),
}

/// Notes that a session needs another one, unless that is merged.
fn need(
    ctx: &Context,
    snapshot: &Snapshot,
    car: &mut Car,
    loaded: &Loaded,
    need: Need<'_>,
    place: &HashMap<&Name, usize>,
) -> Result<()> {
    let name = &loaded.name;
    let (with, sentence, remedy) = match need {
        Need::Live(other) => {
            if let Some(at) = place.get(&other.name) {
                car.needs.push(*at);
                return Ok(());
            }
            if other.record.state == State::Merged || is_in(&ctx.repo, other)? {
                return Ok(());
            }
            let sentence = format!("it needs '{}', which is not merged", other.name);
            let all: Vec<String> = all_needed(ctx, snapshot, other)?.iter().map(|name| name.word()).collect();
            (Some(other.name.to_string()), sentence, format!("git session order {} {}", all.join(" "), name.word()))
        }
        Need::Ended(ended) if ended.record.state == State::Merged => return Ok(()),
        Need::Ended(ended) => (
            Some(ended.name.to_string()),
            format!("it needs '{}', which ended as {}", ended.name, ended.record.state),
            format!("git session set {name} --depends-on ''", name = name.word()),
        ),
        Need::Unknown(id) => (
            None,
            format!("it needs the session {}, which is not known here", ctx.repo.short(id)),
            format!("git session set {name} --depends-on ''", name = name.word()),
        ),
    };
    let mut reason = Reason::new(Kind::DependsOn, sentence, remedy);
    reason.with.extend(with);
    car.reasons.push(reason);
    Ok(())
}

/// A live session and all that it needs and that is not merged, directly or not; itself last.
fn all_needed(ctx: &Context, snapshot: &Snapshot, from: &Loaded) -> Result<Vec<String>> {
    let (mut found, mut waiting) = (Vec::new(), vec![from]);
    while let Some(next) = waiting.pop() {
        let is_known = found.contains(&next.name.to_string());
        if is_known || (next.name != from.name && (next.record.state == State::Merged || is_in(&ctx.repo, next)?)) {
            continue;
        }
        found.insert(0, next.name.to_string());
        let ids = next.record.depends_on.iter().filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok());
        waiting.extend(ids.filter_map(|id| snapshot.by_id(id)));
        waiting.extend(stack_of(ctx, snapshot, next).0.first().copied());
    }
    Ok(found)
}

/// Whether the base has the work of a session that has some.
fn is_in(repo: &Repo, other: &Loaded) -> Result<bool> {
    let Some(tip) = repo.ref_id(&other.record.branch)? else { return Ok(false) };
    let Some(base) = repo.ref_id(&other.record.base.reference)? else { return Ok(false) };
    Ok(Some(tip) != other.record.base.fork() && repo.is_ancestor(tip, base)?)
}

/// The live sessions that one stands on, nearest first, and the branch at the bottom.
fn stack_of<'a>(ctx: &Context, snapshot: &'a Snapshot, loaded: &Loaded) -> (Vec<&'a Loaded>, BaseNow) {
    let mut below: Vec<&Loaded> = Vec::new();
    let mut base = snapshot.base_ref(&ctx.repo, &loaded.record);
    while let Some(parent) = base.parent.clone().and_then(|name| snapshot.require(&name).ok()) {
        if below.iter().any(|seen| seen.name == parent.name) {
            break;
        }
        below.push(parent);
        base = snapshot.base_ref(&ctx.repo, &parent.record);
    }
    (below, base)
}

/// What goes elsewhere cannot be waited for here.
fn across_trunks(cars: &mut [Car]) {
    for at in 0..cars.len() {
        let elsewhere: Vec<usize> =
            cars[at].needs.iter().copied().filter(|need| cars[*need].trunk != cars[at].trunk).collect();
        for need in elsewhere {
            let other = cars[need].name.clone();
            let sentence = format!("it needs '{other}', which goes into '{}'", cars[need].base);
            let mut reason =
                Reason::new(Kind::DependsOn, sentence, format!("git session order {other}", other = other.word()));
            reason.with.push(other);
            cars[at].needs.retain(|known| *known != need);
            cars[at].reasons.push(reason);
        }
    }
}

/// Whoever needs itself in the end is named with all of its circle.
fn circles(cars: &mut [Car]) {
    let reach: Vec<HashSet<usize>> = (0..cars.len())
        .map(|at| {
            let (mut seen, mut waiting) = (HashSet::new(), cars[at].needs.clone());
            while let Some(need) = waiting.pop() {
                if seen.insert(need) {
                    waiting.extend(&cars[need].needs);
                }
            }
            seen
        })
        .collect();
    for at in (0..cars.len()).filter(|at| reach[*at].contains(at)) {
        let circle: Vec<usize> =
            (0..cars.len()).filter(|other| reach[at].contains(other) && reach[*other].contains(&at)).collect();
        let with: Vec<String> =
            circle.iter().filter(|other| **other != at).map(|other| cars[*other].name.clone()).collect();
        let sentence = match with.as_slice() {
            [] => "it needs itself".to_owned(),
            others => format!("it and {} need each other", listed(others)),
        };
        let remedy = format!("git session set {} --depends-on ''", cars[at].name.word());
        cars[at].reasons.push(Reason { with, ..Reason::new(Kind::Cycle, sentence, remedy) });
    }
    let in_circle: Vec<bool> = reach.iter().enumerate().map(|(at, reach)| reach.contains(&at)).collect();
    for at in (0..cars.len()).filter(|at| in_circle[*at]) {
        cars[at].needs.clear();
        cars[at].parent = None;
    }
}

/// `a`, `a and b`, `a, b and c`, in quotes.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("'{one}'"),
        [rest @ .., last] => {
            let rest: Vec<String> = rest.iter().map(|name| format!("'{name}'")).collect();
            format!("{} and '{last}'", rest.join(", "))
        }
    }
}

fn branches(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<Cars> {
    let branches = Branches::read(ctx, snapshot, options.base.as_ref())?;
    let wanted = branches.named(&options.branches)?;
    let mut all =
        Cars { trunks: vec![trunk(branches.base_short().to_owned(), Some(branches.tip), None)], ..Cars::default() };
    for (reference, short, tip) in branches.others() {
        if !wanted.contains(reference) {
            continue;
        }
        all.cars.push(Car {
            name: short.to_owned(),
            base: branches.base_short().to_owned(),
            trunk: 0,
            tip: Some(tip),
            branch: None,
            fork: None,
            priority: 0,
            created: None,
            needs: Vec::new(),
            parent: None,
            reasons: Vec::new(),
            remark: None,
            is_said: false,
            said_at: None,
            is_done: false,
        });
    }
    all.cars.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn trunk(name: String, tip: Option<ObjectId>, base: Option<BaseNow>) -> Trunk {
    Trunk { name, tip, base, is_exact: true, size: 0, bound: 0, tree: None }
}
