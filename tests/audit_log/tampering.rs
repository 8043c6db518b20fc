//! What is done to the log is named and ends the use of keys, whether the service is down or running.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    attack::{change, cut, regrow, remove, size},
    cases::{CASES, FIVE},
    file::{self, run},
    service::{Service, eventually},
};

#[test]
fn each_tampering_is_named_and_no_key_is_used_from_then_on() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("telemetry");
    for _ in 0..20 {
        encrypt(&service).is(200);
    }
    file::drop_cleanly(service);
    let whole = home.path().join("custodian.db");
    let kept = fs::read(&whole).unwrap();
    for case in &CASES {
        fs::write(&whole, &kept).unwrap();
        let file = file::open(home.path());
        let entries = size(&file);
        (case.attack)(&file);
        let left = size(&file);
        drop(file);
        let service = Service::start(home.path(), &[]);
        let verdict = service
            .post("auditor", "/v1/audit/verify", json!({}))
            .is(200);
        let entry = verdict["entry"].as_i64();
        assert_eq!(verdict["valid"], false, "{}", case.what);
        assert_eq!(
            (verdict["error"].as_str().unwrap(), entry),
            (case.word, (case.entry)(entries)),
            "{}",
            case.what
        );
        is_closed(&service, case.what);
        file::drop_cleanly(service);
        let file = file::open(home.path());
        assert_eq!(size(&file), left, "{}: the log took an entry", case.what);
        println!("{}: {} at {entry:?}", case.what, case.word);
    }
    fs::write(&whole, &kept).unwrap();
    let service = Service::start(home.path(), &[]);
    let verdict = service
        .post("auditor", "/v1/audit/verify", json!({}))
        .is(200);
    assert_eq!(verdict["valid"], true);
    encrypt(&service).is(200);
}

#[test]
fn entries_that_no_checkpoint_has_yet_cannot_be_cut_off_after_a_kill() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("telemetry");
    eventually("all is signed", || {
        let size = service.audit().len();
        let note = service.get("auditor", "/v1/audit/checkpoint").text;
        note.contains(&format!("\n{size}\n"))
    });
    let signed = i64::try_from(service.audit().len()).unwrap();
    for _ in 0..3 {
        encrypt(&service).is(200);
    }
    service.kill();
    drop(service);
    let file = file::open(home.path());
    cut(&file, signed);
    regrow(&file);
    run(&file, "UPDATE checkpoints SET made_at = made_at");
    drop(file);
    let service = Service::start(home.path(), &[]);
    let verdict = service
        .post("auditor", "/v1/audit/verify", json!({}))
        .is(200);
    let error = verdict["error"].as_str().unwrap();
    assert!(["TailCut", "RolledBack"].contains(&error), "{verdict}");
    is_closed(&service, "cut");
}

#[test]
fn what_was_found_is_not_forgotten_at_the_next_start() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("telemetry");
    encrypt(&service).is(200);
    let service = file::tampered(service, |file| change(file, 1));
    let verdict = service
        .post("auditor", "/v1/audit/verify", json!({}))
        .is(200);
    assert_eq!(verdict["error"], "EntryChanged");
    file::drop_cleanly(service);
    let service = Service::start(home.path(), &[]);
    encrypt(&service).is_refused(503, "audit_unavailable");
    let note = service.get("auditor", "/v1/audit/checkpoint");
    assert_eq!(note.status, 200, "the evidence can be had: {note:?}");
}

#[test]
fn a_log_that_was_put_right_is_read_whole_and_then_takes_entries_again() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("telemetry");
    encrypt(&service).is(200);
    let service = file::tampered(service, |file| {
        run(
            file,
            "UPDATE audit_entries SET at = at + 1 WHERE number = 1",
        )
    });
    let verify = |service: &Service| {
        let verdict = service.post("auditor", "/v1/audit/verify", json!({}));
        verdict.is(200)["error"].clone()
    };
    assert_eq!(verify(&service), "EntryChanged");
    let service = file::tampered(service, |file| {
        run(
            file,
            "UPDATE audit_entries SET at = at - 1 WHERE number = 1",
        );
        assert_eq!(file::number(file, "SELECT count(*) FROM log_findings"), 1);
    });
    assert_eq!(verify(&service), Value::Null);
    encrypt(&service).is(200);
    eventually("it is ready", || ready(&service)["status"] == "ready");
    file::drop_cleanly(service);
    let file = file::open(home.path());
    assert_eq!(file::number(&file, "SELECT count(*) FROM log_findings"), 0);
}

