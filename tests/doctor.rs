//! `custodian doctor` by the real binary: what it finds on a fresh machine, beside a running service, and where something
//! is wrong; and that it changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "doctor/files.rs"]
mod files;
#[path = "doctor/library.rs"]
mod library;
#[path = "support/service.rs"]
mod service;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use service::{Service, eventually};
use tempfile::TempDir;

/// A machine of its own: a place for temporary files, and perhaps another library.
struct Machine {
    home: TempDir,
    data: &'static str,
    module: Option<PathBuf>,
}

/// What `doctor` answered.
#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    said: String,
}

impl Machine {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join("temporary")).unwrap();
        let (data, module) = ("data", None);
        Self { home, data, module }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join(self.data)
    }

    /// Starts `dev` on a folder that is private, as it makes it itself.
    fn start(&self, more: &[&str]) -> Service {
        fs::create_dir(self.data()).unwrap();
        fs::set_permissions(self.data(), Permissions::from_mode(0o700)).unwrap();
        Service::start(&self.data(), more)
    }

    /// A data folder of a `dev` that has ended.
    fn with_data(more: &[&str]) -> Self {
        let machine = Self::new();
        let service = machine.start(more);
        assert_eq!(service.stop(), Some(0));
        machine
    }

    fn run(&self, more: &[&str]) -> Answer {
        let temporary = self.home.path().join("temporary");
        let mut command = Command::new(env!("CARGO_BIN_EXE_custodian"));
        command
            .args(["doctor", "--data-dir"])
            .arg(self.data())
            .args(more)
            .env("TMPDIR", &temporary);
        if let Some(module) = &self.module {
            command.env("CUSTODIAN_SOFTHSM_MODULE", module);
        }
        let output = command.output().unwrap();
        let left: Vec<_> = fs::read_dir(temporary).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        Answer {
            code: output.status.code(),
            said: String::from_utf8(output.stdout).unwrap(),
        }
    }

    /// Runs it for programs; its exit code says whether there is a problem.
    #[track_caller]
    fn examine(&self, more: &[&str]) -> Value {
        let answer = self.run(&[&["--output", "json"], more].concat());
        let found: Value = serde_json::from_str(&answer.said).unwrap();
        let problems = verdicts(&found)
            .iter()
            .any(|(_, verdict)| verdict == "problem");
        assert_eq!(answer.code, Some(i32::from(problems)), "{found}");
        found
    }
}

/// What was looked at, and how it is.
fn verdicts(found: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = found["findings"].as_array().unwrap().iter();
    let verdict = |one: &Value| (text(&one["about"]), text(&one["verdict"]));
    findings.map(verdict).collect()
}

/// The findings that are not well, each with something to do.
fn wrong(found: &Value) -> Vec<(String, String)> {
    for finding in found["findings"].as_array().unwrap() {
        let well = finding["verdict"] == "ok";
        assert_eq!(finding["todo"].is_null(), well, "{finding}");
        assert!(finding["says"].as_str().unwrap().len() > 10, "{finding}");
    }
    let mut verdicts = verdicts(found);
    verdicts.retain(|(_, verdict)| verdict != "ok");
    verdicts
}

/// Asserts which findings are not well.
#[track_caller]
fn is_wrong(found: &Value, wanted: &[(&str, &str)]) {
    let own = |(about, verdict): &(&str, &str)| ((*about).to_owned(), (*verdict).to_owned());
    let wanted: Vec<_> = wanted.iter().map(own).collect();
    assert_eq!(wrong(found), wanted, "{found}");
}

/// What it says about something.
fn says(found: &Value, about: &str) -> String {
    let mut findings = found["findings"].as_array().unwrap().iter();
    let finding = findings.find(|finding| finding["about"] == about);
    let finding = finding.unwrap_or_else(|| panic!("{about} in {found}"));
    format!("{} {}", finding["says"], finding["todo"])
}

/// Every file below a folder with its mode and content.
fn all_below(dir: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        match path.is_dir() {
            true => {
                all.push((path.clone(), mode, Vec::new()));
                all.extend(all_below(&path));
            }
            false => all.push((path.clone(), mode, fs::read(&path).unwrap())),
        }
    }
    all.sort();
    all
}

