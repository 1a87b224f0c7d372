//! What git is told of objects that are in memory only.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::ObjectId;
use gix::objs::Kind;
use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

/// Writes what is in memory, and what that needs, where git finds it.
pub(super) fn tell(
    repo: &mut Repo,
    objects: &Path,
    told: &mut HashSet<ObjectId>,
    mut needed: Vec<ObjectId>,
) -> Result<()> {
    let Some(memory) = repo.inner.objects.take_object_memory() else { return Ok(()) };
    let mut outcome = Ok(());
    while let Some(id) = needed.pop() {
        let Some((kind, bytes)) = memory.get(&id) else { continue };
        if outcome.is_err() || told.contains(&id) {
            continue;
        }
        match kind {
            gix::objs::Kind::Tree => {
                let entries = gix::objs::TreeRefIter::from_bytes(bytes, repo.hash_kind());
                needed.extend(entries.filter_map(std::result::Result::ok).map(|entry| entry.oid.to_owned()));
            }
            gix::objs::Kind::Commit => {
                let mut commit = gix::objs::CommitRefIter::from_bytes(bytes, repo.hash_kind());
                needed.extend(commit.tree_id().ok());
                needed.extend(commit.parent_ids());
            }
            _ => {}
        }
        outcome = write(objects, id, *kind, bytes);
        if outcome.is_ok() {
            told.insert(id);
        }
    }
    repo.inner.objects.set_object_memory(memory);
    outcome.or_refuse(|| "The temporary directory could not be written to.")
}

/// Writes an object into a directory of objects that is nobody else's, and does not compress it: it is read once, or
/// never.
fn write(objects: &Path, id: ObjectId, kind: Kind, bytes: &[u8]) -> std::io::Result<()> {
    let name = id.to_string();
    let folder = objects.join(&name[..2]);
    let file = folder.join(&name[2..]);
    let content = [format!("{kind} {}\0", bytes.len()).as_bytes(), bytes].concat();
    let stored = stored(&content);
    match create(&file, &stored) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(&folder)?;
            create(&file, &stored)
        }
        done => done,
    }
}

/// Writes a file, unless it is there: git may have made the same object, and does not let it be written to.
fn create(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut opened = match std::fs::File::create_new(file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        opened => opened?,
    };
    // Half of it would be taken for all of it.
    opened.write_all(bytes).inspect_err(|_| drop(std::fs::remove_file(file)))
}

/// Bytes as zlib has them, as they are (RFC 1950 and 1951: stored blocks).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&adler32(bytes).to_be_bytes());
    out
}

/// The checksum of zlib.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    // So many can be added up before 32 bits are full.
    const AT_ONCE: usize = 5_552;
    let (mut a, mut b) = (1_u32, 0_u32);
    for part in bytes.chunks(AT_ONCE) {
        for byte in part {
            a += u32::from(*byte);
            b += a;
        }
        (a, b) = (a % MODULUS, b % MODULUS);
    }
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::git::Repo;
    use crate::host::process::Command;
    use gix::objs::Kind;

    #[test]
    fn git_finds_what_it_is_told_of() {
        let place = tempfile::tempdir().expect("can be made");
        let git = |args: &[&str]| Command::new("git").current_dir(place.path()).args(args.iter().copied());
        git(&["init", "-q", "."]).run_ok().expect("can be made");
        let repo = Repo::discover(place.path()).expect("is one");
        for size in [0, 1, 65_520, 65_535, 65_536, 200_000] {
            let bytes: Vec<u8> = (0..size).map(|n: usize| n.to_le_bytes()[n % 3] ^ 0xa5).collect();
            let id = repo.id_of_blob(&bytes).expect("can be hashed");
            write(&place.path().join(".git/objects"), id, Kind::Blob, &bytes).expect("can be written");
            let found = git(&["cat-file", "blob", &id.to_string()]).run_ok().expect("is there").stdout;
            assert!(found == bytes, "{size} bytes");
        }
        // What is there already is whole, and may be write-protected.
        let bytes = b"made by git before".as_slice();
        let id = repo.id_of_blob(bytes).expect("can be hashed");
        git(&["hash-object", "-w", "--stdin"]).input(bytes).run_ok().expect("can be stored");
        let name = id.to_string();
        let file = place.path().join(".git/objects").join(&name[..2]).join(&name[2..]);
        let before = std::fs::read(&file).expect("is there");
        write(&place.path().join(".git/objects"), id, Kind::Blob, bytes).expect("is done");
        assert_eq!(std::fs::read(&file).expect("is there"), before);
        git(&["fsck", "--strict"]).run_ok().expect("is well");
    }
}
