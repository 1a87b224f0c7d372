//! Carrying a copy plan out in one worktree, and noting in the session's record what was copied.

use super::copied::{self, Copied};
use super::find::CopyPlan;
use super::is_made_by_tools;
use crate::error::Result;
use crate::git::Repo;
use crate::git::worktrees::path_of_bytes;
use crate::host::clone::{self, Look, Outcome};
use crate::ops::env::Scene;
use crate::session::{BString, EventKind};
use crate::store::Writer;
use std::collections::HashSet;

/// What came of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done {
    /// How many files were copied, and their bytes.
    pub files: usize,
    /// See `files`.
    pub bytes: u64,
    /// How many of them share their contents with the main worktree's.
    pub shared: usize,
    /// How many were copied in full, since the file system does not share contents.
    pub plain: usize,
    /// What was copied, as git names it.
    pub roots: Vec<BString>,
    /// What was linked.
    pub links: Vec<BString>,
    /// Files that stayed, since the session has changed them.
    pub kept: Vec<BString>,
    /// Files that were listed, and gone when their turn came.
    pub vanished: Vec<BString>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Copies files into a session's worktree. With `again` a file that is there is replaced if it is as it was copied and
/// the main worktree's is newer.
///
/// The second answer is whether the record says now what was copied.
///
/// # Errors
/// Refused, if the worktree cannot be written; what was copied stays.
pub fn execute(
    repo: &Repo,
    writer: &Writer,
    scene: &Scene,
    plan: &CopyPlan,
    again: bool,
    threads: usize,
) -> Result<(Done, Result<()>)> {
    let mut done = Done::default();
    let Some(source) = &plan.source else { return Ok((done, Ok(()))) };
    let host = copied::host_id()?;
    let mut known = match crate::store::record::find(repo, &scene.name)? {
        Some(loaded) => Copied::of(&loaded.record, &host),
        None => Copied::default(),
    };
    let others = not_ignored_here(repo, scene, plan, &mut done)?;
    let before = known.clone();
    let mut at = 0;
    let mut all: Vec<BString> = Vec::with_capacity(plan.files.len());
    let mut spans = Vec::new();
    for (root, count) in &plan.roots {
        let files = &plan.files[at..at + count];
        at += count;
        let start = all.len();
        let wanted = files.iter().filter(|file| !others.contains(*file));
        // Where the whole folder lacks there is nothing to look at.
        let again = again && scene.worktree.join(path_of_bytes(root)).symlink_metadata().is_ok();
        all.extend(wanted.filter(|file| !again || may_copy(source, scene, &before, file, &mut done)).cloned());
        spans.push((root, files, start, all.len()));
    }
    let wants = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.starts_with(b".env"));
    let change = |text: &[u8]| crate::ops::ports::rewritten(text, scene.ports?);
    let edit = clone::Edit { wants: &wants, change: &change };
    let outcomes = clone::files(source, &scene.worktree, &all, threads, edit)?;
    for (root, files, start, end) in spans {
        let mut looks: Vec<(BString, Look)> = Vec::new();
        for (file, outcome) in all[start..end].iter().zip(&outcomes[start..end]) {
            match outcome {
                Outcome::Copied { look, shared } => {
                    done.files += 1;
                    done.bytes += look.size;
                    done.shared += usize::from(*shared == Some(true));
                    done.plain += usize::from(*shared == Some(false));
                    looks.push((file.clone(), *look));
                }
                Outcome::Taken => done.kept.push(file.clone()),
                Outcome::Vanished => done.vanished.push(file.clone()),
                Outcome::Blocked => done.warnings.push(format!(
                    "'{file}' was not copied: it cannot be read, is no file, or a link stands where its folder should be."
                )),
            }
        }
        if !looks.is_empty() {
            done.roots.push(root.clone());
        }
        if again {
            // What is there and the same is a copy: of a folder that is kept as a whole, or of one that was killed.
            let copied: HashSet<BString> = looks.iter().map(|(file, _)| file.clone()).collect();
            let rest = files.iter().filter(|file| !copied.contains(*file) && !is_made_by_tools((*file).as_ref()));
            for file in rest {
                let look = Look::of(&scene.worktree.join(path_of_bytes(file)));
                if look.is_some() && look == Look::of(&source.join(path_of_bytes(file))) {
                    looks.extend(look.map(|look| (file.clone(), look)));
                }
            }
        }
        known.add(root.as_ref(), &looks)?;
    }
    done.warnings.extend(vanished(&done.vanished));
    link_all(repo, scene, plan, &mut done, &mut known)?;
    let noted = if known == before { Ok(()) } else { note(repo, writer, scene, &known, &done, &host) };
    Ok((done, noted))
}

fn vanished(files: &[BString]) -> Option<String> {
    let first = files.first()?;
    let more = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
    let were = if files.len() > 1 { "were" } else { "was" };
    Some(format!("'{first}'{more} {were} deleted in the main worktree meanwhile, and {were} not copied."))
}

