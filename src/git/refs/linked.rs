//! Refs of ours, written so that their locks say from the first moment what is about to be set.
//!
//! The lock of a ref is a link to a file that has the new value already: whoever finds it after our death can tell that
//! it was ours, and there is no moment at which it is empty. `packed-refs` is read, and never locked. Otherwise this is
//! what git does: lock, compare, write the reflog, rename.

use super::{Edit, Expect, New, Target, files};
use crate::error::{Context as _, Error, Result};
use crate::host::witness;
use gix::refs::FullName;
use gix::refs::store::WriteReflog;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long somebody's lock is waited for, as git does without `core.filesRefLockTimeout`.
const PATIENCE: Duration = Duration::from_millis(100);

/// Does all edits, each an update or a creation, or none. False where this cannot be done here: nothing is done then.
///
/// # Errors
/// Refused, if a lock is held or an expectation does not hold.
pub(super) fn transact(inner: &gix::Repository, common_dir: &Path, edits: &[Edit], message: &str) -> Result<bool> {
    let is_disabled = inner.refs.write_reflog == WriteReflog::Disable;
    let committer = inner.committer().and_then(std::result::Result::ok);
    if cfg!(not(unix)) || inner.refs.namespace.is_some() || committer.is_none() && !is_disabled {
        return Ok(false);
    }
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut locked = Vec::with_capacity(sorted.len());
    for edit in sorted {
        let New::To(id) = edit.new else { continue };
        FullName::try_from(edit.name.as_str()).or_refuse(|| format!("'{}' is no ref.", edit.name))?;
        let path = common_dir.join(&edit.name);
        let Some(lock) = Lock::take(common_dir, &path, &format!("{id}\n"))? else { return Ok(false) };
        let now = files::find(inner, &edit.name)?;
        let is_as_expected = match edit.expect {
            Expect::Missing => now.is_none(),
            Expect::Is(old) => now == Some(Target::Object(old)),
        };
        if !is_as_expected {
            return Err(Error::refused(format!("'{}' is not what was expected.", edit.name)));
        }
        lock.clear_the_way()?;
        locked.push((edit, id, lock));
    }
    // Whoever was stopped for long may have been taken for dead: then another one may be at work by now.
    if locked.iter().any(|(_, _, lock)| !lock.is_still_ours()) {
        return Err(Error::contended("A lock was taken away meanwhile."));
    }
    let one_line = message.replace('\n', " ");
    for (edit, id, lock) in locked {
        let old = match edit.expect {
            Expect::Is(old) => old,
            Expect::Missing => id.kind().null(),
        };
        if let Some(committer) = committer.filter(|_| !is_disabled && old != id) {
            let mut line = format!("{old} {id} ").into_bytes();
            committer.trim().write_to(&mut line).or_refuse(|| "The reflog could not be written.")?;
            line.extend_from_slice(format!("\t{one_line}\n").as_bytes());
            append(&common_dir.join("logs").join(&edit.name), super::is_logged(&edit.name), &line)?;
        }
        lock.commit()?;
    }
    Ok(true)
}

/// The lock of a ref, with its new value in it. Dropped, it is given back.
struct Lock {
    path: PathBuf,
    lock: PathBuf,
    /// What the lock is a link to.
    file: File,
    is_ours: bool,
}

impl Lock {
    /// None where there are no links.
    fn take(common_dir: &Path, path: &Path, value: &str) -> Result<Option<Lock>> {
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        let bits: String = crate::host::random::bits()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let own = common_dir.join(format!("session-{bits}.ref"));
        let written = File::create_new(&own).and_then(|mut file| file.write_all(value.as_bytes()).map(|()| file));
        let begin = Instant::now();
        let linked = written.and_then(|file| {
            loop {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                match std::fs::hard_link(&own, &lock) {
                    // Whoever deletes the last ref of a folder deletes the folder too.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound && begin.elapsed() < PATIENCE => {}
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && begin.elapsed() < PATIENCE => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    outcome => return outcome.map(|()| file),
                }
            }
        });
        let _ = std::fs::remove_file(&own);
        match linked {
            Ok(file) => Ok(Some(Lock { path: path.to_owned(), lock, file, is_ours: true })),
            Err(error) if cannot_link(&error) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && lock.symlink_metadata().is_ok() => {
                Err(error).or_refuse(|| format!("'{}' is there already.", lock.display()))
            }
            Err(error) => Err(error).or_refuse(|| format!("'{}' could not be written.", path.display())),
        }
    }

    /// A folder that refs have left goes; one in which there are some makes this no name for a ref.
    fn clear_the_way(&self) -> Result<()> {
        if !self.path.is_dir() {
            return Ok(());
        }
        remove_empty(&self.path)
            .or_refuse(|| format!("'{}' is a folder of refs, and cannot be a ref.", self.path.display()))
    }

    fn is_still_ours(&self) -> bool {
        witness::is_at(&self.file, &self.lock)
    }

    fn commit(mut self) -> Result<()> {
        let failed = || format!("'{}' could not be put in place.", self.path.display());
        std::fs::rename(&self.lock, &self.path).or_refuse(failed)?;
        self.is_ours = false;
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_ours && self.is_still_ours() {
            let _ = std::fs::remove_file(&self.lock);
        }
    }
}

/// Whether the file system has no links, or the refs lie on another one than the rest.
fn cannot_link(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::CrossesDevices | ErrorKind::TooManyLinks
    )
}

/// Removes a folder in which there is nothing but folders.
fn remove_empty(folder: &Path) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty(&entry.path())?;
        }
    }
    std::fs::remove_dir(folder)
}

fn append(log: &Path, is_wanted: bool, line: &[u8]) -> Result<()> {
    let failed = || format!("The reflog '{}' could not be written.", log.display());
    if is_wanted && let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).or_refuse(failed)?;
    }
    if log.is_dir() {
        remove_empty(log).or_refuse(failed)?;
    }
    match std::fs::OpenOptions::new().append(true).create(is_wanted).open(log) {
        Ok(mut file) => file.write_all(line).or_refuse(failed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_wanted => Ok(()),
        Err(error) => Err(error).or_refuse(failed),
    }
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
        transact(&repo.inner, &repo.common_dir, edits, "a message\nof two lines")
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
}
