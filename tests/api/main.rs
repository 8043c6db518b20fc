//! The contract over real HTTP, on a real SoftHSM token and a real database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "../support/desk.rs"]
mod desk;
#[path = "../support/people.rs"]
mod people;
#[path = "../support/service.rs"]
mod service;
#[path = "../support/wire.rs"]
mod wire;

mod audit;
mod batch;
mod cache;
mod capabilities;
mod ceremony;
mod conventions;
mod data_keys;
mod deks;
mod discovery;
mod duties;
mod encrypt;
mod first_start;
mod hybrid;
mod idempotency;
mod logs;
mod order;
mod outage;
mod paths;
mod principals;
mod process;
mod refusals;
mod routes;
mod servers;
mod shut_out;
mod signing_keys;
mod table;
mod tokens;
mod tools;
mod versions;
#[path = "../support/watch.rs"]
mod watch;
mod wrap;
