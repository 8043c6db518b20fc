//! One contract for every key holder: the software provider and a real SoftHSM token.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]

use std::{sync::OnceLock, thread, time::Instant};

use aegis_custodian::{
    algorithm::{Algorithm, Mechanism},
    error::{Error, Part},
    id::KekVersion,
    kek::{
        Context, KekKeeper, Keyring, Purpose, RingEntry, WrappedSecret,
        pkcs11::{Pkcs11Kek, provision_token},
        software::SoftwareKek,
    },
    secret::Secret,
};
use cryptoki::{mechanism, object::Attribute, object::KeyType, object::ObjectClass};
use softhsm::Token;

#[path = "support/softhsm.rs"]
mod softhsm;

/// Something to keep alive with its provider.
type Holder = (Box<dyn KekKeeper>, Box<dyn std::any::Any>);

/// Keeps the shared library initialised while tests use it past the provider.
fn guardian() {
    static GUARDIAN: OnceLock<Pkcs11Kek> = OnceLock::new();
    GUARDIAN.get_or_init(|| Token::new().open(1));
}

/// Every provider, with nothing adopted.
fn holders() -> Vec<Holder> {
    guardian();
    let folder = tempfile::tempdir().unwrap();
    let software = SoftwareKek::open(&folder.path().join("keys")).unwrap();
    let token = Token::new();
    let pkcs11 = token.open(2);
    vec![
        (Box::new(software), Box::new(folder)),
        (Box::new(pkcs11), Box::new(token)),
    ]
}

/// Every provider, with version 1 adopted.
fn adopted() -> Vec<Holder> {
    let holders = holders();
    for (kek, _) in &holders {
        kek.create(&version(1)).unwrap();
        kek.adopt(ring(&**kek, &[1])).unwrap();
    }
    holders
}

fn version(number: u32) -> KekVersion {
    format!("kek-v{number}-20261123").parse().unwrap()
}

/// A ring of those versions, the last one current.
fn ring(kek: &dyn KekKeeper, numbers: &[u32]) -> Keyring {
    let entry = |number: &u32| RingEntry {
        version: version(*number),
        canary: Some(kek.canary(&version(*number)).unwrap()),
    };
    Keyring {
        current: version(*numbers.last().unwrap()),
        versions: numbers.iter().map(entry).collect(),
    }
}

fn bare_ring(number: u32) -> Keyring {
    let version = version(number);
    let entry = RingEntry {
        version: version.clone(),
        canary: None,
    };
    Keyring {
        current: version,
        versions: vec![entry],
    }
}

const CONTEXT: Context<'static> = Context {
    purpose: Purpose::Dek,
    reference: "telemetry/dek-v3-20261123",
    algorithm: Algorithm::Aes256Gcm,
};

fn secret(byte: u8) -> Secret<32> {
    Secret::take(&mut [byte; 32]).unwrap()
}

fn is_corrupt<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Corrupt(_)))
}

fn is_unavailable<T>(result: &Result<T, Error>) -> bool {
    matches!(
        result,
        Err(Error::Unavailable {
            part: Part::Kek,
            ..
        })
    )
}

#[test]
fn what_was_wrapped_opens_again() {
    for (kek, _) in adopted() {
        let wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        assert_eq!((wrapped.nonce.len(), wrapped.sealed.len()), (12, 48));
        assert_eq!(
            (&wrapped.kek, wrapped.mechanism),
            (&version(1), Mechanism::AesGcm)
        );
        assert_eq!(kek.unwrap(&wrapped, &CONTEXT).unwrap().expose(), &[7; 32]);
        kek.probe().unwrap();
    }
}

#[test]
fn two_wraps_of_one_secret_differ() {
    for (kek, _) in adopted() {
        let wraps = [
            kek.wrap(&secret(7), &CONTEXT).unwrap(),
            kek.wrap(&secret(7), &CONTEXT).unwrap(),
        ];
        assert_ne!(wraps[0].nonce, wraps[1].nonce);
        assert_ne!(wraps[0].sealed, wraps[1].sealed);
    }
}

#[test]
fn a_record_with_any_byte_flipped_is_corrupt() {
    for (kek, _) in adopted() {
        let good = kek.wrap(&secret(7), &CONTEXT).unwrap();
        let flip = |at: usize| {
            let mut bad = good.clone();
            match bad.nonce.get_mut(at) {
                Some(byte) => *byte ^= 1,
                None => bad.sealed[at - 12] ^= 1,
            }
            bad
        };
        let bad: Vec<WrappedSecret> = (0..60).map(flip).collect();
        let batch: Vec<_> = bad.iter().map(|one| (one, CONTEXT)).collect();
        for (at, opened) in kek.unwrap_each(&batch).iter().enumerate() {
            assert!(is_corrupt(opened), "byte {at}: {opened:?}");
        }
        assert!(is_corrupt(&kek.unwrap(&bad[20], &CONTEXT)));
    }
}

