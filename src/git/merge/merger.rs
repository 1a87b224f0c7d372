//! Merges of trees, one or many at a time, for one thread.

use super::Scratch;
use super::foresee::{Contents, Foresight};
use super::oracle::{Oracle, Stages, Verdict};
use super::pick::{Picked, Shared};
use super::told::tell;
use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::git::replay::Objects;
use crate::session::{BString, ObjectId};
use gix::bstr::ByteSlice;
use gix::objs::tree::EntryMode;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Merges, with a handle that is used for nothing else: what they make stays in its memory.
#[derive(Debug)]
pub struct Merger {
    repo: Repo,
    /// By the commit whose attributes hold.
    oracles: HashMap<ObjectId, Oracle>,
    /// What git made of files before: the same file is asked about again by a merge and by the picks of a rebase.
    pub(super) known: Contents,
    /// All answers, where they are kept.
    answers: Option<Answers>,
    pub(super) foresight: Foresight,
}

/// What was asked before. Answers depend on ids alone, and on settings.
#[derive(Debug, Default)]
struct Answers {
    merged: HashMap<Question, Verdict>,
    judged: HashMap<Question, Option<Vec<Stages>>>,
}

/// A merge that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question {
    /// The commit whose attributes hold.
    pub attributes: ObjectId,
    /// The tree that both come from; without it the sides are commits, and git finds what they have in common.
    pub base: Option<ObjectId>,
    /// One side.
    pub ours: ObjectId,
    /// The other.
    pub theirs: ObjectId,
}

impl Merger {
    /// With a handle of its own on the repository.
    ///
    /// # Errors
    /// Refused, if it cannot be opened again.
    pub fn new(repo: &Repo) -> Result<Merger> {
        Merger::remembering(repo, 64)
    }

    /// With caches of so many megabytes for objects, and half as many for what objects of packs are made from. Trees of
    /// neighbouring commits are deltas of each other: with too little, histories are inflated again and again.
    ///
    /// # Errors
    /// Refused, if it cannot be opened again.
    pub fn remembering(repo: &Repo, megabytes: usize) -> Result<Merger> {
        let mut repo = repo.another()?;
        let bytes = megabytes * 1024 * 1024;
        repo.inner.object_cache_size(bytes);
        repo.inner
            .objects
            .set_pack_cache(move || Box::new(gix::odb::pack::cache::lru::MemoryCappedHashmap::new(bytes / 2)));
        repo.inner.objects.enable_object_memory();
        Ok(Merger {
            repo,
            oracles: HashMap::new(),
            known: HashMap::new(),
            answers: None,
            foresight: Foresight::default(),
        })
    }

    /// From now on keeps all answers: for who asks the same again and again.
    pub fn remember(&mut self) {
        self.answers.get_or_insert_default();
    }

    /// The handle, which knows the new objects too.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Hands over the new objects, and forgets them.
    pub fn take_objects(&mut self) -> Objects {
        self.known.clear();
        self.foresight = Foresight::default();
        self.answers = self.answers.take().map(|_| Answers::default());
        let memory = self.repo.inner.objects.reset_object_memory().unwrap_or_default();
        // git's directory has what it has been told; it may be asked about other objects next.
        let objects = memory.iter().map(|(id, (kind, bytes))| (*id, (*kind, bytes.clone())));
        Objects(Arc::new(objects.collect()))
    }

    /// Takes over what another one made.
    ///
    /// # Errors
    /// Refused, if memory is not to be had.
    pub fn know(&self, objects: &Objects) -> Result<()> {
        use gix::objs::Write as _;
        for (kind, bytes) in objects.0.values() {
            self.repo.inner.objects.write_buf(*kind, bytes).or_refuse(|| "An object could not be kept.")?;
        }
        Ok(())
    }

    /// Lends git these objects, as far as they are in memory only: runs that are given what this returns find them, and
    /// leave nothing behind.
    ///
    /// # Errors
    /// Refused, if the temporary directory cannot be written to.
    pub fn lend(&mut self, objects: &[ObjectId]) -> Result<Scratch> {
        let scratch = Scratch::new(&self.repo)?;
        tell(&mut self.repo, scratch.directory(), &mut HashSet::new(), objects.to_vec())?;
        Ok(scratch)
    }

