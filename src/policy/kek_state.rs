//! The states of a KEK version, and what each lets be done (api.md section 11).

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;

/// What may be done with a KEK version.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KekVersionState)]
pub enum KekState {
    /// Nothing yet: its key is being made in the token.
    Creating,
    /// Nothing ever again: its key is deleted.
    Destroyed,
    /// Nothing ever again: its key is being deleted.
    Destroying,
    /// It unwraps; the newest one also wraps.
    Enabled,
    /// Nothing until it is restored.
    Retired,
}

/// How long a version must have been retired before its key can be deleted.
const RETIRED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl KekState {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Creating,
        Self::Destroyed,
        Self::Destroying,
        Self::Enabled,
        Self::Retired,
    ];

    /// The name in the store, in answers and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Destroyed => "destroyed",
            Self::Destroying => "destroying",
            Self::Enabled => "enabled",
            Self::Retired => "retired",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether what it wrapped may be opened.
    ///
    /// # Errors
    /// [`Error::Destroyed`] once it is retired.
    pub fn opens(self) -> Result<(), Error> {
        match self {
            Self::Creating | Self::Enabled => Ok(()),
            Self::Retired => Err(Error::Destroyed(
                "the KEK version of this blob is retired; until its key is deleted an operator can restore it",
            )),
            Self::Destroyed | Self::Destroying => Err(Error::Destroyed(
                "the KEK version of this blob is destroyed: what it wrapped is lost for ever",
            )),
        }
    }

    /// Whether it may be retired or restored.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it is being made, [`Error::Destroyed`] once its destruction was approved.
    pub fn changeable(self) -> Result<(), Error> {
        match self {
            Self::Enabled | Self::Retired => Ok(()),
            Self::Creating => Err(BEING_MADE),
            Self::Destroyed | Self::Destroying => Err(GONE),
        }
    }

    /// Whether its destruction may be asked for and approved at `now`, given when it was retired.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is not retired, or not for 30 days; [`Error::Destroyed`] once that was approved.
    pub fn destroyable(self, retired_at: Option<Timestamp>, now: Timestamp) -> Result<(), Error> {
        match self {
            Self::Retired => {}
            Self::Creating => return Err(BEING_MADE),
            Self::Destroyed | Self::Destroying => return Err(GONE),
            Self::Enabled => {
                return Err(Error::Conflict(
                    "only a retired KEK version can be destroyed; retire it first",
                ));
            }
        }
        match retired_at.is_some_and(|at| destroyable_at(at) <= now) {
            true => Ok(()),
            false => Err(Error::Conflict(
                "a KEK version can be destroyed 30 days after it was retired; wait until then",
            )),
        }
    }
}

/// From when on a version that was retired then may be destroyed.
#[must_use]
pub fn destroyable_at(retired_at: Timestamp) -> Timestamp {
    let at = retired_at.saturating_add(RETIRED_FOR);
    at.unwrap_or(Timestamp::MAX)
}

const BEING_MADE: Error = Error::Conflict("this KEK version is still being made; wait for its job");

const GONE: Error =
    Error::Destroyed("this KEK version is destroyed: what it wrapped is lost for ever");

/// What a KEK version that never was answers.
pub const NO_KEK: Error = Error::NotFound("there is no KEK version of that name");

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::KekState;
    use crate::error::Error;

    #[test]
    fn a_key_is_deleted_thirty_days_after_its_retirement_and_not_a_moment_before() {
        let retired = "2026-11-24T00:00:00Z".parse::<Timestamp>().unwrap();
        let due = retired + SignedDuration::from_hours(30 * 24);
        let state = KekState::Retired;
        assert!(state.destroyable(Some(retired), due).is_ok());
        let before = due - SignedDuration::from_micros(1);
        for (at, now) in [(Some(retired), before), (None, due)] {
            let refused = state.destroyable(at, now);
            assert!(matches!(refused, Err(Error::Conflict(_))));
        }
        assert!(KekState::Enabled.destroyable(None, due).is_err());
    }

    #[test]
    fn each_state_has_a_name_of_its_own() {
        for state in KekState::ALL {
            assert_eq!(KekState::named(state.name()), Some(state));
        }
        assert_eq!(KekState::named("other"), None);
    }
}
