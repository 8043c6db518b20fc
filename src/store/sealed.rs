//! Rows with their MAC: the only way in which rows are read, added and changed, so that what somebody else wrote
//! into the file is found out and never used.

use rusqlite::{
    Params, Row, ToSql, params_from_iter,
    types::{ToSqlOutput, Value, ValueRef},
};

use super::{Tx, View, rows};
use crate::{crypto::mac, error::Error};

/// A table whose rows carry a MAC.
pub(super) type Table = &'static str;

/// Names of columns and what stands in them.
pub(super) type Columns<'a> = [(&'a str, &'a dyn ToSql)];

const MAC: &str = "mac";
/// The name under which a row's own number is asked for, beside its columns.
pub(super) const ROW: &str = "row_number";

impl View<'_> {
    /// Every row of `table` that `rest` (`WHERE …`) finds; `what` says what was being done, should it fail.
    pub(super) fn many<T>(
        &self,
        what: &'static str,
        table: Table,
        rest: &str,
        given: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let sql = format!("SELECT * FROM {table} {rest}");
        self.query(what, &sql, given, |row| {
            self.verify(what, table, row)?;
            read(row)
        })
    }

    /// The one row of `table` that `rest` finds.
    pub(super) fn one<T>(
        &self,
        what: &'static str,
        table: Table,
        rest: &str,
        given: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.many(what, table, rest, given, read)?.pop())
    }

    /// Whether the row's MAC is over this very row.
    pub(super) fn verify(
        &self,
        what: &'static str,
        table: Table,
        row: &Row<'_>,
    ) -> Result<(), Error> {
        let names = row.as_ref().column_names();
        let mut columns = Vec::with_capacity(names.len());
        let mut tag = None;
        for (at, name) in names.into_iter().enumerate() {
            let value = row.get_ref(at).map_err(|_| rows::TAMPERED)?;
            match (name, value) {
                (MAC, ValueRef::Blob(bytes)) => tag = Some(bytes),
                (MAC, _) => return Err(rows::TAMPERED),
                (ROW, _) => {}
                column => columns.push(column),
            }
        }
        let key = self.key(what)?;
        let written = encoded(table, columns)?;
        match tag.is_some_and(|tag| mac::is_tag(key, [written.as_slice()], tag)) {
            true => Ok(()),
            false => Err(rows::TAMPERED),
        }
    }

    fn key(&self, what: &'static str) -> Result<&[u8; 32], Error> {
        let locked = || Error::store(what, "the key of the rows' MACs is not open yet");
        Ok(self.row_key.ok_or_else(locked)?.expose())
    }
}

