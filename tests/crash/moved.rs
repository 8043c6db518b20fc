//! SQLite moves rows that grow to other pages and leaves copies of them in the gaps: these are traces too.

use std::fs;

use aegis_custodian::{
    algorithm::{Algorithm, Mechanism},
    crypto::{aes_gcm, wrapped::WrappedSecret},
    error::Error,
    id::{DekName, DekVersion, KekVersion},
    policy::DekState,
    secret::Secret,
    store::{DekRow, Store, Tx, VersionRow},
};
use jiff::Timestamp;
use tempfile::TempDir;

use super::{dice::Dice, file::traces, ledger::Name};

/// So many that some are moved and leave a copy.
const DEKS: usize = 3000;
/// Which of them are long: one in ten, so mixed that 3.53.2 leaves copies of several.
const SEED: u64 = 2;

#[test]
fn a_store_in_which_nothing_was_destroyed_is_not_written_anew_at_the_end() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("custodian.db");
    let store = Store::open(&path).unwrap();
    store
        .unlock(&Secret::fill(|bytes| random(bytes)).unwrap())
        .unwrap();
    let rows: Vec<_> = (0..20).map(|at| row(at, false)).collect();
    let made = rows.clone();
    store.transact(move |tx| insert(tx, &made)).unwrap();
    store.fold().unwrap();
    let log = || fs::metadata(path.with_extension("db-wal")).unwrap().len();
    assert_eq!(log(), 0);
    let written = fs::read(&path).unwrap();
    store.erase_traces().unwrap();
    store.fold().unwrap();
    assert!(fs::read(&path).unwrap() == written, "written anew");
    store.transact(move |tx| destroy(tx, &rows[..1])).unwrap();
    assert_ne!(log(), 0);
    store.fold().unwrap();
    assert_eq!(log(), 0);
}

#[test]
fn no_copy_of_a_row_that_was_moved_outlives_its_destruction() {
    let home = TempDir::new().unwrap();
    let store = Store::open(&home.path().join("custodian.db")).unwrap();
    store
        .unlock(&Secret::fill(|bytes| random(bytes)).unwrap())
        .unwrap();
    let mut dice = Dice::of(SEED);
    let rows: Vec<_> = (0..DEKS).map(|at| row(at, dice.below(10) == 0)).collect();
    let (made, grown) = (rows.clone(), rows.clone());
    store.transact(move |tx| insert(tx, &made)).unwrap();
    store.transact(move |tx| grow(tx, &grown)).unwrap();
    let secret = |row: &(DekRow, VersionRow)| {
        let name: Name = (row.0.name.to_string(), row.1.version.to_string());
        (name, row.1.wrapped.clone().unwrap().sealed)
    };
    let secrets: Vec<_> = rows.iter().map(secret).collect();
    let older = DEKS / 2;
    assert!(traces(home.path(), &secrets).len() >= DEKS);
    store
        .transact(move |tx| destroy(tx, &rows[..older]))
        .unwrap();
    store.erase_traces().unwrap();
    assert_eq!(traces(home.path(), &secrets[..older]), [""; 0]);
}

fn insert(tx: &Tx<'_>, rows: &[(DekRow, VersionRow)]) -> Result<(), Error> {
    tx.announce_kek(
        &KekVersion::new(1, Timestamp::UNIX_EPOCH),
        Timestamp::UNIX_EPOCH,
    )?;
    rows.iter().try_for_each(|(dek, version)| {
        tx.insert_dek(dek)?;
        tx.insert_version(&dek.name, version)
    })
}

/// As use and the ways to destruction do it.
fn grow(tx: &Tx<'_>, rows: &[(DekRow, VersionRow)]) -> Result<(), Error> {
    rows.iter().try_for_each(|(dek, version)| {
        tx.reserve_version(&dek.name, version, 1 << 16)?;
        tx.set_version_enabled(&dek.name, &version.version, false)?;
        tx.set_version_destroy_at(&dek.name, &version.version, Some(Timestamp::MAX))
    })
}

fn destroy(tx: &Tx<'_>, rows: &[(DekRow, VersionRow)]) -> Result<(), Error> {
    let mut rows = rows.iter();
    rows.try_for_each(|(dek, version)| tx.destroy_version(&dek.name, &version.version))
}

/// A hybrid one has a public key and is long.
fn row(at: usize, hybrid: bool) -> (DekRow, VersionRow) {
    let now = Timestamp::UNIX_EPOCH;
    let mut sealed = vec![0; 48];
    random(&mut sealed).unwrap();
    let dek = DekRow {
        name: format!("dek-{at}").parse::<DekName>().unwrap(),
        algorithm: Algorithm::Aes256Gcm,
        rotation_period: None,
        newest: 1,
        rotate_at: None,
        created_at: now,
    };
    let version = VersionRow {
        number: 1,
        version: DekVersion::new(1, now),
        state: DekState::Enabled,
        destroy_at: None,
        wrapped: Some(WrappedSecret {
            kek: KekVersion::new(1, now),
            mechanism: Mechanism::AesGcm,
            nonce: vec![7; 12],
            sealed,
        }),
        public_key: hybrid.then(|| vec![9; 1216]),
        reserved: 0,
        created_at: now,
    };
    (dek, version)
}

fn random(bytes: &mut [u8]) -> Result<(), Error> {
    aes_gcm::random(bytes)
}
