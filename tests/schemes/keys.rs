//! Keys in base64: lengths, encodings, points.

use aegis_custodian::crypto::scheme::{Kind, Scheme, SchemeStatus};
use sha2::{Digest, Sha256};

use crate::{KINDS, base64, complaint, read, signing_key, unbase64};

const IN_BASE64: [Kind; 3] = [Kind::Bip340, Kind::Ed25519, Kind::Ed25519MlDsa44];

#[test]
fn a_key_is_read_back_as_it_was_written_and_has_the_length_of_the_table() {
    for kind in KINDS {
        let key = signing_key(kind, 7);
        let text = key.public_key().text();
        assert_eq!(read(kind.scheme(), text).unwrap().text(), text);
        let bytes = kind.scheme().row().public_key_bytes;
        let fingerprinted = match bytes {
            Some(bytes) => {
                assert_eq!(unbase64(text).len(), bytes);
                unbase64(text)
            }
            None => text.as_bytes().to_vec(),
        };
        let wanted = hex::encode(Sha256::digest(fingerprinted));
        assert_eq!(key.public_key().fingerprint(), wanted);
    }
}

#[test]
fn the_hierarchy_has_one_default_one_legacy_and_one_for_those_who_ask() {
    let status = |scheme: Scheme| scheme.row().status;
    assert_eq!(status(Scheme::Bip340), SchemeStatus::Default);
    assert_eq!(status(Scheme::Bip322Simple), SchemeStatus::Available);
    assert_eq!(status(Scheme::Ed25519), SchemeStatus::Legacy);
    assert_eq!(status(Scheme::Ed25519MlDsa44), SchemeStatus::OptIn);
}

#[test]
fn a_key_of_any_other_length_is_refused_and_the_right_one_named() {
    for kind in IN_BASE64 {
        let key = unbase64(signing_key(kind, 7).public_key().text());
        let bytes = kind.scheme().row().public_key_bytes.unwrap().to_string();
        let longer = [key.clone(), vec![0; 70]].concat();
        for length in (0..longer.len()).filter(|length| *length != key.len()) {
            let complaint = complaint(kind.scheme(), &base64(&longer[..length]));
            assert!(complaint.contains(&bytes), "{length}: {complaint}");
        }
        assert!(complaint(kind.scheme(), &"A".repeat(1 << 20)).contains(&bytes));
    }
}

#[test]
fn a_key_in_any_other_base64_is_refused() {
    for kind in IN_BASE64 {
        let text = signing_key(kind, 7).public_key().text().to_owned();
        let scheme = kind.scheme();
        let swapped = |at: usize, with: &str| format!("{}{with}{}", &text[..at], &text[at + 1..]);
        for with in ["-", "_", " ", "\n", "=", "\u{0}"] {
            assert!(
                complaint(scheme, &swapped(10, with)).contains("canonical"),
                "{with:?}"
            );
        }
        assert!(read(scheme, &format!("{text}\n")).is_err());
        assert!(read(scheme, &format!(" {text}")).is_err());
        assert!(read(scheme, &swapped(10, "é")).is_err());
        // 32 bytes leave two bits over, and 1,344 none.
        if let Some(bare) = text.strip_suffix('=') {
            assert!(read(scheme, bare).is_err());
            let last = bare.chars().last().unwrap();
            let other = char::from_u32(u32::from(last) + 1).unwrap();
            let bits = format!("{}{other}=", &bare[..bare.len() - 1]);
            assert!(complaint(scheme, &bits).contains("canonical"), "{bits}");
        }
    }
}

#[test]
fn a_bip340_key_off_the_curve_or_beyond_the_field_is_refused() {
    let mut five = [0; 32];
    five[31] = 5;
    for x in [five, [0; 32], [0xff; 32]] {
        assert!(complaint(Scheme::Bip340, &base64(&x)).contains("point on secp256k1"));
    }
}

#[test]
fn an_ed25519_key_off_the_curve_of_small_order_or_not_canonical_is_refused_in_both_schemes() {
    let hybrid = unbase64(signing_key(Kind::Ed25519MlDsa44, 7).public_key().text());
    let first = |byte: u8, rest: u8| {
        let mut point = [rest; 32];
        point[0] = byte;
        point
    };
    let mut beyond = first(0xf0, 0xff);
    beyond[31] = 0x7f;
    for (point, why) in [
        (first(2, 0), "not a point"),
        (first(1, 0), "small order"),
        (first(0, 0), "small order"),
        (first(3, 0), "mixed order"),
        (beyond, "canonically"),
    ] {
        assert!(
            complaint(Scheme::Ed25519, &base64(&point)).contains(why),
            "{why}"
        );
        let both = [&point, &hybrid[32..]].concat();
        assert!(
            complaint(Scheme::Ed25519MlDsa44, &base64(&both)).contains(why),
            "{why}"
        );
    }
}

#[test]
fn a_hybrid_key_whose_ml_dsa_part_anyone_can_sign_for_is_refused() {
    let mut key = unbase64(signing_key(Kind::Ed25519MlDsa44, 7).public_key().text());
    key[64..].fill(0);
    assert!(complaint(Scheme::Ed25519MlDsa44, &base64(&key)).contains("anyone can sign"));
}
