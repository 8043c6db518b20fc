//! Wrap, unwrap, rewrap (api.md section 6).

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use crate::service::{Answer, Service};

const SECRET: &str = "c2VjcmV0IGtleSBtYXRlcmlhbA==";

fn post(service: &Service, token: &str, path: &str, body: &Value) -> Answer {
    service.send(token, "POST", path, &[], &body.to_string())
}

fn wrap(service: &Service, token: &str, plaintext: &str) -> String {
    let wrapped = post(service, token, "/v1/wrap", &json!({"plaintext": plaintext})).is(200);
    wrapped["wrapped"].as_str().unwrap().to_owned()
}

fn unwrap(service: &Service, token: &str, blob: &str) -> Answer {
    post(service, token, "/v1/unwrap", &json!({"wrapped": blob}))
}

#[test]
fn what_was_wrapped_unwraps_with_the_same_context_only() {
    let service = Service::spawn();
    let body = json!({"plaintext": SECRET, "context": {"app": "a"}});
    service.hide(SECRET);
    let wrapped = service.post("app", "/v1/wrap", body).is(200);
    let blob = &wrapped["wrapped"];
    let opened = json!({"wrapped": blob, "context": {"app": "a"}});
    let opened = service.post("app", "/v1/unwrap", opened).is(200);
    assert_eq!(opened["plaintext"], SECRET);
    assert_eq!(opened["kek"], wrapped["kek"]);
    let others = [
        json!({}),
        json!({"app": "b"}),
        json!({"App": "a"}),
        json!({"app": "a", "b": ""}),
        json!({"app": "a "}),
        json!({"a": "app"}),
    ];
    for context in others {
        let other = json!({"wrapped": blob, "context": context});
        service
            .post("app", "/v1/unwrap", other)
            .is_refused(422, "integrity_failure");
    }
}

#[test]
fn an_absent_context_is_the_empty_one() {
    let service = Service::spawn();
    let app = service.token("app");
    let blob = wrap(&service, &app, SECRET);
    let empty = json!({"wrapped": blob, "context": {}});
    post(&service, &app, "/v1/unwrap", &empty).is(200);
}

#[test]
fn contexts_that_are_equal_after_nfc_open_each_other() {
    let service = Service::spawn();
    let app = service.token("app");
    let forms = [
        json!({"caf\u{e9}": "\u{1e9b}\u{323}", "z": "1", "\u{1f600}": "2"}),
        json!({"\u{1f600}": "2", "z": "1", "cafe\u{301}": "\u{17f}\u{323}\u{307}"}),
    ];
    for (with, and) in [(0, 1), (1, 0)] {
        let body = json!({"plaintext": SECRET, "context": forms[with]});
        let blob = post(&service, &app, "/v1/wrap", &body).is(200)["wrapped"].clone();
        let open = |context: &Value| {
            let body = json!({"wrapped": blob, "context": context});
            post(&service, &app, "/v1/unwrap", &body)
        };
        open(&forms[and]).is(200);
        let compatible_only = json!({"caf\u{e9}": "s\u{323}\u{307}", "z": "1", "\u{1f600}": "2"});
        open(&compatible_only).is_refused(422, "integrity_failure");
    }
}

#[test]
fn a_blob_opens_in_its_own_wrap_scope_only() {
    let service = Service::spawn();
    let shared = json!({"wrap_scope": "team"});
    let alone = service.principal("alone", &["app"], &Value::Null).token;
    let one = service.principal("one", &["app"], &shared).token;
    let two = service.principal("two", &["app"], &shared).token;
    let blob = wrap(&service, &one, SECRET);
    assert_eq!(unwrap(&service, &two, &blob).is(200)["plaintext"], SECRET);
    for stranger in [&alone, &service.token("app")] {
        unwrap(&service, stranger, &blob).is_refused(422, "integrity_failure");
        let own = wrap(&service, stranger, SECRET);
        unwrap(&service, stranger, &own).is(200);
        unwrap(&service, &one, &own).is_refused(422, "integrity_failure");
    }
    let other_case = json!({"wrap_scope": "Team"});
    let other_case = service.principal("three", &["app"], &other_case).token;
    unwrap(&service, &other_case, &blob).is_refused(422, "integrity_failure");
}

