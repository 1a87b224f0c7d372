//! A tree some entries of which change; the bytes of the others stay as they are.

use super::differing::Slot;
use super::pieces::length_of_first;
use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::ObjectId;
use gix::bstr::BStr;
use gix::objs::tree::EntryRef;
use std::ops::Range;

/// How git writes the modes that there are, with the blank behind. Some old trees have other ones, which git does not
/// leave as they are.
const MODES: [&[u8]; 5] = [b"100644 ", b"40000 ", b"100755 ", b"120000 ", b"160000 "];

/// Whether git writes such an entry with the very mode that it has.
pub(in crate::git) fn is_usual(slot: &Slot) -> bool {
    slot.is_none_or(|(mode, _)| {
        let mut buffer = Default::default();
        let mode = mode.as_bytes(&mut buffer);
        MODES.iter().any(|usual| usual.trim_ascii_end() == &**mode)
    })
}

/// The bytes of a tree.
pub(in crate::git) struct Editable {
    bytes: Vec<u8>,
    hash: gix::hash::Kind,
    is_changed: bool,
}

impl Repo {
    /// A tree, to change entries of it; none where git would change others as well.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub(in crate::git) fn editable(&self, tree: ObjectId) -> Result<Option<Editable>> {
        let found = self.tree(tree)?;
        let mut bytes = Vec::with_capacity(found.size());
        found.pieces().for_each(|piece| bytes.extend_from_slice(piece));
        let editable = Editable { bytes, hash: self.hash_kind(), is_changed: false };
        let mut at = 0;
        while at < editable.bytes.len() {
            let entry = &editable.bytes[at..];
            let (Some(length), true) =
                (length_of_first(entry, editable.hash), MODES.iter().any(|mode| entry.starts_with(mode)))
            else {
                return Ok(None);
            };
            at += length;
        }
        Ok(Some(editable))
    }
}

impl Editable {
    /// What is at a name.
    ///
    /// # Errors
    /// Refused, if the tree is malformed.
    pub(in crate::git) fn slot(&self, name: &BStr) -> Result<Slot> {
        Ok(self.find(|entry| entry.filename == name)?.map(|(_, entry)| (entry.mode, entry.oid.to_owned())))
    }

    /// Changes what is at a name.
    ///
    /// # Errors
    /// Refused, if the tree is malformed.
    pub(in crate::git) fn set(&mut self, name: &BStr, slot: Slot) -> Result<()> {
        self.is_changed = true;
        let mut range = None;
        if let Some((found, entry)) = self.find(|entry| entry.filename == name)? {
            let stays = slot.is_some_and(|(mode, _)| mode.is_tree() == entry.mode.is_tree());
            if stays {
                range = Some(found);
            } else {
                self.bytes.drain(found);
            }
        }
        let Some((mode, id)) = slot else { return Ok(()) };
        let new = EntryRef { mode, filename: name, oid: &id };
        let range = match range {
            Some(range) => range,
            // A directory has its place as if its name ended with a slash.
            None => match self.find(|entry| *entry > new)? {
                Some((next, _)) => next.start..next.start,
                None => self.bytes.len()..self.bytes.len(),
            },
        };
        let mut buffer = Default::default();
        let entry = [&**mode.as_bytes(&mut buffer), b" ", &**name, b"\0", id.as_slice()].concat();
        drop(self.bytes.splice(range, entry));
        Ok(())
    }

    /// Whether something has.
    pub(in crate::git) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The bytes.
    pub(in crate::git) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first entry of which this is so, and where it is.
    fn find(&self, is_it: impl Fn(&EntryRef<'_>) -> bool) -> Result<Option<(Range<usize>, EntryRef<'_>)>> {
        let unreadable = || "A tree could not be read.";
        let mut at = 0;
        for entry in gix::objs::TreeRefIter::from_bytes(&self.bytes, self.hash) {
            let entry = entry.or_refuse(unreadable)?;
            let length = length_of_first(&self.bytes[at..], self.hash).unwrap_or_default();
            if is_it(&entry) {
                return Ok(Some((at..at + length, entry)));
            }
            at += length;
        }
        Ok(None)
    }
}
