//! A look over the rows of every table, a few at a time: damage that no request happens to meet is found too.

use std::collections::BTreeSet;

use rusqlite::Row;

use super::{
    View, rows,
    sealed::{ROW, Table},
};
use crate::error::Error;

/// Rows of one table that one look covers: some milliseconds' work, and ten million rows within six hours at one
/// look a second.
const ROWS: usize = 500;

const LOOKING: &str = "looking over the rows";

/// Every table whose rows carry a MAC, and the other row that each row `t` needs.
const BEATS: [Beat; 13] = [
    Beat {
        table: "jobs",
        needs: "EXISTS (SELECT 1 FROM kek_versions o WHERE o.version = t.kek)",
    },
    Beat {
        table: "kek_versions",
        needs: "TRUE",
    },
    Beat {
        table: "custodians",
        // A key that never was active binds nobody.
        needs: "((t.state = 'revoked' AND t.activated_at IS NULL)
                 OR EXISTS (SELECT 1 FROM custodian_keys o WHERE o.custodian_id = t.id))",
    },
    Beat {
        table: "custodian_keys",
        needs: "EXISTS (SELECT 1 FROM custodians o WHERE o.id = t.custodian_id)",
    },
    Beat {
        table: "principals",
        needs: "(t.custodian_id IS NULL OR EXISTS (SELECT 1 FROM custodians o WHERE o.id = t.custodian_id))",
    },
    Beat {
        table: "tokens",
        needs: "EXISTS (SELECT 1 FROM principals o WHERE o.id = t.principal_id)",
    },
    Beat {
        table: "deks",
        needs: "EXISTS (SELECT 1 FROM dek_versions o WHERE o.dek = t.name AND o.number = t.newest)",
    },
    Beat {
        table: "dek_versions",
        needs: "EXISTS (SELECT 1 FROM deks o WHERE o.name = t.dek)
                AND (t.kek IS NULL OR EXISTS (SELECT 1 FROM kek_versions o WHERE o.version = t.kek))",
    },
    Beat {
        table: "overrides",
        needs: "CASE t.state
                WHEN 'approved' THEN t.certificate IS NULL OR 2 = (SELECT count(*) FROM override_signatures o WHERE o.override_id = t.id AND o.state = 'valid')
                WHEN 'partial' THEN EXISTS (SELECT 1 FROM override_signatures o WHERE o.override_id = t.id AND o.state = 'valid')
                ELSE TRUE END",
    },
    Beat {
        table: "override_signatures",
        needs: "EXISTS (SELECT 1 FROM overrides o WHERE o.id = t.override_id)
                AND EXISTS (SELECT 1 FROM custodians o WHERE o.id = t.custodian_id)",
    },
    Beat {
        table: "signing_keys",
        needs: "(t.kek IS NULL OR EXISTS (SELECT 1 FROM kek_versions o WHERE o.version = t.kek))",
    },
    Beat {
        table: "audit_entries",
        needs: "(t.number = 0 OR EXISTS (SELECT 1 FROM audit_entries o WHERE o.number = t.number - 1))",
    },
    Beat {
        table: "replies",
        needs: "EXISTS (SELECT 1 FROM principals o WHERE o.id = t.principal_id)",
    },
];

/// A table as it is looked over.
#[derive(Debug)]
pub struct Beat {
    /// Its name.
    pub table: Table,
    needs: &'static str,
}

/// What one look at the rows from number `from` on found.
#[derive(Debug)]
pub struct Look {
    /// The number of the first row that it could cover.
    pub from: i64,
    /// That of the last one; `None` if it reached the end of the table.
    pub to: Option<i64>,
    /// Rows that are not as they were written, or whose other row is missing.
    pub damaged: BTreeSet<i64>,
}

impl Beat {
    /// Every one.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &BEATS
    }
}

impl View<'_> {
    /// Verifies the next rows of a table from number `from` on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn look_over(&self, beat: &Beat, from: i64) -> Result<Look, Error> {
        let sql = format!(
            "SELECT rowid AS {ROW}, * FROM {} WHERE rowid >= ?1 ORDER BY rowid LIMIT ?2",
            beat.table
        );
        let given = (from, rows::at_most(ROWS));
        let seen = self.query(LOOKING, &sql, given, |row| {
            let number: i64 = rows::plain(row, ROW)?;
            match self.verify(LOOKING, beat.table, row) {
                Ok(()) => Ok((number, true)),
                Err(Error::Corrupt(_)) => Ok((number, false)),
                Err(unavailable) => Err(unavailable),
            }
        })?;
        let last = seen.last().map(|(number, _)| *number);
        let damaged = seen.iter().filter(|(_, well)| !well);
        let mut damaged: BTreeSet<_> = damaged.map(|(number, _)| *number).collect();
        damaged.extend(self.alone(beat, from, last)?);
        Ok(Look {
            from,
            to: last.filter(|_| seen.len() == ROWS),
            damaged,
        })
    }

    /// The rows of that part whose other row is missing.
    fn alone(&self, beat: &Beat, from: i64, last: Option<i64>) -> Result<Vec<i64>, Error> {
        let Some(last) = last else {
            return Ok(Vec::new());
        };
        let Beat { table, needs } = beat;
        let sql =
            format!("SELECT rowid FROM {table} t WHERE rowid BETWEEN ?1 AND ?2 AND NOT ({needs})");
        let number = |row: &Row<'_>| row.get(0).map_err(|_| rows::TAMPERED);
        self.query(LOOKING, &sql, (from, last), number)
    }
}
