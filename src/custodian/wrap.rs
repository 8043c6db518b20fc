//! Wrap, unwrap, rewrap: any key material under the KEK itself, nothing stored (api.md section 6).

use std::collections::BTreeSet;

use super::{
    Caller, Custodian,
    items::{Items, ToOpen, ToSeal},
};
use crate::{
    algorithm::Algorithm,
    crypto::{aes_gcm, blob::KekBlob},
    error::Error,
    id::KekVersion,
    kek::{Context, Purpose},
    secret::{Plaintext, Secret},
};

/// A wrapped or rewrapped item.
#[derive(Debug)]
pub struct Wrapped {
    /// The blob's text.
    pub blob: String,
    /// The KEK version that wraps it.
    pub kek: KekVersion,
}

/// An unwrapped item.
#[derive(Debug)]
pub struct Unwrapped {
    /// What was wrapped.
    pub plaintext: Plaintext,
    /// The KEK version that wrapped it.
    pub kek: KekVersion,
}

const ONE_TIME: Context<'static> = Context {
    purpose: Purpose::OneTime,
    reference: "",
    algorithm: Algorithm::Aes256Gcm.name(),
};

impl Custodian {
    /// Wraps each item under a one-time key of its own, and that under the KEK.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if token or audit log do not answer; for one item, its refusal.
    pub fn wrap(&self, who: &Caller, items: Items<ToSeal>) -> Result<Items<Wrapped>, Error> {
        let scope = &who.principal.wrap_scope;
        let wrap = |item: Result<ToSeal, Error>| self.wrap_one(scope, &item?);
        self.use_key(who, wrapped_by, BTreeSet::new, items, |items| {
            items.into_iter().map(wrap)
        })
    }

    /// Opens each blob that a principal of the caller's wrap scope made.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if token or audit log do not answer; for one item, its refusal.
    pub fn unwrap(&self, who: &Caller, items: Items<ToOpen>) -> Result<Items<Unwrapped>, Error> {
        let scope = &who.principal.wrap_scope;
        self.use_key(who, unwrapped_by, BTreeSet::new, items, |items| {
            let blobs = items.into_iter().map(|item| {
                let item = item?;
                Ok((KekBlob::decode(&item.blob)?, item.context))
            });
            let opened = self.open_one_time_keys(blobs.collect());
            opened.into_iter().map(|opened| unwrap_one(scope, opened?))
        })
    }

    /// Moves each blob to the current KEK version; no payload is opened.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if token or audit log do not answer; for one item, its refusal.
    pub fn rewrap(&self, who: &Caller, items: Items<String>) -> Result<Items<Wrapped>, Error> {
        self.use_key(who, wrapped_by, BTreeSet::new, items, |items| {
            let blobs = items
                .into_iter()
                .map(|text| Ok((KekBlob::decode(&text?)?, ())));
            let opened = self.open_one_time_keys(blobs.collect());
            opened.into_iter().map(|opened| self.rewrap_one(opened?))
        })
    }

    fn wrap_one(&self, scope: &str, item: &ToSeal) -> Result<Wrapped, Error> {
        let key = aes_gcm::fresh_key()?;
        let aad = KekBlob::payload_aad(scope, &item.context);
        let payload = aes_gcm::seal(key.expose(), &aad, item.plaintext.expose())?;
        let one_time = self.wrap_secret(&key, &ONE_TIME)?;
        let kek = one_time.kek.clone();
        let blob = KekBlob { one_time, payload }.encode()?;
        Ok(Wrapped { blob, kek })
    }

    fn rewrap_one(&self, opened: Opened<()>) -> Result<Wrapped, Error> {
        let one_time = self.wrap_secret(&opened.key, &ONE_TIME)?;
        let kek = one_time.kek.clone();
        let payload = opened.blob.payload;
        let blob = KekBlob { one_time, payload }.encode()?;
        Ok(Wrapped { blob, kek })
    }

    /// Asks the key holder for all one-time keys at once, so that it can share the cost of doubt.
    fn open_one_time_keys<T>(
        &self,
        blobs: Vec<Result<(KekBlob, T), Error>>,
    ) -> Vec<Result<Opened<T>, Error>> {
        let may_open = |blob: (KekBlob, T)| {
            self.current_kek.opens(&blob.0.one_time.kek)?;
            Ok(blob)
        };
        let blobs = blobs.into_iter().map(|blob| blob.and_then(may_open));
        let blobs: Vec<_> = blobs.collect();
        let whole = blobs.iter().filter_map(|blob| blob.as_ref().ok());
        let asked: Vec<_> = whole.map(|(blob, _)| (&blob.one_time, ONE_TIME)).collect();
        let mut keys = self.kek.unwrap_each(&asked).into_iter();
        let mut join = |blob: Result<(KekBlob, T), Error>| {
            let (blob, rest) = blob?;
            let key = keys
                .next()
                .unwrap_or_else(|| Err(Error::internal("a key was lost")))?;
            Ok(Opened { blob, key, rest })
        };
        blobs.into_iter().map(&mut join).collect()
    }
}

fn wrapped_by(one: Option<&Wrapped>) -> Option<String> {
    one.map(|one| one.kek.to_string())
}

fn unwrapped_by(one: Option<&Unwrapped>) -> Option<String> {
    one.map(|one| one.kek.to_string())
}

/// A blob whose one-time key is open.
struct Opened<T> {
    blob: KekBlob,
    key: Secret<32>,
    rest: T,
}

fn unwrap_one(scope: &str, opened: Opened<Vec<u8>>) -> Result<Unwrapped, Error> {
    let aad = KekBlob::payload_aad(scope, &opened.rest);
    let plaintext = aes_gcm::open(opened.key.expose(), &aad, &opened.blob.payload)?;
    let kek = opened.blob.one_time.kek;
    Ok(Unwrapped { plaintext, kek })
}
