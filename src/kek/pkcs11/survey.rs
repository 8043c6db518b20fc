//! Looks at a module and at one token of it, for `custodian doctor`: leaves nothing behind, and presents the PIN once.

use std::path::Path;

use cryptoki::{
    context::Pkcs11,
    error::Error as Pkcs11Error,
    session::{Session, UserType},
    slot::{Limit, Slot},
};
use serde::{Deserialize, Serialize};

use super::{
    keys,
    module::Module,
    pin::{Login, PinSource, Standing, refuses_pin},
    strategy::Strategy,
    token,
};
use crate::{algorithm::Mechanism, error::Error};

/// What was found.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Survey {
    /// How the token answered.
    pub opening: Opening,
    /// Whether AES-256 keys can be made and used by CKM_AES_GCM: what a KEK needs.
    pub aes_gcm: bool,
    /// Whether Ed25519 pairs can be made and used by CKM_EDDSA.
    pub ed25519: bool,
    /// How it seals, tried by a key that is gone with the session; `None` if it does not open or makes no such keys.
    pub mechanism: Option<Mechanism>,
    /// Keys and data that it shows to whoever has its PIN; 0 if it does not open.
    pub objects: usize,
    /// Sessions that it allows at once; `None` if it sets or tells no limit.
    pub sessions: Option<u64>,
}

/// How a token answered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    /// No token has that label.
    Absent,
    /// It opens with the PIN.
    Opens,
    /// It has another PIN, or has locked this one.
    PinRefused,
    /// There is a token, and no PIN to try.
    Untried,
}

/// Looks at the token `label`, and at the first slot where there is none yet.
///
/// # Errors
/// [`Error::Unavailable`] if the module cannot be loaded or the token does not answer.
pub fn survey(module: &Path, label: &str, pin: Option<&PinSource>) -> Result<Survey, Error> {
    let module = Module::load(module)?;
    let failed = |error| Error::kek("initialising the PKCS#11 module", error);
    let lease = module.lease().map_err(failed)?;
    let pkcs11 = lease.pkcs11();
    let found = token::find(pkcs11, label)?;
    let Opened {
        opening,
        mechanism,
        objects,
    } = match (found, pin) {
        (None, _) => Opened::not(Opening::Absent),
        (Some(_), None) => Opened::not(Opening::Untried),
        (Some(slot), Some(pin)) => open(pkcs11, slot, pin)?,
    };
    let unasked = |error| Error::kek("asking what the token can", error);
    let slot = match found {
        Some(slot) => Some(slot),
        None => pkcs11
            .get_slots_with_token()
            .map_err(unasked)?
            .into_iter()
            .next(),
    };
    let slot = slot.ok_or_else(|| Error::kek("listing the slots", "no slot has a token"))?;
    let about = pkcs11.get_token_info(slot).map_err(unasked)?;
    Ok(Survey {
        opening,
        aes_gcm: token::wraps(pkcs11, slot).map_err(unasked)?,
        ed25519: token::signs(pkcs11, slot).map_err(unasked)?,
        mechanism,
        objects,
        sessions: match about.max_session_count() {
            Limit::Max(sessions) => Some(sessions),
            Limit::Infinite | Limit::Unavailable => None,
        },
    })
}

/// The serial number of the token `label`, empty if it tells none; `None` if there is no such token. Presents no PIN.
///
/// # Errors
/// [`Error::Unavailable`] if the module cannot be loaded or the token does not answer.
pub fn serial_number(module: &Path, label: &str) -> Result<Option<String>, Error> {
    let module = Module::load(module)?;
    let failed = |error| Error::kek("initialising the PKCS#11 module", error);
    let lease = module.lease().map_err(failed)?;
    let Some(slot) = token::find(lease.pkcs11(), label)? else {
        return Ok(None);
    };
    let about = lease.pkcs11().get_token_info(slot);
    let about = about.map_err(|error| Error::kek("asking for the serial number", error))?;
    Ok(Some(about.serial_number().to_owned()))
}

/// What a token shows once its PIN was presented.
struct Opened {
    opening: Opening,
    mechanism: Option<Mechanism>,
    objects: usize,
}

impl Opened {
    fn not(opening: Opening) -> Self {
        Self {
            opening,
            mechanism: None,
            objects: 0,
        }
    }
}

fn open(pkcs11: &Pkcs11, slot: Slot, pin: &PinSource) -> Result<Opened, Error> {
    let session = pkcs11.open_ro_session(slot);
    let session = session.map_err(|error| Error::kek("opening a session", error))?;
    let mut refused = false;
    let login = |pin: &_| {
        let answer: Result<(), Pkcs11Error> = session.login(UserType::User, Some(pin));
        refused = answer.as_ref().is_err_and(refuses_pin);
        answer
    };
    let standing = Standing::of(pkcs11, slot)?;
    match Login::new(pin.clone()).present(&standing, login) {
        Ok(()) => Ok(Opened {
            opening: Opening::Opens,
            objects: count(&session)?,
            mechanism: try_sealing(&session)?,
        }),
        Err(_) if refused => Ok(Opened::not(Opening::PinRefused)),
        Err(error) => Err(error),
    }
}

fn count(session: &Session) -> Result<usize, Error> {
    let found = session.find_objects(&[]);
    let found = found.map_err(|error| Error::kek("listing the token's objects", error))?;
    Ok(found.len())
}

/// Finds out how the token seals, by a key that lives as long as the session at most.
fn try_sealing(session: &Session) -> Result<Option<Mechanism>, Error> {
    let Ok(key) = keys::make_passing(session) else {
        return Ok(None);
    };
    let found = Strategy::find(session, key);
    let _gone_with_its_session = session.destroy_object(key);
    let found = found.map_err(|fault| fault.into_error("trying how the token seals"))?;
    Ok(Some(found.mechanism()))
}
