//! Merges in memory, for `sync`, `conflicts` and whoever else asks: the verdict is git's.
//!
//! Most of them need no merge at all (see `pick`); the rest is asked of `git merge-tree` (see `oracle`).

mod beyond;
mod files;
mod footprint;
mod foresee;
pub mod lines;
mod merger;
mod oracle;
mod pick;
mod texts;
mod told;
mod train;

pub(in crate::git) use beyond::Ancestries;
pub use beyond::Beyond;
pub use files::{Changes, File};
pub use footprint::{Footprint, Meeting, Touched, directories};
pub use merger::{Merger, Question};
pub use oracle::{Stages, Verdict};
pub use train::{Joined, Standing, Trains};

use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::host::process::Command;
use crate::session::{BString, ObjectId};
use std::path::PathBuf;

/// Why git has to merge in the worktree that it is about, and in no other.
pub const BY_SUBMODULE: &str = "both sides move a submodule, and it depends on what is checked out there";

/// The outcome of a three-way merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// The resulting tree.
    Clean(ObjectId),
    /// The paths that conflict.
    Conflict(Vec<BString>),
}

/// A place for the objects of a prediction: reads see the repository, writes go to a temporary directory that goes
/// with this value.
#[derive(Debug)]
pub struct Scratch {
    directory: crate::host::scratch::Scratch,
    objects: PathBuf,
}

impl Scratch {
    /// Makes the temporary directory.
    ///
    /// # Errors
    /// Refused, if it cannot be made.
    pub fn new(repo: &Repo) -> Result<Scratch> {
        let directory = crate::host::scratch::Scratch::new()?;
        Ok(Scratch { directory, objects: repo.common_dir().join("objects") })
    }

    /// Where it is.
    pub(super) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// A run that sees them, and the repository's own.
    pub fn lend(&self, command: Command) -> Command {
        let alternate = as_listed(&self.objects);
        command.env("GIT_OBJECT_DIRECTORY", self.directory()).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", alternate)
    }
}

/// A path as one of a list in `GIT_ALTERNATE_OBJECT_DIRECTORIES`: quoted, where what divides the list is in it.
fn as_listed(path: &std::path::Path) -> std::ffi::OsString {
    let bytes = crate::git::worktrees::bytes_of_path(path);
    let divider = if cfg!(windows) { b';' } else { b':' };
    if !bytes.contains(&divider) && !bytes.starts_with(b"\"") && !bytes.contains(&b'\n') {
        return path.as_os_str().to_owned();
    }
    let mut quoted = vec![b'"'];
    for byte in bytes {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', byte]),
            b'\n' => quoted.extend(b"\\n"),
            _ => quoted.push(byte),
        }
    }
    quoted.push(b'"');
    os(&quoted.into())
}

impl Repo {
    /// What tells git that the attributes of a commit hold; nothing where git has been told of others.
    pub(super) fn attribute_source(&self, commit: ObjectId) -> Option<String> {
        (!self.attributes_are_elsewhere()).then(|| format!("--attr-source={commit}"))
    }

    /// Merges `theirs` into `ours`. With `base` (a commit or a tree) that is the ancestor; without it git finds it.
    /// Attributes are those of `ours`. With `scratch` no object is left behind.
    ///
    /// # Errors
    /// Refused, with git's words, where there is no verdict: unrelated histories, a missing object.
    pub fn merge(
        &self,
        scratch: Option<&Scratch>,
        base: Option<ObjectId>,
        ours: ObjectId,
        theirs: ObjectId,
    ) -> Result<Merged> {
        let mut command = self.git_with_drivers().args(self.attribute_source(ours)).args([
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
        ]);
        if let Some(base) = base {
            command = command.arg(format!("--merge-base={base}"));
        }
        command = command.arg(ours.to_string()).arg(theirs.to_string());
        if let Some(scratch) = scratch {
            command = scratch.lend(command);
        }
        let output = command.run()?;
        let mut fields = output.stdout.split(|byte| *byte == 0);
        let tree = fields.next().and_then(|hex| ObjectId::from_hex(hex).ok());
        match (output.code, tree) {
            (Some(0), Some(tree)) => Ok(Merged::Clean(tree)),
            (Some(1), Some(_)) => {
                let mut paths: Vec<BString> = fields.filter(|path| !path.is_empty()).map(BString::from).collect();
                paths.dedup();
                Ok(Merged::Conflict(paths))
            }
            _ => Err(command.failure(&output)),
        }
    }

