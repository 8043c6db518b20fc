//! What a caller may cost (src/http/limits.rs), with limits low enough to meet.

use std::time::Duration;

use aegis_custodian::http::Limits;
use serde_json::{Value, json};

use crate::{
    House,
    wire::{begin, read},
};

#[test]
fn a_body_that_does_not_arrive_in_time_is_refused() {
    let house = House::limited(Limits {
        body: Duration::from_millis(300),
        ..Limits::default()
    });
    let (_, app) = house.make("app", &["app"]);
    let mut stream = begin(&house.url, "/v1/wrap", &app, 20);
    read(&mut stream).is_refused(400, "invalid_request");
}

#[test]
fn a_body_over_the_limit_is_refused_and_one_at_it_is_read() {
    let house = House::limited(Limits {
        body_bytes: 100,
        ..Limits::default()
    });
    let (_, app) = house.make("app", &["app"]);
    let body = |bytes: usize| json!({"plaintext": "", "reference": "x".repeat(bytes)});
    let frame = body(0).to_string().len();
    house.post(&app, "/v1/wrap", body(100 - frame)).is(200);
    let over = house.post(&app, "/v1/wrap", body(101 - frame));
    over.is_refused(413, "too_large");
}

#[test]
fn while_all_places_for_key_uses_are_taken_an_admin_can_still_revoke() {
    let house = House::limited(Limits {
        key_uses: 0,
        key_wait: Duration::from_millis(50),
        ..Limits::default()
    });
    let (path, app) = house.make("app", &["app"]);
    let refused = house.post(&app, "/v1/wrap", json!({"plaintext": ""}));
    refused.is_refused(503, "not_ready");
    assert_eq!(refused.header("retry-after"), Some("1"));
    house
        .call(&house.ada, "DELETE", &path, &Value::Null)
        .is(204);
}
