//! What a base has that branches lack: one walk for all of them.
//!
//! Every commit is painted with the branches that have it. The walk ends where nothing is left to look at that any of
//! them lacks. It goes by date: by generation a history that was merged as a subtree, whose beginning is not that of the
//! base, would have it go down to the bottom. Where dates mislead it a commit may come out as lacking that a branch has,
//! never the other way round.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::ObjectId;
use std::collections::{BinaryHeap, HashSet};

/// A set of small numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bits(Vec<u64>);

impl Bits {
    fn none(count: usize) -> Bits {
        Bits(vec![0; count.div_ceil(64)])
    }

    /// Adds one; whether it was not among them.
    pub(super) fn insert(&mut self, n: usize) -> bool {
        if self.0.len() <= n / 64 {
            self.0.resize(n / 64 + 1, 0);
        }
        let is_new = !self.contains(n);
        self.0[n / 64] |= 1 << (n % 64);
        is_new
    }

    /// Adds all of another; whether that changed anything.
    fn join(&mut self, other: &Bits) -> bool {
        let mut is_changed = false;
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            is_changed |= *other & !*own != 0;
            *own |= other;
        }
        is_changed
    }

    fn without(&self, other: &Bits) -> Bits {
        Bits(self.0.iter().zip(&other.0).map(|(own, other)| own & !other).collect())
    }

    /// Whether it is among them.
    pub(super) fn contains(&self, n: usize) -> bool {
        self.0.get(n / 64).is_some_and(|word| word >> (n % 64) & 1 == 1)
    }

    /// Whether the two have one in common.
    pub(super) fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(own, other)| own & other != 0)
    }
}

/// Whoever is first in this order is looked at first: date, then generation.
type Rank = (u64, u32);

struct Node {
    id: ObjectId,
    rank: Rank,
    parents: Vec<ObjectId>,
    /// Which branches have it.
    has: Bits,
    is_in_base: bool,
    is_waiting: bool,
    is_listed: bool,
}

struct Walk<'a> {
    repo: &'a Repo,
    nodes: Vec<Node>,
    places: gix::hashtable::HashMap<ObjectId, usize>,
    /// By rank, then id; and where the node is.
    waiting: BinaryHeap<(Rank, ObjectId, usize)>,
    /// How many of those waiting somebody lacks.
    open: usize,
    everyone: Bits,
    shallow: HashSet<ObjectId>,
}

impl Repo {
    /// The commits of a base, merges left out, newest first, that one of the branches which part from it at `partings`
    /// may lack, and which of these lack it.
    ///
    /// # Errors
    /// Refused, if a commit cannot be read.
    pub fn lacked_by(&self, base_tip: ObjectId, partings: &[ObjectId]) -> Result<Vec<(ObjectId, Bits)>> {
        let shallow = self.inner.shallow_commits().or_refuse(|| "History could not be read.")?;
        let shallow = shallow.map_or_else(HashSet::new, |shallow| shallow.iter().copied().collect());
        let mut everyone = Bits::none(partings.len());
        for n in 0..partings.len() {
            everyone.insert(n);
        }
        let mut walk = Walk {
            repo: self,
            nodes: Vec::new(),
            places: gix::hashtable::HashMap::default(),
            waiting: BinaryHeap::new(),
            open: 0,
            everyone,
            shallow,
        };
        let nobody = Bits::none(partings.len());
        for (n, parting) in partings.iter().enumerate() {
            let mut one = nobody.clone();
            one.insert(n);
            walk.paint(*parting, &one, false)?;
        }
        walk.paint(base_tip, &nobody, true)?;
        let mut listed = Vec::new();
        while walk.open > 0
            && let Some(place) = walk.next()
        {
            let node = &mut walk.nodes[place];
            if node.is_in_base && !node.is_listed {
                node.is_listed = true;
                listed.push(place);
            }
            // Nobody is an ancestor of its own: it does not change meanwhile.
            let (parents, has) = (std::mem::take(&mut node.parents), std::mem::take(&mut node.has));
            let is_in_base = node.is_in_base;
            for parent in &parents {
                walk.paint(*parent, &has, is_in_base)?;
            }
            (walk.nodes[place].parents, walk.nodes[place].has) = (parents, has);
        }
        let lacking = |place: usize| {
            let node = &walk.nodes[place];
            let lacking = walk.everyone.without(&node.has);
            (node.parents.len() < 2 && lacking != nobody).then_some((node.id, lacking))
        };
        Ok(listed.into_iter().filter_map(lacking).collect())
    }
}

