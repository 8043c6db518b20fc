//! A key holder that fails when it is told to, or lies.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use aegis_custodian::{
    error::Error,
    kek::{Context, KeyHolder, WrappedSecret},
    secret::Secret,
};

use crate::passing_on::{Ask, Character, PassingOn};

/// What it answers instead of the truth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lie {
    /// Another seed, and another signature.
    Another,
    /// The seed as if it belonged to another key.
    OtherPlace,
    /// What was sealed is not the same any more.
    Corrupt,
}

pub const LIES: [Lie; 3] = [Lie::Another, Lie::OtherPlace, Lie::Corrupt];

const NEVER: usize = usize::MAX;

#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn KeyHolder>,
    /// Calls that still succeed.
    left: AtomicUsize,
    failed: AtomicBool,
    lie: Mutex<Option<Lie>>,
}

impl Faulty {
    pub fn new(inner: Arc<dyn KeyHolder>) -> PassingOn<Self> {
        PassingOn(Self {
            inner,
            left: AtomicUsize::new(NEVER),
            failed: AtomicBool::new(false),
            lie: Mutex::new(None),
        })
    }

    /// Fails after so many calls that make, wrap or open, and from then on.
    pub fn fail_after(&self, calls: usize) {
        self.left.store(calls, SeqCst);
    }

    /// Fails no more; answers whether it did not need to.
    pub fn heal(&self) -> bool {
        self.left.store(NEVER, SeqCst);
        !self.failed.swap(false, SeqCst)
    }

    pub fn lie(&self, lie: Option<Lie>) {
        *self.lie.lock().unwrap() = lie;
    }

    fn told(&self) -> Option<Lie> {
        *self.lie.lock().unwrap()
    }

    /// Whether the process is still alive, so to speak.
    fn goes_on(&self) -> Result<(), Error> {
        let one_less = |left: usize| match left {
            NEVER => Some(NEVER),
            left => left.checked_sub(1),
        };
        let went = self.left.fetch_update(SeqCst, SeqCst, one_less);
        went.map(drop).map_err(|_| {
            self.failed.store(true, SeqCst);
            Error::kek("a test", "on purpose")
        })
    }
}

impl Character for Faulty {
    fn inner(&self) -> &dyn KeyHolder {
        &*self.inner
    }

    fn before(&self, ask: Ask) -> Result<(), Error> {
        match matches!(ask, Ask::Wrap | Ask::Unwrap | Ask::Signs) {
            true => self.goes_on(),
            false => Ok(()),
        }
    }

    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error> {
        match self.told() {
            None => self.inner.unwrap(wrapped, context),
            Some(Lie::Another) => Ok(Secret::take(&mut [9; 32]).unwrap()),
            Some(Lie::OtherPlace) => {
                let reference = "schema/ed25519";
                let context = Context {
                    reference,
                    ..*context
                };
                self.inner.unwrap(wrapped, &context)
            }
            Some(Lie::Corrupt) => Err(Error::Corrupt("on purpose")),
        }
    }

    /// Fails after the key was made, as a kill does that comes before it is written down.
    fn create_signing_key(&self, id: &str) -> Result<[u8; 32], Error> {
        let made = self.inner.create_signing_key(id)?;
        self.goes_on().map(|()| made)
    }

    fn sign(&self, id: &str, public_key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        match self.told() {
            None => self.inner.sign(id, public_key, message),
            Some(_) => Ok([9; 64]),
        }
    }

    fn sign_note(&self, id: &str, key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        self.sign(id, key, message)
    }
}
