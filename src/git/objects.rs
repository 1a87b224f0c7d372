//! Objects: reading commits, trees and blobs, writing records.

use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::session::{ObjectId, Timestamp};
use gix::bstr::{BString, ByteSlice};
use gix::objs::tree::EntryKind;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Blobs that were read once.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    found: HashMap<ObjectId, Arc<Vec<u8>>>,
    size: usize,
    /// Whether a line of it ends in CR LF.
    have_crlf: HashMap<ObjectId, bool>,
}

/// A commit taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its tree.
    pub tree: ObjectId,
    /// Its parents, first parent first.
    pub parents: Vec<ObjectId>,
    /// Its message, as bytes.
    pub message: BString,
    /// When it was committed.
    pub time: Timestamp,
    /// Its committer, as `Name <email>`.
    pub committer: String,
    /// Its author, as `Name <email>`.
    pub author: String,
}

/// A commit of the program's own, before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitDraft {
    pub(crate) author: gix::actor::Signature,
    pub(crate) committer: gix::actor::Signature,
    /// The message.
    pub message: String,
}

impl Repo {
    /// Reads a commit.
    ///
    /// # Errors
    /// Refused, if there is no such commit.
    pub fn commit(&self, id: ObjectId) -> Result<Commit> {
        let object = self.inner.find_commit(id).or_refuse(|| format!("The commit {id} could not be read."))?;
        let decoded = object.decode().or_refuse(|| format!("The commit {id} could not be understood."))?;
        let committer = decoded.committer().or_refuse(|| format!("The committer of {id} could not be understood."))?;
        let author = decoded.author().or_refuse(|| format!("The author of {id} could not be understood."))?;
        Ok(Commit {
            tree: decoded.tree(),
            parents: decoded.parents().collect(),
            message: decoded.message.to_owned(),
            time: Timestamp(committer.seconds()),
            committer: format!("{} <{}>", committer.name, committer.email),
            author: format!("{} <{}>", author.name, author.email),
        })
    }

    /// Whether the object is here.
    pub fn has_object(&self, id: ObjectId) -> bool {
        self.inner.has_object(id)
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// Refused, if there is no such blob.
    pub fn blob(&self, id: ObjectId) -> Result<Vec<u8>> {
        let mut blob = self.inner.find_blob(id).or_refuse(|| format!("The blob {id} could not be read."))?;
        Ok(blob.take_data())
    }

    /// The bytes of a blob, kept for whoever asks next while there is room: worktrees that move together get the same
    /// files.
    ///
    /// # Errors
    /// Refused, if there is no such blob.
    pub fn blob_shared(&self, id: ObjectId) -> Result<Arc<Vec<u8>>> {
        const ROOM: usize = 64 * 1024 * 1024;
        if let Some(found) = self.blobs.lock().ok().and_then(|blobs| blobs.found.get(&id).cloned()) {
            return Ok(found);
        }
        let bytes = self.text(id)?;
        if let Ok(mut blobs) = self.blobs.lock()
            && blobs.size + bytes.len() <= ROOM
            && blobs.found.insert(id, Arc::clone(&bytes)).is_none()
        {
            blobs.size += bytes.len();
        }
        Ok(bytes)
    }

    /// The bytes of a blob whose neighbours in a pack are asked for as well.
    ///
    /// # Errors
    /// Refused, if there is no such blob.
    pub(super) fn text(&self, id: ObjectId) -> Result<Arc<Vec<u8>>> {
        let packed = self.texts.borrow_mut().find(self.packs(), id);
        packed.map_or_else(|| self.blob(id).map(Arc::new), Ok)
    }

    /// Whether a line of the blob ends in CR LF; known for whoever asks next.
    ///
    /// # Errors
    /// Refused, if there is no such blob.
    pub fn blob_has_crlf(&self, id: ObjectId) -> Result<bool> {
        if let Some(known) = self.blobs.lock().ok().and_then(|blobs| blobs.have_crlf.get(&id).copied()) {
            return Ok(known);
        }
        let has_crlf = self.blob_shared(id)?.contains_str(b"\r\n");
        if let Ok(mut blobs) = self.blobs.lock() {
            blobs.have_crlf.insert(id, has_crlf);
        }
        Ok(has_crlf)
    }

    /// The blob at a path of a tree; none if the path is not there or no file.
    ///
    /// # Errors
    /// Refused, if the tree cannot be read.
    pub fn blob_at(&self, tree: ObjectId, path: &str) -> Result<Option<Vec<u8>>> {
        let tree = self.inner.find_tree(tree).or_refuse(|| format!("The tree {tree} could not be read."))?;
        let entry = tree.lookup_entry_by_path(path).or_refuse(|| format!("'{path}' could not be looked up."))?;
        match entry {
            Some(entry) if entry.mode().is_blob() => Ok(Some(self.blob(entry.object_id())?)),
            _ => Ok(None),
        }
    }

    /// The `session.toml` of a record commit and when that was made, in as few reads as there can be.
    ///
    /// # Errors
    /// Refused, if the commit has none.
    pub fn facts_of(&self, record: ObjectId) -> Result<(Vec<u8>, Timestamp)> {
        let unreadable = || format!("The record {record} could not be read.");
        let commit = self.inner.find_object(record).or_refuse(unreadable)?;
        let fields = || gix::objs::CommitRefIter::from_bytes(&commit.data, self.hash_kind());
        let tree = fields().tree_id().or_refuse(unreadable)?;
        let time = Timestamp(fields().committer().or_refuse(unreadable)?.seconds());
        let tree = self.inner.find_object(tree).or_refuse(unreadable)?;
        for entry in gix::objs::TreeRefIter::from_bytes(&tree.data, self.hash_kind()) {
            let entry = entry.or_refuse(unreadable)?;
            if entry.filename == "session.toml" {
                return Ok((self.blob(entry.oid.to_owned())?, time));
            }
        }
        Err(Error::refused(format!("The record {record} has no session.toml.")))
    }

    /// The names and blobs at the top of a tree, sub-trees left out.
    ///
    /// # Errors
    /// Refused, if the tree cannot be read.
    pub fn files_at_top(&self, tree: ObjectId) -> Result<BTreeMap<String, ObjectId>> {
        let unreadable = || format!("The tree {tree} could not be read.");
        let tree = self.inner.find_object(tree).or_refuse(unreadable)?;
        let mut files = BTreeMap::new();
        for entry in gix::objs::TreeRefIter::from_bytes(&tree.data, self.hash_kind()) {
            let entry = entry.or_refuse(unreadable)?;
            if entry.mode.is_blob() {
                files.insert(entry.filename.to_str_lossy().into_owned(), entry.oid.to_owned());
            }
        }
        Ok(files)
    }

    /// Writes a blob.
    ///
    /// # Errors
    /// Refused, if the object database cannot be written to.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<ObjectId> {
        Ok(self.inner.write_blob(bytes).or_refuse(|| "A blob could not be written.")?.detach())
    }

