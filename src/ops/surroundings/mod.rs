//! What makes a new worktree usable at once: copies of ignored files, set-up and *post-create* commands.

pub mod copied;
pub mod copy;
pub mod find;
pub mod secrets;

use crate::error::{Kind, Result};
use crate::git::Repo;
use crate::ops::Context;
use crate::ops::env::Scene;
use crate::ops::phase::{self, Failure, Phase, Sink};
use crate::session::{BStr, ObjectId};
use crate::store::{Loaded, Snapshot, Writer};

/// What new worktrees get.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Ignored files of the main worktree.
    pub copy: find::CopyPlan,
    /// Commands of the set-up.
    pub setup: Vec<String>,
    /// Commands after it.
    pub post_create: Vec<String>,
    /// What the user may want to know.
    pub notes: Vec<String>,
    /// What he should know.
    pub warnings: Vec<String>,
}

/// What came of it for one session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prepared {
    /// What was copied.
    pub copied: copy::Done,
    /// How many commands ran to a good end.
    pub ran: usize,
    /// The one that did not.
    pub failed: Option<Failure>,
    /// Why not all was copied and noted.
    pub trouble: Option<Kind>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Copies of ignored files.
    pub copy: bool,
    /// Set-up.
    pub setup: bool,
}

/// Plans the surroundings of new worktrees, the first of which starts at `start`. Reads only.
///
/// # Errors
/// Refused, if the repository cannot be read.
pub fn plan(ctx: &Context, snapshot: &Snapshot, wanted: Wanted, start: ObjectId) -> Result<Surroundings> {
    let repo = &ctx.repo;
    let mut made = Surroundings::default();
    let team = phase::team(ctx, snapshot, &mut made.warnings);
    let team = team.as_ref();
    if wanted.copy {
        let named = team.map_or(&[][..], |team| &team.file.copy);
        let secrets = secrets::Secrets::new(repo);
        made.copy = find::find(repo, named, &secrets, &mut made.notes, &mut made.warnings)?;
        made.warnings.extend(denied(&made.copy));
    }
    let mut phases = vec![Phase::PostCreate];
    if wanted.setup {
        made.setup = phase::commands(repo, team, Phase::Setup).run;
        phases.push(Phase::Setup);
        if made.setup.is_empty() && team.is_none_or(|team| team.file.setup.is_empty()) {
            made.notes.extend(proposal(repo, start)?);
        }
    }
    made.post_create = phase::commands(repo, team, Phase::PostCreate).run;
    made.warnings.extend(phase::withheld(team, &phases));
    Ok(made)
}

/// Whether a package manager or a compiler makes what is at this path, and makes it again.
pub fn is_made_by_tools(path: &BStr) -> bool {
    path.split(|byte| *byte == b'/').any(is_tool_name)
}

/// The same of a folder below one that is not.
fn is_tool_folder(path: &BStr) -> bool {
    path.rsplit(|byte| *byte == b'/').next().is_some_and(is_tool_name)
}

fn is_tool_name(name: &[u8]) -> bool {
    crate::ops::removal::DISPOSABLE.iter().any(|pattern| pattern.as_bytes() == name)
}

fn denied(plan: &find::CopyPlan) -> Option<String> {
    let mut names: Vec<String> = plan.denied.iter().take(5).map(|path| format!("'{path}'")).collect();
    if plan.denied.len() > 5 {
        names.push(format!("{} more", plan.denied.len() - 5));
    }
    (!names.is_empty()).then(|| {
        format!(
            "{} may hold secrets and {} not copied; `git config --add session.copyDeny '!<pattern>'` lets a file through.",
            names.join(", "),
            if plan.denied.len() == 1 { "was" } else { "were" }
        )
    })
}

/// Plans to give a session's worktree again what a new one gets. Reads only.
///
/// # Errors
/// Refused, if the repository cannot be read.
pub fn plan_again(ctx: &Context, snapshot: &Snapshot, session: &Loaded, setup: bool) -> Result<Surroundings> {
    let mut again = plan(ctx, snapshot, Wanted { copy: true, setup }, session.head)?;
    again.notes.clear();
    if !setup {
        again.post_create.clear();
    }
    Ok(again)
}

/// Package managers by the files that say so, and how they make a fresh worktree fit.
const MANAGERS: [(&str, &str); 9] = [
    ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
    ("yarn.lock", "yarn install"),
    ("package-lock.json", "npm ci"),
    ("uv.lock", "uv sync"),
    ("Cargo.lock", "cargo fetch --locked"),
    ("go.sum", "go mod download"),
    ("Gemfile.lock", "bundle install"),
    ("composer.lock", "composer install"),
    ("npm-shrinkwrap.json", "npm ci"),
];

