//! Pure cryptographic composition: bytes in, bytes out. No clock, no store, no key holder.

pub mod aes_gcm;
pub mod bip340;
pub mod blob;
pub mod canonical;
pub mod certificate;
pub mod checkpoint;
pub mod ed25519;
pub(crate) mod faults;
pub mod feature;
pub mod hybrid;
pub mod instant;
pub mod mac;
pub mod merkle;
pub mod messages;
pub mod ml_dsa;
pub mod pinned;
pub mod scheme;
pub mod sealed_copy;
pub mod tools;
pub mod wrapped;
