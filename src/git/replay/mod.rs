//! Commits put onto another base in memory, with the ids that `git rebase` would give them.
//!
//! Each pick is a merge of trees (see `merge`). New objects stay in the memory of a handle of its own until somebody
//! stores them.

mod lacking;
mod landed;
mod own;
mod run;

pub use lacking::Bits;
pub use landed::{Alike, Key, Landed, Wanted};
pub use own::{Own, Question};

use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::git::config::Identity;
use crate::git::merge::{Merger, Stages};
use crate::session::{BString, ObjectId};
use gix::bstr::ByteSlice;
use run::Run;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Objects that are in no repository yet; several may share them.
#[derive(Debug, Default, Clone)]
pub struct Objects(pub(in crate::git) Arc<HashMap<ObjectId, (gix::objs::Kind, Vec<u8>)>>);

/// What became of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// All of it went.
    Done {
        /// The last of the new commits, or the new base where none is left.
        tip: ObjectId,
        /// How many were made or taken as they were.
        replayed: usize,
        /// How many became empty.
        dropped: usize,
        /// The commits that were made anew: old and new.
        rewritten: Vec<(ObjectId, ObjectId)>,
        /// Why the ids may not be those that git would give: then git has to do it.
        inexact: Option<&'static str>,
    },
    /// One did not.
    Conflict {
        /// The commit.
        commit: ObjectId,
        /// Its paths that collide.
        files: Vec<Stages>,
        /// The tree it was put onto.
        onto: ObjectId,
    },
}

/// Replays, one after another, for one thread: its handle is used for nothing else.
#[derive(Debug)]
pub struct Replayer {
    merger: Merger,
}

/// A commit as it is stored, its parts by reference.
struct Raw<'a> {
    tree: ObjectId,
    parents: Vec<ObjectId>,
    author: &'a [u8],
    has_encoding: bool,
    message: &'a [u8],
}

impl Replayer {
    /// With a handle of its own on the repository.
    ///
    /// # Errors
    /// Refused, if it cannot be opened again.
    pub fn new(repo: &Repo) -> Result<Replayer> {
        Ok(Replayer { merger: Merger::new(repo)? })
    }

    /// With caches of so many megabytes, as [`Merger::remembering`] has them.
    ///
    /// # Errors
    /// Refused, if it cannot be opened again.
    pub fn remembering(repo: &Repo, megabytes: usize) -> Result<Replayer> {
        Ok(Replayer { merger: Merger::remembering(repo, megabytes)? })
    }

    /// The handle, which knows the new objects too.
    pub fn repo(&self) -> &Repo {
        self.merger.repo()
    }

    /// Merges on the same handle.
    pub fn merger(&mut self) -> &mut Merger {
        &mut self.merger
    }

    /// Hands over the new objects, and forgets them.
    pub fn take_objects(&mut self) -> Objects {
        self.merger.take_objects()
    }

    /// Puts `own`, oldest first, onto `onto`.
    ///
    /// # Errors
    /// Refused, if something cannot be read, or one of them is a merge or has no parent.
    pub fn replay(&mut self, identity: &Identity, onto: ObjectId, own: &[ObjectId]) -> Result<Replayed> {
        let only = self.replay_all(identity, &[(onto, own)]).pop();
        only.unwrap_or_else(|| Err(Error::bug("A replay came to nothing.")))
    }

    /// Several replays that do not depend on each other, each `own` onto its `onto`: what git has to be asked for all of
    /// them it is asked at once.
    pub fn replay_all(&mut self, identity: &Identity, asked: &[(ObjectId, &[ObjectId])]) -> Vec<Result<Replayed>> {
        let mut running: Vec<Result<Run<'_>>> =
            asked.iter().map(|(onto, own)| Run::new(&self.merger, identity, *onto, own)).collect();
        loop {
            let (mut places, mut questions) = (Vec::new(), Vec::new());
            for (at, slot) in running.iter_mut().enumerate() {
                let Ok(run) = slot else { continue };
                match run.go_on(&self.merger) {
                    Ok(Some(question)) => {
                        places.push(at);
                        questions.push(question);
                    }
                    Ok(None) => {}
                    Err(error) => *slot = Err(error),
                }
            }
            if questions.is_empty() {
                break;
            }
            for (at, verdict) in places.into_iter().zip(self.merger.merge_all(&questions)) {
                let Ok(run) = &mut running[at] else { continue };
                let outcome = verdict.and_then(|verdict| run.take(&self.merger, verdict));
                if let Err(error) = outcome {
                    running[at] = Err(error);
                }
            }
        }
        running.into_iter().map(|run| run.map(Run::outcome)).collect()
    }

    /// The bytes of a blob that a verdict names.
    ///
    /// # Errors
    /// Refused, if there is no such blob.
    pub fn blob(&self, id: ObjectId) -> Result<Vec<u8>> {
        self.repo().blob(id)
    }
}

