//! The service's own signing keys: made once whatever is cut short, and never a signature that does not verify.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use aegis_custodian::{
    crypto::{ed25519, ml_dsa::ParameterSet::MlDsa65},
    custodian::{Clock, Custodian, signing::Signed},
    error::{Error, Part},
    kek::{KeyHolder, software::SoftwareKek},
    store::Store,
};
use base64ct::{Base64, Encoding};
use faulty::Faulty;
use passing_on::PassingOn;
use rusqlite::Connection;
use serde_json::Value;
use service::Service;
use tempfile::TempDir;

#[path = "signing/faulty.rs"]
mod faulty;
#[path = "support/house.rs"]
mod house;
#[path = "support/passing_on.rs"]
mod passing_on;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;

const DIGEST: [u8; 32] = [7; 32];
/// Purpose and algorithm of each key.
const KEYS: [&str; 4] = [
    "checkpoint/ed25519",
    "override/ed25519",
    "override/ml-dsa-65",
    "schema/ed25519",
];

/// A folder with a provider that can be told to fail.
struct Bench {
    kek: Arc<PassingOn<Faulty>>,
    home: TempDir,
}

impl Bench {
    fn both() -> [Self; 2] {
        [Self::software(), Self::token()]
    }

    fn software() -> Self {
        let home = TempDir::new().unwrap();
        let kek = SoftwareKek::open(&home.path().join("software-kek"));
        Self::with(kek.unwrap(), home)
    }

    fn token() -> Self {
        Self::with(softhsm::Token::new().open(1), TempDir::new().unwrap())
    }

    fn with(kek: impl KeyHolder + 'static, home: TempDir) -> Self {
        let kek = Arc::new(Faulty::new(Arc::new(kek)));
        Self { kek, home }
    }

    fn database(&self) -> PathBuf {
        self.home.path().join("custodian.db")
    }

    /// As at each start, up to the signing keys.
    fn start(&self) -> Custodian {
        let store = Store::open(&self.database()).unwrap();
        let custodian = Custodian::new(self.kek.clone(), store, Clock::system(), house::RULES);
        custodian.make_first_kek().unwrap();
        custodian.adopt_keyring().unwrap();
        custodian
    }

    fn made(&self) -> Custodian {
        let custodian = self.start();
        custodian.make_signing_keys().unwrap();
        custodian
    }

    fn count(&self, sql: &str) -> i64 {
        let found = file(&self.database()).query_row(sql, [], |row| row.get(0));
        found.unwrap()
    }

    fn change(&self, sql: &str) {
        self.change_rows(sql, 1);
    }

    fn change_rows(&self, sql: &str, rows: usize) {
        let changed = file(&self.database()).execute(sql, []).unwrap();
        assert_eq!(changed, rows, "{sql}");
    }
}

#[allow(clippy::disallowed_methods)] // past the store is the point
fn file(database: &Path) -> Connection {
    let file = Connection::open(database).unwrap();
    let off = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";
    file.execute_batch(off).unwrap();
    file
}

/// Every key as the API shows it.
fn shown(custodian: &Custodian) -> Vec<Value> {
    let keys = custodian.signing_keys().unwrap();
    let Value::Array(keys) = serde_json::to_value(keys).unwrap() else {
        panic!("no list")
    };
    keys
}

fn text<'a>(item: &'a Value, member: &str) -> &'a str {
    item[member].as_str().unwrap()
}

fn name(item: &Value) -> String {
    format!("{}/{}", text(item, "purpose"), text(item, "algorithm"))
}

/// Both signatures, of the override's keys, over the digest.
fn is_countersigned(custodian: &Custodian, signed: &[Signed; 2]) {
    let all = shown(custodian);
    let public_key = |wanted: &str, signed: &Signed| {
        let item = all.iter().find(|item| name(item) == wanted).unwrap();
        assert_eq!(text(item, "key_id"), signed.key_id);
        Base64::decode_vec(text(item, "public_key")).unwrap()
    };
    let [classic, lattice] = signed;
    let key = public_key("override/ed25519", classic);
    let signature = classic.signature.as_slice().try_into().unwrap();
    ed25519::verify(&key.try_into().unwrap(), &DIGEST, signature).unwrap();
    let key = public_key("override/ml-dsa-65", lattice);
    MlDsa65.verify(&key, &DIGEST, &lattice.signature).unwrap();
    MlDsa65
        .verify_second(&key, &DIGEST, &lattice.signature)
        .unwrap();
}

#[track_caller]
fn is_refused<T: std::fmt::Debug>(refused: Result<T, Error>) {
    let kek = |error: &Error| {
        matches!(
            error,
            Error::Unavailable {
                part: Part::Kek,
                ..
            }
        )
    };
    assert!(refused.as_ref().is_err_and(kek), "{refused:?}");
}

#[test]
fn an_override_is_countersigned_by_both_of_its_keys() {
    for bench in Bench::both() {
        let custodian = bench.made();
        let signed = custodian.countersign(&DIGEST).unwrap();
        is_countersigned(&custodian, &signed);
        assert_eq!(shown(&custodian).iter().map(name).collect::<Vec<_>>(), KEYS);
    }
}

#[test]
fn before_its_keys_are_made_nothing_is_countersigned() {
    for bench in Bench::both() {
        let custodian = bench.start();
        is_refused(custodian.countersign(&DIGEST));
        assert_eq!(shown(&custodian), Vec::<Value>::new());
        is_refused(custodian.countersign(&DIGEST));
    }
}

