//! What apps do with DEKs: encrypt, decrypt, rewrap, data keys and public keys (api.md section 7).

use base64ct::{Base64, Encoding};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Caller, Custodian,
    envelope::{Decrypted, Encrypted, InUse, usable_here},
    items::{Items, ToOpen, ToSeal},
};
use crate::{
    algorithm::Algorithm,
    crypto::{aes_gcm, canonical},
    error::Error,
    id::{DekName, DekVersion},
    json::OneOrMany,
    policy,
    secret::Plaintext,
};

/// Lengths that a data key may have, in bytes.
pub const DATA_KEY_BYTES: [usize; 4] = [16, 24, 32, 64];

/// A key for a caller's own cipher, and the blob that brings it back.
#[derive(Debug)]
pub struct DataKey {
    /// The key itself, unless the caller wants only the blob.
    pub plaintext: Option<Plaintext>,
    /// It, encrypted under the DEK.
    pub encrypted: Encrypted,
}

/// A public key that anyone may encrypt to.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicKeyView {
    #[schema(value_type = String, example = "dek-v3-20261123")]
    version: DekVersion,
    algorithm: Algorithm,
    /// 1,216 bytes: ML-KEM-768 (1,184), then X25519 (32).
    #[schema(value_type = String, format = Byte)]
    public_key: String,
}

impl Custodian {
    /// Encrypts each item under the newest version of a DEK in the caller's grants.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`]; for one item, its refusal.
    pub fn encrypt(
        &self,
        who: &Caller,
        name: &DekName,
        items: Items<ToSeal>,
    ) -> Result<Items<Encrypted>, Error> {
        policy::use_dek(&who.principal, name)?;
        let dek = self.in_use(name)?;
        self.under_newest(who, &dek, items, |item| dek.encrypt(&item))
    }

    /// Decrypts each blob that this DEK made, under whichever of its versions.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`]; for one item, its refusal.
    pub fn decrypt(
        &self,
        who: &Caller,
        name: &DekName,
        items: Items<ToOpen>,
    ) -> Result<Items<Decrypted>, Error> {
        policy::use_dek(&who.principal, name)?;
        let dek = self.in_use(name)?;
        let object = |one: Option<&Decrypted>| {
            let reference = one.map(|one| name.reference(&one.version));
            Some(reference.unwrap_or_else(|| name.to_string()))
        };
        let decrypt = |item: Result<ToOpen, Error>| dek.decrypt(&item?);
        self.use_key(
            who,
            object,
            || dek.used(),
            items,
            |items| items.into_iter().map(decrypt),
        )
    }

    /// Moves each blob to the DEK's newest version; nobody sees a plaintext.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`]; for one item, its refusal.
    pub fn rewrap_under_dek(
        &self,
        who: &Caller,
        name: &DekName,
        items: Items<ToOpen>,
    ) -> Result<Items<Encrypted>, Error> {
        policy::rewrap_dek(&who.principal, name)?;
        let dek = self.in_use(name)?;
        self.under_newest(who, &dek, items, |item| dek.rewrap(item))
    }

    /// Makes a random key of that many bytes and encrypts it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another length than [`DATA_KEY_BYTES`]; [`Error::Conflict`] for a hybrid DEK;
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub fn data_key(
        &self,
        who: &Caller,
        name: &DekName,
        bytes: usize,
        context: Option<canonical::Context>,
        shown: bool,
    ) -> Result<DataKey, Error> {
        policy::use_dek(&who.principal, name)?;
        let (item, key) = fresh_data_key(bytes, context)?;
        let dek = self.in_use(name)?;
        if dek.dek.algorithm != Algorithm::Aes256Gcm {
            return Err(Error::Conflict(
                "data keys need an aes-256-gcm DEK; this one is hybrid: encrypt a key of your own to it",
            ));
        }
        let items = OneOrMany::One(Ok(item));
        let made = self.under_newest(who, &dek, items, |item| dek.encrypt(&item))?;
        let OneOrMany::One(made) = made else {
            return Err(Error::internal("one data key became a batch"));
        };
        Ok(DataKey {
            plaintext: shown.then_some(key),
            encrypted: made?,
        })
    }

    /// The public key of a version, the newest unless another is asked for. Needs no token.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Corrupt`] for a version that never was; [`Error::Conflict`] for an `aes-256-gcm`
    /// DEK, a disabled version, or a build that could not decrypt; [`Error::Destroyed`]; [`Error::Unavailable`].
    pub fn public_key(
        &self,
        who: &Caller,
        name: &DekName,
        version: Option<&DekVersion>,
    ) -> Result<PublicKeyView, Error> {
        policy::see_dek(&who.principal, name)?;
        let (dek, row) = self.store.read(|view| {
            let dek = view.dek(name)?.ok_or(policy::NO_DEK)?;
            let row = match version {
                Some(version) => view.dek_version(name, version)?,
                None => Some(view.newest_version(&dek)?),
            };
            Ok((dek, row.ok_or(NEVER)?))
        })?;
        let public_key = row.public_key.ok_or(Error::Conflict(
            "this DEK is aes-256-gcm: only hybrid DEKs have public keys",
        ))?;
        row.state.usable()?;
        usable_here(&dek)?;
        Ok(PublicKeyView {
            version: row.version,
            algorithm: dek.algorithm,
            public_key: Base64::encode_string(&public_key),
        })
    }

    fn under_newest<I>(
        &self,
        who: &Caller,
        dek: &InUse<'_>,
        items: Items<I>,
        each: impl Fn(I) -> Result<Encrypted, Error>,
    ) -> Result<Items<Encrypted>, Error> {
        let newest = dek.dek.name.reference(&dek.newest()?);
        let object = |_: Option<&Encrypted>| Some(newest.clone());
        self.use_key(
            who,
            object,
            || dek.used(),
            items,
            |items| items.into_iter().map(|item| each(item?)),
        )
    }
}

const NEVER: Error = Error::Corrupt("this DEK never had that version");

fn fresh_data_key(
    bytes: usize,
    context: Option<canonical::Context>,
) -> Result<(ToSeal, Plaintext), Error> {
    if !DATA_KEY_BYTES.contains(&bytes) {
        return Err(Error::Invalid("bytes is 16, 24, 32 or 64"));
    }
    let mut random = vec![0; bytes];
    aes_gcm::random(&mut random)?;
    let key = Plaintext::new(random);
    let copy = Plaintext::new(key.expose().to_vec());
    Ok((ToSeal::new(copy, context)?, key))
}