impl Repo {
    /// Stores what was made in memory, as far as these commits need it.
    ///
    /// # Errors
    /// Refused, if the object database cannot be written to.
    pub fn store_objects(&self, objects: &Objects, tips: &[ObjectId]) -> Result<()> {
        use gix::objs::{Exists, Kind, Write};
        let failed = || "An object could not be written.";
        let made = &objects.0;
        let mut wanted: Vec<(ObjectId, bool)> = tips.iter().map(|id| (*id, false)).collect();
        let (mut order, mut seen) = (Vec::new(), HashSet::new());
        while let Some((id, is_complete)) = wanted.pop() {
            if is_complete {
                order.push(id);
                continue;
            }
            let Some((kind, bytes)) = made.get(&id).filter(|_| seen.insert(id)) else { continue };
            wanted.push((id, true));
            match kind {
                Kind::Commit => {
                    let raw = Raw::parse(bytes).ok_or_else(|| Error::bug("A commit was made that is none."))?;
                    wanted.extend(raw.parents.iter().copied().chain([raw.tree]).map(|id| (id, false)));
                }
                Kind::Tree => {
                    for entry in gix::objs::TreeRefIter::from_bytes(bytes, self.hash_kind()) {
                        wanted.push((entry.or_refuse(failed)?.oid.to_owned(), false));
                    }
                }
                _ => {}
            }
        }
        // Nothing points at what is not there, whenever this stops: neither a ref nor another object.
        for id in order {
            if let Some((kind, bytes)) = made.get(&id)
                && !self.inner.objects.exists(&id)
            {
                self.inner.objects.write_buf(*kind, bytes).or_refuse(failed)?;
            }
        }
        Ok(())
    }
}

/// Writing a commit from its bytes.
trait WriteCommit {
    fn objects_write_commit(&self, bytes: &[u8]) -> Result<ObjectId>;
}

impl WriteCommit for gix::Repository {
    fn objects_write_commit(&self, bytes: &[u8]) -> Result<ObjectId> {
        use gix::objs::Write;
        self.objects.write_buf(gix::objs::Kind::Commit, bytes).or_refuse(|| "A commit could not be written.")
    }
}

impl<'a> Raw<'a> {
    fn parse(data: &'a [u8]) -> Option<Raw<'a>> {
        let end = data.find(b"\n\n").unwrap_or(data.len());
        let (header, message) = (&data[..end], data.get(end + 2..).unwrap_or_default());
        let (mut tree, mut parents, mut author, mut has_encoding) = (None, Vec::new(), None, false);
        for line in header.split(|byte| *byte == b'\n') {
            let Some((key, value)) = line.split_once_str(b" ") else { continue };
            match key {
                b"tree" => tree = ObjectId::from_hex(value).ok(),
                b"parent" => parents.push(ObjectId::from_hex(value).ok()?),
                b"author" if author.is_none() => author = Some(value),
                b"encoding" => has_encoding = true,
                _ => {}
            }
        }
        Some(Raw { tree: tree?, parents, author: author?, has_encoding, message })
    }

    /// The commit that git makes of it on another parent: author and message as they are, blank lines at the beginning and
    /// signatures dropped.
    fn onto(&self, tree: ObjectId, parent: ObjectId, identity: &Identity) -> Vec<u8> {
        let mut commit = format!("tree {tree}\nparent {parent}\nauthor ").into_bytes();
        commit.extend_from_slice(self.author);
        commit.extend_from_slice(b"\ncommitter ");
        commit.extend_from_slice(&identity.line());
        commit.extend_from_slice(b"\n\n");
        commit.extend_from_slice(without_blank_lines(self.message));
        in_utf8(commit)
    }
}

/// Without the blank lines at the beginning.
fn without_blank_lines(message: &[u8]) -> &[u8] {
    let is_blank = |line: &[u8]| line.iter().all(|byte| b" \t\r\n".contains(byte));
    let mut rest = message;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        if !is_blank(&rest[..end]) {
            break;
        }
        rest = &rest[end..];
    }
    rest
}

/// As git writes a commit without an encoding: each byte that is no UTF-8, or belongs to what is no character, is taken
/// for Latin-1.
fn in_utf8(commit: Vec<u8>) -> Vec<u8> {
    let is_no_character = |c: char| {
        let code = u32::from(c);
        code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
    };
    let mut text = Vec::with_capacity(commit.len());
    let mut rest = commit.as_slice();
    loop {
        let valid = match std::str::from_utf8(rest) {
            Ok(valid) => valid,
            Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default(),
        };
        let good = valid.char_indices().find(|(_, c)| is_no_character(*c)).map_or(valid.len(), |(at, _)| at);
        text.extend_from_slice(&rest[..good]);
        let Some(byte) = rest.get(good) else { return text };
        text.extend_from_slice(&[0xc0 + (byte >> 6), 0x80 + (byte & 0x3f)]);
        rest = &rest[good + 1..];
    }
}

impl Identity {
    /// As a commit has it: `Name <email> <seconds> <zone>`, without what git strips from the ends of names.
    fn line(&self) -> Vec<u8> {
        let is_crud = |byte: &u8| *byte <= 32 || b".,:;<>\"\\'".contains(byte);
        let trimmed = |text: &BString| -> Vec<u8> {
            let start = text.iter().position(|byte| !is_crud(byte)).unwrap_or(text.len());
            let end = text.iter().rposition(|byte| !is_crud(byte)).map_or(start, |at| at + 1);
            text[start..end].iter().copied().filter(|byte| !b"<>\n".contains(byte)).collect()
        };
        let mut line = trimmed(&self.signature.name);
        line.extend_from_slice(b" <");
        line.extend_from_slice(&trimmed(&self.signature.email));
        line.extend_from_slice(format!("> {}", self.signature.time).as_bytes());
        line
    }
}
