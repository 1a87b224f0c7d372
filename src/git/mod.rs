//! The only door to the repository: discovery, settings, refs, objects, worktrees, and every run of the `git` binary.
//!
//! gix reads, and creates and updates refs of ours; `git` does what moves the user's branches and files, every deletion
//! of a ref, and all refs where the repository uses reftable.

mod command;
pub mod config;
pub mod history;
pub mod hooks;
pub mod ignore;
mod included;
pub mod index;
pub mod merge;
mod notes;
mod objects;
mod packed;
pub mod refill;
pub mod refs;
pub mod replay;
pub mod revive;
pub mod salvage;
pub mod stash;
pub mod status;
mod trees;
pub mod watch;
mod work;
pub mod worktrees;

pub use objects::{Commit, CommitDraft};
pub use refs::{Edit, Expect, New, Target};
pub use worktrees::Worktree;

use crate::error::{Context, Error, Result};
use crate::session::ObjectId;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// An open repository, seen from one of its worktrees.
pub struct Repo {
    inner: gix::Repository,
    backend: refs::Backend,
    common_dir: PathBuf,
    blobs: Arc<Mutex<objects::Blobs>>,
    attributes: Arc<Mutex<index::Attributes>>,
    packs: packed::Packs,
    trees: std::cell::RefCell<packed::Chains<trees::Tree>>,
    texts: std::cell::RefCell<packed::Chains<packed::Bytes>>,
    /// The commit graph, once somebody asked for it; none where there is none.
    graph: std::cell::OnceCell<Option<gix::commitgraph::Graph>>,
    /// What is known of the histories of trunks.
    ancestries: merge::Ancestries,
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repo").field("common_dir", &self.common_dir).finish_non_exhaustive()
    }
}

impl Repo {
    /// Finds the repository around `directory`, honouring `GIT_DIR` and its like as git does.
    ///
    /// # Errors
    /// Refused outside of a repository, and where git itself would refuse to work (`safe.directory`).
    pub fn discover(directory: &Path) -> Result<Repo> {
        let found = gix::ThreadSafeRepository::discover_with_environment_overrides(directory);
        let inner = match found {
            Ok(repo) => config::with_command_line(repo.to_thread_local()),
            Err(error) => {
                return Err(match git_says_no(directory) {
                    Some(words) => Error::refused("There is no repository here to work with.").because(words),
                    None => Error::refused("The repository could not be opened.").because(error),
                }
                .hint(lost_link(directory).unwrap_or_else(|| {
                    "Run it inside a repository, or name one with `git -C <path> session ...`.".to_owned()
                })));
            }
        };
        if inner.git_dir_trust() != gix::sec::Trust::Full
            && let Some(words) = git_says_no(directory)
        {
            return Err(Error::refused("git does not trust this repository.")
                .because(words)
                .hint("If it is yours, `git config --global --add safe.directory <path>` says so."));
        }
        Repo::of(inner)
    }

    /// Opens the repository whose git directory (of the main or of a linked worktree) this is.
    ///
    /// # Errors
    /// Refused, if there is none.
    pub fn open_git_dir(git_dir: &Path) -> Result<Repo> {
        let inner = gix::open(git_dir)
            .or_refuse(|| format!("The git directory '{}' could not be opened.", git_dir.display()))?;
        Repo::of(inner)
    }

    fn of(mut inner: gix::Repository) -> Result<Repo> {
        inner.object_cache_size_if_unset(16 * 1024 * 1024);
        let common_dir = absolute(inner.common_dir())?;
        let backend = refs::Backend::of(&inner, &common_dir);
        Ok(Repo {
            inner,
            backend,
            common_dir,
            blobs: Arc::default(),
            attributes: Arc::default(),
            packs: packed::Packs::default(),
            trees: packed::Chains::with_room(16),
            texts: packed::Chains::with_room(32),
            graph: std::cell::OnceCell::new(),
            ancestries: merge::Ancestries::default(),
        })
    }

    /// The directory that all worktrees share: `.git` of the main worktree, or the bare repository.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// This worktree's own git directory.
    ///
    /// # Errors
    /// Refused, if the current directory is gone.
    pub fn git_dir(&self) -> Result<PathBuf> {
        absolute(self.inner.git_dir())
    }

    /// The top of the worktree one stands in; none in a bare repository or inside `.git`.
    pub fn worktree_top(&self) -> Option<PathBuf> {
        self.inner.workdir().and_then(|path| absolute(path).ok())
    }

    /// The top of the main worktree; none of a bare repository.
    pub fn main_top(&self) -> Option<PathBuf> {
        let main = self.inner.main_repo().ok()?;
        // In a linked worktree gix takes the current directory for it, where `core.worktree` says another: submodules.
        if self.inner.git_dir() != self.inner.common_dir()
            && !main.is_bare()
            && let Some(top) = main.config_snapshot().string("core.worktree")
        {
            return absolute(&self.common_dir.join(worktrees::path_of_bytes(&top))).ok();
        }
        main.workdir().and_then(|path| absolute(path).ok())
    }

    /// The directory that stands for the whole repository: the main worktree's top, or the bare directory.
    pub fn main_place(&self) -> PathBuf {
        self.main_top().unwrap_or_else(|| self.common_dir.clone())
    }

    /// The hash that objects are named by.
    pub fn hash_kind(&self) -> gix::hash::Kind {
        self.inner.object_hash()
    }

