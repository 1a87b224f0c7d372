//! One replay on its way, which stops wherever git has to be asked.

use super::{Raw, Replayed, WriteCommit};
use crate::error::{Context, Error, Result};
use crate::git::config::Identity;
use crate::git::merge::{BY_SUBMODULE, Merger, Question, Stages, Verdict};
use crate::session::ObjectId;

/// Commits being put onto another, oldest first.
pub(super) struct Run<'a> {
    identity: &'a Identity,
    left: &'a [ObjectId],
    head: ObjectId,
    head_tree: ObjectId,
    /// The commit whose attributes hold for the next pick: git checks out each before it goes on.
    attributes: ObjectId,
    replayed: usize,
    dropped: usize,
    inexact: Option<&'static str>,
    /// What git was asked about the next commit.
    asked: Option<Question>,
    rewritten: Vec<(ObjectId, ObjectId)>,
    conflict: Option<Vec<Stages>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(merger: &Merger, identity: &'a Identity, onto: ObjectId, own: &'a [ObjectId]) -> Result<Run<'a>> {
        let head_tree = merger.repo().commit(onto)?.tree;
        Ok(Run {
            identity,
            left: own,
            head: onto,
            head_tree,
            attributes: onto,
            replayed: 0,
            dropped: 0,
            inexact: None,
            asked: None,
            rewritten: Vec::new(),
            conflict: None,
        })
    }

    /// Goes on for as long as git is not needed; then says what to ask. None at the end.
    pub(super) fn go_on(&mut self, merger: &Merger) -> Result<Option<Question>> {
        while let (Some(id), None) = (self.left.first().copied(), &self.conflict) {
            let data = bytes_of(merger, id)?;
            let raw = parse(&data, id)?;
            let parent = parent_of(&raw, id)?;
            if parent == self.head {
                self.stand_at(merger, id, raw.tree)?;
                self.left = &self.left[1..];
                continue;
            }
            let base = Some(merger.repo().commit(parent)?.tree);
            let question = Question { attributes: self.attributes, base, ours: self.head_tree, theirs: raw.tree };
            match merger.without_git(question)? {
                Some(tree) => self.take(merger, Verdict::Clean(tree))?,
                None => {
                    self.asked = Some(question);
                    return Ok(Some(question));
                }
            }
        }
        Ok(None)
    }

    /// What the next commit comes to.
    pub(super) fn take(&mut self, merger: &Merger, verdict: Verdict) -> Result<()> {
        let Some(id) = self.left.first().copied() else { return Ok(()) };
        let asked = self.asked.take();
        let tree = match verdict {
            Verdict::Clean(tree) => {
                if let Some(Question { base: Some(base), ours, theirs, .. }) = asked
                    && !merger.repo().diverged_submodules(base, ours, theirs)?.is_empty()
                {
                    self.inexact = Some(BY_SUBMODULE);
                }
                tree
            }
            Verdict::Conflict(files) => {
                self.conflict = Some(files);
                return Ok(());
            }
        };
        self.left = &self.left[1..];
        let data = bytes_of(merger, id)?;
        let raw = parse(&data, id)?;
        if tree == self.head_tree && raw.tree != merger.repo().commit(parent_of(&raw, id)?)?.tree {
            self.dropped += 1;
            return Ok(());
        }
        if raw.has_encoding {
            self.inexact = Some("a commit message has an encoding of its own");
        } else if raw.message.contains(&0) {
            self.inexact = Some("a commit message has a zero byte");
        }
        let written = merger.repo().inner.objects_write_commit(&raw.onto(tree, self.head, self.identity))?;
        self.rewritten.push((id, written));
        self.stand_at(merger, written, tree)
    }

    fn stand_at(&mut self, merger: &Merger, commit: ObjectId, tree: ObjectId) -> Result<()> {
        if merger.repo().attributes_differ(self.head_tree, tree)? {
            self.attributes = commit;
        }
        (self.head, self.head_tree, self.replayed) = (commit, tree, self.replayed + 1);
        Ok(())
    }

    pub(super) fn outcome(self) -> Replayed {
        match (self.conflict, self.left.first()) {
            (Some(files), Some(commit)) => Replayed::Conflict { commit: *commit, files, onto: self.head_tree },
            _ => Replayed::Done {
                tip: self.head,
                replayed: self.replayed,
                dropped: self.dropped,
                rewritten: self.rewritten,
                inexact: self.inexact,
            },
        }
    }
}

fn bytes_of(merger: &Merger, id: ObjectId) -> Result<Vec<u8>> {
    let mut object = merger.repo().inner.find_object(id).or_refuse(|| format!("The commit {id} could not be read."))?;
    Ok(std::mem::take(&mut object.data))
}

fn parse(data: &[u8], id: ObjectId) -> Result<Raw<'_>> {
    Raw::parse(data).ok_or_else(|| Error::refused(format!("The commit {id} is malformed.")))
}

fn parent_of(raw: &Raw<'_>, id: ObjectId) -> Result<ObjectId> {
    match raw.parents.as_slice() {
        [parent] => Ok(*parent),
        _ => Err(Error::refused(format!("The commit {id} cannot be replayed: it has no single parent."))),
    }
}
