//! Owns the open token and the thread that opens it again. While it is down, every call is refused without touching it.
//!
//! What is done (here), and what is said of it (`kek/condition.rs`, which also hears of stuck calls and of keys that do
//! not sign):
//!
//! ```text
//!            lose, reconnect                 the first attempt fails, or a call waited in vain
//!     Up ─────────────────────▶ Reopening ──────────────────────────────────────────▶ Down ◀─┐ each attempt
//!     ▲ ▲                           │                                                  │  └──┘ that fails
//!     │ └─────── it is open ────────┘                                                  │
//!     └───────── it is open: login, keys, canaries ────────────────────────────────────┘
//!
//!     up or degraded │ Up, and Reopening until a call waited in vain: a loss that costs no call is no outage
//!     degraded       │ as up, with calls stuck, or a signing key or a data object that cannot be used
//!     down           │ Down; Up, while the round trip does not come back (`stalled`): only round trips are tried
//! ```

use std::{
    fmt, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::{
    fault::cause,
    keys::Keys,
    pool::{Pool, Stuck, Witness},
    token::{Address, Live},
};
use crate::{
    error::Error,
    kek::{Cause, Condition, Keyring, Load, State as Shown, Trouble},
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Jitter makes it up to twice as long: with one attempt that hangs, a token that is back is used within five seconds.
const LONGEST_PAUSE: Duration = Duration::from_millis(600);
/// An attempt to open the token may take this many times the deadline of a call; then the next is made beside it.
const PATIENCE: u32 = 2;
/// So long passes between two looks for an object that was not found, or not as it must be.
const LOOK: Duration = Duration::from_secs(3);
/// How often it is looked whether another user of the library needs it initialised.
const TURN: Duration = Duration::from_secs(1);

/// What the provider and its supervisor share.
pub(super) struct Shared {
    address: Arc<Address>,
    deadline: Duration,
    opener: Pool,
    condition: Arc<Condition>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    phase: Phase,
    ring: Option<Arc<Keyring>>,
    generation: u64,
    /// When it was last opened only to look for an object.
    looked: Option<Instant>,
    /// An operator wants an attempt that has not begun.
    asked: bool,
    /// Attempts that came to an end and were begun because an operator asked.
    answered: u64,
}

enum Phase {
    Down(Cause),
    /// Just lost; the first attempt to open it again is worth waiting for.
    Reopening {
        since: Instant,
        old: Option<Arc<Live>>,
    },
    Stopped,
    Up(Arc<Live>),
}

impl Shared {
    /// Opens the token for the first time.
    pub(super) fn open(
        address: Address,
        deadline: Duration,
        condition: Arc<Condition>,
    ) -> Result<Arc<Self>, Error> {
        let (address, opener) = (
            Arc::new(address),
            Pool::start(1, "token-opener", witness(&condition))?,
        );
        let first = Arc::clone(&address);
        let open = move || {
            // Made by another process since the library was initialised, a token is seen only after a fresh start.
            let afresh = !first.is_in_sight()?;
            Live::open(&first, None, 0, afresh)
        };
        let live = opener.run(Instant::now() + deadline.saturating_mul(PATIENCE), open)??;
        condition.found();
        Ok(Arc::new(Self {
            address,
            deadline,
            opener,
            condition,
            state: Mutex::new(State {
                phase: Phase::Up(Arc::new(live)),
                ring: None,
                generation: 0,
                looked: None,
                asked: false,
                answered: 0,
            }),
            changed: Condvar::new(),
        }))
    }

    pub(super) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// How busy the thread is that opens the token.
    pub(super) fn load(&self) -> Load {
        self.opener.load()
    }

    /// The open token. Waits, but not beyond `deadline`, if it is just being opened again; fails at once if it is down.
    pub(super) fn live(&self, deadline: Instant) -> Result<Arc<Live>, Error> {
        let mut state = self.lock();
        loop {
            let until = match &state.phase {
                Phase::Up(live) => return Ok(Arc::clone(live)),
                Phase::Reopening { since, .. } => deadline.min(*since + self.deadline),
                Phase::Down(cause) => return Err(refuse(*cause, "it is down")),
                Phase::Stopped => return Err(refuse(Cause::NoAnswer, "it is closed")),
            };
            let pause = until.saturating_duration_since(Instant::now());
            if pause.is_zero() {
                let error = refuse(Cause::NoAnswer, "it is being opened again");
                self.condition.lost(Cause::NoAnswer, &error);
                return Err(error);
            }
            state = self.wait(state, pause);
        }
    }

    /// The ring that was adopted last; it outlives generations of the token.
    pub(super) fn ring(&self) -> Option<Arc<Keyring>> {
        self.lock().ring.clone()
    }

    /// Makes `ring` the one to use, if `live`, in which `keys` were found, is still the open token; answers whether it is.
    pub(super) fn adopt(&self, live: Arc<Live>, ring: &Keyring, keys: Keys) -> bool {
        let mut state = self.lock();
        let is_open = matches!(&state.phase, Phase::Up(now) if Arc::ptr_eq(now, &live));
        if is_open {
            live.set_keys(Arc::new(keys));
            state.ring = Some(Arc::new(ring.clone()));
            self.condition.prove();
        }
        is_open
    }

    /// Makes `ring`, which cannot be adopted yet, the one that the next attempt takes: a version that is in use no longer
    /// must not keep the token down. The version that wraps changes by [`Shared::adopt`] only.
    pub(super) fn want(&self, ring: &Keyring) {
        let mut state = self.lock();
        let is_away = matches!(state.phase, Phase::Down(_) | Phase::Reopening { .. });
        let before = state.ring.as_ref();
        if is_away && before.is_some_and(|before| before.current == ring.current) {
            state.ring = Some(Arc::new(ring.clone()));
        }
    }

    /// Whether it is time to open the token again only to look for an object: a library may keep in mind what was there
    /// when it was initialised.
    pub(super) fn may_look(&self) -> bool {
        let mut state = self.lock();
        let due = state.looked.is_none_or(|last| last.elapsed() >= LOOK);
        if due {
            state.looked = Some(Instant::now());
        }
        due
    }

    /// Takes that generation of the token out of use and wakes the supervisor. Late news of an older one is nothing.
    pub(super) fn lose(&self, generation: u64, because: &dyn fmt::Debug) {
        let mut state = self.lock();
        let is_it = matches!(&state.phase, Phase::Up(live) if live.generation == generation);
        if is_it {
            tracing::debug!(?because, "the token is lost; opening it again");
            state.reopen();
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Opens the token afresh because an operator asks, a refused PIN presented once more; answers what came of it.
    pub(super) fn reconnect(&self) -> Shown {
        self.condition.forget_ailments();
        let until = Instant::now() + self.deadline.saturating_mul(PATIENCE + 1);
        let mut state = self.lock();
        let before = state.answered;
        state.asked = true;
        if matches!(state.phase, Phase::Up(_)) {
            state.reopen();
        }
        self.changed.notify_all();
        while state.answered == before && !matches!(state.phase, Phase::Stopped) {
            let pause = until.saturating_duration_since(Instant::now());
            if pause.is_zero() {
                break;
            }
            state = self.wait(state, pause);
        }
        drop(state);
        self.condition.state()
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
        let old = loop {
            match &mut state.phase {
                Phase::Reopening { old, .. } => break old.take(),
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
                Phase::Up(_) | Phase::Down(_) => state = self.wait(state, TURN),
            }
        };
        state.generation = state.generation.saturating_add(1);
        let generation = state.generation;
        drop(state);
        if let Some(old) = old {
            self.retire(old);
        }
        self.mend(generation)
    }

    /// Tries until it is open, with longer and longer pauses; `false` when it is time to end.
    fn mend(&self, generation: u64) -> bool {
        let mut pauses = pauses();
        loop {
            let (asked, ring) = self.lock().begin();
            if asked {
                self.address.login.forgive();
                pauses = self::pauses();
            }
            self.condition.reopening();
            let attempt = self.attempt(ring, generation);
            let mut state = self.lock();
            if matches!(state.phase, Phase::Stopped) {
                return false;
            }
            let open = attempt.is_ok();
            state.phase = self.settle(attempt);
            state.answered = state.answered.saturating_add(u64::from(asked));
            self.changed.notify_all();
            if open {
                return true;
            }
            if !state.asked {
                drop(self.wait(state, pauses.next().unwrap_or(LONGEST_PAUSE)));
            }
        }
    }

    /// Opens the token in a thread of its own: one that hangs must not keep the next from being opened.
    fn attempt(&self, ring: Option<Arc<Keyring>>, generation: u64) -> Result<Live, Error> {
        let address = Arc::clone(&self.address);
        let until = Instant::now() + self.deadline.saturating_mul(PATIENCE);
        let open = move || Live::open(&address, ring.as_deref(), generation, true);
        self.opener.run(until, open)?
    }

    fn settle(&self, attempt: Result<Live, Error>) -> Phase {
        match attempt {
            Ok(live) => {
                self.condition.found();
                tracing::debug!("the token was opened again");
                Phase::Up(Arc::new(live))
            }
            Err(error) => {
                let cause = cause(&error);
                self.condition.lost(cause, &error);
                Phase::Down(cause)
            }
        }
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

impl State {
    /// Whether an operator asked for the attempt that begins, and the ring that it takes.
    fn begin(&mut self) -> (bool, Option<Arc<Keyring>>) {
        (mem::take(&mut self.asked), self.ring.clone())
    }

    fn reopen(&mut self) {
        let since = Instant::now();
        let old = mem::replace(&mut self.phase, Phase::Reopening { since, old: None });
        if let (Phase::Reopening { old: kept, .. }, Phase::Up(live)) = (&mut self.phase, old) {
            *kept = Some(live);
        }
    }
}

/// Tells the condition of calls that are given up.
pub(super) fn witness(condition: &Arc<Condition>) -> Witness {
    let condition = Arc::clone(condition);
    Arc::new(move |stuck| match stuck {
        Stuck::Back => condition.call_is_back(),
        Stuck::GivenUp => condition.call_is_stuck(),
    })
}

/// With jitter, so that the services of one token that was away do not all come back at once.
fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build()
}

fn refuse(cause: Cause, why: &'static str) -> Error {
    Error::kek("asking the token", Trouble::new(cause, why))
}
