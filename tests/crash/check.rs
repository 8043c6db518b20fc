//! After a restart: all that was acknowledged is there, and nothing is there by half.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    client::Client,
    load::{Ledger, text},
    service::{Service, eventually},
};

/// Items of a batch.
const BATCH: usize = 256;

/// One life of the service, looked at from outside and, past it, in its file.
pub struct Check<'a> {
    pub service: &'a Service,
    pub client: &'a Client,
    pub ledger: &'a Ledger,
}

impl Check<'_> {
    /// Everything; answers the audit log, which must begin as it did `before`.
    pub fn all(&self, before: &[Value]) -> Vec<Value> {
        eventually("ready", || {
            self.service.get("", "/v1/health/ready").status == 200
        });
        self.versions_are_there();
        self.ciphertexts_open();
        self.blobs_unwrap();
        self.tokens_work();
        self.revocations_hold();
        let entries = self.service.audit();
        assert!(entries.starts_with(before), "the log's past has changed");
        self.requests_are_audited_once(&entries);
        nothing_is_there_by_half(&self.service.dir.join("custodian.db"), &entries);
        entries
    }

    fn versions_are_there(&self) {
        let mut there = BTreeSet::new();
        let mut page = self.deks("");
        loop {
            for dek in page["items"].as_array().unwrap() {
                let versions = dek["versions"].as_array().unwrap().iter();
                there.extend(versions.map(|one| (text(&dek["name"]), text(&one["version"]))));
            }
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            page = self.deks(&format!("&cursor={next}"));
        }
        let lost = |version: &&(String, String)| !there.contains(*version);
        let lost: Vec<_> = self.ledger.versions.iter().filter(lost).collect();
        assert!(lost.is_empty(), "lost versions: {lost:?}");
    }

    fn deks(&self, cursor: &str) -> Value {
        let path = format!("/v1/deks?limit=500{cursor}");
        self.service.get("operator", &path).is(200)
    }

    fn ciphertexts_open(&self) {
        let mut by_dek: BTreeMap<&str, Vec<(Value, &str)>> = BTreeMap::new();
        for one in &self.ledger.ciphertexts {
            let item = json!({"ciphertext": one.blob, "context": {"dek": one.dek}});
            by_dek
                .entry(&one.dek)
                .or_default()
                .push((item, &one.plaintext));
        }
        for (dek, all) in by_dek {
            self.batches_open(&format!("/v1/deks/{dek}/decrypt"), &all);
        }
    }

    fn blobs_unwrap(&self) {
        let blobs = self.ledger.blobs.iter();
        let all: Vec<_> = blobs
            .map(|(blob, plaintext)| (json!({"wrapped": blob}), plaintext.as_str()))
            .collect();
        self.batches_open("/v1/unwrap", &all);
    }

    fn batches_open(&self, path: &str, all: &[(Value, &str)]) {
        for batch in all.chunks(BATCH) {
            let items: Vec<_> = batch.iter().map(|(item, _)| item).collect();
            let body = json!({"items": items});
            let opened = self.service.post("app", path, body).is(200);
            for (item, (asked, plaintext)) in opened["items"].as_array().unwrap().iter().zip(batch)
            {
                assert_eq!(item["plaintext"], *plaintext, "{asked}: {item}");
            }
        }
    }

    fn tokens_work(&self) {
        for token in &self.ledger.tokens {
            assert_eq!(self.sign_in(&token.text), 200, "a token was lost");
        }
    }

    fn revocations_hold(&self) {
        for token in &self.ledger.revoked {
            let status = self.sign_in(token);
            assert!([401, 429].contains(&status), "a revoked token works");
        }
    }

    fn sign_in(&self, token: &str) -> u16 {
        let path = "/v1/capabilities";
        let reply = self.client.send(token, "check", "GET", path, Value::Null);
        reply.unwrap().status
    }

    fn requests_are_audited_once(&self, entries: &[Value]) {
        let mut outcomes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(entry["index"], index, "a gap in the log");
            if let Some(id) = entry["request_id"].as_str() {
                let outcome = entry["outcome"].as_str().unwrap();
                outcomes.entry(id).or_default().push(outcome);
            }
        }
        for (id, logged) in &outcomes {
            assert_eq!(logged.len(), 1, "{id} is in the log {} times", logged.len());
        }
        for (id, status) in &self.ledger.requests {
            let wanted = if *status < 300 { "ok" } else { "refused" };
            let logged = outcomes.get(id.as_str()).map(Vec::as_slice);
            assert_eq!(logged, Some([wanted].as_slice()), "{id}, answered {status}");
        }
    }
}

/// What the database must not find in itself, and what that would be.
const HALVES: [(&str, &str); 7] = [
    (
        "DEKs without a version",
        "SELECT name FROM deks WHERE name NOT IN (SELECT dek FROM dek_versions)",
    ),
    (
        "DEKs whose numbers have a gap",
        "SELECT dek FROM dek_versions GROUP BY dek HAVING max(number) <> count(*)",
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
        "KEKs half made",
        "SELECT version FROM kek_versions WHERE state <> 'enabled'",
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
const PAIRS: [(&[&str], &str); 4] = [
    (
        &["dek.create", "dek.rotate"],
        "SELECT dek || '/' || version FROM dek_versions",
    ),
    (
        &["principal.create", "principal.provision"],
        "SELECT id FROM principals",
    ),
    (
        &["token.revoke"],
        "SELECT principal_id || '/' || id FROM tokens WHERE state = 'revoked'",
    ),
    (
        // The first token of a principal comes with it, under its entry.
        &["token.create"],
        "SELECT principal_id || '/' || id FROM tokens t WHERE EXISTS
         (SELECT 1 FROM tokens e WHERE e.principal_id = t.principal_id AND e.seq < t.seq)",
    ),
];

pub fn nothing_is_there_by_half(database: &Path, entries: &[Value]) {
    #[allow(clippy::disallowed_methods)] // looks past the store
    let file = Connection::open(database).unwrap();
    for (what, sql) in HALVES {
        assert_eq!(column(&file, sql), Vec::<String>::new(), "{what}");
    }
    for (actions, sql) in PAIRS {
        let done = entries.iter().filter(|entry| {
            entry["outcome"] == "ok" && actions.iter().any(|one| entry["action"] == *one)
        });
        let mut logged: Vec<_> = done.map(|entry| text(&entry["object"])).collect();
        let mut there = column(&file, sql);
        logged.sort();
        there.sort();
        assert_eq!(there, logged, "{actions:?}");
    }
}

fn column(file: &Connection, sql: &str) -> Vec<String> {
    let mut statement = file.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
