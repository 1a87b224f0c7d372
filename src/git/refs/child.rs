//! Refs through `git update-ref --stdin` and `git for-each-ref`.

use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::git::refs::{Edit, Expect, New, Target};
use crate::host::process::Conversation;
use crate::session::ObjectId;
use std::io::BufRead;
use std::path::Path;

/// All refs that match the patterns of `git for-each-ref`, sorted by name.
pub(super) fn list(repo: &Repo, patterns: &[&str]) -> Result<Vec<(String, Target)>> {
    let output =
        repo.git().args(["for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)"]).args(patterns).run_ok()?;
    let mut refs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut fields = line.split('\0');
        let (Some(name), Some(id), Some(symref)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let target = if symref.is_empty() {
            let Ok(id) = ObjectId::from_hex(id.as_bytes()) else { continue };
            Target::Object(id)
        } else {
            Target::Symbolic(symref.to_owned())
        };
        refs.push((name.to_owned(), target));
    }
    Ok(refs)
}

/// Does several transactions one after the other in one child, each all or nothing. Returns how many were done: the
/// first that fails ends it.
///
/// # Errors
/// Refused, if git cannot be run.
pub(super) fn one_after_the_other(repo: &Repo, transactions: &[Vec<Edit>], message: &str) -> Result<usize> {
    let mut script = String::new();
    for edits in transactions {
        script.push_str(&format!("start\n{}commit\n", lines(repo, edits)));
    }
    let command = repo.git().args(["update-ref", "--create-reflog", "-m", message, "--stdin"]);
    let output = command.input(script).run()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter(|line| *line == "commit: ok").count())
}

/// What `git update-ref --stdin` is told of each edit.
fn lines(repo: &Repo, edits: &[Edit]) -> String {
    let null = repo.null_id();
    let mut script = String::new();
    for edit in edits {
        let name = &edit.name;
        let line = match (edit.new, edit.expect) {
            (New::To(new), Expect::Missing) if name == "ORIG_HEAD" => format!("update {name} {new}\n"),
            (New::To(new), Expect::Missing) => format!("update {name} {new} {null}\n"),
            (New::To(new), Expect::Is(old)) => format!("update {name} {new} {old}\n"),
            (New::Gone, Expect::Is(old)) => format!("delete {name} {old}\n"),
            (New::Gone, Expect::Missing) => continue,
            (New::Same, Expect::Is(old)) => format!("verify {name} {old}\n"),
            (New::Same, Expect::Missing) => format!("verify {name} {null}\n"),
        };
        script.push_str(&line);
    }
    script
}

/// A transaction whose locks a child of git's holds. Dropped, it is aborted.
#[derive(Debug)]
pub(super) struct Held {
    conversation: Option<Conversation>,
}

impl Held {
    /// Starts a child, gives it the edits and has it take all locks.
    ///
    /// `git_dir` is a worktree's own git directory where `HEAD` and `ORIG_HEAD` are meant to be that worktree's.
    ///
    /// # Errors
    /// Refused, with git's words, if an expectation does not hold or a lock is held. Nothing has changed then.
    pub(super) fn run(repo: &Repo, git_dir: Option<&Path>, edits: &[Edit], message: &str) -> Result<Held> {
        let command = git_dir.map_or_else(|| repo.git(), |dir| repo.git_of(dir));
        let command = command.args(["update-ref", "--create-reflog", "-m", message, "--stdin"]);
        let mut script = format!("start\n{}", lines(repo, edits));
        script.push_str("prepare\n");
        let mut conversation = command.converse()?;
        let said = conversation.say(script.as_bytes());
        let heard = hear(&mut conversation, "start: ok").and_then(|()| hear(&mut conversation, "prepare: ok"));
        if said.and(heard).is_err() {
            let (_, words) = conversation.end();
            return Err(Error::refused("git would not move the refs.").because(words));
        }
        Ok(Held { conversation: Some(conversation) })
    }

    /// Does it.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub(super) fn commit(mut self) -> Result<()> {
        self.finish("commit\n", "commit: ok")
    }

    /// Gives the locks back, nothing changed.
    ///
    /// # Errors
    /// Refused, with git's words.
    pub(super) fn abort(mut self) -> Result<()> {
        self.finish("abort\n", "abort: ok")
    }

    fn finish(&mut self, word: &str, answer: &str) -> Result<()> {
        let Some(mut conversation) = self.conversation.take() else { return Ok(()) };
        let heard = conversation.say(word.as_bytes()).and_then(|()| hear(&mut conversation, answer));
        let (ok, words) = conversation.end();
        heard.map_err(|_| words.clone()).or_refuse(|| "git could not move the refs.")?;
        if ok { Ok(()) } else { Err(Error::refused("git could not move the refs.").because(words)) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(conversation) = self.conversation.take() {
            conversation.end();
        }
    }
}

fn hear(conversation: &mut Conversation, expected: &str) -> std::io::Result<()> {
    let mut line = String::new();
    conversation.answer().read_line(&mut line)?;
    if line.trim_end() == expected { Ok(()) } else { Err(std::io::Error::other(line)) }
}
