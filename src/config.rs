//! Configuration: checked values, safe where nothing was said. Secrets only by path. The only reader of the environment.

use std::{
    borrow::Cow,
    env,
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use crate::{
    crypto::{
        checkpoint::is_origin,
        scheme::{Network, Scheme},
    },
    custodian::{Fields, KekRotation, LogTerms, Quorum, Terms},
    duration::Period,
    http::Limits,
    id::{FieldName, is_subject},
    words::Binding,
};

/// Everything that an operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the database is, and in `dev` everything else.
    pub data_dir: PathBuf,
    /// Loopback, since there is no TLS yet.
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
        /// The file that holds the user's PIN.
        pin_file: PathBuf,
        /// Sessions, and threads that use them.
        sessions: usize,
        /// How long one call to the token may take.
        deadline: Duration,
    },
    /// Files below this folder: `dev` and tests only.
    Software(PathBuf),
}

/// Why a configuration is refused.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsafe(&'static str);

/// How long a token of `dev` lives.
const DEV_TOKENS: Period = Period::days(90);

/// On SoftHSM two serve one caller faster than one does, and many callers alike (`make bench`).
const DEV_SESSIONS: usize = 2;

/// So that a request is refused within two seconds of the token's going away.
const DEV_DEADLINE: Duration = Duration::from_millis(1500);

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
            limits: Limits::default(),
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

/// Reads the name of the audit log in its checkpoints.
///
/// # Errors
/// [`Unsafe`] unless checkpoints can carry it.
pub fn log_origin(text: &str) -> Result<String, Unsafe> {
    is_origin(text).then(|| text.to_owned()).ok_or(Unsafe(
        "the origin of a log is a name such as example.com/log, without spaces and without a plus",
    ))
}

impl Kek {
    /// The SoftHSM token of `dev`.
    #[must_use]
    pub fn softhsm(module: PathBuf, pin_file: PathBuf) -> Self {
        Self::Pkcs11 {
            module,
            token: DEV_TOKEN.to_owned(),
            pin_file,
            sessions: DEV_SESSIONS,
            deadline: DEV_DEADLINE,
        }
    }
}

/// Refuses an address that others can reach: there is no TLS yet.
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

/// Reads how long an opened DEK is kept.
///
/// # Errors
/// [`Unsafe`] unless it is `0` or a duration of at most a day.
pub fn dek_cache(text: &str) -> Result<Duration, Unsafe> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    if text == "0" || text == "0s" {
        return Ok(Duration::ZERO);
    }
    let time = text.parse::<Period>().map(Period::duration).ok();
    time.filter(|time| *time <= DAY).ok_or(Unsafe(
        "an opened DEK is kept for 0 (each use asks the token) or for a time such as 60s, at most 24h",
    ))
}

/// Reads the name of this service.
///
/// # Errors
/// [`Unsafe`] unless it is 1 to 128 of `A-Z a-z 0-9 . _ @ + -`.
pub fn instance(text: &str) -> Result<String, Unsafe> {
    let named = is_subject(text).then(|| text.to_owned());
    named.ok_or(Unsafe(
        "the name of an instance is 1 to 128 of A-Z a-z 0-9 . _ @ + -",
    ))
}

/// Reads a signature scheme.
///
/// # Errors
/// [`Unsafe`] says which there are, or what to build.
pub fn scheme(text: &str) -> Result<Scheme, Unsafe> {
    let scheme = Scheme::named(text).ok_or(Unsafe(
        "a signature scheme is bip340, bip322-simple, ed25519 or ed25519+ml-dsa-44",
    ))?;
    scheme.missing().map_or(Ok(scheme), |why| Err(Unsafe(why)))
}

/// The signature schemes that `dev` takes unless others are given, as [`scheme`] reads them: all that this build has.
#[must_use]
pub fn dev_schemes() -> &'static str {
    static NAMES: LazyLock<String> = LazyLock::new(|| {
        let names = built_schemes().map(Scheme::name);
        names.collect::<Vec<_>>().join(",")
    });
    &NAMES
}

fn built_schemes() -> impl Iterator<Item = Scheme> {
    let built = |scheme: &Scheme| scheme.missing().is_none();
    Scheme::ALL.iter().copied().filter(built)
}

/// Reads the name of a field whose values are personal.
///
/// # Errors
/// [`Unsafe`] unless it is 1 to 128 of `A-Z a-z 0-9 _ . -`.
pub fn pii_field(text: &str) -> Result<FieldName, Unsafe> {
    text.parse().map_err(|_| {
        Unsafe("the name of a field with personal data is 1 to 128 of A-Z a-z 0-9 _ . -")
    })
}

/// Reads who rotates the KEK.
///
/// # Errors
/// [`Unsafe`] says what there is.
pub fn kek_rotation(text: &str) -> Result<KekRotation, Unsafe> {
    match text {
        "automatic" => Ok(KekRotation::ByItself),
        "manual" => Ok(KekRotation::ByHand),
        _ => Err(Unsafe(
            "the KEK's rotation is automatic (after 2^31 encryptions), or manual (then readiness says that it is due)",
        )),
    }
}

/// Reads a Bitcoin network.
///
/// # Errors
/// [`Unsafe`] says which there are.
pub fn network(text: &str) -> Result<Network, Unsafe> {
    Network::named(text).ok_or(Unsafe(
        "a Bitcoin network is bitcoin, testnet, signet or regtest",
    ))
}

/// Reads what a custodian's signature binds.
///
/// # Errors
/// [`Unsafe`] says what there is.
pub fn binding(text: &str) -> Result<Binding, Unsafe> {
    Binding::named(text).ok_or(Unsafe(
        "the binding is bound (override, instance, environment and expiry are signed) or aegis (the message hash alone)",
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
