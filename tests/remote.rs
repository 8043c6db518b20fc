//! The commands that speak to a running service (api.md section 13), by the real binary: which service and whose token,
//! what may be sent again, moving blobs, the audit log, keys, people and overrides.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(clippy::disallowed_methods, clippy::expect_used)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "remote/audit.rs"]
mod audit;
#[path = "remote/client.rs"]
mod client;
#[path = "remote/dek.rs"]
mod dek;
#[path = "remote/desk.rs"]
mod desk;
#[path = "remote/export.rs"]
mod export;
#[path = "remote/fake.rs"]
mod fake;
#[path = "remote/health.rs"]
mod health;
#[path = "support/house.rs"]
mod house;
#[path = "remote/kek.rs"]
mod kek;
#[path = "remote/overrides.rs"]
mod overrides;
#[path = "remote/principal.rs"]
mod principal;
#[path = "remote/rewrap.rs"]
mod rewrap;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "remote/tls.rs"]
mod tls;
