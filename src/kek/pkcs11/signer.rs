//! Owns the service's own signing keys in the token: Ed25519 pairs, how they are made, found, verified and used
//! (CKM_EC_EDWARDS_KEY_PAIR_GEN and CKM_EDDSA, PKCS#11 v3.1 section 6.3).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cryptoki::{
    error::Error as Pkcs11Error,
    mechanism::{
        Mechanism,
        eddsa::{EddsaParams, EddsaSignatureScheme},
    },
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, SessionState},
};

use super::{
    Pkcs11Kek,
    fault::{Fault, cause},
    pool::Pool,
};
use crate::{
    crypto::ed25519,
    error::Error,
    kek::{Cause, Level, TokenSigner, Trouble},
};

mod pair;

use self::pair::{A_PRIVATE_KEY, A_PUBLIC_KEY, ED25519};

/// An OCTET STRING of 32 bytes begins so in DER.
const POINT: [u8; 2] = [0x04, 0x20];
/// What proves that both halves of a pair belong together; nothing else that is signed has this length or form.
const TRIAL: &[u8] = b"aegis-custodian/signing-key/trial/v1";

/// Handles of private keys that have signed rightly; good for one generation of the token only.
#[derive(Default)]
pub(super) struct Signers(Mutex<HashMap<Arc<str>, ObjectHandle>>);

impl Signers {
    fn find(&self, id: &str) -> Option<ObjectHandle> {
        self.known().get(id).copied()
    }

