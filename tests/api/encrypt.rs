//! Encrypt and decrypt under a DEK, and what must not open (api.md section 7, formats.md section 2).

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use crate::service::{Answer, Service};

fn service() -> Service {
    let service = Service::spawn();
    service.make_dek("telemetry");
    service
}

fn encrypt(service: &Service, body: Value) -> String {
    let sealed = service
        .post("app", "/v1/deks/telemetry/encrypt", body)
        .is(200);
    sealed["ciphertext"].as_str().unwrap().to_owned()
}

fn decrypt(service: &Service, dek: &str, blob: &str) -> Answer {
    service.post(
        "app",
        &format!("/v1/deks/{dek}/decrypt"),
        json!({"ciphertext": blob}),
    )
}

#[test]
fn what_was_encrypted_decrypts_with_the_same_context_only() {
    let service = service();
    let blob = encrypt(
        &service,
        json!({"plaintext": "YQ==", "context": {"user": "jos\u{e9}"}}),
    );
    let open = |context: Value| {
        let body = json!({"ciphertext": blob, "context": context});
        service.post("app", "/v1/deks/telemetry/decrypt", body)
    };
    for same in ["jos\u{e9}", "jose\u{301}"] {
        assert_eq!(open(json!({"user": same})).is(200)["plaintext"], "YQ==");
    }
    for other in [
        json!({}),
        json!({"user": "jose"}),
        json!({"user": "jos\u{e9}", "x": ""}),
    ] {
        open(other).is_refused(422, "integrity_failure");
    }
    decrypt(&service, "telemetry", &blob).is_refused(422, "integrity_failure");
}

#[test]
fn a_blob_is_laid_out_as_the_formats_page_says() {
    let service = service();
    for length in [0, 1, 1000] {
        let plaintext = Base64::encode_string(&vec![5; length]);
        let blob = encrypt(&service, json!({"plaintext": plaintext}));
        let (head, body) = blob.rsplit_once(':').unwrap();
        let version = head.strip_prefix("cst1:dek:telemetry/dek-v1-").unwrap();
        assert!(version.len() == 8 && version.bytes().all(|byte| byte.is_ascii_digit()));
        let body = Base64UrlUnpadded::decode_vec(body).unwrap();
        assert_eq!(body.len(), 12 + length + 16);
        assert_eq!(
            decrypt(&service, "telemetry", &blob).is(200)["plaintext"],
            plaintext
        );
    }
}

#[test]
fn no_two_blobs_share_a_nonce() {
    let service = service();
    let nonce = |blob: String| {
        let (_, body) = blob.rsplit_once(':').unwrap();
        Base64UrlUnpadded::decode_vec(body).unwrap()[..12].to_vec()
    };
    let mut nonces: Vec<_> = (0..16)
        .map(|_| nonce(encrypt(&service, json!({"plaintext": "YQ=="}))))
        .collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 16);
}

#[test]
fn a_blob_with_any_one_byte_changed_is_an_integrity_failure() {
    let service = service();
    let blob = encrypt(&service, json!({"plaintext": "c2VjcmV0"}));
    for bit in [1, 2, 4, 8, 16, 32, 64] {
        let changed = (0..blob.len()).map(|at| {
            let mut bytes = blob.clone().into_bytes();
            bytes[at] ^= bit;
            json!({"ciphertext": String::from_utf8(bytes).unwrap()})
        });
        let items = json!({"items": changed.collect::<Vec<_>>()});
        let done = service
            .post("app", "/v1/deks/telemetry/decrypt", items)
            .is(200);
        for (at, item) in done["items"].as_array().unwrap().iter().enumerate() {
            assert_eq!(
                item["error"]["code"], "integrity_failure",
                "byte {at} bit {bit}: {item}"
            );
        }
    }
    for end in [0, 1, 5, 9, blob.len() - 1] {
        decrypt(&service, "telemetry", &blob[..end]).is_refused(422, "integrity_failure");
    }
}

