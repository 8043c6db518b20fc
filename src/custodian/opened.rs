//! Opened DEKs, kept for a while in locked memory so that not every use asks the token. Gone at each change of their
//! DEK, when their time is over, and when the token does not answer: pulling the token stops what it protects.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;

use crate::secret::{LockedSecret, Secret};

/// Most keys kept at once: 2 MiB of locked memory, a quarter of what systems commonly allow.
const MOST: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// The secret of a DEK version, open.
#[derive(Debug)]
pub(super) enum OpenKey {
    /// For one request.
    Once(Secret<32>),
    /// For others too.
    Shared(Arc<LockedSecret<32>>),
}

impl OpenKey {
    pub(super) fn expose(&self) -> &[u8; 32] {
        match self {
            Self::Once(secret) => secret.expose(),
            Self::Shared(secret) => secret.expose(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Opened {
    keep: Duration,
    keys: Mutex<Keys>,
    /// Said once.
    unlocked: Once,
}

#[derive(Debug)]
struct Keys {
    /// By `{name}/{version}`.
    kept: LruCache<String, Kept>,
    /// How often keys were dropped because of a change.
    changes: u64,
}

#[derive(Debug)]
struct Kept {
    key: Arc<LockedSecret<32>>,
    until: Instant,
}

/// Proof of when a use began: what was read before a change is not kept after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since(u64);

impl Opened {
    /// Keeps each key for `keep`; zero keeps none.
    pub(super) fn new(keep: Duration) -> Self {
        let keys = Keys {
            kept: LruCache::new(MOST),
            changes: 0,
        };
        Self {
            keep,
            keys: Mutex::new(keys),
            unlocked: Once::new(),
        }
    }

    /// A proof for [`Opened::keep`]: to be had before anything is read of the DEK.
    pub(super) fn since(&self) -> Since {
        Since(self.keys().changes)
    }

    /// The key of a version, if it is kept.
    pub(super) fn find(&self, reference: &str) -> Option<OpenKey> {
        let mut keys = self.keys();
        let found = keys.kept.get(reference);
        let fresh = found.filter(|kept| kept.until > Instant::now());
        fresh.map(|kept| OpenKey::Shared(kept.key.clone()))
    }

    /// Keeps a key that was opened since, if nothing was changed meanwhile and its memory can be locked.
    pub(super) fn keep(&self, since: Since, reference: String, key: Secret<32>) -> OpenKey {
        if self.keep.is_zero() {
            return OpenKey::Once(key);
        }
        let locked = Arc::new(LockedSecret::new(&key));
        if !locked.is_locked() {
            self.unlocked.call_once(|| {
                tracing::warn!(
                    "memory cannot be locked, so each use asks the token: raise RLIMIT_MEMLOCK"
                )
            });
            return OpenKey::Once(key);
        }
        let kept = Kept {
            key: locked.clone(),
            until: Instant::now() + self.keep,
        };
        let mut keys = self.keys();
        if keys.changes == since.0 {
            keys.kept.put(reference, kept);
        }
        OpenKey::Shared(locked)
    }

    /// Drops every version of a DEK.
    pub(super) fn forget(&self, dek: &str) {
        let of_dek = |reference: &str| {
            reference
                .split_once('/')
                .is_some_and(|(name, _)| name == dek)
        };
        self.drop_where(|reference, _| of_dek(reference), true);
    }

    /// Drops everything.
    pub(super) fn forget_all(&self) {
        self.drop_where(|_, _| true, true);
    }

    /// Drops what is past its time.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.drop_where(|_, kept| kept.until <= now, false);
    }

    fn drop_where(&self, which: impl Fn(&str, &Kept) -> bool, changed: bool) {
        let mut keys = self.keys();
        keys.changes = keys.changes.wrapping_add(u64::from(changed));
        let doomed = keys.kept.iter().filter(|(key, kept)| which(key, kept));
        let doomed: Vec<_> = doomed.map(|(key, _)| key.clone()).collect();
        for key in doomed {
            keys.kept.pop(&key);
        }
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{OpenKey, Opened};
    use crate::crypto::aes_gcm::fresh_key;

    fn keep(opened: &Opened, reference: &str) {
        opened.keep(opened.since(), reference.to_owned(), fresh_key().unwrap());
    }

    #[test]
    fn a_kept_key_is_found_until_its_dek_changes() {
        let opened = Opened::new(Duration::from_secs(60));
        for reference in ["a/1", "a/2", "ab/1"] {
            keep(&opened, reference);
        }
        opened.forget("a");
        assert!(opened.find("a/1").is_none());
        assert!(opened.find("a/2").is_none());
        assert!(opened.find("ab/1").is_some());
        opened.forget_all();
        assert!(opened.find("ab/1").is_none());
    }

    #[test]
    fn a_key_that_was_opened_before_a_change_is_not_kept_after_it() {
        let opened = Opened::new(Duration::from_secs(60));
        let since = opened.since();
        opened.forget("a");
        let key = opened.keep(since, "a/1".to_owned(), fresh_key().unwrap());
        assert!(matches!(key, OpenKey::Shared(_)));
        assert!(opened.find("a/1").is_none());
    }

    #[test]
    fn nothing_is_kept_for_no_time_nor_found_past_it() {
        let none = Opened::new(Duration::ZERO);
        keep(&none, "a/1");
        assert!(none.find("a/1").is_none());
        let short = Opened::new(Duration::from_nanos(1));
        keep(&short, "a/1");
        assert!(short.find("a/1").is_none());
        short.sweep();
        assert_eq!(short.keys().kept.len(), 0);
    }

    #[test]
    fn of_more_keys_than_are_kept_the_least_used_goes() {
        let opened = Opened::new(Duration::from_secs(60));
        for number in 0..=super::MOST.get() {
            keep(&opened, &format!("a/{number}"));
        }
        assert!(opened.find("a/0").is_none());
        assert!(opened.find("a/1").is_some());
    }
}
