//! Bases: which branch a session goes back to, and where that stands. See "Words" in `git-session(1)`.

use crate::error::{Error, Result};
use crate::git::{Repo, Target};
use crate::ops::Context;
use crate::session::{Base, ObjectId};
use crate::store::Snapshot;
pub use crate::store::snapshot::BaseNow;

/// Where a base stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The commit.
    pub id: ObjectId,
    /// The local branch's own commit; absent where only the remote has the branch.
    pub local: Option<ObjectId>,
    /// The ref that the commit was taken from, by short name: `main`, or `origin/main` where that is ahead.
    pub from: String,
    /// Branch and upstream have each what the other lacks.
    pub is_diverged: bool,
}

/// A base chosen for a new session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The branch, by full name.
    pub now: BaseNow,
    /// The id of the parent session, where it is a stack.
    pub parent: Option<ObjectId>,
    /// Where it stands.
    pub tip: Tip,
}

impl Chosen {
    /// As a record keeps it.
    pub fn to_base(&self, fork: ObjectId) -> Base {
        Base {
            reference: self.now.reference.clone(),
            remote: self.now.remote.clone(),
            parent: self.parent.map(|id| id.to_string()),
            fork: fork.to_string(),
            rest: toml::Table::new(),
        }
    }
}

/// `a` and `a/b` cannot both be branches.
///
/// # Errors
/// Refused, if one is there with which `branch` cannot be.
pub(crate) fn refuse_clash(repo: &Repo, branch: &str) -> Result<()> {
    let clash = |other: &str| {
        Error::refused(format!(
            "The branches '{}' and '{}' cannot both be: git keeps names as paths, and one would be a folder of the other.",
            short_name(branch),
            short_name(other)
        ))
    };
    let mut end = branch.len();
    while let Some(slash) = branch[..end].rfind('/') {
        end = slash;
        let folder = &branch[..end];
        if folder == "refs/heads" {
            break;
        }
        if repo.ref_id(folder)?.is_some() {
            return Err(clash(folder));
        }
    }
    match repo.refs_below(&format!("{branch}/"))?.first() {
        Some((other, _)) => Err(clash(other)),
        None => Ok(()),
    }
}

/// Where a base stands; none if neither the branch nor its remote is there.
///
/// # Errors
/// Refused, if refs or history cannot be read.
pub fn tip(repo: &Repo, base: &BaseNow) -> Result<Option<Tip>> {
    let Some(local) = repo.ref_id(&base.reference)? else {
        let remote = base.remote.clone().or_else(|| repo.default_remote());
        let Some(remote) = remote else { return Ok(None) };
        let reference = format!("refs/remotes/{remote}/{}", base.short());
        let found = repo.ref_id(&reference)?;
        return Ok(found.map(|id| Tip {
            id,
            local: None,
            from: format!("{remote}/{}", base.short()),
            is_diverged: false,
        }));
    };
    let own = Tip { id: local, local: Some(local), from: base.short().to_owned(), is_diverged: false };
    if base.parent.is_some() {
        // Of a session's branch the upstream is never asked.
        return Ok(Some(own));
    }
    let Some(upstream_ref) = repo.upstream_of(&base.reference) else { return Ok(Some(own)) };
    let Some(upstream) = repo.ref_id(&upstream_ref)?.filter(|id| *id != local) else { return Ok(Some(own)) };
    let pair = repo.ahead_behind_of(&local.to_string(), upstream)?;
    Ok(Some(match pair {
        Some(pair) if pair.ahead == 0 && pair.behind > 0 => {
            Tip { id: upstream, local: Some(local), from: short_name(&upstream_ref).to_owned(), is_diverged: false }
        }
        Some(pair) if pair.ahead > 0 && pair.behind > 0 => Tip { is_diverged: true, ..own },
        _ => own,
    }))
}

/// The base that a record has now, with its tip.
///
/// # Errors
/// Refused, if it is gone.
pub fn require_tip(repo: &Repo, base: &BaseNow) -> Result<Tip> {
    tip(repo, base)?.ok_or_else(|| {
        Error::refused(format!("The base '{}' is gone.", base.short()))
            .hint("`git session set --base <branch>` gives the session another one.")
    })
}

