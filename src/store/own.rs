//! `refs/sessions/@self`: with the path of the common directory, the identity of this repository.

use crate::error::Result;
use crate::git::{Edit, Repo};

/// The ref.
pub const REFERENCE: &str = "refs/sessions/@self";

/// Makes the identity if there is none yet: the first writing verb does.
///
/// # Errors
/// Refused, if the repository cannot be written to.
pub fn ensure(repo: &Repo) -> Result<()> {
    if repo.ref_id(REFERENCE)?.is_some() {
        return Ok(());
    }
    let bits = crate::session::OperationId::from_bytes(crate::host::random::bits()?);
    let blob = repo.write_blob(format!("{bits}\n").as_bytes())?;
    match repo.transact(&[Edit::create(REFERENCE, blob)], "session: identity of the repository") {
        // Somebody else was first: that identity is as good.
        Err(error) if error.is_contended() => Ok(()),
        outcome => outcome,
    }
}

/// The identity; none before the first writing verb.
///
/// # Errors
/// Refused, if it cannot be read.
pub fn read(repo: &Repo) -> Result<Option<String>> {
    let Some(id) = repo.ref_id(REFERENCE)? else { return Ok(None) };
    Ok(Some(String::from_utf8_lossy(&repo.blob(id)?).trim().to_owned()))
}
