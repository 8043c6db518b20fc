//! Aegis Custodian: an HSM-first key custodian.

pub mod algorithm;
pub mod crypto;
pub mod custodian;
pub mod duration;
pub mod error;
pub mod id;
pub mod json;
pub mod kek;
pub mod log;
pub mod policy;
pub mod secret;
pub mod store;
