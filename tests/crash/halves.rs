//! What the database must not find in itself, and what the log says was done beside what there is.

use std::path::Path;

use rusqlite::Connection;

use super::file;

/// What the database must not find in itself, and what that would be.
const HALVES: [(&str, &str); 18] = [
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
        "SELECT version FROM kek_versions WHERE state NOT IN ('enabled', 'retired')",
    ),
    (
        "records under no KEK version",
        "SELECT kek FROM dek_versions WHERE kek NOT IN (SELECT version FROM kek_versions)",
    ),
    (
        "jobs towards no KEK version",
        "SELECT kek FROM jobs WHERE kek NOT IN (SELECT version FROM kek_versions)",
    ),
    (
        "signing keys half made",
        "SELECT purpose || '/' || algorithm FROM signing_keys WHERE state <> 'active'",
    ),
    (
        "custodians without a key",
        "SELECT subject FROM custodians WHERE id NOT IN (SELECT custodian_id FROM custodian_keys)",
    ),
    (
        "approved overrides that two did not sign",
        "SELECT proposal_id FROM overrides o WHERE state = 'approved' AND 2 <>
         (SELECT count(*) FROM override_signatures WHERE override_id = o.id AND state = 'valid')",
    ),
    (
        "partial overrides that nobody signed",
        "SELECT proposal_id FROM overrides o WHERE state = 'partial' AND NOT EXISTS
         (SELECT 1 FROM override_signatures WHERE override_id = o.id AND state = 'valid')",
    ),
    (
        "pending overrides that somebody signed",
        "SELECT proposal_id FROM overrides o WHERE state = 'pending' AND EXISTS
         (SELECT 1 FROM override_signatures WHERE override_id = o.id AND state = 'valid')",
    ),
    (
        "signatures that count though their custodian was sent away",
        "SELECT subject FROM override_signatures s JOIN custodians c ON c.id = s.custodian_id
         WHERE s.state = 'valid' AND c.state <> 'active'
         AND override_id IN (SELECT id FROM overrides WHERE state IN ('pending', 'partial'))",
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
const PAIRS: [(&str, &str); 18] = [
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
    ("'kek.rotate'", "SELECT kek FROM jobs"),
    (
        "'kek.rewrap_records'",
        "SELECT kek FROM jobs WHERE state <> 'running'",
    ),
    (
        "'signing_key.create'",
        "SELECT purpose || '/' || algorithm FROM signing_keys WHERE state = 'active'",
    ),
    ("'custodian.enrol'", "SELECT id FROM custodians"),
    (
        "'custodian.revoke'",
        "SELECT id FROM custodians WHERE state = 'revoked'",
    ),
    ("'override.request'", "SELECT id FROM overrides"),
    (
        // Whoever signs again to have it countersigned adds no signature.
        "'override.sign'",
        "SELECT override_id FROM override_signatures",
    ),
    (
        "'override.approve'",
        "SELECT id FROM overrides WHERE state = 'approved'",
    ),
    (
        "'override.reject'",
        "SELECT id FROM overrides WHERE state = 'rejected'",
    ),
    (
        "'override.withdraw'",
        "SELECT id FROM overrides WHERE state = 'withdrawn'",
    ),
    (
        "'override.expire'",
        "SELECT id FROM overrides WHERE state = 'expired'",
    ),
];

/// Things whose changes name the state that they bring about: which changes, and the states that there are.
const STATES: [(&str, &str); 3] = [
    (
        "'dek.disable', 'dek.enable', 'dek.destroy', 'dek.cancel_destroy'",
        "SELECT dek || '/' || version AS object, CASE WHEN state <> 'destroyed' AND destroy_at IS NOT NULL
         THEN 'pending_destruction' ELSE state END AS state FROM dek_versions",
    ),
    (
        "'kek.retire', 'kek.restore'",
        "SELECT version AS object, state FROM kek_versions",
    ),
    (
        "'custodian.activate', 'custodian.approve', 'custodian.suspend', 'custodian.reinstate', 'custodian.revoke'",
        "SELECT id AS object, state FROM custodians",
    ),
];

/// The log, read once.
const LOGGED: &str = "CREATE TEMP TABLE logged AS
    SELECT number, e ->> 'action' AS action, e ->> 'object' AS object,
        coalesce(e ->> '$.detail.state', e ->> '$.detail.status') AS word,
        e ->> '$.detail.replayed' IS NULL AND e ->> '$.detail.again' IS NOT 1 AS is_first
    FROM (SELECT number, CAST(entry AS TEXT) AS e FROM audit_entries) WHERE e ->> 'outcome' = 'ok'";

pub fn nothing_is_there_by_half(database: &Path) {
    let file = file::open(database);
    // One snapshot: the service may be at work.
    file.execute_batch("BEGIN").unwrap();
    file.execute_batch(LOGGED).unwrap();
    for (what, sql) in HALVES {
        assert_eq!(column(&file, sql), Vec::<String>::new(), "{what}");
    }
    for (actions, sql) in PAIRS {
        let logged = format!(
            "SELECT object FROM logged WHERE action IN ({actions}) AND is_first
             AND word IS NOT 'pending_destruction'"
        );
        let (mut logged, mut there) = (column(&file, &logged), column(&file, sql));
        logged.sort();
        there.sort();
        assert_eq!(there, logged, "{actions}");
    }
    for (actions, there) in STATES {
        // Beside a maximum SQLite answers the other columns of its row.
        let last = format!(
            "SELECT object, word, max(number) FROM logged WHERE action IN ({actions}) GROUP BY object"
        );
        let sql = format!(
            "SELECT object || ' is ' || state || ', and ' || word || ' by the log'
             FROM ({there}) JOIN ({last}) USING (object) WHERE state IS NOT word"
        );
        assert_eq!(column(&file, &sql), [""; 0]);
    }
}

fn column(file: &Connection, sql: &str) -> Vec<String> {
    let mut statement = file.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
