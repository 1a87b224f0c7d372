//! Trees as they lie in packs. Histories are read tree after tree, each a delta of one that was read before: here every
//! step of such a chain is kept as it was made, the full tree at its end too, and what two of them have in common is there
//! once, so that what they differ in is soon found. What is not found here, or is damaged, is read as any other object is,
//! which says what is wrong with it.

use super::Repo;
use crate::error::{Context, Result};
use crate::session::ObjectId;
use gix::odb::pack;
use gix::zlib::Inflate;
use pack::data::entry::Header;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

mod delta;
mod differing;
mod editable;
mod pieces;

pub(super) use differing::{Differing, Slot};
pub(super) use pieces::Tree;

/// Where there are more packs than that, to look through one after the other would be slower.
const MOST_PACKS: usize = 64;

/// No tree is larger; what says it were is damaged.
const LARGEST: usize = 1 << 28;

/// The packs of a repository, for all handles on it, once somebody reads a tree.
pub(super) type Packs = Arc<OnceLock<Vec<Pack>>>;

pub(super) struct Pack {
    index: pack::index::File,
    data: pack::data::File,
    hash: gix::hash::Kind,
}

/// What one handle has read, by pack and offset. What was not asked for since half of the room was used up is forgotten.
pub(super) struct Trees {
    young: HashMap<(usize, u64), Tree>,
    old: HashMap<(usize, u64), Tree>,
    /// Those among the young ones that were asked for by name.
    named: gix::hashtable::HashMap<ObjectId, Tree>,
    /// Bytes of the young ones.
    weight: usize,
    room: usize,
    inflate: Inflate,
    delta: Vec<u8>,
}

impl Trees {
    pub(super) fn with_room(megabytes: usize) -> RefCell<Trees> {
        RefCell::new(Trees {
            young: HashMap::new(),
            old: HashMap::new(),
            named: gix::hashtable::HashMap::default(),
            weight: 0,
            room: megabytes * 1024 * 1024,
            inflate: Inflate::default(),
            delta: Vec::new(),
        })
    }

    fn known(&mut self, key: (usize, u64)) -> Option<Tree> {
        if let Some(known) = self.young.get(&key) {
            return Some(known.clone());
        }
        let known = self.old.remove(&key)?;
        self.keep(key, &known, known.weight());
        Some(known)
    }

    /// `weight` is how much it takes by itself.
    fn keep(&mut self, key: (usize, u64), tree: &Tree, weight: usize) {
        if self.weight + weight > self.room / 2 {
            self.old = std::mem::take(&mut self.young);
            self.named.clear();
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, tree.clone());
    }

    /// The tree at an offset of a pack; none where something else is there, or nothing that can be read.
    fn at(&mut self, number: usize, pack: &Pack, offset: u64) -> Option<Tree> {
        let mut entry = pack.data.entry(offset).ok()?;
        let mut chain = Vec::new();
        let mut tree = loop {
            let at = entry.pack_offset();
            if let Some(known) = self.known((number, at)) {
                break known;
            }
            let below = match entry.header {
                Header::Tree => {
                    let mut bytes = vec![0; size(entry.decompressed_size)?];
                    pack.data.decompress_entry(&entry, &mut self.inflate, &mut bytes).ok()?;
                    let tree = Tree::of(&bytes, pack.hash);
                    self.keep((number, at), &tree, tree.weight());
                    break tree;
                }
                Header::OfsDelta { base_distance } => entry.checked_base_pack_offset(base_distance)?,
                Header::RefDelta { base_id } => pack.offset_of(base_id)?,
                Header::Commit | Header::Blob | Header::Tag => return None,
            };
            // As long as a chain can be: one that comes back to itself would be longer.
            if chain.len() > 4096 {
                return None;
            }
            chain.push(std::mem::replace(&mut entry, pack.data.entry(below).ok()?));
        };
        for entry in chain.into_iter().rev() {
            self.delta.resize(size(entry.decompressed_size)?, 0);
            pack.data.decompress_entry(&entry, &mut self.inflate, &mut self.delta).ok()?;
            let (made, weight) = delta::applied(&tree, &self.delta, pack.hash)?;
            tree = made;
            self.keep((number, entry.pack_offset()), &tree, weight);
        }
        Some(tree)
    }
}

impl Pack {
    fn offset_of(&self, id: ObjectId) -> Option<u64> {
        Some(self.index.pack_offset_at_index(self.index.lookup(id)?))
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
        let mut trees = self.trees.borrow_mut();
        if let Some(known) = trees.named.get(&id) {
            return Some(known.clone());
        }
        let mut packs = self.packs.get_or_init(|| self.open_packs()).iter().enumerate();
        let tree = packs.find_map(|(number, pack)| trees.at(number, pack, pack.offset_of(id)?))?;
        trees.named.insert(id, tree.clone());
        Some(tree)
    }

    /// None where objects stand for others: gix knows about those.
    fn open_packs(&self) -> Vec<Pack> {
        let store = self.inner.objects.store_ref();
        if store.replacements().next().is_some() {
            return Vec::new();
        }
        let alternates = store.alternate_db_paths().unwrap_or_default();
        let mut packs = Vec::new();
        for objects in alternates.iter().map(|path| path.as_path()).chain([store.path()]) {
            let Ok(listed) = std::fs::read_dir(objects.join("pack")) else { continue };
            for path in listed.filter_map(std::result::Result::ok).map(|entry| entry.path()) {
                if path.extension().is_some_and(|extension| extension == "idx") {
                    packs.extend(Pack::open(&path, self.hash_kind()).map(|pack| (path, pack)));
                }
            }
        }
        if packs.len() > MOST_PACKS {
            return Vec::new();
        }
        // Most is in the largest.
        packs.sort_by(|(a, one), (b, other)| other.index.num_objects().cmp(&one.index.num_objects()).then(a.cmp(b)));
        packs.into_iter().map(|(_, pack)| pack).collect()
    }
}

impl Pack {
    fn open(index: &Path, hash: gix::hash::Kind) -> Option<Pack> {
        let data = pack::data::File::at(index.with_extension("pack"), hash).ok()?;
        Some(Pack { index: pack::index::File::at(index, hash).ok()?, data, hash })
    }
}

fn size(bytes: u64) -> Option<usize> {
    usize::try_from(bytes).ok().filter(|bytes| *bytes <= LARGEST)
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
        repo.trees = super::Trees::with_room(room);
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
