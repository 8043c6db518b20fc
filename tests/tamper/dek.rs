//! What somebody may do to the rows of a DEK, and which of its uses must then be refused.

use rusqlite::Connection;

/// What a DEK of two versions is used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    /// Decrypt what version 1 encrypted.
    Old,
    /// Decrypt what version 2 encrypted.
    New,
    /// Encrypt.
    Encrypt,
}

/// One DEK of its own is spoilt by each.
pub struct Case {
    pub name: &'static str,
    /// What must be refused; every other use must work as ever.
    pub hurt: &'static [Use],
    pub tamper: fn(&Connection, &str),
}

const OLD: &[Use] = &[Use::Old];
const NEW: &[Use] = &[Use::New, Use::Encrypt];
const ALL: &[Use] = &[Use::Old, Use::New, Use::Encrypt];

pub const CASES: &[Case] = &[
    case("sealed-first-bit", OLD, |file, dek| {
        flip(file, dek, 1, "sealed", 0);
    }),
    case("sealed-last-bit", NEW, |file, dek| {
        flip(file, dek, 2, "sealed", 47);
    }),
    case("sealed-cut", OLD, |file, dek| {
        set(file, dek, 1, "sealed = substr(sealed, 1, 47)");
    }),
    case("sealed-empty", NEW, |file, dek| {
        set(file, dek, 2, "sealed = x''");
    }),
    case("sealed-huge", OLD, |file, dek| {
        set(file, dek, 1, "sealed = zeroblob(1000000)");
    }),
    case("nonce-bit", NEW, |file, dek| {
        flip(file, dek, 2, "nonce", 11);
    }),
    case("nonce-longer", OLD, |file, dek| {
        set(file, dek, 1, "nonce = zeroblob(16)");
    }),
    case("nonce-empty", NEW, |file, dek| {
        set(file, dek, 2, "nonce = x''");
    }),
    case("sealed-swapped-between-versions", ALL, |file, dek| {
        swap(file, dek, "sealed = o.sealed");
    }),
    case("secret-swapped-between-versions", ALL, |file, dek| {
        swap(file, dek, "nonce = o.nonce, sealed = o.sealed");
    }),
    case("secret-of-another-dek", NEW, |file, dek| {
        let theirs = "(nonce, sealed) = (SELECT nonce, sealed FROM dek_versions WHERE dek = 'healthy' AND number = 2)";
        set(file, dek, 2, theirs);
    }),
    case("row-of-another-dek", NEW, |file, dek| {
        run(
            file,
            "DELETE FROM dek_versions WHERE dek = ?1 AND number = 2",
            dek,
        );
        run(
            file,
            "INSERT INTO dek_versions SELECT ?1, number, version, state, destroy_at, kek, mechanism, nonce, sealed, public_key, reserved,
             created_at, mac
             FROM dek_versions WHERE dek = 'healthy' AND number = 2",
            dek,
        );
    }),
    case("old-secret-as-the-new-one", NEW, |file, dek| {
        let older = "(nonce, sealed) = (SELECT nonce, sealed FROM dek_versions WHERE dek = ?1 AND number = 1)";
        set(file, dek, 2, older);
    }),
    case("kek-unknown", OLD, |file, dek| {
        set(file, dek, 1, "kek = 'kek-v9-20260101'");
    }),
    case("kek-no-name", NEW, |file, dek| {
        set(file, dek, 2, "kek = 'x'");
    }),
    case("mechanism-unknown", OLD, |file, dek| {
        set(file, dek, 1, "mechanism = 'yubihsm-ccm'");
    }),
    case("mechanism-no-text", NEW, |file, dek| {
        set(file, dek, 2, "mechanism = CAST(x'ff00fe' AS TEXT)");
    }),
    case("version-renamed", NEW, |file, dek| {
        set(
            file,
            dek,
            2,
            "version = replace(version, 'dek-v2-', 'dek-v3-')",
        );
    }),
    case("version-of-another-day", NEW, |file, dek| {
        set(file, dek, 2, "version = 'dek-v2-19991231'");
    }),
    case("version-no-name", OLD, |file, dek| {
        set(file, dek, 1, "version = '../../etc'");
    }),
    case("versions-swapped", ALL, |file, dek| {
        rename(file, dek, "version", "'swapping'");
    }),
    case("numbers-swapped", ALL, |file, dek| {
        rename(file, dek, "number", "1000");
    }),
    case("number-higher", NEW, |file, dek| {
        set(file, dek, 2, "number = 7");
    }),
    case("old-number-highest", OLD, |file, dek| {
        set(file, dek, 1, "number = 7");
    }),
    case("number-too-large", NEW, |file, dek| {
        set(file, dek, 2, "number = 9000000000000000000");
    }),
    case("state-unknown", OLD, |file, dek| {
        set(file, dek, 1, "state = 'destroyed'");
    }),
    case("created-at-no-time", NEW, |file, dek| {
        set(file, dek, 2, "created_at = 9223372036854775807");
    }),
    case("algorithm-of-another-kind", ALL, |file, dek| {
        run(
            file,
            "UPDATE deks SET algorithm = 'mlkem768-x25519' WHERE name = ?1",
            dek,
        );
    }),
    case("algorithm-unknown", ALL, |file, dek| {
        run(
            file,
            "UPDATE deks SET algorithm = 'rot13' WHERE name = ?1",
            dek,
        );
    }),
];

