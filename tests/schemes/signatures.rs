//! Signatures: what is made verifies, and what is changed anywhere does not.

use aegis_custodian::{
    crypto::{
        bip340, ed25519,
        ml_dsa::ParameterSet::MlDsa44,
        scheme::{Kind, Scheme, SigningKey, bip322_simple},
    },
    secret::Plaintext,
};
use proptest::prelude::*;

use crate::{KINDS, M, P2TR, P2WPKH, base64, refusal, signing_key, unbase64};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[test]
fn a_signature_verifies_over_its_message_by_its_key_only() {
    for kind in KINDS {
        let (key, other) = (signing_key(kind, 7), signing_key(kind, 8));
        let signature = key.sign(&M).unwrap();
        assert!(key.public_key().verify(&M, &signature).is_ok(), "{kind:?}");
        assert!(
            key.public_key().verify(&[7; 32], &signature).is_err(),
            "{kind:?}"
        );
        assert!(
            other.public_key().verify(&M, &signature).is_err(),
            "{kind:?}"
        );
        if let Some(bytes) = kind.scheme().row().signature_bytes {
            assert_eq!(unbase64(&signature).len(), bytes);
        }
    }
}

#[test]
fn a_signature_of_one_scheme_is_none_of_another() {
    for kind in KINDS {
        let signature = signing_key(kind, 7).sign(&M).unwrap();
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let key = signing_key(other, 7);
            assert!(
                key.public_key().verify(&M, &signature).is_err(),
                "{kind:?} {other:?}"
            );
        }
    }
}

#[test]
fn a_signature_of_any_other_length_is_refused_and_the_right_one_named() {
    for kind in [Kind::Bip340, Kind::Ed25519, Kind::Ed25519MlDsa44] {
        let key = signing_key(kind, 7);
        let signature = unbase64(&key.sign(&M).unwrap());
        let bytes = kind.scheme().row().signature_bytes.unwrap().to_string();
        let longer = [signature.clone(), vec![0; 70]].concat();
        for length in (0..longer.len()).filter(|length| *length != signature.len()) {
            let refusal = refusal(key.public_key(), &base64(&longer[..length]));
            assert!(refusal.contains(&bytes), "{length}: {refusal}");
        }
        assert!(refusal(key.public_key(), &"A".repeat(1 << 20)).contains(&bytes));
    }
}

#[test]
fn a_signature_in_any_other_base64_is_refused() {
    for kind in KINDS {
        let key = signing_key(kind, 7);
        let text = key.sign(&M).unwrap();
        for with in ["-", "_", " ", "\n", "="] {
            let other = format!("{}{with}{}", &text[..20], &text[21..]);
            assert!(
                refusal(key.public_key(), &other).contains("canonical"),
                "{with:?}"
            );
        }
        let verify = |text: &str| key.public_key().verify(&M, text);
        assert!(verify(&format!("{text}\n")).is_err());
        assert!(verify(&format!("{text}A")).is_err());
        assert!(verify(&format!("{text}=")).is_err());
        assert!(verify(&text[..text.len() - 1]).is_err());
        assert!(verify(&format!("{}é{}", &text[..20], &text[22..])).is_err());
    }
}

#[test]
fn bits_left_over_in_base64_are_zero() {
    for kind in [Kind::Bip340, Kind::Ed25519] {
        let key = signing_key(kind, 7);
        let text = key.sign(&M).unwrap();
        let bare = text.strip_suffix("==").unwrap();
        let last = bare.bytes().last().unwrap();
        let at = ALPHABET.iter().position(|one| *one == last).unwrap();
        for more in 1..16 {
            let other = char::from(ALPHABET[at + more]);
            let other = format!("{}{other}==", &bare[..bare.len() - 1]);
            assert!(
                refusal(key.public_key(), &other).contains("canonical"),
                "{other}"
            );
        }
    }
}

