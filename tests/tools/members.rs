//! Each member of what came with the tools, changed by a stranger and by a thief of the key.

use aegis_custodian::{
    crypto::{ed25519, pinned::key_id, tools::Fault},
    words::KeyAlgorithm,
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::{
    ceremony,
    toolbox::{amtss, fault, resign, usual},
};

/// What a stranger puts where, and the word for it.
fn table() -> Vec<(&'static str, Value, Fault)> {
    use Fault::{AlgorithmUnknown, KeyPurpose, KeyUnknown, ShapeInvalid, SignatureInvalid};
    let id = |seed| key_id(KeyAlgorithm::Ed25519, &ed25519::public_key(seed));
    vec![
        ("/alg", json!("ed448"), AlgorithmUnknown),
        ("/alg", json!("Ed25519"), AlgorithmUnknown),
        ("/alg", json!("none"), AlgorithmUnknown),
        ("/alg", json!(7), ShapeInvalid),
        ("/keyid", json!(id(&[9; 32])), KeyUnknown),
        ("/keyid", json!(""), KeyUnknown),
        ("/keyid", json!("ml-dsa-65:0000000000000000"), KeyUnknown),
        ("/keyid", json!(id(&ceremony::ED25519)), KeyPurpose),
        ("/keyid", json!(null), ShapeInvalid),
        ("/signature", json!(""), SignatureInvalid),
        ("/signature", json!("%"), SignatureInvalid),
        (
            "/signature",
            json!(Base64::encode_string(&[0; 64])),
            SignatureInvalid,
        ),
        (
            "/signature",
            json!(Base64::encode_string(&[0; 65])),
            SignatureInvalid,
        ),
        ("/signature", json!([]), ShapeInvalid),
        ("/manifest", json!({}), ShapeInvalid),
        ("/manifest", json!("{}"), ShapeInvalid),
        ("/manifest", json!([1, 2, 3, 4, 5]), ShapeInvalid),
        (
            "/manifest/expires_at",
            json!("2027-11-24T10:00:00Z"),
            SignatureInvalid,
        ),
        (
            "/manifest/expires_at",
            json!("2026-11-24T10:00:00.0Z"),
            SignatureInvalid,
        ),
        (
            "/manifest/expires_at",
            json!("2026-11-24T11:00:00+01:00"),
            ShapeInvalid,
        ),
        ("/manifest/expires_at", json!("tomorrow"), ShapeInvalid),
        ("/manifest/expires_at", json!(1_795_000_000), ShapeInvalid),
        (
            "/manifest/issued_at",
            json!("2026-11-23T10:00:01Z"),
            SignatureInvalid,
        ),
        (
            "/manifest/issued_at",
            json!("2026-11-25T10:00:00Z"),
            ShapeInvalid,
        ),
        ("/manifest/issued_at", json!(null), ShapeInvalid),
        ("/manifest/server", json!("payment"), SignatureInvalid),
        ("/manifest/server", json!(["payments"]), ShapeInvalid),
        ("/manifest/tools", json!({}), SignatureInvalid),
        ("/manifest/tools", json!([]), ShapeInvalid),
        (
            "/manifest/tools/add",
            json!("0".repeat(64)),
            SignatureInvalid,
        ),
        ("/manifest/tools/add", json!("A".repeat(64)), ShapeInvalid),
        ("/manifest/tools/add", json!("0".repeat(63)), ShapeInvalid),
        ("/manifest/tools/add", json!("g".repeat(64)), ShapeInvalid),
        ("/manifest/tools/add", json!(null), ShapeInvalid),
        ("/manifest/version", json!(2), ShapeInvalid),
        ("/manifest/version", json!("1"), ShapeInvalid),
        ("/manifest/version", json!(true), ShapeInvalid),
    ]
}

#[test]
fn what_a_stranger_changes_has_its_word() {
    for (pointer, value, wanted) in table() {
        let mut result = usual();
        *amtss(&mut result).pointer_mut(pointer).expect(pointer) = value.clone();
        assert_eq!(fault(&result), Some(wanted), "{pointer} {value}");
    }
}

#[test]
fn every_value_is_in_the_table() {
    let mut result = usual();
    let amtss = amtss(&mut result).as_object().unwrap();
    let outer = amtss.keys().map(|key| format!("/{key}"));
    let inner = amtss["manifest"].as_object().unwrap().keys();
    for place in outer.chain(inner.map(|key| format!("/manifest/{key}"))) {
        assert!(
            table().iter().any(|(pointer, _, _)| *pointer == place),
            "{place}"
        );
    }
}

#[test]
fn no_member_may_be_missing_or_be_one_too_many_even_if_a_thief_signs_it() {
    for object in ["", "/manifest"] {
        let names: Vec<String> = {
            let mut result = usual();
            let members = amtss(&mut result)
                .pointer(object)
                .unwrap()
                .as_object()
                .unwrap();
            members.keys().cloned().collect()
        };
        for name in names {
            let mut result = usual();
            let members = amtss(&mut result).pointer_mut(object).unwrap();
            members.as_object_mut().unwrap().remove(&name);
            if object == "/manifest" {
                resign(&mut result);
            }
            assert_eq!(fault(&result), Some(Fault::ShapeInvalid), "{object}/{name}");
        }
        let mut result = usual();
        amtss(&mut result).pointer_mut(object).unwrap()["more"] = json!(null);
        resign(&mut result);
        assert_eq!(fault(&result), Some(Fault::ShapeInvalid), "{object}/more");
    }
}

#[test]
fn what_the_key_signed_is_believed_as_far_as_it_is_a_manifest() {
    for (pointer, value, wanted) in [
        ("/manifest/server", json!("x"), None),
        ("/manifest/expires_at", json!("2030-01-01T00:00:00Z"), None),
        (
            "/manifest/expires_at",
            json!("2026-11-23T11:59:59Z"),
            Some(Fault::Expired),
        ),
        (
            "/manifest/expires_at",
            json!("2026-11-23T10:00:00Z"),
            Some(Fault::ShapeInvalid),
        ),
        (
            "/manifest/issued_at",
            json!("2026-11-23T13:00:00Z"),
            Some(Fault::NotYetValid),
        ),
        (
            "/manifest/tools/add",
            json!("0".repeat(64)),
            Some(Fault::ToolsDiffer),
        ),
        ("/manifest/version", json!(1.5), Some(Fault::ShapeInvalid)),
        ("/manifest/version", json!(2), Some(Fault::ShapeInvalid)),
    ] {
        let mut result = usual();
        *amtss(&mut result).pointer_mut(pointer).expect(pointer) = value;
        resign(&mut result);
        assert_eq!(fault(&result), wanted, "{pointer}");
    }
}

#[test]
fn every_bit_of_the_signature_counts_and_it_has_one_text_only() {
    let text = usual();
    let signature = |text: &Value| {
        let text = text["_meta"]["aegis-custodian/amtss"]["signature"].as_str();
        Base64::decode_vec(text.unwrap()).unwrap()
    };
    for bit in 0..512 {
        let mut result = text.clone();
        let mut bytes = signature(&result);
        bytes[bit / 8] ^= 1 << (bit % 8);
        amtss(&mut result)["signature"] = Base64::encode_string(&bytes).into();
        assert_eq!(fault(&result), Some(Fault::SignatureInvalid), "bit {bit}");
    }
    let sound = Base64::encode_string(&signature(&text));
    let trailing = sound.replacen("==", "", 1);
    let (head, last) = trailing.split_at(trailing.len() - 1);
    for other in [
        trailing.clone(),
        format!("{sound}\n"),
        format!(" {sound}"),
        format!("{head}{}==", char::from(last.as_bytes()[0] + 1)),
        hex::encode(signature(&text)),
    ] {
        let mut result = text.clone();
        amtss(&mut result)["signature"] = other.as_str().into();
        assert_eq!(fault(&result), Some(Fault::SignatureInvalid), "{other}");
    }
}

#[test]
fn a_signature_for_another_domain_is_none() {
    let mut result = usual();
    let amtss = amtss(&mut result);
    let manifest = aegis_custodian::crypto::canonical::json(&amtss["manifest"]).unwrap();
    for domain in [
        "",
        "aegis-custodian/amtss/v1",
        "aegis-custodian/override/v1\0",
    ] {
        let message = [domain.as_bytes(), &manifest].concat();
        let signature = ed25519::sign(&ceremony::SCHEMA, &message);
        amtss["signature"] = Base64::encode_string(&signature).into();
        let mut other = usual();
        *self::amtss(&mut other) = amtss.clone();
        assert_eq!(fault(&other), Some(Fault::SignatureInvalid), "{domain}");
    }
}
