//! What a key holder's condition is called: up, degraded or down, and in one word why. The words are stable:
//! docs/operations-token.md says of each what to do.

use std::{error::Error as StdError, fmt, iter, time::Instant};

use crate::error::Source;

/// How well a key holder does its work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// It does its work, and something is wrong that an operator must see.
    Degraded,
    /// It does no work: what needs it is refused.
    Down,
    /// It does its work.
    Up,
}

impl Level {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Up, Self::Degraded, Self::Down];

    /// The name in answers, figures and log lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

/// Why a key holder is not up.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// Calls into the library have not come back.
    CallsStuck,
    /// Two keys have the name of a KEK version.
    KekDoubled,
    /// A key of that name is not the one that it was.
    KekExchanged,
    /// A KEK version is not in the token.
    KekMissing,
    /// A key's attributes let out what must stay in.
    KekWeak,
    /// The library could not be initialised or asked.
    LibraryFailed,
    /// The library did not come back in time.
    NoAnswer,
    /// A data object of the token cannot be read or written.
    ObjectUnusable,
    /// The PIN file cannot be read, or not be trusted.
    PinFile,
    /// One more wrong PIN could lock the token, so none is presented.
    PinLastTry,
    /// The token has locked the PIN.
    PinLocked,
    /// The token refused the PIN.
    PinRefused,
    /// A key that signs is missing, doubled, weak or does not sign rightly.
    SigningKeyUnusable,
    /// Two tokens have the label.
    TokenDoubled,
    /// The token answers, and that it cannot.
    TokenFailed,
    /// No token has the label.
    TokenMissing,
}

impl Cause {
    /// Every one.
    pub const ALL: [Self; 16] = [
        Self::CallsStuck,
        Self::KekDoubled,
        Self::KekExchanged,
        Self::KekMissing,
        Self::KekWeak,
        Self::LibraryFailed,
        Self::NoAnswer,
        Self::ObjectUnusable,
        Self::PinFile,
        Self::PinLastTry,
        Self::PinLocked,
        Self::PinRefused,
        Self::SigningKeyUnusable,
        Self::TokenDoubled,
        Self::TokenFailed,
        Self::TokenMissing,
    ];

    /// The row of the table: the word, and what an operator does about it.
    #[rustfmt::skip] // One line a cause.
    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::CallsStuck => ("calls_stuck", "look at the library's own log and at the way to the token; restart the service when it is convenient"),
            Self::KekDoubled => ("kek_doubled", "find out who made the second key, take it away, and look at the audit log"),
            Self::KekExchanged => ("kek_exchanged", "put the token back that this database belongs to, or its key from the token's backup"),
            Self::KekMissing => ("kek_missing", "put the token back that this database belongs to, or its key from the token's backup"),
            Self::KekWeak => ("kek_weak", "find out who changed the key, and put it back from the token's backup"),
            Self::LibraryFailed => ("library_failed", "look at the PKCS#11 library, its configuration and its own log"),
            Self::NoAnswer => ("no_answer", "look at the token and at the way to it; if it stays so, restart the service"),
            Self::ObjectUnusable => ("object_unusable", "look at the token's free space and at who writes to it"),
            Self::PinFile => ("pin_file", "give the PIN as the configuration says: in a file that only its owner may read and that holds nothing else, or at a terminal"),
            Self::PinLastTry => ("pin_last_try", "log in to the token once by its vendor's tool with the right PIN, write it to the PIN file, then reconnect"),
            Self::PinLocked => ("pin_locked", "unlock the PIN as the token's security officer, write it to the PIN file, then reconnect"),
            Self::PinRefused => ("pin_refused", "write the right PIN to the PIN file; if it is right already, reconnect"),
            Self::SigningKeyUnusable => ("signing_key_unusable", "put the signing key back from the token's backup, then reconnect"),
            Self::TokenDoubled => ("token_doubled", "give the other token another label, or take it away"),
            Self::TokenFailed => ("token_failed", "look at the token's and the library's own logs"),
            Self::TokenMissing => ("token_missing", "put the token back, or start whatever makes it reachable"),
        }
    }

    /// The word, for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// What an operator does about it.
    #[must_use]
    pub const fn todo(self) -> &'static str {
        self.row().1
    }

    /// Whether it lasts until a person does something, whatever becomes of the token.
    #[must_use]
    pub const fn needs_operator(self) -> bool {
        match self {
            Self::KekDoubled
            | Self::KekExchanged
            | Self::KekMissing
            | Self::KekWeak
            | Self::PinFile
            | Self::PinLastTry
            | Self::PinLocked
            | Self::PinRefused
            | Self::SigningKeyUnusable
            | Self::TokenDoubled => true,
            Self::CallsStuck
            | Self::LibraryFailed
            | Self::NoAnswer
            | Self::ObjectUnusable
            | Self::TokenFailed
            | Self::TokenMissing => false,
        }
    }
}

/// What a key holder's condition is.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// How well it does its work.
    pub level: Level,
    /// Why it is not up; the gravest of several.
    pub cause: Option<Cause>,
    /// Since when it is at this level.
    pub since: Instant,
}

/// One change of level.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// Counts every change from 1; a gap stands for changes that came too fast to be told one by one.
    pub number: u64,
    /// The level from then on.
    pub level: Level,
    /// Why, or, of a key holder that is up again, what was the matter.
    pub cause: Option<Cause>,
    /// When.
    pub at: Instant,
    /// When the level before began.
    pub before: Instant,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// How often its level changed.
    pub changes: u64,
    /// How often it went down.
    pub outages: u64,
    /// How often it was tried to open the token again.
    pub reopenings: u64,
    /// How often a call was given up that had not come back.
    pub stuck_calls: u64,
    /// Calls that have not come back yet.
    pub stuck_now: u64,
}

/// How busy the threads are through which a library is asked.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Which threads.
    pub pool: &'static str,
    /// How many there are to be.
    pub threads: usize,
    /// How many are in a call, those that were given up too.
    pub busy: usize,
    /// How many are stuck and were replaced.
    pub replaced: usize,
    /// Calls that wait for one.
    pub waiting: usize,
}

/// An error of a key holder, with the word for it.
#[derive(Debug)]
pub struct Trouble {
    cause: Cause,
    because: Source,
}

impl Trouble {
    /// Something of that kind went wrong.
    pub fn new(cause: Cause, because: impl Into<Source>) -> Self {
        let because = because.into();
        Self { cause, because }
    }

    /// The word for what went wrong, if the error has one.
    #[must_use]
    pub fn cause_of(error: &(dyn StdError + 'static)) -> Option<Cause> {
        let mut causes = iter::successors(Some(error), |error| (*error).source());
        causes.find_map(|error| error.downcast_ref().map(|trouble: &Self| trouble.cause))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.because, out)
    }
}

impl StdError for Trouble {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.because.source()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Cause, Trouble};
    use crate::error::Error;

    #[test]
    fn each_cause_has_a_word_of_its_own_and_says_what_to_do() {
        let words: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.word()).collect();
        assert_eq!(words.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            assert!(cause.todo().split(' ').count() > 4, "{cause:?}");
        }
    }

    #[test]
    fn an_error_keeps_the_word_for_it() {
        let trouble = Trouble::new(Cause::KekWeak, "its CKA_WRAP is not false");
        let error = Error::kek("checking", trouble);
        assert_eq!(Trouble::cause_of(&error), Some(Cause::KekWeak));
        assert_eq!(Trouble::cause_of(&Error::kek("checking", "else")), None);
    }
}