#[test]
fn making_that_was_cut_short_anywhere_is_finished_at_the_next_start_and_makes_nothing_twice() {
    for bench in [Bench::software, Bench::token] {
        let whole_after = (0..).find(|calls| is_whole_after(&bench(), *calls));
        println!("cut short at each of {whole_after:?} calls");
        assert!(whole_after > Some(4));
    }
}

/// Cuts the making short after so many calls of the key holder; answers whether it was over before.
fn is_whole_after(bench: &Bench, calls: usize) -> bool {
    let custodian = bench.start();
    bench.kek.fail_after(calls);
    let made = custodian.make_signing_keys();
    if bench.kek.heal() {
        made.unwrap();
        return true;
    }
    is_refused(made);
    let before = shown(&custodian);
    drop(custodian);
    let custodian = bench.made();
    let after = shown(&custodian);
    assert_eq!(after.iter().map(name).collect::<Vec<_>>(), KEYS);
    for item in &before {
        assert!(after.contains(item), "{item} was made again");
    }
    is_countersigned(&custodian, &custodian.countersign(&DIGEST).unwrap());
    false
}

#[test]
fn a_key_holder_that_lies_is_found_out_before_anything_leaves() {
    for bench in Bench::both() {
        let custodian = bench.made();
        for lie in faulty::LIES {
            bench.kek.lie(Some(lie));
            is_refused(custodian.countersign(&DIGEST));
        }
        bench.kek.lie(None);
        is_countersigned(&custodian, &custodian.countersign(&DIGEST).unwrap());
    }
}

#[test]
fn a_damaged_row_signs_nothing_and_harms_no_other_key() {
    const OF: &str = "WHERE purpose = 'override' AND algorithm = 'ml-dsa-65'";
    for bench in Bench::both() {
        let custodian = bench.made();
        let sealed = "substr(sealed, 1, 47) || x'00'";
        for damage in [
            format!("sealed = CAST({sealed} AS BLOB)"),
            "sealed = zeroblob(48)".to_owned(),
            "nonce = zeroblob(12)".to_owned(),
            "public_key = zeroblob(1952)".to_owned(),
            "algorithm = 'ed25519x'".to_owned(),
            "location = 'token'".to_owned(),
        ] {
            let kept = Kept::of(&bench.database());
            bench.change(&format!("UPDATE signing_keys SET {damage} {OF}"));
            is_refused(custodian.countersign(&DIGEST));
            kept.put_back(&bench.database());
            is_countersigned(&custodian, &custodian.countersign(&DIGEST).unwrap());
        }
    }
}

#[test]
fn a_seed_copied_from_another_key_signs_nothing_though_its_row_be_whole() {
    let bench = Bench::software();
    let custodian = bench.made();
    // What the KEK opens in one place it opens in no other.
    bench.kek.lie(Some(faulty::Lie::OtherPlace));
    is_refused(custodian.countersign(&DIGEST));
}

#[test]
fn beside_a_damaged_row_no_key_is_made_and_the_service_starts() {
    for bench in Bench::both() {
        drop(bench.made());
        bench.change("DELETE FROM signing_keys WHERE algorithm = 'ml-dsa-65'");
        bench.change("UPDATE signing_keys SET created_at = 0 WHERE purpose = 'schema'");
        let custodian = bench.made();
        assert!(matches!(custodian.signing_keys(), Err(Error::Corrupt(_))));
        is_refused(custodian.countersign(&DIGEST));
        assert_eq!(bench.count("SELECT count(*) FROM signing_keys"), 3);
    }
}

#[test]
fn a_key_whose_row_was_taken_out_is_not_made_anew() {
    let bench = Bench::software();
    drop(bench.made());
    bench.change("DELETE FROM signing_keys WHERE algorithm = 'ml-dsa-65'");
    let custodian = bench.made();
    assert_eq!(custodian.signing_keys().unwrap().len(), 3);
    is_refused(custodian.countersign(&DIGEST));
}

#[test]
fn a_service_finishes_at_its_start_what_another_announced() {
    let home = TempDir::new().unwrap();
    let first = served(home.path());
    let kek = SoftwareKek::open(&home.path().join("software-kek")).unwrap();
    let bench = Bench::with(kek, home);
    bench.change_rows("DELETE FROM signing_keys", 4);
    let custodian = bench.start();
    bench.kek.fail_after(1);
    is_refused(custodian.make_signing_keys());
    custodian.close().unwrap();
    drop(custodian);
    let sql = "SELECT count(*) FROM signing_keys WHERE state = 'creating'";
    assert_eq!(bench.count(sql), 4);
    let again = served(bench.home.path());
    for at in 0..4 {
        assert_eq!(name(&again[at]), KEYS[at]);
        assert_ne!(again[at], first[at]);
    }
}

/// What a service on that folder shows.
fn served(dir: &Path) -> Value {
    let service = Service::start(dir, &["--kek", "software"]);
    let mut list = service.get("", "/v1/signing-keys").is(200);
    assert_eq!(service.stop(), Some(0));
    list["items"].take()
}

/// Every row of the table, to be put back.
struct Kept(Vec<Vec<rusqlite::types::Value>>);

impl Kept {
    fn of(database: &Path) -> Self {
        let file = file(database);
        let mut statement = file.prepare("SELECT * FROM signing_keys").unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
        let rows = statement.query_map([], row).unwrap();
        Self(rows.map(Result::unwrap).collect())
    }

    fn put_back(self, database: &Path) {
        let file = file(database);
        file.execute("DELETE FROM signing_keys", []).unwrap();
        for row in self.0 {
            let places = vec!["?"; row.len()].join(", ");
            let sql = format!("INSERT INTO signing_keys VALUES ({places})");
            file.execute(&sql, rusqlite::params_from_iter(row)).unwrap();
        }
    }
}