#[test]
fn a_record_of_another_length_is_corrupt() {
    for (kek, _) in adopted() {
        let good = kek.wrap(&secret(7), &CONTEXT).unwrap();
        for (nonce, sealed) in [
            (0, 48),
            (11, 48),
            (13, 48),
            (12, 0),
            (12, 16),
            (12, 47),
            (12, 49),
        ] {
            let mut bad = good.clone();
            bad.nonce.resize(nonce, 0);
            bad.sealed.resize(sealed, 0);
            let opened = kek.unwrap(&bad, &CONTEXT);
            assert!(is_corrupt(&opened), "{nonce} {sealed}: {opened:?}");
        }
    }
}

#[test]
fn a_record_opens_only_where_it_belongs() {
    for (kek, _) in adopted() {
        let wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        for other in [
            Context {
                purpose: Purpose::OneTime,
                ..CONTEXT
            },
            Context {
                reference: "telemetry/dek-v2-20261123",
                ..CONTEXT
            },
            Context {
                algorithm: Algorithm::MlKem768X25519,
                ..CONTEXT
            },
        ] {
            let opened = kek.unwrap(&wrapped, &other);
            assert!(is_corrupt(&opened), "{other:?}: {opened:?}");
        }
    }
}

#[test]
fn a_record_of_an_unknown_kek_version_is_corrupt() {
    for (kek, _) in adopted() {
        kek.create(&version(2)).unwrap();
        let mut wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        for number in [2, 9] {
            wrapped.kek = version(number);
            assert!(is_corrupt(&kek.unwrap(&wrapped, &CONTEXT)));
        }
    }
}

#[test]
fn a_version_moved_to_another_in_the_ring_is_corrupt() {
    for (kek, _) in adopted() {
        let mut wrapped = kek.wrap(&secret(7), &CONTEXT).unwrap();
        kek.create(&version(2)).unwrap();
        kek.adopt(ring(&*kek, &[1, 2])).unwrap();
        wrapped.kek = version(2);
        assert!(is_corrupt(&kek.unwrap(&wrapped, &CONTEXT)));
    }
}

#[test]
fn an_old_version_opens_after_a_newer_one_became_current() {
    for (kek, _) in adopted() {
        let old = kek.wrap(&secret(7), &CONTEXT).unwrap();
        kek.create(&version(2)).unwrap();
        kek.adopt(ring(&*kek, &[1, 2])).unwrap();
        let new = kek.wrap(&secret(8), &CONTEXT).unwrap();
        assert_eq!((&old.kek, &new.kek), (&version(1), &version(2)));
        assert_eq!(kek.unwrap(&old, &CONTEXT).unwrap().expose(), &[7; 32]);
        assert_eq!(kek.unwrap(&new, &CONTEXT).unwrap().expose(), &[8; 32]);
    }
}

#[test]
fn nothing_is_usable_before_a_ring_is_adopted() {
    for (kek, _) in holders() {
        let record = WrappedSecret {
            kek: version(1),
            mechanism: Mechanism::AesGcm,
            nonce: vec![0; 12],
            sealed: vec![0; 48],
        };
        assert!(is_unavailable(&kek.wrap(&secret(7), &CONTEXT)));
        assert!(is_unavailable(&kek.unwrap(&record, &CONTEXT)));
        assert!(is_unavailable(&kek.probe()));
    }
}

#[test]
fn a_missing_key_is_refused_and_not_made() {
    for (kek, _) in holders() {
        for _ in 0..2 {
            assert!(is_unavailable(&kek.adopt(bare_ring(1))));
            assert!(is_unavailable(&kek.canary(&version(1))));
        }
        kek.create(&version(1)).unwrap();
        kek.adopt(bare_ring(1)).unwrap();
    }
}

#[test]
fn a_current_version_outside_its_ring_is_refused() {
    for (kek, _) in adopted() {
        let mut odd = ring(&*kek, &[1]);
        odd.current = version(2);
        assert!(is_unavailable(&kek.adopt(odd)));
    }
}

