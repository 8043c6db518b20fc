//! Rows copied over others with their MACs, put in by hand, and taken out.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    every_column::Log,
    file::{self, never_failed, number, run},
    sample::{PLAINTEXT, Sample},
    service::{Service, eventually},
};

const DAMAGED: &str = "a stored row is not as it was written";

/// A token that its maker knows and nobody issued.
const FORGED: &str = "cst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Says that the log names this row within some seconds.
pub fn is_named(log: &Log, table: &str, row: i64) {
    eventually(&format!("{table} {row} in the log"), || {
        log.has(DAMAGED, table, row)
    });
}

/// Copies every column of one row over another, but for those of `stay`.
fn copy_over(file: &Connection, table: &str, stay: &[&str], from: &str, to: &str) -> i64 {
    let mut names = file
        .prepare("SELECT name FROM pragma_table_info(?1)")
        .unwrap();
    let names = names.query_map([table], |row| row.get::<_, String>(0));
    let names: Vec<_> = names.unwrap().map(Result::unwrap).collect();
    let moved: Vec<_> = names
        .into_iter()
        .filter(|name| !stay.contains(&name.as_str()))
        .collect();
    let columns = moved.join(", ");
    let theirs = format!("SELECT {columns} FROM {table} WHERE {from}");
    let row = number(file, &format!("SELECT rowid FROM {table} WHERE {to}"));
    run(
        file,
        &format!("UPDATE {table} SET ({columns}) = ({theirs}) WHERE rowid = {row}"),
    );
    row
}

#[test]
fn a_row_copied_over_another_with_its_mac_is_found_out_and_gives_nobody_more() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let sample = Sample::fill(&service);
    let file = file::open(home.path());
    let (log, of) = (Log::from_here(&service), |name| {
        format!("principal_id = (SELECT id FROM principals WHERE name = '{name}')")
    });
    let over = [
        (
            "tokens",
            &["seq", "id", "sha256"][..],
            of("admin"),
            of("auditor"),
        ),
        (
            "principals",
            &["seq", "id", "name"],
            "name = 'admin'".into(),
            "name = 'two'".into(),
        ),
        (
            "deks",
            &["name"],
            "name = 'beta'".into(),
            "name = 'gamma'".into(),
        ),
        (
            "dek_versions",
            &["dek", "number", "version"],
            "dek = 'beta' AND number = 1".into(),
            "dek = 'alpha' AND number = 3".into(),
        ),
        (
            "dek_versions",
            &["dek", "number", "version"],
            "dek = 'beta' AND number = 1".into(),
            "dek = 'beta' AND number = 2".into(),
        ),
        (
            "replies",
            &["key"],
            "key = 'beta'".into(),
            "key = 'gamma'".into(),
        ),
    ];
    for (table, stay, from, to) in over {
        let row = copy_over(&file, table, stay, &from, &to);
        is_named(&log, table, row);
    }
    let auditor = service.token("auditor");
    for token in [&auditor, &sample.two.token] {
        for path in ["/v1/capabilities", "/v1/admin/principals"] {
            let refused = service.send(token, "GET", path, &[], "");
            refused.is_refused(422, "integrity_failure");
        }
    }
    for dek in ["alpha", "beta", "gamma"] {
        let path = format!("/v1/deks/{dek}/encrypt");
        let refused = service.post("app", &path, json!({"plaintext": PLAINTEXT}));
        refused.is_refused(422, "integrity_failure");
    }
    never_failed(&service);
}

#[test]
fn a_principal_and_a_token_put_in_by_hand_are_never_let_in() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let file = file::open(home.path());
    let log = Log::from_here(&service);
    let macs = [
        "NULL",
        "zeroblob(32)",
        "x''",
        "(SELECT mac FROM principals LIMIT 1)",
        "'text'",
    ];
    for (at, mac) in macs.into_iter().enumerate() {
        let id = format!("00000000-0000-4000-8000-00000000000{at}");
        let seq = 100 + at;
        let principal = format!(
            "INSERT INTO principals SELECT {seq}, '{id}', 'forged-{at}', 'forged', roles, grants, wrap_scope, NULL, 'active',
             NULL, NULL, created_at, activated_at, NULL, NULL, mac FROM principals WHERE name = 'admin'"
        );
        run(&file, &principal);
        let token = format!(
            "INSERT INTO tokens SELECT {seq}, '{id}', '{id}', ?1, 'active', NULL, created_at, activated_at, NULL, mac
             FROM tokens LIMIT 1"
        );
        let bearer = format!("{FORGED}{at}");
        file.execute(&token, [digest(&bearer)]).unwrap();
        // A MAC in the wrong type does not get into a STRICT table: then the copied one stays.
        for table in ["principals", "tokens"] {
            let _refused = file.execute(
                &format!("UPDATE {table} SET mac = {mac} WHERE seq = {seq}"),
                [],
            );
            is_named(&log, table, i64::try_from(seq).unwrap());
        }
        for path in ["/v1/capabilities", "/v1/admin/principals"] {
            let refused = service.send(&bearer, "GET", path, &[], "");
            refused.is_refused(422, "integrity_failure");
        }
    }
    service.get("admin", "/v1/capabilities").is(200);
    never_failed(&service);
}

fn digest(token: &str) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(token.as_bytes()).to_vec()
}

