//! The database changed behind the service's back: every column of every table, whole rows, the DEKs' rows in many
//! ways. Never a wrong plaintext, never more rights, never silence, never a failure of the service itself.
//!
//! What cannot be noticed is not here: an older copy of a single row put back, and rows taken out that no other row
//! needs. An older copy of the whole database is, by the audit log (`tests/audit_log.rs`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(clippy::wildcard_enum_match_arm)] // of other crates: values of columns and of JSON
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "tamper/aims.rs"]
mod aims;
#[path = "tamper/approvals.rs"]
mod approvals;
#[path = "tamper/at_start.rs"]
mod at_start;
#[path = "tamper/change.rs"]
mod change;
#[path = "tamper/council.rs"]
mod council;
#[path = "tamper/council_probes.rs"]
mod council_probes;
#[path = "tamper/dek.rs"]
mod dek;
#[path = "support/desk.rs"]
mod desk;
#[path = "tamper/every_column.rs"]
mod every_column;
#[path = "tamper/file.rs"]
mod file;
#[path = "support/people.rs"]
mod people;
#[path = "tamper/probes.rs"]
mod probes;
#[path = "tamper/sample.rs"]
mod sample;
#[path = "support/service.rs"]
mod service;
#[path = "tamper/whole_rows.rs"]
mod whole_rows;

use at_start::{SOFTWARE, two_keks};
use dek::{CASES, Use};
use every_column::attack;
use file::{never_failed, tampered};
use service::{Answer, Service};

const PLAINTEXT: &str = "c2VjcmV0";

const TABLES: [&str; 13] = [
    "custodian_keys",
    "custodians",
    "dek_versions",
    "deks",
    "jobs",
    "kek_versions",
    "override_signatures",
    "overrides",
    "principals",
    "replies",
    "row_key",
    "signing_keys",
    "tokens",
];

/// Whatever is done to these closes the log for good: `tests/audit_log.rs` does it, to each of their columns.
const LOG: [&str; 5] = [
    "audit_entries",
    "checkpoints",
    "log_findings",
    "log_head",
    "tree_hashes",
];

#[test]
fn no_column_of_any_table_is_changed_unnoticed_or_obeyed() {
    let begin = |table| move || (table, attacked(table));
    // Each table's service mostly waits for its next background look: all at once.
    let found: Vec<_> = thread::scope(|scope| {
        let running = TABLES.map(|table| scope.spawn(begin(table)));
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (mut columns, mut changes) = (0, 0);
    for (table, figures) in found {
        println!(
            "{table:19} {:3} columns, {:3} changes, each noticed, none obeyed",
            figures.0, figures.1
        );
        columns += figures.0;
        changes += figures.1;
    }
    println!(
        "{} tables, {columns} columns, {changes} changes",
        TABLES.len()
    );
}

fn attacked(table: &'static str) -> (usize, usize) {
    let home = TempDir::new().unwrap();
    match table {
        "jobs" | "kek_versions" => {
            two_keks(home.path());
            attack(table, &home, &SOFTWARE)
        }
        _ => attack(table, &home, &[]),
    }
}

#[test]
fn no_table_is_left_out() {
    let home = TempDir::new().unwrap();
    let _service = Service::start(home.path(), &[]);
    let file = file::open(home.path());
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = file.prepare(sql).unwrap();
    let tables = statement.query_map([], |row| row.get::<_, String>(0));
    let tables: Vec<String> = tables.unwrap().map(Result::unwrap).collect();
    let mut attacked = [&TABLES[..], &LOG].concat();
    attacked.sort_unstable();
    assert_eq!(tables, attacked, "each table's columns are attacked");
}

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
