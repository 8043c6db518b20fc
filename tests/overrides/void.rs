//! A custodian that is suspended or revoked has signed nothing that is not approved (api.md section 5).

use std::{sync::Barrier, thread};

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    House,
    people::{Desk, Person, RISK, SECURITY, text},
};

#[test]
fn a_signature_of_a_suspended_custodian_is_void_for_good() {
    let house = House::open();
    let rita = Person::enrol(&house, "rita", RISK, Kind::Bip340);
    let ruth = Person::enrol(&house, "ruth", RISK, Kind::Bip340);
    let theo = Person::enrol(&house, "theo", SECURITY, Kind::Ed25519);
    let asked = house.request("x", json!({})).is(201);
    rita.sign(&house, &asked).is(200);
    rita.change(&house, "suspend").is(200);
    let now = house.look(&house.app, &format!("/v1/overrides/{}", text(&asked, "id")));
    assert_eq!(
        (&now["status"], &now["signatures"]),
        (&json!("pending"), &json!([]))
    );
    assert_eq!(now["void_signatures"].as_array().unwrap().len(), 1);
    rita.sign(&house, &asked).is_refused(409, "conflict");
    let waiting = rita.change(&house, "reinstate").is(200);
    let path = format!("/v1/admin/custodians/{}/approve", text(&waiting, "id"));
    house.tell(&house.bob, &path, json!({})).is(200);
    assert_eq!(
        house.status(&asked),
        "pending",
        "reinstating revives no signature"
    );
    let old = text(&now["void_signatures"][0], "signature");
    let replayed = rita.post_signature(&house, &asked, &old);
    replayed.is_refused(409, "conflict");
    theo.sign(&house, &asked).is(200);
    assert_eq!(house.status(&asked), "partial");
    assert_eq!(ruth.sign(&house, &asked).is(200)["status"], "approved");
}

#[test]
fn what_is_approved_stays_approved_after_a_revocation() {
    let house = House::open();
    let rita = Person::enrol(&house, "rita", RISK, Kind::Bip340);
    let theo = Person::enrol(&house, "theo", SECURITY, Kind::Ed25519);
    let asked = house.request("x", json!({})).is(201);
    rita.sign(&house, &asked).is(200);
    theo.sign(&house, &asked).is(200);
    rita.change(&house, "revoke").is(200);
    assert_eq!(house.status(&asked), "approved");
}

#[test]
fn a_signature_that_races_a_revocation_ends_approved_or_void_and_never_between() {
    let house = House::open();
    let theo = Person::enrol(&house, "theo", SECURITY, Kind::Ed25519);
    let mut ends = Vec::new();
    for round in 0..8 {
        let rita = Person::enrol(&house, &format!("rita-{round}"), RISK, Kind::Ed25519);
        let asked = house.request(&format!("round {round}"), json!({})).is(201);
        theo.sign(&house, &asked).is(200);
        let start = Barrier::new(2);
        let signed = thread::scope(|scope| {
            let signing = scope.spawn(|| {
                start.wait();
                rita.sign(&house, &asked)
            });
            start.wait();
            thread::sleep(std::time::Duration::from_millis(round / 2));
            rita.change(&house, "revoke").is(200);
            signing.join().unwrap()
        });
        let now = house.look(&house.app, &format!("/v1/overrides/{}", text(&asked, "id")));
        let void = now["void_signatures"].as_array().map_or(0, Vec::len);
        let end = (signed.status, text(&now, "status"), void);
        let clean = [
            (200, "approved".to_owned(), 0),
            (200, "partial".to_owned(), 1),
            (409, "partial".to_owned(), 0),
        ];
        assert!(clean.contains(&end), "{end:?}");
        assert_eq!(
            now["signatures"].as_array().unwrap().len(),
            if end.1 == "approved" { 2 } else { 1 }
        );
        let certificate = format!("/v1/overrides/{}/certificate", text(&asked, "id"));
        let certificate = house.ask(&house.app, "GET", &certificate, &Value::Null);
        assert_eq!(
            certificate.status,
            if end.1 == "approved" { 200 } else { 409 }
        );
        ends.push(end);
    }
    println!("{ends:?}");
}

#[test]
fn a_void_signature_does_not_come_back_in_its_other_way_of_writing() {
    let house = House::open();
    let rita = Person::enrol(&house, "rita", RISK, crate::people::KINDS[3]);
    let asked = house.request("x", json!({})).is(201);
    let signature = rita.signature(&asked);
    rita.post_signature(&house, &asked, &signature).is(200);
    rita.change(&house, "suspend").is(200);
    let waiting = rita.change(&house, "reinstate").is(200);
    let path = format!("/v1/admin/custodians/{}/approve", text(&waiting, "id"));
    house.tell(&house.bob, &path, json!({})).is(200);
    let bare = signature.strip_prefix("smp").unwrap();
    for old in [&signature, bare] {
        let replayed = rita.post_signature(&house, &asked, old);
        replayed.is_refused(409, "conflict");
    }
    assert_eq!(house.status(&asked), "pending");
}