/// A folder with more files than this is asked about by one of them: git ignores it as a whole.
const ASKED: usize = 500;

/// The files that git does not ignore on this session's branch: they would be committed by mistake.
fn not_ignored_here(repo: &Repo, scene: &Scene, plan: &CopyPlan, done: &mut Done) -> Result<HashSet<BString>> {
    let mut asked: Vec<BString> = Vec::new();
    let mut spans = Vec::new();
    let mut at = 0;
    for (root, count) in &plan.roots {
        let files = &plan.files[at..at + count];
        at += count;
        let few = if files.len() > ASKED { &files[..1] } else { files };
        spans.push((root, files, few));
        asked.extend_from_slice(few);
    }
    let ignored: HashSet<BString> = repo.ignored_of(&scene.worktree, &asked)?.into_iter().collect();
    let mut others = HashSet::new();
    for (root, files, few) in spans {
        let open: Vec<&BString> = few.iter().filter(|file| !ignored.contains(*file)).collect();
        if open.is_empty() {
            continue;
        }
        let (what, more) = if open.len() == few.len() { (root, 0) } else { (open[0], open.len() - 1) };
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        done.warnings
            .push(format!("'{what}'{more} was not copied: the branch of '{}' does not ignore it.", scene.name));
        let open = if files.len() > few.len() { files.iter().collect() } else { open };
        others.extend(open.into_iter().cloned());
    }
    Ok(others)
}

/// Whether a file is copied again. One that is as it was copied goes first, if the main worktree's is another by now.
fn may_copy(source: &std::path::Path, scene: &Scene, known: &Copied, file: &BString, done: &mut Done) -> bool {
    let target = scene.worktree.join(path_of_bytes(file));
    // What is behind a link is none of the worktree's; copying says so.
    let inner = target.ancestors().skip(1).take_while(|folder| *folder != scene.worktree);
    if inner.into_iter().any(|folder| folder.symlink_metadata().is_ok_and(|meta| !meta.is_dir())) {
        return true;
    }
    let Some(have) = Look::of(&target) else { return target.symlink_metadata().is_err() };
    let Some(theirs) = Look::of(&source.join(path_of_bytes(file))) else { return false };
    if have == theirs {
        return false;
    }
    let recorded = std::str::from_utf8(file).ok().and_then(|file| known.files.get(file));
    if recorded.is_none() && is_beginning(&target, &source.join(path_of_bytes(file))) {
        return std::fs::remove_file(&target).is_ok();
    }
    if recorded != Some(&have) {
        done.kept.push(file.clone());
        return false;
    }
    // The time is the original's, also where we have changed the contents.
    if have.mtime == theirs.mtime {
        return false;
    }
    std::fs::remove_file(&target).is_ok()
}

/// Whether a file is the beginning of another one, or the same: a copy that was killed. Nothing is lost with it.
fn is_beginning(path: &std::path::Path, whole: &std::path::Path) -> bool {
    let is_file = |path: &std::path::Path| path.symlink_metadata().is_ok_and(|meta| meta.is_file());
    if !is_file(path) || !is_file(whole) {
        return false;
    }
    match (std::fs::read(path), std::fs::read(whole)) {
        (Ok(part), Ok(whole)) => whole.starts_with(&part),
        _ => false,
    }
}

fn link_all(repo: &Repo, scene: &Scene, plan: &CopyPlan, done: &mut Done, known: &mut Copied) -> Result<()> {
    let Some(source) = &plan.source else { return Ok(()) };
    for path in &plan.links {
        if !clone::link(&scene.worktree, path, &source.join(path_of_bytes(path)))? {
            continue;
        }
        // A pattern with a slash at its end means folders, and a link is none.
        if repo.ignored_of(&scene.worktree, std::slice::from_ref(path))?.is_empty()
            && let Ok(text) = std::str::from_utf8(path)
        {
            crate::ops::create::exclude(repo, &format!("/{}", escaped(text)))?;
        }
        if let (Some(look), Ok(text)) = (Look::of(&scene.worktree.join(path_of_bytes(path))), std::str::from_utf8(path))
        {
            known.files.insert(text.to_owned(), look);
        }
        done.warnings.push(format!(
            "'{path}' of '{}' is a link to the main worktree's: what changes there changes for both.",
            scene.name
        ));
        done.links.push(path.clone());
    }
    Ok(())
}

/// A path as a pattern that means it alone.
fn escaped(path: &str) -> String {
    path.chars().flat_map(|c| if "\\*?[ ".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

/// Says in the record what is this host's copy now.
fn note(repo: &Repo, writer: &Writer, scene: &Scene, known: &Copied, done: &Done, host: &str) -> Result<()> {
    let count = done.files + done.links.len();
    let what = format!("{count} file{} from the main worktree", if count == 1 { "" } else { "s" });
    writer
        .append(repo, &scene.name, scene.id, |_, record| {
            known.put(record, host);
            Ok(Some(writer.event(&scene.name, EventKind::Prepared, what.clone())))
        })
        .map(drop)
}
