//! Pages of the log, as the service answers them: each entry in exactly the bytes that were logged.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::{Client, Failure};

/// Most entries of a page (api.md section 1).
const PAGE: u64 = 500;

/// A part of the log.
#[derive(Deserialize)]
pub(super) struct Entries {
    pub(super) items: Vec<Box<RawValue>>,
    /// Entries of the whole log.
    pub(super) size: u64,
}

impl Entries {
    /// At most a page of those from number `from` on.
    pub(super) fn read(client: &Client, from: u64) -> Result<Self, Failure> {
        client.read(&format!("/v1/audit/entries?from={from}&limit={PAGE}"))
    }

    /// How many there are.
    pub(super) fn size(client: &Client) -> Result<u64, Failure> {
        let page: Self = client.read("/v1/audit/entries?limit=1")?;
        Ok(page.size)
    }
}
