//! `custodian verify`, by the real binary, in a folder with what it judges and whom to trust.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

pub struct Verifier {
    what: &'static str,
    home: TempDir,
}

impl Verifier {
    /// `what` names the command and, with `.json` after it, the file that it judges.
    pub fn new(what: &'static str, judged: impl AsRef<[u8]>, keys: &Value) -> Self {
        let home = TempDir::new().unwrap();
        let verifier = Self { what, home };
        verifier.put(&format!("{what}.json"), judged);
        verifier.put("keys.json", keys.to_string());
        verifier
    }

    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs the command in the folder, with `input` on standard input; answers exit code, output and errors.
    pub fn run_with(&self, input: &[u8], arguments: &[&str]) -> (i32, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_custodian"))
            .args(["verify", self.what])
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

    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_with(b"", arguments)
    }

    pub fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let (code, out, _) = self.run(&[arguments, &["--output", "json"]].concat());
        assert!(out.is_ascii());
        (code, serde_json::from_str(&out).unwrap())
    }
}
