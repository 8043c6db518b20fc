//! The programs in `examples/`, which users copy, run as a user would run them: as commands, against a real service.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

#[path = "support/ceremony.rs"]
mod ceremony;
#[path = "examples/encrypt_event.rs"]
mod encrypt_event;
#[path = "examples/kek_provider.rs"]
mod kek_provider;
#[path = "examples/mcp.rs"]
mod mcp;
#[path = "support/service.rs"]
mod service;
#[path = "examples/signed_tools.rs"]
mod signed_tools;
#[path = "support/toolbox.rs"]
mod toolbox;

/// Python with what the examples need.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    assert!(
        python.exists(),
        "run `make test`: it makes .venv with what the examples need"
    );
    python
}

/// Runs an example with these arguments and this standard input.
fn example(name: &str, arguments: &[&str], input: &[u8]) -> Output {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut child = Command::new(python())
        .arg("-B")
        .arg(examples.join(name))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input); // it may not read it
    child.wait_with_output().unwrap()
}

/// What it wrote, if it went well.
#[track_caller]
fn wrote(output: Output) -> Vec<u8> {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output.stdout
}

/// What it said, if it ended in a sentence of its own and not in a traceback.
#[track_caller]
fn refused(output: Output) -> String {
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("Traceback"), "{said}");
    said
}