/// The branch that a name means as a base: a local branch, a remote one, or `<remote>/<branch>`.
///
/// # Errors
/// Refused, if the refs cannot be read.
pub fn named(ctx: &Context, snapshot: &Snapshot, text: &str) -> Result<Option<Chosen>> {
    let repo = &ctx.repo;
    let short = text.strip_prefix("refs/heads/").unwrap_or(text);
    let session =
        snapshot.readable().find(|loaded| loaded.name.as_str() == short || loaded.record.branch_short() == short);
    let reference = session.map_or_else(|| format!("refs/heads/{short}"), |loaded| loaded.record.branch.clone());
    if !is_full_name(&reference) {
        return Ok(None);
    }
    let mut now = BaseNow { reference, remote: None, parent: session.map(|loaded| loaded.name.clone()) };
    if repo.ref_id(&now.reference)?.is_none() {
        // `origin/main` means the branch `main` of that remote; `main` the one that the default remote has.
        let of_remote = repo.remotes().into_iter().find_map(|remote| {
            let branch = short.strip_prefix(&remote)?.strip_prefix('/')?;
            Some((remote.clone(), branch.to_owned()))
        });
        let (remote, branch) = match of_remote {
            Some(pair) => pair,
            None => match repo.default_remote() {
                Some(remote) => (remote, short.to_owned()),
                None => return Ok(None),
            },
        };
        if repo.ref_id(&format!("refs/remotes/{remote}/{branch}"))?.is_none() {
            return Ok(None);
        }
        let reference = format!("refs/heads/{branch}");
        let is_local = repo.ref_id(&reference)?.is_some();
        now = BaseNow { reference, remote: (!is_local).then_some(remote), parent: None };
    }
    let Some(tip) = tip(repo, &now)? else { return Ok(None) };
    Ok(Some(Chosen { now, parent: session.map(crate::store::Loaded::id), tip }))
}

/// The base of new sessions where nothing else is said, the first that there is: `session.base`, the team file, the
/// remote's default branch, `init.defaultBranch`, the main worktree's branch.
///
/// # Errors
/// Refused, if there is none: no commit yet, or a setting that names no branch.
pub fn default(ctx: &Context, snapshot: &Snapshot) -> Result<Chosen> {
    let repo = &ctx.repo;
    if let Some(text) = repo.setting("session.base") {
        return named(ctx, snapshot, &text)?.ok_or_else(|| {
            Error::refused(format!("The setting `session.base` is '{text}', which is no branch."))
                .hint("`git config session.base <branch>` mends it, `--base <branch>` goes round it.")
        });
    }
    let found = untracked_default(ctx, snapshot)?;
    if let Some(found) = &found
        && let Some(text) = crate::ops::team::base(repo, found.tip.id)?
        && let Some(chosen) = named(ctx, snapshot, &text)?
    {
        return Ok(chosen);
    }
    found.ok_or_else(|| {
        Error::refused("There is no branch to start from: nothing is committed yet, or no default branch is known.")
            .hint("`git commit --allow-empty -m 'Begin'` makes a first commit; `--base <branch>` names a branch.")
    })
}

/// Where the team file is read from: the default base as it is found without one, and never a session's branch.
///
/// # Errors
/// Refused, if refs cannot be read.
pub(crate) fn of_team_file(ctx: &Context, snapshot: &Snapshot) -> Result<Option<Chosen>> {
    if let Some(text) = ctx.repo.setting("session.base")
        && let Some(chosen) = named(ctx, snapshot, &text)?
        && chosen.parent.is_none()
    {
        return Ok(Some(chosen));
    }
    untracked_default(ctx, snapshot)
}

/// The default base without the team file, which is read from it.
fn untracked_default(ctx: &Context, snapshot: &Snapshot) -> Result<Option<Chosen>> {
    let repo = &ctx.repo;
    let mut candidates = Vec::new();
    if let Some(remote) = repo.default_remote()
        && let Some(Target::Symbolic(head)) = repo.find_ref(&format!("refs/remotes/{remote}/HEAD"))?
        && let Some(branch) = head.strip_prefix(&format!("refs/remotes/{remote}/"))
    {
        candidates.push(branch.to_owned());
    }
    candidates.extend(repo.setting("init.defaultBranch"));
    candidates.extend(repo.main_branch());
    candidates.extend(["main".to_owned(), "master".to_owned()]);
    for candidate in candidates {
        if let Some(chosen) = named(ctx, snapshot, &candidate)?
            && chosen.parent.is_none()
        {
            return Ok(Some(chosen));
        }
    }
    Ok(None)
}

/// The refusal of a base that is none.
pub fn unknown(text: &str) -> Error {
    Error::refused(format!("The base '{text}' is no branch, here or on a remote."))
        .hint("`git branch --all` shows the branches; `git fetch` brings what a remote has by now.")
}

/// `origin/main` of `refs/remotes/origin/main`.
pub fn short_name(reference: &str) -> &str {
    ["refs/heads/", "refs/remotes/", "refs/tags/"]
        .iter()
        .find_map(|prefix| reference.strip_prefix(prefix))
        .unwrap_or(reference)
}

fn is_full_name(reference: &str) -> bool {
    !reference.contains(['\n', '\0', ' ', '~', '^', ':', '?', '*', '[', '\\']) && !reference.contains("..")
}
