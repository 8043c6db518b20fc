//! What the audit log's length costs: appending with its tree, a start, a checkpoint, a proof, a whole verification.
//! LOG_ENTRIES (200,000) is how many entries there are; the same is measured at a hundredth of it, for comparison.

#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use aegis_custodian::{
    config::{Config, Kek},
    custodian::Custodian,
    kek::{Context, KekKeeper, KekProvider, Keyring, Purpose, RingEntry, software::SoftwareKek},
    log::{Entry, Outcome},
    server,
    store::Store,
};
use jiff::Timestamp;
use serde_json::{Map, json};

/// Entries that share a commit: filling is not what is measured.
const GROUP: u64 = 5000;

fn main() {
    #[allow(clippy::disallowed_methods)] // a figure of the bench
    let most = env::var("LOG_ENTRIES").map_or(200_000, |text| text.parse().unwrap());
    println!(
        "{:>10} {:>12} {:>9} {:>9} {:>12} {:>10} {:>12}",
        "entries", "append µs", "MiB", "start ms", "checkpoint ms", "proof µs", "verify /s"
    );
    for entries in [most / 100, most] {
        measure(entries);
    }
}

fn measure(entries: u64) {
    let home = tempfile::tempdir().unwrap();
    let custodian = open(home.path());
    custodian.close().unwrap();
    drop(custodian);
    let each = fill(home.path(), entries);
    let size = fs::metadata(home.path().join("custodian.db"))
        .unwrap()
        .len()
        >> 20;
    // What was filled in is signed, as a running service would have done.
    let custodian = open(home.path());
    custodian.sign_log().unwrap();
    drop(custodian);
    let (start, custodian) = timed(|| open(home.path()));
    let (verify, verdict) = timed(|| custodian.verify_log().unwrap());
    let verdict = serde_json::to_value(verdict).unwrap();
    assert_eq!(verdict.pointer("/valid"), Some(&json!(true)));
    let index = entries / 3;
    let (proof, _) = timed(|| custodian.prove_inclusion(index, None).unwrap());
    drop(custodian);
    fill(home.path(), 1000);
    let custodian = open(home.path());
    let (sign, ()) = timed(|| custodian.sign_log().unwrap());
    println!(
        "{entries:>10} {:>12.1} {size:>9} {:>9.1} {:>12.1} {:>10.0} {:>12.0}",
        micros(each),
        micros(start) / 1e3,
        micros(sign) / 1e3,
        micros(proof),
        rate(entries, verify),
    );
}

/// The service as it starts, on a software KEK: a token's time is not what is measured.
fn open(home: &Path) -> Custodian {
    let config = Config::dev(
        home,
        "127.0.0.1:0".parse().unwrap(),
        Kek::Software(home.join("kek")),
    );
    let custodian = server::assemble(&config.unwrap()).unwrap();
    custodian.make_first_kek().unwrap();
    custodian.adopt_keyring().unwrap();
    custodian.make_signing_keys().unwrap();
    custodian
}

/// Appends entries; answers what one costs.
fn fill(home: &Path, entries: u64) -> Duration {
    let store = unlocked(home);
    let begun = Instant::now();
    for group in 0..entries.div_ceil(GROUP) {
        let count = GROUP.min(entries - group * GROUP);
        let appended = store.transact(move |tx| {
            (0..count).try_for_each(|_| tx.append_entry(Timestamp::UNIX_EPOCH, written))
        });
        appended.unwrap();
    }
    let took = begun.elapsed();
    store.fold().unwrap();
    took / u32::try_from(entries).unwrap()
}

fn written(index: u64, at: Timestamp) -> Result<Vec<u8>, aegis_custodian::error::Error> {
    let detail = Map::from_iter([("dek".to_owned(), json!("telemetry/dek-v1-20261124"))]);
    Entry {
        action: "dek.encrypt",
        actor: None,
        at,
        detail: &detail,
        index,
        object: Some("telemetry"),
        outcome: Outcome::Ok,
        request_id: Some("01a20b3d-c60c-7537-af0b-cee1bb0a34ce"),
    }
    .bytes()
}

fn unlocked(home: &Path) -> Store {
    let store = Store::open(&home.join("custodian.db")).unwrap();
    let kek = SoftwareKek::open(&home.join("kek")).unwrap();
    let rows = store.read(|view| view.kek_versions()).unwrap();
    let versions = rows.into_iter().map(|row| RingEntry {
        version: row.version,
        canary: row.canary,
    });
    let versions: Vec<_> = versions.collect();
    let current = versions.last().unwrap().version.clone();
    kek.adopt(Keyring { current, versions }).unwrap();
    let wrapped = store.read(|view| view.row_key()).unwrap().unwrap();
    let rows = Context {
        purpose: Purpose::Rows,
        reference: "",
        algorithm: "hmac-sha256",
    };
    store.unlock(&kek.unwrap(&wrapped, &rows).unwrap()).unwrap();
    store
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[allow(clippy::cast_precision_loss)] // a figure
fn rate(entries: u64, time: Duration) -> f64 {
    entries as f64 / time.as_secs_f64()
}
