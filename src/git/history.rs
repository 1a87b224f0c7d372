//! Questions about history: who is ahead of whom, what is whose own.

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::process::{Command, Output};
use crate::session::ObjectId;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// How many commits a branch has that its base lacks, and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct AheadBehind {
    /// `<base tip>..<branch>`
    pub ahead: u64,
    /// `<branch>..<base tip>`
    pub behind: u64,
}

/// What `git rev-list --left-right --count` says; none where it does not know a name.
fn counted(output: &Output) -> Option<AheadBehind> {
    let text = output.text();
    let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
    let (behind, ahead) = (numbers.next()?, numbers.next()?);
    output.is_success().then_some(AheadBehind { ahead, behind })
}

impl Repo {
    /// Ahead and behind for many branches in one pass for each base tip.
    ///
    /// # Errors
    /// Refused, if git cannot be run. A branch that git does not know is left out.
    pub fn ahead_behind(&self, branches: &[(String, ObjectId)]) -> Result<HashMap<String, AheadBehind>> {
        // Without a commit graph git reads all of history for that, however little lies between.
        if self.commit_graph().is_none() {
            return self.ahead_behind_each(branches);
        }
        let mut by_base: BTreeMap<ObjectId, Vec<&str>> = BTreeMap::new();
        for (branch, base) in branches {
            by_base.entry(*base).or_default().push(branch);
        }
        let mut counted = HashMap::with_capacity(branches.len());
        for (base, names) in by_base {
            let output = self
                .git()
                .arg("for-each-ref")
                .arg(format!("--format=%(refname)%00%(ahead-behind:{base})"))
                .arg("--stdin")
                .input(names.join("\n") + "\n")
                .run()?;
            if !output.is_success() {
                // git before 2.41 has neither.
                return self.ahead_behind_each(branches);
            }
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let Some((name, pair)) = line.split_once('\0') else { continue };
                let mut numbers = pair.split(' ').filter_map(|number| number.parse().ok());
                if let (Some(ahead), Some(behind)) = (numbers.next(), numbers.next()) {
                    counted.insert(name.to_owned(), AheadBehind { ahead, behind });
                }
            }
        }
        Ok(counted)
    }

    /// The same, one branch after the other, several at a time.
    fn ahead_behind_each(&self, branches: &[(String, ObjectId)]) -> Result<HashMap<String, AheadBehind>> {
        let asked: Vec<_> = branches.iter().map(|(name, base)| (name, self.count_between(name, *base))).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = asked.len().div_ceil(threads).max(1);
        let count = |share: &[(&String, Command)]| -> Result<Vec<(String, AheadBehind)>> {
            let one = |(name, command): &(&String, Command)| {
                let found = counted(&command.run()?).map(|pair| ((*name).clone(), pair));
                Ok(found)
            };
            share.iter().filter_map(|asked| one(asked).transpose()).collect()
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = asked.chunks(share).map(|share| scope.spawn(move || count(share))).collect();
            let mut all = HashMap::with_capacity(branches.len());
            for thread in running {
                all.extend(thread.join().unwrap_or_else(|_| Err(Error::bug("A worker died.")))?);
            }
            Ok(all)
        })
    }

    fn count_between(&self, tip: &str, base: ObjectId) -> Command {
        self.git().args(["rev-list", "--left-right", "--count", &format!("{base}...{tip}"), "--"])
    }

    /// Ahead and behind of one revision; none if git does not know it.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn ahead_behind_of(&self, tip: &str, base: ObjectId) -> Result<Option<AheadBehind>> {
        Ok(counted(&self.count_between(tip, base).run()?))
    }

    /// The merge base that `git merge-base` names first; none of unrelated histories.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn merge_base(&self, a: ObjectId, b: ObjectId) -> Result<Option<ObjectId>> {
        if a == b {
            return Ok(Some(a));
        }
        let output = self.git().args(["merge-base", &a.to_string(), &b.to_string()]).run()?;
        Ok(ObjectId::from_hex(output.text().as_bytes()).ok())
    }

    /// Whether `ancestor` is reachable from `tip`.
    ///
    /// # Errors
    /// Refused, if git cannot be run or a commit is missing.
    pub fn is_ancestor(&self, ancestor: ObjectId, tip: ObjectId) -> Result<bool> {
        if ancestor == tip {
            return Ok(true);
        }
        let command = self.git().args(["merge-base", "--is-ancestor", &ancestor.to_string(), &tip.to_string()]);
        let output = command.run()?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(command.failure(&output)),
        }
    }

    /// The own commits of a branch, oldest first: what a rebase replays. Merges are among them where there are any.
    ///
    /// # Errors
    /// Refused, if git cannot be run or a commit is missing.
    pub fn own_commits(&self, base_tip: ObjectId, tip: ObjectId, fork: Option<ObjectId>) -> Result<Vec<ObjectId>> {
        let mut command = self
            .git()
            .args(["rev-list", "--reverse", "--topo-order", "--cherry-pick", "--right-only"])
            .arg(format!("{base_tip}...{tip}"));
        if let Some(fork) = fork.filter(|fork| self.has_object(*fork)) {
            command = command.arg(format!("^{fork}"));
        }
        let output = command.arg("--").run_ok()?;
        Ok(output.text().lines().filter_map(|line| ObjectId::from_hex(line.as_bytes()).ok()).collect())
    }

    /// The first lines of the messages of commits.
    ///
    /// # Errors
    /// Refused, if a commit is missing.
    pub fn subjects(&self, commits: &[ObjectId]) -> Result<Vec<String>> {
        commits.iter().map(|id| Ok(first_line(&self.commit(*id)?.message))).collect()
    }

    /// The commits that the refs of a worktree's own point at (`refs/worktree/` and the like), which go with it.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn commits_of_own_refs(&self, git_dir: &Path) -> Result<Vec<ObjectId>> {
        let own = ["refs/worktree", "refs/bisect", "refs/rewritten"];
        if !self.uses_reftable() && !own.iter().any(|place| git_dir.join(place).is_dir()) {
            return Ok(Vec::new());
        }
        let format = "--format=%(objecttype) %(objectname)%0a%(*objecttype) %(*objectname)";
        let listed = self.git_of(git_dir).args(["for-each-ref", format]).args(own).run_ok()?.text();
        let commits = listed.lines().filter_map(|line| line.strip_prefix("commit "));
        Ok(commits.filter_map(|hex| ObjectId::from_hex(hex.as_bytes()).ok()).collect())
    }

    /// Commits that only the given reflogs can reach: the newest ones, whose ancestors come along.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn only_in_reflogs(&self, logged: &[ObjectId], kept: &[ObjectId]) -> Result<Vec<ObjectId>> {
        if logged.is_empty() {
            return Ok(Vec::new());
        }
        let mut input = String::new();
        for id in logged {
            input.push_str(&format!("{id}\n"));
        }
        for id in kept {
            input.push_str(&format!("^{id}\n"));
        }
        input.push_str("--not\n--branches\n--tags\n--remotes\n");
        let output = self.git().args(["rev-list", "--ignore-missing", "--parents", "--stdin"]).input(input).run_ok()?;
        let mut unreachable = Vec::new();
        let mut parents = std::collections::HashSet::new();
        for line in output.text().lines() {
            let mut ids = line.split(' ').filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok());
            unreachable.extend(ids.next());
            parents.extend(ids);
        }
        unreachable.retain(|id| !parents.contains(id));
        Ok(unreachable)
    }

    /// Whether commits were made on a branch from a moment on, as its reflog tells it; none where that does not reach back
    /// so far.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn has_worked(&self, branch: &str, since: crate::session::Timestamp) -> Result<Option<bool>> {
        let output = self.git().args(["reflog", "show", "--date=unix", "--format=%gd %gs", branch, "--"]).run()?;
        if !output.is_success() {
            return Ok(None);
        }
        let text = output.text();
        let entries = text.lines().filter_map(|line| {
            let (when, what) = line.split_once("@{")?.1.split_once("} ")?;
            Some((when.parse::<i64>().ok()?, what))
        });
        let made = ["commit", "cherry-pick", "am", "revert", "rebase (pick)"];
        let (mut reaches_back, mut has_worked) = (false, false);
        for (when, what) in entries {
            reaches_back |= when <= since.0;
            let is_work = made.iter().any(|word| what.starts_with(word)) || what.contains("Merge made by");
            has_worked |= when >= since.0 && is_work;
        }
        Ok(Some(has_worked).filter(|has_worked| *has_worked || reaches_back))
    }

    /// All ids that a reflog names, each once.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn reflog_ids(&self, git_dir: &std::path::Path, reference: &str) -> Result<Vec<ObjectId>> {
        let output = self.git_of(git_dir).args(["reflog", "show", "--format=%H", reference, "--"]).run()?;
        if !output.is_success() {
            return Ok(Vec::new());
        }
        let mut ids: Vec<ObjectId> =
            output.text().lines().filter_map(|line| ObjectId::from_hex(line.as_bytes()).ok()).collect();
        ids.sort();
        ids.dedup();
        Ok(ids)
    }
}

/// The first line of a message, for people.
pub fn first_line(message: &[u8]) -> String {
    let line = message.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    String::from_utf8_lossy(line).trim().to_owned()
}

impl Repo {
    /// When a commit was made.
    ///
    /// # Errors
    /// Refused, if there is no such commit.
    pub fn commit_time(&self, id: ObjectId) -> Result<crate::session::Timestamp> {
        self.commit(id).map(|commit| commit.time)
    }
}

impl Repo {
    /// Files, insertions and deletions between the merge base of two commits and the second; none of unrelated ones.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn diffstat(&self, base: ObjectId, tip: ObjectId) -> Result<Option<(u64, u64, u64)>> {
        let Some(from) = self.merge_base(base, tip)? else { return Ok(None) };
        let output = self.git().args(["diff-tree", "--numstat", "-r", &from.to_string(), &tip.to_string()]).run_ok()?;
        let mut sum = (0, 0, 0);
        for line in output.text().lines() {
            let mut fields = line.split('\t').map(|number| number.parse::<u64>().unwrap_or(0));
            sum.0 += 1;
            sum.1 += fields.next().unwrap_or(0);
            sum.2 += fields.next().unwrap_or(0);
        }
        Ok(Some(sum))
    }
}
