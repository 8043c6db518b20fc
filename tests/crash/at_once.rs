//! Many looks at once: the service writes down together what comes together, so that they are over sooner.

use std::thread;

const THREADS: usize = 8;

/// What each look saw, in their order.
pub fn at_once<T: Sync, R: Send>(all: &[T], look: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (share, look) = (all.len().div_ceil(THREADS).max(1), &look);
    thread::scope(|scope| {
        let parts: Vec<_> = all
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(look).collect::<Vec<R>>()))
            .collect();
        let seen = parts.into_iter().map(|part| part.join().unwrap());
        seen.flatten().collect()
    })
}
