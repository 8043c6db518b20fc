//! What `dev` cannot show: two admins, and time and limits that a test sets. Real HTTP, a real SoftHSM token, a
//! real database; only the clock is the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    thread,
};

use aegis_custodian::{
    custodian::{Clock, Custodian, Quorum, Rules, bearer::BearerToken, provision::First},
    duration::Period,
    http::Limits,
    id::Subject,
    policy::{Grants, Role},
    server,
    store::Store,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use service::{Answer, agent, send};
use tempfile::TempDir;

#[path = "quorum/approvals.rs"]
mod approvals;
#[path = "quorum/expiry.rs"]
mod expiry;
#[path = "quorum/limits.rs"]
mod limits;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/wire.rs"]
mod wire;

const DAY: i64 = 24 * 60 * 60;

/// A service with an admin quorum of two: ada and bob are admins that nobody created.
struct House {
    url: String,
    agent: ureq::Agent,
    seconds: Arc<AtomicI64>,
    ada: String,
    bob: String,
    _home: TempDir,
}

impl House {
    fn open() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let home = TempDir::new().unwrap();
        let seconds = Arc::new(AtomicI64::new(1_795_000_000));
        let source = Arc::clone(&seconds);
        let clock = Clock::from(move || Timestamp::from_second(source.load(SeqCst)).unwrap());
        let store = Store::open(&home.path().join("custodian.db")).unwrap();
        let rules = Rules {
            admin_quorum: Quorum::Two,
            token_lifetime: Period::days(90),
        };
        let kek = Arc::new(softhsm::Token::new().open(1));
        let custodian = Custodian::new(kek, store, clock, rules).unwrap();
        custodian.make_first_kek().unwrap();
        custodian.adopt_keyring().unwrap();
        let (ada, bob) = (first("ada"), first("bob"));
        let tokens = [&ada, &bob].map(|first| first.token.expose().to_owned());
        custodian.provision(vec![ada, bob]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (ready, is_ready) = crossbeam_channel::bounded(1);
        thread::spawn(move || {
            let ready = || ready.send(()).unwrap();
            server::serve(listener, custodian, limits, ready).unwrap();
        });
        is_ready.recv().unwrap();
        let [ada, bob] = tokens;
        Self {
            url,
            agent: agent(),
            seconds,
            ada,
            bob,
            _home: home,
        }
    }

    fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        send(
            &self.agent,
            method,
            &format!("{}{path}", self.url),
            &headers,
            body.as_bytes(),
        )
    }

    fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.call(token, "POST", path, &body)
    }

    fn get(&self, token: &str, path: &str) -> Answer {
        self.call(token, "GET", path, &Value::Null)
    }

    /// Proposes a principal; answers its path and its token.
    fn propose(&self, by: &str, name: &str, roles: &[&str]) -> (String, String) {
        let body = json!({"name": name, "subject": name, "roles": roles});
        let made = self.post(by, "/v1/admin/principals", body).is(201);
        let path = format!("/v1/admin/principals/{}", made["id"].as_str().unwrap());
        (path, made["token"].as_str().unwrap().to_owned())
    }

    /// Proposes by ada, approves by bob.
    fn make(&self, name: &str, roles: &[&str]) -> (String, String) {
        let (path, token) = self.propose(&self.ada, name, roles);
        self.approve(&self.bob, &path).is(200);
        (path, token)
    }

    fn approve(&self, by: &str, path: &str) -> Answer {
        self.post(by, &format!("{path}/approve"), json!({}))
    }

    fn works(&self, token: &str) -> bool {
        self.get(token, "/v1/capabilities").status == 200
    }

    fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, SeqCst);
    }
}

fn first(name: &'static str) -> First {
    First {
        name,
        subject: Subject::folded(name).unwrap(),
        role: Role::Admin,
        grants: Grants::default(),
        token: BearerToken::fresh().unwrap(),
    }
}
