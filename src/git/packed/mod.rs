//! Objects as they lie in packs: each a delta of one that was read before, or soon will be. Here every step of such a chain
//! is kept as it was made, the full object at its end too, and handed out without being copied. What is not found here,
//! or is damaged, is read as any other object is, which says what is wrong with it.

pub(super) mod delta;

use super::Repo;
use crate::session::ObjectId;
use gix::hash::Kind;
use gix::odb::pack;
use gix::zlib::Inflate;
use pack::data::entry::Header;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Where there are more packs than that, to look through one after the other would be slower.
const MOST_PACKS: usize = 64;

/// No object is larger that is read here; of a tree, what says it were is damaged.
const LARGEST: usize = 1 << 28;

/// The packs of a repository, for all handles on it, once somebody reads one.
pub(super) type Packs = Arc<OnceLock<Vec<Pack>>>;

pub(super) struct Pack {
    index: pack::index::File,
    data: pack::data::File,
    hash: Kind,
}

/// What one sort of object is kept as.
pub(super) trait Packed: Clone {
    /// Whether one that is stored whole is of this sort.
    fn is_whole(header: &Header) -> bool;

    /// Of all its bytes.
    fn of(bytes: Vec<u8>, hash: Kind) -> Self;

    /// What a delta makes of it, and how many bytes of memory that takes beside what the two share; none if it is not one
    /// of it.
    fn applied(&self, delta: &[u8], hash: Kind) -> Option<(Self, usize)>;

    /// How many bytes of memory it takes by itself.
    fn weight(&self) -> usize;
}

/// The bytes of a blob.
pub(super) type Bytes = Arc<Vec<u8>>;

impl Packed for Bytes {
    fn is_whole(header: &Header) -> bool {
        matches!(header, Header::Blob)
    }

    fn of(bytes: Vec<u8>, _: Kind) -> Bytes {
        Arc::new(bytes)
    }

    fn applied(&self, delta: &[u8], _: Kind) -> Option<(Bytes, usize)> {
        let made = delta::applied(self, delta)?;
        let weight = made.len();
        Some((Arc::new(made), weight))
    }

    fn weight(&self) -> usize {
        self.len()
    }
}

/// What one handle has read, by pack and offset. What was not asked for since half of the room was used up is forgotten.
pub(super) struct Chains<T> {
    young: HashMap<(usize, u64), T>,
    old: HashMap<(usize, u64), T>,
    /// Those among the young ones that were asked for by name.
    named: gix::hashtable::HashMap<ObjectId, T>,
    /// Bytes of the young ones.
    weight: usize,
    room: usize,
    inflate: Inflate,
    delta: Vec<u8>,
}

impl<T: Packed> Chains<T> {
    pub(super) fn with_room(megabytes: usize) -> RefCell<Chains<T>> {
        RefCell::new(Chains {
            young: HashMap::new(),
            old: HashMap::new(),
            named: gix::hashtable::HashMap::default(),
            weight: 0,
            room: megabytes * 1024 * 1024,
            inflate: Inflate::default(),
            delta: Vec::new(),
        })
    }

    /// The object, if one of these packs has it and it is of this sort.
    pub(super) fn find(&mut self, packs: &[Pack], id: ObjectId) -> Option<T> {
        if let Some(known) = self.named.get(&id) {
            return Some(known.clone());
        }
        let mut packs = packs.iter().enumerate();
        let found = packs.find_map(|(number, pack)| self.at(number, pack, pack.offset_of(id)?))?;
        if found.weight() <= self.room / 2 {
            self.named.insert(id, found.clone());
        }
        Some(found)
    }

    fn known(&mut self, key: (usize, u64)) -> Option<T> {
        if let Some(known) = self.young.get(&key) {
            return Some(known.clone());
        }
        let known = self.old.remove(&key)?;
        self.keep(key, &known, known.weight());
        Some(known)
    }

