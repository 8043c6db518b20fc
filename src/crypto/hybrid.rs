//! Hybrid post-quantum encryption to a public key (formats.md section 2): RFC 9180 base mode with MLKEM768-X25519
//! (X-Wing, 0x647a), HKDF-SHA256 (0x0001), AES-256-GCM (0x0002) and an empty AAD. Any HPKE library makes and opens the
//! same bytes.

#[cfg(not(feature = "pqc"))]
mod absent;
#[cfg(feature = "pqc")]
mod present;

#[cfg(not(feature = "pqc"))]
pub use absent::{Opener, Sealer};
#[cfg(feature = "pqc")]
pub use present::{Opener, Sealer};

/// Bytes of a public key: ML-KEM-768 encapsulation key (FIPS 203), then X25519 (RFC 7748).
pub const PUBLIC_KEY_BYTES: usize = 1216;

/// Bytes of an encapsulated key.
pub const ENCAPSULATED_BYTES: usize = 1120;

/// Bytes that encryption adds: the encapsulated key and the tag.
pub const ADDED_BYTES: usize = ENCAPSULATED_BYTES + 16;
