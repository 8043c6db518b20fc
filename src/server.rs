//! Joins configuration to constructors, binds, serves, drains, shuts down: the only place that knows all parts.

use std::{
    io,
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use actix_web::{
    rt::{self, signal::unix},
    web::Data,
};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::{
    config::{self, Config, Kek, Pin},
    custodian::{Clock, Custodian, Encryptions, Rules},
    error::{Error, Source},
    http::{Limits, Service},
    kek::{
        KeyHolder, Measured,
        pkcs11::{self, PinSource, Pkcs11Kek},
        software::SoftwareKek,
    },
    store::{Store, Trouble},
    telemetry,
};

pub mod dev;
pub mod doctor;
pub mod hardening;
pub mod init;
mod line;
mod listener;
pub mod notify;
pub mod restore;
mod seats;
pub mod stopped;
pub mod tls;

/// How often the parts are looked at, and what is due is done.
const TURN: Duration = Duration::from_secs(1);

/// How often the audit log is signed: within a second of an entry.
const LOG_TURN: Duration = Duration::from_millis(500);

/// How often the figures are gathered that come from the database.
const FIGURES_TURN: Duration = Duration::from_secs(5);

/// After gathering figures, so many times as long as it took passes before the next time.
const FIGURES_REST: u32 = 100;

/// Turns between two rounds of sweeping what is past its time.
const SWEEP: u32 = 600;

/// Opens what [`init::run`] made, ready to serve.
///
/// # Errors
/// Says which part and what to do.
pub fn open(config: &Config) -> Result<Custodian, Source> {
    init::permitted(config)?;
    restore::finished(config)?;
    init::finished(config)?;
    let custodian = assemble(config)?;
    custodian.adopt_keyring().map_err(Trouble::explain)?;
    custodian.make_signing_keys().map_err(Trouble::explain)?;
    Ok(custodian)
}

/// Opens store and key holder as configured; no KEK is in use yet.
///
/// # Errors
/// [`Error::Unavailable`] says which part.
pub fn assemble(config: &Config) -> Result<Custodian, Error> {
    assemble_on(Store::open(&config.database())?, config)
}

fn assemble_on(store: Store, config: &Config) -> Result<Custodian, Error> {
    Ok(assemble_with(key_holder(&config.kek)?, store, config))
}

fn assemble_with(kek: Arc<dyn KeyHolder>, store: Store, config: &Config) -> Custodian {
    let rules = Rules {
        admin_quorum: config.admin_quorum,
        token_lifetime: config.token_lifetime,
        dek_cache: config.dek_cache,
        destroy_delay: config.destroy_delay,
        encryptions: Encryptions::STANDARD,
        kek_rotation: config.kek_rotation,
        instance: config.instance.clone().into(),
        schemes: config.schemes.clone().into(),
        network: config.network,
        overrides: config.overrides.clone(),
        pii_fields: config.pii_fields.clone(),
        log: config.log.clone(),
    };
    Custodian::new(kek, store, Clock::system(), rules)
}

/// How callers are met.
#[derive(Clone, Debug)]
pub struct Transport {
    /// What a caller may cost.
    pub limits: Limits,
    /// `None` is plain HTTP.
    pub tls: Option<Arc<tls::Front>>,
}

impl From<Limits> for Transport {
    fn from(limits: Limits) -> Self {
        Self { limits, tls: None }
    }
}

/// Serves until SIGTERM or SIGINT, then lets what was begun finish. `ready` is called once requests are taken.
///
/// # Errors
/// If the listener cannot be served, or what was left to audit cannot be written.
pub fn serve(
    listener: TcpListener,
    custodian: Custodian,
    transport: impl Into<Transport>,
    ready: impl FnOnce(),
) -> Result<(), Source> {
    let transport = transport.into();
    let custodian = Arc::new(custodian);
    let service = Data::new(Service::new(
        custodian.clone(),
        telemetry::metrics()?,
        transport.limits,
    ));
    tls::show_figures(transport.tls.as_deref());
    custodian.look();
    // Whoever asks first finds a checkpoint.
    log_failure(custodian.tend_log());
    // Apart, so that much that is due delays no look.
    let watch = Beat::start("watch", TURN, watch(custodian.clone(), service.clone()))?;
    let tended = custodian.clone();
    let tend = Beat::start("tend", TURN, move || tended.tend())?;
    // Apart, since moving every record may take long.
    let moved = custodian.clone();
    let rewrap = Beat::start("rewrap", TURN, move || moved.rewrap_records())?;
    // Apart, so that counting many rows delays nothing.
    let mut figures = gather(custodian.clone());
    figures();
    let figures = Beat::start("figures", FIGURES_TURN, figures)?;
    let log = Beat::start("audit-log", LOG_TURN, tend_log(custodian.clone()))?;
    let served = rt::System::new().block_on(run(listener, service, transport, ready));
    rewrap.stop();
    tend.stop();
    watch.stop();
    figures.stop();
    log.stop();
    let flushed = custodian.flush_strangers(true);
    log_failure(custodian.sign_log());
    custodian.close()?;
    flushed?;
    tracing::info!("stopped");
    served
}

fn key_holder(kek: &Kek) -> Result<Arc<dyn KeyHolder>, Error> {
    Ok(Arc::new(Measured::new(provider(kek)?)))
}

fn provider(kek: &Kek) -> Result<Arc<dyn KeyHolder>, Error> {
    match kek {
        Kek::Pkcs11 {
            module,
            token,
            pin,
            sessions,
            deadline,
        } => Ok(Arc::new(Pkcs11Kek::open(pkcs11::Settings {
            module: module.clone(),
            token_label: token.clone(),
            pin: pin_source(pin)?,
            sessions: *sessions,
            deadline: *deadline,
        })?)),
        Kek::Software(folder) => Ok(Arc::new(SoftwareKek::open(folder)?)),
    }
}

fn pin_source(pin: &Pin) -> Result<PinSource, Error> {
    match pin {
        Pin::Credential(name) => {
            let file = config::credential(name);
            let file = file.map_err(|error| Error::kek("finding the PIN's credential", error))?;
            Ok(PinSource::file(file))
        }
        Pin::File(file) => Ok(PinSource::file(file)),
        Pin::Terminal => Ok(PinSource::terminal()),
    }
}

async fn run(
    listener: TcpListener,
    service: Data<Service>,
    transport: Transport,
    ready: impl FnOnce(),
) -> Result<(), Source> {
    let tls = transport.tls.as_ref().map(tls::Front::secure).transpose()?;
    let server = listener::serve(listener, service.clone(), transport.limits, tls)?;
    let handle = server.handle();
    let (mut terminate, mut interrupt) = (
        unix::signal(unix::SignalKind::terminate())?,
        unix::signal(unix::SignalKind::interrupt())?,
    );
    rt::spawn(async move {
        futures_util::future::select(Box::pin(terminate.recv()), Box::pin(interrupt.recv())).await;
        tracing::info!("finishing what was begun, then stopping");
        notify::stopping();
        service.close_doors();
        handle.stop(true).await;
    });
    rt::spawn(reload(
        transport.tls,
        unix::signal(unix::SignalKind::hangup())?,
    ));
    ready();
    notify::ready();
    Ok(server.await?)
}

/// Reads the certificates again at each SIGHUP.
async fn reload(front: Option<Arc<tls::Front>>, mut hangups: unix::Signal) {
    while hangups.recv().await.is_some() {
        let Some(front) = &front else {
            tracing::info!("there is no TLS, so there are no certificates to read again");
            continue;
        };
        notify::reloading();
        match front.reload() {
            Ok(()) => {
                tls::show_figures(Some(front));
                tracing::info!("the certificates were read again");
            }
            Err(error) => tracing::error!(%error, "the certificates stay as they were"),
        }
        notify::ready();
    }
}

/// A thread that does something again and again.
struct Beat {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Beat {
    /// Does `work` at each `turn` until it is stopped; a panic ends one turn only.
    fn start(
        name: &'static str,
        turn: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while stopped.recv_timeout(turn) == Err(RecvTimeoutError::Timeout) {
                    if catch_unwind(AssertUnwindSafe(&mut work)).is_err() {
                        tracing::error!(name, "a turn ended in a panic");
                    }
                }
            })?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("a thread ended in a panic");
        }
    }
}

