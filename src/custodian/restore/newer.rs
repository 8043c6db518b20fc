//! What a database that is about to be replaced knows, and an export may lack.

use super::{entry::Said, renewal::ROLLBACK, replay::PROVISION};
use crate::{custodian::Custodian, error::Error, policy::Action};

/// Entries that are in memory at once.
const CHUNK: usize = 1000;

impl Custodian {
    /// Number and bytes of the newest entry that says what somebody changed. Nothing is written.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn newest_change(&self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        self.adopt_and_open_rows()?;
        let mut end = self.audit_entries(0, 0)?.size;
        while end > 0 {
            let from = end.saturating_sub(CHUNK as u64);
            let entries = self.audit_entries(from, CHUNK)?.entries;
            let mut newest_first = (from..end).rev().zip(entries.into_iter().rev());
            if let Some(newest) = newest_first.find(|(_, entry)| changes(entry)) {
                return Ok(Some(newest));
            }
            end = from;
        }
        Ok(None)
    }
}

/// Whether somebody changed something, or that cannot be told. What the service does by itself takes nothing away, but for
/// a restore in which two admins void all tokens.
fn changes(entry: &[u8]) -> bool {
    let Ok(said) = Said::read(entry) else {
        return true;
    };
    if !said.is_done() {
        return false;
    }
    let Some(action) = Action::named(&said.action) else {
        return said.action != PROVISION;
    };
    let rolled_back = action == Action::Restored && said.text("how") == Some(ROLLBACK);
    let lasts = action.changes() && ![Action::BackupMake, Action::KekReconnect].contains(&action);
    rolled_back || lasts && said.by().is_some()
}
