//! Why each stands where it stands, and what keeps the others out.

use super::cars::{Car, Cars, listed};
use super::sequence::{Collision, Sequence};
use super::{Kind, Options, Place, Reason};
use crate::error::Result;
use crate::git::merge::{Merger, Stages};
use crate::ops::Context;
use crate::ops::conflicts::{self, Clash, Severity};
use crate::session::Word as _;
use crate::store::Snapshot;
use std::collections::BTreeSet;

/// The reason of those that nothing else gives a place.
pub const BY_SIZE: &str = "smaller ones go first";

/// Gives those a reason that need somebody who has one.
pub(super) fn those_that_wait(cars: &mut [Car]) {
    loop {
        let waiting: Vec<(usize, usize)> = (0..cars.len())
            .filter(|at| !cars[*at].is_done)
            .flat_map(|at| cars[at].needs.iter().map(move |need| (at, *need)).collect::<Vec<_>>())
            .filter(|(at, need)| !cars[*need].reasons.is_empty() && !names(&cars[*at], &cars[*need].name))
            .collect();
        if waiting.is_empty() {
            return;
        }
        for (at, need) in waiting {
            let reason = waits_for(&cars[need], cars[at].parent == Some(need));
            cars[at].reasons.push(reason);
        }
    }
}

fn names(car: &Car, other: &str) -> bool {
    let is_it = |reason: &Reason| reason.kind == Kind::DependsOn && reason.with.iter().any(|name| name == other);
    car.reasons.iter().any(is_it)
}

fn waits_for(other: &Car, is_parent: bool) -> Reason {
    let how = if is_parent { "stands on" } else { "needs" };
    let sentence = format!("it {how} '{}', which does not go in", other.name);
    let remedy = other
        .reasons
        .first()
        .map_or_else(|| format!("git session order {}", other.name.word()), |first| first.remedy.clone());
    Reason { with: vec![other.name.clone()], ..Reason::new(Kind::DependsOn, sentence, remedy) }
}

/// Gives everyone a reason who could take part and does not go in.
pub(super) fn collisions(
    ctx: &Context,
    snapshot: &Snapshot,
    options: &Options,
    all: &mut Cars,
    trunk: usize,
    sequence: &Sequence,
    engine: &Merger,
) -> Result<()> {
    let goes_in: BTreeSet<usize> = sequence.order.iter().copied().collect();
    let out: Vec<usize> = (0..all.cars.len())
        .filter(|at| all.cars[*at].trunk == trunk && all.cars[*at].reasons.is_empty() && !goes_in.contains(at))
        .collect();
    if out.is_empty() {
        return Ok(());
    }
    for (at, error) in &sequence.failed {
        let remedy = format!("git session doctor {}", all.cars[*at].name.word());
        all.cars[*at].reasons.push(Reason::new(Kind::Broken, error.clone(), remedy));
    }
    let lines = lines(ctx, snapshot, options, all, (&out, &sequence.collisions), engine)?;
    for at in out {
        if !all.cars[at].reasons.is_empty() {
            continue;
        }
        let involved = sequence.collisions.iter().filter(|collision| collision.cars.contains(&at));
        let goes_in_but =
            |collision: &&Collision| collision.cars.iter().all(|other| *other == at || goes_in.contains(other));
        // With the trunk before with others; few before many.
        let mut those: Vec<&Collision> = involved.filter(goes_in_but).collect();
        those.sort_by_key(|collision| collision.cars.len());
        if those.first().is_some_and(|first| first.cars.len() == 1) {
            those.truncate(1);
        }
        for collision in those {
            let reason = collision_of(all, trunk, at, collision, &lines);
            all.cars[at].reasons.push(reason);
        }
    }
    those_that_wait(&mut all.cars);
    // Two that are out may be each in the other's way only: it could not be had all the same.
    for at in 0..all.cars.len() {
        if all.cars[at].trunk != trunk || !all.cars[at].reasons.is_empty() || goes_in.contains(&at) {
            continue;
        }
        let collision = sequence.collisions.iter().find(|collision| collision.cars.contains(&at));
        let reason = match collision {
            Some(collision) => collision_of(all, trunk, at, collision, &lines),
            None => {
                let remedy = format!("git session conflicts {}", all.cars[at].name.word());
                Reason::new(Kind::Conflict, "no sequence with it was found", remedy)
            }
        };
        all.cars[at].reasons.push(reason);
    }
    Ok(())
}

fn collision_of(all: &Cars, trunk: usize, at: usize, collision: &Collision, lines: &conflicts::Report) -> Reason {
    let car = &all.cars[at];
    let others: Vec<String> =
        collision.cars.iter().filter(|other| **other != at).map(|other| all.cars[*other].name.clone()).collect();
    let files = files_of(&car.name, &others, &collision.stages, lines);
    let name = &car.name;
    let (sentence, remedy) = match others.as_slice() {
        [] => (
            format!("it conflicts with '{}'", all.trunks[trunk].name),
            format!("git session sync {name} --resolve", name = name.word()),
        ),
        [one] => (
            format!("it conflicts with '{one}', which goes in before"),
            format!("git session conflicts {name} --with {one} --patch", name = name.word(), one = one.word()),
        ),
        several => (
            format!("it conflicts with {} together", listed(several)),
            format!("git session conflicts {name} --patch", name = name.word()),
        ),
    };
    Reason { kind: Kind::Conflict, with: others, files, sentence, remedy }
}

