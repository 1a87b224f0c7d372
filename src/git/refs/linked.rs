//! Refs written so that their locks say from the first moment what is about to be set.
//!
//! The lock of a ref is a link to a file that has the new value already: whoever finds it after our death can tell that
//! it was ours, and there is no moment at which it is empty. `packed-refs` is read, and never locked. Otherwise this is
//! what git does: lock, compare, write the reflog, rename. `HEAD` of a worktree is locked while the branch that it names
//! moves, and gets a line in its reflog.

use super::lock::{Lock, append};
use super::{Edit, Expect, New, Target, files};
use crate::error::{Context as _, Error, Result};
use crate::git::Repo;
use gix::refs::FullName;
use gix::refs::store::WriteReflog;
use std::path::{Path, PathBuf};

/// What all locks of a transaction are held for. Dropped, they are given back.
#[derive(Debug)]
pub(super) struct Held {
    steps: Vec<Step>,
    /// The committer and what happened; none where no reflogs are written.
    line: Option<(Vec<u8>, String)>,
}

#[derive(Debug)]
struct Step {
    lock: Lock,
    old: Option<gix::ObjectId>,
    /// What the lock puts in place; none of a `HEAD`, which stays.
    is_put: bool,
    new: gix::ObjectId,
    log: PathBuf,
    /// Whether the reflog is made where there is none.
    is_logged: bool,
}

/// Takes the locks of all edits, each an update or a creation, and compares. `HEAD` and `ORIG_HEAD` are those of the
/// worktree whose own git directory `git_dir` is. None where this cannot be done here: nothing is locked then.
///
/// # Errors
/// Refused, if a lock is held or an expectation does not hold.
pub(super) fn prepare(repo: &Repo, git_dir: Option<&Path>, edits: &[Edit], message: &str) -> Result<Option<Held>> {
    let (inner, common_dir) = (&repo.inner, repo.common_dir());
    let is_disabled = inner.refs.write_reflog == WriteReflog::Disable;
    let committer = inner.committer().and_then(std::result::Result::ok);
    if cfg!(not(unix)) || inner.refs.namespace.is_some() || committer.is_none() && !is_disabled {
        return Ok(None);
    }
    // What is the user's is written as he has told git to.
    if git_dir.is_some() && (is_disabled || repo.setting("core.fsync").is_some()) {
        return Ok(None);
    }
    let mut committer_line = Vec::new();
    if let Some(committer) = committer.filter(|_| !is_disabled) {
        let unwritable = || "The reflog could not be written.";
        let mut committer = committer.trim().to_owned().or_refuse(unwritable)?;
        // What gix says is when it was first asked: tests may have run for an hour since.
        if std::env::var_os("GIT_COMMITTER_DATE").is_none() {
            committer.time = gix::date::Time::now_local_or_utc();
        }
        committer.write_to(&mut committer_line).or_refuse(unwritable)?;
    }
    let line = (!is_disabled).then(|| (committer_line, message.replace('\n', " ")));
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    // Where we die between two of them, the branch is what counts: it goes first.
    sorted.sort_by_key(|edit| (edit.name == "ORIG_HEAD", edit.name != "HEAD", edit.name.clone()));
    let mut steps = Vec::with_capacity(sorted.len() + 1);
    for edit in sorted {
        let New::To(new) = edit.new else { continue };
        let own = git_dir.filter(|_| matches!(edit.name.as_str(), "HEAD" | "ORIG_HEAD"));
        let mut edit = edit.clone();
        if let Some(git_dir) = own.filter(|_| edit.name == "HEAD") {
            let Some(branch) = branch_of(git_dir) else { return Ok(None) };
            let Some(lock) = Lock::take(common_dir, &git_dir.join("HEAD"), &format!("ref: {branch}\n"))? else {
                return Ok(None);
            };
            if branch_of(git_dir).as_ref() != Some(&branch) {
                return Err(Error::refused("'HEAD' was switched to another branch at the same moment."));
            }
            let log = git_dir.join("logs/HEAD");
            let old = expected(&edit);
            steps.push(Step { lock, old, is_put: false, new, log, is_logged: true });
            edit.name = branch;
        }
        let folder = own.filter(|_| edit.name == "ORIG_HEAD").unwrap_or(common_dir);
        FullName::try_from(edit.name.as_str()).or_refuse(|| format!("'{}' is no ref.", edit.name))?;
        let path = folder.join(&edit.name);
        let Some(lock) = Lock::take(common_dir, &path, &format!("{new}\n"))? else { return Ok(None) };
        if edit.name == "ORIG_HEAD" {
            if path.is_symlink() {
                return Ok(None);
            }
        } else {
            let now = files::find(inner, &edit.name)?;
            if matches!(now, Some(Target::Symbolic(_))) || path.is_symlink() {
                return Ok(None);
            }
            let is_as_expected = match edit.expect {
                Expect::Missing => now.is_none(),
                Expect::Is(old) => now == Some(Target::Object(old)),
            };
            if !is_as_expected {
                let now = now.as_ref().and_then(Target::object).map_or("nowhere".to_owned(), |id| format!("at {id}"));
                let then = expected(&edit).map_or("nowhere".to_owned(), |id| format!("at {id}"));
                return Err(Error::refused(format!("'{}' is {now} but expected {then}.", edit.name)));
            }
        }
        lock.clear_the_way()?;
        let is_logged = super::is_logged(&edit.name) && edit.name != "ORIG_HEAD";
        let log = folder.join("logs").join(&edit.name);
        steps.push(Step { lock, old: expected(&edit), is_put: true, new, log, is_logged });
    }
    Ok(Some(Held { steps, line }))
}

