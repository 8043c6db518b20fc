//! Blobs and stored records against an implementation that the project did not write (formats.md sections 1 and 2):
//! Python's `cryptography` and `rfc8785`. Where a seed or a key is needed outside, the KEK is the software one, since
//! only that can be read by a test. Here are the blobs of AES-GCM; hybrid ones are in `interop/hybrid.rs`, events with
//! such in `interop/events.rs`, certificates in `interop/certificate.rs`, signed tools in `interop/tools.rs`, the audit
//! log in `interop/audit.rs`.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use rusqlite::Connection;
use serde_json::{Value, json};
use service::Service;
use tempfile::TempDir;

#[path = "interop/audit.rs"]
mod audit;
#[path = "support/ceremony.rs"]
mod ceremony;
#[path = "interop/certificate.rs"]
mod certificate;
#[path = "support/dice.rs"]
mod dice;
#[path = "interop/events.rs"]
mod events;
#[path = "interop/hybrid.rs"]
mod hybrid;
#[path = "support/service.rs"]
mod service;
#[path = "certificate/table.rs"]
mod table;
#[path = "support/toolbox.rs"]
mod toolbox;
#[path = "interop/tools.rs"]
mod tools;
#[path = "support/twelve.rs"]
mod twelve;

const PLAINTEXT: &str = "bWFkZSBoZXJl"; // "made here"
const ELSEWHERE: &str = "bWFkZSBlbHNld2hlcmU="; // "made elsewhere"

/// Runs an independent reader and maker.
fn independently(script: &str, given: &Value) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".venv/bin/python");
    assert!(
        python.exists(),
        "run `make test`: it makes .venv with what this test compares with"
    );
    let mut child = Command::new(python)
        .args([
            "-B".as_ref(),
            root.join("tests/interop").join(script).as_os_str(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(given.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The KEK's version and its bytes in hex.
fn software_kek(dir: &Path) -> (String, String) {
    let files = fs::read_dir(dir.join("software-kek")).unwrap();
    let mut paths = files.map(|file| file.unwrap().path());
    // Beside it lies the checkpoint.
    let key = paths.find(|path| path.extension().is_some_and(|end| end == "key"));
    let key = key.unwrap();
    let version = key.file_stem().unwrap().to_str().unwrap().to_owned();
    (version, hex::encode(fs::read(key).unwrap()))
}

/// The stored record of a DEK version.
fn dek_row(dir: &Path, dek: &str, version: &str) -> Value {
    let database = Connection::open(dir.join("custodian.db")).unwrap();
    let sql = "SELECT kek, nonce, sealed FROM dek_versions WHERE dek = ?1 AND version = ?2";
    let row = database.query_row(sql, [dek, version], |row| {
        let (nonce, sealed): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
        Ok(json!({"kek": row.get::<_, String>(0)?, "nonce": hex::encode(nonce), "sealed": hex::encode(sealed)}))
    });
    row.unwrap()
}

#[test]
fn blobs_open_elsewhere_by_the_formats_page_and_blobs_made_elsewhere_open_here() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--kek", "software"]);
    let version = service.make_dek("telemetry");
    // Not in NFC, and in no order: both sides must come to the same canonical bytes.
    let context = json!({"z": "cafe\u{301}", "a": "\"\\\u{1}", "e\u{301}": "\u{1f600}"});
    let body = json!({"plaintext": PLAINTEXT, "context": context});
    let wrapped = service.post("app", "/v1/wrap", body.clone()).is(200);
    let encrypted = service
        .post("app", "/v1/deks/telemetry/encrypt", body)
        .is(200);
    let principals = service.get("admin", "/v1/admin/principals").is(200);
    let mut principals = principals["items"].as_array().unwrap().iter();
    let app = principals.find(|item| item["name"] == "app").unwrap();
    let (kek_version, kek) = software_kek(home.path());
    let made = independently(
        "blobs.py",
        &json!({
            "kek_version": kek_version,
            "kek": kek,
            "wrap_scope": app["wrap_scope"],
            "context": context,
            "wrapped": wrapped["wrapped"],
            "reference": format!("telemetry/{version}"),
            "row": dek_row(home.path(), "telemetry", &version),
            "ciphertext": encrypted["ciphertext"],
        }),
    );
    assert_eq!(made["unwrapped"], PLAINTEXT);
    assert_eq!(made["decrypted"], PLAINTEXT);
    let body = json!({"wrapped": made["wrapped"], "context": context});
    let opened = service.post("app", "/v1/unwrap", body).is(200);
    assert_eq!(opened["plaintext"], ELSEWHERE);
    let body = json!({"ciphertext": made["ciphertext"], "context": context});
    let opened = service
        .post("app", "/v1/deks/telemetry/decrypt", body)
        .is(200);
    assert_eq!(opened["plaintext"], ELSEWHERE);
}
