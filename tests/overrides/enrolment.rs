//! Who becomes a custodian, and how (api.md section 5).

use aegis_custodian::crypto::scheme::{Kind, SigningKey};
use serde_json::{Value, json};

use crate::{
    Alone, House,
    people::{Desk, KINDS, Person, RISK, SECURITY, enrol, principal, prove, text},
};

fn fresh() -> SigningKey {
    SigningKey::generate(Kind::Bip340).unwrap()
}

fn path(of: &Value, verb: &str) -> String {
    format!("/v1/admin/custodians/{}/{verb}", text(of, "id"))
}

fn see(house: &House, of: &Value) -> Value {
    house.look(&house.ada, &format!("/v1/custodians/{}", text(of, "id")))
}

#[test]
fn a_custodian_of_each_scheme_proves_its_key_and_a_second_admin_approves() {
    let house = House::open();
    for (at, kind) in KINDS.into_iter().enumerate() {
        let (key, name) = (SigningKey::generate(kind).unwrap(), format!("person-{at}"));
        let made = enrol(&house, &name, RISK, &key).is(201);
        assert_eq!(made["status"], "pending");
        assert_eq!(made["public_key"], key.public_key().text());
        assert_eq!(made["fingerprint"], key.public_key().fingerprint());
        let proof = json!({"signature": prove(&key, &made)});
        let proven = house
            .tell(&house.ada, &path(&made, "activate"), proof)
            .is(200);
        assert_eq!(
            proven["status"], "pending",
            "a second admin has not approved"
        );
        assert_eq!(proven["challenge"], Value::Null);
        house
            .tell(&house.ada, &path(&made, "approve"), json!({}))
            .is_refused(422, "two_person_rule");
        let approved = house.tell(&house.bob, &path(&made, "approve"), json!({}));
        assert_eq!(approved.is(200)["status"], "active");
    }
    let listed = house.look(&house.ada, "/v1/custodians");
    assert_eq!(listed["items"].as_array().unwrap().len(), KINDS.len());
}

#[test]
fn the_approval_may_come_before_the_proof() {
    let house = House::open();
    let key = fresh();
    let made = enrol(&house, "rita", RISK, &key).is(201);
    let approved = house.tell(&house.bob, &path(&made, "approve"), json!({}));
    assert_eq!(approved.is(200)["status"], "pending");
    let proof = json!({"signature": prove(&key, &made)});
    let active = house.tell(&house.ada, &path(&made, "activate"), proof.clone());
    assert_eq!(active.is(200)["status"], "active");
    for verb in ["activate", "approve"] {
        let body = if verb == "activate" {
            proof.clone()
        } else {
            json!({})
        };
        house
            .tell(&house.ada, &path(&made, verb), body)
            .is_refused(409, "conflict");
    }
}

#[test]
fn five_wrong_proofs_void_the_challenge() {
    let house = Alone::open();
    let key = fresh();
    let made = enrol(&house, "rita", RISK, &key).is(201);
    let wrong = json!({"signature": prove(&fresh(), &made)});
    for _ in 0..5 {
        let refused = house.tell(&house.admin(), &path(&made, "activate"), wrong.clone());
        refused.is_refused(422, "bad_signature");
    }
    let right = json!({"signature": prove(&key, &made)});
    let refused = house.tell(&house.admin(), &path(&made, "activate"), right);
    refused.is_refused(409, "conflict");
    assert_eq!(see(&house.0, &made)["status"], "pending");
}

#[test]
fn a_challenge_is_good_for_24_hours() {
    let house = Alone::open();
    let (rita, theo) = (fresh(), fresh());
    let made = enrol(&house, "rita", RISK, &rita).is(201);
    let late = enrol(&house, "theo", SECURITY, &theo).is(201);
    house.0.pass(24 * 60 * 60 - 1);
    let proof = json!({"signature": prove(&rita, &made)});
    house
        .tell(&house.admin(), &path(&made, "activate"), proof)
        .is(200);
    house.0.pass(1);
    let proof = json!({"signature": prove(&theo, &late)});
    let refused = house.tell(&house.admin(), &path(&late, "activate"), proof);
    refused.is_refused(410, "expired");
}

#[test]
fn a_proof_for_another_enrolment_of_the_same_key_is_worth_nothing() {
    let house = Alone::open();
    let key = fresh();
    let first = enrol(&house, "rita", RISK, &key).is(201);
    let proof = json!({"signature": prove(&key, &first)});
    house
        .tell(
            &house.admin(),
            &path(&first, "revoke"),
            json!({"reason": "typo"}),
        )
        .is(200);
    // It was never active, so the key is free again; its old proof is not one for the new challenge.
    let second = enrol(&house, "rita", SECURITY, &key).is(201);
    let refused = house.tell(&house.admin(), &path(&second, "activate"), proof);
    refused.is_refused(422, "bad_signature");
}

