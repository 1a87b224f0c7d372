//! Worktrees as git records them now, and the tie that says whose session each one is.
//!
//! git's name of a worktree (`worktrees/<id>`) is looked up, never derived. One broken entry is a row, never an error.

use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::session::{Name, ObjectId};
use std::path::{Path, PathBuf};

/// The per-worktree symref that names the session, and so survives moves and switches.
pub const TIE: &str = "refs/worktree/session";

/// What `HEAD` of a worktree says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// On this branch, by full name.
    Branch(String),
    /// On no branch.
    Detached(ObjectId),
    /// It cannot be read.
    Unknown,
}

/// One worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// git's name for it; none for the main worktree.
    pub id: Option<String>,
    /// Its top directory.
    pub path: PathBuf,
    /// Its own git directory.
    pub git_dir: PathBuf,
    /// Where its `HEAD` is.
    pub head: Head,
    /// Why it is locked, where it is.
    pub locked: Option<String>,
    /// Whether its directory is gone.
    pub is_missing: bool,
    /// The session it is tied to.
    pub tie: Option<Name>,
}

impl Worktree {
    /// Whether it is the main one.
    pub fn is_main(&self) -> bool {
        self.id.is_none()
    }

    /// The branch it holds: that of `HEAD`, or in the middle of a rebase the one being rebased.
    pub fn branch(&self) -> Option<String> {
        if let Head::Branch(branch) = &self.head {
            return Some(branch.clone());
        }
        ["rebase-merge/head-name", "rebase-apply/head-name"].iter().find_map(|file| {
            let name = std::fs::read_to_string(self.git_dir.join(file)).ok()?;
            let name = name.trim();
            name.starts_with("refs/heads/").then(|| name.to_owned())
        })
    }

    /// The operation that git is in the middle of there.
    pub fn operation(&self) -> Option<&'static str> {
        let has = |file: &str| self.git_dir.join(file).exists();
        if has("rebase-merge") || has("rebase-apply/rebasing") {
            Some("rebase")
        } else if has("rebase-apply") {
            Some("am")
        } else if has("MERGE_HEAD") {
            Some("merge")
        } else if has("CHERRY_PICK_HEAD") {
            Some("cherry-pick")
        } else if has("REVERT_HEAD") {
            Some("revert")
        } else if has("BISECT_LOG") {
            Some("bisect")
        } else {
            None
        }
    }

    /// Whether somebody is writing its index right now.
    pub fn is_busy(&self) -> bool {
        self.git_dir.join("index.lock").exists()
    }

    /// Whether a path lies inside it.
    pub fn contains(&self, path: &Path) -> bool {
        path.starts_with(&self.path)
    }

    /// Whether the directory says itself that it is this worktree: what removal asks for.
    pub fn is_proven(&self) -> bool {
        let Some(_) = &self.id else { return false };
        let Ok(text) = std::fs::read_to_string(self.path.join(".git")) else { return false };
        let Some(target) = text.strip_prefix("gitdir: ") else { return false };
        let target = self.path.join(target.trim_end());
        matches!((target.canonicalize(), self.git_dir.canonicalize()), (Ok(a), Ok(b)) if a == b)
    }
}

