//! A changed byte anywhere in a value, in its field's name or in the version that it names is noticed, and the field
//! is named.

use aegis_custodian::{
    crypto::{
        blob::{DekBlob, DekBlobKind},
        hybrid::Sealer,
    },
    id::{DekName, DekVersion},
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::{decrypt, encrypted, event_text, make, refused_at, telemetry};

/// Another character of the same alphabet, so that the text stays one of its kind.
fn other(character: char) -> char {
    match character {
        '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from_u32(u32::from(character) + 1).unwrap(),
        '9' | 'z' | 'Z' => 'A',
        _ => 'x',
    }
}

fn with_other(text: &str, at: usize) -> String {
    text.char_indices()
        .map(|(index, character)| {
            if index == at {
                other(character)
            } else {
                character
            }
        })
        .collect()
}

#[test]
fn each_changed_byte_of_a_value_is_noticed() {
    let (_home, service) = telemetry(&[]);
    let event = encrypted(&service, &json!({"x": [{"actor_id": "ada"}]}));
    let blob = event["x"][0]["actor_id"].as_str().unwrap();
    let body_begins = blob.rfind(':').unwrap() + 1;
    // Each of the head, with the version; of the body one in 23, and the last ones with the tag.
    let body = (body_begins..blob.len()).filter(|at| at % 23 == 0 || at + 24 > blob.len());
    for at in (0..body_begins).chain(body) {
        let mut changed = event.clone();
        changed["x"][0]["actor_id"] = json!(with_other(blob, at));
        let answer = decrypt(&service, &changed.to_string());
        refused_at(&answer, 422, "integrity_failure", "/x/0/actor_id");
    }
    for changed in [
        &blob[..blob.len() - 1],
        &blob[1..],
        &format!("{blob}A"),
        &format!(" {blob}"),
    ] {
        let answer = decrypt(&service, &json!({"actor_id": changed}).to_string());
        refused_at(&answer, 422, "integrity_failure", "/actor_id");
    }
}

#[test]
fn each_changed_byte_of_a_fields_name_is_noticed() {
    let (_home, service) = telemetry(&[]);
    let event = encrypted(&service, &json!({"actor_id": "ada", "x": 1}));
    for at in 0.."actor_id".len() {
        let name = with_other("actor_id", at);
        let changed = json!({&name: event["actor_id"], "x": 1});
        let answer = decrypt(&service, &changed.to_string());
        refused_at(&answer, 422, "integrity_failure", &format!("/{name}"));
    }
    let swapped = encrypted(&service, &json!({"actor_id": "ada", "actor_name": "Ada"}));
    let swapped = json!({"actor_id": swapped["actor_name"], "actor_name": swapped["actor_id"]});
    let answer = decrypt(&service, &swapped.to_string());
    refused_at(&answer, 422, "integrity_failure", "/actor_id");
}

#[test]
fn another_version_or_dek_than_the_one_that_encrypted_is_noticed() {
    let (_home, service) = telemetry(&[]);
    let event = encrypted(&service, &json!({"actor_id": "ada"})).to_string();
    let rotated = service
        .post("operator", "/v1/deks/telemetry/rotate", json!({}))
        .is(201);
    assert!(rotated["version"].as_str().unwrap().starts_with("dek-v2-"));
    make(&service, "telemetrx");
    for changed in [
        event.replace("dek-v1-", "dek-v2-"),
        event.replace("telemetry", "telemetrx"),
    ] {
        let answer = decrypt(&service, &changed);
        refused_at(&answer, 422, "integrity_failure", "/actor_id");
    }
    decrypt(&service, &event).is(200);
}

#[test]
fn a_value_of_another_type_in_the_place_of_a_blob_is_noticed() {
    let (_home, service) = telemetry(&[]);
    let blob = encrypted(&service, &json!({"actor_id": "ada"}))["actor_id"].clone();
    let values: [Value; 6] = [
        json!(null),
        json!(1),
        json!(true),
        json!({}),
        json!([blob]),
        json!(""),
    ];
    for value in values {
        let answer = decrypt(&service, &json!({"actor_id": value}).to_string());
        refused_at(&answer, 422, "integrity_failure", "/actor_id");
    }
}

#[test]
fn what_was_encrypted_elsewhere_is_one_value_or_is_refused() {
    let (_home, service) = telemetry(&[]);
    let public = service.get("app", "/v1/deks/telemetry/public-key").is(200);
    let key = Base64::decode_vec(public["public_key"].as_str().unwrap()).unwrap();
    let sealer = Sealer::new(&key).unwrap();
    let name: DekName = "telemetry".parse().unwrap();
    let version: DekVersion = public["version"].as_str().unwrap().parse().unwrap();
    let made = |field: &str, plaintext: &[u8]| {
        let info = DekBlob::info(&name, &version, field.as_bytes());
        DekBlob {
            kind: DekBlobKind::Hpke,
            name: name.clone(),
            version: version.clone(),
            payload: sealer.seal(&info, plaintext).unwrap(),
        }
        .encode()
    };
    let back = |blob: String| decrypt(&service, &json!({"actor_id": blob}).to_string());
    assert_eq!(
        event_text(&back(made("actor_id", b" [1.0 ] "))),
        r#"{"actor_id": [1.0 ] }"#
    );
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let no_values: [&[u8]; 8] = [
        b"",
        b"ada",
        b"1,\"x\":2",
        b"1}",
        b"\"\\ud800\"",
        b"\xff",
        b"{\"a\":1,\"a\":2}",
        b"\xef\xbb\xbf1",
    ];
    for plaintext in no_values {
        let answer = back(made("actor_id", plaintext));
        refused_at(&answer, 422, "integrity_failure", "/actor_id");
    }
    back(made("actor_id", deep.as_bytes())).is_refused(422, "integrity_failure");
    let answer = back(made("actor_name", b"1"));
    refused_at(&answer, 422, "integrity_failure", "/actor_id");
}
