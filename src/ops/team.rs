//! The team file, `.git-session.toml`: read from the tip of the default base, never from a session's branch.

use crate::error::Result;
use crate::git::Repo;
use crate::session::ObjectId;

/// Its path.
pub const PATH: &str = ".git-session.toml";

/// Its `base`; none without a file, or where it says none.
///
/// # Errors
/// Refused, if the file is no TOML: a mistake in it should be seen, not skipped.
pub fn base(repo: &Repo, tip: ObjectId) -> Result<Option<String>> {
    let Some(text) = repo.blob_at(repo.commit(tip)?.tree, PATH)? else { return Ok(None) };
    let table: toml::Table = String::from_utf8_lossy(&text).parse().map_err(|error: toml::de::Error| {
        crate::error::Error::refused(format!("The team file '{PATH}' cannot be understood."))
            .because(error)
            .hint(format!("Mend '{PATH}' on the default branch, or set `git config session.base <branch>`."))
    })?;
    Ok(table.get("base").and_then(|value| value.as_str()).map(str::to_owned))
}
