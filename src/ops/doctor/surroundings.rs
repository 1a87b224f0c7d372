//! What is around the sessions: the git that is found, who the user is, remotes, expiry, the shape of the repository.

use super::{Finding, Severity};
use crate::error::Result;
use crate::host::limits::{self, Lack, Limits, Reach};
use crate::ops::{Context, Snapshot};

/// What came with git 2.x and is used: the number, how bad it is to lack it, what that means.
const NEEDS: [(u32, Severity, &str); 4] = [
    (30, Severity::Error, "`git worktree repair`, and much else"),
    (36, Severity::Error, "`git hook run`: what runs a hook fails"),
    (38, Severity::Error, "`git merge-tree --write-tree`: `finish --merge`, `cleanup` and `sync` fail"),
    (41, Severity::Error, "`git --attr-source`: merges fail, and `list` counts commits session by session"),
];

/// Packs with indices of this size hold about a hundred thousand objects.
const BIG: u64 = 3 << 20;

/// What is copied into new worktrees.
const COPY: &str = "session.copy";

const DAY: i64 = 86_400;

pub(super) fn check(ctx: &Context, snapshot: &Snapshot, findings: &mut Vec<Finding>) -> Result<()> {
    git(ctx, findings)?;
    if let Err(error) = ctx.repo.identity() {
        findings.push(Finding::error("identity-missing", error.message()).remedy(error.hints().join(" ")));
    }
    remotes(ctx, findings)?;
    expiry(ctx, findings)?;
    shape(ctx, snapshot, findings);
    findings.extend(limited(&limits::possible()));
    Ok(())
}

/// What agents cannot be held to here.
fn limited(limits: &Limits) -> Option<Finding> {
    let lack = limits.lack.as_ref()?;
    let of_memory = match limits.memory {
        Reach::Together => Some("the memory of all its processes together"),
        Reach::Each => Some("the memory of each process (`ulimit -v`)"),
        Reach::None => None,
    };
    let of_cpu = (limits.cpu == Reach::Together).then_some("its share of the processors");
    let can: Vec<&str> =
        [of_memory, of_cpu, limits.nice.then_some("its priority (`nice`)")].into_iter().flatten().collect();
    let cannot = match (limits.memory, limits.cpu) {
        (Reach::Together, _) => "its share of the processors",
        (_, Reach::Together) => "the memory of all its processes together",
        _ => "the memory of all its processes together and its share of the processors",
    };
    let (why, remedy) = match lack {
        Lack::System => {
            ("this system has no control groups".to_owned(), "A virtual machine can be limited as a whole.")
        }
        Lack::Groups => (
            "there are no control groups of version 2".to_owned(),
            "Start the system with them (`systemd.unified_cgroup_hierarchy=1`); limit a container as a whole.",
        ),
        Lack::Manager => (
            "no systemd of the user answers".to_owned(),
            "`loginctl enable-linger` starts one; limit a container as a whole.",
        ),
        Lack::Program => ("`systemd-run` is not on PATH".to_owned(), "Install systemd's programs."),
        Lack::Controllers(names) => (
            format!("the user's systemd may not limit {}", names.join(" and ")),
            "`Delegate=cpu memory` in a drop-in for `user@.service` lets it.",
        ),
    };
    let can = if can.is_empty() { "none".to_owned() } else { can.join(" and ") };
    let what = format!("Limits that can be set on an agent here: {can}; not {cannot}, since {why}.");
    Some(Finding::note("limits-missing", what).remedy(remedy))
}

fn git(ctx: &Context, findings: &mut Vec<Finding>) -> Result<()> {
    let text = ctx.repo.git().arg("version").run_ok()?.text();
    let Some(version) = parse(&text) else { return Ok(()) };
    for (minor, severity, lacks) in NEEDS {
        if version < (2, minor) {
            let what = format!("This is {text}, which lacks {lacks}.");
            findings.push(Finding::new("git-old", severity, what).remedy(format!("Install git 2.{minor} or newer.")));
        }
    }
    Ok(())
}

