//! Settings, as git reads them.

use crate::error::{Context, Error, Result};
use crate::git::{CommitDraft, Repo};
use gix::bstr::ByteSlice;

/// Who writes, and when: git's identity of the committer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub(crate) signature: gix::actor::Signature,
}

impl Identity {
    /// `Name <email>`.
    pub fn shown(&self) -> String {
        format!("{} <{}>", self.signature.name, self.signature.email)
    }

    /// Seconds since 1970.
    pub fn seconds(&self) -> i64 {
        self.signature.time.seconds
    }
}

impl Identity {
    /// Of commits that are made to see what comes of it, and never stored.
    pub fn of_nobody() -> Identity {
        let signature = gix::actor::Signature {
            name: "git session".into(),
            email: "git-session@localhost".into(),
            time: gix::date::Time::new(0, 0),
        };
        Identity { signature }
    }
}

impl Repo {
    /// A setting as text; the last value wins, as with `git config --get`.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.inner.config_snapshot().string(key).map(|value| value.to_str_lossy().into_owned())
    }

    /// Whether objects may be missing here that git fetches when it needs them.
    pub fn is_partial(&self) -> bool {
        let is_promised = |remote: &String| matches!(self.switch(&format!("remote.{remote}.promisor")), Ok(Some(true)));
        self.setting("extensions.partialClone").is_some() || self.remotes().iter().any(is_promised)
    }

    /// All values of a setting, in the order git reads them.
    pub fn settings(&self, key: &str) -> Vec<String> {
        let snapshot = self.inner.config_snapshot();
        snapshot
            .plumbing()
            .strings(key)
            .unwrap_or_default()
            .into_iter()
            .map(|value| value.to_str_lossy().into_owned())
            .collect()
    }

    /// Whether git takes attributes from another tree than the one it works on, wherever that is.
    pub fn attributes_are_elsewhere(&self) -> bool {
        std::env::var_os("GIT_ATTR_SOURCE").is_some() || self.setting("attr.tree").is_some()
    }

    /// A setting as yes or no.
    ///
    /// # Errors
    /// Refused, if it is neither.
    pub fn switch(&self, key: &str) -> Result<Option<bool>> {
        match self.inner.config_snapshot().try_boolean(key) {
            Ok(value) => Ok(value),
            Err(error) => Err(Error::refused(format!("The setting `{key}` is neither true nor false."))
                .because(error)
                .hint(format!("`git config {key} true` or `git config --unset {key}` mends it."))),
        }
    }

    /// A setting as a path, `~` filled in.
    ///
    /// # Errors
    /// Refused, if `~user` names nobody.
    pub fn path_setting(&self, key: &str) -> Result<Option<String>> {
        let output = self.git().args(["config", "--type=path", "--get", key]).run()?;
        Ok(output.is_success().then(|| output.text()))
    }

    /// Who the user is, as git takes it for commits: environment, then settings.
    ///
    /// # Errors
    /// Refused where neither says, before anything is done.
    pub fn identity(&self) -> Result<Identity> {
        let missing = || {
            Error::refused("git does not know who you are, and every record says who wrote it.")
                .hint("`git config --global user.name <name>` and `git config --global user.email <email>` tell it.")
        };
        let signature = self.inner.committer().ok_or_else(missing)?;
        let signature = signature.or_refuse(|| "The committer's date cannot be understood.")?;
        if signature.name.is_empty() || signature.email.is_empty() {
            return Err(missing());
        }
        let signature = signature.to_owned().or_refuse(|| "The committer's date cannot be understood.")?;
        Ok(Identity { signature })
    }

    /// A draft of a commit by the user, with the author that `git commit` would name.
    ///
    /// # Errors
    /// Refused, if git knows no author.
    pub fn draft_by_user(&self, identity: &Identity, message: String) -> Result<CommitDraft> {
        let unclear = || "The author cannot be understood.";
        let author = self.inner.author().ok_or_else(|| Error::refused("git knows no author."))?.or_refuse(unclear)?;
        let author = author.to_owned().or_refuse(unclear)?;
        Ok(CommitDraft { author, committer: identity.signature.clone(), message })
    }

    /// A draft of a commit by the program itself: a fixed author, the user as committer.
    pub fn draft_by_us(&self, identity: &Identity, message: String) -> CommitDraft {
        CommitDraft {
            author: gix::actor::Signature {
                name: "git session".into(),
                email: "git-session@localhost".into(),
                time: identity.signature.time,
            },
            committer: identity.signature.clone(),
            message,
        }
    }

    /// The remote that branches come from: `checkout.defaultRemote`, the only one, or `origin`.
    pub fn default_remote(&self) -> Option<String> {
        if let Some(remote) = self.setting("checkout.defaultRemote") {
            return Some(remote);
        }
        let names = self.inner.remote_names();
        if names.len() == 1 {
            return names.iter().next().map(|name| name.to_string());
        }
        names.iter().any(|name| AsRef::<[u8]>::as_ref(name) == b"origin").then(|| "origin".to_owned())
    }

    /// All remotes' names.
    pub fn remotes(&self) -> Vec<String> {
        self.inner.remote_names().iter().map(|name| name.to_string()).collect()
    }

    /// What the repository's own configuration says of a branch, as `key=value`; values of several lines left out.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn branch_config(&self, branch: &str) -> Result<Vec<String>> {
        let short = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        let prefix = format!("branch.{short}.");
        let output = self.git().args(["config", "--local", "-z", "--list"]).run()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let pairs = text.split('\0').filter_map(|pair| {
            let (key, value) = pair.split_once('\n').unwrap_or((pair, "true"));
            let key = key.strip_prefix(&prefix).filter(|key| !key.contains('.'))?;
            (!value.contains(['\n', '\r'])).then(|| format!("{key}={value}"))
        });
        Ok(pairs.collect())
    }

    /// Sets what [`Repo::branch_config`] read, where the branch has none of it now.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub fn set_branch_config(&self, branch: &str, pairs: &[String]) -> Result<()> {
        if pairs.is_empty() || !self.branch_config(branch)?.is_empty() {
            return Ok(());
        }
        let short = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        for (key, value) in pairs.iter().filter_map(|pair| pair.split_once('=')) {
            self.git().args(["config", "--local", "--add", &format!("branch.{short}.{key}"), value]).run_ok()?;
        }
        Ok(())
    }

    /// The remote-tracking ref that is the upstream of a local branch, by full name.
    pub fn upstream_of(&self, branch: &str) -> Option<String> {
        let name = gix::refs::FullName::try_from(branch).ok()?;
        let upstream =
            self.inner.branch_remote_tracking_ref_name(name.as_ref(), gix::remote::Direction::Fetch)?.ok()?;
        Some(upstream.as_bstr().to_string())
    }
}

