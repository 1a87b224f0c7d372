//! Which sessions an argument means: by name, branch, worktree path or glob, `@` this one, `-` the one before.

use crate::error::{Error, Result};
use crate::ops::Context;
use crate::session::Name;
use crate::session::Word as _;
use crate::store::{Loaded, Snapshot};
use std::path::Path;

/// The one session that is meant: that of the argument, or else the one whose worktree one stands in.
///
/// # Errors
/// Usage or refused, with what would do.
pub fn one<'a>(ctx: &Context, snapshot: &'a Snapshot, argument: Option<&str>) -> Result<&'a Loaded> {
    match argument {
        None | Some("@") => here(ctx, snapshot),
        Some("-") => before(snapshot),
        Some(text) => {
            let found = matching(ctx, snapshot, text)?;
            match found.as_slice() {
                [one] => Ok(one),
                [] => Err(unknown(ctx, snapshot, text)),
                several => Err(Error::usage(format!("'{text}' means {} sessions; one is wanted.", several.len()))
                    .hint(names_hint(several))),
            }
        }
    }
}

/// All sessions that the arguments mean, by name and each once; all there are without arguments.
///
/// # Errors
/// Usage or refused, if an argument means none.
pub fn many<'a>(ctx: &Context, snapshot: &'a Snapshot, arguments: &[String]) -> Result<Vec<&'a Loaded>> {
    if arguments.is_empty() {
        return Ok(snapshot.readable().collect());
    }
    let mut found: Vec<&Loaded> = Vec::new();
    for argument in arguments {
        let these = match argument.as_str() {
            "@" | "-" => vec![one(ctx, snapshot, Some(argument))?],
            text => matching(ctx, snapshot, text)?,
        };
        if these.is_empty() {
            return Err(unknown(ctx, snapshot, argument));
        }
        for loaded in these {
            if !found.iter().any(|seen| seen.name == loaded.name) {
                found.push(loaded);
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The session whose worktree one stands in.
///
/// # Errors
/// Refused, if it is none's.
pub fn here<'a>(ctx: &Context, snapshot: &'a Snapshot) -> Result<&'a Loaded> {
    let refused =
        || Error::refused("You are not in a session's worktree.").hint("Name one: `git session list` shows them.");
    let top = ctx.repo.worktree_top().ok_or_else(refused)?;
    let worktree = snapshot.worktrees.iter().find(|worktree| worktree.path == top).ok_or_else(refused)?;
    if let Some(name) = &worktree.tie {
        // Names the record that cannot be read, rather than claiming that there is none.
        return snapshot.require(name);
    }
    snapshot.session_of(worktree).ok_or_else(refused)
}

fn before(snapshot: &Snapshot) -> Result<&Loaded> {
    let place = std::env::var_os("OLDPWD").ok_or_else(|| {
        Error::refused("There is no directory before this one.").hint("`-` needs the shell's `$OLDPWD`.")
    })?;
    containing(snapshot, Path::new(&place)).ok_or_else(|| {
        Error::refused(format!("'{}' is in no session's worktree.", Path::new(&place).display()))
            .hint("Name the session instead of `-`.")
    })
}

fn containing<'a>(snapshot: &'a Snapshot, path: &Path) -> Option<&'a Loaded> {
    let path = path.canonicalize().ok()?;
    let inside = snapshot.worktrees.iter().filter(|worktree| worktree.contains(&path));
    // Worktrees may lie inside the main one: the innermost is meant.
    let worktree = inside.max_by_key(|worktree| worktree.path.as_os_str().len())?;
    snapshot.session_of(worktree)
}

fn matching<'a>(ctx: &Context, snapshot: &'a Snapshot, text: &str) -> Result<Vec<&'a Loaded>> {
    if let Some(entry) = snapshot.sessions.iter().find(|entry| entry.name.as_str() == text) {
        return Ok(vec![snapshot.require(&entry.name)?]);
    }
    let branch = text.strip_prefix("refs/heads/").unwrap_or(text);
    if let Some(loaded) = snapshot.readable().find(|loaded| loaded.record.branch_short() == branch) {
        return Ok(vec![loaded]);
    }
    let path = ctx.cwd.join(text);
    if path.is_dir()
        && let Some(loaded) = containing(snapshot, &path)
    {
        return Ok(vec![loaded]);
    }
    if text.contains(['*', '?', '[']) {
        return Ok(snapshot.readable().filter(|loaded| crate::git::glob_matches(text, loaded.name.as_str())).collect());
    }
    Ok(Vec::new())
}

fn unknown(ctx: &Context, snapshot: &Snapshot, text: &str) -> Error {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    let error = Error::refused(format!("There is no session '{shown}'."));
    let ended = crate::store::done::all(&ctx.repo).unwrap_or_default();
    if ended.iter().any(|ended| ended.name.as_str() == text) {
        return error
            .hint(format!("It has ended; `git session restore {shown}` brings it back.", shown = shown.word()));
    }
    let close = snapshot
        .sessions
        .iter()
        .map(|entry| (distance(entry.name.as_str(), text), &entry.name))
        .filter(|(distance, name)| *distance <= 2.max(name.as_str().len() / 4))
        .min();
    match close {
        Some((_, name)) => error.hint(format!("Did you mean `{name}`?")),
        None => error.hint("`git session list` shows the ones there are; `git session list --ended` those that ended."),
    }
}

fn names_hint(several: &[&Loaded]) -> String {
    let names: Vec<String> = several.iter().take(6).map(|loaded| format!("`{}`", loaded.name)).collect();
    format!("It could be {}{}.", names.join(", "), if several.len() > 6 { ", ..." } else { "" })
}

/// Edits from one word to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The session of an id, by name where it lives, else by its short id: for people.
pub fn shown_id(snapshot: &Snapshot, id: crate::session::ObjectId) -> Name {
    snapshot.by_id(id).map_or_else(
        || Name::parse(&id.to_hex_with_len(8).to_string()).unwrap_or_else(|_| unreachable!("hex is a valid name")),
        |loaded| loaded.name.clone(),
    )
}

/// The names of all live sessions, without reading one record.
///
/// # Errors
/// Refused, if the refs cannot be read.
pub fn names(ctx: &Context) -> Result<Vec<Name>> {
    let refs = ctx.repo.refs_below(crate::session::name::NAMESPACE)?;
    Ok(refs.into_iter().filter_map(|(reference, _)| Name::of_ref(&reference)).collect())
}

/// The local branches, by short name.
///
/// # Errors
/// Refused, if the refs cannot be read.
pub fn branches(ctx: &Context) -> Result<Vec<String>> {
    let refs = ctx.repo.refs_below("refs/heads/")?;
    Ok(refs.into_iter().map(|(name, _)| crate::ops::base::short_name(&name).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn distances_are_edits() {
        assert_eq!(super::distance("auth", "auht"), 2);
        assert_eq!(super::distance("auth", "auth"), 0);
        assert_eq!(super::distance("", "abc"), 3);
    }
}