impl Tx<'_> {
    /// Adds a row of these columns, the rest NULL; `taken` is the refusal if it collides with one that is there.
    pub(super) fn insert(
        &self,
        what: &'static str,
        table: Table,
        columns: &Columns<'_>,
        taken: Error,
    ) -> Result<(), Error> {
        let values = outputs(what, columns)?;
        let tag = self.tag(what, table, named(columns, &values))?;
        let names = columns
            .iter()
            .fold(String::new(), |sql, (name, _)| sql + name + ", ");
        let places = "?, ".repeat(columns.len());
        let sql =
            format!("INSERT INTO {table} ({names}{MAC}) VALUES ({places}?) ON CONFLICT DO NOTHING");
        let tag: &dyn ToSql = &tag;
        let given = columns.iter().map(|(_, value)| *value).chain([tag]);
        let changed = self.change(what, &sql, params_from_iter(given))?;
        rows::only(changed, taken)
    }

    /// Sets columns of the rows that `whose` (`WHERE …`) finds, each as it was written; answers how many.
    pub(super) fn alter(
        &self,
        what: &'static str,
        table: Table,
        whose: &str,
        given: impl Params,
        set: &Columns<'_>,
    ) -> Result<usize, Error> {
        let sql = format!("SELECT *, rowid AS {ROW} FROM {table} {whose}");
        let found = self.query(what, &sql, given, |row| {
            self.verify(what, table, row)?;
            owned(row)
        })?;
        for row in &found {
            self.rewrite(what, table, row, set)?;
        }
        Ok(found.len())
    }

    fn rewrite(
        &self,
        what: &'static str,
        table: Table,
        row: &[(String, Value)],
        set: &Columns<'_>,
    ) -> Result<(), Error> {
        let values = outputs(what, set)?;
        let stays = |name: &str| {
            name != MAC && name != ROW && set.iter().all(|(changed, _)| *changed != name)
        };
        let kept = row.iter().filter(|(name, _)| stays(name));
        let kept = kept.map(|(name, value)| (name.as_str(), value.into()));
        let tag = self.tag(what, table, kept.chain(named(set, &values)).collect())?;
        let number = row.iter().find(|(name, _)| name == ROW);
        let number = number.map_or(&Value::Null, |(_, number)| number);
        let changes = set
            .iter()
            .fold(String::new(), |sql, (name, _)| sql + name + " = ?, ");
        let sql = format!("UPDATE {table} SET {changes}{MAC} = ? WHERE rowid = ?");
        let last: [&dyn ToSql; 2] = [&tag, number];
        let given = set.iter().map(|(_, value)| *value).chain(last);
        let changed = self.change(what, &sql, params_from_iter(given))?;
        rows::only(
            changed,
            Error::internal("a row that was just read is not there"),
        )
    }

    fn tag(
        &self,
        what: &'static str,
        table: Table,
        columns: Vec<(&str, ValueRef<'_>)>,
    ) -> Result<[u8; mac::TAG_BYTES], Error> {
        let written = encoded(table, columns)?;
        Ok(mac::tag(self.key(what)?, [written.as_slice()]))
    }
}

/// What a row's MAC is over: the table, then each column that is not NULL by its name, type, length and bytes.
fn encoded(table: Table, mut columns: Vec<(&str, ValueRef<'_>)>) -> Result<Vec<u8>, Error> {
    columns.sort_unstable_by_key(|(name, _)| *name);
    let mut all = [b"aegis-custodian/row/v1", table.as_bytes(), b""].join(&0);
    for (name, value) in columns {
        let number;
        let (kind, bytes) = match value {
            ValueRef::Null => continue,
            ValueRef::Integer(integer) => {
                number = integer.to_be_bytes();
                (b'i', number.as_slice())
            }
            ValueRef::Text(text) => (b't', text),
            ValueRef::Blob(blob) => (b'b', blob),
            ValueRef::Real(_) => return Err(rows::TAMPERED),
        };
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(&[0, kind]);
        all.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        all.extend_from_slice(bytes);
    }
    Ok(all)
}

fn outputs<'a>(
    what: &'static str,
    columns: &'a Columns<'_>,
) -> Result<Vec<ToSqlOutput<'a>>, Error> {
    let values = columns.iter().map(|(_, value)| value.to_sql());
    let values: rusqlite::Result<_> = values.collect();
    values.map_err(|error| Error::store(what, error))
}

fn named<'a>(
    columns: &'a Columns<'_>,
    values: &'a [ToSqlOutput<'_>],
) -> Vec<(&'a str, ValueRef<'a>)> {
    let names = columns.iter().map(|(name, _)| *name);
    names.zip(values.iter().map(value)).collect()
}

fn value<'a>(output: &'a ToSqlOutput<'_>) -> ValueRef<'a> {
    match output {
        ToSqlOutput::Borrowed(value) => *value,
        ToSqlOutput::Owned(value) => value.into(),
        _ => ValueRef::Null, // kinds of columns that this store does not have
    }
}

fn owned(row: &Row<'_>) -> Result<Vec<(String, Value)>, Error> {
    let names = row.as_ref().column_names().into_iter().enumerate();
    let column = |(at, name): (usize, &str)| {
        let value: Value = row.get(at).map_err(|_| rows::TAMPERED)?;
        Ok((name.to_owned(), value))
    };
    names.map(column).collect()
}
