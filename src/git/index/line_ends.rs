//! Where git does not write the bytes of a blob: line ends by attributes (`eol=crlf`), which are written here as git writes
//! them, and all else, which is left to git.

use super::Index;
use super::attributes::{Files, Form, Verdict, is_attributes};
use super::change::{Change, Route, Side, mode_of, side as side_of};
use crate::error::{Context, Result};
use crate::git::Repo;
use crate::host::copy::Kind;
use crate::session::{BStr, ObjectId};
use gix::filter::plumbing::eol;
use std::sync::Arc;

impl Repo {
    /// Notes in the changes of a route what the files have where those are not as their blobs. False where only git can
    /// write one of them.
    pub(super) fn note_line_ends(&self, index: &Index, route: &Route, changes: &mut [Change]) -> Result<bool> {
        let before = index.attributes();
        let mut after = before.clone();
        for change in changes.iter().filter(|change| is_attributes(&change.path)) {
            // What was not committed was read by the old ones.
            if route.carried.is_some() {
                return Ok(false);
            }
            // git converts by the attributes that come with the files.
            after.retain(|(path, _)| *path != change.path);
            after.extend(change.index_new.map(|new| (change.path.clone(), new.id)));
        }
        after.sort();
        let verdict = self.verdict_of(&after)?;
        if verdict == Verdict::Unknown || verdict != Verdict::Always && !self.have_no_crlf(changes)? {
            return Ok(false);
        }
        let old = self.forms_at(&before, changes, |change| change.old)?;
        let new = self.forms_at(&after, changes, |change| change.new)?;
        if new.contains(&Form::Other) {
            return Ok(false);
        }
        if route.carried.is_some() {
            // What is uncommitted is taken as it is.
            for (change, forms) in changes.iter().zip(old.iter().zip(&new)) {
                if forms != (&Form::Blob, &Form::Blob) && self.is_uncommitted(route, change)? {
                    return Ok(false);
                }
            }
        }
        for (change, (old, new)) in changes.iter_mut().zip(old.into_iter().zip(new)) {
            let id = |form: Form, side: Option<Side>| match (form, side) {
                (Form::Crlf, Some(side)) => self.id_of_blob(&self.with_crlf(side.id)?).map(Some),
                _ => Ok(None),
            };
            change.file_ids.old = id(old, change.old)?;
            change.file_ids.new = id(new, change.new)?;
        }
        Ok(true)
    }

    /// Whether a path has, before or after, in its file or in the index, anything else than the commit.
    fn is_uncommitted(&self, route: &Route, change: &Change) -> Result<bool> {
        let sides = [(route.old, change.old, change.index_old), (route.new, change.new, change.index_new)];
        for (commit, file, index) in sides {
            let tree = self.commit(commit)?.tree;
            if file != index || side_of(self.entry_at(tree, &change.path)?) != Some(file) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// For each change, what git makes of the blob that it has on one side.
    fn forms_at(
        &self,
        attributes: &Files,
        changes: &[Change],
        side: impl Fn(&Change) -> Option<Side>,
    ) -> Result<Vec<Form>> {
        if self.verdict_of(attributes)? != Verdict::PerPath {
            return Ok(vec![Form::Blob; changes.len()]);
        }
        // git does not look at the target of a link.
        let side = |change: &Change| side(change).filter(|side| side.kind != Kind::Symlink);
        let paths = changes.iter().filter_map(|change| Some((BStr::new(&change.path), mode_of(side(change)?.kind))));
        let mut found = self.forms_of(attributes, paths)?.into_iter();
        let form = |change| side(change).and_then(|_| found.next()).unwrap_or(Form::Blob);
        Ok(changes.iter().map(form).collect())
    }

    fn have_no_crlf(&self, changes: &[Change]) -> Result<bool> {
        for side in changes.iter().flat_map(written).filter(|side| side.kind != Kind::Symlink) {
            if self.blob_has_crlf(side.id)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The bytes of the file that a change brings, which is of this blob.
    ///
    /// # Errors
    /// Refused, if there is no such blob.
    pub fn new_content(&self, change: &Change, blob: ObjectId) -> Result<Arc<Vec<u8>>> {
        if change.file_ids.new.is_some() { self.with_crlf(blob).map(Arc::new) } else { self.blob_shared(blob) }
    }

    /// The bytes of a blob with CR LF at the end of each line.
    fn with_crlf(&self, blob: ObjectId) -> Result<Vec<u8>> {
        let bytes = self.blob_shared(blob)?;
        let (mut out, how) = (Vec::new(), eol::AttributesDigest::TextCrlf);
        let is_other = eol::convert_to_worktree(&bytes, how, &mut out, eol::Configuration::default())
            .or_refuse(|| format!("The line ends of {blob} could not be written."))?;
        Ok(if is_other { out } else { bytes.to_vec() })
    }
}

/// The contents of a change that must be in a file as they are in their blob: the new one, and an uncommitted one that was
/// read from a file.
fn written(change: &Change) -> impl Iterator<Item = Side> {
    change.new.into_iter().chain(change.old.filter(|_| change.is_carried()))
}
