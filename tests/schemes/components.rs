//! Components: the same secret, enrolled in any two forms, is found out.

use std::collections::BTreeSet;

use aegis_custodian::crypto::scheme::{Kind, SigningKey};

use crate::{KINDS, M, P2TR, P2WPKH, signing_key};

/// What is known of a key after its first signature.
fn known(key: &SigningKey) -> BTreeSet<String> {
    let shown = key.public_key().verify(&M, &key.sign(&M).unwrap()).unwrap();
    let enrolled = key.public_key().components();
    enrolled.into_iter().chain(shown.components).collect()
}

#[test]
fn one_secp256k1_secret_in_any_two_forms_shares_a_component() {
    let forms = [Kind::Bip340, P2TR, P2WPKH];
    for byte in 1..32 {
        for one in forms {
            for other in forms {
                let (one, other) = (signing_key(one, byte), signing_key(other, byte));
                assert!(
                    !known(&one).is_disjoint(&known(&other)),
                    "{one:?} {other:?}"
                );
            }
        }
    }
}

#[test]
fn bip340_and_either_address_of_one_secret_share_a_component_before_anything_is_signed() {
    for byte in 1..32 {
        let components = |kind| signing_key(kind, byte).public_key().components();
        let bare: BTreeSet<String> = components(Kind::Bip340).into_iter().collect();
        for address in [P2TR, P2WPKH] {
            assert!(
                components(address).iter().any(|one| bare.contains(one)),
                "{byte}"
            );
        }
    }
}

#[test]
fn the_output_key_of_an_address_enrolled_as_a_bare_key_is_found_out() {
    let address = signing_key(P2TR, 7).public_key().components();
    let output = address[0].strip_prefix("secp256k1-x:").unwrap();
    let text = crate::base64(&hex::decode(output).unwrap());
    let bare = crate::read(Kind::Bip340.scheme(), &text).unwrap();
    assert!(bare.components().contains(&address[0]));
}

#[test]
fn ed25519_alone_and_in_the_hybrid_share_their_component() {
    let alone = signing_key(Kind::Ed25519, 7).public_key().components();
    let hybrid = signing_key(Kind::Ed25519MlDsa44, 7)
        .public_key()
        .components();
    assert_eq!(hybrid.len(), 2);
    assert!(hybrid.contains(&alone[0]));
    assert!(hybrid[1].starts_with("ml-dsa-44:"));
}

#[test]
fn other_secrets_share_nothing() {
    for one in KINDS {
        for other in KINDS {
            let (one, other) = (signing_key(one, 7), signing_key(other, 8));
            assert!(known(&one).is_disjoint(&known(&other)), "{one:?} {other:?}");
        }
    }
}

#[test]
fn only_a_p2wpkh_signature_shows_more_than_the_key_did() {
    for kind in KINDS {
        let key = signing_key(kind, 7);
        let shown = key.public_key().verify(&M, &key.sign(&M).unwrap()).unwrap();
        assert_eq!(shown.components.is_empty(), kind != P2WPKH, "{kind:?}");
    }
}
