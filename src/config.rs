//! Configuration: checked values, safe where nothing was said. Secrets only by path. The only reader of the environment.

use std::{
    borrow::Cow,
    env,
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    crypto::scheme::{Network, Scheme},
    custodian::{Fields, KekRotation, LogTerms, Quorum, Terms},
    duration::Period,
    http::Limits,
    telemetry::Format,
    words::Binding,
};

mod check;
mod environment;
mod file;
mod limits;
mod terms;
mod values;

pub use file::Refusal;
use values::built_schemes;
pub use values::{
    binding, dek_cache, dev_schemes, instance, kek_deadline, kek_rotation, log_origin, network,
    pii_field, scheme,
};

/// Everything that an operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the database is, and in `dev` everything else.
    pub data_dir: PathBuf,
    /// Loopback, unless there is TLS.
    pub listen: SocketAddr,
    /// Who holds the KEK.
    pub kek: Kek,
    /// Admins that a change of people or grants needs.
    pub admin_quorum: Quorum,
    /// How long a token lives unless another time is asked for.
    pub token_lifetime: Period,
    /// How long an opened DEK is kept in locked memory; zero asks the token for each use.
    pub dek_cache: Duration,
    /// How long a DEK version that is to be destroyed can still be saved.
    pub destroy_delay: Duration,
    /// Who rotates a KEK that has made half of the encryptions that are safe.
    pub kek_rotation: KekRotation,
    /// The name of this service: bound into what custodians sign.
    pub instance: String,
    /// The signature schemes with which a custodian can be enrolled.
    pub schemes: Vec<Scheme>,
    /// Whose addresses `bip322-simple` takes.
    pub network: Network,
    /// What overrides are subject to.
    pub overrides: Terms,
    /// The names of fields whose values are personal.
    pub pii_fields: Fields,
    /// What the audit log is subject to.
    pub log: LogTerms,
    /// Limits of the transport.
    pub limits: Limits,
    /// How callers are met; `None` is plain HTTP, on loopback only.
    pub tls: Option<Tls>,
    /// What is logged and how, unless the command line says it.
    pub logging: Logging,
}

/// TLS 1.3 (RFC 8446): files, read again at SIGHUP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// The server's certificate and those that vouch for it, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM: for its owner only.
    pub key: PathBuf,
    /// Who may show a certificate.
    pub clients: ClientCertificates,
}

/// Whether clients show certificates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientCertificates {
    /// They are not asked.
    Off,
    /// They may; the authorities' certificates, PEM.
    Optional(PathBuf),
    /// They must; the authorities' certificates, PEM.
    Required(PathBuf),
}

impl ClientCertificates {
    /// The authorities' certificates, PEM; `None` if clients are not asked.
    #[must_use]
    pub fn authorities(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::Optional(ca) | Self::Required(ca) => Some(ca),
        }
    }

    /// Whether nobody is let in without one.
    #[must_use]
    pub fn are_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }
}

/// Who holds the KEK.
#[derive(Clone, Debug)]
pub enum Kek {
    /// A PKCS#11 token.
    Pkcs11 {
        /// The vendor's library.
        module: PathBuf,
        /// The token's label.
        token: String,
        /// Where the user's PIN is.
        pin: Pin,
        /// Sessions, and threads that use them.
        sessions: usize,
        /// How long one call to the token may take.
        deadline: Duration,
    },
    /// Files below this folder: `dev` and tests only.
    Software(PathBuf),
}

/// What is logged and how; `None` is as the command line has it.
#[derive(Clone, Debug, Default)]
pub struct Logging {
    /// For example `info`.
    pub level: Option<String>,
    /// For people or for programs.
    pub format: Option<Format>,
}

/// Where a token's PIN is: never in the configuration itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pin {
    /// In a systemd credential of this name.
    Credential(String),
    /// In a file.
    File(PathBuf),
    /// Typed at the terminal when it is first needed.
    Terminal,
}

/// Why a configuration is refused.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsafe(&'static str);

/// How long a token of `dev` lives.
const DEV_TOKENS: Period = Period::days(90);

/// On SoftHSM two serve one caller faster than one does, and many callers alike (`make bench`).
const DEV_SESSIONS: usize = 2;

/// How long one call to the token may take unless another time is given: a request is refused within two seconds of the
/// token's going away.
pub const KEK_DEADLINE: Duration = Duration::from_millis(1500);

/// How long an opened DEK is kept unless another time is asked for.
pub const DEK_CACHE: Duration = Duration::from_secs(60);