#[test]
fn both_parts_of_a_hybrid_signature_must_hold() {
    let (key, other) = (
        signing_key(Kind::Ed25519MlDsa44, 7),
        signing_key(Kind::Ed25519MlDsa44, 8),
    );
    let ours = unbase64(&key.sign(&M).unwrap());
    let theirs = unbase64(&other.sign(&M).unwrap());
    let first = base64(&[&theirs[..64], &ours[64..]].concat());
    assert!(refusal(key.public_key(), &first).contains("Ed25519"));
    let second = base64(&[&ours[..64], &theirs[64..]].concat());
    assert!(refusal(key.public_key(), &second).contains("ML-DSA"));
    let stale = unbase64(&key.sign(&[7; 32]).unwrap());
    assert!(
        refusal(
            key.public_key(),
            &base64(&[&stale[..64], &ours[64..]].concat())
        )
        .contains("Ed25519")
    );
    assert!(
        refusal(
            key.public_key(),
            &base64(&[&ours[..64], &stale[64..]].concat())
        )
        .contains("ML-DSA")
    );
}

#[test]
fn what_is_to_be_signed_is_what_the_primitive_takes() {
    let bytes = |scheme: Scheme| unbase64(&scheme.message_to_sign(&M));
    let secret = [7; 32];
    let signature = bip340::sign(&secret, &bytes(Scheme::Bip340)).unwrap();
    let key = signing_key(Kind::Bip340, 7);
    assert!(key.public_key().verify(&M, &base64(&signature)).is_ok());

    let signature = ed25519::sign(&secret, &bytes(Scheme::Ed25519));
    let key = signing_key(Kind::Ed25519, 7);
    assert!(key.public_key().verify(&M, &base64(&signature)).is_ok());

    let lattice = MlDsa44
        .sign(&secret, &bytes(Scheme::Ed25519MlDsa44))
        .unwrap();
    let key = signing_key(Kind::Ed25519MlDsa44, 7);
    let both = [&signature, lattice.as_slice()].concat();
    assert!(key.public_key().verify(&M, &base64(&both)).is_ok());

    let text = Scheme::Bip322Simple.message_to_sign(&M);
    assert_eq!(text, hex::encode(M));
    for kind in [P2TR, P2WPKH] {
        let key = signing_key(kind, 7);
        let wallet = bip322_simple::Key::read(key.public_key().text(), crate::Network::Bitcoin);
        let signature = key.sign(&M).unwrap();
        assert!(wallet.unwrap().verify_text(&text, &signature).is_ok());
    }
}

#[test]
fn the_message_of_bip340_is_tagged_so_that_no_transaction_is_signed() {
    // Python: t = sha256(b"BIP0322-signed-message").digest(); sha256(t + t + bytes(32)).hexdigest()
    let wanted = "e678ae5c0ee62be1becc64c0672d8cc9735be57cad95a832386edbc748eca715";
    let found = hex::encode(unbase64(&Scheme::Bip340.message_to_sign(&[0; 32])));
    assert_eq!(found, wanted);
    let tagged = bip322::tagged_hash(bip322::BIP322_TAG, M);
    assert_eq!(unbase64(&Scheme::Bip340.message_to_sign(&M)), tagged);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_signature_changed_in_any_character_is_refused(
        secret: [u8; 64],
        m: [u8; 32],
        other: [u8; 32],
        at: prop::sample::Index,
        with: prop::sample::Index,
    ) {
        for kind in KINDS {
            let secret = secret[..kind.secret_bytes()].to_vec();
            let Ok(key) = SigningKey::new(kind, Plaintext::new(secret)) else {
                continue; // beyond the order of secp256k1
            };
            let signature = key.sign(&m).unwrap();
            prop_assert!(key.public_key().verify(&m, &signature).is_ok());
            prop_assert!(m == other || key.public_key().verify(&other, &signature).is_err());
            let at = at.index(signature.len());
            let with = char::from(*with.get(ALPHABET));
            let changed = format!("{}{with}{}", &signature[..at], &signature[at + 1..]);
            let verified = key.public_key().verify(&m, &changed).is_ok();
            prop_assert_eq!(verified, changed == signature, "{}", changed);
        }
    }
}
