//! The sequence, really merged in memory: what fails teaches which sets cannot be had together, until nothing fails.

use super::cars::Car;
use super::choose::{Problem, choose};
use super::learn::Stop;
use crate::error::{Error, Result};
use crate::git::merge::{Footprint, Joined, Merger, Stages, Standing, Trains};
use crate::session::{BString, ObjectId};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

/// How often it is tried anew after a sequence failed.
const ROUNDS: usize = 50;

/// How often at most git is asked about what was guessed, before the rest is asked one after another.
const PASSES: usize = 16;

/// Cars that cannot all go in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collision {
    /// Their places; of one: it collides with the trunk.
    pub(super) cars: Vec<usize>,
    /// What the merge that stopped stopped at.
    pub(super) stages: Vec<Stages>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The places of those that go in, in that order.
    pub(super) order: Vec<usize>,
    /// No sequence has more, of those that merge by themselves.
    pub(super) bound: usize,
    /// Those that collide by themselves, with the trunk or with some before them, and go in after others.
    pub(super) helped: BTreeSet<usize>,
    /// Whether somebody was held to be incompatible of whom not every order was tried.
    pub(super) is_guessed: bool,
    pub(super) collisions: Vec<Collision>,
    /// Those that could not be merged at all, and why.
    pub(super) failed: Vec<(usize, String)>,
    /// How many commits and files each brings.
    pub(super) sizes: HashMap<usize, (usize, usize)>,
    /// First and second: the other way round it stops.
    pub(super) before: BTreeSet<(usize, usize)>,
    /// The tree after each of them.
    pub(super) trees: Vec<ObjectId>,
}

impl Sequence {
    /// Those before one that goes in, with which it would collide if they were alone.
    pub(super) fn rivals(&self, n: usize) -> impl Iterator<Item = usize> {
        let place = self.order.iter().position(|other| *other == n).unwrap_or_default();
        let is_before = move |other: &&usize| **other != n && self.order[..place].contains(other);
        let known = self.collisions.iter().filter(move |known| known.cars.contains(&n));
        known
            .flat_map(move |known| known.cars.iter().filter(is_before).copied())
            .collect::<BTreeSet<usize>>()
            .into_iter()
    }
}

/// Two of which the second stops after the first, and at what.
type Stopped = ((usize, usize), Vec<Stages>);

/// One trunk's cars, and what is known of them.
pub(super) struct Yard<'a> {
    pub(super) trains: Trains<'a>,
    pub(super) cars: &'a [Car],
    trunk: ObjectId,
    pub(super) start: Standing,
    /// Each merged alone, those that it needs before it.
    pub(super) alone: HashMap<usize, Standing>,
    pub(super) footprints: HashMap<usize, Footprint>,
    /// Those that collide by themselves.
    pub(super) alone_not: BTreeSet<usize>,
    /// Those that touch the same files.
    pub(super) meets: Vec<(usize, usize)>,
    /// Whether merges are guessed now, to find out what git is to be asked.
    pub(super) is_foreseeing: bool,
    pub(super) result: Sequence,
}