/// Settings of `git -c`, which git hands its subcommands and gix does not look for.
pub(super) fn with_command_line(mut repo: gix::Repository) -> gix::Repository {
    let Some(text) = std::env::var_os("GIT_CONFIG_PARAMETERS").filter(|text| !text.is_empty()) else { return repo };
    let mut snapshot = repo.config_snapshot_mut();
    for pair in parameters(&text.to_string_lossy()) {
        // One that gix does not take is none of ours.
        let _ = snapshot.append_config([pair.as_str()], gix::config::Source::Cli);
    }
    drop(snapshot);
    repo
}

/// `'key'='value'`, or `'key=value'` of older gits, one behind the other.
fn parameters(text: &str) -> Vec<String> {
    let mut pairs = Vec::new();
    let mut pair = String::new();
    let mut is_quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => is_quoted = !is_quoted,
            // As `sq_quote` has it: a quote or an exclamation mark stands outside of quotes, behind a backslash.
            '\\' if !is_quoted => pair.extend(chars.next()),
            ' ' if !is_quoted => pairs.push(std::mem::take(&mut pair)),
            c => pair.push(c),
        }
    }
    pairs.push(pair);
    pairs.retain(|pair| !pair.is_empty());
    pairs
}

#[cfg(test)]
mod tests {
    #[test]
    fn settings_of_the_command_line_are_taken_apart() {
        assert_eq!(
            super::parameters(r"'session.base'='it'\''s a' 'old.key=1 2' 'a.b'=''"),
            ["session.base=it's a", "old.key=1 2", "a.b="]
        );
    }
}
