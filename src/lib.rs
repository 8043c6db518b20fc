//! Aegis Custodian: an HSM-first key custodian.

pub mod algorithm;
pub mod crypto;
pub mod error;
pub mod id;
pub mod kek;
pub mod secret;
