//! Which of many to take, when some sets of them may not be taken together and some need others: as many as there can
//! be, and of those choices the one that is worth the most.
//!
//! What has nothing to do with each other is decided by itself. Small groups are searched through to the end; of large
//! ones the search stops after a fixed number of steps, so that the answer is the same every time, and a bound says how
//! much better another choice could be at most.

/// What there is to choose from.
#[derive(Debug, Clone, Default)]
pub(super) struct Problem {
    /// How much each is worth, beside being one more: larger is better, compared first by the first number.
    pub(super) worth: Vec<(i64, i64)>,
    /// Whom each needs.
    pub(super) needs: Vec<Vec<usize>>,
    /// Sets of which not all may be taken; of one: it may not be taken.
    pub(super) forbidden: Vec<Vec<usize>>,
}

/// The choice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Choice {
    /// Those taken, in the order of their numbers.
    pub(super) taken: Vec<usize>,
    /// No choice has more than that.
    pub(super) bound: usize,
}

/// How many steps are spent on one group: as many as keep it below a second or so.
const STEPS: std::ops::RangeInclusive<usize> = 1_000..=60_000;

/// How often a large group is filled from somewhere, besides the search.
const FILLS: usize = 4_000;

type Set = Vec<u64>;

fn insert(set: &mut Set, n: usize) {
    set[n / 64] |= 1 << (n % 64);
}

fn has(set: &Set, n: usize) -> bool {
    set[n / 64] >> (n % 64) & 1 == 1
}

fn count(set: &Set) -> usize {
    set.iter().map(|word| word.count_ones() as usize).sum()
}

fn members(set: &Set) -> impl Iterator<Item = usize> + '_ {
    set.iter()
        .enumerate()
        .flat_map(|(at, word)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit))
}

fn is_within(small: &Set, large: &Set) -> bool {
    small.iter().zip(large).all(|(small, large)| small & !large == 0)
}

fn meet(a: &Set, b: &Set) -> bool {
    a.iter().zip(b).any(|(a, b)| a & b != 0)
}

/// How many are in both.
fn common(a: &Set, b: &Set) -> usize {
    a.iter().zip(b).map(|(a, b)| (a & b).count_ones() as usize).sum()
}

fn add(set: &mut Set, other: &Set) {
    set.iter_mut().zip(other).for_each(|(own, other)| *own |= other);
}

fn remove(set: &mut Set, other: &Set) {
    set.iter_mut().zip(other).for_each(|(own, other)| *own &= !other);
}

/// Chooses.
pub(super) fn choose(problem: &Problem) -> Choice {
    let mut choice = Choice::default();
    for group in groups(problem) {
        let part = Group::of(problem, &group).solve();
        choice.bound += part.bound;
        choice.taken.extend(part.taken.into_iter().map(|n| group[n]));
    }
    choice.taken.sort_unstable();
    choice
}

