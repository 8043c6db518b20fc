//! After a restart: KEK versions, the jobs that move records, and what was made under either.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    check::{Check, batches_open},
    load::text,
};

/// Thousands of records are moved in some seconds.
const LONGEST_JOB: Duration = Duration::from_secs(120);

impl Check<'_> {
    /// Each version is retired or not, as acknowledged last or as asked for when the service died.
    pub fn keks_are_as_acknowledged(&mut self) {
        let shown = self.service.get("operator", "/v1/kek").is(200);
        let mut there = BTreeMap::new();
        for one in shown["versions"].as_array().unwrap() {
            let attributes = &one["attributes"];
            assert_eq!(attributes["extractable"], false, "{one}");
            there.insert(text(&one["version"]), text(&one["state"]));
        }
        for (kek, known) in &mut self.ledger.keks {
            let state = there.get(kek).unwrap_or_else(|| panic!("{kek} is lost"));
            let retired = state == "retired";
            assert!(retired || state == "enabled", "{kek} is {state}");
            match known.asked.take().filter(|asked| *asked == retired) {
                Some(asked) => known.retired = asked,
                None => assert_eq!(known.retired, retired, "{kek}"),
            }
        }
        let count = self.ledger.keks.len();
        self.looked_at("states of KEK versions", count);
    }

    /// Each goes on after a kill, until all is moved.
    pub fn jobs_go_on(&mut self) {
        let mut there = BTreeMap::new();
        self.each_item("operator", "/v1/jobs", |job| {
            assert_ne!(job["status"], "failed", "{job}");
            there.insert(text(&job["id"]), text(&job["kek"]));
        });
        for (id, kek) in &self.ledger.jobs {
            assert_eq!(there.get(id), Some(kek), "{id}");
        }
        let count = self.ledger.jobs.len();
        self.looked_at("jobs that were begun", count);
    }

    /// The newest job ends: then no record is under an older version.
    pub fn jobs_end(&mut self) {
        let until = Instant::now() + LONGEST_JOB;
        let mut kek = self.service.get("operator", "/v1/kek").is(200);
        while !kek["job"].is_null() {
            assert!(Instant::now() < until, "{}", kek["job"]);
            thread::sleep(Duration::from_millis(50));
            kek = self.service.get("operator", "/v1/kek").is(200);
        }
        for one in kek["versions"].as_array().unwrap() {
            let is_current = one["version"] == kek["current"];
            assert_eq!(one["records"] == 0, !is_current, "{kek}");
        }
    }

    /// Each unwraps, or is refused as the state of its version says.
    pub fn blobs_unwrap(&mut self) {
        let blobs = self.some(|ledger| &ledger.blobs).into_iter();
        let all: Vec<_> = blobs
            .map(|one| {
                let wanted = match self.ledger.keks[&one.kek].answers() {
                    (200, _) => json!({"plaintext": one.plaintext}),
                    (_, code) => json!({"code": code}),
                };
                (json!({"wrapped": one.wrapped}), wanted)
            })
            .collect();
        batches_open(self.service, "/v1/unwrap", "items", &all);
        self.looked_at("blobs", all.len());
    }

    /// Each decrypts to what it was, or is refused as the state of its version says.
    pub fn events_open(&mut self) {
        let some = self.some(|ledger| &ledger.events);
        let all: Vec<_> = some
            .iter()
            .map(|one| {
                let wanted = match self.ledger.version(&one.of).state.answers() {
                    (200, _) => json!({"event": one.plain}),
                    (_, code) => json!({"code": code}),
                };
                (one.sealed.clone(), wanted)
            })
            .collect();
        batches_open(self.service, "/v1/pii/decrypt", "events", &all);
        self.looked_at("events", all.len());
    }

    /// The keys that verifiers pin are the same for ever, and so what they signed stays good.
    pub fn signatures_hold(&mut self) {
        let keys = self.service.get("", "/v1/signing-keys").is(200);
        let known = self.ledger.signing_keys.get_or_insert(keys.clone());
        assert_eq!(*known, keys);
        let lists = self.some(|ledger| &ledger.lists);
        for list in &lists {
            let verdict = self.verdict("/v1/mcp/tools/verify", list.clone());
            assert_eq!(verdict["valid"], true, "{verdict}");
        }
        self.looked_at("signed lists of tools", lists.len());
    }

    fn verdict(&self, path: &str, body: Value) -> Value {
        self.service.post("app", path, body).is(200)
    }
}
