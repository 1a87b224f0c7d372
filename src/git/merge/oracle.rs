//! git asked for merges: `git merge-tree`. What it writes goes to a directory of its own.
//!
//! It takes many questions in one process, but answers only once its output is full or its input ends: a chain, where
//! each question depends on the answer before, needs a process for each, and questions that are independent one for all.

use super::told::tell;
use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::git::merge::{Question, Scratch};
use crate::host::process::Command;
use crate::session::{BString, ObjectId};
use gix::objs::{Exists as _, Write as _};
use std::collections::HashSet;

/// How many questions may fail before the rest is given up.
const FAILURES_AT_MOST: usize = 32;

/// What is the matter with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// The path, as people know it.
    pub path: BString,
    /// The blob and mode of base, ours and theirs.
    pub stages: [Option<(u32, ObjectId)>; 3],
}

/// What git says of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The tree it gives.
    Clean(ObjectId),
    /// What collides.
    Conflict(Vec<Stages>),
}

/// How it is asked, its objects, and what it has been told of ours.
pub(super) struct Oracle {
    scratch: Scratch,
    command: Command,
    theirs: gix::odb::loose::Store,
    told: HashSet<ObjectId>,
}

impl std::fmt::Debug for Oracle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oracle").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl Oracle {
    /// Attributes are those of the commit `attributes`.
    pub(super) fn new(repo: &Repo, attributes: ObjectId) -> Result<Oracle> {
        let scratch = Scratch::new(repo)?;
        // What it writes is read once, or never: to compress it would take longer than the merge.
        let command = repo.git_with_drivers().args(["-c", "core.looseCompression=0"]);
        let command = command.args(repo.attribute_source(attributes));
        let command = command.args(["merge-tree", "--stdin", "--write-tree", "--no-messages", "-z"]);
        let command = scratch.lend(command);
        let theirs = gix::odb::loose::Store::at(scratch.directory(), repo.hash_kind());
        Ok(Oracle { scratch, command, theirs, told: HashSet::new() })
    }

    /// Answers in the order of the questions. `repo` keeps its new objects in memory: git is told of those it needs
    /// first, and what it made comes into that memory, trees only where they are wanted.
    pub(super) fn merge_all(
        &mut self,
        repo: &mut Repo,
        questions: &[Question],
        wants_trees: bool,
    ) -> Vec<Result<Verdict>> {
        let mut answers = Vec::with_capacity(questions.len());
        let mut patience = 0;
        while answers.len() < questions.len() {
            let left = &questions[answers.len()..];
            match self.run(repo, left, wants_trees) {
                Ok(some) => answers.extend(some.into_iter().map(Ok)),
                // git ends at the first question that it cannot answer; the others are asked again without it.
                Err((some, error)) => {
                    answers.extend(some.into_iter().map(Ok));
                    answers.push(Err(error));
                    patience += 1;
                    if patience > FAILURES_AT_MOST {
                        let gave_up = || Err(Error::refused("git could not merge, again and again."));
                        answers.extend(std::iter::repeat_with(gave_up).take(questions.len() - answers.len()));
                    }
                }
            }
        }
        answers
    }

    /// One process: all the answers, or those before the one that failed.
    fn run(
        &mut self,
        repo: &mut Repo,
        questions: &[Question],
        wants_trees: bool,
    ) -> std::result::Result<Vec<Verdict>, (Vec<Verdict>, Error)> {
        let mut input = String::new();
        for Question { base, ours, theirs, .. } in questions {
            match base {
                Some(base) => input.push_str(&format!("{base} -- {ours} {theirs}\n")),
                None => input.push_str(&format!("{ours} {theirs}\n")),
            }
        }
        let needed =
            questions.iter().flat_map(|question| question.base.into_iter().chain([question.ours, question.theirs]));
        // The attributes may be those of a commit that is nowhere yet: what a stack stands on.
        let needed = needed.chain(questions.iter().map(|question| question.attributes));
        self.tell(repo, needed.collect()).map_err(|error| (Vec::new(), error))?;
        let command = self.command.clone().input(input);
        let output = command.run().map_err(|error| (Vec::new(), error))?;
        let mut fields = output.stdout.split(|byte| *byte == 0);
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            let (Some(verdict), Some(tree)) = (fields.next(), fields.next()) else { break };
            let stages: Vec<&[u8]> = fields.by_ref().take_while(|field| !field.is_empty()).collect();
            match self.answer(repo, *question, verdict, tree, &stages, wants_trees) {
                Ok(answer) => answers.push(answer),
                Err(error) => return Err((answers, error)),
            }
        }
        if answers.len() < questions.len() {
            return Err((answers, command.failure(&output)));
        }
        Ok(answers)
    }

    fn answer(
        &mut self,
        repo: &Repo,
        question: Question,
        verdict: &[u8],
        tree: &[u8],
        stages: &[&[u8]],
        wants_trees: bool,
    ) -> Result<Verdict> {
        let tree = ObjectId::from_hex(tree).or_refuse(|| "git named no tree.")?;
        match verdict {
            b"1" => {
                if wants_trees {
                    self.import(repo, tree, question.base.map(|_| question.ours))?;
                }
                Ok(Verdict::Clean(tree))
            }
            b"0" => {
                let conflict = parse_stages(stages)?;
                for id in conflict.iter().flat_map(|stages| stages.stages.iter().flatten()).map(|(_, id)| *id) {
                    self.import_one(repo, id)?;
                }
                Ok(Verdict::Conflict(conflict))
            }
            _ => Err(Error::refused("git could not merge.")),
        }
    }

    fn tell(&mut self, repo: &mut Repo, needed: Vec<ObjectId>) -> Result<()> {
        tell(repo, self.scratch.directory(), &mut self.told, needed)
    }

    /// Brings a tree that git made, and what is below it, into memory; `near` is a tree that most of it is in.
    fn import(&mut self, repo: &Repo, tree: ObjectId, near: Option<ObjectId>) -> Result<()> {
        if Some(tree) == near || !self.import_one(repo, tree)? {
            return Ok(());
        }
        let unreadable = || format!("The tree {tree} could not be read.");
        let object = repo.inner.find_object(tree).or_refuse(unreadable)?;
        for entry in gix::objs::TreeRefIter::from_bytes(&object.data, repo.hash_kind()) {
            let entry = entry.or_refuse(unreadable)?;
            let id = entry.oid.to_owned();
            if entry.mode.is_tree() {
                self.import(repo, id, None)?;
            } else if entry.mode.is_blob_or_symlink() {
                self.import_one(repo, id)?;
            }
        }
        Ok(())
    }

    /// Whether it is new to us.
    fn import_one(&mut self, repo: &Repo, id: ObjectId) -> Result<bool> {
        if repo.inner.objects.exists(&id) {
            return Ok(false);
        }
        let mut buffer = Vec::new();
        let failed = || format!("The object {id} could not be read.");
        let Some(data) = self.theirs.try_find(&id, &mut buffer).or_refuse(failed)? else { return Ok(false) };
        repo.inner.objects.write_buf(data.kind, data.data).or_refuse(failed)?;
        self.told.insert(id);
        Ok(true)
    }
}

