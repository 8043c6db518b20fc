//! Blobs (src/crypto/blob.rs): one text for one blob, and no text but that one opens.

use std::sync::OnceLock;

use aegis_custodian::{
    algorithm::{Algorithm, Mechanism},
    crypto::{
        aes_gcm,
        blob::{DekBlob, DekBlobKind, KekBlob},
        hybrid::{Opener, Sealer},
        wrapped::{Context, Purpose, WrappedSecret},
    },
    kek::{KekKeeper, KekProvider, Keyring, RingEntry, pkcs11::Pkcs11Kek},
};
use proptest::prelude::*;

use crate::{
    config, few,
    given::{bytes, dek_name, dek_version, kek_version},
    softhsm::Token,
};

const CONTEXT: &[u8] = b"{\"a\":\"b\"}";
const SCOPE: &str = "scope";
const ONE_TIME: Context<'static> = Context {
    purpose: Purpose::OneTime,
    reference: "",
    algorithm: Algorithm::Aes256Gcm.name(),
};

fn kind() -> impl Strategy<Value = DekBlobKind> {
    prop_oneof![Just(DekBlobKind::Aead), Just(DekBlobKind::Hpke)]
}

/// Text that is a blob or nearly one.
fn nearly() -> impl Strategy<Value = String> {
    let reference = prop_oneof![
        kek_version().prop_map(|version| version.to_string()),
        (dek_name(), dek_version()).prop_map(|(name, version)| name.reference(&version)),
        "[a-z0-9:/-]{0,20}",
    ];
    let body = prop_oneof![
        "[A-Za-z0-9_-]{0,60}",
        "[A-Za-z0-9_+/=-]{0,20}",
        // A kek body: length 69, `aes-gcm`, then nonce, secret and payload as chance has them.
        "AEUHYWVzLWdjb[A-Za-z0-9_-]{0,140}",
    ];
    ("cst1:(kek|dek|hpke|x):", reference, body)
        .prop_map(|(head, reference, body)| format!("{head}{reference}:{body}"))
}

/// The text with its character number `at` put in place of another, or cut, or doubled.
fn changed(text: &str, at: prop::sample::Index, new: char, how: u8) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len());
    match how % 4 {
        0 => drop(chars.remove(at)),
        1 => chars.insert(at, new),
        _ => chars[at] = new,
    }
    chars.into_iter().collect()
}

fn any_character() -> impl Strategy<Value = char> {
    prop_oneof![4 => prop::char::range('!', '~'), 1 => any::<char>()]
}

/// A real token with one KEK version.
fn token() -> &'static Pkcs11Kek {
    static TOKEN: OnceLock<Pkcs11Kek> = OnceLock::new();
    TOKEN.get_or_init(|| {
        let kek = Token::new().open(1);
        let version = "kek-v1-20261123".parse().unwrap();
        kek.create(&version).unwrap();
        let canary = Some(kek.canary(&version).unwrap());
        let entry = RingEntry {
            version: version.clone(),
            canary,
        };
        kek.adopt(Keyring {
            current: version,
            versions: vec![entry],
        })
        .unwrap();
        kek
    })
}

fn wrap(plaintext: &[u8]) -> String {
    let key = aes_gcm::fresh_key().unwrap();
    let aad = KekBlob::payload_aad(SCOPE, CONTEXT);
    let payload = aes_gcm::seal(key.expose(), &aad, plaintext).unwrap();
    let one_time = token().wrap(&key, &ONE_TIME).unwrap();
    KekBlob { one_time, payload }.encode().unwrap()
}

fn unwraps(text: &str) -> bool {
    let Ok(blob) = KekBlob::decode(text) else {
        return false;
    };
    let Ok(key) = token().unwrap(&blob.one_time, &ONE_TIME) else {
        return false;
    };
    let aad = KekBlob::payload_aad(SCOPE, CONTEXT);
    aes_gcm::open(key.expose(), &aad, &blob.payload).is_ok()
}