/// Looks at the parts and sweeps.
fn watch(custodian: Arc<Custodian>, service: Data<Service>) -> impl FnMut() {
    let mut turns: u32 = 0;
    let mut strangers = Steady::new("writing down who had no valid token");
    let mut systemd = notify::Watchdog::new(TURN);
    move || {
        custodian.look();
        systemd.looked(custodian.health());
        strangers.hear(custodian.flush_strangers(false));
        service.upkeep();
        telemetry::look_at_process();
        turns = turns.wrapping_add(1);
        if turns.is_multiple_of(SWEEP) {
            service.forget_quiet();
            log_failure(custodian.forget_replies());
        }
    }
}

/// Gathers figures, and takes a hundredth of the time at most.
fn gather(custodian: Arc<Custodian>) -> impl FnMut() {
    let mut work = Steady::new("gathering figures");
    let mut next = Instant::now();
    move || {
        let begun = Instant::now();
        if begun >= next {
            work.hear(custodian.gather_figures());
            next = Instant::now() + begun.elapsed() * FIGURES_REST;
        }
    }
}

/// Signs the audit log and looks over it.
fn tend_log(custodian: Arc<Custodian>) -> impl FnMut() {
    let mut work = Steady::new("keeping the audit log signed");
    move || work.hear(custodian.tend_log())
}

/// Work that is tried at each turn: that it fails is said once, and once more when it fails otherwise or works again.
struct Steady {
    what: &'static str,
    failed: Option<String>,
}

impl Steady {
    fn new(what: &'static str) -> Self {
        Self { what, failed: None }
    }

    fn hear(&mut self, done: Result<(), Error>) {
        let what = self.what;
        let failed = done.as_ref().err().map(ToString::to_string);
        if failed != self.failed {
            match done {
                Ok(()) => tracing::info!(what, "works again"),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(what, error, "not done; it will be tried again");
                }
            }
        }
        self.failed = failed;
    }
}

fn log_failure(done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a background task failed"
        );
    }
}
