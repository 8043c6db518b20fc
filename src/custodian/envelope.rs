//! Encrypt, decrypt, rewrap and data keys: the only place that joins the KEK, a DEK and its cipher.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeSet, HashMap, hash_map::Entry},
    rc::Rc,
    sync::Arc,
};

use super::{
    Custodian,
    items::{ToOpen, ToSeal},
    opened::{OpenKey, Since},
};
use crate::{
    algorithm::Algorithm,
    crypto::{
        aes_gcm,
        blob::{DekBlob, DekBlobKind},
        hybrid::{Opener, Sealer},
    },
    error::Error,
    figures,
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

/// One DEK as one request uses it: each version is read once and opened once.
pub(super) struct InUse<'a> {
    custodian: &'a Custodian,
    since: Since,
    pub(super) dek: DekRow,
    /// The version that encrypts, once it was asked for: a damaged one harms no other.
    newest: OnceCell<DekVersion>,
    versions: RefCell<HashMap<DekVersion, Rc<VersionRow>>>,
    /// `None` is one that is not what was stored.
    keys: RefCell<HashMap<DekVersion, Option<Rc<OpenKey>>>>,
    /// Versions that were asked for without being used.
    living: RefCell<HashMap<DekVersion, bool>>,
    sealer: OnceCell<Arc<Sealer>>,
    openers: RefCell<HashMap<DekVersion, Arc<Opener>>>,
}

/// DEK versions that an answer came of.
pub(super) type Used = BTreeSet<(DekName, DekVersion)>;

impl Custodian {
    /// Takes a DEK into use.
    pub(super) fn in_use(&self, name: &DekName) -> Result<InUse<'_>, Error> {
        let since = self.opened.since();
        let dek = self.store.read(|view| view.dek(name))?;
        Ok(InUse {
            custodian: self,
            since,
            dek: dek.ok_or(policy::NO_DEK)?,
            newest: OnceCell::new(),
            versions: RefCell::default(),
            keys: RefCell::default(),
            living: RefCell::default(),
            sealer: OnceCell::new(),
            openers: RefCell::default(),
        })
    }
}

impl InUse<'_> {
    /// The versions that were used: the answer stands only while they may be. One that was out of use already made
    /// nothing: its items are refused alone.
    pub(super) fn used(&self) -> Used {
        let versions = self.versions.borrow();
        let used = versions.values().filter(|row| row.state.usable().is_ok());
        used.map(|row| (self.dek.name.clone(), row.version.clone()))
            .collect()
    }

    /// The version that encrypts.
    pub(super) fn newest(&self) -> Result<DekVersion, Error> {
        if let Some(known) = self.newest.get() {
            return Ok(known.clone());
        }
        let row = self
            .custodian
            .store
            .read(|view| view.newest_version(&self.dek))?;
        let version = row.version.clone();
        self.versions
            .borrow_mut()
            .insert(version.clone(), Rc::new(row));
        Ok(self.newest.get_or_init(|| version).clone())
    }

    /// Encrypts under the newest version.
    pub(super) fn encrypt(&self, item: &ToSeal) -> Result<Encrypted, Error> {
        let row = self.usable(&self.newest()?)?;
        let (name, version) = (&self.dek.name, &row.version);
        let plaintext = item.plaintext.expose();
        let (kind, payload) = match self.dek.algorithm {
            Algorithm::Aes256Gcm => {
                let key = self.key(&row)?;
                self.custodian.count_dek(name, version)?;
                let aad = DekBlob::aad(name, version, &item.context);
                let payload = aes_gcm::seal(key.expose(), &aad, plaintext)?;
                (DekBlobKind::Aead, payload)
            }
            Algorithm::MlKem768X25519 => {
                let info = DekBlob::info(name, version, &item.context);
                let payload = self.read_sealer(&row)?.seal(&info, plaintext)?;
                (DekBlobKind::Hpke, payload)
            }
        };
        let blob = DekBlob {
            kind,
            name: name.clone(),
            version: version.clone(),
            payload,
        };
        Ok(Encrypted {
            ciphertext: blob.encode(),
            version: blob.version,
        })
    }

    /// Decrypts what any version of this DEK encrypted.
    pub(super) fn decrypt(&self, item: &ToOpen) -> Result<Decrypted, Error> {
        let blob = DekBlob::decode(&item.blob)?;
        if blob.name != self.dek.name {
            return Err(Error::Corrupt("this blob was made by another DEK"));
        }
        let (name, version, context) = (&blob.name, &blob.version, &item.context);
        let row = self.usable(version)?;
        let plaintext = match (self.dek.algorithm, blob.kind) {
            (Algorithm::Aes256Gcm, DekBlobKind::Aead) => {
                let key = self.key(&row)?;
                let aad = DekBlob::aad(name, version, context);
                aes_gcm::open(key.expose(), &aad, &blob.payload)?
            }
            (Algorithm::MlKem768X25519, DekBlobKind::Hpke) => {
                let info = DekBlob::info(name, version, context);
                self.opener(version)?.open(&info, &blob.payload)?
            }
            _ => return Err(OTHER_KIND),
        };
        Ok(Decrypted {
            plaintext,
            version: blob.version,
        })
    }

    /// Decrypts and encrypts again under the newest version, with the same context.
    pub(super) fn rewrap(&self, item: ToOpen) -> Result<Encrypted, Error> {
        let plaintext = self.decrypt(&item)?.plaintext;
        self.encrypt(&ToSeal {
            plaintext,
            context: item.context,
        })
    }

    /// The version that encrypts, and its public key.
    pub(super) fn sealer(&self) -> Result<(DekVersion, Arc<Sealer>), Error> {
        if self.dek.algorithm != Algorithm::MlKem768X25519 {
            return Err(Error::Conflict(
                "this DEK is aes-256-gcm: events need a hybrid one, mlkem768-x25519; name another",
            ));
        }
        let row = self.usable(&self.newest()?)?;
        Ok((row.version.clone(), self.read_sealer(&row)?))
    }

    /// What opens blobs to the public key of a version.
    pub(super) fn opener(&self, version: &DekVersion) -> Result<Arc<Opener>, Error> {
        if self.dek.algorithm != Algorithm::MlKem768X25519 {
            return Err(OTHER_KIND);
        }
        let row = self.usable(version)?;
        if let Some(known) = self.openers.borrow().get(version) {
            return Ok(known.clone());
        }
        let opener = Arc::new(Opener::new(self.key(&row)?.expose())?);
        self.openers
            .borrow_mut()
            .insert(version.clone(), opener.clone());
        Ok(opener)
    }

    /// Whether there is such a version that is not to be destroyed.
    pub(super) fn lives(&self, version: &DekVersion) -> Result<bool, Error> {
        if let Some(known) = self.living.borrow().get(version) {
            return Ok(*known);
        }
        let (store, name) = (&self.custodian.store, &self.dek.name);
        let row = store.read(|view| view.dek_version(name, version))?;
        let lives = row.is_some_and(|row| row.state.changeable().is_ok());
        self.living.borrow_mut().insert(version.clone(), lives);
        Ok(lives)
    }

    fn read_sealer(&self, row: &VersionRow) -> Result<Arc<Sealer>, Error> {
        if let Some(known) = self.sealer.get() {
            return Ok(known.clone());
        }
        let public_key = row.public_key.as_ref().ok_or(DAMAGED)?;
        let sealer = Arc::new(Sealer::new(public_key)?);
        Ok(self.sealer.get_or_init(|| sealer).clone())
    }

    fn usable(&self, version: &DekVersion) -> Result<Rc<VersionRow>, Error> {
        usable_here(&self.dek)?;
        let row = match self.versions.borrow_mut().entry(version.clone()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => unknown.insert(Rc::new(self.read(version)?)).clone(),
        };
        row.state.usable()?;
        Ok(row)
    }

    fn read(&self, version: &DekVersion) -> Result<VersionRow, Error> {
        let (store, name) = (&self.custodian.store, &self.dek.name);
        let row = store.read(|view| view.dek_version(name, version))?;
        row.ok_or(Error::Corrupt(
            "this DEK never had the version that the blob names",
        ))
    }

    /// The secret of a version: kept from earlier, or opened in the token.
    fn key(&self, row: &VersionRow) -> Result<Rc<OpenKey>, Error> {
        let key = match self.keys.borrow_mut().entry(row.version.clone()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let key = self.custodian.open_version(self.since, &self.dek, row)?;
                unknown.insert(key.map(Rc::new)).clone()
            }
        };
        key.ok_or(DAMAGED)
    }
}

