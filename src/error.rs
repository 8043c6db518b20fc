//! Owns what can go wrong, said without HTTP: each variant is named for what the caller can do about it.
//!
//! Texts are `&'static str`, so that no secret and no client byte gets into an answer by accident. The one exception
//! is [`Error::InField`], which tells a caller the name of its own field, and tells nobody else.

use std::{error::Error as StdError, fmt};

/// The cause behind an [`Error::Unavailable`] or [`Error::Internal`]: logged once, never answered.
pub type Source = Box<dyn StdError + Send + Sync>;

/// An error and its causes in one line.
#[must_use]
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let cause = error.source().map(chain);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// A part of the service that can be out of order while the rest goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The audit log: no entry, no answer.
    Audit,
    /// The key holder: a PKCS#11 token or the software provider.
    Kek,
    /// The database.
    Store,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Audit => "the audit log",
            Self::Kek => "the KEK",
            Self::Store => "the database",
        })
    }
}

/// Why the service refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A signature is not by the key, or not over what it must be over.
    #[error("{0}")]
    BadSignature(&'static str),
    /// The state of the thing does not allow it.
    #[error("{0}")]
    Conflict(&'static str),
    /// Tampered with, wrong context or wrong key.
    #[error("{0}")]
    Corrupt(&'static str),
    /// The caller may not do this, whatever its roles.
    #[error("{0}")]
    Denied(&'static str),
    /// It was destroyed, or is about to be.
    #[error("{0}")]
    Destroyed(&'static str),
    /// A thing of that name, or with that unique property, is there already.
    #[error("{0}")]
    Exists(&'static str),
    /// Its time is over.
    #[error("{0}")]
    Expired(&'static str),
    /// One value of the caller's event is the reason.
    #[error("{because}")]
    InField {
        /// The member's name, for the caller only; its beginning, if it is long.
        field: String,
        /// Where it is in the event (RFC 6901), for the caller only; `None` if that is long.
        pointer: Option<String>,
        /// Why.
        because: Box<Error>,
    },
    /// A defect of the service itself.
    #[error("internal: {what}")]
    Internal {
        /// What was being done.
        what: &'static str,
        /// What went wrong.
        #[source]
        source: Option<Source>,
    },
    /// The request is not well formed.
    #[error("{0}")]
    Invalid(&'static str),
    /// One of a list is not what it must be. `expected` holds words of ours only, never the client's.
    #[error("item {number} of the list: {expected}")]
    Item {
        /// Which one, from 1.
        number: usize,
        /// What was expected.
        expected: String,
    },
    /// The JSON is not what this operation reads. `expected` holds words of ours only, never the client's.
    #[error("line {line}, column {column}: {expected}")]
    Malformed {
        /// What was expected.
        expected: String,
        /// Line of the body, from 1.
        line: usize,
        /// Column of the line, from 1.
        column: usize,
    },
    /// An idempotency key came again with another body.
    #[error("{0}")]
    Mismatch(&'static str),
    /// There is no such thing, or the caller may not know that there is.
    #[error("{0}")]
    NotFound(&'static str),
    /// A gate that nobody may override has failed.
    #[error("{0}")]
    NotOverridable(&'static str),
    /// More than the limits allow.
    #[error("{0}")]
    TooLarge(&'static str),
    /// One person would do what needs two.
    #[error("{0}")]
    TwoPerson(&'static str),
    /// The caller's token is not, or no longer, valid for this.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// A part of the service does not answer at present; the same request may succeed later.
    #[error("{part} is unavailable: {what}")]
    Unavailable {
        /// Which part.
        part: Part,
        /// What was being done.
        what: &'static str,
        /// What went wrong.
        #[source]
        source: Option<Source>,
    },
}

impl Error {
    /// The key holder does not answer.
    pub fn kek(what: &'static str, source: impl Into<Source>) -> Self {
        Self::Unavailable {
            part: Part::Kek,
            what,
            source: Some(source.into()),
        }
    }

    /// The database does not answer.
    pub fn store(what: &'static str, source: impl Into<Source>) -> Self {
        Self::Unavailable {
            part: Part::Store,
            what,
            source: Some(source.into()),
        }
    }

    /// Whether a part is out of order, or the service itself: nothing that the caller sent is the reason.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Internal { .. })
    }

    /// A defect of ours.
    #[must_use]
    pub fn internal(what: &'static str) -> Self {
        Self::Internal { what, source: None }
    }
}
