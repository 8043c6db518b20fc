//! A service, its DEKs, its clients' principals, and what was seen of it all.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Request;

use crate::{
    changes, clients,
    dice::{Dice, number},
    judge,
    service::{Answer, Service, agent},
};

pub const DEKS: [(&str, &str); 3] = [
    ("telemetry", "aes-256-gcm"),
    ("payroll", "aes-256-gcm"),
    ("letters", "mlkem768-x25519"),
];

pub struct Scene {
    pub service: Service,
    pub stop: AtomicBool,
    /// Who each client is at present.
    pub places: Vec<Mutex<Badge>>,
    /// Blobs that may be decrypted: the newest ones.
    pub blobs: Mutex<Vec<Blob>>,
    /// The versions of each DEK, in the order of [`DEKS`].
    pub versions: [Mutex<Vec<String>>; 3],
    pub uses: Mutex<Vec<Use>>,
    pub shuts: Mutex<Vec<Shut>>,
    pub counts: Mutex<std::collections::BTreeMap<String, u64>>,
    _home: TempDir,
}

#[derive(Clone, Debug)]
pub struct Badge {
    pub id: String,
    pub token: String,
    pub token_id: String,
}

#[derive(Clone, Debug)]
pub struct Blob {
    pub dek: usize,
    pub version: String,
    pub text: String,
    pub plaintext: String,
}

/// A request that was answered 200.
#[derive(Clone, Debug)]
pub struct Use {
    pub verb: &'static str,
    pub sent: Instant,
    /// When its answer had come.
    pub came: Instant,
    pub dek: usize,
    /// Each version that it used.
    pub versions: Vec<String>,
    pub who: String,
}

/// Something that was shut from then on.
#[derive(Clone, Debug)]
pub struct Shut {
    pub what: What,
    /// When the call that shut it had returned.
    pub from: Instant,
    /// When the call that opens it again was sent.
    pub until: Option<Instant>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// `{name}/{version}`.
    Version(String),
    /// A principal.
    Person(String),
    /// A DEK for a principal.
    Grant(String, usize),
}

impl Scene {
    pub fn open(more: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        let service = Service::start(home.path(), more);
        let first = |at: usize| {
            let (name, algorithm) = DEKS[at];
            let body = json!({"name": name, "algorithm": algorithm});
            let made = service.post("operator", "/v1/deks", body).is(201);
            Mutex::new(vec![made["current"].as_str().unwrap().to_owned()])
        };
        let versions = [first(0), first(1), first(2)];
        let clients = number("RACES_CLIENTS").unwrap_or(16);
        let places = (0..clients).map(|at| Mutex::new(badge(&service, &format!("client-{at}"))));
        Self {
            places: places.collect(),
            versions,
            service,
            stop: AtomicBool::new(false),
            blobs: Mutex::default(),
            uses: Mutex::default(),
            shuts: Mutex::default(),
            counts: Mutex::default(),
            _home: home,
        }
    }

    pub fn run(self) {
        let seconds = number("RACES_SECONDS").unwrap_or(4);
        thread::scope(|scope| {
            for at in 0..self.places.len() {
                let scene = &self;
                scope.spawn(move || clients::run(scene, at, Dice::seeded(at as u64)));
            }
            for dek in 0..DEKS.len() {
                let scene = &self;
                scope.spawn(move || changes::of_a_dek(scene, dek, Dice::seeded(100 + dek as u64)));
            }
            scope.spawn(|| changes::of_people(&self, Dice::seeded(200)));
            thread::sleep(Duration::from_secs(seconds));
            self.stop.store(true, SeqCst);
        });
        judge::judge(&self, seconds);
    }

    pub fn goes_on(&self) -> bool {
        !self.stop.load(SeqCst)
    }

    pub fn count(&self, what: &str) {
        *self
            .counts
            .lock()
            .unwrap()
            .entry(what.to_owned())
            .or_default() += 1;
    }

    /// Something is shut from now on; answers the place of the note.
    pub fn shut(&self, what: What) -> usize {
        let mut shuts = self.shuts.lock().unwrap();
        shuts.push(Shut {
            what,
            from: Instant::now(),
            until: None,
        });
        shuts.len() - 1
    }

    /// It may be open from now on, though the call is only sent yet.
    pub fn reopen(&self, note: usize) {
        self.shuts.lock().unwrap()[note].until = Some(Instant::now());
    }

    /// An agent with a connection of its own.
    pub fn line(&self, token: &str) -> Line<'_> {
        Line {
            agent: agent(),
            url: &self.service.url,
            token: token.to_owned(),
        }
    }
}

pub struct Line<'a> {
    agent: ureq::Agent,
    url: &'a str,
    pub token: String,
}

impl Line<'_> {
    /// One call; `None` if the connection ended before the answer: it was cut off, or idle for too long.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let mut answered = self.agent.run(request.body(text).unwrap()).ok()?;
        Some(Answer {
            status: answered.status().as_u16(),
            headers: answered.headers().clone(),
            text: answered.body_mut().read_to_string().ok()?,
        })
    }

    /// One call, sent again until there is an answer: one of these, the later ones if it was done before.
    pub fn insist(&self, method: &str, path: &str, body: &Value, wanted: &[u16]) -> Answer {
        let mut tries = (0..10).filter_map(|_| self.call(method, path, body));
        let answer = tries.next().expect("no answer in ten tries");
        assert!(
            wanted.contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
        answer
    }
}

/// A new app that is granted every DEK.
pub fn badge(service: &Service, name: &str) -> Badge {
    let body = json!({"name": name, "subject": name, "roles": ["app"], "grants": {"deks": ["*"]}});
    let made = service.post("admin", "/v1/admin/principals", body).is(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Badge {
        id: text(&made["id"]),
        token: text(&made["token"]),
        token_id: text(&made["tokens"][0]["id"]),
    }
}
