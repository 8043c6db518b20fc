//! The whole service on a token like a CloudHSM: it chooses the IV of AES-GCM itself and has no Ed25519 and no data
//! objects. The real binary on the double of `tests/token_double`, a real database, real HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{path::Path, process::Command};

use aegis_custodian::crypto::scheme::Kind;
use base64ct::{Base64UrlUnpadded, Encoding};
use double::Double;
use people::{Desk, Person, RISK, SECURITY, text};
use serde_json::{Value, json};
use service::{Service, eventually};
use tempfile::TempDir;

#[path = "support/desk.rs"]
mod desk;
#[path = "support/double.rs"]
mod double;
#[path = "support/people.rs"]
mod people;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;

const SECRET: &str = "c2VjcmV0IGtleSBtYXRlcmlhbA==";
const TOKEN_IV: &[u8] = b"\x10aes-gcm-token-iv\x0c";
const CALLER_IV: &[u8] = b"\x07aes-gcm\x0c";

/// Something to open, and what must come out.
struct Made {
    path: &'static str,
    body: Value,
    opened: Value,
}

fn cloudhsm() -> Double {
    let double = Double::bare();
    double.command("cloudhsm");
    double
}

/// One of everything that the KEK guards.
fn make_all(service: &Service) -> Vec<Made> {
    let wrapped = wrap(service);
    let mut made = vec![Made {
        path: "/v1/unwrap",
        body: json!({"wrapped": wrapped}),
        opened: json!(SECRET),
    }];
    for (name, algorithm, path) in [
        ("plain", "aes-256-gcm", "/v1/deks/plain/decrypt"),
        ("hybrid", "mlkem768-x25519", "/v1/deks/hybrid/decrypt"),
    ] {
        let body = json!({"name": name, "algorithm": algorithm});
        service.post("operator", "/v1/deks", body).is(201);
        let body = json!({"plaintext": SECRET});
        let sealed = service
            .post("app", &format!("/v1/deks/{name}/encrypt"), body)
            .is(200);
        made.push(Made {
            path,
            body: json!({"ciphertext": sealed["ciphertext"]}),
            opened: json!(SECRET),
        });
    }
    made
}

fn wrap(service: &Service) -> Value {
    let wrapped = service
        .post("app", "/v1/wrap", json!({"plaintext": SECRET}))
        .is(200);
    wrapped["wrapped"].clone()
}

/// The record in a `kek` blob, which begins with its length.
fn record(blob: &Value) -> Vec<u8> {
    let body = blob.as_str().unwrap().rsplit(':').next().unwrap();
    Base64UrlUnpadded::decode_vec(body).unwrap()[2..].to_vec()
}

#[track_caller]
fn all_open(service: &Service, made: &[Made]) {
    for one in made {
        let opened = service.post("app", one.path, one.body.clone()).is(200);
        assert_eq!(opened["plaintext"], one.opened, "{}", one.path);
    }
}

fn certificate(service: &Service) -> Value {
    let rita = Person::enrol(service, "rita", RISK, Kind::Bip340);
    let theo = Person::enrol(service, "theo", SECURITY, Kind::Ed25519MlDsa44);
    let asked = service.request("needed", json!({})).is(201);
    rita.sign(service, &asked).is(200);
    assert_eq!(theo.sign(service, &asked).is(200)["status"], "approved");
    let path = format!("/v1/overrides/{}/certificate", text(&asked, "id"));
    service.look(&service.app(), &path)
}

fn signed_tools(service: &Service) -> Value {
    let tools = json!({"tools": [{"name": "add"}, {"name": "pay"}]});
    service.post("app", "/v1/mcp/tools/sign", tools).is(200)
}

#[track_caller]
fn both_are_valid(service: &Service, certificate: &Value, tools: &Value) {
    let body = json!({"certificate": certificate});
    let verdict = service.post("app", "/v1/overrides/verify", body).is(200);
    assert_eq!(verdict["valid"], true, "{verdict}");
    let verdict = service.post("app", "/v1/mcp/tools/verify", tools.clone());
    let verdict = verdict.is(200);
    assert_eq!(verdict["valid"], true, "{verdict}");
}

fn mechanism(service: &Service) -> Value {
    service.get("app", "/v1/capabilities").is(200)["kek"]["mechanism"].clone()
}

