//! The plain way: to look at each directory and what lies right in it, again and again, as seldom as it is costly.

use super::Seen;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One part of the time in so many goes into looking.
const SHARE: u32 = 25;
const AT_LEAST: Duration = Duration::from_millis(500);
const AT_MOST: Duration = Duration::from_secs(60);

/// What a directory looked like; none where it was not there.
type Look = Option<u64>;

#[derive(Debug, Default)]
pub(super) struct Looks {
    directories: HashMap<PathBuf, Look>,
    cost: Duration,
    next: Option<Instant>,
}

impl Looks {
    /// From now on it is looked.
    pub(super) fn begin(&mut self) {
        self.next = Some(Instant::now() + self.interval());
    }

    /// Whether it was not watched before.
    pub(super) fn watch(&mut self, directory: &Path) -> bool {
        if self.directories.contains_key(directory) {
            return false;
        }
        let began = Instant::now();
        self.directories.insert(directory.to_owned(), look_of(directory));
        self.cost += began.elapsed();
        true
    }

    pub(super) fn forget(&mut self, is_over: &impl Fn(&Path) -> bool) {
        self.directories.retain(|path, _| !is_over(path));
    }

    pub(super) fn interval(&self) -> Duration {
        (self.cost * SHARE).clamp(AT_LEAST, AT_MOST)
    }

    pub(super) fn next(&self) -> Instant {
        self.next.unwrap_or_else(Instant::now)
    }

    /// The directories that do not look as they did. Which of what is in them that is, is not known.
    pub(super) fn look(&mut self) -> Vec<Seen> {
        let began = Instant::now();
        let mut seen = Vec::new();
        for (directory, before) in &mut self.directories {
            let now = look_of(directory);
            if now != *before {
                *before = now;
                seen.push(Seen { directory: directory.clone(), name: None, may_be_directory: true });
            }
        }
        // One that is gone may come back as another one, and is watched again then.
        self.directories.retain(|_, look| look.is_some());
        self.cost = began.elapsed();
        self.begin();
        seen
    }
}

/// Names, sizes and times of what lies right in a directory.
fn look_of(directory: &Path) -> Look {
    let mut sum: u64 = 0;
    for entry in std::fs::read_dir(directory).ok()?.flatten() {
        let mut hasher = DefaultHasher::new();
        entry.file_name().hash(&mut hasher);
        if let Ok(found) = entry.metadata() {
            found.is_dir().hash(&mut hasher);
            // What is in a directory below changes that one.
            if !found.is_dir() {
                found.len().hash(&mut hasher);
                found.modified().ok().hash(&mut hasher);
                #[cfg(unix)]
                {
                    use std::os::unix::fs::MetadataExt;
                    (found.ino(), found.mode(), found.ctime(), found.ctime_nsec()).hash(&mut hasher);
                }
            }
        }
        // The order in which they are listed says nothing.
        sum = sum.wrapping_add(hasher.finish());
    }
    Some(sum)
}