#[test]
fn on_a_fresh_machine_nothing_is_wrong_and_nothing_is_made() {
    let machine = Machine::new();
    let found = machine.examine(&[]);
    is_wrong(&found, &[]);
    let folder = says(&found, "data folder");
    assert!(folder.contains("custodian dev makes it"), "{folder}");
    let token = json!({
        "opening": "absent",
        "aes_gcm": true,
        "ed25519": true,
        "mechanism": null,
        "objects": 0,
        "sessions": null,
    });
    assert_eq!(found["token"], token);
    assert!(!machine.data().exists());
    fs::create_dir(machine.data()).unwrap();
    let found = machine.examine(&[]);
    is_wrong(&found, &[]);
    assert!(says(&found, "data folder").contains("is empty"));
    assert_eq!(fs::read_dir(machine.data()).unwrap().count(), 0);
}

#[test]
fn beside_a_running_service_it_tries_the_token_and_changes_nothing() {
    let machine = Machine::new();
    let service = machine.start(&[]);
    let still = |of: &(PathBuf, u32, Vec<u8>)| {
        let name = of.0.file_name().unwrap().to_string_lossy().into_owned();
        !name.starts_with("custodian.db") && name != "service.log"
    };
    let files = || -> Vec<_> {
        let all = all_below(&machine.data()).into_iter();
        all.filter(still).collect()
    };
    for _ in 0..3 {
        service
            .post("app", "/v1/wrap", json!({"plaintext": "YQ=="}))
            .is(200);
        // The service itself gives the token the checkpoint of that, once it is signed.
        let line = format!("\n{}\n", service.audit().len());
        eventually("it is signed", || {
            let note = service.get("auditor", "/v1/audit/checkpoint");
            note.text.contains(&line)
        });
        thread::sleep(Duration::from_millis(1200));
        let before = files();
        let found = machine.examine(&[]);
        is_wrong(&found, &[]);
        assert_eq!(found["token"]["opening"], "opens");
        assert_eq!(files(), before);
    }
    assert_eq!(service.stop(), Some(0));
    let before = all_below(&machine.data());
    is_wrong(&machine.examine(&[]), &[]);
    assert_eq!(all_below(&machine.data()), before);
}

#[test]
fn its_tables_are_those_of_the_capabilities() {
    let machine = Machine::new();
    let off = ["--signature-schemes", "bip340,ed25519"];
    let service = machine.start(&off);
    let able = service.get("app", "/v1/capabilities").is(200);
    let found = machine.examine(&off);
    for table in [
        "version",
        "build",
        "encryption_table",
        "signature_scheme_table",
    ] {
        assert_eq!(found[table], able[table], "{table}");
    }
    assert_eq!(found["kek"]["providers"], able["kek"]["providers"]);
    let bad = machine.run(&["--signature-schemes", "rsa"]);
    assert_eq!((bad.code, bad.said.as_str()), (Some(1), ""));
}

#[test]
fn people_are_shown_the_same_and_no_path_rules_their_terminal() {
    let machine = Machine::with_data(&[]);
    let pin = machine.data().join("softhsm/pin");
    fs::set_permissions(&pin, Permissions::from_mode(0o640)).unwrap();
    let (found, shown) = (machine.examine(&[]), machine.run(&["--output", "table"]));
    assert_eq!(shown.code, Some(1));
    for finding in found["findings"].as_array().unwrap() {
        for member in ["says", "todo"] {
            let text = finding[member].as_str().unwrap_or_default();
            assert!(shown.said.contains(text), "{text}\n{}", shown.said);
        }
    }
    assert!(shown.said.contains("PROBLEM  PIN file"), "{}", shown.said);
    assert!(
        shown.said.ends_with("problems: 1, warnings: 1\n"),
        "{}",
        shown.said
    );
    let odd = Machine {
        data: "a\u{1b}[2Jb",
        ..Machine::new()
    };
    let shown = odd.run(&[]).said;
    assert!(
        shown.contains("a\\u{1b}[2Jb") && !shown.contains('\u{1b}'),
        "{shown}"
    );
}
