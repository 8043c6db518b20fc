//! How often something may come from each: by source or by principal, in bounded memory.

use std::{hash::Hash, num::NonZeroU32};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

/// Keys told apart; further ones share what one may. A flood of source addresses takes no more memory than that.
pub(super) const KEYS: usize = 65_536;

/// So many a second for each key, and so many more at once after a pause.
pub(super) struct Rates<K: Clone + Eq + Hash> {
    limiter: Option<DefaultKeyedRateLimiter<Option<K>>>,
    burst: u32,
    keys: usize,
}

impl<K: Clone + Eq + Hash> Rates<K> {
    /// No limit for 0 a second.
    pub(super) fn new(a_second: u32, burst: u32, keys: usize) -> Self {
        let burst = burst.max(1);
        let limiter = NonZeroU32::new(a_second).map(|a_second| {
            let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
            RateLimiter::keyed(Quota::per_second(a_second).allow_burst(burst))
        });
        Self {
            limiter,
            burst,
            keys,
        }
    }

    /// Lets so many through, or none and says after how many whole seconds to come again.
    pub(super) fn check(&self, key: &K, number: usize) -> Result<(), u64> {
        let number = u32::try_from(number).unwrap_or(u32::MAX).min(self.burst);
        let (Some(limiter), Some(number)) = (&self.limiter, NonZeroU32::new(number)) else {
            return Ok(());
        };
        let key = (limiter.len() < self.keys).then(|| key.clone());
        match limiter.check_key_n(&key, number) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                Err(wait.as_secs() + 1)
            }
            Err(_) => Err(1),
        }
    }

    /// As [`Rates::check`], of what comes with one that was let through already: who comes again pays for that too.
    pub(super) fn check_more(&self, key: &K, number: usize) -> Result<(), u64> {
        let whole = |seconds| {
            let again = self.check(key, number.saturating_add(1));
            again.err().unwrap_or(seconds)
        };
        self.check(key, number).map_err(whole)
    }

    /// Forgets those that have been quiet.
    pub(super) fn forget_quiet(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// Whether quiet ones should be forgotten now.
    pub(super) fn is_full(&self) -> bool {
        let full = |limiter: &DefaultKeyedRateLimiter<Option<K>>| limiter.len() >= self.keys;
        self.limiter.as_ref().is_some_and(full)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::{KEYS, Rates};

    #[test]
    fn each_key_has_its_own_measure() {
        let rates = Rates::new(1, 2, 10);
        assert_eq!(
            (rates.check(&"a", 1), rates.check(&"a", 1)),
            (Ok(()), Ok(()))
        );
        assert!(rates.check(&"a", 1).is_err());
        assert_eq!(rates.check(&"b", 2), Ok(()));
    }

    #[test]
    fn the_wait_is_whole_seconds_after_which_it_goes_on() {
        let rates = Rates::new(1, 5, 10);
        assert_eq!(rates.check(&"a", 5), Ok(()));
        let wait = rates.check(&"a", 5).unwrap_err();
        assert!((5..=6).contains(&wait), "{wait}");
    }

    #[test]
    fn what_comes_with_one_that_was_let_through_waits_for_both() {
        let rates = Rates::new(1, 5, 10);
        assert_eq!(
            (rates.check(&"a", 1), rates.check_more(&"a", 4)),
            (Ok(()), Ok(()))
        );
        let alone = rates.check(&"a", 3).unwrap_err();
        let both = rates.check_more(&"a", 3).unwrap_err();
        assert!(
            (alone..=alone + 1).contains(&both) && both >= 4,
            "{alone}, {both}"
        );
    }

    #[test]
    fn more_than_can_ever_come_at_once_counts_as_all_that_can() {
        let rates = Rates::new(1, 5, 10);
        assert_eq!(rates.check(&"a", usize::MAX), Ok(()));
        assert!(rates.check(&"a", 1).is_err());
    }

    #[test]
    fn none_a_second_is_no_limit() {
        let rates = Rates::new(0, 0, 10);
        assert!((0..10_000).all(|_| rates.check(&"a", 1).is_ok()));
    }

    #[test]
    fn a_flood_of_a_million_sources_shares_one_measure_and_takes_no_memory() {
        let rates = Rates::new(1, 2, KEYS);
        let source = |number: u32| IpAddr::from(Ipv6Addr::from_bits(u128::from(number) << 64));
        let sources = (0..1_000_000_u32).map(source);
        let through = sources.filter(|source| rates.check(source, 1).is_ok());
        let (through, shared) = (through.count(), 120);
        assert!((KEYS..=KEYS + shared).contains(&through), "{through}");
        let limiter = rates.limiter.as_ref().unwrap();
        assert!(rates.is_full() && limiter.len() <= KEYS + 1);
    }

    #[test]
    fn quiet_keys_are_forgotten() {
        let rates = Rates::new(1_000_000, 1, 100);
        for key in 0..100 {
            assert_eq!(rates.check(&key, 1), Ok(()));
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        rates.forget_quiet();
        assert!(!rates.is_full());
    }
}
