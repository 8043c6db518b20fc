//! What an operator installs: a SoftHSM token from the ceremony, a configuration, `custodian init` and `custodian serve`.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::service::{Answer, PATIENT, agent, send};

pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub const LABEL: &str = "appliance";
pub const PIN: &str = "appliance-pin";

/// A folder with all that belongs to one installation.
pub struct Site {
    home: TempDir,
}

/// A running `custodian serve`.
pub struct Served {
    child: Child,
    pub url: String,
    pub log: PathBuf,
}

impl Site {
    /// With an empty token, and a configuration that is as short as one can be.
    pub fn new() -> Self {
        let site = Self::without_token();
        site.make_token();
        site
    }

    pub fn without_token() -> Self {
        let home = TempDir::new().unwrap();
        let site = Self { home };
        fs::create_dir(site.path("tokens")).unwrap();
        let conf = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            site.path("tokens").display()
        );
        fs::write(site.path("softhsm2.conf"), conf).unwrap();
        site.write_private("pin", PIN);
        site.configure("");
        site
    }

    pub fn make_token(&self) {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", LABEL])
            .args(["--pin", PIN, "--so-pin", "the-officers-pin"])
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    pub fn write_private(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The configuration, and `more` behind it.
    pub fn configure(&self, more: &str) -> PathBuf {
        let deadline = match more.contains("deadline") {
            true => String::new(),
            false => format!("deadline = {PATIENT:?}\n"),
        };
        let text = format!(
            "data_dir = {:?}\ninstance = \"appliance\"\n[listen]\naddress = \"127.0.0.1:0\"\n[kek]\nmodule = {MODULE:?}\ntoken = {LABEL:?}\npin_file = {:?}\n{deadline}{more}",
            self.path("data"),
            self.path("pin")
        );
        let path = self.path("custodian.toml");
        fs::write(&path, text).unwrap();
        path
    }

    /// A command of the real binary on this site's token.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custodian"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        command
    }

    /// With its configuration.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut all = arguments.to_vec();
        all.extend(["--config", "custodian.toml"]);
        self.command(&all).output().unwrap()
    }

    /// For ada and bob.
    pub fn init(&self) -> Output {
        self.run(&[
            "init",
            "--admin",
            "ada=ada.token",
            "--admin",
            "bob=bob.token",
        ])
    }

    /// Initialised and served.
    pub fn serve_new(&self) -> Served {
        let made = self.init();
        assert!(made.status.success(), "{made:?}");
        self.serve()
    }

    pub fn serve(&self) -> Served {
        self.try_serve()
            .unwrap_or_else(|(code, log)| panic!("exit code {code:?}: {log}"))
    }

    /// What it says if it does not come up: exit code and log.
    pub fn try_serve(&self) -> Result<Served, (Option<i32>, String)> {
        self.spawn(self.command(&["serve", "--config", "custodian.toml"]))
    }

    pub fn spawn(&self, mut command: Command) -> Result<Served, (Option<i32>, String)> {
        let log = self.path("service.log");
        let file = File::options().create(true).append(true).open(&log);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(file.unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            let code = child.wait().unwrap().code();
            return Err((code, fs::read_to_string(&log).unwrap()));
        };
        let url = url.to_owned();
        Ok(Served { child, url, log })
    }

    pub fn token(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.token"))).unwrap()
    }

    /// A principal that ada proposes and bob approves; answers its id and its token.
    pub fn principal(&self, served: &Served, agent: &Agent, body: &Value) -> (String, String) {
        let ask = |who: &str, path: &str, body: &Value| {
            served.ask(agent, &self.token(who), "POST", path, body)
        };
        let made = ask("ada", "/v1/admin/principals", body).is(201);
        let id = made["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/admin/principals/{id}/approve");
        ask("bob", &path, &json!({})).is(200);
        let token = made["token"].as_str().unwrap_or_default().to_owned();
        (id, token)
    }
}

impl Served {
    /// One call by a bearer token (`""` is none).
    pub fn ask(
        &self,
        agent: &Agent,
        token: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("content-type", "application/json")];
        if !token.is_empty() {
            headers.push(("authorization", &bearer));
        }
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        send(
            agent,
            method,
            &format!("{}{path}", self.url),
            &headers,
            body.as_bytes(),
        )
    }

    pub fn get(&self, agent: &Agent, token: &str, path: &str) -> Answer {
        self.ask(agent, token, "GET", path, &Value::Null)
    }

    /// Over plain HTTP.
    pub fn plain(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(&agent(), token, method, path, body)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        crate::service::signal(self.pid(), name);
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// SIGTERM; answers the exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().unwrap().code()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}