#[test]
fn a_token_put_in_by_hand_for_a_true_principal_opens_nothing() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let file = file::open(home.path());
    let sql = "INSERT INTO tokens SELECT 100, '00000000-0000-4000-8000-000000000000', principal_id, ?1, 'active', NULL,
               created_at, activated_at, NULL, mac FROM tokens LIMIT 1";
    file.execute(sql, [digest(FORGED)]).unwrap();
    let refused = service.send(FORGED, "GET", "/v1/capabilities", &[], "");
    refused.is_refused(422, "integrity_failure");
    never_failed(&service);
}

#[test]
fn rows_taken_out_are_missed_by_those_that_need_them() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let sample = Sample::fill(&service);
    let file = file::open(home.path());
    let log = Log::from_here(&service);
    let row = |table: &str, whose: &str| {
        number(&file, &format!("SELECT rowid FROM {table} WHERE {whose}"))
    };
    let missed = [
        ("deks", row("deks", "name = 'alpha'")),
        (
            "dek_versions",
            row("dek_versions", "dek = 'gamma' AND number = 1"),
        ),
        (
            "tokens",
            row(
                "tokens",
                "principal_id = (SELECT id FROM principals WHERE name = 'figures')",
            ),
        ),
    ];
    for sql in [
        "DELETE FROM dek_versions WHERE dek = 'alpha' AND number = 3",
        "DELETE FROM deks WHERE name = 'gamma'",
        "DELETE FROM principals WHERE name = 'figures'",
    ] {
        run(&file, sql);
    }
    for (table, row) in missed {
        is_named(&log, table, row);
    }
    let encrypt = json!({"plaintext": PLAINTEXT});
    let refused = service.post("app", "/v1/deks/alpha/encrypt", encrypt);
    refused.is_refused(422, "integrity_failure");
    let shown = service.get("operator", "/v1/deks/alpha");
    shown.is_refused(422, "integrity_failure");
    let gone = service.send(&sample.metrics.token, "GET", "/v1/capabilities", &[], "");
    gone.is_refused(401, "unauthenticated");
    never_failed(&service);
}

#[test]
fn nothing_is_encrypted_to_an_attackers_public_key() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let _sample = Sample::fill(&service);
    let file = file::open(home.path());
    // `delta`'s key stands for one whose secret the attacker has: a true key in every way. Its MAC comes with it.
    run(
        &file,
        "UPDATE dek_versions SET (public_key, mac) = (SELECT public_key, mac FROM dek_versions WHERE dek = 'delta')
         WHERE dek = 'gamma' AND number = 2",
    );
    for (method, path, body) in [
        ("POST", "encrypt", json!({"plaintext": PLAINTEXT})),
        (
            "POST",
            "encrypt",
            json!({"plaintext": PLAINTEXT, "context": {"a": "b"}}),
        ),
        ("GET", "public-key", Value::Null),
    ] {
        let body = (!body.is_null()).then_some(body);
        let answer = service.call("app", method, &format!("/v1/deks/gamma/{path}"), body);
        answer.is_refused(422, "integrity_failure");
    }
    let delta = json!({"plaintext": PLAINTEXT});
    service.post("app", "/v1/deks/delta/encrypt", delta).is(200);
    never_failed(&service);
}

#[test]
fn a_kek_version_announced_by_hand_is_never_made() {
    let home = TempDir::new().unwrap();
    let software = ["--kek", "software"];
    let service = Service::start(home.path(), &software);
    let file = file::open(home.path());
    let log = Log::from_here(&service);
    run(
        &file,
        "INSERT INTO kek_versions VALUES (2, 'kek-v2-20261123', 'creating', NULL, 0, 0, NULL, NULL, NULL)",
    );
    is_named(&log, "kek_versions", 2);
    let keys = || {
        let files = fs::read_dir(home.path().join("software-kek")).unwrap();
        let is_key = |file: &fs::DirEntry| file.path().extension().is_some_and(|end| end == "key");
        files.map(Result::unwrap).filter(is_key).count()
    };
    assert_eq!(keys(), 1);
    file::drop_cleanly(service);
    file::refuses_to_start(home.path(), &software, "an announced KEK version");
    assert_eq!(keys(), 1);
    run(&file, "DELETE FROM kek_versions WHERE number = 2");
    never_failed(&Service::start(home.path(), &software));
}

#[test]
fn damaged_rows_are_counted_by_table_and_said_once() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let file = file::open(home.path());
    let log = Log::from_here(&service);
    let figure = |table: &str, count: u32| {
        let figures = service.get("auditor", "/metrics").text;
        figures.contains(&format!(
            "custodian_damaged_rows{{table=\"{table}\"}} {count}\n"
        ))
    };
    eventually("nothing damaged", || {
        figure("tokens", 0) && figure("row_key", 0)
    });
    let damaged = "UPDATE tokens SET expires_at = expires_at + 1 WHERE seq IN (1, 2)";
    run(&file, damaged);
    eventually("two damaged tokens", || figure("tokens", 2));
    assert!(figure("principals", 0));
    std::thread::sleep(std::time::Duration::from_millis(2500));
    for row in [1, 2] {
        assert_eq!(log.count(DAMAGED, "tokens", row), 1);
    }
    run(&file, &damaged.replace("+ 1", "- 1"));
    eventually("none damaged any more", || figure("tokens", 0));
    assert_eq!(service.get("", "/v1/health/ready").status, 200);
}
