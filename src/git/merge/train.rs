//! Branches merged one after another, each into what came of those before it, as `git merge --no-ff` does it: in memory.

use super::Beyond;
use super::files::{Changes, File};
use super::merger::{Merger, Question};
use super::oracle::{Stages, Verdict};
use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::session::ObjectId;
use gix::objs::Write as _;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Who made a commit that nobody will ever see does not matter, but it has to be the same each time.
const NOBODY: &str = "git session <git-session@localhost> 0 +0000";

/// How far a train has come.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The commit; but for the first one it is in memory only.
    pub commit: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// The commit whose attributes hold.
    attributes: ObjectId,
    /// The commits that came in beyond the trunk.
    inside: Rc<HashSet<ObjectId>>,
}

impl Standing {
    /// Whether a commit came in beyond the trunk.
    pub fn has(&self, commit: ObjectId) -> bool {
        self.inside.contains(&commit)
    }
}

/// What became of a merge.
#[derive(Debug, Clone)]
pub enum Joined {
    /// Everything was in there before.
    Already,
    /// It went in.
    Merged(Standing),
    /// It did not.
    Conflict(Vec<Stages>),
}

/// Trains that start at one trunk.
pub struct Trains<'a> {
    engine: &'a mut Merger,
    trunk: ObjectId,
    is_squashing: bool,
    beyond: HashMap<ObjectId, Rc<Beyond>>,
    /// What was asked before: where it stood, and the tip.
    known: HashMap<(ObjectId, ObjectId), Joined>,
}

impl std::fmt::Debug for Trains<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trains").field("trunk", &self.trunk).finish_non_exhaustive()
    }
}

impl<'a> Trains<'a> {
    /// From the commit `trunk` on.
    pub fn from(engine: &'a mut Merger, trunk: ObjectId) -> Trains<'a> {
        engine.remember();
        Trains { engine, trunk, is_squashing: false, beyond: HashMap::new(), known: HashMap::new() }
    }

    /// The handle that knows what was made in memory.
    pub fn repo(&self) -> &Repo {
        self.engine.repo()
    }

    /// Each goes in as one commit of its own, of which git does not know where it came from.
    #[must_use]
    pub fn squashing(self, is_squashing: bool) -> Trains<'a> {
        Trains { is_squashing, ..self }
    }

    /// Before the first merge.
    ///
    /// # Errors
    /// Refused, if the trunk cannot be read.
    pub fn start(&self) -> Result<Standing> {
        let tree = self.engine.repo().commit(self.trunk)?.tree;
        Ok(Standing { commit: self.trunk, tree, attributes: self.trunk, inside: Rc::default() })
    }

    /// What a tip has that the trunk has not.
    ///
    /// # Errors
    /// Refused, if history cannot be read.
    pub fn beyond(&mut self, tip: ObjectId) -> Result<Rc<Beyond>> {
        if let Some(known) = self.beyond.get(&tip) {
            return Ok(Rc::clone(known));
        }
        let found = Rc::new(self.engine.repo().beyond(self.trunk, tip)?);
        self.beyond.insert(tip, Rc::clone(&found));
        Ok(found)
    }

    /// One merge.
    ///
    /// # Errors
    /// Refused, if something cannot be read, git cannot say, or there is no history in common.
    pub fn join(&mut self, standing: &Standing, tip: ObjectId) -> Result<Joined> {
        self.join_all(&[(standing, tip)]).pop().unwrap_or_else(|| Err(Error::bug("A merge was not answered.")))
    }

