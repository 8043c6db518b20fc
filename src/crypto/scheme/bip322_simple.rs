//! `bip322-simple`: what a Bitcoin wallet signs for an address, P2TR by its key path or P2WPKH (BIP-322).

use crate::crypto::messages::MESSAGE_BYTES;

#[cfg(not(feature = "bip322"))]
mod absent;
#[cfg(feature = "bip322")]
mod present;

#[cfg(not(feature = "bip322"))]
pub use absent::Key;
#[cfg(not(feature = "bip322"))]
pub(super) use absent::{address, sign};
#[cfg(feature = "bip322")]
pub use present::Key;
#[cfg(feature = "bip322")]
pub(super) use present::{address, sign};

/// What a signature in the simple format may begin with.
const PREFIX: &str = "smp";

/// The message as a wallet is given it: lower-case hex.
pub(super) fn message(m: &[u8; MESSAGE_BYTES]) -> String {
    hex::encode(m)
}

/// The witness stack in base64: what is the same in both ways of writing a signature.
pub(super) fn bare(signature: &str) -> &str {
    signature.strip_prefix(PREFIX).unwrap_or(signature)
}
