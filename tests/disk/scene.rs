//! One installation whose data folder is on a disk that misbehaves; the token is elsewhere and stays well.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use ureq::Agent;

use crate::{
    appliance::{Served, Site},
    service::{Answer, agent, eventually},
    small::Disk,
};

/// Its principals beside the two admins, and the role of each.
const ROLES: [&str; 3] = ["app", "auditor", "operator"];

pub struct Scene {
    /// Before the site, whose folder holds the place where it is mounted.
    served: Option<Served>,
    pub disk: Option<Disk>,
    pub site: Site,
    tokens: BTreeMap<&'static str, String>,
    agent: Agent,
}

impl Scene {
    /// On a disk of so many kibibytes.
    pub fn small(kibibytes: u32) -> Self {
        let site = Site::new();
        let disk = Disk::mount(&site.path("data"), kibibytes);
        Self::on(site, Some(disk), &serving)
    }

    /// On whatever disk the tests are run on.
    pub fn plain() -> Self {
        Self::by(&serving)
    }

    /// The same, served by another command.
    pub fn by(command: &dyn Fn(&Site) -> Command) -> Self {
        Self::on(Site::new(), None, command)
    }

    fn on(site: Site, disk: Option<Disk>, command: &dyn Fn(&Site) -> Command) -> Self {
        let made = site.init();
        assert!(made.status.success(), "{made:?}");
        let served = site.spawn(command(&site));
        let served = served.unwrap_or_else(|(code, log)| panic!("exit code {code:?}: {log}"));
        let agent = agent();
        let mut tokens = BTreeMap::from([("admin", site.token("ada"))]);
        for role in ROLES {
            let mut body = json!({"name": role, "subject": role, "roles": [role]});
            if role == "app" {
                body["grants"] = json!({"deks": ["*"]});
            }
            let path = "/v1/admin/principals";
            let made = served.ask(&agent, &tokens["admin"], "POST", path, &body);
            let made = made.is(201);
            if made["status"] == "pending" {
                let path = format!("{path}/{}/approve", made["id"].as_str().unwrap());
                let bob = site.token("bob");
                served.ask(&agent, &bob, "POST", &path, &json!({})).is(200);
            }
            tokens.insert(role, made["token"].as_str().unwrap().to_owned());
        }
        Self {
            served: Some(served),
            disk,
            site,
            tokens,
            agent,
        }
    }

