//! What was found wrong with the audit log: for good, since whoever could change it could change it back.

use crate::{
    crypto::checkpoint::Distrust, custodian::Custodian, error::Error, log::Fault, store::FindingRow,
};

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}{}", .fault.sentence(), at(*.entry))]
pub struct Finding {
    /// What.
    pub fault: Fault,
    /// The first entry that is not as it was logged, where that is known.
    pub entry: Option<u64>,
}

impl Finding {
    pub(super) const fn of(fault: Fault) -> Self {
        Self { fault, entry: None }
    }

    fn row(self) -> FindingRow {
        FindingRow {
            fault: self.fault.word().to_owned(),
            entry: self.entry,
        }
    }

    pub(super) const fn at(entry: u64, fault: Fault) -> Self {
        let entry = Some(entry);
        Self { fault, entry }
    }
}

fn at(entry: Option<u64>) -> String {
    entry.map_or_else(String::new, |entry| format!(" (entry {entry})"))
}

impl From<Distrust> for Finding {
    fn from(distrust: Distrust) -> Self {
        Self::of(match distrust {
            Distrust::Malformed => Fault::CheckpointMalformed,
            Distrust::Origin => Fault::CheckpointOfAnotherLog,
            Distrust::Signature => Fault::CheckpointForged,
        })
    }
}

impl Custodian {
    /// Closes the log for good, and says so once.
    pub(super) fn break_log(&self, finding: Finding) {
        self.store.close_log();
        let mut state = self.audit_log.state();
        if state.broken.is_some() {
            return;
        }
        state.broken = Some(finding);
        drop(state);
        let (row, at) = (finding.row(), self.clock.now());
        let kept = self.store.transact(move |tx| tx.keep_finding(&row, at));
        tracing::error!(
            fault = finding.fault.word(),
            entry = finding.entry,
            "{}; it takes no more entries, so no key is used; see docs/audit.md",
            finding.fault.meaning()
        );
        if let Err(error) = kept {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "what was found is not written down");
        }
    }

    /// What was read of the log; `None`, and the log is closed, if it was damaged.
    pub(super) fn found<T>(&self, read: Result<T, Error>) -> Result<Option<T>, Error> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(Error::Corrupt(_)) => {
                self.break_log(Finding::of(Fault::TreeChanged));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
