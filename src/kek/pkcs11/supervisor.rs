//! Owns the token's state, up or down, and the thread that opens it again. While it is down, every call is
//! refused without touching it.

use std::{
    fmt, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    keys::Keys,
    token::{Address, Live},
};
use crate::{error::Error, kek::Keyring};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the provider and its supervisor share.
pub(super) struct Shared {
    address: Address,
    deadline: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    phase: Phase,
    ring: Option<Arc<Keyring>>,
    generation: u64,
}

enum Phase {
    Up(Arc<Live>),
    /// Just lost; the first attempt to open it again is worth waiting for.
    Reopening {
        since: Instant,
        old: Option<Arc<Live>>,
    },
    Down,
    Stopped,
}

impl Shared {
    /// Opens the token for the first time.
    pub(super) fn open(address: Address, deadline: Duration) -> Result<Arc<Self>, Error> {
        // Made by another process since the library was initialised, a token is seen only after a fresh start.
        let afresh = !address.is_in_sight()?;
        let live = Live::open(&address, None, 0, afresh)?;
        Ok(Arc::new(Self {
            address,
            deadline,
            state: Mutex::new(State {
                phase: Phase::Up(Arc::new(live)),
                ring: None,
                generation: 0,
            }),
            changed: Condvar::new(),
        }))
    }

    /// The open token. Waits, but not beyond `deadline`, if it is just being opened again; fails at once if it is down.
    pub(super) fn live(&self, deadline: Instant) -> Result<Arc<Live>, Error> {
        let mut state = self.lock();
        loop {
            let until = match &state.phase {
                Phase::Up(live) => return Ok(Arc::clone(live)),
                Phase::Reopening { since, .. } => deadline.min(*since + self.deadline),
                Phase::Down => return Err(Error::kek("asking the token", "it is down")),
                Phase::Stopped => return Err(Error::kek("asking the token", "it is closed")),
            };
            let pause = until.saturating_duration_since(Instant::now());
            if pause.is_zero() {
                return Err(Error::kek("asking the token", "it is being opened again"));
            }
            state = self.wait(state, pause);
        }
    }

    /// The ring that was adopted last; it outlives generations of the token.
    pub(super) fn ring(&self) -> Option<Arc<Keyring>> {
        self.lock().ring.clone()
    }

    /// Makes `ring` the one to use, if `live`, in which `keys` were found, is still the open token.
    pub(super) fn adopt(&self, live: &Arc<Live>, ring: Keyring, keys: Keys) -> Result<(), Error> {
        let mut state = self.lock();
        match &state.phase {
            Phase::Up(now) if Arc::ptr_eq(now, live) => live.set_keys(Arc::new(keys)),
            Phase::Up(_) | Phase::Reopening { .. } | Phase::Down | Phase::Stopped => {
                return Err(Error::kek(
                    "adopting the KEK",
                    "the token was opened again meanwhile",
                ));
            }
        }
        state.ring = Some(Arc::new(ring));
        Ok(())
    }

    /// Takes that generation of the token out of use and wakes the supervisor. Late news of an older one is nothing.
    pub(super) fn lose(&self, generation: u64, cause: &dyn fmt::Debug) {
        let mut state = self.lock();
        let Phase::Up(live) = &state.phase else {
            return;
        };
        if live.generation != generation {
            return;
        }
        tracing::warn!(?cause, "the token is lost; opening it again");
        let old = Some(Arc::clone(live));
        let since = Instant::now();
        state.phase = Phase::Reopening { since, old };
        drop(state);
        self.changed.notify_all();
    }

    /// Starts the thread that opens the token again whenever it is lost.
    pub(super) fn supervise(self: &Arc<Self>) -> Result<JoinHandle<()>, Error> {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("token-supervisor".to_owned());
        thread
            .spawn(move || while shared.watch() {})
            .map_err(|error| Error::kek("starting the token's supervisor", error))
    }

    /// Ends the supervisor and closes the token's sessions, as far as no call is stuck in one.
    pub(super) fn stop(&self) {
        let phase = mem::replace(&mut self.lock().phase, Phase::Stopped);
        self.changed.notify_all();
        if let Phase::Up(live) = phase {
            self.retire(live);
        }
    }

    /// Waits for a loss and mends it; `false` when it is time to end.
    fn watch(&self) -> bool {
        let mut state = self.lock();
        let (old, ring, generation) = loop {
            let ring = state.ring.clone();
            let generation = state.generation.saturating_add(1);
            match &mut state.phase {
                Phase::Reopening { old, .. } => break (old.take(), ring, generation),
                Phase::Stopped => return false,
                Phase::Up(live) if self.address.module.wants_renewal() => {
                    let generation = live.generation;
                    drop(state);
                    self.lose(
                        generation,
                        &"another user of the library must initialise it",
                    );
                    state = self.lock();
                }
                Phase::Up(_) | Phase::Down => state = self.wait(state, LONGEST_PAUSE),
            }
        };
        state.generation = generation;
        drop(state);
        if let Some(old) = old {
            self.retire(old);
        }
        self.reopen(ring.as_deref(), generation)
    }

    fn reopen(&self, ring: Option<&Keyring>, generation: u64) -> bool {
        let mut pause = FIRST_PAUSE;
        let mut said = String::new();
        loop {
            let error = match Live::open(&self.address, ring, generation, true) {
                Ok(live) => return self.publish(live),
                Err(error) => error,
            };
            let cause = format!("{error:?}");
            if cause != said {
                tracing::warn!(cause, "the token is down");
                said = cause;
            }
            let mut state = self.lock();
            if matches!(state.phase, Phase::Stopped) {
                return false;
            }
            state.phase = Phase::Down;
            self.changed.notify_all();
            drop(self.wait(state, pause));
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn publish(&self, live: Live) -> bool {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Stopped) {
            return false;
        }
        state.phase = Phase::Up(Arc::new(live));
        drop(state);
        self.changed.notify_all();
        tracing::info!("the token is up");
        true
    }

    /// Closes a generation's sessions, once the calls in it have come back. One that is stuck keeps it open:
    /// its lease then forbids C_Finalize, and the token is opened again beside it.
    fn retire(&self, live: Arc<Live>) {
        // Half, so that those who wait for the reopening have the other half for their call.
        let patience = Instant::now() + self.deadline / 2;
        while Arc::strong_count(&live) > 1 && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, pause: Duration) -> MutexGuard<'a, State> {
        let woken = self.changed.wait_timeout(state, pause);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
