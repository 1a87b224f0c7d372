//! Facts that an event changed, changed back: only those, and only where they still are what the event made them.

use super::{Found, Inverse};
use crate::error::{Error, Result};
use crate::ops::Context;
use crate::session::Record;
use crate::session::Word as _;
use crate::store::record;

fn table(record: &Record) -> Result<toml::Table> {
    let text = record.to_toml()?;
    text.parse().map_err(|error: toml::de::Error| Error::bug("A record is no TOML.").because(error))
}

/// The facts as they would be without the event.
///
/// # Errors
/// Refused, where one of them was changed again since.
pub(super) fn invert(ctx: &Context, found: &Found) -> Result<Inverse> {
    let name = &found.session.name;
    let (Some(before), Some(id)) = (found.before, found.event.id) else {
        return Err(Error::bug("A first record changed facts."));
    };
    let old = table(&record::read_at(&ctx.repo, name.clone(), before)?.record)?;
    let new = table(&record::read_at(&ctx.repo, name.clone(), id)?.record)?;
    let mut now = table(&found.session.record)?;
    let mut changed = Vec::new();
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in
        keys.into_iter().filter(|key| !matches!(key.as_str(), "id" | "created") && old.get(*key) != new.get(*key))
    {
        if now.get(key) != new.get(key) {
            return Err(Error::refused(format!("'{key}' of '{name}' was changed again since."))
                .hint(format!("`git session set {name}` sets it to what it should be.", name = name.word())));
        }
        match old.get(key) {
            Some(value) => now.insert(key.clone(), value.clone()),
            None => now.remove(key),
        };
        changed.push(key.as_str());
    }
    if changed.is_empty() {
        return Err(Error::refused(format!("It changed no fact of '{name}' that could be changed back."))
            .hint(format!("`git session log {name}` shows what happened.", name = name.word())));
    }
    let record = Record::parse(&now.to_string())?;
    Ok(Inverse::Facts(Box::new(record), changed.join(", "), None))
}