/// Recognised package managers are proposed in one line, never run.
fn proposal(repo: &Repo, start: ObjectId) -> Result<Option<String>> {
    let files = repo.files_at_top(repo.commit(start)?.tree)?;
    let mut found: Vec<&str> =
        MANAGERS.iter().filter(|(file, _)| files.contains_key(*file)).map(|(_, command)| *command).collect();
    found.dedup();
    let Some(first) = found.first() else { return Ok(None) };
    let all: Vec<String> = found.iter().map(|command| format!("`{command}`")).collect();
    Ok(Some(format!(
        "{} may be wanted here; `git config --add session.setup '{first}'` runs it in every new worktree.",
        all.join(", ")
    )))
}

/// Copies the files and runs the commands for one new session, on up to `threads` threads. It never fails: what goes
/// wrong is said, and loses nothing.
pub fn make(
    repo: &Repo,
    writer: &Writer,
    scene: &Scene,
    plan: &Surroundings,
    threads: usize,
    sink: Sink<'_>,
) -> Prepared {
    let mut prepared = Prepared::default();
    copy_into(repo, writer, scene, plan, false, threads, &mut prepared);
    run(repo, scene, plan, &mut prepared, sink);
    prepared
}

/// The same for a session that is there already. What has changed in it stays.
pub fn make_again(repo: &Repo, writer: &Writer, scene: &Scene, plan: &Surroundings, sink: Sink<'_>) -> Prepared {
    let mut prepared = Prepared::default();
    copy_into(repo, writer, scene, plan, true, rayon::current_num_threads(), &mut prepared);
    for kept in &prepared.copied.kept {
        prepared.warnings.push(format!("'{kept}' has changed in '{}', and stays as it is.", scene.name));
    }
    run(repo, scene, plan, &mut prepared, sink);
    prepared
}

fn copy_into(
    repo: &Repo,
    writer: &Writer,
    scene: &Scene,
    plan: &Surroundings,
    again: bool,
    threads: usize,
    prepared: &mut Prepared,
) {
    match copy::execute(repo, writer, scene, &plan.copy, again, threads) {
        Ok((done, noted)) => {
            prepared.warnings.extend(done.warnings.iter().cloned());
            prepared.copied = done;
            if let Err(error) = noted {
                prepared.warnings.push(format!(
                    "The record of '{0}' could not say what was copied: {1}. `git session env refresh {0}` tries again; \
                     until then the copies pass for changed files.",
                    scene.name,
                    error.one_line()
                ));
                prepared.trouble = Some(error.kind());
            }
        }
        Err(error) => {
            prepared.warnings.push(format!(
                "Not all could be copied into '{0}': {1}. `git session env refresh {0}` tries again.",
                scene.name,
                error.one_line()
            ));
            prepared.trouble = Some(error.kind());
        }
    }
}

fn run(repo: &Repo, scene: &Scene, plan: &Surroundings, prepared: &mut Prepared, sink: Sink<'_>) {
    let log = scene.git_dir.join(phase::LOG);
    if !plan.setup.is_empty() || !plan.post_create.is_empty() {
        // Of an earlier run.
        let _ = std::fs::remove_file(&log);
    }
    for (moment, commands) in [(Phase::Setup, &plan.setup), (Phase::PostCreate, &plan.post_create)] {
        match phase::run_logged(repo, scene, moment, commands, sink) {
            Ok(None) => prepared.ran += commands.len(),
            Ok(Some(failure)) => {
                let mut text = format!(
                    "The {} command `{}` of '{}' ended with {}; what it printed is in '{}'. `git session env refresh {} \
                     --setup` runs all of it again.",
                    moment.as_str(),
                    failure.command,
                    scene.name,
                    failure.ending,
                    log.display(),
                    scene.name,
                );
                for line in &failure.tail {
                    text.push_str(&format!("\n  {line}"));
                }
                prepared.ran += commands.iter().take_while(|command| **command != failure.command).count();
                prepared.warnings.push(text);
                prepared.failed = Some(failure);
                break;
            }
            Err(error) => {
                prepared.warnings.push(format!(
                    "The {} of '{}' could not run: {}. `git session env refresh {} --setup` tries again.",
                    moment.as_str(),
                    scene.name,
                    error.one_line(),
                    scene.name
                ));
                break;
            }
        }
    }
}
