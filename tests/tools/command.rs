//! `custodian verify tools`, by the real binary.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    ceremony,
    toolbox::{NOW, amtss, resign, signed, usual},
};

struct Desk {
    home: TempDir,
}

impl Desk {
    fn new(answer: &Value) -> Self {
        let desk = Self {
            home: TempDir::new().unwrap(),
        };
        desk.put("tools.json", &answer.to_string());
        desk.put("keys.json", &ceremony::service_keys().to_string());
        desk
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs the command in the folder, with `input` on standard input; answers exit code, output and errors.
    fn run_with(&self, input: &[u8], arguments: &[&str]) -> (i32, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_custodian"))
            .args(["verify", "tools"])
            .args(arguments)
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input); // it may not read it
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_with(b"", arguments)
    }

    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let (code, out, _) = self.run(&[arguments, &["--output", "json"]].concat());
        assert!(out.is_ascii());
        (code, serde_json::from_str(&out).unwrap())
    }
}

const USUAL: [&str; 5] = ["tools.json", "--keys", "keys.json", "--at", NOW];

#[test]
fn a_valid_list_is_reported_to_people_and_exits_with_0() {
    let (code, out, err) = Desk::new(&usual()).run(&USUAL);
    assert_eq!((code, &*err), (0, ""));
    let lines: Vec<_> = out.lines().collect();
    let wanted = [
        "VALID as of 2026-11-23T12:00:00Z",
        "server        | payments",
        "issued        | 2026-11-23T10:00:00Z",
        "valid until   | 2026-11-24T10:00:00Z",
        &format!("signed by     | {}", crate::toolbox::schema_key_id()),
    ];
    assert_eq!(lines, wanted);
}

#[test]
fn a_list_that_is_not_valid_exits_with_3_and_names_what_differs() {
    let mut result = usual();
    result["tools"][0]["description"] = json!("Subtracts.");
    result["tools"].as_array_mut().unwrap().remove(2);
    result["tools"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "delete"}));
    let desk = Desk::new(&result);
    let (code, out, _) = desk.run(&USUAL);
    assert_eq!(code, 3, "{out}");
    for line in [
        "NOT VALID as of 2026-11-23T12:00:00Z",
        "ToolsDiffer: the tools are not those that were signed",
        "changed       | add",
        "missing       | pay",
        "added         | delete",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let (code, said) = desk.json(&USUAL);
    assert_eq!((code, &said["error"]), (3, &json!("ToolsDiffer")));
    assert_eq!(
        (&said["changed"], &said["missing"], &said["added"]),
        (&json!(["add"]), &json!(["pay"]), &json!(["delete"]))
    );
}

#[test]
fn what_is_asked_for_is_compared() {
    let mut result = usual();
    result["tools"].as_array_mut().unwrap().remove(2);
    let desk = Desk::new(&json!({"jsonrpc": "2.0", "id": 1, "result": result}));
    let run = |more: &[&str]| desk.run(&[&USUAL, more].concat()).0;
    assert_eq!(run(&[]), 3);
    assert_eq!(run(&["--partial"]), 0);
    assert_eq!(run(&["--partial", "--server", "payments"]), 0);
    assert_eq!(run(&["--partial", "--server", "payroll"]), 3);
    let later = [
        "tools.json",
        "--keys",
        "keys.json",
        "--partial",
        "--at",
        "2026-12-01T00:00:00Z",
    ];
    let (code, out, _) = desk.run(&later);
    assert_eq!(code, 3);
    assert!(
        out.contains("ManifestExpired: ") && out.contains("As of its issue it was valid."),
        "{out}"
    );
    let (code, said) = desk.json(&[
        "tools.json",
        "--keys",
        "keys.json",
        "--partial",
        "--at",
        "2026-11-23T09:00:00Z",
    ]);
    assert_eq!((code, &said["error"]), (3, &json!("ManifestNotYetValid")));
}

#[test]
fn nothing_in_a_list_moves_the_cursor_or_turns_the_text() {
    let evil = "x\u{1b}[2J\r\n\u{202e}VALID\u{9b}1m";
    let mut result: Value =
        serde_json::from_str(&signed(&json!([{"name": evil}]).to_string())).unwrap();
    amtss(&mut result)["manifest"]["server"] = json!(evil);
    resign(&mut result);
    result["tools"] = json!([{"name": format!("{evil}2")}]);
    let desk = Desk::new(&result);
    let (code, out, _) = desk.run(&USUAL);
    assert_eq!(code, 3);
    let plain = |letter: char| letter == '\n' || letter == ' ' || letter.is_ascii_graphic();
    assert!(out.chars().all(plain), "{out:?}");
    for label in ["server", "missing", "added"] {
        let row = format!("{label:13} | x\\u{{1b}}[2J\\r\\n\\u{{202e}}VALID");
        assert!(out.contains(&row), "{row}\n{out}");
    }
    assert!(!out.lines().any(|line| line.starts_with("VALID")));
    assert_eq!(desk.json(&USUAL).1["added"], json!([format!("{evil}2")]));
}

#[test]
fn either_file_can_be_standard_input_and_a_mistake_exits_with_1() {
    let desk = Desk::new(&usual());
    let keys = ceremony::service_keys().to_string();
    let tools = usual().to_string();
    assert_eq!(
        desk.run_with(tools.as_bytes(), &["-", "--keys", "keys.json", "--at", NOW])
            .0,
        0
    );
    assert_eq!(
        desk.run_with(keys.as_bytes(), &["tools.json", "--keys", "-", "--at", NOW])
            .0,
        0
    );
    desk.put("bad.json", "{}");
    for (arguments, wanted) in [
        (&["-", "--keys", "-"][..], "only one of"),
        (&["none.json", "--keys", "keys.json"], "none.json"),
        (&["tools.json", "--keys", "none.json"], "none.json"),
        (
            &["tools.json", "--keys", "bad.json"],
            "missing field `items`",
        ),
        (&["tools.json"], "--keys"),
        (
            &["tools.json", "--keys", "keys.json", "--at", "noon"],
            "noon",
        ),
    ] {
        let (code, out, err) = desk.run(arguments);
        assert_eq!((code, &*out), (1, ""), "{arguments:?}");
        assert!(err.contains(wanted), "{err}");
    }
    // What is no list is not valid, whatever it is.
    assert_eq!(desk.run(&["bad.json", "--keys", "keys.json"]).0, 3);
}
