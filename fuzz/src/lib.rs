//! What must hold whatever a caller sends; each check panics where it does not.
//!
//! `make fuzz` drives them with libFuzzer (`fuzz/targets/`, `scripts/fuzz.sh`). `tests/seeds.rs` runs the same
//! files over all of `fuzz/seeds/`, so that a crash found once stays found: add its input there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]
#![allow(missing_docs, unreachable_pub)]

pub mod blob;
pub mod bodies;
pub mod certificate;
pub mod events;
pub mod export;
pub mod json;
pub mod tools;
