//! Killed around a second signature: between it and its countersignature lies time in which nothing is approved.

use std::{thread, time::Instant};

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    client::Client,
    dice::{Dice, fifth_of_rounds},
    file,
    people::{Desk, Person, RISK, SECURITY, text},
    service::{Service, eventually},
};

const KILLS: u64 = 4;

#[test]
fn killed_around_a_countersignature_an_override_is_approved_once_and_by_itself() {
    let home = TempDir::new().unwrap();
    let mut dice = Dice::new();
    let mut service = Service::start(home.path(), &[]);
    let risk = Person::enrol(&service, "risk", RISK, Kind::Bip340);
    let security = Person::enrol(&service, "security", SECURITY, Kind::Ed25519);
    let usual = time_of_approval(&service, &risk, &security);
    let (kills, mut between) = (fifth_of_rounds(KILLS), 0);
    for kill in 0..kills {
        let asked = service.request(&format!("kill {kill}"), json!({})).is(201);
        risk.sign(&service, &asked).is(200);
        let life = dice.milliseconds(0, usual);
        let acknowledged = thread::scope(|scope| {
            let signing = scope.spawn(|| sign(&service, &security, &asked));
            thread::sleep(life);
            service.kill();
            signing.join().unwrap()
        });
        drop(service);
        let (state, signatures) = stored(home.path(), &asked);
        assert!(
            !acknowledged || state == "approved",
            "{state} after {life:?}"
        );
        between += u64::from(state == "partial" && signatures == 2);
        service = Service::start(home.path(), &[]);
        if signatures == 1 {
            security.sign(&service, &asked).is(200);
        }
        eventually("approved", || service.status(&asked) == "approved");
        is_approved_once(&service, &asked);
    }
    println!("{between} of {kills} kills fell between signature and countersignature");
}

/// In milliseconds, and some more.
fn time_of_approval(service: &Service, risk: &Person, security: &Person) -> usize {
    let asked = service.request("the first", json!({})).is(201);
    risk.sign(service, &asked).is(200);
    let begun = Instant::now();
    security.sign(service, &asked).is(200);
    begun.elapsed().as_millis() as usize + 5
}

/// Whether it was acknowledged.
fn sign(service: &Service, by: &Person, of: &Value) -> bool {
    let path = format!("/v1/overrides/{}/signatures", text(of, "id"));
    let body = json!({"custodian_id": by.id, "signature": by.signature(of)});
    let client = Client::new(&service.url, &service.dir);
    let reply = client.send(&by.token, "second", "POST", &path, body, None);
    reply.is_some_and(|reply| {
        assert_eq!(reply.status, 200, "{}", reply.text);
        true
    })
}

/// The state of an override and its signatures, past the service.
fn stored(dir: &std::path::Path, of: &Value) -> (String, i64) {
    let sql = "SELECT state, (SELECT count(*) FROM override_signatures WHERE override_id = o.id)
               FROM overrides o WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let file = file::open(&dir.join("custodian.db"));
    file.query_row(sql, [text(of, "id")], read).unwrap()
}

fn is_approved_once(service: &Service, asked: &Value) {
    let id = text(asked, "id");
    let certificate = service.get("app", &format!("/v1/overrides/{id}/certificate"));
    let body = json!({"certificate": certificate.is(200)});
    let verdict = service.post("app", "/v1/overrides/verify", body).is(200);
    assert_eq!(verdict["valid"], true, "{verdict}");
    let log = service.audit();
    let approvals = log
        .iter()
        .filter(|entry| entry["action"] == "override.approve" && entry["object"] == id.as_str());
    assert_eq!(approvals.count(), 1);
}
