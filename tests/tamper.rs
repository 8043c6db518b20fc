//! The database changed behind the service's back. A damaged secret is refused by name: never a wrong plaintext, never
//! silence, never a failure of the service itself.
//!
//! What this version cannot notice is not here: the Merkle log is to notice it (formats.md section 8).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "tamper/dek.rs"]
mod dek;
#[path = "support/service.rs"]
mod service;

use dek::{CASES, Use};
use service::{Answer, Service, eventually};

const PLAINTEXT: &str = "c2VjcmV0";

/// A DEK of two versions, and what each of them encrypted.
struct Sample {
    name: String,
    ciphertexts: [Value; 2],
}

impl Sample {
    fn make(service: &Service, name: &str) -> Self {
        service.make_dek(name);
        let old = encrypt(service, name).is(200)["ciphertext"].take();
        let rotate = format!("/v1/deks/{name}/rotate");
        service.post("operator", &rotate, json!({})).is(201);
        let new = encrypt(service, name).is(200)["ciphertext"].take();
        Self {
            name: name.to_owned(),
            ciphertexts: [old, new],
        }
    }

    fn make_use(&self, service: &Service, of: Use) -> Answer {
        match of {
            Use::Old => decrypt(service, &self.name, &self.ciphertexts[0]),
            Use::New => decrypt(service, &self.name, &self.ciphertexts[1]),
            Use::Encrypt => encrypt(service, &self.name),
        }
    }

    /// Refused where it must be, else as ever.
    fn is_hurt(&self, service: &Service, hurt: &[Use]) {
        for of in [Use::Old, Use::New, Use::Encrypt] {
            let answer = self.make_use(service, of);
            println!("{} {of:?}: {}", self.name, answer.status);
            if hurt.contains(&of) {
                answer.is_refused(422, "integrity_failure");
            } else if of == Use::Encrypt {
                let made = answer.is(200)["ciphertext"].take();
                let opened = decrypt(service, &self.name, &made).is(200);
                assert_eq!(opened["plaintext"], PLAINTEXT);
            } else {
                assert_eq!(answer.is(200)["plaintext"], PLAINTEXT);
            }
        }
    }
}

fn encrypt(service: &Service, name: &str) -> Answer {
    let body = json!({"plaintext": PLAINTEXT, "context": {"of": name}});
    service.post("app", &format!("/v1/deks/{name}/encrypt"), body)
}

fn decrypt(service: &Service, name: &str, ciphertext: &Value) -> Answer {
    let body = json!({"ciphertext": ciphertext, "context": {"of": name}});
    service.post("app", &format!("/v1/deks/{name}/decrypt"), body)
}

#[test]
fn a_dek_whose_rows_were_changed_or_swapped_answers_integrity_failure_and_hurts_no_other() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let healthy = Sample::make(&service, "healthy");
    let make = |case: &dek::Case| Sample::make(&service, case.name);
    let samples: Vec<_> = CASES.iter().map(make).collect();
    let again = tampered(service, |file| {
        for case in CASES {
            (case.tamper)(file, case.name);
        }
    });
    for (sample, case) in samples.iter().zip(CASES) {
        sample.is_hurt(&again, case.hurt);
    }
    healthy.is_hurt(&again, &[]);
    for case in CASES {
        answers_without_failing(&again, case.name);
    }
    healthy.is_hurt(&again, &[]);
    never_failed(&again);
}

/// Showing, listing and rotating a damaged DEK is refused or works; none of it is a failure.
fn answers_without_failing(service: &Service, name: &str) {
    let path = format!("/v1/deks/{name}");
    let rotate = service.post("operator", &format!("{path}/rotate"), json!({}));
    let answers = [
        rotate,
        service.get("operator", &path),
        service.get("operator", "/v1/deks"),
    ];
    for answer in answers {
        assert!([200, 201, 422].contains(&answer.status), "{answer:?}");
    }
}

#[test]
fn a_kek_that_is_not_what_the_database_says_lets_nothing_start() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("first");
    let changes = [
        "canary = zeroblob(length(canary))",
        "canary = substr(canary, 1, length(canary) - 1)",
        "canary = x''",
        "version = 'kek-v1-19991231'",
        "version = 'x'",
        "number = 2",
    ];
    let dir = service.dir.clone();
    drop_cleanly(service);
    for change in changes {
        let undo = kept(&dir);
        tamper(&dir, |file| {
            let sql = format!("UPDATE kek_versions SET {change}");
            assert_eq!(file.execute(&sql, []).unwrap(), 1);
        });
        let refused = start(&dir);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{change}: {said}");
        assert!(said.contains("custodian: "), "{change}: {said}");
        assert!(!said.contains("panicked"), "{change}: {said}");
        undo(&dir);
    }
    never_failed(&Service::start(&dir, &[]));
}

