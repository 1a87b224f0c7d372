//! `env`: what tools want to know of a session, as environment variables.

use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::process::Command;
use crate::ops::Context;
use crate::ops::ports;
use crate::ops::team::Phase;
use crate::session::Word as _;
use crate::session::{Name, ObjectId};
use crate::store::{Loaded, Snapshot};
use std::path::{Path, PathBuf};

/// A session with a worktree, as commands that run for it see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Its name.
    pub name: Name,
    /// Its id.
    pub id: ObjectId,
    /// Its branch, by short name.
    pub branch: String,
    /// Its base, by short name.
    pub base: String,
    /// Its worktree.
    pub worktree: PathBuf,
    /// git's own directory of that.
    pub git_dir: PathBuf,
    /// The main worktree, or the bare repository.
    pub main: PathBuf,
    /// What people call the repository.
    pub repository: String,
    /// The first of its ports.
    pub ports: Option<u16>,
}

impl Scene {
    /// Of a session; none where it has no worktree.
    ///
    /// # Errors
    /// Refused, if the repository cannot be read.
    pub fn of(ctx: &Context, snapshot: &Snapshot, session: &Loaded) -> Result<Option<Scene>> {
        let Some(worktree) = snapshot.worktree_of(session) else { return Ok(None) };
        Ok(Some(Scene {
            name: session.name.clone(),
            id: session.id(),
            branch: session.record.branch_short().to_owned(),
            base: snapshot.base_ref(&ctx.repo, &session.record).short().to_owned(),
            worktree: worktree.path.clone(),
            git_dir: worktree.git_dir.clone(),
            main: ctx.repo.main_place(),
            repository: crate::ops::create::repository_name(&ctx.repo),
            ports: ports::of(&ctx.repo, session.id())?,
        }))
    }

    /// The variables, in the order they are printed.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let slug = self.name.slug();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut list = vec![
            ("SESSION_NAME", self.name.to_string()),
            ("SESSION_ID", self.id.to_string()),
            ("SESSION_SLUG", slug.clone()),
            ("SESSION_BRANCH", self.branch.clone()),
            ("SESSION_BASE", self.base.clone()),
            ("SESSION_WORKTREE", text(&self.worktree)),
            ("SESSION_ROOT", text(&self.main)),
            ("SESSION_DATABASE_SUFFIX", format!("_{}", plain(&slug, '_'))),
            ("COMPOSE_PROJECT_NAME", project(&self.repository, &slug)),
        ];
        if let Some(first) = self.ports {
            list.push(("SESSION_PORT_BASE", first.to_string()));
            list.push(("SESSION_PORT_COUNT", ports::SIZE.to_string()));
            list.push(("PORT", first.to_string()));
        }
        list
    }

    /// A command line of the user's or the team's, in `place`, with the variables and without what would point git
    /// back at another repository.
    pub fn shell(&self, repo: &Repo, place: &Path, phase: Phase, line: &str) -> Command {
        let command = repo.shell_in(place, line).env("SESSION_PHASE", phase.as_str());
        self.variables().into_iter().fold(command, |command, (key, value)| command.env(key, value))
    }
}

/// The scene of a session that must have a worktree.
///
/// # Errors
/// Refused, if it has none.
pub fn require(ctx: &Context, snapshot: &Snapshot, session: &Loaded) -> Result<Scene> {
    Scene::of(ctx, snapshot, session)?.ok_or_else(|| {
        Error::refused(format!("'{}' has no worktree.", session.name))
            .hint(format!("`git session adopt {}` gives it one.", session.name.word()))
    })
}

/// The same with a block of ports, also where it had none.
///
/// # Errors
/// Refused, if refs cannot be written.
pub fn with_ports(ctx: &Context, scene: Scene) -> Result<Scene> {
    let ports = ports::ensure(&ctx.repo, scene.id)?;
    Ok(Scene { ports, ..scene })
}

/// What docker compose takes for a project: lower case letters, digits, dashes and underscores.
fn project(repository: &str, slug: &str) -> String {
    let name = plain(&format!("{repository}-{slug}").to_lowercase(), '-');
    let name = name.trim_start_matches(['-', '_']);
    if name.is_empty() { "session".to_owned() } else { name.to_owned() }
}

/// With everything but ASCII letters and digits replaced. Names that differ in what is replaced only get a digest of
/// the whole behind it, so that no two share a database.
fn plain(text: &str, replacement: char) -> String {
    let keep = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut plain: String = text.chars().map(|c| if keep(c) { c } else { replacement }).collect();
    let is_exact = text.chars().all(|c| keep(c) || c == '-');
    if !is_exact || plain.len() > 40 {
        plain.truncate(40);
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        plain.push(replacement);
        plain.push_str(&format!("{:08x}", hash & 0xffff_ffff));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_tools_and_do_not_meet() {
        assert_eq!(project("Shop", "user-auth"), "shop-user-auth");
        assert_eq!(plain("user-auth", '_'), "user_auth");
        assert_ne!(plain("user.auth", '_'), plain("user-auth", '_'));
        assert!(plain(&"x".repeat(100), '_').len() < 55);
        assert!(project("été", "ö").bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
    }
}
