//! Salvage: a commit of everything uncommitted, in the shape of `git stash push -u`, made before something goes.
//!
//! `git stash apply --index <id>` brings it back without us. The worktree and its index are only read.

use crate::error::{Context, Error, Result};
use crate::git::config::Identity;
use crate::git::history::first_line;
use crate::git::merge::Scratch;
use crate::git::worktrees::{Worktree, path_of_bytes};
use crate::git::{CommitDraft, Repo, status};
use crate::host::process::Command;
use crate::session::{BString, ObjectId};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// The stash-shaped commit: parents are `HEAD`, the index, and where there are any the untracked files.
    pub commit: ObjectId,
    /// Of a conflicted index: one commit for each stage.
    pub stages: Vec<ObjectId>,
}

/// An index file of our own beside the worktree's; it goes with this value.
struct ScratchIndex {
    path: PathBuf,
}

impl ScratchIndex {
    fn new(git_dir: &Path, what: &str) -> ScratchIndex {
        let path = git_dir.join(format!("session-{what}-{}.index", std::process::id()));
        let _ = std::fs::remove_file(&path);
        ScratchIndex { path }
    }

    fn copied(git_dir: &Path, what: &str) -> Result<ScratchIndex> {
        let scratch = ScratchIndex::new(git_dir, what);
        let index = git_dir.join("index");
        if index.exists() {
            let failed = || format!("'{}' could not be copied.", index.display());
            std::fs::copy(&index, &scratch.path).or_refuse(failed)?;
            // A file as young as the index is read again by git, whatever its times say; it must not look older here.
            let time = index.metadata().and_then(|meta| meta.modified()).or_refuse(failed)?;
            let copy = std::fs::File::options().write(true).open(&scratch.path).or_refuse(failed)?;
            copy.set_modified(time).or_refuse(failed)?;
        }
        Ok(scratch)
    }

    fn git(&self, top: &Path) -> Command {
        super::command::in_worktree(top).without_hooks().env("GIT_INDEX_FILE", &self.path)
    }

    fn tree(&self, top: &Path) -> Result<ObjectId> {
        let output = self.git(top).args(["write-tree"]).run_ok()?;
        ObjectId::from_hex(output.text().as_bytes()).or_refuse(|| "git wrote a tree and did not name it.")
    }

    /// git passes over names that could be mistaken for its own (`.GIT`, `git~1`), and calls that a success.
    fn require_all(&self, top: &Path, paths: &[BString]) -> Result<()> {
        let held = self.git(top).args(["ls-files", "-z"]).run_ok()?.stdout;
        let held: HashSet<&[u8]> = held.split(|byte| *byte == 0).collect();
        let Some(missing) = paths.iter().find(|path| !held.contains(path.as_slice())) else { return Ok(()) };
        Err(Error::refused(format!(
            "git takes nothing by the name of '{}': salvage cannot hold it.",
            path_of_bytes(missing).display()
        ))
        .hint("Move it out of the worktree, then run it again."))
    }
}

impl Drop for ScratchIndex {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(self.path.with_extension("index.lock"));
    }
}

impl Repo {
    /// Puts everything uncommitted of a worktree into a commit that no ref holds yet; none if there is nothing.
    ///
    /// # Errors
    /// Refused, if something cannot be read: then nothing may be removed.
    pub fn salvage(&self, worktree: &Worktree, identity: &Identity) -> Result<Option<Salvage>> {
        self.salvage_at(worktree, identity, None)
    }

