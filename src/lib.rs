//! Aegis Custodian: an HSM-first key custodian.
//!
//! The house, top floor first; imports only go down (`tests/layout.rs`):
//!
//! 7. [`server`] joins all parts; [`cli`] has one file per command; [`client`] speaks to a running service.
//! 6. [`config`] checks what an operator decides; [`telemetry`] starts logs and figures.
//! 5. [`http`]: every route on one screen, one place that maps errors.
//! 4. [`custodian`]: the verbs. Policy, key holder outside any transaction, one transaction with its audit entry.
//! 3. [`kek`]: the joint to the key holder; [`store`]: the database; [`log`]: what an audit entry says.
//! 2. [`crypto`]: bytes in, bytes out; [`policy`]: who may do what; [`json`]: untrusted JSON; [`texts`]: what people write and sign.
//! 1. [`error`]: what can go wrong, said without HTTP.
//! 0. [`secret`], [`id`], [`algorithm`], [`duration`], [`figures`], [`words`], [`private_file`] import nothing of ours.
//!
//! A request travels: [`http`] gives it an id, authenticates before a body is read, checks the roles of its
//! action, reads strict JSON, and runs one verb of [`custodian::Custodian`] where it may block. The verb's audit
//! entry is on disk before the answer leaves.

pub mod algorithm;
pub mod cli;
pub mod client;
pub mod config;
pub mod crypto;
pub mod custodian;
pub mod duration;
pub mod error;
pub mod figures;
pub mod http;
pub mod id;
pub mod json;
pub mod kek;
pub mod log;
pub mod policy;
pub mod private_file;
pub mod secret;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod texts;
pub mod words;
