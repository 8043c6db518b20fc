//! A KEK in files of this machine: for `custodian dev` and tests only, where no token can be had.
//!
//! Anyone who can read its folder has the KEK. It keeps the same contract as a token (`tests/kek.rs`).

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{RwLock, RwLockReadGuard},
};

use zeroize::Zeroizing;

use crate::{
    algorithm::Mechanism,
    crypto::aes_gcm::{self, NONCE_BYTES},
    error::Error,
    id::KekVersion,
    kek::{
        Attributes, CANARY_AAD, CANARY_NONCE, CANARY_SECRET, Condition, Context, Description,
        KekKeeper, KekProvider, Keyring, NoteKeeper, Provider, State, TokenSigner, WrappedSecret,
    },
    private_file,
    secret::Secret,
};

/// KEK versions as one file each below a folder.
pub struct SoftwareKek {
    folder: PathBuf,
    condition: Condition,
    live: RwLock<Option<Live>>,
}

struct Live {
    current: KekVersion,
    keys: HashMap<KekVersion, Secret<32>>,
}

impl SoftwareKek {
    /// Uses `folder`, made if it is not there; nothing is usable before [`KekKeeper::adopt`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|error| Error::kek("making the KEK's folder", error))?;
        Ok(Self {
            folder: folder.to_owned(),
            condition: Condition::always_up(),
            live: RwLock::new(None),
        })
    }

    fn file(&self, version: &KekVersion) -> PathBuf {
        self.folder.join(format!("{version}.key"))
    }

    fn read(&self, version: &KekVersion) -> Result<Secret<32>, Error> {
        let bytes = fs::read(self.file(version));
        let mut bytes = Zeroizing::new(bytes.map_err(|error| {
            Error::kek(
                "reading the KEK's file (a folder made with --kek softhsm has none)",
                error,
            )
        })?);
        Secret::take(&mut bytes).ok_or_else(|| Error::kek("reading the KEK", "it is not 32 bytes"))
    }

    fn live(&self) -> RwLockReadGuard<'_, Option<Live>> {
        self.live
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn with_key<T>(
        &self,
        version: Option<&KekVersion>,
        work: impl FnOnce(&KekVersion, &Secret<32>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let guard = self.live();
        let live = guard
            .as_ref()
            .ok_or_else(|| Error::kek("using the KEK", "no KEK is adopted"))?;
        let version = version.unwrap_or(&live.current);
        let key = live.keys.get(version);
        work(
            version,
            key.ok_or(Error::Corrupt("no KEK version of that name is in use"))?,
        )
    }
}

impl std::fmt::Debug for SoftwareKek {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SoftwareKek")
    }
}

impl KekProvider for SoftwareKek {
    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error> {
        self.with_key(None, |version, key| {
            let sealed = aes_gcm::seal(key.expose(), &context.aad(version), secret.expose())?;
            let (nonce, sealed) = sealed.split_at(NONCE_BYTES);
            Ok(WrappedSecret {
                kek: version.clone(),
                mechanism: Mechanism::AesGcm,
                nonce: nonce.to_vec(),
                sealed: sealed.to_vec(),
            })
        })
    }

    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error> {
        self.with_key(Some(&wrapped.kek), |version, key| {
            let sealed = [wrapped.nonce.as_slice(), &wrapped.sealed].concat();
            let opened = aes_gcm::open(key.expose(), &context.aad(version), &sealed)?;
            let mut opened = Zeroizing::new(opened.expose().to_vec());
            Secret::take(&mut opened).ok_or(Error::Corrupt("the wrapped secret is not 32 bytes"))
        })
    }

    fn probe(&self) -> Result<(), Error> {
        let current = self.live().as_ref().map(|live| live.current.clone());
        let current = current.ok_or_else(|| Error::kek("using the KEK", "no KEK is adopted"))?;
        self.canary(&current).map(drop)
    }
}

impl KekKeeper for SoftwareKek {
    fn create(&self, version: &KekVersion) -> Result<(), Error> {
        if self.file(version).exists() {
            return self.read(version).map(drop);
        }
        let key = aes_gcm::fresh_key()?;
        private_file::write(&self.file(version), key.expose())
            .map_err(|error| Error::kek("writing the KEK", error))
    }

