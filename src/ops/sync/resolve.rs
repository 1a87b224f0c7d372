//! A rebase that git has stopped in, given to an agent: what it is told, and the record once it has taken it to its end.

use super::{Outcome, Row, SyncPlan, Synced};
use crate::error::{Error, Result};
use crate::git::Repo;
use crate::host::process::Command;
use crate::ops::agent::{Agent, Filling};
use crate::ops::journal::{resolving, sync::SyncStep};
use crate::ops::{Context, Snapshot};
use crate::session::Word as _;
use crate::session::{Name, ObjectId};
use crate::store::Writer;
use std::fmt::Write as _;

/// How many commits of the other side an agent is told of for each file.
const COMMITS: usize = 5;

/// Refuses an agent for more than one session: it has the terminal to itself.
///
/// # Errors
/// Refused, naming the sessions.
pub fn require_one(plan: &SyncPlan, agent: &str) -> Result<()> {
    let rows = plan.rows();
    let names: Vec<&str> =
        rows.iter().filter(|row| row.outcome == Outcome::Conflict).map(|row| row.name.as_str()).collect();
    if names.len() <= 1 {
        return Ok(());
    }
    Err(Error::refused(format!("An agent resolves one session at a time, and there are {}.", names.join(", ")))
        .hint(format!("`git session sync {} --resolve={agent}` begins with one.", names[0].word())))
}

/// What somebody is to go on with.
#[derive(Debug)]
pub struct Resolving {
    /// The session.
    pub name: Name,
    step: SyncStep,
    agent: String,
    command: Command,
}

/// What was begun and is an agent's to go on with; none where git did not stop.
///
/// # Errors
/// Refused, if the worktree is gone, or the agent wants to be told what is not known.
pub fn hand_over(ctx: &Context, snapshot: &Snapshot, done: &Synced, agent: &Agent) -> Result<Option<Resolving>> {
    let Some(step) = done.resolving.first() else { return Ok(None) };
    let name = Name::parse(&step.name)?;
    let row = done.rows.iter().find(|row| row.name == name).ok_or_else(|| Error::bug("A session without a row."))?;
    let git_dir = step.unit.git_dir.as_deref().unwrap_or_default();
    let worktree = ctx
        .repo
        .worktree_at_git_dir(git_dir.as_ref())
        .ok_or_else(|| Error::refused(format!("The worktree of '{name}' is gone.")))?;
    let session = snapshot.require(&name)?;
    let prompt = prompt(&ctx.repo, row);
    let mut brief = format!("You work in the session '{name}', on the branch '{}'.\n", session.record.branch_short());
    if let Some(goal) = &session.record.goal {
        let _ = writeln!(brief, "Its goal: {goal}");
    }
    let _ = write!(brief, "\n{prompt}");
    let filling = Filling { prompt: &prompt, brief: &brief, id: &step.id };
    let command = agent.command(&ctx.repo, &worktree.path, &filling)?;
    let agent = agent.name.clone();
    Ok(Some(Resolving { name, step: step.clone(), agent, command }))
}

/// What collides, where, what the other side did, and how to go on.
fn prompt(repo: &Repo, row: &Row) -> String {
    let verb = if row.is_merge { "merge" } else { "rebase" };
    let onto = row.onto.map_or_else(String::new, |id| format!(" at {}", repo.short(id)));
    let mut text = match (row.is_merge, &row.commit) {
        (false, Some((id, subject))) => format!(
            "The branch of this worktree is being rebased onto '{}'{onto}, and git has stopped at its commit {} ({subject}).\n",
            row.onto_name,
            repo.short(*id)
        ),
        (false, None) => format!(
            "The branch of this worktree is being rebased onto '{}'{onto}, and git has stopped.\n",
            row.onto_name
        ),
        (true, _) => {
            format!(
                "'{}'{onto} is being merged into the branch of this worktree, and git has stopped.\n",
                row.onto_name
            )
        }
    };
    text.push_str("\nThese files collide:\n");
    for collision in &row.collisions {
        let _ = write!(text, "- {} ({})", collision.path, collision.kind);
        for (lines, whose) in [(&collision.ours, "this branch"), (&collision.theirs, row.onto_name.as_str())] {
            if !lines.is_empty() {
                let shown: Vec<String> = lines.iter().map(|(first, last)| shown(*first, *last)).collect();
                let _ = write!(text, "; {} of '{whose}'", shown.join(", "));
            }
        }
        text.push('\n');
        for commit in commits_of_base(repo, row, &collision.path).unwrap_or_default() {
            let _ = writeln!(text, "  '{}' did there: {commit}", row.onto_name);
        }
    }
    let _ = write!(
        text,
        "\nResolve the conflict markers so that what both sides meant is kept. Then `git add` those files and \
         `git {verb} --continue`, and the same again if git stops at another commit, until `git status` says that no {verb} \
         is in progress. Do not skip commits and do not abort.\n"
    );
    text
}

fn shown(first: usize, last: usize) -> String {
    match first {
        _ if last < first => format!("what was deleted before line {first}"),
        _ if last == first => format!("line {first}"),
        _ => format!("lines {first} to {last}"),
    }
}

/// The newest commits of the base that the session lacks and that touch a path.
fn commits_of_base(repo: &Repo, row: &Row, path: &crate::session::BString) -> Result<Vec<String>> {
    let (Some(from), Some(onto)) = (row.from, row.onto) else { return Ok(Vec::new()) };
    let output = repo
        .git()
        .env("GIT_LITERAL_PATHSPECS", "1")
        .args(["log", "--no-show-signature", "--format=%h %s", &format!("--max-count={COMMITS}")])
        .arg(format!("{from}..{onto}"))
        .arg("--")
        .arg(super::path_of(path))
        .run_ok()?;
    Ok(output.text().lines().map(str::to_owned).collect())
}

impl Resolving {
    /// Runs the agent on this terminal to its end. With `is_quiet` what it prints does not go to standard output, which is
    /// a program's to read. Returns whether it ended well.
    ///
    /// # Errors
    /// Refused, if it cannot be started.
    pub fn run(&self, is_quiet: bool) -> Result<bool> {
        self.command.run_attached(is_quiet).map(|code| code == Some(0))
    }
}

/// Writes the record of what an agent has taken to its end. Returns where the branch is then; none where it was not.
///
/// # Errors
/// Refused or contended.
pub fn conclude(ctx: &Context, agents: &Resolving, writer: &Writer) -> Result<Option<ObjectId>> {
    resolving::conclude(&ctx.repo, writer, &agents.step, &agents.agent)
}
