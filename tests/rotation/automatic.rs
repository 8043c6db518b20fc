//! The service rotates the KEK by itself, or says that it is due.

use std::time::Duration;

use aegis_custodian::custodian::{Encryptions, KekRotation, Rules};

use super::*;

fn limited(kek_rotation: KekRotation) -> House {
    House::ruled(Rules {
        encryptions: Encryptions {
            block: 1,
            rotate_at: 20,
            refuse_at: if kek_rotation == KekRotation::ByHand {
                30
            } else {
                1 << 32
            },
        },
        kek_rotation,
        dek_cache: Duration::ZERO,
        ..house::RULES
    })
}

fn readiness(house: &House) -> Value {
    house.get("", "/v1/health/ready").json()["checks"]["kek"].clone()
}

#[test]
fn a_kek_that_has_encrypted_enough_is_rotated_by_itself_and_its_records_move() {
    let house = limited(KekRotation::ByItself);
    let first = house.kek_name(1);
    let old = house.wrap();
    eventually("rotated", || {
        if house.kek()["current"] == first {
            house.wrap();
        }
        house.kek()["current"] != first
    });
    eventually("moved", || house.kek_version(1)["records"] == 0);
    house.unwrap(&old).is(200);
    let log = house.audit();
    let rotated = log.iter().find(|entry| entry["action"] == "kek.rotate");
    assert_eq!(rotated.unwrap()["actor"], Value::Null);
    assert_eq!(readiness(&house), json!({"ok": true}));
}

#[test]
fn with_rotation_by_hand_readiness_says_that_it_is_due_and_the_limit_stays() {
    let house = limited(KekRotation::ByHand);
    let wrap = || house.post(&house.app, "/v1/wrap", json!({"plaintext": PLAINTEXT}));
    eventually("refused at the limit", || wrap().status != 200);
    wrap().is_refused(409, "conflict");
    eventually("said", || {
        readiness(&house) == json!({"ok": true, "rotation_due": true})
    });
    assert_eq!(house.kek()["versions"].as_array().unwrap().len(), 1);
    assert_eq!(house.rotate_kek()["status"], "done");
    wrap().is(200);
    eventually("done", || readiness(&house) == json!({"ok": true}));
}