/// The first two numbers of `git version 2.47.3 (Apple Git-1)`.
fn parse(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn remotes(ctx: &Context, findings: &mut Vec<Finding>) -> Result<()> {
    if let Err(error) = ctx.refuse_mirror() {
        findings.push(Finding::error("mirror-fetch", error.message()).remedy(error.hints().join(" ")));
    }
    for remote in ctx.repo.remotes() {
        let key = format!("remote.{remote}.mirror");
        if ctx.repo.switch(&key)? == Some(true) {
            let what = format!(
                "`git push {remote}` mirrors: it publishes every session's record there and deletes what is only there."
            );
            findings
                .push(Finding::warning("mirror-push", what).remedy(format!("`git config --unset {key}` ends that.")));
        }
    }
    Ok(())
}

/// Expiry that is shorter than people are away.
fn expiry(ctx: &Context, findings: &mut Vec<Finding>) -> Result<()> {
    let means = [
        ("gc.worktreePruneExpire", 7 * DAY, "a worktree that is away for a moment (moved, unmounted) is forgotten"),
        ("gc.pruneExpire", DAY, "what a command has written and not yet named may go from under it"),
    ];
    for (key, least, what) in means {
        let Some(value) = ctx.repo.setting(key) else { continue };
        let output = ctx.repo.git().args(["config", "--type=expiry-date", "--get", key]).run()?;
        // What git takes for the end of time is larger than what it takes for a moment.
        let since = output.text().parse::<u64>().map(|since| i64::try_from(since).unwrap_or(i64::MAX));
        if since.is_ok_and(|since| since > crate::host::now().0 - least) {
            let sentence = format!("`{key}` is '{value}': {what}.");
            findings.push(
                Finding::warning("prune-soon", sentence)
                    .remedy(format!("`git config --unset {key}` leaves git's default.")),
            );
        }
    }
    Ok(())
}

/// Good to know of the repository itself.
fn shape(ctx: &Context, snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let repo = &ctx.repo;
    let objects = repo.common_dir().join("objects");
    let is_index = |entry: &std::fs::DirEntry| entry.path().extension().is_some_and(|extension| extension == "idx");
    let packs = objects.join("pack").read_dir().into_iter().flatten().flatten().filter(is_index);
    let size: u64 = packs.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum();
    let has_graph = ["info/commit-graph", "info/commit-graphs"].iter().any(|path| objects.join(path).exists());
    if size > BIG && !has_graph {
        findings.push(
            Finding::note("commit-graph-missing", "The history is long and has no commit-graph: lists take longer.")
                .remedy("`git commit-graph write --reachable` makes one; `git maintenance start` keeps it up."),
        );
    }
    if repo.switch("core.ignoreCase").ok().flatten() == Some(true) {
        findings.push(
            Finding::note("case-insensitive", "The file system does not tell `A` from `a`.")
                .remedy("Name sessions and branches so that they differ in more than that."),
        );
    }
    let main = repo.main_top();
    let text = |file: &str| main.as_ref().and_then(|top| std::fs::read_to_string(top.join(file)).ok());
    let is_copying =
        text(".worktreeinclude").is_some() || ctx.repo.settings(COPY).iter().any(|value| !value.is_empty());
    if is_copying && crate::host::disk::shares_copies(&ctx.place()) == Some(false) {
        findings.push(
            Finding::note("no-reflink", "The file system cannot share the room of copies: copied files take it twice.")
                .remedy("btrfs and XFS can; or copy less."),
        );
    }
    let mut reasons = Vec::new();
    let is_sparse = |tree: &crate::git::Worktree| tree.git_dir.join("info/sparse-checkout").exists();
    if repo.switch("core.sparseCheckout").ok().flatten() == Some(true)
        || snapshot.worktrees.iter().any(|tree| !tree.is_main() && is_sparse(tree))
    {
        reasons.push("sparse checkouts");
    }
    if text(".gitmodules").is_some() {
        reasons.push("submodules");
    }
    if text(".gitattributes").is_some_and(|text| text.contains("filter=")) {
        reasons.push("filters such as git-lfs");
    }
    if !reasons.is_empty() {
        let what = format!(
            "There are {}: where they matter git itself moves worktrees, which takes longer.",
            reasons.join(", ")
        );
        findings.push(Finding::note("git-moves", what).remedy("Nothing needs to be done."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_a_sentence_with_a_remedy_each() {
        let of = |memory, cpu, lack| limited(&Limits { memory, cpu, nice: true, lack }).expect("something lacks");
        let none = of(Reach::Each, Reach::None, Some(Lack::Manager));
        assert_eq!(
            none.what,
            "Limits that can be set on an agent here: the memory of each process (`ulimit -v`) and its priority (`nice`); \
             not the memory of all its processes together and its share of the processors, since no systemd of the user \
             answers."
        );
        let some = of(Reach::Together, Reach::None, Some(Lack::Controllers(vec!["cpu"])));
        assert!(some.what.contains("not its share of the processors, since the user's systemd may not limit cpu"));
        assert!([none, some].iter().all(|finding| finding.severity == Severity::Note && !finding.remedy.is_empty()));
        let all = Limits { memory: Reach::Together, cpu: Reach::Together, nice: true, lack: None };
        assert!(limited(&all).is_none());
    }

    #[test]
    fn versions_are_read() {
        for (text, version) in [
            ("git version 2.47.3", Some((2, 47))),
            ("git version 2.39.5 (Apple Git-154)", Some((2, 39))),
            ("git version 2.51.0.windows.1", Some((2, 51))),
            ("git version unknown", None),
        ] {
            assert_eq!(parse(text), version, "{text}");
        }
    }
}
