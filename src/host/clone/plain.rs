//! Copies where there are no directory handles: each parent is looked at first.

use super::{Edit, Look, Outcome};
use crate::error::Result;
use crate::session::BString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub(super) struct Copier {
    source: PathBuf,
    target: PathBuf,
}

impl Copier {
    pub(super) fn new(source: &Path, target: &Path, _can_share: &AtomicBool) -> Result<Copier> {
        Ok(Copier { source: source.to_owned(), target: target.to_owned() })
    }

    pub(super) fn copy(&mut self, path: &BString, edit: Edit<'_>) -> io::Result<Outcome> {
        let relative = PathBuf::from(path.to_string());
        if !relative.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
            return Ok(Outcome::Blocked);
        }
        let (mut from, mut to) = (self.source.clone(), self.target.clone());
        for part in relative.parent().into_iter().flat_map(Path::components) {
            from.push(part);
            to.push(part);
            let _ = std::fs::create_dir(&to);
            let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
            if from.symlink_metadata().is_err() {
                let _ = std::fs::remove_dir(&to);
                return Ok(Outcome::Vanished);
            }
            if !is_folder(&from) || !is_folder(&to) {
                return Ok(Outcome::Blocked);
            }
        }
        let (from, to) = (self.source.join(&relative), self.target.join(&relative));
        let Ok(meta) = from.symlink_metadata() else { return Ok(Outcome::Vanished) };
        if !meta.is_file() {
            return Ok(Outcome::Blocked);
        }
        if to.symlink_metadata().is_ok() {
            return Ok(Outcome::Taken);
        }
        let is_edited = meta.len() <= 64 * 1024 && (edit.wants)(path);
        let changed = if is_edited { (edit.change)(&std::fs::read(&from)?) } else { None };
        match changed {
            Some(bytes) => std::fs::write(&to, bytes)?,
            None => std::fs::copy(&from, &to).map(drop)?,
        }
        if let Ok(time) = meta.modified() {
            std::fs::OpenOptions::new().write(true).open(&to)?.set_modified(time)?;
        }
        Ok(Look::of(&to).map_or(Outcome::Vanished, |look| Outcome::Copied { look, shared: Some(false) }))
    }
}

pub(super) fn link(_top: &Path, _path: &BString, _to: &Path) -> io::Result<bool> {
    Err(io::Error::other("links need a right of their own on this system"))
}
