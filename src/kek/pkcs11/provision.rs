//! Owns the making of a token where there is none: for `custodian dev` and `init`. Never touches one that is there.

use std::path::Path;

use cryptoki::{context::Pkcs11, error::Error as Pkcs11Error, session::UserType, slot::Slot};

use super::{
    module::Module,
    pin::{Login, Pin, PinSource, Standing},
    token,
};
use crate::error::Error;

/// CK_TOKEN_INFO's label is 32 bytes, padded with blanks; a longer one would be cut silently.
const LABEL_BYTES: usize = 32;

/// Initialises a free slot as the token `label` with the PIN of `pin`; one that is there already is only tried,
/// and one whose initialising was interrupted before it had a user is finished.
///
/// The security officer's PIN follows from the user's, so whoever has the PIN file has both, and
/// nobody else. A key ceremony initialises the token itself and parts them.
///
/// # Errors
/// [`Error::Invalid`] for a label that no token can bear; [`Error::Unavailable`] if the module, the PIN file or the
/// token refuses.
pub fn provision_token(module: &Path, label: &str, pin: &PinSource) -> Result<(), Error> {
    if label.is_empty() || label.len() > LABEL_BYTES || label.trim_end() != label {
        return Err(Error::Invalid(
            "a token label is 1 to 32 bytes and ends in no blank",
        ));
    }
    let module = Module::load(module)?;
    let lease = module
        .lease()
        .map_err(|error| failed("initialising the PKCS#11 module", error))?;
    let pkcs11 = lease.pkcs11();
    let _alone = module.provisioning();
    let secret = pin.read()?;
    let slot = match token::find(pkcs11, label)? {
        Some(slot) => slot,
        None => initialise(pkcs11, label, &secret)?,
    };
    enrol(pkcs11, slot, &secret).map_err(|error| failed("setting the user's PIN", error))?;
    let session = pkcs11
        .open_ro_session(slot)
        .map_err(|error| failed("opening a session", error))?;
    let standing = Standing::of(pkcs11, slot)?;
    Login::new(pin.clone()).present(&standing, |pin| session.login(UserType::User, Some(pin)))
}

fn initialise(pkcs11: &Pkcs11, label: &str, pin: &Pin) -> Result<Slot, Error> {
    let slot = free_slot(pkcs11).map_err(|error| failed("listing the slots", error))?;
    let slot = slot.ok_or_else(|| Error::kek("finding a free slot", "every slot has a token"))?;
    let made = pkcs11.init_token(slot, &pin.officer(), label);
    made.map_err(|error| failed("initialising a token", error))?;
    let slot = token::find(pkcs11, label)?;
    slot.ok_or_else(|| Error::kek("finding the new token", "it is not there"))
}

/// Gives a token its user, unless it has one.
fn enrol(pkcs11: &Pkcs11, slot: Slot, pin: &Pin) -> Result<(), Pkcs11Error> {
    if pkcs11.get_token_info(slot)?.user_pin_initialized() {
        return Ok(());
    }
    let session = pkcs11.open_rw_session(slot)?;
    session.login(UserType::So, Some(&pin.officer()))?;
    session.init_pin(pin.expose())?;
    session.logout()
}

fn free_slot(pkcs11: &Pkcs11) -> Result<Option<Slot>, Pkcs11Error> {
    let mut slots = pkcs11.get_slots_with_token()?.into_iter();
    let free = |slot: &Slot| {
        let token = pkcs11.get_token_info(*slot);
        token.is_ok_and(|token| !token.token_initialized())
    };
    Ok(slots.find(free))
}

fn failed(what: &'static str, error: Pkcs11Error) -> Error {
    Error::kek(what, error)
}
