//! Settings that there are not, or that cannot be understood; agents that are not installed.

use super::Finding;
use crate::error::{Error, Result};
use crate::host::process::find_on_path;
use crate::ops::config::{self, InForce};
use crate::ops::create::{branch_prefix, place_of};
use crate::ops::finish::Strategy;
use crate::ops::{Context, Snapshot, base};
use crate::session::{Name, Timestamp};
use std::path::Path;

pub(super) fn check(ctx: &Context, snapshot: &Snapshot, findings: &mut Vec<Finding>) -> Result<()> {
    for entry in config::show(ctx)? {
        if entry.scope() == "default" {
            continue;
        }
        let found = if entry.is_known() {
            misunderstood(ctx, snapshot, &entry).or_else(|| missing_agent(ctx, &entry))
        } else {
            let remedy = match entry.meant {
                Some(meant) => {
                    format!("Did you mean `{meant}`? `git config --unset {}` takes this one away.", entry.key)
                }
                None => format!("`git config --unset {}` takes it away.", entry.key),
            };
            let what = format!("There is no setting `{}` ({}).", entry.key, entry.origin);
            Some(Finding::warning("setting-unknown", what).remedy(remedy))
        };
        findings.extend(found);
    }
    Ok(())
}

/// Why a value is none; nothing if it is one, or if any would do.
fn misunderstood(ctx: &Context, snapshot: &Snapshot, entry: &InForce) -> Option<Finding> {
    let (key, value) = (entry.key.as_str(), entry.value.as_str());
    let says = |what: &str| Some(Error::refused(format!("The setting `{key}` is '{value}', which is {what}.")));
    let error = match key {
        "session.path" => place_of(ctx, &Name::parse("name").ok()?, "refs/heads/name").err(),
        "session.strategy" if Strategy::parse(value).is_none() => {
            says("no strategy").map(|error| error.hint("There are `no-ff`, `ff`, `squash` and `rebase`."))
        }
        "session.keepFor" if value != "never" && Timestamp::parse_span(value).is_none() => {
            says("no span of time").map(|error| error.hint("`git config session.keepFor '90 days'`, or `never`."))
        }
        "session.ports" => crate::ops::ports::range(&ctx.repo).err(),
        "session.autoCleanup" | "session.mirror" => ctx.repo.switch(key).err(),
        "session.branchPrefix" if Name::parse(&format!("{}name", branch_prefix(ctx))).is_err() => {
            says("not what a branch can begin with").map(|error| error.hint("Something like `{user}/` will do."))
        }
        "session.base" if base::named(ctx, snapshot, value).ok().flatten().is_none() => {
            says("no branch").map(|error| error.hint("`git config session.base <branch>` names one."))
        }
        "color.session" if !["always", "never", "auto", "true", "false", "yes", "no", "on", "off"].contains(&value) => {
            says("no way to colour").map(|error| error.hint("There are `always`, `auto` and `never`."))
        }
        _ => None,
    }?;
    let remedy = error.hints().first().cloned();
    let remedy = remedy.unwrap_or_else(|| format!("`git config --unset {key}` goes back to the default."));
    Some(Finding::error("setting-invalid", error.one_line() + ".").remedy(remedy))
}

/// An agent whose program is not there.
fn missing_agent(ctx: &Context, entry: &InForce) -> Option<Finding> {
    let (agent, _) = entry.key.strip_prefix(config::AGENT)?.rsplit_once('.')?;
    let program = entry.value.split_whitespace().next()?.trim_matches(['\'', '"']);
    let is_there = if program.contains('/') {
        ctx.place().join(program).exists() || Path::new(program).starts_with("~")
    } else {
        program.contains('{') || find_on_path(program).is_some()
    };
    (!is_there).then(|| {
        Finding::warning("agent-missing", format!("The program '{program}' of the agent '{agent}' is not to be found."))
            .remedy(format!("Install it, or name it by its path: `git config {} <command>`.", entry.key))
    })
}
