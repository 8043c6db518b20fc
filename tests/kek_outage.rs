//! What the PKCS#11 provider does while its token is away, and how it comes back. Each test runs in a process of
//! its own, since the vendor's library and its configuration belong to the process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use aegis_custodian::{
    algorithm::Algorithm,
    error::{Error, Part},
    id::KekVersion,
    kek::{
        Context, KekKeeper, KekProvider, Keyring, Purpose, RingEntry, WrappedSecret,
        pkcs11::Pkcs11Kek,
    },
    secret::Secret,
};
use alone::alone;
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags},
    mechanism::Mechanism,
    object::{Attribute, KeyType, ObjectClass},
};
use softhsm::Token;
use watch::Watch;

#[path = "support/alone.rs"]
mod alone;
#[path = "kek_outage/away.rs"]
mod away;
#[path = "kek_outage/beside.rs"]
mod beside;
#[path = "kek_outage/hang.rs"]
mod hang;
#[path = "kek_outage/signing.rs"]
mod signing;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/watch.rs"]
mod watch;

const CONTEXT: Context<'static> = Context {
    purpose: Purpose::Dek,
    reference: "telemetry/dek-v3-20261123",
    algorithm: Algorithm::Aes256Gcm.name(),
};

/// What the provider logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn count(&self, words: &str) -> usize {
        self.text()
            .lines()
            .filter(|line| line.contains(words))
            .count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn version() -> KekVersion {
    "kek-v1-20261123".parse().unwrap()
}

fn secret() -> Secret<32> {
    Secret::take(&mut [7; 32]).unwrap()
}

/// A provider with version 1 adopted, and a record that it opens.
fn adopted(token: &Token, sessions: usize) -> (Pkcs11Kek, WrappedSecret) {
    let kek = token.open(sessions);
    kek.create(&version()).unwrap();
    let canary = Some(kek.canary(&version()).unwrap());
    let entry = RingEntry {
        version: version(),
        canary,
    };
    kek.adopt(Keyring {
        current: version(),
        versions: vec![entry],
    })
    .unwrap();
    let record = kek.wrap(&secret(), &CONTEXT).unwrap();
    kek.unwrap(&record, &CONTEXT).unwrap();
    (kek, record)
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

fn tokens() -> PathBuf {
    softhsm::home().join("tokens")
}

/// The only token's own folder.
fn token_folder() -> PathBuf {
    fs::read_dir(tokens())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = Watch::start();
    (work(), before.elapsed())
}

/// Until `unwrap` succeeds; how long that took.
fn recovery(kek: &Pkcs11Kek, record: &WrappedSecret) -> Duration {
    let before = Watch::start();
    while kek.unwrap(record, &CONTEXT).is_err() {
        assert!(
            before.elapsed() < Duration::from_secs(5),
            "not back after 5 s"
        );
        thread::sleep(Duration::from_millis(5));
    }
    before.elapsed()
}

/// The file of the token's only key object.
fn key_file() -> PathBuf {
    let is_key = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".object") && name != "token.object"
    };
    let files = fs::read_dir(token_folder()).unwrap();
    files.map(|file| file.unwrap().path()).find(is_key).unwrap()
}