    /// `weight` is how much it takes by itself.
    fn keep(&mut self, key: (usize, u64), object: &T, weight: usize) {
        if weight > self.room / 2 {
            return;
        }
        if self.weight + weight > self.room / 2 {
            self.old = std::mem::take(&mut self.young);
            self.named.clear();
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, object.clone());
    }

    /// The object at an offset of a pack; none where something else is there, or nothing that can be read.
    fn at(&mut self, number: usize, pack: &Pack, offset: u64) -> Option<T> {
        let mut entry = pack.data.entry(offset).ok()?;
        let mut chain = Vec::new();
        let mut object = loop {
            let at = entry.pack_offset();
            if let Some(known) = self.known((number, at)) {
                break known;
            }
            let below = match entry.header {
                Header::OfsDelta { base_distance } => entry.checked_base_pack_offset(base_distance)?,
                Header::RefDelta { base_id } => pack.offset_of(base_id)?,
                ref whole if T::is_whole(whole) => {
                    let mut bytes = vec![0; size(entry.decompressed_size)?];
                    pack.data.decompress_entry(&entry, &mut self.inflate, &mut bytes).ok()?;
                    let object = T::of(bytes, pack.hash);
                    self.keep((number, at), &object, object.weight());
                    break object;
                }
                _ => return None,
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
            let (made, weight) = object.applied(&self.delta, pack.hash)?;
            object = made;
            self.keep((number, entry.pack_offset()), &object, weight);
        }
        Some(object)
    }
}

impl Repo {
    /// The packs that there are.
    pub(super) fn packs(&self) -> &[Pack] {
        self.packs.get_or_init(|| self.open_packs())
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
    fn offset_of(&self, id: ObjectId) -> Option<u64> {
        Some(self.index.pack_offset_at_index(self.index.lookup(id)?))
    }

    fn open(index: &Path, hash: Kind) -> Option<Pack> {
        let data = pack::data::File::at(index.with_extension("pack"), hash).ok()?;
        Some(Pack { index: pack::index::File::at(index, hash).ok()?, data, hash })
    }
}

fn size(bytes: u64) -> Option<usize> {
    usize::try_from(bytes).ok().filter(|bytes| *bytes <= LARGEST)
}

#[cfg(test)]
mod tests {
    use super::Chains;
    use crate::git::Repo;
    use crate::host::process::Command;
    use crate::session::ObjectId;
    use std::fmt::Write as _;

    #[test]
    fn blobs_are_what_git_says() {
        let place = tempfile::tempdir().expect("can be made");
        let place = place.path();
        let git = |args: &[&str]| {
            let config = ["-c", "user.name=A", "-c", "user.email=a@x"];
            let run = Command::new("git").current_dir(place).args(config).args(args.iter().copied());
            run.run_ok().expect("runs").stdout
        };
        git(&["init", "-q", "."]);
        let mut text = String::new();
        for n in 0..40 {
            for line in 0..30 {
                let _ = writeln!(text, "{} of {n}", line * n % 7);
            }
            text.drain(..n * 3);
            std::fs::write(place.join("a"), &text).expect("can be written");
            git(&["add", "-A"]);
            git(&["commit", "-qm", "x"]);
        }
        git(&["repack", "-adfq", "--depth=40", "--window=50"]);
        let listed = git(&["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"]);
        let listed = String::from_utf8(listed).expect("is text");
        let mut repo = Repo::discover(place).expect("is one");
        let (mut blobs, mut others) = (0, 0);
        for room in [32, 0] {
            repo.texts = Chains::with_room(room);
            for line in listed.lines() {
                let (sort, hex) = line.split_once(' ').expect("has two words");
                let id = ObjectId::from_hex(hex.as_bytes()).expect("is an id");
                let found = repo.texts.borrow_mut().find(repo.packs(), id);
                if sort == "blob" {
                    assert_eq!(*found.expect("is packed"), git(&["cat-file", "blob", hex]));
                    blobs += 1;
                } else {
                    assert!(found.is_none(), "{line}");
                    others += 1;
                }
            }
        }
        assert!(blobs >= 80 && others >= 160, "{blobs}, {others}");
    }
}
