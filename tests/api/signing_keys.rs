//! The service's own signing keys, as verifiers pin them (api.md section 8, formats.md section 4).

use std::collections::BTreeSet;

use base64ct::{Base64, Encoding};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::service::Service;

const SOFTWARE: [&str; 2] = ["--kek", "software"];

fn listed(service: &Service) -> Vec<Value> {
    let mut list = service.get("", "/v1/signing-keys").is(200);
    let items = list["items"].as_array_mut().unwrap().split_off(0);
    assert_eq!(list.as_object().unwrap().len(), 1);
    items
}

fn text<'a>(item: &'a Value, member: &str) -> &'a str {
    item[member].as_str().unwrap()
}

/// Purpose, algorithm and location of each.
fn kinds(items: &[Value]) -> BTreeSet<[String; 3]> {
    let kind = |item: &Value| ["purpose", "algorithm", "location"].map(|of| text(item, of).into());
    items.iter().map(kind).collect()
}

fn wanted(of_ed25519: &str) -> BTreeSet<[String; 3]> {
    let all = [
        ["checkpoint", "ed25519", of_ed25519],
        ["override", "ed25519", of_ed25519],
        ["override", "ml-dsa-65", "wrapped"],
        ["schema", "ed25519", of_ed25519],
    ];
    all.map(|kind| kind.map(str::to_owned)).into()
}

#[test]
fn whoever_asks_is_shown_every_key_under_the_name_that_follows_from_it() {
    let service = Service::spawn();
    let items = listed(&service);
    assert_eq!(kinds(&items), wanted("token"));
    assert_eq!(items.len(), 4);
    for item in &items {
        let members: Vec<_> = item.as_object().unwrap().keys().collect();
        let all = [
            "algorithm",
            "key_id",
            "location",
            "public_key",
            "purpose",
            "state",
        ];
        let vkey = (item["purpose"] == "checkpoint").then_some("vkey");
        assert_eq!(members, all.into_iter().chain(vkey).collect::<Vec<_>>());
        let key = Base64::decode_vec(text(item, "public_key")).unwrap();
        let algorithm = text(item, "algorithm");
        let bytes = if algorithm == "ed25519" { 32 } else { 1952 };
        assert_eq!(key.len(), bytes);
        let digits = &hex::encode(Sha256::digest(&key))[..16];
        assert_eq!(text(item, "key_id"), format!("{algorithm}:{digits}"));
        assert_eq!(item["state"], "active");
    }
    let ids: BTreeSet<_> = items.iter().map(|item| text(item, "key_id")).collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn the_keys_are_the_same_after_a_restart_and_were_made_once() {
    for more in [&[][..], &SOFTWARE] {
        let home = TempDir::new().unwrap();
        let service = Service::start(home.path(), more);
        let first = listed(&service);
        assert_eq!(service.stop(), Some(0));
        let service = Service::start(home.path(), more);
        assert_eq!(listed(&service), first);
        service.kill();
        drop(service);
        let service = Service::start(home.path(), more);
        assert_eq!(listed(&service), first);
        let audit = service.audit();
        let made = audit
            .iter()
            .filter(|entry| entry["action"] == "signing_key.create");
        let made: Vec<_> = made.collect();
        assert_eq!(made.len(), 4, "{made:?}");
        for entry in made {
            let of = |item: &&Value| item["key_id"] == entry["detail"]["key_id"];
            let item = first.iter().find(of).unwrap();
            let object = format!("{}/{}", text(item, "purpose"), text(item, "algorithm"));
            assert_eq!(entry["object"], object);
            assert_eq!(entry["detail"]["location"], item["location"]);
            assert_eq!(entry["actor"], Value::Null);
        }
    }
}

#[test]
fn without_a_token_every_seed_is_wrapped() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &SOFTWARE);
    assert_eq!(kinds(&listed(&service)), wanted("wrapped"));
}

#[test]
fn what_countersigns_is_among_the_capabilities() {
    let service = Service::spawn();
    let able = service.get("app", "/v1/capabilities").is(200);
    let both = serde_json::json!(["ed25519", "ml-dsa-65"]);
    assert_eq!(able["countersigning"]["override"], both);
}

#[test]
fn a_token_that_is_away_does_not_hide_the_keys() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let first = listed(&service);
    let tokens = home.path().join("softhsm/tokens");
    std::fs::rename(&tokens, home.path().join("away")).unwrap();
    service
        .post("app", "/v1/wrap", serde_json::json!({"plaintext": "YQ=="}))
        .is_refused(503, "kek_unavailable");
    assert_eq!(listed(&service), first);
}
