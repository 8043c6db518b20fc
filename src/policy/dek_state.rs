//! The states of a DEK version, and what each lets be done (api.md section 7). Time is not needed: it is the state.

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;

/// What may be done with a DEK version.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DekState {
    /// Nothing ever again: its secret is erased.
    Destroyed,
    /// Nothing until it is enabled.
    Disabled,
    /// It decrypts; the newest of its DEK also encrypts.
    Enabled,
    /// Nothing; its secret is still there, so that `cancel-destroy` can save it.
    PendingDestruction,
}

impl DekState {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::Destroyed,
        Self::Disabled,
        Self::Enabled,
        Self::PendingDestruction,
    ];

    /// The name in answers and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::PendingDestruction => "pending_destruction",
        }
    }

    /// Whether it may be used.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it is disabled, [`Error::Destroyed`] once its destruction was asked for.
    pub fn usable(self) -> Result<(), Error> {
        match self {
            Self::Enabled => Ok(()),
            Self::Disabled => Err(Error::Conflict(
                "this DEK version is disabled; an operator can enable it again",
            )),
            Self::PendingDestruction => Err(Error::Destroyed(
                "this DEK version is to be destroyed; until then an operator can save it by cancel-destroy",
            )),
            Self::Destroyed => Err(GONE),
        }
    }

    /// Whether it may be enabled, disabled or destroyed.
    ///
    /// # Errors
    /// [`Error::Destroyed`] once its destruction was asked for.
    pub fn changeable(self) -> Result<(), Error> {
        match self {
            Self::Disabled | Self::Enabled => Ok(()),
            Self::Destroyed | Self::PendingDestruction => self.usable(),
        }
    }

    /// Whether its destruction can be cancelled.
    ///
    /// # Errors
    /// [`Error::Conflict`] if none was asked for, [`Error::Destroyed`] if it is too late.
    pub fn savable(self) -> Result<(), Error> {
        match self {
            Self::PendingDestruction => Ok(()),
            Self::Destroyed => Err(GONE),
            Self::Disabled | Self::Enabled => Err(Error::Conflict(
                "this DEK version is not to be destroyed, so there is nothing to cancel",
            )),
        }
    }
}

const GONE: Error =
    Error::Destroyed("this DEK version is destroyed: what it encrypted is lost for ever");
