//! PINs that are changed, refused and locked. What a token counts is never used up.

use std::{thread, time::Duration};

use cryptoki::session::Session;

use crate::{
    alone::alone,
    double::Double,
    scene::{Scene, is_down},
    softhsm::{self, Token},
    watch::Watch,
};

const OTHER: &str = "tests-1-pin";

/// Changes the user's PIN as somebody else would, then logs out, so that the next login needs the new one.
fn change_pin(session: &Session, from: &str, to: &str) {
    session.set_pin(&from.into(), &to.into()).unwrap();
    session.logout().unwrap();
}

#[test]
fn the_pin_changed_in_the_token_then_in_its_file() {
    if alone("pins::the_pin_changed_in_the_token_then_in_its_file") {
        let scene = Scene::open();
        let seen = || {
            scene.is("down", "pin_refused");
            let detail = scene.unwrap().json()["detail"].to_string();
            assert!(detail.contains("operator"), "{detail}");
        };
        scene.outage(
            "PIN changed in the token",
            || scene.beside(|session| change_pin(session, softhsm::PIN, OTHER)),
            seen,
            || scene.token.write_pin(OTHER),
        );
        scene.was_told(&[("kek.down", "pin_refused"), ("kek.up", "pin_refused")]);
        assert!(!scene.log.text().contains(OTHER));
    }
}

/// A service on a token that locks its PIN after three wrong ones, and which another has a new PIN since.
fn locking() -> (Scene, Double) {
    let token = Token::of_a_service();
    let double = Double::of_character(&token, "locking");
    let kek = double.open(1);
    let scene = Scene::on(token, kek);
    // What another process did.
    double.fail_always("C_Login", cryptoki_sys::CKR_PIN_INCORRECT);
    (scene, double)
}

#[test]
fn a_refused_pin_is_presented_once_and_once_more_for_each_operator_who_asks_until_it_could_lock() {
    if !alone(
        "pins::a_refused_pin_is_presented_once_and_once_more_for_each_operator_who_asks_until_it_could_lock",
    ) {
        return;
    }
    let (scene, double) = locking();
    let before = double.calls("C_Login");
    let logins = || double.calls("C_Login") - before;
    double.close_sessions();
    scene.is("down", "pin_refused");
    thread::sleep(Duration::from_secs(2));
    is_down(&scene.unwrap());
    assert_eq!(logins(), 1);
    let state = scene.reconnect();
    assert_eq!(state["state"], "down", "{state}");
    assert_eq!(logins(), 2);
    // This token was told to refuse without counting, so it does not warn: then the second is the last.
    for _ in 0..3 {
        let state = scene.reconnect();
        assert_eq!(state["cause"], "pin_last_try", "{state}");
    }
    assert_eq!(logins(), 2);
    scene.was_told(&[("kek.down", "pin_refused")]);
}

#[test]
fn a_token_that_locks_after_three_wrong_pins_is_never_locked() {
    if alone("pins::a_token_that_locks_after_three_wrong_pins_is_never_locked") {
        let token = Token::of_a_service();
        let double = Double::of_character(&token, "locking");
        let kek = double.open(1);
        let scene = Scene::on(token, kek);
        change_pin(&scene.token.session(), softhsm::PIN, OTHER);
        double.close_sessions();
        scene.is("down", "pin_refused");
        for wrong in ["first-wrong", "second-wrong", "third-wrong"] {
            scene.token.write_pin(wrong);
            thread::sleep(Duration::from_millis(1300));
            scene.reconnect();
        }
        scene.is("down", "pin_last_try");
        assert!(scene.state()["todo"].as_str().unwrap().contains("log in"));
        // Somebody logs in to the token by other means: it counts anew.
        scene.token.write_pin(OTHER);
        double.log_in_elsewhere();
        let back = Watch::start();
        while scene.unwrap().status != 200 {
            assert!(back.elapsed() < crate::scene::SOON);
            thread::sleep(Duration::from_millis(20));
        }
        scene.was_told(&[("kek.down", "pin_refused"), ("kek.up", "pin_last_try")]);
    }
}

#[test]
fn an_operator_reconnects_a_token_that_is_well() {
    if alone("pins::an_operator_reconnects_a_token_that_is_well") {
        let (scene, double) = Scene::doubled();
        let before = double.calls("C_Login");
        let state = scene.reconnect();
        assert_eq!(state["state"], "up", "{state}");
        assert_eq!(double.calls("C_Login"), before + 1);
        scene.unwrap().is(200);
        scene.was_told(&[]);
        let path = "/v1/audit/entries?limit=500";
        let page = scene.house.get(&scene.auditor, path).is(200);
        let entries = page["items"].as_array().unwrap().iter();
        let asked: Vec<_> = entries
            .filter(|entry| entry["action"] == "kek.reconnect")
            .collect();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0]["detail"]["state"], "up");
        let house = &scene.house;
        house
            .post(&house.app, "/v1/kek/reconnect", serde_json::json!({}))
            .is_refused(403, "forbidden");
    }
}
