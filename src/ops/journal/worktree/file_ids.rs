//! Which files have other bytes than their blobs, in a file `file-ids` beside what is staged: whoever recovers knows them by
//! that, whatever attributes hold by then. A line for each: the number of the change, and the ids before and after, or `-`.

use super::{Follow, is_there};
use crate::error::{Context as _, Error, Result};
use crate::git::index::{Change, FileIds};
use crate::host::copy::Kind;
use crate::session::ObjectId;
use std::path::Path;

pub(super) const NAME: &str = "file-ids";

impl Follow<'_> {
    /// Notes them, if there are any.
    pub(super) fn note_file_ids(&self) -> Result<()> {
        let id = |id: Option<ObjectId>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let others = self.changes.files.iter().map(|change| change.file_ids).enumerate();
        let lines: String = others
            .filter(|(_, ids)| *ids != FileIds::default())
            .map(|(n, ids)| format!("{n} {} {}\n", id(ids.old), id(ids.new)))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        self.place.stage(NAME, Kind::File, lines.as_bytes()).or_refuse(|| "The move could not be noted.")
    }
}

/// Puts into the changes of a move what was noted of it; nothing, if the worktree was not touched yet.
pub(super) fn recall(stage: &Path, changes: &mut [Change]) -> Result<()> {
    if !is_there(&stage.join("staged")) {
        return Ok(());
    }
    let path = stage.join(NAME);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        text => text.or_refuse(|| format!("'{}' could not be read.", path.display()))?,
    };
    for line in text.lines() {
        let damaged = || Error::refused(format!("'{}' is damaged.", path.display()));
        let mut words = line.split(' ');
        let change = words.next().and_then(|n| changes.get_mut(n.parse::<usize>().ok()?)).ok_or_else(damaged)?;
        let mut id = || match words.next() {
            Some("-") => Ok(None),
            word => word.and_then(|word| ObjectId::from_hex(word.as_bytes()).ok()).map(Some).ok_or_else(damaged),
        };
        change.file_ids = FileIds { old: id()?, new: id()? };
    }
    Ok(())
}