fn doctor(module: &Path, dir: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_custodian"))
        .args(["doctor", "--output", "json", "--data-dir"])
        .arg(dir)
        .env("CUSTODIAN_SOFTHSM_MODULE", module)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn everything_works_and_survives_a_restart_and_a_change_of_token() {
    let (double, home) = (cloudhsm(), TempDir::new().unwrap());
    let service = Service::start_on(&double.module(), home.path());
    assert_eq!(mechanism(&service), "aes-gcm-token-iv");
    let made = make_all(&service);
    all_open(&service, &made);
    let blob = wrap(&service);
    assert!(record(&blob).starts_with(TOKEN_IV), "{blob}");
    let (certificate, tools) = (certificate(&service), signed_tools(&service));
    both_are_valid(&service, &certificate, &tools);
    assert_eq!(service.stop(), Some(0));

    let service = Service::start_on(&double.module(), home.path());
    all_open(&service, &made);
    both_are_valid(&service, &certificate, &tools);
    both_are_valid(&service, &certificate, &signed_tools(&service));
    assert_eq!(service.stop(), Some(0));

    // The same key in a token that takes IVs: what was wrapped opens, and what is rewrapped is as that token does it.
    let service = Service::start(home.path(), &[]);
    assert_eq!(mechanism(&service), "aes-gcm");
    all_open(&service, &made);
    both_are_valid(&service, &certificate, &tools);
    assert!(record(&wrap(&service)).starts_with(CALLER_IV));
    assert_eq!(service.stop(), Some(0));

    // Back in one that chooses the IV and keeps the checkpoint too.
    let other = Double::bare();
    other.command("own-iv");
    let service = Service::start_on(&other.module(), home.path());
    all_open(&service, &made);
    assert!(record(&wrap(&service)).starts_with(TOKEN_IV));
    assert_eq!(service.stop(), Some(0));

    // A checkpoint was in the token before: without it nobody can tell this log from an older copy.
    let service = Service::start_on(&double.module(), home.path());
    let verdict = service.post("auditor", "/v1/audit/verify", json!({}));
    assert_eq!(verdict.is(200)["error"], "TokenCheckpointMissing");
    let body = json!({"plaintext": SECRET});
    service
        .post("app", "/v1/wrap", body)
        .is_refused(503, "audit_unavailable");
}

#[test]
fn its_kek_is_rotated_and_a_version_retired_and_restored() {
    let (double, home) = (cloudhsm(), TempDir::new().unwrap());
    let service = Service::start_on(&double.module(), home.path());
    let made = make_all(&service);
    let blob = made[0].body["wrapped"].as_str().unwrap();
    let version = blob.split(':').nth(2).unwrap();
    let kek = |verb: &str, body: Value| {
        let path = format!("/v1/kek/versions/{version}/{verb}");
        service.post("operator", &path, body)
    };
    let rotated = service.post("operator", "/v1/kek/rotate", json!({}));
    assert!((200..300).contains(&rotated.status), "{rotated:?}");
    let confirmed = json!({"confirm": version});
    eventually("nothing is left under the old version", || {
        kek("retire", confirmed.clone()).status == 200
    });
    let refused = service.post("app", made[0].path, made[0].body.clone());
    assert_ne!(refused.status, 200, "{refused:?}");
    all_open(&service, &made[1..]);
    kek("restore", json!({})).is(200);
    all_open(&service, &made);
    assert_eq!(service.stop(), Some(0));
    let service = Service::start_on(&double.module(), home.path());
    all_open(&service, &made);
}

#[test]
fn its_signing_keys_are_wrapped_seeds_and_the_service_says_so() {
    let (double, home) = (cloudhsm(), TempDir::new().unwrap());
    let service = Service::start_on(&double.module(), home.path());
    let keys = service.get("", "/v1/signing-keys").is(200);
    let keys = keys["items"].as_array().unwrap();
    assert_eq!(keys.len(), 4);
    for key in keys {
        assert_eq!(key["location"], "wrapped", "{key}");
    }
    let able = service.get("app", "/v1/capabilities").is(200);
    assert_eq!(able["kek"]["keys_in_token"], true);
    let why = able["schema_signing"]["reason"].as_str().unwrap();
    assert!(why.contains("no Ed25519"), "{why}");
}

#[test]
fn doctor_says_how_the_token_seals() {
    let (double, home) = (cloudhsm(), TempDir::new().unwrap());
    let service = Service::start_on(&double.module(), home.path());
    assert_eq!(service.stop(), Some(0));
    let found = doctor(&double.module(), home.path());
    let wanted = json!({
        "opening": "opens",
        "aes_gcm": true,
        "ed25519": false,
        "mechanism": "aes-gcm-token-iv",
        // It looks at a copy of the token without its keys.
        "objects": 0,
        "sessions": null,
    });
    assert_eq!(found["token"], wanted);
    let findings = found["findings"].as_array().unwrap();
    let wrapping = findings.iter().find(|one| one["about"] == "wrapping");
    let says = wrapping.unwrap()["says"].as_str().unwrap();
    assert!(says.contains("aes-gcm-token-iv"), "{says}");
    assert_eq!(
        doctor(softhsm::MODULE.as_ref(), home.path())["token"]["mechanism"],
        "aes-gcm"
    );
}

#[test]
fn a_service_does_not_start_on_a_token_that_chooses_no_iv() {
    let (double, home) = (Double::bare(), TempDir::new().unwrap());
    double.command("zero-iv");
    let output = Command::new(env!("CARGO_BIN_EXE_custodian"))
        .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(home.path().join("data"))
        .env("CUSTODIAN_SOFTHSM_MODULE", double.module())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("chose none itself"), "{said}");
}
