//! Rotation periods.

use super::*;

#[test]
fn a_dek_rotates_by_itself_when_its_period_is_over_and_not_before() {
    let house = House::open();
    house.dek("weekly", "aes-256-gcm", Some("7d"));
    house.dek("never", "aes-256-gcm", None);
    house.dek("hybrid", "mlkem768-x25519", Some("7d"));
    let old = house.encrypt("weekly").is(200);
    house.dek("other", "aes-256-gcm", Some("1s"));
    house.pass(7 * DAY - 2);
    // Whoever looks for what is due found the other one: it also looked at this one.
    eventually("the other rotated", || {
        !house.current("other").starts_with("dek-v1-")
    });
    assert!(house.current("weekly").starts_with("dek-v1-"));
    house.pass(3);
    for name in ["weekly", "hybrid"] {
        eventually("rotated", || house.current(name).starts_with("dek-v2-"));
    }
    assert_eq!(
        house.decrypt("weekly", &old["ciphertext"]).is(200)["plaintext"],
        "YWVnaXM="
    );
    assert!(text(&house.encrypt("weekly").is(200)["version"]).starts_with("dek-v2-"));
    assert!(house.current("never").starts_with("dek-v1-"));
    house.pass(7 * DAY);
    eventually("rotated again", || {
        house.current("weekly").starts_with("dek-v3-")
    });
}

#[test]
fn a_rotation_by_hand_begins_the_period_anew() {
    let house = House::open();
    house.dek("weekly", "aes-256-gcm", Some("7d"));
    house.pass(6 * DAY);
    house.rotate("weekly");
    house.pass(6 * DAY);
    house.dek("other", "aes-256-gcm", Some("1s"));
    house.pass(2);
    // Whoever looks for what is due found the other one: it also looked at this one.
    eventually("the other rotated", || {
        !house.current("other").starts_with("dek-v1-")
    });
    assert!(house.current("weekly").starts_with("dek-v2-"));
}

#[test]
fn a_clock_that_went_back_rotates_nothing_early() {
    let house = House::open();
    house.dek("weekly", "aes-256-gcm", Some("7d"));
    house.pass(-30 * DAY);
    house.pass(30 * DAY + 6 * DAY);
    house.dek("other", "aes-256-gcm", Some("1s"));
    house.pass(2);
    eventually("the other rotated", || {
        !house.current("other").starts_with("dek-v1-")
    });
    assert!(house.current("weekly").starts_with("dek-v1-"));
}

#[test]
fn a_rotation_by_itself_is_in_the_audit_log_without_an_actor() {
    let house = House::open();
    house.dek("weekly", "aes-256-gcm", Some("7d"));
    house.pass(7 * DAY);
    eventually("rotated", || house.current("weekly").starts_with("dek-v2-"));
    let (_, auditor) = house.auditor();
    let log = house.get(&auditor, "/v1/audit/entries?limit=500").is(200);
    let rotated = |entry: &&Value| entry["action"] == "dek.rotate";
    let entry = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(rotated)
        .unwrap();
    assert_eq!(entry["actor"], Value::Null);
    assert!(text(&entry["object"]).starts_with("weekly/dek-v2-"));
}
