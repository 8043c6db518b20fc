//! Keys and people are shut while many clients use them: what was asked for after `disable`, `destroy` or a revocation
//! had returned never succeeds, and the log never shows a use after it (api.md section 7). The real binary, many
//! connections, with opened DEKs kept and without. `RACES_SECONDS` says how long, `RACES_CLIENTS` how many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "races/changes.rs"]
mod changes;
#[path = "races/clients.rs"]
mod clients;
#[path = "support/dice.rs"]
mod dice;
#[path = "support/house.rs"]
mod house;
#[path = "races/judge.rs"]
mod judge;
#[path = "races/once.rs"]
mod once;
#[path = "races/scene.rs"]
mod scene;
#[path = "support/service.rs"]
mod service;
#[path = "races/slow.rs"]
mod slow;
#[path = "support/softhsm.rs"]
mod softhsm;

use scene::Scene;

#[test]
fn what_is_shut_is_used_no_more_while_opened_keys_are_kept() {
    Scene::open(&[]).run();
}

#[test]
fn what_is_shut_is_used_no_more_while_no_opened_key_is_kept() {
    Scene::open(&["--dek-cache", "0"]).run();
}
