//! The files of those that are to go in, without commits and trees: many sequences can be tried on guesses. What comes of
//! it is for git to confirm.

use super::sequence::Yard;
use crate::error::Result;
use crate::git::merge::{Changes, File};
use crate::session::{BString, ObjectId};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// Files by number.
#[derive(Debug, Default)]
pub(super) struct Model {
    numbers: HashMap<BString, usize>,
    /// What the trunk has.
    start: Vec<File>,
    cars: HashMap<usize, Change>,
    /// Where sequences have come to: what is not as in the trunk. The first one is the trunk.
    states: Vec<Rc<Changes<usize>>>,
    known_states: HashMap<Rc<Changes<usize>>, usize>,
    /// Where one leads from a state to, as far as that was guessed.
    steps: HashMap<(usize, usize), Option<usize>>,
    /// Where one stops by git, whatever is guessed.
    stops: HashSet<(usize, usize)>,
}

/// What one brings.
#[derive(Debug, Default)]
struct Change {
    files: Changes<usize>,
    /// Where the trunk has something else than what the change began with: that, and what the trunk has.
    behind: Changes<usize>,
}

impl Yard<'_> {
    /// The model of some.
    pub(super) fn model(&mut self, some: &BTreeSet<usize>) -> Result<Model> {
        let mut model = Model::default();
        model.state(Changes::new());
        for n in some {
            let Some((before, after)) = self.change_of(*n)? else { continue };
            let footprint = self.trains.repo().footprint(before, after)?;
            let paths: Vec<&BString> = footprint.paths.iter().map(|touched| &touched.path).collect();
            let start = self.trains.repo().at_paths(self.start.tree, &paths)?;
            let mut change = Change::default();
            for (touched, start) in footprint.paths.iter().zip(start) {
                let start = start.filter(|(mode, _)| mode & 0o170_000 != 0o040_000);
                let number = model.number(&touched.path, start);
                change.files.insert(number, (touched.before, touched.after));
                if start != touched.before && self.cars[*n].needs.is_empty() {
                    change.behind.insert(number, (touched.before, start));
                }
            }
            model.cars.insert(*n, change);
        }
        Ok(model)
    }

    /// The trees before and after it: as it was merged into the trunk, where that went well.
    fn change_of(&mut self, n: usize) -> Result<Option<(ObjectId, ObjectId)>> {
        let Some(tip) = self.cars[n].tip else { return Ok(None) };
        let needs: Vec<usize> = self.needs_of(n).into_iter().filter(|need| *need != n).collect();
        if let Some(after) = self.alone.get(&n).map(|standing| standing.tree) {
            return Ok(self.fold(&needs)?.ok().map(|before| (before.tree, after)));
        }
        let Some(base) = self.trains.beyond(tip)?.bases.first().copied() else { return Ok(None) };
        let repo = self.trains.repo();
        Ok(Some((repo.commit(base)?.tree, repo.commit(tip)?.tree)))
    }

    /// Of an order those that go in by the model, what stops left out; who waits for others goes in once they have.
    pub(super) fn guess_filled(&mut self, model: &mut Model, order: &[usize]) -> Result<Vec<usize>> {
        let mut state = 0;
        let (mut waiting, mut went_in): (Vec<usize>, Vec<usize>) = (order.to_vec(), Vec::new());
        loop {
            let before = went_in.len();
            for n in &waiting {
                if !self.cars[*n].needs.iter().all(|need| went_in.contains(need)) {
                    continue;
                }
                let next = match model.steps.get(&(state, *n)) {
                    Some(known) => *known,
                    None => self.guess_step(model, state, *n)?,
                };
                if let Some(next) = next {
                    state = next;
                    went_in.push(*n);
                }
            }
            if went_in.len() == before {
                return Ok(went_in);
            }
            waiting.retain(|n| !went_in.contains(n));
        }
    }

    fn guess_step(&mut self, model: &mut Model, state: usize, n: usize) -> Result<Option<usize>> {
        let files = Rc::clone(&model.states[state]);
        let becomes = match model.cars.get(&n) {
            Some(change) if change.behind.is_empty() => self.trains.guess(&files, &change.files)?,
            Some(change) => {
                let mut ours = change.behind.clone();
                ours.extend(files.iter().map(|(number, file)| (*number, *file)));
                self.trains.guess(&ours, &change.files)?
            }
            None => None,
        };
        let next = becomes.map(|becomes| {
            let mut files = Changes::clone(&files);
            for (number, now) in becomes {
                let start = model.start[number];
                if now == start {
                    files.remove(&number);
                } else {
                    files.insert(number, (start, now));
                }
            }
            model.state(files)
        });
        model.steps.insert((state, n), next);
        Ok(next)
    }
}

impl Model {
    /// How much was guessed.
    pub(super) fn guessed(&self) -> usize {
        self.steps.len()
    }

    /// Learns from git which of a sequence it has taken: what git has said meanwhile makes other guesses, and where the
    /// two part a merge stops.
    pub(super) fn correct(&mut self, order: &[usize], taken: &[usize]) {
        let mut state = 0;
        for (at, n) in order.iter().enumerate() {
            if taken.get(at) != Some(n) {
                self.stops.insert((state, *n));
                break;
            }
            match self.steps.get(&(state, *n)) {
                Some(Some(next)) => state = *next,
                // The others have no files in common with those here.
                _ if !self.cars.contains_key(n) => {}
                _ => break,
            }
        }
        self.steps = self.stops.iter().map(|stop| (*stop, None)).collect();
    }

    fn state(&mut self, files: Changes<usize>) -> usize {
        if let Some(known) = self.known_states.get(&files) {
            return *known;
        }
        let files = Rc::new(files);
        self.states.push(Rc::clone(&files));
        self.known_states.insert(files, self.states.len() - 1);
        self.states.len() - 1
    }

    fn number(&mut self, path: &BString, start: File) -> usize {
        if let Some(known) = self.numbers.get(path) {
            return *known;
        }
        self.start.push(start);
        self.numbers.insert(path.clone(), self.start.len() - 1);
        self.start.len() - 1
    }
}
