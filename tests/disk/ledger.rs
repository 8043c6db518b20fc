//! What was acknowledged while a disk misbehaved, and that it is there afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    sample::is_refused_somehow,
    scene::{Scene, is_clean},
    service::Answer,
};

const PLAINTEXT: &str = "c2VjcmV0";
const WORKERS: usize = 4;
/// Slow machines included.
const PATIENCE: Duration = Duration::from_mins(1);

/// What all workers know.
#[derive(Default)]
pub struct Ledger {
    /// Request ids that must be in the audit log, once each.
    requests: BTreeSet<String>,
    /// DEK versions by their DEK.
    versions: BTreeMap<String, Vec<String>>,
    /// DEKs whose making was refused.
    refused: BTreeSet<String>,
    /// DEK and ciphertext.
    ciphertexts: Vec<(String, Value)>,
    blobs: Vec<Value>,
    tokens: Vec<String>,
    serial: usize,
}

/// How the requests of one load ended.
#[derive(Debug, Default)]
pub struct Ended {
    pub done: AtomicUsize,
    pub refused: AtomicUsize,
}

impl Ended {
    pub fn numbers(&self) -> (usize, usize) {
        (self.done.load(SeqCst), self.refused.load(SeqCst))
    }
}

impl Ledger {
    /// Four workers make, use and change things until `enough` says so; each answer is yes or a clean refusal.
    pub fn load(&mut self, scene: &Scene, enough: impl Fn(&Ended) -> bool + Sync) -> Ended {
        let (ended, over, since) = (Ended::default(), AtomicBool::new(false), Instant::now());
        let ledger = Mutex::new(&mut *self);
        let work = || {
            let mut worker = Worker {
                scene,
                ledger: &ledger,
                ended: &ended,
                dek: None,
            };
            while !over.load(SeqCst) {
                worker.round();
                assert!(since.elapsed() < PATIENCE, "{ended:?}");
                over.fetch_or(enough(&ended), SeqCst);
            }
        };
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(work);
            }
        });
        ended
    }

    /// So many requests, all of which are done.
    pub fn goes_on(&mut self, scene: &Scene, requests: usize) {
        let ended = self.load(scene, |ended| ended.numbers().0 >= requests);
        assert_eq!(ended.numbers().1, 0, "{ended:?}");
    }

    /// All of it is there, nothing that was refused is, and each request has its one entry in a log that is whole.
    pub fn holds(&self, scene: &Scene) {
        for (dek, versions) in &self.versions {
            let shown = scene.get("operator", &format!("/v1/deks/{dek}")).is(200);
            let shown = shown["versions"].as_array().unwrap();
            let there = |version| shown.iter().any(|one| one["version"] == version);
            assert!(
                versions.iter().all(|version| there(version.as_str())),
                "{versions:?}: {shown:?}"
            );
        }
        for dek in &self.refused {
            let path = format!("/v1/deks/{dek}");
            scene.get("operator", &path).is_refused(404, "not_found");
        }
        for answer in self.asks(scene) {
            answer.is(200);
        }
        self.is_logged(scene);
    }

    /// Uses everything once: each answer is what it must be, or a refusal.
    pub fn asks(&self, scene: &Scene) -> Vec<Answer> {
        let mut all = Vec::new();
        for (dek, ciphertext) in &self.ciphertexts {
            let body = json!({"ciphertext": ciphertext, "context": {"of": dek}});
            all.push(scene.post("app", &format!("/v1/deks/{dek}/decrypt"), &body));
        }
        for blob in &self.blobs {
            all.push(scene.post("app", "/v1/unwrap", &json!({"wrapped": blob})));
        }
        for opened in &all {
            match opened.status {
                200 => assert_eq!(opened.json()["plaintext"], PLAINTEXT),
                _ => is_refused_somehow(opened),
            }
        }
        for token in &self.tokens {
            let answer = scene.by_token(token, "GET", "/v1/capabilities", &Value::Null);
            if answer.status != 200 {
                is_refused_somehow(&answer);
            }
            all.push(answer);
        }
        all
    }

    fn is_logged(&self, scene: &Scene) {
        let mut entries = BTreeMap::<String, usize>::new();
        let mut from = 0;
        loop {
            let page = scene.get(
                "auditor",
                &format!("/v1/audit/entries?limit=500&from={from}"),
            );
            let page = page.is(200);
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                break;
            }
            from += items.len();
            for id in items
                .iter()
                .filter_map(|entry| entry["request_id"].as_str())
            {
                *entries.entry(id.to_owned()).or_default() += 1;
            }
        }
        for (id, count) in &entries {
            assert_eq!(*count, 1, "{id} has {count} entries");
        }
        let lost: Vec<_> = self
            .requests
            .iter()
            .filter(|id| !entries.contains_key(*id))
            .collect();
        assert!(lost.is_empty(), "not in the log: {lost:?}");
        let verdict = scene
            .post("auditor", "/v1/audit/verify", &json!({}))
            .is(200);
        assert_eq!(verdict["valid"], true, "{verdict}");
    }

    /// What was refused because the disk did not confirm it may be there after a crash, as when an answer gets lost.
    pub fn leaves_open_what_was_refused(&mut self) {
        self.refused.clear();
    }

    /// How many requests were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.requests.len()
    }
}

