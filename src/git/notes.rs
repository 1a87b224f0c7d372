//! Trees of notes, as git-notes(1) keeps them: a blob for each object under that object's id, whose digits may be spread
//! over folders of two.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::ObjectId;

/// What is in a folder of notes, by digits.
#[derive(Debug, Default)]
struct Folder {
    notes: Vec<(String, ObjectId)>,
    folders: Vec<(String, ObjectId)>,
}

impl Repo {
    fn folder_of_notes(&self, tree: ObjectId) -> Result<Folder> {
        let unreadable = || format!("The notes in {tree} could not be read.");
        let object = self.inner.find_object(tree).or_refuse(unreadable)?;
        let mut folder = Folder::default();
        for entry in gix::objs::TreeRefIter::from_bytes(&object.data, self.hash_kind()) {
            let entry = entry.or_refuse(unreadable)?;
            let Ok(name) = std::str::from_utf8(entry.filename) else { continue };
            // What is not of that form is no note, and stays where it is.
            if !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            if entry.mode.is_tree() && name.len() == 2 {
                folder.folders.push((name.to_owned(), entry.oid.to_owned()));
            } else if entry.mode.is_blob() {
                folder.notes.push((name.to_owned(), entry.oid.to_owned()));
            }
        }
        Ok(folder)
    }

    /// All notes of a tree of them: the object each is about, and its blob.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn notes_of(&self, tree: ObjectId) -> Result<Vec<(ObjectId, ObjectId)>> {
        let mut found = Vec::new();
        let mut folders = vec![(String::new(), tree)];
        while let Some((digits, tree)) = folders.pop() {
            let folder = self.folder_of_notes(tree)?;
            let about = |name: &str| ObjectId::from_hex(format!("{digits}{name}").as_bytes()).ok();
            found.extend(folder.notes.iter().filter_map(|(name, blob)| Some((about(name)?, *blob))));
            let is_short = digits.len() + 2 < self.hash_kind().len_in_hex();
            let inner = folder.folders.into_iter().map(|(name, tree)| (format!("{digits}{name}"), tree));
            folders.extend(inner.filter(|_| is_short));
        }
        Ok(found)
    }

    /// Where in a tree of notes the one about an object stands, or would; and its blob, where it is there.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub fn note_about(&self, tree: Option<ObjectId>, object: ObjectId) -> Result<(String, Option<ObjectId>)> {
        let hex = object.to_string();
        let (mut path, mut rest) = (String::new(), hex.as_str());
        let mut next = tree;
        // Where there is none to follow, notes are spread over folders from the start: a flat tree of thousands is
        // written anew for each.
        let mut spreads = true;
        while let Some(tree) = next.take() {
            let folder = self.folder_of_notes(tree)?;
            if let Some((name, blob)) = folder.notes.iter().find(|(name, _)| name == rest) {
                return Ok((path + name, Some(*blob)));
            }
            spreads = path.is_empty() && (folder.notes.is_empty() || !folder.folders.is_empty());
            if let Some((name, inner)) = folder.folders.iter().find(|(name, _)| rest.starts_with(name.as_str())) {
                path.push_str(name);
                path.push('/');
                rest = &rest[2..];
                next = Some(*inner);
            }
        }
        if spreads {
            path = format!("{}/", &rest[..2]);
            rest = &rest[2..];
        }
        Ok((path + rest, None))
    }
}
