//! One line of an export: what every entry has.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    crypto::{canonical, instant::instant},
    json::normal,
    log::Fault,
};

/// What is known of every entry.
pub(super) struct Entry {
    pub(super) index: u64,
    pub(super) at: Timestamp,
}

#[derive(Deserialize)]
struct Members {
    index: u64,
    at: String,
}

impl Entry {
    /// Reads canonical JSON (RFC 8785 after NFC) with `index` and `at`.
    pub(super) fn read(line: &[u8]) -> Result<Self, Fault> {
        Self::of(line).ok_or(Fault::EntryMalformed)
    }

    fn of(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let is_canonical = canonical::json(&value).ok()? == line;
        let text = std::str::from_utf8(line).ok()?;
        let members = Members::deserialize(&value).ok()?;
        let at = instant(&members.at)?;
        let index = members.index;
        (is_canonical && normal(text.to_owned()) == text).then_some(Self { index, at })
    }
}
