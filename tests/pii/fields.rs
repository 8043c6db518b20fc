//! Which fields are encrypted and decrypted, and what is told of them.

use serde_json::{Value, json};

use crate::{
    DECRYPT, ENCRYPT, decrypt, encrypt, encrypted, event_text, make, refused_at, send, telemetry,
    twelve::TWELVE,
};

#[test]
fn the_twelve_standard_fields_are_encrypted_and_each_is_named_once() {
    let (_home, service) = telemetry(&[]);
    let mut event = json!({"x": [{"actor_id": 2}, {"Actor_id": 3}], "actor": 4});
    for name in TWELVE {
        event[name] = json!(name);
    }
    let body = json!({"dek": "telemetry", "event": event});
    let done = service.post("app", ENCRYPT, body).is(200);
    let mut names: Vec<_> = done["encrypted"].as_array().unwrap().clone();
    names.sort_by_key(ToString::to_string);
    let mut wanted = TWELVE.map(|name| json!(name)).to_vec();
    wanted.sort_by_key(ToString::to_string);
    assert_eq!(names, wanted);
    assert_eq!(done["kept"], json!([]));
    assert_eq!(done["event"]["x"][1]["Actor_id"], 3);
    assert_eq!(done["event"]["actor"], 4);
    let version = done["version"].as_str().unwrap();
    for name in TWELVE {
        let blob = done["event"][name].as_str().unwrap();
        assert!(blob.starts_with(&format!("cst1:hpke:telemetry/{version}:")));
    }
    let back = decrypt(&service, &done["event"].to_string()).is(200);
    assert_eq!(back["event"], event);
    assert_eq!(back["decrypted"].as_array().unwrap().len(), 12);
}

#[test]
fn configured_fields_take_the_place_of_the_twelve() {
    let (_home, service) = telemetry(&["--pii-fields", "e-mail,Phone.no"]);
    let event = json!({"e-mail": "a", "Phone.no": [1], "actor_id": "not one of them"});
    let sealed = encrypted(&service, &event);
    assert_eq!(sealed["actor_id"], event["actor_id"]);
    assert_ne!(sealed["e-mail"], event["e-mail"]);
    assert_ne!(sealed["Phone.no"], event["Phone.no"]);
    assert_eq!(
        decrypt(&service, &sealed.to_string()).is(200)["event"],
        event
    );
}

