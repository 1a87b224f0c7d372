//! Trees as they lie in packs. Histories are read tree after tree, each a delta of one that was read before: here every
//! step of such a chain is kept as it was made, the full tree at its end too, and handed out without being copied. What
//! is not found here, or is damaged, is read as any other object is, which says what is wrong with it.

use super::Repo;
use crate::error::{Context, Result};
use crate::session::ObjectId;
use gix::odb::pack;
use gix::zlib::Inflate;
use pack::data::entry::Header;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Where there are more packs than that, to look through one after the other would be slower.
const MOST_PACKS: usize = 64;

/// No tree is larger; what says it were is damaged.
const LARGEST: usize = 1 << 28;

/// The packs of a repository, for all handles on it, once somebody reads a tree.
pub(super) type Packs = Arc<OnceLock<Vec<Pack>>>;

pub(super) struct Pack {
    index: pack::index::File,
    data: pack::data::File,
}

/// The bytes of a tree.
pub(super) enum Tree<'repo> {
    Packed(Arc<Vec<u8>>),
    Other(gix::Object<'repo>),
    Empty,
}

impl Deref for Tree<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Tree::Packed(bytes) => bytes,
            Tree::Other(object) => &object.data,
            Tree::Empty => &[],
        }
    }
}

/// What one handle has read, by pack and offset. What was not asked for since half of the room was used up is forgotten.
pub(super) struct Trees {
    young: HashMap<(usize, u64), Arc<Vec<u8>>>,
    old: HashMap<(usize, u64), Arc<Vec<u8>>>,
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
            weight: 0,
            room: megabytes * 1024 * 1024,
            inflate: Inflate::default(),
            delta: Vec::new(),
        })
    }

    fn known(&mut self, key: (usize, u64)) -> Option<Arc<Vec<u8>>> {
        if let Some(known) = self.young.get(&key) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(&key)?;
        self.keep(key, &known);
        Some(known)
    }

    fn keep(&mut self, key: (usize, u64), bytes: &Arc<Vec<u8>>) {
        if self.weight + bytes.len() > self.room / 2 {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += bytes.len();
        self.young.insert(key, Arc::clone(bytes));
    }

    /// The tree at an offset of a pack; none where something else is there, or nothing that can be read.
    fn at(&mut self, number: usize, pack: &Pack, offset: u64) -> Option<Arc<Vec<u8>>> {
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
                    let bytes = Arc::new(bytes);
                    self.keep((number, at), &bytes);
                    break bytes;
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
            tree = Arc::new(applied(&tree, &self.delta)?);
            self.keep((number, entry.pack_offset()), &tree);
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
    /// The bytes of a tree.
    ///
    /// # Errors
    /// Refused, if it cannot be read.
    pub(super) fn tree(&self, id: ObjectId) -> Result<Tree<'_>> {
        if id.is_empty_tree() {
            return Ok(Tree::Empty);
        }
        for (number, pack) in self.packs.get_or_init(|| self.open_packs()).iter().enumerate() {
            if let Some(offset) = pack.offset_of(id)
                && let Some(bytes) = self.trees.borrow_mut().at(number, pack, offset)
            {
                return Ok(Tree::Packed(bytes));
            }
        }
        let object = self.inner.find_object(id).or_refuse(|| format!("The tree {id} could not be read."))?;
        Ok(Tree::Other(object))
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
        Some(Pack { index: pack::index::File::at(index, hash).ok()?, data })
    }
}

fn size(bytes: u64) -> Option<usize> {
    usize::try_from(bytes).ok().filter(|bytes| *bytes <= LARGEST)
}

/// What a delta (`gitformat-pack(5)`) makes of its base; none if it is not one of it.
fn applied(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let mut rest = delta.iter();
    let mut number = || {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = *rest.next()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
    };
    let (before, after) = (size(number()?)?, size(number()?)?);
    if before != base.len() {
        return None;
    }
    let mut rest = rest.as_slice();
    let mut made = Vec::with_capacity(after);
    while let Some((&instruction, tail)) = rest.split_first() {
        rest = tail;
        if instruction & 0x80 == 0 {
            let length = usize::from(instruction);
            if length == 0 {
                return None;
            }
            made.extend_from_slice(rest.get(..length)?);
            rest = &rest[length..];
            continue;
        }
        let mut take = |from: u8, count: u8| {
            (0..count).filter(|n| instruction >> (from + n) & 1 == 1).try_fold(0_usize, |number, n| {
                let (&byte, tail) = rest.split_first()?;
                rest = tail;
                Some(number | usize::from(byte) << (8 * n))
            })
        };
        let (from, length) = (take(0, 4)?, take(4, 3)?);
        let length = if length == 0 { 0x10000 } else { length };
        made.extend_from_slice(base.get(from..from.checked_add(length)?)?);
        if made.len() > after {
            return None;
        }
    }
    (made.len() == after).then_some(made)
}

#[cfg(test)]
mod tests {
    use super::{Tree, applied};
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
            assert_eq!(matches!(tree, Tree::Packed(_)), are_packed);
            assert_eq!(&*tree, git(place, &["cat-file", "tree", &id.to_string()]), "{id}");
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
        assert_eq!(&*repo.tree(ids[0]).expect("can be read"), git(place, &["cat-file", "tree", &ids[1].to_string()]));
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

    #[test]
    fn a_delta_that_does_not_fit_makes_nothing() {
        assert_eq!(applied(b"abcdef", &[6, 5, 0x91, 1, 3, 2, b'x', b'y']), Some(b"bcdxy".to_vec()));
        assert_eq!(applied(b"abcdef", &[6, 6, 0x91, 1, 3, 2, b'x', b'y']), None, "too short");
        assert_eq!(applied(b"abcdef", &[6, 4, 0x91, 1, 3, 2, b'x', b'y']), None, "too long");
        assert_eq!(applied(b"abcde", &[6, 5, 0x91, 1, 3, 2, b'x', b'y']), None, "another base");
        assert_eq!(applied(b"abcdef", &[6, 5, 0x91, 4, 3, 2, b'x', b'y']), None, "past the end");
        assert_eq!(applied(b"abcdef", &[6, 5, 0x91, 1]), None, "cut off");
        assert_eq!(applied(b"abcdef", &[6, 0, 0]), None, "no instruction");
        assert_eq!(applied(b"", &[0x80]), None);
    }
}
