//! When checkpoints are made, and who may read them.

use std::{thread, time::Duration};

use aegis_custodian::crypto::checkpoint::NoteKey;
use base64ct::{Base64, Encoding};
use tempfile::TempDir;

use crate::{
    file,
    service::{Service, eventually},
    tampering::encrypt,
    watch::Watch,
};

#[test]
fn an_entry_is_signed_within_a_second_and_what_signs_it_is_no_entry() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    for _ in 0..3 {
        encrypt(&service).is(200);
        let begun = Watch::start();
        let size = u64::try_from(service.audit().len()).unwrap();
        eventually("it is signed", || signed(&service) == size);
        // The contract's second, and the half of one that this machine may be busy.
        assert!(begun.elapsed() < Duration::from_millis(1500));
    }
    let before = service.audit().len();
    thread::sleep(Duration::from_millis(1200));
    assert_eq!(service.audit().len(), before);
}

#[test]
fn what_was_logged_before_the_end_is_signed_at_the_end() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    service.make_dek("telemetry");
    encrypt(&service).is(200);
    file::drop_cleanly(service);
    let file = file::open(home.path());
    let entries = file::number(&file, "SELECT count(*) FROM audit_entries");
    assert_eq!(file::number(&file, "SELECT size FROM checkpoints"), entries);
    assert_eq!(file::number(&file, "SELECT in_token FROM checkpoints"), 1);
}

#[test]
fn tree_and_checkpoint_are_for_auditors_and_for_anyone_where_tiles_are_public_but_entries_never_are()
 {
    let tree = ["/v1/audit/checkpoint", "/v1/audit/tile/0/000.p/1"];
    let entries = [
        "/v1/audit/tile/entries/000.p/1",
        "/v1/audit/entries",
        "/v1/audit/proof/inclusion?index=0",
    ];
    let home = TempDir::new().unwrap();
    for public in [false, true] {
        let more: &[&str] = if public { &["--public-tiles"] } else { &[] };
        let service = Service::start(home.path(), more);
        eventually("it is signed", || signed(&service) > 0);
        for path in tree.iter().chain(&entries) {
            assert_eq!(service.get("auditor", path).status, 200, "{path}");
            let stranger = service.raw("GET", path, &[], b"").status;
            let app = service.get("app", path).status;
            let wanted = if public && tree.contains(path) {
                (200, 200)
            } else {
                (401, 403)
            };
            assert_eq!((stranger, app), wanted, "{path}");
        }
        file::drop_cleanly(service);
    }
}

/// Of how many entries the newest checkpoint is; its signature verified under the published key.
pub fn signed(service: &Service) -> u64 {
    let answer = service.get("auditor", "/v1/audit/checkpoint");
    if answer.status == 503 {
        return 0;
    }
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let keys = service.raw("GET", "/v1/signing-keys", &[], b"").json();
    let keys = keys["items"].as_array().unwrap();
    let key = keys
        .iter()
        .find(|key| key["purpose"] == "checkpoint")
        .unwrap();
    let public_key = Base64::decode_vec(key["public_key"].as_str().unwrap()).unwrap();
    let key = NoteKey::new("aegis-custodian-dev", public_key.try_into().unwrap()).unwrap();
    key.open(&answer.text).unwrap().size
}