    /// The id that names nothing: as many zeroes as an id has digits.
    pub fn null_id(&self) -> ObjectId {
        ObjectId::null(self.hash_kind())
    }

    /// Whether refs are kept in reftables, which gix cannot read.
    pub fn uses_reftable(&self) -> bool {
        matches!(self.backend, refs::Backend::Binary)
    }

    /// The commit that a revision names; none if it names none.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn resolve_commit(&self, revision: &str) -> Result<Option<ObjectId>> {
        if revision.starts_with('-') {
            return Ok(None);
        }
        if let Some(id) = self.plain_branch(revision)? {
            return Ok(Some(id));
        }
        let output = self
            .git_here()
            .args(["rev-parse", "--verify", "--quiet", "--end-of-options"])
            .arg(format!("{revision}^{{commit}}"))
            .run()?;
        Ok(output.is_success().then(|| ObjectId::from_hex(output.text().as_bytes()).ok()).flatten())
    }

    /// Where a branch stands whose short name means nothing else by git's rules (`gitrevisions(7)`).
    fn plain_branch(&self, name: &str) -> Result<Option<ObjectId>> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-');
        let is_word = name.chars().all(is_plain) && !name.chars().all(|c| c.is_ascii_hexdigit());
        // Others look like what `git describe` says, or are refs by themselves.
        if !is_word || name.contains("-g") || name.starts_with("refs/") || self.uses_reftable() {
            return Ok(None);
        }
        if self.git_dir()?.join(name).exists() || self.common_dir.join(name).exists() {
            return Ok(None);
        }
        for before in [format!("refs/{name}"), format!("refs/tags/{name}")] {
            if self.find_ref(&before)?.is_some() {
                return Ok(None);
            }
        }
        self.ref_id(&format!("refs/heads/{name}"))
    }

    /// A short form of an id that is unique now.
    pub fn short(&self, id: ObjectId) -> String {
        use gix::prelude::ObjectIdExt;
        id.attach(&self.inner).shorten_or_id().to_string()
    }
}

/// What helps in a worktree whose `.git` leads nowhere: the repository was moved, or a container has it elsewhere.
fn lost_link(directory: &Path) -> Option<String> {
    let top = directory.ancestors().find(|top| top.join(".git").is_file())?;
    let text = std::fs::read_to_string(top.join(".git")).ok()?;
    let target = top.join(text.strip_prefix("gitdir: ")?.trim_end());
    (!target.exists()).then(|| {
        format!(
            "This is a worktree of '{}', which is not there. If it was moved, `git session doctor --fix` there mends the \
             link; in a container, mount the repository at the path it has outside.",
            target.display()
        )
    })
}

/// git's own last words about a directory it refuses; none if it would work there.
fn git_says_no(directory: &Path) -> Option<String> {
    let output =
        crate::host::process::Command::new("git").current_dir(directory).args(["rev-parse", "--git-dir"]).run().ok()?;
    (!output.is_success()).then_some(output.stderr)
}

/// The path in full, without `.` and `..` where the file system can tell.
fn absolute(path: &Path) -> Result<PathBuf> {
    if let Ok(path) = path.canonicalize() {
        return Ok(simplified(path));
    }
    std::path::absolute(path).or_refuse(|| format!("The path '{}' could not be made absolute.", path.display()))
}

/// Without the `\\?\` that Windows puts before canonical paths and git does not understand.
fn simplified(path: PathBuf) -> PathBuf {
    if cfg!(windows)
        && let Some(text) = path.to_str()
        && let Some(rest) = text.strip_prefix(r"\\?\")
        && !rest.starts_with("UNC")
    {
        return PathBuf::from(rest);
    }
    path
}

/// Whether a glob, as git writes them for refs, matches the whole name; `*` crosses `/`.
pub fn glob_matches(pattern: &str, name: &str) -> bool {
    gix::glob::wildmatch(pattern.into(), name.into(), gix::glob::wildmatch::Mode::empty())
}

/// The SHA-256 of some bytes, in hexadecimal.
///
/// # Errors
/// Refused, if it cannot be computed.
pub fn digest(bytes: &[u8]) -> Result<String> {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha256);
    hasher.update(bytes);
    Ok(hasher.try_finalize().or_refuse(|| "A digest could not be computed.")?.to_string())
}

impl Repo {
    /// The commit graph, where the repository has one and trusts it: replaced and grafted commits are not in it.
    fn commit_graph(&self) -> Option<&gix::commitgraph::Graph> {
        let open = || {
            let may_replace = self.refs_below("refs/replace/").map_or(true, |refs| !refs.is_empty());
            if may_replace || self.common_dir.join("shallow").exists() || self.common_dir.join("info/grafts").exists() {
                return None;
            }
            self.inner.commit_graph_if_enabled().ok().flatten()
        };
        self.graph.get_or_init(open).as_ref()
    }

    /// Another handle on the same repository, for another thread.
    ///
    /// # Errors
    /// Refused, if it cannot be opened again.
    pub fn another(&self) -> Result<Repo> {
        let another = Repo::of(self.inner.clone())?;
        Ok(Repo {
            blobs: Arc::clone(&self.blobs),
            attributes: Arc::clone(&self.attributes),
            packs: Arc::clone(&self.packs),
            ..another
        })
    }
}
