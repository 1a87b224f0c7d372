//! The plan: who goes in, in which order, and the trees on the way. Reads only.

use super::{Car, IntegratePlan, Options, Target};
use crate::error::{Error, Result};
use crate::ops::base::{self, Tip};
use crate::ops::order::{self, Reason};
use crate::ops::{Context, finish};
use crate::session::Word as _;
use crate::session::{Name, ObjectId, State};
use crate::store::Snapshot;
use crate::store::snapshot::BaseNow;

/// Plans it.
///
/// # Errors
/// Usage or refused, if an argument means nothing, or the sessions go into several branches.
pub fn plan(ctx: &Context, snapshot: &Snapshot, options: &Options) -> Result<IntegratePlan> {
    plan_without(ctx, snapshot, options, Vec::new())
}

/// The same without some that are known to do harm.
pub(super) fn plan_without(
    ctx: &Context,
    snapshot: &Snapshot,
    options: &Options,
    left_out: Vec<(String, Reason)>,
) -> Result<IntegratePlan> {
    let asked = order::Options {
        names: options.names.clone(),
        all: options.all,
        is_squash: options.squash,
        left_out: left_out.clone(),
        ..order::Options::default()
    };
    let report = order::look(ctx, snapshot, &asked)?;
    let at = trunk_of(ctx, snapshot, options, &report)?;
    let trunk = &report.trunks[at];
    let base = trunk.base.clone().ok_or_else(|| Error::bug("A session goes into no base."))?;
    let onto = base::require_tip(&ctx.repo, &base)?;
    if Some(onto.id) != trunk.tip {
        return Err(Error::contended(format!("'{}' has moved at the same moment.", base.short())).hint("Run it again."));
    }
    let target = target(ctx, snapshot, options, &base, &onto)?;
    let mut cars = Vec::new();
    for place in report.order.iter().filter(|place| place.trunk == at) {
        let loaded = snapshot.require(&Name::parse(&place.name)?)?;
        // A merge says nothing of the commits it brings.
        let subjects = if options.squash {
            let own = ctx.repo.own_commits(onto.id, place.tip, loaded.record.base.fork())?;
            ctx.repo.subjects(&own)?
        } else {
            Vec::new()
        };
        cars.push(Car {
            name: loaded.name.clone(),
            id: loaded.id(),
            tip: place.tip,
            goal: loaded.record.goal.clone(),
            subjects,
            tree: place.tree,
            after: place.after.clone(),
            commits: place.commits,
            files: place.files,
        });
    }
    let mut unsaid = Vec::new();
    for blocked in report.blocked.iter().filter(|blocked| blocked.trunk == at && blocked.is_merged) {
        let loaded = snapshot.require(&Name::parse(&blocked.name)?)?;
        if loaded.record.state != State::Merged {
            unsaid.push(loaded.name.clone());
        }
    }
    let blocked = report.blocked.into_iter().filter(|blocked| blocked.trunk == at).collect();
    Ok(IntegratePlan {
        options: options.clone(),
        base,
        onto,
        target,
        cars,
        blocked,
        objects: report.objects,
        left_out,
        unsaid,
        warnings: report.warnings,
    })
}

/// The one trunk that is meant.
fn trunk_of(ctx: &Context, snapshot: &Snapshot, options: &Options, report: &order::Report) -> Result<usize> {
    let is_wanted = |at: usize| report.order.iter().any(|place| place.trunk == at);
    if let Some(text) = &options.into {
        let chosen = base::named(ctx, snapshot, text)?.ok_or_else(|| base::unknown(text))?;
        let same =
            |trunk: &order::Trunk| trunk.base.as_ref().is_some_and(|base| base.reference == chosen.now.reference);
        return report.trunks.iter().position(same).ok_or_else(|| {
            let named: Vec<&str> = report.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
            let error = Error::refused(format!("No session goes into '{text}'."));
            if named.is_empty() {
                error.hint("`git session create <name>` starts one.")
            } else {
                error.hint(format!(
                    "They go into {}; `git session set <name> --base {text}` changes that.",
                    named.join(", "),
                    text = text.word()
                ))
            }
        });
    }
    let wanted: Vec<usize> = (0..report.trunks.len()).filter(|at| is_wanted(*at)).collect();
    match wanted.as_slice() {
        [one] => Ok(*one),
        [] if report.trunks.len() == 1 => Ok(0),
        [] if report.trunks.is_empty() => {
            Err(Error::refused("There are no sessions.").hint("`git session create <name>` starts one."))
        }
        _ => {
            let named: Vec<&str> = report.trunks.iter().map(|trunk| trunk.name.as_str()).collect();
            Err(Error::refused(format!("The sessions go into several branches: {}.", named.join(", ")))
                .hint("Name those of one branch, or say `--into <branch>`."))
        }
    }
}

/// The base itself, or the integration branch.
fn target(ctx: &Context, snapshot: &Snapshot, options: &Options, base: &BaseNow, onto: &Tip) -> Result<Target> {
    let checkout = |branch: &str| {
        let is_it = |tree: &&crate::git::Worktree| tree.branch().as_deref() == Some(branch) && !tree.is_missing;
        snapshot.worktrees.iter().find(is_it).map(|tree| tree.git_dir.clone())
    };
    if options.into.is_some() {
        return Ok(Target {
            branch: base.reference.clone(),
            old: onto.local,
            mutex: finish::base_mutex(base),
            git_dir: checkout(&base.reference),
            is_base: true,
        });
    }
    let template = ctx.repo.setting("session.integrationBranch").unwrap_or_else(|| "integration/<base>".to_owned());
    let short = template.replace("<base>", base.short());
    let default = "`git config session.integrationBranch integration/<base>` is the default.";
    if !ctx.repo.git().args(["check-ref-format", "--branch", &short]).run()?.is_success() {
        return Err(Error::refused(format!("'{short}' is no name for the integration branch.")).hint(default));
    }
    let branch = format!("refs/heads/{short}");
    if snapshot.readable().any(|loaded| loaded.record.branch == branch) || branch == base.reference {
        return Err(Error::refused(format!("The integration branch '{short}' is a session's, or the base itself."))
            .hint(default));
    }
    let old = ctx.repo.ref_id(&branch)?;
    if old.is_none() {
        base::refuse_clash(&ctx.repo, &branch)
            .map_err(|error| error.hint("`git config session.integrationBranch <name>` gives it another name."))?;
    }
    if let Some(old) = old
        && !is_ours(ctx, &branch, old)?
    {
        return Err(Error::refused(format!("'{short}' has commits that `integrate` did not make."))
            .hint(format!("`git branch -m {short} <other>` keeps them; then run it again.")));
    }
    let mutex = crate::store::pending::of_branch(&branch);
    Ok(Target { git_dir: checkout(&branch), branch, old, mutex, is_base: false })
}

/// What the reflog says of a move of the integration branch.
pub(super) const MOVED: &str = "session integrate: ";

/// Whether the branch stands where an `integrate` has put it.
fn is_ours(ctx: &Context, branch: &str, at: ObjectId) -> Result<bool> {
    let output = ctx.repo.git().args(["reflog", "show", "-1", "--format=%H %gs", branch, "--"]).run()?;
    let text = output.text();
    Ok(text
        .split_once(' ')
        .is_some_and(|(id, what)| ObjectId::from_hex(id.as_bytes()).ok() == Some(at) && what.starts_with(MOVED)))
}