impl<'a> Yard<'a> {
    /// With the commit `trunk` as where they go.
    pub(super) fn new(engine: &'a mut Merger, cars: &'a [Car], trunk: ObjectId, is_squash: bool) -> Result<Yard<'a>> {
        let trains = Trains::from(engine, trunk).squashing(is_squash);
        let start = trains.start()?;
        Ok(Yard {
            trains,
            cars,
            trunk,
            start,
            alone: HashMap::new(),
            footprints: HashMap::new(),
            alone_not: BTreeSet::new(),
            meets: Vec::new(),
            is_foreseeing: false,
            result: Sequence::default(),
        })
    }

    /// The largest number of `able` that goes in cleanly one after another, as far as can be found out.
    pub(super) fn run(mut self, able: &[usize]) -> Result<Sequence> {
        let mut able = able.to_vec();
        self.merge_alone(&mut able)?;
        self.merge_pairs(&able)?;
        let mut best: Vec<usize> = Vec::new();
        let mut has_best = false;
        for _ in 0..ROUNDS {
            let problem = self.problem(&able);
            let choice = choose(&problem);
            let chosen: Vec<usize> = choice.taken.iter().map(|n| able[*n]).collect();
            let order = self.in_order(&chosen);
            let known = self.result.collisions.len() + self.result.before.len();
            let (went_in, stopped) = self.foreseen(|yard| yard.try_out(&order))?;
            self.learn(stopped)?;
            self.result.bound = choice.bound;
            if !has_best || went_in.len() > best.len() {
                (best, has_best) = (went_in.clone(), true);
            }
            let is_stuck = self.result.collisions.len() + self.result.before.len() == known;
            if went_in.len() == order.len() || best.len() >= choice.bound || is_stuck {
                break;
            }
        }
        self.add_helped(&able, &mut best)?;
        let mut standing = self.start.clone();
        for n in &best {
            // What came in with another one is not counted again.
            self.result.sizes.insert(*n, (0, 0));
            if let Some(tip) = self.cars[*n].tip
                && let Joined::Merged(next) = self.join(&standing, tip)?
            {
                self.measure(*n, tip, &standing, &next)?;
                standing = next;
            }
            self.result.trees.push(standing.tree);
        }
        self.result.order = best;
        Ok(self.result)
    }

    /// How much one brings.
    pub(super) fn measure(&mut self, n: usize, tip: ObjectId, before: &Standing, after: &Standing) -> Result<()> {
        let files = self.trains.repo().footprint(before.tree, after.tree)?.paths.len();
        let beyond = self.trains.beyond(tip)?;
        let mut below: HashSet<ObjectId> = HashSet::new();
        // Those that went in as one commit do not stand in the history.
        for need in self.needs_of(n).into_iter().filter(|need| *need != n) {
            if let Some(tip) = self.cars[need].tip {
                below.extend(&self.trains.beyond(tip)?.commits);
            }
        }
        let is_own = |commit: &&ObjectId| !before.has(**commit) && !below.contains(*commit);
        let commits = beyond.commits.iter().filter(is_own).count();
        self.result.sizes.insert(n, (commits, files));
        Ok(())
    }

    /// Each by itself, after those that it needs; who cannot even do that is out.
    fn merge_alone(&mut self, able: &mut Vec<usize>) -> Result<()> {
        let mut waiting: Vec<usize> = able.clone();
        let mut out: BTreeSet<usize> = BTreeSet::new();
        while !waiting.is_empty() {
            let is_known =
                |yard: &Self, out: &BTreeSet<usize>, n: usize| yard.alone.contains_key(&n) || out.contains(&n);
            let (now, later): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|n| {
                self.cars[**n].needs.iter().all(|need| !able.contains(need) || is_known(self, &out, *need))
            });
            if now.is_empty() {
                break;
            }
            waiting = later;
            let mut asked: Vec<(usize, Standing, ObjectId)> = Vec::new();
            for n in now {
                let needs: Vec<usize> = self.needs_of(n).into_iter().filter(|need| *need != n).collect();
                // The error of those it needs is not its own.
                if needs.iter().any(|need| out.contains(need)) {
                    out.insert(n);
                    continue;
                }
                let Some(tip) = self.cars[n].tip else { continue };
                match self.fold(&needs)? {
                    Ok(standing) => asked.push((n, standing, tip)),
                    Err(_) => drop(out.insert(n)),
                }
            }
            let questions: Vec<(&Standing, ObjectId)> = asked.iter().map(|(_, at, tip)| (at, *tip)).collect();
            let answers = self.trains.join_all(&questions);
            for ((n, before, tip), answer) in asked.iter().zip(answers) {
                match answer {
                    Ok(Joined::Merged(standing)) => {
                        let footprint = self.trains.repo().footprint(self.start.tree, standing.tree)?;
                        self.measure(*n, *tip, before, &standing)?;
                        self.footprints.insert(*n, footprint);
                        self.alone.insert(*n, standing);
                    }
                    // What it needs has all of it.
                    Ok(Joined::Already) => {
                        self.result.sizes.insert(*n, (0, 0));
                        self.footprints.insert(*n, Footprint::default());
                        self.alone.insert(*n, before.clone());
                    }
                    Ok(Joined::Conflict(stages)) => {
                        out.insert(*n);
                        self.alone_not.insert(*n);
                        let mut cars: Vec<usize> = self.needs_of(*n);
                        if cars.len() > 1 && self.fold(&[*n])?.is_err() {
                            cars = vec![*n];
                        }
                        self.result.collisions.push(Collision { cars, stages });
                    }
                    Err(error) => {
                        out.insert(*n);
                        self.result.failed.push((*n, error.one_line()));
                    }
                }
            }
        }
        able.retain(|n| self.alone.contains_key(n));
        Ok(())
    }

    /// What `run` finds out, which changes nothing. First it runs on guesses, until git has said whatever it asked: git
    /// is asked about much at once that way, and not about one merge after another.
    pub(super) fn foreseen<T>(&mut self, run: impl Fn(&mut Self) -> Result<T>) -> Result<T> {
        for _ in 0..PASSES {
            self.is_foreseeing = true;
            // What goes wrong comes up again.
            let _ = run(self);
            self.is_foreseeing = false;
            if !self.trains.ask_foreseen()? {
                break;
            }
        }
        run(self)
    }

    /// One merge. While merges are guessed, it is an error where only git can tell.
    pub(super) fn join(&mut self, standing: &Standing, tip: ObjectId) -> Result<Joined> {
        if self.is_foreseeing {
            let foreseen = self.trains.foresee(standing, tip)?;
            return foreseen.ok_or_else(|| Error::bug("A merge could not be foreseen."));
        }
        self.trains.join(standing, tip)
    }

    /// Those one after another: where it comes to, or which of them stops, and at what.
    pub(super) fn fold(&mut self, order: &[usize]) -> Result<std::result::Result<Standing, (usize, Vec<Stages>)>> {
        let tips: Vec<ObjectId> = order.iter().filter_map(|n| self.cars[*n].tip).collect();
        let mut standing = self.start.clone();
        for (at, tip) in tips.into_iter().enumerate() {
            match self.join(&standing, tip)? {
                Joined::Merged(next) => standing = next,
                Joined::Already => {}
                Joined::Conflict(stages) => return Ok(Err((at, stages))),
            }
        }
        Ok(Ok(standing))
    }

    /// Whether the trunk has all of it: its commits, or what was made of them when it went in as one.
    pub(super) fn has_all(&mut self, n: usize) -> Result<bool> {
        let Some(tip) = self.cars[n].tip else { return Ok(true) };
        if self.trains.beyond(tip)?.commits.is_empty() {
            return Ok(true);
        }
        let repo = self.trains.repo();
        self.cars[n].said_at.map_or(Ok(false), |at| Ok(repo.has_object(at) && repo.is_ancestor(at, self.trunk)?))
    }

    /// It and all that it needs, those first that are needed.
    pub(super) fn needs_of(&self, n: usize) -> Vec<usize> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![n]);
        while let Some(n) = waiting.pop() {
            if found.insert(n) {
                waiting.extend(&self.cars[n].needs);
            }
        }
        self.in_order(&found.into_iter().collect::<Vec<usize>>())
    }

    /// Every two whose footprints meet, one after the other; where that stops, the other way round.
    fn merge_pairs(&mut self, able: &[usize]) -> Result<()> {
        let mut asked: Vec<(usize, usize)> = Vec::new();
        let mut by_path: HashMap<&BString, Vec<usize>> = HashMap::new();
        for n in able {
            if let Some(footprint) = self.footprints.get(n) {
                for touched in &footprint.paths {
                    by_path.entry(&touched.path).or_default().push(*n);
                }
            }
        }
        let share: BTreeSet<(usize, usize)> = by_path
            .values()
            .flat_map(|several| {
                several.iter().enumerate().flat_map(|(at, a)| several[at + 1..].iter().map(|b| (*a, *b)))
            })
            .map(|(a, b)| (a.min(b), a.max(b)))
            .collect();
        for (at, a) in able.iter().enumerate() {
            for b in &able[at + 1..] {
                let (one, two) = (&self.footprints[a], &self.footprints[b]);
                let may_cross = share.contains(&(*a.min(b), *a.max(b))) || one.meeting(two).is_any();
                if may_cross && !self.needs_of(*a).contains(b) && !self.needs_of(*b).contains(a) {
                    asked.push((*a, *b));
                }
            }
        }
        self.meets.clone_from(&asked);
        // Whoever needs others is left to the sequence itself, which says more exactly who is in whose way.
        asked.retain(|(a, b)| self.cars[*a].needs.is_empty() && self.cars[*b].needs.is_empty());
        // What is missed here the sequence itself finds.
        asked.retain(|(a, b)| match (self.alone.get(a), self.alone.get(b)) {
            (Some(one), Some(other)) => self.trains.may_collide(one, other).unwrap_or(true),
            _ => false,
        });
        let stopped = self.join_pairs(&asked)?;
        let turned: Vec<(usize, usize)> = stopped.iter().map(|((a, b), _)| (*b, *a)).collect();
        let still: HashMap<(usize, usize), Vec<Stages>> = self.join_pairs(&turned)?.into_iter().collect();
        for ((a, b), stages) in stopped {
            if still.contains_key(&(b, a)) {
                self.result.collisions.push(Collision { cars: vec![a, b], stages });
            } else {
                self.result.before.insert((b, a));
            }
        }
        Ok(())
    }

    /// Those where the second stops after the first.
    fn join_pairs(&mut self, pairs: &[(usize, usize)]) -> Result<Vec<Stopped>> {
        let asked: Vec<(&Standing, ObjectId)> =
            pairs.iter().filter_map(|(a, b)| Some((self.alone.get(a)?, self.cars[*b].tip?))).collect();
        let answers = self.trains.join_all(&asked);
        let mut stopped = Vec::new();
        for (pair, answer) in pairs.iter().zip(answers) {
            if let Joined::Conflict(stages) = answer? {
                stopped.push((*pair, stages));
            }
        }
        Ok(stopped)
    }

    fn problem(&self, able: &[usize]) -> Problem {
        let place = |n: &usize| able.iter().position(|known| known == n);
        let files =
            |n: &usize| self.result.sizes.get(n).map_or(0, |(_, files)| i64::try_from(*files).unwrap_or(i64::MAX));
        let forbidden = self.result.collisions.iter().filter_map(|collision| {
            let set: Option<Vec<usize>> = collision.cars.iter().map(place).collect();
            set.map(|mut set| {
                set.sort_unstable();
                set
            })
        });
        Problem {
            worth: able.iter().map(|n| (self.cars[*n].priority, -files(n))).collect(),
            needs: able.iter().map(|n| self.cars[*n].needs.iter().filter_map(place).collect()).collect(),
            forbidden: forbidden.collect(),
        }
    }

    /// Those that are needed first; then by priority, then the small ones, then the old ones.
    pub(super) fn in_order(&self, chosen: &[usize]) -> Vec<usize> {
        let mut left: BTreeSet<usize> = chosen.iter().copied().collect();
        let mut order = Vec::new();
        let rank = |n: &usize| {
            let car = &self.cars[*n];
            let (commits, files) = self.result.sizes.get(n).copied().unwrap_or_default();
            (Reverse(car.priority), files, commits, car.created.is_none(), car.created.clone(), car.name.clone())
        };
        while !left.is_empty() {
            let is_free = |n: &usize| !self.cars[*n].needs.iter().any(|need| left.contains(need));
            let is_due =
                |n: &usize| !self.result.before.iter().any(|(first, second)| second == n && left.contains(first));
            let free: Vec<usize> = left.iter().copied().filter(is_free).collect();
            let next = free.iter().filter(|n| is_due(n)).min_by_key(|n| rank(n));
            // Where no order does justice to all, the sequence itself will tell.
            let next = next.or_else(|| free.iter().min_by_key(|n| rank(n))).or_else(|| left.first()).copied();
            let Some(next) = next else { break };
            left.remove(&next);
            order.push(next);
        }
        order
    }

    /// Those of the sequence that go in, and those that stop, which are left out with those that need them.
    fn try_out(&mut self, order: &[usize]) -> Result<(Vec<usize>, Vec<Stop>)> {
        let mut standing = self.start.clone();
        let mut went_in: Vec<usize> = Vec::new();
        let mut out: BTreeSet<usize> = BTreeSet::new();
        let mut stopped = Vec::new();
        for n in order {
            if self.cars[*n].needs.iter().any(|need| out.contains(need)) {
                out.insert(*n);
                continue;
            }
            let Some(tip) = self.cars[*n].tip else { continue };
            match self.join(&standing, tip) {
                Ok(Joined::Merged(next)) => {
                    standing = next;
                    went_in.push(*n);
                }
                Ok(Joined::Already) => went_in.push(*n),
                Ok(Joined::Conflict(stages)) => {
                    out.insert(*n);
                    stopped.push(Stop { n: *n, before: went_in.clone(), why: Ok(stages) });
                }
                Err(error) if self.is_foreseeing => return Err(error),
                Err(error) => {
                    out.insert(*n);
                    stopped.push(Stop { n: *n, before: went_in.clone(), why: Err(error.one_line()) });
                }
            }
        }
        Ok((went_in, stopped))
    }
}