#[test]
fn a_blob_of_another_dek_or_version_or_kind_is_an_integrity_failure() {
    let service = service();
    service.make_dek("payroll");
    let rotated = service
        .post("operator", "/v1/deks/telemetry/rotate", json!({}))
        .is(201);
    let blob = encrypt(&service, json!({"plaintext": "YQ=="}));
    let (first, second) = ("telemetry/dek-v1-", "telemetry/dek-v2-");
    assert!(blob.contains(second), "{rotated}");
    let day = &rotated["version"].as_str().unwrap()[7..];
    let wrong = [
        blob.replace("telemetry/", "payroll/"),
        blob.replace(second, first),
        blob.replace(second, "telemetry/dek-v3-"),
        blob.replace(second, "telemetry/dek-v4294967296-"),
        blob.replace(second, "telemetry/dek-v0-"),
        blob.replace(day, "20010101"),
        blob.replace("telemetry/", "absent/"),
        blob.replace(":dek:", ":hpke:"),
        blob.replace(":dek:", ":kek:"),
        blob.replace("cst1", "cst9"),
    ];
    for wrong in &wrong {
        for dek in ["telemetry", "payroll"] {
            decrypt(&service, dek, wrong).is_refused(422, "integrity_failure");
        }
    }
    decrypt(&service, "payroll", &blob).is_refused(422, "integrity_failure");
    decrypt(&service, "telemetry", &blob).is(200);
}

#[test]
fn a_wrapped_blob_is_no_ciphertext_and_the_other_way_round() {
    let service = service();
    let wrapped = service
        .post("app", "/v1/wrap", json!({"plaintext": "YQ=="}))
        .is(200);
    let wrapped = wrapped["wrapped"].as_str().unwrap().to_owned();
    decrypt(&service, "telemetry", &wrapped).is_refused(422, "integrity_failure");
    let blob = encrypt(&service, json!({"plaintext": "YQ=="}));
    for path in ["/v1/unwrap", "/v1/rewrap"] {
        let answer = service.post("app", path, json!({"wrapped": blob}));
        answer.is_refused(422, "integrity_failure");
    }
}

#[test]
fn a_blob_opens_for_every_app_with_the_grant() {
    let service = service();
    let blob = encrypt(&service, json!({"plaintext": "YQ=="}));
    let grants = json!({"grants": {"deks": ["telemetry"]}});
    let other = service.principal("other", &["app"], &grants).token;
    let body = json!({"ciphertext": blob}).to_string();
    service
        .send(&other, "POST", "/v1/deks/telemetry/decrypt", &[], &body)
        .is(200);
}

#[test]
fn a_plaintext_has_at_most_65536_bytes() {
    let service = service();
    let seal = |length: usize| {
        let body = json!({"plaintext": Base64::encode_string(&vec![1; length])});
        service.post("app", "/v1/deks/telemetry/encrypt", body)
    };
    let blob = seal(65_536).is(200)["ciphertext"]
        .as_str()
        .unwrap()
        .to_owned();
    decrypt(&service, "telemetry", &blob).is(200);
    seal(65_537).is_refused(413, "too_large");
}

#[test]
fn what_was_encrypted_opens_after_a_restart() {
    let home = tempfile::TempDir::new().unwrap();
    let blob = {
        let first = Service::start(home.path(), &[]);
        first.make_dek("telemetry");
        let blob = encrypt(&first, json!({"plaintext": "YQ=="}));
        first.kill();
        blob
    };
    let again = Service::start(home.path(), &[]);
    decrypt(&again, "telemetry", &blob).is(200);
}

#[test]
fn whoever_sees_every_dek_rewraps_only_within_its_grants() {
    let service = service();
    let blob = encrypt(&service, json!({"plaintext": "YQ=="}));
    let body = json!({"ciphertext": blob}).to_string();
    let roles = ["app", "auditor"];
    let sees = service.principal("sees", &roles, &Value::Null).token;
    let may = json!({"grants": {"deks": ["telemetry"]}});
    let may = service.principal("may", &roles, &may).token;
    let rewrap = |token: &str| service.send(token, "POST", "/v1/deks/telemetry/rewrap", &[], &body);
    rewrap(&sees).is_refused(404, "not_found");
    rewrap(&may).is(200);
}