#[test]
fn nobody_is_two_custodians_and_nobody_who_manages_is_one() {
    let house = Alone::open();
    Person::enrol(&house, "rita", RISK, Kind::Bip340);
    for subject in ["rita", "RITA", "ada", "bob", "house-operator"] {
        let refused = enrol(&house, subject, SECURITY, &fresh());
        refused.is_refused(422, "two_person_rule");
    }
    for role in ["admin", "operator"] {
        let body = json!({"name": role, "subject": "Rita", "roles": [role]});
        let refused = house.tell(&house.admin(), "/v1/admin/principals", body);
        refused.is_refused(422, "two_person_rule");
    }
}

#[test]
fn who_became_an_admin_meanwhile_is_not_activated_approved_or_reinstated() {
    let house = House::open();
    let key = fresh();
    let made = enrol(&house, "rita", RISK, &key).is(201);
    house
        .tell(
            &house.ada,
            &path(&made, "revoke"),
            json!({"reason": "typo"}),
        )
        .is(200);
    let body = json!({"name": "rita", "subject": "rita", "roles": ["operator"]});
    house.tell(&house.ada, "/v1/admin/principals", body).is(201);
    enrol(&house, "rita", RISK, &key).is_refused(422, "two_person_rule");
}

#[test]
fn a_principal_acts_for_one_custodian_which_is_the_same_person() {
    let house = Alone::open();
    let key = fresh();
    let made = enrol(&house, "rita", RISK, &key).is(201);
    let id = text(&made, "id");
    let propose = |subject: &str, roles: &[&str], custodian: Option<&str>| {
        let mut body = json!({"name": subject, "subject": subject, "roles": roles});
        if let Some(custodian) = custodian {
            body["custodian_id"] = custodian.into();
        }
        house.tell(&house.admin(), "/v1/admin/principals", body)
    };
    propose("theo", &["custodian"], Some(&id)).is_refused(400, "invalid_request");
    propose("rita", &["custodian"], None).is_refused(400, "invalid_request");
    propose("rita", &["auditor"], Some(&id)).is_refused(400, "invalid_request");
    propose(
        "rita",
        &["custodian"],
        Some("7d793037-a076-4a9c-8e0b-a64bcb1bd8a2"),
    )
    .is_refused(400, "invalid_request");
    principal(&house, "rita", &id);
    let body =
        json!({"name": "again", "subject": "rita", "roles": ["custodian"], "custodian_id": id});
    let refused = house.tell(&house.admin(), "/v1/admin/principals", body);
    refused.is_refused(409, "already_exists");
}

#[test]
fn revocation_is_for_ever_and_each_change_is_on_record_with_its_reason() {
    let house = House::open();
    let rita = Person::enrol(&house, "rita", RISK, Kind::Ed25519);
    let suspended = rita.change(&house, "suspend").is(200);
    assert_eq!(suspended["status"], "suspended");
    rita.change(&house, "suspend").is_refused(409, "conflict");
    let waiting = rita.change(&house, "reinstate").is(200);
    assert_eq!(waiting["status"], "pending", "reinstating takes two admins");
    house
        .tell(&house.ada, &path(&waiting, "approve"), json!({}))
        .is_refused(422, "two_person_rule");
    let back = house.tell(&house.bob, &path(&waiting, "approve"), json!({}));
    assert_eq!(back.is(200)["status"], "active");
    let revoked = rita.change(&house, "revoke").is(200);
    assert_eq!(revoked["status"], "revoked");
    for verb in ["suspend", "reinstate", "revoke"] {
        rita.change(&house, verb).is_refused(409, "conflict");
    }
    let events: Vec<_> = revoked["history"].as_array().unwrap().iter().collect();
    let names: Vec<_> = events.iter().map(|moment| text(moment, "event")).collect();
    let wanted = [
        "enrolled",
        "proven",
        "approved",
        "suspended",
        "reinstated",
        "approved",
        "revoked",
    ];
    assert_eq!(names, wanted);
    assert_eq!(events[6]["reason"], "a test");
    assert_eq!(events[6]["by"], "ada");
    enrol(&house, "theo", SECURITY, &rita.key).is_refused(409, "already_exists");
    // The person may be enrolled again, with another key.
    enrol(&house, "rita", RISK, &fresh()).is(201);
}

#[test]
fn a_scheme_that_is_switched_off_enrols_nobody() {
    use aegis_custodian::{crypto::scheme::Scheme, custodian::Rules};
    let house = House::ruled(Rules {
        schemes: std::borrow::Cow::Borrowed(&[Scheme::Bip340]),
        ..crate::house::RULES
    });
    let key = SigningKey::generate(Kind::Ed25519).unwrap();
    enrol(&house, "rita", RISK, &key).is_refused(400, "invalid_request");
    enrol(&house, "rita", RISK, &fresh()).is(201);
    let said = house.look(&house.app, "/v1/capabilities");
    assert_eq!(said["signature_schemes"], json!(["bip340"]));
}
