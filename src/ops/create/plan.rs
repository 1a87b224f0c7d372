//! The plan of `create`: everything is looked up and refused before anything is made.

use super::{BranchFrom, CreatePlan, Options, Place, Planned, carry, place};
use crate::error::{Context as _, Error, Result};
use crate::git::worktrees::Head;
use crate::ops::surroundings::{self, Surroundings, Wanted};
use crate::ops::{Context, base, scope};
use crate::session::Word as _;
use crate::session::name::next_free;
use crate::session::{EventKind, Name, ObjectId, Record};
use crate::store::snapshot::BaseNow;
use crate::store::{Loaded, Snapshot};
use base::Chosen;

/// Plans the sessions that were asked for. Reads only.
///
/// # Errors
/// Usage or refused, with what would do.
pub fn plan(ctx: &Context, options: &Options) -> Result<CreatePlan> {
    let snapshot = Snapshot::read(&ctx.repo)?;
    if options.names.len() > 1 && (options.branch.is_some() || options.here || options.carry) {
        return Err(Error::usage("`--branch`, `--here` and `--carry` are for one session.")
            .hint("Create the sessions one by one."));
    }
    let here = ctx.repo.worktree_top().and_then(|top| snapshot.worktrees.iter().find(|tree| tree.path == top));
    let inside = here.and_then(|worktree| snapshot.session_of(worktree));
    let mut warnings = Vec::new();
    let depends_on = options
        .depends_on
        .iter()
        .map(|name| scope::one(ctx, &snapshot, Some(name)).map(|loaded| loaded.id().to_string()))
        .collect::<Result<Vec<_>>>()?;
    let mut names: Vec<Name> = Vec::new();
    for text in &options.names {
        let name = Name::parse(text)?;
        require_free_name(&snapshot, &names, &name)?;
        names.push(name);
    }
    let base = choose_base(ctx, &snapshot, options, inside, &mut warnings)?;
    let mut sessions: Vec<Planned> = Vec::new();
    for name in names {
        let mut planned = one(ctx, &snapshot, options, name, &base, here)?;
        if let Some(twin) = sessions.iter().find(|other| other.branch == planned.branch) {
            return Err(Error::usage(format!("'{}' and '{}' would have the same branch.", twin.name, planned.name))
                .hint("`--branch` is for one session; leave it out."));
        }
        planned.record.depends_on.clone_from(&depends_on);
        sessions.push(planned);
    }
    let uncommitted = carry::uncommitted(ctx, options, here, &mut warnings)?;
    let documents = options.context.iter().map(|path| document(ctx, path)).collect::<Result<Vec<_>>>()?;
    require_space(ctx, &snapshot, &sessions)?;
    for remote in ctx.repo.remotes() {
        if ctx.repo.switch(&format!("remote.{remote}.mirror"))? == Some(true)
            && ctx.repo.setting(&format!("remote.{remote}.fetch")).is_none()
        {
            warnings.push(format!("A push to '{remote}' mirrors every ref: it publishes all sessions."));
        }
    }
    let surroundings =
        surroundings_of(ctx, &snapshot, &sessions, Wanted { copy: !options.no_copy, setup: !options.no_setup })?;
    Ok(CreatePlan { sessions, documents, sparse: options.sparse.clone(), uncommitted, surroundings, warnings })
}

/// What the worktrees that are made get; nothing, where none is.
pub(crate) fn surroundings_of(
    ctx: &Context,
    snapshot: &Snapshot,
    sessions: &[Planned],
    wanted: Wanted,
) -> Result<Surroundings> {
    match sessions.iter().find(|planned| matches!(planned.place, Place::Worktree(_))) {
        Some(first) => surroundings::plan(ctx, snapshot, wanted, first.start),
        None => Ok(Surroundings::default()),
    }
}

