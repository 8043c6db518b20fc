//! What is counted in the database, against a database that says it.

use aegis_custodian::{
    algorithm::{Algorithm, Mechanism},
    id::{DekName, DekVersion, KekVersion},
    kek::WrappedSecret,
    policy::DekState,
    secret::Secret,
    store::{DekRow, Store, Tx, VersionRow},
};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

const BEGUN: i64 = 1_795_000_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(BEGUN + hours * 3600).unwrap()
}

/// A DEK whose one version was made at that hour, has reserved so much, and is to be rotated a day later.
fn add(tx: &Tx<'_>, name: &str, hours: i64, reserved: u64) {
    let (name, made) = (name.parse::<DekName>().unwrap(), at(hours));
    let dek = DekRow {
        name: name.clone(),
        algorithm: Algorithm::Aes256Gcm,
        rotation_period: Some(86_400),
        newest: 1,
        rotate_at: Some(made + SignedDuration::from_hours(24)),
        created_at: made,
    };
    let version = VersionRow {
        number: 1,
        version: DekVersion::new(1, made),
        state: DekState::Enabled,
        destroy_at: None,
        wrapped: Some(WrappedSecret {
            kek: KekVersion::new(1, at(0)),
            mechanism: Mechanism::AesGcm,
            nonce: vec![0; 12],
            sealed: vec![0; 48],
        }),
        public_key: None,
        reserved,
        created_at: made,
    };
    tx.insert_dek(&dek).unwrap();
    tx.insert_version(&name, &version).unwrap();
}

fn store(home: &TempDir) -> Store {
    let store = Store::open(&home.path().join("custodian.db")).unwrap();
    let announced = store.transact(|tx| tx.announce_kek(&KekVersion::new(1, at(0)), at(0)));
    announced.unwrap();
    store.unlock(&Secret::take(&mut [7; 32]).unwrap()).unwrap();
    store
}

#[test]
fn deks_are_counted_all_and_the_first_have_figures_of_their_own() {
    let home = TempDir::new().unwrap();
    let store = store(&home);
    let none = store.read(|view| view.dek_totals()).unwrap();
    assert_eq!((none.count, none.oldest, none.reserved), (0, None, 0));
    // Their names are in another order than their beginnings.
    let made = store.transact(|tx| {
        add(tx, "zulu", 5, 1);
        add(tx, "mike", 3, 9);
        add(tx, "alfa", 4, 2);
        Ok(())
    });
    made.unwrap();
    let totals = store.read(|view| view.dek_totals()).unwrap();
    assert_eq!(
        (totals.count, totals.oldest, totals.reserved),
        (3, Some(at(3)), 9)
    );
    let first = store.read(|view| view.first_deks(2)).unwrap();
    let first = first
        .iter()
        .map(|dek| (dek.name.as_str(), dek.created_at, dek.reserved));
    assert_eq!(
        first.collect::<Vec<_>>(),
        [("zulu", at(5), 1), ("mike", at(3), 9)]
    );
}

#[test]
fn a_dek_is_overdue_once_its_period_is_over_unless_nobody_may_encrypt_by_it() {
    let home = TempDir::new().unwrap();
    let store = store(&home);
    let made = store.transact(|tx| {
        add(tx, "early", 0, 0);
        add(tx, "late", 10, 0);
        Ok(())
    });
    made.unwrap();
    let overdue = |hours| store.read(|view| view.deks_overdue(at(hours))).unwrap();
    assert_eq!([23, 24, 33, 34].map(overdue), [0, 1, 1, 2]);
    let by_state = || store.read(|view| view.versions_by_state()).unwrap();
    assert_eq!(by_state(), [("enabled".to_owned(), 2)]);
    let disabled = store.transact(|tx| {
        let (name, version) = ("early".parse().unwrap(), DekVersion::new(1, at(0)));
        tx.set_version_enabled(&name, &version, false)
    });
    disabled.unwrap();
    assert_eq!(overdue(34), 1);
    let states = ["disabled", "enabled"].map(|state| (state.to_owned(), 1));
    assert_eq!(by_state(), states);
}
