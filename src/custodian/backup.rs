//! A backup: an online copy of the database, sealed to an operator's own keys while it is sent (api.md section 13). What it
//! holds is of no use without the token: every key in it is wrapped, and so is the key of its rows' MACs.

use std::{fs::File, io::Read, mem};

use super::{Caller, Custodian, audit::Event};
use crate::{
    crypto::sealed_copy::{Recipients, Sealing},
    error::Error,
};

mod manifest;

pub use manifest::{Database, Manifest, MemberKek, read_head};

/// Bytes of the database that are sealed at once.
const PIECE: usize = 256 * 1024;

/// A backup on its way.
#[derive(Debug)]
pub struct Backup {
    bytes: u64,
    first: Vec<u8>,
    database: File,
    sealing: Option<Sealing>,
}

impl Custodian {
    /// Copies the database as it is now, and writes down to whom the copy goes before any of it is answered.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also if the disk has no room for a second database; [`Error::Corrupt`].
    pub fn back_up(&self, who: &Caller, to: &Recipients) -> Result<Backup, Error> {
        let (instance, now) = (self.rules.instance.to_string(), self.clock.now());
        let (copy, mut manifest) = self.store.copy(|view| Manifest::of(view, instance, now))?;
        manifest.database = Database {
            bytes: copy.bytes,
            sha256: hex::encode(copy.sha256),
        };
        let head = manifest.head()?;
        let mut sealing = Sealing::begin(to)?;
        let content = u64::try_from(head.len()).unwrap_or_default();
        let bytes = sealing.length(content.saturating_add(copy.bytes));
        let event = Event::done(None)
            .with("recipients", to.names())
            .with("size", manifest.log.size)
            .with("database_sha256", manifest.database.sha256.as_str());
        self.change(who, |_, _| Ok(((), event)))?;
        Ok(Backup {
            bytes,
            first: sealing.seal(&head)?,
            database: copy.file,
            sealing: Some(sealing),
        })
    }
}

impl Backup {
    /// How long all pieces are together, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the copy cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if !self.first.is_empty() {
            return Ok(Some(mem::take(&mut self.first)));
        }
        let mut piece = Vec::with_capacity(PIECE);
        let limit = u64::try_from(PIECE).unwrap_or(u64::MAX);
        let read = (&mut self.database).take(limit).read_to_end(&mut piece);
        read.map_err(|error| Error::store("reading the copy of the database", error))?;
        match (piece.is_empty(), self.sealing.take()) {
            (false, Some(mut sealing)) => {
                let sealed = sealing.seal(&piece)?;
                self.sealing = Some(sealing);
                Ok(Some(sealed))
            }
            (true, Some(sealing)) => {
                metrics::counter!("custodian_backups_total").increment(1);
                Ok(Some(sealing.end()?))
            }
            (_, None) => Ok(None),
        }
    }
}
