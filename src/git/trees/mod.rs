//! Trees, in pieces: of histories, which are read tree after tree, what two of them have in common is there once, so that
//! what they differ in is soon found.

mod delta;
mod differing;
mod editable;
mod pieces;

pub(super) use differing::{Differing, Slot};
pub(super) use editable::is_usual;
pub(super) use pieces::Tree;

use super::Repo;
use super::packed::Packed;
use crate::error::{Context, Result};
use crate::session::ObjectId;
use gix::hash::Kind;
use gix::odb::pack::data::entry::Header;

impl Packed for Tree {
    fn is_whole(header: &Header) -> bool {
        matches!(header, Header::Tree)
    }

    fn of(bytes: Vec<u8>, hash: Kind) -> Tree {
        Tree::of(&bytes, hash)
    }

    fn applied(&self, delta: &[u8], hash: Kind) -> Option<(Tree, usize)> {
        delta::applied(self, delta, hash)
    }

    fn weight(&self) -> usize {
        Tree::weight(self)
    }
}

impl Repo {
    /// A tree.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub(super) fn tree(&self, id: ObjectId) -> Result<Tree> {
        if id.is_empty_tree() {
            return Ok(Tree::default());
        }
        if let Some(tree) = self.packed_tree(id) {
            return Ok(tree);
        }
        let object = self.inner.find_object(id).or_refuse(|| format!("The tree {id} could not be read."))?;
        Ok(Tree::of(&object.data, self.hash_kind()))
    }

    fn packed_tree(&self, id: ObjectId) -> Option<Tree> {
        self.trees.borrow_mut().find(self.packs(), id)
    }
}

#[cfg(test)]
mod tests {
    use crate::git::Repo;
    use crate::host::process::Command;
    use crate::session::ObjectId;
    use std::path::Path;

    fn git(place: &Path, args: &[&str]) -> Vec<u8> {
        let config = ["-c", "user.name=A", "-c", "user.email=a@x"];
        let run = Command::new("git").current_dir(place).args(config).args(args.iter().copied());
        run.run_ok().expect("runs").stdout
    }

    /// A history whose trees differ a little each; the ids of all trees.
    fn history(place: &Path) -> Vec<ObjectId> {
        git(place, &["init", "-q", "."]);
        for n in 0..30 {
            let folder = place.join(format!("folder-{}", n % 4));
            std::fs::create_dir_all(&folder).expect("can be made");
            for file in 0..=n {
                std::fs::write(folder.join(format!("a-file-with-a-long-name-{file}")), format!("{}", file % 9))
                    .expect("can be written");
            }
            git(place, &["add", "-A"]);
            git(place, &["commit", "-qm", "x"]);
        }
        let listed = git(place, &["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"]);
        let text = String::from_utf8(listed).expect("is text");
        let trees = text.lines().filter_map(|line| line.strip_prefix("tree "));
        let ids: Vec<_> = trees.map(|hex| ObjectId::from_hex(hex.as_bytes()).expect("is an id")).collect();
        assert!(ids.len() >= 60);
        ids
    }

    fn all_are_what_git_says(place: &Path, ids: &[ObjectId], room: usize, are_packed: bool) {
        let mut repo = Repo::discover(place).expect("is one");
        repo.trees = crate::git::packed::Chains::with_room(room);
        for id in ids.iter().chain(ids.iter().rev()) {
            let tree = repo.tree(*id).expect("can be read");
            assert_eq!(repo.packed_tree(*id).is_some(), are_packed);
            assert_eq!(
                tree.pieces().collect::<Vec<_>>().concat(),
                git(place, &["cat-file", "tree", &id.to_string()]),
                "{id}"
            );
        }
    }

    #[test]
    fn trees_are_what_git_says() {
        let place = tempfile::tempdir().expect("can be made");
        let place = place.path();
        let ids = history(place);
        all_are_what_git_says(place, &ids, 16, false);
        git(place, &["repack", "-adfq", "--depth=40", "--window=50"]);
        all_are_what_git_says(place, &ids, 16, true);
        all_are_what_git_says(place, &ids, 0, true);
        git(place, &["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"]);
        all_are_what_git_says(place, &ids, 16, true);
        let other = tempfile::tempdir().expect("can be made");
        git(other.path(), &["clone", "-q", "--shared", "--bare", &place.display().to_string(), "x.git"]);
        all_are_what_git_says(&other.path().join("x.git"), &ids, 16, true);
    }

    #[test]
    fn a_tree_that_another_stands_for_is_that_other() {
        let place = tempfile::tempdir().expect("can be made");
        let place = place.path();
        let ids = history(place);
        git(place, &["repack", "-adfq"]);
        git(place, &["replace", &ids[0].to_string(), &ids[1].to_string()]);
        let repo = Repo::discover(place).expect("is one");
        let tree = repo.tree(ids[0]).expect("can be read");
        let expected = git(place, &["cat-file", "tree", &ids[1].to_string()]);
        assert_eq!(tree.pieces().collect::<Vec<_>>().concat(), expected);
    }

    #[test]
    fn what_is_no_tree_or_damaged_is_refused() {
        let place = tempfile::tempdir().expect("can be made");
        let place = place.path();
        let ids = history(place);
        git(place, &["repack", "-adfq"]);
        let packs = place.join(".git/objects/pack");
        let mut packs = std::fs::read_dir(&packs).expect("is there").map(|entry| entry.expect("is one").path());
        let pack = packs.find(|path| path.extension().is_some_and(|end| end == "pack")).expect("is there");
        let whole = std::fs::read(&pack).expect("can be read");
        let mut refused = 0;
        for at in (12..whole.len()).step_by(97) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            std::fs::remove_file(&pack).expect("can be removed");
            std::fs::write(&pack, &bytes).expect("can be written");
            let repo = Repo::discover(place).expect("is one");
            refused += ids.iter().filter(|id| repo.tree(**id).is_err()).count();
        }
        assert!(refused > 0);
    }
}
