//! The way back from a salvage: files, index and untracked files of a new worktree, as they were.
//!
//! `git stash apply --index` merges; here `HEAD` is put where the salvage was made, so that nothing is to be merged and
//! every byte comes back, an unmerged index too.

use crate::error::{Context, Result};
use crate::git::{Repo, Worktree};
use crate::session::{BString, ObjectId};
use std::collections::HashMap;

/// What was uncommitted in a worktree: commits that a salvage consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Where `HEAD` was.
    pub head: Option<ObjectId>,
    /// The tracked files.
    pub files: ObjectId,
    /// The index; unmerged paths as ours has them.
    pub index: ObjectId,
    /// The untracked files.
    pub untracked: Option<ObjectId>,
    /// Of an unmerged index: the paths of each stage.
    pub stages: Vec<(char, ObjectId)>,
}

/// What a sparse checkout leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sparse {
    /// The lines of `info/sparse-checkout`.
    pub patterns: Vec<u8>,
    /// Whether they name directories only, as git makes them.
    pub is_cone: bool,
}

impl Repo {
    /// The patterns of a worktree that is a sparse checkout.
    ///
    /// # Errors
    /// Refused, if they cannot be read.
    pub fn sparse_of(&self, worktree: &Worktree) -> Result<Option<Sparse>> {
        let file = worktree.git_dir.join("info/sparse-checkout");
        let is_on = |key: &str| -> Result<bool> {
            Ok(self.git_of(&worktree.git_dir).args(["config", "--type=bool", "--get", key]).run()?.text() == "true")
        };
        if !file.exists() || !is_on("core.sparseCheckout")? {
            return Ok(None);
        }
        let patterns = std::fs::read(&file).or_refuse(|| format!("'{}' could not be read.", file.display()))?;
        Ok(Some(Sparse { patterns, is_cone: is_on("core.sparseCheckoutCone")? }))
    }

