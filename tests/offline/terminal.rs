//! What is asked at the terminal: passphrases that are not shown, and a yes.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use aegis_custodian::words::Binding;
use serde_json::{Value, json};

use crate::{Desk, Kind, PASSPHRASE, overrides::honest};

struct Seen {
    code: i64,
    shown: String,
    stdout: String,
}

/// Runs `custodian` at a terminal of its own, or at none if there are no answers to type.
fn at_terminal(desk: &Desk, arguments: &[&str], answers: &[(&str, &str)]) -> Seen {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".venv/bin/python");
    assert!(
        python.exists(),
        "run `make test`: it makes .venv with a Python"
    );
    let command: Vec<&str> = [&[env!("CARGO_BIN_EXE_custodian")], arguments].concat();
    let task = json!({
        "command": command,
        "folder": desk.0.path(),
        "answers": answers,
        "terminal": !answers.is_empty(),
    });
    let mut child = Command::new(python)
        .arg("-B")
        .arg(root.join("tests/offline/terminal.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(task.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    Seen {
        code: seen["code"].as_i64().unwrap(),
        shown: seen["shown"].as_str().unwrap().to_owned(),
        stdout: seen["stdout"].as_str().unwrap().to_owned(),
    }
}

const KEYGEN: [&str; 5] = ["keygen", "--scheme", "bip340", "--out", "new.age"];

#[test]
fn a_new_passphrase_is_typed_twice_and_never_shown() {
    let desk = Desk::new();
    let answers = [("key file:", PASSPHRASE), ("again:", PASSPHRASE)];
    let seen = at_terminal(&desk, &KEYGEN, &answers);
    assert_eq!(seen.code, 0, "{}", seen.shown);
    assert!(!seen.shown.contains(PASSPHRASE), "{}", seen.shown);
    assert_eq!(
        desk.done(&["pubkey", "--key", "new.age"], ""),
        seen.stdout.trim_end()
    );
}

#[test]
fn two_passphrases_that_differ_or_are_short_make_no_file() {
    for (first, second) in [
        (PASSPHRASE, "another one altogether"),
        ("short", "short"),
        ("", ""),
    ] {
        let desk = Desk::new();
        let seen = at_terminal(&desk, &KEYGEN, &[("key file:", first), ("again:", second)]);
        assert_eq!(seen.code, 1, "{}", seen.shown);
        assert!(seen.shown.contains("passphrase"), "{}", seen.shown);
        assert!(!desk.path("new.age").exists());
    }
}

#[test]
fn only_a_yes_signs_and_what_is_signed_is_shown_before() {
    let (document, m) = honest(Binding::Bound, "because\u{1b}[2J");
    for answer in ["yes", "y", "Yes", "no", "", "yes please"] {
        let desk = Desk::new();
        let key = desk.key(Kind::Bip340);
        desk.json(&document);
        let arguments = ["sign", "--key", "key.age", "document.json"];
        let answers = [("of the key file:", PASSPHRASE), ("Type yes:", answer)];
        let seen = at_terminal(&desk, &arguments, &answers);
        assert!(
            seen.shown.contains("justification | because\\u{1b}[2J"),
            "{}",
            seen.shown
        );
        assert!(!seen.shown.contains("\u{1b}[2J") && !seen.shown.contains(PASSPHRASE));
        assert_eq!(
            seen.code,
            i64::from(answer != "yes"),
            "{answer}: {}",
            seen.shown
        );
        let signature = seen.stdout.trim_end();
        assert_eq!(
            key.public_key().verify(&m, signature).is_ok(),
            answer == "yes"
        );
        assert_eq!(signature.is_empty(), answer != "yes");
    }
}

#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_signed() {
    let desk = Desk::new();
    desk.key(Kind::Bip340);
    desk.json(&honest(Binding::Bound, "because").0);
    let sign = [
        "sign",
        "--key",
        "key.age",
        "document.json",
        "--passphrase-file",
        "passphrase",
    ];
    let seen = at_terminal(&desk, &sign, &[]);
    assert_eq!(seen.code, 1);
    assert!(
        seen.shown.contains("no terminal") && seen.stdout.is_empty(),
        "{}",
        seen.shown
    );
    let seen = at_terminal(&desk, &sign[..4], &[]);
    assert_eq!(seen.code, 1);
    assert!(
        seen.shown.contains("--passphrase-file") && seen.stdout.is_empty(),
        "{}",
        seen.shown
    );
}
