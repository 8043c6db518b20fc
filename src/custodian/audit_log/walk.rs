//! A walk along the log: each entry the row that was written, at its place, and the leaf of the stored tree.

use serde::Deserialize;

use super::Finding;
use crate::{
    crypto::merkle::{self, Frontier},
    error::Error,
    log::Fault,
    store::{Logged, View},
};

/// Entries that are in memory at once.
pub(super) const CHUNK: usize = 5000;

/// How far the walk is.
#[derive(Debug, Default)]
pub(super) struct Walk(Frontier);

/// The one member of an entry that says where it belongs.
#[derive(Deserialize)]
struct Place {
    index: u64,
}

impl Walk {
    /// Goes on from an edge that is known to be right.
    pub(super) fn from(edge: Frontier) -> Self {
        Self(edge)
    }

    pub(super) fn edge(&self) -> &Frontier {
        &self.0
    }

    pub(super) fn into_edge(self) -> Frontier {
        self.0
    }

    /// Goes on to entry number `until`, but over no more than `most` entries; answers the first that is wrong, after
    /// which it goes nowhere.
    pub(super) fn go_on(
        &mut self,
        view: &View<'_>,
        until: u64,
        most: usize,
    ) -> Result<Option<Finding>, Error> {
        let from = self.0.size();
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let end = until.min(from.saturating_add(most));
        let count = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX);
        if count == 0 {
            return Ok(None);
        }
        // One more, since it tells an entry that was put in from one that was changed.
        let rows = view.logged(from, count.saturating_add(1))?;
        let first = merkle::position(from)?;
        let stored = view.hashes_from(first, merkle::count(end)?.saturating_sub(first))?;
        let mut stored = stored.into_iter();
        let mut next = rows.iter().skip(1);
        for (number, row) in (from..end).zip(&rows) {
            let (_, made) = self.0.push(merkle::leaf(&row.entry))?;
            let known: Vec<_> = stored.by_ref().take(made.len()).collect();
            let next = next.next();
            if row.number == number && row.whole && known == made {
                continue;
            }
            let grown = known.len() == made.len();
            return wrong(view, number, row, next, grown).map(Some);
        }
        let reached = self.0.size();
        Ok((reached < end).then_some(Finding::at(reached, Fault::TailCut)))
    }
}

/// What is wrong with the row at the place of entry `number`; `grown` says whether the tree knows of such an entry.
fn wrong(
    view: &View<'_>,
    number: u64,
    row: &Logged,
    next: Option<&Logged>,
    grown: bool,
) -> Result<Finding, Error> {
    let fault = match place(row) {
        // What stands behind a gap that the tree knows nothing of was never logged.
        _ if row.number != number && !grown => Fault::EntryInserted,
        _ if row.number != number => Fault::EntryMissing,
        None => Fault::EntryChanged,
        Some(own) if own == number => match next.and_then(place) {
            Some(also) if also == number => Fault::EntryInserted,
            _ if !row.whole && !grown => Fault::EntryInserted,
            _ if row.whole => Fault::TreeChanged,
            _ => Fault::EntryChanged,
        },
        Some(other) => {
            let there = view.logged(other, 1)?;
            match there.first().and_then(place) {
                Some(ours) if ours == number => Fault::EntryMoved,
                _ if other > number => Fault::EntryMissing,
                _ => Fault::EntryInserted,
            }
        }
    };
    Ok(Finding::at(number, fault))
}

/// Where an entry says that it belongs.
fn place(row: &Logged) -> Option<u64> {
    let place: Place = serde_json::from_slice(&row.entry).ok()?;
    Some(place.index)
}