#[test]
fn a_second_token_of_the_same_principal_opens_its_blobs() {
    let service = Service::spawn();
    let app = service.principal("one", &["app"], &Value::Null);
    let blob = wrap(&service, &app.token, SECRET);
    let path = format!("/v1/admin/principals/{}/tokens", app.id);
    let issued = service.post("admin", &path, json!({})).is(201);
    let second = issued["token"].as_str().unwrap();
    service.hide(second);
    unwrap(&service, second, &blob).is(200);
}

#[test]
fn an_operator_moves_what_it_cannot_read() {
    let service = Service::spawn();
    let (app, operator) = (service.token("app"), service.token("operator"));
    let sealed = json!({"plaintext": SECRET, "context": {"a": "b"}});
    let blob = post(&service, &app, "/v1/wrap", &sealed).is(200)["wrapped"].clone();
    for mover in [&operator, &app] {
        let moved = post(&service, mover, "/v1/rewrap", &json!({"wrapped": blob})).is(200);
        assert_ne!(moved["wrapped"], blob);
        let (before, after) = (payload(&blob), payload(&moved["wrapped"]));
        assert_eq!(before, after, "the payload was opened or touched");
        let open = json!({"wrapped": moved["wrapped"], "context": {"a": "b"}});
        assert_eq!(
            post(&service, &app, "/v1/unwrap", &open).is(200)["plaintext"],
            SECRET
        );
        post(&service, &operator, "/v1/unwrap", &open).is_refused(403, "forbidden");
    }
}

/// What follows the one-time key's record, read as formats.md section 2 says.
fn payload(blob: &Value) -> Vec<u8> {
    let (_, body) = blob.as_str().unwrap().rsplit_once(':').unwrap();
    let body = Base64UrlUnpadded::decode_vec(body).unwrap();
    let record = usize::from(body[0]) * 256 + usize::from(body[1]);
    body[2 + record..].to_vec()
}

#[test]
fn a_blob_is_laid_out_as_the_formats_page_says() {
    let service = Service::spawn();
    let answer = service
        .post("app", "/v1/wrap", json!({"plaintext": SECRET}))
        .is(200);
    let parts: Vec<_> = answer["wrapped"].as_str().unwrap().split(':').collect();
    let [cst1, kek, version, body] = parts[..] else {
        panic!("{parts:?}");
    };
    assert_eq!((cst1, kek), ("cst1", "kek"));
    assert_eq!(answer["kek"], version);
    let day = version.strip_prefix("kek-v1-").unwrap();
    assert!(day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit()));
    let body = Base64UrlUnpadded::decode_vec(body).unwrap();
    let record = 1 + "aes-gcm".len() + 1 + 12 + 32 + 16;
    assert_eq!(usize::from(u16::from_be_bytes([body[0], body[1]])), record);
    assert_eq!((body[2], &body[3..10], body[10]), (7, &b"aes-gcm"[..], 12));
    assert_eq!(body.len(), 2 + record + 12 + 19 + 16);
}

#[test]
fn no_two_blobs_share_a_nonce_a_key_or_a_ciphertext() {
    let service = Service::spawn();
    let app = service.token("app");
    let blobs: Vec<_> = (0..8)
        .map(|_| json!(wrap(&service, &app, SECRET)))
        .collect();
    let mut payloads: Vec<_> = blobs.iter().map(payload).collect();
    payloads.sort();
    payloads.dedup();
    assert_eq!(payloads.len(), 8);
}

#[test]
fn a_blob_with_any_one_byte_changed_is_an_integrity_failure() {
    let service = Service::spawn();
    let app = service.token("app");
    let blob = wrap(&service, &app, SECRET);
    for at in 0..blob.len() {
        unwrap(&service, &app, &flipped(&blob, at, 1)).is_refused(422, "integrity_failure");
    }
    for bit in [2, 4, 8, 16, 32, 64] {
        let changed: Vec<_> = (0..blob.len()).map(|at| flipped(&blob, at, bit)).collect();
        each_is_corrupt(&service, &app, &changed);
    }
}