/// The database's file name below the data folder.
pub const DATABASE: &str = "custodian.db";

/// The name of a service that `dev` runs, unless another is given.
pub const DEV_INSTANCE: &str = "aegis-custodian-dev";

/// What overrides are subject to unless something else is configured.
pub const TERMS: Terms = Terms {
    binding: Binding::Bound,
    longest: Duration::from_secs(24 * 60 * 60),
    require_on_behalf_of: false,
    policy_version: Cow::Borrowed("1"),
};

/// The label of the token that `dev` makes.
pub const DEV_TOKEN: &str = "aegis-custodian-dev";

impl Config {
    /// Everything on one machine, below `data_dir`.
    ///
    /// # Errors
    /// [`Unsafe`] if `listen` is not loopback.
    pub fn dev(data_dir: &Path, listen: SocketAddr, kek: Kek) -> Result<Self, Unsafe> {
        loopback(listen)?;
        Ok(Self {
            data_dir: data_dir.to_owned(),
            listen,
            kek,
            admin_quorum: Quorum::One,
            token_lifetime: DEV_TOKENS,
            dek_cache: DEK_CACHE,
            destroy_delay: Duration::ZERO,
            kek_rotation: KekRotation::ByItself,
            instance: DEV_INSTANCE.to_owned(),
            schemes: built_schemes().collect(),
            network: Network::Bitcoin,
            overrides: TERMS,
            pii_fields: Fields::STANDARD,
            log: DEV_LOG,
            limits: Limits {
                requests_per_second: 0, // tests and measurements send what one machine can
                ..Limits::default()
            },
            tls: None,
            logging: Logging::default(),
        })
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data_dir.join(DATABASE)
    }
}

/// What the audit log of `dev` is subject to.
const DEV_LOG: LogTerms = LogTerms {
    origin: Cow::Borrowed(DEV_INSTANCE),
    public_tiles: false,
    note_every: Duration::ZERO,
};

impl Kek {
    /// The SoftHSM token of `dev`.
    #[must_use]
    pub fn softhsm(module: PathBuf, pin_file: PathBuf, deadline: Duration) -> Self {
        Self::Pkcs11 {
            module,
            token: DEV_TOKEN.to_owned(),
            pin: Pin::File(pin_file),
            sessions: DEV_SESSIONS,
            deadline,
        }
    }
}

/// The file of a systemd credential.
///
/// # Errors
/// [`Unsafe`] where systemd gave no credentials.
#[expect(
    clippy::disallowed_methods,
    reason = "the one reader of the environment"
)]
pub fn credential(name: &str) -> Result<PathBuf, Unsafe> {
    let folder = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    folder.map(|folder| folder.join(name)).ok_or(Unsafe(
        "systemd gives credentials to a unit only, and CREDENTIALS_DIRECTORY is not set: start the unit, or run this by systemd-run -p LoadCredentialEncrypted=…",
    ))
}

/// Refuses an address that others can reach: dev speaks no TLS.
///
/// # Errors
/// [`Unsafe`] if it is not loopback.
pub fn loopback(listen: SocketAddr) -> Result<(), Unsafe> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    Err(Unsafe(
        "dev speaks plain HTTP, so it listens on loopback only: use 127.0.0.1:PORT",
    ))
}

/// Where SoftHSM reads its configuration from in this process.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one reader of the environment"
)]
pub fn softhsm_conf() -> Option<OsString> {
    env::var_os("SOFTHSM2_CONF")
}

/// Places where distributions put SoftHSM's PKCS#11 module.
const SOFTHSM_MODULES: [&str; 6] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// SoftHSM's PKCS#11 module on this machine: where CUSTODIAN_SOFTHSM_MODULE says, or in one of the usual places.
///
/// # Errors
/// [`Unsafe`] says how to install it.
#[expect(
    clippy::disallowed_methods,
    reason = "the one reader of the environment"
)]
pub fn softhsm_module() -> Result<PathBuf, Unsafe> {
    if let Some(given) = env::var_os("CUSTODIAN_SOFTHSM_MODULE").map(PathBuf::from) {
        return given.is_file().then_some(given).ok_or(Unsafe(
            "CUSTODIAN_SOFTHSM_MODULE names no file: set it to SoftHSM's PKCS#11 library, or unset it",
        ));
    }
    let found = SOFTHSM_MODULES
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists());
    found.ok_or(Unsafe("SoftHSM is not installed: run softhsm/install.sh (apt package softhsm2), or try --kek software"))
}
