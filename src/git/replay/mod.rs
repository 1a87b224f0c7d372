//! Commits put onto another base in memory, with the ids that `git rebase` would give them.
//!
//! Most picks merge nothing (see `pick`); the rest is git's to say (see `oracle`). New objects stay in the memory of a
//! handle of its own until somebody stores them.

mod landed;
mod oracle;
mod own;
mod pick;

pub use landed::{Key, Landed};
pub use oracle::Stages;
pub use own::{Own, Question};

use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::git::config::Identity;
use crate::session::{BString, ObjectId};
use gix::bstr::ByteSlice;
use gix::objs::tree::EntryMode;
use oracle::{Oracle, Verdict};
use pick::Picked;
use std::collections::{HashMap, HashSet};

/// Objects that are in no repository yet.
#[derive(Debug, Default)]
pub struct Objects(Vec<(ObjectId, gix::objs::Kind, Vec<u8>)>);

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

/// What a merge of trees comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergedTrees {
    /// The tree.
    Clean(ObjectId),
    /// The paths that collide.
    Conflict(Vec<Stages>),
}

/// Replays, one after another, for one thread: its handle is used for nothing else.
#[derive(Debug)]
pub struct Replayer {
    repo: Repo,
    /// By the base whose attributes hold.
    oracles: HashMap<ObjectId, Oracle>,
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
        let mut repo = repo.another()?;
        // Trees of neighbouring commits are deltas of each other: with less, histories are inflated again and again.
        repo.inner.object_cache_size(64 * 1024 * 1024);
        repo.inner
            .objects
            .set_pack_cache(|| Box::new(gix::odb::pack::cache::lru::MemoryCappedHashmap::new(32 * 1024 * 1024)));
        repo.inner.objects.enable_object_memory();
        Ok(Replayer { repo, oracles: HashMap::new() })
    }

    /// The handle, which knows the new objects too.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Hands over the new objects, and forgets them.
    pub fn take_objects(&mut self) -> Objects {
        let memory = self.repo.inner.objects.reset_object_memory().unwrap_or_default();
        // git's directory has what it has been told; it may be asked about other objects next.
        Objects(memory.iter().map(|(id, (kind, bytes))| (*id, *kind, bytes.clone())).collect())
    }

    /// Puts `own`, oldest first, onto `onto`.
    ///
    /// # Errors
    /// Refused, if something cannot be read, or one of them is a merge or has no parent.
    pub fn replay(&mut self, identity: &Identity, onto: ObjectId, own: &[ObjectId]) -> Result<Replayed> {
        let mut head = onto;
        let mut head_tree = self.repo.commit(onto)?.tree;
        let (mut replayed, mut dropped, mut inexact) = (0, 0, None);
        let mut rewritten = Vec::new();
        for id in own {
            let data = self.bytes_of(*id)?;
            let raw = Raw::parse(&data).ok_or_else(|| Error::refused(format!("The commit {id} is malformed.")))?;
            let [parent] = raw.parents.as_slice() else {
                return Err(Error::refused(format!("The commit {id} cannot be replayed: it has no single parent.")));
            };
            if *parent == head {
                (head, head_tree, replayed) = (*id, raw.tree, replayed + 1);
                continue;
            }
            let parent_tree = self.repo.commit(*parent)?.tree;
            let tree = match self.pick(onto, parent_tree, head_tree, raw.tree)? {
                Verdict::Clean(tree) => tree,
                Verdict::Conflict(files) => {
                    return Ok(Replayed::Conflict { commit: *id, files, onto: head_tree });
                }
            };
            if tree == head_tree && raw.tree != parent_tree {
                dropped += 1;
                continue;
            }
            if raw.has_encoding {
                inexact = Some("a commit message has an encoding of its own");
            } else if raw.message.contains(&0) {
                inexact = Some("a commit message has a zero byte");
            }
            let commit = raw.onto(tree, head, identity);
            let written = self.repo.inner.objects_write_commit(&commit)?;
            rewritten.push((*id, written));
            (head, head_tree, replayed) = (written, tree, replayed + 1);
        }
        Ok(Replayed::Done { tip: head, replayed, dropped, rewritten, inexact })
    }

    /// Merges the change from `base` to `theirs` into `ours`, all trees, as `git merge-tree` does; attributes are those of
    /// the commit `attributes`.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read, or git cannot be run.
    pub fn merge_trees(
        &mut self,
        attributes: ObjectId,
        base: ObjectId,
        ours: ObjectId,
        theirs: ObjectId,
    ) -> Result<MergedTrees> {
        Ok(match self.pick(attributes, base, ours, theirs)? {
            Verdict::Clean(tree) => MergedTrees::Clean(tree),
            Verdict::Conflict(files) => MergedTrees::Conflict(files),
        })
    }

    fn bytes_of(&self, id: ObjectId) -> Result<Vec<u8>> {
        let object = self.repo.inner.find_object(id).or_refuse(|| format!("The commit {id} could not be read."))?;
        Ok(object.data.clone())
    }

    /// The tree of a three-way merge: `base` to `theirs`, put onto `ours`. All are trees; attributes are those of the
    /// commit `onto`.
    fn pick(&mut self, onto: ObjectId, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> Result<Verdict> {
        let nothing = HashMap::new();
        let shared = match self.repo.pick_tree(base, ours, theirs, &nothing)? {
            Picked::Tree(tree) => return Ok(Verdict::Clean(tree)),
            Picked::Unclear => return self.ask(onto, base, ours, theirs),
            Picked::Contents(shared) => shared,
        };
        // Trees of these files alone are merged in a fraction of the time, and come to the same.
        let only = |side: usize| self.repo.tree_of(shared.iter().map(|file| (&file.path, file.mode, file.blobs[side])));
        let (base_files, our_files, their_files) = (only(0)?, only(1)?, only(2)?);
        let tree = match self.ask(onto, base_files, our_files, their_files)? {
            Verdict::Clean(tree) => tree,
            conflict => return Ok(conflict),
        };
        let mut merged = HashMap::new();
        for file in &shared {
            match self.repo.entry_at(tree, &file.path)? {
                Some((mode, id)) if mode == file.mode => merged.insert(file.path.clone(), id),
                _ => return self.ask(onto, base, ours, theirs),
            };
        }
        match self.repo.pick_tree(base, ours, theirs, &merged)? {
            Picked::Tree(tree) => Ok(Verdict::Clean(tree)),
            _ => self.ask(onto, base, ours, theirs),
        }
    }

    fn ask(&mut self, onto: ObjectId, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> Result<Verdict> {
        let oracle = match self.oracles.entry(onto) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Oracle::new(&self.repo, onto)?),
        };
        oracle.merge(&mut self.repo, base, ours, theirs)
    }

    /// The bytes of a blob that a verdict names.
    ///
    /// # Errors
    /// Refused, if there is no such blob.
    pub fn blob(&self, id: ObjectId) -> Result<Vec<u8>> {
        self.repo.blob(id)
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
        let made: HashMap<&ObjectId, (Kind, &Vec<u8>)> =
            objects.0.iter().map(|(id, kind, bytes)| (id, (*kind, bytes))).collect();
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

    /// A tree of these files alone.
    fn tree_of<'a>(&self, files: impl Iterator<Item = (&'a BString, EntryMode, ObjectId)>) -> Result<ObjectId> {
        let failed = || "A tree could not be written.";
        let mut editor = self.inner.edit_tree(ObjectId::empty_tree(self.hash_kind())).or_refuse(failed)?;
        for (path, mode, id) in files {
            editor.upsert(path.as_bstr(), mode.kind(), id).or_refuse(failed)?;
        }
        Ok(editor.write().or_refuse(failed)?.detach())
    }

    pub(super) fn entry_at(&self, tree: ObjectId, path: &BString) -> Result<Option<(EntryMode, ObjectId)>> {
        let unreadable = || format!("The tree {tree} could not be read.");
        let tree = self.inner.find_tree(tree).or_refuse(unreadable)?;
        let found = tree.lookup_entry(path.split(|byte| *byte == b'/')).or_refuse(unreadable)?;
        Ok(found.map(|entry| (entry.mode(), entry.object_id())))
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
