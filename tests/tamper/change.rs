//! What somebody may write into the columns of a table, found from the table itself, so that a column added later is
//! attacked too.

use rusqlite::{Connection, params_from_iter, types::Value};

/// Something to be done to one column, or to a few.
pub struct Change {
    pub table: &'static str,
    pub column: String,
    /// In a word, for the list.
    pub kind: &'static str,
    /// Ways to do it; the first that SQLite itself lets through is taken.
    pub ways: Vec<Way>,
}

/// Row, column and what is written there.
pub type Way = Vec<(i64, String, Value)>;

/// A change that was made: how to take it back, and the rows that now are wrong.
pub struct Made {
    undo: Way,
    pub rows: Vec<i64>,
}

struct Column {
    name: String,
    kind: String,
    /// It is the row's number by another name.
    numbers_rows: bool,
}

/// Most ways that are tried for a swap.
const WAYS: usize = 60;

/// Every column of `table` flipped, erased, filled and swapped.
pub fn of_every_column(file: &Connection, table: &'static str) -> Vec<Change> {
    let mut all = Vec::new();
    for (turn, column) in columns(file, table).iter().enumerate() {
        let mut values = values(file, table, &column.name);
        let length = values.len();
        // Another row each time: every kind of row has its turn.
        values.rotate_left(turn % length);
        let kinds = [
            ("flipped", flips(&values)),
            ("negated", negated(&values)),
            ("erased", erased(&values)),
            ("filled", filled(&values, &column.kind)),
            ("swapped", swaps(&values)),
        ];
        for (kind, ways) in kinds {
            let named = |way: Vec<(i64, Value)>| {
                let name = |(row, value)| (row, column.name.clone(), value);
                way.into_iter().map(name).collect()
            };
            all.push(Change {
                table,
                column: column.name.clone(),
                kind,
                ways: ways.into_iter().map(named).collect(),
            });
        }
    }
    all
}

/// Columns of the rows that `whose` finds set to what `to` says, by somebody who knows what they mean.
pub fn aimed(file: &Connection, table: &'static str, to: &[(&str, &str)], whose: &str) -> Change {
    let names: Vec<_> = to.iter().map(|(column, _)| *column).collect();
    let texts: Vec<_> = to.iter().map(|(_, text)| *text).collect();
    let sql = format!(
        "SELECT rowid, {} FROM {table} WHERE {whose} LIMIT 1",
        texts.join(", ")
    );
    let way = file.query_row(&sql, [], |row| {
        let number: i64 = row.get(0)?;
        let value = |at: usize| Ok((number, names[at].to_owned(), row.get(at + 1)?));
        (0..names.len()).map(value).collect()
    });
    Change {
        table,
        column: names.join(" "),
        kind: "aimed",
        ways: vec![way.unwrap_or_else(|error| panic!("{sql}: {error}"))],
    }
}

impl Change {
    /// Makes it; `None` if there is nothing to change, or SQLite lets no way through.
    pub fn make(&self, file: &Connection) -> Option<Made> {
        self.ways.iter().find_map(|way| self.make_way(file, way))
    }

    fn make_way(&self, file: &Connection, way: &Way) -> Option<Made> {
        let before = |(row, column, _): &(i64, String, Value)| {
            let sql = format!("SELECT {column} FROM {} WHERE rowid = ?1", self.table);
            let value = file.query_row(&sql, [row], |found| found.get(0)).unwrap();
            (*row, column.clone(), value)
        };
        let old: Way = way.iter().map(before).collect();
        let written = self.write(file, way).ok()?;
        let undo = old.into_iter().zip(&written);
        let undo = undo.map(|((_, column, value), row)| (*row, column, value));
        let mut rows = written.clone();
        rows.dedup();
        Some(Made {
            undo: undo.collect(),
            rows,
        })
    }

    /// Writes all or nothing; answers the numbers that the rows then have.
    fn write(&self, file: &Connection, way: &Way) -> rusqlite::Result<Vec<i64>> {
        file.execute_batch("BEGIN IMMEDIATE")?;
        let written = self.write_each(file, way);
        let end = if written.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        file.execute_batch(end)?;
        written
    }

    fn write_each(&self, file: &Connection, way: &Way) -> rusqlite::Result<Vec<i64>> {
        let columns = columns(file, self.table);
        let numbers_rows = |name: &str| columns.iter().any(|c| c.name == name && c.numbers_rows);
        let mut rows: Vec<i64> = way.iter().map(|(row, ..)| *row).collect();
        let swap = way.len() == 2 && way[0].0 != way[1].0;
        if swap {
            // Unique columns change places by way of a third value.
            let third = third(&way[0].2, &way[1].2);
            rows[0] = self.set(file, &way[0].1, &third, rows[0], numbers_rows(&way[0].1))?;
        }
        for at in (0..way.len()).rev() {
            let (_, column, value) = &way[at];
            rows[at] = self.set(file, column, value, rows[at], numbers_rows(column))?;
        }
        Ok(rows)
    }

