//! Exports of the audit log: no bytes make the verifier fall, and what it calls valid is the log that was signed.
//!
//! One log is ever signed by the key that is pinned here, so whatever is valid must have its entries. An input is judged
//! as it is, and spliced into the signed export.

use std::sync::OnceLock;

use aegis_custodian::{
    crypto::{
        checkpoint::{Checkpoint, NoteKey},
        ed25519,
        merkle::{Frontier, leaf},
        pinned::{LogKey, Pinned, key_id},
    },
    log::export::{Head, Judge},
    words::KeyAlgorithm,
};
use base64ct::{Base64, Encoding};
use serde_json::json;

const LOG: &str = "example.com/log";
const SEED: [u8; 32] = [3; 32];

struct Stage {
    entries: Vec<Vec<u8>>,
    export: Vec<u8>,
    keys: Vec<LogKey>,
}

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let entries: Vec<Vec<u8>> = (0..5).map(entry).collect();
        let head = serde_json::to_vec(&Head::new(note(&entries))).unwrap();
        let lines = [vec![head], entries.clone()].concat();
        let export = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat());
        Stage {
            export: export.collect(),
            entries,
            keys: keys(),
        }
    })
}

fn entry(index: u64) -> Vec<u8> {
    format!(r#"{{"action":"a","at":"2026-11-23T10:00:0{index}Z","index":{index}}}"#).into_bytes()
}

fn note(entries: &[Vec<u8>]) -> String {
    let mut edge = Frontier::default();
    for entry in entries {
        edge.push(leaf(entry)).unwrap();
    }
    let checkpoint = Checkpoint {
        origin: LOG.to_owned(),
        size: edge.size(),
        root: edge.root().unwrap(),
    };
    let sign = |text: &[u8]| Ok(ed25519::sign(&SEED, text).to_vec());
    note_key().sign(&checkpoint, sign).unwrap()
}

fn note_key() -> NoteKey {
    NoteKey::new(LOG, ed25519::public_key(&SEED)).unwrap()
}

fn keys() -> Vec<LogKey> {
    let public_key = ed25519::public_key(&SEED);
    let key = json!({"key_id": key_id(KeyAlgorithm::Ed25519, &public_key), "purpose": "checkpoint",
        "algorithm": "ed25519", "public_key": Base64::encode_string(&public_key), "state": "active",
        "vkey": note_key().vkey()});
    let pinned = Pinned::read(json!({"items": [key]}).to_string().as_bytes());
    pinned.unwrap().log_keys(None).unwrap()
}

/// Answers whether the input is the log as it was signed.
pub fn check(input: &[u8]) -> bool {
    judged(&spliced(input));
    judged(input)
}

fn judged(export: &[u8]) -> bool {
    let mut lines = export
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    let head = lines.next().unwrap_or_default();
    let at = "2026-11-23T12:00:00Z".parse().unwrap();
    let mut judge = Judge::begin(head, &stage().keys, Vec::new(), at).unwrap();
    let entries: Vec<&[u8]> = lines.collect();
    for entry in &entries {
        judge.entry(entry).unwrap();
    }
    let verdict = judge.end().unwrap();
    assert_eq!(verdict.valid, verdict.error.is_none());
    serde_json::to_string(&verdict).unwrap();
    assert!(
        !verdict.valid || stage().entries == entries,
        "another log is valid"
    );
    verdict.valid
}

/// The signed export with a part of it replaced: two bytes say where, one how much of it goes.
fn spliced(input: &[u8]) -> Vec<u8> {
    let whole = &stage().export;
    let Some((place, rest)) = input.split_first_chunk::<3>() else {
        return whole.clone();
    };
    let from = usize::from(u16::from_be_bytes([place[0], place[1]])) % (whole.len() + 1);
    let to = (from + usize::from(place[2])).min(whole.len());
    [&whole[..from], rest, &whole[to..]].concat()
}
