//! Whether a session may merge: what was said of it, what is uncommitted, what is left to do. See `session.readiness`.

use super::cars::Car;
use super::{Kind, Reason};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::ops::testing::{self, Known, Tested};
use crate::ops::{Context, shell_quoted, workers};
use crate::session::Word as _;
use crate::session::{State, Verdict};
use crate::store::notes::Notes;
use crate::store::{Loaded, Snapshot};
use std::collections::BTreeSet;

/// What may be asked of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// It is marked as ready.
    Ready,
    /// Nothing is uncommitted.
    Clean,
    /// Its tests pass.
    Tests,
    /// Its tasks are done.
    Tasks,
}

impl Gate {
    const ALL: [(&'static str, Gate); 4] =
        [("ready", Gate::Ready), ("clean", Gate::Clean), ("tests", Gate::Tests), ("tasks", Gate::Tasks)];
}

/// What is asked here.
///
/// # Errors
/// Refused, if the setting has a word that means nothing.
pub fn gates(ctx: &Context) -> Result<BTreeSet<Gate>> {
    let Some(text) = ctx.repo.setting("session.readiness") else {
        return Ok(Gate::ALL.iter().map(|(_, gate)| *gate).collect());
    };
    let mut gates = BTreeSet::new();
    for word in text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty() && *word != "none") {
        let known = Gate::ALL.iter().find(|(name, _)| *name == word);
        let (_, gate) = known.ok_or_else(|| {
            Error::refused(format!("The setting `session.readiness` has '{word}', which means nothing."))
                .hint("`git config session.readiness ready,clean,tests,tasks` is the default; `none` asks for nothing.")
        })?;
        gates.insert(*gate);
    }
    Ok(gates)
}

/// Notes what speaks against each.
pub(super) fn check(ctx: &Context, snapshot: &Snapshot, sessions: &[&Loaded], cars: &mut [Car]) -> Result<()> {
    let gates = gates(ctx)?;
    for (loaded, car) in sessions.iter().zip(&mut *cars) {
        let name = &loaded.name;
        if loaded.record.state == State::Blocked {
            let why = loaded.record.reason.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            car.reasons.push(Reason::new(
                Kind::Blocked,
                format!("it is blocked{why}"),
                format!("git session ready {name}", name = name.word()),
            ));
        } else if gates.contains(&Gate::Ready) && loaded.record.state == State::Open {
            car.reasons.push(Reason::new(
                Kind::NotReady,
                "it is not marked as ready",
                format!("git session ready {name}", name = name.word()),
            ));
        }
        if gates.contains(&Gate::Tasks) {
            let open = open_tasks(&ctx.repo, loaded)?;
            if open > 0 {
                let what = if open == 1 { "1 task is".to_owned() } else { format!("{open} tasks are") };
                car.reasons.push(Reason::new(
                    Kind::Tasks,
                    format!("{what} open"),
                    format!("git session show {name}", name = name.word()),
                ));
            }
        }
    }
    if gates.contains(&Gate::Tests) {
        look_at_tests(ctx, snapshot, sessions, cars)?;
    }
    if gates.contains(&Gate::Clean) {
        look_at_worktrees(ctx, snapshot, sessions, cars)?;
    }
    Ok(())
}

fn look_at_worktrees(ctx: &Context, snapshot: &Snapshot, sessions: &[&Loaded], cars: &mut [Car]) -> Result<()> {
    let waits = sessions.iter().filter(|loaded| snapshot.worktree_of(loaded).is_some()).count();
    let count = rayon::current_num_threads().min(waits).max(1);
    let mut handles = (0..count).map(|_| ctx.repo.another()).collect::<Result<Vec<Repo>>>()?;
    workers::each(&mut handles, cars, |repo, at, car| {
        let loaded = sessions[at];
        let Some(worktree) = snapshot.worktree_of(loaded).filter(|worktree| !worktree.is_missing) else { return };
        let place = shell_quoted(&worktree.path.display().to_string());
        let name = &loaded.name;
        if let Some(operation) = worktree.operation() {
            let sentence = format!("it is in the middle of a {operation}");
            let remedy = match operation {
                "bisect" => format!("git -C {place} bisect reset"),
                _ => format!("git -C {place} {operation} --continue"),
            };
            car.reasons.push(Reason::new(Kind::Busy, sentence, remedy));
        } else if worktree.is_busy() {
            let sentence = "something is being written there: its index is locked";
            car.reasons.push(Reason::new(
                Kind::Busy,
                sentence,
                format!("git session order {name}", name = name.word()),
            ));
        } else if worktree.branch().as_deref() != Some(loaded.record.branch.as_str()) {
            let short = loaded.record.branch_short();
            let sentence = format!("its worktree is not on its branch '{short}'");
            car.reasons.push(Reason::new(
                Kind::Broken,
                sentence,
                format!("git -C {place} switch {short}", short = short.word()),
            ));
        } else {
            match repo.dirty(worktree) {
                Ok(dirty) if dirty.is_uncommitted() => {
                    let sentence = format!("not everything is committed: {dirty}");
                    car.reasons.push(Reason::new(Kind::Dirty, sentence, format!("git -C {place} status")));
                }
                Ok(_) => {}
                Err(error) => {
                    let sentence = format!("its worktree cannot be looked at ({})", error.one_line());
                    car.reasons.push(Reason::new(
                        Kind::Broken,
                        sentence,
                        format!("git session doctor {name}", name = name.word()),
                    ));
                }
            }
        }
    })?;
    Ok(())
}

/// What tests gave, where a command for them is known. One that waits for `trust` is not: nobody can run it here.
fn look_at_tests(ctx: &Context, snapshot: &Snapshot, sessions: &[&Loaded], cars: &mut [Car]) -> Result<()> {
    let policy = testing::policy(ctx)?;
    if policy == testing::Policy::Off {
        return Ok(());
    }
    // A team file that cannot be understood names no command; `test` says what is wrong with it.
    let Ok(Known::Is(command)) = testing::known(ctx, snapshot) else { return Ok(()) };
    let command = command.shown();
    let notes = Notes::read(&ctx.repo)?;
    for (loaded, car) in sessions.iter().zip(cars) {
        let Some(tip) = car.tip else { continue };
        let against =
            |sentence: String| Reason::new(Kind::Tests, sentence, format!("git session test {}", loaded.name.word()));
        let failed = |verdict: &Verdict| {
            let age = verdict.time.age(ctx.now);
            format!("its tests failed {age} ago (`{}`, exit code {})", verdict.command, verdict.exit)
        };
        match testing::tested(&ctx.repo, &notes, loaded, tip, Some(&command), policy)? {
            Tested::NoCommand => {}
            Tested::OnThisTree(verdict) if verdict.is_passed() => car.remark = Some("tested".into()),
            Tested::OnThisTree(verdict) => car.reasons.push(against(failed(&verdict))),
            Tested::BeforeSync(verdict) if !verdict.is_passed() => {
                car.reasons.push(against(format!("{}, before the last sync", failed(&verdict))));
            }
            Tested::BeforeSync(_) if policy == testing::Policy::Tree => {
                car.reasons.push(against("it was tested before sync only".into()));
            }
            Tested::BeforeSync(_) => car.remark = Some("tested before sync".into()),
            Tested::Never if car.tip != car.fork => {
                car.reasons.push(against("its tests were never run on its newest commit".into()));
            }
            Tested::Never => {}
        }
    }
    Ok(())
}

/// How many of its tasks are not done: boxes without a mark.
fn open_tasks(repo: &Repo, loaded: &Loaded) -> Result<usize> {
    let tree = repo.commit(loaded.head)?.tree;
    let Some(tasks) = repo.blob_at(tree, "tasks.md")? else { return Ok(0) };
    let text = String::from_utf8_lossy(&tasks);
    let is_open = |line: &&str| {
        let line = line.trim_start();
        ["- [ ]", "* [ ]", "+ [ ]"].iter().any(|open| line.starts_with(open))
    };
    Ok(text.lines().filter(is_open).count())
}