#[test]
fn a_blob_that_is_longer_shorter_or_another_kind_is_an_integrity_failure() {
    let service = Service::spawn();
    let app = service.token("app");
    let blob = wrap(&service, &app, SECRET);
    let cut: Vec<_> = (0..blob.len()).map(|end| blob[..end].to_owned()).collect();
    each_is_corrupt(&service, &app, &cut);
    let gone = |at: usize| format!("{}{}", &blob[..at], &blob[at + 1..]);
    each_is_corrupt(
        &service,
        &app,
        &(0..blob.len()).map(gone).collect::<Vec<_>>(),
    );
    let more = ["A", "=", "==", "\n", " ", "\0", ":", "é"].map(|tail| format!("{blob}{tail}"));
    each_is_corrupt(&service, &app, &more);
    let other = [
        blob.replace("cst1:", "cst2:"),
        blob.replace(":kek:", ":dek:"),
        blob.replace("kek-v1", "kek-v2"),
        blob.replace("kek-v1", "kek-v01"),
        blob.to_uppercase(),
        format!(" {blob}"),
        "x".repeat(200_000),
        format!("cst1:kek:kek-v1-20261123:{}", "A".repeat(300_000)),
    ];
    each_is_corrupt(&service, &app, &other);
}

fn flipped(blob: &str, at: usize, bit: u8) -> String {
    let mut bytes = blob.as_bytes().to_vec();
    bytes[at] ^= bit;
    String::from_utf8(bytes).unwrap()
}

/// Asserts it of both verbs that read a blob; rewrap does not look at the payload, so there only unwrap may tell.
#[track_caller]
fn each_is_corrupt(service: &Service, token: &str, blobs: &[String]) {
    for some in blobs.chunks(128) {
        let items: Vec<_> = some.iter().map(|blob| json!({"wrapped": blob})).collect();
        let done = post(service, token, "/v1/unwrap", &json!({"items": items})).is(200);
        for (item, blob) in done["items"].as_array().unwrap().iter().zip(some) {
            assert_eq!(item["error"]["code"], "integrity_failure", "{blob}: {item}");
            assert_eq!(item["error"]["status"], 422);
        }
    }
}

#[test]
fn a_plaintext_has_0_to_65536_bytes() {
    let service = Service::spawn();
    let app = service.token("app");
    for length in [0, 1, 31, 65_536] {
        let plaintext = Base64::encode_string(&vec![7; length]);
        let blob = wrap(&service, &app, &plaintext);
        assert_eq!(
            unwrap(&service, &app, &blob).is(200)["plaintext"],
            plaintext
        );
    }
    let over = json!({"plaintext": Base64::encode_string(&vec![7; 65_537])});
    post(&service, &app, "/v1/wrap", &over).is_refused(413, "too_large");
}

#[test]
fn base64_that_is_not_standard_with_padding_is_400() {
    let service = Service::spawn();
    for bad in [
        "c2VjcmV0I",
        "c2Vj cmV0",
        "c2VjcmV0\n",
        "_-__",
        "YQ",
        "YQ=",
        "YR==",
        "YQ==YQ==",
        "=",
        "é",
        "\0",
    ] {
        let refused = service.post("app", "/v1/wrap", json!({"plaintext": bad}));
        refused.is_refused(400, "invalid_request");
    }
}

#[test]
fn a_context_has_at_most_32_keys_and_4_kib() {
    let service = Service::spawn();
    let keys = |count: usize| -> Value {
        (0..count)
            .map(|key| (key.to_string(), json!("")))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let wrap = |context: Value| {
        let body = json!({"plaintext": "", "context": context});
        service.post("app", "/v1/wrap", body)
    };
    wrap(keys(32)).is(200);
    wrap(keys(33)).is_refused(413, "too_large");
    wrap(json!({"k": "v".repeat(4000)})).is(200);
    wrap(json!({"k": "v".repeat(4097)})).is_refused(413, "too_large");
    wrap(json!({"é".repeat(2100): ""})).is_refused(413, "too_large");
    wrap(json!({"": ""})).is(200);
}
