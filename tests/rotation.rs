//! KEK rotation: every stored record moves to the new version while the service goes on; versions retire, come back,
//! and are deleted by two operators. Real HTTP, a real SoftHSM token, a real database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use std::fs;

use house::House;
use rusqlite::Connection;
use serde_json::{Value, json};
use service::{Answer, eventually};

#[path = "rotation/automatic.rs"]
mod automatic;
#[path = "rotation/command.rs"]
mod command;
#[path = "rotation/destruction.rs"]
mod destruction;
#[path = "rotation/flaky.rs"]
mod flaky;
#[path = "support/house.rs"]
mod house;
#[path = "rotation/outages.rs"]
mod outages;
#[path = "support/passing_on.rs"]
mod passing_on;
#[path = "rotation/records.rs"]
mod records;
#[path = "rotation/retirement.rs"]
mod retirement;
#[path = "rotation/routes.rs"]
mod routes;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "rotation/stages.rs"]
mod stages;

const DAY: i64 = 24 * 60 * 60;
const PLAINTEXT: &str = "YWVnaXM=";

impl House {
    fn kek(&self) -> Value {
        self.get(&self.operator, "/v1/kek").is(200)
    }

    /// Version `number`.
    fn kek_version(&self, number: usize) -> Value {
        self.kek()["versions"][number - 1].clone()
    }

    fn kek_name(&self, number: usize) -> String {
        text(&self.kek_version(number)["version"])
    }

    fn ask_to_rotate(&self) -> Answer {
        self.post(&self.operator, "/v1/kek/rotate", json!({}))
    }

    /// Rotates and waits for the job; answers how it ended.
    fn rotate_kek(&self) -> Value {
        let begun = self.ask_to_rotate();
        let path = begun.header("location").unwrap().to_owned();
        begun.is(202);
        self.finished(&path)
    }

    fn finished(&self, path: &str) -> Value {
        let show = || self.get(&self.operator, path).is(200);
        eventually("the job ends", || show()["status"] != "running");
        show()
    }

    /// A verb on version `number`, with the confirmation that most need.
    fn on_kek(&self, token: &str, number: usize, verb: &str) -> Answer {
        let version = self.kek_name(number);
        let body = match verb {
            "restore" => json!({}),
            _ => json!({"confirm": version}),
        };
        self.post(token, &format!("/v1/kek/versions/{version}/{verb}"), body)
    }

    fn retire(&self, number: usize) -> Answer {
        self.on_kek(&self.operator, number, "retire")
    }

    /// Every column of the database of which a query answers one.
    fn column<T: rusqlite::types::FromSql>(&self, sql: &str) -> Vec<T> {
        let file = self.file();
        let mut statement = file.prepare(sql).unwrap();
        let found = statement.query_map([], |row| row.get(0)).unwrap();
        found.map(Result::unwrap).collect()
    }

    fn file(&self) -> Connection {
        #[allow(clippy::disallowed_methods)] // past the store is the point
        let file = Connection::open(self.home.path().join("custodian.db")).unwrap();
        file.busy_timeout(std::time::Duration::from_secs(10))
            .unwrap();
        file
    }

    fn wrap(&self) -> String {
        let body = json!({"plaintext": PLAINTEXT});
        text(&self.post(&self.app, "/v1/wrap", body).is(200)["wrapped"])
    }

    fn unwrap(&self, blob: &str) -> Answer {
        self.post(&self.app, "/v1/unwrap", json!({"wrapped": blob}))
    }

    fn dek(&self, name: &str, algorithm: &str) {
        let body = json!({"name": name, "algorithm": algorithm});
        self.post(&self.operator, "/v1/deks", body).is(201);
    }

    fn encrypt(&self, name: &str) -> Value {
        let path = format!("/v1/deks/{name}/encrypt");
        let body = json!({"plaintext": PLAINTEXT});
        self.post(&self.app, &path, body).is(200)["ciphertext"].take()
    }

    fn decrypt(&self, name: &str, ciphertext: &Value) -> Answer {
        let path = format!("/v1/deks/{name}/decrypt");
        self.post(&self.app, &path, json!({"ciphertext": ciphertext}))
    }

    fn rotate_dek(&self, name: &str) {
        let path = format!("/v1/deks/{name}/rotate");
        self.post(&self.operator, &path, json!({})).is(201);
    }

    /// Every audit entry.
    fn audit(&self) -> Vec<Value> {
        let (_, auditor) = self.auditor();
        let page = self.get(&auditor, "/v1/audit/entries?limit=500").is(200);
        page["items"].as_array().unwrap().clone()
    }

    /// Whether these bytes stand in the database or beside it.
    fn is_somewhere(&self, bytes: &[u8]) -> bool {
        let files = fs::read_dir(self.home.path()).unwrap();
        let names = files.map(|file| file.unwrap().path());
        let stored = names.filter(|path| path.to_string_lossy().contains("custodian.db"));
        let mut contents = stored.map(|path| fs::read(path).unwrap());
        contents.any(|file| file.windows(bytes.len()).any(|part| part == bytes))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
