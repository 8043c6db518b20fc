//! Who signs what (api.md section 8): two people, two roles, good signatures, and nothing else approves.

use std::{sync::Barrier, thread};

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    Alone, House,
    people::{Desk, KINDS, Person, RISK, SECURITY, text},
};

fn pair(desk: &dyn Desk) -> (Person, Person) {
    (
        Person::enrol(desk, "rita", RISK, Kind::Bip340),
        Person::enrol(desk, "theo", SECURITY, Kind::Ed25519MlDsa44),
    )
}

#[test]
fn two_custodians_of_any_two_schemes_approve_in_either_order() {
    let house = Alone::open();
    for (at, kind) in KINDS.into_iter().enumerate() {
        let other = KINDS[(at + 1) % KINDS.len()];
        let rita = Person::enrol(&house, &format!("rita-{at}"), RISK, kind);
        let theo = Person::enrol(&house, &format!("theo-{at}"), SECURITY, other);
        for (first, second) in [(&rita, &theo), (&theo, &rita)] {
            let asked = house
                .request(&format!("{at} {}", first.id), json!({}))
                .is(201);
            let partial = first.sign(&house, &asked).is(200);
            assert_eq!(partial["status"], "partial");
            let approved = second.sign(&house, &asked).is(200);
            assert_eq!(approved["status"], "approved");
            assert_eq!(approved["signatures"].as_array().unwrap().len(), 2);
            assert_eq!(house.status(&asked), "approved");
        }
    }
}

#[test]
fn a_custodian_signs_for_itself_only_and_once() {
    let house = House::open();
    let (rita, theo) = pair(&house);
    let asked = house.request("x", json!({})).is(201);
    let path = format!("/v1/overrides/{}/signatures", text(&asked, "id"));
    let body = json!({"custodian_id": rita.id, "signature": rita.signature(&asked)});
    house
        .tell(&theo.token, &path, body.clone())
        .is_refused(403, "forbidden");
    house
        .tell(&house.app, &path, body)
        .is_refused(403, "forbidden");
    rita.sign(&house, &asked).is(200);
    rita.sign(&house, &asked).is_refused(409, "conflict");
    let again = Person::enrol(&house, "ruth", RISK, Kind::Ed25519);
    again.sign(&house, &asked).is_refused(409, "conflict");
    assert_eq!(house.status(&asked), "partial");
}

#[test]
fn a_signature_is_good_for_one_override_only() {
    let house = House::open();
    let (rita, _) = pair(&house);
    let one = house.request("one", json!({})).is(201);
    let two = house
        .request("two", json!({"environment": "staging"}))
        .is(201);
    let signature = rita.signature(&one);
    rita.post_signature(&house, &two, &signature)
        .is_refused(422, "bad_signature");
    assert_eq!(house.status(&two), "pending");
    rita.post_signature(&house, &one, &signature).is(200);
}

#[test]
fn neither_the_requester_nor_whoever_it_asked_for_signs() {
    let house = House::open();
    let (rita, theo) = pair(&house);
    let asked = house.request("x", json!({"on_behalf_of": "RITA"})).is(201);
    rita.sign(&house, &asked).is_refused(422, "two_person_rule");
    theo.sign(&house, &asked).is(200);
    // The same human as application and as custodian: `house-app` is enrolled.
    let app = Person::enrol(&house, "house-app", RISK, Kind::Ed25519);
    let own = house.request("own", json!({})).is(201);
    app.sign(&house, &own).is_refused(422, "two_person_rule");
    assert_eq!(house.status(&own), "pending");
}

#[test]
fn the_refusals_come_in_the_order_of_the_contract() {
    let house = House::open();
    let (rita, _) = pair(&house);
    let nothing = json!({"id": "7d793037-a076-4a9c-8e0b-a64bcb1bd8a2"});
    rita.post_signature(&house, &nothing, "x")
        .is_refused(404, "not_found");
    let asked = house.request("x", json!({"on_behalf_of": "rita"})).is(201);
    rita.post_signature(&house, &asked, "x")
        .is_refused(422, "bad_signature");
    rita.sign(&house, &asked).is_refused(422, "two_person_rule");
    rita.change(&house, "suspend").is(200);
    rita.post_signature(&house, &asked, "x")
        .is_refused(409, "conflict");
    house.pass(24 * 60 * 60);
    rita.post_signature(&house, &asked, "x")
        .is_refused(410, "expired");
}