#[test]
fn a_canary_of_another_key_is_refused_and_the_old_ring_stays() {
    for (kek, _) in adopted() {
        let mut foreign = ring(&*kek, &[1]);
        foreign.versions[0].canary.as_mut().unwrap()[0] ^= 1;
        assert!(is_unavailable(&kek.adopt(foreign)));
        kek.wrap(&secret(7), &CONTEXT).unwrap();
    }
}

#[test]
fn making_a_key_again_changes_nothing() {
    for (kek, _) in adopted() {
        let (wrapped, canary) = (
            kek.wrap(&secret(7), &CONTEXT).unwrap(),
            kek.canary(&version(1)).unwrap(),
        );
        kek.create(&version(1)).unwrap();
        assert_eq!(kek.canary(&version(1)).unwrap(), canary);
        kek.adopt(ring(&*kek, &[1])).unwrap();
        assert_eq!(kek.unwrap(&wrapped, &CONTEXT).unwrap().expose(), &[7; 32]);
    }
}

#[test]
fn a_batch_of_good_and_bad_keeps_its_order() {
    for (kek, _) in adopted() {
        let mut records: Vec<WrappedSecret> = (0..100)
            .map(|byte| kek.wrap(&secret(byte), &CONTEXT).unwrap())
            .collect();
        for at in (0..100).step_by(3) {
            records[at].sealed[5] ^= 1;
        }
        records[4].nonce.clear();
        let batch: Vec<_> = records.iter().map(|one| (one, CONTEXT)).collect();
        let opened = kek.unwrap_each(&batch);
        assert_eq!(opened.len(), 100);
        for (at, opened) in opened.iter().enumerate() {
            if at % 3 == 0 || at == 4 {
                assert!(is_corrupt(opened), "{at}: {opened:?}");
            } else {
                assert_eq!(opened.as_ref().unwrap().expose(), &[at as u8; 32]);
            }
        }
        assert!(kek.unwrap_each(&[]).is_empty());
    }
}

#[test]
fn a_batch_of_bad_records_costs_one_round_trip() {
    for (kek, _) in adopted() {
        let mut bad = kek.wrap(&secret(7), &CONTEXT).unwrap();
        bad.sealed[0] ^= 1;
        let batch = vec![(&bad, CONTEXT); 256];
        let before = Instant::now();
        assert!(kek.unwrap_each(&batch).iter().all(is_corrupt));
        // Two round trips would be 100 ms apart.
        assert!(before.elapsed().as_millis() < 100, "{:?}", before.elapsed());
    }
}

#[test]
fn many_threads_at_once_each_get_their_own() {
    for (kek, _) in adopted() {
        thread::scope(|scope| {
            for byte in 0..16 {
                let kek = &*kek;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let wrapped = kek.wrap(&secret(byte), &CONTEXT).unwrap();
                        assert_eq!(
                            kek.unwrap(&wrapped, &CONTEXT).unwrap().expose(),
                            &[byte; 32]
                        );
                    }
                });
            }
        });
    }
}

#[test]
fn bad_records_of_many_threads_do_not_hold_up_good_ones() {
    for (kek, _) in adopted() {
        let good = kek.wrap(&secret(7), &CONTEXT).unwrap();
        let mut bad = good.clone();
        bad.sealed[0] ^= 1;
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    (0..5).for_each(|_| assert!(is_corrupt(&kek.unwrap(&bad, &CONTEXT))))
                });
            }
            for _ in 0..200 {
                kek.unwrap(&good, &CONTEXT).unwrap();
            }
        });
    }
}

#[test]
fn debug_shows_no_secret() {
    for (kek, _) in holders() {
        assert!(!format!("{kek:?}").contains(softhsm::PIN));
    }
    assert!(!format!("{:?}", Token::new().settings(1)).contains(softhsm::PIN));
}

/// The attributes of a good KEK, to be spoilt.
fn template(label: &str, spoilt: &[Attribute]) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Id(label.into()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Derive(false),
        Attribute::ValueLen(32.into()),
    ];
    for attribute in spoilt {
        template.retain(|one| one.attribute_type() != attribute.attribute_type());
        template.push(attribute.clone());
    }
    template
}

fn make(token: &Token, number: u32, spoilt: &[Attribute]) {
    let template = template(version(number).as_str(), spoilt);
    let session = token.session();
    session
        .generate_key(&mechanism::Mechanism::AesKeyGen, &template)
        .unwrap();
}

fn cause<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    format!("{:?}", result.unwrap_err())
}