    /// The tree of a three-way merge: `base` to `theirs`, put onto `ours`. All are trees; attributes are those of the
    /// commit `attributes`.
    ///
    /// # Errors
    /// Refused, if something cannot be read or git cannot say.
    pub fn merge(&mut self, attributes: ObjectId, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> Result<Verdict> {
        let question = Question { attributes, base: Some(base), ours, theirs };
        self.merge_all(&[question]).pop().unwrap_or_else(|| Err(Error::bug("A merge was not answered.")))
    }

    /// Many merges that do not depend on each other; git is asked about what it has to be asked at once.
    ///
    /// An answer is an error where something cannot be read or git cannot say.
    pub fn merge_all(&mut self, questions: &[Question]) -> Vec<Result<Verdict>> {
        let mut answers: Vec<Option<Result<Verdict>>> = Vec::with_capacity(questions.len());
        let mut shared: Vec<Option<Vec<Shared>>> = Vec::with_capacity(questions.len());
        let mut asked: Vec<(usize, Question)> = Vec::new();
        for (at, question) in questions.iter().enumerate() {
            if let Some(known) = self.answer_to(*question) {
                answers.push(Some(Ok(known)));
                shared.push(None);
                continue;
            }
            let (answer, files) = match self.first_look(*question) {
                Ok(First::Settled(verdict)) => (Some(Ok(verdict)), None),
                Ok(First::Ask(question, files)) => {
                    asked.push((at, question));
                    (None, files)
                }
                Err(error) => (Some(Err(error)), None),
            };
            answers.push(answer);
            shared.push(files);
        }
        for (at, verdict) in self.ask_all(&asked, true) {
            answers[at] = Some(match (verdict, &shared[at]) {
                (Ok(verdict), Some(files)) => self.with_contents(questions[at], files, verdict),
                (verdict, _) => verdict,
            });
        }
        let answers = all_of(answers);
        if let Some(kept) = &mut self.answers {
            let told =
                questions.iter().zip(&answers).filter_map(|(question, answer)| Some((question, answer.as_ref().ok()?)));
            kept.merged.extend(told.map(|(question, verdict)| (*question, verdict.clone())));
        }
        answers
    }

    /// Many merges of which only the verdict is wanted: none, where it is clean, and else what collides.
    pub fn judge_all(&mut self, questions: &[Question]) -> Vec<Result<Option<Vec<Stages>>>> {
        let mut answers: Vec<Option<Result<Option<Vec<Stages>>>>> = Vec::with_capacity(questions.len());
        let mut asked: Vec<(usize, Question)> = Vec::new();
        for (at, question) in questions.iter().enumerate() {
            if let Some(known) = self.answers.as_ref().and_then(|answers| answers.judged.get(question)) {
                answers.push(Some(Ok(known.clone())));
                continue;
            }
            answers.push(match self.first_look(*question) {
                Ok(First::Settled(verdict)) => Some(Ok(collisions_of(verdict))),
                Ok(First::Ask(question, _)) => {
                    asked.push((at, question));
                    None
                }
                Err(error) => Some(Err(error)),
            });
        }
        for (at, verdict) in self.ask_all(&asked, false) {
            answers[at] = Some(verdict.map(collisions_of));
        }
        let answers = all_of(answers);
        if let Some(kept) = &mut self.answers {
            let told =
                questions.iter().zip(&answers).filter_map(|(question, answer)| Some((question, answer.as_ref().ok()?)));
            kept.judged.extend(told.map(|(question, verdict)| (*question, verdict.clone())));
        }
        answers
    }

    /// The tree that a merge of trees gives, where that can be told without git.
    ///
    /// # Errors
    /// Refused, if something cannot be read.
    pub fn without_git(&self, question: Question) -> Result<Option<ObjectId>> {
        Ok(match self.first_look(question)? {
            First::Settled(Verdict::Clean(tree)) => Some(tree),
            _ => None,
        })
    }

    /// What can be told without git, or what it has to be asked.
    fn first_look(&self, question: Question) -> Result<First> {
        let Question { base: Some(base), ours, theirs, .. } = question else { return Ok(First::Ask(question, None)) };
        let nothing = HashMap::new();
        let shared = match self.repo.pick_tree(base, ours, theirs, &nothing)? {
            Picked::Tree(tree) => return Ok(First::Settled(Verdict::Clean(tree))),
            Picked::Unclear => return Ok(First::Ask(question, None)),
            Picked::Contents(shared) => shared,
        };
        let known = |file: &Shared| self.known.get(&(question.attributes, file.clone())).copied();
        let contents: Option<Vec<Option<ObjectId>>> = shared.iter().map(known).collect();
        if let Some(contents) = contents {
            let collides = |(file, content): (&Shared, &Option<ObjectId>)| content.is_none().then(|| file.collision());
            let mut stages: Vec<Stages> = shared.iter().zip(&contents).filter_map(collides).collect();
            stages.sort_by(|a, b| a.path.cmp(&b.path));
            if !stages.is_empty() {
                return Ok(First::Settled(Verdict::Conflict(stages)));
            }
            let merged = shared.iter().zip(contents).filter_map(|(file, id)| Some((file.path.clone(), id?))).collect();
            if let Picked::Tree(tree) = self.repo.pick_tree(base, ours, theirs, &merged)? {
                return Ok(First::Settled(Verdict::Clean(tree)));
            }
        }
        Ok(First::Ask(self.repo.question_of(question.attributes, &shared)?, Some(shared)))
    }

    /// The whole tree, git having merged the files that both sides changed.
    fn with_contents(&mut self, question: Question, files: &[Shared], verdict: Verdict) -> Result<Verdict> {
        self.keep(question.attributes, files, &verdict)?;
        if let Verdict::Conflict(_) = verdict {
            return Ok(verdict);
        }
        match self.first_look(question)? {
            First::Settled(verdict) => Ok(verdict),
            First::Ask(..) => self.ask(question),
        }
    }

    /// Keeps what git said of a merge of these files alone, which all sides have at the same paths.
    pub(super) fn keep(&mut self, attributes: ObjectId, files: &[Shared], verdict: &Verdict) -> Result<()> {
        match verdict {
            Verdict::Clean(tree) => {
                for file in files {
                    if let Some((mode, id)) = self.repo.entry_at(*tree, &file.path)?
                        && mode == file.mode
                    {
                        self.known.insert((attributes, file.clone()), Some(id));
                        self.foresight.guesses.insert(file.blobs, Some(id));
                    }
                }
            }
            Verdict::Conflict(stages) => {
                for file in files.iter().filter(|file| stages.contains(&file.collision())) {
                    self.known.insert((attributes, file.clone()), None);
                    self.foresight.guesses.insert(file.blobs, None);
                }
            }
        }
        Ok(())
    }

    /// What was answered before, where answers are kept.
    pub(super) fn answer_to(&self, question: Question) -> Option<Verdict> {
        let answers = self.answers.as_ref()?;
        let merged = || answers.merged.get(&question).cloned();
        // Where it stops there is nothing more to be known than what was judged.
        merged().or_else(|| answers.judged.get(&question)?.clone().map(Verdict::Conflict))
    }

    /// The merges of which is known, where answers are kept, that they stop, and at what.
    pub fn stops(&self) -> Vec<(Question, Vec<Stages>)> {
        let Some(answers) = &self.answers else { return Vec::new() };
        let judged = answers.judged.iter().filter_map(|(question, stages)| Some((*question, stages.clone()?)));
        judged.collect()
    }

    /// Takes over what another one knows of merges that stop. From now on all answers are kept.
    pub fn learn(&mut self, stops: Vec<(Question, Vec<Stages>)>) {
        let answers = self.answers.get_or_insert_default();
        answers.judged.extend(stops.into_iter().map(|(question, stages)| (question, Some(stages))));
    }

    pub(super) fn keep_answer(&mut self, question: Question, verdict: Verdict) {
        if let Some(kept) = &mut self.answers {
            kept.merged.insert(question, verdict);
        }
    }

    /// Asks git as it is, whatever could be told without it.
    pub(super) fn ask_git(&mut self, questions: &[Question]) -> Vec<Result<Verdict>> {
        let asked: Vec<(usize, Question)> = questions.iter().copied().enumerate().collect();
        let mut answers: Vec<Option<Result<Verdict>>> = questions.iter().map(|_| None).collect();
        for (at, verdict) in self.ask_all(&asked, true) {
            answers[at] = Some(verdict);
        }
        all_of(answers)
    }

    fn ask(&mut self, question: Question) -> Result<Verdict> {
        let answer = self.ask_all(&[(0, question)], true).pop();
        answer.map_or_else(|| Err(Error::bug("A merge was not answered.")), |(_, verdict)| verdict)
    }

    /// Asks git, one process for each commit that attributes are taken from.
    fn ask_all(&mut self, asked: &[(usize, Question)], wants_trees: bool) -> Vec<(usize, Result<Verdict>)> {
        let mut by_attributes: Vec<(ObjectId, Vec<(usize, Question)>)> = Vec::new();
        for (at, question) in asked {
            match by_attributes.iter_mut().find(|(attributes, _)| *attributes == question.attributes) {
                Some((_, list)) => list.push((*at, *question)),
                None => by_attributes.push((question.attributes, vec![(*at, *question)])),
            }
        }
        let mut answers = Vec::with_capacity(asked.len());
        for (attributes, list) in by_attributes {
            let oracle = match self.oracles.entry(attributes) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => match Oracle::new(&self.repo, attributes) {
                    Ok(oracle) => entry.insert(oracle),
                    Err(error) => {
                        let words = error.one_line();
                        answers.extend(list.iter().map(|(at, _)| (*at, Err(Error::refused(words.clone())))));
                        continue;
                    }
                },
            };
            let questions: Vec<Question> = list.iter().map(|(_, question)| *question).collect();
            let verdicts = oracle.merge_all(&mut self.repo, &questions, wants_trees);
            answers.extend(list.iter().map(|(at, _)| *at).zip(verdicts));
        }
        answers
    }
}