#[test]
fn a_name_that_is_written_with_escapes_is_that_name() {
    let (_home, service) = telemetry(&[]);
    let event = r#"{"actor\u005fid":"x","\u0061ctor_name":1}"#;
    let sealed = encrypt(&service, event);
    assert!(
        sealed.starts_with(r#"{"actor\u005fid":"cst1:hpke:"#),
        "{sealed}"
    );
    assert_eq!(sealed.matches("cst1:hpke:").count(), 2);
    assert_eq!(event_text(&decrypt(&service, &sealed)), event);
}

#[test]
fn what_is_encrypted_already_stays_or_is_refused_on_request() {
    let (_home, service) = telemetry(&[]);
    let half = encrypted(&service, &json!({"actor_id": "a"}));
    let event = json!({"actor_id": half["actor_id"], "actor_name": "b"});
    let body = json!({"dek": "telemetry", "event": event});
    let done = service.post("app", ENCRYPT, body.clone()).is(200);
    assert_eq!(done["event"]["actor_id"], half["actor_id"]);
    assert_eq!(done["encrypted"], json!(["actor_name"]));
    assert_eq!(done["kept"], json!(["actor_id"]));
    let back = decrypt(&service, &done["event"].to_string()).is(200);
    assert_eq!(back["event"], json!({"actor_id": "a", "actor_name": "b"}));
    let mut strict = body;
    strict["already_encrypted"] = json!("refuse");
    let answer = service.post("app", ENCRYPT, strict);
    refused_at(&answer, 422, "integrity_failure", "/actor_id");
}

#[test]
fn what_only_looks_encrypted_is_encrypted_and_comes_back_as_it_was() {
    let (_home, service) = telemetry(&[]);
    make(&service, "other");
    let body = json!({"dek": "other", "event": {"actor_id": "a"}});
    let foreign = service.post("app", ENCRYPT, body).is(200)["event"]["actor_id"].clone();
    let whole = encrypted(&service, &json!({"actor_id": "a"}))["actor_id"].clone();
    let whole = whole.as_str().unwrap();
    let unknown = whole.replacen("dek-v1-", "dek-v9-", 1);
    let short: String = whole.chars().take(80).collect();
    for look in [foreign, json!("cst1:hpke:x"), json!(unknown), json!(short)] {
        let event = json!({"actor_id": look});
        let body = json!({"dek": "telemetry", "event": event, "already_encrypted": "refuse"});
        let done = service.post("app", ENCRYPT, body).is(200);
        assert_eq!(done["encrypted"], json!(["actor_id"]), "{look}");
        let back = decrypt(&service, &done["event"].to_string()).is(200);
        assert_eq!(back["event"], event);
    }
}

#[test]
fn a_field_that_is_not_encrypted_is_refused_or_kept_on_request() {
    let (_home, service) = telemetry(&[]);
    let mut event = encrypted(&service, &json!({"x": {"actor_id": "a"}}));
    event["x"]["client_ip"] = json!("192.0.2.1");
    let answer = decrypt(&service, &event.to_string());
    refused_at(&answer, 422, "integrity_failure", "/x/client_ip");
    let body = json!({"event": event, "not_encrypted": "keep"});
    let back = service.post("app", DECRYPT, body).is(200);
    assert_eq!(
        back["event"],
        json!({"x": {"actor_id": "a", "client_ip": "192.0.2.1"}})
    );
    assert_eq!(back["decrypted"], json!(["actor_id"]));
    let escaped = r#"{"actor_id":"\u0063st1:hpke:telemetry/dek-v1-20261123:AAAA"}"#;
    let body = format!(r#"{{"event":{escaped},"not_encrypted":"keep"}}"#);
    let answer = send(&service, DECRYPT, &body);
    refused_at(&answer, 422, "integrity_failure", "/actor_id");
    // What was a blob is never taken for a value that nobody encrypted.
    let blob = event["x"]["actor_id"].as_str().unwrap();
    event["x"]["actor_id"] = json!(format!("{blob}A="));
    let body = json!({"event": event, "not_encrypted": "keep"});
    let answer = service.post("app", DECRYPT, body);
    refused_at(&answer, 422, "integrity_failure", "/x/actor_id");
}

#[test]
fn named_fields_are_decrypted_and_no_others() {
    let (_home, service) = telemetry(&[]);
    let sealed = encrypted(
        &service,
        &json!({"actor_id": "a", "client_ip": "b", "x": [{"actor_id": 1}]}),
    );
    let body = json!({"event": sealed, "fields": ["actor_id"]});
    let back = service.post("app", DECRYPT, body).is(200);
    assert_eq!(back["event"]["actor_id"], "a");
    assert_eq!(back["event"]["x"][0]["actor_id"], 1);
    assert_eq!(back["event"]["client_ip"], sealed["client_ip"]);
    for fields in [
        json!([]),
        json!([""]),
        json!(["a b"]),
        json!(["é"]),
        json!([1]),
    ] {
        let body = json!({"event": sealed, "fields": fields});
        service
            .post("app", DECRYPT, body)
            .is_refused(400, "invalid_request");
    }
}

#[test]
fn a_field_that_is_no_longer_configured_still_decrypts() {
    let (home, service) = telemetry(&["--pii-fields", "phone"]);
    let event = json!({"phone": "1"});
    let sealed = encrypted(&service, &event);
    drop(service);
    let service = crate::service::Service::start(home.path(), &[]);
    assert_eq!(
        decrypt(&service, &sealed.to_string()).is(200)["event"],
        event
    );
}

#[test]
fn bodies_that_say_too_little_or_too_much_are_400() {
    let (_home, service) = telemetry(&[]);
    let bodies = [
        r#"{"dek":"telemetry"}"#,
        r#"{"dek":"telemetry","event":{},"events":[{}]}"#,
        r#"{"dek":"telemetry","event":null}"#,
        r#"{"dek":"telemetry","event":[]}"#,
        r#"{"dek":"telemetry","event":"{}"}"#,
        r#"{"dek":"telemetry","events":[]}"#,
        r#"{"dek":"telemetry","events":[[]]}"#,
        r#"{"dek":"telemetry","events":[{},1]}"#,
        r#"{"dek":"Telemetry","event":{}}"#,
        r#"{"dek":"telemetry","event":{},"already_encrypted":"encrypt"}"#,
        r#"{"dek":"telemetry","event":{"actor_id":1,"actor\u005fid":2}}"#,
        r#"{"dek":"telemetry","event":{"a":"\ud800"}}"#,
        r#"{"dek":"telemetry","event":{},"fields":["actor_id"]}"#,
        r#"{"event":{}}"#,
    ];
    for body in bodies {
        let answer = send(&service, ENCRYPT, body);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        answer.is_refused(400, "invalid_request");
    }
    let deep = format!(
        r#"{{"dek":"telemetry","event":{}1{}}}"#,
        r#"{"a":"#.repeat(200),
        "}".repeat(200)
    );
    send(&service, ENCRYPT, &deep).is_refused(400, "invalid_request");
}

#[test]
fn only_a_hybrid_dek_among_the_grants_encrypts() {
    let (_home, service) = telemetry(&[]);
    service.make_dek("plain");
    let with = |dek: &str| json!({"dek": dek, "event": {"actor_id": 1}});
    let answer = service.post("app", ENCRYPT, with("plain"));
    answer.is_refused(409, "conflict");
    let last = service.audit().pop().unwrap();
    assert_eq!(
        (&last["action"], &last["object"]),
        (&json!("pii.encrypt"), &json!("plain"))
    );
    service
        .post("app", ENCRYPT, with("none"))
        .is_refused(404, "not_found");
    let narrow = service.principal("narrow", &["app"], &json!({"grants": {"deks": ["plain"]}}));
    let body = with("telemetry").to_string();
    let answer = service.send(&narrow.token, "POST", ENCRYPT, &[], &body);
    answer.is_refused(404, "not_found");
    // A blob names its DEK: whether there is one that the caller may not use is not told.
    let sealed = encrypted(&service, &json!({"actor_id": 1}));
    let absent = sealed.to_string().replace("telemetry", "telemetrx");
    let texts: Vec<Value> = [sealed.to_string(), absent]
        .iter()
        .map(|event| {
            let body = format!(r#"{{"event":{event}}}"#);
            let answer = service.send(&narrow.token, "POST", DECRYPT, &[], &body);
            refused_at(&answer, 422, "integrity_failure", "/actor_id");
            answer.json()["detail"].clone()
        })
        .collect();
    assert_eq!(texts[0], texts[1]);
}