    pub fn served(&self) -> &Served {
        self.served.as_ref().unwrap()
    }

    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().unwrap()
    }

    pub fn database(&self) -> PathBuf {
        self.site.path("data").join("custodian.db")
    }

    /// A file beside the database.
    pub fn beside(&self, end: &str) -> PathBuf {
        let mut path = self.database().into_os_string();
        path.push(end);
        path.into()
    }

    /// One call by a role (`""` is nobody).
    pub fn ask(&self, role: &str, method: &str, path: &str, body: &Value) -> Answer {
        let token = self.tokens.get(role).map_or("", String::as_str);
        self.by_token(token, method, path, body)
    }

    pub fn by_token(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.served().ask(&self.agent, token, method, path, body)
    }

    pub fn get(&self, role: &str, path: &str) -> Answer {
        self.ask(role, "GET", path, &Value::Null)
    }

    pub fn post(&self, role: &str, path: &str, body: &Value) -> Answer {
        self.ask(role, "POST", path, body)
    }

    pub fn token(&self, role: &str) -> &str {
        &self.tokens[role]
    }

    pub fn is_ready(&self) -> bool {
        self.get("", "/v1/health/ready").status == 200
    }

    /// Waits until readiness says that nothing can be stored, and that the token is well.
    pub fn says_that_it_cannot_store(&self) {
        let not_ready = json!({"status": "not_ready",
            "checks": {"kek": {"ok": true}, "store": {"ok": false}, "audit": {"ok": false}}});
        let said = || self.get("", "/v1/health/ready").json();
        eventually("readiness says so", || said() == not_ready);
        self.get("", "/v1/health/live").is(200);
    }

    /// Waits until it works again, and answers how long that took: until a key was used, and until it is said.
    pub fn comes_back(&self) -> (Duration, Duration) {
        let since = Instant::now();
        let wrap = || self.post("app", "/v1/wrap", &json!({"plaintext": "c2VjcmV0"}));
        eventually("a key is used again", || wrap().status == 200);
        let used = since.elapsed();
        eventually("readiness says so", || self.is_ready());
        (used, since.elapsed())
    }

    /// The value of a figure (with its labels, if it has any).
    pub fn figure(&self, name: &str) -> f64 {
        let page = self.get("auditor", "/metrics");
        assert_eq!(page.status, 200, "{page:?}");
        let mut lines = page.text.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not there"))
            .parse()
            .unwrap()
    }

    /// SIGTERM.
    pub fn stop(&mut self) -> Option<i32> {
        self.served.take().unwrap().stop()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.served.take().unwrap().kill();
    }

    pub fn start(&mut self) {
        self.start_by(&serving);
    }

    pub fn start_by(&mut self, command: &dyn Fn(&Site) -> Command) {
        let served = self.site.spawn(command(&self.site));
        let served = served.unwrap_or_else(|(code, log)| panic!("exit code {code:?}: {log}"));
        self.served = Some(served);
    }

    /// Puts them into the database file itself; from now on the token is given each checkpoint within a second.
    pub fn keeps_its_people(&mut self) {
        assert_eq!(self.stop(), Some(0));
        self.site.configure("note_every = \"1s\"\n");
        self.start();
    }

    /// Waits until the token has a checkpoint of all that was logged.
    pub fn is_noted(&self) {
        let unsigned = || self.figure("custodian_audit_unsigned_entries");
        eventually("all of it is signed", || unsigned() == 0.0);
        // Nothing says when the token has it.
        thread::sleep(Duration::from_secs(6));
    }

    /// A start that is to end by itself: its exit code, and what it said last.
    pub fn refuses_to_start(&self) -> (Option<i32>, String) {
        self.refuses_to_start_by(&serving)
    }

    pub fn refuses_to_start_by(&self, command: &dyn Fn(&Site) -> Command) -> (Option<i32>, String) {
        let before = fs::read_to_string(self.site.path("service.log")).unwrap();
        let (code, log) = self.site.spawn(command(&self.site)).map(drop).unwrap_err();
        let said = log.strip_prefix(&before).unwrap().trim();
        assert!(!said.contains("panicked"), "{said}");
        (code, said.lines().last().unwrap_or_default().to_owned())
    }

    /// Its principals at another site, if that lets itself be served; else exit code and what was said last.
    pub fn elsewhere(&self, site: Site) -> Result<Self, (Option<i32>, String)> {
        let last = |log: &str| log.lines().last().unwrap_or_default().to_owned();
        let served = site.try_serve();
        let served = served.map_err(|(code, log)| (code, last(&log)))?;
        Ok(Self {
            served: Some(served),
            disk: None,
            site,
            tokens: self.tokens.clone(),
            agent: agent(),
        })
    }

    /// What it says by itself of damage, as soon as it says anything.
    pub fn notices(&self, patience: Duration) -> Vec<&'static str> {
        let log = self.served().log.clone();
        let ways: [(&str, &dyn Fn() -> bool); 3] = [
            ("not ready", &|| !self.is_ready()),
            ("damaged rows", &|| {
                let page = self.get("auditor", "/metrics");
                let counts = page
                    .text
                    .lines()
                    .filter(|line| line.starts_with("custodian_damaged_rows"));
                counts.into_iter().any(|line| !line.ends_with(" 0"))
            }),
            ("in the log", &|| {
                fs::read_to_string(&log).unwrap().contains("damage")
            }),
        ];
        let since = Instant::now();
        loop {
            let noticed = ways.iter().filter(|(_, is)| is()).map(|(way, _)| *way);
            let noticed: Vec<_> = noticed.collect();
            if !noticed.is_empty() || since.elapsed() > patience {
                return noticed;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// No defect of the service itself, whatever the disk did.
    #[track_caller]
    pub fn never_failed(&self) {
        let log = fs::read_to_string(self.site.path("service.log")).unwrap();
        for word in ["panicked", "status=500", "internal:"] {
            let lines = log.lines().filter(|line| line.contains(word));
            let lines: Vec<_> = lines.collect();
            assert!(lines.is_empty(), "the log says {word}: {lines:#?}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = fs::read_to_string(self.site.path("service.log")).unwrap_or_default();
            let lines: Vec<_> = log
                .lines()
                .filter(|line| !line.contains(" INFO "))
                .collect();
            let last = lines.len().saturating_sub(12);
            eprintln!("the service said last: {:#?}", &lines[last..]);
        }
    }
}

fn serving(site: &Site) -> Command {
    site.command(&["serve", "--config", "custodian.toml"])
}

/// A refusal that says that nothing can be stored, when to come again, and nothing of the inside.
#[track_caller]
pub fn is_clean(refused: &Answer) {
    let code = refused.code();
    let known = ["audit_unavailable", "store_unavailable"];
    assert!(known.contains(&&*code), "{refused:?}");
    refused.is_refused(503, &code);
    let wait = refused.header("retry-after").map(str::parse::<u32>);
    assert!(matches!(wait, Some(Ok(1..=60))), "{refused:?}");
    let told = refused.text.to_lowercase();
    for inside in [
        "sqlite",
        "i/o",
        "os error",
        "custodian.db",
        "/data",
        "malformed",
        "wal",
    ] {
        assert!(!told.contains(inside), "{refused:?}");
    }
}
