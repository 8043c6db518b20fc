//! A library that does not come back from a call.

use std::{sync::Arc, thread, time::Duration};

use aegis_custodian::http::Limits;
use serde_json::{Value, json};

use crate::{
    alone::alone,
    double::Double,
    house::{House, RULES},
    scene::{AT_ONCE, SOON, Scene, is_down},
    service::{Answer, eventually},
    softhsm::Token,
    watch::Watch,
};

/// One figure of `/metrics`.
fn figure(scene: &Scene, name: &str) -> f64 {
    let metrics = scene.house.get(&scene.auditor, "/metrics");
    let mut lines = metrics.text.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name}")).parse().unwrap()
}

/// Asserts that it went down once and is up again, and that the log says no more than the audit log.
fn went_down_once(scene: &Scene) {
    scene.is("up", "");
    eventually("every call is back", || {
        figure(scene, "custodian_token_stuck_calls") == 0.0
    });
    let told = || {
        let told = scene.audited();
        let of = |action: &str| told.iter().filter(|(one, _)| one == action).count();
        (of("kek.down"), of("kek.up"), of("kek.degraded"))
    };
    eventually("it is written down", || told().1 >= 1);
    let (down, up, degraded) = told();
    assert_eq!((down, up), (1, 1), "{:?}", scene.audited());
    assert!(degraded <= 2, "{:?}", scene.audited());
    assert_eq!(figure(scene, "custodian_token_outages_total"), 1.0);
    assert_eq!(figure(scene, "custodian_token_state{state=\"up\"}"), 1.0);
    assert!(figure(scene, "custodian_token_stuck_calls_total") >= 1.0);
}

fn hanging(what: &str, trouble: impl FnOnce(&Double)) {
    let (scene, double) = Scene::doubled();
    let seen = || {
        scene.is("down", "no_answer");
        eventually("the stuck call is counted", || {
            figure(&scene, "custodian_token_stuck_calls") >= 1.0
        });
        assert_eq!(figure(&scene, "custodian_token_state{state=\"down\"}"), 1.0);
        // Once it is known, nobody waits for it.
        let begun = Watch::start();
        for _ in 0..20 {
            is_down(&scene.unwrap());
            is_down(&scene.decrypt());
        }
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    };
    scene.outage(what, || trouble(&double), seen, || double.release());
    went_down_once(&scene);
}

#[test]
fn the_module_hanging_in_unwrap() {
    if alone("hangs::the_module_hanging_in_unwrap") {
        hanging("module hanging in unwrap", |double| {
            double.hang("C_Decrypt")
        });
    }
}

#[test]
fn the_module_hanging_in_login() {
    if alone("hangs::the_module_hanging_in_login") {
        hanging("module hanging in login", |double| {
            double.hang("C_Login");
            double.close_sessions();
        });
    }
}

#[test]
fn the_module_hanging_when_it_is_initialised() {
    if alone("hangs::the_module_hanging_when_it_is_initialised") {
        hanging("module hanging in C_Initialize", |double| {
            double.hang("C_Initialize");
            double.finalize();
        });
    }
}

fn wrap(scene: &Scene) -> Answer {
    let body = json!({"plaintext": "YQ=="});
    scene.house.post(&scene.house.app, "/v1/wrap", body)
}

fn sign(scene: &Scene) -> Answer {
    let body = json!({"tools": [{"name": "add"}]});
    let path = "/v1/mcp/tools/sign";
    scene.house.post(&scene.house.app, path, body)
}

/// Only what uses that function fails at first.
fn partly(what: &str, double: &Double, function: &str, ask: &dyn Fn() -> Answer, level: &dyn Fn()) {
    ask().is(200);
    let begun = Watch::start();
    double.hang(function);
    is_down(&ask());
    let refused = begun.elapsed();
    assert!(refused < AT_ONCE, "{refused:?}");
    level();
    let returned = Watch::start();
    double.release();
    eventually(what, || ask().status == 200);
    let back = returned.elapsed();
    assert!(back < SOON, "{back:?}");
    println!(
        "outage: {what}: 503 after {:.2} s, work after {:.2} s",
        refused.as_secs_f64(),
        back.as_secs_f64()
    );
}