impl Walk<'_> {
    fn is_open(&self, node: &Node) -> bool {
        node.is_in_base && node.has != self.everyone
    }

    fn next(&mut self) -> Option<usize> {
        let (.., place) = self.waiting.pop()?;
        self.open -= usize::from(self.is_open(&self.nodes[place]));
        self.nodes[place].is_waiting = false;
        Some(place)
    }

    fn paint(&mut self, id: ObjectId, has: &Bits, is_in_base: bool) -> Result<()> {
        let (place, is_new) = match self.places.get(&id) {
            Some(place) => (*place, false),
            None => {
                let (rank, parents) = self.look_up(id)?;
                let has = Bits::none(self.everyone.0.len() * 64);
                self.nodes.push(Node {
                    id,
                    rank,
                    parents,
                    has,
                    is_in_base: false,
                    is_waiting: false,
                    is_listed: false,
                });
                self.places.insert(id, self.nodes.len() - 1);
                (self.nodes.len() - 1, true)
            }
        };
        let was_open = self.nodes[place].is_waiting && self.is_open(&self.nodes[place]);
        let node = &mut self.nodes[place];
        let is_changed = node.has.join(has) | (is_in_base && !node.is_in_base);
        node.is_in_base |= is_in_base;
        if is_changed || is_new {
            if !node.is_waiting {
                node.is_waiting = true;
                self.waiting.push((node.rank, id, place));
            }
            self.open = self.open - usize::from(was_open) + usize::from(self.is_open(&self.nodes[place]));
        }
        Ok(())
    }

    /// From the commit graph, where it is there, so that nothing is inflated.
    fn look_up(&self, id: ObjectId) -> Result<(Rank, Vec<ObjectId>)> {
        let unreadable = || format!("The commit {id} could not be read.");
        if let Some(graph) = self.repo.commit_graph()
            && let Some(commit) = graph.commit_by_id(id)
        {
            let parents = commit.iter_parents().map(|at| at.map(|at| graph.id_at(at).to_owned()));
            let parents = parents.collect::<std::result::Result<Vec<_>, _>>().or_refuse(unreadable)?;
            return Ok(((commit.committer_timestamp(), commit.generation()), parents));
        }
        let commit = self.repo.inner.find_commit(id).or_refuse(unreadable)?;
        let date = u64::try_from(commit.time().or_refuse(unreadable)?.seconds).unwrap_or(0);
        let is_cut = self.shallow.contains(&id);
        let parents = commit.parent_ids().filter(|_| !is_cut).map(gix::Id::detach).collect();
        Ok(((date, u32::MAX), parents))
    }
}

#[cfg(test)]
mod tests {
    use crate::git::Repo;
    use crate::host::process::Command;
    use crate::session::ObjectId;
    use std::collections::HashSet;
    use std::fmt::Write as _;
    use std::path::Path;

    fn git(place: &Path, args: &[&str]) -> Command {
        Command::new("git").current_dir(place).args(args.iter().copied())
    }

    /// A history of `count` commits, each on one or two of those before it, with dates that mislead where `is_skewed`.
    fn history(place: &Path, count: usize, seed: u64, is_skewed: bool) {
        let mut state = seed;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % below
        };
        let mut stream = String::new();
        for n in 1..=count {
            let date = if is_skewed { 1_000_000 + random(1_000) } else { 1_000_000 + n };
            let _ = writeln!(stream, "commit refs/heads/c{n}\nmark :{n}\ncommitter A <a@x> {date} +0000\ndata 1\nx");
            let nearest = |back: usize| n - 1 - back.min(n - 2);
            if n > 1 {
                let first = nearest(random(4));
                let _ = writeln!(stream, "from :{first}");
                if random(3) == 0 && n > 3 {
                    let second = nearest(random(12));
                    if second != first {
                        let _ = writeln!(stream, "merge :{second}");
                    }
                }
            }
            stream.push('\n');
        }
        git(place, &["init", "-q", "."]).run_ok().expect("can be made");
        git(place, &["fast-import", "--quiet"]).input(stream).run_ok().expect("is a stream");
    }

    #[test]
    fn what_is_lacked_is_what_git_lists() {
        for seed in 0..12 {
            let place = tempfile::tempdir().expect("can be made");
            let place = place.path();
            let is_skewed = seed % 3 == 0;
            history(place, 80, seed, is_skewed);
            let has_graph = seed % 2 == 0;
            if has_graph {
                git(place, &["commit-graph", "write", "--reachable"]).run_ok().expect("can be written");
            }
            let repo = Repo::discover(place).expect("is one");
            let id = |n: usize| repo.ref_id(&format!("refs/heads/c{n}")).expect("readable").expect("is there");
            let tip = id(80);
            let partings: Vec<ObjectId> = [1, 7, 30, 33, 60, 79].into_iter().map(id).collect();
            let lacked = repo.lacked_by(tip, &partings).expect("can be read");
            for (n, parting) in partings.iter().enumerate() {
                let listed = git(place, &["rev-list", "--no-merges", &tip.to_string(), &format!("^{parting}")]);
                let output = listed.run_ok().expect("can be listed");
                let listed: HashSet<String> = output.text().lines().map(str::to_owned).collect();
                let found: HashSet<String> =
                    lacked.iter().filter(|(_, by)| by.contains(n)).map(|(id, _)| id.to_string()).collect();
                assert!(found.is_superset(&listed), "seed {seed}: something is left out");
                if !is_skewed {
                    assert_eq!(found, listed, "seed {seed}");
                }
            }
        }
    }
}
