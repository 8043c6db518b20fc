//! How often each AES key may encrypt under a random nonce: at most 2^32 times (NIST SP 800-38D section 8.3), counted
//! in blocks that are written down before they are used, so that a crash loses count only upwards.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Custodian;
use crate::{
    error::Error,
    id::{DekName, DekVersion, KekVersion},
    kek::{Context, WrappedSecret},
    secret::Secret,
};

/// When a key has encrypted enough.
#[derive(Clone, Copy, Debug)]
pub struct Encryptions {
    /// Reserved at once.
    pub block: u64,
    /// From so many on the key is rotated by itself.
    pub rotate_at: u64,
    /// Beyond so many it refuses.
    pub refuse_at: u64,
}

impl Encryptions {
    /// The limits of formats.md section 2.
    pub const STANDARD: Self = Self {
        block: 1 << 16,
        rotate_at: 1 << 31,
        refuse_at: 1 << 32,
    };

    /// How many to reserve when `reserved` are already.
    fn next_block(&self, reserved: u64) -> Result<u64, Error> {
        match self.refuse_at.saturating_sub(reserved).min(self.block) {
            0 => Err(Error::Conflict(
                "this key version has made as many encryptions as are safe; rotate it",
            )),
            some => Ok(some),
        }
    }
}

/// What is reserved and not yet used.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    deks: Mutex<HashMap<DekName, Shared<DekVersion>>>,
    kek: Shared<KekVersion>,
}

type Shared<V> = Arc<Mutex<Block<V>>>;

#[derive(Debug)]
struct Block<V> {
    of: Option<V>,
    left: u64,
}

impl<V> Default for Block<V> {
    fn default() -> Self {
        Self { of: None, left: 0 }
    }
}

impl<V: Clone + PartialEq> Block<V> {
    /// Takes one; `reserve` writes down more when none is left.
    fn take(&mut self, of: &V, reserve: impl FnOnce() -> Result<u64, Error>) -> Result<(), Error> {
        if self.of.as_ref() != Some(of) {
            *self = Self {
                of: Some(of.clone()),
                left: 0,
            };
        }
        if self.left == 0 {
            self.left = reserve()?;
        }
        self.left = self
            .left
            .checked_sub(1)
            .ok_or(Error::internal("an empty block"))?;
        Ok(())
    }
}

impl Custodian {
    /// Counts one encryption under a DEK version, before it is made.
    pub(super) fn count_dek(&self, name: &DekName, version: &DekVersion) -> Result<(), Error> {
        let block = lock(&self.reserved.deks)
            .entry(name.clone())
            .or_default()
            .clone();
        let mut block = lock(&block);
        block.take(version, || {
            let (name, version, limits) = (name.clone(), version.clone(), self.rules.encryptions);
            self.store.transact(move |tx| {
                let row = tx.dek_version(&name, &version)?;
                let row = row.ok_or(Error::Corrupt("this DEK has lost a version"))?;
                let count = limits.next_block(row.reserved)?;
                tx.reserve_version(&name, &row, count)?;
                Ok(count)
            })
        })
    }

    /// Wraps under the current KEK version, which stays the current one meanwhile; counted before.
    pub(super) fn wrap_secret(
        &self,
        secret: &Secret<32>,
        context: &Context<'_>,
    ) -> Result<WrappedSecret, Error> {
        let current = self.current_kek.hold();
        let version = current.as_ref().ok_or_else(not_adopted)?;
        let mut block = lock(&self.reserved.kek);
        block.take(version, || {
            let (version, limits) = (version.clone(), self.rules.encryptions);
            self.store.transact(move |tx| {
                let all = tx.kek_versions()?;
                let row = all.into_iter().find(|row| row.version == version);
                let row = row.ok_or(Error::Corrupt("the database has lost a KEK version"))?;
                let count = limits.next_block(row.reserved)?;
                tx.reserve_kek(&row, count)?;
                Ok(count)
            })
        })?;
        drop(block);
        self.kek.wrap(secret, context)
    }
}

/// Whoever panicked in here has at most lost what was reserved, which loses count only upwards.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_adopted() -> Error {
    Error::kek("wrapping", "no KEK version is in use yet")
}

#[cfg(test)]
mod tests {
    use super::Encryptions;

    #[test]
    fn a_block_never_reaches_beyond_the_limit() {
        let limits = Encryptions {
            block: 4,
            rotate_at: 5,
            refuse_at: 10,
        };
        assert_eq!(limits.next_block(0).unwrap(), 4);
        assert_eq!(limits.next_block(8).unwrap(), 2);
        assert!(limits.next_block(10).is_err());
        assert!(limits.next_block(11).is_err());
        assert_eq!(Encryptions::STANDARD.next_block((1 << 32) - 1).unwrap(), 1);
    }
}
