//! `custodian restore` (formats.md section 8, docs/decisions/0019), by the real binary on a real SoftHSM token: a service is
//! backed up, goes on, and loses its disk. What comes back, what must not, and what is refused.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test may
#![allow(clippy::disallowed_methods, clippy::expect_used)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/authority.rs"]
mod authority;
#[path = "restore/comes_back.rs"]
mod comes_back;
#[path = "restore/fixture.rs"]
mod fixture;
#[path = "restore/kills.rs"]
mod kills;
#[path = "restore/last_export.rs"]
mod last_export;
#[path = "restore/overrides.rs"]
mod overrides;
#[path = "support/people.rs"]
mod people;
#[path = "restore/refusals.rs"]
mod refusals;
#[path = "restore/rollback.rs"]
mod rollback;
#[path = "restore/scene.rs"]
mod scene;
#[path = "backup/sealed.rs"]
mod sealed;
#[path = "support/service.rs"]
mod service;
#[path = "restore/stays_gone.rs"]
mod stays_gone;