#[test]
fn a_token_whose_hash_was_changed_opens_nothing() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let again = tampered(service, |file| {
        let app = "(SELECT id FROM principals WHERE name = 'app')";
        let sql = format!("UPDATE tokens SET sha256 = zeroblob(32) WHERE principal_id = {app}");
        assert_eq!(file.execute(&sql, []).unwrap(), 1);
    });
    let refused = again.post("app", "/v1/wrap", json!({"plaintext": PLAINTEXT}));
    refused.is_refused(401, "unauthenticated");
    again.get("operator", "/v1/deks").is(200);
    never_failed(&again);
}

#[test]
fn a_principal_whose_row_is_not_as_it_was_written_signs_in_no_more() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let again = tampered(service, |file| {
        let changes = [
            ("roles = '[\"root\"]'", "app"),
            ("grants = '{\"deks\": 7}'", "operator"),
            ("subject = 'Not A Subject'", "auditor"),
        ];
        for (change, name) in changes {
            let sql = format!("UPDATE principals SET {change} WHERE name = ?1");
            assert_eq!(file.execute(&sql, [name]).unwrap(), 1);
        }
    });
    for role in ["app", "operator", "auditor"] {
        let refused = again.get(role, "/v1/capabilities");
        refused.is_refused(422, "integrity_failure");
    }
    again.get("admin", "/v1/capabilities").is(200);
    never_failed(&again);
}

#[test]
fn another_wrap_scope_opens_nothing_of_the_old_one() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let body = json!({"plaintext": PLAINTEXT});
    let wrapped = service.post("app", "/v1/wrap", body).is(200)["wrapped"].take();
    let again = tampered(service, |file| {
        let sql = "UPDATE principals SET wrap_scope = 'another' WHERE name = 'app'";
        assert_eq!(file.execute(sql, []).unwrap(), 1);
    });
    let refused = again.post("app", "/v1/unwrap", json!({"wrapped": wrapped}));
    refused.is_refused(422, "integrity_failure");
    never_failed(&again);
}

#[test]
fn an_audit_entry_that_is_no_entry_is_not_answered_as_one() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("first");
    let again = tampered(service, |file| {
        let sql = "UPDATE audit_entries SET entry = substr(entry, 2) WHERE number = 1";
        assert_eq!(file.execute(sql, []).unwrap(), 1);
    });
    let refused = again.get("auditor", "/v1/audit/entries");
    refused.is_refused(422, "integrity_failure");
    again.make_dek("second");
    never_failed(&again);
}

#[test]
fn a_log_from_the_future_makes_the_service_not_ready() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let again = tampered(service, |file| {
        let day = 24 * 60 * 60 * 1_000_000_i64;
        let sql = "UPDATE audit_entries SET at = at + ?1";
        assert_ne!(file.execute(sql, [day]).unwrap(), 0);
    });
    eventually("not ready", || {
        again.get("", "/v1/health/ready").status == 503
    });
    never_failed(&again);
}

/// Stops the service, changes its file, starts it again.
fn tampered(service: Service, change: impl FnOnce(&Connection)) -> Service {
    let dir = service.dir.clone();
    drop_cleanly(service);
    tamper(&dir, change);
    Service::start(&dir, &[])
}

fn drop_cleanly(service: Service) {
    assert_eq!(service.stop(), Some(0));
}

/// Whoever can write the file can also switch its constraints off.
fn tamper(dir: &Path, change: impl FnOnce(&Connection)) {
    #[allow(clippy::disallowed_methods)] // past the store is the point
    let file = Connection::open(dir.join("custodian.db")).unwrap();
    let off = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";
    file.execute_batch(off).unwrap();
    change(&file);
}

/// Remembers the database, to be put back.
fn kept(dir: &Path) -> impl FnOnce(&Path) + use<> {
    let before = std::fs::read(dir.join("custodian.db")).unwrap();
    move |dir| {
        for companion in ["custodian.db-wal", "custodian.db-shm"] {
            let _none = std::fs::remove_file(dir.join(companion));
        }
        std::fs::write(dir.join("custodian.db"), before).unwrap();
    }
}

/// Starts one that is expected to end by itself, within ten seconds.
fn start(dir: &Path) -> Output {
    Command::new("timeout")
        .args(["10", env!("CARGO_BIN_EXE_custodian")])
        .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .stdout(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn never_failed(service: &Service) {
    let log = service.log();
    for word in ["panicked", "status=500", "internal:"] {
        assert!(!log.contains(word), "the log says {word}");
    }
}
