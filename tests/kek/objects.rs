//! What a token and the key objects in it must be before they are used.

use super::*;

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
        Attribute::Modifiable(false),
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
        (Attribute::Modifiable(true), "CKA_MODIFIABLE"),
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
    let making = softhsm::making();
    // SoftHSM keeps the officer's PIN: only a free slot can take the second label.
    let free = pkcs11.get_slots_with_token().unwrap().into_iter();
    let mut free = free.filter(|slot| {
        pkcs11
            .get_token_info(*slot)
            .is_ok_and(|token| !token.token_initialized())
    });
    assert_ne!(free.clone().next().unwrap(), slot);
    pkcs11
        .init_token(
            free.next_back().unwrap(),
            &"officer-pin".into(),
            &first.label,
        )
        .unwrap();
    drop(making);
    assert!(cause(Pkcs11Kek::open(first.settings(1))).contains("two tokens"));
}

#[test]
fn two_providers_share_a_token_and_one_may_go() {
    guardian();
    let token = Token::new();
    let (first, second) = (token.open(1), token.open(1));
    first.create(&version(1)).unwrap();
    for kek in [&first, &second] {
        kek.adopt(ring(kek, &[1])).unwrap();
    }
    let wrapped = first.wrap(&secret(7), &CONTEXT).unwrap();
    drop(first);
    assert_eq!(
        second.unwrap(&wrapped, &CONTEXT).unwrap().expose(),
        &[7; 32]
    );
}
