//! The token away between the first signature and the second (api.md section 8): nothing is approved, nothing is lost.

use std::{fs, time::Duration};

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    House,
    alone::alone,
    is_bare,
    people::{Desk, Person, RISK, SECURITY, text},
    service::{Answer, eventually},
    softhsm,
    watch::Watch,
};

/// The token, moved away until it is put back.
struct Away;

impl Away {
    fn begin() -> Self {
        let home = softhsm::home();
        fs::rename(home.join("tokens"), home.join("away")).unwrap();
        Self
    }

    fn end(self) {
        let home = softhsm::home();
        let _none = fs::remove_dir_all(home.join("tokens"));
        fs::rename(home.join("away"), home.join("tokens")).unwrap();
    }
}

struct Two {
    rita: Person,
    theo: Person,
}

impl Two {
    fn enrol(house: &House, number: usize) -> Self {
        let named = |name: &str| format!("{name}-{number}");
        Self {
            rita: Person::enrol(house, &named("rita"), RISK, Kind::Bip340),
            theo: Person::enrol(house, &named("theo"), SECURITY, Kind::Ed25519MlDsa44),
        }
    }

    /// An override that both have signed, and that the token has not; with both signatures.
    fn complete(&self, house: &House, what: &str, more: Value) -> (Value, [String; 2]) {
        let asked = house.request(what, more).is(201);
        let both = [self.rita.signature(&asked), self.theo.signature(&asked)];
        self.rita.post_signature(house, &asked, &both[0]).is(200);
        is_down(&self.theo.post_signature(house, &asked, &both[1]));
        let shown = is_bare(house, &asked, "partial");
        assert_eq!(shown["signatures"].as_array().unwrap().len(), 2);
        (asked, both)
    }
}

#[track_caller]
fn is_down(answer: &Answer) {
    answer.is_refused(503, "kek_unavailable");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait >= 1);
}

fn audited(house: &House, auditor: &str, action: &str) -> usize {
    let page = house.look(auditor, "/v1/audit/entries?limit=500");
    let all = page["items"].as_array().unwrap().iter();
    all.filter(|entry| entry["action"] == action).count()
}

#[test]
fn either_signature_posted_again_approves_once_the_token_is_back() {
    if !alone("outage::either_signature_posted_again_approves_once_the_token_is_back") {
        return;
    }
    let house = House::open();
    let two = Two::enrol(&house, 0);
    let mut posted = 0;
    for round in 0..6 {
        let away = Away::begin();
        let (asked, both) = two.complete(&house, &format!("round {round}"), json!({}));
        let post = |which: usize| {
            let who = [&two.rita, &two.theo][which];
            who.post_signature(&house, &asked, &both[which])
        };
        is_down(&post(0));
        is_down(&post(1));
        away.end();
        let answer = loop {
            let answer = post(round % 2);
            if answer.status != 503 {
                break answer;
            }
            is_down(&answer);
        };
        match answer.status {
            200 => posted += 1,
            // The service itself was faster.
            _ => answer.is_refused(409, "conflict"),
        }
        assert_eq!(house.status(&asked), "approved");
    }
    println!("{posted} of 6 were approved by what was posted again");
    assert!(posted > 0);
    let (_, auditor) = house.auditor();
    assert_eq!(audited(&house, &auditor, "override.approve"), 6);
}

#[test]
fn the_service_countersigns_by_itself_once_the_token_is_back() {
    if alone("outage::the_service_countersigns_by_itself_once_the_token_is_back") {
        let house = House::open();
        let two = Two::enrol(&house, 0);
        for round in 0..3 {
            let away = Away::begin();
            let (asked, _) = two.complete(&house, &format!("round {round}"), json!({}));
            away.end();
            let begun = Watch::start();
            eventually("it is approved", || house.status(&asked) == "approved");
            println!("MEASURED approved by itself after {:?}", begun.elapsed());
            assert!(begun.elapsed() < Duration::from_secs(6));
            let path = format!("/v1/overrides/{}/certificate", text(&asked, "id"));
            let certificate = house.look(&house.app, &path);
            let body = json!({"certificate": certificate});
            let verdict = house.tell(&house.app, "/v1/overrides/verify", body).is(200);
            assert_eq!(verdict["valid"], true, "{verdict}");
        }
    }
}

#[test]
fn what_changed_while_the_token_was_away_is_not_approved_by_its_return() {
    if !alone("outage::what_changed_while_the_token_was_away_is_not_approved_by_its_return") {
        return;
    }
    let house = House::open();
    let all: Vec<_> = (0..6).map(|number| Two::enrol(&house, number)).collect();
    let [suspended, revoked, expired, rejected, withdrawn, control] = &all[..] else {
        panic!("six pairs")
    };
    let away = Away::begin();
    let (short, long) = (json!({"expires_in": "1m"}), json!({}));
    let complete = |two: &Two, what, more: &Value| two.complete(&house, what, more.clone()).0;
    let cases = [
        (complete(suspended, "suspended", &long), "partial"),
        (complete(revoked, "revoked", &long), "partial"),
        (complete(expired, "expired", &short), "expired"),
        (complete(rejected, "rejected", &long), "rejected"),
        (complete(withdrawn, "withdrawn", &long), "withdrawn"),
    ];
    let (last, _) = control.complete(&house, "control", json!({}));
    suspended.rita.change(&house, "suspend").is(200);
    revoked.theo.change(&house, "revoke").is(200);
    house.pass(60);
    rejected.theo.reject(&house, &cases[3].0, "no").is(200);
    let withdraw = format!("/v1/overrides/{}/withdraw", text(&cases[4].0, "id"));
    house.tell(&house.app, &withdraw, json!({})).is(200);
    away.end();
    eventually("the last one is approved", || {
        house.status(&last) == "approved"
    });
    for (asked, status) in &cases {
        is_bare(&house, asked, status);
    }
    let (_, auditor) = house.auditor();
    assert_eq!(audited(&house, &auditor, "override.approve"), 1);
    // Where a signature is void, another custodian of its role may sign.
    let approved = control.rita.sign(&house, &cases[0].0).is(200);
    assert_eq!(approved["status"], "approved");
    let named: Vec<_> = approved["signatures"].as_array().unwrap().iter().collect();
    assert!(
        named
            .iter()
            .all(|one| one["custodian_id"] != suspended.rita.id.as_str())
    );
}

#[test]
fn another_signature_of_a_role_that_has_signed_is_refused_though_it_is_good() {
    if alone("outage::another_signature_of_a_role_that_has_signed_is_refused_though_it_is_good") {
        let house = House::open();
        let two = Two::enrol(&house, 0);
        let away = Away::begin();
        let (asked, both) = two.complete(&house, "x", json!({}));
        for (who, first) in [&two.rita, &two.theo].into_iter().zip(&both) {
            let other = who.signature(&asked);
            assert_ne!(other, *first, "both schemes are randomised");
            who.post_signature(&house, &asked, &other)
                .is_refused(409, "conflict");
        }
        away.end();
        eventually("it is approved", || house.status(&asked) == "approved");
        let path = format!("/v1/overrides/{}", text(&asked, "id"));
        let shown = house.look(&house.app, &path);
        let kept = shown["signatures"].as_array().unwrap().iter();
        let kept: Vec<_> = kept.map(|one| text(one, "signature")).collect();
        assert_eq!(kept, both);
    }
}
