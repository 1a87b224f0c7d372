//! The work of a worktree as a tree, uncommitted and untracked files included, in memory: nothing is written.

use crate::error::{Context, Error, Result};
use crate::git::command::in_worktree;
use crate::git::index::Files;
use crate::git::merge::{Merger, Scratch};
use crate::git::status;
use crate::git::worktrees::{Worktree, bytes_of_path, path_of_bytes};
use crate::git::{CommitDraft, Repo};
use crate::host::exchange::Stat;
use crate::session::{BString, ObjectId};
use gix::bstr::ByteSlice;
use gix::objs::Write as _;
use gix::objs::tree::EntryKind;
use std::collections::HashSet;

impl Merger {
    /// The tree of a worktree as it is now, with every file that is not ignored: what `git add --all` and `git write-tree`
    /// would give; none where that is the tree of `head`.
    ///
    /// # Errors
    /// Refused, if something cannot be read, or the worktree is broken.
    pub fn work_of(&self, worktree: &Worktree, head: ObjectId) -> Result<Option<ObjectId>> {
        let files = match self.repo().uncommitted_files(worktree, head) {
            Ok(Some(files)) => files,
            Ok(None) | Err(_) => as_git_says(worktree)?,
        };
        if files.changed.is_empty() && files.gone.is_empty() {
            return Ok(None);
        }
        let before = self.repo().commit(head)?.tree;
        let failed = || "A tree could not be made.";
        let repo = self.repo();
        let mut editor = repo.inner.edit_tree(before).or_refuse(failed)?;
        for path in &files.gone {
            editor.remove(path.as_bstr()).or_refuse(failed)?;
        }
        for ((path, _), file) in files.changed.iter().zip(repo.files_of(worktree, &files)?) {
            match file {
                Some((kind, id)) => editor.upsert(path.as_bstr(), kind, id).or_refuse(failed)?,
                None => editor.remove(path.as_bstr()).or_refuse(failed)?,
            };
        }
        let tree = editor.write().or_refuse(failed)?.detach();
        Ok(Some(tree).filter(|tree| *tree != before))
    }
}

impl Repo {
    /// A commit of this tree on `parent` that is nobody's, for merges that want commits. The handle keeps its objects in
    /// memory.
    ///
    /// # Errors
    /// Refused, if it cannot be made.
    pub fn commit_in_memory(&self, tree: ObjectId, parent: ObjectId) -> Result<ObjectId> {
        let nobody = crate::git::config::Identity::of_nobody().signature;
        let draft = CommitDraft { author: nobody.clone(), committer: nobody, message: "uncommitted work\n".into() };
        self.write_commit(&draft, tree, &[parent])
    }
}

/// What attributes and settings may do to bytes on their way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Conversion {
    /// A carriage return may go.
    LineEnds,
    Any,
}

/// The names of attributes that a file of them sets, unsets or leaves open.
fn attribute_names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii_start().starts_with(b"#"));
    lines.flat_map(|line| line.split(u8::is_ascii_whitespace)).map(|word| {
        let name = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"!")).unwrap_or(word);
        name.split(|byte| *byte == b'=').next().unwrap_or_default()
    })
}

/// What differs, by `git status`.
fn as_git_says(worktree: &Worktree) -> Result<Files> {
    let changed = status::changed_paths_each(&worktree.path)?;
    // A repository of its own inside is no part of this work.
    let changed = || changed.iter().filter(|change| !change.path.ends_with(b"/"));
    let untracked: HashSet<&BString> =
        changed().filter(|change| change.mark == *b"??").map(|change| &change.path).collect();
    // Taken out of the index and not seen as untracked: whatever stands there is ignored.
    let is_gone = |change: &&status::ChangedPath| change.mark[0] == b'D' && !untracked.contains(&change.path);
    let gone = changed().filter(is_gone).map(|change| change.path.clone()).collect();
    let left = changed().filter(|change| !is_gone(change)).map(|change| (change.path.clone(), change.mode)).collect();
    let listed = in_worktree(&worktree.path)
        .args(["ls-files", "-z", "--cached", "--others", "--", ":(top,glob)**/.gitattributes"])
        .run_ok()?;
    let attributes = listed.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(BString::from);
    Ok(Files { changed: left, gone, attributes: attributes.collect() })
}

/// A file as it would be added.
type Added = Option<(EntryKind, ObjectId)>;

