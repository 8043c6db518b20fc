//! Outages of the token as whoever uses the service meets them (issue 6): real HTTP, a real SoftHSM token or the double
//! that misbehaves on demand, a real database. Each is measured: how long until 503, how long until work after the
//! token's return. Each test runs in a process of its own. What the provider itself does is in tests/kek_outage.rs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/alone.rs"]
mod alone;
#[path = "outage/beside.rs"]
mod beside;
#[path = "support/double.rs"]
mod double;
#[path = "outage/goes_on.rs"]
mod goes_on;
#[path = "outage/gone.rs"]
mod gone;
#[path = "outage/hangs.rs"]
mod hangs;
#[path = "support/house.rs"]
mod house;
#[path = "support/house_desk.rs"]
mod house_desk;
#[path = "outage/keys.rs"]
mod keys;
#[path = "outage/load.rs"]
mod load;
#[path = "support/people.rs"]
mod people;
#[path = "outage/pins.rs"]
mod pins;
#[path = "outage/scene.rs"]
mod scene;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/watch.rs"]
mod watch;