#[test]
fn no_column_of_the_logs_tables_is_changed_unnoticed() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("telemetry");
    encrypt(&service).is(200);
    file::drop_cleanly(service);
    let whole = home.path().join("custodian.db");
    let kept = fs::read(&whole).unwrap();
    for (table, columns, row) in [
        (
            "audit_entries",
            &["number", "at", "entry", "mac"][..],
            "number = 3",
        ),
        (
            "checkpoints",
            &["size", "root", "note", "in_token", "made_at", "mac"],
            "TRUE",
        ),
        ("log_head", &["size", "mac"], "TRUE"),
        ("tree_hashes", &["position", "hash"], "position = 3"),
    ] {
        for column in columns {
            fs::write(&whole, &kept).unwrap();
            let file = file::open(home.path());
            let other = format!(
                "CASE typeof({column}) WHEN 'integer' THEN {column} + 1000 WHEN 'text' THEN {column} || ' ' \
                 ELSE CAST({column} || x'00' AS BLOB) END"
            );
            run(
                &file,
                &format!("UPDATE {table} SET {column} = {other} WHERE {row}"),
            );
            drop(file);
            let service = Service::start(home.path(), &[]);
            let verdict = service
                .post("auditor", "/v1/audit/verify", json!({}))
                .is(200);
            assert_eq!(verdict["valid"], false, "{table}.{column}");
            is_closed(&service, column);
            file::drop_cleanly(service);
        }
    }
}

#[test]
fn what_is_done_to_the_log_of_a_running_service_is_noticed_without_anyone_asking() {
    for attack in [
        |file: &Connection| change(file, FIVE),
        |file: &Connection| remove(file, FIVE),
        |file: &Connection| {
            run(
                file,
                "UPDATE tree_hashes SET hash = zeroblob(32) WHERE position = 2",
            )
        },
        |file: &Connection| cut(file, FIVE),
    ] {
        let service = Service::spawn();
        service.make_dek("telemetry");
        encrypt(&service).is(200);
        attack(&file::open(&service.dir));
        eventually("the service notices", || {
            ready(&service)["checks"]["audit"]["ok"] == false
        });
        is_closed(&service, "at runtime");
    }
}

#[test]
fn no_entry_is_put_in_the_place_of_one_that_was_cut_off_a_moment_ago() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    encrypt(&service).is(200);
    let file = file::open(&service.dir);
    let last = size(&file) - 1;
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    cut(&file, last);
    regrow(&file);
    file.execute_batch("COMMIT").unwrap();
    encrypt(&service).is_refused(503, "audit_unavailable");
    assert_eq!(size(&file), last);
    is_closed(&service, "cut");
}

#[test]
fn damage_to_the_old_part_of_the_log_is_found_after_the_start_without_anyone_asking() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("telemetry");
    encrypt(&service).is(200);
    let service = file::tampered(service, |file| change(file, 1));
    eventually("the service notices", || {
        ready(&service)["checks"]["audit"]["ok"] == false
    });
    is_closed(&service, "after the start");
}

pub fn encrypt(service: &Service) -> crate::service::Answer {
    let body = json!({"plaintext": "c2VjcmV0"});
    service.post("app", "/v1/deks/telemetry/encrypt", body)
}

pub fn ready(service: &Service) -> Value {
    service.raw("GET", "/v1/health/ready", &[], b"").json()
}

/// Neither keys nor changes, and no refusal is logged; what was there can be read.
#[track_caller]
pub fn is_closed(service: &Service, what: &str) {
    encrypt(service).is_refused(503, "audit_unavailable");
    let dek = json!({"name": "another", "algorithm": "aes-256-gcm"});
    let made = service.post("operator", "/v1/deks", dek);
    made.is_refused(503, "audit_unavailable");
    eventually(what, || ready(service)["checks"]["audit"]["ok"] == false);
    assert_eq!(ready(service)["status"], "not_ready", "{what}");
    service.get("operator", "/v1/deks").is(200);
}
