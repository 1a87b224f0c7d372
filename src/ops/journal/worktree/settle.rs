//! What an index says of files that are as young as itself git does not believe: it reads them again, each time, until it
//! writes an index that is younger. Those that went in with a move are looked at once more a moment later, and the index
//! is dated then.

use super::{Follow, is_same};
use crate::git::index::{Change, Index};
use crate::host::exchange::Stat;
use crate::session::BString;
use std::time::{Duration, SystemTime};

/// The system notes the time of a write by a clock that may be so much late.
const TICK: Duration = Duration::from_millis(20);

/// What the index was written of.
#[derive(Debug)]
pub(super) struct Written {
    /// What it says of each file that went in.
    stats: Vec<Option<Stat>>,
    /// What it says of others that are as young as the index was before.
    young: Vec<(BString, Stat)>,
    /// When the index was written before.
    before: SystemTime,
}

impl Written {
    /// None where the index is better left as old as it is.
    pub(super) fn of(index: &Index, changes: &[Change], stats: Vec<Option<Stat>>) -> Option<Written> {
        Some(Written { stats, young: index.young(changes)?, before: index.modified() })
    }
}

impl Follow<'_> {
    /// Dates the index, if all its files are what it says. Whoever writes one of them afterwards gives it a later time;
    /// whoever has written it since it went in has given it another one than it went in with, which is finer than any
    /// that the system notes. Where anything is otherwise the index stays as old as it was, and git reads the files.
    pub(super) fn settle(&self) {
        let Some(written) = self.written.take() else { return };
        let at = SystemTime::now() - TICK;
        if at <= written.before || !is_same(&self.index(), &self.stage.join("index.made")) {
            return;
        }
        let mut pass = self.root.pass(&self.place);
        let went_in =
            self.changes.files.iter().zip(&written.stats).filter_map(|(change, stat)| Some((change, stat.as_ref()?)));
        for (change, stat) in went_in {
            if !pass.lstat(change.path.as_ref()).is_ok_and(|found| found.as_ref() == Some(stat)) {
                return;
            }
        }
        for (path, stat) in &written.young {
            let is_same = |found: Stat| found.agrees_with_index(stat);
            if !pass.lstat(path.as_ref()).is_ok_and(|found| found.is_some_and(is_same)) {
                return;
            }
        }
        let index = std::fs::File::options().write(true).open(self.index());
        let _ = index.and_then(|index| index.set_modified(at));
    }
}