    /// Keeps the handle of that id; `None` forgets it.
    fn keep(&self, id: &Arc<str>, handle: Option<ObjectHandle>) {
        let mut known = self.known();
        match handle {
            Some(handle) => known.insert(Arc::clone(id), handle),
            None => known.remove(id),
        };
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Arc<str>, ObjectHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenSigner for Pkcs11Kek {
    fn signs(&self) -> Result<bool, Error> {
        self.call("asking what the token can", self.deadline(), |live| {
            live.signs()
        })
    }

    fn create_signing_key(&self, id: &str) -> Result<[u8; 32], Error> {
        self.ring()?;
        let id = id.to_owned();
        self.make("making a signing key", move |session| create(session, &id))
    }

    fn sign(&self, id: &str, public_key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        self.sign_in(&self.pool, id, public_key, message)
    }
}

impl Pkcs11Kek {
    /// Signs in a thread of that pool.
    pub(super) fn sign_in(
        &self,
        pool: &Pool,
        id: &str,
        public_key: &[u8; 32],
        message: &[u8],
    ) -> Result<[u8; 64], Error> {
        self.ring()?;
        let (id, message): (Arc<str>, Arc<[u8]>) = (id.into(), message.into());
        let public_key = *public_key;
        let (name, shared) = (Arc::clone(&id), Arc::clone(&self.shared));
        let signed = self.call_in(pool, "signing", self.deadline(), move |live| {
            let signed = live.work(|session| {
                let known = live.signers.find(&id);
                let key = known.map_or_else(|| find_whole(session, &id), Ok)?;
                let signed = sign(session, key, &public_key, &message);
                live.signers.keep(&id, signed.is_ok().then_some(key));
                signed
            });
            signed.map_err(|fault| match is_of_key(&fault) && shared.may_look() {
                true => Fault::Sick("the signing key is looked for afresh".into()),
                false => fault,
            })
        });
        self.note_signing(&name, signed.as_ref().err());
        signed
    }

    /// Keeps in mind which keys do not sign though the token does its work.
    fn note_signing(&self, id: &str, error: Option<&Error>) {
        let condition = self.shared.condition();
        let Some(error) = error else {
            condition.is_cured(Cause::SigningKeyUnusable, id);
            return condition.prove();
        };
        if condition.state().level != Level::Down && cause(error) != Cause::NoAnswer {
            condition.ails(Cause::SigningKeyUnusable, id, error);
        }
    }
}

/// Signs, and verifies what it signed.
fn sign(
    session: &Session,
    key: ObjectHandle,
    public_key: &[u8; 32],
    message: &[u8],
) -> Result<[u8; 64], Fault> {
    let eddsa = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
    let signature = session.sign(&eddsa, key, message)?.try_into();
    let signature = signature.map_err(|_| refuse("the token signed to another length"))?;
    let verified = ed25519::verify(public_key, message, &signature);
    verified.map_err(|_| refuse("what it signs does not verify under its public key"))?;
    Ok(signature)
}

/// The one private key of that id, verified. None, or more than one, is refused; none is ever made here.
fn find_whole(session: &Session, id: &str) -> Result<ObjectHandle, Fault> {
    let key = match find(session, ObjectClass::PRIVATE_KEY, id)?.as_slice() {
        // A token that is gone shows no objects either: the round trip of the KEK tells.
        [] => {
            let why = "no signing key of that id is in the token";
            let trouble = Trouble::new(Cause::SigningKeyUnusable, why);
            return Err(Fault::Trouble(trouble.into()));
        }
        [key] => *key,
        [_, _, ..] => return Err(refuse("two signing keys of that id are in the token")),
    };
    match A_PRIVATE_KEY.weakness(session, key)? {
        Some(attribute) => Err(refuse(attribute)),
        None => Ok(key),
    }
}

/// Makes the pair of that id, unless it is there and whole; answers its public key.
fn create(session: &Session, id: &str) -> Result<[u8; 32], Fault> {
    sweep(session, id)?;
    if find(session, ObjectClass::PRIVATE_KEY, id)?.is_empty() {
        let (public, private) = pair::templates(id);
        session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)?;
    }
    let private = find(session, ObjectClass::PRIVATE_KEY, id)?;
    let public = find(session, ObjectClass::PUBLIC_KEY, id)?;
    let ([private], [public]) = (private.as_slice(), public.as_slice()) else {
        let why = "not exactly one pair of signing keys of that id is in the token";
        return Err(Error::Conflict(why).into());
    };
    for (rules, key) in [(A_PRIVATE_KEY, private), (A_PUBLIC_KEY, public)] {
        if let Some(attribute) = rules.weakness(session, *key)? {
            return Err(Error::Conflict(attribute).into());
        }
    }
    let public_key = point(session, *public)?;
    ed25519::check_key(&public_key).map_err(|_| NOT_ED25519)?;
    match sign(session, *private, &public_key, TRIAL) {
        Ok(_) => Ok(public_key),
        Err(Fault::Final(_)) => {
            Err(Error::Conflict("the two signing keys of that id are not one pair").into())
        }
        Err(fault) => Err(fault),
    }
}

/// Takes away what a process left that was killed while it made the pair of that id. Tokens make the public half
/// first, and may make objects before they put keys into them.
fn sweep(session: &Session, id: &str) -> Result<(), Fault> {
    if session.get_session_info()?.session_state() != SessionState::RwUser {
        // Then a private half that is there would not be seen.
        return Err(Fault::Sick("nobody is logged in".into()));
    }
    let private = find(session, ObjectClass::PRIVATE_KEY, id)?;
    for key in &private {
        if !is_hollow(session, *key)? {
            return Ok(());
        }
    }
    let public = find(session, ObjectClass::PUBLIC_KEY, id)?;
    for left in private.into_iter().chain(public) {
        tracing::warn!(id, "half a pair of signing keys is made anew");
        session.destroy_object(left)?;
    }
    Ok(())
}

/// Whether no key is in a private object: neither was one made there nor brought, for which there would be a curve.
fn is_hollow(session: &Session, private: ObjectHandle) -> Result<bool, Pkcs11Error> {
    let kinds = [AttributeType::Local, AttributeType::EcParams];
    let found = session.get_attributes(private, &kinds)?;
    let made = found.contains(&Attribute::Local(true));
    let curve = |one: &Attribute| matches!(one, Attribute::EcParams(curve) if !curve.is_empty());
    Ok(!made && !found.iter().any(curve))
}

fn find(session: &Session, class: ObjectClass, id: &str) -> Result<Vec<ObjectHandle>, Pkcs11Error> {
    session.find_objects(&[Attribute::Class(class), Attribute::Id(id.into())])
}

/// The public key, if it is one of Ed25519; some tokens give its bytes as they are, others in DER.
fn point(session: &Session, public: ObjectHandle) -> Result<[u8; 32], Fault> {
    let kinds = [AttributeType::EcParams, AttributeType::EcPoint];
    let found = session.get_attributes(public, &kinds)?;
    let [Attribute::EcParams(curve), Attribute::EcPoint(point)] = found.as_slice() else {
        return Err(Error::Conflict("the public key has no curve or no point").into());
    };
    let bytes = point.strip_prefix(&POINT).filter(|rest| rest.len() == 32);
    match bytes.unwrap_or(point).try_into() {
        Ok(public_key) if *curve == ED25519 => Ok(public_key),
        Ok(_) | Err(_) => Err(NOT_ED25519.into()),
    }
}

const NOT_ED25519: Error = Error::Conflict("the public key of that id is not one of Ed25519");

/// Whether the key is not there, or not as it must be, in what the library shows.
fn is_of_key(fault: &Fault) -> bool {
    match fault {
        Fault::Final(error) => cause(error) == Cause::SigningKeyUnusable,
        Fault::Trouble(because) => because.is::<Trouble>(),
        Fault::Doubt(_) | Fault::Sick(_) => false,
    }
}

fn refuse(why: &'static str) -> Fault {
    let trouble = Trouble::new(Cause::SigningKeyUnusable, why);
    Error::kek("checking the signing key in the token", trouble).into()
}
