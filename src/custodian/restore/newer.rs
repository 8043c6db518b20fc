//! What a database that is about to be replaced knows, and an export may lack.

use super::entry::Said;
use crate::{custodian::Custodian, error::Error, policy::Action};

/// Entries that are in memory at once.
const CHUNK: usize = 1000;

impl Custodian {
    /// How many entries the log has up to the newest that says what somebody changed; 0 if there is none. Nothing is
    /// written.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn changed_until(&self) -> Result<u64, Error> {
        self.adopt_and_open_rows()?;
        let mut end = self.audit_entries(0, 0)?.size;
        while end > 0 {
            let from = end.saturating_sub(CHUNK as u64);
            let entries = self.audit_entries(from, CHUNK)?.entries;
            if let Some(at) = entries.iter().rposition(|entry| changes(entry)) {
                return Ok(from + at as u64 + 1);
            }
            end = from;
        }
        Ok(0)
    }
}

/// Whether somebody changed something: what the service does by itself takes nothing away.
fn changes(entry: &[u8]) -> bool {
    Said::read(entry).is_ok_and(|said| {
        let action = Action::named(&said.action);
        said.is_done() && said.by().is_some() && action.is_some_and(Action::changes)
    })
}
