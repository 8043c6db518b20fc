//! What `/v1/capabilities` says (api.md section 3): what is there, and of the rest why not. What smaller builds say is in
//! tests/features.rs.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::{Service, eventually};

fn able(service: &Service) -> Value {
    service.get("app", "/v1/capabilities").is(200)
}

fn rows(able: &Value, pointer: &str) -> Vec<Value> {
    let rows = able.pointer(pointer).and_then(Value::as_array);
    let rows = rows.unwrap_or_else(|| panic!("{pointer} in {able}"));
    assert!(!rows.is_empty(), "{pointer}");
    rows.clone()
}

/// The names of the rows that are there; of every other there is a sentence.
fn there(rows: &[Value], member: &str) -> Vec<Value> {
    let mut names = Vec::new();
    for row in rows {
        match row[member].as_bool().unwrap() {
            true => {
                assert_eq!(row["reason"], Value::Null, "{row}");
                names.push(row["name"].clone());
            }
            false => {
                let reason = row["reason"].as_str().unwrap();
                assert!(
                    reason.split(' ').count() > 5 && reason.contains(':'),
                    "{row}"
                );
            }
        }
    }
    names
}

fn key_of(service: &Service, purpose: &str) -> Value {
    let list = service.get("", "/v1/signing-keys").is(200);
    let mut items = list["items"].as_array().unwrap().iter();
    items
        .find(|item| item["purpose"] == purpose)
        .unwrap()
        .clone()
}

#[test]
fn each_list_holds_what_its_table_says_is_there() {
    let service = Service::spawn();
    let able = able(&service);
    assert_eq!(able["build"], json!({"features": ["bip322", "pqc"]}));
    let encryption = rows(&able, "/encryption_table");
    assert_eq!(able["encryption"], json!(there(&encryption, "available")));
    assert_eq!(encryption.len(), 2);
    let schemes = rows(&able, "/signature_scheme_table");
    assert_eq!(able["signature_schemes"], json!(there(&schemes, "on")));
    assert_eq!(schemes.len(), 4);
    let providers = rows(&able, "/kek/providers");
    assert_eq!(there(&providers, "available"), ["pkcs11", "software"]);
    let named: BTreeSet<_> = providers
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["aws-kms", "pkcs11", "software", "yubihsm"].into());
    for feature in ["overrides", "pii", "mcp-tools", "deks"] {
        assert!(
            able["features"]
                .as_array()
                .unwrap()
                .contains(&feature.into()),
            "{feature}"
        );
    }
}

#[test]
fn a_scheme_that_is_switched_off_has_a_reason() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--signature-schemes", "bip340"]);
    let able = able(&service);
    assert_eq!(able["signature_schemes"], json!(["bip340"]));
    let schemes = rows(&able, "/signature_scheme_table");
    assert_eq!(there(&schemes, "on"), ["bip340"]);
    for row in schemes.iter().filter(|row| row["on"] == false) {
        assert!(
            row["reason"]
                .as_str()
                .unwrap()
                .contains("--signature-schemes"),
            "{row}"
        );
    }
}

#[test]
fn the_schema_key_is_shown_with_its_place_and_why_it_is_not_in_the_token() {
    let service = Service::spawn();
    let key = key_of(&service, "schema");
    let signing = able(&service)["schema_signing"].take();
    let wanted = json!({"available": true, "algorithm": "ed25519", "location": "token",
        "key_id": key["key_id"], "reason": null});
    assert_eq!(signing, wanted);
    let home = TempDir::new().unwrap();
    let software = Service::start(home.path(), &["--kek", "software"]);
    let signing = able(&software)["schema_signing"].take();
    assert_eq!(signing["available"], true);
    assert_eq!(signing["location"], "wrapped");
    assert_eq!(signing["key_id"], key_of(&software, "schema")["key_id"]);
    let reason = signing["reason"].as_str().unwrap();
    assert!(reason.contains("software KEK"), "{reason}");
}

#[test]
fn an_outage_of_the_token_changes_nothing_of_it_but_the_state_that_it_shows() {
    let service = Service::spawn();
    let mut before = able(&service);
    let up = before["kek"]["state"].take();
    assert_eq!((&up["state"], &up["cause"]), (&json!("up"), &Value::Null));
    let (tokens, away) = (service.dir.join("softhsm/tokens"), service.dir.join("away"));
    fs::rename(&tokens, &away).unwrap();
    eventually("not ready", || {
        service.get("", "/v1/health/ready").status == 503
    });
    let mut after = able(&service);
    let down = after["kek"]["state"].take();
    let since = |state: &Value| state["since"].as_str().unwrap().parse::<jiff::Timestamp>();
    assert!(since(&up).unwrap() <= since(&down).unwrap());
    assert_eq!(down["state"], "down");
    // Without its folder SoftHSM cannot even be initialised.
    assert_eq!(down["cause"], "library_failed");
    assert!(down["todo"].as_str().unwrap().contains("library"));
    assert_eq!(after, before);
    fs::rename(&away, &tokens).unwrap();
}

#[allow(clippy::disallowed_methods)] // past the store, as somebody else would
fn change(dir: &Path, sql: &str) {
    let database = rusqlite::Connection::open(dir.join("custodian.db")).unwrap();
    assert_eq!(database.execute(sql, []).unwrap(), 1, "{sql}");
}

#[test]
fn a_signing_key_that_is_damaged_or_gone_is_not_available_and_says_what_to_do() {
    for (sql, why) in [
        (
            "UPDATE signing_keys SET created_at = created_at + 1 WHERE ",
            "damaged",
        ),
        ("DELETE FROM signing_keys WHERE ", "missing"),
    ] {
        let home = TempDir::new().unwrap();
        assert_eq!(Service::start(home.path(), &[]).stop(), Some(0));
        change(home.path(), &format!("{sql} purpose = 'schema'"));
        change(
            home.path(),
            &format!("{sql} purpose = 'override' AND algorithm = 'ml-dsa-65'"),
        );
        let service = Service::start(home.path(), &[]);
        let able = able(&service);
        let signing = &able["schema_signing"];
        let members = ["available", "location", "key_id"].map(|member| signing[member].clone());
        assert_eq!(members, [json!(false), Value::Null, Value::Null]);
        let countersigning = &able["countersigning"];
        assert_eq!(countersigning["available"], false);
        assert_eq!(countersigning["override"], json!(["ed25519", "ml-dsa-65"]));
        for of in [signing, countersigning] {
            let reason = of["reason"].as_str().unwrap();
            assert!(
                reason.contains(why) && reason.contains("backup"),
                "{reason}"
            );
        }
    }
}

#[test]
fn capabilities_name_the_fields_that_are_personal() {
    let home = tempfile::TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--pii-fields", "phone,e-mail"]);
    let pii = service.get("app", "/v1/capabilities").is(200)["pii"].clone();
    assert_eq!(pii["fields"], json!(["phone", "e-mail"]));
    assert_eq!(
        (&pii["available"], &pii["reason"]),
        (&json!(true), &json!(null))
    );
}
