//! Owns what an answer of the token means for the call, its session and its record.

use cryptoki::{
    context::Function,
    error::{Error as Pkcs11Error, RvError},
};

use super::pin::refuses_pin;
use crate::{
    error::{Error, Source},
    kek::{Cause, Trouble},
};

/// Why work on the token failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Session, login, handle or token is lost: open the token again, then repeat.
    Sick(Source),
    /// The data was refused, or the token is ill and says so badly: only a round trip can tell.
    Doubt(Source),
    /// Nothing that the data could have caused.
    Trouble(Source),
    /// Decided, whatever the token's state.
    Final(Error),
}

impl Fault {
    /// Whether the session may be used again. One whose operation could be left half done may not, nor one in
    /// doubt: the second try must not meet the same sick session while the round trip met a healthy one.
    pub(super) fn spares_session(&self) -> bool {
        matches!(self, Self::Final(_))
    }

    /// What to answer where nothing more is to be tried.
    pub(super) fn into_error(self, what: &'static str) -> Error {
        match self {
            Self::Sick(source) | Self::Doubt(source) | Self::Trouble(source) => {
                Error::kek(what, source)
            }
            Self::Final(error) => error,
        }
    }
}

impl From<Pkcs11Error> for Fault {
    fn from(error: Pkcs11Error) -> Self {
        if is_sick(&error) {
            Self::Sick(error.into())
        } else if may_be_the_data(&error) {
            Self::Doubt(error.into())
        } else {
            Self::Trouble(error.into())
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// The word for what an error of this provider means to an operator.
pub(super) fn cause(error: &Error) -> Cause {
    Trouble::cause_of(error).unwrap_or_else(|| {
        let source = std::error::Error::source(error);
        let answer = source.and_then(|source| source.downcast_ref());
        answer.map_or(Cause::TokenFailed, of_answer)
    })
}

/// The same error, that says by a [`Trouble`] what it means to an operator.
pub(super) fn named(mut error: Error) -> Error {
    let cause = cause(&error);
    if let Error::Unavailable { source, .. } = &mut error
        && let Some(because) = source.take_if(|because| !because.is::<Trouble>())
    {
        *source = Some(Trouble::new(cause, because).into());
    }
    error
}

#[allow(clippy::wildcard_enum_match_arm)] // the crate's own, of many dozens
fn of_answer(answer: &Pkcs11Error) -> Cause {
    match answer {
        Pkcs11Error::Pkcs11(RvError::PinLocked, _) => Cause::PinLocked,
        answer if refuses_pin(answer) => Cause::PinRefused,
        Pkcs11Error::Pkcs11(_, Function::Initialize | Function::Finalize)
        | Pkcs11Error::Pkcs11(RvError::CryptokiNotInitialized, _)
        | Pkcs11Error::LibraryLoading(_)
        | Pkcs11Error::NullFunctionPointer => Cause::LibraryFailed,
        Pkcs11Error::Pkcs11(
            RvError::DeviceRemoved
            | RvError::SlotIdInvalid
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized,
            _,
        ) => Cause::TokenMissing,
        _ => Cause::TokenFailed,
    }
}

fn is_sick(error: &Pkcs11Error) -> bool {
    matches!(
        error,
        Pkcs11Error::Pkcs11(
            RvError::CryptokiNotInitialized
                | RvError::DeviceError
                | RvError::DeviceRemoved
                | RvError::KeyHandleInvalid
                | RvError::ObjectHandleInvalid
                | RvError::SessionClosed
                | RvError::SessionHandleInvalid
                | RvError::SlotIdInvalid
                | RvError::TokenNotPresent
                | RvError::TokenNotRecognized
                | RvError::UserNotLoggedIn,
            _
        )
    )
}

/// Data and tag are given to C_Decrypt, so only its answers can speak of them; vendors have words of their own.
fn may_be_the_data(error: &Pkcs11Error) -> bool {
    matches!(
        error,
        Pkcs11Error::Pkcs11(
            RvError::ArgumentsBad
                | RvError::DataInvalid
                | RvError::DataLenRange
                | RvError::EncryptedDataInvalid
                | RvError::EncryptedDataLenRange
                | RvError::FunctionFailed
                | RvError::GeneralError
                | RvError::SignatureInvalid
                | RvError::UnknownErrorCode(_)
                | RvError::VendorDefined(_),
            Function::Decrypt
        )
    )
}
