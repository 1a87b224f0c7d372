//! Many small jobs, dealt out to a few threads in chunks.

use crate::error::{Error, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does each job on up to `threads` threads, in chunks that stay together, and puts what came of it beside it in
/// `outcomes`. Each thread has a worker of its own. The first error ends all of it: outcomes after it stay as they were.
///
/// # Errors
/// What making a worker, or a job, came to.
pub(super) fn in_chunks<J: Sync, O: Send, W>(
    (jobs, outcomes): (&[J], &mut [O]),
    chunk: usize,
    threads: usize,
    worker: impl Fn() -> Result<W> + Sync,
    work: impl Fn(&mut W, &J) -> Result<O> + Sync,
) -> Result<()> {
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let chunks: Vec<Mutex<(&[J], &mut [O])>> =
        jobs.chunks(chunk).zip(outcomes.chunks_mut(chunk)).map(Mutex::new).collect();
    let fail = |error: Error| {
        next.store(chunks.len(), Ordering::Relaxed);
        if let Ok(mut slot) = failure.lock() {
            slot.get_or_insert(error);
        }
    };
    let run = || {
        let mut worker = match worker() {
            Ok(worker) => worker,
            Err(error) => return fail(error),
        };
        while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Ok(mut chunk) = chunk.lock() else { return };
            let (jobs, outcomes) = &mut *chunk;
            for (job, outcome) in jobs.iter().zip(outcomes.iter_mut()) {
                match work(&mut worker, job) {
                    Ok(done) => *outcome = done,
                    Err(error) => return fail(error),
                }
            }
        }
    };
    let threads = threads.min(chunks.len());
    if threads <= 1 {
        run();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(run);
            }
        });
    }
    drop(chunks);
    match failure.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_and_an_error_ends_it() {
        let jobs: Vec<usize> = (0..1000).collect();
        for threads in [0, 1, 3] {
            let mut outcomes = vec![0; jobs.len()];
            let done = AtomicUsize::new(0);
            let work = |_: &mut (), job: &usize| {
                done.fetch_add(1, Ordering::Relaxed);
                Ok(job * 2)
            };
            in_chunks((&jobs, &mut outcomes), 7, threads, || Ok(()), work).expect("no error");
            assert_eq!(done.load(Ordering::Relaxed), jobs.len());
            assert!(outcomes.iter().enumerate().all(|(at, outcome)| *outcome == at * 2));
            let work = |_: &mut (), job: &usize| if *job == 500 { Err(Error::refused("500")) } else { Ok(1) };
            let failed = in_chunks((&jobs, &mut outcomes), 7, threads, || Ok(()), work);
            assert_eq!(failed.expect_err("it fails").message(), "500");
            assert_eq!(outcomes[500], 1000, "what was not done stays");
        }
    }
}
