//! The signature schemes of custodians, attacked: every wrong length, encoding, key, address and witness is refused,
//! and one secret cannot come back under another name.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(missing_docs, unreachable_pub)]

#[path = "schemes/addresses.rs"]
mod addresses;
#[path = "schemes/components.rs"]
mod components;
#[path = "schemes/keys.rs"]
mod keys;
#[path = "schemes/signatures.rs"]
mod signatures;
#[path = "schemes/witnesses.rs"]
mod witnesses;

use aegis_custodian::{
    crypto::scheme::{AddressKind, Kind, Network, PublicKey, Scheme, SigningKey},
    secret::Plaintext,
};
use base64ct::{Base64, Encoding};

const P2TR: Kind = Kind::Bip322Simple {
    network: Network::Bitcoin,
    address: AddressKind::P2tr,
};

const P2WPKH: Kind = Kind::Bip322Simple {
    network: Network::Bitcoin,
    address: AddressKind::P2wpkh,
};

const KINDS: [Kind; 5] = [
    P2TR,
    P2WPKH,
    Kind::Bip340,
    Kind::Ed25519,
    Kind::Ed25519MlDsa44,
];

const M: [u8; 32] = *b"the message that custodians sign";

/// The key of a secret of equal bytes.
fn signing_key(kind: Kind, byte: u8) -> SigningKey {
    SigningKey::new(kind, Plaintext::new(vec![byte; kind.secret_bytes()])).unwrap()
}

fn read(scheme: Scheme, text: &str) -> Result<PublicKey, String> {
    let key = scheme.public_key(text, Network::Bitcoin);
    key.map_err(|error| error.to_string())
}

/// Why a key is refused.
fn complaint(scheme: Scheme, text: &str) -> String {
    read(scheme, text)
        .map(|key| key.text().to_owned())
        .unwrap_err()
}

/// Why a signature over [`M`] is refused.
fn refusal(key: &PublicKey, signature: &str) -> String {
    key.verify(&M, signature).unwrap_err().to_string()
}

fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

fn unbase64(text: &str) -> Vec<u8> {
    Base64::decode_vec(text).unwrap()
}