    fn set(
        &self,
        file: &Connection,
        column: &str,
        value: &Value,
        row: i64,
        numbers_rows: bool,
    ) -> rusqlite::Result<i64> {
        let sql = format!("UPDATE {} SET {column} = ?1 WHERE rowid = ?2", self.table);
        let given = [value.clone(), Value::Integer(row)];
        assert_eq!(file.execute(&sql, params_from_iter(given))?, 1, "{sql}");
        match value {
            Value::Integer(number) if numbers_rows => Ok(*number),
            _ => Ok(row),
        }
    }

    /// Takes it back.
    pub fn undo(&self, file: &Connection, made: &Made) {
        self.write(file, &made.undo).unwrap();
    }
}

fn columns(file: &Connection, table: &str) -> Vec<Column> {
    let mut statement = file
        .prepare("SELECT name, type, pk, (SELECT max(pk) FROM pragma_table_info(?1)) FROM pragma_table_info(?1)")
        .unwrap();
    let read = |row: &rusqlite::Row<'_>| {
        let kind: String = row.get(1)?;
        let key: (i64, i64) = (row.get(2)?, row.get(3)?);
        Ok(Column {
            name: row.get(0)?,
            numbers_rows: key == (1, 1) && kind == "INTEGER",
            kind,
        })
    };
    let all = statement.query_map([table], read).unwrap();
    all.map(Result::unwrap).collect()
}

/// At most thirty rows of a column, the oldest first.
fn values(file: &Connection, table: &str, column: &str) -> Vec<(i64, Value)> {
    let sql = format!("SELECT rowid, {column} FROM {table} ORDER BY rowid LIMIT 30");
    let mut statement = file.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

type Ways = Vec<Vec<(i64, Value)>>;

fn flips(values: &[(i64, Value)]) -> Ways {
    let flip = |(row, value): &(i64, Value)| -> Ways {
        let flipped = match value {
            Value::Integer(number) => vec![number + 1, number + 1_000_003],
            Value::Text(text) => {
                let mut bytes = text.clone().into_bytes();
                let Some(last) = bytes.last_mut() else {
                    return Vec::new();
                };
                *last ^= 1;
                let flipped = String::from_utf8(bytes).unwrap();
                return vec![vec![(*row, Value::Text(flipped))]];
            }
            Value::Blob(blob) => {
                let mut blob = blob.clone();
                *blob.last_mut().unwrap() ^= 1;
                return vec![vec![(*row, Value::Blob(blob))]];
            }
            _ => Vec::new(),
        };
        let one = |number| vec![(*row, Value::Integer(number))];
        flipped.into_iter().map(one).collect()
    };
    values.iter().flat_map(flip).collect()
}

fn negated(values: &[(i64, Value)]) -> Ways {
    let negate = |(row, value): &(i64, Value)| match value {
        Value::Integer(number) if *number != 0 => Some(vec![(*row, Value::Integer(-number))]),
        _ => None,
    };
    values.iter().filter_map(negate).collect()
}

fn erased(values: &[(i64, Value)]) -> Ways {
    let there = values.iter().filter(|(_, value)| *value != Value::Null);
    there.map(|(row, _)| vec![(*row, Value::Null)]).collect()
}

fn filled(values: &[(i64, Value)], kind: &str) -> Ways {
    let mut others = values.iter().map(|(_, value)| value);
    let other = others.rfind(|value| **value != Value::Null);
    let with = other.cloned().unwrap_or(match kind {
        "INTEGER" => Value::Integer(1),
        "BLOB" => Value::Blob(vec![7; 32]),
        _ => Value::Text("{}".to_owned()),
    });
    let empty = values.iter().filter(|(_, value)| *value == Value::Null);
    empty.map(|(row, _)| vec![(*row, with.clone())]).collect()
}

fn swaps(values: &[(i64, Value)]) -> Ways {
    let pairs = values.iter().enumerate().flat_map(|(at, one)| {
        let later = values.iter().skip(at + 1);
        later.map(move |other| (one, other))
    });
    let differ = pairs.filter(|((_, one), (_, other))| one != other);
    let swap = differ.map(|((a, one), (b, other))| vec![(*a, other.clone()), (*b, one.clone())]);
    swap.take(WAYS).collect()
}

/// A value that neither row has.
fn third(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Integer(_), _) | (_, Value::Integer(_)) => Value::Integer(900_000_007),
        (Value::Blob(_), _) | (_, Value::Blob(_)) => Value::Blob(vec![3; 32]),
        _ => Value::Text("a third value".to_owned()),
    }
}
