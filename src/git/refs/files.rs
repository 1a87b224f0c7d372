//! Refs through gix: the files backend. It writes where `linked` cannot.

use crate::error::{Context, Result};
use crate::git::refs::{Edit, Expect, New, Target};
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, TargetRef};

fn target(target: TargetRef<'_>) -> Target {
    match target {
        TargetRef::Object(id) => Target::Object(id.to_owned()),
        TargetRef::Symbolic(name) => Target::Symbolic(name.as_bstr().to_string()),
    }
}

pub(super) fn find(inner: &gix::Repository, name: &str) -> Result<Option<Target>> {
    let Ok(full) = FullName::try_from(name) else { return Ok(None) };
    let found = inner.refs.try_find(full.as_ref().as_partial_name());
    let found = found.or_refuse(|| format!("The ref '{name}' could not be read."))?;
    Ok(found.filter(|found| found.name == full).map(|found| target(found.target.to_ref())))
}

pub(super) fn below(inner: &gix::Repository, prefix: &str) -> Result<Vec<(String, Target)>> {
    let failed = || format!("The refs below '{prefix}' could not be read.");
    let platform = inner.references().or_refuse(failed)?;
    let mut refs = Vec::new();
    for reference in platform.prefixed(prefix).or_refuse(failed)? {
        // One broken ref is not a reason to hide all the others.
        let Ok(reference) = reference else { continue };
        refs.push((reference.name().as_bstr().to_string(), target(reference.target())));
    }
    Ok(refs)
}

pub(super) fn transact(inner: &gix::Repository, edits: &[Edit], message: &str) -> Result<()> {
    let failed = || "The refs could not be written.";
    let mut list = Vec::with_capacity(edits.len());
    for edit in edits {
        let New::To(id) = edit.new else { continue };
        let logged = super::is_logged(&edit.name);
        list.push(RefEdit {
            name: FullName::try_from(edit.name.as_str()).or_refuse(|| format!("'{}' is no ref.", edit.name))?,
            deref: false,
            change: Change::Update {
                log: LogChange { mode: RefLog::AndReference, force_create_reflog: logged, message: message.into() },
                expected: match edit.expect {
                    Expect::Missing => PreviousValue::MustNotExist,
                    Expect::Is(old) => PreviousValue::MustExistAndMatch(old.into()),
                },
                new: id.into(),
            },
        });
    }
    inner.edit_references(list).or_refuse(failed)?;
    Ok(())
}
