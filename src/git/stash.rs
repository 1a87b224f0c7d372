//! git's own stash: what it would destroy, whether it took anything, and how that comes back.

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::git::worktrees::path_of_bytes;
use crate::session::{BString, ObjectId, shell_word};
use gix::bstr::ByteSlice;
use std::path::{Path, PathBuf};

/// An index of its own, which goes when it is done with.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Repo {
    /// Refuses where files differ that git was told to take as unchanged: its stash leaves them out, and then writes over
    /// them.
    ///
    /// # Errors
    /// Refused, naming them and what lets git see them.
    pub fn require_stashable(&self, top: &Path) -> Result<()> {
        let hidden = self.hidden_edits(top)?;
        let Some(first) = hidden.first() else { return Ok(()) };
        let more = if hidden.len() > 1 { format!(" (and {} more)", hidden.len() - 1) } else { String::new() };
        let paths: Vec<String> = hidden.iter().map(|path| shell_word(&path.to_str_lossy())).collect();
        Err(Error::refused(format!(
            "'{first}'{more} has changes that git was told to overlook; its stash would lose them."
        ))
        .hint(format!(
            "`git -C {} update-index --no-assume-unchanged -- {}` lets git see them.",
            shell_word(&top.display().to_string()),
            paths.join(" ")
        )))
    }

    /// The tracked files that are not as the index has them, though git was told to take them as unchanged: where git sets
    /// files back, as when it gives a rebase up, it writes over them.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn hidden_edits(&self, top: &Path) -> Result<Vec<BString>> {
        let git = || self.git_in(top).without_hooks().env("GIT_OPTIONAL_LOCKS", "0");
        let listed = git().args(["ls-files", "-z", "-v", "--stage"]).run_ok()?.stdout;
        let mut assumed = Vec::new();
        for line in listed.split(|byte| *byte == 0).filter(|line| line.len() > 2) {
            let (tag, entry) = (line[0], &line[2..]);
            let Some(path) = entry.find_byte(b'\t').map(|tab| &entry[tab + 1..]) else { continue };
            // A sparse checkout leaves files out on purpose; one that is there all the same git takes for what it is.
            let is_left_out = || tag == b's' && top.join(path_of_bytes(path)).symlink_metadata().is_err();
            if tag.is_ascii_lowercase() && !is_left_out() {
                assumed.extend_from_slice(entry);
                assumed.push(0);
            }
        }
        if assumed.is_empty() {
            return Ok(Vec::new());
        }
        // The same entries without the flag tell what they hide.
        let git_dir = PathBuf::from(git().args(["rev-parse", "--absolute-git-dir"]).run_ok()?.text());
        let scratch = Scratch(git_dir.join(format!("session-hidden-{}.index", std::process::id())));
        let git = || git().env("GIT_INDEX_FILE", &scratch.0);
        git().args(["update-index", "-z", "--index-info"]).input(assumed).run_ok()?;
        // What differs makes it fail, which is not asked here.
        git().args(["update-index", "-q", "--refresh"]).run()?;
        let differs = git().args(["diff-files", "-z", "--name-only", "--ignore-submodules=all"]).run_ok()?.stdout;
        Ok(differs.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(BString::from).collect())
    }

    /// Puts what is uncommitted in a worktree on the stash, under words that nothing else there has; none where git takes
    /// nothing, as of what is written inside of a submodule.
    ///
    /// # Errors
    /// Refused, where it would lose something, or with git's words.
    pub fn stash_push(&self, top: &Path, words: &str) -> Result<Option<ObjectId>> {
        self.require_stashable(top)?;
        let before = self.stash_of(top, words)?;
        self.git_in(top).args(["stash", "push", "--quiet", "--include-untracked", "-m", words]).run_ok()?;
        // Somebody else may have stashed at the same moment, or long before.
        Ok(self.stash_of(top, words)?.filter(|now| Some(*now) != before))
    }

    /// The newest stash that was made under these words.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn stash_of(&self, top: &Path, words: &str) -> Result<Option<ObjectId>> {
        let end = format!(": {words}");
        let list = self.git_in(top).args(["stash", "list", "--format=%H %gs"]).run_ok()?.text();
        let id =
            list.lines().find(|line| line.ends_with(&end)).and_then(|line| line.split(' ').next()).map(str::to_owned);
        Ok(id.and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()))
    }

    /// Brings a stash back in a worktree, what was staged as staged, and takes it off the list.
    ///
    /// # Errors
    /// Refused, with git's words, where it does not go cleanly; it stays on the list then.
    pub fn stash_pop(&self, top: &Path, stash: ObjectId) -> Result<()> {
        let git = || self.git_in(top);
        git().args(["stash", "apply", "--quiet", "--index", &stash.to_string()]).run_ok()?;
        // By id, not by position: somebody may have stashed meanwhile.
        if let Some(position) = self.stash_position(top, stash)? {
            git().args(["stash", "drop", "--quiet", &format!("stash@{{{position}}}")]).run()?;
        }
        Ok(())
    }

    /// Whether it is on the list.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn is_on_stash(&self, top: &Path, stash: ObjectId) -> Result<bool> {
        Ok(self.stash_position(top, stash)?.is_some())
    }

    fn stash_position(&self, top: &Path, stash: ObjectId) -> Result<Option<usize>> {
        let list = self.git_in(top).args(["stash", "list", "--format=%H"]).run_ok()?.text();
        Ok(list.lines().position(|id| ObjectId::from_hex(id.as_bytes()).ok() == Some(stash)))
    }
}
