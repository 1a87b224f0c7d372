//! What helps with a file: those that programs write, and those that everybody appends to.

use super::subject::Gathered;
use super::{AgainstBase, Clash, Pair, Severity};
use crate::error::Result;
use crate::git::ignore::Patterns;
use crate::ops::Context;
use crate::session::{BStr, BString};
use std::collections::{HashMap, HashSet};

/// Lock files: written by a program, which can write them again.
const LOCK_FILES: [&str; 13] = [
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lockb",
    "bun.lock",
    "uv.lock",
    "poetry.lock",
    "Gemfile.lock",
    "composer.lock",
    "go.sum",
    "flake.lock",
];

/// Endings of documents that a union of both sides' lines does no harm to.
const DOCUMENTS: [&str; 5] = [".md", ".txt", ".rst", ".adoc", ".org"];

/// Marks what is generated, and says what would help.
pub(super) fn add(ctx: &Context, gathered: &Gathered, rows: &mut [AgainstBase], pairs: &mut [Pair]) -> Result<()> {
    let all = || rows.iter().flat_map(|row| &row.files).chain(pairs.iter().flat_map(|pair| &pair.files));
    let matters = |file: &&Clash| file.severity >= Severity::Near;
    let paths: HashSet<BString> = all().filter(matters).map(|file| file.path.clone()).collect();
    let paths: Vec<BString> = paths.into_iter().collect();
    if paths.is_empty() {
        return Ok(());
    }
    let attributes = attributes(ctx, gathered, &paths)?;
    let configured = generated_patterns(ctx, gathered);
    let all = rows.iter_mut().flat_map(|row| &mut row.files).chain(pairs.iter_mut().flat_map(|pair| &mut pair.files));
    for file in all {
        let name = file.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_lock_file = LOCK_FILES.iter().any(|known| known.as_bytes() == name);
        let known = attributes.get(&file.path);
        file.is_generated = is_lock_file
            || configured.names(BStr::new(&file.path), false)
            || known.is_some_and(|(generated, _)| *generated);
        let has_driver = known.is_some_and(|(_, has_driver)| *has_driver);
        file.advice = advice(file, has_driver);
    }
    Ok(())
}

fn advice(file: &Clash, has_driver: bool) -> Option<String> {
    if file.severity != Severity::Conflict {
        return None;
    }
    if file.is_generated {
        return Some("a program writes it: take either side and let it be written again".into());
    }
    let path = String::from_utf8_lossy(&file.path);
    let is_document = DOCUMENTS.iter().any(|end| path.to_ascii_lowercase().ends_with(end));
    let is_appended = file.kind == Some("content") && file.is_appended;
    (is_document && is_appended && !has_driver)
        .then(|| format!("everybody appends to it: `{path} merge=union` in .gitattributes keeps both"))
}

/// Of each path: whether it is marked as generated, and whether it has a merge driver. As the first trunk has them.
fn attributes(ctx: &Context, gathered: &Gathered, paths: &[BString]) -> Result<HashMap<BString, (bool, bool)>> {
    let Some(tip) = gathered.trunks.iter().find_map(|trunk| trunk.tip) else { return Ok(HashMap::new()) };
    let mut found: HashMap<BString, (bool, bool)> = HashMap::new();
    for (path, attribute, value) in ctx.repo.attributes_at(tip, &["linguist-generated", "merge"], paths)? {
        let is_set = !matches!(value.as_str(), "unspecified" | "unset" | "false");
        let entry = found.entry(path).or_default();
        if attribute == "merge" { entry.1 = is_set } else { entry.0 = is_set }
    }
    Ok(found)
}

/// `session.generated` and the team file's `generated`, in gitignore syntax.
fn generated_patterns(ctx: &Context, gathered: &Gathered) -> Patterns {
    let mut lines = ctx.repo.settings("session.generated");
    if let Some(tip) = gathered.trunks.iter().find_map(|trunk| trunk.tip) {
        lines.extend(crate::ops::team::generated(&ctx.repo, tip));
    }
    Patterns::new(lines.iter().map(String::as_str), false)
}
