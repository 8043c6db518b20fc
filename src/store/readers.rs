//! Connections that only read, kept for the next reader.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::Connection;

use super::connection;
use crate::error::Error;

/// Idle connections kept; a busier moment opens more and closes them again.
const IDLE: usize = 16;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
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
        let connection = idle.map_or_else(|| connection::reading(&self.path), Ok)?;
        let snapshot = connection.unchecked_transaction();
        let snapshot = snapshot.map_err(|error| Error::store("beginning to read", error))?;
        let result = work(&snapshot);
        let ended = snapshot.finish();
        ended.map_err(|error| Error::store("ending a read", error))?;
        self.keep(connection);
        result
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }
}
