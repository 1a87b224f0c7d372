//! Those that collide and go in all the same, once there are others that have brought what they lacked.
//!
//! Whom somebody helps cannot be told from pairs: a file that one has dropped and another one changed is in nobody's way
//! once a third one has dropped it, too. So other sequences are tried, always the same ones, on guesses, among those that
//! have files in common with somebody who is left out; git judges those that are longer.

use super::model::Model;
use super::sequence::Yard;
use crate::error::Result;
use crate::git::merge::Joined;
use std::collections::BTreeSet;

/// How many merges are guessed for it, for each of those among whom it looks.
const MERGES: usize = 400;

/// How many sequences are tried at a time.
const AT_ONCE: usize = 16;

/// After so many tries at a time without one more it is given up.
const IN_VAIN: usize = 24;

/// How often what was guessed may turn out to be wrong.
const TRUSTED: usize = 8;

/// Numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }

    fn shuffle(&mut self, list: &mut [usize]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }

    /// Some of those that are left out, then those that are in, then the others; now and then any order.
    fn other_order(&mut self, at: &[usize], left: &[usize]) -> Vec<usize> {
        if self.below(3) == 0 {
            let mut all = [at, left].concat();
            self.shuffle(&mut all);
            return all;
        }
        let mut first = left.to_vec();
        self.shuffle(&mut first);
        first.truncate(1 + self.below(3));
        let mut rest: Vec<usize> = at.iter().copied().filter(|n| !first.contains(n)).collect();
        if self.below(2) == 0 {
            self.shuffle(&mut rest);
        }
        let mut behind: Vec<usize> = left.iter().copied().filter(|n| !first.contains(n)).collect();
        self.shuffle(&mut behind);
        first.extend(rest);
        first.extend(behind);
        first
    }
}

impl Yard<'_> {
    /// Lets in more of `able`, and of those that collide with the trunk by themselves, than are in `best`.
    pub(super) fn add_helped(&mut self, able: &[usize], best: &mut Vec<usize>) -> Result<()> {
        let all: BTreeSet<usize> = self.alone_not.iter().chain(able).copied().collect();
        if all.len() == best.len() {
            return Ok(());
        }
        let mut most = self.filled(&with_rest(best, &all))?;
        let near = self.near(able, &most);
        let mut model = self.model(&near)?;
        for _ in 0..TRUSTED {
            let (begun, others): (Vec<usize>, Vec<usize>) = most.iter().partition(|n| near.contains(n));
            let found = self.search(&mut model, &near, begun)?;
            let order: Vec<usize> = others.into_iter().chain(found).collect();
            if order.len() <= most.len() {
                break;
            }
            let more = self.filled(&with_rest(&order, &all))?;
            let is_as_guessed = more.len() >= order.len();
            model.correct(&order, &more);
            if more.len() > most.len() {
                most = more;
            }
            if is_as_guessed {
                break;
            }
        }
        if most.len() <= best.len() {
            return Ok(());
        }
        self.measure_helped(&most)?;
        let sorted = self.in_order(&most);
        if self.foreseen(|yard| yard.fold(&sorted))?.is_ok() {
            most = sorted;
        }
        // Whom else somebody would help was not tried to the end.
        self.result.is_guessed |= most.len() < all.len();
        self.result.bound += most.iter().filter(|n| self.alone_not.contains(n)).count();
        let collides = |yard: &Self, at: usize| {
            let n = most[at];
            let is_before = |other: &usize| *other == n || most[..at].contains(other);
            let mut known = yard.result.collisions.iter();
            yard.alone_not.contains(&n)
                || known.any(|known| known.cars.contains(&n) && known.cars.iter().all(is_before))
        };
        self.result.helped = (0..most.len()).filter(|at| collides(self, *at)).map(|at| most[at]).collect();
        *best = most;
        Ok(())
    }

    /// How much those bring that could not be merged by themselves.
    fn measure_helped(&mut self, order: &[usize]) -> Result<()> {
        let mut standing = self.start.clone();
        for n in order {
            let Some(tip) = self.cars[*n].tip else { continue };
            if let Joined::Merged(next) = self.join(&standing, tip)? {
                if self.alone_not.contains(n) {
                    self.measure(*n, tip, &standing, &next)?;
                }
                standing = next;
            }
        }
        Ok(())
    }

    /// Those of `able` that are left out, and whoever has files in common with one of them, with all that those need.
    fn near(&self, able: &[usize], most: &[usize]) -> BTreeSet<usize> {
        let left: BTreeSet<usize> = able.iter().copied().filter(|n| !most.contains(n)).collect();
        let touch = |(a, b): &(usize, usize)| {
            [*a, *b].into_iter().filter(|_| left.contains(a) || left.contains(b)).collect::<Vec<_>>()
        };
        let found: BTreeSet<usize> = self.meets.iter().flat_map(touch).chain(left.iter().copied()).collect();
        found.into_iter().flat_map(|n| self.needs_of(n)).collect()
    }

    /// A longer sequence of some, if there is one to be found: those that are left out, some of them, are put before.
    fn search(&mut self, model: &mut Model, all: &BTreeSet<usize>, begun: Vec<usize>) -> Result<Vec<usize>> {
        let (mut best, mut at) = (begun.clone(), begun);
        let (mut dice, mut in_vain) = (Dice(0x9e37_79b9_7f4a_7c15), 0);
        while in_vain < IN_VAIN && best.len() < all.len() && model.guessed() < MERGES * all.len() {
            let left: Vec<usize> = all.iter().copied().filter(|n| !at.contains(n)).collect();
            let mut next: Vec<usize> = Vec::new();
            for _ in 0..AT_ONCE {
                let order = dice.other_order(&at, &left);
                let found = self.guess_filled(model, &order)?;
                if found.len() > next.len() {
                    next = found;
                }
            }
            in_vain += 1;
            if next.len() > best.len() {
                best.clone_from(&next);
                in_vain = 0;
            }
            // One as long leads elsewhere; a shorter one is gone on from now and then.
            if next.len() >= at.len() || in_vain % 4 == 3 {
                at = next;
            }
        }
        Ok(best)
    }

    /// Of an order those that go in, what stops left out; who waits for others goes in once they have.
    fn filled(&mut self, order: &[usize]) -> Result<Vec<usize>> {
        self.foreseen(|yard| yard.fill_one(order))
    }

    fn fill_one(&mut self, order: &[usize]) -> Result<Vec<usize>> {
        let mut standing = self.start.clone();
        let (mut waiting, mut went_in) = (order.to_vec(), Vec::new());
        loop {
            let before = went_in.len();
            for n in &waiting {
                let has_needs = self.cars[*n].needs.iter().all(|need| went_in.contains(need));
                let Some(tip) = self.cars[*n].tip.filter(|_| has_needs) else { continue };
                match self.join(&standing, tip) {
                    Ok(Joined::Merged(next)) => {
                        standing = next;
                        went_in.push(*n);
                    }
                    Ok(Joined::Already) if self.alone.contains_key(n) => went_in.push(*n),
                    Err(error) if self.is_foreseeing => return Err(error),
                    // What cannot be merged at all is known by then.
                    _ => {}
                }
            }
            if went_in.len() == before {
                return Ok(went_in);
            }
            waiting.retain(|n| !went_in.contains(n));
        }
    }
}

fn with_rest(order: &[usize], all: &BTreeSet<usize>) -> Vec<usize> {
    order.iter().chain(all.iter().filter(|n| !order.contains(n))).copied().collect()
}