fn require_free_name(snapshot: &Snapshot, planned: &[Name], name: &Name) -> Result<()> {
    let all = || snapshot.sessions.iter().map(|entry| &entry.name).chain(planned);
    if all().any(|taken| taken == name) {
        let error = Error::refused(format!("There is a session '{name}' already."));
        let error = match next_free(name, |candidate| all().any(|taken| taken == candidate)) {
            Some(free) => error.hint(format!("`{free}` is free.")),
            None => error,
        };
        return Err(error.hint(format!("`git session path {name}` says where it is.", name = name.word())));
    }
    if let Some(clash) = all().find(|taken| taken.clashes_with(name)) {
        return Err(Error::refused(format!(
            "'{name}' and the session '{clash}' cannot both be: git keeps names as paths, and one would be a folder of \
             the other."
        ))
        .hint(format!("`{}` would do.", name.as_str().replace('/', "-"))));
    }
    Ok(())
}

/// The base of all sessions of this command.
fn choose_base(
    ctx: &Context,
    snapshot: &Snapshot,
    options: &Options,
    inside: Option<&Loaded>,
    warnings: &mut Vec<String>,
) -> Result<Chosen> {
    let no_branch = |text: &str| {
        Error::refused(format!("The base '{text}' is no branch, here or on a remote."))
            .hint("`git branch --all` lists branches; a commit can be given as the start point instead.")
    };
    if let Some(text) = &options.base {
        return base::named(ctx, snapshot, text)?.ok_or_else(|| no_branch(text));
    }
    if options.stack {
        let parent = inside.ok_or_else(|| {
            Error::refused("`--stack` stacks on the session one stands in, and this is none's worktree.")
                .hint("`--base <session>` stacks on any session.")
        })?;
        let now = BaseNow { reference: parent.record.branch.clone(), remote: None, parent: Some(parent.name.clone()) };
        let tip = base::require_tip(&ctx.repo, &now)?;
        return Ok(Chosen { now, parent: Some(parent.id()), tip });
    }
    if let Some(start) = &options.start
        && let Some(chosen) = base::named(ctx, snapshot, start)?
    {
        return Ok(chosen);
    }
    if let Some(parent) = inside {
        let trunk = trunk(ctx, snapshot, parent);
        let tip = base::require_tip(&ctx.repo, &trunk)?;
        warnings.push(format!(
            "You are in the session '{}'; the new one starts from '{}'. `--stack` would stack it on '{}'.",
            parent.name,
            trunk.short(),
            parent.name
        ));
        return Ok(Chosen { now: trunk, parent: None, tip });
    }
    base::default(ctx, snapshot)
}

/// The base at the bottom of a session's stack.
fn trunk(ctx: &Context, snapshot: &Snapshot, session: &Loaded) -> BaseNow {
    let mut now = snapshot.base_ref(&ctx.repo, &session.record);
    for _ in 0..snapshot.sessions.len() {
        let Some(parent) = now.parent.as_ref().and_then(|name| snapshot.require(name).ok()) else { break };
        now = snapshot.base_ref(&ctx.repo, &parent.record);
    }
    now
}

