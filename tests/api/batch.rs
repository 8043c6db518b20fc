//! Batches (api.md section 6): order kept, references echoed, one bad item harms no other.

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::service::Service;

const SEALING: [&str; 2] = ["/v1/wrap", "/v1/deks/telemetry/encrypt"];

fn service() -> Service {
    let service = Service::spawn();
    service.make_dek("telemetry");
    service
}

/// Where what `path` seals is opened, and what its blob is called.
fn opening(path: &str) -> (&'static str, &'static str) {
    match path {
        "/v1/wrap" => ("/v1/unwrap", "wrapped"),
        _ => ("/v1/deks/telemetry/decrypt", "ciphertext"),
    }
}

#[test]
fn a_batch_keeps_its_order_and_echoes_references() {
    let service = service();
    for path in SEALING {
        let (opening, blob) = opening(path);
        let plaintext = |number: usize| Base64::encode_string(format!("item {number}").as_bytes());
        let items: Vec<_> = (0..20)
            .map(|number| json!({"plaintext": plaintext(number), "reference": format!("r{}", number % 3)}))
            .collect();
        let sealed = service.post("app", path, json!({"items": items})).is(200);
        let sealed = sealed["items"].as_array().unwrap().clone();
        let items: Vec<_> = sealed
            .iter()
            .map(|item| json!({blob: item[blob]}))
            .collect();
        let opened = service
            .post("app", opening, json!({"items": items}))
            .is(200);
        assert_eq!(
            (sealed.len(), opened["items"].as_array().unwrap().len()),
            (20, 20)
        );
        for number in 0..20 {
            assert_eq!(sealed[number]["reference"], format!("r{}", number % 3));
            let opened = &opened["items"][number];
            assert_eq!(opened["plaintext"], plaintext(number));
            assert!(opened.get("reference").is_none());
        }
    }
}

#[test]
fn a_single_item_has_its_reference_echoed_too() {
    let service = service();
    for path in SEALING {
        let body = json!({"plaintext": "", "reference": "caf\u{e9} \u{1f600} \0"});
        let answer = service.post("app", path, body).is(200);
        assert_eq!(answer["reference"], "caf\u{e9} \u{1f600} \0");
    }
}

#[test]
fn a_bad_item_to_seal_harms_no_other() {
    let service = service();
    let large = Base64::encode_string(&vec![1; 65_537]);
    let items = json!([
        {"plaintext": "YQ==", "reference": "good"},
        {"plaintext": "!", "reference": "base64"},
        {"plaintext": large, "reference": "large"},
        {"plaintext": "YQ==", "context": {"k": "v".repeat(5000)}, "reference": "context"},
        {"plaintext": "Yg=="},
    ]);
    for path in SEALING {
        let (_, blob) = opening(path);
        let done = service.post("app", path, json!({"items": items}));
        let id = done.header("x-request-id").unwrap().to_owned();
        let done = done.is(200);
        for at in [0, 4] {
            assert!(done["items"][at][blob].is_string(), "{done}");
        }
        let codes = [
            (1, 400, "invalid_request"),
            (2, 413, "too_large"),
            (3, 413, "too_large"),
        ];
        for (at, status, code) in codes {
            is_problem(&done["items"][at], status, code, &id);
            assert_eq!(done["items"][at]["reference"], items[at]["reference"]);
            assert_eq!(done["items"][at].as_object().unwrap().len(), 2);
        }
    }
}

#[track_caller]
fn is_problem(item: &Value, status: u16, code: &str, request_id: &str) {
    let problem = &item["error"];
    assert_eq!(problem["status"], status, "{item}");
    assert_eq!(problem["code"], code);
    assert_eq!(problem["request_id"], request_id);
    assert_eq!(
        problem["type"],
        format!("urn:aegis-custodian:problem:{code}")
    );
    assert!(problem["title"].is_string() && problem["detail"].is_string());
}