/// Those that have to do with each other, directly or not.
fn groups(problem: &Problem) -> Vec<Vec<usize>> {
    let mut leader: Vec<usize> = (0..problem.worth.len()).collect();
    fn find(leader: &mut [usize], mut n: usize) -> usize {
        while leader[n] != n {
            leader[n] = leader[leader[n]];
            n = leader[n];
        }
        n
    }
    let needs = problem.needs.iter().enumerate().flat_map(|(n, needs)| needs.iter().map(move |need| (n, *need)));
    let together = problem.forbidden.iter().flat_map(|set| set.windows(2).map(|two| (two[0], two[1])));
    for (a, b) in needs.chain(together).collect::<Vec<_>>() {
        let (a, b) = (find(&mut leader, a), find(&mut leader, b));
        leader[a.max(b)] = a.min(b);
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); leader.len()];
    for n in 0..leader.len() {
        groups[find(&mut leader, n)].push(n);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// One group, its members numbered anew.
struct Group {
    worth: Vec<(i64, i64)>,
    /// Each with all it needs, directly or not.
    with_needs: Vec<Set>,
    /// Each with all that need it.
    with_dependants: Vec<Set>,
    /// Each with those that it is forbidden with, pair by pair.
    partners: Vec<Set>,
    /// The forbidden sets that are no pairs.
    forbidden: Vec<Set>,
    /// Each with those of them that it is in.
    forbids: Vec<Vec<usize>>,
    empty: Set,
    everyone: Set,
}

/// The best so far.
#[derive(Clone, Default)]
struct Best {
    taken: Option<Set>,
    count: usize,
    worth: (i64, i64),
}

struct Search {
    best: Best,
    steps_left: usize,
    is_complete: bool,
}

impl Group {
    fn of(problem: &Problem, group: &[usize]) -> Group {
        let empty = vec![0; group.len().div_ceil(64)];
        let place = |n: &usize| group.binary_search(n).ok();
        let mut with_needs: Vec<Set> = Vec::new();
        for n in group {
            let (mut set, mut waiting) = (empty.clone(), vec![*n]);
            while let Some(n) = waiting.pop() {
                let Some(at) = place(&n).filter(|at| !has(&set, *at)) else { continue };
                insert(&mut set, at);
                waiting.extend(&problem.needs[n]);
            }
            with_needs.push(set);
        }
        let mut with_dependants = vec![empty.clone(); group.len()];
        let mut everyone = empty.clone();
        for (at, needs) in with_needs.iter().enumerate() {
            insert(&mut everyone, at);
            for need in members(needs) {
                insert(&mut with_dependants[need], at);
            }
        }
        let mut forbidden: Vec<Set> = Vec::new();
        for set in problem.forbidden.iter().filter(|set| set.iter().all(|n| place(n).is_some())) {
            let mut small = empty.clone();
            set.iter().filter_map(place).for_each(|at| insert(&mut small, at));
            forbidden.push(small);
        }
        let mut partners = vec![empty.clone(); group.len()];
        forbidden.retain(|set| {
            let two: Vec<usize> = members(set).collect();
            let &[a, b] = two.as_slice() else { return true };
            insert(&mut partners[a], b);
            insert(&mut partners[b], a);
            false
        });
        forbidden.sort_by_key(count);
        forbidden.dedup();
        let mut forbids = vec![Vec::new(); group.len()];
        for (at, set) in forbidden.iter().enumerate() {
            members(set).for_each(|n| forbids[n].push(at));
        }
        let worth = group.iter().map(|n| problem.worth[*n]).collect();
        Group { worth, with_needs, with_dependants, partners, forbidden, forbids, empty, everyone }
    }

    fn solve(&self) -> Choice {
        let effort = (self.forbidden.len() + 4 * self.worth.len()) * self.empty.len();
        let steps_left = (10_000_000 / (effort + 1)).clamp(*STEPS.start(), *STEPS.end());
        let mut search = Search { best: Best::default(), steps_left, is_complete: true };
        let (taken, mut open) = (self.empty.clone(), self.everyone.clone());
        self.close(&taken, &mut open);
        let bound = self.bound(&taken, &open);
        self.search(taken, open, &mut search);
        if !search.is_complete {
            self.many_starts(&mut search.best);
        }
        let taken = search.best.taken.unwrap_or_else(|| self.empty.clone());
        let bound = if search.is_complete { count(&taken) } else { bound };
        Choice { taken: members(&taken).collect(), bound }
    }

    /// Whether all of a forbidden set are in.
    fn is_forbidden(&self, set: &Set) -> bool {
        members(set).any(|n| meet(&self.partners[n], set)) || self.forbidden.iter().any(|small| is_within(small, set))
    }

    /// Whether one that is in completes a forbidden set.
    fn is_in_the_way(&self, n: usize, set: &Set) -> bool {
        meet(&self.partners[n], set) || self.forbids[n].iter().any(|at| is_within(&self.forbidden[*at], set))
    }

    /// Takes out of `open` whatever would complete a forbidden set, with all that need it.
    fn close(&self, taken: &Set, open: &mut Set) {
        loop {
            let mut out = self.empty.clone();
            for n in members(taken) {
                add(&mut out, &self.partners[n]);
            }
            for set in &self.forbidden {
                let left = || set.iter().zip(taken).map(|(set, taken)| set & !taken);
                if left().map(u64::count_ones).sum::<u32>() == 1 {
                    out.iter_mut().zip(left()).for_each(|(out, left)| *out |= left);
                }
            }
            out.iter_mut().zip(open.iter()).for_each(|(out, open)| *out &= open);
            let gone: Vec<usize> = members(&out).collect();
            if gone.is_empty() {
                break;
            }
            for n in gone {
                remove(open, &self.with_dependants[n]);
            }
        }
        // Whoever needs one that can be had no more.
        let mut within = taken.clone();
        add(&mut within, open);
        let lost: Vec<usize> = members(open).filter(|n| !is_within(&self.with_needs[*n], &within)).collect();
        for n in lost {
            remove(open, &self.with_dependants[n]);
        }
    }

    /// How many there can be at most: of forbidden sets that have nothing in common each costs one; of those that are
    /// forbidden pair by pair only one is left.
    fn bound(&self, taken: &Set, open: &Set) -> usize {
        let mut within = taken.clone();
        add(&mut within, open);
        let active = self.forbidden.iter().filter(|set| is_within(set, &within)).map(|set| {
            let mut left = set.clone();
            remove(&mut left, taken);
            left
        });
        let (pairs, active): (Vec<Set>, Vec<Set>) = active.partition(|set| count(set) == 2);
        let mut used = self.empty.clone();
        let mut lost = 0;
        // Cliques first: each member's partners among the open ones.
        let mut partners = self.partners.clone();
        for n in members(open) {
            partners[n].iter_mut().zip(open).for_each(|(partners, open)| *partners &= open);
        }
        for set in pairs {
            let two: Vec<usize> = members(&set).collect();
            insert(&mut partners[two[0]], two[1]);
            insert(&mut partners[two[1]], two[0]);
        }
        let mut order: Vec<usize> = members(open).collect();
        order.sort_by_key(|n| (std::cmp::Reverse(count(&partners[*n])), *n));
        for n in order {
            if has(&used, n) {
                continue;
            }
            let mut clique = self.empty.clone();
            insert(&mut clique, n);
            let mut candidates = partners[n].clone();
            remove(&mut candidates, &used);
            for other in members(&candidates.clone()) {
                if is_within(&clique, &partners[other]) {
                    insert(&mut clique, other);
                }
            }
            if count(&clique) > 1 {
                lost += count(&clique) - 1;
                add(&mut used, &clique);
            }
        }
        for set in active.iter().filter(|set| count(set) > 2) {
            if !meet(set, &used) {
                lost += 1;
                add(&mut used, set);
            }
        }
        count(&within) - lost
    }

    fn search(&self, taken: Set, mut open: Set, search: &mut Search) {
        self.close(&taken, &mut open);
        let Some(steps_left) = search.steps_left.checked_sub(1) else {
            search.is_complete = false;
            return;
        };
        search.steps_left = steps_left;
        let most = self.bound(&taken, &open);
        if search.best.taken.is_some() && most < search.best.count {
            return;
        }
        let mut within = taken.clone();
        add(&mut within, &open);
        // Where no more can be won, it has to be worth more.
        if most == search.best.count && search.best.taken.is_some() && self.most_worth(&within) <= search.best.worth {
            return;
        }
        let mut degree: Vec<usize> = self.partners.iter().map(|partners| common(partners, &open)).collect();
        for set in self.forbidden.iter().filter(|set| is_within(set, &within)) {
            members(set).filter(|n| has(&open, *n)).for_each(|n| degree[n] += 1);
        }
        let next =
            members(&open).filter(|n| degree[*n] > 0).max_by_key(|n| (degree[*n], self.worth[*n], usize::MAX - n));
        let Some(next) = next else {
            self.offer(within, &mut search.best);
            return;
        };
        let mut without = open.clone();
        remove(&mut without, &self.with_dependants[next]);
        let mut more = taken.clone();
        add(&mut more, &self.with_needs[next]);
        let mut rest = open.clone();
        remove(&mut rest, &more);
        let can_be = !self.is_forbidden(&more);
        // Whoever is in the way of few is taken first, whoever is in the way of many is left out first.
        let takes_first = degree[next] <= 2;
        if takes_first && can_be {
            self.search(more.clone(), rest.clone(), search);
        }
        self.search(taken, without, search);
        if !takes_first && can_be {
            self.search(more, rest, search);
        }
    }

    fn most_worth(&self, set: &Set) -> (i64, i64) {
        members(set).fold((0, 0), |sum, n| (sum.0 + self.worth[n].0.max(0), sum.1 + self.worth[n].1.max(0)))
    }

    fn worth_of(&self, set: &Set) -> (i64, i64) {
        members(set).fold((0, 0), |sum, n| (sum.0 + self.worth[n].0, sum.1 + self.worth[n].1))
    }

    fn offer(&self, taken: Set, best: &mut Best) {
        let (count, worth) = (count(&taken), self.worth_of(&taken));
        if best.taken.is_none() || (count, worth) > (best.count, best.worth) {
            *best = Best { taken: Some(taken), count, worth };
        }
    }

    /// Takes one after another in many orders, those first that are in the way of few; then tries to take two for one.
    fn many_starts(&self, best: &mut Best) {
        let mut degree: Vec<u64> = self.partners.iter().map(|partners| count(partners) as u64).collect();
        for set in &self.forbidden {
            members(set).for_each(|n| degree[n] += 1);
        }
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut fills = 0;
        let mut start = 0_u64;
        while fills < FILLS {
            let mut order: Vec<(u64, usize)> = Vec::new();
            for (n, degree) in degree.iter().enumerate() {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let noise = if start == 0 { 0 } else { state % (2 + start / 40) };
                order.push((degree * 2 + noise, n));
            }
            order.sort_unstable();
            start += 1;
            let mut taken = self.filled(self.empty.clone(), order.iter().map(|(_, n)| *n));
            fills += 1;
            while let Some(more) = self.one_more(&taken, &order, &mut fills) {
                taken = more;
            }
            self.offer(taken, best);
        }
    }

    /// One more by leaving one out, with those that need it, and filling up.
    fn one_more(&self, taken: &Set, order: &[(u64, usize)], fills: &mut usize) -> Option<Set> {
        for out in members(taken) {
            *fills += 1;
            if *fills > FILLS {
                break;
            }
            let mut fewer = taken.clone();
            remove(&mut fewer, &self.with_dependants[out]);
            let more = self.filled(fewer, order.iter().map(|(_, n)| *n).filter(|n| *n != out));
            if count(&more) > count(taken) {
                return Some(more);
            }
        }
        None
    }

    /// As many more as can be had, in this order.
    fn filled(&self, mut taken: Set, order: impl Iterator<Item = usize>) -> Set {
        for n in order {
            if has(&taken, n) {
                continue;
            }
            if meet(&self.partners[n], &taken) {
                continue;
            }
            let mut more = taken.clone();
            add(&mut more, &self.with_needs[n]);
            let mut new = self.with_needs[n].clone();
            remove(&mut new, &taken);
            if !members(&new).any(|n| self.is_in_the_way(n, &more)) {
                taken = more;
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).expect("31 bits") % n
        }
    }

    fn is_allowed(problem: &Problem, taken: &[usize]) -> bool {
        taken.iter().all(|n| problem.needs[*n].iter().all(|need| taken.contains(need)))
            && !problem.forbidden.iter().any(|set| set.iter().all(|n| taken.contains(n)))
    }

    fn worth(problem: &Problem, taken: &[usize]) -> (usize, i64, i64) {
        let sum = |of: fn((i64, i64)) -> i64| taken.iter().map(|n| of(problem.worth[*n])).sum();
        (taken.len(), sum(|worth| worth.0), sum(|worth| worth.1))
    }

    fn generated(random: &mut Random, count: usize, sets: usize) -> Problem {
        let mut problem = Problem::default();
        for n in 0..count {
            problem.worth.push((random.below(3) as i64 - 1, random.below(5) as i64));
            problem.needs.push(if n > 0 && random.below(5) == 0 { vec![random.below(n)] } else { Vec::new() });
        }
        for _ in 0..random.below(sets) {
            let size = [1, 2, 2, 2, 2, 3, 3, 4][random.below(8)];
            let mut set: Vec<usize> = (0..size).map(|_| random.below(count)).collect();
            set.sort_unstable();
            set.dedup();
            problem.forbidden.push(set);
        }
        problem
    }

    #[test]
    fn it_is_the_best_there_is() {
        let mut random = Random(7);
        for round in 0..400 {
            let count = 1 + random.below(10);
            let problem = generated(&mut random, count, 14);
            let all = (0..1_u32 << count).map(|mask| (0..count).filter(|n| mask >> n & 1 == 1).collect::<Vec<usize>>());
            let best = all.filter(|taken| is_allowed(&problem, taken)).map(|taken| worth(&problem, &taken)).max();
            let choice = choose(&problem);
            assert!(is_allowed(&problem, &choice.taken), "round {round}: {problem:?} {choice:?}");
            assert_eq!(Some(worth(&problem, &choice.taken)), best, "round {round}: {problem:?} {choice:?}");
            assert_eq!(choice.bound, choice.taken.len());
        }
    }

    #[test]
    fn a_large_group_ends_with_a_bound_that_holds() {
        let mut random = Random(11);
        for (count, sets) in [(40, 100), (100, 500)] {
            let mut problem = generated(&mut random, count, 2);
            for _ in 0..sets {
                let (a, b) = (random.below(count), random.below(count));
                if a != b {
                    problem.forbidden.push(vec![a.min(b), a.max(b)]);
                }
            }
            let choice = choose(&problem);
            assert!(is_allowed(&problem, &choice.taken));
            assert!(choice.bound >= choice.taken.len());
            assert_eq!(choose(&problem), choice, "it is the same every time");
        }
    }
}
