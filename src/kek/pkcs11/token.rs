//! Owns one generation of the opened token: its slot, login, sessions and key handles. A new generation replaces
//! it whole; nothing of an old one is ever reused.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cryptoki::{
    context::Pkcs11,
    error::{Error as Pkcs11Error, RvError},
    mechanism::{MechanismInfo, MechanismType},
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};

use super::{
    fault::Fault,
    keys::Keys,
    module::{Lease, Module},
    pin::{Login, Standing},
    signer::Signers,
};
use crate::{
    error::Error,
    kek::{Cause, Keyring, Trouble},
};

/// What finds the token again: the module, the label and the login; never a slot number, which changes.
pub(super) struct Address {
    pub(super) module: Arc<Module>,
    pub(super) label: String,
    pub(super) login: Login,
}

impl Address {
    /// Whether the library, as it is initialised now, shows the token.
    pub(super) fn is_in_sight(&self) -> Result<bool, Error> {
        let lease = self.module.lease();
        let lease = lease.map_err(|error| Error::kek("initialising the PKCS#11 module", error))?;
        Ok(find(lease.pkcs11(), &self.label).is_ok_and(|slot| slot.is_some()))
    }
}

/// An open token. Its sessions are closed by [`Drop`], before the lease ends: C_Finalize leaves handles behind
/// that a new generation would reuse. `cryptoki` would log an error for each that is dead already, so it closes none.
pub(super) struct Live {
    pub(super) generation: u64,
    pub(super) signers: Signers,
    idle: Mutex<Vec<Session>>,
    keys: Mutex<Option<Arc<Keys>>>,
    /// Closing a token's last session logs out; this one does no work.
    anchor: Mutex<Option<Session>>,
    slot: Slot,
    lease: Arc<Lease>,
}

impl Live {
    /// Opens the token; `afresh` finalizes and initialises the library first, where nobody else uses it.
    pub(super) fn open(
        address: &Address,
        ring: Option<&Keyring>,
        generation: u64,
        afresh: bool,
    ) -> Result<Self, Error> {
        let module = &address.module;
        let lease = if afresh {
            module.renew()
        } else {
            module.lease()
        };
        let lease = lease.map_err(|error| Error::kek("initialising the PKCS#11 module", error))?;
        let found = find(lease.pkcs11(), &address.label)?;
        if afresh {
            module.want_renewal(&lease, found.is_none());
        }
        let slot = found.ok_or_else(|| missing(Cause::TokenMissing, "no token has that label"))?;
        let anchor = lease.pkcs11().open_ro_session_no_drop(slot);
        let anchor = anchor.map_err(|error| Error::kek("opening a session", error))?;
        let live = Self {
            generation,
            signers: Signers::default(),
            idle: Mutex::default(),
            keys: Mutex::default(),
            anchor: Mutex::new(None),
            slot,
            lease,
        };
        let entered = live.enter(&anchor, address, ring);
        // Kept even if it could not enter: then dropping `live` closes it.
        *lock(&live.anchor) = Some(anchor);
        entered.map(|()| live)
    }

    /// Logs in and finds the keys of `ring`.
    fn enter(
        &self,
        anchor: &Session,
        address: &Address,
        ring: Option<&Keyring>,
    ) -> Result<(), Error> {
        let standing = Standing::of(self.lease.pkcs11(), self.slot)?;
        let login = |pin: &AuthPin| anchor.login(UserType::User, Some(pin));
        address.login.present(&standing, login)?;
        let keys = ring.map(|ring| Keys::load(anchor, ring)).transpose();
        let keys = keys.map_err(|fault| fault.into_error("finding the KEK in the token"))?;
        *lock(&self.keys) = keys.map(Arc::new);
        Ok(())
    }

    /// The handles of the adopted ring.
    pub(super) fn keys(&self) -> Result<Arc<Keys>, Fault> {
        let keys = lock(&self.keys).clone();
        keys.ok_or_else(|| Error::kek("using the KEK", "no KEK is adopted").into())
    }

