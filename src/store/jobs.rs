//! Long work that goes on in the background, and how far it is.

use jiff::Timestamp;
use rusqlite::Row;

use super::{
    Tx, View, rows,
    sealed::{Columns, Table},
};
use crate::{
    error::Error,
    id::{Id, KekVersion},
};

/// The move of every stored record to a KEK version.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// In the order of their beginnings.
    pub seq: i64,
    /// Its name.
    pub id: Id,
    /// The version that all records are moved to.
    pub kek: KekVersion,
    /// How it goes.
    pub state: JobState,
    /// Records that it moved.
    pub moved: u64,
    /// Records that there are to move, and those that it moved.
    pub total: u64,
    /// Records that it could not move.
    pub unmoved: u64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// How a job goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JobState {
    /// All was moved.
    Done,
    /// It ended, and something could not be moved.
    Failed,
    /// It goes on.
    Running,
}

const TABLE: Table = "jobs";
const READING: &str = "reading jobs";
const KIND: &str = "kek.rotate";

impl JobState {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Done, Self::Failed, Self::Running];

    /// The name in the store, in answers and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Running => "running",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl JobRow {
    /// What every job of now is: its name in answers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        KIND
    }
}

impl View<'_> {
    /// One job.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn job(&self, id: &Id) -> Result<Option<JobRow>, Error> {
        self.one(READING, TABLE, "WHERE id = ?1", [id.as_str()], job)
    }

    /// The job that goes on.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn running_job(&self) -> Result<Option<JobRow>, Error> {
        self.one(READING, TABLE, "WHERE state = 'running'", [], job)
    }

    /// The job that was begun last.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn newest_job(&self) -> Result<Option<JobRow>, Error> {
        self.one(READING, TABLE, "ORDER BY seq DESC LIMIT 1", [], job)
    }

    /// At most `limit` jobs in the order of their beginnings, from the first one after `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn jobs_after(&self, after: i64, limit: usize) -> Result<Vec<JobRow>, Error> {
        let rest = "WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        self.many(READING, TABLE, rest, (after, rows::at_most(limit)), job)
    }
}

impl Tx<'_> {
    /// Begins the move of `total` records to `kek`.
    ///
    /// # Errors
    /// [`Error::Conflict`] while another job goes on; [`Error::Unavailable`].
    pub fn begin_job(&self, kek: &KekVersion, total: u64, at: Timestamp) -> Result<JobRow, Error> {
        let row = JobRow {
            seq: self.next_seq("SELECT coalesce(max(seq), 0) + 1 FROM jobs")?,
            id: Id::random(),
            kek: kek.clone(),
            state: JobState::Running,
            moved: 0,
            total,
            unmoved: 0,
            created_at: at,
            finished_at: None,
        };
        self.insert(
            "beginning a job",
            TABLE,
            &[
                ("seq", &row.seq),
                ("id", &row.id.as_str()),
                ("kind", &KIND),
                ("kek", &row.kek.as_str()),
                ("state", &row.state.name()),
                ("moved", &0),
                ("total", &rows::integer(total)?),
                ("unmoved", &0),
                ("created_at", &at.as_microsecond()),
            ],
            Error::Conflict("a rotation of the KEK is running; wait until its job is done"),
        )?;
        Ok(row)
    }

    /// Notes how far a job is.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn advance_job(&self, row: &JobRow) -> Result<(), Error> {
        let (moved, total) = (rows::integer(row.moved)?, rows::integer(row.total)?);
        self.set_job(&row.id, &[("moved", &moved), ("total", &total)])
    }

    /// Notes how a job ended. Old wraps of what it moved may still stand somewhere: their traces are gone after
    /// [`super::Store::erase_traces`].
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn finish_job(&self, row: &JobRow) -> Result<(), Error> {
        let (moved, total) = (rows::integer(row.moved)?, rows::integer(row.total)?);
        self.traces.set(true);
        self.set_job(
            &row.id,
            &[
                ("state", &row.state.name()),
                ("moved", &moved),
                ("total", &total),
                ("unmoved", &rows::integer(row.unmoved)?),
                (
                    "finished_at",
                    &row.finished_at.map(Timestamp::as_microsecond),
                ),
            ],
        )
    }

    fn set_job(&self, id: &Id, set: &Columns<'_>) -> Result<(), Error> {
        let whose = "WHERE id = ?1 AND state = 'running'";
        let changed = self.alter("changing a job", TABLE, whose, [id.as_str()], set)?;
        rows::only(changed, rows::TAMPERED)
    }
}

fn job(row: &Row<'_>) -> Result<JobRow, Error> {
    let state = JobState::named(&rows::plain::<String>(row, "state")?);
    Ok(JobRow {
        seq: rows::plain(row, "seq")?,
        id: rows::name(row, "id")?,
        kek: rows::name(row, "kek")?,
        state: state.ok_or(rows::TAMPERED)?,
        moved: rows::count(row, "moved")?,
        total: rows::count(row, "total")?,
        unmoved: rows::count(row, "unmoved")?,
        created_at: rows::time(row, "created_at")?,
        finished_at: rows::time_or_none(row, "finished_at")?,
    })
}
