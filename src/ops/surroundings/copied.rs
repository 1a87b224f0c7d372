//! What was copied into a worktree, as the session's record keeps it: names, sizes and times, never contents. It is true
//! of one host, and stands under that host's id.

use super::is_made_by_tools;
use crate::error::Result;
use crate::git::Repo;
use crate::git::worktrees::path_of_bytes;
use crate::host::clone::Look;
use crate::session::{BStr, BString, Record};
use std::collections::BTreeMap;
use std::path::Path;

/// A folder with more files than this is kept as one entry.
const MANY: usize = 100;

/// What a record says of the files that were copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copied {
    /// Each file by itself.
    pub files: BTreeMap<String, Look>,
    /// Folders of many: how many files, and the digest of their names, sizes and times.
    pub folders: BTreeMap<String, (u64, String)>,
}

/// The id of this host in records.
///
/// # Errors
/// Refused, if it cannot be computed.
pub fn host_id() -> Result<String> {
    let digest = crate::git::digest(crate::host::witness::Process::current().host.as_bytes())?;
    Ok(digest.chars().take(16).collect())
}

impl Copied {
    /// Of this host.
    pub fn of(record: &Record, host: &str) -> Copied {
        let mut copied = Copied::default();
        let list = record.rest.get("host").and_then(|hosts| hosts.get(host)).and_then(|host| host.get("copied"));
        for entry in list.and_then(toml::Value::as_array).into_iter().flatten() {
            let integer = |key: &str| entry.get(key).and_then(toml::Value::as_integer);
            let Some(path) = entry.get("path").and_then(toml::Value::as_str) else { continue };
            if let (Some(files), Some(digest)) = (integer("files"), entry.get("digest").and_then(toml::Value::as_str)) {
                let files = u64::try_from(files).unwrap_or(0);
                copied.folders.insert(path.to_owned(), (files, digest.to_owned()));
            } else if let (Some(size), Some(mtime)) = (integer("size"), integer("mtime")) {
                let look = Look { size: u64::try_from(size).unwrap_or(0), mtime };
                copied.files.insert(path.to_owned(), look);
            }
        }
        copied
    }

    /// Writes it into the facts.
    pub fn put(&self, record: &mut Record, host: &str) {
        let integer = |number: u64| toml::Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let mut list = Vec::new();
        for (path, look) in &self.files {
            let mut entry = toml::Table::new();
            entry.insert("path".into(), path.as_str().into());
            entry.insert("size".into(), integer(look.size));
            entry.insert("mtime".into(), look.mtime.into());
            list.push(toml::Value::Table(entry));
        }
        for (path, (files, digest)) in &self.folders {
            let mut entry = toml::Table::new();
            entry.insert("path".into(), path.as_str().into());
            entry.insert("files".into(), integer(*files));
            entry.insert("digest".into(), digest.as_str().into());
            list.push(toml::Value::Table(entry));
        }
        let hosts = record.rest.entry("host").or_insert_with(|| toml::Table::new().into());
        let Some(hosts) = hosts.as_table_mut() else { return };
        let ours = hosts.entry(host).or_insert_with(|| toml::Table::new().into());
        if let Some(ours) = ours.as_table_mut() {
            ours.insert("copied".into(), list.into());
        }
    }

    /// Adds what was copied below `root`. What tools make again is not kept: it may go anyway.
    ///
    /// # Errors
    /// Refused, if a digest cannot be computed.
    pub fn add(&mut self, root: &BStr, files: &[(BString, Look)]) -> Result<()> {
        let mut files: Vec<(&str, Look)> = files
            .iter()
            .filter(|(path, _)| !is_made_by_tools(path.as_ref()))
            .filter_map(|(path, look)| Some((std::str::from_utf8(path).ok()?, *look)))
            .collect();
        if files.len() > MANY
            && root.ends_with(b"/")
            && let Ok(root) = std::str::from_utf8(root)
        {
            files.sort_by(|a, b| a.0.cmp(b.0));
            self.folders.insert(root.to_owned(), (files.len() as u64, digest(&files)?));
        } else {
            self.files.extend(files.into_iter().map(|(path, look)| (path.to_owned(), look)));
        }
        Ok(())
    }

    /// Whether what is at an ignored path of the worktree at `top` is what was copied there. Of a folder: all of it is,
    /// or `may_go` for another reason.
    ///
    /// # Errors
    /// Refused, if a digest cannot be computed.
    pub fn is_unchanged(&self, top: &Path, path: &BStr, may_go: &dyn Fn(&BString) -> bool) -> Result<bool> {
        let Some(folder) = path.strip_suffix(b"/") else { return Ok(self.is_same(top, path)) };
        let mut found = Vec::new();
        if !list(top, folder.into(), &mut found) {
            return Ok(false);
        }
        found.retain(|path| !may_go(path));
        let whole = std::str::from_utf8(path).ok().and_then(|path| self.folders.get(path));
        if let Some((files, known)) = whole
            && found.len() as u64 == *files
        {
            let looks: Option<Vec<(&str, Look)>> = found
                .iter()
                .map(|path| Some((std::str::from_utf8(path).ok()?, Look::of(&top.join(path_of_bytes(path)))?)))
                .collect();
            let Some(mut looks) = looks else { return Ok(false) };
            looks.sort_by(|a, b| a.0.cmp(b.0));
            return Ok(digest(&looks)? == *known);
        }
        Ok(found.iter().all(|path| self.is_same(top, path.as_ref())))
    }

    fn is_same(&self, top: &Path, path: &BStr) -> bool {
        let known = std::str::from_utf8(path).ok().and_then(|path| self.files.get(path));
        known.is_some() && Look::of(&top.join(path_of_bytes(path))).as_ref() == known
    }
}

fn digest(files: &[(&str, Look)]) -> Result<String> {
    let mut text = String::new();
    for (path, look) in files {
        text.push_str(&format!("{path}\0{}\0{}\n", look.size, look.mtime));
    }
    crate::git::digest(text.as_bytes())
}

/// All files below a folder; false if a part of it cannot be read.
fn list(top: &Path, folder: &BStr, found: &mut Vec<BString>) -> bool {
    let Ok(entries) = top.join(path_of_bytes(folder)).read_dir() else { return false };
    for entry in entries {
        let Ok(entry) = entry else { return false };
        let Ok(kind) = entry.file_type() else { return false };
        let mut path = folder.to_owned();
        path.push(b'/');
        path.extend_from_slice(&crate::git::worktrees::bytes_of_path(Path::new(&entry.file_name())));
        if !kind.is_dir() {
            found.push(path);
        } else if !list(top, path.as_ref(), found) {
            return false;
        }
    }
    true
}

/// What a record says of this host's copies; nothing for a record that cannot be read.
///
/// # Errors
/// Refused, if the host has no id.
pub fn of_worktree(repo: &Repo, worktree: &crate::git::Worktree) -> Result<Copied> {
    let Some(name) = &worktree.tie else { return Ok(Copied::default()) };
    match crate::store::record::find(repo, name) {
        Ok(Some(loaded)) => Ok(Copied::of(&loaded.record, &host_id()?)),
        _ => Ok(Copied::default()),
    }
}
