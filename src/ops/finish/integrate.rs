//! The commits that go into a base, written: after the plan has shown that they merge.

use super::{MergePlan, Strategy, Survey};
use crate::error::{Context as _, Error, Result};
use crate::git::Repo;
use crate::git::hooks::{self, Ran};
use crate::git::merge::Merged;
use crate::session::ObjectId;
use std::path::Path;

/// Writes what the base is to become; no ref yet.
///
/// # Errors
/// Conflicts or refused: only objects that nothing holds have been written then.
pub(super) fn result(
    repo: &Repo,
    survey: &Survey,
    plan: &MergePlan,
    tip: ObjectId,
    top: &Path,
    operation: &str,
) -> Result<ObjectId> {
    if let Some(ready) = plan.ready {
        return Ok(ready);
    }
    match plan.strategy {
        Strategy::Ff => Err(Error::bug("A fast-forward without a commit.")),
        Strategy::NoFf => {
            let tree = merged(repo, plan.onto, tip)?;
            let mut message = format!("Merge session '{}'\n", survey.name);
            if let Some(goal) = &survey.goal {
                message.push_str(&format!("\n{}\n", goal.trim()));
            }
            let message = ask_hooks(repo, top, operation, tree, message, "merge")?;
            repo.commit_tree(tree, &[plan.onto, tip], message.as_bytes(), None)
        }
        Strategy::Squash => {
            let tree = merged(repo, plan.onto, tip)?;
            if tree == repo.commit(plan.onto)?.tree {
                return Ok(plan.onto);
            }
            let subject = survey.goal.as_deref().map(crate::session::event::one_line);
            let mut message = format!("{}\n\n", subject.unwrap_or_else(|| survey.name.to_string()));
            for subject in repo.subjects(&plan.own)? {
                message.push_str(&format!("* {subject}\n"));
            }
            let message = ask_hooks(repo, top, operation, tree, message, "squash")?;
            repo.commit_tree(tree, &[plan.onto], message.as_bytes(), None)
        }
        Strategy::Rebase => replay(repo, plan),
    }
}

fn merged(repo: &Repo, onto: ObjectId, tip: ObjectId) -> Result<ObjectId> {
    match repo.merge(None, None, onto, tip)? {
        Merged::Clean(tree) => Ok(tree),
        Merged::Conflict(paths) => Err(Error::conflicts(format!("It conflicts now, on {} paths.", paths.len()))
            .hint("The base has moved meanwhile; run it again for the details.")),
    }
}

/// The own commits made again on top of the base, each with its author, dates and message; what becomes empty goes.
fn replay(repo: &Repo, plan: &MergePlan) -> Result<ObjectId> {
    let mut head = plan.onto;
    for id in &plan.own {
        let commit = repo.commit(*id)?;
        let [parent] = commit.parents.as_slice() else {
            return Err(Error::refused("Only commits with one parent can be replayed."));
        };
        if *parent == head {
            head = *id;
            continue;
        }
        let head_tree = repo.commit(head)?.tree;
        let tree = match repo.merge(None, Some(*parent), head, *id)? {
            Merged::Clean(tree) => tree,
            Merged::Conflict(_) => {
                return Err(Error::conflicts("The base has moved meanwhile, and it conflicts now.")
                    .hint("Run it again for the details."));
            }
        };
        let was_empty = repo.commit(*parent)?.tree == commit.tree;
        if tree == head_tree && !was_empty {
            continue;
        }
        head = repo.commit_tree(tree, &[head], &commit.message, Some(&repo.authorship(*id)?))?;
    }
    Ok(head)
}

/// The hooks that `git merge` and `git commit` would run over a message, each of which may refuse.
pub(in crate::ops) fn ask_hooks(
    repo: &Repo,
    top: &Path,
    operation: &str,
    tree: ObjectId,
    message: String,
    source: &str,
) -> Result<String> {
    let names = if source == "merge" {
        ["pre-merge-commit", "prepare-commit-msg", "commit-msg"]
    } else {
        ["pre-commit", "prepare-commit-msg", "commit-msg"]
    };
    if !names.iter().any(|name| hooks::path(repo, top, name).exists()) {
        return Ok(message);
    }
    let file = repo.common_dir().join(format!("session-{operation}.message"));
    let index = repo.common_dir().join(format!("session-{operation}.index"));
    let outcome = (|| {
        std::fs::write(&file, &message).or_refuse(|| "The message could not be written.")?;
        repo.git().env("GIT_INDEX_FILE", &index).args(["read-tree", &tree.to_string()]).run_ok()?;
        let (file_text, index_text) = (file.to_string_lossy().into_owned(), index.to_string_lossy().into_owned());
        let calls: [(&str, Vec<&str>); 3] =
            [(names[0], vec![]), (names[1], vec![&file_text, source]), (names[2], vec![&file_text])];
        for (name, args) in calls {
            match hooks::run(repo, top, name, &args, &[("GIT_INDEX_FILE", &index_text), ("GIT_EDITOR", ":")])? {
                Ran::Code(0) | Ran::None | Ran::LeftOut(_) => {}
                Ran::Code(code) => {
                    return Err(Error::refused(format!("The hook '{name}' said no (exit code {code})."))
                        .hint("What it printed is above; nothing has changed."));
                }
            }
        }
        let text = std::fs::read_to_string(&file).or_refuse(|| "The message could not be read.")?;
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let kept = kept.join("\n").trim().to_owned();
        if kept.is_empty() {
            return Err(Error::refused("A hook emptied the commit message.")
                .hint("It is `prepare-commit-msg` or `commit-msg`; nothing has changed."));
        }
        Ok(kept + "\n")
    })();
    let _ = std::fs::remove_file(&file);
    let _ = std::fs::remove_file(&index);
    outcome
}
