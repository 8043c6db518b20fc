//! How single values are read: from the command line, and from a configuration file.

use std::{sync::LazyLock, time::Duration};

use jiff::SignedDuration;

use super::Unsafe;
use crate::{
    crypto::{
        checkpoint::is_origin,
        scheme::{Network, Scheme},
    },
    custodian::KekRotation,
    duration::Period,
    id::{FieldName, is_subject},
    words::Binding,
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

/// Reads how long one call to the token may take.
///
/// # Errors
/// [`Unsafe`] unless it is 100 ms to 10 s: beyond that callers wait for nothing.
pub fn kek_deadline(text: &str) -> Result<Duration, Unsafe> {
    let time = text.parse::<SignedDuration>().ok();
    let time = time.and_then(|time| Duration::try_from(time).ok());
    time.filter(|time| (Duration::from_millis(100)..=Duration::from_secs(10)).contains(time))
        .ok_or(Unsafe(
            "a call to the token may take a time from 100ms to 10s, such as 1500ms",
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

pub(super) fn built_schemes() -> impl Iterator<Item = Scheme> {
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

/// Reads the name of a systemd credential.
pub(super) fn credential_name(name: &str) -> Result<String, Unsafe> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let named = !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
    named.then(|| name.to_owned()).ok_or(Unsafe(
        "a credential is a name such as pin: what stands before the colon of LoadCredentialEncrypted=",
    ))
}