#[test]
fn the_module_hanging_in_sign_leaves_the_rest_at_work() {
    if alone("hangs::the_module_hanging_in_sign_leaves_the_rest_at_work") {
        let (scene, double) = Scene::doubled();
        let what = "module hanging in sign";
        partly(what, &double, "C_Sign", &|| sign(&scene), &|| {
            scene.is("degraded", "calls_stuck");
            // The audit log's checkpoint is signed all the while.
            let begun = Watch::start();
            while begun.elapsed() < Duration::from_secs(12) {
                scene.unwrap().is(200);
                wrap(&scene).is(200);
                scene.decrypt().is(200);
                thread::sleep(Duration::from_millis(300));
            }
            let stuck = figure(&scene, "custodian_token_stuck_calls");
            assert!((1.0..=4.0).contains(&stuck), "{stuck}");
        });
        scene.is("up", "");
        scene.was_told(&[("kek.degraded", "calls_stuck"), ("kek.up", "calls_stuck")]);
    }
}

#[test]
fn the_module_hanging_in_the_probe() {
    if alone("hangs::the_module_hanging_in_the_probe") {
        let (scene, double) = Scene::doubled();
        let what = "module hanging in the probe";
        partly(what, &double, "C_Encrypt", &|| wrap(&scene), &|| {
            scene.is("down", "no_answer");
            is_down(&scene.unwrap());
            is_down(&scene.decrypt());
        });
        went_down_once(&scene);
    }
}

#[test]
fn a_signing_key_that_does_not_sign_degrades_it_until_it_signs_again() {
    if alone("hangs::a_signing_key_that_does_not_sign_degrades_it_until_it_signs_again") {
        let (scene, double) = Scene::doubled();
        double.fail_always("C_Sign", cryptoki_sys::CKR_KEY_FUNCTION_NOT_PERMITTED);
        is_down(&sign(&scene));
        scene.is("degraded", "signing_key_unusable");
        assert_eq!(scene.house.get("", "/v1/health/ready").status, 200);
        scene.unwrap().is(200);
        double.release();
        sign(&scene).is(200);
        scene.is("up", "");
        let cause = "signing_key_unusable";
        scene.was_told(&[("kek.degraded", cause), ("kek.up", cause)]);
    }
}

#[test]
fn a_token_that_flaps_does_not_flood_the_logs() {
    if alone("hangs::a_token_that_flaps_does_not_flood_the_logs") {
        let (scene, double) = Scene::doubled();
        for _ in 0..30 {
            double.pull_out();
            eventually("it is down", || scene.unwrap().status == 503);
            double.release();
            eventually("it is up", || scene.unwrap().status == 200);
        }
        let state: Value = scene.state();
        assert_eq!(state["state"], "up", "{state}");
        eventually("the looks are over", || scene.audited().len() >= 20);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        assert_eq!(scene.audited().len(), 20);
        assert!(
            scene.log.count("the token is") <= 20,
            "{}",
            scene.log.text()
        );
        assert!(figure(&scene, "custodian_token_outages_total") >= 30.0);
    }
}

#[test]
fn verbs_on_a_kek_version_wait_for_their_turn_at_the_token() {
    if alone("hangs::verbs_on_a_kek_version_wait_for_their_turn_at_the_token") {
        let token = Token::new();
        let double = Double::new(&token);
        let limits = Limits {
            key_uses: 1,
            key_wait: Duration::from_millis(100),
            ..Limits::default()
        };
        let house = House::on(Arc::new(double.open(2)), limits, RULES);
        let wrapped = house.post(&house.app, "/v1/wrap", json!({"plaintext": "YQ=="}));
        let body = json!({"wrapped": wrapped.is(200)["wrapped"]});
        let unwrap = || house.post(&house.app, "/v1/unwrap", body.clone());
        double.hang("C_Decrypt");
        thread::scope(|scope| {
            let first = scope.spawn(unwrap);
            let version = "kek-v9-20261118";
            let verb = |verb: &str, body: Value| {
                let path = format!("/v1/kek/versions/{version}/{verb}");
                house.post(&house.operator, &path, body)
            };
            eventually("the only turn is taken", || {
                verb("restore", json!({})).status == 503
            });
            for name in ["retire", "restore", "destroy", "destroy/approve"] {
                let body = match name {
                    "restore" => json!({}),
                    _ => json!({"confirm": version}),
                };
                verb(name, body).is_refused(503, "not_ready");
            }
            double.release();
            first.join().unwrap().is(200);
        });
    }
}
