//! A version is taken out of use and comes back.

use super::*;

#[test]
fn the_version_that_wraps_is_not_retired() {
    let house = House::open();
    house.retire(1).is_refused(409, "conflict");
    house.rotate_kek();
    house.retire(2).is_refused(409, "conflict");
    house.retire(1).is(200);
}

#[test]
fn a_blob_under_a_retired_version_is_gone_and_comes_back_with_it() {
    let house = House::open();
    let old = house.wrap();
    house.rotate_kek();
    let new = house.wrap();
    house.unwrap(&old).is(200);
    let retired = house.retire(1).is(200);
    assert_eq!(retired["state"], "retired");
    assert!(retired["retired_at"].is_string());
    assert!(retired["destroyable_at"].is_string());
    house.unwrap(&old).is_refused(410, "destroyed");
    let rewrap = json!({"wrapped": old});
    house
        .post(&house.operator, "/v1/rewrap", rewrap)
        .is_refused(410, "destroyed");
    let items = json!({"items": [{"wrapped": old}, {"wrapped": new}]});
    let both = house.post(&house.app, "/v1/unwrap", items).is(200);
    assert_eq!(both["items"][0]["error"]["code"], "destroyed");
    assert_eq!(both["items"][1]["plaintext"], PLAINTEXT);
    let restored = house.on_kek(&house.operator, 1, "restore").is(200);
    assert_eq!(restored["state"], "enabled");
    assert_eq!(house.unwrap(&old).is(200)["plaintext"], PLAINTEXT);
    assert!(
        house
            .wrap()
            .starts_with(&format!("cst1:kek:{}", house.kek_name(2)))
    );
}

#[test]
fn retiring_and_restoring_once_more_is_no_error() {
    let house = House::open();
    house.rotate_kek();
    house.on_kek(&house.operator, 1, "restore").is(200);
    let first = house.retire(1).is(200);
    house.pass(DAY);
    let again = house.retire(1).is(200);
    assert_eq!(first["retired_at"], again["retired_at"]);
    for _ in 0..2 {
        house.on_kek(&house.operator, 1, "restore").is(200);
    }
    let log = house.audit();
    let of = |action: &str| log.iter().filter(|one| one["action"] == action).count();
    assert_eq!((of("kek.retire"), of("kek.restore")), (2, 3));
}

#[test]
fn no_probe_needs_the_key_of_a_retired_version() {
    let house = House::open();
    house.rotate_kek();
    house.retire(1).is(200);
    assert_eq!(house.kek_version(1)["attributes"]["sensitive"], true);
    house.on_kek(&house.operator, 1, "restore").is(200);
    house.retire(1).is(200);
    eventually("ready", || house.get("", "/v1/health/ready").status == 200);
    house.wrap();
}
