//! Merges foreseen: what they come to is guessed, so that git can be asked at once about all that would have to be asked
//! one after another. Only what git said is an answer; a guess decides what it is asked, and nothing else.

use super::Footprint;
use super::files::{self, Changes, Texts};
use super::lines::{Hunk, hunks, is_binary, meet};
use super::merger::{Merger, Question};
use super::oracle::Verdict;
use super::pick::{Picked, Shared};
use super::texts;
use crate::error::{Context, Result};
use crate::session::{BString, ObjectId};
use gix::bstr::ByteSlice;
use gix::objs::tree::EntryMode;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A file whose content both sides changed, and the commit whose attributes hold.
type File = (ObjectId, Shared);

/// Of files the content that both changes come to; none, where they collide.
pub(super) type Contents = HashMap<File, Option<ObjectId>>;

/// What was guessed, and what git is to be asked.
#[derive(Debug, Default)]
pub(super) struct Foresight {
    pub(super) guesses: HashMap<[ObjectId; 3], Option<ObjectId>>,
    alike: HashMap<(ObjectId, ObjectId), bool>,
    /// What a side changes of a file; none where it is no text.
    hunks: HashMap<(ObjectId, ObjectId), Option<Arc<Vec<Hunk>>>>,
    files: List<File>,
    merges: List<Question>,
}