#[test]
fn a_rejection_is_signed_and_final() {
    let house = House::open();
    let (rita, theo) = pair(&house);
    let asked = house.request("x", json!({})).is(201);
    rita.sign(&house, &asked).is(200);
    let path = format!("/v1/overrides/{}/reject", text(&asked, "id"));
    let forged =
        json!({"custodian_id": rita.id, "reason": "no", "signature": rita.signature(&asked)});
    house
        .tell(&rita.token, &path, forged)
        .is_refused(422, "bad_signature");
    rita.reject(&house, &asked, " \n")
        .is_refused(400, "invalid_request");
    let rejected = rita.reject(&house, &asked, "too early").is(200);
    assert_eq!(rejected["status"], "rejected");
    assert_eq!(rejected["rejection"]["reason"], "too early");
    assert_eq!(rejected["rejection"]["custodian_id"], rita.id.as_str());
    theo.sign(&house, &asked).is_refused(409, "conflict");
    theo.reject(&house, &asked, "too")
        .is_refused(409, "conflict");
    let withdraw = format!("/v1/overrides/{}/withdraw", text(&asked, "id"));
    house
        .tell(&house.app, &withdraw, json!({}))
        .is_refused(409, "conflict");
}

#[test]
fn a_withdrawn_override_takes_no_signature() {
    let house = House::open();
    let (rita, _) = pair(&house);
    let asked = house.request("x", json!({})).is(201);
    let withdraw = format!("/v1/overrides/{}/withdraw", text(&asked, "id"));
    let withdrawn = house.tell(&house.app, &withdraw, json!({})).is(200);
    assert_eq!(withdrawn["status"], "withdrawn");
    rita.sign(&house, &asked).is_refused(409, "conflict");
}

#[test]
fn of_simultaneous_signatures_of_one_role_one_counts() {
    let house = House::open();
    let leads: Vec<_> = (0..4)
        .map(|at| Person::enrol(&house, &format!("rita-{at}"), RISK, Kind::Ed25519))
        .collect();
    for round in 0..5 {
        let asked = house.request(&format!("round {round}"), json!({})).is(201);
        let start = Barrier::new(leads.len());
        let statuses = thread::scope(|scope| {
            let running: Vec<_> = leads
                .iter()
                .map(|lead| {
                    scope.spawn(|| {
                        start.wait();
                        lead.sign(&house, &asked).status
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|one| one.join().unwrap())
                .collect::<Vec<_>>()
        });
        let good = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(good, 1, "{statuses:?}");
        assert!(
            statuses.iter().all(|status| [200, 409].contains(status)),
            "{statuses:?}"
        );
        assert_eq!(house.status(&asked), "partial");
    }
}

#[test]
fn both_signatures_at_once_approve_once() {
    let house = House::open();
    let (rita, theo) = pair(&house);
    for round in 0..10 {
        let asked = house.request(&format!("round {round}"), json!({})).is(201);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for person in [&rita, &theo] {
                scope.spawn(|| {
                    start.wait();
                    person.sign(&house, &asked).is(200);
                });
            }
        });
        assert_eq!(house.status(&asked), "approved");
    }
    let (_, auditor) = house.auditor();
    let approved = audited(&house, &auditor, "override.approve");
    assert_eq!(approved.len(), 10);
    assert!(approved.iter().all(|entry| entry["actor"].is_null()));
    assert_eq!(
        audited(&house, &auditor, "override.sign").len(),
        20,
        "one entry for each signature"
    );
}

fn audited(house: &House, auditor: &str, action: &str) -> Vec<Value> {
    let page = house.look(auditor, "/v1/audit/entries?limit=500");
    let all = page["items"].as_array().unwrap().iter();
    all.filter(|entry| entry["action"] == action)
        .cloned()
        .collect()
}
