//! A KEK in a PKCS#11 token, by AES-GCM with nonces of ours or of the token's, and Ed25519 keys that sign in it. Only this file and its
//! folder name `cryptoki`.
//!
//! ```text
//! call ── record   what is plainly wrong is refused here
//!   │  ── pool     threads of its own, a deadline around each call
//!   │  ── pulse    one shared round trip tells a bad record from a sick token
//!   └─ supervisor  its states; opens a lost token again
//!        └─ token  one generation: slot, login, sessions ─┬ keys ── strategy ── aes_gcm
//!             │                                            └ signer
//!             └─ module, pin
//! ```

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    algorithm::Mechanism,
    error::Error,
    id::KekVersion,
    kek::{
        Attributes, Condition, Context, Description, KekKeeper, KekProvider, Keyring, Load,
        Provider, State, WrappedSecret,
    },
    secret::Secret,
};

mod aes_gcm;
mod attributes;
mod call;
mod fault;
mod keys;
mod life;
mod module;
mod notes;
mod pin;
mod pool;
mod provision;
mod pulse;
mod record;
mod signer;
mod strategy;
mod supervisor;
mod survey;
mod token;

use self::{
    keys::Keys,
    module::Module,
    pin::Login,
    pool::Pool,
    pulse::{Beat, Pulse},
    record::Record,
    supervisor::Shared,
    token::{Address, Live},
};
pub use self::{
    pin::PinSource,
    provision::provision_token,
    survey::{Opening, Survey, serial_number, survey},
};

/// Making and finding keys may take this many times the deadline of a daily call.
const SLOW: u32 = 4;
/// A longer deadline is none.
const LONGEST: Duration = Duration::from_secs(600);
/// How long closing a provider waits for its supervisor, and for calls that have not come back.
const FAREWELL: Duration = Duration::from_secs(1);

/// How to reach a token and how hard to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The vendor's library.
    pub module: PathBuf,
    /// The token's label: slot numbers change.
    pub token_label: String,
    /// Where the user's PIN is.
    pub pin: PinSource,
    /// Threads, and with them sessions: one is best for SoftHSM, a token across a network wants more.
    pub sessions: usize,
    /// The longest that a call may take, its repetition included.
    pub deadline: Duration,
}

/// KEK versions as AES-256 key objects of one token.
pub struct Pkcs11Kek {
    shared: Arc<Shared>,
    pool: Pool,
    /// For what nobody waits for: however often it gets stuck, the threads of the others are theirs.
    background: Pool,
    pulse: Pulse,
    /// Counts looks at the keys.
    turn: AtomicUsize,
    deadline: Duration,
    supervisor: Option<JoinHandle<()>>,
    /// What the ring that was adopted last seals by.
    mechanism: Mutex<Mechanism>,
    /// The ring that is to be adopted next.
    prepared: Mutex<Option<Prepared>>,
    /// Held while a key is made.
    making: Arc<Mutex<()>>,
}

/// A ring, and its keys as they were found in a generation of the token.
struct Prepared {
    ring: Keyring,
    live: Weak<Live>,
    keys: Keys,
}

impl Pkcs11Kek {
    /// Loads the module, finds the token by its label and logs in; nothing is usable before [`KekKeeper::adopt`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the module, the token or the PIN is not there or not right.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        Self::open_unnamed(settings).map_err(fault::named)
    }

    fn open_unnamed(settings: Settings) -> Result<Self, Error> {
        let address = Address {
            module: Module::load(&settings.module)?,
            label: settings.token_label,
            login: Login::new(settings.pin),
        };
        let deadline = settings.deadline.min(LONGEST);
        let condition = Arc::new(Condition::of_token());
        let witness = supervisor::witness(&condition);
        let shared = Shared::open(address, deadline, condition)?;
        Ok(Self {
            pool: Pool::start(settings.sessions, "token-worker", witness.clone())?,
            background: Pool::start(1, "token-notes", witness)?,
            pulse: Pulse::default(),
            turn: AtomicUsize::new(0),
            deadline,
            supervisor: Some(shared.supervise()?),
            mechanism: Mutex::new(Mechanism::AesGcm),
            prepared: Mutex::default(),
            making: Arc::default(),
            shared,
        })
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.deadline
    }

    fn slow_deadline(&self) -> Instant {
        Instant::now() + self.deadline.saturating_mul(SLOW)
    }

    fn mechanism(&self) -> MutexGuard<'_, Mechanism> {
        self.mechanism
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn prepared(&self) -> MutexGuard<'_, Option<Prepared>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_prepared(&self, ring: &Keyring) -> Option<(Arc<Live>, Keys)> {
        let prepared = self.prepared().take().filter(|one| one.ring == *ring)?;
        Some((prepared.live.upgrade()?, prepared.keys))
    }

    /// Finds and verifies the keys of a ring.
    fn find_keys(&self, ring: &Keyring, until: Instant) -> Result<(Arc<Live>, Keys), Error> {
        let wanted = ring.clone();
        let found = self.call("adopting the KEK", until, move |live| {
            let keys = live.work(|session| Keys::load(session, &wanted))?;
            Ok((Arc::clone(live), keys))
        });
        found.inspect_err(|_| self.shared.want(ring))
    }

    /// Whether no thread is in the library, nor will be.
    fn is_at_rest(&self) -> bool {
        let ended = |thread: &JoinHandle<()>| thread.is_finished();
        let calls = self.loads().iter().any(|load| load.busy > 0);
        self.supervisor.as_ref().is_none_or(ended) && !calls
    }

    /// Which of the keys is to be looked at.
    fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, SeqCst)
    }

    fn ring(&self) -> Result<Arc<Keyring>, Error> {
        let ring = self.shared.ring();
        ring.ok_or_else(|| Error::kek("using the KEK", "no KEK is adopted"))
    }
}

