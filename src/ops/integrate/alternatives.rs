//! Sessions that tried the same thing, beside each other: so that one can be taken.

use crate::error::{Error, Result};
use crate::ops::conflicts::{self, Severity};
use crate::ops::{Context, scope};
use crate::session::{Name, ObjectId};
use crate::store::Snapshot;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub goal: Option<String>,
    /// Where it stands.
    pub tip: Option<ObjectId>,
    /// How many commits it has that its base lacks.
    pub commits: usize,
    /// How many files it changes, committed, since it left its base.
    pub files: usize,
    /// How many lines it adds.
    pub added: u64,
    /// How many it takes.
    pub removed: u64,
    /// Whether it merges into its base; none where that cannot be told.
    pub merges: Option<bool>,
    /// Other sessions that it collides with, alternatives left out.
    pub collides_with: Vec<String>,
}

/// Compares them. Reads only.
///
/// # Errors
/// Usage or refused, if an argument means no session, or there is nothing to choose from.
pub fn compare(ctx: &Context, snapshot: &Snapshot, names: &[String]) -> Result<Vec<Alternative>> {
    let sessions = scope::many(ctx, snapshot, names)?;
    if names.is_empty() || sessions.len() < 2 {
        return Err(Error::usage("Of alternatives there have to be two at least.")
            .hint("`--alternatives first,second` compares the two."));
    }
    let options = conflicts::Options {
        names: sessions.iter().map(|loaded| loaded.name.to_string()).collect(),
        committed: true,
        merges_only: true,
        ..conflicts::Options::default()
    };
    let report = conflicts::look(ctx, snapshot, &options)?;
    let mut alternatives = Vec::new();
    for loaded in &sessions {
        let name = loaded.name.as_str();
        let tip = ctx.repo.ref_id(&loaded.record.branch)?;
        let base = snapshot.base_ref(&ctx.repo, &loaded.record);
        let base_tip = crate::ops::base::tip(&ctx.repo, &base)?;
        let (mut commits, mut files, mut added, mut removed) = (0, 0, 0, 0);
        if let (Some(tip), Some(base_tip)) = (tip, base_tip) {
            let beyond = ctx.repo.beyond(base_tip.id, tip)?;
            commits = beyond.commits.len();
            if let Some(from) = beyond.bases.first() {
                let range = [from.to_string(), tip.to_string()];
                let output = ctx.repo.git().args(["diff", "--numstat", "-z", "--no-renames"]).args(&range).run_ok()?;
                for line in output.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
                    let text = String::from_utf8_lossy(line).into_owned();
                    let mut numbers = text.split('\t').map(|number| number.parse::<u64>().unwrap_or(0));
                    files += 1;
                    added += numbers.next().unwrap_or(0);
                    removed += numbers.next().unwrap_or(0);
                }
            }
        }
        let is_alternative = |other: &str| sessions.iter().any(|session| session.name.as_str() == other);
        let collides = report.pairs.iter().filter(|pair| pair.severity == Severity::Conflict);
        let collides_with = collides.filter_map(|pair| match (&pair.a, &pair.b) {
            (a, b) if a == name && !is_alternative(b) => Some(b.clone()),
            (a, b) if b == name && !is_alternative(a) => Some(a.clone()),
            _ => None,
        });
        alternatives.push(Alternative {
            name: loaded.name.clone(),
            goal: loaded.record.goal.clone(),
            tip,
            commits,
            files,
            added,
            removed,
            merges: report.against_base.iter().find(|row| row.name == name).and_then(|row| row.merge),
            collides_with: collides_with.collect(),
        });
    }
    Ok(alternatives)
}
