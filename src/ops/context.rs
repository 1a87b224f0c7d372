//! What every verb starts from: the repository, where the user stands, and the moment.

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::session::Timestamp;
use crate::store::Writer;
use std::path::{Path, PathBuf};

/// The repository and the place one stands in. Opened once, in `lib.rs`.
#[derive(Debug)]
pub struct Context {
    /// The repository.
    pub repo: Repo,
    /// The current directory.
    pub cwd: PathBuf,
    /// Now, as git would date a commit.
    pub now: Timestamp,
    /// What was mended on the way, for people.
    said: std::cell::RefCell<Vec<String>>,
}

impl Context {
    /// Finds the repository around the current directory.
    ///
    /// # Errors
    /// Refused outside of a repository.
    pub fn open() -> Result<Context> {
        let cwd = std::env::current_dir().map_err(|error| {
            Error::refused("The current directory is gone.").because(error).hint("`cd` to one that exists.")
        })?;
        let repo = Repo::discover(&cwd)?;
        Ok(Context { repo, cwd, now: crate::host::now(), said: std::cell::RefCell::default() })
    }

    /// The same for another thread. What is mended there is not said.
    ///
    /// # Errors
    /// Refused, if the repository cannot be opened again.
    pub fn another(&self) -> Result<Context> {
        let (cwd, now) = (self.cwd.clone(), self.now);
        Ok(Context { repo: self.repo.another()?, cwd, now, said: std::cell::RefCell::default() })
    }

    /// Notes what was mended on the way.
    pub(crate) fn say(&self, what: String) {
        self.said.borrow_mut().push(what);
    }

    /// What was mended on the way, once.
    pub fn said(&self) -> Vec<String> {
        self.said.take()
    }

    /// A writer for this command's operation. Refuses what no writing verb may touch, and mends what a killed command
    /// left behind.
    ///
    /// # Errors
    /// Refused without an identity, or in a repository where `git fetch --prune` would delete all state.
    pub fn writer(&self) -> Result<Writer> {
        let writer = Writer::new(&self.repo)?;
        self.refuse_mirror()?;
        crate::ops::journal::recover(self, &writer)?;
        Ok(writer)
    }

    /// A repository whose fetches prune `refs/sessions/` cannot keep state there.
    ///
    /// # Errors
    /// Refused then.
    pub(crate) fn refuse_mirror(&self) -> Result<()> {
        for remote in self.repo.remotes() {
            for refspec in self.repo.settings(&format!("remote.{remote}.fetch")) {
                let Some((_, to)) = refspec.split_once(':') else { continue };
                if covers_sessions(to) && !refspec.starts_with('^') {
                    return Err(Error::refused(format!(
                        "The fetch refspec '{refspec}' of '{remote}' covers refs/sessions/: `git fetch --prune` would \
                         delete every session."
                    ))
                    .hint(format!(
                        "`git config remote.{remote}.fetch '+refs/heads/*:refs/heads/*'` narrows it to branches."
                    )));
                }
            }
        }
        Ok(())
    }

    /// The main worktree's top, or the bare repository: what `session.path` starts from.
    pub fn place(&self) -> PathBuf {
        self.repo.main_place()
    }

    /// A path as the user would type it from where he stands.
    pub fn relative<'a>(&self, path: &'a Path) -> std::borrow::Cow<'a, Path> {
        match path.strip_prefix(&self.cwd) {
            Ok(inside) if !inside.as_os_str().is_empty() => inside.into(),
            _ => path.into(),
        }
    }
}

/// Whether the destination of a refspec takes in `refs/sessions/`.
fn covers_sessions(to: &str) -> bool {
    match to.strip_suffix('*') {
        Some(prefix) => {
            "refs/sessions/".starts_with(prefix) || prefix.starts_with("refs/sessions/") && !prefix.contains('@')
        }
        None => to.starts_with("refs/sessions/") && !to.contains('@'),
    }
}

impl Context {
    /// What the settings say of colour: `color.session`, else `color.ui`.
    pub fn colour_setting(&self) -> Option<String> {
        self.repo.setting("color.session").or_else(|| self.repo.setting("color.ui"))
    }

    /// The pager that git would use for a long answer; none where there is none, or `pager.session` is false.
    pub fn pager(&self) -> Option<String> {
        match self.repo.setting("pager.session").as_deref() {
            Some("false" | "no" | "off" | "0") => return None,
            Some("true" | "yes" | "on" | "1") | None => {}
            Some(command) => return Some(command.to_owned()),
        }
        let pager = self.repo.git_here().args(["var", "GIT_PAGER"]).run().ok()?.text();
        (!pager.is_empty() && pager != "cat").then_some(pager)
    }

    /// `finish --merge` without `--strategy`.
    ///
    /// # Errors
    /// Refused, if `session.strategy` is no strategy.
    pub fn strategy(&self) -> Result<crate::ops::finish::Strategy> {
        match self.repo.setting("session.strategy") {
            None => Ok(crate::ops::finish::Strategy::NoFf),
            Some(text) => crate::ops::finish::Strategy::parse(&text).ok_or_else(|| {
                Error::refused(format!("The setting `session.strategy` is '{text}', which is no strategy."))
                    .hint("`git config session.strategy no-ff`, or `ff`, `squash`, `rebase`.")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn mirrors_are_seen_and_ordinary_clones_are_not() {
        assert!(super::covers_sessions("refs/*"));
        assert!(super::covers_sessions("refs/sessions/*"));
        assert!(!super::covers_sessions("refs/remotes/origin/*"));
        assert!(!super::covers_sessions("refs/heads/*"));
        assert!(!super::covers_sessions("refs/sessions/@remotes/origin/*"));
        assert!(!super::covers_sessions("refs/remotes/sessions/*"));
    }
}
