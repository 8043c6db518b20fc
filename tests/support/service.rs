//! The real binary on a real SoftHSM token and a real database, spoken to over a socket.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::{Agent, http::Request};

pub const ROLES: [&str; 4] = ["admin", "operator", "app", "auditor"];

/// A running `custodian dev`, killed on drop; its log is then searched for secrets.
pub struct Service {
    child: Mutex<Child>,
    pub url: String,
    pub dir: PathBuf,
    log: PathBuf,
    secrets: Mutex<Vec<String>>,
    agent: Agent,
    _home: Option<TempDir>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

/// For a call to the token: longer than a busy machine stands still.
pub const PATIENT: &str = "10s";

/// A principal made through the API.
#[derive(Debug)]
pub struct Principal {
    pub id: String,
    pub token: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The stable code of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts a refusal in the shape that every refusal has.
    #[track_caller]
    pub fn is_refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        assert_eq!(
            problem["type"],
            format!("urn:aegis-custodian:problem:{code}")
        );
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        for member in ["title", "detail"] {
            assert!(
                problem[member].as_str().is_some_and(|text| text.len() > 3),
                "{self:?}"
            );
        }
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }
}

impl Service {
    /// Starts one on a fresh folder, with the log at trace level.
    pub fn spawn() -> Self {
        Self::spawn_with(&[])
    }

    /// As [`Service::spawn`], with the deadline by which the contract's times are kept.
    pub fn of_the_contract() -> Self {
        Self::spawn_with(&["--kek-deadline", "1500ms"])
    }

    fn spawn_with(more: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        let mut service = Self::start(home.path(), more);
        service._home = Some(home);
        service
    }

    /// Starts one on `dir`, which the caller keeps.
    pub fn start(dir: &Path, more: &[&str]) -> Self {
        Self::start_by(Path::new(env!("CARGO_BIN_EXE_custodian")), dir, more)
    }

    /// As [`Service::start`], by another build of the binary.
    pub fn start_by(binary: &Path, dir: &Path, more: &[&str]) -> Self {
        Self::run(Command::new(binary), dir, more)
    }

    /// As [`Service::start`], with another PKCS#11 module.
    pub fn start_on(module: &Path, dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custodian"));
        command.env("CUSTODIAN_SOFTHSM_MODULE", module);
        Self::run(command, dir, &[])
    }

    /// As [`Service::start`], by a command that runs the binary.
    pub fn run(mut command: Command, dir: &Path, more: &[&str]) -> Self {
        fs::create_dir_all(dir).unwrap();
        let log = dir.join("service.log");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let deadline: &[_] = match more.contains(&"--kek-deadline") {
            true => &[],
            false => &["--kek-deadline", PATIENT],
        };
        let mut child = command
            .args(["--log", "trace", "dev", "--listen", "127.0.0.1:0"])
            .args(deadline)
            .arg("--data-dir")
            .arg(dir)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line.trim().strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("{}", fs::read_to_string(&log).unwrap()));
        let service = Self {
            child: Mutex::new(child),
            url: url.to_owned(),
            dir: dir.to_owned(),
            log,
            secrets: Mutex::default(),
            agent: agent(),
            _home: None,
        };
        for role in ROLES {
            service.hide(&service.token(role));
        }
        if let Ok(pin) = fs::read_to_string(dir.join("softhsm/pin")) {
            service.hide(pin.trim());
        }
        service
    }

    /// Notes a text that must never stand in the log.
    pub fn hide(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    /// The bearer token of a role's principal.
    pub fn token(&self, role: &str) -> String {
        fs::read_to_string(self.dir.join(format!("{role}.token"))).unwrap()
    }

    /// One call by a role (`""` is nobody).
    pub fn call(&self, role: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = match role {
            "" => String::new(),
            role => self.token(role),
        };
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.send(&token, method, path, &[], &body)
    }

    /// One call with this bearer token (`""` is none), these headers beside it, and this JSON (`""` is none).
    pub fn send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = more.to_vec();
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        if !token.is_empty() {
            headers.push(("authorization", &bearer));
        }
        self.raw(method, path, &headers, body.as_bytes())
    }

    /// Makes a principal; `more` are further fields of the request.
    pub fn principal(&self, name: &str, roles: &[&str], more: &Value) -> Principal {
        let mut body = json!({"name": name, "subject": name, "roles": roles});
        let fields = more.as_object().into_iter().flatten();
        for (field, value) in fields {
            body[field] = value.clone();
        }
        let made = self.post("admin", "/v1/admin/principals", body).is(201);
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        self.hide(&text("token"));
        Principal {
            id: text("id"),
            token: text("token"),
        }
    }

    pub fn post(&self, role: &str, path: &str, body: Value) -> Answer {
        self.call(role, "POST", path, Some(body))
    }

    pub fn get(&self, role: &str, path: &str) -> Answer {
        self.call(role, "GET", path, None)
    }

    /// One call with these headers and these bytes.
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(
            &self.agent,
            method,
            &format!("{}{path}", self.url),
            headers,
            body,
        )
    }

    /// Every audit entry.
    pub fn audit(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let path = format!("/v1/audit/entries?limit=500&from={}", all.len());
            let page = self.get("auditor", &path).is(200);
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return all;
            }
            all.extend(items.iter().cloned());
        }
    }

    /// Makes a DEK and answers its first version.
    pub fn make_dek(&self, name: &str) -> String {
        let body = json!({"name": name, "algorithm": "aes-256-gcm"});
        let dek = self.post("operator", "/v1/deks", body).is(201);
        dek["current"].as_str().unwrap().to_owned()
    }

    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// SIGKILL.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        let _gone_already = child.kill();
        child.wait().unwrap();
    }

    /// SIGTERM; answers the exit code.
    pub fn stop(&self) -> Option<i32> {
        signal(self.pid(), "-TERM");
        self.child.lock().unwrap().wait().unwrap().code()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            let _gone_already = child.kill();
            let _reaped = child.wait();
        }
        if thread::panicking() {
            return;
        }
        let log = self.log();
        for secret in self.secrets.get_mut().unwrap() {
            assert!(!log.contains(secret.as_str()), "a secret stands in the log");
        }
    }
}

/// An agent to which a refusal is an answer like any other.
pub fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false);
    config.build().new_agent()
}

/// One call to any address.
pub fn send(
    agent: &Agent,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answered = if body.is_empty() && method != "POST" && method != "PUT" {
        agent.run(request.body(()).unwrap())
    } else {
        agent.run(request.body(body).unwrap())
    };
    let mut answered = answered.unwrap();
    let bytes = answered.body_mut().read_to_vec().unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned(); // tiles are no text
    Answer {
        status: answered.status().as_u16(),
        headers: answered.headers().clone(),
        text,
    }
}

/// Sends a signal by the shell's own `kill`: the program of that name is not on every machine.
pub fn signal(pid: u32, signal: &str) {
    let command = format!("kill {signal} {pid}");
    let sent = Command::new("sh").args(["-c", &command]).status();
    assert!(sent.unwrap().success());
}

/// Tells threads to stop when it is dropped, even if something else went wrong.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Waits until `done`, at most ten seconds.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "not in time: {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
