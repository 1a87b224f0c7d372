//! Where branches go back to, each looked up once; and plain branches that stand in for sessions.

use crate::error::{Error, Result};
use crate::git::{Repo, Target};
use crate::ops::Context;
use crate::ops::base::{self, Tip};
use crate::session::ObjectId;
use crate::store::Snapshot;
use crate::store::snapshot::BaseNow;
use std::collections::{HashMap, HashSet};

/// The bases met so far, and where they stand.
#[derive(Default)]
pub(crate) struct Trunks {
    /// The different ones, each with its tip, in the order in which they were met.
    pub(crate) met: Vec<(BaseNow, Option<Tip>)>,
    tips: HashMap<BaseNow, Option<Tip>>,
}

impl Trunks {
    /// Where a base stands.
    ///
    /// # Errors
    /// Refused, if refs or history cannot be read.
    pub(crate) fn tip(&mut self, repo: &Repo, base: &BaseNow) -> Result<Option<Tip>> {
        if let Some(tip) = self.tips.get(base) {
            return Ok(tip.clone());
        }
        let tip = base::tip(repo, base)?;
        self.tips.insert(base.clone(), tip.clone());
        Ok(tip)
    }

    /// Its place among those that were met.
    pub(crate) fn place(&mut self, base: &BaseNow, tip: Option<&Tip>) -> usize {
        let known = self.met.iter().position(|(met, _)| met.reference == base.reference);
        known.unwrap_or_else(|| {
            self.met.push((base.clone(), tip.cloned()));
            self.met.len() - 1
        })
    }
}

/// What a base is called, by what its tip was taken from.
pub(crate) fn name_of(base: &BaseNow, tip: Option<&Tip>) -> String {
    tip.map_or_else(|| base.short().to_owned(), |tip| tip.from.clone())
}

/// All branches, local ones and those of remotes, and the one that others are held against.
pub(crate) struct Branches {
    /// The name of the base, as it was given or found.
    pub(crate) base: String,
    /// Where it stands.
    pub(crate) tip: ObjectId,
    all: Vec<(String, Target)>,
}

impl Branches {
    /// With the base that is named, or the one that new sessions get.
    ///
    /// # Errors
    /// Usage or refused, if there is no such base.
    pub(crate) fn read(ctx: &Context, snapshot: &Snapshot, base: Option<&String>) -> Result<Branches> {
        let (base, tip) = match base {
            Some(text) => {
                ctx.repo.resolve_commit(text)?.map(|id| (text.clone(), id)).ok_or_else(|| base::unknown(text))?
            }
            None => {
                let chosen = base::default(ctx, snapshot)?;
                (chosen.tip.from, chosen.tip.id)
            }
        };
        let mut all = ctx.repo.refs_below("refs/heads/")?;
        all.extend(ctx.repo.refs_below("refs/remotes/")?);
        Ok(Branches { base, tip, all })
    }

    /// The base as people call it.
    pub(crate) fn base_short(&self) -> &str {
        base::short_name(&self.base)
    }

    /// The branches that globs, or full names, mean.
    ///
    /// # Errors
    /// Refused, if one means none.
    pub(crate) fn named(&self, patterns: &[String]) -> Result<HashSet<&String>> {
        let mut found = HashSet::new();
        for pattern in patterns {
            let is_meant = |reference: &str, short: &str| {
                (crate::ops::glob_matches(pattern, short) || reference == pattern) && !short.ends_with("/HEAD")
            };
            let mut meant = self.all.iter().filter(|(reference, target)| {
                target.object().is_some() && is_meant(reference, base::short_name(reference))
            });
            let first = meant.next().map(|(reference, _)| reference);
            if first.is_none() {
                return Err(Error::refused(format!("There is no branch '{pattern}'."))
                    .hint("`git branch --all` shows the branches; a glob wants quotes: 'origin/feature/*'."));
            }
            found.extend(first.into_iter().chain(meant.map(|(reference, _)| reference)));
        }
        Ok(found)
    }

    /// Each but the base: full name, short name, where it stands.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&String, &str, ObjectId)> {
        let all = self
            .all
            .iter()
            .filter_map(|(reference, target)| Some((reference, base::short_name(reference), target.object()?)));
        all.filter(|(reference, short, _)| *short != self.base && **reference != self.base)
    }
}