    /// Makes a worktree a sparse checkout. Changed files stay, wherever they lie.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn make_sparse(&self, worktree: &Worktree, sparse: &Sparse) -> Result<()> {
        let folder = worktree.git_dir.join("info");
        let failed = || format!("'{}' could not be written.", folder.display());
        std::fs::create_dir_all(&folder).or_refuse(failed)?;
        std::fs::write(folder.join("sparse-checkout"), &sparse.patterns).or_refuse(failed)?;
        // It takes the patterns that are there.
        let kind = if sparse.is_cone { "--cone" } else { "--no-cone" };
        self.git_in(&worktree.path).without_hooks().args(["sparse-checkout", "init", kind]).run_ok().map(drop)
    }

    /// Takes a salvage apart; `kept` are the commits that lie beside it, stages among them. With no salvage there may be
    /// the index of a worktree whose directory was gone. None if there is neither.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn work_of(&self, salvage: Option<ObjectId>, kept: &[ObjectId]) -> Result<Option<Work>> {
        // A stage says of itself what its salvage says; a commit of the user's with such a subject is none.
        let said = salvage.map(|id| self.commit(id)).transpose()?;
        let said = said.map(|commit| String::from_utf8_lossy(&commit.message).into_owned());
        let tail = said.as_deref().and_then(|message| message.strip_prefix("WIP")).unwrap_or(" of the lost ");
        let mut stages = Vec::new();
        let mut lost = None;
        for id in kept {
            let commit = self.commit(*id)?;
            let message = String::from_utf8_lossy(&commit.message).into_owned();
            let stage = message.strip_prefix("stage ").and_then(|rest| rest.split_at_checked(1));
            if let Some((number, _)) = stage.filter(|(_, rest)| rest.starts_with(tail)) {
                stages.extend(number.chars().filter(|stage| matches!(stage, '1'..='3')).map(|stage| (stage, *id)));
            } else if message.starts_with("index of the lost ") {
                lost = Some((*id, commit.parents.first().copied()));
            }
        }
        if let Some(salvage) = salvage {
            let parents = self.commit(salvage)?.parents;
            let [head, index, untracked @ ..] = parents.as_slice() else { return Ok(None) };
            let untracked = untracked.first().copied();
            // Where nothing was committed, or the branch was gone, the salvage has a commit that stands for that.
            let nothing = self.commit(*head)?;
            let is_real = nothing.message != "nothing was committed yet" || !nothing.parents.is_empty();
            let head = Some(*head).filter(|_| is_real);
            return Ok(Some(Work { head, files: salvage, index: *index, untracked, stages }));
        }
        Ok(lost.map(|(index, head)| Work { head, files: index, index, untracked: None, stages }))
    }

    /// All files that [`Repo::refill`] writes.
    ///
    /// # Errors
    /// Refused, if a commit cannot be read.
    pub fn files_of_work(&self, tip: ObjectId, work: Option<&Work>) -> Result<HashMap<BString, ObjectId>> {
        let mut files = self.files_of_commit(work.map_or(tip, |work| work.files))?;
        if let Some(untracked) = work.and_then(|work| work.untracked) {
            files.extend(self.files_of_commit(untracked)?);
        }
        Ok(files)
    }

    /// Writes files and index of a worktree that was just registered and is empty. Where the work was made on another
    /// commit than `tip`, `HEAD` is detached there.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn refill(
        &self,
        worktree: &Worktree,
        tip: ObjectId,
        work: Option<&Work>,
        sparse: Option<&Sparse>,
    ) -> Result<()> {
        let git = || self.git_in(&worktree.path).without_hooks();
        let Some(work) = work else {
            if let Some(sparse) = sparse {
                self.make_sparse(worktree, sparse)?;
            }
            return git().args(["reset", "--hard", "--quiet", "--no-recurse-submodules"]).run_ok().map(drop);
        };
        if let Some(head) = work.head.filter(|head| *head != tip) {
            git().args(["update-ref", "--no-deref", "HEAD", &head.to_string()]).run_ok()?;
        }
        let tree = |id: ObjectId| self.commit(id).map(|commit| commit.tree.to_string());
        git().args(["read-tree", "--reset", "-u", "--no-recurse-submodules", &tree(work.files)?]).run_ok()?;
        git().args(["read-tree", "-m", &tree(work.index)?]).run_ok()?;
        if !work.stages.is_empty() {
            let info = self.unmerged_info(&work.stages)?;
            git().args(["update-index", "-z", "--index-info"]).input(info).run_ok()?;
        }
        if let Some(untracked) = work.untracked {
            let scratch = worktree.git_dir.join(format!("session-restore-{}.index", std::process::id()));
            let _ = std::fs::remove_file(&scratch);
            let aside = || git().env("GIT_INDEX_FILE", &scratch);
            let written = aside()
                .args(["read-tree", &tree(untracked)?])
                .run_ok()
                .and_then(|_| aside().args(["checkout-index", "--all"]).run_ok());
            let _ = std::fs::remove_file(&scratch);
            written?;
        }
        // Its code says whether something is unmerged or changed.
        git().args(["update-index", "-q", "--refresh"]).run()?;
        // Only now: work may lie where the patterns leave out what is unchanged.
        sparse.map_or(Ok(()), |sparse| self.make_sparse(worktree, sparse))
    }

    /// What `git update-index --index-info` takes for the paths of all stages.
    fn unmerged_info(&self, stages: &[(char, ObjectId)]) -> Result<Vec<u8>> {
        let mut gone = Vec::new();
        let mut info = Vec::new();
        for (stage, commit) in stages {
            let listed = self.git().args(["ls-tree", "-r", "-z", &commit.to_string()]).run_ok()?.stdout;
            for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
                let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
                let meta = String::from_utf8_lossy(&line[..tab]).into_owned();
                let mut fields = meta.split(' ');
                let (mode, id) = (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default());
                gone.extend_from_slice(format!("0 {}\t", self.null_id()).as_bytes());
                gone.extend_from_slice(&line[tab + 1..]);
                gone.push(0);
                info.extend_from_slice(format!("{mode} {id} {stage}\t").as_bytes());
                info.extend_from_slice(&line[tab + 1..]);
                info.push(0);
            }
        }
        gone.extend_from_slice(&info);
        Ok(gone)
    }
}
