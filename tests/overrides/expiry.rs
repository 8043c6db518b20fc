//! Time: an override expires without anyone calling, and a clock that goes backwards revives nothing.

use aegis_custodian::crypto::scheme::Kind;
use serde_json::json;

use crate::{
    House,
    people::{Desk, Person, RISK, SECURITY, text},
    service::eventually,
};

#[test]
fn an_override_expires_by_itself_and_takes_nothing_any_more() {
    let house = House::open();
    let rita = Person::enrol(&house, "rita", RISK, Kind::Bip340);
    let theo = Person::enrol(&house, "theo", SECURITY, Kind::Bip340);
    let asked = house.request("x", json!({"expires_in": "1h"})).is(201);
    rita.sign(&house, &asked).is(200);
    house.pass(3599);
    assert_eq!(house.status(&asked), "partial");
    house.pass(1);
    assert_eq!(
        house.status(&asked),
        "expired",
        "it is computed, not waited for"
    );
    theo.sign(&house, &asked).is_refused(410, "expired");
    theo.reject(&house, &asked, "late")
        .is_refused(410, "expired");
    let withdraw = format!("/v1/overrides/{}/withdraw", text(&asked, "id"));
    house
        .tell(&house.app, &withdraw, json!({}))
        .is_refused(410, "expired");
    let (_, auditor) = house.auditor();
    eventually("its end is written down", || {
        let page = house.look(&auditor, "/v1/audit/entries?limit=500");
        let mut all = page["items"].as_array().unwrap().iter();
        all.any(|entry| entry["action"] == "override.expire" && entry["object"] == asked["id"])
    });
}

#[test]
fn a_clock_that_goes_backwards_revives_nothing() {
    let house = House::open();
    let rita = Person::enrol(&house, "rita", RISK, Kind::Bip340);
    let asked = house.request("x", json!({"expires_in": "1m"})).is(201);
    house.pass(60);
    assert_eq!(house.status(&asked), "expired");
    house.pass(-3600);
    assert_eq!(house.status(&asked), "expired");
    rita.sign(&house, &asked).is_refused(410, "expired");
}

#[test]
fn a_certificate_ends_with_its_override() {
    let house = House::open();
    let rita = Person::enrol(&house, "rita", RISK, Kind::Bip340);
    let theo = Person::enrol(&house, "theo", SECURITY, Kind::Bip340);
    let asked = house.request("x", json!({"expires_in": "1h"})).is(201);
    rita.sign(&house, &asked).is(200);
    theo.sign(&house, &asked).is(200);
    let certificate = house.look(
        &house.app,
        &format!("/v1/overrides/{}/certificate", text(&asked, "id")),
    );
    let judge = || {
        let body = json!({"certificate": certificate});
        house.tell(&house.app, "/v1/overrides/verify", body).is(200)
    };
    assert_eq!(judge()["valid"], true);
    house.pass(3600);
    let late = judge();
    assert_eq!(
        (&late["valid"], &late["error"]),
        (&json!(false), &json!("AttestationExpired"))
    );
    assert_eq!(late["as_of_issue"]["valid"], true);
    assert_eq!(
        house.status(&asked),
        "approved",
        "what is approved does not expire"
    );
}
