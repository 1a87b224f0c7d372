//! `refs/notes/sessions`: facts about trees, kept as git-notes(1) keeps notes. What tests gave stands on the tree that
//! they ran on, so that it holds for every commit that has that tree.

use crate::error::Result;
use crate::git::{Edit, Repo};
use crate::session::ObjectId;
use crate::session::verdict::{self, Verdict};
use crate::store::record::Writer;
use crate::store::retry;
use std::collections::{BTreeMap, HashMap};

/// The ref.
pub const REFERENCE: &str = "refs/notes/sessions";

/// All notes at one moment. Nothing of them is read before it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    tree: Option<ObjectId>,
}

impl Notes {
    /// The notes as they are now; there may be none.
    ///
    /// # Errors
    /// Refused, if the ref cannot be read.
    pub fn read(repo: &Repo) -> Result<Notes> {
        let tip = repo.ref_id(REFERENCE)?;
        Ok(Notes { tree: tip.map(|tip| repo.commit(tip)).transpose()?.map(|commit| commit.tree) })
    }

    /// What tests gave on a tree: the newest verdict on each command.
    ///
    /// # Errors
    /// Refused, if the notes cannot be read.
    pub fn verdicts(&self, repo: &Repo, tree: ObjectId) -> Result<Vec<Verdict>> {
        if self.tree.is_none() {
            return Ok(Vec::new());
        }
        match repo.note_about(self.tree, tree)? {
            (_, Some(blob)) => Ok(verdict::of_note(&String::from_utf8_lossy(&repo.blob(blob)?))),
            (_, None) => Ok(Vec::new()),
        }
    }

    /// What one command gave on a tree.
    ///
    /// # Errors
    /// Refused, if the notes cannot be read.
    pub fn verdict(&self, repo: &Repo, tree: ObjectId, command: &str) -> Result<Option<Verdict>> {
        Ok(self.verdicts(repo, tree)?.into_iter().find(|verdict| verdict.command == command))
    }

    /// All verdicts there are, by tree.
    ///
    /// # Errors
    /// Refused, if the notes cannot be read.
    pub fn all(&self, repo: &Repo) -> Result<HashMap<ObjectId, Vec<Verdict>>> {
        let Some(tree) = self.tree else { return Ok(HashMap::new()) };
        let mut found: HashMap<ObjectId, Vec<Verdict>> = HashMap::new();
        for (about, blob) in repo.notes_of(tree)? {
            let verdicts = verdict::of_note(&String::from_utf8_lossy(&repo.blob(blob)?));
            if !verdicts.is_empty() {
                found.entry(about).or_default().extend(verdicts);
            }
        }
        Ok(found)
    }
}

/// Notes what tests gave on trees, all in one commit; run again when the race is lost, so that no note of another writer
/// is.
///
/// # Errors
/// Refused or contended: then nothing is noted.
pub fn add(repo: &Repo, writer: &Writer, verdicts: &[(ObjectId, Verdict)]) -> Result<()> {
    if verdicts.is_empty() {
        return Ok(());
    }
    let sessions: Vec<&str> = verdicts.iter().map(|(_, verdict)| verdict.session.as_str()).collect();
    let subject = match sessions.as_slice() {
        [one] => format!("[{one}] tested: {}", verdicts[0].1.as_str()),
        several => format!("tested: {} trees", several.len()),
    };
    let message = format!("{subject}\n\nSession-Operation: {}\n", writer.operation);
    let draft = repo.draft_by_us(&writer.identity, message);
    retry(|| {
        let before = repo.ref_id(REFERENCE)?;
        let tree = before.map(|tip| repo.commit(tip)).transpose()?.map(|commit| commit.tree);
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        for (about, verdict) in verdicts {
            let (path, blob) = repo.note_about(tree, *about)?;
            let text = match (texts.remove(&path), blob) {
                (Some(text), _) => text,
                (None, Some(blob)) => String::from_utf8_lossy(&repo.blob(blob)?).into_owned(),
                (None, None) => String::new(),
            };
            texts.insert(path, verdict::noted(&text, verdict));
        }
        let mut changes = Vec::new();
        for (path, text) in &texts {
            changes.push((path.as_str(), Some(repo.write_blob(text.as_bytes())?)));
        }
        let tree = repo.edit_tree(tree, changes)?;
        let commit = repo.write_commit(&draft, tree, before.as_slice())?;
        repo.transact(&[Edit::put(REFERENCE, before, commit)], &subject)
    })
}
