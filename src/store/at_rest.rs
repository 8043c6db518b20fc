//! A database that is only read, where it lies: no byte of it changes, and none is copied.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use super::{
    Lock, RowKey, SMALL, Store, Trouble, condition::Condition, connection, files::Files,
    readers::Readers, shape, writer::Writer,
};
use crate::error::Error;

impl Store {
    /// Opens the database at `path` for reading only, under its lock; every change fails. SQLite may leave an empty
    /// write-ahead log and its index beside it.
    ///
    /// # Errors
    /// Those of [`Store::open`]; [`Error::Unavailable`] if it is of another version.
    pub fn open_at_rest(path: &Path, lock: Arc<Lock>) -> Result<Self, Error> {
        Self::open_for_readers(path, lock).map_err(Trouble::explain)
    }

    fn open_for_readers(path: &Path, lock: Arc<Lock>) -> Result<Self, Error> {
        let reading = connection::reading(path)?;
        connection::is_of_this_version(&reading)?;
        let mut small = SMALL.iter();
        small.try_for_each(|table| shape::look_below(&reading, table))?;
        let condition = Arc::<Condition>::default();
        let readers = Readers::new(path, Files::of(path)?, condition.clone());
        readers.keep(reading);
        Ok(Self {
            writer: Arc::new(Writer::nobody(condition.clone())),
            readers: Arc::new(readers),
            condition,
            row_key: RowKey::default(),
            log_closed: Arc::new(AtomicBool::new(true)),
            path: path.into(),
            _lock: lock,
        })
    }
}
