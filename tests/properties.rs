//! What holds for every input, tried with inputs that chance makes: blobs, certificates, signed tools, contexts, the
//! JSON reader and the ciphers. Real keys, for `kek` blobs in a real SoftHSM token. `PROPTEST_CASES` sets how many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use proptest::prelude::ProptestConfig;

#[path = "properties/blobs.rs"]
mod blobs;
#[path = "support/ceremony.rs"]
mod ceremony;
#[path = "properties/certificates.rs"]
mod certificates;
#[path = "properties/ciphers.rs"]
mod ciphers;
#[path = "properties/contexts.rs"]
mod contexts;
#[path = "properties/given.rs"]
mod given;
#[path = "properties/reader.rs"]
mod reader;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/toolbox.rs"]
mod toolbox;
#[path = "properties/tools.rs"]
mod tools;
#[path = "properties/tree.rs"]
mod tree;

/// As the environment says, and nothing is written beside the tests.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// For what takes milliseconds: a quarter of the cases.
fn few() -> ProptestConfig {
    let all = config();
    ProptestConfig {
        cases: (all.cases / 4).max(1),
        ..all
    }
}
