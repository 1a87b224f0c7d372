//! One file in which two meet: of what kind, and on which lines.

use super::Severity;
use crate::error::Result;
use crate::git::Repo;
use crate::git::merge::lines::{Hunk, hunks, is_binary, moved_back};
use crate::session::{BString, ObjectId};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// First and last line, counted from 1; a place between lines is `(n, n - 1)`.
pub type LineRange = (u32, u32);

/// A file in which two meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The path.
    pub path: BString,
    /// How badly.
    pub severity: Severity,
    /// Of a conflict: `content`, `add-add`, `modify-delete`, `rename`, `directory`, `mode`, `type`, `submodule`, `binary`.
    pub kind: Option<&'static str>,
    /// Lines of the first one's own file.
    pub a: Vec<LineRange>,
    /// Lines of the second one's.
    pub b: Vec<LineRange>,
    /// Whether a program writes it: a lock file, or marked as generated.
    pub is_generated: bool,
    /// Whether both added lines at the very same place and took none.
    pub(super) is_appended: bool,
    /// What would help with this file.
    pub advice: Option<String>,
    /// The lines that meet, where somebody asked.
    pub excerpts: Vec<Excerpt>,
}

/// Lines of both that meet, and what stood there before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excerpt {
    /// Where it is in the first one's file, and the lines.
    pub a: (u32, Vec<String>),
    /// The same of the second one's.
    pub b: (u32, Vec<String>),
    /// What both came from.
    pub base: Vec<String>,
}

/// A blob and its mode.
pub(super) type Blob = Option<(u32, ObjectId)>;

/// More than that is not looked at line by line.
const LARGE: usize = 8 * 1024 * 1024;
const TYPE: u32 = 0o170_000;
const SUBMODULE: u32 = 0o160_000;
const FILE: u32 = 0o100_000;

/// What differs between two blobs; none where one is no text.
type Hunks = Option<Rc<Vec<Hunk>>>;

/// The lines of files, each difference found once.
pub(super) struct Lines<'a> {
    repo: &'a Repo,
    near: u32,
    wants_excerpts: bool,
    known: HashMap<(Option<ObjectId>, ObjectId), Hunks>,
}

/// What a file is on three sides, and the first two sides' own files where those differ from what was merged.
type Sides = [Blob; 3];

