//! After a restart: the audit log, and the encryptions that are written down before they are made.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use ct_merkle::{ConsistencyProof, RootHash};
use rusqlite::Row;
use serde_json::{Value, json};
use sha2::{Sha256, digest::Output};

use super::{
    check::Check,
    file,
    service::{Answer, Service},
};

/// How many encryptions a life reserves at once (formats.md section 2).
const BLOCK: u64 = 1 << 16;
/// So many entries are read again to see that the past is as it was.
const OVERLAP: usize = 100;

impl Check<'_> {
    /// Reads on; answers from where the log is looked at.
    pub fn read_log(&self, log: &mut Vec<Value>) -> usize {
        let known = log.len();
        let from = match self.thorough {
            true => 0,
            false => known.saturating_sub(OVERLAP),
        };
        let read = entries_from(|path| self.service.get("auditor", path), from);
        let again = &read[..known - from];
        assert_eq!(again, &log[from..], "the log's past has changed");
        log.extend_from_slice(&read[known - from..]);
        if self.thorough { 0 } else { known }
    }

    /// The service finds its log whole, and no checkpoint that it ever handed out is contradicted.
    pub fn log_is_whole(&mut self) {
        let verdict = self.service.post("auditor", "/v1/audit/verify", json!({}));
        let verdict = verdict.is(200);
        assert_eq!(verdict["valid"], true, "{verdict}");
        self.looked_at("logs found whole", 1);
        // A log of a few entries may have none yet.
        let Some((size, root)) = checkpoint(self.service) else {
            assert!(self.ledger.checkpoints.is_empty());
            return;
        };
        self.ledger.note_checkpoint(size, &root);
        let newest = *self.ledger.checkpoints.keys().next_back().unwrap();
        assert_eq!(size, newest, "it went back");
        let from = match self.thorough {
            true => 0,
            false => self.ledger.proven,
        };
        let older: Vec<_> = self.ledger.checkpoints.range(from..size).collect();
        for (old, its_root) in &older {
            let path = format!("/v1/audit/proof/consistency?from={old}&to={size}");
            let proof = self.service.get("auditor", &path).is(200);
            continues((**old, its_root.as_str()), (size, root.as_str()), &proof);
        }
        let count = older.len();
        self.ledger.proven = size;
        self.looked_at("checkpoints proven to be beginnings of the log", count);
    }

    /// All that were acknowledged since the last look, or ever.
    pub fn requests_are_audited_once(&mut self, entries: &[Value]) {
        let known = match self.thorough {
            true => 0,
            false => self.ledger.audited,
        };
        each_is_audited_once(&self.ledger.requests[known..], entries);
        let count = self.ledger.requests.len();
        self.looked_at("requests with their one audit entry", count - known);
        self.ledger.audited = count;
    }

    /// Each life wrote down a block of its own before its first encryption under a key; no count ever goes down.
    pub fn encryptions_are_counted(&mut self) {
        let database = self.service.dir.join("custodian.db");
        let file = file::open(&database);
        let sql = "SELECT dek, version, reserved FROM dek_versions
                   UNION ALL SELECT '', version, reserved FROM kek_versions";
        let mut statement = file.prepare(sql).unwrap();
        let read = |row: &Row<'_>| Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)? as u64));
        let rows = statement.query_map([], read).unwrap();
        let reserved: BTreeMap<(String, String), u64> = rows.map(Result::unwrap).collect();
        for (of, before) in &self.ledger.reserved {
            assert!(reserved[of] >= *before, "{of:?} counts down");
        }
        let hybrids = self.ledger.deks.iter().filter(|dek| dek.hybrid);
        let hybrids: Vec<_> = hybrids.map(|dek| dek.name.clone()).collect();
        for (of, version) in &self.ledger.versions {
            // Encryptions under a public key need no count.
            let uses = &version.encryptions;
            let least = (uses.lives.len() as u64 * BLOCK).max(uses.count);
            let counted = reserved[of] >= least || hybrids.contains(&of.0);
            assert!(counted, "{of:?} reserved {}, used {uses:?}", reserved[of]);
        }
        let wraps = &self.ledger.wraps;
        let keks = reserved.iter().filter(|((dek, _), _)| dek.is_empty());
        let kek: u64 = keks.map(|(_, count)| *count).sum();
        assert!(kek >= (wraps.lives.len() as u64 * BLOCK).max(wraps.count));
        self.looked_at("counts of encryptions", reserved.len());
        self.ledger.reserved = reserved;
    }
}

/// Every entry from this one on, without a gap.
pub fn entries_from(get: impl Fn(&str) -> Answer, from: usize) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let path = format!("/v1/audit/entries?limit=500&from={}", from + all.len());
        let page = get(&path).is(200);
        let items = page["items"].as_array().unwrap();
        for (at, entry) in items.iter().enumerate() {
            assert_eq!(entry["index"], from + all.len() + at, "a gap in the log");
        }
        if items.is_empty() {
            return all;
        }
        all.extend(items.iter().cloned());
    }
}

/// Each acknowledged request once, with its outcome; none twice.
pub fn each_is_audited_once(requests: &[(String, u16)], entries: &[Value]) {
    let mut outcomes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in entries {
        let id = entry["request_id"].as_str().unwrap_or_default();
        if !id.is_empty() && !id.starts_with("check") {
            let outcome = entry["outcome"].as_str().unwrap();
            outcomes.entry(id).or_default().push(outcome);
        }
    }
    for (id, logged) in &outcomes {
        assert_eq!(logged.len(), 1, "{id} is in the log {} times", logged.len());
    }
    for (id, status) in requests {
        let wanted = if *status < 300 { "ok" } else { "refused" };
        let logged = outcomes.get(id.as_str()).map(Vec::as_slice);
        assert_eq!(logged, Some([wanted].as_slice()), "{id}, answered {status}");
    }
}

/// The newest one that is handed out: its size and its root.
pub fn checkpoint(service: &Service) -> Option<(u64, String)> {
    let answer = service.get("auditor", "/v1/audit/checkpoint");
    if answer.status == 503 {
        return None;
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    Some(read_checkpoint(&answer.text))
}

/// The size and the root (hex) of a note.
pub fn read_checkpoint(note: &str) -> (u64, String) {
    let lines: Vec<_> = note.lines().collect();
    let root = Base64::decode_vec(lines[2]).unwrap();
    (lines[1].parse().unwrap(), hex::encode(root))
}

/// Checks by another implementation that the older tree is the beginning of the newer one.
pub fn continues(old: (u64, &str), new: (u64, &str), proof: &Value) {
    let hash = |text: &str| -> Output<Sha256> {
        let bytes: [u8; 32] = hex::decode(text).unwrap().try_into().unwrap();
        bytes.into()
    };
    let hashes = proof["hashes"].as_array().unwrap().iter();
    let hashes: Vec<_> = hashes.map(|text| hash(text.as_str().unwrap())).collect();
    let root = |(size, root): (u64, &str)| RootHash::<Sha256>::new(hash(root), size);
    let path = ConsistencyProof::<Sha256>::from_digests(&hashes);
    let shown = root(new).verify_consistency(&root(old), &path);
    assert!(shown.is_ok(), "{new:?} does not continue {old:?}: {proof}");
}
