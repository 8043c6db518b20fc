//! Damaged rows that no request meets: looked for in the background, said once in the log, counted for `/metrics`.
//!
//! Readiness stays as it is: each use of a damaged row is refused by itself, and all others go on. After each round over a
//! table comes a look below its rows; trees that are out of order shut the database for changes.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use super::{Custodian, keyring::ROW_KEY, restore::Hear};
use crate::{
    error::Error,
    figures,
    kek::WrappedSecret,
    store::{Beat, Look},
};

/// Most damaged rows of one table that are remembered, named and counted: a whole table needs no line for each row.
const MOST: usize = 1000;

/// What earlier looks found.
#[derive(Debug, Default)]
pub(super) struct Patrol {
    tables: Mutex<HashMap<&'static str, Known>>,
    /// The row key's row as the KEK opened it last.
    row_key: Mutex<Option<WrappedSecret>>,
}

/// How far a table's round is, and which of its rows are known to be damaged.
#[derive(Debug)]
struct Known {
    next: i64,
    damaged: BTreeSet<i64>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            next: i64::MIN,
            damaged: BTreeSet::new(),
        }
    }
}

impl Custodian {
    /// Looks over the next rows of every table; a table that cannot be read keeps no other from it.
    pub(super) fn patrol(&self) -> Result<(), Error> {
        let looked = Beat::all().iter().map(|beat| self.look_over(beat));
        looked.fold(self.look_at_row_key(), Result::and)
    }

    /// Looks over every row of every table and at what is below them, at once; answers table and number of the first row
    /// that is not as it was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database cannot be read, or its trees are out of order.
    pub fn first_damaged(&self, hear: Hear<'_>) -> Result<Option<(&'static str, i64)>, Error> {
        let all = u64::try_from(Beat::all().len()).unwrap_or_default();
        for (done, beat) in (1..).zip(Beat::all()) {
            let mut from = Some(i64::MIN);
            while let Some(next) = from {
                let look = self.store.read(|view| view.look_over(beat, next))?;
                if let Some(row) = look.damaged.first() {
                    return Ok(Some((beat.table, *row)));
                }
                from = look.to.and_then(|last| last.checked_add(1));
            }
            self.store.look_below(beat)?;
            hear("tables verified", done, all);
        }
        Ok(None)
    }

    fn look_over(&self, beat: &Beat) -> Result<(), Error> {
        let from = self.patrol.known(beat.table, |known| known.next);
        let look = self.store.read(|view| view.look_over(beat, from))?;
        let over = look.to.is_none();
        self.patrol
            .known(beat.table, |known| known.learn(beat.table, look));
        match over && !self.store.is_damaged() {
            true => self.store.look_below(beat),
            false => Ok(()),
        }
    }

    /// No request reads the row key, and a restart without it is too late.
    fn look_at_row_key(&self) -> Result<(), Error> {
        const TABLE: &str = "row_key";
        let whole = match self.store.read(|view| view.row_key()) {
            Ok(Some(kept)) => self.is_ours(kept)?,
            Ok(None) | Err(Error::Corrupt(_)) => false,
            Err(unavailable) => return Err(unavailable),
        };
        let look = Look {
            from: i64::MIN,
            to: None,
            damaged: (!whole).then_some(1).into_iter().collect(),
        };
        self.patrol.known(TABLE, |known| known.learn(TABLE, look));
        Ok(())
    }

    /// Whether the KEK opens it; asked again only when it changes.
    fn is_ours(&self, kept: WrappedSecret) -> Result<bool, Error> {
        let mut last = self
            .patrol
            .row_key
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&kept) {
            return Ok(true);
        }
        match self.kek.unwrap(&kept, &ROW_KEY) {
            Ok(_) => *last = Some(kept),
            Err(Error::Corrupt(_)) => return Ok(false),
            Err(unavailable) => return Err(unavailable),
        }
        Ok(true)
    }
}

impl Patrol {
    fn known<T>(&self, table: &'static str, with: impl FnOnce(&mut Known) -> T) -> T {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tables.entry(table).or_default();
        let answer = with(known);
        let count = u32::try_from(known.damaged.len()).unwrap_or(u32::MAX);
        metrics::gauge!(figures::DAMAGED_ROWS, "table" => table).set(count);
        answer
    }
}

impl Known {
    fn learn(&mut self, table: &'static str, look: Look) {
        let covered = |row: &i64| *row >= look.from && look.to.is_none_or(|to| *row <= to);
        let before: BTreeSet<_> = self.damaged.iter().copied().filter(covered).collect();
        self.damaged.retain(|row| !covered(row));
        let room = MOST.saturating_sub(self.damaged.len());
        let now: BTreeSet<_> = look.damaged.into_iter().take(room).collect();
        for row in now.difference(&before) {
            tracing::error!(
                table,
                row,
                "a stored row is not as it was written, or one that it needs is missing; restore it from a backup"
            );
        }
        for row in before.difference(&now) {
            tracing::info!(table, row, "a damaged row is whole again, or gone");
        }
        self.damaged.extend(now);
        let after = |last: i64| last.checked_add(1);
        self.next = look.to.and_then(after).unwrap_or(i64::MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, MOST};
    use crate::store::Look;

    fn look(from: i64, to: Option<i64>, damaged: impl IntoIterator<Item = i64>) -> Look {
        let damaged = damaged.into_iter().collect();
        Look { from, to, damaged }
    }

    #[test]
    fn each_look_says_what_is_known_of_the_rows_that_it_covered_and_of_no_others() {
        let mut known = Known::default();
        known.learn("deks", look(i64::MIN, Some(10), [3, 7]));
        assert_eq!(known.next, 11);
        known.learn("deks", look(11, None, [12]));
        assert_eq!(known.next, i64::MIN);
        known.learn("deks", look(i64::MIN, Some(10), [7]));
        assert_eq!(known.damaged, [7, 12].into());
        known.learn("deks", look(11, None, []));
        assert_eq!(known.damaged, [7].into());
    }

    #[test]
    fn a_row_of_the_highest_number_ends_the_round() {
        let mut known = Known::default();
        known.learn("deks", look(i64::MIN, Some(i64::MAX), []));
        assert_eq!(known.next, i64::MIN);
    }

    #[test]
    fn memory_stays_bounded_though_every_row_is_damaged() {
        let mut known = Known::default();
        known.learn("deks", look(i64::MIN, None, 0..5000));
        assert_eq!(known.damaged.len(), MOST);
    }
}
