//! What the database must not find in itself, and what the log says was done beside what there is.

use std::path::Path;

use rusqlite::Connection;

use super::file;

/// What the database must not find in itself, and what that would be.
const HALVES: [(&str, &str); 11] = [
    (
        "DEKs without a version",
        "SELECT name FROM deks WHERE name NOT IN (SELECT dek FROM dek_versions)",
    ),
    (
        "DEKs whose numbers have a gap",
        "SELECT dek FROM dek_versions GROUP BY dek HAVING max(number) <> count(*)",
    ),
    (
        "DEKs whose newest version is another",
        "SELECT name FROM deks WHERE newest <> (SELECT max(number) FROM dek_versions WHERE dek = name)",
    ),
    (
        "DEKs whose newest version is destroyed",
        "SELECT name FROM deks WHERE EXISTS (SELECT 1 FROM dek_versions
         WHERE dek = name AND number = newest AND sealed IS NULL)",
    ),
    (
        "principals without a token",
        "SELECT name FROM principals WHERE id NOT IN (SELECT principal_id FROM tokens)",
    ),
    (
        "tokens without a principal",
        "SELECT id FROM tokens WHERE principal_id NOT IN (SELECT id FROM principals)",
    ),
    (
        "tokens that outlive their principal",
        "SELECT id FROM tokens WHERE state <> 'revoked'
         AND principal_id IN (SELECT id FROM principals WHERE state = 'deleted')",
    ),
    (
        "KEKs half made",
        "SELECT version FROM kek_versions WHERE state <> 'enabled'",
    ),
    (
        "signing keys half made",
        "SELECT purpose || '/' || algorithm FROM signing_keys WHERE state <> 'active'",
    ),
    (
        "rows that refer to nothing",
        "SELECT \"table\" FROM pragma_foreign_key_check",
    ),
    (
        "damage",
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    ),
];

/// What was done, by the log, and what there is: the same.
const PAIRS: [(&str, &str); 8] = [
    (
        "'dek.create', 'dek.rotate'",
        "SELECT dek || '/' || version FROM dek_versions",
    ),
    (
        "'dek.destroy'",
        "SELECT dek || '/' || version FROM dek_versions WHERE state = 'destroyed'",
    ),
    (
        "'principal.create', 'principal.provision'",
        "SELECT id FROM principals",
    ),
    (
        "'principal.delete'",
        "SELECT id FROM principals WHERE state = 'deleted'",
    ),
    (
        // Those of a deleted principal die with it, under its entry.
        "'token.revoke'",
        "SELECT principal_id || '/' || id FROM tokens WHERE state = 'revoked'
         AND principal_id NOT IN (SELECT id FROM principals WHERE state = 'deleted')",
    ),
    (
        // The first token of a principal comes with it, under its entry.
        "'token.create'",
        "SELECT principal_id || '/' || id FROM tokens t WHERE EXISTS
         (SELECT 1 FROM tokens e WHERE e.principal_id = t.principal_id AND e.seq < t.seq)",
    ),
    ("'kek.create'", "SELECT version FROM kek_versions"),
    (
        "'signing_key.create'",
        "SELECT purpose || '/' || algorithm FROM signing_keys WHERE state = 'active'",
    ),
];

pub fn nothing_is_there_by_half(database: &Path) {
    let file = file::open(database);
    // One snapshot: the service may be at work.
    file.execute_batch("BEGIN").unwrap();
    for (what, sql) in HALVES {
        assert_eq!(column(&file, sql), Vec::<String>::new(), "{what}");
    }
    for (actions, sql) in PAIRS {
        let logged = format!(
            "SELECT e ->> 'object' FROM (SELECT CAST(entry AS TEXT) AS e FROM audit_entries)
             WHERE e ->> 'action' IN ({actions}) AND e ->> 'outcome' = 'ok'
             AND e ->> '$.detail.replayed' IS NULL"
        );
        let (mut logged, mut there) = (column(&file, &logged), column(&file, sql));
        logged.sort();
        there.sort();
        assert_eq!(there, logged, "{actions}");
    }
}

fn column(file: &Connection, sql: &str) -> Vec<String> {
    let mut statement = file.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
