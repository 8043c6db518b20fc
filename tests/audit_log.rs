//! The audit log as a transparency log, against the running service: what is tampered with is named, proofs hold by another
//! implementation, checkpoints come within a second and outlive the database.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "audit_log/attack.rs"]
mod attack;
#[path = "audit_log/cases.rs"]
mod cases;
#[path = "audit_log/checkpoints.rs"]
mod checkpoints;
#[path = "tamper/file.rs"]
mod file;
#[path = "audit_log/proofs.rs"]
mod proofs;
#[path = "audit_log/rollback.rs"]
mod rollback;
#[path = "support/service.rs"]
mod service;
#[path = "audit_log/tampering.rs"]
mod tampering;
#[path = "support/watch.rs"]
mod watch;
