//! Doing it: the merges as objects, the tests, one move, then what is said of the sessions.

use super::prove::{Proof, Prover, Stop, Told};
use super::train::{MOVED, plan_without};
use super::{Car, IntegratePlan, Integrated, scratch};
use crate::error::{Error, Result};
use crate::git::hooks::{self, Ran};
use crate::ops::finish::{self, FinishPlan, Mode, Strategy};
use crate::ops::journal::base::{self as journal_base, BaseStep};
use crate::ops::journal::{self, Plan};
use crate::ops::order::{Kind, Reason};
use crate::ops::testing::{Interrupt, TestCommand};
use crate::ops::{Context, base, phase};
use crate::session::Word as _;
use crate::session::{EventKind, Name, ObjectId, State};
use crate::store::pending::Pending;
use crate::store::{Snapshot, Writer, record, retry};

/// Does it. `tell` hears of what takes long.
///
/// # Errors
/// Refused or contended: then no branch has moved. What cannot be done after the move is a warning.
pub fn execute(
    ctx: &Context,
    writer: &Writer,
    snapshot: &Snapshot,
    mut plan: IntegratePlan,
    interrupt: &Interrupt,
    tell: &dyn Fn(&str),
) -> Result<Integrated> {
    let repo = &ctx.repo;
    journal::refuse_held(repo, std::iter::once(plan.target.mutex.as_str()))?;
    let held = journal::hold(repo, writer)?;
    scratch::sweep(repo)?;
    let mut chain = build(ctx, writer, &plan, interrupt)?;
    let mut runs = Vec::new();
    if let Some(command) = plan.options.test.clone() {
        let mut prover = Prover::new(repo, writer, &command, plan.options.timeout, Told { interrupt, tell })?;
        loop {
            let start = Stop { commit: plan.onto.id, tree: repo.commit(plan.onto.id)?.tree, after: None };
            match prover.prove(&start, &stops(&plan, &chain))? {
                Proof::Good => break,
                Proof::Base => {
                    return Err(Error::refused(format!("The tests fail on '{}' already.", plan.onto.from))
                        .hint(format!("'{}' has what they printed; nothing has moved.", prover.log().display())));
                }
                Proof::Culprit(at) => {
                    let car = &plan.cars[at];
                    tell(&format!("'{}' breaks the tests; going on without it.", car.name));
                    let mut left_out = std::mem::take(&mut plan.left_out);
                    left_out.push((car.name.to_string(), broke(car, &command.shown(), &prover.log())));
                    plan = plan_without(ctx, snapshot, &plan.options, left_out)?;
                    chain = build(ctx, writer, &plan, interrupt)?;
                }
            }
        }
        runs = prover.runs;
    }
    let mut done = Integrated {
        operation: Some(writer.operation.clone()),
        merged: plan.cars.iter().cloned().zip(chain.iter().copied().map(Some)).collect(),
        runs,
        ..foreseen(&plan)
    };
    if let Some(to) = chain.last().copied() {
        require_unmoved(ctx, &plan)?;
        if plan.target.old != Some(to) {
            move_target(ctx, writer, &plan, to)?;
            done.warnings.extend(tell_hook(ctx, snapshot, &plan));
        }
        done.to = Some(to);
    }
    drop(held);
    if plan.target.is_base {
        say_merged(ctx, writer, &plan, &chain, &mut done);
        for name in plan.said_late() {
            let said = say_one(ctx, writer, &plan, &name, None, Vec::new(), &mut done);
            done.errors.extend(said.err().map(|error| (name, error)));
        }
    }
    if done.to.is_some() {
        for name in &plan.options.instead_of {
            match put_aside(ctx, writer, name) {
                Ok(warnings) => {
                    done.abandoned.push(name.clone());
                    done.warnings.extend(warnings);
                }
                Err(error) => done.errors.push((name.clone(), error)),
            }
        }
    }
    Ok(done)
}

/// Ends one that was not taken; what is uncommitted there is kept.
fn put_aside(ctx: &Context, writer: &Writer, name: &Name) -> Result<Vec<String>> {
    end(ctx, writer, name, Mode::Abandon, Vec::new())
}

/// What would become of it.
pub fn foreseen(plan: &IntegratePlan) -> Integrated {
    Integrated {
        operation: None,
        base: plan.base.short().to_owned(),
        branch: plan.target.branch.clone(),
        is_base: plan.target.is_base,
        from: plan.target.old,
        to: None,
        tree: plan.tree(),
        merged: plan.cars.iter().map(|car| (car.clone(), None)).collect(),
        blocked: plan.blocked.clone(),
        test: plan.options.test.as_ref().map(TestCommand::shown),
        runs: Vec::new(),
        ended: Vec::new(),
        abandoned: Vec::new(),
        errors: Vec::new(),
        warnings: plan.warnings.clone(),
    }
}