/// The answers, each of which there is by then.
fn all_of<T>(answers: Vec<Option<Result<T>>>) -> Vec<Result<T>> {
    let missing = || Err(Error::bug("A merge was not answered."));
    answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
}

fn collisions_of(verdict: Verdict) -> Option<Vec<Stages>> {
    match verdict {
        Verdict::Clean(_) => None,
        Verdict::Conflict(stages) => Some(stages),
    }
}

/// What is known of a merge before git is asked.
enum First {
    Settled(Verdict),
    /// The question, and where it is only about the content of files, those.
    Ask(Question, Option<Vec<Shared>>),
}

impl Repo {
    /// The merge of these files alone: trees of them are merged in a fraction of the time, and come to the same.
    pub(super) fn question_of(&self, attributes: ObjectId, files: &[Shared]) -> Result<Question> {
        let only = |side: usize| self.tree_of(files.iter().map(|file| (&file.path, file.mode, file.blobs[side])));
        Ok(Question { attributes, base: Some(only(0)?), ours: only(1)?, theirs: only(2)? })
    }

    /// A tree of these files alone.
    fn tree_of<'a>(&self, files: impl Iterator<Item = (&'a BString, EntryMode, ObjectId)>) -> Result<ObjectId> {
        let failed = || "A tree could not be written.";
        let mut editor = self.inner.edit_tree(ObjectId::empty_tree(self.hash_kind())).or_refuse(failed)?;
        for (path, mode, id) in files {
            editor.upsert(path.as_bstr(), mode.kind(), id).or_refuse(failed)?;
        }
        Ok(editor.write().or_refuse(failed)?.detach())
    }

    pub(in crate::git) fn entry_at(&self, tree: ObjectId, path: &BString) -> Result<Option<(EntryMode, ObjectId)>> {
        let unreadable = || format!("The tree {tree} could not be read.");
        let (mut tree, mut names) = (tree, path.split(|byte| *byte == b'/').peekable());
        while let Some(name) = names.next() {
            let bytes = self.tree(tree)?;
            let mut entries =
                bytes.pieces().flat_map(|piece| gix::objs::TreeRefIter::from_bytes(piece, self.hash_kind()));
            let found = entries.find(|entry| entry.as_ref().map_or(true, |entry| entry.filename == name));
            match found.transpose().or_refuse(unreadable)? {
                Some(entry) if names.peek().is_none() => return Ok(Some((entry.mode, entry.oid.to_owned()))),
                Some(entry) if entry.mode.is_tree() => tree = entry.oid.to_owned(),
                _ => break,
            }
        }
        Ok(None)
    }
}