impl<'a> Lines<'a> {
    pub(super) fn new(repo: &'a Repo, near: u32, wants_excerpts: bool) -> Lines<'a> {
        Lines { repo, near, wants_excerpts, known: HashMap::new() }
    }

    /// A file that git says collides: what base, first and second had of it. `trees` are those of the two sides, `own`
    /// their own blobs where these are not what was merged.
    pub(super) fn conflict(
        &mut self,
        path: &BString,
        [base, a, b]: Sides,
        trees: [ObjectId; 2],
        own: [Blob; 2],
    ) -> Result<Clash> {
        let mut clash = Clash::new(path.clone(), Severity::Conflict);
        let types: Vec<u32> = [base, a, b].iter().flatten().map(|(mode, _)| mode & TYPE).collect();
        let has_directory = || -> Result<bool> {
            Ok(self.repo.is_directory_at(trees[0], path)? || self.repo.is_directory_at(trees[1], path)?)
        };
        clash.kind = Some(match (base, a, b) {
            _ if types.contains(&SUBMODULE) => "submodule",
            _ if has_directory()? => "directory",
            _ if types.windows(2).any(|pair| pair[0] != pair[1]) => "type",
            (None, Some(_), Some(_)) => "add-add",
            (Some(_), Some(_), None) | (Some(_), None, Some(_)) => "modify-delete",
            (Some((was, _)), Some((first, x)), Some((second, y))) if x == y && first != second && was != first => {
                "mode"
            }
            (Some(_), Some(_), Some(_)) => "content",
            _ => "rename",
        });
        let (Some((_, first)), Some((_, second))) = (a, b) else { return Ok(clash) };
        if !matches!(clash.kind, Some("content" | "add-add")) || types.iter().any(|kind| *kind != FILE) {
            return Ok(clash);
        }
        let before = base.map(|(_, id)| id);
        let (Some(ours), Some(theirs)) = (self.hunks(before, first)?, self.hunks(before, second)?) else {
            clash.kind = Some("binary");
            return Ok(clash);
        };
        let met = if before.is_some() {
            let adds = |hunks: &[Hunk]| hunks.iter().all(|hunk| hunk.before.is_empty());
            clash.is_appended = adds(&ours) && adds(&theirs);
            meeting(&ours, &theirs)
        } else {
            // Without a common past, what differs is what collides.
            let Some(between) = self.hunks(Some(first), second)? else { return Ok(clash) };
            between
                .iter()
                .map(|hunk| Met { base: 0..0, a: hunk.before.clone(), b: hunk.after.clone(), may_be_alike: false })
                .collect()
        };
        // Where nothing else is left, what git stumbles over is there all the same.
        let open = self.without_alike(met.clone(), [first, second])?;
        self.fill(&mut clash, before, [first, second], own, if open.is_empty() { &met } else { &open })?;
        Ok(clash)
    }

    /// Without what both made alike of the same lines: that is in nobody's way.
    fn without_alike(&self, mut met: Vec<Met>, [first, second]: [ObjectId; 2]) -> Result<Vec<Met>> {
        if met.iter().any(|met| met.may_be_alike) {
            let (one, two) = (self.repo.blob(first)?, self.repo.blob(second)?);
            met.retain(|met| !(met.may_be_alike && cut(&one, &met.a) == cut(&two, &met.b)));
        }
        Ok(met)
    }

    /// A file that both touch and that merges: near each other, or not.
    pub(super) fn shared(&mut self, path: &BString, [base, a, b]: Sides, own: [Blob; 2]) -> Result<Clash> {
        let mut clash = Clash::new(path.clone(), Severity::Overlap);
        let is_file = |blob: Blob| blob.is_some_and(|(mode, _)| mode & TYPE == FILE);
        if !(is_file(a) && is_file(b)) || a.map(|(_, id)| id) == b.map(|(_, id)| id) {
            return Ok(clash);
        }
        let (Some((_, first)), Some((_, second))) = (a, b) else { return Ok(clash) };
        let before = base.filter(|_| is_file(base)).map(|(_, id)| id);
        let (Some(ours), Some(theirs)) = (self.hunks(before, first)?, self.hunks(before, second)?) else {
            return Ok(clash);
        };
        let met = self.without_alike(near_each_other(&ours, &theirs, self.near), [first, second])?;
        if met.is_empty() {
            clash.a = self.ranges(ours.iter().map(|hunk| hunk.after.clone()).collect(), first, own[0])?;
            clash.b = self.ranges(theirs.iter().map(|hunk| hunk.after.clone()).collect(), second, own[1])?;
            return Ok(clash);
        }
        clash.severity = Severity::Near;
        self.fill(&mut clash, before, [first, second], own, &met)?;
        Ok(clash)
    }

    fn fill(
        &mut self,
        clash: &mut Clash,
        before: Option<ObjectId>,
        [first, second]: [ObjectId; 2],
        own: [Blob; 2],
        met: &[Met],
    ) -> Result<()> {
        let mut a: Vec<Range<u32>> = met.iter().map(|met| met.a.clone()).collect();
        let mut b: Vec<Range<u32>> = met.iter().map(|met| met.b.clone()).collect();
        a.dedup();
        b.dedup();
        clash.a = self.ranges(a, first, own[0])?;
        clash.b = self.ranges(b, second, own[1])?;
        if self.wants_excerpts {
            let text = |id: Option<ObjectId>| id.map_or(Ok(Vec::new()), |id| self.repo.blob(id));
            let (base, one, two) = (text(before)?, text(Some(first))?, text(Some(second))?);
            for met in met {
                let at = |range: &Range<u32>, mine: ObjectId, own: Blob, lines: &mut Self| -> Result<u32> {
                    let place = lines.ranges(vec![range.clone()], mine, own)?;
                    Ok(place.first().map_or(range.start + 1, |(first, _)| *first))
                };
                clash.excerpts.push(Excerpt {
                    a: (at(&met.a, first, own[0], self)?, cut(&one, &met.a)),
                    b: (at(&met.b, second, own[1], self)?, cut(&two, &met.b)),
                    base: cut(&base, &met.base),
                });
            }
        }
        Ok(())
    }

    /// As people count lines, in one's own file where that is not the one that was merged.
    fn ranges(&mut self, ranges: Vec<Range<u32>>, merged: ObjectId, own: Blob) -> Result<Vec<LineRange>> {
        let moved = match own.filter(|(_, id)| *id != merged) {
            Some((_, own)) => self.hunks(Some(own), merged)?,
            None => None,
        };
        let shown = |range: Range<u32>| (range.start + 1, range.end);
        Ok(ranges
            .into_iter()
            .map(|range| moved.as_ref().map_or_else(|| range.clone(), |hunks| moved_back(&range, hunks)))
            .map(shown)
            .collect())
    }

    /// What differs between two blobs; none where one is no text.
    fn hunks(&mut self, before: Option<ObjectId>, after: ObjectId) -> Result<Hunks> {
        if let Some(known) = self.known.get(&(before, after)) {
            return Ok(known.clone());
        }
        let old = before.map_or(Ok(Vec::new()), |id| self.repo.blob(id))?;
        let new = self.repo.blob(after)?;
        let is_text = |bytes: &[u8]| bytes.len() <= LARGE && !is_binary(bytes);
        let found = (is_text(&old) && is_text(&new)).then(|| Rc::new(hunks(&old, &new)));
        self.known.insert((before, after), found.clone());
        Ok(found)
    }
}

impl Clash {
    /// A file that collides, and nothing more is known of it.
    pub fn of_path(path: BString) -> Clash {
        Clash::new(path, Severity::Conflict)
    }

