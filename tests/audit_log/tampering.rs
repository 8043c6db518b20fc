//! Each way to tamper with the log, and the word for it.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    attack::{change, cut, forge, regrow, remove, repeat, shift, size, swap},
    file::{self, run},
    service::{Service, eventually},
};

/// The entry that is attacked.
const FIVE: i64 = 5;

/// What is done to a log of so many entries, the word for it, and the entry that is named.
struct Case {
    what: &'static str,
    attack: fn(&Connection),
    word: &'static str,
    entry: fn(i64) -> Option<i64>,
}

const fn case(
    what: &'static str,
    attack: fn(&Connection),
    word: &'static str,
    entry: fn(i64) -> Option<i64>,
) -> Case {
    Case {
        what,
        attack,
        word,
        entry,
    }
}

const CASES: [Case; 22] = [
    case("changed", |file| change(file, FIVE), "EntryChanged", five),
    case(
        "changed, and the tree with it",
        |file| regrown(file, |file| change(file, FIVE)),
        "EntryChanged",
        five,
    ),
    case(
        "changed to no JSON",
        |file| {
            run(
                file,
                "UPDATE audit_entries SET entry = x'00' WHERE number = 5",
            )
        },
        "EntryChanged",
        five,
    ),
    case(
        "with another time",
        |file| {
            run(
                file,
                "UPDATE audit_entries SET at = at + 1 WHERE number = 5",
            )
        },
        "EntryChanged",
        five,
    ),
    case("removed", |file| remove(file, FIVE), "EntryMissing", five),
    case(
        "removed, and the gap closed",
        |file| regrown(file, closed_gap),
        "EntryMissing",
        five,
    ),
    case(
        "removed, the gap closed, and one put in at the end",
        padded_gap,
        "EntryMissing",
        five,
    ),
    case(
        "reordered",
        |file| swap(file, FIVE, FIVE + 1),
        "EntryMoved",
        five,
    ),
    case(
        "reordered, and the tree with it",
        |file| regrown(file, |file| swap(file, FIVE, 8)),
        "EntryMoved",
        five,
    ),
    case(
        "inserted",
        |file| regrown(file, forged),
        "EntryInserted",
        five,
    ),
    case(
        "inserted again",
        |file| regrown(file, repeated),
        "EntryInserted",
        five,
    ),
    case(
        "inserted at the end",
        |file| forge(file, size(file), FIVE),
        "EntryInserted",
        Some,
    ),
    case(
        "the first one removed",
        |file| remove(file, 0),
        "EntryMissing",
        |_| Some(0),
    ),
    case(
        "the tail cut",
        |file| cut(file, size(file) - 2),
        "TailCut",
        |size| Some(size - 2),
    ),
    case(
        "the tail cut, and the tree with it",
        |file| regrown(file, |file| cut(file, size(file) - 2)),
        "TailCut",
        |size| Some(size - 2),
    ),
    case(
        "the record of the length removed",
        |file| run(file, "DELETE FROM log_head"),
        "LengthMissing",
        |_| None,
    ),
    case(
        "the record of the length changed",
        |file| run(file, "UPDATE log_head SET size = size - 1"),
        "LengthMissing",
        |_| None,
    ),
    case(
        "all removed",
        |file| regrown(file, |file| cut(file, 0)),
        "TailCut",
        |_| Some(0),
    ),
    case(
        "a leaf of the tree changed",
        |file| {
            run(
                file,
                "UPDATE tree_hashes SET hash = zeroblob(32) WHERE position = 0",
            )
        },
        "TreeChanged",
        |_| Some(0),
    ),
    case(
        "a hash of the tree removed",
        |file| run(file, "DELETE FROM tree_hashes WHERE position = 4"),
        "TreeChanged",
        |_| None,
    ),
    case(
        "the checkpoint removed",
        |file| run(file, "DELETE FROM checkpoints"),
        "CheckpointMissing",
        |_| None,
    ),
    case(
        "the checkpoint changed",
        |file| run(file, "UPDATE checkpoints SET size = size - 1"),
        "CheckpointMissing",
        |_| None,
    ),
];

fn five(_: i64) -> Option<i64> {
    Some(FIVE)
}

fn regrown(file: &Connection, attack: fn(&Connection)) {
    attack(file);
    regrow(file);
}

fn closed_gap(file: &Connection) {
    remove(file, FIVE);
    shift(file, FIVE, -1);
}

fn padded_gap(file: &Connection) {
    closed_gap(file);
    forge(file, size(file), FIVE - 1);
    regrow(file);
}

fn forged(file: &Connection) {
    shift(file, FIVE - 1, 1);
    forge(file, FIVE, FIVE - 1);
}

fn repeated(file: &Connection) {
    shift(file, FIVE - 1, 1);
    repeat(file, FIVE, 2);
}

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
