//! Encrypt and decrypt with DEKs: the only place that joins the KEK and the AEAD.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    Caller, Custodian,
    items::{Items, ToOpen, ToSeal},
};
use crate::{
    crypto::{aes_gcm, blob::DekBlob},
    error::Error,
    id::{DekName, DekVersion},
    kek::{Context, Purpose},
    policy,
    secret::{Plaintext, Secret},
    store::{DekRow, VersionRow},
};

/// An encrypted item.
#[derive(Debug)]
pub struct Encrypted {
    /// The blob's text.
    pub ciphertext: String,
    /// The DEK version that encrypted it.
    pub version: DekVersion,
}

/// A decrypted item.
#[derive(Debug)]
pub struct Decrypted {
    /// What was encrypted.
    pub plaintext: Plaintext,
    /// The DEK version that had encrypted it.
    pub version: DekVersion,
}

/// DEK versions opened for one request; `None` is one that is not what was stored.
type Opened = HashMap<DekVersion, Option<Secret<32>>>;

impl Custodian {
    /// Encrypts each item under the current version of a DEK in the caller's grants.
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
        let (dek, newest) = self.store.read(|view| {
            let dek = view.dek(name)?.ok_or(policy::NO_DEK)?;
            let newest = view.newest_version(name)?.ok_or(policy::NO_DEK)?;
            Ok((dek, newest))
        })?;
        let mut opened = Opened::new();
        let encrypt = |item: Result<ToSeal, Error>| {
            let item = item?;
            let row = || Ok(newest.clone());
            let key = self.opened(&mut opened, &dek, &newest.version, row)?;
            encrypt_one(name, &newest.version, key, &item)
        };
        let object = |_: Option<&Encrypted>| Some(name.reference(&newest.version));
        self.use_key(who, object, items, |items| items.into_iter().map(encrypt))
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
        let dek = self.store.read(|view| view.dek(name))?;
        let dek = dek.ok_or(policy::NO_DEK)?;
        let mut opened = Opened::new();
        let decrypt = |item: Result<ToOpen, Error>| self.decrypt_one(&dek, &item?, &mut opened);
        let object = |one: Option<&Decrypted>| {
            let reference = one.map(|one| name.reference(&one.version));
            Some(reference.unwrap_or_else(|| name.to_string()))
        };
        self.use_key(who, object, items, |items| items.into_iter().map(decrypt))
    }

    fn decrypt_one(
        &self,
        dek: &DekRow,
        item: &ToOpen,
        opened: &mut Opened,
    ) -> Result<Decrypted, Error> {
        let blob = DekBlob::decode(&item.blob)?;
        if blob.name != dek.name {
            return Err(Error::Corrupt("this blob was made by another DEK"));
        }
        let key = self.opened(opened, dek, &blob.version, || {
            let row = self
                .store
                .read(|view| view.dek_version(&dek.name, &blob.version))?;
            row.ok_or(Error::Corrupt(
                "this DEK never had the version that the blob names",
            ))
        })?;
        let aad = DekBlob::payload_aad(&dek.name, &blob.version, &item.context);
        let plaintext = aes_gcm::open(key, &aad, &blob.payload)?;
        Ok(Decrypted {
            plaintext,
            version: blob.version,
        })
    }

    /// The key of a version, opened in the token at its first use in a request.
    fn opened<'a>(
        &self,
        opened: &'a mut Opened,
        dek: &DekRow,
        version: &DekVersion,
        row: impl FnOnce() -> Result<VersionRow, Error>,
    ) -> Result<&'a Secret<32>, Error> {
        let key = match opened.entry(version.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.open_version(dek, &row()?)?),
        };
        key.as_ref().ok_or(Error::Corrupt(
            "the stored DEK version is damaged; restore it from a backup",
        ))
    }

    fn open_version(&self, dek: &DekRow, row: &VersionRow) -> Result<Option<Secret<32>>, Error> {
        let context = Context {
            purpose: Purpose::Dek,
            reference: &dek.name.reference(&row.version),
            algorithm: dek.algorithm,
        };
        match self.kek.unwrap(&row.wrapped, &context) {
            Err(Error::Corrupt(_)) => Ok(None),
            key => key.map(Some),
        }
    }
}

fn encrypt_one(
    name: &DekName,
    version: &DekVersion,
    key: &Secret<32>,
    item: &ToSeal,
) -> Result<Encrypted, Error> {
    let aad = DekBlob::payload_aad(name, version, &item.context);
    let blob = DekBlob {
        name: name.clone(),
        version: version.clone(),
        payload: aes_gcm::seal(key, &aad, item.plaintext.expose())?,
    };
    Ok(Encrypted {
        ciphertext: blob.encode(),
        version: version.clone(),
    })
}
