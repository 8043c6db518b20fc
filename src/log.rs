//! The audit log's entries: what one says, and the bytes that are logged (formats.md section 8).
//!
//! The bytes are the canonical JSON of the entry, so that a Merkle tree over them needs nothing else.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    crypto::canonical,
    error::Error,
    id::{Id, Subject},
};

pub mod export;
mod fault;

pub use fault::Fault;

/// Bytes that an entry may have: what a tile of entries can hold (<https://c2sp.org/tlog-tiles>).
pub const LONGEST: usize = 0xffff;

/// One entry, as it is logged and read back.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    /// What was tried, for example `dek.rotate`.
    pub action: &'a str,
    /// Who tried; `None` for strangers.
    pub actor: Option<Actor<'a>>,
    /// When.
    pub at: Timestamp,
    /// More, depending on the action.
    pub detail: &'a Map<String, Value>,
    /// Its place in the log, from 0.
    pub index: u64,
    /// What it was tried on.
    pub object: Option<&'a str>,
    /// How it ended.
    pub outcome: Outcome,
    /// The request, as every log line names it.
    pub request_id: Option<&'a str>,
}

/// Who tried.
#[derive(Debug, Serialize)]
pub struct Actor<'a> {
    /// The principal.
    pub id: &'a Id,
    /// The human or service behind it.
    pub subject: &'a Subject,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The service could not, through no fault of the caller.
    Failed,
    /// It was done.
    Ok,
    /// The caller may not, or asked for what cannot be.
    Refused,
}

impl Entry<'_> {
    /// The bytes that are logged: RFC 8785.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`LONGEST`]; [`Error::Internal`] if it cannot be said in JSON.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let bytes = canonical::json(self)?;
        match bytes.len() <= LONGEST {
            true => Ok(bytes),
            false => Err(TOO_LONG),
        }
    }
}

const TOO_LONG: Error = Error::TooLarge(
    "what is to be done needs more than 64 KiB to be written into the audit log: name fewer things at once",
);
