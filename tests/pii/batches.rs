//! Many events at once: their order stays, and a bad one harms no other.

use serde_json::{Value, json};

use crate::{DECRYPT, ENCRYPT, encrypted, telemetry};

#[test]
fn a_batch_keeps_its_order_and_has_one_audit_entry() {
    let (_home, service) = telemetry(&[]);
    let events: Vec<Value> = (0..256)
        .map(|at| json!({"at": at, "actor_id": [at], "y": {"client_ip": at}}))
        .collect();
    let before = service.audit().len();
    let body = json!({"dek": "telemetry", "events": events});
    let done = service.post("app", ENCRYPT, body).is(200);
    let items = done["items"].as_array().unwrap();
    assert_eq!(items.len(), 256);
    for item in items {
        assert_eq!(item["encrypted"], json!(["actor_id", "client_ip"]));
    }
    let sealed: Vec<_> = items.iter().map(|item| item["event"].clone()).collect();
    let back = service
        .post("app", DECRYPT, json!({"events": sealed}))
        .is(200);
    let back: Vec<_> = back["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["event"].clone())
        .collect();
    assert_eq!(back, events);
    let audit = service.audit();
    assert_eq!(audit.len(), before + 2);
    assert_eq!(audit[before]["detail"], json!({"items": 256, "refused": 0}));
}

#[test]
fn a_bad_event_is_refused_alone() {
    let (_home, service) = telemetry(&[]);
    let good = encrypted(&service, &json!({"actor_id": "a"}));
    let bad = json!({"x": {"actor_id": "plain"}});
    let body = json!({"events": [good, bad, {}, good]});
    let done = service.post("app", DECRYPT, body).is(200);
    let items = done["items"].as_array().unwrap();
    assert_eq!(items[0]["event"], json!({"actor_id": "a"}));
    assert_eq!(items[1]["error"]["code"], "integrity_failure");
    assert_eq!(items[1]["error"]["pointer"], "/x/actor_id");
    assert_eq!(items[1]["error"]["field"], "actor_id");
    assert_eq!(items[2]["event"], json!({}));
    assert_eq!(items[3]["event"], json!({"actor_id": "a"}));
    let last = service.audit().pop().unwrap();
    assert_eq!(last["detail"], json!({"items": 4, "refused": 1}));
}
