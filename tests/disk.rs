//! Disks that are full, read-only, faulty, damaged or gone, under the real binary on a real SoftHSM token: what cannot be
//! done is refused cleanly, readiness says so, nothing acknowledged is lost, and a disk that is well again needs no
//! restart.
//!
//! Full and read-only disks are small tmpfs, which only root may mount; errors of a disk are of a test double (`eio.c`).

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(clippy::disallowed_methods)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "disk/copies.rs"]
mod copies;
#[path = "disk/errors.rs"]
mod errors;
#[path = "disk/faulty.rs"]
mod faulty;
#[path = "disk/full.rs"]
mod full;
#[path = "disk/indexes.rs"]
mod indexes;
#[path = "disk/ledger.rs"]
mod ledger;
#[path = "disk/pages.rs"]
mod pages;
#[path = "disk/read_only.rs"]
mod read_only;
#[path = "disk/running.rs"]
mod running;
#[path = "disk/sample.rs"]
mod sample;
#[path = "disk/scene.rs"]
mod scene;
#[path = "backup/sealed.rs"]
mod sealed;
#[path = "support/service.rs"]
mod service;
#[path = "disk/small.rs"]
mod small;
#[path = "disk/taken.rs"]
mod taken;
