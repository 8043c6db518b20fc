//! What needs no token goes on while it is away, and while it hangs.

use std::fs;

use aegis_custodian::crypto::scheme::Kind;
use serde_json::json;

use crate::{
    alone::alone,
    people::{Desk, Person, RISK, SECURITY, text},
    scene::{Scene, aside, is_down, token_folder},
    service::eventually,
};

/// Hybrid encryption, metadata, and an override up to the countersignature.
fn goes_on(scene: &Scene, trouble: impl FnOnce(), mend: impl FnOnce()) {
    let house = &scene.house;
    let risk = Person::enrol(house, "rita", RISK, Kind::Bip340);
    let security = Person::enrol(house, "theo", SECURITY, Kind::Bip340);
    let body = json!({"name": "events", "algorithm": "mlkem768-x25519"});
    house.post(&house.operator, "/v1/deks", body).is(201);
    trouble();
    eventually("it is down", || scene.unwrap().status == 503);
    let state = || scene.state()["state"] == "down";
    eventually("the state says so", state);
    let plain = json!({"plaintext": "YQ=="});
    let sealed = house.post(&house.app, "/v1/deks/events/encrypt", plain);
    let sealed = json!({"ciphertext": sealed.is(200)["ciphertext"]});
    let pii = json!({"dek": "events", "event": {"actor_id": "ada"}});
    house.post(&house.app, "/v1/pii/encrypt", pii).is(200);
    is_down(&house.post(&house.app, "/v1/deks/events/decrypt", sealed.clone()));
    for path in ["/v1/deks", "/v1/deks/telemetry", "/v1/kek"] {
        house.get(&house.operator, path).is(200);
    }
    house.get(&house.app, "/v1/deks/events/public-key").is(200);
    house.get("", "/v1/signing-keys").is(200);
    house.get("", "/v1/health/live").is(200);
    house.get(&scene.auditor, "/metrics");
    let asked = house.request("the token is away", json!({})).is(201);
    risk.sign(house, &asked).is(200);
    is_down(&security.sign(house, &asked));
    assert_eq!(house.status(&asked), "partial");
    let path = format!("/v1/overrides/{}", text(&asked, "id"));
    let shown = house.look(&house.app, &path);
    assert_eq!(shown["signatures"].as_array().unwrap().len(), 2);
    mend();
    eventually("it is approved by itself", || {
        house.status(&asked) == "approved"
    });
    let opened = house.post(&house.app, "/v1/deks/events/decrypt", sealed);
    assert_eq!(opened.is(200)["plaintext"], "YQ==");
}

#[test]
fn what_needs_no_token_goes_on_while_it_is_away() {
    if alone("goes_on::what_needs_no_token_goes_on_while_it_is_away") {
        let scene = Scene::open();
        let (here, away) = (token_folder(), aside("away"));
        goes_on(
            &scene,
            || fs::rename(&here, &away).unwrap(),
            || fs::rename(&away, &here).unwrap(),
        );
    }
}

#[test]
fn what_needs_no_token_goes_on_while_it_hangs() {
    if alone("goes_on::what_needs_no_token_goes_on_while_it_hangs") {
        let (scene, double) = Scene::doubled();
        let trouble = || {
            for function in ["C_Decrypt", "C_Encrypt", "C_Sign", "C_OpenSession"] {
                double.hang(function);
            }
        };
        goes_on(&scene, trouble, || double.release());
    }
}