    /// Paths that differ between two commits or trees; `scratch` where one of them exists there only.
    ///
    /// # Errors
    /// Refused, if one is missing.
    pub fn differing_paths(&self, scratch: Option<&Scratch>, a: ObjectId, b: ObjectId) -> Result<Vec<BString>> {
        let (a, b) = (a.to_string(), b.to_string());
        let mut command = self.git().args(["diff-tree", "-r", "-z", "--name-only", "--no-renames", &a, &b]);
        if let Some(scratch) = scratch {
            command = scratch.lend(command);
        }
        let output = command.run_ok()?;
        Ok(output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(BString::from).collect())
    }

    /// Whether a `.gitattributes` is another one in another tree, or in one of them only.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub(in crate::git) fn attributes_differ(&self, a: ObjectId, b: ObjectId) -> Result<bool> {
        let is_attributes = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes");
        Ok(self.changed_between_trees(a, b)?.iter().any(|(path, _)| is_attributes(path)))
    }

    /// The submodules that both sides of a merge of trees move, to different commits: git looks at what is checked out in
    /// them then, which may be another commit in each worktree, or nothing.
    ///
    /// # Errors
    /// Refused, if a tree cannot be read.
    pub fn diverged_submodules(&self, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> Result<Vec<BString>> {
        let mut found = Vec::new();
        for (path, before, after) in self.differing_leaves(base, theirs)? {
            let is_submodule = [before, after].iter().all(|slot| slot.is_some_and(|(mode, _)| mode.is_commit()));
            if is_submodule && ![before, after].contains(&self.entry_at(ours, &path)?) {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// The submodules of one commit that are files or links in another one. git is asked, which fetches what is not here.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn submodules_that_become_files(&self, a: ObjectId, b: ObjectId) -> Result<Vec<BString>> {
        let (a, b) = (a.to_string(), b.to_string());
        let flags = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--diff-filter=T"];
        let output = self.git().args(flags).args([&a, &b]).run_ok()?;
        let mut fields = output.stdout.split(|byte| *byte == 0);
        let mut found = Vec::new();
        while let (Some(facts), Some(path)) = (fields.next(), fields.next()) {
            if facts.starts_with(b":160000 ") {
                found.push(BString::from(path));
            }
        }
        Ok(found)
    }

    /// Writes a commit of the user's: encoding, signature and identity are as `git commit` would have them.
    ///
    /// `author` is `(name, email, date)` of the work where that is somebody else's; `encoding` that of `message`.
    ///
    /// # Errors
    /// Refused, with git's words: no identity, no key.
    pub fn commit_tree(
        &self,
        tree: ObjectId,
        parents: &[ObjectId],
        message: &[u8],
        author: Option<&Authorship>,
    ) -> Result<ObjectId> {
        let mut command = self.git();
        if let Some(Authorship { name, email, date, encoding }) = author {
            if let Some(encoding) = encoding {
                command = command.arg("-c").arg(format!("i18n.commitEncoding={encoding}"));
            }
            command = command
                .env("GIT_AUTHOR_NAME", os(name))
                .env("GIT_AUTHOR_EMAIL", os(email))
                .env("GIT_AUTHOR_DATE", date.as_str());
        }
        command = command.args(["commit-tree", &tree.to_string(), "-F", "-"]);
        for parent in parents {
            command = command.arg("-p").arg(parent.to_string());
        }
        let signs = self.switch("commit.gpgSign")?.unwrap_or(false);
        if signs {
            command = command.arg("-S");
        }
        let output = command.input(message).run_ok().map_err(|error| {
            if !signs {
                return error;
            }
            Error::refused("The commit could not be made and signed.")
                .because(error.one_line())
                .hint("`commit.gpgSign` asks for it; `gpg.program` and `user.signingKey` say how.")
        })?;
        ObjectId::from_hex(output.text().as_bytes()).or_refuse(|| "git made a commit and did not name it.")
    }
}

/// Who wrote a commit that is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorship {
    /// The name, as bytes of the commit's encoding.
    pub name: BString,
    /// The mail address.
    pub email: BString,
    /// The date, in git's own form `<seconds> <zone>`.
    pub date: String,
    /// The encoding header, where there is one.
    pub encoding: Option<String>,
}

impl Repo {
    /// Who wrote a commit, and in what encoding.
    ///
    /// # Errors
    /// Refused, if there is no such commit.
    pub fn authorship(&self, id: ObjectId) -> Result<Authorship> {
        let unreadable = || format!("The commit {id} could not be read.");
        let object = self.inner.find_commit(id).or_refuse(unreadable)?;
        let decoded = object.decode().or_refuse(unreadable)?;
        let author = decoded.author().or_refuse(unreadable)?;
        Ok(Authorship {
            name: author.name.to_owned(),
            email: author.email.to_owned(),
            date: format!("@{}", author.time.trim()),
            encoding: decoded.encoding.map(ToString::to_string),
        })
    }
}

fn os(bytes: &BString) -> std::ffi::OsString {
    crate::git::worktrees::path_of_bytes(bytes).into_os_string()
}
