//! Sessions in groups that stand on each other, worked on several at a time.

use super::{Group, Planned};
use crate::error::Result;
use crate::git::replay::{Objects, Replayer};
use crate::ops::workers::each;
use crate::session::Name;
use std::collections::HashMap;

/// Sessions with those that stand on them, lower ones first.
pub(super) fn grouped(planned: Vec<Planned>) -> Vec<Group> {
    let place: HashMap<Name, usize> =
        planned.iter().enumerate().map(|(n, planned)| (planned.session.name.clone(), n)).collect();
    let parent: Vec<Option<usize>> = planned
        .iter()
        .map(|planned| planned.base_now.parent.as_ref().and_then(|name| place.get(name).copied()))
        .collect();
    let depth_and_root = |mut at: usize| {
        let mut depth = 0;
        while let Some(above) = parent[at] {
            (at, depth) = (above, depth + 1);
            if depth > parent.len() {
                break;
            }
        }
        (at, depth)
    };
    let mut order: Vec<usize> = (0..planned.len()).collect();
    order.sort_by_key(|at| depth_and_root(*at));
    let mut taken: Vec<Option<Planned>> = planned.into_iter().map(Some).collect();
    let mut groups: Vec<Group> = Vec::new();
    let mut root_of_last = None;
    let mut within: HashMap<usize, usize> = HashMap::new();
    for at in order {
        let (root, _) = depth_and_root(at);
        if root_of_last != Some(root) {
            groups.push(Group { sessions: Vec::new(), objects: Objects::default() });
            root_of_last = Some(root);
        }
        let (Some(group), Some(mut planned)) = (groups.last_mut(), taken[at].take()) else { continue };
        planned.parent = parent[at].and_then(|above| within.get(&above).copied());
        within.insert(at, group.sessions.len());
        group.sessions.push(planned);
    }
    groups
}

/// Several groups at a time, each by a worker with a context of its own that lasts; the answers in the groups' order.
pub(super) fn for_each_group<T: Send>(
    replayers: &mut [Replayer],
    groups: &mut [Group],
    work: impl Fn(&mut Replayer, usize, &mut Group) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    each(replayers, groups, work)?.into_iter().collect()
}
