//! A key holder whose signing a test holds up, so that a countersignature is on its way for as long as it wants.

use std::sync::{Arc, Condvar, Mutex};

use aegis_custodian::{error::Error, kek::KeyHolder};

use crate::passing_on::{Ask, Character, PassingOn};

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
    pub fn new(inner: Arc<dyn KeyHolder>) -> Arc<PassingOn<Self>> {
        Arc::new(PassingOn(Self {
            inner,
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
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

impl Character for Gate {
    fn inner(&self) -> &dyn KeyHolder {
        &*self.inner
    }

    fn before(&self, ask: Ask) -> Result<(), Error> {
        match ask == Ask::Sign {
            true => self.pass(),
            false => Ok(()),
        }
    }
}
