//! Turns at what is scarce: who finds none waits, and one principal has at most half of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::id::Id;

/// So many turns.
#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    each: usize,
    own: Mutex<HashMap<Id, Weak<Semaphore>>>,
}

/// One or more turns, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(all: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            each: (all / 2).max(1),
            own: Mutex::default(),
        }
    }

    /// Waits for so many. Who waits for its own half keeps nobody else waiting.
    pub(super) async fn take(&self, who: &Id, number: usize) -> Option<Turn> {
        let permits = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let own = self.of(who);
        let own = own.acquire_many_owned(permits(number.min(self.each)));
        let _own = own.await.ok()?;
        let of_all = self.all.clone().acquire_many_owned(permits(number));
        let _of_all = of_all.await.ok()?;
        Some(Turn { _own, _of_all })
    }

    /// How many nobody has.
    pub(super) fn free(&self) -> usize {
        self.all.available_permits()
    }

    /// Forgets who has none.
    pub(super) fn forget_quiet(&self) {
        let mut own = self.own();
        own.retain(|_, turns| turns.strong_count() > 0);
        own.shrink_to_fit();
    }

    fn of(&self, who: &Id) -> Arc<Semaphore> {
        let mut own = self.own();
        let known = own.get(who).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let fresh = Arc::new(Semaphore::new(self.each));
            own.insert(who.clone(), Arc::downgrade(&fresh));
            fresh
        })
    }

    fn own(&self) -> MutexGuard<'_, HashMap<Id, Weak<Semaphore>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::Turns;
    use crate::id::Id;

    #[test]
    fn one_principal_has_at_most_half_and_keeps_nobody_else_waiting() {
        let turns = Turns::new(4);
        let (ada, bob) = (Id::random(), Id::random());
        let take = |who, number| turns.take(who, number).now_or_never().flatten();
        let held = take(&ada, 2).unwrap();
        assert!(take(&ada, 1).is_none());
        assert!(take(&bob, 2).is_some());
        drop(held);
        assert!(take(&ada, 1).is_some());
    }

    #[test]
    fn who_has_none_is_forgotten() {
        let turns = Turns::new(4);
        drop(turns.take(&Id::random(), 1).now_or_never());
        turns.forget_quiet();
        assert!(turns.own().is_empty());
    }
}
