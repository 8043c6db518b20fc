//! An export of the log: a first line with a signed checkpoint, then exactly the entries that it commits to, each on a
//! line in the bytes that were logged. Whoever has one, and the service's pinned keys, needs no service to judge it.
//!
//! Judged line by line in memory that does not grow: [`Judge::begin`], [`Judge::entry`] for each line, [`Judge::end`].

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::{
        checkpoint::{self, Checkpoint, Distrust},
        merkle::{self, Frontier, Hash},
        pinned::LogKey,
    },
    error::Error,
    json,
};

mod entry;
mod order;
mod verdict;

pub use verdict::{Earlier, Verdict};

use super::Fault;
use entry::Entry;
use order::Order;

/// What the first line says.
const FORMAT: &str = "aegis-custodian/audit/v1";

/// How much later than the time as of which it is judged an entry may be: clocks differ.
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

/// The first line of an export.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    format: String,
    /// The signed note.
    pub checkpoint: String,
}

impl Head {
    /// That of the export up to this checkpoint.
    #[must_use]
    pub fn new(note: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            checkpoint: note,
        }
    }

    /// Reads the first line.
    ///
    /// # Errors
    /// [`Fault::ExportMalformed`].
    pub fn read(line: &[u8]) -> Result<Self, Fault> {
        let head: Self = json::read(line).map_err(|_| Fault::ExportMalformed)?;
        let known = head.format == FORMAT;
        known.then_some(head).ok_or(Fault::ExportMalformed)
    }
}

/// Who signed a checkpoint, and what it commits to.
#[derive(Clone, Debug)]
pub struct Signed {
    keyid: String,
    /// What it commits to.
    pub checkpoint: Checkpoint,
}

impl Signed {
    /// Opens a note by one of the log's keys.
    ///
    /// # Errors
    /// The [`Fault`] for which it is not believed.
    pub fn open(note: &str, keys: &[LogKey]) -> Result<Self, Fault> {
        let mut fault = Fault::CheckpointByAnotherKey;
        for key in keys {
            match key.note.open(note) {
                Ok(_) if key.revoked => return Err(Fault::CheckpointKeyRevoked),
                Ok(checkpoint) => {
                    let keyid = key.id.clone();
                    return Ok(Self { keyid, checkpoint });
                }
                Err(Distrust::Malformed) => return Err(Fault::CheckpointMalformed),
                Err(Distrust::Origin) => fault = Fault::CheckpointOfAnotherLog,
                Err(Distrust::Signature) if key.note.is_named_in(note) => {
                    return Err(Fault::CheckpointForged);
                }
                Err(Distrust::Signature) => {}
            }
        }
        Err(fault)
    }
}

/// Judges an export while it is read.
#[derive(Debug)]
pub struct Judge {
    at: Timestamp,
    /// What the export says that it commits to, whether or not that is believed.
    claimed: Option<Checkpoint>,
    signed: Result<Signed, Fault>,
    earlier: Vec<(Checkpoint, Option<Hash>)>,
    edge: Frontier,
    /// The root where the checkpoint ends, once there are as many entries.
    root: Option<Hash>,
    order: Order,
    /// The first line that is longer than any entry.
    long: Option<u64>,
    /// The first entry that is not what entries are.
    odd: Option<(u64, Fault)>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Judge {
    /// Reads the first line; `earlier` are checkpoints of the same log that somebody has kept.
    ///
    /// # Errors
    /// [`Error::Internal`]: never.
    pub fn begin(
        line: &[u8],
        keys: &[LogKey],
        earlier: Vec<Checkpoint>,
        at: Timestamp,
    ) -> Result<Self, Error> {
        let head = Head::read(line);
        let claimed = head.as_ref().ok();
        let claimed = claimed.and_then(|head| checkpoint::claimed(&head.checkpoint).ok());
        let signed = head.and_then(|head| Signed::open(&head.checkpoint, keys));
        let mut judge = Self {
            at,
            claimed,
            signed,
            earlier: earlier.into_iter().map(|one| (one, None)).collect(),
            edge: Frontier::default(),
            root: None,
            order: Order::default(),
            long: None,
            odd: None,
            first: None,
            last: None,
        };
        judge.note_roots()?;
        Ok(judge)
    }

    /// Reads the next entry: its line without what ends it.
    ///
    /// # Errors
    /// [`Error::Internal`] beyond what a tree can have.
    pub fn entry(&mut self, line: &[u8]) -> Result<(), Error> {
        let place = self.edge.size();
        let fault = match Entry::read(line) {
            Err(fault) => Some(fault),
            Ok(entry) => {
                self.order.see(place, entry.index);
                self.time(entry.at)
            }
        };
        if let (None, Some(fault)) = (self.odd, fault) {
            self.odd = Some((place, fault));
        }
        self.edge.push(merkle::leaf(line))?;
        self.note_roots()
    }

    /// Reads the beginning of a line that is longer than any entry. It counts as one, and is no entry of any log;
    /// from there on no root is compared.
    ///
    /// # Errors
    /// [`Error::Internal`] beyond what a tree can have.
    pub fn too_long(&mut self, beginning: &[u8]) -> Result<(), Error> {
        self.long.get_or_insert(self.edge.size());
        self.edge.push(merkle::leaf(beginning))?;
        Ok(())
    }

    fn time(&mut self, at: Timestamp) -> Option<Fault> {
        let before = self.last.replace(at);
        self.first.get_or_insert(at);
        if before.is_some_and(|before| at < before) {
            return Some(Fault::TimeReversed);
        }
        (at.duration_since(self.at) > TOLERATED).then_some(Fault::LogAhead)
    }

    /// Keeps the root where a checkpoint ends, unless a line before it was not read whole.
    fn note_roots(&mut self) -> Result<(), Error> {
        if self.long.is_some() {
            return Ok(());
        }
        let size = self.edge.size();
        if self.claimed.as_ref().is_some_and(|one| one.size == size) {
            self.root = Some(self.edge.root()?);
        }
        for (checkpoint, root) in &mut self.earlier {
            if checkpoint.size == size {
                *root = Some(self.edge.root()?);
            }
        }
        Ok(())
    }

    /// What all of it was found to be.
    ///
    /// # Errors
    /// [`Error::Internal`]: never.
    pub fn end(self) -> Result<Verdict, Error> {
        let root = self.edge.root()?;
        let found = self.found();
        Ok(Verdict::new(&self, root, found))
    }

    /// The first fault, and the entry that it is about where that is known.
    fn found(&self) -> Option<(Fault, Option<u64>)> {
        let (size, signed) = match &self.signed {
            Ok(signed) => (signed.checkpoint.size, signed.checkpoint.root),
            Err(fault) => return Some((*fault, None)),
        };
        if self.long.is_some() {
            return Some((Fault::EntryMalformed, self.long));
        }
        let read = self.edge.size();
        if let Some((fault, entry)) = self.order.fault(read, size) {
            return Some((fault, Some(entry)));
        }
        if self.root != Some(signed) {
            let entry = self.odd.map(|(entry, _)| entry);
            return Some((Fault::EntryChanged, entry));
        }
        if let Some((entry, fault)) = self.odd {
            return Some((fault, Some(entry)));
        }
        self.earlier.iter().find_map(|(one, root)| match root {
            None => Some((Fault::RolledBack, Some(size))),
            Some(root) => (*root != one.root).then_some((Fault::Forked, None)),
        })
    }
}