#[test]
fn a_bad_item_to_open_harms_no_other() {
    let service = service();
    for path in SEALING {
        let (opening, blob) = opening(path);
        let sealed = service
            .post("app", path, json!({"plaintext": "YQ=="}))
            .is(200)[blob]
            .clone();
        let paths = match path {
            "/v1/wrap" => vec![opening, "/v1/rewrap"],
            _ => vec![opening],
        };
        for opening in paths {
            let items = json!([{blob: sealed}, {blob: "x"}, {blob: sealed}, {blob: ""}]);
            let done = service
                .post("app", opening, json!({"items": items}))
                .is(200);
            for at in [0, 2] {
                assert!(done["items"][at].get("error").is_none(), "{done}");
            }
            for at in [1, 3] {
                assert_eq!(done["items"][at]["error"]["code"], "integrity_failure");
            }
        }
        let wrong = json!({"items": [{blob: sealed, "context": {"a": "b"}}, {blob: sealed}]});
        let done = service.post("app", opening, wrong).is(200);
        assert_eq!(done["items"][0]["error"]["code"], "integrity_failure");
        assert_eq!(done["items"][1]["plaintext"], "YQ==");
    }
}

#[test]
fn a_wrong_type_or_an_unknown_field_refuses_the_whole_batch() {
    let service = service();
    let bad = [
        json!({"plaintext": 7}),
        json!({"plaintext": "YQ==", "unknown": 1}),
        json!({"plaintext": "YQ==", "context": []}),
        json!({"plaintext": "YQ==", "context": {"a": 1}}),
        json!({"plaintext": "YQ==", "context": {"a": null}}),
        json!({"plaintext": "YQ==", "reference": 1}),
        json!({}),
    ];
    for path in SEALING {
        for bad in &bad {
            let body = json!({"items": [{"plaintext": "YQ=="}, bad]});
            service
                .post("app", path, body)
                .is_refused(400, "invalid_request");
        }
        let both = json!({"items": [{"plaintext": "YQ=="}], "plaintext": "YQ=="});
        service
            .post("app", path, both)
            .is_refused(400, "invalid_request");
    }
}

#[test]
fn a_batch_has_1_to_256_items() {
    let service = service();
    for path in SEALING {
        let batch = |count: usize| {
            let items = vec![json!({"plaintext": "YQ=="}); count];
            service.post("app", path, json!({"items": items}))
        };
        assert_eq!(batch(256).is(200)["items"].as_array().unwrap().len(), 256);
        batch(257).is_refused(413, "too_large");
        batch(0).is_refused(400, "invalid_request");
        let (opening, blob) = opening(path);
        let items = vec![json!({blob: "x"}); 257];
        service
            .post("app", opening, json!({"items": items}))
            .is_refused(413, "too_large");
    }
}

#[test]
fn a_batch_of_bad_items_only_is_still_answered_item_by_item() {
    let service = service();
    let done = service.post(
        "app",
        "/v1/unwrap",
        json!({"items": [{"wrapped": ""}, {"wrapped": "y"}]}),
    );
    let done = done.is(200);
    let items = done["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["error"]["status"] == 422) && items.len() == 2);
}

#[test]
fn an_item_of_a_version_out_of_use_harms_no_other() {
    let service = service();
    let encrypt = || {
        let body = json!({"plaintext": "YQ=="});
        service
            .post("app", "/v1/deks/telemetry/encrypt", body)
            .is(200)
    };
    let old = encrypt();
    let version = old["version"].as_str().unwrap();
    let path = format!("/v1/deks/telemetry/versions/{version}");
    service
        .post("operator", "/v1/deks/telemetry/rotate", json!({}))
        .is(201);
    let items = json!([{"ciphertext": old["ciphertext"]}, {"ciphertext": encrypt()["ciphertext"]}]);
    let confirm = json!({"confirm": format!("telemetry/{version}")});
    for (change, body, code) in [
        ("disable", json!({}), "conflict"),
        ("destroy", confirm, "destroyed"),
    ] {
        service
            .post("operator", &format!("{path}/{change}"), body)
            .is(200);
        for verb in ["decrypt", "rewrap"] {
            let path = format!("/v1/deks/telemetry/{verb}");
            let done = service.post("app", &path, json!({"items": items})).is(200);
            assert_eq!(done["items"][0]["error"]["code"], code, "{verb}");
            assert!(done["items"][1].get("error").is_none(), "{done}");
        }
    }
}
