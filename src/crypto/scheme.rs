//! The signature schemes of custodians (formats.md section 3): one table, one interface, one file for each scheme.
//!
//! [`Scheme::public_key`] reads and checks a key once; [`PublicKey::verify`] then judges signatures. A key and a
//! signature have one text each: what is not canonical is refused, so that no second text stands for the same.

use std::{fmt, sync::Arc};

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::{messages::MESSAGE_BYTES, ml_dsa::ParameterSet};
use crate::error::Error;

pub mod bip322_simple;
mod bip340;
mod ed25519;
mod ed25519_ml_dsa44;
mod secp256k1;
mod signing_key;

pub use crate::words::{AddressKind, Network, Scheme, SchemeStatus};
pub use signing_key::{Kind, SigningKey};

/// What the table says of one scheme.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// Its place in the hierarchy.
    pub status: SchemeStatus,
    /// Bytes of a public key before base64; none where the key is an address.
    pub public_key_bytes: Option<usize>,
    /// Bytes of a signature before base64; none where it is a witness stack.
    pub signature_bytes: Option<usize>,
}

impl Scheme {
    /// The table of schemes.
    #[must_use]
    pub const fn row(self) -> Row {
        let (status, public_key_bytes, signature_bytes) = match self {
            Self::Bip322Simple => (SchemeStatus::Available, None, None),
            Self::Bip340 => (
                SchemeStatus::Default,
                Some(super::bip340::PUBLIC_KEY_BYTES),
                Some(super::bip340::SIGNATURE_BYTES),
            ),
            Self::Ed25519 => (
                SchemeStatus::Legacy,
                Some(super::ed25519::PUBLIC_KEY_BYTES),
                Some(super::ed25519::SIGNATURE_BYTES),
            ),
            Self::Ed25519MlDsa44 => (
                SchemeStatus::OptIn,
                Some(super::ed25519::PUBLIC_KEY_BYTES + ParameterSet::MlDsa44.public_key_bytes()),
                Some(super::ed25519::SIGNATURE_BYTES + ParameterSet::MlDsa44.signature_bytes()),
            ),
        };
        Row {
            status,
            public_key_bytes,
            signature_bytes,
        }
    }

    /// Reads a key that is to be trusted from now on: standard base64, or an address of `network`.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what is wrong with it.
    pub fn public_key(self, text: &str, network: Network) -> Result<PublicKey, Error> {
        let key: Arc<dyn Key> = match self {
            Self::Bip322Simple => Arc::new(bip322_simple::Key::read(text, network)?),
            Self::Bip340 => Arc::new(bip340::Key::read(text)?),
            Self::Ed25519 => Arc::new(ed25519::Key::read(text)?),
            Self::Ed25519MlDsa44 => Arc::new(ed25519_ml_dsa44::Key::read(text)?),
        };
        Ok(PublicKey { scheme: self, key })
    }

    /// Whether two texts are one signature, however it is written: `bip322-simple` has two ways.
    #[must_use]
    pub fn same_signature(self, one: &str, other: &str) -> bool {
        match self {
            Self::Bip322Simple => bip322_simple::bare(one) == bip322_simple::bare(other),
            Self::Bip340 | Self::Ed25519 | Self::Ed25519MlDsa44 => one == other,
        }
    }

    /// What the primitive is handed for the message `m`: base64 of the exact bytes, and for BIP-322 the text.
    #[must_use]
    pub fn message_to_sign(self, m: &[u8; MESSAGE_BYTES]) -> String {
        match self {
            Self::Bip322Simple => bip322_simple::message(m),
            Self::Bip340 => Base64::encode_string(&bip340::message(m)),
            Self::Ed25519 | Self::Ed25519MlDsa44 => Base64::encode_string(m),
        }
    }
}

/// A custodian's public key, read and checked.
#[derive(Clone, Debug)]
pub struct PublicKey {
    scheme: Scheme,
    key: Arc<dyn Key>,
}

impl PublicKey {
    /// The scheme it belongs to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The key as it is kept and shown: base64, or the address in lower case.
    #[must_use]
    pub fn text(&self) -> &str {
        self.key.text()
    }

    /// Lower-case hex of SHA-256 over the key's bytes, or over the address.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(self.key.bytes()))
    }

    /// Every form by which the same key could come back, each with its kind in front: no two custodians share one.
    #[must_use]
    pub fn components(&self) -> Vec<String> {
        self.key.components()
    }

    /// Verifies a signature over `m` and answers what it shows of the key.
    ///
    /// # Errors
    /// [`Error::BadSignature`] says what is wrong with it.
    pub fn verify(&self, m: &[u8; MESSAGE_BYTES], signature: &str) -> Result<Shown, Error> {
        self.key.verify(m, signature)
    }
}

/// What only a signature shows of a key: a P2WPKH address hides the key until its witness names it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Shown {
    /// Components beyond [`PublicKey::components`], of the same kinds.
    pub components: Vec<String>,
}

/// What the file of each scheme answers for one key.
trait Key: fmt::Debug + Send + Sync {
    /// The canonical text.
    fn text(&self) -> &str;

    /// What the fingerprint is of.
    fn bytes(&self) -> Vec<u8>;

    /// As [`PublicKey::components`].
    fn components(&self) -> Vec<String>;

    /// As [`PublicKey::verify`].
    fn verify(&self, m: &[u8; MESSAGE_BYTES], signature: &str) -> Result<Shown, Error>;
}

/// Exactly `N` bytes of canonical base64, or the sentence that says what is wrong; the length is looked at first.
fn decode<const N: usize>(text: &str, wrong_length: &'static str) -> Result<[u8; N], &'static str> {
    if text.len() != N.div_ceil(3) * 4 {
        return Err(wrong_length);
    }
    let bytes = Base64::decode_vec(text).map_err(|_| NOT_BASE64)?;
    bytes.try_into().map_err(|_| wrong_length)
}

const NOT_BASE64: &str = "this is not canonical standard base64 with padding (RFC 4648 section 4)";