impl Held {
    /// Does it.
    ///
    /// # Errors
    /// Contended, if a lock was taken away meanwhile: nothing has changed then. Refused, if something cannot be written.
    pub(super) fn commit(self) -> Result<()> {
        // Whoever was stopped for long may have been taken for dead: then another one may be at work by now.
        if self.steps.iter().any(|step| !step.lock.is_still_ours()) {
            return Err(Error::contended("A lock was taken away meanwhile."));
        }
        let mut held = Vec::new();
        for step in self.steps {
            let old = step.old.unwrap_or(step.new.kind().null());
            if let Some((committer, message)) = self.line.as_ref().filter(|_| old != step.new) {
                let mut line = format!("{old} {} ", step.new).into_bytes();
                line.extend_from_slice(committer);
                line.extend_from_slice(format!("\t{message}\n").as_bytes());
                append(&step.log, step.is_logged, &line)?;
            }
            if step.is_put {
                step.lock.commit()?;
            } else {
                // Given back when all is done.
                held.push(step.lock);
            }
        }
        Ok(())
    }
}

fn expected(edit: &Edit) -> Option<gix::ObjectId> {
    match edit.expect {
        Expect::Is(old) => Some(old),
        Expect::Missing => None,
    }
}

/// The branch that is checked out where this is the git directory; none where `HEAD` is anything else than a file that
/// names one.
fn branch_of(git_dir: &Path) -> Option<String> {
    let head = git_dir.join("HEAD");
    if head.is_symlink() {
        return None;
    }
    let text = std::fs::read_to_string(head).ok()?;
    let branch = text.strip_prefix("ref:")?.trim();
    branch.starts_with("refs/heads/").then(|| branch.to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::git::Repo;
    use crate::host::process::Command;

    fn git(place: &Path, args: &[&str]) -> String {
        let command = Command::new("git").current_dir(place).args(["-c", "user.name=U", "-c", "user.email=u@x"]);
        command.args(args).run_ok().expect("git does it").text()
    }

    /// A repository with two commits.
    fn repository() -> (tempfile::TempDir, Repo, [gix::ObjectId; 2]) {
        let place = tempfile::tempdir().expect("can be made");
        git(place.path(), &["init", "--quiet", "."]);
        for (key, value) in [("user.name", "Somebody"), ("user.email", "somebody@example.org")] {
            git(place.path(), &["config", key, value]);
        }
        let tree = git(place.path(), &["hash-object", "-t", "tree", "-w", "/dev/null"]);
        let commit = |text| git(place.path(), &["commit-tree", "-m", text, &tree]);
        let ids = ["one", "two"].map(|text| gix::ObjectId::from_hex(commit(text).as_bytes()).expect("an id"));
        let repo = Repo::discover(place.path()).expect("is one");
        (place, repo, ids)
    }

    fn done(repo: &Repo, edits: &[Edit]) -> Result<bool> {
        prepare(repo, None, edits, "a message\nof two lines")?.map_or(Ok(false), |held| held.commit().map(|()| true))
    }

    /// All files of locks and of ours.
    fn left(repo: &Repo) -> String {
        let place = repo.common_dir.clone();
        Command::new("find")
            .arg(place)
            .args(["-name", "*.lock", "-o", "-name", "session-*"])
            .run_ok()
            .expect("runs")
            .text()
    }

    #[test]
    fn a_lock_that_another_one_has_taken_since_is_left_to_him() {
        let (_place, repo, [one, _]) = repository();
        let path = repo.common_dir.join("refs/sessions/a");
        let lock = Lock::take(&repo.common_dir, &path, &format!("{one}\n")).expect("is free").expect("has links");
        assert!(lock.is_still_ours());
        let theirs = repo.common_dir.join("refs/sessions/a.lock");
        std::fs::remove_file(&theirs).expect("can be removed");
        std::fs::write(&theirs, "theirs").expect("can be written");
        assert!(!lock.is_still_ours());
        drop(lock);
        assert_eq!(std::fs::read(&theirs).expect("is there"), b"theirs");
    }

    #[test]
    fn all_are_written_with_their_histories_or_none_is() {
        let (place, repo, [one, two]) = repository();
        let (a, b) = ("refs/sessions/a", "refs/sessions/@pending/b/c");
        assert!(done(&repo, &[Edit::create(a, one), Edit::create(b, one)]).expect("can be written"));
        assert!(done(&repo, &[Edit::update(a, one, two)]).expect("can be written"));
        let log = git(place.path(), &["reflog", "show", "--format=%gs %gn %h", a]);
        let short = |id: gix::ObjectId| git(place.path(), &["rev-parse", "--short", &id.to_string()]);
        let line = |id| format!("a message of two lines Somebody {}", short(id));
        assert_eq!(log, format!("{}\n{}", line(two), line(one)));
        assert!(!repo.common_dir.join("logs").join(b).exists());
        for stale in [Edit::update(b, two, one), Edit::create(b, two)] {
            assert!(done(&repo, &[Edit::update(a, two, one), stale]).is_err());
            assert_eq!((repo.ref_id(a).expect("there"), repo.ref_id(b).expect("there")), (Some(two), Some(one)));
        }
        // Packed or not.
        git(place.path(), &["pack-refs", "--all"]);
        assert!(done(&repo, &[Edit::create(a, one)]).is_err());
        assert!(done(&repo, &[Edit::update(a, two, one)]).expect("can be written"));
        assert_eq!(git(place.path(), &["rev-parse", a]), one.to_string());
        assert_eq!(left(&repo), "");
    }

    #[test]
    fn a_lock_is_respected_and_a_folder_is_in_the_way_only_with_refs_in_it() {
        let (place, repo, [one, two]) = repository();
        let a = "refs/sessions/a";
        let lock = repo.common_dir.join("refs/sessions/a.lock");
        std::fs::create_dir_all(repo.common_dir.join("refs/sessions/a/b/c")).expect("can be made");
        std::fs::write(&lock, "somebody's").expect("can be written");
        let refused = done(&repo, &[Edit::create(a, one)]).expect_err("it is locked");
        assert!(repo.explain(refused, &[Edit::create(a, one)]).is_contended());
        assert_eq!(std::fs::read_to_string(&lock).expect("is there"), "somebody's");
        std::fs::remove_file(&lock).expect("is there");
        assert!(done(&repo, &[Edit::create(a, one)]).expect("the folder is empty"));
        assert!(done(&repo, &[Edit::create("refs/sessions/a/b", one)]).is_err());
        assert!(done(&repo, &[Edit::create("refs/sessions/d/e", two)]).expect("can be written"));
        assert!(done(&repo, &[Edit::create("refs/sessions/d", two)]).is_err());
        git(place.path(), &["update-ref", "-d", "refs/sessions/d/e"]);
        assert!(done(&repo, &[Edit::create("refs/sessions/d", two)]).expect("it is gone"));
        assert_eq!(left(&repo), "");
    }

    /// A worktree on a branch of its own, at the first commit.
    fn worktree(place: &Path, repo: &Repo, one: gix::ObjectId) -> crate::git::Worktree {
        let path = place.join("tree");
        git(place, &["worktree", "add", "-q", "-b", "topic", &path.display().to_string(), &one.to_string()]);
        let tree = repo.worktree_at_git_dir(&repo.common_dir.join("worktrees/tree")).expect("is there");
        // Making it has left one.
        let _ = std::fs::remove_file(tree.git_dir.join("ORIG_HEAD"));
        tree
    }

    fn head_to(old: gix::ObjectId, new: gix::ObjectId) -> [Edit; 3] {
        let orig = Edit { name: "ORIG_HEAD".into(), expect: Expect::Missing, new: New::To(old) };
        [Edit::update("HEAD", old, new), orig, Edit::create("refs/sessions/@pending/x", new)]
    }

    #[test]
    fn the_branch_of_a_worktree_moves_as_git_moves_it() {
        let (place, repo, [one, two]) = repository();
        let tree = worktree(place.path(), &repo, one);
        let edits = head_to(one, two);
        let at = |name: &str| git(&tree.path, &["rev-parse", name]);
        let held = prepare(&repo, Some(&tree.git_dir), &edits, "rebase (finish)").expect("is free").expect("ours");
        assert_eq!(at("HEAD"), one.to_string());
        for name in ["HEAD", "refs/heads/topic"] {
            let other = Command::new("git").current_dir(&tree.path).args(["update-ref", name, &two.to_string()]);
            assert!(other.run_ok().is_err(), "{name} is locked");
        }
        held.commit().expect("can be written");
        assert_eq!((at("HEAD"), at("topic"), at("ORIG_HEAD")), (two.to_string(), two.to_string(), one.to_string()));
        assert_eq!(git(&tree.path, &["symbolic-ref", "HEAD"]), "refs/heads/topic");
        for log in ["HEAD", "topic"] {
            let last = git(&tree.path, &["reflog", "show", "-1", "--format=%gs %gn %H", log]);
            assert_eq!(last, format!("rebase (finish) Somebody {two}"));
        }
        assert!(!tree.git_dir.join("logs/ORIG_HEAD").exists());
        assert_eq!(left(&repo), "");
        // The same by git's hand says the same.
        git(&tree.path, &["update-ref", "HEAD", &one.to_string()]);
        let file = |name: &str| std::fs::read_to_string(repo.common_dir.join(name)).expect("is there");
        let ours = file("worktrees/tree/logs/HEAD");
        git(&tree.path, &["update-ref", "-m", "rebase (finish)", "HEAD", &two.to_string()]);
        let theirs = file("worktrees/tree/logs/HEAD");
        let words = |line: Option<&str>| -> Vec<String> {
            let words = line.expect("a line").split(' ').map(str::to_owned);
            words.filter(|word| word.parse::<u64>().is_err()).collect()
        };
        let last = words(theirs.lines().last());
        let ours = words(ours.lines().rev().nth(1));
        assert_eq!(ours[..2], last[..2]);
        assert_eq!(ours.last(), last.last());
    }

    #[test]
    fn a_branch_that_is_locked_elsewhere_or_not_checked_out_does_not_move() {
        let (place, repo, [one, two]) = repository();
        let tree = worktree(place.path(), &repo, one);
        let edits = head_to(one, two);
        let is_as_before = || {
            assert_eq!(git(&tree.path, &["rev-parse", "topic"]), one.to_string());
            assert_eq!(repo.ref_id("refs/sessions/@pending/x").expect("can be read"), None);
            assert!(!tree.git_dir.join("ORIG_HEAD").exists());
        };
        for lock in [tree.git_dir.join("HEAD.lock"), repo.common_dir.join("refs/heads/topic.lock")] {
            std::fs::write(&lock, "somebody's").expect("can be written");
            let error = prepare(&repo, Some(&tree.git_dir), &edits, "x").expect_err("is locked");
            assert!(error.one_line().contains(".lock"));
            assert_eq!(std::fs::read_to_string(&lock).expect("is there"), "somebody's");
            std::fs::remove_file(&lock).expect("is there");
            is_as_before();
            assert_eq!(left(&repo), "");
        }
        let stale = head_to(two, one);
        let error = prepare(&repo, Some(&tree.git_dir), &stale, "x").expect_err("is elsewhere");
        assert!(error.one_line().contains("but expected"));
        drop(prepare(&repo, Some(&tree.git_dir), &edits, "x").expect("is free").expect("ours"));
        is_as_before();
        assert_eq!(left(&repo), "");
        // What is not ours to write git writes.
        let left_to_git = || prepare(&repo, Some(&tree.git_dir), &edits, "x").expect("is free").is_none();
        git(&tree.path, &["symbolic-ref", "refs/heads/alias", "refs/heads/topic"]);
        git(&tree.path, &["symbolic-ref", "HEAD", "refs/heads/alias"]);
        assert!(left_to_git());
        git(&tree.path, &["checkout", "-q", "--detach", "topic"]);
        assert!(left_to_git());
        assert_eq!(left(&repo), "");
    }
}