    /// The same; `gone` is where `HEAD` stood, if its branch is gone since.
    ///
    /// # Errors
    /// As [`Repo::salvage`].
    pub fn salvage_at(
        &self,
        worktree: &Worktree,
        identity: &Identity,
        gone: Option<ObjectId>,
    ) -> Result<Option<Salvage>> {
        let (top, git_dir) = (worktree.path.as_path(), worktree.git_dir.as_path());
        let head = self.git_of(git_dir).args(["rev-parse", "--verify", "--quiet", "HEAD"]).run()?;
        let head = ObjectId::from_hex(head.text().as_bytes()).ok().or(gone);
        let branch = worktree.branch().unwrap_or_else(|| "(no branch)".into());
        let branch = branch.strip_prefix("refs/heads/").unwrap_or(&branch).to_owned();
        let draft = |message: String| CommitDraft {
            author: identity.signature.clone(),
            committer: identity.signature.clone(),
            message,
        };
        let (head, subject) = match head {
            Some(id) => (id, format!("{} {}", self.short(id), first_line(&self.commit(id)?.message))),
            None => {
                let empty = self.edit_tree(None, [])?;
                (self.write_commit(&draft("nothing was committed yet".into()), empty, &[])?, "no commit yet".into())
            }
        };
        let head_tree = self.commit(head)?.tree;
        let (index_tree, stages) = self.index_trees(worktree)?;
        let stages = stages
            .into_iter()
            .map(|(stage, tree)| {
                self.write_commit(&draft(format!("stage {stage} on {branch}: {subject}\n")), tree, &[head])
            })
            .collect::<Result<Vec<_>>>()?;
        let files_tree = files_tree(top, git_dir)?;
        let untracked: Vec<BString> =
            status::untracked(top)?.into_iter().filter(|path| !path.ends_with(b"/")).collect();
        if untracked.is_empty() && stages.is_empty() && index_tree == head_tree && files_tree == head_tree {
            return Ok(None);
        }
        let index = self.write_commit(&draft(format!("index on {branch}: {subject}\n")), index_tree, &[head])?;
        let mut parents = vec![head, index];
        if !untracked.is_empty() {
            let scratch = ScratchIndex::new(git_dir, "untracked");
            let mut input = Vec::new();
            for path in &untracked {
                input.extend_from_slice(path);
                input.push(0);
            }
            scratch.git(top).args(["update-index", "-z", "--add", "--stdin"]).input(input).run_ok()?;
            scratch.require_all(top, &untracked)?;
            let tree = scratch.tree(top)?;
            parents.push(self.write_commit(&draft(format!("untracked files on {branch}: {subject}\n")), tree, &[])?);
        }
        let commit = self.write_commit(&draft(format!("WIP on {branch}: {subject}\n")), files_tree, &parents)?;
        Ok(Some(Salvage { commit, stages }))
    }

    /// What `git add --all` and `git commit` would make on top of `tip`, written to `scratch` only.
    ///
    /// # Errors
    /// Refused, with git's words, if something cannot be read.
    pub fn forecast_commit(&self, scratch: &Scratch, worktree: &Worktree, tip: ObjectId) -> Result<ObjectId> {
        let index = ScratchIndex::copied(&worktree.git_dir, "forecast")?;
        let git = || scratch.lend(index.git(&worktree.path));
        git().args(["-c", "advice.addEmbeddedRepo=false", "add", "--all", "--", ":/"]).run_ok()?;
        let tree = git().args(["write-tree"]).run_ok()?.text();
        let commit = git().args(["commit-tree", "--no-gpg-sign", "-p", &tip.to_string(), "-m", "-", &tree]).run_ok()?;
        ObjectId::from_hex(commit.text().as_bytes()).or_refuse(|| "git made a commit and did not name it.")
    }