impl Custodian {
    fn open_version(
        &self,
        since: Since,
        dek: &DekRow,
        row: &VersionRow,
    ) -> Result<Option<OpenKey>, Error> {
        let reference = dek.name.reference(&row.version);
        // A token that does not answer gives no key, be it opened before.
        let proven = self.kek.condition().is_proven();
        let found = proven.then(|| self.opened.find(&reference)).flatten();
        let from = if found.is_some() { "cache" } else { "token" };
        metrics::counter!(figures::DEKS_OPENED, "from" => from).increment(1);
        if found.is_some() {
            return Ok(found);
        }
        let context = Context {
            purpose: Purpose::Dek,
            reference: &reference,
            algorithm: dek.algorithm.name(),
        };
        let wrapped = row.wrapped.as_ref().ok_or(DAMAGED)?;
        let opened = match self.kek.unwrap(wrapped, &context) {
            Err(Error::Corrupt(why)) => self.unwrap_moved(dek, row, &context, why),
            opened => opened,
        };
        match opened {
            Err(Error::Corrupt(_)) => Ok(None),
            key => Ok(Some(self.opened.keep(since, reference, key?))),
        }
    }

    /// Opens what a rotation of the KEK has moved since it was read: the version that it was under may be retired.
    fn unwrap_moved(
        &self,
        dek: &DekRow,
        row: &VersionRow,
        context: &Context<'_>,
        why: &'static str,
    ) -> Result<Secret<32>, Error> {
        let now = self
            .store
            .read(|view| view.dek_version(&dek.name, &row.version))?;
        let moved = now.and_then(|now| now.wrapped);
        match moved.filter(|moved| Some(moved) != row.wrapped.as_ref()) {
            Some(moved) => self.kek.unwrap(&moved, context),
            None => Err(Error::Corrupt(why)),
        }
    }
}

/// Whether this build has what a DEK encrypts by.
pub(super) fn usable_here(dek: &DekRow) -> Result<(), Error> {
    dek.algorithm
        .missing()
        .map_or(Ok(()), |why| Err(Error::Conflict(why)))
}

const DAMAGED: Error =
    Error::Corrupt("the stored DEK version is damaged; restore it from a backup");
const OTHER_KIND: Error = Error::Corrupt("this DEK makes no blobs of this kind");
