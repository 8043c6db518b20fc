//! One contract for every key holder: the software provider, a real SoftHSM token, and the same behind the test double.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use aegis_custodian::{
    algorithm::{Algorithm, Mechanism},
    error::{Error, Part},
    id::KekVersion,
    kek::{
        Context, KekKeeper, KekProvider, KeyHolder, Keyring, NoteKeeper, Provider, Purpose,
        RingEntry, TokenSigner, WrappedSecret,
        pkcs11::{Pkcs11Kek, Settings, provision_token},
        software::SoftwareKek,
    },
    secret::Secret,
};
use cryptoki::{mechanism, object::Attribute, object::KeyType, object::ObjectClass, slot::Slot};
use double::Double;
use softhsm::Token;

#[path = "kek/contract.rs"]
mod contract;
#[allow(dead_code)] // more than the contract needs
#[path = "support/double.rs"]
mod double;
#[path = "kek/given_up.rs"]
mod given_up;
#[path = "kek/notes.rs"]
mod notes;
#[path = "kek/objects.rs"]
mod objects;
#[path = "kek/pins.rs"]
mod pins;
#[path = "kek/provision.rs"]
mod provision;
#[path = "kek/reopened.rs"]
mod reopened;
#[path = "kek/signing.rs"]
mod signing;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "kek/strategies.rs"]
mod strategies;
#[path = "support/watch.rs"]
mod watch;

/// Something to keep alive with its provider.
type Holder = (Box<dyn KeyHolder>, Box<dyn std::any::Any>);

/// Keeps the shared library initialised while tests use it past the provider.
fn guardian() {
    static GUARDIAN: OnceLock<Pkcs11Kek> = OnceLock::new();
    GUARDIAN.get_or_init(|| Token::new().open(1));
}

/// Every provider, with nothing adopted.
fn holders() -> Vec<Holder> {
    guardian();
    let folder = tempfile::tempdir().unwrap();
    let software = SoftwareKek::open(&folder.path().join("keys")).unwrap();
    let token = Token::new();
    let pkcs11 = token.open(2);
    let mut holders: Vec<Holder> = vec![
        (Box::new(software), Box::new(folder)),
        (Box::new(pkcs11), Box::new(token)),
    ];
    for double in doubles() {
        holders.push((Box::new(double.open(2)), Box::new(double)));
    }
    holders
}

/// The test double as it passes on, and in every character that is a token's right.
fn doubles() -> [Double; 3] {
    let token = Token::new();
    let of = |character| Double::of_character(&Token::new(), character);
    [Double::new(&token), of("cloudhsm"), of("locking")]
}

#[test]
fn every_provider_that_is_offered_is_held_to_the_contract() {
    let offered = Provider::ALL
        .into_iter()
        .filter(|one| one.missing().is_none());
    let held: Vec<_> = holders()
        .iter()
        .map(|(kek, _)| kek.description().provider)
        .collect();
    for provider in offered {
        assert!(held.contains(&provider), "{}", provider.name());
    }
}

/// Every provider, with version 1 adopted.
fn adopted() -> Vec<Holder> {
    let holders = holders();
    for (kek, _) in &holders {
        kek.create(&version(1)).unwrap();
        kek.adopt(ring(&**kek, &[1])).unwrap();
    }
    holders
}

fn version(number: u32) -> KekVersion {
    format!("kek-v{number}-20261123").parse().unwrap()
}

/// A ring of those versions, the last one current.
fn ring(kek: &dyn KekKeeper, numbers: &[u32]) -> Keyring {
    let entry = |number: &u32| RingEntry {
        version: version(*number),
        canary: Some(kek.canary(&version(*number)).unwrap()),
    };
    Keyring {
        current: version(*numbers.last().unwrap()),
        versions: numbers.iter().map(entry).collect(),
    }
}

fn bare_ring(number: u32) -> Keyring {
    let version = version(number);
    let entry = RingEntry {
        version: version.clone(),
        canary: None,
    };
    Keyring {
        current: version,
        versions: vec![entry],
    }
}

const CONTEXT: Context<'static> = Context {
    purpose: Purpose::Dek,
    reference: "telemetry/dek-v3-20261123",
    algorithm: Algorithm::Aes256Gcm.name(),
};

fn secret(byte: u8) -> Secret<32> {
    Secret::take(&mut [byte; 32]).unwrap()
}

fn is_corrupt<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Corrupt(_)))
}

fn is_unavailable<T>(result: &Result<T, Error>) -> bool {
    matches!(
        result,
        Err(Error::Unavailable {
            part: Part::Kek,
            ..
        })
    )
}