    pub(super) fn set_keys(&self, keys: Arc<Keys>) {
        *lock(&self.keys) = Some(keys);
    }

    /// Whether the token makes and uses Ed25519 keys.
    pub(super) fn signs(&self) -> Result<bool, Fault> {
        Ok(signs(self.lease.pkcs11(), self.slot)?)
    }

    /// Works in an idle session, or in a new one; a session whose work spoilt it is closed.
    pub(super) fn work<T>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let idle = lock(&self.idle).pop();
        let session = match idle {
            Some(session) => session,
            None => self.lease.pkcs11().open_ro_session_no_drop(self.slot)?,
        };
        let result = work(&session);
        if result.as_ref().err().is_none_or(Fault::spares_session) {
            lock(&self.idle).push(session);
        } else {
            close(session);
        }
        result
    }

    /// Works in a session of its own that may write to the token.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let session = self.lease.pkcs11().open_rw_session_no_drop(self.slot)?;
        let result = work(&session);
        close(session);
        result
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let idle = mem::take(&mut *lock(&self.idle));
        let anchor = lock(&self.anchor).take();
        idle.into_iter().chain(anchor).for_each(close);
    }
}

/// A session that is dead already needs no closing.
fn close(session: Session) {
    let _dead = session.close();
}

/// Whether a token makes and uses Ed25519 keys.
pub(super) fn signs(pkcs11: &Pkcs11, slot: Slot) -> Result<bool, Pkcs11Error> {
    let made = mechanism(pkcs11, slot, MechanismType::ECC_EDWARDS_KEY_PAIR_GEN)?;
    let used = mechanism(pkcs11, slot, MechanismType::EDDSA)?;
    Ok(made.is_some_and(|by| by.generate_key_pair()) && used.is_some_and(|by| by.sign()))
}

/// Whether a token makes AES keys and seals by AES-GCM.
pub(super) fn wraps(pkcs11: &Pkcs11, slot: Slot) -> Result<bool, Pkcs11Error> {
    let made = mechanism(pkcs11, slot, MechanismType::AES_KEY_GEN)?;
    let used = mechanism(pkcs11, slot, MechanismType::AES_GCM)?;
    Ok(made.is_some_and(|by| by.generate()) && used.is_some_and(|by| by.encrypt() && by.decrypt()))
}

/// What a token can do by a mechanism; `None` if it has not got it. Each is asked for by itself, since to list them all
/// `cryptoki` logs an error for every one that it has no word for.
fn mechanism(
    pkcs11: &Pkcs11,
    slot: Slot,
    kind: MechanismType,
) -> Result<Option<MechanismInfo>, Pkcs11Error> {
    match pkcs11.get_mechanism_info(slot, kind) {
        Ok(info) => Ok(Some(info)),
        Err(Pkcs11Error::Pkcs11(RvError::MechanismInvalid, _)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The slot of the token with that label, if it is there. Two of one label are refused.
pub(super) fn find(pkcs11: &Pkcs11, label: &str) -> Result<Option<Slot>, Error> {
    let found = labelled(pkcs11, label).map_err(|error| Error::kek("listing the tokens", error))?;
    match found.as_slice() {
        [] => Ok(None),
        [slot] => Ok(Some(*slot)),
        [_, _, ..] => Err(missing(Cause::TokenDoubled, "two tokens have that label")),
    }
}

fn missing(cause: Cause, why: &'static str) -> Error {
    Error::kek("finding the token", Trouble::new(cause, why))
}

fn labelled(pkcs11: &Pkcs11, label: &str) -> Result<Vec<Slot>, Pkcs11Error> {
    let slots = pkcs11.get_slots_with_token()?;
    let has_label = |slot: &Slot| {
        // A neighbour that is ill must not hide our token.
        pkcs11
            .get_token_info(*slot)
            .is_ok_and(|token| token.token_initialized() && token.label() == label)
    };
    Ok(slots.into_iter().filter(has_label).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