const fn case(name: &'static str, hurt: &'static [Use], tamper: fn(&Connection, &str)) -> Case {
    Case { name, hurt, tamper }
}

fn run(file: &Connection, sql: &str, dek: &str) {
    assert_ne!(file.execute(sql, [dek]).unwrap(), 0, "{sql}");
}

fn set(file: &Connection, dek: &str, number: u32, what: &str) {
    let sql = format!("UPDATE dek_versions SET {what} WHERE dek = ?1 AND number = {number}");
    run(file, &sql, dek);
}

/// Turns over the lowest bit of one byte.
fn flip(file: &Connection, dek: &str, number: u32, column: &str, byte: usize) {
    let here = format!("FROM dek_versions WHERE dek = ?1 AND number = {number}");
    let sql = format!("SELECT {column} {here}");
    let mut value: Vec<u8> = file.query_row(&sql, [dek], |row| row.get(0)).unwrap();
    value[byte] ^= 1;
    let sql = format!("UPDATE dek_versions SET {column} = ?2 WHERE dek = ?1 AND number = {number}");
    assert_eq!(file.execute(&sql, (dek, value)).unwrap(), 1);
}

/// Gives each of the two versions the other's.
fn swap(file: &Connection, dek: &str, what: &str) {
    let sql = format!(
        "WITH o AS MATERIALIZED (SELECT * FROM dek_versions WHERE dek = ?1)
         UPDATE dek_versions SET {what} FROM o WHERE dek_versions.dek = ?1 AND o.number = 3 - dek_versions.number"
    );
    assert_eq!(file.execute(&sql, [dek]).unwrap(), 2);
}

/// The same for a column that is unique: by way of a third value.
fn rename(file: &Connection, dek: &str, column: &str, third: &str) {
    let sql =
        format!("SELECT CAST({column} AS TEXT) FROM dek_versions WHERE dek = ?1 ORDER BY number");
    let mut statement = file.prepare(&sql).unwrap();
    let rows = statement.query_map([dek], |row| row.get(0)).unwrap();
    let both: Vec<String> = rows.map(Result::unwrap).collect();
    let change = |to: &str, from: &str| {
        let sql =
            format!("UPDATE dek_versions SET {column} = {to} WHERE dek = ?1 AND {column} = {from}");
        run(file, &sql, dek);
    };
    let (first, second) = (format!("'{}'", both[0]), format!("'{}'", both[1]));
    change(third, &first);
    change(&first, &second);
    change(&second, third);
}