    fn adopt(&self, ring: Keyring) -> Result<(), Error> {
        let mut keys = HashMap::new();
        for entry in &ring.versions {
            let key = self.read(&entry.version)?;
            if entry
                .canary
                .as_ref()
                .is_some_and(|canary| seal_canary(&key).ok().as_ref() != Some(canary))
            {
                return Err(Error::kek(
                    "adopting the KEK",
                    "its canary was made by another key",
                ));
            }
            keys.insert(entry.version.clone(), key);
        }
        if !keys.contains_key(&ring.current) {
            return Err(Error::kek(
                "adopting the KEK",
                "the current version is not in the ring",
            ));
        }
        let live = Live {
            current: ring.current,
            keys,
        };
        *self
            .live
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(live);
        Ok(())
    }

    fn canary(&self, version: &KekVersion) -> Result<Vec<u8>, Error> {
        seal_canary(&self.read(version)?)
    }

    /// A file has none.
    fn attributes(&self, version: &KekVersion) -> Result<Attributes, Error> {
        self.read(version).map(|_| Attributes::default())
    }

    fn versions(&self) -> Result<BTreeSet<KekVersion>, Error> {
        let failed = |error| Error::kek("listing the KEK versions", error);
        let mut names = BTreeSet::new();
        for file in fs::read_dir(&self.folder).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let named: Option<KekVersion> = stem.and_then(|stem| stem.parse().ok());
            names.extend(named.filter(|version| path == self.file(version)));
        }
        Ok(names)
    }

    fn delete(&self, version: &KekVersion) -> Result<(), Error> {
        const DELETING: &str = "deleting a KEK";
        if self
            .live()
            .as_ref()
            .is_none_or(|live| live.current == *version)
        {
            return Err(Error::kek(DELETING, "it is the key that wraps"));
        }
        let removed = match fs::remove_file(self.file(version)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        let durable = removed.and_then(|()| fs::File::open(&self.folder)?.sync_all());
        durable.map_err(|error| Error::kek(DELETING, error))
    }

    fn description(&self) -> Description {
        Description {
            provider: Provider::Software,
            mechanism: Mechanism::AesGcm,
            keys_in_token: false,
        }
    }

    fn condition(&self) -> &Condition {
        &self.condition
    }

    /// There is nothing to open.
    fn reconnect(&self) -> State {
        self.condition.state()
    }
}

/// A file beside the KEK, outside the database, as a token is.
impl NoteKeeper for SoftwareKek {
    fn notes(&self) -> Result<Vec<Vec<u8>>, Error> {
        match fs::read(self.folder.join(NOTE)) {
            Ok(note) => Ok(vec![note]),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::kek("reading the checkpoint beside the KEK", error)),
        }
    }

    fn keep_note(&self, note: &[u8]) -> Result<bool, Error> {
        let kept = private_file::write(&self.folder.join(NOTE), note);
        kept.map_err(|error| Error::kek("keeping the checkpoint beside the KEK", error))?;
        Ok(true)
    }

    fn sign_note(
        &self,
        id: &str,
        public_key: &[u8; 32],
        message: &[u8],
    ) -> Result<[u8; 64], Error> {
        self.sign(id, public_key, message)
    }
}

/// It has no token: whoever asks whether it signs wraps the seeds of signing keys instead.
impl TokenSigner for SoftwareKek {
    fn signs(&self) -> Result<bool, Error> {
        Ok(false)
    }

    fn create_signing_key(&self, _: &str) -> Result<[u8; 32], Error> {
        Err(Error::kek("making a signing key", NO_TOKEN))
    }

    fn sign(&self, _: &str, _: &[u8; 32], _: &[u8]) -> Result<[u8; 64], Error> {
        Err(Error::kek("signing", NO_TOKEN))
    }
}

/// The file's name.
const NOTE: &str = "audit-checkpoint";

const NO_TOKEN: &str = "a software KEK has no token to sign in";

fn seal_canary(key: &Secret<32>) -> Result<Vec<u8>, Error> {
    aes_gcm::seal_with_nonce(key.expose(), &CANARY_NONCE, CANARY_AAD, &CANARY_SECRET)
}