impl Repo {
    /// All worktrees: the main one first, the others by git's name for them.
    ///
    /// # Errors
    /// Refused, if the folder that lists them cannot be read.
    pub fn worktrees(&self) -> Result<Vec<Worktree>> {
        let mut list = Vec::new();
        if let Some(path) = self.main_top() {
            let git_dir = self.common_dir().to_owned();
            let (head, tie) = self.head_and_tie(&git_dir);
            list.push(Worktree { id: None, is_missing: !path.exists(), path, git_dir, head, locked: None, tie });
        }
        let folder = self.common_dir().join("worktrees");
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(list),
            Err(error) => return Err(error).or_refuse(|| format!("'{}' could not be read.", folder.display())),
        };
        let mut ids: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        ids.sort();
        list.extend(ids.into_iter().filter_map(|id| self.linked_worktree(&folder.join(&id), id)));
        Ok(list)
    }

    /// The linked worktree with that git directory; none while git is still making it.
    pub fn worktree_at_git_dir(&self, git_dir: &Path) -> Option<Worktree> {
        if git_dir == self.common_dir() {
            return self.worktrees().ok()?.into_iter().find(Worktree::is_main);
        }
        let id = git_dir.file_name()?.to_str()?.to_owned();
        self.linked_worktree(git_dir, id)
    }

    fn linked_worktree(&self, git_dir: &Path, id: String) -> Option<Worktree> {
        let link = std::fs::read(git_dir.join("gitdir")).ok()?;
        let link = path_of_bytes(link.trim_ascii_end());
        let link = if link.is_absolute() { link } else { git_dir.join(link) };
        let path = link.parent()?.to_owned();
        let path = path.canonicalize().unwrap_or(path);
        let locked = std::fs::read_to_string(git_dir.join("locked")).ok().map(|why| why.trim().to_owned());
        let (head, tie) = self.head_and_tie(git_dir);
        Some(Worktree {
            id: Some(id),
            is_missing: !path.join(".git").exists(),
            path,
            git_dir: git_dir.to_owned(),
            head,
            locked,
            tie,
        })
    }

    fn head_and_tie(&self, git_dir: &Path) -> (Head, Option<Name>) {
        if self.uses_reftable() {
            let symref = |name: &str| {
                let output = self.git_of(git_dir).args(["symbolic-ref", "--quiet", name]).run().ok()?;
                output.is_success().then(|| output.text())
            };
            let head = symref("HEAD").map(Head::Branch).unwrap_or_else(|| {
                let output = self.git_of(git_dir).args(["rev-parse", "--verify", "--quiet", "HEAD"]).run().ok();
                output.and_then(|output| parse_id(output.text().as_bytes())).map_or(Head::Unknown, Head::Detached)
            });
            return (head, symref(TIE).and_then(|name| Name::of_ref(&name)));
        }
        let head = match std::fs::read(git_dir.join("HEAD")) {
            Ok(text) => match text.strip_prefix(b"ref: ") {
                Some(name) => Head::Branch(String::from_utf8_lossy(name.trim_ascii_end()).into_owned()),
                None => parse_id(text.trim_ascii_end()).map_or(Head::Unknown, Head::Detached),
            },
            Err(_) => Head::Unknown,
        };
        let tie = std::fs::read_to_string(git_dir.join(TIE)).ok();
        let tie = tie.as_deref().and_then(|text| text.strip_prefix("ref: "));
        (head, tie.and_then(|name| Name::of_ref(name.trim_end())))
    }

    /// The branch that the main worktree is on, by short name; also one without a commit.
    pub fn main_branch(&self) -> Option<String> {
        match self.head_and_tie(self.common_dir()).0 {
            Head::Branch(branch) => branch.strip_prefix("refs/heads/").map(str::to_owned),
            _ => None,
        }
    }

    /// Ties a worktree to a session.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn tie(&self, git_dir: &Path, name: &Name) -> Result<()> {
        let reference = name.reference();
        self.git_of(git_dir).without_hooks().args(["symbolic-ref", TIE, &reference]).run_ok().map(drop)
    }

    /// Takes the tie off a worktree.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn untie(&self, git_dir: &Path) -> Result<()> {
        self.git_of(git_dir).without_hooks().args(["symbolic-ref", "--delete", TIE]).run_ok().map(drop)
    }

    /// Registers a worktree on an existing branch and makes its directory, with no file in it yet.
    /// `sparse_from` is not consulted: a sparse worktree is git's to make.
    ///
    /// # Errors
    /// Refused, with git's words: the branch is checked out elsewhere, the place is taken.
    pub fn register_worktree(&self, path: &Path, branch: &str) -> Result<Worktree> {
        let short = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        let mut tries = 0;
        loop {
            let command = self.git().args(["worktree", "add", "--quiet", "--no-checkout"]).arg(path).arg(short);
            let output = command.run()?;
            if output.is_success() {
                return self.registered_at(path);
            }
            // git reads all entries first, and dies of one that another process is just writing.
            let is_half_made = output.stderr.contains("failed to read") && output.stderr.contains("/worktrees/");
            tries += 1;
            if !is_half_made || tries > 100 {
                return Err(command.failure(&output));
            }
            std::thread::sleep(std::time::Duration::from_millis(5 + tries % 7));
        }
    }

    /// The worktree whose directory this is.
    ///
    /// # Errors
    /// A bug, if git has made it and it cannot be found.
    pub fn registered_at(&self, path: &Path) -> Result<Worktree> {
        let missing = || Error::bug(format!("git made the worktree '{}' and it cannot be found.", path.display()));
        let text = std::fs::read(path.join(".git")).map_err(|error| missing().because(error))?;
        let target = text.strip_prefix(b"gitdir: ").ok_or_else(missing)?;
        let git_dir = path.join(path_of_bytes(target.trim_ascii_end()));
        let git_dir = git_dir.canonicalize().map_err(|error| missing().because(error))?;
        self.worktree_at_git_dir(&git_dir).ok_or_else(missing)
    }

    /// Removes a worktree of our own making, whatever is in it. Only this one: pruning would take the entries of others
    /// along whose directories are not there just now.
    pub fn remove_scratch(&self, path: &Path) {
        let place = path.to_string_lossy().into_owned();
        let remove = || drop(self.git().args(["worktree", "remove", "--force", "--force", &place]).run());
        remove();
        // One that has lost its link git knows as gone, once its directory is.
        if path.symlink_metadata().is_ok() {
            let _ = std::fs::remove_dir_all(path);
            remove();
        }
    }

    /// Drops git's own entry of a worktree whose directory is already elsewhere.
    ///
    /// # Errors
    /// Refused, if the entry cannot be deleted.
    pub fn forget_worktree(&self, worktree: &Worktree) -> Result<()> {
        let Some(_) = worktree.id else {
            return Err(Error::bug("The main worktree cannot be forgotten."));
        };
        let folder = self.common_dir().join("worktrees");
        if worktree.git_dir.parent().and_then(|path| path.canonicalize().ok()) != folder.canonicalize().ok() {
            return Err(Error::refused(format!("'{}' is no worktree entry.", worktree.git_dir.display())));
        }
        crate::host::copy::remove_tree(&worktree.git_dir)?;
        // git keeps no empty folder either; somebody else may just be adding one.
        let _ = std::fs::remove_dir(folder);
        Ok(())
    }
}

fn parse_id(hex: &[u8]) -> Option<ObjectId> {
    ObjectId::from_hex(hex).ok()
}

/// A path as git wrote it.
pub fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    match gix::path::from_bstr(gix::bstr::BStr::new(bytes)) {
        Ok(path) => path.into_owned(),
        Err(_) => PathBuf::from(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// A path as git writes it.
pub fn bytes_of_path(path: &Path) -> Vec<u8> {
    match gix::path::into_bstr(path) {
        Ok(bytes) => bytes.to_vec(),
        Err(_) => path.to_string_lossy().into_owned().into_bytes(),
    }
}