fn one(
    ctx: &Context,
    snapshot: &Snapshot,
    options: &Options,
    name: Name,
    base: &Chosen,
    here: Option<&crate::git::Worktree>,
) -> Result<Planned> {
    let repo = &ctx.repo;
    let mut warnings = Vec::new();
    let mut base = base.clone();
    let here_branch = here.filter(|_| options.here).and_then(|worktree| match &worktree.head {
        Head::Branch(branch) => Some(branch.clone()),
        _ => None,
    });
    // `--here` on a branch that is no base makes a session of that branch.
    let adopted_here = here_branch
        .clone()
        .filter(|branch| options.start.is_none() && options.branch.is_none() && *branch != base.now.reference);
    let branch = match (&adopted_here, &options.branch) {
        (Some(branch), _) => branch.clone(),
        (None, Some(branch)) => full_branch(branch)?,
        (None, None) => full_branch(&format!("{}{name}", branch_prefix(ctx)))?,
    };
    if branch == base.now.reference {
        return Err(Error::refused(format!("The branch '{}' is the base itself.", base.now.short()))
            .hint("Give the session another name, or its branch with `--branch`."));
    }
    if let Some(owner) = snapshot.readable().find(|loaded| loaded.record.branch == branch) {
        return Err(Error::refused(format!(
            "The branch '{}' is that of the session '{}'.",
            base::short_name(&branch),
            owner.name
        ))
        .hint(format!("`git session path {}` says where it is; `--branch` names another branch.", owner.name.word())));
    }
    let explicit_start = match &options.start {
        Some(text) => Some(match base::named(ctx, snapshot, text)? {
            Some(chosen) => chosen.tip.id,
            None => repo.resolve_commit(text)?.ok_or_else(|| {
                Error::refused(format!("'{text}' is no commit.")).hint("`git log --oneline --all` shows commits.")
            })?,
        }),
        None => None,
    };
    let (branch_from, start) = match repo.ref_id(&branch)? {
        Some(tip) => {
            if adopted_here.is_none() {
                refuse_if_checked_out(snapshot, &branch, &name)?;
            }
            if explicit_start.is_some_and(|start| start != tip) {
                return Err(Error::refused(format!(
                    "The branch '{}' exists, and not at that start point.",
                    base::short_name(&branch)
                ))
                .hint("Leave the start point out to take the branch over as it is, or give another name."));
            }
            (BranchFrom::Local, tip)
        }
        None => {
            base::refuse_clash(&ctx.repo, &branch)
                .map_err(|error| error.hint("Give the session another name, or its branch with `--branch`."))?;
            match (remote_branch(ctx, &branch)?, explicit_start) {
                (Some((reference, tip)), None) => (BranchFrom::Remote(reference), tip),
                (_, Some(start)) => (BranchFrom::New, start),
                (None, None) => {
                    let head = if options.here { here.and_then(|tree| head_id(ctx, tree)) } else { None };
                    (BranchFrom::New, head.unwrap_or(base.tip.id))
                }
            }
        }
    };
    let fork = repo.merge_base(base.tip.id, start)?.ok_or_else(|| {
        Error::refused(format!("'{}' and its base '{}' have no history in common.", name, base.now.short()))
            .hint("`--base <branch>` names another base.")
    })?;
    if base.tip.is_diverged {
        warnings.push(format!(
            "'{0}' and its upstream have diverged; the session starts from '{0}', and `sync` will wait until they agree.",
            base.now.short()
        ));
    }
    if base.now.parent.is_some() {
        base.now.remote = None;
    }
    let mut record = Record::new(branch.clone(), base.to_base(fork));
    record.goal.clone_from(&options.goal);
    record.focus.clone_from(&options.focus);
    record.owner.clone_from(&options.owner);
    record.own.clone_from(&options.own);
    record.read_only.clone_from(&options.read_only);
    record.priority = options.priority;
    record.here = options.here;
    let (place, exclude) = if options.here {
        let worktree = here.ok_or_else(|| {
            Error::refused("`--here` needs a worktree to stand in.").hint("`cd` into one, or leave `--here` out.")
        })?;
        if let Some(tie) = &worktree.tie {
            return Err(Error::refused(format!("This worktree is already that of the session '{tie}'."))
                .hint("Leave `--here` out: the new session gets a worktree of its own."));
        }
        if let Some(operation) = worktree.operation() {
            return Err(Error::refused(format!("This worktree is in the middle of a {operation}."))
                .hint(format!("`git {operation} --continue` or `--abort` ends it.")));
        }
        (Place::Here(worktree.path.clone()), None)
    } else {
        let path = place::of(ctx, &name, &branch)?;
        place::require_free(&path)?;
        let exclude = exclude_line(ctx, &path);
        (Place::Worktree(path), exclude)
    };
    let event = EventKind::Created;
    Ok(Planned { name, branch, branch_from, start, base, record, place, exclude, event, warnings })
}

fn head_id(ctx: &Context, worktree: &crate::git::Worktree) -> Option<ObjectId> {
    match &worktree.head {
        Head::Branch(branch) => ctx.repo.ref_id(branch).ok().flatten(),
        Head::Detached(id) => Some(*id),
        Head::Unknown => None,
    }
}

