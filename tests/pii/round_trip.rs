//! What was encrypted comes back exactly.

use serde_json::{Value, json};

use crate::{decrypt, encrypt, event_text, telemetry};

/// One of each type, and numbers that a reader of numbers would change.
const VALUES: [&str; 12] = [
    "null",
    "true",
    "false",
    "1.0",
    "-0",
    "12345678901234567890",
    "1e5",
    "0.1000000000000000055511151231257827",
    r#""Zo\u00eb \ud83d\ude00 \/ \" é""#,
    r#"[ 1 , [ ] , {"a" : null} ]"#,
    r#"{"id":"within","b":[1.50]}"#,
    r#""""#,
];

#[test]
fn values_of_every_type_come_back_to_the_byte_at_every_depth_up_to_30() {
    let (_home, service) = telemetry(&[]);
    for depth in [0, 1, 15, 30] {
        let values = VALUES.iter().enumerate();
        let fields: Vec<_> = values
            .map(|(at, value)| format!(r#"{{"actor_id" : {value} ,"n{at}":{value}}}"#))
            .collect();
        let (open, close) = (r#"{"a":[0,"#.repeat(depth), "]}".repeat(depth));
        let event = format!("{{ \"in\" :{open}[{}]{close}\n}}", fields.join(","));
        let sealed = encrypt(&service, &event);
        assert_eq!(sealed.matches("cst1:hpke:telemetry/").count(), VALUES.len());
        for (at, value) in VALUES.iter().enumerate() {
            assert!(sealed.contains(&format!(r#""n{at}":{value}"#)));
        }
        assert_eq!(event_text(&decrypt(&service, &sealed)), event, "{depth}");
    }
}

#[test]
fn an_event_of_a_mebibyte_comes_back_whether_it_is_one_field_or_many() {
    let (_home, service) = telemetry(&[]);
    let mebibyte = 1024 * 1024;
    let one = json!({"actor_id": "x".repeat(mebibyte)}).to_string();
    let plain: Vec<Value> = (0..55_000).map(|at| json!({"at": at, "v": 1.5})).collect();
    let fields: Vec<Value> = (0..500).map(|at| json!({"client_ip": at})).collect();
    let many = json!({"items": plain, "people": fields}).to_string();
    for event in [one, many] {
        assert!(event.len() >= mebibyte - 100_000, "{}", event.len());
        let sealed = encrypt(&service, &event);
        assert_eq!(event_text(&decrypt(&service, &sealed)), event);
    }
}

#[test]
fn what_is_personal_stands_nowhere_in_the_encrypted_event_the_log_or_the_audit_log() {
    let (_home, service) = telemetry(&[]);
    for person in ["ada@example.org", "192.0.2.77"] {
        service.hide(person);
    }
    let event = json!({"actor_email": "ada@example.org", "x": [{"client_ip": "192.0.2.77"}]});
    let sealed = encrypt(&service, &event.to_string());
    assert!(!sealed.contains("ada@") && !sealed.contains("192.0"));
    assert_eq!(decrypt(&service, &sealed).is(200)["event"], event);
    let audit = service.audit();
    let last = &audit[audit.len() - 2..];
    let version = sealed.split(['/', ':']).nth(4).unwrap();
    assert_eq!(last[0]["action"], "pii.encrypt");
    assert_eq!(last[0]["object"], format!("telemetry/{version}"));
    assert_eq!(last[1]["action"], "pii.decrypt");
    assert_eq!(last[1]["object"], "telemetry");
    assert!(!json!(audit).to_string().contains("ada@"));
}

#[test]
fn the_same_value_is_never_encrypted_to_the_same_text() {
    let (_home, service) = telemetry(&[]);
    let event = r#"{"actor_id":"a","x":{"actor_id":"a"}}"#;
    let sealed: Value = serde_json::from_str(&encrypt(&service, event)).unwrap();
    assert_ne!(sealed["actor_id"], sealed["x"]["actor_id"]);
}

#[test]
fn an_event_without_personal_fields_comes_back_as_it_is() {
    let (_home, service) = telemetry(&[]);
    for event in ["{}", r#"{ "a" : [1.0, {"b":"cst1:hpke:telemetry/x:y"}] }"#] {
        assert_eq!(encrypt(&service, event), event);
        assert_eq!(event_text(&decrypt(&service, event)), event);
    }
}

#[test]
fn a_field_within_a_field_is_encrypted_once_and_comes_back_as_it_was() {
    let (_home, service) = telemetry(&[]);
    let inner = encrypt(&service, r#"{"actor_id":1}"#);
    let event = format!(r#"{{"proposal_context":{{"actor_id":"x","then":{inner}}}}}"#);
    let sealed = encrypt(&service, &event);
    assert_eq!(sealed.matches("cst1:hpke:").count(), 1);
    assert_eq!(event_text(&decrypt(&service, &sealed)), event);
}
