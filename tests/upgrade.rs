//! One database in two builds: what a reduced build begins, the full one finishes, and what the full one made waits
//! untouched in a reduced one. `make features` builds both and runs this; AEGIS_REDUCED names the reduced binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/desk.rs"]
mod desk;
#[path = "support/people.rs"]
mod people;
#[path = "support/service.rs"]
mod service;

use std::{env, fs, path::Path, thread, time::Duration};

use aegis_custodian::crypto::scheme::{AddressKind, Kind, Network};
use people::{Desk, Person, RISK, SECURITY, text};
use serde_json::{Value, json};
use service::{Answer, Service, eventually};

const WALLET: Kind = Kind::Bip322Simple {
    network: Network::Bitcoin,
    address: AddressKind::P2tr,
};

fn full(dir: &Path) -> Service {
    Service::start(dir, &[])
}

#[allow(clippy::disallowed_methods)] // only the script knows where it built it
fn reduced(dir: &Path) -> Service {
    let binary =
        env::var("AEGIS_REDUCED").expect("run `make features`: it builds the reduced binary");
    let service = Service::start_by(Path::new(&binary), dir, &[]);
    let help = service.get("auditor", "/v1/capabilities").is(200);
    assert_eq!(help["signature_schemes"], json!(["bip340", "ed25519"]));
    service
}

fn stop(service: &Service) {
    assert_eq!(service.stop(), Some(0));
}

fn keys(service: &Service) -> Vec<Value> {
    let mut list = service.get("", "/v1/signing-keys").is(200);
    list["items"].as_array_mut().unwrap().split_off(0)
}

fn encrypt(service: &Service, dek: &str) -> Answer {
    let path = format!("/v1/deks/{dek}/encrypt");
    service.post("app", &path, json!({"plaintext": "YWVnaXM="}))
}

fn decrypt(service: &Service, dek: &str, sealed: &Value) -> Answer {
    let path = format!("/v1/deks/{dek}/decrypt");
    service.post("app", &path, json!({"ciphertext": sealed["ciphertext"]}))
}

/// Asserts a refusal for want of post-quantum cryptography.
#[track_caller]
fn waits(answer: &Answer) {
    answer.is_refused(409, "conflict");
    let detail = text(&answer.json(), "detail");
    assert!(detail.contains("--features pqc"), "{detail}");
}

fn certificate(service: &Service, of: &Value) -> Value {
    let path = format!("/v1/overrides/{}/certificate", text(of, "id"));
    service.get("app", &path).is(200)
}

fn is_valid(service: &Service, certificate: &Value) {
    let body = json!({"certificate": certificate});
    let verdict = service
        .post("auditor", "/v1/overrides/verify", body)
        .is(200);
    assert_eq!(verdict["valid"], true, "{verdict}");
}

#[test]
fn a_database_that_a_reduced_build_began_works_fully_with_the_full_one() {
    let home = tempfile::tempdir().unwrap();
    let first = reduced(home.path());
    first.make_dek("plain");
    let sealed = encrypt(&first, "plain").is(200);
    let risk = Person::enrol(&first, "ann", RISK, Kind::Bip340);
    let made = keys(&first);
    assert_eq!(made.len(), 3);
    stop(&first);

    let second = full(home.path());
    let all = keys(&second);
    assert!(all.len() == 4 && made.iter().all(|key| all.contains(key)));
    let opened = decrypt(&second, "plain", &sealed).is(200);
    assert_eq!(opened["plaintext"], "YWVnaXM=");
    let body = json!({"name": "hybrid", "algorithm": "mlkem768-x25519"});
    second.post("operator", "/v1/deks", body).is(201);
    encrypt(&second, "hybrid").is(200);
    let security = Person::enrol(&second, "bob", SECURITY, WALLET);
    let asked = second.request("since it is needed", json!({})).is(201);
    risk.sign(&second, &asked).is(200);
    assert_eq!(security.sign(&second, &asked).is(200)["status"], "approved");
    is_valid(&second, &certificate(&second, &asked));
    stop(&second);
}