    /// The same, seen from the other side.
    pub fn turned(mut self) -> Clash {
        std::mem::swap(&mut self.a, &mut self.b);
        self.excerpts.iter_mut().for_each(|excerpt| std::mem::swap(&mut excerpt.a, &mut excerpt.b));
        self
    }

    pub(super) fn new(path: BString, severity: Severity) -> Clash {
        Clash {
            path,
            severity,
            kind: None,
            a: Vec::new(),
            b: Vec::new(),
            is_generated: false,
            is_appended: false,
            advice: None,
            excerpts: Vec::new(),
        }
    }
}

/// Where two meet: lines of the base, and of both.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Met {
    base: Range<u32>,
    a: Range<u32>,
    b: Range<u32>,
    /// Whether both may have made the same of the same lines: that is in nobody's way.
    may_be_alike: bool,
}

/// How many unchanged lines are between two ranges: below zero where they share some.
fn gap(a: &Range<u32>, b: &Range<u32>) -> i64 {
    (i64::from(b.start) - i64::from(a.end)).max(i64::from(a.start) - i64::from(b.end))
}

impl Met {
    fn of(a: &Hunk, b: &Hunk) -> Met {
        Met {
            base: a.before.start.min(b.before.start)..a.before.end.max(b.before.end),
            a: a.after.clone(),
            b: b.after.clone(),
            may_be_alike: a.before == b.before && a.after.len() == b.after.len(),
        }
    }
}

/// Hunks that overlap or touch in the base: what a merge stumbles over. Where none do, since git cut them otherwise, those
/// nearest to each other.
fn meeting(ours: &[Hunk], theirs: &[Hunk]) -> Vec<Met> {
    let pairs = || ours.iter().flat_map(|a| theirs.iter().map(move |b| (a, b)));
    let found: Vec<Met> = pairs().filter(|(a, b)| gap(&a.before, &b.before) <= 0).map(|(a, b)| Met::of(a, b)).collect();
    if !found.is_empty() {
        return found;
    }
    let nearest = pairs().min_by_key(|(a, b)| gap(&a.before, &b.before));
    nearest.map(|(a, b)| Met::of(a, b)).into_iter().collect()
}

/// Hunks with at most `near` unchanged lines between them.
fn near_each_other(ours: &[Hunk], theirs: &[Hunk], near: u32) -> Vec<Met> {
    let pairs = ours.iter().flat_map(|a| theirs.iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| gap(&a.before, &b.before) <= i64::from(near)).map(|(a, b)| Met::of(a, b)).collect()
}

/// These lines of a text.
fn cut(text: &[u8], lines: &Range<u32>) -> Vec<String> {
    text.split_inclusive(|byte| *byte == b'\n')
        .skip(lines.start as usize)
        .take(lines.len())
        .map(|line| String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned())
        .collect()
}