/// `session.branchPrefix`, with `{user}` as a branch can have it.
pub(crate) fn branch_prefix(ctx: &Context) -> String {
    let prefix = ctx.repo.setting("session.branchPrefix").unwrap_or_default();
    if !prefix.contains("{user}") {
        return prefix;
    }
    let user = ctx.repo.setting("user.name").unwrap_or_default();
    let user =
        crate::session::name::propose(&user).map_or_else(|| "user".to_owned(), |name| name.as_str().replace('/', "-"));
    prefix.replace("{user}", &user)
}

fn full_branch(text: &str) -> Result<String> {
    let short = text.strip_prefix("refs/heads/").unwrap_or(text);
    let name = Name::parse(short).map_err(|error| {
        let mut copy =
            Error::usage(format!("'{}' is no name for a branch.", short.escape_default())).because(error.one_line());
        for hint in error.hints() {
            copy = copy.hint(hint);
        }
        copy
    })?;
    Ok(format!("refs/heads/{name}"))
}

fn refuse_if_checked_out(snapshot: &Snapshot, branch: &str, name: &Name) -> Result<()> {
    let Some(worktree) = snapshot.worktrees.iter().find(|tree| tree.branch().as_deref() == Some(branch)) else {
        return Ok(());
    };
    let short = base::short_name(branch);
    Err(Error::refused(format!("The branch '{short}' is checked out at '{}'.", worktree.path.display()))
        .hint(format!("`git session adopt {short}` makes a session of it as it is.", short = short.word()))
        .hint(format!("Another name than '{name}' starts a new branch.")))
}

/// The branch of that name on the default remote.
fn remote_branch(ctx: &Context, branch: &str) -> Result<Option<(String, ObjectId)>> {
    let Some(remote) = ctx.repo.default_remote() else { return Ok(None) };
    let reference = format!("refs/remotes/{remote}/{}", base::short_name(branch));
    Ok(ctx.repo.ref_id(&reference)?.map(|id| (reference, id)))
}

/// The line that hides a folder of sessions which lies inside the main worktree.
fn exclude_line(ctx: &Context, path: &std::path::Path) -> Option<String> {
    let main = ctx.repo.main_top()?;
    let inside = path.strip_prefix(&main).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?.to_owned();
    Some(format!("/{first}/"))
}

/// `--context <file>`: its place in the record is its path, below `context/`.
fn document(ctx: &Context, path: &std::path::Path) -> Result<(String, Vec<u8>)> {
    let full = ctx.cwd.join(path);
    let bytes = std::fs::read(&full).or_refuse(|| format!("The context file '{}' cannot be read.", path.display()))?;
    let name = ctx
        .repo
        .worktree_top()
        .and_then(|top| full.strip_prefix(top).ok().map(|path| path.to_string_lossy().into_owned()))
        .or_else(|| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .ok_or_else(|| Error::usage(format!("'{}' is no file.", path.display())))?;
    let name = name.replace('\\', "/");
    if name.split('/').any(|part| part.is_empty() || part == "." || part == ".." || part.eq_ignore_ascii_case(".git")) {
        return Err(Error::usage(format!("'{}' cannot be kept under that name.", path.display()))
            .hint("Name it by a path without `..`."));
    }
    Ok((format!("context/{name}"), bytes))
}

/// Refuses where the disk will not hold the files.
fn require_space(ctx: &Context, snapshot: &Snapshot, sessions: &[Planned]) -> Result<()> {
    let Some(path) = sessions.iter().find_map(|planned| match &planned.place {
        Place::Worktree(path) => Some(path),
        _ => None,
    }) else {
        return Ok(());
    };
    let Some(free) = crate::host::disk::free(path) else { return Ok(()) };
    let each = snapshot.worktrees.first().map_or(0, |worktree| ctx.repo.checkout_size(worktree));
    let wanted = each * sessions.len() as u64;
    if wanted > free {
        return Err(Error::refused(format!(
            "The disk of '{}' has {} free, and {} would take about {}.",
            path.display(),
            megabytes(free),
            if sessions.len() == 1 { "the worktree".into() } else { format!("{} worktrees", sessions.len()) },
            megabytes(wanted)
        ))
        .hint("Free some room, set `session.path` to another disk, or check out less with `--sparse <directory>`."));
    }
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
