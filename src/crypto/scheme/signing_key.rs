//! The secret half, for the offline tools: a key, and signatures in the form that the service takes.

use std::fmt;

use super::{
    AddressKind, Network, PublicKey, Scheme, bip322_simple, bip340, ed25519, ed25519_ml_dsa44,
};
use crate::{
    crypto::{aes_gcm::random, messages::MESSAGE_BYTES},
    error::Error,
    secret::Plaintext,
};

/// Which key a secret stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `bip322-simple`: one secret has an address of each kind on each network.
    Bip322Simple {
        /// Where the address is valid.
        network: Network,
        /// Which address.
        address: AddressKind,
    },
    /// `bip340`.
    Bip340,
    /// `ed25519`.
    Ed25519,
    /// `ed25519+ml-dsa-44`.
    Ed25519MlDsa44,
}

impl Kind {
    /// The kind of these words; none if an address is missing, or given where there is none.
    #[must_use]
    pub const fn of(
        scheme: Scheme,
        network: Option<Network>,
        address: Option<AddressKind>,
    ) -> Option<Self> {
        match (scheme, network, address) {
            (Scheme::Bip322Simple, Some(network), Some(address)) => {
                Some(Self::Bip322Simple { network, address })
            }
            (Scheme::Bip340, None, None) => Some(Self::Bip340),
            (Scheme::Ed25519, None, None) => Some(Self::Ed25519),
            (Scheme::Ed25519MlDsa44, None, None) => Some(Self::Ed25519MlDsa44),
            _ => None,
        }
    }

    /// The scheme by which it signs.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Bip322Simple { .. } => Scheme::Bip322Simple,
            Self::Bip340 => Scheme::Bip340,
            Self::Ed25519 => Scheme::Ed25519,
            Self::Ed25519MlDsa44 => Scheme::Ed25519MlDsa44,
        }
    }

    /// Bytes of its secret: a secp256k1 scalar, an RFC 8032 seed, or that and a FIPS 204 seed.
    #[must_use]
    pub const fn secret_bytes(self) -> usize {
        match self {
            Self::Bip322Simple { .. } | Self::Bip340 | Self::Ed25519 => 32,
            Self::Ed25519MlDsa44 => 64,
        }
    }

    /// The network of its public key; without an address any would do.
    const fn network(self) -> Network {
        match self {
            Self::Bip322Simple { network, .. } => network,
            Self::Bip340 | Self::Ed25519 | Self::Ed25519MlDsa44 => Network::Bitcoin,
        }
    }
}

/// A custodian's secret key and its public half.
pub struct SigningKey {
    kind: Kind,
    secret: Plaintext,
    public_key: PublicKey,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system gives no random bytes.
    pub fn generate(kind: Kind) -> Result<Self, Error> {
        Self::new(kind, Plaintext::fill(kind.secret_bytes(), random)?)
    }

    /// The key of a secret that was kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not a secret of this kind.
    pub fn new(kind: Kind, secret: Plaintext) -> Result<Self, Error> {
        let bytes = secret.expose();
        let text = match kind {
            Kind::Bip322Simple { network, address } => {
                bip322_simple::address(bytes, network, address)
            }
            Kind::Bip340 => bip340::public_key(bytes),
            Kind::Ed25519 => ed25519::public_key(bytes),
            Kind::Ed25519MlDsa44 => ed25519_ml_dsa44::public_key(bytes),
        }?;
        let public_key = kind.scheme().public_key(&text, kind.network())?;
        Ok(Self {
            kind,
            secret,
            public_key,
        })
    }

    /// Which key it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// What must be kept to make it again by [`SigningKey::new`].
    #[must_use]
    pub fn secret(&self) -> &Plaintext {
        &self.secret
    }

    /// Signs, and verifies before the signature leaves.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no randomness, [`Error::BadSignature`] if signing went wrong.
    pub fn sign(&self, m: &[u8; MESSAGE_BYTES]) -> Result<String, Error> {
        let secret = self.secret.expose();
        let signature = match self.kind {
            Kind::Bip322Simple { network, address } => {
                bip322_simple::sign(secret, network, address, m)
            }
            Kind::Bip340 => bip340::sign(secret, m),
            Kind::Ed25519 => ed25519::sign(secret, m),
            Kind::Ed25519MlDsa44 => ed25519_ml_dsa44::sign(secret, m),
        }?;
        self.public_key.verify(m, &signature)?;
        Ok(signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey({})", self.public_key.text())
    }
}

/// The one seed of a scheme that has one.
pub(super) fn seed(secret: &[u8]) -> Result<&[u8; 32], Error> {
    let wrong = Error::Invalid("a secret of this scheme is 32 bytes");
    secret.try_into().map_err(|_| wrong)
}
