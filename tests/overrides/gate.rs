//! A key holder whose signing a test holds up, so that a countersignature is on its way for as long as it wants.

use std::sync::{Arc, Condvar, Mutex};

use aegis_custodian::{
    error::Error,
    id::KekVersion,
    kek::{
        Attributes, Condition, Context, Description, KekKeeper, KekProvider, KeyHolder, Keyring,
        NoteKeeper, State as KekState, TokenSigner, WrappedSecret,
    },
    secret::Secret,
};

#[derive(Debug)]
pub struct Gate {
    inner: Arc<dyn KeyHolder>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    shut: bool,
    broken: bool,
    waiting: usize,
}

impl Gate {
    pub fn new(inner: Arc<dyn KeyHolder>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Whoever signs waits from now on.
    pub fn shut(&self) {
        self.state.lock().unwrap().shut = true;
    }

    /// Whoever waits signs, or fails if the gate is broken.
    pub fn open(&self) {
        self.state.lock().unwrap().shut = false;
        self.changed.notify_all();
    }

    /// Whether signing fails from now on.
    pub fn breaks(&self, broken: bool) {
        self.state.lock().unwrap().broken = broken;
    }

    /// Returns when somebody waits.
    pub fn is_reached(&self) {
        let mut state = self.state.lock().unwrap();
        while state.waiting == 0 {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn pass(&self) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        self.changed.notify_all();
        while state.shut {
            state = self.changed.wait(state).unwrap();
        }
        state.waiting -= 1;
        match state.broken {
            true => Err(Error::kek("a test", "on purpose")),
            false => Ok(()),
        }
    }
}

impl KekProvider for Gate {
    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error> {
        self.inner.wrap(secret, context)
    }

    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error> {
        self.inner.unwrap(wrapped, context)
    }

    fn probe(&self) -> Result<(), Error> {
        self.inner.probe()
    }
}

impl KekKeeper for Gate {
    fn create(&self, version: &KekVersion) -> Result<(), Error> {
        self.inner.create(version)
    }

    fn prepare(&self, ring: &Keyring) -> Result<(), Error> {
        self.inner.prepare(ring)
    }

    fn adopt(&self, ring: Keyring) -> Result<(), Error> {
        self.inner.adopt(ring)
    }

    fn canary(&self, version: &KekVersion) -> Result<Vec<u8>, Error> {
        self.inner.canary(version)
    }

    fn attributes(&self, version: &KekVersion) -> Result<Attributes, Error> {
        self.inner.attributes(version)
    }

    fn delete(&self, version: &KekVersion) -> Result<(), Error> {
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

impl NoteKeeper for Gate {
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

impl TokenSigner for Gate {
    fn signs(&self) -> Result<bool, Error> {
        self.inner.signs()
    }

    fn create_signing_key(&self, id: &str) -> Result<[u8; 32], Error> {
        self.inner.create_signing_key(id)
    }

    fn sign(&self, id: &str, public_key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error> {
        self.pass()?;
        self.inner.sign(id, public_key, message)
    }
}
