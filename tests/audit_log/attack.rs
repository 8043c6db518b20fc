//! What somebody can do who can write the database but has no key: anything to rows and to the tree, but no MAC.

use aegis_custodian::crypto::merkle::{Frontier, leaf};
use rusqlite::Connection;

use crate::file::{number, run};

/// Makes the tree anew over the entries as they stand: that takes no key.
pub fn regrow(file: &Connection) {
    let mut statement = file
        .prepare("SELECT entry FROM audit_entries ORDER BY number")
        .unwrap();
    let entries = statement
        .query_map([], |row| row.get::<_, Vec<u8>>(0))
        .unwrap();
    let entries: Vec<_> = entries.map(Result::unwrap).collect();
    file.execute("DELETE FROM tree_hashes", []).unwrap();
    let mut tree = Frontier::default();
    for entry in entries {
        let (first, made) = tree.push(leaf(&entry)).unwrap();
        for (position, hash) in (first..).zip(made) {
            let sql = "INSERT INTO tree_hashes VALUES (?1, ?2)";
            file.execute(sql, (i64::try_from(position).unwrap(), hash))
                .unwrap();
        }
    }
}

/// Puts other bytes into an entry, which still says the same index.
pub fn change(file: &Connection, entry: i64) {
    run(
        file,
        &format!(
            "UPDATE audit_entries SET entry = CAST(replace(CAST(entry AS TEXT), '\"outcome\":\"ok\"', '\"outcome\":\"refused\"') AS BLOB) WHERE number = {entry}"
        ),
    );
}

/// Takes an entry out and leaves a gap.
pub fn remove(file: &Connection, entry: i64) {
    run(
        file,
        &format!("DELETE FROM audit_entries WHERE number = {entry}"),
    );
}

/// Moves every entry after `entry` by one place, down over a gap or up to make one.
pub fn shift(file: &Connection, entry: i64, by: i64) {
    run(
        file,
        &format!("UPDATE audit_entries SET number = -1000 - number WHERE number > {entry}"),
    );
    run(
        file,
        &format!("UPDATE audit_entries SET number = -1000 - number + {by} WHERE number < 0"),
    );
}

/// Lets two entries change places.
pub fn swap(file: &Connection, one: i64, other: i64) {
    for (from, to) in [(one, -1), (other, one), (-1, other)] {
        run(
            file,
            &format!("UPDATE audit_entries SET number = {to} WHERE number = {from}"),
        );
    }
}

/// Puts an entry in that was never logged and says that it belongs where it stands, made from another.
pub fn forge(file: &Connection, place: i64, from: i64) {
    let index = format!("replace(CAST(entry AS TEXT), '\"index\":{from},', '\"index\":{place},')");
    run(
        file,
        &format!(
            "INSERT INTO audit_entries SELECT {place}, at, CAST({index} AS BLOB), mac FROM audit_entries WHERE number = {from}"
        ),
    );
}

/// Puts a copy of an older entry in.
pub fn repeat(file: &Connection, place: i64, from: i64) {
    run(
        file,
        &format!(
            "INSERT INTO audit_entries SELECT {place}, at, entry, mac FROM audit_entries WHERE number = {from}"
        ),
    );
}

/// Cuts the log off before `entry`.
pub fn cut(file: &Connection, entry: i64) {
    run(
        file,
        &format!("DELETE FROM audit_entries WHERE number >= {entry}"),
    );
}

/// How many entries there are.
pub fn size(file: &Connection) -> i64 {
    number(file, "SELECT count(*) FROM audit_entries")
}
