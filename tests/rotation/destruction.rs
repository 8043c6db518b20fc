//! The key of a retired version is deleted by two independent operators, 30 days later.

use super::*;

/// An operator whom `by` proposes and the other admin approves; answers its token.
fn operator(house: &House, name: &str, by: &str, approver: &str) -> String {
    let body = json!({"name": name, "subject": name, "roles": ["operator"]});
    let made = house.post(by, "/v1/admin/principals", body).is(201);
    let path = format!("/v1/admin/principals/{}/approve", text(&made["id"]));
    house.post(approver, &path, json!({})).is(200);
    text(&made["token"])
}

/// A house whose first KEK version is retired, and a second operator.
pub fn retired() -> (House, String) {
    let house = House::open();
    let second = operator(&house, "second", &house.ada, &house.bob);
    house.rotate_kek();
    house.retire(1).is(200);
    (house, second)
}

#[test]
fn before_thirty_days_nobody_can_ask_for_it() {
    let (house, second) = retired();
    house.pass(30 * DAY - 60);
    for verb in ["destroy", "destroy/approve"] {
        house.on_kek(&second, 1, verb).is_refused(409, "conflict");
    }
    house.pass(60);
    house.on_kek(&house.operator, 1, "destroy").is(200);
}

#[test]
fn a_version_in_use_is_not_destroyed() {
    let (house, second) = retired();
    house.pass(31 * DAY);
    for verb in ["destroy", "destroy/approve"] {
        house.on_kek(&second, 2, verb).is_refused(409, "conflict");
    }
}

#[test]
fn one_operator_alone_never_destroys_a_version() {
    let (house, _) = retired();
    house.pass(30 * DAY);
    let approve = |token: &str| house.on_kek(token, 1, "destroy/approve");
    approve(&house.operator).is_refused(409, "conflict");
    for _ in 0..2 {
        let asked = house.on_kek(&house.operator, 1, "destroy").is(200);
        assert_eq!(asked["destroy_requested_by"], "house-operator");
        assert_eq!(asked["state"], "retired");
    }
    approve(&house.operator).is_refused(422, "two_person_rule");
    assert_eq!(house.kek_version(1)["attributes"]["sensitive"], true);
}

#[test]
fn two_operators_made_by_one_admin_are_not_independent() {
    let (house, second) = retired();
    let third = operator(&house, "third", &house.ada, &house.bob);
    let fourth = operator(&house, "fourth", &house.bob, &house.ada);
    house.pass(30 * DAY);
    house.on_kek(&second, 1, "destroy").is(200);
    house
        .on_kek(&third, 1, "destroy/approve")
        .is_refused(422, "two_person_rule");
    house.on_kek(&fourth, 1, "destroy/approve").is(200);
}

#[test]
fn destroyed_it_is_gone_from_the_token_for_good() {
    let (house, second) = retired();
    let old = house.wrap();
    house.rotate_kek();
    house.retire(2).is(200);
    house.pass(30 * DAY);
    house.on_kek(&house.operator, 2, "destroy").is(200);
    let destroyed = house.on_kek(&second, 2, "destroy/approve").is(200);
    assert_eq!(destroyed["state"], "destroyed");
    let shown = house.kek_version(2);
    assert_eq!(shown["state"], "destroyed");
    assert_eq!(shown["attributes"], Value::Null);
    assert_eq!(shown["destroy_requested_by"], "house-operator");
    house.unwrap(&old).is_refused(410, "destroyed");
    for verb in ["retire", "restore", "destroy", "destroy/approve"] {
        let answer = house.on_kek(&house.operator, 2, verb);
        answer.is_refused(410, "destroyed");
    }
    // The other retired one is untouched.
    house.on_kek(&house.operator, 1, "restore").is(200);
    house.wrap();
    let log = house.audit();
    let of = |action: &str| {
        let found = log.iter().filter(|entry| entry["action"] == action);
        let ok = found.filter(|entry| entry["outcome"] == "ok");
        let actor = |entry: &Value| entry["actor"]["subject"].clone();
        ok.map(actor).collect::<Vec<_>>()
    };
    assert_eq!(of("kek.destroy"), [json!("house-operator"), Value::Null]);
    assert_eq!(of("kek.destroy_approve"), ["second"]);
}

#[test]
fn a_restoration_takes_the_request_to_destroy_back() {
    let (house, second) = retired();
    house.pass(30 * DAY);
    house.on_kek(&house.operator, 1, "destroy").is(200);
    let restored = house.on_kek(&second, 1, "restore").is(200);
    assert_eq!(restored["destroy_requested_by"], Value::Null);
    house.retire(1).is(200);
    house.pass(30 * DAY);
    house
        .on_kek(&second, 1, "destroy/approve")
        .is_refused(409, "conflict");
}

#[test]
fn the_word_of_one_who_is_an_operator_no_longer_counts_for_nothing() {
    let (house, second) = retired();
    let third = operator(&house, "third", &house.bob, &house.ada);
    house.pass(30 * DAY);
    house.on_kek(&second, 1, "destroy").is(200);
    let all = house.get(&house.ada, "/v1/admin/principals").is(200);
    let mut all = all["items"].as_array().unwrap().iter();
    let gone = all.find(|one| one["name"] == "second").unwrap();
    let path = format!("/v1/admin/principals/{}", text(&gone["id"]));
    house
        .call(&house.ada, "DELETE", &path, &Value::Null)
        .is(204);
    house
        .on_kek(&third, 1, "destroy/approve")
        .is_refused(409, "conflict");
    assert_eq!(house.kek_version(1)["state"], "retired");
    let asked = house.on_kek(&house.operator, 1, "destroy").is(200);
    assert_eq!(asked["destroy_requested_by"], "house-operator");
    house.on_kek(&third, 1, "destroy/approve").is(200);
}
