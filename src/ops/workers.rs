//! Work on several things at a time, each thread with a context of its own that lasts.

use crate::error::{Error, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A thing, and what came of it.
type Slot<'a, T, R> = (&'a mut T, Option<R>);

/// Does `work` to each of `things`; the answers in their order. Whoever is free takes the next one.
///
/// # Errors
/// A bug, if a worker died.
pub(crate) fn each<W: Send, T: Send, R: Send>(
    workers: &mut [W],
    things: &mut [T],
    work: impl Fn(&mut W, usize, &mut T) -> R + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<Slot<'_, T, R>>> = things.iter_mut().map(|thing| Mutex::new((thing, None))).collect();
    let go_on = |worker: &mut W| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = slots.get(at) else { break };
            let Ok(mut slot) = slot.lock() else { continue };
            slot.1 = Some(work(worker, at, slot.0));
        }
    };
    match workers {
        [one] => go_on(one),
        several => std::thread::scope(|scope| {
            for worker in several.iter_mut() {
                scope.spawn(|| go_on(worker));
            }
        }),
    }
    slots
        .into_iter()
        .map(|slot| match slot.into_inner() {
            Ok((_, Some(answer))) => Ok(answer),
            _ => Err(Error::bug("A worker died.")),
        })
        .collect()
}
