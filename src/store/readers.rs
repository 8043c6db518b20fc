//! Connections that only read, kept for the next reader.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;

use super::{condition::Condition, connection, files::Files};
use crate::error::Error;

/// Idle connections kept; a busier moment opens more and closes them again.
const IDLE: usize = 16;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    files: Files,
    condition: Arc<Condition>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path, files: Files, condition: Arc<Condition>) -> Self {
        Self {
            path: path.to_owned(),
            files,
            condition,
            idle: Mutex::default(),
        }
    }

    /// Runs `work` in a read transaction; a connection that cannot begin or end one is not kept.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = idle.map_or_else(|| self.open(), Ok)?;
        let failed = |what| move |error| self.condition.failed(what, error);
        let snapshot = connection.unchecked_transaction();
        let snapshot = snapshot.map_err(failed("beginning to read"))?;
        let result = work(&snapshot);
        let ended = snapshot.finish();
        ended.map_err(failed("ending a read"))?;
        self.keep(connection);
        result
    }

    /// Opens nothing on a disk that does not come back, and no other files than those that the writer has open.
    fn open(&self) -> Result<Connection, Error> {
        if self.condition.is_stalled() {
            return Err(Error::store(
                "opening the database for reading",
                "the disk does not come back",
            ));
        }
        self.files.are_there()?;
        connection::reading(&self.path)
    }

    /// Closes the connections that nobody uses, and with them all that they remember of the file.
    pub(super) fn forget(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Keeps one for the next reader.
    pub(super) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }
}