fn broke(car: &Car, command: &str, log: &std::path::Path) -> Reason {
    let sentence = format!("with it `{command}` fails; '{}' has what it printed", log.display());
    Reason::new(Kind::BrokeTests, sentence, format!("cd \"$(git session path {})\"", car.name.word()))
}

fn stops(plan: &IntegratePlan, chain: &[ObjectId]) -> Vec<Stop> {
    let stop =
        |(car, commit): (&Car, &ObjectId)| Stop { commit: *commit, tree: car.tree, after: Some(car.name.to_string()) };
    plan.cars.iter().zip(chain).map(stop).collect()
}

/// The commits, one for each session; no ref yet.
fn build(ctx: &Context, writer: &Writer, plan: &IntegratePlan, interrupt: &Interrupt) -> Result<Vec<ObjectId>> {
    let repo = &ctx.repo;
    let trees: Vec<ObjectId> = plan.cars.iter().map(|car| car.tree).collect();
    repo.store_objects(&plan.objects, &trees)?;
    let place = repo.main_place();
    let (mut head, mut chain) = (plan.onto.id, Vec::new());
    for car in &plan.cars {
        if interrupt.is_set() {
            return Err(Error::refused("Interrupted: nothing has moved.").hint("Run it again."));
        }
        let (message, parents) = if plan.options.squash {
            if repo.commit(head)?.tree == car.tree {
                chain.push(head);
                continue;
            }
            (squashed(car), vec![head])
        } else {
            // What came in with another one git would not merge again.
            if repo.commit(head)?.tree == car.tree && repo.is_ancestor(car.tip, head)? {
                chain.push(head);
                continue;
            }
            (merged(car), vec![head, car.tip])
        };
        let source = if plan.options.squash { "squash" } else { "merge" };
        let message = finish::ask_hooks(repo, &place, writer.operation.as_str(), car.tree, message, source)?;
        head = repo.commit_tree(car.tree, &parents, message.as_bytes(), None)?;
        chain.push(head);
    }
    Ok(chain)
}

fn merged(car: &Car) -> String {
    let goal = car.goal.as_ref().map_or_else(String::new, |goal| format!("\n{}\n", goal.trim()));
    format!("Merge session '{}'\n{goal}", car.name)
}

fn squashed(car: &Car) -> String {
    let subject = car.goal.as_deref().map_or_else(|| car.name.to_string(), crate::session::event::one_line);
    let subjects: String = car.subjects.iter().map(|subject| format!("* {subject}\n")).collect();
    format!("{subject}\n\n{subjects}")
}

/// Everything has to stand where the plan saw it: tests may have taken hours.
fn require_unmoved(ctx: &Context, plan: &IntegratePlan) -> Result<()> {
    let moved = |what: &str| {
        Error::contended(format!("'{what}' has moved meanwhile.")).hint("Nothing was changed; run it again.")
    };
    if base::require_tip(&ctx.repo, &plan.base)?.id != plan.onto.id {
        return Err(moved(plan.base.short()));
    }
    Ok(())
}

/// `post-merge`, where a worktree followed its base.
fn tell_hook(ctx: &Context, snapshot: &Snapshot, plan: &IntegratePlan) -> Option<String> {
    let followed = |git_dir: &std::path::PathBuf| snapshot.worktrees.iter().find(|tree| tree.git_dir == *git_dir);
    let worktree = plan.target.git_dir.as_ref().filter(|_| plan.target.is_base).and_then(followed)?;
    let flag = if plan.options.squash { "1" } else { "0" };
    match hooks::run(&ctx.repo, &worktree.path, "post-merge", &[flag], &[]) {
        Ok(Ran::Code(code)) if code != 0 => Some(format!("The hook 'post-merge' ended with {code}.")),
        Ok(_) => None,
        // The base has moved by now.
        Err(error) => Some(format!("The hook 'post-merge' did not run: {}", error.one_line())),
    }
}

