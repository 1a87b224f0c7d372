//! Who is to blame where a sequence stops: the few that cannot be had together, or that have to go in another order.

use super::sequence::{Collision, Yard};
use crate::error::Result;
use crate::git::merge::Stages;

/// Of so many that collide together every order is tried before they are held to be incompatible.
const EVERY_ORDER: usize = 4;

/// One that did not go in after others.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) n: usize,
    pub(super) before: Vec<usize>,
    /// What it stopped at, or why it could not be merged at all.
    pub(super) why: std::result::Result<Vec<Stages>, String>,
}

/// Who is to blame for it.
struct Blame {
    cars: Vec<usize>,
    stages: Vec<Stages>,
    /// The order in which they go in all the same.
    other_order: Option<Vec<usize>>,
}

impl Yard<'_> {
    /// Notes who is to blame for each.
    pub(super) fn learn(&mut self, stopped: Vec<Stop>) -> Result<()> {
        let mut failed = Vec::new();
        let mut known = Vec::new();
        for Stop { n, before, why } in stopped {
            match why {
                Ok(stages) => known.push((n, before, stages)),
                Err(words) => failed.push((n, words)),
            }
        }
        let all = |yard: &mut Self| {
            let one = |(n, before, stages): &(usize, Vec<usize>, Vec<Stages>)| yard.blame(before, *n, stages);
            known.iter().map(one).collect::<Vec<Result<Blame>>>()
        };
        for blame in self.foreseen(|yard| Ok(all(yard)))? {
            let Blame { cars, stages, other_order } = blame?;
            if let Some(order) = other_order {
                let pairs: Vec<(usize, usize)> = pairs_of(&order).collect();
                // Another one may have said the opposite meanwhile: the next sequence tells.
                if !pairs.iter().any(|(a, b)| self.result.before.contains(&(*b, *a))) {
                    self.result.before.extend(pairs);
                }
                continue;
            }
            self.result.is_guessed |= cars.len() > EVERY_ORDER;
            let collision = Collision { cars, stages };
            if !self.result.collisions.contains(&collision) {
                self.result.collisions.push(collision);
            }
        }
        for (n, words) in failed {
            self.result.failed.push((n, words));
            self.result.collisions.push(Collision { cars: vec![n], stages: Vec::new() });
        }
        Ok(())
    }

    fn blame(&mut self, before: &[usize], n: usize, stages: &[Stages]) -> Result<Blame> {
        let (mut cars, stages) = self.few_of(before, n, stages)?;
        cars.push(n);
        let other_order = self.other_order(&cars)?;
        Ok(Blame { cars, stages, other_order })
    }

    /// The few of those before it that make `n` stop.
    fn few_of(&mut self, before: &[usize], n: usize, stages: &[Stages]) -> Result<(Vec<usize>, Vec<Stages>)> {
        let mut few = before.to_vec();
        let mut stages = stages.to_vec();
        let touches = |yard: &Self, other: &usize| {
            let of = |n: &usize| yard.footprints.get(n);
            of(other).zip(of(&n)).is_some_and(|(a, b)| a.meeting(b).is_any())
        };
        let near: Vec<usize> = before.iter().copied().filter(|other| touches(self, other)).collect();
        if let Some(found) = self.stops_after(&near, n)? {
            (few, stages) = (near, found);
        }
        // Halves first: of many only few are to blame.
        let mut size = few.len().div_ceil(2);
        while size > 0 && !few.is_empty() {
            let mut at = 0;
            let mut has_shrunk = false;
            while at < few.len() {
                let mut fewer = few.clone();
                fewer.drain(at..(at + size).min(few.len()));
                match self.stops_after(&fewer, n)? {
                    Some(found) => (few, stages, has_shrunk) = (fewer, found, true),
                    None => at += size,
                }
            }
            if size == 1 && !has_shrunk {
                break;
            }
            size = if size == 1 { 1 } else { size.div_ceil(2) };
        }
        Ok((few, stages))
    }

    /// An order in which these go in all the same, that was not known to be one; none where none does.
    fn other_order(&mut self, cars: &[usize]) -> Result<Option<Vec<usize>>> {
        let mut orders: Vec<Vec<usize>> = Vec::new();
        if cars.len() <= EVERY_ORDER {
            permutations(cars, &mut Vec::new(), &mut orders);
        } else {
            orders.extend((0..cars.len()).map(|n| cars[n..].iter().chain(&cars[..n]).copied().collect()));
        }
        for order in orders {
            let keeps_needs = order.iter().enumerate().all(|(at, n)| {
                let needs = self.needs_of(*n);
                !order[at + 1..].iter().any(|later| needs.contains(later))
            });
            let is_known = pairs_of(&order).all(|pair| self.result.before.contains(&pair));
            // What was found out of others stands against it.
            let is_barred = pairs_of(&order).any(|(a, b)| self.result.before.contains(&(b, a)));
            if keeps_needs && !is_known && !is_barred && self.fold(&order)?.is_ok() {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// What `n` stops at after those; none where it does not, or one of them does.
    fn stops_after(&mut self, order: &[usize], n: usize) -> Result<Option<Vec<Stages>>> {
        let all: Vec<usize> = order.iter().copied().chain([n]).collect();
        Ok(match self.fold(&all)? {
            Err((at, stages)) if at == order.len() => Some(stages),
            _ => None,
        })
    }
}

/// Each with each of those behind it.
fn pairs_of(order: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    order.iter().enumerate().flat_map(|(at, a)| order[at + 1..].iter().map(move |b| (*a, *b)))
}

fn permutations(left: &[usize], begun: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    if left.is_empty() {
        found.push(begun.clone());
    }
    for n in left {
        let rest: Vec<usize> = left.iter().copied().filter(|other| other != n).collect();
        begun.push(*n);
        permutations(&rest, begun, found);
        begun.pop();
    }
}
