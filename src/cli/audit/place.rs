//! Where a log is that is exported: with a service that runs, or in the database of one that does not.

use super::entries::Entries;
use crate::{client::Client, error::Source, server::stopped::StoppedLog};

pub(super) enum Place {
    Service(Client),
    Database(Box<StoppedLog>),
}

impl Place {
    /// The newest checkpoint.
    pub(super) fn note(&self) -> Result<String, Source> {
        match self {
            Self::Service(client) => Ok(client.text("/v1/audit/checkpoint")?),
            Self::Database(log) => Ok(log.note().to_owned()),
        }
    }

    /// Some of the entries from number `from` on, in the bytes that were logged.
    pub(super) fn entries(&self, from: u64) -> Result<Vec<Vec<u8>>, Source> {
        match self {
            Self::Service(client) => {
                let page = Entries::read(client, from)?;
                let entries = page.items.iter();
                Ok(entries.map(|entry| entry.get().into()).collect())
            }
            Self::Database(log) => Ok(log.entries(from)?),
        }
    }
}
