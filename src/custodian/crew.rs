//! Threads for work in many small parts: one for each core, so that a large request takes them all, and each of them
//! behind every other thread, so that nobody else waits for it.

use std::{fmt, sync::OnceLock};

use rayon::{
    ThreadPool, ThreadPoolBuilder,
    iter::{IntoParallelRefIterator, ParallelIterator},
};

/// Up to so many parts the caller's own thread does: waking others would take longer.
const FEW: usize = 16;

/// How far behind others: at 5 a thread gets a third of what one at 0 gets, where both want the same core.
const NICE: i32 = 5;

/// Started with the first work that needs it.
#[derive(Default)]
pub(super) struct Crew(OnceLock<Option<ThreadPool>>);

impl Crew {
    /// Does `work` on each part and answers what came of them, in their order.
    pub(super) fn each<P: Sync, O: Send>(
        &self,
        parts: &[P],
        work: impl Fn(&P) -> O + Sync,
    ) -> Vec<O> {
        let pool = (parts.len() > FEW).then(|| self.0.get_or_init(start));
        match pool {
            Some(Some(pool)) => pool.install(|| parts.par_iter().map(&work).collect()),
            Some(None) | None => parts.iter().map(work).collect(),
        }
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Crew")
    }
}

/// `None` where the system gives no threads: then callers do their work themselves.
fn start() -> Option<ThreadPool> {
    let built = ThreadPoolBuilder::new()
        .thread_name(|at| format!("crew-{at}"))
        .start_handler(|_| step_back())
        .build();
    built
        .inspect_err(|error| tracing::warn!(%error, "large requests will use one core each"))
        .ok()
}

/// On Linux a thread's own: the others stay as they are.
fn step_back() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "large requests will compete with small ones");
    }
}

#[cfg(test)]
mod tests {
    use super::{Crew, FEW};

    #[test]
    fn what_comes_of_the_parts_is_in_their_order() {
        for count in [0, 1, FEW, FEW + 1, 1000] {
            let parts: Vec<usize> = (0..count).collect();
            let doubled = Crew::default().each(&parts, |part| part * 2);
            let wanted: Vec<usize> = parts.iter().map(|part| part * 2).collect();
            assert_eq!(doubled, wanted);
        }
    }
}
