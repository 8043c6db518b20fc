//! A key holder that goes away and comes back when a test says so.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};

use aegis_custodian::{
    error::Error,
    id::KekVersion,
    kek::{
        Attributes, Condition, Context, Description, KekKeeper, KekProvider, Keyring, NoteKeeper,
        State as KekState, TokenSigner, WrappedSecret, pkcs11::Pkcs11Kek,
    },
    secret::Secret,
};

use crate::softhsm;

/// What it does.
#[derive(Debug)]
pub struct Switch {
    pub down: AtomicBool,
    /// Keys that it makes before it goes away; negative is any number.
    pub creations: AtomicI64,
    /// Secrets that it wraps before it goes away; negative is any number.
    pub wraps: AtomicI64,
    /// Whether it wraps other secrets than it is given.
    pub exchanges: AtomicBool,
}

#[derive(Debug)]
pub struct Flaky {
    inner: Pkcs11Kek,
    pub switch: Arc<Switch>,
}

impl Flaky {
    pub fn new() -> Self {
        Self {
            inner: softhsm::Token::new().open(1),
            switch: Arc::new(Switch {
                down: AtomicBool::new(false),
                creations: AtomicI64::new(-1),
                wraps: AtomicI64::new(-1),
                exchanges: AtomicBool::new(false),
            }),
        }
    }

    fn is_there(&self) -> Result<(), Error> {
        match self.switch.down.load(SeqCst) {
            true => Err(Error::kek("a test", "on purpose")),
            false => Ok(()),
        }
    }

    fn spend(&self, from: &AtomicI64) -> Result<(), Error> {
        if from.load(SeqCst) >= 0 && from.fetch_sub(1, SeqCst) == 0 {
            self.switch.down.store(true, SeqCst);
        }
        self.is_there()
    }
}

impl KekProvider for Flaky {
    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error> {
        self.spend(&self.switch.wraps)?;
        match self.switch.exchanges.load(SeqCst) {
            true => self
                .inner
                .wrap(&Secret::take(&mut [7; 32]).unwrap(), context),
            false => self.inner.wrap(secret, context),
        }
    }

    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error> {
        self.is_there()?;
        self.inner.unwrap(wrapped, context)
    }

    fn probe(&self) -> Result<(), Error> {
        self.is_there()?;
        self.inner.probe()
    }
}

impl KekKeeper for Flaky {
    fn create(&self, version: &KekVersion) -> Result<(), Error> {
        self.spend(&self.switch.creations)?;
        self.inner.create(version)
    }

    fn prepare(&self, ring: &Keyring) -> Result<(), Error> {
        self.is_there()?;
        self.inner.prepare(ring)
    }

    fn adopt(&self, ring: Keyring) -> Result<(), Error> {
        self.is_there()?;
        self.inner.adopt(ring)
    }

    fn canary(&self, version: &KekVersion) -> Result<Vec<u8>, Error> {
        self.is_there()?;
        self.inner.canary(version)
    }

    fn attributes(&self, version: &KekVersion) -> Result<Attributes, Error> {
        self.is_there()?;
        self.inner.attributes(version)
    }

    fn delete(&self, version: &KekVersion) -> Result<(), Error> {
        self.is_there()?;
        self.inner.delete(version)
    }

    fn description(&self) -> Description {
        self.inner.description()
    }

    fn condition(&self) -> &Condition {
        self.inner.condition()
    }

    fn close(&self) {
        self.inner.close();
    }

    fn reconnect(&self) -> KekState {
        self.inner.reconnect()
    }
}

impl NoteKeeper for Flaky {
    fn notes(&self) -> Result<Vec<Vec<u8>>, Error> {
        self.inner.notes()
    }

    fn keep_note(&self, note: &[u8]) -> Result<bool, Error> {
        self.inner.keep_note(note)
    }

    fn sign_note(
        &self,
        id: &str,
        public_key: &[u8; 32],
        message: &[u8],
    ) -> Result<[u8; 64], Error> {
        self.inner.sign_note(id, public_key, message)
    }
}

impl TokenSigner for Flaky {
    fn signs(&self) -> Result<bool, Error> {
        self.inner.signs()
    }

    fn create_signing_key(&self, id: &str) -> Result<[u8; 32], Error> {
        self.inner.create_signing_key(id)
    }

    fn sign(&self, id: &str, public_key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        self.inner.sign(id, public_key, message)
    }
}
