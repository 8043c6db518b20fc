//! Joins configuration to constructors, binds, serves, drains, shuts down: the only place that knows all parts.

use std::{
    io,
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use actix_web::{
    App, HttpServer,
    middleware::{DefaultHeaders, from_fn},
    rt::{self, signal::unix},
    web::Data,
};
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::{
    config::{Config, Kek},
    custodian::{Clock, Custodian, Encryptions, Rules},
    error::{Error, Source},
    http::{self, Limits, Service},
    kek::{
        KeyHolder,
        pkcs11::{self, Pkcs11Kek},
        software::SoftwareKek,
    },
    store::Store,
    telemetry,
};

pub mod dev;
pub mod doctor;
pub mod hardening;

/// How often the parts are looked at, and what is due is done.
const TURN: Duration = Duration::from_secs(1);

/// How often the audit log is signed: within a second of an entry.
const LOG_TURN: Duration = Duration::from_millis(500);

/// Turns between two rounds of sweeping what is past its time.
const SWEEP: u32 = 600;

/// Opens store and key holder as configured; no KEK is in use yet.
///
/// # Errors
/// [`Error::Unavailable`] says which part.
pub fn assemble(config: &Config) -> Result<Custodian, Error> {
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
    let store = Store::open(&config.database())?;
    let kek = key_holder(&config.kek)?;
    Ok(Custodian::new(kek, store, Clock::system(), rules))
}

/// Serves until SIGTERM or SIGINT, then lets what was begun finish. `ready` is called once requests are taken.
///
/// # Errors
/// If the listener cannot be served, or what was left to audit cannot be written.
pub fn serve(
    listener: TcpListener,
    custodian: Custodian,
    limits: Limits,
    ready: impl FnOnce(),
) -> Result<(), Source> {
    let custodian = Arc::new(custodian);
    let service = Data::new(Service::new(
        custodian.clone(),
        telemetry::metrics()?,
        limits,
    ));
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
    let log = Beat::start("audit-log", LOG_TURN, tend_log(custodian.clone()))?;
    let served = rt::System::new().block_on(run(listener, service, limits, ready));
    rewrap.stop();
    tend.stop();
    watch.stop();
    log.stop();
    let flushed = custodian.flush_strangers(true);
    log_failure(custodian.sign_log());
    custodian.close()?;
    flushed?;
    tracing::info!("stopped");
    Ok(served?)
}

fn key_holder(kek: &Kek) -> Result<Arc<dyn KeyHolder>, Error> {
    match kek {
        Kek::Pkcs11 {
            module,
            token,
            pin_file,
            sessions,
            deadline,
        } => Ok(Arc::new(Pkcs11Kek::open(pkcs11::Settings {
            module: module.clone(),
            token_label: token.clone(),
            pin: pkcs11::PinSource::file(pin_file),
            sessions: *sessions,
            deadline: *deadline,
        })?)),
        Kek::Software(folder) => Ok(Arc::new(SoftwareKek::open(folder)?)),
    }
}

async fn run(
    listener: TcpListener,
    service: Data<Service>,
    limits: Limits,
    ready: impl FnOnce(),
) -> io::Result<()> {
    let mounted = service.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(mounted.clone())
            .wrap(from_fn(http::observe))
            .wrap(headers())
            .configure(http::mount)
    });
    let server = server
        .client_request_timeout(limits.head)
        // A body is asked for more only when all before is sent: its guard depends on it (http/handed.rs). So head
        // and body leave one after the other, and neither may wait for an acknowledgement.
        .h1_write_buffer_size(1)
        .tcp_nodelay(true)
        .shutdown_timeout(limits.drain.as_secs())
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    let (mut terminate, mut interrupt) = (
        unix::signal(unix::SignalKind::terminate())?,
        unix::signal(unix::SignalKind::interrupt())?,
    );
    rt::spawn(async move {
        futures_util::future::select(Box::pin(terminate.recv()), Box::pin(interrupt.recv())).await;
        tracing::info!("finishing what was begun, then stopping");
        service.close_doors();
        handle.stop(true).await;
    });
    ready();
    server.await
}

/// No answer is for a cache or for a guess at its type.
fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("Cache-Control", "no-store"))
        .add(("X-Content-Type-Options", "nosniff"))
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
    move || {
        custodian.look();
        strangers.hear(custodian.flush_strangers(false));
        service.upkeep();
        turns = turns.wrapping_add(1);
        if turns.is_multiple_of(SWEEP) {
            service.forget_quiet_sources();
            log_failure(custodian.forget_replies());
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