/// `<mode> <id> <stage> TAB <path>` each.
fn parse_stages(fields: &[&[u8]]) -> Result<Vec<Stages>> {
    let unknown = || Error::bug("git described a conflict in an unknown way.");
    let mut list: Vec<Stages> = Vec::new();
    for field in fields {
        let tab = field.iter().position(|byte| *byte == b'\t').ok_or_else(unknown)?;
        let path = known_name(&field[tab + 1..]);
        let facts = String::from_utf8_lossy(&field[..tab]).into_owned();
        let mut facts = facts.split(' ');
        let mode = facts.next().and_then(|mode| u32::from_str_radix(mode, 8).ok()).ok_or_else(unknown)?;
        let id = facts.next().and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()).ok_or_else(unknown)?;
        let stage: usize = facts.next().and_then(|stage| stage.parse().ok()).ok_or_else(unknown)?;
        let at = match list.iter().position(|stages| stages.path == path) {
            Some(at) => at,
            None => {
                list.push(Stages { path, stages: [None; 3] });
                list.len() - 1
            }
        };
        *list[at].stages.get_mut(stage.wrapping_sub(1)).ok_or_else(unknown)? = Some((mode, id));
    }
    list.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(list)
}

/// The path as people know it: where a file and a directory collide git moves the file to `<path>~<label>`, and our
/// labels are ids of trees.
fn known_name(path: &[u8]) -> BString {
    if let Some(at) = path.iter().rposition(|byte| *byte == b'~') {
        let label = &path[at + 1..];
        let digits = label.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits >= 40 && (digits == label.len() || label[digits] == b'_') {
            return path[..at].into();
        }
    }
    path.into()
}
