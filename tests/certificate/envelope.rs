//! Every byte and every member of the envelope, and every other way to write the same payload.

use std::{env, thread};

use aegis_custodian::crypto::certificate::{Fault, verify};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use super::{
    carrying,
    ceremony::{Case, countersign},
    fault, judge,
};

fn parsed(envelope: &[u8]) -> Value {
    serde_json::from_slice(envelope).unwrap()
}

fn word(envelope: &Value, keys: &Value) -> Option<Fault> {
    fault(envelope.to_string().as_bytes(), keys)
}

#[test]
fn no_byte_of_an_envelope_can_be_another() {
    let case = Case::usual();
    let (envelope, keys) = (case.envelope(), super::pinned(&case.keys()));
    assert!(verify(&envelope, &keys, &super::now()).valid);
    // Every byte takes a minute: inside the long texts it is one in seven, unless CERTIFICATE_FLIPS says `all`.
    let all = env::var("CERTIFICATE_FLIPS").is_ok_and(|flips| flips == "all");
    let near_a_quote = |at: usize| {
        envelope[at.saturating_sub(4)..]
            .iter()
            .take(8)
            .any(|byte| *byte == b'"')
    };
    let half = |start: usize| {
        let mine = (start..envelope.len()).step_by(2);
        for at in mine.filter(|at| all || at % 7 < 1 || near_a_quote(*at)) {
            // The last bit of a base64 letter, its letter case, and any other.
            let bit = [0, 5, at % 8][at / 2 % 3];
            let mut flipped = envelope.clone();
            flipped[at] ^= 1 << bit;
            let verdict = verify(&flipped, &keys, &super::now());
            assert!(!verdict.valid, "byte {at}, bit {bit}");
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| half(0));
        scope.spawn(|| half(1));
    });
}

#[test]
fn no_byte_of_an_envelope_can_be_missing_and_none_can_follow() {
    let case = Case::usual();
    let (envelope, keys) = (case.envelope(), case.keys());
    for at in (0..envelope.len()).step_by(53) {
        let mut cut = envelope.clone();
        cut.remove(at);
        assert!(!judge(&cut, &keys).valid, "without byte {at}");
        assert!(!judge(&envelope[..at], &keys).valid, "the first {at} bytes");
    }
    assert!(!judge(&[&*envelope, b"{}"].concat(), &keys).valid);
}

#[test]
fn each_member_of_an_envelope_has_its_word() {
    use Fault::{
        Ed25519SigDecodeFailed, Ed25519VerifyFailed, MldsaSigDecodeFailed, MldsaVerifyFailed,
        PayloadDecodeFailed, PayloadJsonInvalid, PayloadTypeMismatch, SignatureSetIncomplete,
    };
    let case = Case::usual();
    let (envelope, keys) = (parsed(&case.envelope()), case.keys());
    let other = json!("AAAA");
    let unpadded = json!(
        envelope["signatures"][0]["sig"]
            .as_str()
            .unwrap()
            .trim_end_matches('=')
    );
    let table = [
        (
            "/payloadType",
            json!("application/json"),
            PayloadTypeMismatch,
        ),
        ("/payloadType", json!(1), PayloadTypeMismatch),
        ("/payload", json!("%"), PayloadDecodeFailed),
        ("/payload", json!(null), PayloadDecodeFailed),
        ("/payload", json!(""), PayloadJsonInvalid),
        ("/payload", other.clone(), PayloadJsonInvalid),
        ("/signatures", json!([]), SignatureSetIncomplete),
        ("/signatures", json!({}), SignatureSetIncomplete),
        (
            "/signatures/0",
            envelope["signatures"][1].clone(),
            SignatureSetIncomplete,
        ),
        ("/signatures/1", json!({}), SignatureSetIncomplete),
        (
            "/signatures/0/keyid",
            json!("ed25519"),
            SignatureSetIncomplete,
        ),
        (
            "/signatures/0/keyid",
            json!("ed25519:"),
            Ed25519VerifyFailed,
        ),
        (
            "/signatures/0/keyid",
            keys["items"][2]["key_id"].clone(),
            Ed25519VerifyFailed,
        ),
        ("/signatures/0/sig", json!("%"), Ed25519SigDecodeFailed),
        ("/signatures/0/sig", unpadded, Ed25519SigDecodeFailed),
        ("/signatures/0/sig", json!(""), Ed25519VerifyFailed),
        ("/signatures/0/sig", other.clone(), Ed25519VerifyFailed),
        (
            "/signatures/1/keyid",
            json!("ml-dsa-65:0123456789abcdef"),
            MldsaVerifyFailed,
        ),
        ("/signatures/1/sig", json!("AAA"), MldsaSigDecodeFailed),
        ("/signatures/1/sig", json!(""), MldsaVerifyFailed),
        ("/signatures/1/sig", other, MldsaVerifyFailed),
    ];
    for (pointer, value, wanted) in table {
        let mut changed = envelope.clone();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(word(&changed, &keys), Some(wanted), "{pointer} {value}");
    }
}

