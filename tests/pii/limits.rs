//! What a request may cost, and that a large one keeps nobody waiting.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::{Value, json};

use crate::{DECRYPT, ENCRYPT, fields::TWELVE, send, telemetry};

#[test]
fn more_events_or_values_than_the_limits_are_413() {
    let (_home, service) = telemetry(&[]);
    let events = |count: usize| json!({"dek": "telemetry", "events": vec![json!({}); count]});
    service.post("app", ENCRYPT, events(256)).is(200);
    service
        .post("app", ENCRYPT, events(257))
        .is_refused(413, "too_large");
    let values = |count: usize| vec![json!({"actor_id": 1}); count];
    let body = json!({"dek": "telemetry", "event": {"all": values(4097)}});
    service
        .post("app", ENCRYPT, body)
        .is_refused(413, "too_large");
    let body = json!({"event": {"all": values(4097)}, "not_encrypted": "keep"});
    service
        .post("app", DECRYPT, body)
        .is_refused(413, "too_large");
    let body = json!({"event": {"all": values(4096)}, "not_encrypted": "keep"});
    service.post("app", DECRYPT, body).is(200);
}

#[test]
fn a_body_may_have_8_mib_and_no_more() {
    let (_home, service) = telemetry(&[]);
    let body = |padding: usize| {
        let body = format!(
            r#"{{"dek":"telemetry","event":{{"a":"{}"}}}}"#,
            "x".repeat(padding)
        );
        (body.len(), body)
    };
    let (around, _) = body(0);
    let most = 8 * 1024 * 1024;
    let (length, largest) = body(most - around);
    assert_eq!(length, most);
    assert_eq!(send(&service, ENCRYPT, &largest).status, 200);
    send(&service, ENCRYPT, &body(most - around + 1).1).is_refused(413, "too_large");
    send(&service, ENCRYPT, &body(most + 4_000_000).1).is_refused(413, "too_large");
}

#[test]
fn small_requests_are_answered_while_large_ones_are_worked_on() {
    let (_home, service) = telemetry(&[]);
    let event = json!({"all": vec![json!({"actor_id": 1}); 2000]});
    let large = json!({"dek": "telemetry", "event": event}).to_string();
    let done = AtomicBool::new(false);
    let small_ones = thread::scope(|scope| {
        let large_ones: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let answer = send(&service, ENCRYPT, &large);
                    assert_eq!(answer.status, 200, "{}", answer.text);
                })
            })
            .collect();
        let small = scope.spawn(|| {
            let mut answered = 0;
            while !done.load(Ordering::Acquire) {
                let body = r#"{"dek":"telemetry","event":{"actor_id":1}}"#;
                assert_eq!(send(&service, ENCRYPT, body).status, 200);
                answered += 1;
            }
            answered
        });
        for request in large_ones {
            request.join().unwrap();
        }
        done.store(true, Ordering::Release);
        small.join().unwrap()
    });
    assert!(small_ones > 3, "{small_ones} small requests");
}

#[test]
fn a_full_batch_of_twelve_fields_goes_both_ways() {
    let (_home, service) = telemetry(&[]);
    let event: Value = TWELVE
        .iter()
        .map(|name| ((*name).to_owned(), json!("some text of a usual length")))
        .collect();
    let events = vec![event; 256];
    let body = json!({"dek": "telemetry", "events": events});
    let done = service.post("app", ENCRYPT, body).is(200);
    let sealed: Vec<_> = done["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["event"].clone())
        .collect();
    let back = service
        .post("app", DECRYPT, json!({"events": sealed}))
        .is(200);
    for item in back["items"].as_array().unwrap() {
        assert_eq!(item["event"], events[0]);
    }
}
