//! What `dev` cannot show: two admins, and time and limits that a test sets. Real HTTP, a real SoftHSM token, a
//! real database; only the clock is the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use house::House;
use serde_json::json;
use service::Answer;

#[path = "quorum/approvals.rs"]
mod approvals;
#[path = "quorum/expiry.rs"]
mod expiry;
#[path = "support/house.rs"]
mod house;
#[path = "quorum/limits.rs"]
mod limits;
#[path = "support/service.rs"]
mod service;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/wire.rs"]
mod wire;

const DAY: i64 = 24 * 60 * 60;

impl House {
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
}
