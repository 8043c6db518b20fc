//! A list of tools, signed by a key from a fixed seed: what a service makes of it, and what a thief of the key can.

use std::sync::OnceLock;

use aegis_custodian::{
    crypto::{
        canonical, ed25519,
        pinned::{Pinned, key_id},
        tools::{self, Amtss, Expected, Fault, Manifest, Verdict, verify_text},
    },
    words::KeyAlgorithm,
};
use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::ceremony::{SCHEMA, service_keys};

/// When the list is looked at.
pub const NOW: &str = "2026-11-23T12:00:00Z";
pub const ISSUED_AT: &str = "2026-11-23T10:00:00Z";
pub const EXPIRES_AT: &str = "2026-11-24T10:00:00Z";
pub const SERVER: &str = "payments";

/// What an MCP server answers to `tools/list`.
pub fn listed() -> Value {
    json!([
        {"name": "add", "description": "Adds two numbers.", "inputSchema": {"type": "object",
            "properties": {"a": {"type": "number", "minimum": -1.5}, "b": {"type": "number", "maximum": 100}},
            "required": ["a", "b"]}},
        {"name": "caf\u{e9}", "title": "Caf\u{e9}", "x-unknown": [null, true, 1, {"deep": []}]},
        {"name": "pay", "description": "Pays.", "annotations": {"destructiveHint": true}},
    ])
}

/// The text of a list, as `/v1/mcp/tools/sign` answers it.
pub fn signed(tools: &str) -> String {
    let time = |text: &str| text.parse().unwrap();
    let digests = tools::digests(tools).unwrap();
    let manifest = Manifest::new(SERVER, digests, time(ISSUED_AT), time(EXPIRES_AT));
    let manifest = manifest.canonical().unwrap();
    let signature = ed25519::sign(&SCHEMA, &tools::message(&manifest));
    let amtss = Amtss::new(schema_key_id(), manifest, &signature).unwrap();
    let amtss = serde_json::to_string(&amtss).unwrap();
    format!(r#"{{"tools":{tools},"_meta":{{"aegis-custodian/amtss":{amtss}}}}}"#)
}

/// [`listed`], signed.
pub fn usual() -> Value {
    serde_json::from_str(&signed(&listed().to_string())).unwrap()
}

/// The manifest of a result, and what stands beside it.
pub fn amtss(result: &mut Value) -> &mut Value {
    &mut result["_meta"]["aegis-custodian/amtss"]
}

/// Signs whatever stands in the place of the manifest: what a thief of the key can do.
pub fn resign(result: &mut Value) {
    let amtss = amtss(result);
    let manifest = canonical::json(&amtss["manifest"]).unwrap();
    let signature = ed25519::sign(&SCHEMA, &tools::message(&manifest));
    amtss["signature"] = Base64::encode_string(&signature).into();
}

pub fn schema_key_id() -> String {
    key_id(KeyAlgorithm::Ed25519, &ed25519::public_key(&SCHEMA))
}

pub fn pinned(keys: &Value) -> Pinned {
    Pinned::read(keys.to_string().as_bytes()).unwrap()
}

/// What a verifier at [`NOW`] expects that asks for nothing more.
pub fn now() -> Expected<'static> {
    Expected {
        at: NOW.parse().unwrap(),
        server: None,
        partial: false,
    }
}

pub fn judge_as(text: &str, expected: &Expected<'_>) -> Verdict {
    static PINNED: OnceLock<Pinned> = OnceLock::new();
    let pinned = PINNED.get_or_init(|| pinned(&service_keys()));
    let verdict = verify_text(text.as_bytes(), pinned, expected);
    assert_eq!(verdict.valid, verdict.error.is_none());
    assert!(!verdict.valid || verdict.changed.is_empty() && verdict.added.is_empty());
    verdict
}

pub fn judge(result: &Value) -> Verdict {
    judge_as(&result.to_string(), &now())
}

/// The word, or none if it is valid.
pub fn fault(result: &Value) -> Option<Fault> {
    judge(result).error
}