    /// Writes a tree that is `base` with some paths set to blobs or, with none, removed.
    ///
    /// # Errors
    /// Refused, if the object database cannot be written to.
    pub fn edit_tree<'a>(
        &self,
        base: Option<ObjectId>,
        changes: impl IntoIterator<Item = (&'a str, Option<ObjectId>)>,
    ) -> Result<ObjectId> {
        let failed = || "A tree could not be written.";
        let base = base.unwrap_or_else(|| ObjectId::empty_tree(self.hash_kind()));
        let mut editor = self.inner.edit_tree(base).or_refuse(failed)?;
        for (path, blob) in changes {
            match blob {
                Some(blob) => editor.upsert(path, EntryKind::Blob, blob).or_refuse(failed)?,
                None => editor.remove(path).or_refuse(failed)?,
            };
        }
        Ok(editor.write().or_refuse(failed)?.detach())
    }

    /// Writes a commit again with other parents; all else, its dates too, stays.
    ///
    /// # Errors
    /// Refused, if it cannot be read or the object database cannot be written to.
    pub fn with_parents(&self, id: ObjectId, parents: &[ObjectId]) -> Result<ObjectId> {
        let unreadable = || format!("The commit {id} could not be read.");
        let object = self.inner.find_commit(id).or_refuse(unreadable)?;
        let decoded = object.decode().or_refuse(unreadable)?;
        let mut commit = gix::objs::Commit::try_from(decoded).or_refuse(unreadable)?;
        commit.parents = parents.iter().copied().collect();
        Ok(self.inner.write_object(&commit).or_refuse(|| "A commit could not be written.")?.detach())
    }

    /// Writes a commit of the program's own.
    ///
    /// # Errors
    /// Refused, if the object database cannot be written to.
    pub fn write_commit(&self, draft: &CommitDraft, tree: ObjectId, parents: &[ObjectId]) -> Result<ObjectId> {
        let commit = gix::objs::Commit {
            tree,
            parents: parents.iter().copied().collect(),
            author: draft.author.clone(),
            committer: draft.committer.clone(),
            encoding: None,
            message: draft.message.clone().into(),
            extra_headers: Vec::new(),
        };
        Ok(self.inner.write_object(&commit).or_refuse(|| "A commit could not be written.")?.detach())
    }
}