    /// Merges that do not depend on each other: each tip into its own standing. What git has to be asked it is asked at
    /// once.
    pub fn join_all(&mut self, asked: &[(&Standing, ObjectId)]) -> Vec<Result<Joined>> {
        let mut answers: Vec<Option<Result<Joined>>> = Vec::with_capacity(asked.len());
        let (mut places, mut questions) = (Vec::new(), Vec::new());
        for (at, (standing, tip)) in asked.iter().enumerate() {
            if let Some(known) = self.known.get(&(standing.commit, *tip)) {
                answers.push(Some(Ok(known.clone())));
                continue;
            }
            answers.push(match self.question(standing, *tip) {
                Ok(None) => Some(Ok(Joined::Already)),
                Ok(Some(question)) => {
                    places.push(at);
                    questions.push(question);
                    None
                }
                Err(error) => Some(Err(error)),
            });
        }
        for (at, verdict) in places.into_iter().zip(self.engine.merge_all(&questions)) {
            let (standing, tip) = asked[at];
            answers[at] = Some(match verdict {
                Ok(Verdict::Clean(tree)) => self.went_in(standing, tip, tree).map(Joined::Merged),
                Ok(Verdict::Conflict(stages)) => Ok(Joined::Conflict(stages)),
                Err(error) => Err(error),
            });
            if let Some(Ok(joined)) = &answers[at] {
                self.known.insert((standing.commit, tip), joined.clone());
            }
        }
        let missing = || Err(Error::bug("A merge was not answered."));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    /// Of two that each went in by itself: whether what they changed of the trunk may collide. That is soon told, and nearly
    /// what merging one after the other comes to.
    ///
    /// # Errors
    /// Refused, if something cannot be read.
    pub fn may_collide(&mut self, a: &Standing, b: &Standing) -> Result<bool> {
        let trunk = self.start()?.tree;
        let attributes = self.trunk;
        self.engine.may_collide(Question { attributes, base: Some(trunk), ours: a.tree, theirs: b.tree })
    }

    /// Several one after another; where one stops, its place among them and what it stops at.
    ///
    /// # Errors
    /// As of [`Trains::join`].
    pub fn fold(
        &mut self,
        from: &Standing,
        tips: &[ObjectId],
    ) -> Result<std::result::Result<Standing, (usize, Vec<Stages>)>> {
        let mut standing = from.clone();
        for (at, tip) in tips.iter().enumerate() {
            match self.join(&standing, *tip)? {
                Joined::Merged(next) => standing = next,
                Joined::Already => {}
                Joined::Conflict(stages) => return Ok(Err((at, stages))),
            }
        }
        Ok(Ok(standing))
    }

    /// What one merge will come to, by a guess; none, where git has to be asked first. A conflict has no details.
    ///
    /// # Errors
    /// As of [`Trains::join`], but for what only git can say.
    pub fn foresee(&mut self, standing: &Standing, tip: ObjectId) -> Result<Option<Joined>> {
        if let Some(known) = self.known.get(&(standing.commit, tip)) {
            return Ok(Some(known.clone()));
        }
        let Some(question) = self.question(standing, tip)? else { return Ok(Some(Joined::Already)) };
        Ok(match self.engine.foresee(question)? {
            Some(Verdict::Clean(tree)) => Some(Joined::Merged(self.went_in(standing, tip, tree)?)),
            Some(Verdict::Conflict(stages)) => Some(Joined::Conflict(stages)),
            None => None,
        })
    }

    /// What files become by a merge, by a guess; none, where the two sides collide.
    ///
    /// # Errors
    /// Refused, if something cannot be read or kept in memory.
    pub fn guess<K: Ord + Clone>(&mut self, ours: &Changes<K>, theirs: &Changes<K>) -> Result<Option<Vec<(K, File)>>> {
        self.engine.guess(ours, theirs)
    }

    /// Asks git at once about all that was foreseen since; who asks for those merges then has an answer without git.
    /// Whether there was anything to ask.
    ///
    /// # Errors
    /// Refused, if something cannot be read or written.
    pub fn ask_foreseen(&mut self) -> Result<bool> {
        self.engine.ask_foreseen()
    }

    /// None where there is nothing to merge.
    fn question(&mut self, standing: &Standing, tip: ObjectId) -> Result<Option<Question>> {
        let beyond = self.beyond(tip)?;
        if beyond.commits.iter().all(|commit| standing.inside.contains(commit)) {
            return Ok(None);
        }
        let repo = self.engine.repo();
        // Of what the trunk lacks the two have nothing in common: what both come from lies in the trunk.
        let is_apart = !beyond.commits.iter().any(|commit| standing.inside.contains(commit));
        let bases = if is_apart { beyond.bases.clone() } else { repo.merge_bases(standing.commit, tip)? };
        let attributes = standing.attributes;
        Ok(Some(match bases.as_slice() {
            [] => {
                return Err(Error::refused("It has no history in common with its base.")
                    .hint("`git session set <name> --base <branch>` gives it another one."));
            }
            [base] => Question {
                attributes,
                base: Some(repo.commit(*base)?.tree),
                ours: standing.tree,
                theirs: repo.commit(tip)?.tree,
            },
            _ => Question { attributes, base: None, ours: standing.commit, theirs: tip },
        }))
    }

    fn went_in(&mut self, before: &Standing, tip: ObjectId, tree: ObjectId) -> Result<Standing> {
        let second = if self.is_squashing { String::new() } else { format!("parent {tip}\n") };
        let commit =
            format!("tree {tree}\nparent {}\n{second}author {NOBODY}\ncommitter {NOBODY}\n\nmerged\n", before.commit);
        let objects = &self.engine.repo().inner.objects;
        let commit = objects
            .write_buf(gix::objs::Kind::Commit, commit.as_bytes())
            .or_refuse(|| "A commit could not be kept in memory.")?;
        let mut inside = HashSet::clone(&before.inside);
        if !self.is_squashing {
            inside.extend(&self.beyond(tip)?.commits);
        }
        let attributes =
            if self.engine.repo().attributes_differ(before.tree, tree)? { commit } else { before.attributes };
        Ok(Standing { commit, tree, attributes, inside: Rc::new(inside) })
    }
}