impl fmt::Debug for Pkcs11Kek {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Pkcs11Kek")
    }
}

impl Drop for Pkcs11Kek {
    fn drop(&mut self) {
        self.close();
        let supervisor = self.supervisor.take();
        // It answers for itself if it panicked.
        drop(
            supervisor
                .filter(JoinHandle::is_finished)
                .map(JoinHandle::join),
        );
    }
}

impl KekProvider for Pkcs11Kek {
    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error> {
        self.ring()?;
        let secret = Arc::new(secret.duplicate());
        let reference: Arc<str> = context.reference.into();
        let (purpose, algorithm) = (context.purpose, context.algorithm);
        self.call("wrapping a secret", self.deadline(), move |live| {
            let reference = &*reference;
            let context = Context {
                purpose,
                reference,
                algorithm,
            };
            let keys = live.keys()?;
            live.work(|session| record::seal(session, &keys, &secret, &context))
        })
    }

    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error> {
        let opened = self.unwrap_each(&[(wrapped, *context)]).pop();
        opened.unwrap_or_else(|| Err(Error::internal("a batch of one has no answer")))
    }

    fn unwrap_each(
        &self,
        batch: &[(&WrappedSecret, Context<'_>)],
    ) -> Vec<Result<Secret<32>, Error>> {
        let ring = self.shared.ring();
        let check = |(wrapped, context): &(&WrappedSecret, Context<'_>)| match &ring {
            Some(ring) => Record::check(wrapped, context, ring),
            None => self
                .ring()
                .and_then(|ring| Record::check(wrapped, context, &ring)),
        };
        self.open_all(batch.iter().map(check).collect())
    }

    fn probe(&self) -> Result<(), Error> {
        self.ring()?;
        let deadline = self.deadline();
        // The first failure may be one that opening the token again mends at once.
        let alive = self.beat(deadline)? == Beat::Alive || self.beat(deadline)? == Beat::Alive;
        alive
            .then_some(())
            .ok_or_else(|| Error::kek("probing the token", "its round trip failed"))
    }
}

impl KekKeeper for Pkcs11Kek {
    fn create(&self, version: &KekVersion) -> Result<(), Error> {
        let version = version.clone();
        self.make("making a KEK", move |session| {
            keys::create(session, &version)
        })
    }

    fn prepare(&self, ring: &Keyring) -> Result<(), Error> {
        let (live, keys) = self.find_keys(ring, self.slow_deadline())?;
        *self.prepared() = Some(Prepared {
            ring: ring.clone(),
            live: Arc::downgrade(&live),
            keys,
        });
        Ok(())
    }

    fn adopt(&self, ring: Keyring) -> Result<(), Error> {
        let until = self.slow_deadline();
        let prepared = self.take_prepared(&ring);
        let (mut live, mut keys) = prepared.map_or_else(|| self.find_keys(&ring, until), Ok)?;
        loop {
            let mechanism = keys.strategy().mechanism();
            if self.shared.adopt(live, &ring, keys) {
                *self.mechanism() = mechanism;
                return Ok(());
            }
            if Instant::now() > until {
                let why = "the token is opened again and again";
                return Err(Error::kek("adopting the KEK", why));
            }
            (live, keys) = self.find_keys(&ring, until)?;
        }
    }

    fn canary(&self, version: &KekVersion) -> Result<Vec<u8>, Error> {
        let version = version.clone();
        self.call("making a canary", self.slow_deadline(), move |live| {
            live.work(|session| keys::canary(session, &version))
        })
    }

    fn made_canary(&self, version: &KekVersion, canary: &[u8]) -> Result<bool, Error> {
        let (version, canary): (_, Arc<[u8]>) = (version.clone(), canary.into());
        self.call("checking a canary", self.slow_deadline(), move |live| {
            live.work(|session| keys::made_canary(session, &version, &canary))
        })
    }

    fn attributes(&self, version: &KekVersion) -> Result<Attributes, Error> {
        let version = version.clone();
        self.call("reading a KEK's attributes", self.deadline(), move |live| {
            live.work(|session| life::attributes(session, &version))
        })
    }

    fn versions(&self) -> Result<BTreeSet<KekVersion>, Error> {
        self.call("listing the KEK versions", self.slow_deadline(), |live| {
            live.work(life::versions)
        })
    }

    fn delete(&self, version: &KekVersion) -> Result<(), Error> {
        let (version, current) = (version.clone(), self.ring()?.current.clone());
        self.call("deleting a KEK", self.slow_deadline(), move |live| {
            live.write(|session| life::delete(session, &version, &current))
        })
    }

    fn description(&self) -> Description {
        Description {
            provider: Provider::Pkcs11,
            mechanism: *self.mechanism(),
            keys_in_token: true,
        }
    }

    fn condition(&self) -> &Condition {
        self.shared.condition()
    }

    fn loads(&self) -> Vec<Load> {
        let pools = [self.pool.load(), self.background.load(), self.shared.load()];
        pools.into()
    }

    fn close(&self) {
        self.shared.stop();
        let patience = Instant::now() + FAREWELL;
        while !self.is_at_rest() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn reconnect(&self) -> State {
        self.shared.reconnect()
    }
}