/// One of those who work at once, each with a DEK of its own.
struct Worker<'a> {
    scene: &'a Scene,
    ledger: &'a Mutex<&'a mut Ledger>,
    ended: &'a Ended,
    dek: Option<String>,
}

impl Worker<'_> {
    /// One thing of each kind.
    fn round(&mut self) {
        let serial = {
            let mut ledger = self.ledger.lock().unwrap();
            ledger.serial += 1;
            ledger.serial
        };
        self.make_dek(format!("dek-{serial}"));
        if let Some(dek) = self.dek.clone() {
            self.use_dek(&dek);
        }
        let body = json!({"plaintext": PLAINTEXT});
        if let Some(made) = self.done("app", "/v1/wrap", &body) {
            self.ledger
                .lock()
                .unwrap()
                .blobs
                .push(made["wrapped"].clone());
        }
        let name = format!("auditor-{serial}");
        let body = json!({"name": name, "subject": name, "roles": ["auditor"]});
        if let Some(made) = self.done("admin", "/v1/admin/principals", &body) {
            self.ledger
                .lock()
                .unwrap()
                .tokens
                .push(text(&made["token"]));
        }
    }

    fn make_dek(&mut self, name: String) {
        let body = json!({"name": name, "algorithm": "aes-256-gcm"});
        let made = self.scene.post("operator", "/v1/deks", &body);
        let is_open = made.text.contains("whether this was done is not known");
        let made = self.judged(made);
        let mut ledger = self.ledger.lock().unwrap();
        if let Some(made) = made {
            let versions = vec![text(&made["current"])];
            ledger.versions.insert(name.clone(), versions);
            self.dek = Some(name);
        } else if !is_open {
            ledger.refused.insert(name);
        }
    }

    fn use_dek(&self, dek: &str) {
        let path = format!("/v1/deks/{dek}");
        let body = json!({"plaintext": PLAINTEXT, "context": {"of": dek}});
        if let Some(made) = self.done("app", &format!("{path}/encrypt"), &body) {
            let ciphertext = (dek.to_owned(), made["ciphertext"].clone());
            self.ledger.lock().unwrap().ciphertexts.push(ciphertext);
        }
        if let Some(made) = self.done("operator", &format!("{path}/rotate"), &json!({})) {
            let mut ledger = self.ledger.lock().unwrap();
            let versions = ledger.versions.get_mut(dek).unwrap();
            versions.push(text(&made["version"]));
        }
    }

    fn done(&self, role: &str, path: &str, body: &Value) -> Option<Value> {
        self.judged(self.scene.post(role, path, body))
    }

    /// What was made; `None` after a refusal, which is clean.
    fn judged(&self, answer: Answer) -> Option<Value> {
        if answer.status == 503 {
            is_clean(&answer);
            self.ended.refused.fetch_add(1, SeqCst);
            return None;
        }
        assert!((200..300).contains(&answer.status), "{answer:?}");
        self.ended.done.fetch_add(1, SeqCst);
        let id = answer.header("x-request-id").unwrap().to_owned();
        self.ledger.lock().unwrap().requests.insert(id);
        Some(answer.json())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