#[test]
fn a_signature_of_one_statement_is_none_of_another() {
    let case = Case::usual();
    let keys = case.keys();
    let mut next = Case::usual();
    next.override_id = "6f9619ff-8b86-4011-b42d-00cf4fc96400".to_owned();
    let (one, other) = (parsed(&case.envelope()), parsed(&next.envelope()));
    for (at, wanted) in [
        (0, Fault::Ed25519VerifyFailed),
        (1, Fault::MldsaVerifyFailed),
    ] {
        let mut mixed = one.clone();
        mixed["signatures"][at] = other["signatures"][at].clone();
        assert_eq!(word(&mixed, &keys), Some(wanted));
    }
}

#[test]
fn the_order_of_the_signatures_and_white_space_around_members_mean_nothing() {
    let case = Case::usual();
    let mut envelope = parsed(&case.envelope());
    envelope["signatures"].as_array_mut().unwrap().reverse();
    let pretty = serde_json::to_vec_pretty(&envelope).unwrap();
    assert_eq!(fault(&pretty, &case.keys()), None);
}

#[test]
fn a_payload_has_one_form_even_if_the_service_signs_another() {
    let case = Case::usual();
    let (body, keys) = (case.body(), case.keys());
    let text = String::from_utf8(body).unwrap();
    let twice = text.replacen('{', "{\"_type\":\"https://in-toto.io/Statement/v1\",", 1);
    let spaced = text.replacen(':', ": ", 1);
    let escaped = text.replacen("PROP", "\\u0050ROP", 1);
    let apart = text.replace("caf\u{e9}", "cafe\u{301}");
    let number = text.replace("\"run_attempt\":0", "\"run_attempt\":0.0");
    let exponent = text.replace("\"run_attempt\":0", "\"run_attempt\":0e1");
    let more = format!("{text}\n");
    for other in [twice, spaced, escaped, apart, number, exponent, more] {
        assert_ne!(other, text);
        let word = fault(&countersign(other.as_bytes()), &keys);
        assert_eq!(word, Some(Fault::CanonicalBytesMismatch), "{other}");
    }
}

#[test]
fn a_payload_that_is_no_json_is_no_json() {
    let case = Case::usual();
    let (envelope, keys) = (case.envelope(), case.keys());
    let deep = "[".repeat(200_000);
    for bad in [
        &b"{"[..],
        b"\xff",
        b"NaN",
        b"{\"a\":\"\\ud800\"}",
        b"{} {}",
        deep.as_bytes(),
    ] {
        let word = fault(&carrying(&envelope, bad), &keys);
        assert_eq!(word, Some(Fault::PayloadJsonInvalid));
    }
    // What serde_json's own value would read as the statement.
    let text = String::from_utf8(case.body()).unwrap();
    let secret = format!("{{\"$serde_json::private::RawValue\":{}}}", json!(text));
    for bad in [secret.as_bytes(), b"[]", b"{}", b"null", b"\"x\"", b"1"] {
        let word = fault(&carrying(&envelope, bad), &keys);
        assert_eq!(word, Some(Fault::StatementShapeInvalid));
    }
}

#[test]
fn base64_has_one_form_even_where_others_are_lenient() {
    let case = Case::usual();
    let (envelope, keys) = (parsed(&case.envelope()), case.keys());
    // 64 bytes leave four bits in the last letter that must be zero.
    let sig = envelope["signatures"][0]["sig"].as_str().unwrap();
    let (kept, last) = sig.trim_end_matches('=').split_at(85);
    let next = char::from(last.as_bytes()[0] + 1);
    let mut lenient = envelope.clone();
    lenient["signatures"][0]["sig"] = format!("{kept}{next}==").into();
    assert!(Base64::decode_vec(sig).is_ok());
    assert_eq!(word(&lenient, &keys), Some(Fault::Ed25519SigDecodeFailed));
    for around in [" ", "\n", "="] {
        let mut lenient = envelope.clone();
        lenient["payload"] = format!("{}{around}", envelope["payload"].as_str().unwrap()).into();
        assert_eq!(word(&lenient, &keys), Some(Fault::PayloadDecodeFailed));
    }
}
