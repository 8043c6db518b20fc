//! Which KEK version wraps: held while it does, so that no encryption is counted for another.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use crate::{error::Error, id::KekVersion, policy::KekState};

/// What is in use.
#[derive(Debug, Default)]
pub(super) struct CurrentKek {
    /// `None` until one is adopted, and while a change is under way: if that panics, nothing is wrapped until the next
    /// adoption, since nobody knows under which version it would be. So a poisoned lock needs no other care.
    version: RwLock<Option<KekVersion>>,
    /// Every version that may unwrap, as it was adopted last.
    ring: Mutex<Vec<KekVersion>>,
    /// Versions that may not, whatever the key holder would do.
    shut: RwLock<HashMap<KekVersion, KekState>>,
}

impl CurrentKek {
    /// Whether these are the versions that were adopted last.
    pub(super) fn uses(&self, ring: &[KekVersion]) -> bool {
        *self.ring() == ring
    }

    /// Notes the versions that were adopted.
    pub(super) fn used(&self, ring: Vec<KekVersion>) {
        *self.ring() = ring;
    }

    /// Lets these versions open nothing from now on; and those before them neither, unless `only` these are shut.
    pub(super) fn shut(&self, shut: HashMap<KekVersion, KekState>, only: bool) {
        let mut now = self.shut.write().unwrap_or_else(PoisonError::into_inner);
        match only {
            true => *now = shut,
            false => now.extend(shut),
        }
    }

    /// Whether what this version wrapped may be opened.
    ///
    /// # Errors
    /// [`Error::Destroyed`].
    pub(super) fn opens(&self, version: &KekVersion) -> Result<(), Error> {
        let shut = self.shut.read().unwrap_or_else(PoisonError::into_inner);
        shut.get(version).map_or(Ok(()), |state| state.opens())
    }

    fn ring(&self) -> MutexGuard<'_, Vec<KekVersion>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The version, which stays the current one as long as the answer lives.
    pub(super) fn hold(&self) -> RwLockReadGuard<'_, Option<KekVersion>> {
        self.version.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is(&self, version: &KekVersion) -> bool {
        self.hold().as_ref() == Some(version)
    }

    /// Makes `newest` the current one if `adopt` succeeds; else all stays as it is.
    pub(super) fn change(
        &self,
        newest: KekVersion,
        adopt: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut current = self.version.write().unwrap_or_else(PoisonError::into_inner);
        let before = current.take();
        let adopted = adopt();
        *current = match adopted {
            Ok(()) => Some(newest),
            Err(_) => before,
        };
        adopted
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::CurrentKek;
    use crate::{error::Error, id::KekVersion};

    fn version(number: u32) -> KekVersion {
        format!("kek-v{number}-20261123").parse().unwrap()
    }

    #[test]
    fn a_change_that_fails_leaves_the_version_that_was() {
        let current = CurrentKek::default();
        current.change(version(1), || Ok(())).unwrap();
        let failed = current.change(version(2), || Err(Error::internal("on purpose")));
        assert!(failed.is_err());
        assert!(current.is(&version(1)));
    }

    #[test]
    fn a_change_that_panics_leaves_none_until_the_next_that_succeeds() {
        let current = CurrentKek::default();
        current.change(version(1), || Ok(())).unwrap();
        let change = || current.change(version(2), || panic!("on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(change)).is_err());
        assert_eq!(*current.hold(), None);
        current.change(version(2), || Ok(())).unwrap();
        assert!(current.is(&version(2)));
    }
}