fn move_target(ctx: &Context, writer: &Writer, plan: &IntegratePlan, to: ObjectId) -> Result<()> {
    let repo = &ctx.repo;
    let target = &plan.target;
    let step = BaseStep {
        branch: target.branch.clone(),
        old: target.old.map(|id| id.to_string()),
        new: to.to_string(),
        git_dir: target.git_dir.as_ref().map(|path| path.to_string_lossy().into_owned()),
        operation: Some(writer.operation.to_string()),
        carried: None,
    };
    let holds = target.old.into_iter().chain([to]).collect();
    let claims = journal::claim(repo, writer, &[(target.mutex.clone(), Plan::Base(step.clone()), holds)])?;
    let release = |claim: &Pending, error: Error| match repo.transact(&[claim.release()], "session: take back") {
        Ok(()) => error,
        Err(also) => error.hint(format!("The claim could not be given up ({}).", also.one_line())),
    };
    // The plan was made before the claim.
    if repo.ref_id(&target.branch)? != target.old {
        let error = Error::contended(format!("'{}' has moved meanwhile.", base::short_name(&target.branch)));
        return Err(release(&claims[0], error.hint("Nothing was changed; run it again.")));
    }
    let names: Vec<&str> = plan.cars.iter().map(|car| car.name.as_str()).collect();
    let message = format!("{MOVED}{}", names.join(", "));
    let moved = match journal_base::move_base(repo, writer, &claims[0], &step, &message) {
        Ok(moved) => moved,
        Err(error) => return Err(release(&claims[0], error)),
    };
    retry(|| repo.transact(&[moved.release()], "session: moved"))
}

/// The records of those that the base has now; with `--cleanup` they end.
fn say_merged(ctx: &Context, writer: &Writer, plan: &IntegratePlan, chain: &[ObjectId], done: &mut Integrated) {
    for (at, (car, commit)) in plan.cars.iter().zip(chain).enumerate() {
        // One of them says where the base came from, so that it goes back once.
        let trailers = if at == 0 {
            journal_base::trailers(&plan.target.branch, plan.target.old, chain[chain.len() - 1])
        } else {
            Vec::new()
        };
        if let Err(error) = say_one(ctx, writer, plan, &car.name, Some(*commit), trailers, done) {
            done.errors.push((car.name.clone(), error));
        }
    }
}

/// That the base has the work of one; `commit` is where it got it, if that is known.
fn say_one(
    ctx: &Context,
    writer: &Writer,
    plan: &IntegratePlan,
    name: &Name,
    commit: Option<ObjectId>,
    trailers: Vec<(String, String)>,
    done: &mut Integrated,
) -> Result<()> {
    // What was not merged here is not ended here.
    if plan.options.cleanup && commit.is_some() {
        done.warnings.extend(end(ctx, writer, name, Mode::Merge(Strategy::NoFf), trailers)?);
        done.ended.push(name.clone());
        return Ok(());
    }
    let repo = &ctx.repo;
    let Some(session) = record::find(repo, name)? else { return Ok(()) };
    let at = commit.unwrap_or(plan.onto.id);
    let merged = plan.cars.iter().find(|car| car.name == *name).map(|car| car.tip.to_string());
    let what = format!("into {} at {}", plan.base.short(), repo.short(at));
    let appended = writer.append(repo, name, session.id(), |_, record| {
        let mut event = writer.event(name, EventKind::Integrated, what.clone());
        event.trailers.push(("Session-Merged-At".to_owned(), at.to_string()));
        event.trailers.extend(trailers.clone());
        record.state = State::Merged;
        record.reason = None;
        record.merged_at = Some(at.to_string());
        record.merged_tip.clone_from(&merged);
        Ok(Some(event))
    });
    appended.map(drop)
}

/// Ends a session, with the commands around that. Returns warnings.
fn end(
    ctx: &Context,
    writer: &Writer,
    name: &Name,
    mode: Mode,
    trailers: Vec<(String, String)>,
) -> Result<Vec<String>> {
    let snapshot = Snapshot::read(&ctx.repo)?;
    let session = snapshot.require(name)?;
    let plan = || -> Result<FinishPlan> {
        let mut plan = finish::plan(ctx, &snapshot, session, mode, false)?;
        if plan.merge.as_ref().is_some_and(|merge| merge.ready.is_none()) {
            return Err(Error::contended("It has new commits.").hint("Run it again."));
        }
        plan.trailers.clone_from(&trailers);
        Ok(plan)
    };
    let planned = plan()?;
    let goes = planned.survey.worktree.is_some() && planned.here_to.is_none();
    let gate = phase::gate(ctx, &snapshot, session, true, goes)?;
    gate.before(&ctx.repo)?;
    // What ran may have changed what the plan saw.
    let planned = if gate.runs_before() { plan()? } else { planned };
    let mut warnings = finish::execute(ctx, writer, planned)?.warnings;
    warnings.extend(gate.after(&ctx.repo));
    warnings.extend(gate.warnings);
    Ok(warnings)
}
