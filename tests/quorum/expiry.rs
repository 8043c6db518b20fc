//! Time: tokens end, kept answers are forgotten, and a clock that goes back revives nothing.

use serde_json::json;

use crate::{DAY, House, service::send};

#[test]
fn a_token_ends_when_its_time_is_over() {
    let house = House::open();
    let (path, token) = house.make("app", &["app"]);
    let body = json!({"expires_in": "never"});
    let never = house
        .post(&house.ada, &format!("{path}/tokens"), body)
        .is(201);
    house
        .approve(
            &house.bob,
            &format!("{path}/tokens/{}", never["id"].as_str().unwrap()),
        )
        .is(200);
    assert!(never["expires_at"].is_null());
    house.pass(90 * DAY - 1);
    assert!(house.works(&token));
    house.pass(1);
    house
        .get(&token, "/v1/capabilities")
        .is_refused(401, "unauthenticated");
    assert!(house.works(never["token"].as_str().unwrap()));
}

#[test]
fn a_clock_that_goes_back_does_not_revive_a_token() {
    let house = House::open();
    let (_, token) = house.make("app", &["app"]);
    house.pass(91 * DAY);
    assert!(!house.works(&token));
    house.pass(-91 * DAY);
    assert!(!house.works(&token), "an expired token came back to life");
}

#[test]
fn an_answer_is_kept_for_a_day() {
    let house = House::open();
    let (_, operator) = house.make("operator", &["operator"]);
    let rotate = |key: &str| {
        let bearer = format!("Bearer {operator}");
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        let url = format!("{}/v1/deks/telemetry/rotate", house.url);
        send(&house.agent, "POST", &url, &headers, b"").is(201)["number"]
            .as_u64()
            .unwrap()
    };
    house
        .post(
            &operator,
            "/v1/deks",
            json!({"name": "telemetry", "algorithm": "aes-256-gcm"}),
        )
        .is(201);
    assert_eq!(rotate("once"), 2);
    house.pass(DAY - 1);
    assert_eq!(rotate("once"), 2);
    house.pass(2);
    assert_eq!(rotate("once"), 3);
    assert_eq!(rotate("once"), 3);
}
