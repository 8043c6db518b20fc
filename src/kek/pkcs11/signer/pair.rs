//! Owns what the two objects of a signing key pair are made of and must be.

use cryptoki::object::{Attribute, KeyType, ObjectClass};

use crate::kek::pkcs11::attributes::{Rule, Rules};

/// The OID of Ed25519 (RFC 8410 section 3) in DER.
pub(super) const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];

/// Public and private key. The public one is as private as the other, so that whoever sees it would see that too.
pub(super) fn templates(id: &str) -> (Vec<Attribute>, Vec<Attribute>) {
    let both = vec![
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Id(id.into()),
        Attribute::Label(id.into()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Derive(false),
        Attribute::Modifiable(false),
    ];
    let (mut public, mut private) = (both.clone(), both);
    public.extend([
        Attribute::EcParams(ED25519.to_vec()),
        Attribute::Verify(true),
        Attribute::VerifyRecover(false),
        Attribute::Encrypt(false),
        Attribute::Wrap(false),
    ]);
    private.extend([
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::SignRecover(false),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
    ]);
    (public, private)
}

/// What the private half must be.
pub(super) const A_PRIVATE_KEY: Rules = Rules {
    must: &PRIVATE_MUST,
    where_known: &PRIVATE_WHERE_KNOWN,
};
/// What the public half must be; that both belong together only a signature shows.
pub(super) const A_PUBLIC_KEY: Rules = Rules {
    must: &PUBLIC_MUST,
    where_known: &[],
};

static PRIVATE_MUST: [Rule; 7] = [
    (
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        "the signing key's CKA_CLASS is not CKO_PRIVATE_KEY",
    ),
    (
        Attribute::KeyType(KeyType::EC_EDWARDS),
        "the signing key's CKA_KEY_TYPE is not CKK_EC_EDWARDS",
    ),
    (
        Attribute::Token(true),
        "the signing key's CKA_TOKEN is not true",
    ),
    (
        Attribute::Private(true),
        "the signing key's CKA_PRIVATE is not true",
    ),
    (
        Attribute::Sensitive(true),
        "the signing key's CKA_SENSITIVE is not true",
    ),
    (
        Attribute::Extractable(false),
        "the signing key's CKA_EXTRACTABLE is not false",
    ),
    (
        Attribute::Sign(true),
        "the signing key's CKA_SIGN is not true",
    ),
];
static PRIVATE_WHERE_KNOWN: [Rule; 8] = [
    (
        Attribute::Local(true),
        "the signing key's CKA_LOCAL is not true",
    ),
    (
        Attribute::AlwaysSensitive(true),
        "the signing key's CKA_ALWAYS_SENSITIVE is not true",
    ),
    (
        Attribute::NeverExtractable(true),
        "the signing key's CKA_NEVER_EXTRACTABLE is not true",
    ),
    (
        Attribute::SignRecover(false),
        "the signing key's CKA_SIGN_RECOVER is not false",
    ),
    (
        Attribute::Decrypt(false),
        "the signing key's CKA_DECRYPT is not false",
    ),
    (
        Attribute::Unwrap(false),
        "the signing key's CKA_UNWRAP is not false",
    ),
    (
        Attribute::Derive(false),
        "the signing key's CKA_DERIVE is not false",
    ),
    (
        Attribute::Modifiable(false),
        "the signing key's CKA_MODIFIABLE is not false",
    ),
];
static PUBLIC_MUST: [Rule; 3] = [
    (
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        "the public key's CKA_CLASS is not CKO_PUBLIC_KEY",
    ),
    (
        Attribute::KeyType(KeyType::EC_EDWARDS),
        "the public key's CKA_KEY_TYPE is not CKK_EC_EDWARDS",
    ),
    (
        Attribute::Token(true),
        "the public key's CKA_TOKEN is not true",
    ),
];