/// The lines, as `conflicts` finds them: of those that are out, with the trunk and with whoever is in their way.
fn lines(
    ctx: &Context,
    snapshot: &Snapshot,
    options: &Options,
    all: &Cars,
    (out, collisions): (&[usize], &[Collision]),
    engine: &Merger,
) -> Result<conflicts::Report> {
    let of_sessions = options.branches.is_empty();
    let name = |at: &usize| all.cars[*at].name.clone();
    let in_the_way = collisions.iter().filter(|collision| out.iter().any(|at| collision.cars.contains(at)));
    let involved: BTreeSet<usize> = in_the_way.flat_map(|collision| collision.cars.iter().copied()).collect();
    let (names, with) = if of_sessions {
        // Without any they would be held against everybody.
        (out.iter().map(name).collect(), involved.iter().chain(out).map(name).collect())
    } else {
        (Vec::new(), Vec::new())
    };
    let options = conflicts::Options {
        names,
        with,
        branches: options.branches.clone(),
        base: options.base.clone(),
        committed: true,
        merges_only: true,
        ..conflicts::Options::default()
    };
    conflicts::look_knowing(ctx, snapshot, &options, engine.stops())
}

/// The files that collide; the lines where `conflicts` knows them, else what the merge said.
fn files_of(name: &str, others: &[String], stages: &[Stages], lines: &conflicts::Report) -> Vec<Clash> {
    let is_conflict = |clash: &&Clash| clash.severity == Severity::Conflict;
    let known: Vec<Clash> = match others {
        [] => {
            let row = lines.against_base.iter().find(|row| row.name == name);
            row.map_or_else(Vec::new, |row| row.files.iter().filter(is_conflict).cloned().collect())
        }
        [other] => {
            let is_it =
                |pair: &&conflicts::Pair| (pair.a == name && pair.b == *other) || (pair.b == name && pair.a == *other);
            let pair = lines.pairs.iter().find(is_it);
            let files = pair.map_or_else(Vec::new, |pair| pair.files.iter().filter(is_conflict).cloned().collect());
            if pair.is_some_and(|pair| pair.b == name) { files.into_iter().map(Clash::turned).collect() } else { files }
        }
        _ => Vec::new(),
    };
    if known.is_empty() { stages.iter().map(|stages| Clash::of_path(stages.path.clone())).collect() } else { known }
}

/// Those that go in, with the reason for each place.
pub(super) fn places(all: &Cars, trunk: usize, sequence: &Sequence) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for (n, at) in sequence.order.iter().enumerate() {
        let car = &all.cars[*at];
        let Some(tip) = car.tip else { continue };
        let Some(tree) = sequence.trees.get(n).copied() else { continue };
        let (commits, files) = sequence.sizes.get(at).copied().unwrap_or_default();
        let after: Vec<String> = car.needs.iter().map(|need| all.cars[*need].name.clone()).collect();
        let is_before_others = sequence.order[n + 1..].iter().any(|later| all.cars[*later].needs.contains(at));
        let is_urgent = sequence.order[n + 1..].iter().any(|later| all.cars[*later].priority < car.priority);
        let reason = if sequence.helped.contains(at) {
            let with: Vec<String> = sequence.rivals(*at).map(|other| all.cars[other].name.clone()).collect();
            let with = if with.is_empty() { vec![all.trunks[trunk].name.clone()] } else { with };
            format!("by itself it conflicts with {}; after the others it does not", listed(&with))
        } else if let Some(parent) = car.parent.filter(|parent| car.needs.contains(parent)) {
            format!("it stands on '{}'", all.cars[parent].name)
        } else if !after.is_empty() {
            format!("it needs {}", listed(&after))
        } else if is_urgent && car.priority > 0 {
            format!("its priority is {}", crate::session::record::Priority(car.priority))
        } else if is_before_others {
            let waiting = sequence.order[n + 1..].iter().filter(|later| all.cars[**later].needs.contains(at));
            let waiting: Vec<String> = waiting.map(|later| all.cars[*later].name.clone()).collect();
            format!("{} {} it", listed(&waiting), if waiting.len() == 1 { "needs" } else { "need" })
        } else if car.priority < 0 {
            format!("its priority is {}", crate::session::record::Priority(car.priority))
        } else if let Some(first) =
            sequence.before.iter().find(|(first, second)| first == at && sequence.order.contains(second))
        {
            format!("the other way round '{}' conflicts with it", all.cars[first.1].name)
        } else {
            BY_SIZE.to_owned()
        };
        places.push(Place {
            name: car.name.clone(),
            trunk,
            position: n + 1,
            base: car.base.clone(),
            tip,
            tree,
            commits,
            files,
            reason,
            after,
            remark: car.remark.clone(),
        });
    }
    places
}
