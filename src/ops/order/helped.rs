//! Those that collide and go in all the same, once there are others that have brought what they lacked.
//!
//! Whom somebody helps cannot be told from pairs: a file that one has dropped and another one changed is in nobody's way
//! once a third one has dropped it, too. So other sequences are tried, always the same ones, many at a time, among those
//! that have files in common with somebody who is left out.

use super::sequence::Yard;
use crate::error::Result;
use crate::git::merge::{Joined, Standing};
use crate::session::ObjectId;
use std::collections::BTreeSet;

/// How many merges are spent on it.
const MERGES: usize = 1_500;

/// How many sequences are tried at a time.
const AT_ONCE: usize = 16;

/// After so many tries at a time without one more it is given up.
const IN_VAIN: usize = 5;

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
}

impl Yard<'_> {
    /// Lets in more of `able`, and of those that collide with the trunk by themselves, than are in `best`.
    pub(super) fn add_helped(&mut self, able: &[usize], best: &mut Vec<usize>) -> Result<()> {
        let all: BTreeSet<usize> = self.alone_not.iter().chain(able).copied().collect();
        if all.len() == best.len() {
            return Ok(());
        }
        let mut most = self.filled(vec![with_rest(best, &all)])?.pop().unwrap_or_default();
        let near = self.near(able, &most);
        if !near.is_empty() {
            let others: Vec<usize> = most.iter().copied().filter(|n| !near.contains(n)).collect();
            let begun: Vec<usize> = most.iter().copied().filter(|n| near.contains(n)).collect();
            let found = self.search(&near, begun)?;
            let order: Vec<usize> = others.into_iter().chain(found).collect();
            let more = self.filled(vec![with_rest(&order, &all)])?.pop().unwrap_or_default();
            if more.len() > most.len() {
                most = more;
            }
        }
        if most.len() <= best.len() {
            return Ok(());
        }
        let sorted = self.in_order(&most);
        if self.fold(&sorted)?.is_ok() {
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
    fn search(&mut self, all: &BTreeSet<usize>, begun: Vec<usize>) -> Result<Vec<usize>> {
        self.trains.remember();
        let (mut best, mut at) = (begun.clone(), begun);
        let (mut dice, mut in_vain, mut merges) = (Dice(0x9e37_79b9_7f4a_7c15), 0, 0);
        while in_vain < IN_VAIN && best.len() < all.len() && merges < MERGES {
            let left: Vec<usize> = all.iter().copied().filter(|n| !at.contains(n)).collect();
            let orders: Vec<Vec<usize>> = (0..AT_ONCE)
                .map(|_| {
                    let mut first = left.clone();
                    dice.shuffle(&mut first);
                    first.truncate(1 + dice.below(3));
                    let mut rest: Vec<usize> = at.iter().copied().filter(|n| !first.contains(n)).collect();
                    if dice.below(2) == 0 {
                        dice.shuffle(&mut rest);
                    }
                    first.extend(rest);
                    let mut behind: Vec<usize> = left.iter().copied().filter(|n| !first.contains(n)).collect();
                    dice.shuffle(&mut behind);
                    first.extend(behind);
                    first
                })
                .collect();
            merges += orders.iter().map(Vec::len).sum::<usize>();
            let mut found = self.filled(orders)?;
            found.sort_by_key(|order| std::cmp::Reverse(order.len()));
            in_vain += 1;
            let Some(next) = found.into_iter().next() else { break };
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

    /// Of each order those that go in, what stops left out; who waits for others goes in once they have.
    fn filled(&mut self, orders: Vec<Vec<usize>>) -> Result<Vec<Vec<usize>>> {
        struct Line {
            waiting: Vec<usize>,
            next: usize,
            standing: Standing,
            went_in: Vec<usize>,
            /// How many there were when it began from the front again.
            before: usize,
        }
        let start = self.start.clone();
        let line = |waiting| Line { waiting, next: 0, standing: start.clone(), went_in: Vec::new(), before: 0 };
        let mut lines: Vec<Line> = orders.into_iter().map(line).collect();
        loop {
            let mut asked: Vec<(usize, usize, ObjectId)> = Vec::new();
            for (at, line) in lines.iter_mut().enumerate() {
                loop {
                    if line.next == line.waiting.len() {
                        if line.went_in.len() == line.before {
                            break;
                        }
                        line.waiting.retain(|n| !line.went_in.contains(n));
                        (line.next, line.before) = (0, line.went_in.len());
                        continue;
                    }
                    let n = line.waiting[line.next];
                    line.next += 1;
                    let has_needs = self.cars[n].needs.iter().all(|need| line.went_in.contains(need));
                    if let Some(tip) = self.cars[n].tip.filter(|_| has_needs) {
                        asked.push((at, n, tip));
                        break;
                    }
                }
            }
            if asked.is_empty() {
                break;
            }
            let questions: Vec<(&Standing, ObjectId)> =
                asked.iter().map(|(at, _, tip)| (&lines[*at].standing, *tip)).collect();
            let answers = self.trains.join_all(&questions);
            for ((at, n, tip), answer) in asked.into_iter().zip(answers) {
                // What cannot be merged at all is known by then.
                match answer {
                    Ok(Joined::Merged(next)) => {
                        if self.alone_not.contains(&n) {
                            self.measure(n, tip, &lines[at].standing, &next)?;
                        }
                        lines[at].standing = next;
                        lines[at].went_in.push(n);
                    }
                    Ok(Joined::Already) if self.alone.contains_key(&n) => lines[at].went_in.push(n),
                    _ => {}
                }
            }
        }
        Ok(lines.into_iter().map(|line| line.went_in).collect())
    }
}

fn with_rest(order: &[usize], all: &BTreeSet<usize>) -> Vec<usize> {
    order.iter().chain(all.iter().filter(|n| !order.contains(n))).copied().collect()
}
