//! Which KEK version wraps: held while it does, so that no encryption is counted for another.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::{error::Error, id::KekVersion};

/// `None` until one is adopted, and while a change is under way: if that panics, nothing is wrapped until the next
/// adoption, since nobody knows under which version it would be. So a poisoned lock needs no other care.
#[derive(Debug, Default)]
pub(super) struct CurrentKek(RwLock<Option<KekVersion>>);

impl CurrentKek {
    /// The version, which stays the current one as long as the answer lives.
    pub(super) fn hold(&self) -> RwLockReadGuard<'_, Option<KekVersion>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
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
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
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
