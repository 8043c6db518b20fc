//! Figures say what happened: each is moved, and seen to move.

use std::{
    fs,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use aegis_custodian::{
    http::Limits,
    kek::{Measured, software::SoftwareKek},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    house::{self, House},
    scrape::Scrape,
    service::{Service, eventually},
    wire,
};

const DAY: i64 = 24 * 60 * 60;

#[test]
fn refusals_count_by_their_code_from_zero_on() {
    let service = Service::spawn();
    let refused = |code: &str| {
        let series = format!("custodian_refusals_total{{code=\"{code}\"}}");
        Scrape::of(&service).value(&series)
    };
    assert_eq!(refused("unauthenticated"), Some(0.0));
    assert_eq!(refused("kek_unavailable"), Some(0.0));
    for _ in 0..3 {
        service
            .get("", "/v1/deks")
            .is_refused(401, "unauthenticated");
    }
    assert_eq!(refused("unauthenticated"), Some(3.0));
    service.get("app", "/v1/kek").is_refused(403, "forbidden");
    assert_eq!(refused("forbidden"), Some(1.0));
    assert_eq!(refused("internal"), Some(0.0));
}

#[test]
fn a_method_that_a_client_invents_is_another_and_a_path_that_it_invents_is_unknown() {
    let service = Service::spawn();
    wire::ask(&service.url, "BREW", "/v1/coffee", "").is_refused(404, "not_found");
    let scrape = Scrape::of(&service);
    let series = "custodian_requests_total{method=\"other\",route=\"unknown\",status=\"404\"}";
    assert_eq!(scrape.value(series), Some(1.0));
}

#[test]
fn the_scrape_itself_is_the_only_request_in_flight_when_nobody_else_asks() {
    let service = Service::spawn();
    service.get("app", "/v1/deks");
    let scrape = Scrape::of(&service);
    assert_eq!(scrape.value("custodian_requests_in_flight"), Some(1.0));
    assert_eq!(scrape.value("custodian_key_uses"), Some(0.0));
}

#[test]
fn a_token_that_is_taken_away_shows_its_cause_and_what_failed() {
    let service = Service::spawn();
    let tokens = service.dir.join("softhsm/tokens");
    let away = service.dir.join("softhsm/away");
    fs::rename(&tokens, &away).unwrap();
    fs::create_dir(&tokens).unwrap();
    let shows = |series: &str, value: f64| {
        let found = Scrape::of(&service).value(series);
        found == Some(value)
    };
    eventually("down", || {
        service.post("app", "/v1/wrap", json!({"plaintext": "YQ=="}));
        shows("custodian_token_state{state=\"down\"}", 1.0)
    });
    eventually("not ready", || {
        shows("custodian_ready", 0.0) && shows("custodian_up{part=\"kek\"}", 0.0)
    });
    let scrape = Scrape::of(&service);
    let troubles = scrape
        .samples
        .iter()
        .filter(|one| one.figure == "custodian_token_trouble");
    assert_eq!(troubles.map(|one| one.value).sum::<f64>(), 1.0);
    let failed = scrape
        .samples
        .iter()
        .filter(|one| one.figure == "custodian_token_failures_total");
    assert!(
        failed
            .filter(|one| one.labels["operation"] == "wrap")
            .count()
            > 0
    );
    assert!(scrape.value("custodian_token_state_changes_total") >= Some(1.0));
    fs::remove_dir(&tokens).unwrap();
    fs::rename(&away, &tokens).unwrap();
    eventually("up", || shows("custodian_token_state{state=\"up\"}", 1.0));
    eventually("no trouble", || {
        let scrape = Scrape::of(&service);
        let mut troubles = scrape.samples.iter();
        troubles.all(|one| one.figure != "custodian_token_trouble" || one.value == 0.0)
    });
}

/// The only one that counts in this process itself.
#[test]
fn ages_grow_with_the_clock_tokens_near_their_end_are_told_and_a_clock_that_goes_back_is_seen() {
    let home = TempDir::new().unwrap();
    let kek = SoftwareKek::open(&home.path().join("kek")).unwrap();
    let kek = Arc::new(Measured::new(Arc::new(kek)));
    let house = House::on(kek, Limits::default(), house::RULES);
    let (_, auditor) = house.auditor();
    let scrape = || Scrape::read(&house.get(&auditor, "/metrics").text);
    let body = json!({"name": "payroll", "algorithm": "aes-256-gcm"});
    house.post(&house.operator, "/v1/deks", body).is(201);
    let age = "custodian_dek_age_seconds{dek=\"payroll\"}";
    eventually("an age", || {
        scrape().value(age).is_some_and(|age| age < 60.0)
    });
    assert_eq!(scrape().value("custodian_principals_expiring"), Some(0.0));
    house.pass(80 * DAY);
    eventually("80 days", || {
        scrape().value(age).is_some_and(|age| age > 79.0 * 86_400.0)
    });
    let scraped = scrape();
    for series in [
        "custodian_kek_age_seconds",
        "custodian_dek_oldest_age_seconds",
    ] {
        assert!(scraped.value(series) > Some(79.0 * 86_400.0), "{series}");
    }
    // ada, bob, the operator, the application and the auditor.
    assert_eq!(scraped.value("custodian_principals_expiring"), Some(5.0));
    assert_eq!(
        scraped.value("custodian_principals{role=\"admin\"}"),
        Some(2.0)
    );
    assert_eq!(scraped.value("custodian_clock_jumped_back"), Some(0.0));
    house.seconds.fetch_sub(600, SeqCst);
    eventually("the clock went back", || {
        let scraped = scrape();
        let shown = |series| scraped.value(series);
        shown("custodian_clock_jumped_back") == Some(1.0)
            && shown("custodian_up{part=\"audit\"}") == Some(0.0)
    });
}
