//! What a request may cost, and that a large one keeps nobody waiting.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::{Value, json};

use crate::{DECRYPT, ENCRYPT, send, telemetry, twelve::TWELVE};

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
        let body = format!(r#"{{"event":{{"a":"{}"}}}}"#, "x".repeat(padding));
        (body.len(), body)
    };
    let (around, _) = body(0);
    let most = 8 * 1024 * 1024;
    let (length, largest) = body(most - around);
    assert_eq!(length, most);
    assert_eq!(send(&service, DECRYPT, &largest).status, 200);
    send(&service, DECRYPT, &body(most - around + 1).1).is_refused(413, "too_large");
    send(&service, DECRYPT, &body(most + 4_000_000).1).is_refused(413, "too_large");
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
    assert!(small_ones > 20, "{small_ones} small requests");
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

#[test]
fn many_members_below_a_long_name_cost_no_more_than_they_are_long() {
    let (_home, service) = telemetry(&[]);
    let long = "k".repeat(4_000_000);
    let event = json!({&long: vec![json!({"actor_id": "plain"}); 4000]});
    let answer = service.post("app", DECRYPT, json!({"event": event}));
    answer.is_refused(422, "integrity_failure");
    let problem = answer.json();
    assert_eq!(problem["field"], "actor_id");
    assert_eq!(
        problem.get("pointer"),
        None,
        "a place of megabytes is not told"
    );
    let event = json!({&long: vec![json!({"actor_id": "plain"}); 4097]});
    let answer = service.post("app", ENCRYPT, json!({"dek": "telemetry", "event": event}));
    answer.is_refused(413, "too_large");
}

#[test]
fn a_long_name_is_told_by_its_beginning() {
    let (_home, service) = telemetry(&[]);
    let blob = crate::encrypted(&service, &json!({"actor_id": 1}))["actor_id"].clone();
    let long = "n".repeat(100_000);
    let answer = service.post("app", DECRYPT, json!({"event": {&long: blob}}));
    answer.is_refused(422, "integrity_failure");
    assert_eq!(answer.json()["field"], long[..128]);
}

#[test]
fn what_would_be_too_large_to_be_decrypted_is_not_encrypted() {
    let (_home, service) = telemetry(&[]);
    let mebibyte = 1024 * 1024;
    let body =
        |length: usize| json!({"dek": "telemetry", "event": {"actor_id": "x".repeat(length)}});
    service
        .post("app", ENCRYPT, body(6 * mebibyte))
        .is_refused(413, "too_large");
    let most = service.post("app", ENCRYPT, body(5_800_000)).is(200);
    let back = service
        .post("app", DECRYPT, json!({"event": most["event"]}))
        .is(200);
    assert_eq!(back["event"]["actor_id"].as_str().unwrap().len(), 5_800_000);
}

#[test]
fn a_body_that_comes_without_its_length_is_read_too() {
    let (_home, service) = telemetry(&[]);
    let event = format!(r#"{{"actor_id":"{}"}}"#, "x".repeat(300_000));
    let body = format!(r#"{{"dek":"telemetry","event":{event}}}"#);
    let chunks: String = body
        .as_bytes()
        .chunks(50_000)
        .map(|chunk| {
            format!(
                "{:x}\r\n{}\r\n",
                chunk.len(),
                std::str::from_utf8(chunk).unwrap()
            )
        })
        .collect();
    let head = format!(
        "POST {ENCRYPT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        service.token("app")
    );
    let mut socket = TcpStream::connect(service.url.trim_start_matches("http://")).unwrap();
    socket
        .write_all(format!("{head}{chunks}0\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{}", &answer[..300]);
    let sealed = answer.split_once("\r\n\r\n").unwrap().1;
    let sealed: Value = serde_json::from_str(sealed).unwrap();
    let back = crate::decrypt(&service, &sealed["event"].to_string());
    assert_eq!(crate::event_text(&back), event);
}
