//! Pure cryptographic composition: bytes in, bytes out. No clock, no store, no key holder.

pub mod aes_gcm;