/// Whether `text` opens with this secret, even if every DEK version had the same.
fn opens(secret: &[u8; 32], text: &str) -> bool {
    let Ok(blob) = DekBlob::decode(text) else {
        return false;
    };
    match blob.kind {
        DekBlobKind::Aead => aes_gcm::open(
            secret,
            &DekBlob::aad(&blob.name, &blob.version, CONTEXT),
            &blob.payload,
        )
        .is_ok(),
        DekBlobKind::Hpke => {
            let info = DekBlob::info(&blob.name, &blob.version, CONTEXT);
            let opener = Opener::new(secret).unwrap();
            opener.open(&info, &blob.payload).is_ok()
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_dek_blob_is_read_as_it_was_written(
        kind in kind(), name in dek_name(), version in dek_version(), payload in bytes(200),
    ) {
        let blob = DekBlob { kind, name, version, payload };
        prop_assert_eq!(DekBlob::decode(&blob.encode()).unwrap(), blob);
    }

    #[test]
    fn a_kek_blob_is_read_as_it_was_written(
        kek in kek_version(), nonce in bytes(255), sealed in bytes(300), payload in bytes(200),
    ) {
        let one_time = WrappedSecret { kek, mechanism: Mechanism::AesGcm, nonce, sealed };
        let blob = KekBlob { one_time, payload };
        let again = KekBlob::decode(&blob.encode().unwrap()).unwrap();
        prop_assert_eq!((again.one_time, again.payload), (blob.one_time, blob.payload));
    }

    #[test]
    fn any_text_is_a_blob_or_is_refused(text in any::<String>()) {
        prop_assert!(DekBlob::decode(&text).is_err());
        prop_assert!(KekBlob::decode(&text).is_err());
    }

    #[test]
    fn every_text_that_is_a_blob_is_the_one_text_of_that_blob(text in nearly()) {
        if let Ok(blob) = DekBlob::decode(&text) {
            prop_assert_eq!(&blob.encode(), &text);
        }
        if let Ok(blob) = KekBlob::decode(&text) {
            prop_assert_eq!(&blob.encode().unwrap(), &text);
        }
    }

    #[test]
    fn a_dek_blob_with_a_character_changed_does_not_open(
        secret in any::<[u8; 32]>(), name in dek_name(), version in dek_version(), plaintext in bytes(40),
        at in any::<prop::sample::Index>(), new in any_character(), how in any::<u8>(),
    ) {
        let payload = aes_gcm::seal(&secret, &DekBlob::aad(&name, &version, CONTEXT), &plaintext).unwrap();
        let text = DekBlob { kind: DekBlobKind::Aead, name, version, payload }.encode();
        prop_assert!(opens(&secret, &text));
        let changed = changed(&text, at, new, how);
        prop_assert_eq!(opens(&secret, &changed), changed == text, "{} {}", text, changed);
    }

    #[test]
    fn a_kek_blob_with_a_character_changed_does_not_open(
        plaintext in bytes(40), at in any::<prop::sample::Index>(), new in any_character(), how in any::<u8>(),
    ) {
        let text = wrap(&plaintext);
        prop_assert!(unwraps(&text));
        let changed = changed(&text, at, new, how);
        prop_assert_eq!(unwraps(&changed), changed == text, "{} {}", text, changed);
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn an_hpke_blob_with_a_character_changed_does_not_open(
        secret in any::<[u8; 32]>(), name in dek_name(), version in dek_version(), plaintext in bytes(40),
        at in any::<prop::sample::Index>(), new in any_character(), how in any::<u8>(),
    ) {
        let sealer = Sealer::new(&Opener::new(&secret).unwrap().public_key()).unwrap();
        let payload = sealer.seal(&DekBlob::info(&name, &version, CONTEXT), &plaintext).unwrap();
        let text = DekBlob { kind: DekBlobKind::Hpke, name, version, payload }.encode();
        prop_assert!(opens(&secret, &text));
        let changed = changed(&text, at, new, how);
        prop_assert_eq!(opens(&secret, &changed), changed == text);
    }
}