/// Each once, in the order in which they came.
#[derive(Debug)]
struct List<T> {
    all: Vec<T>,
    seen: HashSet<T>,
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { all: Vec::new(), seen: HashSet::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> List<T> {
    /// What was asked once is not asked again.
    fn add(&mut self, one: T) {
        if self.seen.insert(one.clone()) {
            self.all.push(one);
        }
    }
}

impl Merger {
    /// What a merge will come to: none, where that cannot be guessed before git has said it. A conflict has no details.
    pub(super) fn foresee(&mut self, question: Question) -> Result<Option<Verdict>> {
        if let Some(known) = self.answer_to(question) {
            return Ok(Some(known));
        }
        let Question { attributes, base: Some(base), ours, theirs } = question else {
            self.foresight.merges.add(question);
            return Ok(None);
        };
        let shared = match self.repo().pick_tree(base, ours, theirs, &HashMap::new())? {
            Picked::Tree(tree) => return Ok(Some(Verdict::Clean(tree))),
            Picked::Contents(shared) => shared,
            Picked::Unclear => {
                self.foresight.merges.add(question);
                return self.foresee_files(base, ours, theirs).map(Some);
            }
        };
        let mut merged = HashMap::new();
        let mut is_conflict = false;
        for shared in shared {
            let path = shared.path.clone();
            match self.content_of((attributes, shared))? {
                Some(id) => drop(merged.insert(path, id)),
                None => is_conflict = true,
            }
        }
        if is_conflict {
            return Ok(Some(Verdict::Conflict(Vec::new())));
        }
        Ok(match self.repo().pick_tree(base, ours, theirs, &merged)? {
            Picked::Tree(tree) => Some(Verdict::Clean(tree)),
            _ => None,
        })
    }

    /// Whether two sides may collide: not where they change other files, or other places of the same ones. git may see that
    /// otherwise, by attributes, and has to be asked where it matters.
    ///
    /// # Errors
    /// Refused, if something cannot be read.
    pub(super) fn may_collide(&mut self, question: Question) -> Result<bool> {
        let Question { attributes, base: Some(base), ours, theirs } = question else { return Ok(true) };
        let shared = match self.repo().pick_tree(base, ours, theirs, &HashMap::new())? {
            Picked::Tree(_) => return Ok(false),
            Picked::Unclear => return Ok(true),
            Picked::Contents(shared) => shared,
        };
        for shared in shared {
            let [base, ours, theirs] = shared.blobs;
            let does_collide = match self.known.get(&(attributes, shared)) {
                Some(known) => known.is_none(),
                None => match (self.hunks_of(base, ours)?, self.hunks_of(base, theirs)?) {
                    (Some(ours), Some(theirs)) => meet(&ours, &theirs),
                    _ => true,
                },
            };
            if does_collide {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn hunks_of(&mut self, base: ObjectId, side: ObjectId) -> Result<Option<Arc<Vec<Hunk>>>> {
        if let Some(known) = self.foresight.hunks.get(&(base, side)) {
            return Ok(known.clone());
        }
        let texts = [self.repo().blob_shared(base)?, self.repo().blob_shared(side)?];
        let is_text = !texts.iter().any(|text| is_binary(text));
        let found = is_text.then(|| Arc::new(hunks(&texts[0], &texts[1])));
        self.foresight.hunks.insert((base, side), found.clone());
        Ok(found)
    }

    fn content_of(&mut self, file: File) -> Result<Option<ObjectId>> {
        if let Some(known) = self.known.get(&file) {
            return Ok(*known);
        }
        let blobs = file.1.blobs;
        self.foresight.files.add(file);
        self.merged(blobs)
    }

    fn foresee_files(&mut self, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> Result<Verdict> {
        let changes = |footprint: Footprint| -> Changes<BString> {
            footprint.paths.into_iter().map(|touched| (touched.path, (touched.before, touched.after))).collect()
        };
        let sides = [self.repo().footprint(base, ours)?, self.repo().footprint(base, theirs)?].map(changes);
        let Some(becomes) = self.guess(&sides[0], &sides[1])? else { return Ok(Verdict::Conflict(Vec::new())) };
        let failed = || "A tree could not be kept in memory.";
        let mut editor = self.repo().inner.edit_tree(ours).or_refuse(failed)?;
        for (path, file) in becomes {
            match file.and_then(|(mode, id)| Some((EntryMode::try_from(mode).ok()?, id))) {
                Some((mode, id)) => editor.upsert(path.as_bstr(), mode.kind(), id).or_refuse(failed)?,
                None => editor.remove(path.as_bstr()).or_refuse(failed)?,
            };
        }
        Ok(Verdict::Clean(editor.write().or_refuse(failed)?.detach()))
    }

    /// What `ours` becomes at some paths when `theirs` is merged into it, by a guess; none, where they collide.
    ///
    /// # Errors
    /// Refused, if something cannot be read or kept in memory.
    pub fn guess<K: Ord + Clone>(
        &mut self,
        ours: &Changes<K>,
        theirs: &Changes<K>,
    ) -> Result<Option<Vec<(K, files::File)>>> {
        files::merged(ours, theirs, self)
    }

    /// Asks git at once about all that was foreseen since, and keeps the answers. Whether there was anything.
    ///
    /// # Errors
    /// Refused, if something cannot be read or written.
    pub(super) fn ask_foreseen(&mut self) -> Result<bool> {
        self.remember();
        let files = std::mem::take(&mut self.foresight.files.all);
        let merges = std::mem::take(&mut self.foresight.merges.all);
        let mut questions = Vec::with_capacity(files.len() + merges.len());
        for (attributes, file) in &files {
            questions.push(self.repo().question_of(*attributes, std::slice::from_ref(file))?);
        }
        questions.extend(&merges);
        // An error comes up again where somebody needs the answer.
        let mut answers = self.ask_git(&questions).into_iter();
        for (file, answer) in files.iter().zip(answers.by_ref()) {
            if let Ok(verdict) = answer {
                self.keep(file.0, std::slice::from_ref(&file.1), &verdict)?;
            }
        }
        for (question, answer) in merges.iter().zip(answers) {
            if let Ok(verdict) = answer {
                self.keep_answer(*question, verdict);
            }
        }
        Ok(!questions.is_empty())
    }
}

impl Texts for Merger {
    fn merged(&mut self, blobs: [ObjectId; 3]) -> Result<Option<ObjectId>> {
        if let Some(guess) = self.foresight.guesses.get(&blobs) {
            return Ok(*guess);
        }
        let [base, ours, theirs] = blobs.map(|id| self.repo().blob_shared(id));
        let guess = match texts::merged(&base?, &ours?, &theirs?) {
            Some(text) => {
                let blob = self.repo().inner.write_blob(text).or_refuse(|| "A file could not be kept in memory.")?;
                Some(blob.detach())
            }
            None => None,
        };
        self.foresight.guesses.insert(blobs, guess);
        Ok(guess)
    }

    fn are_alike(&mut self, a: ObjectId, b: ObjectId) -> Result<bool> {
        if let Some(known) = self.foresight.alike.get(&(a, b)) {
            return Ok(*known);
        }
        let are_alike = files::are_alike(&self.repo().blob_shared(a)?, &self.repo().blob_shared(b)?);
        self.foresight.alike.insert((a, b), are_alike);
        Ok(are_alike)
    }
}
