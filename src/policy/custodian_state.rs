//! The life of a custodian: which change is possible from where (api.md section 5).

use crate::error::Error;

/// Whether a custodian may act.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CustodianState {
    /// It may.
    Active,
    /// It waits for the proof of its key, for a second admin, or for both.
    Pending,
    /// Never again.
    Revoked,
    /// Not until it is reinstated.
    Suspended,
}

impl CustodianState {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Active, Self::Pending, Self::Revoked, Self::Suspended];

    /// The name in the database and in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
        }
    }

    /// The state of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state of one that is neither suspended nor revoked.
    #[must_use]
    pub const fn waiting(proven: bool, approved: bool) -> Self {
        match proven && approved {
            true => Self::Active,
            false => Self::Pending,
        }
    }

    /// Whether it may be suspended: whoever acts, or waits to act again.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub const fn suspend(self, was_active: bool) -> Result<(), Error> {
        match self {
            Self::Active => Ok(()),
            Self::Pending if was_active => Ok(()),
            Self::Pending => Err(Error::Conflict(
                "this custodian was never active; revoke it instead",
            )),
            Self::Revoked => Err(REVOKED),
            Self::Suspended => Err(Error::Conflict("this custodian is suspended already")),
        }
    }

    /// Whether it may be reinstated.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub const fn reinstate(self) -> Result<(), Error> {
        match self {
            Self::Suspended => Ok(()),
            Self::Active | Self::Pending => Err(Error::Conflict(
                "only a suspended custodian can be reinstated",
            )),
            Self::Revoked => Err(REVOKED),
        }
    }

    /// Whether it may be revoked: always, but once.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub const fn revoke(self) -> Result<(), Error> {
        match self {
            Self::Active | Self::Pending | Self::Suspended => Ok(()),
            Self::Revoked => Err(REVOKED),
        }
    }

    /// Whether something about it can still be waiting: a proof or an approval.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub const fn await_more(self) -> Result<(), Error> {
        match self {
            Self::Pending => Ok(()),
            Self::Active => Err(Error::Conflict("this custodian is active already")),
            Self::Suspended => Err(Error::Conflict(
                "this custodian is suspended; reinstate it first",
            )),
            Self::Revoked => Err(REVOKED),
        }
    }
}

const REVOKED: Error = Error::Conflict("this custodian was revoked, for ever; enrol another");

#[cfg(test)]
mod tests {
    use super::CustodianState as State;

    #[test]
    fn nothing_brings_a_revoked_custodian_back() {
        assert!(State::Revoked.reinstate().is_err());
        assert!(State::Revoked.suspend(true).is_err());
        assert!(State::Revoked.await_more().is_err());
        assert!(State::Revoked.revoke().is_err());
    }

    #[test]
    fn it_takes_the_proof_and_the_approval() {
        assert_eq!(State::waiting(true, true), State::Active);
        for (proven, approved) in [(true, false), (false, true), (false, false)] {
            assert_eq!(State::waiting(proven, approved), State::Pending);
        }
    }

    #[test]
    fn whoever_was_never_active_is_not_suspended_but_revoked() {
        assert!(State::Pending.suspend(false).is_err());
        assert!(State::Pending.suspend(true).is_ok());
        assert!(State::Pending.revoke().is_ok());
    }
}