#[test]
fn one_key_is_one_key_in_every_build() {
    let home = tempfile::tempdir().unwrap();
    let first = full(home.path());
    let ann = Person::enrol(&first, "ann", RISK, Kind::Bip340);
    stop(&first);
    let second = reduced(home.path());
    people::enrol(&second, "bob", SECURITY, &ann.key).is_refused(409, "already_exists");
    stop(&second);
}

#[test]
fn what_the_full_build_made_waits_in_a_reduced_one() {
    let home = tempfile::tempdir().unwrap();
    let first = full(home.path());
    let body = json!({"name": "hybrid", "algorithm": "mlkem768-x25519", "rotation_period": "1s"});
    first.post("operator", "/v1/deks", body).is(201);
    let sealed = encrypt(&first, "hybrid").is(200);
    let event = json!({"dek": "hybrid", "event": {"actor_id": 17}});
    let hidden = first.post("app", "/v1/pii/encrypt", event.clone()).is(200);
    let risk = Person::enrol(&first, "ann", RISK, Kind::Bip340);
    let security = Person::enrol(&first, "bob", SECURITY, WALLET);
    let other = Person::enrol(&first, "eve", SECURITY, Kind::Ed25519);
    let approved = first.request("first", json!({})).is(201);
    risk.sign(&first, &approved).is(200);
    security.sign(&first, &approved).is(200);
    let half = first.request("second", json!({})).is(201);
    security.sign(&first, &half).is(200);
    let rejected = first.request("third", json!({})).is(201);
    // Both signatures are there, and the token is away when the service wants to countersign.
    let whole = first.request("fourth", json!({})).is(201);
    risk.sign(&first, &whole).is(200);
    let (tokens, away) = (home.path().join("softhsm/tokens"), home.path().join("away"));
    fs::rename(&tokens, &away).unwrap();
    other
        .sign(&first, &whole)
        .is_refused(503, "kek_unavailable");
    let (made, proof) = (keys(&first), certificate(&first, &approved));
    first.kill();
    fs::rename(&away, &tokens).unwrap();
    drop(first);
    fs::rename(
        home.path().join("service.log"),
        home.path().join("first.log"),
    )
    .unwrap();

    let second = reduced(home.path());
    assert_eq!(keys(&second), made);
    let shown = second.get("app", "/v1/deks/hybrid").is(200);
    assert_eq!(shown["algorithm"], "mlkem768-x25519");
    waits(&encrypt(&second, "hybrid"));
    waits(&decrypt(&second, "hybrid", &sealed));
    waits(&second.get("app", "/v1/deks/hybrid/public-key"));
    let reveal = json!({"event": hidden["event"]});
    waits(&second.post("app", "/v1/pii/encrypt", event));
    waits(&second.post("app", "/v1/pii/decrypt", reveal.clone()));
    waits(&second.post("operator", "/v1/deks/hybrid/rotate", json!({})));
    waits(&second.request("fifth", json!({})));
    waits(&risk.sign(&second, &half));
    assert_eq!(certificate(&second, &approved), proof);
    waits(&second.post("app", "/v1/overrides/verify", json!({"certificate": proof})));
    risk.reject(&second, &rejected, "no").is(200);
    assert_eq!(second.status(&whole), "partial");
    // Some turns of what it does by itself.
    thread::sleep(Duration::from_millis(2500));
    let log = second.log();
    let wrong: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    stop(&second);

    let third = full(home.path());
    eventually("the fourth is countersigned", || {
        third.status(&whole) == "approved"
    });
    is_valid(&third, &certificate(&third, &whole));
    assert_eq!(risk.sign(&third, &half).is(200)["status"], "approved");
    assert_eq!(
        decrypt(&third, "hybrid", &sealed).is(200)["plaintext"],
        "YWVnaXM="
    );
    let shown = third.post("app", "/v1/pii/decrypt", reveal).is(200);
    assert_eq!(shown["event"], json!({"actor_id": 17}));
    let rotated = || {
        third.get("app", "/v1/deks/hybrid").is(200)["versions"]
            .as_array()
            .unwrap()
            .len()
            > 1
    };
    eventually("the hybrid DEK is rotated", rotated);
    stop(&third);
}
