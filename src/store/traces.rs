//! Erases the traces of what was destroyed, wherever SQLite left any.

use rusqlite::Connection;

use super::connection::fold;
use crate::error::Error;

/// A row that grows may be moved to another page, and a copy of it stays in a gap of the page where it was: even
/// `secure_delete` does not wipe that. A page that is given back is wiped as a whole, so all are given back.
///
/// The rows are not judged here: one that was tampered with is found out when it is read.
const ANEW: &str = "
    PRAGMA ignore_check_constraints = ON;
    PRAGMA foreign_keys = OFF;
    BEGIN IMMEDIATE;
    CREATE TEMP TABLE kept AS SELECT * FROM dek_versions ORDER BY rowid;
    DELETE FROM dek_versions;
    INSERT INTO dek_versions SELECT * FROM kept;
    DROP TABLE kept;
    CREATE TEMP TABLE kept AS SELECT * FROM signing_keys ORDER BY rowid;
    DELETE FROM signing_keys;
    INSERT INTO signing_keys SELECT * FROM kept;
    DROP TABLE kept;
    CREATE TEMP TABLE kept AS SELECT * FROM row_key;
    DELETE FROM row_key;
    INSERT INTO row_key SELECT * FROM kept;
    DROP TABLE kept;
    COMMIT;
";

const JUDGE_AGAIN: &str = "
    PRAGMA ignore_check_constraints = OFF;
    PRAGMA foreign_keys = ON;
";

/// Writes every wrapped secret anew, then empties the write-ahead log.
pub(super) fn erase(connection: &Connection) -> Result<(), Error> {
    let written = connection.execute_batch(ANEW);
    if written.is_err() {
        let _none_open = connection.execute_batch("ROLLBACK");
    }
    let judges = connection.execute_batch(JUDGE_AGAIN);
    let failed = |error| Error::store("writing the wrapped secrets anew", error);
    written.and(judges).map_err(failed)?;
    fold(connection)
}
