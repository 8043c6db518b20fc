//! Erases the traces of what was destroyed, wherever SQLite left any.

use rusqlite::Connection;

use super::connection::fold;
use crate::error::Error;

/// A row that grows may be moved to another page, and a copy of it stays in a gap of the page where it was: even
/// `secure_delete` does not wipe that. A page that is given back is wiped as a whole, so all are given back.
const ANEW: &str = "
    BEGIN IMMEDIATE;
    CREATE TEMP TABLE kept AS SELECT * FROM dek_versions ORDER BY rowid;
    DELETE FROM dek_versions;
    INSERT INTO dek_versions SELECT * FROM kept;
    DROP TABLE kept;
    COMMIT;
";

/// Writes the DEK versions anew, then empties the write-ahead log.
pub(super) fn erase(connection: &Connection) -> Result<(), Error> {
    if let Err(error) = connection.execute_batch(ANEW) {
        let _none_open = connection.execute_batch("ROLLBACK");
        return Err(Error::store("writing the DEK versions anew", error));
    }
    fold(connection)
}
