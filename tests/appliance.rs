//! The appliance as an operator has it: `init`, `serve`, `config check`, TLS and client certificates, on a real SoftHSM
//! token, by the real binary.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/authority.rs"]
mod authority;
#[path = "appliance/clients.rs"]
mod clients;
#[path = "appliance/config.rs"]
mod config;
#[path = "appliance/doctor.rs"]
mod doctor;
#[path = "appliance/init.rs"]
mod init;
#[path = "appliance/notify.rs"]
mod notify;
#[path = "appliance/reload.rs"]
mod reload;
#[path = "support/service.rs"]
mod service;
#[path = "appliance/tls.rs"]
mod tls;
#[path = "appliance/validity.rs"]
mod validity;