    /// The trees of files, index and untracked files that a salvage holds: two of them hold the same if these are equal.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn salvaged_trees(&self, salvage: ObjectId) -> Result<Vec<ObjectId>> {
        let commit = self.commit(salvage)?;
        let parts = commit.parents.iter().skip(1).map(|id| Ok(self.commit(*id)?.tree));
        std::iter::once(Ok(commit.tree)).chain(parts).collect()
    }

    /// What is staged in a worktree whose directory is gone: one commit for the index, and for each stage of an unmerged
    /// one, that no ref holds yet; none where all of it is in `HEAD`.
    ///
    /// # Errors
    /// Refused, if it cannot be read: then git's entry may not be removed.
    pub fn salvage_index(&self, worktree: &Worktree, identity: &Identity) -> Result<Vec<ObjectId>> {
        if !worktree.git_dir.join("index").exists() {
            return Ok(Vec::new());
        }
        let head = self.git_of(&worktree.git_dir).args(["rev-parse", "--verify", "--quiet", "HEAD"]).run()?;
        let head = ObjectId::from_hex(head.text().as_bytes()).ok();
        // git's own directory serves as the place to run in.
        let (tree, stages) = self.index_trees(&Worktree { path: worktree.git_dir.clone(), ..worktree.clone() })?;
        let head_tree = head.map(|id| self.commit(id)).transpose()?.map(|commit| commit.tree);
        if stages.is_empty() && head_tree == Some(tree) {
            return Ok(Vec::new());
        }
        let name = worktree.path.display();
        let draft = |what: String| CommitDraft {
            author: identity.signature.clone(),
            committer: identity.signature.clone(),
            message: format!("{what} of the lost {name}\n"),
        };
        let mut commits = vec![self.write_commit(&draft("index".into()), tree, head.as_slice())?];
        for (stage, tree) in stages {
            commits.push(self.write_commit(&draft(format!("stage {stage}")), tree, head.as_slice())?);
        }
        Ok(commits)
    }

    /// The tree of the index, unmerged paths as ours has them; and of an unmerged one a tree for each stage.
    fn index_trees(&self, worktree: &Worktree) -> Result<(ObjectId, Vec<(char, ObjectId)>)> {
        let (top, git_dir) = (worktree.path.as_path(), worktree.git_dir.as_path());
        let scratch = ScratchIndex::copied(git_dir, "staged")?;
        let unmerged = scratch.git(top).args(["ls-files", "-z", "--unmerged"]).run_ok()?.stdout;
        if unmerged.is_empty() {
            return Ok((scratch.tree(top)?, Vec::new()));
        }
        let mut stages = Vec::new();
        let mut ours = Vec::new();
        for stage in ['1', '2', '3'] {
            let alone = ScratchIndex::new(git_dir, "stage");
            let mut info = Vec::new();
            for line in unmerged.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
                let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
                let (meta, path) = (String::from_utf8_lossy(&line[..tab]), &line[tab + 1..]);
                let mut fields = meta.split(' ');
                let (Some(mode), Some(id), Some(number)) = (fields.next(), fields.next(), fields.next()) else {
                    continue;
                };
                if number == stage.to_string() {
                    info.extend_from_slice(format!("{mode} {id}\t").as_bytes());
                    info.extend_from_slice(path);
                    info.push(0);
                }
            }
            if info.is_empty() {
                continue;
            }
            alone.git(top).args(["update-index", "-z", "--index-info"]).input(info.clone()).run_ok()?;
            stages.push((stage, alone.tree(top)?));
            if stage == '2' {
                ours = info;
            }
        }
        // What is unmerged cannot be a tree: take those paths out, then ours in.
        let mut info = Vec::new();
        for line in unmerged.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
            info.extend_from_slice(format!("0 {}\t", self.null_id()).as_bytes());
            info.extend_from_slice(&line[tab + 1..]);
            info.push(0);
        }
        info.extend_from_slice(&ours);
        scratch.git(top).args(["update-index", "-z", "--index-info"]).input(info).run_ok()?;
        Ok((scratch.tree(top)?, stages))
    }
}

/// The tree of all tracked files as they are on disk. Flags that hide changes are ignored when looking.
fn files_tree(top: &Path, git_dir: &Path) -> Result<ObjectId> {
    let scratch = ScratchIndex::copied(git_dir, "files")?;
    // What was made outside of a sparse checkout is work too: git would leave it out.
    let full = || scratch.git(top).args(["-c", "core.sparseCheckout=false"]);
    let listed = full().args(["ls-files", "-z", "-v"]).run_ok()?.stdout;
    let (mut assumed, mut skipped) = (Vec::new(), Vec::new());
    for line in listed.split(|byte| *byte == 0).filter(|line| line.len() > 2) {
        let (tag, path) = (line[0], &line[2..]);
        let list = if tag == b'S' || tag == b's' {
            // A sparse checkout leaves files out on purpose: only what is there can have been changed.
            if top.join(path_of_bytes(path)).symlink_metadata().is_err() {
                continue;
            }
            &mut skipped
        } else if tag.is_ascii_lowercase() {
            &mut assumed
        } else {
            continue;
        };
        list.extend_from_slice(path);
        list.push(0);
    }
    for (flag, paths) in [("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)] {
        if !paths.is_empty() {
            full().args(["update-index", flag, "-z", "--stdin"]).input(paths).run_ok()?;
        }
    }
    // A submodule's repository knows where its files were, and cannot be asked from where they are now. What is in it is
    // its own: it was looked at before.
    let staged = scratch.git(top).args(["ls-files", "-z", "--stage"]).run_ok()?.stdout;
    let mut links = Vec::new();
    for line in staged.split(|byte| *byte == 0).filter(|line| line.starts_with(b"160000 ")) {
        let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
        // A file in its place is somebody's.
        if top.join(path_of_bytes(&line[tab + 1..])).symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
            continue;
        }
        links.extend_from_slice(&line[tab + 1..]);
        links.push(0);
    }
    if !links.is_empty() {
        scratch.git(top).args(["update-index", "--assume-unchanged", "-z", "--stdin"]).input(links).run_ok()?;
    }
    full().args(["-c", "advice.addEmbeddedRepo=false", "add", "--update", "--", ":/"]).run_ok()?;
    scratch.tree(top)
}
