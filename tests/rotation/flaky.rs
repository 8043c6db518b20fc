//! A key holder that goes away and comes back when a test says so.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};

use aegis_custodian::{
    error::Error,
    kek::{Context, KekProvider, KeyHolder, WrappedSecret, pkcs11::Pkcs11Kek},
    secret::Secret,
};

use crate::{
    passing_on::{Ask, Character, PassingOn},
    softhsm,
};

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
    pub fn new() -> PassingOn<Self> {
        PassingOn(Self {
            inner: softhsm::Token::new().open(1),
            switch: Arc::new(Switch {
                down: AtomicBool::new(false),
                creations: AtomicI64::new(-1),
                wraps: AtomicI64::new(-1),
                exchanges: AtomicBool::new(false),
            }),
        })
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

impl Character for Flaky {
    fn inner(&self) -> &dyn KeyHolder {
        &self.inner
    }

    fn before(&self, ask: Ask) -> Result<(), Error> {
        match ask {
            Ask::Create => self.spend(&self.switch.creations),
            Ask::Wrap => self.spend(&self.switch.wraps),
            Ask::Notes | Ask::KeepNote | Ask::SignNote => Ok(()),
            Ask::CreateSigningKey | Ask::Sign | Ask::Signs => Ok(()),
            Ask::Adopt
            | Ask::Attributes
            | Ask::Canary
            | Ask::Delete
            | Ask::Prepare
            | Ask::Probe
            | Ask::Unwrap => self.is_there(),
        }
    }

    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error> {
        match self.switch.exchanges.load(SeqCst) {
            true => {
                let another = Secret::take(&mut [7; 32]).unwrap();
                self.inner.wrap(&another, context)
            }
            false => self.inner.wrap(secret, context),
        }
    }
}