impl Repo {
    /// What `git add` would make of each of these paths.
    fn files_of(&self, worktree: &Worktree, files_now: &Files) -> Result<Vec<Added>> {
        let ignores_modes = self.switch("core.fileMode")? == Some(false);
        let ignores_links = self.switch("core.symlinks")? == Some(false);
        let conversions = self.conversions(worktree, &files_now.attributes)?;
        let mut files: Vec<Added> = Vec::with_capacity(files_now.changed.len());
        let mut converted: Vec<(usize, &BString)> = Vec::new();
        for (at, (path, mode)) in files_now.changed.iter().enumerate() {
            let place = worktree.path.join(path_of_bytes(path));
            let unreadable = || format!("'{}' could not be read.", place.display());
            let Some(stat) = Stat::of(&place).or_refuse(unreadable)? else {
                files.push(None);
                continue;
            };
            if stat.is_symlink() {
                let target = std::fs::read_link(&place).or_refuse(unreadable)?;
                files.push(Some((EntryKind::Link, self.blob_in_memory(&bytes_of_path(&target))?)));
            } else if stat.is_directory() {
                files.push(self.submodule_at(&place)?);
            } else if stat.is_file() {
                let kind = match *mode {
                    Some(0o120_000) if ignores_links => EntryKind::Link,
                    Some(mode) if ignores_modes && mode == 0o100_755 => EntryKind::BlobExecutable,
                    _ if !ignores_modes && stat.is_executable() => EntryKind::BlobExecutable,
                    _ => EntryKind::Blob,
                };
                let bytes = std::fs::read(&place).or_refuse(unreadable)?;
                let applies = conversions.iter().filter(|(place, _)| path.starts_with(place));
                let may_change = match applies.map(|(_, conversion)| *conversion).max() {
                    None => false,
                    Some(Conversion::LineEnds) => bytes.contains(&b'\r'),
                    Some(Conversion::Any) => true,
                };
                if may_change && kind != EntryKind::Link {
                    converted.push((at, path));
                    files.push(Some((kind, self.null_id())));
                } else {
                    files.push(Some((kind, self.blob_in_memory(&bytes)?)));
                }
            } else {
                // A socket or the like: git does not add it.
                files.push(None);
            }
        }
        for ((at, _), id) in converted.iter().zip(self.as_git_stores(worktree, &converted)?) {
            if let Some((_, blob)) = &mut files[*at] {
                *blob = id;
            }
        }
        Ok(files)
    }

    fn blob_in_memory(&self, bytes: &[u8]) -> Result<ObjectId> {
        self.inner.objects.write_buf(gix::objs::Kind::Blob, bytes).or_refuse(|| "A file could not be kept.")
    }

    /// What git may make of the bytes of files before it stores them: by the directory that a file of attributes stands
    /// in, with a slash, the whole worktree being the empty one.
    fn conversions(&self, worktree: &Worktree, attributes: &[BString]) -> Result<Vec<(BString, Conversion)>> {
        if self.conversion_is_configured()? {
            return Ok(vec![(BString::default(), Conversion::Any)]);
        }
        let personal = match self.path_setting("core.attributesFile")? {
            Some(path) => Some(path.into()),
            None => crate::host::state::git_config_file("attributes"),
        };
        let own = self.common_dir().join("info/attributes");
        let everywhere = personal.into_iter().chain([own]).map(|file| (BString::default(), file));
        let tracked = attributes.iter().map(|path| {
            let above = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            (BString::from(&path[..above]), worktree.path.join(path_of_bytes(path)))
        });
        let mut found = Vec::new();
        for (place, file) in everywhere.chain(tracked) {
            let text = std::fs::read(file).unwrap_or_default();
            let has = |names: &[&str]| attribute_names(&text).any(|name| names.iter().any(|it| it.as_bytes() == name));
            if has(&["filter", "ident", "working-tree-encoding"]) {
                found.push((place, Conversion::Any));
            } else if has(&["text", "eol", "crlf"]) {
                found.push((place, Conversion::LineEnds));
            }
        }
        Ok(found)
    }

    /// Files as git's filters leave them, in memory.
    fn as_git_stores(&self, worktree: &Worktree, files: &[(usize, &BString)]) -> Result<Vec<ObjectId>> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let scratch = Scratch::new(self)?;
        let store = gix::odb::loose::Store::at(scratch.directory(), self.hash_kind());
        let mut ids = Vec::with_capacity(files.len());
        // A name with a line break cannot be said on a line.
        let (lines, odd): (Vec<_>, Vec<_>) = files.iter().partition(|(_, path)| !path.contains(&b'\n'));
        let mut known = std::collections::HashMap::new();
        let base = || scratch.lend(in_worktree(&worktree.path)).args(["hash-object", "-w"]);
        if !lines.is_empty() {
            let input: Vec<u8> = lines.iter().flat_map(|(_, path)| path.iter().copied().chain([b'\n'])).collect();
            let output = base().arg("--stdin-paths").input(input).run_ok()?;
            let text = output.text();
            known.extend(lines.iter().map(|(at, _)| *at).zip(text.lines().map(str::to_owned)));
        }
        for (at, path) in odd {
            let output = base().arg("--").arg(path_of_bytes(path)).run_ok()?;
            known.insert(at, output.text().trim().to_owned());
        }
        for (at, path) in files {
            let id = known.get(at).and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok());
            let id = id.ok_or_else(|| Error::refused(format!("git could not store '{path}'.")))?;
            let mut buffer = Vec::new();
            let failed = || format!("'{path}' could not be kept.");
            if let Some(data) = store.try_find(&id, &mut buffer).or_refuse(failed)? {
                self.inner.objects.write_buf(data.kind, data.data).or_refuse(failed)?;
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// What is checked out in a submodule; none of a directory that is no repository.
    fn submodule_at(&self, place: &std::path::Path) -> Result<Added> {
        if !place.join(".git").exists() {
            return Ok(None);
        }
        let output = in_worktree(place).args(["rev-parse", "--verify", "--quiet", "HEAD"]).run()?;
        Ok(ObjectId::from_hex(output.text().as_bytes()).ok().map(|id| (EntryKind::Commit, id)))
    }
}