#[test]
fn a_key_that_is_weaker_than_it_must_be_is_refused_by_name() {
    guardian();
    let token = Token::new();
    let kek = token.open(1);
    let weak = [
        (Attribute::Extractable(true), "CKA_EXTRACTABLE"),
        (Attribute::Wrap(true), "CKA_WRAP"),
        (Attribute::Unwrap(true), "CKA_UNWRAP"),
        (Attribute::Sign(true), "CKA_SIGN"),
        (Attribute::Verify(true), "CKA_VERIFY"),
        (Attribute::Derive(true), "CKA_DERIVE"),
        (Attribute::Sensitive(false), "CKA_SENSITIVE"),
        (Attribute::Private(false), "CKA_PRIVATE"),
        (Attribute::Encrypt(false), "CKA_ENCRYPT"),
        (Attribute::Decrypt(false), "CKA_DECRYPT"),
        (Attribute::ValueLen(16.into()), "CKA_VALUE_LEN"),
    ];
    for (number, (attribute, name)) in (1..).zip(weak) {
        make(&token, number, &[attribute]);
        let adopted = kek.adopt(bare_ring(number));
        assert!(is_unavailable(&adopted));
        assert!(cause(adopted).contains(name), "{name}");
        let created = kek.create(&version(number));
        assert!(
            matches!(created, Err(Error::Conflict(why)) if why.contains(name)),
            "{name}"
        );
    }
    make(&token, 99, &[]);
    kek.adopt(bare_ring(99)).unwrap();
}

#[test]
fn a_key_that_came_from_outside_is_refused() {
    guardian();
    let token = Token::new();
    let kek = token.open(1);
    let mut template = template(version(1).as_str(), &[]);
    template.retain(|one| !matches!(one, Attribute::ValueLen(_)));
    template.push(Attribute::Value(vec![7; 32]));
    token.session().create_object(&template).unwrap();
    assert!(cause(kek.adopt(bare_ring(1))).contains("CKA_ALWAYS_SENSITIVE"));
}

#[test]
fn two_keys_of_one_version_are_refused() {
    guardian();
    let token = Token::new();
    let kek = token.open(1);
    kek.create(&version(1)).unwrap();
    make(&token, 1, &[]);
    assert!(cause(kek.adopt(bare_ring(1))).contains("two keys"));
    assert!(matches!(kek.create(&version(1)), Err(Error::Conflict(_))));
}

#[test]
fn a_made_key_cannot_be_changed_afterwards() {
    guardian();
    let token = Token::new();
    token.open(1).create(&version(1)).unwrap();
    let session = token.session();
    let found = session
        .find_objects(&[Attribute::Id(version(1).as_str().into())])
        .unwrap();
    for attribute in [
        Attribute::Wrap(true),
        Attribute::Sign(true),
        Attribute::Modifiable(true),
    ] {
        assert!(session.update_attributes(found[0], &[attribute]).is_err());
    }
}

#[test]
fn provisioning_again_leaves_the_token_as_it_is() {
    guardian();
    let token = Token::new();
    let kek = token.open(1);
    kek.create(&version(1)).unwrap();
    let canary = kek.canary(&version(1)).unwrap();
    provision_token(softhsm::MODULE.as_ref(), &token.label, &token.pin()).unwrap();
    assert_eq!(kek.canary(&version(1)).unwrap(), canary);
    drop(kek);
    assert_eq!(token.open(1).canary(&version(1)).unwrap(), canary);
}

#[test]
fn a_token_that_is_not_there_or_has_another_pin_does_not_open() {
    guardian();
    let token = Token::new();
    let mut settings = token.settings(1);
    settings.token_label = "nobody".into();
    assert!(is_unavailable(&Pkcs11Kek::open(settings)));
    token.write_pin("wrong-pin");
    assert!(cause(Pkcs11Kek::open(token.settings(1))).contains("PinIncorrect"));
    assert!(is_unavailable(&provision_token(
        softhsm::MODULE.as_ref(),
        &token.label,
        &token.pin()
    )));
}

#[test]
fn two_tokens_of_one_label_are_refused() {
    guardian();
    let (first, second) = (Token::new(), Token::new());
    let (pkcs11, slot) = second.beside();
    // SoftHSM keeps the officer's PIN: only a free slot can take the second label.
    let free = pkcs11.get_slots_with_token().unwrap().into_iter();
    let mut free = free.filter(|slot| !pkcs11.get_token_info(*slot).unwrap().token_initialized());
    assert_ne!(free.clone().next().unwrap(), slot);
    pkcs11
        .init_token(
            free.next_back().unwrap(),
            &"officer-pin".into(),
            &first.label,
        )
        .unwrap();
    assert!(cause(Pkcs11Kek::open(first.settings(1))).contains("two tokens"));
}
