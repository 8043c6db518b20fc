//! Somebody's machine: a folder, a token, and the real binary told where the service is.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::service::Service;

pub struct Desk {
    home: TempDir,
    pub url: String,
    token: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub error: String,
}

impl Desk {
    /// Of somebody with the token of that role's principal.
    pub fn of(service: &Service, role: &str) -> Self {
        Self::at(&service.url, service.dir.join(format!("{role}.token")))
    }

    pub fn at(url: &str, token: PathBuf) -> Self {
        Self {
            home: TempDir::new().unwrap(),
            url: url.to_owned(),
            token,
        }
    }

    /// Of somebody with this token.
    pub fn with(url: &str, token: &str) -> Self {
        Self::at(url, PathBuf::new()).owning(token)
    }

    /// With this token from now on.
    pub fn owning(mut self, token: &str) -> Self {
        self.token = self.write("my.token", token);
        fs::set_permissions(&self.token, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custodian"));
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("CUSTODIAN_URL", &self.url)
            .env("CUSTODIAN_TOKEN_FILE", &self.token)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).output().unwrap())
    }

    /// Runs a command at a terminal of its own, which types these answers to prompts that end so; `None` is a place
    /// without a terminal. Answers `code`, what was `shown`, and `stdout`.
    pub fn at_terminal(&self, arguments: &[&str], answers: Option<&[(&str, &str)]>) -> Value {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let command = [&[env!("CARGO_BIN_EXE_custodian")], arguments].concat();
        let task = json!({"command": command, "folder": self.home.path(), "terminal": answers.is_some(),
            "answers": answers.unwrap_or_default()});
        let mut child = Command::new(root.join(".venv/bin/python"))
            .arg("-B")
            .arg(root.join("tests/offline/terminal.py"))
            .env("CUSTODIAN_URL", &self.url)
            .env("CUSTODIAN_TOKEN_FILE", &self.token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(task.to_string().as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that has to end well, and answers what it printed.
    #[track_caller]
    pub fn done(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.out
    }

    /// Runs a command that the service has to refuse with this code.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], code: &str) {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.error.contains(&format!("({code}, ")), "{ended:?}");
    }

    /// Runs a command that has to end well, and answers its JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--output", "json"]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        serde_json::from_str(&ended.out).unwrap()
    }
}

pub fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        error: text(output.stderr),
    }
}
