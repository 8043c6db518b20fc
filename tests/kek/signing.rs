//! Keys that sign inside the token: what they must be before they are used, and what they never do.

use aegis_custodian::crypto::ed25519;
use cryptoki::{
    mechanism::Mechanism as Pkcs11Mechanism,
    object::{AttributeType, ObjectHandle},
    session::Session,
};

use super::*;

const ID: &str = "signing/override/ed25519";
const MESSAGE: &[u8] = b"a message";
const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];

/// A token with version 1 adopted, and its provider.
fn signer() -> (Pkcs11Kek, Token) {
    guardian();
    let token = Token::new();
    let kek = token.open(2);
    kek.create(&version(1)).unwrap();
    kek.adopt(ring(&kek, &[1])).unwrap();
    (kek, token)
}

/// The attributes of a good pair, to be spoilt.
fn templates(spoilt: Option<&Attribute>) -> [Vec<Attribute>; 2] {
    let both = vec![
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Id(ID.into()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Derive(false),
        Attribute::Modifiable(false),
    ];
    let public = vec![
        Attribute::EcParams(ED25519.to_vec()),
        Attribute::Verify(true),
    ];
    let private = vec![
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::SignRecover(false),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
    ];
    let mut private = [both.clone(), private].concat();
    if let Some(attribute) = spoilt {
        private.retain(|one| one.attribute_type() != attribute.attribute_type());
        private.push(attribute.clone());
    }
    [[both, public].concat(), private]
}

fn make(session: &Session, spoilt: Option<&Attribute>) -> (ObjectHandle, ObjectHandle) {
    let [public, private] = templates(spoilt);
    let how = Pkcs11Mechanism::EccEdwardsKeyPairGen;
    session.generate_key_pair(&how, &public, &private).unwrap()
}

fn found(session: &Session, class: ObjectClass) -> Vec<ObjectHandle> {
    let wanted = [Attribute::Class(class), Attribute::Id(ID.into())];
    session.find_objects(&wanted).unwrap()
}

fn point(session: &Session, public: ObjectHandle) -> [u8; 32] {
    let found = session.get_attributes(public, &[AttributeType::EcPoint]);
    let [Attribute::EcPoint(der)] = &found.unwrap()[..] else {
        panic!("no point")
    };
    assert_eq!(der[..2], [4, 32]);
    der[2..].try_into().unwrap()
}

#[track_caller]
fn is_refused_for<T: std::fmt::Debug>(refused: Result<T, Error>, why: &str) {
    assert!(is_unavailable(&refused), "{refused:?}");
    assert!(format!("{refused:?}").contains(why), "{why}: {refused:?}");
}

#[track_caller]
fn is_conflict<T: std::fmt::Debug>(refused: Result<T, Error>, why: &str) {
    let says = |text: &str| text.contains(why);
    assert!(
        matches!(refused, Err(Error::Conflict(text)) if says(text)),
        "{why}: {refused:?}"
    );
}

#[test]
fn a_provider_whose_token_has_no_ed25519_says_so_and_neither_makes_nor_uses_a_signing_key() {
    for (kek, _) in adopted() {
        let described = kek.description();
        // The one token here that chooses IVs has no Ed25519 either.
        let signs = described.keys_in_token && described.mechanism == Mechanism::AesGcm;
        assert_eq!(kek.signs().unwrap(), signs);
        if !signs {
            assert!(is_unavailable(&kek.create_signing_key(ID)));
            assert!(is_unavailable(&kek.sign(ID, &[7; 32], MESSAGE)));
        }
    }
}

#[test]
fn a_key_made_in_the_token_signs_as_rfc_8032_says() {
    let (kek, token) = signer();
    let public_key = kek.create_signing_key(ID).unwrap();
    let session = token.session();
    let public = found(&session, ObjectClass::PUBLIC_KEY)[0];
    assert_eq!(point(&session, public), public_key);
    for message in [&b""[..], MESSAGE, &[7; 32], &[7; 100_000]] {
        let signature = kek.sign(ID, &public_key, message).unwrap();
        ed25519::verify(&public_key, message, &signature).unwrap();
        assert_eq!(kek.sign(ID, &public_key, message).unwrap(), signature);
    }
}

#[test]
fn making_a_signing_key_again_answers_the_same_key() {
    let (kek, token) = signer();
    let first = kek.create_signing_key(ID).unwrap();
    assert_eq!(kek.create_signing_key(ID).unwrap(), first);
    let beside = token.open(1);
    beside.adopt(ring(&beside, &[1])).unwrap();
    assert_eq!(beside.create_signing_key(ID).unwrap(), first);
    let other = kek.create_signing_key("signing/schema/ed25519").unwrap();
    assert_ne!(other, first);
}

#[test]
fn the_private_half_never_leaves_and_neither_half_can_be_changed() {
    let (kek, token) = signer();
    kek.create_signing_key(ID).unwrap();
    let session = token.session();
    let private = found(&session, ObjectClass::PRIVATE_KEY)[0];
    let value = session.get_attributes(private, &[AttributeType::Value]);
    assert_eq!(value.unwrap(), []);
    for attribute in [
        Attribute::Extractable(true),
        Attribute::Decrypt(true),
        Attribute::Id(b"other".to_vec()),
        Attribute::Modifiable(true),
    ] {
        let refused = session.update_attributes(private, &[attribute]);
        assert!(refused.is_err());
    }
    let public = found(&session, ObjectClass::PUBLIC_KEY)[0];
    let moved = Attribute::Id(b"other".to_vec());
    assert!(session.update_attributes(public, &[moved]).is_err());
}

#[test]
fn no_signing_key_is_made_or_used_before_a_ring_is_adopted() {
    guardian();
    let token = Token::new();
    let kek = token.open(1);
    assert!(is_unavailable(&kek.create_signing_key(ID)));
    assert!(is_unavailable(&kek.sign(ID, &[7; 32], MESSAGE)));
    assert!(found(&token.session(), ObjectClass::PRIVATE_KEY).is_empty());
}

#[test]
fn a_signing_key_that_is_not_there_is_unavailable_and_never_made_by_signing() {
    let (kek, token) = signer();
    for _ in 0..3 {
        is_refused_for(kek.sign(ID, &[7; 32], MESSAGE), "no signing key");
    }
    let session = token.session();
    assert!(found(&session, ObjectClass::PRIVATE_KEY).is_empty());
    // The token itself is well, and stays in use.
    kek.wrap(&secret(7), &CONTEXT).unwrap();
    let public_key = kek.create_signing_key(ID).unwrap();
    kek.sign(ID, &public_key, MESSAGE).unwrap();
    for key in found(&session, ObjectClass::PRIVATE_KEY) {
        session.destroy_object(key).unwrap();
    }
    assert!(is_unavailable(&kek.sign(ID, &public_key, MESSAGE)));
    assert!(found(&session, ObjectClass::PRIVATE_KEY).is_empty());
}

#[test]
fn a_second_signing_key_of_the_same_id_is_refused() {
    let (kek, token) = signer();
    let public_key = kek.create_signing_key(ID).unwrap();
    make(&token.session(), None);
    is_refused_for(kek.sign(ID, &public_key, MESSAGE), "two signing keys");
    is_conflict(kek.create_signing_key(ID), "not exactly one pair");
}

#[test]
fn a_key_signs_under_its_own_public_key_only() {
    let (kek, _token) = signer();
    let ours = kek.create_signing_key(ID).unwrap();
    let other = kek.create_signing_key("signing/schema/ed25519").unwrap();
    is_refused_for(kek.sign(ID, &other, MESSAGE), "does not verify");
    kek.sign(ID, &ours, MESSAGE).unwrap();
    is_refused_for(kek.sign(ID, &other, MESSAGE), "does not verify");
    kek.sign(ID, &ours, MESSAGE).unwrap();
}

#[test]
fn a_signing_key_that_is_weaker_than_it_must_be_is_refused_by_name() {
    let (kek, token) = signer();
    let session = token.session();
    let weak = [
        (Attribute::Private(false), "CKA_PRIVATE"),
        (Attribute::Sensitive(false), "CKA_SENSITIVE"),
        (Attribute::Extractable(true), "CKA_EXTRACTABLE"),
        (Attribute::Sign(false), "CKA_SIGN "),
        (Attribute::SignRecover(true), "CKA_SIGN_RECOVER"),
        (Attribute::Decrypt(true), "CKA_DECRYPT"),
        (Attribute::Unwrap(true), "CKA_UNWRAP"),
        (Attribute::Derive(true), "CKA_DERIVE"),
        (Attribute::Modifiable(true), "CKA_MODIFIABLE"),
    ];
    for (attribute, name) in weak {
        let (public, private) = make(&session, Some(&attribute));
        let public_key = point(&session, public);
        is_refused_for(kek.sign(ID, &public_key, MESSAGE), name);
        is_conflict(kek.create_signing_key(ID), name);
        session.destroy_object(public).unwrap();
        session.destroy_object(private).unwrap();
    }
    let (public, _) = make(&session, None);
    let public_key = point(&session, public);
    assert_eq!(kek.create_signing_key(ID).unwrap(), public_key);
    kek.sign(ID, &public_key, MESSAGE).unwrap();
}

#[test]
fn a_signing_key_that_came_from_outside_is_refused() {
    let (kek, token) = signer();
    let seed = [7; 32];
    let mut private = templates(None)[1].clone();
    private.extend([
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::EcParams(ED25519.to_vec()),
        Attribute::Value(seed.to_vec()),
    ]);
    token.session().create_object(&private).unwrap();
    let public_key = ed25519::public_key(&seed);
    is_refused_for(kek.sign(ID, &public_key, MESSAGE), "CKA_LOCAL");
    is_conflict(kek.create_signing_key(ID), "not exactly one pair");
}

#[test]
fn two_halves_that_are_not_one_pair_are_not_taken_as_made() {
    let (kek, token) = signer();
    kek.create_signing_key(ID).unwrap();
    let session = token.session();
    let [own] = found(&session, ObjectClass::PUBLIC_KEY)[..] else {
        panic!("not one public key")
    };
    session.destroy_object(own).unwrap();
    is_conflict(kek.create_signing_key(ID), "not exactly one pair");
    let mut public = templates(None)[0].clone();
    let point = [&[4, 32][..], &ed25519::public_key(&[7; 32])].concat();
    public.extend([
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::EcPoint(point),
    ]);
    session.create_object(&public).unwrap();
    is_conflict(kek.create_signing_key(ID), "not one pair");
}

#[test]
fn a_public_half_that_a_killed_process_left_alone_is_made_whole() {
    let (kek, token) = signer();
    let session = token.session();
    let (public, private) = make(&session, None);
    let left = point(&session, public);
    session.destroy_object(private).unwrap();
    let public_key = kek.create_signing_key(ID).unwrap();
    assert_ne!(public_key, left);
    kek.sign(ID, &public_key, MESSAGE).unwrap();
    assert_eq!(found(&session, ObjectClass::PUBLIC_KEY).len(), 1);
}

#[test]
fn many_threads_sign_at_once_and_wrap_beside_it() {
    let (kek, _token) = signer();
    let public_key = kek.create_signing_key(ID).unwrap();
    thread::scope(|scope| {
        for byte in 0..8 {
            let kek = &kek;
            scope.spawn(move || {
                for _ in 0..20 {
                    let signature = kek.sign(ID, &public_key, &[byte; 32]).unwrap();
                    ed25519::verify(&public_key, &[byte; 32], &signature).unwrap();
                    kek.wrap(&secret(byte), &CONTEXT).unwrap();
                }
            });
        }
    });
}
